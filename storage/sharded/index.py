"""The store's index: one SQLite file, its tables, and how it is opened.

``samples`` has a row per sample and four columns per field: where its .npy file lies. Everything that a commit must
make true at once is in this file, so one transaction does.
"""

from __future__ import annotations

import errno
import sqlite3
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from zarrpack.errors import FormatError, OutputRefused, SourceError, UsageError
from zarrpack.storage.sharded.sample_names import check_field_name, field_stem, shard_file_name
from zarrpack.storage.sharded.store_mark import APPLICATION_ID, INDEX_NAME

__all__ = [
    "Field",
    "add_field_columns",
    "check_index",
    "create_tables",
    "open_for_reading",
    "open_for_writing",
    "quoted",
    "read_counter",
    "read_fields",
    "write_counter",
]

#: The version of the tables below.
VERSION = 1
#: How long a statement waits for others.
PATIENCE_SECONDS = 60.0

#: What a field's columns end with, in this order.
_PARTS = ("shard", "offset", "size", "crc32")

_TABLES = (
    "CREATE TABLE samples (number INTEGER PRIMARY KEY, id TEXT NOT NULL, meta_json TEXT NOT NULL DEFAULT '{}')",
    "CREATE UNIQUE INDEX samples_by_id ON samples (id)",
    "CREATE TABLE fields (name TEXT PRIMARY KEY, number INTEGER UNIQUE NOT NULL, stem TEXT NOT NULL) WITHOUT ROWID",
    (
        'CREATE TABLE shards (field INTEGER NOT NULL, shard INTEGER NOT NULL, "end" INTEGER NOT NULL, '
        "members INTEGER NOT NULL, dead_members INTEGER NOT NULL DEFAULT 0, dead_bytes INTEGER NOT NULL DEFAULT 0, "
        "sha256 TEXT, PRIMARY KEY (field, shard)) WITHOUT ROWID"
    ),
    "CREATE TABLE discarded (field INTEGER NOT NULL, shard INTEGER NOT NULL, PRIMARY KEY (field, shard)) WITHOUT ROWID",
    "CREATE TABLE metadata_indexes (name TEXT PRIMARY KEY, path TEXT NOT NULL) WITHOUT ROWID",
    "CREATE TABLE counters (name TEXT PRIMARY KEY, value INTEGER NOT NULL) WITHOUT ROWID",
)


@dataclass(frozen=True, slots=True)
class Field:
    """A field, and what its columns and its folder are called.

    Parameters
    ----------
    name : str
        As the user calls it.
    number : int
        As the index calls it.
    stem : str
        What its columns and its folder begin with.
    """

    name: str
    number: int
    stem: str

    @property
    def columns(self) -> tuple[str, str, str, str]:
        """Quoted names of the columns with shard, offset, size and checksum."""
        shard, offset, size, crc32 = (quoted(f"{self.stem}_{part}") for part in _PARTS)
        return shard, offset, size, crc32

    def folder(self, root: Path) -> Path:
        """Give the folder of the field's shards."""
        return root / f"{self.stem}_shards"

    def shard_path(self, root: Path, shard: int) -> Path:
        """Give the path of one of its shards."""
        return self.folder(root) / shard_file_name(shard)


def quoted(name: str) -> str:
    """Quote a name for SQL.

    Examples
    --------
    >>> quoted('a"b')
    '"a""b"'
    """
    return '"' + name.replace('"', '""') + '"'


def open_for_writing(root: Path) -> sqlite3.Connection:
    """Open a store's index, or make one.

    Commits survive a power cut; readers go on while something is written.

    Raises
    ------
    FormatError
        If there is something else in its place.
    OutputRefused
        If it cannot be written.
    """
    connection = sqlite3.connect(
        root / INDEX_NAME, isolation_level=None, timeout=PATIENCE_SECONDS, check_same_thread=False
    )
    try:
        if connection.execute("SELECT count(*) FROM sqlite_master").fetchone()[0] == 0:
            create_tables(connection)
        check_index(connection, root)
        connection.execute("PRAGMA journal_mode = WAL")
        connection.execute("PRAGMA synchronous = FULL")
        connection.execute("PRAGMA cache_size = -65536")
    except BaseException as exc:
        connection.close()
        if isinstance(exc, sqlite3.OperationalError):
            raise OutputRefused(
                errno.EIO,
                f"{root}: expected an index that can be written, found: {exc}; "
                "if it is locked, somebody is in the midst of a long read, such as verify: wait for it",
            ) from exc
        if isinstance(exc, sqlite3.DatabaseError):
            raise FormatError(f"{root}: expected {INDEX_NAME} to be a store's index, found: {exc}") from exc
        raise
    return connection


