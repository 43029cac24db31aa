"""Every fault of contents that docs/reliability-archives.md lists, in one run: each is named, and costs nothing else."""

from __future__ import annotations

import io
import json
import os
import pickle
import struct
import subprocess
import sys
import zipfile
import zlib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from archives import jpeg, picture, png

from zarrpack.storage.data_file import DataFile

LIMITS = {"pixels": 1_000_000, "json_depth": 100, "csv_field_bytes": 5000}


def _png_header(width: int, height: int) -> bytes:
    """Make a PNG that announces a size and has next to no pixels."""
    body = b"IHDR" + struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    parts = [body, b"IDAT" + zlib.compress(bytes(100)), b"IEND"]
    chunks = [struct.pack(">I", len(part) - 4) + part + struct.pack(">I", zlib.crc32(part)) for part in parts]
    return b"\x89PNG\r\n\x1a\n" + b"".join(chunks)


def _encoded(format: str, mode: str = "RGB", **options: Any) -> bytes:
    file = io.BytesIO()
    picture(3).convert(mode).save(file, format, **options)
    return file.getvalue()


def _saved(values: Any, **options: Any) -> bytes:
    file = io.BytesIO()
    np.save(file, values, **options)
    return file.getvalue()


class Canary:
    """Whoever unpickles it leaves a folder behind, named by an environment variable."""

    def __reduce__(self) -> tuple[Any, ...]:
        return (os.mkdir, (CANARY,))


CANARY = "zarrpack-canary-was-unpickled"
_POSTSCRIPT = b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 10 10\n(zarrpack-canary) (w) file\nshowpage\n"
_SVG = b'<svg xmlns="http://www.w3.org/2000/svg"><image href="file:///etc/passwd"/></svg>'
_XML = b'<!DOCTYPE a [<!ENTITY x SYSTEM "file:///etc/passwd">]><a>&x;</a>'

