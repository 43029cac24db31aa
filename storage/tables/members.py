"""The members table: one row per archive member, stored or not."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import NamedTuple

from zarrpack.storage.tables.parquet import Column, write_rows

__all__ = ["MEMBER_COLUMNS", "MemberRow", "write_members"]

#: The columns of every members table.
MEMBER_COLUMNS = (
    Column("archive", "string", False),
    Column("member", "string", False),
    Column("index", "int64", False),
    Column("size", "int64"),
    Column("crc32", "int64"),
    Column("media_type", "string"),
    Column("processor", "string"),
    Column("item", "string"),
    Column("item_code", "int64"),
    Column("role", "string"),
    Column("state", "string", False),
    Column("reason", "string"),
    Column("detail", "string"),
    Column("notes", "string"),
    Column("seconds", "float64"),
    Column("offset", "int64"),
    Column("raw_name", "binary"),
    Column("sha256", "string"),
)


class MemberRow(NamedTuple):
    """One archive member.

    Parameters
    ----------
    archive : str
        Label of its source.
    member : str
        Its name there, as text.
    position : int
        Its place there, from 0: the column ``index``.
    size : int or None
        Bytes of its content.
    crc32 : int or None
        As the archive announces it.
    media_type, processor : str or None
        What it is and what has read it.
    item, item_code : str and int, or None
        Name and code of the item that it belongs to.
    role : str or None
        ``arrays``, ``record``, ``extra_record`` or ``table``; None: it belongs to no item.
    state : str
        ``stored``, ``skipped`` or ``failed``.
    reason, detail : str or None
        Why it is not stored: a stable code, and a sentence.
    notes : str or None
        Findings that cost nothing, separated by newlines.
    seconds : float or None
        CPU time it took; the only value that differs between equal runs.
    offset : int or None
        Where it starts in the source file, in bytes.
    raw_name : bytes or None
        Its name as it lies in the source.
    sha256 : str or None
        Digest of its content, hexadecimal.
    """

    archive: str
    member: str
    position: int
    size: int | None = None
    crc32: int | None = None
    media_type: str | None = None
    processor: str | None = None
    item: str | None = None
    item_code: int | None = None
    role: str | None = None
    state: str = "stored"
    reason: str | None = None
    detail: str | None = None
    notes: str | None = None
    seconds: float | None = None
    offset: int | None = None
    raw_name: bytes | None = None
    sha256: str | None = None


def write_members(rows: Iterable[MemberRow], path: Path) -> int:
    """Write the members table, in bounded memory. Equal rows give equal bytes.

    Parameters
    ----------
    rows : iterable of MemberRow
        In the order of the sources.
    path : Path
        The file; what is there is overwritten.

    Returns
    -------
    int
        How many rows there were.

    Raises
    ------
    OSError
        If the file cannot be written.

    Examples
    --------
    >>> import tempfile
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     write_members([MemberRow("a.zip", "1.jpg", 0)], Path(folder, "a.members.parquet"))
    1
    """
    return write_rows(path, MEMBER_COLUMNS, rows)
