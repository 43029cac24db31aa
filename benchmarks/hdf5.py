"""Measure what the HDF5 mirror of a conversion costs, and gzip of pixels in workers against h5py's own.

    python benchmarks/hdf5.py                       # 400 items, some minutes
    python benchmarks/hdf5.py --items 1000 --rounds 5 --json

Conversions without a mirror, with one at ``none`` and with one at ``gzip`` take turns, each a process of its own, and ratios are
taken inside a round; medians are shown. Then the pixels are compressed: by h5py's gzip filter (level 4 and level 1) in one process, and as the
workers do it, in as many processes as are asked for.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
from pathlib import Path
from typing import Any

import h5py
import numpy as np

from zarrpack.storage.data_file import DataFile
from zarrpack.storage.hdf5.filters import encode_piece
from zarrpack.storage.hdf5.pieces import cut, piece_shape

HERE = Path(__file__).parent
MIRRORS: dict[str, list[str]] = {
    "without": [],
    "none": ["--hdf5", "--hdf5-compression", "none"],
    "gzip": ["--hdf5"],
}


def convert(archive: Path, folder: Path, workers: int, options: list[str]) -> tuple[float, int]:
    """Convert once, in a process of its own; give the seconds and the bytes of the mirror."""
    out = Path(tempfile.mkdtemp(dir=folder))
    os.sync()  # else this run waits for what the one before has left to write
    command = [sys.executable, "-m", "zarrpack", "convert", str(archive), "-o", str(out), "--workers", str(workers)]
    start = time.perf_counter()
    subprocess.run([*command, "--quiet", *options], check=True, stdin=subprocess.DEVNULL)
    seconds = time.perf_counter() - start
    size = sum(path.stat().st_size for path in out.glob("*.h5"))
    shutil.rmtree(out)
    return seconds, size


def encode_picture(pixels: np.ndarray[Any, np.dtype[np.uint8]]) -> int:
    """Compress a picture as a worker does; give its bytes."""
    piece = piece_shape((None, *pixels.shape[1:]), pixels.shape, 1)
    return sum(len(encode_piece(part, "gzip").payload) for _, part in cut(pixels, piece))


def gzip_by_workers(path: Path, workers: int) -> tuple[float, int]:
    """Compress the pictures of a file of arrays in processes; give seconds and bytes. Every process reads its own."""
    count = len(np.load(path, mmap_mode="r"))
    with ProcessPoolExecutor(workers, mp_context=get_context("spawn")) as pool:
        list(pool.map(_encode_range, [path] * workers, [0] * workers, [0] * workers))  # imports are not measured
        start = time.perf_counter()
        step = -(-count // (workers * 8))
        firsts = range(0, count, step)
        sizes = list(pool.map(_encode_range, [path] * len(firsts), firsts, [first + step for first in firsts]))
        return time.perf_counter() - start, sum(sizes)


def _encode_range(path: Path, first: int, last: int) -> int:
    pixels = np.load(path, mmap_mode="r")[first:last]
    return sum(encode_picture(np.asarray(pixels[row : row + 1])) for row in range(len(pixels)))


def gzip_by_h5py(path: Path, folder: Path, level: int) -> tuple[float, int]:
    """Let h5py write the pictures with its gzip filter, one chunk for each; give seconds and bytes."""
    pixels = np.load(path, mmap_mode="r")
    out = folder / "h5py.h5"
    start = time.perf_counter()
    with h5py.File(out, "w") as file:
        options: dict[str, Any] = {
            "compression": "gzip",
            "compression_opts": level,
            "shuffle": True,
            "fletcher32": True,
        }
        data = file.create_dataset("pixels", pixels.shape, pixels.dtype, chunks=(1, *pixels.shape[1:]), **options)
        for row in range(len(pixels)):
            data[row] = pixels[row]
    seconds = time.perf_counter() - start
    size = out.stat().st_size
    out.unlink()
    return seconds, size


def pixels_of(archive: Path, folder: Path, workers: int, most: int) -> Path:
    """Give the archive's pictures as one file of arrays."""
    out = folder / "pixels"
    command = [sys.executable, "-m", "zarrpack", "convert", str(archive), "-o", str(out), "--include", "*.jpg"]
    command += ["--name", "p", "--limit", str(most), "--workers", str(workers), "--quiet"]
    subprocess.run(command, check=True, stdin=subprocess.DEVNULL)
    with DataFile(out / "p.dataset") as data:
        np.save(folder / "pixels.npy", data.arrays["images/pixels"].read())
    shutil.rmtree(out)
    return folder / "pixels.npy"


