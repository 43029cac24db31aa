"""The chunks that were decoded last, for those who need them again."""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Callable
from concurrent.futures import Future
from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt

from zarrpack.storage.vlen import PackedItems

__all__ = ["Decoded", "DecodedChunks"]

#: What a chunk is once decoded.
Decoded: TypeAlias = npt.NDArray[Any] | PackedItems
#: What an object takes beside its characters, in bytes; roughly.
_OBJECT_BYTES = 64


class DecodedChunks:
    """The chunks decoded last, up to a number of bytes. Safe in threads; each chunk is decoded by one of them.

    Parameters
    ----------
    most_bytes : int
        How many bytes to keep; the chunk decoded last is kept even if it is larger.

    Examples
    --------
    >>> cache = DecodedChunks(1 << 20)
    >>> chunk = cache.get(7, lambda: np.arange(3))
    >>> cache.get(7, lambda: np.arange(4)) is chunk
    True
    """

    def __init__(self, most_bytes: int) -> None:
        self._most_bytes = most_bytes
        self._bytes = 0
        self._lock = threading.Lock()
        self._chunks: OrderedDict[int, Future[Decoded]] = OrderedDict()

    def __reduce__(self) -> tuple[type[DecodedChunks], tuple[int]]:
        return DecodedChunks, (self._most_bytes,)

    def get(self, number: int, decode: Callable[[], Decoded]) -> Decoded:
        """Give a chunk, decoding it if it is not here.

        Parameters
        ----------
        number : int
            Which chunk, in which form.
        decode : callable
            Gives the chunk. What it raises is raised to everybody who waits for the chunk.
        """
        with self._lock:
            known = self._chunks.get(number)
            if known is not None:
                self._chunks.move_to_end(number)
        if known is not None:
            return known.result()
        return self._decode(number, decode)

    def _decode(self, number: int, decode: Callable[[], Decoded]) -> Decoded:
        mine: Future[Decoded] = Future()
        with self._lock:
            chunk = self._chunks.setdefault(number, mine)
        if chunk is not mine:
            return chunk.result()
        try:
            values = decode()
        except BaseException as exc:
            with self._lock:
                del self._chunks[number]
            mine.set_exception(exc)
            raise
        mine.set_result(values)
        with self._lock:
            self._bytes += _size(values)
            self._forget()
        return values

    def _forget(self) -> None:
        while self._bytes > self._most_bytes and len(self._chunks) > 1:
            number, chunk = next(iter(self._chunks.items()))
            if not chunk.done():
                return
            del self._chunks[number]
            self._bytes -= _size(chunk.result())


def _size(values: Decoded) -> int:
    if isinstance(values, np.ndarray) and values.dtype == object:
        return values.size * _OBJECT_BYTES + sum(map(len, values.flat))
    return values.nbytes
