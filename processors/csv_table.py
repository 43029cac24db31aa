"""CSV and TSV tables: a typed array per column, or key/value strings."""

from __future__ import annotations

import hashlib
import io
import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar, Literal

from zarrpack.errors import MemberError, UsageError
from zarrpack.processors.base import Block, Member, Metadata, Processor
from zarrpack.processors.csv_columns import Column, as_windows_1252, column_names
from zarrpack.processors.csv_line_check import LineCheck
from zarrpack.processors.csv_lines import RowBlock, guess_delimiter, open_text, row_blocks
from zarrpack.processors.magic import media_type, suffix
from zarrpack.processors.rejects import Rejects, named_lines
from zarrpack.processors.text_decoding import bom_encoding

__all__ = ["CsvProcessor"]

_PREFERRED = {".csv": ",", ".tsv": "\t", ".tab": "\t"}
_MEDIA_TYPES = {".tsv": "text/tab-separated-values", ".tab": "text/tab-separated-values"}
_EXTRA = "_extra"
_DELIMITER_NAMES = {",": "comma", ";": "semicolon", "|": "bar"}


@dataclass(frozen=True, slots=True)
class CsvProcessor(Processor):
    """Reads tables by suffix (``.csv``, ``.tsv``, ``.tab``): one array per column, joined along ``row``.

    Rows with too few fields are filled with empty ones, and fields too many are kept in the column ``_extra`` as JSON
    text; both are counted, and their lines named. Content without such a suffix is never taken for a table.

    Parameters
    ----------
    columns : {"typed", "text"}
        Whether a column whose values all fit a number type or bool without loss gets that type.
    form : {"columns", "entries"}
        An array per column, or two arrays of strings, ``key`` (``row/column``) and ``value``.
    header : bool
        Whether the first row names the columns; else they are ``column_1``, ...
    ragged : {"keep", "reject"}
        Whether rows of other lengths are kept as above, or left out of the columns and listed as ``rejects``.
    delimiter : str or None
        One character; None: the one of comma, semicolon, tab and bar that is most frequent in the first line, in a
        ``.tsv`` or ``.tab`` a tab if there is one.

    Raises
    ------
    UsageError
        If an option is none of these.

    Examples
    --------
    >>> table = b"id,name\\n1,a\\n2,b\\n"
    >>> *blocks, metadata = CsvProcessor().read(Member("t.csv", table, table))
    >>> [(block.array, list(map(str, block.rows))) for block in blocks]
    [('id', ['1', '2']), ('name', ['a', 'b'])]
    """

    name: ClassVar[str] = "csv"

    columns: Literal["typed", "text"] = "typed"
    form: Literal["columns", "entries"] = "columns"
    header: bool = True
    ragged: Literal["keep", "reject"] = "keep"
    delimiter: str | None = None

    def __post_init__(self) -> None:
        one = self.delimiter
        fits = one is None or (isinstance(one, str) and len(one) == 1 and one not in '"\r\n\x00')
        for field, good, expected in (
            ("columns", self.columns in ("typed", "text"), "typed or text"),
            ("form", self.form in ("columns", "entries"), "columns or entries"),
            ("ragged", self.ragged in ("keep", "reject"), "keep or reject"),
            ("header", type(self.header) is bool, "true or false"),
            ("delimiter", fits, "one character that is no quote and no line end, or null"),
        ):
            if not good:
                raise UsageError(f"{field}: expected {expected}, found {getattr(self, field)!r}")

    def accepts(self, head: bytes, name: str) -> bool:
        """Tell by the suffix, unless the first bytes are of another type."""
        return suffix(name) in _PREFERRED and media_type(head) is None

    def read(self, member: Member) -> Iterator[Block | Metadata]:
        """Give the columns, in blocks of some ten thousand rows.

        Raises
        ------
        MemberError
            ``empty``, ``invalid_text``, ``invalid_csv``, ``limit_field_bytes`` or ``limit_rows``.
        """
        if not member.head:
            raise MemberError("empty", "expected a table, found no bytes")
        ending = suffix(member.name)
        encoding = bom_encoding(member.head) or "utf-8"
        head = member.head.decode(encoding, "replace")
        preferred = _PREFERRED.get(ending, ",")
        delimiter = self.delimiter or guess_delimiter(head, preferred)
        check = LineCheck(delimiter)
        with open_text(member, encoding) as text:
            table = _read_table(text, self, delimiter, member, check)
        yield from table.columns() if self.form == "columns" else table.entries()
        yield from table.rejects.blocks()
        about: dict[str, Any] = {"csv/rows": table.rows, "csv/delimiter": delimiter}
        if table.legacy or encoding not in ("utf-8", "utf-8-sig"):
            about["csv/encoding"] = "windows-1252" if table.legacy else encoding
        notes = (*table.notes(), *check.notes())
        if self.delimiter is None and preferred == "\t" != delimiter:
            notes += (f"delimiter:{_DELIMITER_NAMES[delimiter]}",)
        yield Metadata(about, media_type=_MEDIA_TYPES.get(ending, "text/csv"), notes=notes)


