"""Who encodes the chunks of an output, and how many of them at once."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager
from types import TracebackType
from typing import Protocol, Self, TypeAlias

from zarrpack.storage.merge.output_array import OutputArray

__all__ = ["ChunkEncoders", "EncodersFactory", "PendingChunk", "ThreadEncoders"]


class PendingChunk(Protocol):
    """A chunk that is being encoded."""

    def result(self) -> bytes:
        """Wait for its bytes; what encoding it has raised is raised here."""


class ChunkEncoders(Protocol):
    """Encodes chunks beside the thread that writes them."""

    @property
    def width(self) -> int:
        """How many chunks may be under way or wait for the writer."""

    def submit(self, array: OutputArray, block: int) -> PendingChunk:
        """Begin to encode a chunk; an array's are asked for in their order."""


#: Gives the encoders of some arrays, as a context.
EncodersFactory: TypeAlias = Callable[[Sequence[OutputArray]], AbstractContextManager[ChunkEncoders]]


class ThreadEncoders:
    """Threads of this process.

    Parameters
    ----------
    threads : int
        How many.
    """

    def __init__(self, threads: int) -> None:
        # One more waits to be taken up, as the writer asks for a chunk before it waits for another.
        self.width = threads
        self._pool = ThreadPoolExecutor(threads, thread_name_prefix="zarrpack-merge")

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._pool.shutdown(cancel_futures=True)

    def submit(self, array: OutputArray, block: int) -> PendingChunk:
        """Begin to encode a chunk."""
        return self._pool.submit(array.encode, block)