#: Member -> content and (state, reason or None, part of a note or None).
FAULTS: dict[str, tuple[bytes, tuple[str, str | None, str | None]]] = {
    "axes.npy": (_saved(np.zeros((1,) * 33, np.uint8)), ("failed", "refused_dtype", None)),
    "wide.npy": (_saved(np.zeros((0, 2**50))), ("failed", "limit_member_bytes", None)),
    "empty.jpg": (b"", ("failed", "empty", "empty")),
    "empty.json": (b"", ("failed", "empty", "empty")),
    "empty.npy": (b"", ("failed", "empty", "empty")),
    "words.jpg": (b"only words", ("failed", "not_decodable", "type_mismatch")),
    "cut.jpg": (jpeg(1)[:-40], ("failed", "truncated_image", None)),
    "cut-with-end.jpg": (jpeg(1)[:-200] + b"\xff\xd9", ("failed", "truncated_image", None)),
    "cut.png": (png(1)[:-30], ("failed", "truncated_image", None)),
    "crc.png": (png(1)[:60] + bytes([png(1)[60] ^ 1]) + png(1)[61:], ("failed", "not_decodable", None)),
    "bomb.png": (_png_header(60_000, 60_000), ("failed", "limit_pixels", None)),
    "bomb.gif": (
        b"GIF89a\xff\xff\xff\xff\0\0\0" + b",\0\0\0\0\xff\xff\xff\xff\0\2\2L\1\0;",
        ("failed", "limit_pixels", None),
    ),
    "cmyk.jpg": (_encoded("JPEG", "CMYK"), ("stored", None, None)),
    "palette.png": (_encoded("PNG", "P"), ("stored", None, None)),
    "a.eps": (_POSTSCRIPT, ("stored", None, None)),
    "eps.jpg": (_POSTSCRIPT, ("stored", None, "type_mismatch")),
    "a.svg": (_SVG, ("stored", None, None)),
    "a.xml": (_XML, ("stored", None, None)),
    "list.mp4": (b"ffconcat version 1.0\nfile /etc/passwd\n", ("stored", None, "type_mismatch")),
    "deep.json": (b"[" * 5000 + b"]" * 5000, ("failed", "limit_json_depth", None)),
    "deeper.json": (b'{"a":' * 200 + b"1" + b"}" * 200, ("failed", "limit_json_depth", None)),
    "nan.json": (b'{"a": NaN}', ("failed", "invalid_json", None)),
    "infinity.json": (b"[-Infinity]", ("failed", "invalid_json", None)),
    "1e400.json": (b'{"a": 1e400}', ("stored", None, "float_overflow")),
    "1e-400.json": (b'{"a": 1e-400}', ("stored", None, "float_underflow")),
    "commas.tsv": (b"a,b\n1,2\n", ("stored", None, "delimiter:comma")),
    "huge.json": (b'{"a": ' + b"9" * 6000 + b"}", ("stored", None, "int_overflow")),
    "twice.json": (b'{"a": 1, "a": 2}', ("stored", None, "duplicate_key:1")),
    "surrogate.json": (b'{"a": "\\ud800"}', ("stored", None, "bad_unicode")),
    "utf16.json": ('{"a": "é"}'.encode("utf-16"), ("stored", None, None)),
    "latin.json": (b'{"a": "\xe9"}', ("failed", "invalid_text", None)),
    "lines.jsonl": (b'{"a": 1}\n{bad\n{"a": 2}\n', ("stored", None, "bad_line:1 (lines 2)")),
    "ragged.csv": (b"a,b\n1,2\n3\n4,5,6\n", ("stored", None, "ragged_rows:2 (lines 3,4)")),
    "quote.csv": (b'a,b\n1,"open\n2,3\n', ("failed", "invalid_csv", None)),
    "field.csv": (b"a,b\n1," + b"x" * 6000 + b"\n", ("failed", "limit_field_bytes", None)),
    "nul.csv": (b"a,b\n1,\0\n", ("stored", None, None)),
    "formula.csv": (b'a,b\n1,"=cmd|calc"\n', ("stored", None, None)),
    "bytes.txt": (b"words \xff\xfe\x00\x01", ("failed", "invalid_text", None)),
    "latin.txt": (b"gr\xfcn", ("stored", None, None)),
    "objects.npy": (_saved(np.array([Canary()], object), allow_pickle=True), ("failed", "refused_dtype", None)),
    "pickle.npy": (pickle.dumps(Canary()), ("failed", "invalid_array", "type_mismatch")),
    "a.pkl": (pickle.dumps(Canary()), ("stored", None, None)),
    "shape.npy": (
        _saved(np.zeros(2)).replace(b"(2,)", b"(9" + b"9" * 10 + b",)", 1),
        ("failed", "invalid_array", None),
    ),
    "cut.npy": (_saved(np.zeros(100))[:-8], ("failed", "invalid_array", None)),
    "lie.npz": (b"PK\3\4 no zip", ("failed", "invalid_array", None)),
}
CONTROL = {"good.jpg": jpeg(9), "good.json": b'{"a": 1}', "good.csv": b"x,y\n1,2\n", "good.npy": _saved(np.eye(2))}


@dataclass(frozen=True)
class Outcome:
    """The ledger by member, the counts, and the dataset."""

    members: pd.DataFrame
    counts: Mapping[str, int]
    dataset: Path
    folder: Path


# Puts an audit hook into every process of the run: what it opens and starts is written down.
_WATCH = """
import os, sys
def _watch(event, arguments, _log=os.open({log!r}, os.O_WRONLY | os.O_APPEND | os.O_CREAT)):
    if event in ("open", "subprocess.Popen", "os.exec", "os.system", "socket.connect", "os.mkdir"):
        if event != "open" or isinstance(arguments[0], (str, bytes)):
            what = arguments[event == "socket.connect"]
            os.write(_log, (event + chr(9) + repr(what) + chr(10)).encode())
sys.addaudithook(_watch)
"""


