"""Writing into the shard of a given number: a whole list at once, or sample by sample."""

from __future__ import annotations

from collections.abc import Sequence
from types import TracebackType
from typing import Self

import numpy.typing as npt

from zarrpack.errors import UsageError
from zarrpack.storage.sharded.index import Field
from zarrpack.storage.sharded.npy_payload import encode_payload
from zarrpack.storage.sharded.rows import SampleRows
from zarrpack.storage.sharded.sample_names import member_name

__all__ = ["ShardWriter", "write_samples"]


def write_samples(
    rows: SampleRows, field: Field, shard: int, sample_ids: Sequence[str], arrays: Sequence[npt.ArrayLike]
) -> None:
    """Write arrays of one field into one shard; see `ShardedDatasetWriter.write_shard`.

    Raises
    ------
    UsageError
        If an id is given twice, or an id or an array cannot be stored.
    """
    if len(set(sample_ids)) != len(sample_ids):
        raise UsageError("write_shard: expected every id once, found some twice")
    for sample_id, array in zip(sample_ids, arrays, strict=True):
        # Before anything is written: what is refused here would else leave half a list.
        member_name(sample_id)
        encode_payload(array, f"{sample_id}: {field.name}")
    for sample_id, array in zip(sample_ids, arrays, strict=True):
        rows.set_field(sample_id, field, encode_payload(array, sample_id), shard)
    rows.session.end_shard(field)


class ShardWriter:
    """Adds samples of one field to one shard. Made by `ShardedDatasetWriter.open_shard`.

    Parameters
    ----------
    rows : SampleRows
        The store.
    field : Field
        The field.
    shard : int
        The shard's number.

    Examples
    --------
    >>> import numpy as np
    >>> from zarrpack.storage.sharded.writer import ShardedDatasetWriter
    >>> with ShardedDatasetWriter("store") as writer:
    ...     writer.add_field("history")
    ...     with writer.open_shard("history", shard_id=0) as shard:
    ...         shard.add_sample("a", np.arange(3))
    """

    def __init__(self, rows: SampleRows, field: Field, shard: int) -> None:
        self._rows = rows
        self._field = field
        self._shard = shard
        self._is_open = True

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def add_sample(self, sample_id: str, arr: npt.ArrayLike) -> None:
        """Write one array; a sample that is not there yet is registered.

        Parameters
        ----------
        sample_id : str
            Any id; one that has the field already points to the new array.
        arr : array
            Of any shape and any dtype without Python objects.

        Raises
        ------
        UsageError
            If the shard was closed, or the id or the array cannot be stored.
        """
        if not self._is_open:
            raise UsageError(f"shard {self._shard}: expected an open one, found one that was closed")
        self._rows.set_field(sample_id, self._field, encode_payload(arr, sample_id), self._shard)
        self._rows.session.added()

    def close(self) -> None:
        """Commit, and go back to where samples are usually added. Idempotent."""
        if self._is_open:
            self._is_open = False
            self._rows.session.end_shard(self._field)
            self._rows.session.commit()
