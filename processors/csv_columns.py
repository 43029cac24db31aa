"""The columns of a table while its rows come in: their text, kept small, and the type that fits it."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator, Sequence
from decimal import Decimal, InvalidOperation
from typing import Any

import numpy as np
import numpy.typing as npt

from zarrpack.processors.text_decoding import from_windows_1252
from zarrpack.storage.blocks import Rows

__all__ = ["Column", "as_windows_1252", "column_names"]

#: One number a line: no plus sign, no leading zeros, no words.
_NUMBERS = re.compile(r"(?:-?+(?:(?:0|[1-9][0-9]*+)(?:\.[0-9]*+)?+|\.[0-9]++)(?:[eE][+-]?+[0-9]++)?+\n)++")
#: A decimal number of up to 15 digits comes back from a float64 as it was.
_SAFE_CHARACTERS = 15
_BOOLS = frozenset(("true", "false"))


class Column:
    """One column of a table. Its type is the first that fits all values, so that none is lost.

    int64: whole numbers written the canonical way. float64: numbers that a float64 holds as written, and empty values
    (NaN). bool: ``true`` and ``false`` in any case. Else text, as it stands.

    Parameters
    ----------
    name : str
        The column's name.
    typed : bool
        Whether it may be anything but text.

    Examples
    --------
    >>> column = Column("n", typed=True)
    >>> column.add(("1", "2"))
    >>> column.add(("30",))
    >>> [rows.tolist() for rows in column.blocks()]
    [[1, 2], [30]]
    """

    def __init__(self, name: str, *, typed: bool) -> None:
        self.name = name
        #: Whether some value held bytes that are no UTF-8; they are surrogates until `as_windows_1252`.
        self.undecoded = False
        self._typed = typed
        self._filled = False
        self._last: Sequence[str] = ()
        self._packed: list[bytes] = []

    def add(self, values: Sequence[str]) -> None:
        """Take the values of the next block of rows; at least one."""
        joined = "".join(values)
        self._filled = self._filled or bool(joined)
        if not joined.isascii():
            self.undecoded = self.undecoded or _is_undecoded(joined)
        if self._last:
            # Text as one piece of bytes takes a fifth of the memory of as many str objects.
            self._packed.append(json.dumps(self._last, ensure_ascii=False).encode("utf-8", "surrogatepass"))
        self._last = values

    def blocks(self, *, legacy: bool = False) -> Iterator[Rows]:
        """Give the values block by block as they came in, all of one type.

        Parameters
        ----------
        legacy : bool
            Whether the table's text is Windows-1252.
        """
        typed = self._typed_blocks() if self._typed and self._filled else None
        if typed is not None:
            yield from typed
            return
        for values in self._values():
            yield [as_windows_1252(one) for one in values] if legacy else list(values)

    def _values(self) -> Iterator[Sequence[str]]:
        for packed in self._packed:
            yield json.loads(packed.decode("utf-8", "surrogatepass"))
        if self._last:
            yield self._last

    def _typed_blocks(self) -> list[npt.NDArray[Any]] | None:
        for kind in _KINDS:
            blocks = []
            for values in self._values():
                if (block := kind(values)) is None:
                    break
                blocks.append(block)
            else:
                return blocks
        return None


def column_names(header: Sequence[str]) -> list[str]:
    """Give a name to every column: empty ones by position, repeated ones with a number.

    Examples
    --------
    >>> column_names(["a", "", "a"])
    ['a', 'column_2', 'a (2)']
    """
    names: list[str] = []
    taken: set[str] = set(header)
    seen: set[str] = set()
    for position, title in enumerate(header, 1):
        base = name = title or f"column_{position}"
        number = 1
        while name in seen or (number > 1 and name in taken):
            number += 1
            name = f"{base} ({number})"
        seen.add(name)
        names.append(name)
    return names


def as_windows_1252(text: str) -> str:
    """Decode again, as Windows-1252, what was decoded as UTF-8 with surrogates for the bytes that are none."""
    return text if text.isascii() else from_windows_1252(text.encode("utf-8", "surrogateescape"))


def _is_undecoded(text: str) -> bool:
    try:
        text.encode()
    except UnicodeEncodeError:
        return True
    return False


def _ints(values: Sequence[str]) -> npt.NDArray[Any] | None:
    try:
        numbers = list(map(int, values))
        # int() also takes "007", "+5", " 5", "1_000": only what comes back the same is a number here.
        return np.array(numbers, np.int64) if list(map(str, numbers)) == list(values) else None
    except (ValueError, OverflowError):
        return None


def _floats(values: Sequence[str]) -> npt.NDArray[Any] | None:
    texts = [one for one in values if one]
    if not texts:
        return np.full(len(values), np.nan)
    joined = "\n".join(texts) + "\n"
    if not _NUMBERS.fullmatch(joined) or joined.count("\n") != len(texts):
        return None
    numbers = [float(one) if one else np.nan for one in values]
    if list(map(repr, numbers)) != list(values):
        long = ((one, float(one)) for one in texts if len(one) > _SAFE_CHARACTERS or "e" in one or "E" in one)
        if not all(_survives(text, number) for text, number in long):
            return None
    return np.array(numbers)


def _survives(text: str, number: float) -> bool:
    shown = repr(number)
    if shown == text:
        return True
    try:
        return not np.isinf(number) and Decimal(shown) == Decimal(text)
    except InvalidOperation:
        return False


def _bools(values: Sequence[str]) -> npt.NDArray[Any] | None:
    if values[0].lower() not in _BOOLS:
        return None
    lowered = list(map(str.lower, values))
    return np.array([one == "true" for one in lowered]) if _BOOLS.issuperset(lowered) else None


_KINDS: tuple[Callable[[Sequence[str]], npt.NDArray[Any] | None], ...] = (_ints, _floats, _bools)
