"""Make an archive to measure with: photographs, one JSON record for each, and two CSV tables.

    python benchmarks/make_archive.py catalogue.zip    --items 1000
    python benchmarks/make_archive.py catalogue.tar.gz --items 4000 --vary --apart

The pictures are crops of photographs, so that JPEG and Zstd behave as on photographs and not as on noise.
The same arguments give the same bytes, as long as the libraries that resize and compress are the same.
Needs the extra ``bench``.
"""

from __future__ import annotations

import argparse
import gzip
import io
import json
import os
import tarfile
import zipfile
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from itertools import chain
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

PHOTOGRAPHS = ["astronaut", "chelsea", "coffee", "rocket"]
WORDS = [
    "light",
    "paper",
    "frame",
    "river",
    "old",
    "stone",
    "glass",
    "bridge",
    "winter",
    "harbour",
    "market",
    "train",
    "garden",
    "roof",
]
JPEG_QUALITY = 90


def photographs() -> list[Image.Image]:
    """Give the photographs that the pictures are cut from."""
    import skimage.data

    return [Image.fromarray(getattr(skimage.data, name)()) for name in PHOTOGRAPHS]


def picture(sources: list[Image.Image], seed: int, index: int, size: tuple[int, int], vary: bool) -> bytes:
    """Cut, resize, perhaps mirror, and compress one picture; `vary`: 0.5 to 1.25 times `size`."""
    rng = np.random.default_rng([seed, index, 0])
    factor = rng.uniform(0.5, 1.25) if vary else 1.0
    width, height = (max(8, round(side * factor)) for side in size)
    photograph = sources[rng.integers(len(sources))]
    scale = min(photograph.width / width, photograph.height / height) * rng.uniform(0.5, 1.0)
    left = rng.uniform(0, photograph.width - width * scale)
    top = rng.uniform(0, photograph.height - height * scale)
    box = (left, top, left + width * scale, top + height * scale)
    cut = photograph.resize((width, height), Image.Resampling.BICUBIC, box=box)
    if rng.integers(2):
        cut = cut.transpose(Image.Transpose.FLIP_LEFT_RIGHT)
    out = io.BytesIO()
    cut.save(out, "JPEG", quality=JPEG_QUALITY)
    return out.getvalue()


def record(seed: int, index: int) -> dict[str, Any]:
    """Make up one record of about two kilobytes."""
    rng = np.random.default_rng([seed, index, 1])
    return {
        "id": 10_000 + index,
        "title": f"Ansicht {index}, «{WORDS[rng.integers(len(WORDS))]}» 景色",
        "taken": {
            "year": int(rng.integers(1950, 2025)),
            "place": WORDS[rng.integers(len(WORDS))],
            "exact": bool(rng.integers(2)),
        },
        "price": float(np.round(rng.uniform(1, 500), 2)),
        "stock": int(rng.integers(0, 1000)),
        "tags": [WORDS[n] for n in rng.integers(len(WORDS), size=5)],
        "sizes": [
            {"code": f"S{n}", "left": int(rng.integers(100)), "offered": bool(rng.integers(2))} for n in range(8)
        ],
        "text": " ".join(f"{WORDS[n % len(WORDS)]}{n}" for n in rng.integers(4000, size=150)),
    }


def tables(seed: int, items: int) -> Iterator[tuple[str, bytes]]:
    """Give two tables with one row for each item."""
    rng = np.random.default_rng([seed, items, 2])
    views, shelves = rng.integers(100_000, size=items), rng.integers(40, size=items)
    rows = [f'{10_000 + n},"shelf {shelves[n]}, left",{views[n]},{views[n] / 7:.3f}\n' for n in range(items)]
    yield "catalogue/stock.csv", ("id,shelf,views,share\n" + "".join(rows)).encode()
    rows = [f"{10_000 + n}.jpg\thttps://example.org/{10_000 + n}\n" for n in range(items)]
    yield "catalogue/links.tsv", ("file\tlink\n" + "".join(rows)).encode()


def members(items: int, size: tuple[int, int], *, vary: bool, apart: bool, seed: int) -> Iterator[tuple[str, bytes]]:
    """Give every member's name and content, in the order of the archive."""
    sources = photographs()

    def image(index: int) -> tuple[str, bytes]:
        return f"catalogue/pictures/{10_000 + index}.jpg", picture(sources, seed, index, size, vary)

    def text(index: int) -> tuple[str, bytes]:
        return f"catalogue/records/{10_000 + index}.json", json.dumps(record(seed, index)).encode()

    with ThreadPoolExecutor(os.cpu_count()) as pool:
        # In portions: `map` alone would hold every picture at once.
        portions = (range(items)[start : start + 64] for start in range(0, items, 64))
        pictures = chain.from_iterable(pool.map(image, portion) for portion in portions)
        if apart:
            yield from chain(pictures, map(text, range(items)))
        else:
            for index, one in enumerate(pictures):
                yield from (one, text(index))
    yield from tables(seed, items)


def write_zip(path: Path, content: Iterable[tuple[str, bytes]]) -> None:
    """Write a zip whose members are all deflated, as most tools do."""
    with zipfile.ZipFile(path, "w", compresslevel=6) as archive:
        for name, payload in content:
            archive.writestr(zipfile.ZipInfo(name), payload, zipfile.ZIP_DEFLATED)


def write_tar(path: Path, content: Iterable[tuple[str, bytes]]) -> None:
    """Write a tar, through gzip if `path` says so."""
    with path.open("wb") as raw:
        # Neither the name nor the time of writing may get into the bytes.
        packed = gzip.GzipFile("", "wb", 6, raw, mtime=0) if path.suffix == ".gz" else raw
        with packed, tarfile.open(fileobj=packed, mode="w|") as archive:
            for name, payload in content:
                entry = tarfile.TarInfo(name)
                entry.size = len(payload)
                archive.addfile(entry, io.BytesIO(payload))


WRITERS: dict[str, Callable[[Path, Iterable[tuple[str, bytes]]], None]] = {
    ".zip": write_zip,
    ".tar": write_tar,
    ".tar.gz": write_tar,
}


def main() -> None:
    """Write the archive that the command line asks for."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("out", type=Path, help="ends in .zip, .tar or .tar.gz")
    parser.add_argument("--items", type=int, default=1000)
    parser.add_argument("--size", default="600x800", help="WIDTHxHEIGHT of the pictures, in pixels")
    parser.add_argument("--vary", action="store_true", help="every picture has its own size, 0.5 to 1.25 times --size")
    parser.add_argument("--apart", action="store_true", help="all pictures first, then all records")
    parser.add_argument("--seed", type=int, default=0)
    arguments = parser.parse_args()
    write = next((write for suffix, write in WRITERS.items() if arguments.out.name.endswith(suffix)), None)
    if write is None:
        parser.error(f"OUT: expected a name that ends in {', '.join(WRITERS)}, found {arguments.out.name}")
    width, height = map(int, arguments.size.split("x"))
    write(
        arguments.out,
        members(arguments.items, (width, height), vary=arguments.vary, apart=arguments.apart, seed=arguments.seed),
    )
    print(f"{arguments.out}: {arguments.items} items, {arguments.out.stat().st_size / 1e6:.1f} MB")


if __name__ == "__main__":
    main()
