"""Rows of a CSV text in blocks, within limits, with nothing swallowed."""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import islice

from zarrpack.errors import MemberError
from zarrpack.processors.base import Member
from zarrpack.processors.csv_line_check import LineCheck

__all__ = ["RowBlock", "guess_delimiter", "open_text", "row_blocks"]

_DELIMITERS = ",;\t|"
_BLOCK_ROWS = 50_000
#: Comes after the last line, and is a row as it stands; unless a quote was never closed: then its own closes it.
_END = '\x00"\x00'
_LINE_END = re.compile(r"\r\n|\r|\n")


def guess_delimiter(head: str, preferred: str) -> str:
    """Give the delimiter that occurs most often in the first line, outside quotes.

    Commas are common inside the fields of tables whose delimiter is a tab, tabs are not in any: a preferred tab is taken
    wherever there is one.

    Parameters
    ----------
    head : str
        The beginning of the text.
    preferred : str
        Taken on a draw, or if there is none.

    Examples
    --------
    >>> guess_delimiter('a;"b,c,d";e', ",")
    ';'
    """
    counts = dict.fromkeys(preferred + _DELIMITERS, 0)
    quoted = False
    for character in head.lstrip("\r\n"):
        if character == '"':
            quoted = not quoted
        elif not quoted and character in "\r\n":
            break
        elif not quoted and character in counts:
            counts[character] += 1
    if preferred == "\t" and counts[preferred]:
        return preferred
    return max(counts, key=lambda one: counts[one])


@dataclass(frozen=True, slots=True)
class RowBlock:
    """Rows that follow each other.

    Parameters
    ----------
    rows : list of list of str
        The rows; an empty line is an empty one.
    first, last : int
        The lines of the text that they take, from 1, both included.
    """

    rows: list[list[str]]
    first: int
    last: int

    def line_numbers(self) -> Iterator[int]:
        """Give the line that each row begins on.

        Examples
        --------
        >>> list(RowBlock([["a"], ["b\\nc"], ["d"]], 5, 8).line_numbers())
        [5, 6, 8]
        """
        if self.last - self.first + 1 == len(self.rows):  # no row goes over several lines
            yield from range(self.first, self.last + 1)
            return
        line = self.first
        for row in self.rows:
            yield line
            line += 1 + sum(len(_LINE_END.findall(field)) for field in row)


@contextmanager
def open_text(member: Member, encoding: str) -> Iterator[io.TextIOWrapper]:
    """Open a member's content as text with its line endings, bytes that are no UTF-8 as surrogates.

    The member's stream is not closed at the end.

    Raises
    ------
    MemberError
        ``invalid_text`` if the content does not decode.
    """
    stream = member.open()
    buffered = io.BufferedReader(stream, 1 << 18) if isinstance(stream, io.RawIOBase) else stream
    errors = "surrogateescape" if encoding.startswith("utf-8") else "strict"
    text = io.TextIOWrapper(buffered, encoding, errors, newline="")
    try:
        yield text
    except UnicodeDecodeError as exc:
        raise MemberError("invalid_text", f"expected {encoding.upper()} text, found {exc.reason}") from exc
    finally:
        text.detach()
        if isinstance(buffered, io.BufferedReader) and buffered is not stream:
            buffered.detach()


def row_blocks(text: io.TextIOWrapper, delimiter: str, limit: int, check: LineCheck) -> Iterator[RowBlock]:
    """Give the rows of a CSV text, some ten thousand at a time.

    Parameters
    ----------
    text : text stream
        Opened with ``newline=""``.
    delimiter : str
        One character.
    limit : int
        Characters of the longest accepted field or line.
    check : LineCheck
        Sees every line.

    Yields
    ------
    RowBlock
        Rows as they stand; an empty line is an empty row.

    Raises
    ------
    MemberError
        ``limit_field_bytes``, or ``invalid_csv`` if a quote is never closed.
    """
    lines = _Lines(text, limit, check)
    reader = csv.reader(lines.read(), delimiter=delimiter)
    ended = False
    while not ended:
        first = reader.line_num + 1
        try:
            with _field_limit(limit):
                rows = list(islice(reader, _BLOCK_ROWS))
        except csv.Error as exc:
            if "field limit" not in str(exc):
                raise MemberError("invalid_csv", f"line {reader.line_num}: {exc}") from exc
            detail = f"line {reader.line_num}: a field of over {limit} characters; raise the limit csv_field_bytes"
            raise MemberError("limit_field_bytes", f"{detail}, or look for a quote that is not closed") from exc
        ended = lines.ended
        if ended and (last := rows.pop()) != [_END]:
            line = reader.line_num - sum(_LINE_END.subn("", field)[1] for field in last)
            raise MemberError("invalid_csv", f"expected a closing quote for the row of line {line}, found none")
        if rows:
            yield RowBlock(rows, first, reader.line_num - ended)


@contextmanager
def _field_limit(limit: int) -> Iterator[None]:
    # The csv module has one limit for the whole process: it is given back after each block.
    before = csv.field_size_limit(limit)
    try:
        yield
    finally:
        csv.field_size_limit(before)


class _Lines:
    """Lines of bounded length, then `_END`."""

    def __init__(self, text: io.TextIOWrapper, limit: int, check: LineCheck) -> None:
        self.ended = False
        self._check = check
        self._text = text
        self._limit = limit

    def read(self) -> Iterator[str]:
        read_line, limit, look = self._text.readline, self._limit, self._check.look
        number = 0
        while line := read_line(limit):
            number += 1
            if len(line) == limit and line[-1] not in "\r\n":
                detail = f"line {number}: over {limit} characters; raise the limit csv_field_bytes"
                raise MemberError("limit_field_bytes", detail)
            look(line, number)
            yield line
        self.ended = True
        yield _END
