"""How a sharded store is recognised."""

from __future__ import annotations

from pathlib import Path

__all__ = ["APPLICATION_ID", "INDEX_NAME", "is_store"]

INDEX_NAME = "index.sqlite"

#: Tells a store's index from any other SQLite file: "zps1".
APPLICATION_ID = 0x7A707331


def is_store(root: Path) -> bool:
    """Whether a folder holds a sharded store, by the first bytes of its index.

    Examples
    --------
    >>> is_store(Path("no such folder"))
    False
    """
    try:
        with (root / INDEX_NAME).open("rb") as file:
            head = file.read(72)
    except OSError:
        return False
    return head.startswith(b"SQLite format 3\0") and head[68:72] == APPLICATION_ID.to_bytes(4, "big")