def _read_table(
    text: io.TextIOWrapper, options: CsvProcessor, delimiter: str, member: Member, check: LineCheck
) -> _Table:
    table: _Table | None = None
    blank = 0
    limits = member.limits
    for block in row_blocks(text, delimiter, limits.csv_field_bytes, check):
        filled = list(filter(None, block.rows))
        blank += len(block.rows) - len(filled)
        if table is None and filled:
            titles = filled[0]
            typed = options.columns == "typed" and options.form == "columns"
            table = _Table(titles if options.header else [""] * len(titles), typed=typed, ragged=options.ragged)
            if options.header:
                filled = filled[1:]
                block.rows[block.rows.index(titles)] = []
        if table is not None and filled:
            table.add(filled, block)
            if table.rows > limits.rows:
                raise MemberError("limit_rows", f"more than {limits.rows} rows; raise the limit rows")
    if table is None:
        raise MemberError("invalid_csv", "expected a row, found only empty lines")
    table.blank = blank
    return table


class _Table:
    """The columns of one table, while and after its rows come in."""

    def __init__(self, titles: Sequence[str], *, typed: bool, ragged: str) -> None:
        self._titles = titles
        self._columns = [Column(name, typed=typed) for name in column_names(titles)]
        self._extra: Column | None = None
        self._sizes: list[int] = []
        self._rejects_ragged = ragged == "reject"
        self._ragged = 0
        self._ragged_lines: list[int] = []
        self.rejects = Rejects()
        self.rows = 0
        self.blank = 0

    @property
    def legacy(self) -> bool:
        columns = [*self._columns, *self._extra_columns()]
        return any(column.undecoded for column in columns) or any(map(_has_surrogates, self._titles))

    def add(self, rows: list[list[str]], block: RowBlock) -> None:
        """Take a block's rows, none of them empty. The lists are changed."""
        width = len(self._columns)
        if set(map(len, rows)) != {width}:
            self._look_at_ragged(block, width)
            if self._rejects_ragged:
                rows = [row for row in rows if len(row) == width]
                if not rows:
                    return
            self._even_out(rows, width)
        elif self._extra is not None:
            self._extra.add([""] * len(rows))
        for column, values in zip(self._columns, zip(*rows, strict=True), strict=True):
            column.add(values)
        self._sizes.append(len(rows))
        self.rows += len(rows)

    def columns(self) -> Iterator[Block]:
        """Give each column's rows, block by block."""
        names = self._names()
        signature = hashlib.sha256("\x1f".join(names[: len(self._columns)]).encode()).hexdigest()[:12]
        nothing: list[tuple[Any, ...]] = [tuple([] for _ in names)]  # a table without rows still has columns
        for parts in self._parts() if self.rows else nothing:
            for name, rows in zip(names, parts, strict=True):
                yield Block("table", name, ("row",), rows, signature=signature)

    def entries(self) -> Iterator[Block]:
        """Give every field with a key of its own, row by row."""
        names, first = self._names(), 0
        for parts in self._parts():
            rows = list(zip(*parts, strict=True))
            keys = [f"{first + row}/{name}" for row in range(len(rows)) for name in names]
            yield Block("table", "key", ("entry",), keys)
            yield Block("table", "value", ("entry",), [value for row in rows for value in row])
            first += len(rows)

    def notes(self) -> tuple[str, ...]:
        """Say what was odd, as notes for the ledger."""
        note = "rejected_rows" if self._rejects_ragged else "ragged_rows"
        blank = (f"blank_lines:{self.blank}",) if self.blank else ()
        return (*named_lines(note, self._ragged, self._ragged_lines), *blank)

    def _parts(self) -> Iterator[tuple[Any, ...]]:
        legacy = self.legacy
        columns = [*self._columns, *self._extra_columns()]
        return zip(*(column.blocks(legacy=legacy) for column in columns), strict=True)

    def _names(self) -> list[str]:
        titles = [*map(as_windows_1252, self._titles)] if self.legacy else [*self._titles]
        return column_names([*titles, *(column.name for column in self._extra_columns())])

    def _extra_columns(self) -> tuple[Column, ...]:
        return () if self._extra is None else (self._extra,)

    def _look_at_ragged(self, block: RowBlock, width: int) -> None:
        for line, row in zip(block.line_numbers(), block.rows, strict=True):
            if row and len(row) != width:
                self._ragged += 1
                if self._ragged < 10:
                    self._ragged_lines.append(line)
                if self._rejects_ragged:
                    text = json.dumps(row, ensure_ascii=False)
                    self.rejects.add(line, "ragged_row", as_windows_1252(text) if _has_surrogates(text) else text)

    def _even_out(self, rows: list[list[str]], width: int) -> None:
        extras = [""] * len(rows)
        for index, row in enumerate(rows):
            if len(row) != width:
                if len(row) > width:
                    extras[index] = json.dumps(row[width:], ensure_ascii=False)
                row[width:] = [""] * (width - len(row))
        if self._extra is None and any(extras):
            self._extra = Column(_EXTRA, typed=False)
            for size in self._sizes:
                self._extra.add([""] * size)
        if self._extra is not None:
            self._extra.add(extras)


def _has_surrogates(text: str) -> bool:
    return any("\udc80" <= character <= "\udcff" for character in text)