@pytest.fixture(scope="module")
def outcome(tmp_path_factory: pytest.TempPathFactory) -> Outcome:
    """Convert all contents together by the command line, watched."""
    folder = tmp_path_factory.mktemp("contents")
    with zipfile.ZipFile(folder / "a.zip", "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in {**{name: one for name, (one, _) in FAULTS.items()}, **CONTROL}.items():
            archive.writestr(name, content)
    (folder / "watch").mkdir()
    (folder / "watch" / "sitecustomize.py").write_text(_WATCH.format(log=str(folder / "log")))
    (folder / "a.json").write_text(json.dumps({"limits": LIMITS}))
    arguments = ["convert", "a.zip", "-o", "out", "--json", "--config", "a.json", "--workers", "2"]
    environment = {**os.environ, "PYTHONPATH": str(folder / "watch")}
    done = subprocess.run(
        [sys.executable, "-m", "zarrpack", *arguments], cwd=folder, env=environment, capture_output=True, check=False
    )
    assert done.returncode == 3, done.stderr
    result = json.loads(done.stdout)
    members = pd.read_parquet(result["members"])
    members = members.assign(notes=members["notes"].fillna(""), reason=members["reason"].fillna("")).set_index("member")
    return Outcome(members, result["counts"], Path(result["dataset"]), folder)


@pytest.mark.parametrize("name", FAULTS)
def test_the_fault_is_named(outcome: Outcome, name: str) -> None:
    """State, reason and note are those of the table."""
    state, reason, note = FAULTS[name][1]
    row = outcome.members.loc[name]

    assert (row["state"], row["reason"]) == (state, reason or "")
    assert note is None or note in str(row["notes"])


def test_the_control_is_whole(outcome: Outcome) -> None:
    """Contents without fault in the same run are stored without a word, and everything adds up."""
    rows = outcome.members.loc[list(CONTROL)]
    counts = outcome.counts

    assert (rows["state"] == "stored").all()
    assert (rows["notes"] == "").all()
    assert counts["members"] == counts["stored"] + counts["skipped"] + counts["failed"] == len(FAULTS) + len(CONTROL)


def test_nothing_was_unpickled(outcome: Outcome) -> None:
    """No canary died; and it would have, had somebody unpickled it."""
    assert list(outcome.folder.rglob(CANARY)) == []

    subprocess.run(
        [sys.executable, "-c", "import pickle, sys; pickle.loads(sys.stdin.buffer.read())"],
        input=pickle.dumps(Canary()),
        cwd=outcome.folder,
        check=True,
    )
    assert (outcome.folder / CANARY).exists()
    (outcome.folder / CANARY).rmdir()


def test_nothing_foreign_was_opened_or_started(outcome: Outcome) -> None:
    """No program was started, no connection made, and no file opened that a content names."""
    events = [line.split("\t", 1) for line in (outcome.folder / "log").read_text().splitlines()]
    opened = [what for event, what in events if event == "open"]
    # The processes of the run talk through sockets that have paths; addresses of the network are tuples.
    others = [(event, what) for event, what in events if event not in ("open", "os.mkdir")]
    others = [(event, what) for event, what in others if event != "socket.connect" or what.startswith("(")]

    assert any("a.zip" in what for what in opened)  # the watch sees
    assert [what for what in opened if "passwd" in what] == []
    assert others == []


def test_bad_lines_are_in_the_dataset(outcome: Outcome) -> None:
    """Those of JSON Lines have rows with their numbers."""
    with DataFile(outcome.dataset) as file:
        assert file.arrays["rejects/line"].read().tolist() == [2]
        assert file.arrays["rejects/content"].read().tolist() == ["{bad"]


def test_numbers_that_fit_nowhere_stay_text(outcome: Outcome) -> None:
    """Never a silent float, never an infinity."""
    with DataFile(outcome.dataset) as file:
        values = set(file.arrays["records/value"].read().tolist())

    assert {"9" * 6000, "1e400"} <= values
