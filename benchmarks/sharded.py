"""The sharded store: single reads, batches, bulk writing, and an index of millions; against tarfile by name.

    python benchmarks/sharded.py [--folder DIR] [reads | cold | writes | index] ...

Each part makes what it needs in DIR (a new temporary folder if none is given), and prints one line a figure.
"""

from __future__ import annotations

import argparse
import io
import json
import os
import random
import resource
import shutil
import sqlite3
import statistics
import tarfile
import tempfile
import time
from collections.abc import Callable
from contextlib import ExitStack, closing
from pathlib import Path

import numpy as np

from zarrpack import ShardedDatasetReader, ShardedDatasetWriter

SAMPLES = 10_000
VALUES = 512  # of eight bytes: 4 kB


def main() -> None:
    """Run the parts that are asked for, or all."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("parts", nargs="*", choices=[[], *PARTS], help="default: all")
    parser.add_argument("--folder", type=Path)
    parser.add_argument("--rows", type=int, default=2_000_000, help="samples of the part `index`")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory(dir=arguments.folder) as folder:
        for part in arguments.parts or PARTS:
            PARTS[part](Path(folder), arguments.rows)


def write(root: Path, count: int, shard: int = 1000) -> float:
    """Write samples of 4 kB; give the seconds."""
    array = np.arange(VALUES, dtype=np.float64)
    begun = time.perf_counter()
    with ShardedDatasetWriter(root, samples_per_shard=shard) as writer:
        writer.add_field("history")
        for number in range(count):
            array[0] = number
            writer.add_sample({"history": array}, metadata={"length": number})
    return time.perf_counter() - begun


def say(what: str, value: float, unit: str) -> None:
    """Print a figure."""
    print(f"{what:<58} {value:>10.2f} {unit}", flush=True)


def each(call: Callable[[str], object], ids: list[str]) -> list[float]:
    """Time a call for every id, in microseconds."""
    seconds = []
    for sample_id in ids:
        begun = time.perf_counter()
        call(sample_id)
        seconds.append(1e6 * (time.perf_counter() - begun))
    return seconds


def reads(folder: Path, _rows: int) -> None:
    """Read samples at random, and the same with tarfile by name, its archives open and parsed, in small and large tars."""
    for shard in (1000, SAMPLES):
        root = folder / f"reads-{shard}"
        write(root, SAMPLES, shard)
        print(f"{SAMPLES:,} samples, {shard:,} in a tar")
        os.utime(root / "index.sqlite", (1e9, 1e9))  # a store that was written some time ago
        with ExitStack() as stack:
            _compare(root, stack)


def _compare(root: Path, stack: ExitStack) -> None:
    archives = []
    for path in sorted((root / "history_shards").iterdir()):
        archives.append(stack.enter_context(tarfile.open(path)))  # noqa: SIM115 - the stack closes it
        archives[-1].getmembers()
    index = stack.enter_context(closing(sqlite3.connect(root / "index.sqlite")))

    def by_name(sample_id: str) -> object:
        query = "SELECT meta_json, history_shard FROM samples WHERE id = ?"
        text, shard = index.execute(query, (sample_id,)).fetchone()
        member = archives[shard].extractfile(f"{sample_id}.npy")
        assert member is not None
        return np.load(io.BytesIO(member.read()), allow_pickle=False), json.loads(text)

    with ShardedDatasetReader(root) as reader:
        ids = reader.query_ids()
        random.Random(1).shuffle(ids)
        reader.get_many(ids)
        ours, theirs = [], []
        # In turns, so that whatever else the machine does hits both.
        for first in range(0, SAMPLES, 500):
            ours += each(reader.get_sample, ids[first : first + 500])
            theirs += each(by_name, ids[first : first + 500][:100])
        batch = [_seconds(lambda: reader.get_many(ids[:1000])) for _ in range(5)]
    say("get_sample, random, 4 kB, warm: median", statistics.median(ours), "us")
    say("get_sample, random, 4 kB, warm: 99 % are below", statistics.quantiles(ours, n=100)[98], "us")
    say("tarfile by name, archives parsed before: median", statistics.median(theirs), "us")
    say("times faster", statistics.median(theirs) / statistics.median(ours), "x")
    say("get_many of 1,000, warm: each", 1000 * min(batch), "us")


def cold(folder: Path, _rows: int) -> None:
    """Read 1,000 shuffled samples whose pages the system has forgotten, one by one and as one batch."""
    root = folder / "cold"
    write(root, SAMPLES)
    with ShardedDatasetReader(root) as reader:
        ids = reader.query_ids()
        random.Random(2).shuffle(ids)
        chosen = ids[:1000]
        single, batch = [], []
        for _ in range(5):
            forget(root)
            single.append(_seconds(lambda: [reader.get_sample(one) for one in chosen]))
            forget(root)
            batch.append(_seconds(lambda: reader.get_many(chosen)))
    say("1,000 get_sample, cold", 1000 * statistics.median(single), "ms")
    say("get_many of 1,000, cold", 1000 * statistics.median(batch), "ms")
    say("times faster", statistics.median(single) / statistics.median(batch), "x")


def forget(root: Path) -> None:
    """Have the system drop the shards' pages."""
    for path in root.rglob("*.tar"):
        descriptor = os.open(path, os.O_RDONLY)
        os.fsync(descriptor)
        os.posix_fadvise(descriptor, 0, 0, os.POSIX_FADV_DONTNEED)
        os.close(descriptor)


