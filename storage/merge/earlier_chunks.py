"""What of the datasets among the sources can stay as it is: their chunks, and the rows that are padding."""

from __future__ import annotations

from typing import Any

import numpy as np

from zarrpack.storage.merge.catalogue import Catalogue
from zarrpack.storage.merge.encoding_choice import Encoding
from zarrpack.storage.merge.fillers import missing_value
from zarrpack.storage.merge.padding import Runs
from zarrpack.storage.merge.variants import Variant

__all__ = ["is_filled_alike", "padding_of", "reencoding_reason"]


def padding_of(catalogue: Catalogue, variant: Variant) -> dict[int, Runs]:
    """Give the padding in an array's parts, by their positions.

    Parameters
    ----------
    catalogue : Catalogue
        What pass 1 has found.
    variant : Variant
        The array.
    """
    if not catalogue.padded_parts:
        return {}
    parts = enumerate(variant.parts.tolist())
    return {owner: catalogue.padded_parts[part] for owner, part in parts if part in catalogue.padded_parts}


def is_filled_alike(catalogue: Catalogue, part: int, filler: Any) -> bool:
    """Whether the padding in a part is what the output would pad with.

    Parameters
    ----------
    catalogue : Catalogue
        What pass 1 has found.
    part : int
        The part's number.
    filler : scalar
        What the output pads with.
    """
    kind = catalogue.kinds[int(catalogue.parts["kind"][part])]
    old = missing_value(kind.dtype, kind.codec.object_codec, kind.stands_for)
    if isinstance(old, str | bytes) or isinstance(filler, str | bytes):
        return bool(old == filler)
    return bool(np.array_equal(old, filler, equal_nan=True))


def reencoding_reason(catalogue: Catalogue, variant: Variant, encoding: Encoding) -> str:
    """Say why whole chunks of a dataset among the sources cannot be copied into an array; empty: they can.

    Parameters
    ----------
    catalogue : Catalogue
        What pass 1 has found.
    variant : Variant
        The array.
    encoding : Encoding
        How it is stored.
    """
    parts = catalogue.parts
    for part in variant.parts[~encoding.copyable].tolist() if catalogue.datasets else ():
        if int(parts["source"][part]) not in catalogue.datasets or int(parts["rows"][part]) < encoding.rows:
            continue
        kind = catalogue.kinds[int(parts["kind"][part])]
        tail, chunks = catalogue.grids[int(parts["grid"][part])]
        if kind.dtype != variant.dtype:
            return f"dtype {kind.dtype} became {variant.dtype}"
        if tail != variant.tail:
            return f"rows of shape {list(tail)} became {list(variant.tail)}"
        if kind.codec != encoding.codec:
            return "its sources are encoded in different ways"
        return f"{chunks[0]} rows a chunk became {encoding.rows}"
    if catalogue.datasets and _lacks_rows(catalogue, variant, encoding.rows):
        return "rows that were padding beside other arrays are left out"
    return ""


def _lacks_rows(catalogue: Catalogue, variant: Variant, chunk_rows: int) -> bool:
    """Whether a part with padding in it, of a chunk or more, is not taken whole."""
    parts, kept = catalogue.parts, catalogue.row_sets["kept"]
    of_datasets = [part for part in variant.parts.tolist() if part in catalogue.padded_parts]
    return any(kept[parts["row_set"][part]] < parts["rows"][part] >= chunk_rows for part in of_datasets)
