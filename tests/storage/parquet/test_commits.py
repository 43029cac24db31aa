"""Commits: modes that never lose rows, many writers, writers that are killed, readers meanwhile."""

from __future__ import annotations

import subprocess
import sys
import threading
from pathlib import Path

import pyarrow as pa
import pytest
from market_rows import SIX, files, klines, plain, small

from zarrpack.errors import OutputRefused, UsageError
from zarrpack.storage.parquet import ParquetDatasetManager
from zarrpack.storage.parquet.writing import WriteMode

PDM = ParquetDatasetManager()


def values(base: Path) -> list[int]:
    """Give the values of a dataset in its order."""
    found: list[int] = PDM.scan_dataset(base, columns=["v"], to_pandas=False).column("v").to_pylist()
    return found


def test_3000_and_100_are_3100(tmp_path: Path) -> None:
    """A second write into the same partitions adds its rows."""
    PDM.write_partitioned_dataset(klines(3000), tmp_path, ["symbol", "year"], "unified")
    PDM.write_partitioned_dataset(klines(100, first=3000), tmp_path, ["symbol", "year"], "unified")

    assert PDM.scan_dataset(tmp_path)["close"].tolist() == klines(3100)["close"].tolist()
    assert plain(tmp_path).num_rows == 3100


def test_modes(tmp_path: Path) -> None:
    """append keeps all, overwrite_partitions replaces those that are written, overwrite all, error refuses."""
    both = pa.concat_tables([small([1, 2], "a"), small([3], "b")])
    PDM.write_partitioned_dataset(both, tmp_path, ["k"], mode="error")
    with pytest.raises(OutputRefused, match="found one with 3 rows"):
        PDM.write_partitioned_dataset(both, tmp_path, ["k"], mode="error")
    PDM.write_partitioned_dataset(small([4], "b"), tmp_path, ["k"])
    assert sorted(values(tmp_path)) == [1, 2, 3, 4]
    PDM.write_partitioned_dataset(small([5], "b"), tmp_path, ["k"], mode="overwrite_partitions")
    assert sorted(values(tmp_path)) == [1, 2, 5]
    assert len(files(tmp_path)) == 2
    PDM.write_partitioned_dataset(pa.table({"z": [6], "v": ["new"]}), tmp_path, ["z"], mode="overwrite")
    assert PDM.scan_dataset(tmp_path, to_pandas=False).to_pylist() == [{"z": 6, "v": "new"}]
    assert [path.rpartition("/")[0] for path in files(tmp_path)] == ["z=6"]
    with pytest.raises(UsageError, match="mode: expected one of append"):
        PDM.write_partitioned_dataset(both, tmp_path, ["k"], mode="replace")  # type: ignore[arg-type]
    assert not list((tmp_path / "_zarrpack").glob("pending*"))


def test_trees_without_a_manifest(tmp_path: Path) -> None:
    """update_manifest=False adds files to a plain tree; where there is a manifest it would hide them, and is refused."""
    PDM.write_partitioned_dataset(small([1]), tmp_path / "d", ["k"], update_manifest=False)
    PDM.write_partitioned_dataset(small([2]), tmp_path / "d", ["k"], update_manifest=False)

    assert sorted(values(tmp_path / "d")) == [1, 2]
    assert sorted(path.name for path in (tmp_path / "d").iterdir()) == ["k=a"]
    modes: list[WriteMode] = ["overwrite", "overwrite_partitions"]
    for mode in modes:
        with pytest.raises(UsageError, match="append or error"):
            PDM.write_partitioned_dataset(small([2]), tmp_path / "d", ["k"], update_manifest=False, mode=mode)
    PDM.update_manifest(tmp_path / "d")
    with pytest.raises(UsageError, match="update_manifest=True"):
        PDM.write_partitioned_dataset(small([2]), tmp_path / "d", ["k"], update_manifest=False)


def test_twenty_writers_in_turn(tmp_path: Path) -> None:
    """No row is lost, in the same partition."""
    for number in range(20):
        PDM.write_partitioned_dataset(small([2 * number, 2 * number + 1]), tmp_path, ["k"])

    assert values(tmp_path) == list(range(40))
    assert PDM.check_dataset(tmp_path, digests=True).is_sound


WRITER = """
import sys
import pyarrow as pa
from zarrpack.storage.parquet import ParquetDatasetManager
first = int(sys.argv[2])
for number in range(first, first + 6):
    rows = pa.table({"k": ["a", "b"], "v": [number, number]})
    ParquetDatasetManager().write_partitioned_dataset(rows, sys.argv[1], ["k"])
"""


def test_two_processes_at_once(tmp_path: Path) -> None:
    """Both begin with nothing there, and neither's rows are lost."""
    base = tmp_path / "d"
    running = [subprocess.Popen([sys.executable, "-c", WRITER, str(base), first]) for first in ("0", "6")]

    assert [one.wait(120) for one in running] == [0, 0]
    assert sorted(values(base)) == sorted([*range(12), *range(12)])
    assert PDM.check_dataset(base, digests=True).is_sound
    assert len(files(base)) == 24


def test_threads_at_once(tmp_path: Path) -> None:
    """Several threads of one process write and compact at the same time."""
    errors: list[Exception] = []

    def work(first: int) -> None:
        try:
            for number in range(first, first + 4):
                PDM.write_partitioned_dataset(small([number]), tmp_path, ["k"])
        except Exception as error:  # noqa: BLE001 - shown by the assertion
            errors.append(error)

    threads = [threading.Thread(target=work, args=(first,)) for first in (0, 10, 20)]
    for one in threads:
        one.start()
    for one in threads:
        one.join()

    assert errors == []
    assert sorted(values(tmp_path)) == [*range(4), *range(10, 14), *range(20, 24)]


