"""Workers that die, hang and swell, signals, a full disk, two runs at once: each costs what it must and nothing else."""

from __future__ import annotations

import ast
import errno
import os
import random
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar

import cloudpickle
import numpy as np
import pandas as pd
import pytest
from archives import product_members, write_tar, write_zip
from runs import (
    COUNT,
    WORK,
    Faults,
    build_library,
    ended,
    journal_members,
    left_of,
    outcome,
    run,
    spread,
    start,
    visible,
    workers_and_writer,
)

import zarrpack
from zarrpack.processors.base import Block, Member, Metadata, Processor
from zarrpack.processors.registry import register, unregister

# The worker processes cannot import a module of the tests: send the classes themselves.
cloudpickle.register_pickle_by_value(sys.modules[__name__])

OPTIONS = ("--quiet", "--workers", "2", "--items-per-data", "3")

#: For runs that are stopped in their middle: alone they would take many seconds.
LONG_WORK = {"WORK": "200000"}


@dataclass(frozen=True)
class Troubled(Processor):
    """Reads ``.t`` members; does what one says."""

    name: ClassVar[str] = "troubled"

    def accepts(self, head: bytes, name: str) -> bool:
        return name.endswith(".t")

    def read(self, member: Member) -> Iterator[Block | Metadata]:
        word = member.read().partition(b" ")[0].decode()
        if word == "loop":
            while True:
                pass
        if word == "sleep":
            time.sleep(1e6)
        if word == "swell":
            bytearray(8 << 30)
        if word in ("finish", "together", "raise"):
            spoil_finish(word)
        yield Block("troubled", "size", ("one",), np.array([len(word)]))
        yield Metadata()


def spoil_finish(word: str) -> None:
    """Let this process die, or raise, when what is left of the batch is encoded."""
    from zarrpack.storage.pack_encoder import PackEncoder

    def finish(encoder: PackEncoder) -> object:
        if word == "raise":
            PackEncoder.finish = original  # type: ignore[method-assign]
            raise RuntimeError("these values cannot be encoded")
        if word == "finish" or encoder.members > 1:
            os.kill(os.getpid(), signal.SIGKILL)
        return original(encoder)

    original = PackEncoder.finish
    PackEncoder.finish = finish  # type: ignore[method-assign, assignment]


@pytest.fixture
def troubled() -> Iterator[None]:
    """Register the processor for one test."""
    register(Troubled())
    yield
    unregister("troubled")


def converted(folder: Path, words: dict[int, str], **options: Any) -> tuple[zarrpack.ConvertResult, dict[str, str]]:
    """Convert 20 members, some of which say a word; give the result and the reasons by name."""
    members = {f"{n:02}.t": words.get(n, "fine").encode() for n in range(20)}
    source = write_zip(folder / "a.zip", members)
    result = zarrpack.convert(source, folder / "out", workers=2, items_per_data=4, **options)
    reasons = pd.read_parquet(result.members).set_index("member")["reason"].dropna()
    return result, {str(name): str(reason) for name, reason in reasons.items()}


@pytest.mark.usefixtures("troubled")
@pytest.mark.parametrize(
    ("words", "limits", "reasons"),
    [
        ({}, {}, {}),
        ({5: "loop"}, {"seconds": 1}, {"05.t": "timeout"}),
        ({5: "sleep", 17: "sleep"}, {"wall_seconds": 1}, {"05.t": "timeout", "17.t": "timeout"}),
        ({5: "swell"}, {"memory_bytes": 2 << 30}, {"05.t": "limit_memory"}),
        ({5: "finish"}, {}, {"05.t": "worker_died"}),
        ({5: "raise"}, {}, {"05.t": "processor_error"}),
        ({5: "together"}, {}, {f"{n:02}.t": "worker_died" for n in range(4, 8)}),
    ],
)
def test_trouble_costs_the_member_that_makes_it(
    tmp_path: Path, words: dict[int, str], limits: dict[str, int], reasons: dict[str, str]
) -> None:
    """Looping, sleeping, swelling, dying at the end of a batch: the member is named, every other one is stored."""
    result, found = converted(tmp_path, words, limits=limits)

    assert found == reasons
    assert result.counts["stored"] == 20 - len(reasons)
    assert result.counts["members"] == 20


@pytest.mark.usefixtures("troubled")
def test_a_replaced_worker_leaves_a_note(tmp_path: Path) -> None:
    """What happened to processes is told, with the signal and the member; an undisturbed run has no such note."""
    calm, _ = converted(tmp_path, {})
    (tmp_path / "x").mkdir()
    disturbed, _ = converted(tmp_path / "x", {5: "sleep"}, limits={"wall_seconds": 1})

    assert not [note for note in calm.notes if "worker process" in note]
    assert "a worker process ended (SIGKILL) while it read 05.t, and was replaced" in disturbed.notes


def many_members(count: int) -> dict[str, bytes]:
    """Give members that the runs' own processor reads, beside pictures."""
    return {f"n/{n:03}.n": bytes([n % 256] * (100 + n)) for n in range(count)} | product_members(8, vary=True)


