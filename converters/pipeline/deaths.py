"""Which member is to blame when a worker process has died, and what is done with its batch."""

from __future__ import annotations

import signal
from collections import Counter
from dataclasses import dataclass, field, replace

from zarrpack.converters.pipeline.messages import Batch, BatchMember, Verdict
from zarrpack.converters.pipeline.workers import WorkerHandle
from zarrpack.errors import WorkerError

__all__ = ["Deaths"]

#: Deaths in which no batch was in hand, one after the other. They say nothing about the archive, so they end the run.
_DEATHS_WITHOUT_CAUSE = 8
_DEATHS_OF_A_MEMBER = 2
#: Deaths while a batch was finished: so many until its members are tried one by one, and until all of it fails.
_DEATHS_UNTIL_CAREFUL = 2
_DEATHS_OF_A_BATCH = 4
_MOST_NOTES = 20

_KILLER = f"a worker process died {_DEATHS_OF_A_MEMBER} times while it read this member; look at the member itself"
_KILLERS = (
    f"a worker process died {_DEATHS_OF_A_BATCH} times while it encoded this member and others together, though each by "
    "itself could be; fewer --items-per-data need less memory"
)


@dataclass(slots=True)
class Deaths:
    """The deaths of a run so far. Used under the pool's lock.

    Attributes
    ----------
    notes : list of str
        What is to be told of them, at most 20.
    count : int
        How many there were.
    """

    notes: list[str] = field(default_factory=list)
    count: int = 0
    _without_cause: int = 0
    _of_members: Counter[int] = field(default_factory=Counter)
    _of_batches: Counter[int] = field(default_factory=Counter)
    _timed_out: dict[int, str] = field(default_factory=dict)

    def progress(self) -> None:
        """Take note that a batch has arrived: deaths without a cause do not add up over hours."""
        self._without_cause = 0

    def time_out(self, worker: WorkerHandle, detail: str) -> None:
        """Take note that a worker is going to be killed because its member takes too long."""
        member = worker.current()
        if member is not None:
            self._timed_out[member] = detail

    def note(self, worker: WorkerHandle) -> None:
        """Take note of a death.

        Raises
        ------
        WorkerError
            If too many have died with nothing in hand.
        """
        self.count += 1
        code = worker.process.exitcode
        batch = worker.outstanding.get(worker.batch())
        number = worker.current()
        if batch is not None and number is None and worker.is_finishing():
            active = [member.number for member in batch.members if member.verdict is None]
            if len(active) == 1:
                number = active[0]
            else:
                self._of_batches[batch.number] += 1
        elif number is None:
            self._without_cause += 1
        if number is not None:
            self._of_members[number] += 1
        self._tell(code, batch, number)
        if self._without_cause > _DEATHS_WITHOUT_CAUSE:
            raise WorkerError(
                f"{self._without_cause} worker processes have died with no member in hand (last exit code {code}); "
                "is the machine out of memory? Fewer --workers need less"
            )

    def sentenced(self, batch: Batch) -> Batch:
        """Give the batch as it is to be tried again, without the members that are to blame."""
        members = tuple(self._judged(batch, member) for member in batch.members)
        is_careful = self._of_batches[batch.number] >= _DEATHS_UNTIL_CAREFUL
        return replace(batch, members=members, attempt=batch.attempt + 1, is_careful=is_careful)

    def _judged(self, batch: Batch, member: BatchMember) -> BatchMember:
        verdict: Verdict
        if member.verdict is not None:
            return member
        if member.number in self._timed_out:
            verdict = ("failed", "timeout", self._timed_out[member.number])
        elif self._of_members[member.number] >= _DEATHS_OF_A_MEMBER:
            verdict = ("failed", "worker_died", _KILLER)
        elif self._of_batches[batch.number] >= _DEATHS_OF_A_BATCH:
            verdict = ("failed", "worker_died", _KILLERS)
        else:
            return member
        return replace(member, verdict=verdict, content=None)

    def _tell(self, code: int | None, batch: Batch | None, number: int | None) -> None:
        if self.count > _MOST_NOTES:
            return
        doing = "between two batches"
        if batch is not None:
            names = [member.entry.name for member in batch.members if member.number == number]
            doing = f"while it read {names[0]}" if names else f"while it encoded batch {batch.number}"
        self.notes.append(f"a worker process ended ({_cause(code)}) {doing}, and was replaced")


def _cause(code: int | None) -> str:
    if code is not None and code < 0:
        try:
            return signal.Signals(-code).name
        except ValueError:
            return f"signal {-code}"
    return f"exit code {code}"
