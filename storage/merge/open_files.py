"""Many source files, of which only a bounded number is open."""

from __future__ import annotations

import contextlib
import os
import threading
import weakref
from collections import OrderedDict
from collections.abc import Iterator, Sequence
from typing import Self

from zarrpack.storage.merge.damage import DamagedSource
from zarrpack.storage.zip_directory import read_at

__all__ = ["OpenFiles"]


class OpenFiles:
    """Descriptors of files, opened when needed; the one unused for longest is closed first. Safe in threads;
    a pickled copy opens the files anew, and closes them when it is no longer used.

    Parameters
    ----------
    paths : sequence of str
        The files; they are known by their position.
    most : int
        How many may be open at once, those that are being used aside.

    Examples
    --------
    >>> import tempfile
    >>> with tempfile.NamedTemporaryFile() as file, OpenFiles([file.name], most=4) as files:
    ...     _ = file.write(b"abcdef"), file.flush()
    ...     files.read(0, 2, 3)
    b'cde'
    """

    def __init__(self, paths: Sequence[str], most: int) -> None:
        self._paths = paths
        self._most = most
        self._lock = threading.Lock()
        #: Number -> [descriptor, how many are using it]
        self._open: OrderedDict[int, list[int]] = OrderedDict()
        self._finalizer = weakref.finalize(self, _close_all, self._open)

    def __reduce__(self) -> tuple[type[OpenFiles], tuple[Sequence[str], int]]:
        return OpenFiles, (self._paths, self._most)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        _close_all(self._open)

    @contextlib.contextmanager
    def descriptor(self, number: int) -> Iterator[int]:
        """Lend a file's descriptor; it stays open until the block ends.

        Parameters
        ----------
        number : int
            The file's position in `paths`.

        Raises
        ------
        DamagedSource
            If the file can no longer be opened.
        """
        with self._lock:
            entry = self._open.get(number)
            if entry is None:
                self._close_idle()
                entry = self._open[number] = [self._opened(number), 0]
            else:
                self._open.move_to_end(number)
            entry[1] += 1
        try:
            yield entry[0]
        finally:
            with self._lock:
                entry[1] -= 1

    def read(self, number: int, offset: int, size: int) -> bytes:
        """Read bytes of a file; fewer only at its end.

        Parameters
        ----------
        number : int
            The file's position in `paths`.
        offset, size : int
            In bytes.
        """
        with self.descriptor(number) as descriptor:
            if hasattr(os, "pread"):
                return read_at(descriptor, offset, size)
            with self._lock:
                return read_at(descriptor, offset, size)

    def _opened(self, number: int) -> int:
        try:
            return os.open(self._paths[number], os.O_RDONLY | getattr(os, "O_BINARY", 0))
        except OSError as exc:
            path = self._paths[number]
            raise DamagedSource(path, f"{path}: expected a readable file, found: {exc.strerror}") from exc

    def _close_idle(self) -> None:
        if len(self._open) < self._most:
            return
        for number, (descriptor, users) in self._open.items():
            if users == 0:
                os.close(descriptor)
                del self._open[number]
                return


def _close_all(descriptors: OrderedDict[int, list[int]]) -> None:
    for descriptor, _users in descriptors.values():
        os.close(descriptor)
    descriptors.clear()
