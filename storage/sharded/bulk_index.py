"""The index of the ids, taken away for a bulk load and made again by one sort at its end."""

from __future__ import annotations

import sqlite3

from zarrpack.storage.sharded.index import read_counter, write_counter
from zarrpack.storage.sharded.sample_names import member_name
from zarrpack.storage.sharded.session import Session

__all__ = ["drop_id_index", "make_id_index"]


def drop_id_index(connection: sqlite3.Connection) -> None:
    """Drop the index, and note that it is missing, within the caller's transaction."""
    connection.execute("DROP INDEX samples_by_id")
    write_counter(connection, "bulk", 1)
    write_counter(connection, "generation", read_counter(connection, "generation") + 1)


def make_id_index(session: Session) -> list[str]:
    """Make the index, if it is missing.

    Parameters
    ----------
    session : Session
        The open store; nothing is pending.

    Returns
    -------
    list of str
        Ids of the samples that were removed because an earlier one has the id; their bytes are dead.
    """
    connection = session.connection
    if not read_counter(connection, "bulk"):
        return []
    session.begin()
    removed: list[str] = []
    try:
        connection.execute("CREATE UNIQUE INDEX samples_by_id ON samples (id)")
    except sqlite3.IntegrityError:
        removed = _remove_repeated(session)
        connection.execute("CREATE UNIQUE INDEX samples_by_id ON samples (id)")
    write_counter(connection, "bulk", 0)
    write_counter(connection, "generation", read_counter(connection, "generation") + 1)
    session.commit()
    return removed


def _remove_repeated(session: Session) -> list[str]:
    connection = session.connection
    connection.execute("CREATE INDEX samples_repeated ON samples (id)")
    rows = connection.execute(
        "SELECT number, id FROM samples WHERE id IN (SELECT id FROM samples GROUP BY id HAVING count(*) > 1) "
        "AND number NOT IN (SELECT min(number) FROM samples GROUP BY id HAVING count(*) > 1) ORDER BY number"
    ).fetchall()
    for number, sample_id in rows:
        for field in session.fields.values():
            shard, _, size, _ = field.columns
            found = connection.execute(f"SELECT {shard}, {size} FROM samples WHERE number = ?", (number,)).fetchone()
            if found[0] is not None:
                session.mark_dead(field, found[0], member_name(sample_id), found[1])
        connection.execute("DELETE FROM samples WHERE number = ?", (number,))
    connection.execute("DROP INDEX samples_repeated")
    session.samples -= len(rows)
    return [sample_id for _, sample_id in rows]
