"""A dataset becomes an HDF5 file."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from zarrpack.converters.output import OutputSet, claimed
from zarrpack.converters.progress import merge_bar
from zarrpack.converters.stage_clock import StageClock
from zarrpack.errors import SourceError, UsageError
from zarrpack.storage.hdf5.options import Hdf5Compression, Hdf5Layout, Hdf5Options

__all__ = ["Hdf5Result", "export_hdf5", "tables_beside"]

_SUFFIX = ".h5"


@dataclass(frozen=True, slots=True)
class Hdf5Result:
    """What an export has written.

    Parameters
    ----------
    hdf5 : Path
        The file, as an absolute path.
    bytes : int
        Its size.
    tables : tuple of str
        The tables that are in it.
    seconds : float
        Time it took.
    """

    hdf5: Path
    bytes: int
    tables: tuple[str, ...]
    seconds: float

    def to_mapping(self) -> dict[str, Any]:
        """Give the result as JSON values: what ``--json`` prints."""
        return {**asdict(self), "hdf5": str(self.hdf5), "tables": list(self.tables), "seconds": round(self.seconds, 3)}


def export_hdf5(
    source: Path,
    out: Path | None = None,
    *,
    compression: Hdf5Compression = "gzip",
    layout: Hdf5Layout = "columnar",
    overwrite: bool = False,
    threads: int | None = None,
    quiet: bool = True,
) -> Hdf5Result:
    """Write a ``.dataset`` or ``.data``, and the tables beside it, as one HDF5 file.

    Parameters
    ----------
    source : Path
        The file. ``NAME.infoset``, ``NAME.attribset`` and ``NAME.members.parquet`` beside it are taken along.
    out : Path or None
        The file to write; it ends in ``.h5``. None: beside the source, under its name.
    compression : {"gzip", "lzf", "zstd", "none"}
        How chunks are compressed.
    layout : {"columnar", "per_item"}
        The dataset's own groups and arrays, or a dataset for each member.
    overwrite : bool
        Whether a file of that name may be replaced.
    threads : int or None
        Threads that encode; None: one per processor. The bytes written do not depend on it.
    quiet : bool
        Whether to show no progress bar.

    Raises
    ------
    UsageError
        If an option is wrong.
    SourceError
        If the source does not exist.
    FormatError
        If it is no such file, or damaged.
    OutputRefused
        If the file exists, or cannot be written.
    """
    from zarrpack.storage.hdf5.export import ExportSource, write_hdf5

    options = Hdf5Options(compression, layout)
    if not source.is_file():
        raise SourceError(f"{source}: expected a .dataset or .data file, found none; check the path")
    if source.suffix not in (".dataset", ".data"):
        raise UsageError(f"{source}: expected a .dataset or .data file, found {source.suffix or 'no suffix'}")
    target = source.with_suffix(_SUFFIX) if out is None else out
    if target.suffix != _SUFFIX or not target.stem:
        raise UsageError(f"{target}: expected an output that ends in {_SUFFIX}; name it NAME{_SUFFIX}")
    clock = StageClock()
    output = OutputSet(target.parent, target.stem, (_SUFFIX,))
    tables = tables_beside(source)
    with claimed(output, overwrite=overwrite, needed_bytes=source.stat().st_size):
        with merge_bar(quiet) as progress:
            exported = ExportSource(source, tables)
            write_hdf5(exported, output.temporary(_SUFFIX), options, threads=threads, progress=progress)
        output.publish()
    path = target.parent.resolve() / target.name
    return Hdf5Result(path, path.stat().st_size, tuple(tables), clock.seconds()["total"])


def tables_beside(source: Path) -> dict[str, Path]:
    """Find the tables of a dataset: the files of its name.

    Parameters
    ----------
    source : Path
        A ``.dataset``; a ``.data`` has none.
    """
    if source.suffix != ".dataset":
        return {}
    suffixes = {"infoset": ".infoset", "attribset": ".attribset", "members": ".members.parquet"}
    found = {name: source.with_suffix(suffix) for name, suffix in suffixes.items()}
    return {name: path for name, path in found.items() if path.is_file()}
