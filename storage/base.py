"""What the formats have in common: how arrays are described, and the choices for encoding them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal, TypeAlias

__all__ = ["Codec", "Compression", "EncodingOptions", "MemberDescription"]

Compression: TypeAlias = Literal["spec", "fast", "none"]


@dataclass(frozen=True, slots=True)
class Codec:
    """How an array's chunks are encoded; its fields are what ``.zarray`` says.

    Parameters
    ----------
    level : int or None
        Zstd level; None: not compressed.
    delta : bool
        Whether neighbouring elements are differenced first (integers only).
    order : {"C", "F"}
        Memory order of the elements inside a chunk.
    object_codec : {"vlen-utf8", "vlen-bytes"} or None
        How strings or bytes become a buffer; None for numbers.

    Examples
    --------
    >>> Codec(level=1, delta=True, order="F").delta
    True
    """

    level: int | None = 12
    delta: bool = False
    order: Literal["C", "F"] = "C"
    object_codec: Literal["vlen-utf8", "vlen-bytes"] | None = None


@dataclass(frozen=True, slots=True)
class EncodingOptions:
    """How a pack is encoded. Equal options and equal members give equal bytes.

    Parameters
    ----------
    compression : {"spec", "fast", "none"} or None
        Named codec set for all arrays; None: pixels ``fast``, the rest ``spec``.
    kind : {"pack", "store"}
        A store holds exactly one member.
    flat_pixels : bool
        Whether pixels go flat because pictures of the run differ in size.
    expected_rows : mapping of str to int
        How many rows a dimension is expected to have in the whole run, as far as names tell, so that no
        array gets more than 65,536 chunks. Missing: unknown.
    draft : bool
        Whether the pack only lives until its merge. What a merge has to encode again anyway, arrays of a single
        chunk that is not full, is then compressed at Zstd level 1.
    """

    compression: Compression | None = None
    kind: Literal["pack", "store"] = "pack"
    flat_pixels: bool = False
    expected_rows: Mapping[str, int] = field(default_factory=dict)
    draft: bool = False


@dataclass(frozen=True, slots=True)
class MemberDescription:
    """What a pack's ``metadata.json`` says of one member.

    Parameters
    ----------
    name : str
        The member's name in its source.
    description : str
        Where it came from: source label and member name.
    metadata : mapping of str to JSON value
        What its processor said about it.
    record : mapping of str to JSON value, or None
        What it says about the item it may be paired with.
    """

    name: str
    description: str = ""
    metadata: Mapping[str, Any] = field(default_factory=dict)
    record: Mapping[str, Any] | None = None