def until_acknowledged(process: subprocess.Popen[str], out: Path) -> None:
    """Wait until the run has acknowledged a member, or has ended."""
    while process.poll() is None and not journal_members(out, "a"):
        pass


@pytest.mark.slow
def test_workers_killed_at_random(tmp_path: Path) -> None:
    """Kill -9 of random workers: no hang, every member accounted for, and all stored but those that were hit twice."""
    source = write_zip(tmp_path / "a.zip", many_members(150))
    control = run(tmp_path, "convert", source, "-o", "control", *OPTIONS)
    assert control.status == 0
    chance = random.Random(1)
    killed = 0
    for number in range(max(1, COUNT // 2)):
        process = start(tmp_path, "convert", source, "-o", f"out{number}", *OPTIONS, extra=WORK)
        until_acknowledged(process, tmp_path / f"out{number}")
        for worker in workers_and_writer(process)[:-1]:
            if chance.random() < 0.7:
                try:
                    os.kill(worker, signal.SIGKILL)
                    killed += 1
                except ProcessLookupError:
                    continue
        done = ended(process)
        assert done.status == 0, done
        assert outcome(tmp_path / f"out{number}") == outcome(tmp_path / "control")
    assert killed


@pytest.mark.parametrize(
    ("number", "status"),
    [(signal.SIGINT, 130), (signal.SIGTERM, 143), (signal.SIGHUP, 129)],
    ids=["int", "term", "hup"],
)
@pytest.mark.parametrize("whole_group", [False, True])
def test_signals_stop_a_run_that_can_be_resumed(tmp_path: Path, number: int, status: int, whole_group: bool) -> None:
    """The status says which, the message how to go on, no process stays, and the resumed run has the control's bytes."""
    source = write_zip(tmp_path / "a.zip", many_members(150))
    assert run(tmp_path, "convert", source, "-o", "control", *OPTIONS).status == 0
    process = start(tmp_path, "convert", source, "-o", "out", *OPTIONS, extra=LONG_WORK)
    until_acknowledged(process, tmp_path / "out")

    (os.killpg if whole_group else os.kill)(process.pid, number)
    stopped = ended(process)

    assert stopped.status == status, stopped
    assert "--resume" in stopped.said
    assert "Traceback" not in stopped.said
    assert visible(tmp_path / "out") == []
    deadline = time.monotonic() + 30
    while left_of(process) and time.monotonic() < deadline:
        pass  # multiprocessing's own processes end when they see that the parent has
    assert left_of(process) == []
    assert run(tmp_path, "convert", source, "-o", "out", *OPTIONS, "--resume").status == 0
    assert outcome(tmp_path / "out") == outcome(tmp_path / "control")


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_second_signal_stops_at_once(tmp_path: Path, number: int) -> None:
    """Nothing damaged is published, and the run can be resumed."""
    source = write_zip(tmp_path / "a.zip", many_members(150))
    process = start(tmp_path, "convert", source, "-o", "out", *OPTIONS, extra=LONG_WORK)
    until_acknowledged(process, tmp_path / "out")

    for _ in range(2):
        process.send_signal(number)
    stopped = ended(process)

    assert stopped.status in (128 + number, -number)
    assert visible(tmp_path / "out") == []
    assert run(tmp_path, "convert", source, "-o", "out", *OPTIONS, "--resume").status == 0


def test_a_second_run_is_refused_at_once(tmp_path: Path) -> None:
    """Status 5 while the first is at it; the first is not disturbed, and a third is refused for its files."""
    source = write_zip(tmp_path / "a.zip", many_members(150))
    first = start(tmp_path, "convert", source, "-o", "out", *OPTIONS, extra=WORK)
    until_acknowledged(first, tmp_path / "out")
    first.send_signal(signal.SIGSTOP)  # so that it does not end meanwhile
    second = [
        run(tmp_path, "convert", source, "-o", "out", *OPTIONS, *more) for more in ((), ("--resume",), ("--overwrite",))
    ]
    first.send_signal(signal.SIGCONT)

    assert ended(first).status == 0
    assert [one.status for one in second] == [5, 5, 5]
    assert all("another run" in one.said for one in second)


@pytest.mark.skipif(sys.platform != "linux", reason="finds processes by ps")
def test_a_writer_that_stands_still_holds_the_run(tmp_path: Path) -> None:
    """Queues fill up and workers wait; nothing is lost when the writer goes on, and the parent has not swollen."""
    source = write_zip(tmp_path / "a.zip", {f"{n:03}.n": os.urandom(200_000) for n in range(200)})
    assert run(tmp_path, "convert", source, "-o", "control", *OPTIONS).status == 0
    log = tmp_path / "log-held"
    process = start(tmp_path, "convert", source, "-o", "out", *OPTIONS, log=log, extra=WORK)
    while process.poll() is None and not log.exists():
        pass
    writer = workers_and_writer(process)[-1]

    os.kill(writer, signal.SIGSTOP)
    with pytest.raises(subprocess.TimeoutExpired):
        process.wait(3)
    read = len(log.read_text().splitlines())
    os.kill(writer, signal.SIGCONT)

    assert read < 200
    assert ended(process).status == 0
    assert outcome(tmp_path / "out") == outcome(tmp_path / "control")


@pytest.fixture(scope="module")
def faults_library(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Compile the shim once."""
    return build_library(tmp_path_factory.mktemp("shim"), "faults.c")


@pytest.mark.slow
@pytest.mark.parametrize("operation", ["write", "sync", "rename"])
@pytest.mark.parametrize(("code", "stays"), [(errno.EIO, False), (errno.ENOSPC, True)], ids=["once", "full disk"])
def test_any_call_may_fail(tmp_path: Path, faults_library: Path, operation: str, code: int, stays: bool) -> None:
    """The n-th write, sync or rename fails, once or from then on: status 5 unless it does not matter, and resuming works."""
    source = write_tar(tmp_path / "a.tar.gz", many_members(24), "w:gz")
    faults = Faults(faults_library, tmp_path)
    assert run(tmp_path, "convert", source, "-o", "out", *OPTIONS, extra=faults.extra(operation, 0, "5")).status == 0
    control, calls = outcome(tmp_path / "out"), faults.calls()

    refused = 0
    for at in spread(calls, COUNT):
        subprocess.run(["rm", "-rf", str(tmp_path / "out")], check=True)
        extra = faults.extra(operation, at, str(code), stays=stays)
        failed = run(tmp_path, "convert", source, "-o", "out", *OPTIONS, extra=extra)
        found = outcome(tmp_path / "out") if (tmp_path / "out").exists() else {}
        assert "Traceback" not in failed.said
        if failed.status == 0:  # a call that does not matter, such as those by which SQLite tidies up
            assert found == control, at
            continue
        refused += 1
        assert failed.status == 5, (at, failed)
        assert "nothing was published" in failed.said
        assert all(control[name] == content for name, content in found.items()), at
        assert "a.flow" not in visible(tmp_path / "out"), at
        resumed = run(tmp_path, "convert", source, "-o", "out", *OPTIONS, "--resume")
        assert resumed.status == 0, (at, resumed)
        assert outcome(tmp_path / "out") == control, at
    assert refused


@pytest.mark.slow
@pytest.mark.skipif(sys.platform != "linux" or os.geteuid() != 0, reason="mounts a small file system")
def test_a_disk_that_is_too_small(tmp_path: Path) -> None:
    """On real file systems of all sizes: status 5, or the whole set; after space was made the run is resumed."""
    source = write_zip(tmp_path / "a.zip", {f"{n:03}.n": os.urandom(9_000) for n in range(60)})
    assert run(tmp_path, "convert", source, "-o", "control", *OPTIONS).status == 0
    mounted = tmp_path / "small"
    mounted.mkdir()
    statuses = set()
    for kilobytes in spread(2600, COUNT):
        mount = ["mount", "-t", "tmpfs", "-o", f"size={kilobytes}k", "tmpfs", str(mounted)]
        if subprocess.run(mount, capture_output=True, check=False).returncode:
            pytest.skip("may not mount a file system")
        try:
            failed = run(tmp_path, "convert", source, "-o", mounted / "out", *OPTIONS)
            statuses.add(failed.status)
            assert failed.status in (0, 5), failed
            assert "Traceback" not in failed.said
            if failed.status:
                assert visible(mounted / "out") == []
                subprocess.run(["mount", "-o", "remount,size=64m", str(mounted)], check=True)
                assert run(tmp_path, "convert", source, "-o", mounted / "out", *OPTIONS, "--resume").status == 0
            assert outcome(mounted / "out") == outcome(tmp_path / "control"), kilobytes
        finally:
            subprocess.run(["umount", str(mounted)], check=True)
    assert 5 in statuses


def test_an_output_that_cannot_be_written(tmp_path: Path, products_zip: Path) -> None:
    """Status 5 before a byte of the source's members is read."""
    for out in (Path("/proc/out"), products_zip / "out"):
        done = run(tmp_path, "convert", products_zip, "-o", out)
        assert done.status == 5, done
        assert "Traceback" not in done.said


def test_no_decision_asks_the_wall_clock() -> None:
    """A clock that is set while a run goes on does no harm: nobody looks at it, but for saying when something was written."""
    root = Path(__file__).parents[2]
    modules = [
        path for folder in ("core", "converters", "processors", "storage") for path in (root / folder).rglob("*.py")
    ]
    calls = [
        f"{path.name}: {ast.unparse(node.func)}"
        for path in modules
        for node in ast.walk(ast.parse(path.read_text()))
        if isinstance(node, ast.Call)
        and ast.unparse(node.func) in ("time.time", "datetime.now", "datetime.datetime.now")
    ]

    assert len(modules) > 100
    assert sorted(calls) == [f"{name}.py: datetime.datetime.now" for name in ("health", "manifest", "writing")]
