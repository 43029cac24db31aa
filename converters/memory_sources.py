"""Sources that are no files: bytes and open files, put where worker processes can read them."""

from __future__ import annotations

import io
import os
import shutil
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import BinaryIO, TypeAlias, cast

from zarrpack.errors import UsageError

__all__ = ["ConvertSource", "listed_sources", "sources_on_disk"]

#: Bytes, or a file that is open for reading in binary.
Content: TypeAlias = "bytes | bytearray | memoryview | BinaryIO"
#: A path, a content, or a content with the name that it shall have.
ConvertSource: TypeAlias = "str | os.PathLike[str] | Content | tuple[str, Content]"

_UNNAMED = "memory"
_COPY_BYTES = 1 << 20


def listed_sources(sources: ConvertSource | Sequence[ConvertSource]) -> list[ConvertSource]:
    """Give a list of sources, of one as well.

    Parameters
    ----------
    sources : source or sequence of sources
        As :func:`zarrpack.convert` takes them.

    Examples
    --------
    >>> listed_sources("a.zip"), listed_sources(("a.zip", "b.zip")), listed_sources(("a.zip", b"PK"))
    (['a.zip'], ['a.zip', 'b.zip'], [('a.zip', b'PK')])
    """
    if isinstance(sources, str | os.PathLike) or _is_content(sources) or _is_named(sources):
        return [cast(ConvertSource, sources)]
    return list(cast("Sequence[ConvertSource]", sources))


@contextmanager
def sources_on_disk(sources: Sequence[ConvertSource]) -> Iterator[list[Path]]:
    """Give a path for each source. Contents lie in a temporary folder while the body runs; open files that are whole stay where they are.

    Parameters
    ----------
    sources : sequence of sources
        An open file is read from its position on, and neither closed nor set back.

    Raises
    ------
    UsageError
        If a source is neither a path nor a content, or a file is not open for reading in binary.
    """
    with ExitStack() as stack:
        paths: list[Path] = []
        for number, source in enumerate(sources):
            if isinstance(source, str | os.PathLike):
                paths.append(Path(source))
                continue
            named = source if isinstance(source, tuple) else None
            name, content = (_name_of(source), source) if named is None else (str(named[0]), named[1])
            own = _whole_file(content) if named is None else None
            if own is None:
                folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="zarrpack-")))
                last = Path(name).name
                own = folder / (last if last.strip(".") else _UNNAMED)
                _copy(content, own, number)
            paths.append(own)
        yield paths


def _is_content(source: object) -> bool:
    return isinstance(source, bytes | bytearray | memoryview) or hasattr(source, "read")


def _is_named(source: object) -> bool:
    return isinstance(source, tuple) and len(source) == 2 and isinstance(source[0], str) and _is_content(source[1])


def _name_of(content: object) -> str:
    name = getattr(content, "name", None)
    return name if isinstance(name, str) else _UNNAMED


def _whole_file(content: object) -> Path | None:
    """Give the path of an open file that is at its start; None if there is no such."""
    name = getattr(content, "name", None)
    try:
        if not isinstance(name, str) or not isinstance(content, io.BufferedReader | io.FileIO) or content.tell():
            return None
        return Path(name) if os.path.samestat(os.fstat(content.fileno()), Path(name).stat()) else None
    except (OSError, ValueError):
        return None


def _copy(content: object, target: Path, number: int) -> None:
    if isinstance(content, bytes | bytearray | memoryview):
        target.write_bytes(content)
        return
    if not hasattr(content, "read"):
        raise UsageError(
            f"sources[{number}]: expected a path, bytes or an open binary file, found {type(content).__name__}"
        )
    if isinstance(content, io.TextIOBase):
        raise UsageError(
            f"sources[{number}]: expected a file open in binary, found one open as text; open it with 'rb'"
        )
    with target.open("wb") as file:
        shutil.copyfileobj(cast(BinaryIO, content), file, _COPY_BYTES)
