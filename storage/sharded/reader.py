"""Reads the sharded store: single samples by their place, many in the order of the disk, ids by SQL."""

from __future__ import annotations

import json
import os
import sqlite3
import threading
from collections.abc import Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Any, NamedTuple, Self, TypeAlias

import numpy.typing as npt

from zarrpack.errors import FormatError, NotFound, UsageError
from zarrpack.storage.sharded.index import Field, open_for_reading, quoted, read_counter, read_fields
from zarrpack.storage.sharded.npy_payload import decode_payload
from zarrpack.storage.sharded.quiet_index import QuietIndex
from zarrpack.storage.sharded.sample_query import authorise, mapping_condition, select_samples
from zarrpack.storage.sharded.shard_files import ShardFiles

if TYPE_CHECKING:
    from zarrpack.storage.sharded.verification import VerifyReport

__all__ = ["PayloadLocation", "Sample", "ShardedDatasetReader"]

#: Arrays by field, and metadata.
Sample: TypeAlias = tuple[dict[str, npt.NDArray[Any]], dict[str, Any]]

#: Connections of a parent process. A child must neither use nor close them: SQLite's locks are the parent's.
_INHERITED: list[sqlite3.Connection] = []

#: Reads with locks after which is looked whether the store is at rest again.
_SLOW_READS = 256

_GENERATION = "(SELECT value FROM counters WHERE name = 'generation')"


class PayloadLocation(NamedTuple):
    """Where an array lies: file, offset and size in bytes of its .npy file, and that one's CRC-32."""

    path: Path
    offset: int
    size: int
    crc32: int


class _Connections(NamedTuple):
    pid: int
    rows: sqlite3.Connection
    queries: sqlite3.Connection

    def inherit(self) -> None:
        """Keep what is a parent's from being closed here."""
        _INHERITED.extend((self.rows, self.queries))


class _Selection(NamedTuple):
    """Which columns a read asks for: the fields, the columns' SQL, and the generation of the tables that it fits."""

    fields: tuple[Field, ...]
    columns: str
    generation: int | None
    by_id: str
    by_number: str


