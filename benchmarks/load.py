"""Measure how fast samples of a dataset are read: a whole epoch, and one at a time in random order.

    python benchmarks/load.py                              # 1,000 pictures; every competitor that is installed
    python benchmarks/load.py --formats zarrpack wids --rounds 5
    python benchmarks/load.py --python streaming=/path/to/another/venv/bin/python
    python benchmarks/load.py --decoded                    # JPEG decoding with two threads or processes

Every competitor keeps the pictures' own bytes of the same archive, and gives a name and these bytes for each sample; what it
gives is compared with the archive once. A run is a process of its own that has opened the set; the page cache is warm. The
competitors alternate, and what is shown are medians over the rounds. CPU time, of all threads, is what a machine that does
other work at the same time changes least.
"""

from __future__ import annotations

import argparse
import importlib.util
import json
import os
import random
import statistics
import subprocess
import sys
import tempfile
import time
import zipfile
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

from load_formats import FORMATS, Sample


def read_samples(archive: Path) -> list[Sample]:
    """Give the pictures of an archive, by their names without folder and suffix."""
    with zipfile.ZipFile(archive) as members:
        names = [name for name in members.namelist() if name.endswith(".jpg")]
        return [(Path(name).stem, members.read(name)) for name in names]


def one_run(name: str, folder: Path, archive: Path, draws: int) -> dict[str, Any]:
    """Measure one competitor in this process; write and check its set first, if it is not there."""
    competitor = FORMATS[name]()
    own = folder / name
    if not own.is_dir():
        own.mkdir()
        samples = read_samples(archive)
        competitor.write(samples, own, archive)
        competitor.open(own)
        if {key.rpartition("/")[2]: payload for key, payload in competitor.epoch()} != dict(samples):
            raise SystemExit(f"{name}: gives other samples than the archive has")
        if any(competitor.at(number) not in (payload, None) for number, (_, payload) in enumerate(samples)):
            raise SystemExit(f"{name}: gives other bytes at a place than the archive has")
    competitor = FORMATS[name]()
    competitor.open(own)
    count = sum(len(payload) > 0 for _, payload in competitor.epoch())
    start, cpu = time.perf_counter(), time.process_time()
    total = sum(len(payload) for _, payload in competitor.epoch())
    seconds, cpu = time.perf_counter() - start, time.process_time() - cpu
    found = {"format": name, "samples_per_second": count / seconds, "epoch_cpu": cpu / count * 1e6, "bytes": total}
    if competitor.at(0) is None:
        return found
    places = random.Random(0).choices(range(count), k=draws)
    for place in range(0, count, 7):
        competitor.at(place)
    start, cpu = time.perf_counter(), time.process_time()
    for place in places:
        competitor.at(place)
    seconds, cpu = time.perf_counter() - start, time.process_time() - cpu
    return {**found, "microseconds": seconds / draws * 1e6, "cpu_microseconds": cpu / draws * 1e6}


def run_apart(python: str, name: str, folder: Path, archive: Path, draws: int) -> dict[str, Any] | None:
    """Measure in a process of its own."""
    command = [
        python,
        __file__,
        "--archive",
        str(archive),
        "--folder",
        str(folder),
        "--draws",
        str(draws),
        "--one",
        name,
    ]
    environment = {**os.environ, "HF_HUB_OFFLINE": "1", "TOKENIZERS_PARALLELISM": "false"}
    done = subprocess.run(command, capture_output=True, text=True, check=False, env=environment)
    if done.returncode:
        print(f"{name}: {done.stderr.strip().splitlines()[-1:]}", file=sys.stderr)
        return None
    run: dict[str, Any] = json.loads(done.stdout.strip().splitlines()[-1])
    return run


def decode_all(payloads: Sequence[bytes]) -> int:
    """Decode pictures and do nothing else: the limit."""
    import simplejpeg

    return sum(simplejpeg.decode_jpeg(payload, strict=True).size for payload in payloads)


