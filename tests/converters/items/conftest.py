"""Journals and packs of small made-up runs."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from zarrpack.converters.pipeline.journal_schema import SCHEMA
from zarrpack.processors.base import Member
from zarrpack.processors.csv_table import CsvProcessor
from zarrpack.storage.base import EncodingOptions, MemberDescription
from zarrpack.storage.blocks import Block
from zarrpack.storage.pack_encoder import PackEncoder
from zarrpack.storage.zip_writer import ZipWriter


@dataclass
class MadeMember:
    """One member of a made-up run; a name that ends in ``.json`` is a record."""

    name: str
    state: str = "stored"
    source: int = 0
    metadata: Mapping[str, Any] = field(default_factory=dict)
    record: Mapping[str, Any] | None = None
    table: Mapping[str, Sequence[Any]] | bytes | None = None

    @property
    def is_record(self) -> bool:
        return self.name.endswith(".json")


@dataclass
class MadeRun:
    """A run that has stored its members."""

    journal: sqlite3.Connection
    packs: Path

    def column(self, query: str) -> list[Any]:
        """Give the first column of a query's rows."""
        return [row[0] for row in self.journal.execute(query)]

    def roles(self) -> dict[str, tuple[int | None, str]]:
        """Give item code and role of every member that has any, by name."""
        rows = self.journal.execute(
            "SELECT name, code, role FROM member_items JOIN members ON number = member ORDER BY member"
        )
        return {name: (code, role) for name, code, role in rows}


@pytest.fixture
def make_run(tmp_path: Path) -> Iterator[Callable[..., MadeRun]]:
    """Give a function that makes a journal, and on request its packs, from members or their names."""
    journals = []

    def make(
        members: Sequence[MadeMember | str], labels: Sequence[str] = ("a.zip",), per_pack: int = 3, write: bool = False
    ) -> MadeRun:
        run = MadeRun(sqlite3.connect(":memory:"), tmp_path)
        journals.append(run.journal)
        run.journal.executescript(SCHEMA)
        run.journal.executemany("INSERT INTO sources VALUES (?, ?, 'zip')", enumerate(labels))
        made = [one if isinstance(one, MadeMember) else MadeMember(one) for one in members]
        for batch, first in enumerate(range(0, len(made), per_pack)):
            _add_batch(run, batch, first, made[first : first + per_pack], write)
        run.journal.commit()
        return run

    yield make
    for journal in journals:
        journal.close()


def _add_batch(run: MadeRun, batch: int, first: int, members: Sequence[MadeMember], write: bool) -> None:
    local = 0
    for number, one in enumerate(members, first):
        is_stored = one.state == "stored"
        place = (batch, local) if is_stored else (None, None)
        local += is_stored
        run.journal.execute(
            "INSERT INTO members VALUES (?, ?, ?, ?, ?, 10, 7, 0, x'ab', '', 'made', ?, ?, ?, ?, '', 0.5, ?, ?)",
            (number, one.source, number, one.name, one.name.encode(), one.is_record, one.state)
            + ((None, None) if is_stored else ("unreadable", "made so"))
            + place,
        )
    file = f"run-{batch:06}.data"
    run.journal.execute("INSERT INTO batches VALUES (?, ?, ?, ?, 0, '')", (batch, first, len(members), file))
    if write:
        _write_pack(run.packs / file, [one for one in members if one.state == "stored"])


def _write_pack(path: Path, members: Sequence[MadeMember]) -> None:
    with path.open("wb") as file:
        archive = ZipWriter(file)
        encoder = PackEncoder(archive.add, EncodingOptions())
        for one in members:
            encoder.begin_member()
            for block in _blocks(one):
                encoder.add(block)
            encoder.end_member(MemberDescription(one.name, f"a.zip/{one.name}", one.metadata, one.record))
        archive.close(encoder.finish())


def _blocks(member: MadeMember) -> Iterator[Block]:
    if member.table is None:
        yield Block("files", "value", ("file",), np.array([len(member.name)]))
        return
    if isinstance(member.table, bytes):
        content = Member(member.name, member.table, member.table)
        yield from (block for block in CsvProcessor().read(content) if isinstance(block, Block))
        return
    for name, values in member.table.items():
        if name == "mixed":
            yield Block("table", name, ("row",), [str(one) for one in values[:1]], signature=",".join(member.table))
            values = values[1:]
        rows = list(values) if values and isinstance(values[0], str) else np.array(values)
        yield Block("table", name, ("row",), rows, signature=",".join(member.table))


@pytest.fixture
def member() -> type[MadeMember]:
    """Give the class of made-up members."""
    return MadeMember
