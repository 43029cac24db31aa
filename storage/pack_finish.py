"""What a pack's group gets once all its members are in: dimensions' names, code arrays, offsets."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt

from zarrpack.storage.array_metadata import ArrayMetadata
from zarrpack.storage.base import EncodingOptions
from zarrpack.storage.chunking import chunk_shape
from zarrpack.storage.codecs import choose_codec, encode_chunk
from zarrpack.storage.pack_array import PackArray, Sink
from zarrpack.storage.pack_dimensions import DimensionTable
from zarrpack.storage.pack_groups import PackGroup

__all__ = ["finish_group"]

_Arrays: TypeAlias = Iterator[tuple[str, ArrayMetadata]]


def finish_group(group: PackGroup, options: EncodingOptions, sink: Sink) -> _Arrays:
    """Send out a group's open chunks, its code and offset arrays.

    Parameters
    ----------
    group : PackGroup
        Nothing can be added to it afterwards.
    options : EncodingOptions
        How to encode.
    sink : callable
        Takes each chunk.

    Yields
    ------
    tuple of (str, ArrayMetadata)
        ``"group/array"`` and what it is, for every array of the group.
    """
    table = DimensionTable(group.names, group.arrays)
    for array in group.arrays:
        array.finish()
        name = f"{group.name}/{array.name}"
        if array.is_flat:
            yield name, array.metadata((table.own_dimension(array, "_value"),), _attributes(array))
            yield from _send_flat(name, table, array, options, sink)
        else:
            yield name, array.metadata(table.dims(array), _attributes(array))
    # A store has one member; there is nothing to tell apart.
    for coded in table.coded if options.kind == "pack" else ():
        attributes = {"zarrpack_role": "code", "zarrpack_of": coded.name}
        yield _send(f"{group.name}/{coded.code_name}", coded.codes, (coded.name,), attributes, options, sink)


def _send_flat(name: str, table: DimensionTable, array: PackArray, options: EncodingOptions, sink: Sink) -> _Arrays:
    """Send out where a flat array's things start and, if nothing else tells it, their shapes."""
    thing = table.row_dimension(array)
    starts = np.array(array.starts, np.int64)
    attributes = {"zarrpack_role": "flat_offsets", "zarrpack_of": array.name}
    yield _send(f"{name}_offsets", starts, (thing,), attributes, options, sink)
    if array.has_shapes:
        shapes = np.array(array.shapes, np.int64).reshape(array.rows, len(array.type.tail))
        attributes = {"zarrpack_role": "flat_shape", "zarrpack_of": array.name}
        dims = (thing, table.own_dimension(array, "_axis"))
        yield _send(f"{name}_shape", shapes, dims, attributes, options, sink)


def _send(
    name: str,
    values: npt.NDArray[np.int64],
    dims: tuple[str, ...],
    attributes: dict[str, Any],
    options: EncodingOptions,
    sink: Sink,
) -> tuple[str, ArrayMetadata]:
    """Encode a whole array of int64 and send its chunks out."""
    chunks = chunk_shape(values.shape[1:], "<i8", "values", None)
    chunks = (max(1, min(len(values), chunks[0])), *chunks[1:])
    codec = choose_codec("<i8", values.ndim, "values", options.compression, chunks[0], flat=False)
    metadata = ArrayMetadata(values.shape, chunks, "<i8", codec, dims, attributes)
    for number in range(metadata.chunk_grid()[0] if values.size else 0):
        part = values[number * chunks[0] : (number + 1) * chunks[0]]
        key = metadata.chunk_key((number, *[0] * (values.ndim - 1)))
        sink(f"{name}/{key}", encode_chunk(part, codec, "<i8", chunks))
    return name, metadata


def _attributes(array: PackArray) -> dict[str, Any]:
    """Give the attributes of an array of values, as ``docs/formats.md`` lists them."""
    block = array.block
    # A processor's own attributes never pass for ours.
    attributes = {key: value for key, value in block.attributes.items() if not key.startswith("zarrpack_")}
    attributes.pop("name", None)
    attributes["zarrpack_role"] = "data"
    if array.name != block.array:
        attributes["name"] = block.array
    if block.content == "pixels":
        attributes["zarrpack_content"] = "pixels"
    attributes["zarrpack_unit"] = block.unit
    if block.shape_from:
        attributes["zarrpack_shape_from"] = list(block.shape_from)
    if array.draft_level is not None:
        attributes["zarrpack_draft"] = array.draft_level
    attributes["zarrpack_dims"] = list(block.dims)
    if array.is_flat:
        attributes["zarrpack_flat"] = True
    if array.type.stands_for:
        attributes["zarrpack_dtype"] = array.type.stands_for
    return attributes
