"""The layout of one dataset for each member, below the member's folder: the form that H5DAT's files have."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, NamedTuple

import h5py
import numpy as np
import numpy.typing as npt

from zarrpack.storage.hdf5.attributes import write_attributes, write_own, write_text
from zarrpack.storage.hdf5.file import SCALAR_TEXT, make_chunked, make_small
from zarrpack.storage.hdf5.filters import EncodedPiece, encode_piece
from zarrpack.storage.hdf5.item_paths import Origin
from zarrpack.storage.hdf5.item_rows import ItemArray
from zarrpack.storage.hdf5.options import Hdf5Compression
from zarrpack.storage.hdf5.pieces import cut, piece_shape
from zarrpack.storage.hdf5.stored_types import to_stored
from zarrpack.storage.made_ahead import made_ahead

__all__ = ["shown_things", "split_arrays", "write_items"]

#: Below so many bytes an index of chunks takes more than their compression saves.
_CHUNKED_FROM = 1 << 16


class _Part(NamedTuple):
    """A dataset to be: its values, encoded if they are many."""

    array: ItemArray
    thing: int
    things: int
    values: npt.NDArray[Any]
    piece: tuple[int, ...] | None
    encoded: Sequence[tuple[tuple[int, ...], EncodedPiece]]


class _Item(NamedTuple):
    code: int
    parts: list[_Part]
    numbers: dict[str, Any]


def split_arrays(arrays: Sequence[ItemArray]) -> tuple[list[ItemArray], list[ItemArray]]:
    """Tell arrays that become datasets from single numbers, which become attributes of them.

    Parameters
    ----------
    arrays : sequence of ItemArray
        All arrays of values.

    Returns
    -------
    tuple of (list, list)
        Datasets, attributes. Where there would be nothing but attributes, all are datasets.
    """
    numbers = [one for one in arrays if one.is_single and one.is_number]
    large = {one.place.rpartition("/")[0] for one in arrays if one not in numbers}
    numbers = [one for one in numbers if one.place.rpartition("/")[0] in large]
    return [one for one in arrays if one not in numbers], numbers


def write_items(
    file: h5py.File,
    arrays: Sequence[ItemArray],
    numbers: Sequence[ItemArray],
    origins: Mapping[int, Origin],
    paths: Mapping[int, str],
    compression: Hdf5Compression,
    threads: int,
    progress: Callable[[int], None] | None = None,
) -> None:
    """Write all items, in the order of their codes. Memory holds a few items.

    Parameters
    ----------
    file : h5py.File
        Open for writing.
    arrays, numbers : sequence of ItemArray
        What become datasets, and what become attributes of them.
    origins, paths : mapping of int
        By code where each came from and where it goes.
    compression : {"gzip", "lzf", "zstd", "none"}
        How to compress.
    threads : int
        How many items are read and encoded at once.
    progress : callable or None
        Called with the number of bytes of each dataset.

    Raises
    ------
    FormatError
        If a chunk is missing or damaged.
    """

    def load(code: int) -> _Item:
        parts = [part for array in arrays for part in _parts(array, code, compression)]
        known = {one.place.rpartition("/")[2]: one.things(code) for one in numbers}
        values = {name: things[0][0] for name, things in known.items() if things}
        return _Item(code, parts, values)

    for item in made_ahead(load, sorted(paths), threads, waiting=threads, name="zarrpack-hdf5"):
        for part, path in zip(item.parts, _part_paths(item.parts, paths[item.code]), strict=True):
            node = _write(file, path, part, compression)
            own = {"place": part.array.place, "code": item.code, "thing": part.thing}
            write_own(node, own)
            if origins[item.code].archive:
                write_text(node, "archive", origins[item.code].archive)
            write_text(node, "member", origins[item.code].member.replace("\0", "\\0"))
            node.attrs["item_code"] = np.int64(item.code)
            if part.array.metadata.dtype[1] == "b":
                write_text(node, "dtype", "bool")
            write_attributes(node, part.array.metadata.attributes)
            for name, value in item.numbers.items():
                if name not in node.attrs:
                    node.attrs[name] = to_stored(np.asarray(value))[()]
            if progress is not None:
                progress(node.id.get_storage_size())


def shown_things(array: ItemArray, code: int) -> list[npt.NDArray[Any]]:
    """Give the values of the datasets that an array of an item becomes.

    Parameters
    ----------
    array : ItemArray
        The array.
    code : int
        The item.
    """
    things = array.things(code)
    if things and array.is_single and not array.is_flat:
        things = [things[0][0] if things[0].shape else things[0]]
    if array.metadata.codec.object_codec == "vlen-bytes":
        rows = [row for thing in things for row in np.atleast_1d(np.asarray(thing, object)).reshape(-1).tolist()]
        things = [np.frombuffer(row, np.uint8) for row in rows]
    values = [np.asarray(thing) for thing in things]
    return [_texts(one) if one.dtype.kind in "OUS" else to_stored(one) for one in values]


def _parts(array: ItemArray, code: int, compression: Hdf5Compression) -> Iterator[_Part]:
    things = shown_things(array, code)
    for number, values in enumerate(things):
        piece, encoded = None, []
        if values.dtype.kind not in "OUS" and values.nbytes >= _CHUNKED_FROM:
            piece = piece_shape(values.shape, values.shape, values.dtype.itemsize)
            encoded = [(at, encode_piece(part, compression)) for at, part in cut(values, piece)]
        yield _Part(array, number, len(things), values, piece, encoded)


def _part_paths(parts: Sequence[_Part], path: str) -> list[str]:
    """Give the paths of an item's datasets: its own path if there is only one, else below it."""
    if len(parts) == 1:
        return [path]
    groups = {part.array.place.rpartition("/")[0] for part in parts}
    named = [part.array.place if len(groups) > 1 else part.array.place.rpartition("/")[2] for part in parts]
    return [
        f"{path}/{name}/{part.thing}" if part.things > 1 else f"{path}/{name}"
        for name, part in zip(named, parts, strict=True)
    ]


def _write(file: h5py.File, path: str, part: _Part, compression: Hdf5Compression) -> h5py.Dataset:
    values = part.values
    if part.piece is None:
        dtype = SCALAR_TEXT if values.dtype.kind in "OUS" else None
        node = make_small(file, path, values, dtype)
    else:
        node = make_chunked(file, path, values.shape, values.dtype, part.piece, compression)
        for at, (payload, mask) in part.encoded:
            node.id.write_direct_chunk(at, payload, mask)
    dims = part.array.metadata.attributes.get("zarrpack_dims", part.array.metadata.dims)
    for axis, dim in enumerate(reversed(dims[-values.ndim :] if values.ndim else ())):
        if axis < values.ndim:
            node.dims[values.ndim - 1 - axis].label = str(dim)
    return node


def _texts(values: npt.NDArray[Any]) -> npt.NDArray[Any]:
    """Give texts that HDF5 can hold; the whole ones are in the columnar copy."""
    plain = [str(text).replace("\0", "\\0") for text in values.reshape(-1).tolist()]
    texts = np.empty(len(plain), object)
    texts[:] = plain
    return texts.reshape(values.shape)
