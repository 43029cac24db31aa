"""Lines that the csv module takes without a word."""

from __future__ import annotations

import csv
import io

import pytest
from hypothesis import given
from hypothesis import strategies as st

from zarrpack.processors.csv_line_check import LineCheck
from zarrpack.processors.csv_table import CsvProcessor
from zarrpack.processors.testing import read_member


def notes(text: str, delimiter: str = ",") -> tuple[str, ...]:
    """Check a whole text."""
    check = LineCheck(delimiter)
    for number, line in enumerate(io.StringIO(text, newline=""), 1):
        check.look(line, number)
    return check.notes()


_PIECES = st.lists(st.sampled_from(['"', '""', ",", ";", "a", " ", "\n", "\r\n", "\r"]), max_size=25)


@given(rows=st.lists(st.lists(st.text(st.sampled_from('a",; \n\r')), min_size=1), min_size=1))
def test_what_a_writer_writes_is_right(rows: list[list[str]]) -> None:
    """Quotes, delimiters and line ends inside quotes are no finding."""
    file = io.StringIO(newline="")
    csv.writer(file).writerows(rows)

    assert notes(file.getvalue()) == ()


@given(_PIECES.map("".join))
def test_what_strict_readers_refuse_is_told(text: str) -> None:
    """The csv module's strict mode, which ends at the first such place, is the judge; open quotes are another matter."""
    reader, refused = csv.reader(io.StringIO(text, newline=""), strict=True), 0
    try:
        list(reader)
    except csv.Error as error:
        if "expected after" in str(error):
            refused = reader.line_num

    assert notes(text) == ((f"malformed_quotes (from line {refused})",) if refused else ())


@pytest.mark.parametrize("text", ['a;"b,"c";d\n', 'x\n"a\nb"c\n', '"p"q\n'])
def test_other_delimiters_and_several_lines(text: str) -> None:
    """The line is the one in which the quote is closed."""
    line = text.count("\n")

    assert notes(text, ";") == (f"malformed_quotes (from line {line})",)


def test_the_ledger_is_told() -> None:
    """The notes are the member's; the values are those of the csv module."""
    blocks, metadata = read_member(CsvProcessor(), "a.csv", b'a,b\n2,"p"q\nx\0y,3\n')
    _, control = read_member(CsvProcessor(), "a.csv", b'a,b\n2,"p""q"\nxy,3\n')

    assert [list(block.rows) for block in blocks] == [["2", "x\0y"], ["pq", "3"]]
    assert metadata.notes == ("malformed_quotes (from line 2)", "nul_characters (from line 3)")
    assert control.notes == ()
