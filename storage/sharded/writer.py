"""Writes the sharded store: samples of named arrays into tar shards, and the index over them."""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Any, Literal, Self

import numpy.typing as npt

from zarrpack.errors import OutputRefused, UsageError
from zarrpack.storage.durability import sync_folder
from zarrpack.storage.sharded.claim import Claim
from zarrpack.storage.sharded.index import Field, add_field_columns
from zarrpack.storage.sharded.metadata_indexes import declare_metadata_index
from zarrpack.storage.sharded.npy_payload import NpyPayload, encode_payload
from zarrpack.storage.sharded.rows import SampleRows
from zarrpack.storage.sharded.session import Session
from zarrpack.storage.sharded.shard_writing import ShardWriter, write_samples

if TYPE_CHECKING:
    from zarrpack.storage.sharded.compaction import CompactionReport
    from zarrpack.storage.sharded.verification import VerifyReport

__all__ = ["ShardedDatasetWriter"]

_LARGEST_SHARD = 999_999_999
_INHERITED: list[sqlite3.Connection] = []


class ShardedDatasetWriter:
    """Writes to a store, an existing one or a new one. For one thread, and one writer per store at a time.

    What is added is committed together: after 10,000 samples, 64 MB or a second (looked at when something is added), and
    by `commit`, `close_tars` and `close`. What is committed survives the process and a power cut. A program that is
    killed loses what it added since, and nothing else; the store opens again where it was.

    Parameters
    ----------
    root : path
        The store's folder; made if it is not there. It can be moved.
    samples_per_shard : int
        Members in a tar file before the next is begun, for each field.
    max_shard_bytes : int, optional
        Bytes in a tar file before the next is begun; without it only the number counts.

    Attributes
    ----------
    conn : sqlite3.Connection
        The index. Columns that are added to ``samples`` are kept; what zarrpack itself keeps there is best left alone.

    Raises
    ------
    UsageError
        If a number is none, or less than 1.
    OutputRefused
        If another process writes to the store, or the folder cannot be written.
    FormatError
        If the folder has an ``index.sqlite`` that is no store's.

    Examples
    --------
    >>> with ShardedDatasetWriter("store", samples_per_shard=100) as writer:
    ...     writer.add_fields(["history", "target"])
    ...     writer.add_sample({"history": [1.0, 2.0], "target": [3.0]}, metadata={"length": 2})
    'sample_000000000001'
    """

    def __init__(
        self, root: str | os.PathLike[str], samples_per_shard: int = 1000, *, max_shard_bytes: int | None = None
    ) -> None:
        for name, value in (("samples_per_shard", samples_per_shard), ("max_shard_bytes", max_shard_bytes)):
            if value is not None and (isinstance(value, bool) or not hasattr(value, "__index__") or value < 1):
                raise UsageError(f"{name}: expected a whole number from 1 on, found {value!r:.40}")
        self.root = Path(root)
        try:
            self.root.mkdir(parents=True, exist_ok=True)
        except OSError as exc:
            raise OutputRefused(exc.errno, f"{root}: expected a folder that can be made: {exc.strerror}") from exc
        self._claim = Claim(self.root, self)
        try:
            self._session = Session(self.root, samples_per_shard, max_shard_bytes)
        except BaseException:
            self._claim.release()
            raise
        self.conn: sqlite3.Connection = self._session.connection
        self._rows = SampleRows(self._session)
        self._is_open = True
        self._rows.finish_bulk()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def __repr__(self) -> str:
        return f"<ShardedDatasetWriter {str(self.root)!r}>"

    def __del__(self) -> None:
        with suppress(Exception):
            self.close()

    def add_field(self, name: str) -> None:
        """Register a field. One that is there already stays.

        Parameters
        ----------
        name : str
            Any printable text. Its folder is ``<name>_shards`` and its columns begin with ``<name>_`` if it is a simple
            word, else with a word made from it.
        """
        self.add_fields([name])

    def add_fields(self, names: Sequence[str]) -> None:
        """Register several fields at once; see `add_field`.

        Parameters
        ----------
        names : sequence of str
            The fields; none is registered if one is refused.

        Raises
        ------
        UsageError
            If one is given as a single text, is no name, or finds no more room.
        """
        if isinstance(names, str):
            raise UsageError(f"add_fields: expected a list of names, found the text {names!r:.80}; use add_field")
        session = self._checked()
        session.commit()
        session.begin()
        try:
            added = add_field_columns(self.conn, names)
            for field in added.values():
                field.folder(self.root).mkdir(exist_ok=True)
        except BaseException:
            session.abort()
            raise
        session.commit()
        sync_folder(self.root)
        session.fields.update(added)

    def add_sample(
        self,
        arrays: Mapping[str, npt.ArrayLike],
        sample_id: str | None = None,
        metadata: Mapping[str, Any] | None = None,
        *,
        on_duplicate: Literal["error", "replace", "skip"] = "error",
    ) -> str:
        """Add a sample.

        Parameters
        ----------
        arrays : mapping of str to array
            Field -> array of any shape and any dtype without Python objects. Fields may be missing.
        sample_id : str, optional
            Its id. Without it the sample is counted: ``sample_000000000001``, ...; a number is never given twice.
        metadata : mapping, optional
            JSON values; see ``docs/sharded-store.md`` for what is done with others.
        on_duplicate : {"error", "replace", "skip"}
            What to do if the id is there with arrays: refuse, replace the sample as a whole, or keep it as it is. An id that
            was only registered is filled.

        Returns
        -------
        str
            The id.

        Raises
        ------
        UsageError
            If the id is taken, a field is not registered, or an array or the metadata cannot be stored.
        OutputRefused
            If it cannot be written, as on a full disk.
        """
        session = self._checked()
        if on_duplicate not in ("error", "replace", "skip"):
            raise UsageError(f"on_duplicate: expected error, replace or skip, found {on_duplicate!r:.40}")
        payloads = self._payloads(arrays, sample_id)
        sample_id = self._rows.add(sample_id, payloads, metadata, on_duplicate)
        session.added()
        return sample_id

    def update_sample(
        self,
        sample_id: str,
        arrays: Mapping[str, npt.ArrayLike],
        metadata: Mapping[str, Any] | None = None,
        *,
        merge: bool = False,
    ) -> None:
        """Replace some arrays of a sample. The old bytes stay in their shards until `compact`.

        Parameters
        ----------
        sample_id : str
            A sample that is there.
        arrays : mapping of str to array
            The fields to replace or to add.
        metadata : mapping, optional
            The new metadata; without it they stay.
        merge : bool
            Whether `metadata` only replaces the keys that it has.

        Raises
        ------
        UsageError
            If a field is not registered, or an array or the metadata cannot be stored.
        NotFound
            If there is no such sample.
        OutputRefused
            If it cannot be written.
        """
        session = self._checked()
        self._rows.update(sample_id, self._payloads(arrays, sample_id), metadata, merge=merge)
        session.added()

    def delete_sample(self, sample_id: str) -> None:
        """Remove a sample. Its bytes stay in the shards until `compact`.

        Raises
        ------
        NotFound
            If there is no such sample.
        """
        session = self._checked()
        self._rows.delete(sample_id)
        session.added()

    def register_samples(self, sample_ids: Sequence[str], metadata: Sequence[Mapping[str, Any]] | None = None) -> None:
        """Enter samples without arrays, to be filled by `write_shard`, `open_shard` or `add_sample`.

        Parameters
        ----------
        sample_ids : sequence of str
            Ids; those that are there already stay as they are.
        metadata : sequence of mapping, optional
            One for each id.

        Raises
        ------
        UsageError
            If an id cannot be one or is given twice, or the metadata are not as many or cannot be stored. Nothing is
            registered then.
        """
        session = self._checked()
        if isinstance(sample_ids, str):
            raise UsageError(f"register_samples: expected a list of ids, found the text {sample_ids!r:.80}")
        if metadata is not None and len(metadata) != len(sample_ids):
            raise UsageError(f"register_samples: expected {len(sample_ids)} metadata, found {len(metadata)}")
        self._rows.register(list(sample_ids), metadata)
        session.commit()

    def write_shard(
        self, field_name: str, shard_id: int, samples: Sequence[str], arrays: Sequence[npt.ArrayLike]
    ) -> None:
        """Write arrays of one field into the shard of a given number, and commit.

        A shard that is there keeps what it holds: the arrays are appended, and a sample that has the field already points
        to its new array. Samples that are not there yet are registered.

        Parameters
        ----------
        field_name : str
            A registered field.
        shard_id : int
            From 0. It may hold more samples than `samples_per_shard`.
        samples : sequence of str
            Ids, none twice.
        arrays : sequence of array
            One for each sample.

        Raises
        ------
        UsageError
            If a number, an id, a field or an array is not as described. Nothing is written then.
        """
        if isinstance(samples, str):
            raise UsageError(f"write_shard: expected a list of ids, found the text {samples!r:.80}")
        if len(samples) != len(arrays):
            raise UsageError(f"write_shard: expected an array for each of {len(samples)} samples, found {len(arrays)}")
        field = self._field(field_name)
        self._check_shard(shard_id)
        write_samples(self._rows, field, shard_id, samples, arrays)
        self._checked().commit()

    def open_shard(self, field_name: str, shard_id: int) -> ShardWriter:
        """Write one by one into the shard of a given number; see `write_shard`.

        Parameters
        ----------
        field_name : str
            A registered field.
        shard_id : int
            From 0.

        Returns
        -------
        ShardWriter
            With ``add_sample(sample_id, array)`` and ``close()``; a context manager.
        """
        field = self._field(field_name)
        self._check_shard(shard_id)
        return ShardWriter(self._rows, field, shard_id)

    @contextmanager
    def bulk(self) -> Iterator[Self]:
        """Add many samples without an index of their ids, which is made at the end by one sort.

        Worth it from some millions of samples with ids in no order, where each id would touch another page of the index.
        Inside, only `add_sample`, `commit` and `close_tars` may be used, and `on_duplicate` has no effect: of samples with one
        id the first is kept, and the end says so. Others cannot read the store by id until then. If the process is killed,
        what was committed is there, and opening the store for writing makes the index.

        Yields
        ------
        ShardedDatasetWriter
            This writer.

        Raises
        ------
        UsageError
            At the end, if ids were given twice.
        """
        session = self._checked()
        session.commit()
        self._rows.begin_bulk()
        try:
            yield self
        finally:
            if self._is_open:
                session.commit()
                repeated = self._rows.finish_bulk()
        if repeated:
            raise UsageError(
                f"{self.root}: expected every id once, found {len(repeated)} more samples with ids that were there, such as "
                f"{repeated[0]!r:.80}; the first sample of each id was kept"
            )

    def add_metadata_index(self, key: str) -> str:
        """Index a metadata key, so that queries over it do not read every sample.

        ``json_extract(meta_json, '$.key')`` uses it from then on, and so does the column of this name that it adds.

        Parameters
        ----------
        key : str
            A key, or several from the outside in, as ``"camera/lens"``. Samples without it have NULL.

        Returns
        -------
        str
            The column's name: the key if it is a simple word.

        Raises
        ------
        UsageError
            If the key is empty, or its column's name is taken by something else.
        """
        session = self._checked()
        session.commit()
        return declare_metadata_index(self.conn, key)

    def compact(self, field: str | None = None) -> CompactionReport:
        """Copy the living samples out of shards with dead bytes, and remove these shards.

        Shard by shard, each committed on its own; needs the disk space of one more shard. Readers go on. The new shards get
        new numbers.

        Parameters
        ----------
        field : str, optional
            Only this field.

        Returns
        -------
        CompactionReport
            Shards removed and bytes given back.
        """
        from zarrpack.storage.sharded.compaction import compact_fields

        session = self._checked()
        fields = list(session.fields.values()) if field is None else [self._field(field)]
        return compact_fields(session, fields)

    def record_digests(self) -> int:
        """Enter the SHA-256 of every shard that has none yet; appending to a shard takes it away again.

        Returns
        -------
        int
            Shards that were read.
        """
        from zarrpack.storage.sharded.verification import record_digests

        return record_digests(self._checked())

    def verify(self) -> VerifyReport:
        """Read every array and compare it with the index; see `ShardedDatasetReader.verify`."""
        from zarrpack.storage.sharded.verification import verify_store

        self._checked().commit()
        return verify_store(self.root)

    def repair(self) -> VerifyReport:
        """Take out of the index what cannot be read any more.

        What a killed writer leaves behind is mended whenever a store is opened for writing. This is for damage: arrays
        whose bytes are gone or are not those that were written become missing fields of their samples.

        Returns
        -------
        VerifyReport
            What was found; afterwards `verify` finds nothing.
        """
        from zarrpack.storage.sharded.verification import repair_store

        return repair_store(self._checked())

    def stats(self) -> dict[str, Any]:
        """Tell how much there is and how much of it is dead; see `ShardedDatasetReader.stats`."""
        from zarrpack.storage.sharded.statistics import store_statistics

        self._checked().commit()
        return store_statistics(self.conn, self.root)

    def commit(self) -> None:
        """Make everything durable that was added so far."""
        self._checked().commit()

    def close_tars(self) -> None:
        """Commit, and close the open tar files; the writer stays open."""
        self._checked().close_shards()

    def close(self) -> None:
        """Commit and close everything. Idempotent; does nothing in a forked process."""
        if not getattr(self, "_is_open", False):
            return
        if not self._claim.is_own:
            # SQLite must not close a parent's connection, which it would when nobody held it any more.
            _INHERITED.append(self.conn)
            return
        self._is_open = False
        try:
            self._session.close()
        finally:
            self._claim.release()

    def _checked(self) -> Session:
        if not self._is_open:
            raise UsageError(f"{self.root}: expected an open writer, found one that was closed; open the store again")
        if not self._claim.is_own:
            raise UsageError(f"{self.root}: expected the process that opened the writer, found a child of it")
        return self._session

    def _field(self, name: str) -> Field:
        field = self._checked().fields.get(name)
        if field is None:
            raise UsageError(
                f"{self.root}: expected a registered field, found {name!r:.80}; call add_field, or take one of "
                f"{sorted(self._session.fields)}"
            )
        return field

    def _payloads(self, arrays: Mapping[str, npt.ArrayLike], sample_id: str | None) -> list[tuple[Field, NpyPayload]]:
        if not isinstance(arrays, Mapping):
            raise UsageError(
                f"{sample_id or 'sample'}: expected arrays as a mapping of field to array, found {type(arrays).__name__}"
            )
        fields = self._session.fields
        payloads = []
        for name, array in arrays.items():
            field = fields.get(name)
            payloads.append((field or self._field(name), encode_payload(array, f"{sample_id or 'sample'}: {name}")))
        return payloads

    @staticmethod
    def _check_shard(shard: int) -> None:
        if isinstance(shard, bool) or not isinstance(shard, int) or not 0 <= shard <= _LARGEST_SHARD:
            raise UsageError(f"shard_id: expected a number from 0 to {_LARGEST_SHARD}, found {shard!r:.40}")
