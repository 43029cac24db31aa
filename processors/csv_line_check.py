"""Lines of a CSV text that Python's reader takes without a word, though they may not say what it makes of them."""

from __future__ import annotations

import re

__all__ = ["LineCheck"]


class LineCheck:
    """Looks for text behind a closing quote, and for NUL. Only the first line of each is told. Not safe in threads.

    Parameters
    ----------
    delimiter : str
        One character.

    Examples
    --------
    >>> check = LineCheck(",")
    >>> for number, line in enumerate(['"a, ""b",c', '"p"q,c'], 1):
    ...     check.look(line, number)
    >>> check.notes()
    ('malformed_quotes (from line 2)',)
    """

    def __init__(self, delimiter: str) -> None:
        self._delimiter = delimiter
        escaped = re.escape(delimiter)
        # Never backtracks: a line is looked at once, whatever is in it.
        quoted = '"(?:[^"]++|"")*+'
        field = rf'(?:{quoted}"|(?!")[^{escaped}\r\n]*+)'
        self._whole = re.compile(rf"(?:{field}{escaped})*+{field}[\r\n]*$")
        self._opened = re.compile(rf"(?:{field}{escaped})*+{quoted}$")
        self._closing = re.compile('(?:[^"]++|"")*+"')
        self._is_inside = False
        self._bad_quote = self._nul = 0

    def look(self, line: str, number: int) -> None:
        """Take a line with its end; lines come in order."""
        if not self._nul and "\x00" in line:
            self._nul = number
        if not self._bad_quote and (self._is_inside or '"' in line) and not self._is_right(line):
            self._bad_quote = number

    def notes(self) -> tuple[str, ...]:
        """Say what was found, as notes for the ledger."""
        found = {"malformed_quotes": self._bad_quote, "nul_characters": self._nul}
        return tuple(f"{note} (from line {line})" for note, line in found.items() if line)

    def _is_right(self, line: str) -> bool:
        """Whether every field is either without a quote at its start, or quoted to its end."""
        if self._is_inside:
            closing = self._closing.match(line)
            if closing is None:
                return True
            self._is_inside = False
            line = line[closing.end() :]
            if not line.strip("\r\n"):
                return True
            if not line.startswith(self._delimiter):
                return False
            line = line[1:]
        if self._whole.match(line):
            return True
        self._is_inside = self._opened.match(line) is not None
        return self._is_inside
