"""The rows of the index, one per sample, and what happens to them."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Mapping, Sequence
from typing import Any, Literal

from zarrpack.errors import NotFound, UsageError
from zarrpack.storage.sharded.bulk_index import drop_id_index, make_id_index
from zarrpack.storage.sharded.index import Field
from zarrpack.storage.sharded.metadata_text import metadata_text
from zarrpack.storage.sharded.npy_payload import NpyPayload
from zarrpack.storage.sharded.sample_names import auto_number, member_name
from zarrpack.storage.sharded.session import Location, Session

__all__ = ["SampleRows", "location_of"]


class SampleRows:
    """Adds, changes and removes samples within the session's transaction. Each call is done whole or not at all.

    Parameters
    ----------
    session : Session
        The open store.
    """

    def __init__(self, session: Session) -> None:
        self.session = session
        self._inserts: dict[tuple[str, ...], str] = {}
        self._is_bulk = False

    def add(
        self,
        sample_id: str | None,
        payloads: Sequence[tuple[Field, NpyPayload]],
        metadata: Mapping[str, Any] | None,
        on_duplicate: Literal["error", "replace", "skip"] = "error",
    ) -> str:
        """Add a sample; see `ShardedDatasetWriter.add_sample`.

        Raises
        ------
        UsageError
            If the id is taken.
        """
        session = self.session
        text = metadata_text(metadata, sample_id or "sample")
        is_given = sample_id is not None
        if sample_id is None:
            sample_id = session.next_auto_id()
        name = member_name(sample_id)
        session.start()
        try:
            self._insert(sample_id, name, payloads, text)
        except sqlite3.IntegrityError:
            session.take_back()
        except BaseException:
            session.take_back()
            raise
        else:
            if is_given:
                session.note_auto_number(auto_number(sample_id))
            session.samples += 1
            return sample_id
        row = self._row(sample_id)
        is_filled = any(row[f"{field.stem}_offset"] is not None for field in session.fields.values())
        if is_filled and on_duplicate == "error":
            raise UsageError(
                f"{session.root}: expected a new sample, found {sample_id!r:.80} there already; use update_sample, or say "
                'on_duplicate="replace" or "skip"'
            )
        if not is_filled:
            self._change(row, name, payloads, None if metadata is None else text)
        elif on_duplicate == "replace":
            self._change(row, name, payloads, text, session.fields.values())
        return sample_id

    def update(
        self,
        sample_id: str,
        payloads: Sequence[tuple[Field, NpyPayload]],
        metadata: Mapping[str, Any] | None,
        *,
        merge: bool = False,
    ) -> None:
        """Change a sample; see `ShardedDatasetWriter.update_sample`."""
        name = member_name(sample_id)
        row = self._row(sample_id)
        text = None
        if metadata is not None:
            text = metadata_text(metadata, sample_id)
            if merge:
                text = json.dumps({**json.loads(row["meta_json"]), **json.loads(text)})
        self._change(row, name, payloads, text)

    def delete(self, sample_id: str) -> None:
        """Remove a sample."""
        name = member_name(sample_id)
        row = self._row(sample_id)
        session = self.session
        session.start()
        session.execute("DELETE FROM samples WHERE number = ?", (row["number"],))
        self._bury(row, name, session.fields.values())
        session.samples -= 1

    def register(self, sample_ids: Sequence[str], metadata: Sequence[Mapping[str, Any]] | None) -> None:
        """Enter samples without arrays; those that are there stay.

        Raises
        ------
        UsageError
            If an id is given twice, or something cannot be stored.
        """
        if len(set(sample_ids)) != len(sample_ids):
            raise UsageError("register_samples: expected every id once, found some twice")
        texts = ["{}"] * len(sample_ids)
        for place, sample_id in enumerate(sample_ids):
            member_name(sample_id)
            if metadata is not None:
                texts[place] = metadata_text(metadata[place], sample_id)
        session = self.session
        self._refuse_in_bulk()
        session.start()
        for sample_id, text in zip(sample_ids, texts, strict=True):
            done = session.execute(
                "INSERT OR IGNORE INTO samples (number, id, meta_json) VALUES (?, ?, ?)",
                (session.next_number, sample_id, text),
            )
            session.next_number += done.rowcount
            session.samples += done.rowcount
            session.note_auto_number(auto_number(sample_id))

    def set_field(self, sample_id: str, field: Field, payload: NpyPayload, shard: int) -> None:
        """Give a sample an array in a shard of a given number; the sample is registered if it is not there."""
        name = member_name(sample_id)
        self._refuse_in_bulk()
        row = self._find(sample_id)
        if row is None:
            self.register([sample_id], None)
            row = self._row(sample_id)
        self._change(row, name, [(field, payload)], None, shard=shard)

    def begin_bulk(self) -> None:
        """Go on without an index of the ids."""
        self.session.begin()
        drop_id_index(self.session.connection)
        self.session.commit()
        self._is_bulk = True

    def finish_bulk(self) -> list[str]:
        """Make the index of the ids again, if there is none; give the ids of the samples that had to go."""
        repeated = make_id_index(self.session)
        self._is_bulk = False
        return repeated

    def _insert(self, sample_id: str, name: str, payloads: Sequence[tuple[Field, NpyPayload]], text: str) -> None:
        session = self.session
        values: list[Any] = [session.next_number, sample_id, text]
        for field, payload in payloads:
            values += session.append(field, name, payload)
        fields = tuple([field.stem for field, _ in payloads])
        statement = self._inserts.get(fields)
        if statement is None:
            columns = [column for field, _ in payloads for column in field.columns]
            marks = ", ".join("?" * (3 + len(columns)))
            statement = f"INSERT INTO samples ({', '.join(['number', 'id', 'meta_json', *columns])}) VALUES ({marks})"
            self._inserts[fields] = statement
        session.execute(statement, values)
        session.next_number += 1

    def _change(
        self,
        row: sqlite3.Row,
        name: str,
        payloads: Sequence[tuple[Field, NpyPayload]],
        text: str | None,
        cleared: Any = (),
        shard: int | None = None,
    ) -> None:
        """Point a row to new payloads; fields in `cleared` that get none lose theirs."""
        session = self.session
        session.start()
        try:
            values: dict[str, Any] = {} if text is None else {"meta_json": text}
            for field in cleared:
                values |= dict.fromkeys(field.columns)
            for field, payload in payloads:
                location = session.append(field, name, payload, shard)
                values |= dict(zip(field.columns, location, strict=True))
            if values:
                settings = ", ".join(f"{column} = ?" for column in values)
                session.execute(f"UPDATE samples SET {settings} WHERE number = ?", (*values.values(), row["number"]))
        except BaseException:
            session.take_back()
            raise
        self._bury(row, name, {field.number: field for field in (*cleared, *(one for one, _ in payloads))}.values())

    def _bury(self, row: sqlite3.Row, name: str, fields: Any) -> None:
        """Count the payloads that a row pointed to as dead."""
        for field in fields:
            location = location_of(row, field)
            if location is not None:
                self.session.mark_dead(field, location.shard, name, location.size)

    def _find(self, sample_id: str) -> sqlite3.Row | None:
        cursor = self.session.connection.cursor()
        cursor.row_factory = sqlite3.Row
        row: sqlite3.Row | None = cursor.execute("SELECT * FROM samples WHERE id = ?", (sample_id,)).fetchone()
        return row

    def _row(self, sample_id: str) -> sqlite3.Row:
        self._refuse_in_bulk()
        row = self._find(sample_id)
        if row is None:
            raise NotFound(f"{self.session.root}: expected a sample that is there, found none called {sample_id!r:.80}")
        return row

    def _refuse_in_bulk(self) -> None:
        if self._is_bulk:
            raise UsageError(f"{self.session.root}: only add_sample can be used inside bulk(); do the rest behind it")


def location_of(row: sqlite3.Row, field: Field) -> Location | None:
    """Give where a row says that a field's payload lies; None if the sample has none."""
    offset = row[f"{field.stem}_offset"]
    if offset is None:
        return None
    return Location(row[f"{field.stem}_shard"], offset, row[f"{field.stem}_size"], row[f"{field.stem}_crc32"])
