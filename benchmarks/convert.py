"""Measure ``zarrpack convert`` against the script that one writes without it.

    python benchmarks/convert.py                          # 1,000 items, a few minutes
    python benchmarks/convert.py --items 4000 --vary --apart --no-plain
    python benchmarks/convert.py --archive photos.zip --rounds 5 --json

Every run is a process of its own, measured from its start to its end. The competitors take turns, round by
round, so that a slow minute of the machine hits all of them; ratios are taken inside a round and the median is shown.
Memory is the sum of PSS over a run's processes, so that what they share counts once (Linux only). Counting it takes a part
of a core, so it has a run of its own.
"""

from __future__ import annotations

import argparse
import ctypes
import json
import os
import platform
import shutil
import statistics
import subprocess
import sys
import tempfile
import threading
import time
import zipfile
from dataclasses import asdict, dataclass
from pathlib import Path

HERE = Path(__file__).parent
SAMPLE_SECONDS = 0.1


@dataclass(frozen=True)
class Run:
    """What one process cost."""

    competitor: str
    seconds: float
    cpu_seconds: float
    peak_bytes: int
    output_bytes: int


def family(pid: int) -> list[int]:
    """Give the process and all its descendants that live."""
    children: list[int] = []
    for thread in Path(f"/proc/{pid}/task").glob("*/children"):
        try:
            children += map(int, thread.read_text().split())
        except OSError:  # the thread has just ended
            continue
    return [pid, *(one for child in children for one in family(child))]


def pss(pid: int) -> int:
    """Give the bytes that a process holds, its share of what is shared; 0 if it has just ended."""
    try:
        lines = Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines()
    except OSError:
        return 0
    return sum(int(line.split()[1]) << 10 for line in lines if line.startswith("Pss:"))


def watch(pid: int, ended: threading.Event, peak: list[int]) -> None:
    """Sample the process and its descendants until `ended`, and keep the largest sum in ``peak[0]``."""
    while not ended.wait(SAMPLE_SECONDS):
        peak[0] = max(peak[0], sum(map(pss, family(pid))))


def adopt_orphans() -> None:
    """Let what a run leaves behind become this process's children, so that its CPU time counts (Linux only)."""
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(36, 1)  # PR_SET_CHILD_SUBREAPER of <linux/prctl.h>


def wait_for_orphans() -> None:
    """Wait for what a run has left behind, which ends of itself."""
    try:
        while True:
            os.wait()
    except ChildProcessError:
        return


def timed(command: list[str], is_watched: bool) -> tuple[float, float, int, str]:
    """Run a command; give its seconds, its CPU seconds with those of its children, its peak in bytes, its output."""
    ended, peak = threading.Event(), [0]
    before = os.times()
    start = time.perf_counter()
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stdin=subprocess.DEVNULL, text=True)
    sampler = threading.Thread(target=watch, args=(process.pid, ended, peak))
    if is_watched:
        sampler.start()
    output, _ = process.communicate()
    seconds = time.perf_counter() - start
    ended.set()
    if is_watched:
        sampler.join()
    wait_for_orphans()
    if process.returncode != 0:
        sys.exit(f"{' '.join(command)}: ended with status {process.returncode}")
    after = os.times()
    cpu = after.children_user + after.children_system - before.children_user - before.children_system
    return seconds, cpu, peak[0], output


def command_of(competitor: str, archive: Path, out: Path, workers: int) -> list[str]:
    """Give the command line of a competitor: ``plain``, or what zarrpack does with pictures."""
    if competitor == "plain":
        return [sys.executable, str(HERE / "plain_script.py"), str(archive), str(out / "plain.h5")]
    options = ["--images", competitor, "--workers", str(workers), "--json", "--quiet"]
    return [sys.executable, "-m", "zarrpack", "convert", str(archive), "-o", str(out), *options]


def measure(competitor: str, archive: Path, folder: Path, workers: int, is_watched: bool) -> Run:
    """Run one competitor once, for its time or for its memory, into a folder that is removed afterwards."""
    out = Path(tempfile.mkdtemp(dir=folder, prefix=f"{competitor}-"))
    os.sync()  # else this run waits for what the one before has left to write
    try:
        seconds, cpu, peak, output = timed(command_of(competitor, archive, out, workers), is_watched)
        if competitor != "plain":
            counts = json.loads(output)["counts"]
            if counts["stored"] != counts["members"]:
                sys.exit(f"{competitor}: not everything was stored, so the times say nothing: {counts}")
        written = sum(file.stat().st_size for file in out.rglob("*") if file.is_file())
    finally:
        shutil.rmtree(out)
    return Run(competitor, seconds, cpu, peak, written)


