"""Measure filtered scans of a partitioned dataset against plain pyarrow.

    python benchmarks/parquet.py                    # 20 million rows of klines, 8 symbols
    python benchmarks/parquet.py --rows 2000000

A dataset of one-second klines is partitioned by symbol/year/month/day. Four competitors read two columns of one symbol
and a span of days:

- **plain**: ``pyarrow.dataset`` on the same folder, with the partition's types given, doing the same.
- **zarrpack**: ``ParquetDatasetManager.scan_dataset``, page checksums verified.
- **indexed**: the same for a span of minutes, where whole pages are passed over.
- **whole**: reads all rows and columns, then filters.

Every run is a process of its own, competitors take turns, and a ratio is taken within a round. Seconds are those of the scan, without
imports; of the first three the fastest of 21. Bytes read are what the operating system counted for the scan's reads (Linux; also from the page cache). Then
``scan_batches`` goes over a quarter and over all of the rows: the peak of the process must not grow with them.
"""

from __future__ import annotations

import argparse
import json
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

DAY_ROWS = 86_400
#: Scans of milliseconds are run again, and the fastest counts.
REPEATS = 20
QUICK = ("plain", "zarrpack", "indexed")
FIRST_MS = 1_704_067_200_000
SYMBOLS = 8
COLUMNS = ["timestamp", "close"]


def days(rows: int) -> int:
    """Say how many days each symbol has."""
    return max(4, round(rows / DAY_ROWS / SYMBOLS))


def make_rows(rows: int) -> Iterator[Any]:
    """Give the klines day by day and symbol by symbol; equal calls give equal rows."""
    import numpy as np
    import pyarrow as pa

    for day in range(days(rows)):
        for symbol in range(SYMBOLS):
            random = np.random.default_rng([day, symbol])
            close = 100 + np.cumsum(random.normal(0, 0.01, DAY_ROWS)).round(2)
            columns: dict[str, Any] = {
                "timestamp": FIRST_MS + (day * DAY_ROWS + np.arange(DAY_ROWS)) * 1_000,
                "open": np.concatenate([[100.0], close[:-1]]),
                "high": close + 0.05,
                "low": close - 0.05,
                "close": close,
                "volume": random.gamma(2.0, 10.0, DAY_ROWS).round(3),
                "symbol": pa.repeat(f"SYM{symbol:03d}", DAY_ROWS),
            }
            yield pa.table(columns)


