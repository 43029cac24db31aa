"""Every error that zarrpack raises on purpose.

::

    ZarrpackError
    ├── UsageError (ValueError)             wrong options or configuration          exit status 2
    ├── SourceError (OSError)               a source cannot be read at all          exit status 4
    ├── NothingUsable (ValueError)          the sources hold nothing to store       exit status 4
    ├── StrictFailure (ValueError)          a member failed in a strict run         exit status 3
    ├── OutputRefused (OSError)             exists, locked, read-only, disk full    exit status 5
    ├── FormatError (ValueError)            a file is not what zarrpack writes      exit status 6
    │   └── NotFound (KeyError)             a group or array that is not there
    ├── MergeError (ValueError)             sources that do not fit together        exit status 3
    ├── MemberError (ValueError)            one member cannot be stored             never ends a run
    ├── WorkerError (RuntimeError)          the worker processes cannot run         exit status 70
    └── ConservationError (RuntimeError)    members found != stored+skipped+failed  exit status 70

A message reads *where: what was expected, what was found; what to do*.
"""

from __future__ import annotations

from zarrpack.reasons import REASONS

__all__ = [
    "ConservationError",
    "FormatError",
    "MemberError",
    "MergeError",
    "NotFound",
    "NothingUsable",
    "OutputRefused",
    "SourceError",
    "StrictFailure",
    "UsageError",
    "WorkerError",
    "ZarrpackError",
]


class ZarrpackError(Exception):
    """The base of all errors that zarrpack raises on purpose."""

    exit_status = 70


class UsageError(ZarrpackError, ValueError):
    """An option or a configuration key is wrong."""

    exit_status = 2


class SourceError(ZarrpackError, OSError):
    """A source does not exist or is of no known kind."""

    exit_status = 4


class NothingUsable(ZarrpackError, ValueError):
    """No member of the sources could be stored."""

    exit_status = 4


class StrictFailure(ZarrpackError, ValueError):
    """A member failed in a run that was to stop at the first failure."""

    exit_status = 3


class OutputRefused(ZarrpackError, OSError):
    """The output exists, is locked by another run, is read-only, or its disk is full."""

    exit_status = 5


class FormatError(ZarrpackError, ValueError):
    """A file is damaged or is not a file that zarrpack can read."""

    exit_status = 6


class NotFound(FormatError, KeyError):
    """A group or an array is not in the file."""

    def __str__(self) -> str:
        # KeyError would show the message as a quoted repr.
        return str(self.args[0]) if self.args else ""


class MergeError(ZarrpackError, ValueError):
    """The sources of a merge do not fit together."""

    exit_status = 3


class WorkerError(ZarrpackError, RuntimeError):
    """The worker processes could not be started or could not go on."""


class ConservationError(ZarrpackError, RuntimeError):
    """The members found are not the members accounted for: a bug of zarrpack's."""


class MemberError(ZarrpackError, ValueError):
    """One member cannot be stored; the run goes on without it.

    Parameters
    ----------
    reason : str
        A stable code out of :data:`zarrpack.reasons.REASONS`.
    detail : str
        What was expected, what was found, and what to do, in one line.

    Raises
    ------
    ValueError
        If `reason` is not a documented code.
    """

    def __init__(self, reason: str, detail: str) -> None:
        if reason not in REASONS:
            raise ValueError(f"{reason!r} is no documented reason code; add it to zarrpack.reasons")
        super().__init__(reason, detail)
        self.reason = reason
        self.detail = detail

    def __str__(self) -> str:
        return f"{self.reason}: {self.detail}"
