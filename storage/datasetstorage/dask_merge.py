"""Encodes a merge's chunks on a Dask cluster; each task is a pure function of the plan and a range of chunks."""

from __future__ import annotations

import contextlib
import itertools
import os
import warnings
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from importlib import import_module
from types import TracebackType
from typing import Any, Self

from zarrpack.storage.merge.chunk_encoders import EncodersFactory, PendingChunk
from zarrpack.storage.merge.output_array import OutputArray

__all__ = ["DaskClient", "DaskEncoders"]

#: Chunks of one task.
_RANGE = 4
_NUMBERS = itertools.count()


def _encode_range(output: _Arrays, number: int, start: int, stop: int) -> list[bytes | None]:
    """Encode chunks of an array; those that are copied are None.

    Parameters
    ----------
    output : _Arrays
        All arrays of the output.
    number : int
        Which of them.
    start, stop : int
        Which chunks.
    """
    array = output.arrays[number]
    return [
        None if array.copies is not None and array.copies.chunk_number(block) is not None else array.encode(block)
        for block in range(start, stop)
    ]


class DaskClient:
    """A Dask client that is made when it is first needed.

    Parameters
    ----------
    params : mapping or None
        As `DatasetMerger` takes it.
    """

    def __init__(self, params: Mapping[str, Any] | None) -> None:
        self._params = {} if params is None else dict(params)
        self._is_disabled = params is None or bool(self._params.pop("disable", False))
        self._client: Any = None
        self._cluster: Any = None

    def encoders(self) -> EncodersFactory | None:
        """Give what encodes on the cluster; None: there is to be none, or the library is missing."""
        if self._is_disabled:
            return None
        try:
            distributed = import_module("distributed")
        except ImportError:
            warnings.warn(
                "dask_client_params: expected the package distributed, found none; threads are used", stacklevel=4
            )
            return None
        if self._client is None:
            address = self._params.get("address")
            if address is None:
                self._cluster = distributed.LocalCluster(**{"dashboard_address": ":0", **self._params})
            self._client = distributed.Client(self._cluster if address is None else address, set_as_default=False)
        client = self._client
        return lambda arrays: DaskEncoders(client, arrays)

    def close(self, *, close_global: bool = False) -> None:
        """Close the client, and the cluster if it was started here. Idempotent.

        Parameters
        ----------
        close_global : bool
            Whether to close Dask's current client, too.
        """
        for resource in (self._client, self._cluster):
            if resource is not None:
                resource.close()
        self._client = self._cluster = None
        if close_global:
            # There may be no client, and no library either.
            with contextlib.suppress(ImportError, ValueError):
                import_module("distributed").get_client().close()


class DaskEncoders:
    """Workers of a Dask cluster.

    Parameters
    ----------
    client : distributed.Client
        The cluster.
    arrays : sequence of OutputArray
        All arrays of the output; sent to every worker once.
    """

    def __init__(self, client: Any, arrays: Sequence[OutputArray]) -> None:
        self._client = client
        self._arrays = _Arrays(tuple(arrays))
        self._numbers = {array.place: number for number, array in enumerate(arrays)}
        self._scattered: Any = None
        #: (array, its first chunk, the task); chunks are asked for in their order.
        self._last: tuple[int, int, _Range] | None = None
        self._name = f"zarrpack-merge-{os.getpid()}-{next(_NUMBERS)}"
        self.width = 2 * _RANGE * max(1, sum(client.nthreads().values()))

    def __enter__(self) -> Self:
        self._scattered = self._client.scatter(self._arrays, broadcast=True, hash=False)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        # Tasks that nobody holds any more are cancelled by Dask itself.
        self._last = self._scattered = None

    def submit(self, array: OutputArray, block: int) -> PendingChunk:
        """Begin to encode a chunk, and those of its range with it."""
        number, start = self._numbers[array.place], block // _RANGE * _RANGE
        if self._last is None or self._last[:2] != (number, start):
            stop = min(start + _RANGE, array.blocks)
            key = f"{self._name}-{number}-{start}"
            task = self._client.submit(_encode_range, self._scattered, number, start, stop, key=key)
            self._last = (number, start, _Range(task))
        return _RangeChunk(self._last[2], block - start)


@dataclass(frozen=True, slots=True)
class _Arrays:
    """All arrays of an output, for Dask one thing and not many."""

    arrays: tuple[OutputArray, ...]


class _Range:
    """A task, whose result is fetched once."""

    def __init__(self, task: Any) -> None:
        self._task = task
        self._payloads: list[bytes | None] | None = None

    def payloads(self) -> list[bytes | None]:
        if self._payloads is None:
            self._payloads = self._task.result()
        return self._payloads


class _RangeChunk:
    """A chunk of a task's range."""

    def __init__(self, owner: _Range, place: int) -> None:
        self._owner = owner
        self._place = place

    def result(self) -> bytes:
        payload = self._owner.payloads()[self._place]
        assert isinstance(payload, bytes), "a chunk that is copied was asked for"
        return payload
