"""The journal that stays with a set some of whose members failed; ``zarrpack retry`` goes by it."""

from __future__ import annotations

import shutil
import sqlite3
from contextlib import closing
from pathlib import Path

from zarrpack.converters.items.earlier import keep_descriptions, set_assignment_aside
from zarrpack.converters.output import OutputSet
from zarrpack.converters.pipeline.journal import open_journal
from zarrpack.errors import FormatError

__all__ = ["failed_members", "keep_journal", "take_up_journal"]


def keep_journal(journal: sqlite3.Connection, output: OutputSet) -> None:
    """Write the journal as it is to stay: with what the packs say, for these go.

    Parameters
    ----------
    journal : sqlite3.Connection
        Complete, with assigned items. It is left as it is.
    output : OutputSet
        Whose packs it names; :attr:`OutputSet.journal_to_keep` is written.
    """
    path = output.journal_to_keep
    path.unlink(missing_ok=True)
    journal.commit()
    journal.execute("VACUUM INTO ?", (str(path),))
    with closing(sqlite3.connect(path)) as copy:
        copy.execute("PRAGMA journal_mode = DELETE")
        keep_descriptions(copy, output.packs)


def take_up_journal(output: OutputSet) -> sqlite3.Connection:
    """Open a copy of the journal that has stayed with a set, to go on with.

    Parameters
    ----------
    output : OutputSet
        Claimed.

    Raises
    ------
    FormatError
        If the journal is damaged.
    """
    shutil.copyfile(output.kept_journal, output.journal)
    try:
        journal = open_journal(output.journal)
        try:
            set_assignment_aside(journal)
        except BaseException:
            journal.close()
            raise
    except sqlite3.DatabaseError as error:
        raise FormatError(
            f"{output.kept_journal}: expected the journal of a run, found: {error}; convert the sources again"
        ) from error
    return journal


def failed_members(path: Path) -> int:
    """Count the members that a kept journal has as failed; 0 if there is no journal.

    Raises
    ------
    FormatError
        If it is damaged.
    """
    if not path.is_file():
        return 0
    try:
        with closing(sqlite3.connect(path)) as journal:
            return int(journal.execute("SELECT COUNT(*) FROM members WHERE state = 'failed'").fetchone()[0])
    except sqlite3.DatabaseError as error:
        raise FormatError(
            f"{path}: expected the journal of a run, found: {error}; convert the sources again"
        ) from error
