"""Bytes that survive a power cut: files and folders forced to disk, and files renamed into place."""

from __future__ import annotations

import os
from pathlib import Path

__all__ = ["publish_file", "sync_file", "sync_folder"]


def sync_file(path: Path) -> None:
    """Force a closed file's bytes to disk."""
    descriptor = os.open(path, os.O_RDWR)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def sync_folder(path: Path) -> None:
    """Force a folder's names to disk; does nothing where folders cannot be opened (Windows)."""
    if os.name == "nt":
        return
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def publish_file(temporary: Path, final: Path) -> None:
    """Make a finished file durable and give it its name, replacing a file that has it.

    Parameters
    ----------
    temporary : Path
        The whole file, closed, on the same file system as `final`.
    final : Path
        Its name from now on; at every moment it is the old file or the new one.
    """
    sync_file(temporary)
    temporary.replace(final)
    sync_folder(final.parent)
