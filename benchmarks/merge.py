"""Measure the merge of many small stores against xarray with dask.

    python benchmarks/merge.py                                # 2,000 files, at Zstd 3 and at Zstd 12
    python benchmarks/merge.py --files 2000 --xarray-files 400 --many 10000 --folder /dev/shm/parts

The competitor opens each file with ``xarray.open_zarr``, names its rows by what they are, joins each group with ``concat``
and writes it with ``to_zarr``, in chunks and at the Zstd level of zarrpack's. Every run is a process of its own; seconds,
CPU seconds and peak memory are the operating system's figures for it. If xarray gets fewer files (``--xarray-files``), its
times are multiplied by the ratio, which is to its favour: its graph grows faster than the number of files. With ``--many``
the command ``zarrpack merge`` merges the files, and then so many, and the ratio of the peaks is printed. At the end comes what
`OptStorage` needs of zarr-python's time (`save.py`).
"""

from __future__ import annotations

import argparse
import json
import os
import resource
import subprocess
import sys
import tempfile
import time
import warnings
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from make_stores import make_stores

#: Group in the stores, row dimension in the output, arrays. Matrices become rows.
PIECES = (
    ("faces", "face", ("face_indices", "face_types", "face_loops", "face_areas", "face_centroids")),
    ("edges", "edge", ("edge_indices", "edge_types", "edge_lengths")),
    ("faceface", "facepair", ("extended_adjacency",)),
    ("graph", "graph_edge", ("edges_source", "edges_destination")),
    ("graph", "graph_item", ("num_nodes",)),
)
GROUPS = dict.fromkeys(group for group, _, _ in PIECES)
CHUNK_ROWS = {"facepair": 100_000}


@dataclass(frozen=True)
class Run:
    """What one process cost."""

    competitor: str
    level: int
    files: int
    seconds: float
    cpu_seconds: float
    peak_bytes: int
    output_bytes: int


def merge_with_zarrpack(files: list[str], out: Path, level: int) -> None:
    """Merge; the level is the one thing that is not zarrpack's default."""
    from zarrpack.storage import codecs
    from zarrpack.storage.datasetstorage import DatasetMerger

    codecs._LEVELS["spec"] = level
    DatasetMerger(files, out, delete_source_files=False).merge_data()


def merge_with_xarray(files: list[str], out: Path, level: int) -> None:
    """Merge as one does without zarrpack."""
    import numcodecs
    import numpy as np
    import xarray as xr
    from zarr.storage import ZipStore

    warnings.simplefilter("ignore")
    pieces: dict[str, list[Any]] = {dim: [] for _, dim, _ in PIECES}
    for code, file in enumerate(files):
        store = ZipStore(file, mode="r")
        groups = {group: xr.open_zarr(store, group=group, mask_and_scale=False) for group in GROUPS}
        for group, dim, names in PIECES:
            arrays = {}
            for name in names:
                values = groups[group][name].data
                if group == "faceface":
                    values = values.reshape(-1)
                if values.ndim == 0:
                    values = values.reshape(1)
                arrays[name] = ((dim, *(f"{name}_dim_{axis}" for axis in range(1, values.ndim))), values)
            rows = next(iter(arrays.values()))[1].shape[0]
            arrays["file_id"] = ((dim,), np.full(rows, code, np.int64))
            pieces[dim].append(xr.Dataset(arrays))
    with ZipStore(out, mode="w") as store:
        for group, dim, _ in PIECES:
            merged = xr.concat(pieces[dim], dim, data_vars="all", coords="minimal", compat="override", join="override")
            merged = merged.chunk({dim: CHUNK_ROWS.get(dim, 500_000)})
            compressor = numcodecs.Zstd(level=level)
            encoding = {
                str(name): {
                    "compressors": [compressor],
                    "filters": [numcodecs.Delta(array.dtype)] if array.dtype.kind in "iu" else None,
                }
                for name, array in merged.items()
            }
            # A second time into one group of a zip that is being written does not work.
            group = dim if dim == "graph_item" else group
            merged.to_zarr(store, group=group, mode="a", encoding=encoding, zarr_format=2, consolidated=False)


def merge_by_command(files: list[str], out: Path, level: int) -> None:
    """Merge a folder by ``zarrpack merge``, which makes the tables too; at its own level, 12."""
    from zarrpack.converters.commands.main import run

    folder = out.with_name("sources")
    folder.mkdir()
    for file in files:
        (folder / Path(file).name).symlink_to(Path(file).absolute())
    if run(["merge", str(folder), "-o", str(out), "--quiet"]):
        sys.exit("zarrpack merge has failed")


MERGES: dict[str, Callable[[list[str], Path, int], None]] = {
    "zarrpack": merge_with_zarrpack,
    "zarrpack merge": merge_by_command,
    "xarray": merge_with_xarray,
}


