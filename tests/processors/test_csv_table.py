"""CSV and TSV tables as members."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from zarrpack.errors import MemberError, UsageError
from zarrpack.processors import csv_lines
from zarrpack.processors.base import Member
from zarrpack.processors.csv_table import CsvProcessor
from zarrpack.processors.limits import Limits
from zarrpack.processors.replay import ReplayStream
from zarrpack.processors.testing import ProcessorConformance, read_member, rows_of


def read(
    content: bytes, name: str = "a.csv", *, limits: Limits | None = None, **options: Any
) -> tuple[dict[str, Any], Any]:
    """Give the columns by name, and the metadata."""
    blocks, metadata = read_member(CsvProcessor(**options), name, content, limits=limits)
    return {array: rows_of(blocks, array) for array in dict.fromkeys(block.array for block in blocks)}, metadata


MEMBERS = {
    "a.csv": b"id,name,price\n1,a,2.5\n2,b,\n",
    "b.TSV": b'id\tname\n1\t"a\tb"\n',
    "c.tab": "a\tb\né\t1".encode("utf-16"),
    "d.csv": b"a;b\n\xe9;1\n",
    "e.csv": b"a,b\n1\n1,2,3\n\n",
    "f.csv": b"only,a,header\n",
}


class TestColumns(ProcessorConformance):
    """The contract, with a typed array per column."""

    def processor(self) -> CsvProcessor:
        """Give the default."""
        return CsvProcessor()

    def members(self) -> Mapping[str, bytes]:
        """Give tables with and without oddities."""
        return MEMBERS

    def refused(self) -> Mapping[str, bytes]:
        """Give other types under its name, and tables under none."""
        return {"a.csv": b"PK\x03\x04 a workbook", "a.txt": b"a,b\n1,2\n", "a": b"a,b\n1,2\n"}


class TestEntries(ProcessorConformance):
    """The contract, with key/value strings."""

    def processor(self) -> CsvProcessor:
        """Give one with other options than the default."""
        return CsvProcessor(columns="text", form="entries", header=False, delimiter=",")

    def members(self) -> Mapping[str, bytes]:
        """Give tables with and without oddities."""
        return MEMBERS


def test_columns_have_types_and_names() -> None:
    """One array per column of the header, in the narrowest type, along row."""
    blocks, metadata = read_member(CsvProcessor(), "a.csv", b"id,ok,x,s\n1,true,0.5,007\n2,false,,a\n")

    assert [(one.group, one.array, one.dims) for one in blocks] == [
        ("table", n, ("row",)) for n in ("id", "ok", "x", "s")
    ]
    assert [getattr(one.rows, "dtype", None) for one in blocks] == [np.int64, np.bool_, np.float64, None]
    assert rows_of(blocks, "s") == ["007", "a"]
    assert metadata.values == {"csv/rows": 2, "csv/delimiter": ","}
    assert metadata.media_type == "text/csv"


def test_tables_of_one_header_share_a_signature() -> None:
    """And no others do."""
    signatures = [
        read_member(CsvProcessor(), "a.csv", content)[0][0].signature
        for content in (b"a,b\n1,2\n", b"a,b\nx,y\nz,w\n", b"b,a\n1,2\n", b'"a,b"\n1\n')
    ]

    assert signatures[0] == signatures[1]
    assert len(set(signatures)) == 3
    assert len(signatures[0]) == 12


def test_csv_spectrum(corpus: Callable[[str], Path]) -> None:
    """Quotes, commas, line ends and characters of other scripts come out as the expected rows say."""
    folder, tables = corpus("csv"), 0
    for path in sorted(folder.glob("csvs__*.csv")):
        expected = json.loads(
            path.with_name(path.name.replace("csvs__", "json__")).with_suffix(".json").read_text("utf-8")
        )
        columns, _ = read(path.read_bytes(), columns="text")
        rows = [dict(zip(columns, row, strict=True)) for row in zip(*columns.values(), strict=True)]
        if "location" in path.name:
            # A single object, whose phone number is not that of the table.
            expected = [expected | {"Contact Phone Number": rows[0]["Contact Phone Number"]}]
        if "crlf" in path.name:
            # The table at hand has LF inside its quotes.
            expected = [{key: value.replace("\r\n", "\n") for key, value in row.items()} for row in expected]
        assert rows == expected, path.name
        tables += 1

    assert tables >= 12


CELLS = st.text(st.characters(exclude_categories=["Cs"]), max_size=6)


@settings(max_examples=80)
@given(
    st.integers(1, 4).flatmap(lambda n: st.lists(st.lists(CELLS, min_size=n, max_size=n), min_size=1, max_size=6)),
    st.sampled_from(",;\t|"),
)
def test_tables_come_back(rows: list[list[str]], delimiter: str) -> None:
    """What csv.writer writes is read as csv.reader reads it."""
    out = io.StringIO()
    csv.writer(out, delimiter=delimiter, quoting=csv.QUOTE_ALL).writerows(rows)
    columns, metadata = read(out.getvalue().encode(), columns="text", header=False, delimiter=delimiter)

    assert [list(row) for row in zip(*columns.values(), strict=True)] == rows
    # A NUL is kept, and told.
    assert bool(metadata.notes) == ("\0" in out.getvalue())
    assert all(note.startswith("nul_characters (") for note in metadata.notes)


@settings(max_examples=80)
@given(st.binary(max_size=80), st.booleans())
def test_any_bytes_are_read_or_fail(content: bytes, typed: bool) -> None:
    """Foreign bytes give columns of one length, or a MemberError."""
    try:
        columns, metadata = read(content, columns="typed" if typed else "text")
    except MemberError:
        return

    assert {len(rows) for rows in columns.values()} == {metadata.values["csv/rows"]}


def test_ragged_rows_are_kept_and_counted() -> None:
    """Short rows are filled, fields too many are kept as JSON, empty lines are left out; also in later blocks."""
    columns, metadata = read(b"a,b\n1\n1,2,3,x\n\n5,6")
    assert columns["a"].tolist() == [1, 1, 5]
    assert columns["b"].tolist()[1:] == [2.0, 6.0]
    assert columns["_extra"] == ["", '["3", "x"]', ""]
    assert metadata.notes == ("ragged_rows:2 (lines 2,3)", "blank_lines:1")

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(csv_lines, "_BLOCK_ROWS", 2)
        assert read(b"a,b\n1,1\n2,2\n3,3\n4,4,extra\n5,5\n6,6")[0]["_extra"] == ["", "", "", '["extra"]', "", ""]


def test_ragged_rows_are_rejected_on_request() -> None:
    """They are left out of the columns, whose types they cannot spoil, and listed with their lines and their fields."""
    content = 'id,name\n1,"two\nlines"\n2\n3,é,x\n\n4,b\n5,\xff,\n'.encode().replace(b"\xc3\xbf", b"\xff")
    blocks, metadata = read_member(CsvProcessor(ragged="reject"), "a.csv", content)

    assert rows_of(blocks, "id").tolist() == [1, 4]
    assert rows_of(blocks, "line").tolist() == [4, 5, 8]
    assert rows_of(blocks, "reason") == ["ragged_row"] * 3
    assert [json.loads(text)[0] for text in rows_of(blocks, "content")] == ["2", "3", "5"]
    assert {block.group for block in blocks} == {"table", "rejects"}
    assert metadata.notes == ("rejected_rows:3 (lines 4,5,8)", "blank_lines:1")
    assert metadata.values["csv/rows"] == 2

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(csv_lines, "_BLOCK_ROWS", 1)
        blocks, _ = read_member(CsvProcessor(ragged="reject"), "a.csv", content)
        assert rows_of(blocks, "line").tolist() == [4, 5, 8]
        assert rows_of(blocks, "id").tolist() == [1, 4]


def test_columns_without_a_name_of_their_own_get_one() -> None:
    """Empty names, repeated ones, and a column that is called like the one for extra fields."""
    assert [*read(b"a,,a,_extra\n1,2,3,4,5\n")[0]] == ["a", "column_2", "a (2)", "_extra", "_extra (2)"]
    assert [*read(b"1,2\n", header=False)[0]] == ["column_1", "column_2"]


@pytest.mark.parametrize(
    ("name", "content", "delimiter"),
    [
        ("a.csv", b"a;b,c;d\n", ";"),
        ("a.csv", b"a|b\n", "|"),
        ("a.csv", b"a\tb\n1,2,3\n", "\t"),
        ("a.csv", b'"a;b;c",d\n', ","),
        ("a.csv", b"a\n", ","),
        ("a.tsv", b"a\n", "\t"),
        ("a.tsv", b"a\tb,c\n", "\t"),
        ("a.tsv", b"a;b\n", ";"),
        ("a.tsv", b"City, State, Zip\tPop\n", "\t"),
        ("a.tab", b"A, B, C\tD\n", "\t"),
        ("a.tsv", b'a,"b\tc"\n', ","),
        ("a.csv", b"City, State, Zip\tPop\n", ","),
    ],
)
def test_delimiters_are_told_by_the_first_line(name: str, content: bytes, delimiter: str) -> None:
    """The most frequent outside quotes; on a draw the suffix decides, and a suffix of tabs wherever there is one."""
    assert read(content, name)[1].values["csv/delimiter"] == delimiter


@pytest.mark.parametrize(
    ("name", "content", "notes"),
    [
        ("a.tsv", b"a,b\n1,2\n", ("delimiter:comma",)),
        ("a.tab", b"a|b\n1|2\n", ("delimiter:bar",)),
        ("a.tsv", b"a,b\tc\n1,2\t3\n", ()),
        ("a.tsv", b"a\n1\n", ()),
        ("a.csv", b"a;b\n1;2\n", ()),
    ],
)
def test_tables_of_tabs_without_tabs_are_noted(name: str, content: bytes, notes: tuple[str, ...]) -> None:
    """Where the suffix promises tabs and the first line has others; what the user says is no news."""
    assert read(content, name)[1].notes == notes
    assert read(content, name, delimiter=",")[1].notes == ()


@pytest.mark.parametrize(
    ("content", "encoding"),
    [
        ("å,b\né,1\n".encode("utf-8-sig"), None),
        ("å,b\né,1\n".encode("utf-16"), "utf-16"),
        ("å,b\né,1\n".encode("cp1252"), "windows-1252"),
        ("a,b\n€,1\n".encode("cp1252"), "windows-1252"),
    ],
)
def test_encodings_are_found_and_recorded(content: bytes, encoding: str | None) -> None:
    """A byte order mark, UTF-8, else Windows-1252, for names and values alike."""
    columns, metadata = read(content)

    assert next(iter(columns)) in ("å", "a")
    assert columns[next(iter(columns))] in (["é"], ["€"])
    assert metadata.values.get("csv/encoding") == encoding


def test_late_bytes_decide_the_encoding_of_all() -> None:
    """One byte that is no UTF-8, far behind, makes the whole table Windows-1252."""
    columns, metadata = read("a\né\n".encode() + b"x\n" * 9000 + b"\xe9\n")

    assert (columns["a"][0], columns["a"][-1]) == ("Ã©", "é")
    assert metadata.values["csv/encoding"] == "windows-1252"


def test_a_quote_that_is_never_closed_swallows_nothing() -> None:
    """The row is named; the same text with the quote closed is fine, and so are quotes inside a field."""
    with pytest.raises(MemberError, match="row of line 3") as caught:
        read(b'a,b\n1,2\n"x,y\nz\n3,4\n')
    assert caught.value.reason == "invalid_csv"
    for content in (b'"', b'a\n"', b'"\n'):
        with pytest.raises(MemberError, match="closing quote"):
            read(content)

    assert read(b'a,b\n1,2\n"x,y\nz",4\n')[0]["a"] == ["1", "x,y\nz"]
    assert read(b'a,b\n5" disk,"say ""hi"""\n')[0] == {"a": ['5" disk'], "b": ['say "hi"']}