def archive_for(arguments: argparse.Namespace, folder: Path) -> Path:
    """Give the archive to measure on; make it unless one was given."""
    if arguments.archive is not None:
        return Path(arguments.archive)
    archive = folder / f"catalogue{arguments.kind}"
    command = [sys.executable, str(HERE / "make_archive.py"), str(archive)]
    command += ["--items", str(arguments.items), "--size", arguments.size]
    command += [f"--{flag}" for flag in ("vary", "apart") if getattr(arguments, flag)]
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
    return archive


def count_members(archive: Path) -> int | None:
    """Count the files in a zip; None for other archives, which only zarrpack reads here."""
    if not zipfile.is_zipfile(archive):
        return None
    with zipfile.ZipFile(archive) as source:
        return sum(not entry.is_dir() for entry in source.infolist())


def summary(runs: list[Run], watched: list[Run], files: int | None) -> list[dict[str, float | str | None]]:
    """Give one row for each competitor: medians over its runs, and of the ratios of each round."""
    by_name: dict[str, list[Run]] = {}
    for run in runs:
        by_name.setdefault(run.competitor, []).append(run)
    plain = by_name.get("plain")
    rows: list[dict[str, float | str | None]] = []
    for name, ones in by_name.items():
        seconds = statistics.median(run.seconds for run in ones)
        ratios = [a.seconds / b.seconds for a, b in zip(plain, ones, strict=True)] if plain else None
        rows.append(
            {
                "competitor": name,
                "seconds": seconds,
                "cpu_seconds": statistics.median(run.cpu_seconds for run in ones),
                "files_per_second": files / seconds if files else None,
                "ratio": statistics.median(ratios) if ratios else None,
                "peak_mb": max(run.peak_bytes for run in watched if run.competitor == name) / 1e6,
                "output_mb": ones[0].output_bytes / 1e6,
            }
        )
    return rows


def show(rows: list[dict[str, float | str | None]]) -> None:
    """Print the table."""
    print("| competitor | seconds | CPU s | files/s | times plain | peak MB | output MB |")
    print("| --- | --- | --- | --- | --- | --- | --- |")
    for row in rows:
        cells = [row["competitor"]]
        for key, form in [("seconds", ".2f"), ("cpu_seconds", ".1f"), ("files_per_second", ".0f"), ("ratio", ".1f")]:
            cells.append("" if row[key] is None else format(row[key], form))
        cells += [format(row["peak_mb"], ".0f"), format(row["output_mb"], ".1f")]
        print(f"| {' | '.join(map(str, cells))} |")


def parsed() -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--items", type=int, default=1000)
    parser.add_argument("--size", default="600x800", help="WIDTHxHEIGHT of the pictures, in pixels")
    parser.add_argument("--vary", action="store_true", help="every picture has its own size")
    parser.add_argument("--apart", action="store_true", help="all pictures first, then all records")
    parser.add_argument("--kind", choices=[".zip", ".tar", ".tar.gz"], default=".zip", help="of the archive made")
    parser.add_argument("--archive", type=Path, help="measure on this one instead of making one")
    parser.add_argument("--images", nargs="+", choices=["decoded", "encoded", "both"], default=["decoded", "encoded"])
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument(
        "--no-plain", action="store_true", help="leave the plain script out: it reads zip only, and takes long"
    )
    parser.add_argument("--folder", type=Path, help="where to write; the default is a temporary folder")
    parser.add_argument("--json", action="store_true", help="print every run, and the rows, as JSON")
    return parser.parse_args()


def main() -> None:
    """Measure and print."""
    adopt_orphans()
    arguments = parsed()
    competitors = arguments.images if arguments.no_plain else ["plain", *arguments.images]
    if arguments.folder is not None:
        arguments.folder.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=arguments.folder, prefix="zarrpack-benchmark-") as name:
        folder = Path(name)
        archive = archive_for(arguments, folder)
        files = count_members(archive)
        archive.read_bytes()  # into the page cache, for the first run as for the others
        runs = [
            measure(competitor, archive, folder, arguments.workers, is_watched=False)
            for _ in range(arguments.rounds)
            for competitor in competitors
        ]
        watched = [
            measure(competitor, archive, folder, arguments.workers, is_watched=True) for competitor in competitors
        ]
        size = archive.stat().st_size
    rows = summary(runs, watched, files)
    if arguments.json:
        every = {"runs": [asdict(run) for run in runs], "watched": [asdict(run) for run in watched]}
        print(json.dumps({"files": files, "archive_bytes": size, **every, "rows": rows}))
        return
    print(
        f"{files or '?'} files, {size / 1e6:.1f} MB; {arguments.workers} workers, {arguments.rounds} rounds;", end=" "
    )
    print(f"{os.cpu_count()} cores, {platform.system()}, Python {platform.python_version()}\n")
    show(rows)


if __name__ == "__main__":
    main()
