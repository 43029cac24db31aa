"""Safe names for groups and arrays whose true names may come from foreign headers."""

from __future__ import annotations

import re
from collections.abc import Iterable

__all__ = ["LONGEST_NAME", "NameTable", "is_reserved", "safe_text"]

#: Characters in a safe name, at most.
LONGEST_NAME = 64

_UNSAFE = re.compile(r"[^A-Za-z0-9_.\-]")
_RESERVED = re.compile(r"file_id|file_id_.*|.*_offsets|.*_shape", re.IGNORECASE)


def safe_text(text: str) -> str:
    """Replace what a safe name cannot have; neither unique nor clear of reserved names.

    Parameters
    ----------
    text : str
        Any text, also empty.

    Returns
    -------
    str
        1 to 64 characters.

    Examples
    --------
    >>> safe_text("../größe")
    '_.._gr__e'
    """
    text = _UNSAFE.sub("_", text)
    return (text if text[:1] not in ("", ".", "-") else "_" + text)[:LONGEST_NAME]


def is_reserved(name: str) -> bool:
    """Whether zarrpack makes arrays of such a name itself.

    Examples
    --------
    >>> is_reserved("pixels_offsets"), is_reserved("file_id"), is_reserved("price")
    (True, True, False)
    """
    return _RESERVED.fullmatch(name) is not None


class NameTable:
    """Gives each true name of one group a safe name of its own, in the order of first appearance.

    A safe name has ASCII letters, digits, ``_``, ``-`` and ``.``, starts with none of the last two, has at most 64
    characters, and differs from all others not only by case. Names that zarrpack makes itself (``file_id``,
    ``*_offsets``, ...) and dimensions' names get a ``_`` at the end.

    Parameters
    ----------
    dimensions : iterable of str
        Names that no array may have. More can be added by `reserve`.

    Examples
    --------
    >>> names = NameTable(["row"])
    >>> [names.safe_name(name) for name in ("price", "Price", "row", "größe (cm)", "price")]
    ['price', 'Price_2', 'row_', 'gr__e__cm_', 'price']
    >>> names.safe_name("price", variant=2)
    'price__2'
    """

    def __init__(self, dimensions: Iterable[str] = ()) -> None:
        self._safe: dict[tuple[str, int], str] = {}
        self._used: set[str] = set()
        self._dimensions: set[str] = {dimension.lower() for dimension in dimensions}

    def safe_name(self, true_name: str, variant: int = 1, joint: str = "__") -> str:
        """Give the safe name of a true name; the same one each time.

        Parameters
        ----------
        true_name : str
            Any text, also empty.
        variant : int
            From 1; later variants of one array get ``__2``, ``__3``, ... behind the safe name of the first.
        joint : str
            What stands before that number: ``"_"`` for groups.

        Returns
        -------
        str
            The safe name.
        """
        known = self._safe.get((true_name, variant))
        if known is None:
            if variant > 1:
                known = self._unused(self.safe_name(true_name), f"{joint}{variant}")
            else:
                known = self._unused(self._unreserved(safe_text(true_name)), "")
            self._safe[true_name, variant] = known
            self._used.add(known.lower())
        return known

    def reserve(self, dimensions: Iterable[str]) -> None:
        """Keep names from being given to arrays from now on; those that are given stay.

        Parameters
        ----------
        dimensions : iterable of str
            Dimensions' names.
        """
        self._dimensions.update(dimension.lower() for dimension in dimensions)

    def is_used(self, name: str) -> bool:
        """Whether an array has this name, case aside."""
        return name.lower() in self._used

    def _unreserved(self, name: str) -> str:
        if is_reserved(name) or name.lower() in self._dimensions:
            return name[: LONGEST_NAME - 1] + "_"
        return name

    def _unused(self, name: str, suffix: str) -> str:
        candidate = name[: LONGEST_NAME - len(suffix)] + suffix
        number = 2
        while candidate.lower() in self._used or candidate.lower() in self._dimensions:
            tail = f"{suffix}_{number}"
            candidate = name[: LONGEST_NAME - len(tail)] + tail
            number += 1
        return candidate
