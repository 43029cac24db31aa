"""The ledger: nothing found is missing in it, names are kept as they are, and none of them can play tricks."""

from __future__ import annotations

import re
import sqlite3
import zipfile
from contextlib import closing
from pathlib import Path

import pandas as pd
import pytest
from archives import jpeg, write_zip
from hypothesis import given
from hypothesis import strategies as st
from runs import run

import zarrpack
from zarrpack.converters.commands.report import printable
from zarrpack.converters.conversion_run import check_counts
from zarrpack.converters.options import ConvertOptions
from zarrpack.converters.pipeline.journal_schema import SCHEMA
from zarrpack.errors import ConservationError
from zarrpack.reasons import REASONS

#: What a terminal may act upon, line ends of our own excepted.
CONTROL = re.compile("[\x00-\x09\x0b-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069]")
HOSTILE = [
    "\x1b[2Jgone.json",
    "a\nb\r\nzarrpack: all is well.json",
    "\u202ecod.json",
    "\x9b31m.json",
    "tab\t.json",
    "ß.json",
]


def hostile_zip(path: Path) -> Path:
    """Write a zip of broken records with hostile names, and one good member."""
    return write_zip(path, dict.fromkeys(HOSTILE, b"{") | {"good.jpg": jpeg(1)})


@pytest.mark.parametrize("command", ["convert", "plan", "retry", "verify", "trace", "info"])
def test_no_control_character_reaches_a_terminal(tmp_path: Path, command: str) -> None:
    """Whatever members are called, no command prints a control character; the names are told with escapes."""
    source = hostile_zip(tmp_path / "a.zip")
    converted = run(tmp_path, "convert", source, "-o", "out")
    other = {
        "plan": ("plan", source),
        "retry": ("retry", "out"),
        "verify": (
            "verify",
            "out",
            "--against",
            write_zip(tmp_path / "b.zip", dict.fromkeys(HOSTILE, b"[") | {"x": b"x"}),
        ),
        "trace": ("trace", "out", HOSTILE[0]),
        "info": ("info", "out"),
    }
    done = converted if command == "convert" else run(tmp_path, *other[command])

    assert converted.status == 3
    assert done.said
    assert CONTROL.search(done.said) is None
    assert "\nzarrpack: all is well" not in done.said
    if command in ("convert", "retry", "trace"):
        assert "\\x1b[2Jgone" in done.said


_SET = "ev\nzarrpack: all is well \x1b[31mil\u202e"


@pytest.mark.parametrize(
    ("status", "arguments"),
    [
        (3, ("convert", f"{_SET}.zip", "-o", "new")),
        (3, ("retry", f"out/{_SET}.flow")),
        (0, ("merge", f"out/{_SET}.dataset", "-o", f"{_SET}2.dataset")),
        (0, ("info", f"out/{_SET}.dataset")),
        (0, ("verify", f"out/{_SET}.flow")),
        (0, ("plan", f"{_SET}.zip")),
        (2, ("trace", f"out/{_SET}.flow", "nothing")),
        (5, ("convert", f"{_SET}.zip", "-o", "out")),
        (4, ("convert", f"no {_SET}.zip", "-o", "new")),
        (2, ("info", f"out/{_SET}.dataset", _SET)),
    ],
    ids=lambda value: value[0] if isinstance(value, tuple) else None,
)
def test_no_control_character_of_a_set_reaches_a_terminal(
    tmp_path: Path, status: int, arguments: tuple[str, ...]
) -> None:
    """An archive that a stranger named gives the set its name: what is printed, errors too, has it with escapes."""
    hostile_zip(tmp_path / f"{_SET}.zip")
    assert run(tmp_path, "convert", f"{_SET}.zip", "-o", "out").status == 3

    done = run(tmp_path, *arguments)

    assert done.status == status, done.said
    assert CONTROL.search(done.said) is None
    assert [line for line in done.said.splitlines() if line.startswith("zarrpack: all is well")] == []
    assert done.said == "" or "ev\\nzarrpack: all is well" in done.said


@given(st.text())
def test_printable_text_has_no_control_characters(text: str) -> None:
    """Whatever the text, what is printed of it can do nothing to a terminal."""
    assert CONTROL.search(printable(text)) is None
    assert "\n" not in printable(text)


def test_names_are_kept_as_bytes_and_as_text(tmp_path: Path) -> None:
    """The bytes are those in the archive, whatever the encoding; the text can always be encoded."""
    source = tmp_path / "a.zip"
    with zipfile.ZipFile(source, "w") as archive:
        for n in range(3):
            archive.writestr(f"{n}XXXX.txt", b"text")
    names = [b"0\xff\xfe\x80a.txt", b"1\x1b\nb\x7f.txt", b"2\xc3\xa4\xc3\xb6.txt"]
    raw = source.read_bytes()
    for n, name in enumerate(names):
        raw = raw.replace(f"{n}XXXX.txt".encode(), name)
    source.write_bytes(raw)

    ledger = pd.read_parquet(zarrpack.convert(source, tmp_path / "out", workers=1).members)

    assert ledger["raw_name"].tolist() == names
    assert ledger["member"].str.encode("utf-8").notna().all()
    assert ledger["member"].is_unique


def test_what_does_not_add_up_is_status_70() -> None:
    """A member that was found and is not accounted for ends the run as a bug of ours; the control passes."""
    with closing(sqlite3.connect(":memory:")) as journal:
        journal.executescript(SCHEMA)
        journal.execute("INSERT INTO members (number, name, state) VALUES (0, 'a', 'stored')")
        check_counts(journal, 1, ConvertOptions())
        with pytest.raises(ConservationError, match="2 members were found, but 1") as caught:
            check_counts(journal, 2, ConvertOptions())

    assert caught.value.exit_status == 70


def test_every_reason_is_documented() -> None:
    """The table in the documentation is the one in the program, word for word."""
    documented = dict(
        re.findall(
            r"^\| `([a-z0-9_]+)` \| (.+?) \|$",
            Path(__file__).parents[2].joinpath("docs/reasons.md").read_text(),
            re.MULTILINE,
        )
    )

    assert documented == REASONS