def measure_decoding(folder: Path, archive: Path, rounds: int) -> dict[str, float]:
    """Give pictures per second: of two threads that decode and do nothing else, and of each way to load with two workers."""
    from torch.utils.data import DataLoader

    import zarrpack

    own = folder / "zarrpack"
    if not own.is_dir():
        own.mkdir()
        FORMATS["zarrpack"]().write([], own, archive)
    view = zarrpack.DatasetView.open(own / "set.flow").select("images/pixels", pictures="decoded", rows="first")
    payloads = [payload for _, payload in read_samples(archive)]
    halves = [payloads[::2], payloads[1::2]]
    loader: Any = DataLoader(view.to_torch(), batch_size=None, num_workers=2, persistent_workers=True)
    pool = ThreadPoolExecutor(2)
    ways: dict[str, Callable[[], int]] = {
        "decoding alone": lambda: sum(pool.map(decode_all, halves)),
        "batches(1)": lambda: sum(1 for _ in view.batches(1, threads=2, collate_fn=list)),
        "batches(16)": lambda: sum(1 for _ in view.batches(16, threads=2)),
        "to_torch().batches(16)": lambda: sum(1 for _ in view.to_torch().batches(16, threads=2)),
        "DataLoader, processes": lambda: sum(1 for _ in loader),
    }
    speeds: dict[str, list[float]] = {way: [] for way in ways}
    for number in range(rounds + 1):
        for way, load in ways.items():
            start = time.perf_counter()
            load()
            if number:  # the first one starts processes and threads
                speeds[way].append(len(payloads) / (time.perf_counter() - start))
    pool.shutdown()
    found = {f"{way}, pictures/s": statistics.median(own_speeds) for way, own_speeds in speeds.items()}
    alone = speeds.pop("decoding alone")
    for way, own_speeds in speeds.items():
        found[f"{way}, of decoding alone"] = statistics.median(
            one / limit for one, limit in zip(own_speeds, alone, strict=True)
        )
    return found


def show(runs: Sequence[dict[str, Any]]) -> None:
    """Print the medians as a table, the fastest random access first."""
    columns = ("samples_per_second", "epoch_cpu", "microseconds", "cpu_microseconds")
    rows = []
    for name in dict.fromkeys(run["format"] for run in runs):
        own = [run for run in runs if run["format"] == name]
        rows.append((name, [statistics.median(run.get(column, float("inf")) for run in own) for column in columns]))
    print(f"{'format':<14} {'epoch: samples/s':>18} {'CPU µs each':>12} {'random: µs':>12} {'CPU µs':>8}")
    for name, (speed, epoch_cpu, wall, cpu) in sorted(rows, key=lambda row: row[1][3]):
        drawn = f"{wall:12.1f} {cpu:8.1f}" if wall < float("inf") else f"{'-':>12} {'-':>8}"
        print(f"{name:<14} {speed:18,.0f} {epoch_cpu:12.1f} {drawn}")


def main() -> None:
    """Measure what the arguments say."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--items", type=int, default=1000, help="pictures")
    parser.add_argument("--archive", type=Path, help="a zip of one's own")
    parser.add_argument("--formats", nargs="+", choices=FORMATS, default=list(FORMATS), metavar="NAME")
    parser.add_argument(
        "--python", action="append", default=[], metavar="NAME=PATH", help="another interpreter for a format"
    )
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--draws", type=int, default=2000, help="random accesses in a run")
    parser.add_argument("--folder", type=Path, help="where to write; a temporary folder if not given")
    parser.add_argument("--decoded", action="store_true", help="measure decoding instead")
    parser.add_argument("--json", action="store_true")
    parser.add_argument("--one", help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.one:
        print(json.dumps(one_run(given.one, given.folder, given.archive, given.draws)))
        return
    with tempfile.TemporaryDirectory(dir=given.folder) as name:
        folder = Path(name)
        archive = given.archive or folder / "pictures.zip"
        if given.archive is None:
            command = [sys.executable, str(Path(__file__).with_name("make_archive.py")), str(archive)]
            subprocess.run([*command, "--items", str(given.items)], check=True, stdout=subprocess.DEVNULL)
        if given.decoded:
            print(json.dumps(measure_decoding(folder, archive, given.rounds), indent=1))
            return
        pythons = dict(one.split("=", 1) for one in given.python)
        runs = []
        chosen = [one for one in given.formats if one in pythons or _is_installed(one)]
        for _ in range(given.rounds):
            for one in list(chosen):
                run = run_apart(pythons.get(one, sys.executable), one, folder, archive, given.draws)
                if run is None:
                    chosen.remove(one)
                else:
                    runs.append(run)
        print(json.dumps(runs)) if given.json else show(runs)


def _is_installed(name: str) -> bool:
    missing = [one for one in FORMATS[name].needs if importlib.util.find_spec(one) is None]
    if missing:
        print(f"{name}: not installed ({', '.join(missing)})", file=sys.stderr)
    return not missing


if __name__ == "__main__":
    main()
