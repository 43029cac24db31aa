"""Writes a ``.data`` or ``.dataset``, and the tables beside it, into one HDF5 file."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import h5py

from zarrpack.storage.array_names import NameTable
from zarrpack.storage.data_file import DataFile
from zarrpack.storage.hdf5.attributes import write_own
from zarrpack.storage.hdf5.columnar import write_columnar
from zarrpack.storage.hdf5.file import SCALAR_TEXT, create_file, make_group, make_small
from zarrpack.storage.hdf5.item_paths import Origin, item_paths
from zarrpack.storage.hdf5.item_rows import item_arrays
from zarrpack.storage.hdf5.number_rows import MadePieces
from zarrpack.storage.hdf5.object_rows import text_form
from zarrpack.storage.hdf5.options import Hdf5Options
from zarrpack.storage.hdf5.origins import item_origins
from zarrpack.storage.hdf5.per_item import split_arrays, write_items
from zarrpack.storage.hdf5.scales import DimensionScales
from zarrpack.storage.hdf5.tables import write_table
from zarrpack.storage.items.item_reader import ItemReader
from zarrpack.storage.stored_array import StoredArray

__all__ = ["HDF5_FORMAT", "ExportSource", "write_hdf5"]

#: The version of the layout that ``docs/formats.md`` describes.
HDF5_FORMAT = 1

#: The group of what is no array of the dataset.
_OWN_GROUP = "zarrpack"
#: By table the columns that differ between equal runs.
_LEFT_OUT: Mapping[str, Sequence[str]] = {"members": ("seconds",)}
_MOST_THREADS = 8


@dataclass(frozen=True, slots=True)
class ExportSource:
    """What is exported.

    Parameters
    ----------
    data : Path
        A ``.data`` or ``.dataset``.
    tables : mapping of str to Path
        ``infoset``, ``attribset``, ``members`` -> the Parquet file.
    """

    data: Path
    tables: Mapping[str, Path] = field(default_factory=dict)


def write_hdf5(
    source: ExportSource,
    out: Path,
    options: Hdf5Options,
    *,
    threads: int | None = None,
    made: Callable[[str], MadePieces | None] | None = None,
    progress: Callable[[int], None] | None = None,
) -> None:
    """Write an HDF5 file. Equal sources and options give equal bytes; memory holds a few chunks, and a column of a table.

    Parameters
    ----------
    source : ExportSource
        What is written.
    out : Path
        The file; it must not exist, and is neither synced nor renamed.
    options : Hdf5Options
        How.
    threads : int or None
        How many chunks are decoded and encoded at once; None: one per processor, 8 at most.
    made : callable or None
        Gives, for an array's place, what gives the pieces of it that exist already; None: there are none.
    progress : callable or None
        Called with the number of bytes of each piece that was written.

    Raises
    ------
    FormatError
        If the source is damaged.
    OSError
        If the file cannot be written.
    """
    count = threads or min(_MOST_THREADS, os.cpu_count() or 1)
    with DataFile(source.data) as data, create_file(out) as file:
        own = _own_group(data)
        write_own(file, {"format": HDF5_FORMAT, "kind": data.kind, "layout": options.layout, "own": own})
        scales = DimensionScales(file)
        group = make_group(file, own)
        make_small(group, "metadata_json", _metadata_text(data), SCALAR_TEXT)
        arrays = {"groups": data.groups, "arrays": list(data.arrays), "attributes": data.attributes}
        write_own(group, arrays)
        for name, table in source.tables.items():
            write_table(group, name, table, options.compression, scales, left_out=_LEFT_OUT.get(name, ()))
        if options.layout == "columnar":
            said = _provenance(own, data.kind, source.tables)
            write_columnar(
                *(file, data, scales, options.compression, count),
                said_of_all=said,
                made=made or (lambda _: None),
                progress=progress,
            )
        else:
            written = _Written(file, data, scales, own, options, count, progress)
            _write_per_item(written, item_origins(data, source.tables))


@dataclass(frozen=True, slots=True)
class _Written:
    """A file that is being written, and how."""

    file: h5py.File
    data: DataFile
    scales: DimensionScales
    own: str
    options: Hdf5Options
    threads: int
    progress: Callable[[int], None] | None


def _write_per_item(to: _Written, origins: Mapping[int, Origin]) -> None:
    """Write a dataset for each item's array of values, and aside, as they are, the arrays that tell what belongs to whom."""
    compression = to.options.compression
    reader = ItemReader(to.data.path)
    arrays, numbers = split_arrays(item_arrays(reader))
    # HDF5's texts end at a NUL; arrays with such are kept aside as well.
    aside = {one.place for one in arrays if _has_texts_with_nul(to.data.arrays[one.place])}
    shown = {one.place for one in arrays} - aside
    write_own(
        make_group(to.file[to.own], "items"),
        {
            place: {"zarray": array.metadata.to_zarray(), "zattrs": array.metadata.to_zattrs()}
            for place, array in to.data.arrays.items()
            if place in shown
        },
    )
    write_columnar(
        *(to.file, to.data, to.scales, compression, to.threads),
        said_of_all={},
        made=lambda _: None,
        progress=to.progress,
        below=f"{to.own}/arrays",
        places=set(to.data.arrays) - shown,
    )
    paths = item_paths(origins, (to.own,), to.options.groups)
    write_items(to.file, arrays, numbers, origins, paths, compression, to.threads, to.progress)
    reader.close()


def _has_texts_with_nul(array: StoredArray) -> bool:
    return array.metadata.codec.object_codec == "vlen-utf8" and text_form(array) == "flat"


def _own_group(data: DataFile) -> str:
    names = NameTable()
    for place in (*data.groups, *data.arrays):
        names.safe_name(place.partition("/")[0])
    return names.safe_name(_OWN_GROUP, 2) if names.is_used(_OWN_GROUP) else _OWN_GROUP


def _metadata_text(data: DataFile) -> str:
    return data.payload("metadata.json").decode() if data.has_entry("metadata.json") else "{}"


def _provenance(own: str, kind: str, tables: Mapping[str, Path]) -> dict[str, Any]:
    """Give the attribute that says where a dataset's rows came from."""
    if "members" in tables:
        return {"provenance": f"the row's file_id is item_code in /{own}/members, which has archive and member"}
    if "infoset" in tables:
        return {"provenance": f"the row's file_id is id in /{own}/infoset, whose description is the file"}
    if kind == "pack":
        return {"provenance": f"the row's file_id is a position in members of /{own}/metadata_json"}
    return {"provenance": f"/{own}/metadata_json has the file that all rows are of"}
