"""Files that operating systems leave behind in archives; they are skipped."""

from __future__ import annotations

__all__ = ["is_platform_junk"]

_JUNK_FILES = frozenset({".ds_store", "thumbs.db", "desktop.ini"})


def is_platform_junk(name: str) -> bool:
    """Whether a member is one that macOS or Windows leaves behind and no user means.

    Parameters
    ----------
    name : str
        The member's name, with ``/`` between folders.

    Examples
    --------
    >>> [is_platform_junk(name) for name in ("__MACOSX/a.jpg", "a/._b.jpg", "a/.DS_Store", "Thumbs.db", "a/b.jpg")]
    [True, True, True, True, False]
    """
    folder, _, last = name.rstrip("/").rpartition("/")
    return last.startswith("._") or last.lower() in _JUNK_FILES or last == "__MACOSX" or "__MACOSX" in folder.split("/")
