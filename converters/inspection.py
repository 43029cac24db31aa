"""What a file that zarrpack made holds, from its metadata alone."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

from zarrpack.errors import FormatError, SourceError
from zarrpack.storage.sharded.store_mark import is_store

__all__ = ["inspect"]

_SHOWN_DTYPES = {"vlen-utf8": "string", "vlen-bytes": "bytes"}


def inspect(path: Path) -> dict[str, Any]:
    """Describe a file or an output folder.

    Parameters
    ----------
    path : Path
        A ``.dataset``, ``.data``, ``.infoset``, ``.attribset``, ``.parquet``, ``.flow`` or ``.h5`` file, or a
        folder with such files.

    Returns
    -------
    dict
        JSON values: ``path``, ``kind``, ``bytes``, and ``groups``, ``columns``, ``rows`` or ``files`` by kind.

    Raises
    ------
    SourceError
        If `path` does not exist.
    FormatError
        If it is no such file, or damaged.
    """
    try:
        found = path.exists()
    except PermissionError as error:
        raise SourceError(f"{path}: expected a path that can be read, found: {error.strerror}") from error
    if not found:
        raise SourceError(f"{path}: expected a file or folder that zarrpack made, found nothing; check the path")
    if path.is_dir():
        return _folder(path)
    reader = _READERS.get(path.suffix)
    if reader is None:
        raise FormatError(f"{path}: expected one of {', '.join(sorted(_READERS))} or a folder; see docs/formats.md")
    return {"path": str(path), "bytes": path.stat().st_size, **reader(path)}


def _folder(path: Path) -> dict[str, Any]:
    if is_store(path):
        return _sharded_store(path)
    names = sorted(one for one in path.iterdir() if one.suffix in _READERS and one.is_file())
    if not names:
        raise FormatError(f"{path}: expected files that zarrpack made, found none; see docs/formats.md")
    files = [inspect(one) for one in names]
    return {"path": str(path), "kind": "folder", "bytes": sum(one["bytes"] for one in files), "files": files}


def _sharded_store(path: Path) -> dict[str, Any]:
    from zarrpack.storage.sharded.reader import ShardedDatasetReader

    with ShardedDatasetReader(path) as reader:
        stats = reader.stats()
    size = stats["index_bytes"] + sum(one["bytes"] for one in stats["fields"].values())
    # "fields" are printed as what they are, a table of numbers by name.
    return {"path": str(path), "kind": "sharded store", "bytes": size, **stats}


def _zarr(path: Path) -> dict[str, Any]:
    from zarrpack.storage.data_file import DataFile

    with DataFile(path) as data:
        groups: dict[str, Any] = {}
        for key, array in data.arrays.items():
            group, _, name = key.rpartition("/")
            metadata = array.metadata
            shown = _SHOWN_DTYPES.get(metadata.codec.object_codec or "", metadata.dtype)
            groups.setdefault(group, {})[name] = {
                "dtype": shown,
                "shape": list(metadata.shape),
                "dims": list(metadata.dims),
                "chunks": list(metadata.chunks),
                "zstd": metadata.codec.level,
                "delta": metadata.codec.delta,
                "order": metadata.codec.order,
            }
        found: dict[str, Any] = {"kind": data.kind, "groups": groups}
        members = data.metadata.get("members")
        if isinstance(members, list):
            found["members"] = len(members)
        return found


def _parquet(path: Path) -> dict[str, Any]:
    import pyarrow
    import pyarrow.parquet

    try:
        with pyarrow.parquet.ParquetFile(path) as file:
            columns = {field.name: str(field.type) for field in file.schema_arrow}
            return {"kind": path.suffix.lstrip("."), "rows": file.metadata.num_rows, "columns": columns}
    except (pyarrow.ArrowException, OSError) as error:
        raise FormatError(f"{path}: expected a Parquet table: {error}") from error


def _flow(path: Path) -> dict[str, Any]:
    try:
        values = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise FormatError(f"{path}: expected the JSON summary of a run: {error}") from error
    if not isinstance(values, dict):
        raise FormatError(f"{path}: expected a JSON object, found {type(values).__name__}")
    return {"kind": "flow", **{key: value for key, value in values.items() if key not in ("path", "bytes", "kind")}}


def _hdf5(path: Path) -> dict[str, Any]:
    import h5py

    from zarrpack.storage.hdf5.dimension_names import axis_names, is_mere_dimension
    from zarrpack.storage.hdf5.object_paths import ObjectPaths, address_of

    groups: dict[str, Any] = {}
    nodes: list[tuple[str, Any]] = []
    try:
        with h5py.File(path, "r") as file:
            paths = ObjectPaths(file)
            file.visititems(lambda name, node: nodes.append((name, node)))
            for name, node in nodes:
                paths.keep(address_of(node.id), name)
            for name, node in nodes:
                if isinstance(node, h5py.Dataset) and not is_mere_dimension(node):
                    group, _, array = name.rpartition("/")
                    shape = list(node.shape or ())
                    names = axis_names(node, paths) if shape else []
                    dims = [name or f"dim_{axis}" for axis, name in enumerate(names)]
                    groups.setdefault(group, {})[array] = {"dtype": str(node.dtype), "shape": shape, "dims": dims}
    except (OSError, RuntimeError) as error:
        raise FormatError(f"{path}: expected an HDF5 file: {error}") from error
    return {"kind": "hdf5", "groups": groups}


_READERS: dict[str, Callable[[Path], dict[str, Any]]] = {
    ".attribset": _parquet,
    ".data": _zarr,
    ".dataset": _zarr,
    ".flow": _flow,
    ".h5": _hdf5,
    ".infoset": _parquet,
    ".parquet": _parquet,
}