def open_for_reading(root: Path) -> sqlite3.Connection:
    """Open a store's index so that nothing can be written through it.

    Raises
    ------
    SourceError
        If there is no store, or it cannot be read.
    FormatError
        If there is something else in its place.
    """
    path = root / INDEX_NAME
    if not path.is_file():
        raise SourceError(f"{root}: expected a folder with {INDEX_NAME}, found none; check the path")
    uri = f"{path.absolute().as_uri()}?mode=ro"
    try:
        connection = sqlite3.connect(uri, uri=True, isolation_level=None, timeout=60, check_same_thread=False)
        try:
            connection.execute("PRAGMA query_only = 1")
            check_index(connection, root)
        except BaseException:
            connection.close()
            raise
    except sqlite3.OperationalError as exc:
        raise SourceError(
            f"{root}: expected an index that can be read, found: {exc}; if its writer was killed and the folder cannot be "
            "written, open it once with ShardedDatasetWriter where it can"
        ) from exc
    except sqlite3.DatabaseError as exc:
        raise FormatError(f"{root}: expected {INDEX_NAME} to be a store's index, found: {exc}") from exc
    return connection


def create_tables(connection: sqlite3.Connection) -> None:
    """Make the tables of an empty store."""
    connection.execute("BEGIN IMMEDIATE")
    for statement in _TABLES:
        connection.execute(statement)
    connection.execute(f"PRAGMA application_id = {APPLICATION_ID}")
    connection.execute(f"PRAGMA user_version = {VERSION}")
    connection.execute("COMMIT")


def check_index(connection: sqlite3.Connection, root: Path) -> None:
    """Refuse an index that is not one of these tables' version.

    Raises
    ------
    FormatError
        If it is none, or a later one.
    """
    if connection.execute("PRAGMA application_id").fetchone()[0] != APPLICATION_ID:
        raise FormatError(
            f"{root}: expected {INDEX_NAME} to be zarrpack's, found that of another program, whose offsets may not be those "
            "of the bytes; write the arrays anew, or convert its tar files"
        )
    version = connection.execute("PRAGMA user_version").fetchone()[0]
    if version != VERSION:
        raise FormatError(
            f"{root}: expected an index of version {VERSION}, found {version}; a newer zarrpack may read it"
        )


def read_fields(connection: sqlite3.Connection) -> dict[str, Field]:
    """Give the fields by name, in the order in which they were added."""
    rows = connection.execute("SELECT name, number, stem FROM fields ORDER BY number")
    return {name: Field(name, number, stem) for name, number, stem in rows}


def add_field_columns(connection: sqlite3.Connection, names: Sequence[str]) -> dict[str, Field]:
    """Add fields to the tables, inside the caller's transaction.

    Parameters
    ----------
    connection : Connection
        The index.
    names : sequence of str
        Fields; those that are there already stay.

    Returns
    -------
    dict of str to Field
        The new ones.

    Raises
    ------
    UsageError
        If one cannot be a field's name, or there is no room for so many columns.
    """
    fields = read_fields(connection)
    names = [name for name in dict.fromkeys(names) if name not in fields]
    for name in names:
        check_field_name(name)
    # table_xinfo also lists generated columns.
    existing = {row[1].lower() for row in connection.execute("PRAGMA table_xinfo(samples)")}
    most = connection.getlimit(sqlite3.SQLITE_LIMIT_COLUMN)
    if len(existing) + len(names) * len(_PARTS) > most:
        raise UsageError(
            f"add_fields: expected at most {(most - 3) // len(_PARTS)} fields, found {len(fields)} and {len(names)} more; "
            "SQLite has no more columns; store arrays that are read together as one field"
        )
    taken = {column.removesuffix(f"_{part}") for column in existing for part in _PARTS if column.endswith(f"_{part}")}
    added = {}
    for number, name in enumerate(names, len(fields)):
        field = added[name] = Field(name, number, field_stem(name, taken))
        taken.add(field.stem.lower())
        for column in field.columns:
            connection.execute(f"ALTER TABLE samples ADD COLUMN {column} INTEGER")
        connection.execute("INSERT INTO fields VALUES (?, ?, ?)", (name, field.number, field.stem))
    if added:
        write_counter(connection, "generation", read_counter(connection, "generation") + 1)
    return added


def read_counter(connection: sqlite3.Connection, name: str) -> int:
    """Give a counter's value; 0 if it was never written."""
    row = connection.execute("SELECT value FROM counters WHERE name = ?", (name,)).fetchone()
    return 0 if row is None else int(row[0])


def write_counter(connection: sqlite3.Connection, name: str, value: int) -> None:
    """Set a counter."""
    connection.execute("INSERT OR REPLACE INTO counters VALUES (?, ?)", (name, value))
