"""Measure saving and compressing twelve small arrays, as `OptStorage` does and as zarr-python does.

    python benchmarks/save.py                                 # 100 files each, three rounds
    python benchmarks/save.py --files 20 --folder /dev/shm

Each competitor saves the same arrays in the same chunks with the same codecs, and ends with one zip and no folder:

- **OptStorage**: `save_data`, `compress_store`, `close`.
- **zarr, folder**: the same through zarr-python: a group in a `LocalStore`, copied into a `ZipStore`, the folder removed.
- **zarr, zip**: what zarr-python does in less time: straight into a `ZipStore`, so that nothing can be saved twice and a
  process that dies leaves nothing.

The competitors alternate in one process, and the ratios are medians over the rounds.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import shutil
import statistics
import tempfile
import time
import warnings
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numcodecs
import numpy as np
import zarr
from make_stores import part
from zarr.abc.store import Store
from zarr.core.buffer import default_buffer_prototype
from zarr.storage import LocalStore, ZipStore

from zarrpack.storage import OptStorage

Arrays = Mapping[str, Any]


def save_with_zarrpack(path: Path, arrays: Arrays) -> None:
    """Save with `OptStorage`."""
    with OptStorage(path) as storage:
        for name, values in arrays.items():
            storage.save_data(name, values)
        storage.compress_store()


def fill(store: Store, arrays: Arrays) -> None:
    """Save with zarr-python into a store of its own."""
    root = zarr.open_group(store, mode="w", zarr_format=2)
    for name, values in arrays.items():
        values = np.asarray(values)
        root.create_array(
            name,
            data=values,
            chunks=values.shape,
            filters=[numcodecs.Delta(values.dtype)] if values.ndim and values.dtype.kind in "iu" else [],
            compressors=numcodecs.Zstd(level=12),
            fill_value=None,
            attributes={"_ARRAY_DIMENSIONS": [f"{name}_dim_{axis}" for axis in range(values.ndim)]},
        )


async def copied(source: Store, target: Store) -> None:
    """Copy all entries."""
    prototype = default_buffer_prototype()
    async for key in source.list():
        payload = await source.get(key, prototype)
        assert payload is not None
        await target.set(key, payload)


def save_in_a_folder_first(path: Path, arrays: Arrays) -> None:
    """Do with zarr-python what `OptStorage` does."""
    folder = LocalStore(path)
    fill(folder, arrays)
    target = ZipStore(f"{path}.data", mode="w")
    asyncio.run(copied(folder, target))
    target.close()
    shutil.rmtree(path)


def save_in_a_zip(path: Path, arrays: Arrays) -> None:
    """Save with zarr-python straight into the zip."""
    store = ZipStore(f"{path}.data", mode="w")
    fill(store, arrays)
    store.close()


COMPETITORS: dict[str, Callable[[Path, Arrays], None]] = {
    "OptStorage": save_with_zarrpack,
    "zarr, folder": save_in_a_folder_first,
    "zarr, zip": save_in_a_zip,
}


def measure(competitor: str, folder: Path, files: Sequence[Arrays]) -> tuple[float, float]:
    """Save every file, and one more before the clock runs; give seconds and CPU seconds for one."""
    save = COMPETITORS[competitor]
    with tempfile.TemporaryDirectory(dir=folder) as work:
        save(Path(work) / "first.zarr", files[0])
        start, start_cpu = time.perf_counter(), time.process_time()
        for number, arrays in enumerate(files):
            save(Path(work) / f"part_{number:05d}.zarr", arrays)
        return (time.perf_counter() - start) / len(files), (time.process_time() - start_cpu) / len(files)


def compare(folder: Path, files: int, rounds: int) -> dict[str, dict[str, float]]:
    """Measure all; give the medians, and OptStorage's share of each competitor's time."""
    warnings.simplefilter("ignore")
    parts = [part(number, 0) for number in range(files)]
    measured = [{name: measure(name, folder, parts) for name in COMPETITORS} for _ in range(rounds)]
    results = {}
    for name in COMPETITORS:
        seconds, cpu = (statistics.median(one[name][of] for one in measured) for of in (0, 1))
        ratio, cpu_ratio = (
            statistics.median(one["OptStorage"][of] / one[name][of] for one in measured) for of in (0, 1)
        )
        results[name] = {"seconds": seconds, "cpu_seconds": cpu, "ratio": ratio, "cpu_ratio": cpu_ratio}
    return results


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--files", type=int, default=100)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument(
        "--folder", type=Path, default=Path(tempfile.gettempdir()), help="where to write; files are removed"
    )
    parser.add_argument("--json", action="store_true")
    arguments = parser.parse_args()
    results = compare(arguments.folder, arguments.files, arguments.rounds)
    if arguments.json:
        print(json.dumps(results))
        return
    print("| competitor | ms per file | CPU ms | OptStorage's share | of the CPU time |")
    print("| --- | --- | --- | --- | --- |")
    for name, result in results.items():
        print(
            f"| {name} | {result['seconds'] * 1e3:.1f} | {result['cpu_seconds'] * 1e3:.1f} "
            f"| {result['ratio']:.2f} | {result['cpu_ratio']:.2f} |"
        )


if __name__ == "__main__":
    main()
