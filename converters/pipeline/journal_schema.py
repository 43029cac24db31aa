"""The tables of the journal, the one SQLite database that says what has become of every member.

``run``: what the run is, as JSON texts by key.
    identity: sources, options and versions; a resumed run must have the same. paths: where the sources lay.
    packages: versions of the libraries that bytes depend on. found: members found; there once all have been dealt with.

``sources``
    number: from 0, in the order given. label: what the source is called, such as ``photos.zip``.
    kind: such as ``zip``.

``members``: one row per archive member, also of those that are skipped or have failed.
    number: position over all sources, from 0. source: the source's number. position: the entry's index in it.
    name: as text, always encodable as UTF-8. raw_name: the bytes in the source. size: bytes of the content.
    crc32, offset: as the source announces them. sha256: digest of the content, 32 bytes.
    media_type, processor: NULL or empty where none was found. is_record: 1 if such members are metadata of
    the item they are paired with. state: ``stored``, ``skipped`` or ``failed``. reason: a code out of
    :data:`zarrpack.reasons.REASONS`, and detail: its sentence; both NULL for stored members. notes: separated
    by newlines. seconds: CPU time. batch and local: the pack, and the member's number in that pack's
    ``metadata.json``; NULL unless the member is stored.

``batches``: one row per batch whose pack is durable.
    number: from 0. first: number of its first member. members: how many it has, stored or not.
    file: name of the pack, empty if nothing was stored. size: bytes of the pack.
    directory_sha256: hexadecimal digest of its central directory.

``findings``: what is wrong with a source as a whole.
    source: its number. reason: a code. detail: its sentence. offset: bytes from the source file's start, or NULL.

The tables that item assignment adds are described in :mod:`zarrpack.converters.items.assign`.
"""

from __future__ import annotations

__all__ = ["SCHEMA"]

#: The statements that make an empty journal.
SCHEMA = """
CREATE TABLE run (
    key TEXT PRIMARY KEY,
    value TEXT
);
CREATE TABLE sources (
    number INTEGER PRIMARY KEY,
    label TEXT,
    kind TEXT
);
CREATE TABLE members (
    number INTEGER PRIMARY KEY,
    source INTEGER,
    position INTEGER,
    name TEXT,
    raw_name BLOB,
    size INTEGER,
    crc32 INTEGER,
    offset INTEGER,
    sha256 BLOB,
    media_type TEXT,
    processor TEXT,
    is_record INTEGER,
    state TEXT,
    reason TEXT,
    detail TEXT,
    notes TEXT,
    seconds REAL,
    batch INTEGER,
    local INTEGER
);
CREATE TABLE batches (
    number INTEGER PRIMARY KEY,
    first INTEGER,
    members INTEGER,
    file TEXT,
    size INTEGER,
    directory_sha256 TEXT
);
CREATE TABLE findings (
    source INTEGER,
    reason TEXT,
    detail TEXT,
    offset INTEGER
);
"""