def writes(folder: Path, _rows: int) -> None:
    """Write samples in groups, as the writer does by itself, and with a commit for each."""
    together = 1e6 * min(write(folder / f"together-{turn}", SAMPLES) for turn in range(3)) / SAMPLES
    array = np.arange(VALUES, dtype=np.float64)
    with ShardedDatasetWriter(folder / "single") as writer:
        writer.add_field("history")

        def add() -> None:
            for _ in range(300):
                writer.add_sample({"history": array}, metadata={"length": 1})
                writer.commit()

        alone = 1e6 * min(_seconds(add) for _ in range(3)) / 300
    say("add_sample, 4 kB, committed together", together, "us")
    say("add_sample, 4 kB, a commit for each", alone, "us")
    say("times faster", alone / together, "x")


def index(folder: Path, rows: int) -> None:
    """Write millions of tiny samples with ids in no order, with the index of the ids kept and made at the end."""
    tiny = np.zeros(2, np.uint8)
    for name in ("bulk", "kept"):
        root = folder / name
        begun = time.perf_counter()
        with ShardedDatasetWriter(root, samples_per_shard=100_000) as writer:
            writer.add_field("x")
            load = writer.bulk() if name == "bulk" else None
            if load is not None:
                load.__enter__()
            for number in range(rows):
                writer.add_sample({"x": tiny}, f"{number * 0x9E3779B97F4A7C15 % 2**64:016x}")
            written = time.perf_counter()
            if load is not None:
                load.__exit__(None, None, None)
        say(f"{rows:,} tiny samples, {name}: all", time.perf_counter() - begun, "s")
        if load is not None:
            say("  of it making the index of the ids", time.perf_counter() - written, "s")
        say("  each", 1e6 * (time.perf_counter() - begun) / rows, "us")
        say("  index.sqlite", (root / "index.sqlite").stat().st_size / 1e6, "MB")
        with ShardedDatasetReader(root) as reader:
            ids = [f"{number * 0x9E3779B97F4A7C15 % 2**64:016x}" for number in range(0, rows, rows // 2000)]
            random.Random(3).shuffle(ids)
            each(reader.get_sample, ids)
            say("  get_sample: median", statistics.median(each(reader.get_sample, ids)), "us")
        say("  peak memory", resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e3, "MB")
        shutil.rmtree(root)


def _seconds(call: Callable[[], object]) -> float:
    begun = time.perf_counter()
    call()
    return time.perf_counter() - begun


PARTS: dict[str, Callable[[Path, int], None]] = {"reads": reads, "cold": cold, "writes": writes, "index": index}

if __name__ == "__main__":
    main()
