"""Make the per-file stores of an invented collection of mechanical parts, the same ones each time.

    python benchmarks/make_stores.py parts                     # 2,000 files parts/part_00000.zarr.data, ...
    python benchmarks/make_stores.py parts --files 10000 --seed 7

Each store has twelve small arrays whose lengths differ from part to part: five of faces, three of edges, a matrix of
pairs of faces, and the graph of faces with its edges.
"""

from __future__ import annotations

import argparse
import tempfile
from collections.abc import Sequence
from multiprocessing import Pool
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from zarrpack.storage import OptStorage

FEWEST_FACES, MOST_FACES = 6, 60
MATERIALS = ("steel", "aluminium", "brass")


def part(number: int, seed: int) -> dict[str, npt.NDArray[Any] | int]:
    """Give the arrays of a part."""
    random = np.random.default_rng([seed, number])
    faces = int(random.integers(FEWEST_FACES, MOST_FACES + 1))
    edges = int(faces * random.uniform(2.0, 3.0))
    source = np.sort(random.integers(0, faces, edges))
    return {
        "faces/face_indices": np.arange(faces, dtype=np.int32),
        "faces/face_types": random.choice(5, faces, p=[0.6, 0.2, 0.1, 0.05, 0.05]).astype(np.int32),
        "faces/face_loops": random.poisson(0.3, faces).astype(np.int32) + 1,
        "faces/face_areas": random.gamma(2.0, 30.0, faces).astype(np.float32),
        "faces/face_centroids": random.normal(0.0, 50.0, (faces, 3)).astype(np.float32),
        "edges/edge_indices": np.arange(edges, dtype=np.int32),
        "edges/edge_types": random.choice(3, edges, p=[0.7, 0.25, 0.05]).astype(np.int32),
        "edges/edge_lengths": random.gamma(2.0, 8.0, edges).astype(np.float32),
        "faceface/extended_adjacency": random.integers(0, 6, (faces, faces)).astype(np.float32),
        "graph/edges_source": source.astype(np.int32),
        "graph/edges_destination": random.integers(0, faces, edges).astype(np.int32),
        "graph/num_nodes": faces,
    }


def save_part(folder: Path, number: int, seed: int) -> None:
    """Save a part as ``part_<number>.zarr.data``."""
    with tempfile.TemporaryDirectory(dir=folder) as work:
        with OptStorage(Path(work) / f"part_{number:05d}.zarr") as storage:
            for name, values in part(number, seed).items():
                storage.save_data(name, values)
            storage.save_metadata("material", MATERIALS[number % len(MATERIALS)])
            storage.compress_store()
        archive = Path(work) / f"part_{number:05d}.zarr.data"
        archive.rename(folder / archive.name)


def save_parts(folder: Path, numbers: Sequence[int], seed: int) -> None:
    """Save some parts."""
    for number in numbers:
        save_part(folder, number, seed)


def make_stores(folder: Path, files: int, seed: int = 0, processes: int = 2) -> None:
    """Save parts 0 to `files`, those that are there aside; their bytes depend on their number and the seed alone."""
    folder.mkdir(parents=True, exist_ok=True)
    missing = [number for number in range(files) if not (folder / f"part_{number:05d}.zarr.data").exists()]
    shares = [(folder, missing[first::processes], seed) for first in range(processes)]
    if processes == 1:
        save_parts(*shares[0])
        return
    with Pool(processes) as pool:
        pool.starmap(save_parts, shares)


def main() -> None:
    """Make what the command line asks for."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--files", type=int, default=2000)
    parser.add_argument("--seed", type=int, default=0)
    arguments = parser.parse_args()
    make_stores(arguments.folder, arguments.files, arguments.seed)


if __name__ == "__main__":
    main()
