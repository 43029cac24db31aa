"""The columnar layout: the groups and arrays of a ``.data`` or ``.dataset``, as they are."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from typing import Any

import h5py

from zarrpack.storage.data_file import DataFile
from zarrpack.storage.hdf5.attributes import write_attributes, write_own, write_text
from zarrpack.storage.hdf5.file import make_group, make_small
from zarrpack.storage.hdf5.number_rows import MadePieces, write_numbers
from zarrpack.storage.hdf5.object_rows import text_form, write_bytes, write_texts
from zarrpack.storage.hdf5.options import Hdf5Compression
from zarrpack.storage.hdf5.scales import DimensionScales
from zarrpack.storage.stored_array import StoredArray

__all__ = ["write_columnar"]


def write_columnar(
    file: h5py.File,
    source: DataFile,
    scales: DimensionScales,
    compression: Hdf5Compression,
    threads: int,
    *,
    said_of_all: Mapping[str, Any],
    made: Callable[[str], MadePieces | None],
    progress: Callable[[int], None] | None = None,
    below: str = "",
    places: Collection[str] | None = None,
) -> None:
    """Write the groups and arrays of a file.

    Parameters
    ----------
    file : h5py.File
        Open for writing.
    source : DataFile
        What is written.
    scales : DimensionScales
        Those of the file.
    compression : {"gzip", "lzf", "zstd", "none"}
        How to compress.
    threads : int
        How many chunks are decoded and encoded at once.
    said_of_all : mapping
        Attributes of every dataset, such as where its rows came from.
    made : callable
        Gives, for an array's place, what gives the pieces of it that exist already.
    progress : callable or None
        Called with the number of bytes of each piece.
    below : str
        The group that they lie below; empty: the root.
    places : collection of str or None
        The arrays to write; None: all.

    Raises
    ------
    FormatError
        If a chunk is missing or damaged.
    """
    arrays = {place: array for place, array in source.arrays.items() if places is None or place in places}
    for name, attributes in source.groups.items():
        if places is None or any(place.startswith(f"{name}/") for place in arrays):
            write_attributes(make_group(file, f"{below}/{name}"), attributes)
    for place in arrays:
        group, _, name = f"{below}/{place}".strip("/").rpartition("/")
        scales.reserve(group, (name, f"{name}_offsets"))
    for place, array in arrays.items():
        group, _, name = f"{below}/{place}".strip("/").rpartition("/")
        parent = make_group(file, group)
        written = _write_array(parent, name, array, compression, threads, made(place), progress)
        _describe(written, array, said_of_all)
        for data, dims in written:
            scales.attach(data, group, dims)


def _write_array(
    parent: h5py.Group,
    name: str,
    array: StoredArray,
    compression: Hdf5Compression,
    threads: int,
    made: MadePieces | None,
    progress: Callable[[int], None] | None,
) -> Sequence[tuple[h5py.Dataset, tuple[str, ...]]]:
    """Write one array; give the datasets that it has become, and their dimensions."""
    metadata = array.metadata
    if metadata.dtype != "|O" and metadata.dtype[1] not in "US":
        return [(write_numbers(parent, name, array, compression, threads, made, progress), metadata.dims)]
    form = "flat" if metadata.codec.object_codec == "vlen-bytes" or metadata.dtype[1] == "S" else text_form(array)
    if form != "flat":
        return [(write_texts(parent, name, array, form, compression), metadata.dims)]
    data, ends = write_bytes(parent, name, array, compression)
    offsets = make_small(parent, f"{name}_offsets", ends)
    return [(data, (f"{name}_byte",)), (offsets, (f"{name}_offset",))]


def _describe(
    written: Sequence[tuple[h5py.Dataset, tuple[str, ...]]], array: StoredArray, said_of_all: Mapping[str, Any]
) -> None:
    metadata = array.metadata
    data = written[0][0]
    own: dict[str, Any] = {"zarray": metadata.to_zarray(), "zattrs": metadata.to_zattrs()}
    if len(written) > 1:
        own["offsets"] = written[1][0].name
        write_text(written[1][0], "description", f"row i is {data.name.rpartition('/')[2]}[offsets[i]:offsets[i + 1]]")
    write_own(data, own)
    write_attributes(data, metadata.attributes)
    write_attributes(data, said_of_all)
    true_name = metadata.attributes.get("name")
    if isinstance(true_name, str) and "\0" not in true_name:
        write_text(data, "name", true_name)
    if metadata.dtype[1] == "b":
        write_text(data, "dtype", "bool")  # xarray reads it so