def span(rows: int) -> tuple[int, int]:
    """Give the timestamps that are asked for: a quarter of the days, from the middle on."""
    count = days(rows)
    first = FIRST_MS + count // 2 * DAY_ROWS * 1_000 + 3_600_000
    return first, first + max(1, count // 4) * DAY_ROWS * 1_000


def scan_plain(base: Path, rows: int) -> int:
    """Scan as one does without zarrpack."""
    import pyarrow as pa
    import pyarrow.dataset as ds

    first, last = span(rows)
    types = pa.schema([("symbol", pa.string()), ("year", pa.int16()), ("month", pa.int8()), ("day", pa.int8())])
    dataset = ds.dataset(base, format="parquet", partitioning=ds.partitioning(types, flavor="hive"))
    field = ds.field("timestamp")
    chosen = (ds.field("symbol") == "SYM003") & (field >= first) & (field < last)
    return int(dataset.to_table(columns=COLUMNS, filter=chosen).num_rows)


def scan_zarrpack(base: Path, rows: int) -> int:
    """Scan with zarrpack."""
    from zarrpack.storage.parquet import ParquetDatasetManager

    first, last = span(rows)
    filters = [("symbol", "==", "SYM003"), ("timestamp", ">=", first), ("timestamp", "<", last)]
    return len(ParquetDatasetManager().scan_dataset(base, filters, COLUMNS, to_pandas=False))


def scan_indexed(base: Path, rows: int) -> int:
    """Scan ten minutes with zarrpack."""
    from zarrpack.storage.parquet import ParquetDatasetManager

    first, _ = span(rows)
    filters = [("symbol", "==", "SYM003"), ("timestamp", ">=", first), ("timestamp", "<", first + 600_000)]
    return len(ParquetDatasetManager().scan_dataset(base, filters, COLUMNS, to_pandas=False))


def scan_whole(base: Path, rows: int) -> int:
    """Read everything, then filter."""
    import pyarrow as pa
    import pyarrow.compute as pc
    import pyarrow.dataset as ds

    first, last = span(rows)
    types = pa.schema([("symbol", pa.string()), ("year", pa.int16()), ("month", pa.int8()), ("day", pa.int8())])
    table = ds.dataset(base, format="parquet", partitioning=ds.partitioning(types, flavor="hive")).to_table()
    field = pc.field("timestamp")
    chosen = table.filter((pc.field("symbol") == "SYM003") & (field >= first) & (field < last))
    return int(chosen.select(COLUMNS).num_rows)


#: What Arrow held at the most in the last scan by batches, in bytes.
ARROW_PEAK: list[int] = [0]


def stream(base: Path, rows: int, part: float) -> int:
    """Go over all columns of the first days by batches; give the rows."""
    from zarrpack.storage.parquet import ParquetDatasetManager

    last = FIRST_MS + int(days(rows) * part) * DAY_ROWS * 1_000
    dataset = ParquetDatasetManager()
    found: int = sum(
        batch.num_rows for batch in dataset.scan_batches(base, [("timestamp", "<", last)], batch_size=65_536)
    )
    ARROW_PEAK[0] = dataset.last_scan.peak_bytes
    return found


COMPETITORS: dict[str, Callable[[Path, int], int]] = {
    "plain": scan_plain,
    "zarrpack": scan_zarrpack,
    "indexed": scan_indexed,
    "whole": scan_whole,
    "stream a sixteenth": lambda base, rows: stream(base, rows, 1 / 16),
    "stream a quarter": lambda base, rows: stream(base, rows, 0.25),
    "stream all": lambda base, rows: stream(base, rows, 1.0),
}


def bytes_read() -> int:
    """Give the bytes that this process has read, from disk or cache; 0 where the system does not say."""
    try:
        lines = Path("/proc/self/io").read_text(encoding="ascii").splitlines()
    except OSError:
        return 0
    return int(next(line for line in lines if line.startswith("rchar")).split()[1])


def peak_mb() -> float:
    """Give the most memory that this process had; what its parent had before does not count."""
    try:
        lines = Path("/proc/self/status").read_text(encoding="ascii").splitlines()
        return int(next(line for line in lines if line.startswith("VmHWM")).split()[1]) / 1024
    except (OSError, StopIteration):
        return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


def measure_here(competitor: str, base: Path, rows: int) -> dict[str, Any]:
    """Run one competitor in this process; imports do not count."""
    import pyarrow.dataset
    import pyarrow.parquet  # noqa: F401

    import zarrpack.storage.parquet

    _ = zarrpack.storage.parquet.ParquetDatasetManager
    before, start = bytes_read(), time.perf_counter()
    found = COMPETITORS[competitor](base, rows)
    seconds, read = [time.perf_counter() - start], bytes_read() - before
    for _ in range(REPEATS if competitor in QUICK else 0):
        start = time.perf_counter()
        COMPETITORS[competitor](base, rows)
        seconds.append(time.perf_counter() - start)
    return {
        "rows": found,
        "seconds": min(seconds),
        "bytes_read": read,
        "peak_mb": peak_mb(),
        "arrow_mb": ARROW_PEAK[0] / 1e6,
    }


def paired(base: Path, rows: int) -> float:
    """Scan in turn, plain and with zarrpack, in one process; give the median ratio of the pairs' times."""
    ratios = []
    for _ in range(2 * REPEATS):
        start = time.perf_counter()
        scan_plain(base, rows)
        middle = time.perf_counter()
        scan_zarrpack(base, rows)
        ratios.append((time.perf_counter() - middle) / (middle - start))
    return statistics.median(ratios)


def measure(competitor: str, base: Path, rows: int) -> dict[str, Any]:
    """Run one competitor in a process of its own."""
    command = [sys.executable, __file__, "--run", competitor, "--base", str(base), "--rows", str(rows)]
    done = subprocess.run(command, check=True, capture_output=True, text=True)
    found: dict[str, Any] = json.loads(done.stdout)
    return found


def show(runs: dict[str, list[dict[str, Any]]]) -> None:
    """Print medians, and ratios to the plain scan of the same round."""
    print(
        f"{'competitor':<20}{'rows':>12}{'seconds':>10}{'times plain':>13}{'MB read':>10}{'peak MB':>9}{'Arrow MB':>10}"
    )
    for name, found in runs.items():
        ratios = [one["seconds"] / plain["seconds"] for one, plain in zip(found, runs["plain"], strict=False)]
        middle = {key: statistics.median(one[key] for one in found) for key in found[0]}
        ratio = "" if name.startswith("stream") else f"{statistics.median(ratios):.2f}"
        print(
            f"{name:<20}{middle['rows']:>12,.0f}{middle['seconds']:>10.3f}{ratio:>13}"
            f"{middle['bytes_read'] / 1e6:>10.1f}{middle['peak_mb']:>9.0f}{middle['arrow_mb']:>10.0f}"
        )
    whole = ratio_of(runs, "whole", "zarrpack")
    every, quarter = runs["stream all"][0], runs["stream a quarter"][0]
    print(f"\nread all, then filter:    {whole:.1f} times as long (bar: at least 5)")
    print(
        f"four times the rows by batches: {every['peak_mb'] - quarter['peak_mb']:+.0f} MB at the peak of the process, "
        f"{every['arrow_mb'] - quarter['arrow_mb']:+.0f} MB of Arrow's (bar: flat)"
    )


def ratio_of(runs: dict[str, list[dict[str, Any]]], one: str, other: str) -> float:
    """Give the median over the rounds of the ratio of two competitors' times."""
    pairs = zip(runs[one], runs[other], strict=True)
    return float(statistics.median(first["seconds"] / second["seconds"] for first, second in pairs))


def main() -> None:
    """Make the dataset, run the competitors in turn, print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rows", type=int, default=20_000_000, help="rows of the dataset, about")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--folder", type=Path, help="where to write; a temporary folder if not given")
    parser.add_argument("--run", choices=COMPETITORS, help=argparse.SUPPRESS)
    parser.add_argument("--base", type=Path, help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.run:
        print(json.dumps(measure_here(given.run, given.base, given.rows)))
        return
    with tempfile.TemporaryDirectory(dir=given.folder) as folder:
        compare(Path(folder, "klines"), given.rows, given.rounds)


def compare(base: Path, rows: int, rounds: int) -> None:
    """Write the dataset and measure."""
    from zarrpack.storage.parquet import ParquetDatasetManager

    start = time.perf_counter()
    dataset = ParquetDatasetManager()
    dataset.write_partitioned_dataset(make_rows(rows), base, ["symbol", "year", "month", "day"], "unified")
    seconds = time.perf_counter() - start
    peak = peak_mb()
    size = sum(path.stat().st_size for path in base.rglob("*.parquet")) / 1e6
    health = dataset.check_dataset(base)
    print(
        f"{health.rows:,} rows in {health.files} files, {size:.0f} MB, written in {seconds:.1f} s, peak {peak:.0f} MB\n"
    )
    scans = ("plain", "zarrpack", "indexed", "whole")
    runs: dict[str, list[dict[str, Any]]] = {name: [] for name in COMPETITORS}
    for number in range(rounds):
        for name in scans if number % 2 else reversed(scans):
            runs[name].append(measure(name, base, rows))
    for name in (one for one in COMPETITORS if one.startswith("stream")):
        runs[name].append(measure(name, base, rows))
    show(runs)
    print(f"to plain pyarrow.dataset, 40 pairs in one process: {paired(base, rows):.2f} times (bar: at most 1.10)")


if __name__ == "__main__":
    main()
