"""What the tests of sources share: reading everything that a source gives, and what it says of it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import TypeAlias

import pytest

from zarrpack.errors import MemberError
from zarrpack.processors.archives.base import Entry, Finding, Source
from zarrpack.processors.archives.registry import open_source
from zarrpack.processors.limits import Limits


@dataclass
class Outcome:
    """All that a source gave: its members, what came out of each, and the findings."""

    kind: str
    entries: list[Entry] = field(default_factory=list)
    contents: list[bytes | MemberError] = field(default_factory=list)
    findings: list[Finding] = field(default_factory=list)

    @property
    def members(self) -> dict[str, bytes]:
        """The members that could be read."""
        both = zip(self.entries, self.contents, strict=True)
        return {entry.name: content for entry, content in both if isinstance(content, bytes)}

    @property
    def failures(self) -> dict[str, str]:
        """The reasons of those that could not."""
        both = zip(self.entries, self.contents, strict=True)
        return {entry.name: content.reason for entry, content in both if isinstance(content, MemberError)}

    @property
    def reasons(self) -> list[str]:
        """The reasons of the findings."""
        return [finding.reason for finding in self.findings]


ReadSource: TypeAlias = Callable[..., Outcome]


def _content(source: Source, entry: Entry) -> bytes | MemberError:
    try:
        return source.read_content(entry)
    except MemberError as error:
        return error


def read_source(path: Path, limits: Limits | None = None, *, salvage: bool = False) -> Outcome:
    """Read a source by its streams, and where it can be read at random in one go, too; both must agree."""
    source = open_source(path, limits, salvage=salvage)
    outcome = Outcome(source.kind)
    try:
        for entry, stream in source.forward():
            outcome.entries.append(entry)
            try:
                outcome.contents.append(stream.read())
            except MemberError as error:
                outcome.contents.append(error)
        outcome.findings = list(source.findings)
        if source.random_access:
            for entry, content in zip(source.entries(), outcome.contents, strict=True):
                again = _content(source, entry)
                assert getattr(again, "reason", again) == getattr(content, "reason", content)
            assert source.findings == outcome.findings
    finally:
        source.close()
    return outcome


@pytest.fixture(scope="session", name="read_source")
def _read_source() -> ReadSource:
    """Give the function that reads everything."""
    return read_source