class ShardedDatasetReader:
    """Reads a store. Safe in threads; can be pickled, and used in forked and spawned processes, which open it anew.

    Every read sees what was committed last, also by a writer that is at work. Nothing is written.

    Parameters
    ----------
    root : path
        The store's folder.
    cache_tars : bool
        Whether up to 512 tar files stay open between reads.

    Raises
    ------
    SourceError
        If there is no store, or it cannot be read.
    FormatError
        If the folder has an ``index.sqlite`` that is no store's.

    Examples
    --------
    >>> from zarrpack.storage.sharded.writer import ShardedDatasetWriter
    >>> with ShardedDatasetWriter("store") as writer:
    ...     writer.add_field("history")
    ...     _ = writer.add_sample({"history": [1, 2]}, metadata={"length": 2})
    >>> with ShardedDatasetReader("store") as reader:
    ...     ids = reader.query_ids(where={"length": (">", 1)})
    ...     arrays, metadata = reader.get_sample(ids[0])
    >>> ids, arrays["history"].tolist(), metadata
    (['sample_000000000001'], [1, 2], {'length': 2})
    """

    def __init__(self, root: str | os.PathLike[str], cache_tars: bool = True) -> None:
        self.root = Path(root)
        self.cache_tars = bool(cache_tars)
        self._guard = threading.Lock()
        self._files = ShardFiles(self.root, keep=self.cache_tars)
        self._connections: _Connections | None = None
        self._quiet: QuietIndex | None = None
        self._slow_reads = 0
        self._is_open = True
        self._connect()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def __reduce__(self) -> tuple[type[ShardedDatasetReader], tuple[Path, bool]]:
        # Absolute: a spawned process may stand in another folder.
        return type(self), (self.root.absolute(), self.cache_tars)

    def __repr__(self) -> str:
        return f"<ShardedDatasetReader {str(self.root)!r}>"

    def __len__(self) -> int:
        """Count the samples, also those that have no array."""
        return read_counter(self._connect().rows, "samples")

    def __contains__(self, sample_id: object) -> bool:
        row = self._connect().rows.execute("SELECT 1 FROM samples WHERE id = ?", (str(sample_id),)).fetchone()
        return row is not None and isinstance(sample_id, str)

    def list_fields(self) -> list[str]:
        """Name the fields, in the order in which they were added."""
        return list(read_fields(self._connect().rows))

    def shard_counts(self, field: str) -> dict[int, int]:
        """Count the samples in each shard of a field.

        Parameters
        ----------
        field : str
            A field.

        Returns
        -------
        dict of int to int
            Shard number -> samples that lie there; shards without any are left out.

        Raises
        ------
        NotFound
            If there is no such field.
        """
        rows = self._connect().rows.execute(
            "SELECT shard, members - dead_members FROM shards WHERE field = ? ORDER BY shard",
            (self._field(field).number,),
        )
        return {shard: count for shard, count in rows if count > 0}

    def count(self, field: str) -> int:
        """Count the samples that have a field.

        Raises
        ------
        NotFound
            If there is no such field.
        """
        return sum(self.shard_counts(field).values())

    def query_ids(
        self,
        where_clause: str | None = None,
        params: Sequence[Any] | Mapping[str, Any] = (),
        limit: int | None = None,
        *,
        where: Mapping[str, Any] | None = None,
    ) -> list[str]:
        """Give the ids of the samples that fulfil a condition, in the order in which they were added.

        Parameters
        ----------
        where_clause : str, optional
            An SQL expression over ``id``, ``meta_json``, ``<field>_offset`` and the other columns of ``samples``. It can
            read nothing else and change nothing, but let it be your own text all the same, and put values into `params`.
        params : sequence or mapping
            Values of the placeholders.
        limit : int, optional
            At most so many; 0 gives none.
        where : mapping, optional
            Conditions on metadata without SQL: ``{"length": (">", 128), "source": "synthetic"}``.

        Returns
        -------
        list of str
            All of them, in memory: 100 bytes an id.

        Raises
        ------
        UsageError
            If a condition is none, or both are given.
        """
        return self._select("id", where_clause, params, limit, where)

    def query_numbers(
        self,
        where_clause: str | None = None,
        params: Sequence[Any] | Mapping[str, Any] = (),
        limit: int | None = None,
        *,
        where: Mapping[str, Any] | None = None,
    ) -> list[int]:
        """Give the samples' numbers instead of their ids; see `query_ids`.

        A number is a sample's for ever, and takes less memory than its id.
        """
        return self._select("number", where_clause, params, limit, where)

    def get_sample(self, sample_id: str, fields: Sequence[str] | None = None) -> Sample:
        """Read one sample.

        Parameters
        ----------
        sample_id : str
            Its id.
        fields : sequence of str, optional
            Only these; all if not given, no array if empty.

        Returns
        -------
        tuple of (dict of str to ndarray, dict)
            Arrays by field, and metadata. Fields that this sample does not have are left out. The arrays are the caller's.

        Raises
        ------
        NotFound
            If there is no such sample or field; it is a KeyError as well.
        FormatError
            If the bytes are not those that were written.
        """
        return self._get_row("id", sample_id, fields)[1]

    def get_numbered(self, number: int, fields: Sequence[str] | None = None) -> tuple[str, Sample]:
        """Read one sample by its number, as `query_numbers` gives it.

        Returns
        -------
        tuple of (str, (dict, dict))
            Its id, and what `get_sample` gives.
        """
        return self._get_row("number", number, fields)

    def get_many(self, sample_ids: Sequence[str], fields: Sequence[str] | None = None) -> list[Sample]:
        """Read many samples: one look-up, and reads in the order in which they lie on disk.

        Parameters
        ----------
        sample_ids : sequence of str
            Ids, in any order, also repeated.
        fields : sequence of str, optional
            As in `get_sample`.

        Returns
        -------
        list of (dict, dict)
            As `get_sample` gives, in the order of the ids.

        Raises
        ------
        NotFound
            If there is no such sample or field.
        UsageError
            If the ids are given as a single text.
        """
        from zarrpack.storage.sharded.batch_reading import read_batch

        if isinstance(sample_ids, str):
            raise UsageError(f"get_many: expected a list of ids, found the text {sample_ids!r:.80}; use get_sample")
        return [sample for _, sample in read_batch(self, "id", list(sample_ids), fields)]

    def get_many_numbered(
        self, numbers: Sequence[int], fields: Sequence[str] | None = None
    ) -> list[tuple[str, Sample]]:
        """Read many samples by their numbers; ids and what `get_many` gives."""
        from zarrpack.storage.sharded.batch_reading import read_batch

        return read_batch(self, "number", [int(number) for number in numbers], fields)

    def locate(self, sample_id: str, field: str) -> PayloadLocation | None:
        """Tell where an array lies, so that any program can read it: seek, read, ``numpy.load``.

        Returns
        -------
        PayloadLocation or None
            None if the sample does not have the field.

        Raises
        ------
        NotFound
            If there is no such sample or field.
        """
        one = self._field(field)
        columns = ", ".join(one.columns)
        row = self._connect().rows.execute(f"SELECT {columns} FROM samples WHERE id = ?", (sample_id,)).fetchone()
        if row is None:
            raise self.missing(sample_id)
        shard, offset, size, checksum = row
        return None if offset is None else PayloadLocation(one.shard_path(self.root, shard), offset, size, checksum)

    def stats(self) -> dict[str, Any]:
        """Tell how much there is, and how much of it is dead: fields, shards, samples, bytes.

        Returns
        -------
        dict
            JSON values: ``samples``, ``index_bytes``, ``metadata_indexes``, and per field in ``fields`` ``shards``,
            ``samples``, ``bytes``, ``dead_samples``, ``dead_bytes``.
        """
        from zarrpack.storage.sharded.statistics import store_statistics

        return store_statistics(self._connect().rows, self.root)

    def verify(self) -> VerifyReport:
        """Read every array and compare names, sizes, checksums, counts and digests with the index.

        Returns
        -------
        VerifyReport
            What was read and what is wrong; nothing is raised for that.
        """
        from zarrpack.storage.sharded.verification import verify_store

        return verify_store(self.root)

    def close(self) -> None:
        """Close all files. Idempotent."""
        self._is_open = False
        self._files.close()
        connections, self._connections = self._connections, None
        if connections is None:
            return
        if connections.pid == os.getpid():
            connections.rows.close()
            connections.queries.close()
        else:
            connections.inherit()
        self._quiet = None

    def missing(self, key: object) -> NotFound:
        """Make the error for a sample that is not there."""
        return NotFound(f"{self.root}: expected a sample that is there, found none called {key!r:.80}")

    def selection(self, fields: Sequence[str] | None, *, again: bool = False) -> _Selection:
        """Give what a read of some fields asks the index for; remembered until fields are added.

        Raises
        ------
        UsageError
            If the fields are given as a single text.
        NotFound
            If there is no such field.
        """
        if isinstance(fields, str):
            raise UsageError(f"fields: expected a list of names, found the text {fields!r:.80}")
        key = None if fields is None else tuple(fields)
        found = None if again else self._selections.get(key)
        if found is None:
            known = read_fields(self._connect().rows)
            wanted = tuple(known.values() if key is None else [self._field(name) for name in dict.fromkeys(key)])
            columns = ", ".join(["number", "id", "meta_json", _GENERATION, *(one for f in wanted for one in f.columns)])
            statement = f"SELECT {columns} FROM samples WHERE "
            found = _Selection(wanted, columns, self._generation(), f"{statement}id = ?", f"{statement}number = ?")
            self._selections[key] = found
        return found

    def decode(self, row: Sequence[Any], fields: Sequence[Field]) -> Sample:
        """Read what a row of the index tells of."""
        arrays = {}
        place = 4
        for field in fields:
            shard, offset, size, checksum = row[place : place + 4]
            place += 4
            if offset is not None:
                payload = self._files.read(field, shard, offset, size, checksum)
                arrays[field.name] = decode_payload(payload, field.name)
        text = row[2]
        return arrays, {} if text == "{}" else json.loads(text)

    @property
    def files(self) -> ShardFiles:
        """The open shards."""
        return self._files

    def rows(self) -> sqlite3.Connection:
        """Give this process's connection to the index."""
        return self._connect().rows

    def _get_row(self, column: str, key: str | int, fields: Sequence[str] | None) -> tuple[str, Sample]:
        self._connect()
        selection = self.selection(fields)
        for is_last in (False, False, True):
            row = self._row(selection.by_id if column == "id" else selection.by_number, key)
            if row is None:
                raise self.missing(key)
            if row[3] != selection.generation:
                selection = self.selection(fields, again=True)
                continue
            try:
                return row[1], self.decode(row, selection.fields)
            except FileNotFoundError as exc:
                # Compaction has moved it since the row was read.
                if is_last:
                    raise FormatError(f"{exc.filename}: expected a shard, found none; verify() tells more") from exc
        raise FormatError(f"{self.root}: expected an index at rest, found that fields are added all the time")

    def _row(self, statement: str, key: Any) -> Any:
        """Look a row up, without locks as long as nobody writes."""
        try:
            quiet = self._quiet
            if quiet is not None:
                row = quiet.row(statement, key)
                if row is not False:
                    return row
                # Left to itself, for another thread may be using it.
                self._quiet, self._slow_reads = None, 0
            self._slow_reads += 1
            if self._slow_reads % _SLOW_READS == 0:
                self._quiet = QuietIndex.open(self.root)
            return self._connect().rows.execute(statement, (key,)).fetchone()
        except (sqlite3.InterfaceError, sqlite3.ProgrammingError, UnicodeEncodeError, OverflowError):
            return None  # no text, or none that UTF-8 can hold

    def _select(
        self,
        column: str,
        where_clause: str | None,
        params: Sequence[Any] | Mapping[str, Any],
        limit: int | None,
        where: Mapping[str, Any] | None,
    ) -> list[Any]:
        connections = self._connect()
        rows = connections.rows.execute("SELECT path, name FROM metadata_indexes")
        columns = {path: quoted(name) for path, name in rows}
        if where is not None:
            if where_clause is not None:
                raise UsageError("query: expected a condition as text or as a mapping, found both")
            where_clause, params = mapping_condition(where, columns)
        with self._guard:
            return select_samples(
                connections.queries,
                column,
                where_clause,
                params,
                limit,
                is_indexed=bool(columns) and bool(where_clause),
            )

    def _field(self, name: str) -> Field:
        fields = read_fields(self._connect().rows)
        if name not in fields:
            raise NotFound(f"{self.root}: expected one of the fields {sorted(fields)}, found {name!r:.80}")
        return fields[name]

    def _generation(self) -> int | None:
        row = self._connect().rows.execute(f"SELECT {_GENERATION}").fetchone()
        return None if row[0] is None else int(row[0])

    def _connect(self) -> _Connections:
        connections = self._connections
        if connections is not None and connections.pid == os.getpid():
            return connections
        if not self._is_open:
            raise UsageError(f"{self.root}: expected an open reader, found one that was closed; open the store again")
        if connections is not None:
            connections.inherit()
            self._guard = threading.Lock()  # a thread of the parent may have held it
        rows = open_for_reading(self.root)
        try:
            queries = open_for_reading(self.root)
            authorise(queries)
        except BaseException:
            rows.close()
            raise
        self._quiet = QuietIndex.open(self.root)
        self._selections: dict[tuple[str, ...] | None, _Selection] = {}
        self._connections = _Connections(os.getpid(), rows, queries)
        return self._connections
