"""HDF5 files become a dataset: those that zarrpack has written the one they were made of, all others by conversion."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from zarrpack.converters.apart import run_apart
from zarrpack.converters.convert import convert_with
from zarrpack.converters.options import options_from_mapping
from zarrpack.converters.output import OutputSet, claimed, default_name
from zarrpack.converters.result import ConvertResult
from zarrpack.errors import FormatError, SourceError, UsageError
from zarrpack.processors.base import HEAD_BYTES
from zarrpack.processors.hdf5 import has_signature

__all__ = ["RestoredSet", "import_hdf5"]

_SUFFIXES = {"infoset": ".infoset", "attribset": ".attribset", "members": ".members.parquet"}


@dataclass(frozen=True, slots=True)
class RestoredSet:
    """What was restored out of a file that zarrpack had written.

    Parameters
    ----------
    name : str
        Stem of the files.
    paths : tuple of Path
        The files, as absolute paths; the ``.dataset`` or ``.data`` comes first.
    """

    name: str
    paths: tuple[Path, ...]

    exit_status = 0

    def to_mapping(self) -> dict[str, Any]:
        """Give the result as JSON values: what ``--json`` prints."""
        return {"name": self.name, "restored": [str(path) for path in self.paths], "exit_status": 0}


def import_hdf5(
    files: Sequence[Path],
    out: Path,
    *,
    name: str | None = None,
    overwrite: bool = False,
    quiet: bool = True,
    **options: Any,
) -> ConvertResult | RestoredSet:
    """Turn HDF5 files into a dataset. They are read in processes that a damaged file may crash.

    A columnar file that zarrpack has written becomes the ``.dataset`` (or ``.data``) and the tables that it was made of.
    Of any other file each dataset becomes an array, and the file an item.

    Parameters
    ----------
    files : sequence of Path
        HDF5, netCDF-4 or MATLAB 7.3 files; a file that is to be restored comes alone.
    out : Path
        The output folder.
    name : str or None
        Stem of the files written; None: as of a conversion.
    overwrite : bool
        Whether files of that name may be replaced.
    quiet : bool
        Whether to show no progress bar.
    **options
        Those of :func:`zarrpack.convert`, for files of others.

    Raises
    ------
    UsageError
        If an option is wrong, or a file to be restored is one of several.
    SourceError
        If a file does not exist, or is no HDF5 file.
    FormatError
        If a file is damaged.
    NothingUsable
        If no file could be stored.
    OutputRefused
        If output files exist, or cannot be written.
    """
    for file in files:
        if not file.is_file():
            raise SourceError(f"{file}: expected an HDF5 file, found none; check the path")
        with file.open("rb") as opened:
            if not has_signature(opened.read(HEAD_BYTES)):
                raise SourceError(
                    f"{file}: expected an HDF5 file, found other bytes; zarrpack convert takes other files"
                )
    kinds = [run_apart(_kind, str(file)) for file in files]
    own = [file for file, kind in zip(files, kinds, strict=True) if kind]
    if not own:
        values = {**options, "name": name, "overwrite": overwrite}
        return convert_with(list(files), out, options_from_mapping(values), quiet=quiet)
    if len(files) > 1:
        raise UsageError(
            f"{own[0]}: expected a file that zarrpack has written to come alone, found {len(files)}; "
            "import each by itself, then zarrpack merge"
        )
    if options:
        raise UsageError(f"{', '.join(options)}: expected no such option to restore {own[0]}")
    return _restore(files[0], kinds[0], out, name or default_name(files, out), overwrite=overwrite)


def _restore(file: Path, kind: str, out: Path, name: str, *, overwrite: bool) -> RestoredSet:
    first = ".dataset" if kind == "dataset" else ".data"
    tables = run_apart(_tables, str(file))
    suffixes = (first, *(_SUFFIXES[table] for table in tables))
    output = OutputSet(out, name, suffixes)
    with claimed(output, overwrite=overwrite, needed_bytes=file.stat().st_size // 2):
        run_apart(
            _write, str(file), str(output.temporary(first)), {t: str(output.temporary(_SUFFIXES[t])) for t in tables}
        )
        output.publish()
    return RestoredSet(name, tuple(out.resolve() / f"{name}{suffix}" for suffix in suffixes))


def _kind(path: str) -> str:
    import h5py

    from zarrpack.storage.hdf5.restore import columnar_kind

    try:
        with h5py.File(path, "r") as file:
            return columnar_kind(file)
    except FormatError:
        raise
    except Exception:  # noqa: BLE001 - what is wrong with it the conversion says, with a reason
        return ""


def _tables(path: str) -> list[str]:
    import h5py

    from zarrpack.storage.hdf5.restore import table_names

    with h5py.File(path, "r") as file:
        found = table_names(file)
    return [name for name in _SUFFIXES if name in found]


def _write(path: str, out: str, tables: dict[str, str]) -> None:
    import h5py

    from zarrpack.storage.hdf5.restore import restore_arrays, restore_table

    try:
        with h5py.File(path, "r") as file:
            restore_arrays(file, Path(out))
            for name, table in tables.items():
                restore_table(file, name, Path(table))
    except (OSError, RuntimeError, KeyError) as exc:
        if isinstance(exc, OSError) and exc.errno is not None:
            raise
        raise FormatError(f"{path}: the HDF5 file is damaged: {exc}") from exc