def test_what_stands_for_the_end_may_stand_in_a_table() -> None:
    """A row that looks like the reader's own mark is a row."""
    end = csv_lines._END
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(csv_lines, "_BLOCK_ROWS", 2)
        assert read(f"a\n{end}\n{end}\nx\n{end}".encode())[0]["a"] == [end, end, "x", end]


@pytest.mark.parametrize("rows", range(6))
def test_no_row_is_lost_at_the_borders_of_blocks(rows: int) -> None:
    """Whatever the number of rows in relation to a block's."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(csv_lines, "_BLOCK_ROWS", 2)
        columns, metadata = read(b"a\n" + b"".join(b"%d\n" % n for n in range(rows)))

    assert list(columns["a"]) == list(range(rows))
    assert metadata.values["csv/rows"] == rows


def test_entries_are_named_by_row_and_column() -> None:
    """The key/value form: exact text, row by row."""
    columns, _ = read(b"a,b\n007,x\n1,2,3\n", form="entries")

    assert columns["key"] == ["0/a", "0/b", "0/_extra", "1/a", "1/b", "1/_extra"]
    assert columns["value"] == ["007", "x", "", "1", "2", '["3"]']


@pytest.mark.parametrize(
    ("content", "reason"), [(b"", "empty"), (b"\n\r\n", "invalid_csv"), (b"\xff\xfea", "invalid_text")]
)
def test_what_is_no_table_fails_with_a_reason(content: bytes, reason: str) -> None:
    """Nothing, only empty lines, and half a character."""
    with pytest.raises(MemberError) as caught:
        read(content)

    assert caught.value.reason == reason


def test_limits_name_themselves_and_the_process_keeps_its_own() -> None:
    """Fields, lines and rows beyond a limit; the csv module's own limit is as it was."""
    before = csv.field_size_limit(12_345)
    field = b"a\n" + b"x" * 200_000
    assert read(field)[0]["a"] == ["x" * 200_000]
    for content, limits, said in [
        (b'a\n"' + b"x\n" * 60, Limits(csv_field_bytes=100), "limit_field_bytes.*quote that is not closed"),
        (b"a\n" + b"x," * 60, Limits(csv_field_bytes=100), "limit_field_bytes.*line 2: over 100"),
        (b"a\n" + b"1\n" * 4, Limits(rows=3), "limit_rows.*more than 3"),
    ]:
        with pytest.raises(MemberError, match=said):
            read(content, limits=limits)

    assert csv.field_size_limit(before) == 12_345


def test_the_source_stream_stays_open() -> None:
    """Whoever gave the stream checks its end afterwards."""
    content = MEMBERS["a.csv"]
    streams: list[Any] = [io.BytesIO(content), ReplayStream(b"", io.BytesIO(content))]
    for stream in streams:
        list(CsvProcessor().read(Member("a.csv", content, stream)))
        assert not stream.closed


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"columns": "int"}, "columns: expected typed or text"),
        ({"form": "rows"}, "form: expected columns or entries"),
        ({"header": 1}, "header: expected true or false"),
        ({"delimiter": "::"}, "delimiter: expected one character"),
        ({"delimiter": '"'}, "delimiter: expected one character"),
    ],
)
def test_wrong_options_are_named(options: dict[str, Any], said: str) -> None:
    """The message names the option and what is allowed."""
    with pytest.raises(UsageError, match=said):
        CsvProcessor(**options)
