"""What a block's rows are, in the few types that are stored."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal, TypeAlias

import numpy as np
import numpy.typing as npt

from zarrpack.errors import MemberError
from zarrpack.storage.blocks import Block
from zarrpack.storage.chunking import CHUNK_BYTES, MOST_AXES

__all__ = ["RowType", "Values", "classify_rows"]

#: Numbers as an ndarray; strings (as UTF-8) and bytes as a list, row-major.
Values: TypeAlias = npt.NDArray[Any] | list[bytes]

# Four bytes per character at most, and a chunk has two 32-bit numbers more than one item.
_LONGEST_ITEM = CHUNK_BYTES // 4 - 16

_NUMBERS = {f"{'|' if size == '1' else '<'}{kind}{size}" for kind in "iu" for size in "1248"}
_NUMBERS |= {"|b1", "<f2", "<f4", "<f8", "<c8", "<c16"}


@dataclass(frozen=True, slots=True)
class RowType:
    """The type of an array's rows.

    Parameters
    ----------
    dtype : str
        As in ``.zarray``.
    tail : tuple of int
        The shape of one row.
    object_codec : {"vlen-utf8", "vlen-bytes"} or None
        None for numbers.
    stands_for : str
        The dtype that the stored one stands for, such as ``"<M8[ns]"``; empty: itself.
    """

    dtype: str
    tail: tuple[int, ...]
    object_codec: Literal["vlen-utf8", "vlen-bytes"] | None = None
    stands_for: str = ""


def classify_rows(block: Block) -> tuple[RowType, Values, int]:
    """Tell what a block's rows are.

    Parameters
    ----------
    block : Block
        Its rows are not copied where they are numbers in this machine's byte order.

    Returns
    -------
    tuple of (RowType, values, int)
        The type, the values as they are stored, and how many rows there are.

    Raises
    ------
    MemberError
        ``refused_dtype`` for Python objects, other types that are not stored, and more than 32 axes; ``invalid_text`` for
        text that is not Unicode; ``limit_member_bytes`` for a row that is larger than a chunk may be.
    ValueError
        If there is not one dimension name per axis.
    TypeError
        If the rows are one text instead of a sequence of them.

    Examples
    --------
    >>> classify_rows(Block("texts", "text", ("document",), ["é"]))
    (RowType(dtype='|O', tail=(), object_codec='vlen-utf8', stands_for=''), [b'\\xc3\\xa9'], 1)
    """
    rows = block.rows
    ndim = rows.ndim if isinstance(rows, np.ndarray) else 1
    if ndim != len(block.dims) or ndim == 0:
        raise ValueError(
            f"{block.array}: expected one dimension per axis and at least one, found {block.dims} for {ndim}"
        )
    if not isinstance(rows, np.ndarray):
        object_codec, items = _items(block, rows)
        return RowType("|O", (), object_codec), items, len(items)
    _check_shape(block.array, rows)
    stored = rows.dtype.str
    if stored in _NUMBERS:
        return RowType(stored, rows.shape[1:]), rows, len(rows)
    return _convert(block, rows)


def _check_shape(name: str, rows: npt.NDArray[Any]) -> None:
    """Refuse what no reader would take back, also where there are no rows: their shape is stored all the same."""
    if rows.ndim > MOST_AXES:
        raise MemberError("refused_dtype", f"{name}: expected an array of at most {MOST_AXES} axes, found {rows.ndim}")
    itemsize = 1 if rows.dtype.kind in "UTS" else rows.dtype.itemsize
    row_bytes = itemsize * math.prod(max(1, length) for length in rows.shape[1:])
    if row_bytes > CHUNK_BYTES:
        raise MemberError(
            "limit_member_bytes", f"{name}: expected rows of at most {CHUNK_BYTES} bytes, found {row_bytes}"
        )


def _convert(block: Block, rows: npt.NDArray[Any]) -> tuple[RowType, Values, int]:
    """Give rows of a type that is not stored as it is in one that is."""
    kind = rows.dtype.kind
    if kind in "UTS":
        object_codec, items = _items(block, rows.reshape(-1).tolist())
        object_codec = "vlen-bytes" if kind == "S" else "vlen-utf8"
        return RowType("|O", rows.shape[1:], object_codec), items, len(rows)
    little = rows.astype(rows.dtype.newbyteorder("<"), copy=False)
    if kind in "mM":
        return RowType("<i8", rows.shape[1:], None, little.dtype.str), little.view("<i8"), len(rows)
    if little.dtype.str not in _NUMBERS:
        raise MemberError("refused_dtype", f"{block.array}: expected numbers, text or bytes, found dtype {rows.dtype}")
    return RowType(little.dtype.str, rows.shape[1:]), little, len(rows)


def _items(
    block: Block, rows: Sequence[str] | Sequence[bytes]
) -> tuple[Literal["vlen-utf8", "vlen-bytes"], list[bytes]]:
    if isinstance(rows, str | bytes):
        raise TypeError(f"{block.array}: expected a sequence of rows, found one {type(rows).__name__}")
    # Without rows nothing tells the two apart; empty columns are mostly text.
    kind: type[str | bytes] = bytes if len(rows) and isinstance(rows[0], bytes) else str
    for row in rows:
        if not isinstance(row, kind):
            raise MemberError("refused_dtype", f"{block.array}: expected {kind.__name__}, found {type(row).__name__}")
    if max(map(len, rows), default=0) > _LONGEST_ITEM:
        raise MemberError(
            "limit_member_bytes", f"{block.array}: expected text or bytes of at most {_LONGEST_ITEM} a row, found more"
        )
    if kind is bytes:
        return "vlen-bytes", [bytes(row) for row in rows]  # type: ignore[arg-type]
    try:
        return "vlen-utf8", [row.encode() for row in rows]  # type: ignore[union-attr]
    except UnicodeEncodeError as exc:
        raise MemberError(
            "invalid_text", f"{block.array}: expected text that UTF-8 can hold, found {exc.reason}"
        ) from exc
