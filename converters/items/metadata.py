"""What the tables say of each item, gathered from the packs in bounded memory.

``item_records``: the records that are items' metadata. code: the item. fields: the record as a JSON object.
"""

from __future__ import annotations

import json
import sqlite3
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from itertools import groupby
from operator import itemgetter
from pathlib import Path
from typing import Any, TypeAlias

from zarrpack.converters.items.earlier import EARLIER, earlier_descriptions
from zarrpack.converters.items.labels import folder_label
from zarrpack.converters.items.options import ItemOptions
from zarrpack.converters.items.transaction import transaction
from zarrpack.storage.base import MemberDescription
from zarrpack.storage.data_file import DataFile
from zarrpack.storage.member_descriptions import member_descriptions
from zarrpack.storage.tables.infoset import ItemRow

__all__ = ["ItemMetadata"]

# The value member is the item's first stored one, so that these come in the packs' own order but for the
# few whose first member has failed. Records can come in any order: they are sorted by code beforehand.
_ITEMS = """
SELECT items.code, items.name, first.name, batches.number, batches.file, value.local, item_records.fields
FROM items
JOIN members AS first ON first.number = items.first_member
LEFT JOIN members AS value ON value.number = items.value_member
LEFT JOIN batches ON batches.number = value.batch
LEFT JOIN item_records ON item_records.code = items.code
WHERE items.value_member IS NOT NULL OR item_records.code IS NOT NULL
ORDER BY items.code
"""
_RECORDS = """
SELECT batches.number, batches.file, members.local, items.code
FROM items JOIN members ON members.number = items.record_member JOIN batches ON batches.number = members.batch
WHERE members.state = 'stored'
ORDER BY members.batch, members.local
"""
_JOINED = """
SELECT item_rows.code, join_rows.fields FROM item_rows JOIN join_rows USING (position, row)
ORDER BY item_rows.code, item_rows.position
"""

#: Packs whose metadata is kept: one is in use, others only where first members have failed.
_KEPT_PACKS = 4

_Fields: TypeAlias = "dict[str, Any]"


class ItemMetadata:
    """The stored items, in the order of their codes. May be gone through any number of times.

    An item's fields are those of its first stored member with arrays, then those of its record, of its joined rows and
    the folder's label; of one name the later wins. A record that stands alone gives no fields: it is stored as arrays.

    Not safe for threads. The journal must not be written to while an iterator is in use.

    Parameters
    ----------
    journal : sqlite3.Connection
        A journal with assigned items. It gets the table that this module's docstring describes.
    options : ItemOptions
        As items were assigned.
    packs : Path
        The folder that holds the batches' files.

    Attributes
    ----------
    overwritten : Counter
        Field -> in how many items a later source has overwritten a different value; of the last time through.
    """

    def __init__(self, journal: sqlite3.Connection, options: ItemOptions, packs: Path) -> None:
        self._journal = journal
        self._options = options
        self._packs = _RecentPacks(packs, journal)
        self.overwritten: Counter[str] = Counter()
        self._gather_records()

    def __iter__(self) -> Iterator[ItemRow]:
        self.overwritten = Counter()
        joined = _JoinedRows(self._journal)
        for code, name, description, batch, file, local, record in self._journal.execute(_ITEMS):
            fields: _Fields = {}
            if batch is not None:
                fields.update(self._packs.members(batch, file)[local].metadata)
            if record is not None:
                self._merge(fields, json.loads(record))
            for row in joined.of(code):
                self._merge(fields, row)
            subset = None
            if self._options.labels == "folder":
                label, subset = folder_label(description)
                self._merge(fields, {} if label is None else {"label": label})
            yield ItemRow(code, name, description, subset, fields)

    def _gather_records(self) -> None:
        with transaction(self._journal):
            self._journal.execute("DROP TABLE IF EXISTS item_records")
            self._journal.execute("CREATE TABLE item_records (code INTEGER PRIMARY KEY, fields TEXT)")
            self._journal.executemany("INSERT INTO item_records VALUES (?, ?)", self._records())

    def _records(self) -> Iterator[tuple[int, str]]:
        for batch, file, local, code in self._journal.execute(_RECORDS):
            yield code, json.dumps(self._packs.members(batch, file)[local].record or {})

    def _merge(self, fields: _Fields, later: Mapping[str, Any]) -> None:
        for name, value in later.items():
            if name in fields and fields[name] != value:
                self.overwritten[name] += 1
            fields[name] = value


class _JoinedRows:
    """Gives the joined rows of items that are asked for in ascending order."""

    def __init__(self, journal: sqlite3.Connection) -> None:
        self._groups = groupby(journal.execute(_JOINED), itemgetter(0))
        self._next = next(self._groups, None)

    def of(self, code: int) -> list[_Fields]:
        """Give the rows of one item, in the order of the joins."""
        while self._next is not None and self._next[0] < code:
            self._next = next(self._groups, None)
        if self._next is None or self._next[0] != code:
            return []
        return [json.loads(fields) for _, fields in self._next[1]]


class _RecentPacks:
    """What packs say of their members; that of the packs in use is kept."""

    def __init__(self, folder: Path, journal: sqlite3.Connection) -> None:
        self._folder = folder
        self._journal = journal
        self._kept: dict[int, Sequence[MemberDescription]] = {}

    def members(self, batch: int, file: str) -> Sequence[MemberDescription]:
        """Give what a pack or store says of its members, by number."""
        members = self._kept.pop(batch, None)
        if members is None:
            if file == EARLIER:
                members = earlier_descriptions(self._journal, batch)
            else:
                with DataFile(self._folder / file) as pack:
                    members = member_descriptions(pack)
            if len(self._kept) >= _KEPT_PACKS:
                del self._kept[next(iter(self._kept))]
        self._kept[batch] = members
        return members
