"""Which members are looked at, decided from their names and headers alone."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from fnmatch import translate

from zarrpack.converters.pipeline.messages import Verdict
from zarrpack.processors.archives.base import Entry
from zarrpack.processors.archives.junk import is_platform_junk

__all__ = ["Selection"]


@dataclass(slots=True)
class Selection:
    """Says of each entry whether its content is to be read.

    Parameters
    ----------
    include, exclude : sequence of str
        Glob patterns on whole member names; ``*`` also matches ``/``. No `include`: everything.
        Exclusion wins.

    Examples
    --------
    >>> selection = Selection(exclude=("*.txt",))
    >>> selection.verdict(Entry(0, b"a.txt", "a.txt"))[1]
    'excluded'
    """

    include: Sequence[str] = ()
    exclude: Sequence[str] = ()
    _included: re.Pattern[str] | None = field(init=False, default=None)
    _excluded: re.Pattern[str] | None = field(init=False, default=None)

    def __post_init__(self) -> None:
        self._included = _any_of(self.include)
        self._excluded = _any_of(self.exclude)

    def verdict(self, entry: Entry) -> Verdict | None:
        """Give the state, reason and detail of a member that is not to be read; None: read it."""
        if entry.kind != "file":
            if entry.kind == "archive":
                return "skipped", "archive", "the entry is an archive; its members have rows of their own"
            leads = f" to {entry.target!r}, which is not followed" if entry.target is not None else ""
            return "skipped", entry.kind, f"the entry is a {entry.kind}{leads}"
        if is_platform_junk(entry.name):
            return "skipped", "platform_junk", "a file that an operating system left behind"
        if self._included is not None and not self._included.match(entry.name):
            return "skipped", "excluded", "no --include pattern matches"
        if self._excluded is not None and self._excluded.match(entry.name):
            return "skipped", "excluded", "an --exclude pattern matches"
        if entry.refusal is not None:
            return "failed", *entry.refusal
        return None


def _any_of(patterns: Sequence[str]) -> re.Pattern[str] | None:
    if not patterns:
        return None
    return re.compile("|".join(f"(?:{translate(pattern)})" for pattern in patterns))
