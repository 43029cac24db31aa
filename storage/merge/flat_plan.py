"""The arrays that a flat array is made of: its values, their offsets, and where needed their shapes."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from zarrpack.errors import FormatError
from zarrpack.storage.array_metadata import ArrayMetadata
from zarrpack.storage.merge.chunk_copies import ChunkCopies
from zarrpack.storage.merge.earlier_chunks import reencoding_reason
from zarrpack.storage.merge.encoding_choice import choose_encoding
from zarrpack.storage.merge.fillers import zero_value
from zarrpack.storage.merge.flat_layout import FlatLayout, lay_out_values
from zarrpack.storage.merge.group_plan import GroupPlan, Planning, add_own_array, data_attributes
from zarrpack.storage.merge.output_array import OutputArray
from zarrpack.storage.merge.row_dimensions import RowDimension
from zarrpack.storage.merge.row_sources import FlatOffsetRows, FlatShapeRows, FlatValues, RowSource
from zarrpack.storage.merge.variants import Variant

__all__ = ["plan_flat"]


def plan_flat(
    planning: Planning,
    group: GroupPlan,
    variant: Variant,
    name: str,
    dimension: RowDimension,
    lengths: Sequence[RowSource] | None,
) -> None:
    """Add a flat array.

    Parameters
    ----------
    planning : Planning
        The merge.
    group : GroupPlan
        Gets the arrays.
    variant : Variant
        The array.
    name : str
        Its safe name.
    dimension : RowDimension
        The dimension of its things.
    lengths : sequence of RowSource, or None
        The arrays that hold the shapes of all things; None: there are no such.

    Raises
    ------
    FormatError
        If a source does not tell the shapes of its things.
    """
    layout = _add_values(planning, group, variant, name, dimension)
    things = dimension.pieces(planning.catalogue, variant)
    place = f"{group.name}/{name}"
    rows = dimension.space.rows
    source = FlatOffsetRows(planning.reader, layout, things)
    offsets_name = group.names.own_array(f"{name}_offsets")
    add_own_array(planning, group, offsets_name, (rows,), (dimension.name,), "flat_offsets", name, source)
    missing = rows - things.rows
    if lengths is None or missing or (layout.shape_parts >= 0).any():
        _check_shapes(planning, layout, lengths)
        axes = variant.kind.flat_axes
        dims = (dimension.name, group.names.own_dimension(f"{name}_axis"))
        shapes = FlatShapeRows(planning.reader, layout, things, axes, lengths or ())
        shape_name = group.names.own_array(f"{name}_shape")
        add_own_array(planning, group, shape_name, (rows, axes), dims, "flat_shape", name, shapes)
    if not layout.is_flat.all():
        group.notes.append(f"{place}: rows of different shapes, stored flat")
    if missing:
        group.notes.append(f"{place}: {missing} of {rows} rows have no values")


def _add_values(
    planning: Planning, group: GroupPlan, variant: Variant, name: str, dimension: RowDimension
) -> FlatLayout:
    catalogue = planning.catalogue
    encoding = choose_encoding(catalogue, variant, None, planning.preferred, planning.rules)
    layout = lay_out_values(catalogue, variant, encoding, dimension.things)
    copies = None
    if encoding.copyable.any():
        part_rows, chunk = (catalogue.parts.of(column, variant.parts) for column in ("rows", "chunk"))
        copies = ChunkCopies(
            layout.pieces, encoding.copyable, part_rows, chunk, encoding.rows, layout.length, zero_gaps=True
        )
    else:
        encoding = replace(encoding, rows=max(1, min(encoding.rows, layout.length)))
    metadata = ArrayMetadata(
        (layout.length,),
        (encoding.rows,),
        variant.dtype,
        encoding.codec,
        (group.names.own_dimension(f"{name}_value"),),
        data_attributes(catalogue, variant, name),
    )
    filler = zero_value(variant.dtype, variant.object_codec)
    values = FlatValues(planning.reader, layout, variant.dtype, filler)
    group.arrays.append(OutputArray(f"{group.name}/{name}", metadata, values, copies))
    reason = reencoding_reason(catalogue, variant, encoding)
    if reason:
        group.reencoded[f"{group.name}/{name}"] = reason
    return layout


def _check_shapes(planning: Planning, layout: FlatLayout, lengths: Sequence[RowSource] | None) -> None:
    unknown = np.flatnonzero(layout.is_flat & (layout.shape_parts < 0))
    if lengths is None and len(unknown):
        parts = planning.catalogue.parts
        part = int(layout.parts[unknown[0]])
        path = planning.catalogue.paths[int(parts["source"][part])]
        place = planning.catalogue.places[int(parts["place"][part])]
        raise FormatError(f"{path}: {place}: expected an array of shapes for a flat array, found none")
