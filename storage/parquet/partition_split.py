"""A batch of rows divided by the values of its partition columns."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from zarrpack.errors import UsageError
from zarrpack.storage.parquet.layout import NULL_VALUE, PartitionValue

__all__ = ["split"]


def split(batch: pa.RecordBatch, columns: Sequence[str]) -> Iterator[tuple[tuple[PartitionValue, ...], pa.RecordBatch]]:
    """Give the rows of each partition in their order, without the partition columns.

    Parameters
    ----------
    batch : pyarrow.RecordBatch
        At least one row.
    columns : sequence of str
        The partition columns; none: all rows are one partition.

    Raises
    ------
    UsageError
        If a text is the one that stands for missing values in the names of folders.

    Examples
    --------
    >>> batch = pa.record_batch({"k": ["a", "b", "a"], "v": [1, 2, 3]})
    >>> [(values, part.to_pydict()) for values, part in split(batch, ["k"])]
    [(('a',), {'v': [1, 3]}), (('b',), {'v': [2]})]
    """
    rest = batch.select([name for name in batch.schema.names if name not in columns])
    if not columns:
        yield (), rest
        return
    places, keys = _codes(batch, columns)
    if len(keys) == 1:
        yield keys[0], rest
        return
    order = np.argsort(places, kind="stable")
    borders = np.searchsorted(places[order], np.arange(len(keys) + 1))
    is_in_order = bool((order[1:] > order[:-1]).all())
    grouped = rest if is_in_order else rest.take(pa.array(order))
    for number, key in enumerate(keys):
        yield key, grouped.slice(borders[number], borders[number + 1] - borders[number])


def _codes(
    batch: pa.RecordBatch, columns: Sequence[str]
) -> tuple[npt.NDArray[np.int64], list[tuple[PartitionValue, ...]]]:
    """Number the partitions by first appearance: for each row its number, for each number its values."""
    codes = np.zeros(batch.num_rows, np.int64)
    values: list[list[Any]] = []
    sizes: list[int] = []
    for name in columns:
        encoded = batch.column(name).dictionary_encode("encode")
        texts = encoded.dictionary.to_pylist()
        if NULL_VALUE in texts:
            raise UsageError(f"{name}: the text {NULL_VALUE} stands for a missing value in the names of folders")
        values.append(texts)
        sizes.append(len(texts))
        codes = codes * len(texts) + encoded.indices.to_numpy()
    distinct, first, inverse = np.unique(codes, return_index=True, return_inverse=True)
    by_appearance = np.argsort(first)
    rank = np.empty(len(distinct), np.int64)
    rank[by_appearance] = np.arange(len(distinct))
    keys = []
    for code in distinct[by_appearance].tolist():
        key: list[PartitionValue] = []
        for texts, size in zip(reversed(values), reversed(sizes), strict=True):
            code, index = divmod(code, size)
            key.append(texts[index])
        keys.append(tuple(reversed(key)))
    return rank[inverse], keys
