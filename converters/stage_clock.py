"""How long each stage of a run took."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager

__all__ = ["StageClock"]


class StageClock:
    """Measures named stages on the monotonic clock, from its making on.

    Examples
    --------
    >>> clock = StageClock()
    >>> with clock.stage("reading"):
    ...     pass
    >>> sorted(clock.seconds())
    ['reading', 'total']
    """

    def __init__(self) -> None:
        self._start = time.perf_counter()
        self._stages: dict[str, float] = {}

    @contextmanager
    def stage(self, name: str) -> Iterator[None]:
        """Measure the body as the stage `name`."""
        start = time.perf_counter()
        yield
        self._stages[name] = time.perf_counter() - start

    def seconds(self) -> dict[str, float]:
        """Give the seconds of each stage that has ended, and the ``total`` so far."""
        return {**self._stages, "total": time.perf_counter() - self._start}
