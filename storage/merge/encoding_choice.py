"""How an output array is divided into chunks, and how these are encoded.

Where the sources agree the output does as they do, so that their chunks can be copied as bytes.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from zarrpack.storage.base import Codec, Compression
from zarrpack.storage.chunking import MOST_CHUNKS, chunk_shape
from zarrpack.storage.codecs import choose_codec
from zarrpack.storage.merge.catalogue import ArrayKind, Catalogue
from zarrpack.storage.merge.columns import distinct
from zarrpack.storage.merge.rules import MergeRules
from zarrpack.storage.merge.variants import Variant
from zarrpack.storage.pack_array import ENCODED

__all__ = ["Encoding", "choose_encoding", "common_compressions", "first_compression"]

_COMPRESSIONS: tuple[Compression | None, ...] = (None, "spec", "fast", "none")
# A source's rows per chunk are kept if they are at most so many times more or less than what would be chosen.
_TOLERANCE = 4
# Strings and bytes: about how many bytes a chunk may hold, and how far Zstd makes text smaller at most times.
_OBJECT_BYTES = 1 << 20
_TEXT_RATIO = 8


@dataclass(frozen=True, slots=True)
class Encoding:
    """How an output array is stored.

    Parameters
    ----------
    rows : int
        Rows per chunk (of a flat array: values).
    codec : Codec
        How chunks are encoded.
    copyable : ndarray of shape (parts,), bool
        For each part of the variant: whether its chunks are as this says, so that they may be copied.
    """

    rows: int
    codec: Codec
    copyable: npt.NDArray[np.bool_]


def choose_encoding(
    catalogue: Catalogue,
    variant: Variant,
    rows: int | None,
    preferred: frozenset[Compression | None],
    rules: MergeRules,
) -> Encoding:
    """Choose an output array's chunks and codec.

    Parameters
    ----------
    catalogue : Catalogue
        What pass 1 has found.
    variant : Variant
        The array.
    rows : int or None
        Its rows; None for a flat array, whose length depends on the chunks.
    preferred : frozenset
        The named codec sets that fit all arrays of the sources; taken where several fit this one.
    rules : MergeRules
        What does not depend on the sources.
    """
    is_encoded = variant.object_codec == "vlen-bytes" and variant.kind.name == ENCODED
    chosen = chunk_shape(variant.tail, variant.dtype, variant.kind.content, rows, is_encoded)[0]
    if rules.has_own_chunks:
        chunk_rows = chosen if variant.flat else rules.chunk_rows(variant.kind.dims[0], chosen)
    else:
        chunk_rows = _usual_rows(catalogue, variant, chosen, rows)
        if variant.object_codec is not None and not is_encoded:
            chunk_rows = min(chunk_rows, _object_rows(catalogue, variant))
    codec = _choose_codec(catalogue, variant, chunk_rows, is_encoded, preferred, rules.compression)
    if rows is not None:
        chunk_rows = max(1, min(chunk_rows, rows))
    return Encoding(chunk_rows, codec, _copyable(catalogue, variant, chunk_rows, codec))


def common_compressions(catalogue: Catalogue) -> frozenset[Compression | None]:
    """Find the named codec sets that fit every data array of every source."""
    parts = catalogue.parts
    return _compressions(catalogue, np.flatnonzero(parts["data"] == 1))


def first_compression(fitting: frozenset[Compression | None]) -> Compression | None:
    """Give the first named codec set of some, the default before all; without any the default.

    Examples
    --------
    >>> first_compression(frozenset({"none", "fast"}))
    'fast'
    """
    return next((name for name in _COMPRESSIONS if name in fitting), None)


def _usual_rows(catalogue: Catalogue, variant: Variant, chosen: int, rows: int | None) -> int:
    """Give the rows per chunk that most rows have in the sources if they are about as many as chosen."""
    grid = catalogue.parts["grid"][variant.parts]
    weights = np.bincount(grid, catalogue.parts["rows"][variant.parts])
    by_length: dict[int, float] = {}
    for number in distinct(grid):
        tail, chunks = catalogue.grids[number]
        if tail == variant.tail:
            by_length[chunks[0]] = by_length.get(chunks[0], 0) + float(weights[number])
    usual = max(by_length, key=lambda length: by_length[length], default=0)
    if chosen <= usual * _TOLERANCE and usual <= chosen * _TOLERANCE and -(-(rows or 0) // usual) <= MOST_CHUNKS:
        return usual
    return chosen


def _object_rows(catalogue: Catalogue, variant: Variant) -> int:
    """Give how many rows of strings or bytes make a chunk that is not too large, as far as payloads tell."""
    first, chunks, rows = (catalogue.parts.of(name, variant.parts) for name in ("chunk", "chunks", "rows"))
    payload = int((catalogue.payload_ends[first + chunks] - catalogue.payload_ends[first]).sum())
    ratio = (
        1 if all(catalogue.kinds[int(kind)].codec.level is None for kind in _kinds(catalogue, variant)) else _TEXT_RATIO
    )
    fitting = max(1, _OBJECT_BYTES * max(1, int(rows.sum())) // max(1, payload * ratio))
    return 1 << (fitting.bit_length() - 1)


def _choose_codec(
    catalogue: Catalogue,
    variant: Variant,
    chunk_rows: int,
    is_encoded: bool,
    preferred: frozenset[Compression | None],
    compression: Compression | None,
) -> Codec:
    kinds = [catalogue.kinds[number] for number in _kinds(catalogue, variant)]
    codecs = list(dict.fromkeys(kind.codec for kind in kinds))
    fitting = _compressions(catalogue, variant.parts)
    if compression is None and len(codecs) == 1 and not fitting:
        return codecs[0]
    named = compression or first_compression(fitting & preferred or fitting)
    ndim = 1 if variant.flat else len(variant.kind.dims)
    return choose_codec(
        *(variant.dtype, ndim, variant.kind.content, named, chunk_rows, variant.flat),
        object_codec=variant.object_codec or "vlen-utf8",
        is_encoded=is_encoded,
    )


def _compressions(catalogue: Catalogue, parts: npt.NDArray[np.int64]) -> frozenset[Compression | None]:
    """Give the named codec sets under which all of some parts would be encoded as they are."""
    fitting = frozenset(_COMPRESSIONS)
    for number in distinct(catalogue.parts["kind"][parts]):
        kind = catalogue.kinds[number]
        fitting = frozenset(name for name in fitting if kind.codec in _named_codecs(kind, name))
    return fitting


def _named_codecs(kind: ArrayKind, name: Compression | None) -> list[Codec]:
    """Give the codecs of a kind of array by a named set, alone in its chunk and with others.

    Which of them it was cannot be told from the chunk, which has one row also where there was only one.
    """
    ndim = 1 if kind.flat else len(kind.dims)
    is_encoded = kind.codec.object_codec == "vlen-bytes" and kind.name == ENCODED
    object_codec = kind.codec.object_codec or "vlen-utf8"
    return [
        choose_codec(kind.dtype, ndim, kind.content, name, chunk_rows, kind.flat, object_codec, is_encoded)
        for chunk_rows in (1, 2)
    ]


def _copyable(catalogue: Catalogue, variant: Variant, chunk_rows: int, codec: Codec) -> npt.NDArray[np.bool_]:
    chunks = (chunk_rows, *(max(1, length) for length in variant.tail))
    kinds = [
        number
        for number in _kinds(catalogue, variant)
        if (kind := catalogue.kinds[number]).codec == codec
        and not kind.draft
        and kind.dtype == variant.dtype
        and kind.flat == variant.flat
    ]
    grids = distinct(catalogue.parts["grid"][variant.parts])
    alike = [number for number in grids if catalogue.grids[number] == (variant.tail, chunks)]
    return np.isin(catalogue.parts["kind"][variant.parts], kinds) & np.isin(
        catalogue.parts["grid"][variant.parts], alike
    )


def _kinds(catalogue: Catalogue, variant: Variant) -> list[int]:
    return distinct(catalogue.parts["kind"][variant.parts])
