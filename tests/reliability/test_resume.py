"""A run that is stopped at any moment and resumed gives what an undisturbed run gives."""

from __future__ import annotations

import os
import random
import signal
import subprocess
from pathlib import Path

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
)

import zarrpack
from zarrpack.errors import OutputRefused, UsageError

OPTIONS = ("--quiet", "--workers", "2", "--items-per-data", "3")


def noted_members(count: int) -> dict[str, bytes]:
    """Give members that the test's own processor reads, beside pictures and records."""
    own = {f"n/{n:03}.n": bytes([n % 256] * (100 + n)) for n in range(count)}
    return own | product_members(8, vary=True)


def write_source(folder: Path, form: str, count: int = 24) -> Path:
    """Write the archive of these tests."""
    if form == "zip":
        return write_zip(folder / "a.zip", noted_members(count))
    return write_tar(folder / "a.tar.gz", noted_members(count), "w:gz")


@pytest.fixture(scope="module")
def faults_library(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Compile the shim once."""
    return build_library(tmp_path_factory.mktemp("shim"), "faults.c")


def test_the_shim_counts_what_a_run_does(tmp_path: Path, faults_library: Path) -> None:
    """The control of all that follows: with the shim and no fault a run does as without it, and has all three calls."""
    source = write_source(tmp_path, "zip")
    faults = Faults(faults_library, tmp_path)
    assert run(tmp_path, "convert", source, "-o", "control", *OPTIONS).status == 0

    counts = {}
    for operation in ("write", "sync", "rename"):
        done = run(
            tmp_path, "convert", source, "-o", "out", *OPTIONS, "--overwrite", extra=faults.extra(operation, 0, "5")
        )
        assert done.status == 0, done.said
        counts[operation] = faults.calls()

    assert outcome(tmp_path / "out") == outcome(tmp_path / "control")
    assert min(counts.values()) > 10


@pytest.mark.slow
@pytest.mark.parametrize("form", ["zip", "tar.gz"])
@pytest.mark.parametrize("operation", ["write", "sync", "rename"])
def test_killed_at_any_call(tmp_path: Path, faults_library: Path, operation: str, form: str) -> None:
    """Whichever process is killed at its n-th call, the resumed run has the same bytes and redoes nothing acknowledged."""
    source = write_source(tmp_path, form)
    options = (*OPTIONS, "--hdf5") if form == "zip" else OPTIONS
    faults = Faults(faults_library, tmp_path)
    assert run(tmp_path, "convert", source, "-o", "out", *options, extra=faults.extra(operation, 0, "5")).status == 0
    control, calls = outcome(tmp_path / "out"), faults.calls()

    for at in spread(calls, COUNT):
        _remove(tmp_path / "out")
        killed = run(tmp_path, "convert", source, "-o", "out", *options, extra=faults.extra(operation, at, "kill"))
        assert killed.status in (-signal.SIGKILL, 70), (at, killed)
        assert outcome_is_legal(tmp_path / "out", control), at
        done = journal_members(tmp_path / "out", "a")
        log = tmp_path / f"log-{at}"
        resumed = run(tmp_path, "convert", source, "-o", "out", *options, "--resume", log=log)
        assert resumed.status == 0, (at, resumed)
        assert outcome(tmp_path / "out") == control, at
        assert sorted(path.name for path in (tmp_path / "out").iterdir() if path.name.startswith(".")) == []
        again = set(log.read_text().splitlines()) if log.exists() else set()
        assert not again & done, at


def outcome_is_legal(out: Path, control: dict[str, bytes]) -> bool:
    """Whether each file under a final name is whole; a set that is not complete has no commit."""
    found = outcome(out) if out.exists() else {}
    complete = "a.flow" in visible(out)
    return all(control[name] == content for name, content in found.items()) and (not complete or found == control)


def _remove(out: Path) -> None:
    subprocess.run(["rm", "-rf", str(out)], check=True)


@pytest.mark.slow
@pytest.mark.parametrize("form", ["zip", "tar.gz"])
def test_killed_at_random_moments_again_and_again(tmp_path: Path, form: str) -> None:
    """Any process, the parent too, killed at random moments until the run is through: the bytes are the control's."""
    source = write_source(tmp_path, form, 60)
    assert run(tmp_path, "convert", source, "-o", "control", *OPTIONS).status == 0
    chance = random.Random(form)
    statuses = []
    for _ in range(COUNT):
        process = start(tmp_path, "convert", source, "-o", "out", *OPTIONS, "--resume", extra=WORK)
        try:
            process.wait(chance.uniform(0.3, 2.5))
        except subprocess.TimeoutExpired:
            _kill_one(process, chance)
        statuses.append(ended(process).status)
    last = run(tmp_path, "convert", source, "-o", "out", *OPTIONS, "--resume")

    assert last.status == 0, last
    assert set(statuses) <= {0, 70, -signal.SIGKILL}
    assert outcome(tmp_path / "out") == outcome(tmp_path / "control")


def _kill_one(process: subprocess.Popen[str], chance: random.Random) -> None:
    """Kill the parent or any process of its run, those of multiprocessing among them."""
    try:
        os.kill(chance.choice([process.pid, *left_of(process)]), signal.SIGKILL)
    except ProcessLookupError:
        return  # it has just ended


def stopped(folder: Path, source: Path, out: str, *options: str) -> None:
    """Leave an unfinished run: the parent is killed when some members are acknowledged."""
    process = start(folder, "convert", source, "-o", out, *OPTIONS, *options, extra=WORK)
    while process.poll() is None and not journal_members(folder / out, "a"):
        pass
    process.kill()
    ended(process)


def test_a_stopped_run_is_not_thrown_away_by_mistake(tmp_path: Path) -> None:
    """Without --resume or --overwrite the command is refused and says how to go on; nothing is lost."""
    source = write_source(tmp_path, "zip", 100)
    stopped(tmp_path, source, "out")

    refused = run(tmp_path, "convert", source, "-o", "out", *OPTIONS)
    resumed = run(tmp_path, "convert", source, "-o", "out", *OPTIONS, "--resume")

    assert refused.status == 5
    assert "--resume" in refused.said
    assert resumed.status == 0, resumed
    assert journal_members(tmp_path / "out", "a") == set()


@pytest.mark.parametrize(
    ("options", "named"),
    [(("--images", "encoded"), "images"), (("--pair", "stem"), "pair"), (("--items-per-data", "4"), "items_per_data")],
)
def test_other_options_are_refused(tmp_path: Path, options: tuple[str, ...], named: str) -> None:
    """Status 2, the option is named with both values, and the unfinished run is still there for the right ones."""
    source = write_source(tmp_path, "zip", 100)
    stopped(tmp_path, source, "out")

    refused = run(tmp_path, "convert", source, "-o", "out", *OPTIONS, *options, "--resume")

    assert refused.status == 2
    assert f"{named} was" in refused.said
    assert run(tmp_path, "convert", source, "-o", "out", *OPTIONS, "--workers", "1", "--resume").status == 0


def test_another_source_is_refused(tmp_path: Path) -> None:
    """An archive that has changed since is not mixed with what was read of the old one."""
    source = write_source(tmp_path, "zip", 100)
    stopped(tmp_path, source, "out")
    write_zip(source, noted_members(99))

    refused = run(tmp_path, "convert", source, "-o", "out", *OPTIONS, "--resume")

    assert refused.status == 2
    assert "sources" in refused.said


def test_a_folder_that_has_changed_is_refused(tmp_path: Path) -> None:
    """A folder has no digest, but its members are compared one by one."""
    source = tmp_path / "a"
    source.mkdir()
    for n in range(100):
        (source / f"{n:03}.n").write_bytes(bytes([n % 256] * 50))
    stopped(tmp_path, source, "out")
    (source / "000.n").write_bytes(b"longer than it was, so that it is another" * 3)

    refused = run(tmp_path, "convert", source, "-o", "out", *OPTIONS, "--resume")

    assert refused.status == 2
    assert "has changed" in refused.said


def test_a_lost_pack_is_made_again(tmp_path: Path) -> None:
    """What the journal says is not believed if the pack has rotted; the result is the control's."""
    source = write_source(tmp_path, "zip", 100)
    assert run(tmp_path, "convert", source, "-o", "control", *OPTIONS).status == 0
    stopped(tmp_path, source, "out")
    packs = sorted((tmp_path / "out" / ".a.partial" / "encoded").glob("*.data"))
    raw = bytearray(packs[0].read_bytes())
    raw[len(raw) // 2] ^= 1
    packs[0].write_bytes(raw)

    resumed = run(tmp_path, "convert", source, "-o", "out", *OPTIONS, "--resume")

    assert resumed.status == 0, resumed
    assert outcome(tmp_path / "out") == outcome(tmp_path / "control")


def test_resume_of_nothing_and_of_everything(tmp_path: Path, products_zip: Path) -> None:
    """With nothing to go on with it is a run like any other; a published set is left as it is, byte for byte."""
    first = zarrpack.convert(products_zip, tmp_path / "out", workers=1, resume=True)
    before = {path.name: (path.read_bytes(), path.stat().st_mtime_ns) for path in (tmp_path / "out").iterdir()}

    second = zarrpack.convert(products_zip, tmp_path / "out", workers=1, resume=True)

    assert {path.name: (path.read_bytes(), path.stat().st_mtime_ns) for path in (tmp_path / "out").iterdir()} == before
    assert (second.counts, second.dataset, second.exit_status) == (first.counts, first.dataset, 0)
    with pytest.raises(UsageError, match="images was"):
        zarrpack.convert(products_zip, tmp_path / "out", workers=1, resume=True, images="encoded")
    with pytest.raises(OutputRefused):
        zarrpack.convert(products_zip, tmp_path / "out", workers=1)


def test_resume_and_overwrite_exclude_each_other(tmp_path: Path, products_zip: Path) -> None:
    """They mean opposite things."""
    with pytest.raises(UsageError, match="not both"):
        zarrpack.convert(products_zip, tmp_path / "out", resume=True, overwrite=True)


def test_strict_given_late_loses_nothing(tmp_path: Path) -> None:
    """A resumed run may be made strict; it then ends at the failure that was there, and what is stored stays."""
    source = write_zip(tmp_path / "a.zip", {"0.json": b"{"} | noted_members(100))
    stopped(tmp_path, source, "out")

    strict = run(tmp_path, "convert", source, "-o", "out", *OPTIONS, "--resume", "--strict")
    resumed = run(tmp_path, "convert", source, "-o", "out", *OPTIONS, "--resume")

    assert strict.status == 3
    assert "so nothing was published" in strict.said
    assert "--resume" in strict.said
    assert resumed.status == 3
    assert "a.flow" in visible(tmp_path / "out")