def parsed() -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--items", type=int, default=400)
    parser.add_argument("--size", default="600x800", help="WIDTHxHEIGHT of the pictures, in pixels")
    parser.add_argument("--archive", type=Path, help="measure on this zip of JPEGs of one size instead of making one")
    parser.add_argument("--pictures", type=int, default=100, help="that are compressed in the second part")
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--json", action="store_true")
    return parser.parse_args()


def main() -> None:
    """Measure and print."""
    arguments = parsed()
    with tempfile.TemporaryDirectory(prefix="zarrpack-hdf5-") as name:
        folder = Path(name)
        archive = arguments.archive
        if archive is None:
            archive = folder / "catalogue.zip"
            made = [sys.executable, str(HERE / "make_archive.py"), str(archive)]
            made += ["--items", str(arguments.items), "--size", arguments.size]
            subprocess.run(made, check=True, stdout=subprocess.DEVNULL)
        rounds = [
            {kind: convert(archive, folder, arguments.workers, options) for kind, options in MIRRORS.items()}
            for _ in range(arguments.rounds)
        ]
        pixels = pixels_of(archive, folder, arguments.workers, arguments.pictures)
        gzips = [
            (
                gzip_by_h5py(pixels, folder, 4),
                gzip_by_h5py(pixels, folder, 1),
                gzip_by_workers(pixels, arguments.workers),
            )
            for _ in range(arguments.rounds)
        ]
        raw = np.load(pixels, mmap_mode="r").nbytes
    report(rounds, gzips, raw, as_json=arguments.json)


def report(
    rounds: list[dict[str, tuple[float, int]]],
    gzips: list[tuple[tuple[float, int], tuple[float, int], tuple[float, int]]],
    raw: int,
    *,
    as_json: bool,
) -> None:
    """Print the medians."""
    median = statistics.median
    mirrors = {
        kind: {
            "seconds": median(one[kind][0] for one in rounds),
            "more_time_percent": 100 * median(one[kind][0] / one["without"][0] - 1 for one in rounds),
            "mirror_mb": rounds[0][kind][1] / 1e6,
        }
        for kind in MIRRORS
    }
    ways = ("h5py gzip 4", "h5py gzip 1", "workers gzip")
    pixels = {
        way: {
            "mb_per_second": raw / 1e6 / median(one[number][0] for one in gzips),
            "times_h5py": median(one[0][0] / one[number][0] for one in gzips),
            "ratio": raw / gzips[0][number][1],
        }
        for number, way in enumerate(ways)
    }
    if as_json:
        print(json.dumps({"mirrors": mirrors, "gzip_of_pixels": pixels}))
        return
    print("| mirror | seconds | more time | MB |\n| --- | --- | --- | --- |")
    for kind, row in mirrors.items():
        print(f"| {kind} | {row['seconds']:.2f} | {row['more_time_percent']:.0f} % | {row['mirror_mb']:.0f} |")
    print("\n| gzip of pixels | MB/s | times h5py gzip 4 | ratio |\n| --- | --- | --- | --- |")
    for way, row in pixels.items():
        print(f"| {way} | {row['mb_per_second']:.0f} | {row['times_h5py']:.1f} | {row['ratio']:.2f} |")


if __name__ == "__main__":
    main()
