"""How long a worker has had one member in hand, so that one that hangs can be ended."""

from __future__ import annotations

import os
import time
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path

from zarrpack.converters.pipeline.messages import Batch
from zarrpack.converters.pipeline.workers import WorkerHandle
from zarrpack.processors.limits import Limits

__all__ = ["TimeLimits"]

#: For so many bytes of content, or a part of them, the limits hold once more.
_PER_BYTES = 16 << 20
#: What a member of unknown size is taken for.
_UNKNOWN_BYTES = 1 << 30
#: The longest step that a tick counts: if this process was stopped or the machine slept, the workers were not to blame.
_LONGEST_TICK = 1.0


@dataclass(slots=True)
class _Hand:
    """What a worker has in hand: since how much CPU time of its process, and seconds so far."""

    doing: tuple[int, int, int]
    cpu: float
    seconds: float = 0.0


@dataclass(slots=True)
class TimeLimits:
    """Watches the workers of a run. No wall clock is asked, so that one that is set does no harm.

    Parameters
    ----------
    limits : Limits
        `seconds` and `wall_seconds` count.
    """

    limits: Limits
    _hands: dict[int, _Hand] = field(default_factory=dict)
    _last: float = field(default_factory=time.monotonic)

    def overdue(self, workers: Iterable[WorkerHandle]) -> list[tuple[WorkerHandle, str]]:
        """Give the workers whose member takes too long, with a sentence that says so. Call it several times a second."""
        now = time.monotonic()
        tick, self._last = min(now - self._last, _LONGEST_TICK), now
        found = []
        hands: dict[int, _Hand] = {}
        for worker in workers:
            doing = worker.doing()
            batch = worker.outstanding.get(worker.batch())
            if doing is None or batch is None:
                continue
            key = id(worker)
            used = _cpu_seconds(worker.process.pid)
            hand = self._hands.get(key)
            if hand is None or hand.doing != doing:
                hand = _Hand(doing, used)
            else:
                hand.seconds += tick
            hands[key] = hand
            detail = self._too_long(used - hand.cpu, hand.seconds, _pieces(batch, worker.current()))
            if detail:
                found.append((worker, detail))
        self._hands = hands
        return found

    def _too_long(self, cpu: float, seconds: float, pieces: int) -> str:
        if cpu > self.limits.seconds * pieces:
            return f"it took more than {self.limits.seconds * pieces} seconds of CPU time; raise the limit seconds"
        if seconds > self.limits.wall_seconds * pieces:
            return f"nothing came of it for {self.limits.wall_seconds * pieces} seconds; raise the limit wall_seconds"
        return ""


def _pieces(batch: Batch, member: int | None) -> int:
    """Count how often the limits hold: for a member, or for all of a batch that is being finished."""
    entries = [one.entry for one in batch.members if one.verdict is None and member in (None, one.number)]
    return sum(1 + (_UNKNOWN_BYTES if one.size is None else one.size) // _PER_BYTES for one in entries) or 1


def _cpu_seconds(process: int | None) -> float:
    """Give the CPU time of a process; 0 where the system does not tell."""
    try:
        fields = Path(f"/proc/{process}/stat").read_bytes().rpartition(b")")[2].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")
    except (OSError, ValueError, IndexError, AttributeError):
        return 0.0
