"""Lines of a table or of JSON Lines that could not be stored as what they are: listed with their number and the reason."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np

from zarrpack.processors.base import Block

__all__ = ["Rejects", "named_lines"]

#: Characters that are kept of one line.
_LONGEST_TEXT = 1 << 16
#: How many lines a note names.
_NAMED_LINES = 5
_BLOCK_LINES = 8192
_BLOCK_CHARACTERS = 8 << 20


class Rejects:
    """Gathers lines and gives them as the group ``rejects``: `line`, `reason` and `content` along ``reject``.

    Examples
    --------
    >>> rejects = Rejects()
    >>> rejects.add(3, "invalid_json", "{")
    >>> [(block.array, list(block.rows)) for block in rejects.blocks()][1:]
    [('reason', ['invalid_json']), ('content', ['{'])]
    """

    def __init__(self) -> None:
        self._lines: list[int] = []
        self._reasons: list[str] = []
        self._texts: list[str] = []
        self._characters = 0

    @property
    def is_full(self) -> bool:
        """Whether there are enough for a block."""
        return len(self._lines) >= _BLOCK_LINES or self._characters >= _BLOCK_CHARACTERS

    def add(self, line: int, reason: str, text: str) -> None:
        """Take a line.

        Parameters
        ----------
        line : int
            Its number, from 1.
        reason : str
            A code out of :data:`zarrpack.reasons.REASONS`.
        text : str
            What it holds; the first 65,536 characters are kept. Encodable as UTF-8.
        """
        self._lines.append(line)
        self._reasons.append(reason)
        self._texts.append(text[:_LONGEST_TEXT])
        self._characters += len(self._texts[-1])

    def blocks(self) -> Iterator[Block]:
        """Give the lines since the last call; nothing if there are none."""
        if self._lines:
            yield Block("rejects", "line", ("reject",), np.array(self._lines, np.int64))
            yield Block("rejects", "reason", ("reject",), self._reasons)
            yield Block("rejects", "content", ("reject",), self._texts)
            self._lines, self._reasons, self._texts, self._characters = [], [], [], 0


def named_lines(note: str, count: int, first: Sequence[int]) -> tuple[str, ...]:
    """Give a note that counts lines and names the first of them; none if there are none.

    Examples
    --------
    >>> named_lines("bad_line", 7, [2, 3, 4, 7, 8, 9])
    ('bad_line:7 (lines 2,3,4,7,8,...)',)
    """
    if not count:
        return ()
    more = ",..." if count > _NAMED_LINES else ""
    return (f"{note}:{count} (lines {','.join(map(str, first[:_NAMED_LINES]))}{more})",)
