"""The arrays of one output group: its data arrays, and the codes and offsets that the merge adds."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np
import numpy.typing as npt

from zarrpack.errors import MergeError
from zarrpack.storage.array_metadata import ArrayMetadata
from zarrpack.storage.base import Compression
from zarrpack.storage.chunking import chunk_shape
from zarrpack.storage.codecs import choose_codec
from zarrpack.storage.merge.catalogue import Catalogue, GroupKey
from zarrpack.storage.merge.chunk_copies import ChunkCopies
from zarrpack.storage.merge.earlier_chunks import is_filled_alike, padding_of, reencoding_reason
from zarrpack.storage.merge.encoding_choice import choose_encoding, first_compression
from zarrpack.storage.merge.fillers import missing_value
from zarrpack.storage.merge.naming import GroupNames
from zarrpack.storage.merge.output_array import OutputArray
from zarrpack.storage.merge.padding import padded_runs, without_padding
from zarrpack.storage.merge.part_reader import PartReader
from zarrpack.storage.merge.row_dimensions import RowDimension
from zarrpack.storage.merge.row_sources import CodeRows, KnownRows, MergedRows, RowSource
from zarrpack.storage.merge.rules import FOLLOWING, MergeRules
from zarrpack.storage.merge.variants import Variant

__all__ = [
    "GroupPlan",
    "Planning",
    "add_codes",
    "add_own_array",
    "data_attributes",
    "merged_rows",
    "plan_rows",
]

Int64s = npt.NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class Planning:
    """What is the same for all arrays of a merge.

    Parameters
    ----------
    catalogue : Catalogue
        What pass 1 has found.
    reader : PartReader
        Reads the sources in pass 2.
    count : int
        Number of codes.
    preferred : frozenset
        The named codec sets that fit all arrays of the sources.
    rules : MergeRules
        What does not depend on the sources.
    labels : ndarray of shape (count,), int64, or None
        What is written for each code; None: the code. With labels rows are not in the order of what is written, so that
        there can be no offsets.
    """

    catalogue: Catalogue
    reader: PartReader
    count: int
    preferred: frozenset[Compression | None]
    rules: MergeRules = FOLLOWING
    labels: Int64s | None = None


@dataclass(frozen=True, slots=True)
class GroupPlan:
    """An output group while it is planned.

    Parameters
    ----------
    key : GroupKey
        What its groups in the sources have in common.
    name : str
        Its safe name.
    names : GroupNames
        The names in it.
    arrays : list of OutputArray
        Its arrays, in the order in which they are written.
    rows : dict of str to int
        Row dimension -> rows; the group's first dimension comes first.
    notes : list of str
        What a user should know: promotions, splits, padding, arrays that went flat.
    reencoded : dict
        ``"group/array"`` -> why chunks of a dataset among the sources are not copied.
    padded : dict
        ``"group/array"`` -> rows that no file has.
    """

    key: GroupKey
    name: str
    names: GroupNames = field(default_factory=GroupNames)
    arrays: list[OutputArray] = field(default_factory=list)
    rows: dict[str, int] = field(default_factory=dict)
    notes: list[str] = field(default_factory=list)
    reencoded: dict[str, str] = field(default_factory=dict)
    padded: dict[str, int] = field(default_factory=dict)


def add_codes(planning: Planning, group: GroupPlan, dimension: RowDimension) -> None:
    """Add the code of each row along a dimension, and, where they ascend, each code's rows.

    Parameters
    ----------
    planning : Planning
        The merge.
    group : GroupPlan
        Gets the arrays.
    dimension : RowDimension
        The dimension.
    """
    name, offsets = dimension.name, dimension.space.offsets
    code_name = group.names.own_array(f"file_id_{name}" if group.rows else "file_id")
    group.rows[name] = dimension.space.rows
    shape = (dimension.space.rows,)
    codes = CodeRows(offsets, planning.labels)
    add_own_array(planning, group, code_name, shape, (name,), "code", name, codes)
    if planning.labels is not None:
        return
    offset_dim = group.names.own_dimension(f"{name}_offset")
    offsets_name = group.names.own_array(f"{name}_offsets")
    add_own_array(planning, group, offsets_name, offsets.shape, (offset_dim,), "offsets", name, KnownRows(offsets))


def add_own_array(
    planning: Planning,
    group: GroupPlan,
    name: str,
    shape: tuple[int, ...],
    dims: tuple[str, ...],
    role: str,
    of: str,
    source: RowSource,
) -> None:
    """Add an int64 array that no source has.

    Parameters
    ----------
    planning : Planning
        The merge.
    group : GroupPlan
        Gets the array.
    name : str
        Its safe name.
    shape, dims : tuple
        Its axes.
    role, of : str
        ``zarrpack_role`` and ``zarrpack_of``.
    source : RowSource
        Its rows.
    """
    chunks = chunk_shape(shape[1:], "<i8", "values", shape[0])
    rows = planning.rules.chunk_rows(dims[0], chunks[0])
    chunks = (max(1, min(rows, shape[0])), *chunks[1:])
    named = planning.rules.compression or first_compression(planning.preferred)
    codec = choose_codec("<i8", len(shape), "values", named, chunks[0], flat=False)
    attributes = {"zarrpack_role": role, "zarrpack_of": of}
    metadata = ArrayMetadata(shape, chunks, "<i8", codec, dims, attributes)
    group.arrays.append(OutputArray(f"{group.name}/{name}", metadata, source))


def plan_rows(
    planning: Planning,
    group: GroupPlan,
    variant: Variant,
    name: str,
    dimension: RowDimension,
    trailing: tuple[str, ...],
) -> None:
    """Add an array whose rows have one shape.

    Parameters
    ----------
    planning : Planning
        The merge.
    group : GroupPlan
        Gets the array.
    variant : Variant
        The array.
    name : str
        Its safe name.
    dimension : RowDimension
        Its first axis.
    trailing : tuple of str
        The names of the others.

    Raises
    ------
    MergeError
        If rows are missing and must not be.
    """
    catalogue, rows = planning.catalogue, dimension.space.rows
    encoding = choose_encoding(catalogue, variant, rows, planning.preferred, planning.rules)
    source = merged_rows(planning, variant, dimension)
    copies = None
    if encoding.copyable.any():
        part_rows, chunk = (catalogue.parts.of(column, variant.parts) for column in ("rows", "chunk"))
        copies = ChunkCopies(source.pieces, encoding.copyable, part_rows, chunk, encoding.rows, rows, zero_gaps=False)
    chunks = (encoding.rows, *(max(1, length) for length in variant.tail))
    attributes = data_attributes(catalogue, variant, name)
    padding = padding_of(catalogue, variant)
    padded = padded_runs(source.pieces, padding, rows)
    if padded:
        attributes["zarrpack_padded"] = padded
    metadata = ArrayMetadata(
        (rows, *variant.tail), chunks, variant.dtype, encoding.codec, (dimension.name, *trailing), attributes
    )
    place = f"{group.name}/{name}"
    group.arrays.append(OutputArray(place, metadata, source, copies))
    reason = reencoding_reason(catalogue, variant, encoding)
    if reason:
        group.reencoded[place] = reason
    missing = sum(count for _, count in padded)
    known = sum(count for runs in padding.values() for _, count in runs)
    if planning.rules.is_strict and missing > known:
        raise MergeError(f"{place}: expected {rows} rows as {dimension.name} has, found {rows - missing}")
    if missing:
        group.padded[place] = missing
        group.notes.append(f"{place}: {missing} of {rows} rows padded with {str(source.filler)!r:.40}")


def merged_rows(planning: Planning, variant: Variant, dimension: RowDimension) -> MergedRows:
    """Give the rows of an array that is not flat.

    Parameters
    ----------
    planning : Planning
        The merge.
    variant : Variant
        The array.
    dimension : RowDimension
        Its first axis.
    """
    filler = missing_value(variant.dtype, variant.object_codec, variant.kind.stands_for)
    pieces = dimension.pieces(planning.catalogue, variant)
    # Rows that a dataset has as padding are padded anew where the dtype has another filler.
    stale = {
        owner: runs
        for owner, runs in padding_of(planning.catalogue, variant).items()
        if not is_filled_alike(planning.catalogue, int(variant.parts[owner]), filler)
    }
    if stale:
        pieces = without_padding(pieces, stale)
    return MergedRows(planning.reader, pieces, variant.parts, variant.dtype, variant.tail, filler)


def data_attributes(catalogue: Catalogue, variant: Variant, name: str) -> dict[str, Any]:
    """Give the attributes of a data array, as ``docs/formats.md`` lists them.

    Parameters
    ----------
    catalogue : Catalogue
        Holds the user's attributes.
    variant : Variant
        The array.
    name : str
        Its safe name.
    """
    kind = variant.kind
    attributes: dict[str, Any] = {**catalogue.attributes[kind.identity], "zarrpack_role": "data"}
    if name != kind.name:
        attributes["name"] = kind.name
    if kind.content == "pixels":
        attributes["zarrpack_content"] = "pixels"
    attributes["zarrpack_unit"] = kind.unit
    if kind.shape_from:
        attributes["zarrpack_shape_from"] = list(kind.shape_from)
    attributes["zarrpack_dims"] = list(kind.dims)
    if variant.flat:
        attributes["zarrpack_flat"] = True
    if kind.stands_for:
        attributes["zarrpack_dtype"] = kind.stands_for
    return attributes
