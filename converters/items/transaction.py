"""All or nothing in the journal, whatever transaction control its connection has."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager

__all__ = ["transaction"]


@contextmanager
def transaction(journal: sqlite3.Connection) -> Iterator[None]:
    """Keep what the block does only if it raises nothing. Inside a caller's transaction it becomes part of that.

    Examples
    --------
    >>> journal = sqlite3.connect(":memory:", isolation_level=None)
    >>> with transaction(journal):
    ...     _ = journal.execute("CREATE TABLE kept (number INTEGER)")
    >>> journal.in_transaction
    False
    """
    outermost = not journal.in_transaction
    if outermost:
        journal.execute("BEGIN")
    journal.execute("SAVEPOINT items")
    try:
        yield
    except BaseException:
        if journal.in_transaction:  # a full disk makes SQLite roll back by itself
            journal.execute("ROLLBACK TO items")
            journal.execute("RELEASE items")
            if outermost:
                journal.execute("ROLLBACK")
        raise
    journal.execute("RELEASE items")
    if outermost:
        journal.execute("COMMIT")
