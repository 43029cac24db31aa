"""Whole runs as processes of their own, what they leave, and faults in them."""

from __future__ import annotations

import os
import shutil
import signal
import sqlite3
import struct
import subprocess
import sys
from collections.abc import Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

import pandas as pd
import pytest

__all__ = [
    "COUNT",
    "WORK",
    "Faults",
    "Run",
    "build_library",
    "ended",
    "environment",
    "journal_members",
    "left_of",
    "outcome",
    "run",
    "spread",
    "start",
    "visible",
    "workers_and_writer",
]

#: How often random faults are tried; docs/reliability.md says how the long runs are started.
COUNT = int(os.environ.get("ZARRPACK_FAULTS", "3"))

#: The environment in which each member takes some hundredths of a second, so that a run can be met in its middle.
WORK = {"WORK": "20000"}

# A shell that starts the tests in the background lets them ignore Ctrl-C, and a run would inherit that.
if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)

_PROGRAM = """
import hashlib, os, sys
from dataclasses import dataclass
from typing import ClassVar
import numpy as np

from zarrpack.processors.base import Block, Metadata, Processor
from zarrpack.processors.registry import register

@dataclass(frozen=True)
class Noted(Processor):
    name: ClassVar[str] = "noted"
    log: str

    def accepts(self, head, name):
        return name.endswith(".n")

    def read(self, member):
        content = member.read()
        hashlib.pbkdf2_hmac("sha256", content, b"", int(os.environ.get("WORK", "1")))
        with open(self.log, "a") as log:
            log.write(member.name + chr(10))
        yield Block("noted", "value", ("row",), np.frombuffer(content, np.uint8).copy())
        yield Metadata({"first": int(content[0])})

if __name__ == "__main__":
    from zarrpack.converters.commands.main import run
    register(Noted(sys.argv[1]))
    sys.exit(run(sys.argv[2:]))
"""


@dataclass(frozen=True, slots=True)
class Run:
    """How a run ended."""

    status: int
    said: str


def environment(extra: Mapping[str, str] | None = None) -> dict[str, str]:
    """Give the environment of a run."""
    return {**os.environ, "PYTHONWARNINGS": "default", **(extra or {})}


def start(
    folder: Path, *arguments: object, extra: Mapping[str, str] | None = None, log: Path | None = None
) -> subprocess.Popen[str]:
    """Start the command line in a session of its own; `log` gets the name of each member that is read."""
    program = folder / "program.py"
    if not program.exists():
        program.write_text(_PROGRAM)
    command = [sys.executable, str(program), str(log or folder / "log"), *map(str, arguments)]
    return subprocess.Popen(
        command,
        cwd=folder,
        env=environment(extra),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        start_new_session=True,
    )


def ended(process: subprocess.Popen[str]) -> Run:
    """Wait for a run. No process of it may be left after two minutes."""
    try:
        said, _ = process.communicate(timeout=120)
    except subprocess.TimeoutExpired:
        os.killpg(process.pid, signal.SIGKILL)
        raise
    return Run(process.returncode, said)


def run(folder: Path, *arguments: object, extra: Mapping[str, str] | None = None, log: Path | None = None) -> Run:
    """Run the command line to its end."""
    return ended(start(folder, *arguments, extra=extra, log=log))


def outcome(out: Path) -> dict[str, bytes]:
    """Give the bytes of every file that must not differ between equal runs; the ledger without its seconds."""
    found = {}
    for path in sorted(out.iterdir()):
        if path.suffix in (".dataset", ".infoset", ".attribset", ".h5"):
            found[path.name] = path.read_bytes()
        elif path.name.endswith(".members.parquet"):
            found[path.name] = pd.read_parquet(path).drop(columns="seconds").to_json().encode()
    return found


def journal_members(out: Path, name: str) -> set[str]:
    """Give the names of the members that an unfinished run has acknowledged."""
    path = out / f".{name}.partial" / "journal.sqlite"
    if not path.exists():
        return set()
    with closing(sqlite3.connect(path)) as journal:
        try:
            return {name for (name,) in journal.execute("SELECT name FROM members")}
        except sqlite3.DatabaseError:
            return set()


def visible(out: Path) -> list[str]:
    """Name the files of an output folder that a user sees."""
    return sorted(path.name for path in out.iterdir() if not path.name.startswith(".")) if out.exists() else []


def left_of(process: subprocess.Popen[str]) -> list[int]:
    """Give the processes of a run that are there still, in the order in which they were started."""
    command = ["ps", "-o", "pid=,stat=", "-s", str(process.pid)]
    found = subprocess.run(command, capture_output=True, text=True, check=False)
    return sorted(int(line.split()[0]) for line in found.stdout.splitlines() if "Z" not in line.split()[1])


def workers_and_writer(process: subprocess.Popen[str]) -> list[int]:
    """Give a run's workers and, last, its writer; in front of them are the parent and multiprocessing's own processes."""
    found = []
    for number in left_of(process):
        try:
            parent = int(Path(f"/proc/{number}/stat").read_text().rpartition(")")[2].split()[1])
            command = Path(f"/proc/{number}/cmdline").read_text()
        except (OSError, IndexError):
            continue  # it has just ended
        is_forked = "forkserver" in command and parent != process.pid
        if is_forked or "spawn_main" in command:
            found.append(number)
    return found


def build_library(folder: Path, source: str) -> Path:
    """Compile a shim of the folder ``reliability``; skips the test where that cannot be done."""
    compiler = shutil.which("cc")
    if sys.platform != "linux" or compiler is None:
        pytest.skip("needs Linux and a C compiler")
    library = folder / Path(source).with_suffix(".so")
    path = Path(__file__).parent / "reliability" / source
    subprocess.run([compiler, "-shared", "-fPIC", "-O1", "-o", str(library), str(path), "-ldl"], check=True)
    return library


@dataclass(frozen=True, slots=True)
class Faults:
    """The shim, ready for a run."""

    library: Path
    folder: Path

    def extra(self, operation: str, at: int, how: str, *, stays: bool = False) -> dict[str, str]:
        """Give the environment in which call number `at` fails; 0: none does, they are counted."""
        counter = self.folder / "counter"
        counter.write_bytes(bytes(8))
        settings = {
            "LD_PRELOAD": str(self.library),
            "FAULT_DIR": str(self.folder / "out"),
            "FAULT_OP": operation,
            "FAULT_AT": str(at),
            "FAULT_HOW": how,
            "FAULT_COUNTER": str(counter),
        }
        return settings | ({"FAULT_STAYS": "1"} if stays else {})

    def calls(self) -> int:
        """Give how many calls there were since :meth:`extra`."""
        (count,) = struct.unpack("q", (self.folder / "counter").read_bytes())
        return int(count)


def spread(last: int, count: int) -> Sequence[int]:
    """Give about `count` whole numbers from 1 to `last`, evenly; all of them if there are no more."""
    return sorted({1 + round(step * (last - 1) / max(1, count - 1)) for step in range(min(count, last))})
