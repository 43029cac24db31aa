"""Files of strangers through the whole command: nothing hangs, nothing is raised, and every total adds up."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

CORPUS = Path(os.environ.get("ZARRPACK_CORPUS", Path(__file__).parents[3] / "shared" / "corpus"))
FOLDERS = ("csv", "exif", "json", "png", "slip", "tar", "zip", "zip-go")
#: Every so manieth file goes through a run of its own; 1 takes half an hour.
STEP = int(os.environ.get("ZARRPACK_CORPUS_STEP", "25"))
MOST_SECONDS = 300
MOST_PARENT_BYTES = 512 << 20

# Runs the command in this process, and says on its last line how much memory it took at the most, in bytes.
_PROGRAM = """
import sys
from zarrpack.converters.commands.main import run
if __name__ == "__main__":
    status = run(sys.argv[1:])
    # Not ru_maxrss, in which the process that started this one counts too.
    (most,) = (line.split()[1] for line in open("/proc/self/status") if line.startswith("VmHWM:"))
    print(int(most) * 1024, file=sys.stderr)
    sys.exit(status)
"""


@dataclass(frozen=True)
class Run:
    """A run: its status, what it printed as JSON (None: nothing), its errors, its peak memory, and the ledger."""

    status: int
    printed: Any
    said: str
    peak_bytes: int
    members: pd.DataFrame


def convert(folder: Path, sources: Sequence[Path], *options: str) -> Run:
    """Run ``zarrpack convert --json`` on sources and read what came of it."""
    program = folder / "program.py"
    program.write_text(_PROGRAM)
    out = folder / "out"
    command = [
        sys.executable,
        program,
        "convert",
        *sources,
        "-o",
        out,
        "--name",
        "a",
        "--json",
        "--overwrite",
        *options,
    ]
    done = subprocess.run(list(map(str, command)), capture_output=True, timeout=MOST_SECONDS, cwd=folder, check=False)
    *said, peak = done.stderr.decode().splitlines()
    ledger = out / "a.members.parquet"
    members = pd.read_parquet(ledger) if ledger.exists() else pd.DataFrame()
    return Run(done.returncode, json.loads(done.stdout) if done.stdout else None, "\n".join(said), int(peak), members)


def files_of(folder: str) -> list[Path]:
    """Give the files of a folder of the corpus; skip the test where it is absent."""
    if not (CORPUS / folder).is_dir():
        pytest.skip(f"the corpus {folder!r} is not here; ZARRPACK_CORPUS may name its folder")
    return sorted(path for path in (CORPUS / folder).rglob("*") if path.is_file())


def check_sound(run: Run) -> None:
    """A run may say what it likes about the files, but not a traceback, and what it found must add up."""
    assert run.status in (0, 3, 4), run.said
    assert "Traceback" not in run.said
    assert run.peak_bytes < MOST_PARENT_BYTES
    if run.status == 4:
        assert run.printed is None
        return
    counts = run.printed["counts"]
    assert counts["members"] == counts["stored"] + counts["skipped"] + counts["failed"] == len(run.members)
    assert run.members["state"].value_counts().to_dict() == {
        state: counts[state] for state in ("stored", "skipped", "failed") if counts[state]
    }
    assert run.members.loc[run.members["state"] != "stored", "reason"].notna().all()


@pytest.mark.parametrize("folder", FOLDERS)
def test_every_file_goes_through(tmp_path: Path, folder: str) -> None:
    """All files of a folder as sources of one run, with archives inside archives and salvage."""
    run = convert(tmp_path, files_of(folder), "--nested", "2", "--salvage")

    check_sound(run)
    assert run.printed["counts"]["stored"] > 0


@pytest.mark.slow
@pytest.mark.parametrize("folder", FOLDERS)
def test_every_file_goes_through_on_its_own(tmp_path: Path, folder: str) -> None:
    """Each file (of every so many) as the only source of a run of its own."""
    for path in files_of(folder)[::STEP]:
        check_sound(convert(tmp_path, [path], "--workers", "1"))


def test_json_is_judged_as_its_names_say(tmp_path: Path) -> None:
    """All 95 of y_* are stored, all 188 of n_* fail with a reason; of i_* either is right."""
    run = convert(tmp_path, files_of("json"))
    states = dict(zip(run.members["member"], run.members["state"], strict=True))
    accepted = {name for name, state in states.items() if state == "stored"}

    assert sum(name.startswith("y_") for name in states) == 95
    assert sum(name.startswith("n_") for name in states) == 188
    assert [name for name in states if name.startswith("y_") and name not in accepted] == []
    assert [name for name in states if name.startswith("n_") and name in accepted] == []


def test_what_others_call_a_failure_is_named(tmp_path: Path) -> None:
    """Each zip that another reader refuses has a member that failed, a finding, or a note on its name."""
    paths = [path for path in files_of("zip") if not path.name.startswith("success")]
    run = convert(tmp_path, paths)
    noted = run.members[run.members["notes"].fillna("").str.contains("unsafe_name|name_")]
    named = {
        *run.members.loc[run.members["state"] == "failed", "archive"],
        *(finding["archive"] for finding in run.printed["findings"]),
        *noted["archive"],
    }

    assert len(paths) > 20
    assert [path.name for path in paths if path.name not in named] == []


def test_what_others_read_is_read(tmp_path: Path) -> None:
    """The control: of the zips that they call good, only what is encrypted, of an unknown method, or of two names fails."""
    paths = [path for path in files_of("zip") if path.name.startswith("success")]
    run = convert(tmp_path, paths)

    failed = run.members[run.members["state"] == "failed"]
    two_names = failed["archive"] == "success__sloppy-filenames.zip"
    assert set(failed.loc[~two_names, "reason"]) <= {"encrypted", "unsupported_method"}
    assert set(failed.loc[two_names, "reason"]) == {"header_damaged"}
    assert (run.members["state"] == "stored").sum() > 20


def test_broken_pictures_fail_and_the_others_do_not(tmp_path: Path) -> None:
    """PngSuite's names that begin with x are broken, all others are pictures."""
    run = convert(tmp_path, [path for path in files_of("png") if path.suffix == ".png"])
    states = run.members.set_index("member")["state"]

    broken = states.index.str.startswith("x")
    assert (states[broken] == "failed").all()
    assert (states[~broken] == "stored").all()
    assert broken.sum() >= 12


def test_the_check_sees_what_is_lost(tmp_path: Path) -> None:
    """A ledger that lacks a row does not pass."""
    source = tmp_path / "a.txt"
    source.write_text("words")
    run = convert(tmp_path, [source])
    check_sound(run)

    with pytest.raises(AssertionError):
        check_sound(Run(run.status, run.printed, run.said, run.peak_bytes, run.members.iloc[:0]))
