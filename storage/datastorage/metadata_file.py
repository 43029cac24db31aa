"""A JSON object in a file that is never half written."""

from __future__ import annotations

import contextlib
import copy
import json
from collections.abc import Iterator
from pathlib import Path

from zarrpack.errors import FormatError
from zarrpack.storage.datastorage.nested import Tree

__all__ = ["MetadataFile", "parse_json", "read_json", "temporary_name"]


def temporary_name(path: Path) -> Path:
    """Give the name under which a file or folder is made before it is renamed.

    Examples
    --------
    >>> temporary_name(Path("a/metadata.json")).as_posix()
    'a/.new-metadata.json'
    """
    return path.with_name(f".new-{path.name}")


def read_json(path: Path) -> object:
    """Read a JSON file; NaN and Infinity are taken.

    Parameters
    ----------
    path : Path
        The file.

    Returns
    -------
    object
        What it holds.

    Raises
    ------
    FormatError
        If it is no JSON.
    """
    return parse_json(path.read_bytes(), path)


def parse_json(content: bytes, path: Path) -> object:
    """Parse what a JSON file holds, as `read_json` does.

    Parameters
    ----------
    content : bytes
        All of it.
    path : Path
        The file, for the message.

    Raises
    ------
    FormatError
        If it is no JSON.
    """
    try:
        return json.loads(content)
    except (ValueError, RecursionError) as exc:
        raise FormatError(f"{path}: expected JSON, found: {exc}; mend or remove the file") from exc


class MetadataFile:
    """The file, and what it held when it was last looked at. Not safe in threads.

    Parameters
    ----------
    path : Path
        The file; a missing one counts as an empty object.
    indent : int or None
        Spaces of indentation; None: all on one line.

    Examples
    --------
    >>> from pathlib import Path
    >>> metadata = MetadataFile(Path("metadata.json"))
    >>> with metadata.editing() as tree:
    ...     tree["flow_name"] = "a"
    >>> Path("metadata.json").read_text()
    '{"flow_name": "a"}'
    """

    def __init__(self, path: Path, indent: int | None = None) -> None:
        self.path = path
        self._indent = indent
        self._tree: Tree = {}
        self._signature: tuple[int, int, int] | None = None
        self._is_unwritten = False

    def read(self) -> Tree:
        """Give the content, read anew if the file has changed; not copied.

        Raises
        ------
        FormatError
            If the file is no JSON object.
        """
        if self._is_unwritten:
            return self._tree
        signature = self._stat()
        if signature is None:
            self._tree = {}
        elif signature != self._signature:
            content = read_json(self.path)
            if not isinstance(content, dict):
                raise FormatError(f"{self.path}: expected a JSON object, found {type(content).__name__}")
            self._tree = content
        self._signature = signature
        return self._tree

    @contextlib.contextmanager
    def editing(self) -> Iterator[Tree]:
        """Give a copy of the content to be changed, and write it when the block ends well; else nothing has changed."""
        tree = copy.deepcopy(self.read())
        yield tree
        self._write(tree)

    def editing_later(self) -> Tree:
        """Give the content to be changed; `flush` or the next `editing` writes it."""
        tree = self.read()
        self._is_unwritten = True
        return tree

    def flush(self) -> None:
        """Write what `editing_later` has left. After an error it is still to be written."""
        if self._is_unwritten:
            self._write(self._tree)

    def _write(self, tree: Tree) -> None:
        temporary = temporary_name(self.path)
        temporary.write_text(json.dumps(tree, indent=self._indent), encoding="utf-8")
        temporary.replace(self.path)
        self._tree, self._signature, self._is_unwritten = tree, self._stat(), False

    def _stat(self) -> tuple[int, int, int] | None:
        try:
            found = self.path.stat()
        except FileNotFoundError:
            return None
        return found.st_ino, found.st_size, found.st_mtime_ns