def measure(competitor: str, folder: Path, files: int, level: int) -> Run:
    """Run a competitor once, in a process of its own."""
    with tempfile.TemporaryDirectory(dir=folder.parent) as work:
        out = Path(work) / "merged.dataset"
        start = time.perf_counter()
        command = [sys.executable, __file__, "--run", competitor, "--folder", str(folder), "--files", str(files)]
        process = subprocess.Popen([*command, "--level", str(level), "--out", str(out)], stdin=subprocess.DEVNULL)
        _, status, usage = os.wait4(process.pid, 0)
        seconds = time.perf_counter() - start
        if status:
            sys.exit(f"{competitor}: ended with status {os.waitstatus_to_exitcode(status)}")
        return Run(
            competitor,
            level,
            files,
            seconds,
            usage.ru_utime + usage.ru_stime,
            usage.ru_maxrss << 10,
            out.stat().st_size,
        )


def stores(folder: Path, files: int) -> list[str]:
    """Give the first stores of the collection, as text, of which ten thousand weigh less than as many Paths."""
    return [str(folder / f"part_{number:05d}.zarr.data") for number in range(files)]


def ratios(ours: Run, theirs: Run) -> dict[str, float]:
    """Compare, with their times brought to our number of files."""
    scale = ours.files / theirs.files
    return {
        "seconds": theirs.seconds * scale / ours.seconds,
        "cpu_seconds": theirs.cpu_seconds * scale / ours.cpu_seconds,
        "peak": ours.peak_bytes / theirs.peak_bytes,
    }


def parsed() -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--files", type=int, default=2000)
    parser.add_argument("--xarray-files", type=int, help="fewer files for xarray; its times are extrapolated")
    parser.add_argument("--many", type=int, help="also merge so many files by the command, for its peak")
    parser.add_argument("--levels", type=int, nargs="+", default=[3, 12])
    parser.add_argument(
        "--saved-files", type=int, default=30, help="stores that are saved for the comparison of saving"
    )
    parser.add_argument("--folder", type=Path, help="where the stores are, or are made; kept")
    parser.add_argument("--json", action="store_true")
    parser.add_argument("--run", choices=MERGES, help=argparse.SUPPRESS)
    parser.add_argument("--level", type=int, help=argparse.SUPPRESS)
    parser.add_argument("--out", type=Path, help=argparse.SUPPRESS)
    return parser.parse_args()


def saving_shares(folder: Path, files: int) -> dict[str, float]:
    """Give the share of zarr-python's time that `OptStorage` takes for twelve small arrays, by the way they are saved."""
    import save

    measured = save.compare(folder, files, rounds=3)
    return {name: result["ratio"] for name, result in measured.items() if name != "OptStorage"}


def compare(arguments: argparse.Namespace, folder: Path) -> None:
    """Make the stores, run everything, and print it."""
    theirs_files = arguments.xarray_files or arguments.files
    make_stores(folder, max(arguments.files, theirs_files, arguments.many or 0))
    runs, compared = [], {}
    for level in arguments.levels:
        ours = measure("zarrpack", folder, arguments.files, level)
        theirs = measure("xarray", folder, theirs_files, level)
        runs += [ours, theirs]
        compared[level] = ratios(ours, theirs)
    growth = None
    if arguments.many:
        few, many = (measure("zarrpack merge", folder, files, 12) for files in (arguments.files, arguments.many))
        runs += [few, many]
        growth = many.peak_bytes / few.peak_bytes
    saving = saving_shares(folder.parent, arguments.saved_files)
    if arguments.json:
        shown = {"runs": [asdict(run) for run in runs], "ratios": compared, "growth": growth, "saving": saving}
        print(json.dumps(shown))
        return
    print("| competitor | Zstd | files | seconds | CPU s | peak MB | output MB |")
    print("| --- | --- | --- | --- | --- | --- | --- |")
    for run in runs:
        print(
            f"| {run.competitor} | {run.level} | {run.files} | {run.seconds:.1f} | {run.cpu_seconds:.1f} "
            f"| {run.peak_bytes / 1e6:.0f} | {run.output_bytes / 1e6:.1f} |"
        )
    for level, values in compared.items():
        extrapolated = f", xarray extrapolated from {theirs_files} files" if theirs_files != arguments.files else ""
        print(
            f"Zstd {level}: {values['seconds']:.1f} times faster, {values['cpu_seconds']:.1f} times less CPU, "
            f"{values['peak']:.2f} of the peak{extrapolated}"
        )
    if growth is not None:
        print(f"Peak for {arguments.many} files: {growth:.2f} of that for {arguments.files}")
    for name, share in saving.items():
        print(f"OptStorage saves in {share:.2f} of the time of {name}")


def main() -> None:
    """Measure, or be one of the processes that are measured."""
    arguments = parsed()
    if arguments.run:
        MERGES[arguments.run](stores(arguments.folder, arguments.files), arguments.out, arguments.level)
        return
    if resource.getrusage(resource.RUSAGE_SELF).ru_maxrss == 0:
        sys.exit("this system does not tell peaks of memory")
    if arguments.folder is not None:
        compare(arguments, arguments.folder)
        return
    with tempfile.TemporaryDirectory() as work:
        compare(arguments, Path(work) / "parts")


if __name__ == "__main__":
    main()