def test_a_reader_keeps_what_it_reads(tmp_path: Path) -> None:
    """A scan that has begun gives the old rows to its end, though a commit replaces them; then their files go."""
    for number in range(3):
        PDM.write_partitioned_dataset(pa.table({"v": [number] * 100}), tmp_path, [])
    batches = PDM.scan_batches(tmp_path, batch_size=100)
    first = next(batches)
    PDM.write_partitioned_dataset(pa.table({"v": [9]}), tmp_path, [], mode="overwrite")

    assert values(tmp_path) == [9]
    assert PDM.check_dataset(tmp_path).is_sound
    assert len(files(tmp_path)) == 4
    PDM.update_manifest(tmp_path)
    assert values(tmp_path) == [9]
    assert [first.column("v")[0].as_py(), *(batch.column("v")[0].as_py() for batch in batches)] == [0, 1, 2]
    PDM.write_partitioned_dataset(pa.table({"v": [10]}), tmp_path, [])
    assert len(files(tmp_path)) == 2
    assert values(tmp_path) == [9, 10]


def test_a_failing_stream_leaves_nothing(tmp_path: Path) -> None:
    """Neither rows nor files, in a new dataset or an old one."""

    def broken() -> object:
        yield small([1])
        raise RuntimeError("the source broke")

    for base in (tmp_path / "new", tmp_path / "old"):
        if base.name == "old":
            PDM.write_partitioned_dataset(small([0]), base, ["k"])
        with pytest.raises(RuntimeError, match="the source broke"):
            PDM.write_partitioned_dataset(broken(), base, ["k"], mode="overwrite")
    assert values(tmp_path / "old") == [0]
    assert not (tmp_path / "new").exists()
    assert not list((tmp_path / "old/_zarrpack/staging").iterdir())


# Runs a write again and again, each time ending the process one step later, as SIGKILL would: no clean-up runs.
KILLER = """
import os, shutil, sys
from pathlib import Path
import pyarrow as pa
from zarrpack.storage.parquet import ParquetDatasetManager

folder, act = Path(sys.argv[1]), sys.argv[2]
PDM = ParquetDatasetManager()
OLD, NEW = [1, 2, 3], {"append": [1, 2, 3, 9], "overwrite": [9], "compact": [1, 2, 3]}[act]

def prepare(base):
    for number in OLD:
        PDM.write_partitioned_dataset(pa.table({"k": ["a"], "v": [number]}), base, ["k"], use_threads=False)

def change(base):
    if act == "compact":
        PDM.compact_dataset(base)
    else:
        rows = pa.table({"k": ["a"], "v": [9]})
        PDM.write_partitioned_dataset(rows, base, ["k"], mode=act, use_threads=False)

def values(base):
    batches = PDM.scan_batches(base, columns=["v"], use_threads=False)
    return sorted(value for batch in batches for value in batch.column("v").to_pylist())

def killed_after(base, steps):
    left = [steps]
    def counting(function):
        def counted(*arguments, **named):
            left[0] -= 1
            if left[0] < 0:
                os._exit(9)
            return function(*arguments, **named)
        return counted
    for name in ("replace", "fsync", "unlink", "mkdir", "rmdir", "open"):
        setattr(os, name, counting(getattr(os, name)))
    change(base)
    os._exit(0)

def in_child(function, *arguments):
    child = os.fork()
    if child == 0:
        try:
            function(*arguments)
        except BaseException as error:
            print(repr(error), flush=True)
            os._exit(1)
        os._exit(0)
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])

def verify(base, steps):
    found = values(base)
    assert found in (OLD, NEW), (steps, found)
    PDM.write_partitioned_dataset(pa.table({"k": ["b"], "v": [50]}), base, ["k"], use_threads=False)
    assert values(base) == sorted([*found, 50]), (steps, values(base))
    health = PDM.check_dataset(base, digests=True)
    assert health.is_sound, (steps, health)
    left = [path.name for path in (base / "_zarrpack").rglob("*")]
    assert not [name for name in left if "pending" in name or name.endswith((".tmp", ".parquet"))], (steps, left)
    Path(folder, "seen").open("a").write("new " if found == NEW else "old ")

template = folder / "template"
assert in_child(prepare, template) == 0
for steps in range(0, 500, int(sys.argv[3])):
    base = folder / str(steps)
    shutil.copytree(template, base)
    status = in_child(killed_after, base, steps)
    assert status in (0, 9), status
    assert in_child(verify, base, steps) == 0, steps
    shutil.rmtree(base)
    if status == 0:
        print("steps", steps)
        break
"""


@pytest.mark.skipif(sys.platform == "win32", reason="needs fork")
@pytest.mark.parametrize("act", ["append", "overwrite", "compact"])
def test_a_kill_at_any_point_leaves_old_or_new(tmp_path: Path, act: str) -> None:
    """Before each of its system calls a writer dies; readers see one of the two states, and the next write tidies up."""
    done = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", KILLER, str(tmp_path), act, "2"],
        capture_output=True,
        text=True,
        check=False,
    )

    assert done.returncode == 0, done.stdout + done.stderr
    assert int(done.stdout.split()[-1]) > 20
    seen = (tmp_path / "seen").read_text().split()
    assert seen[-1] == "new"
    assert act == "compact" or seen[0] == "old"
    assert "new" in seen[:-1]


def test_the_list_of_partitions_stays(tmp_path: Path) -> None:
    """Other partition columns are refused, with those that the dataset has."""
    PDM.write_partitioned_dataset(klines(10), tmp_path, SIX, "unified")
    with pytest.raises(UsageError, match="'exchange', 'symbol'"):
        PDM.write_partitioned_dataset(klines(10), tmp_path, ["symbol"], "unified")

    assert len(PDM.scan_dataset(tmp_path)) == 10
