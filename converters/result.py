"""What a conversion gives back."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

__all__ = ["ConvertResult"]


@dataclass(frozen=True, slots=True)
class ConvertResult:
    """Where a conversion's files are, and what became of the members.

    Parameters
    ----------
    name : str
        Stem of the files.
    dataset, infoset, attribset, members, flow : Path
        The files, as absolute paths.
    counts : mapping of str to int
        ``members = stored + skipped + failed``, and ``items``, the rows of the `.infoset`.
    seconds : mapping of str to float
        Time by stage, and ``total``.
    failures : sequence of mapping
        The first 20 members that failed: ``archive``, ``member``, ``reason``, ``detail``.
    findings : sequence of mapping
        What is wrong with sources as a whole: ``archive``, ``reason``, ``detail``, ``offset``.
    reasons : mapping of str to int
        How many members were skipped or failed for which reason.
    unmatched : mapping
        What pairing and joining found no partner for: counts and the first names.
    notes : sequence of str
        What the merge had to do to make the members fit together.
    hdf5 : Path or None
        The HDF5 mirror, if there is one.
    """

    name: str
    dataset: Path
    infoset: Path
    attribset: Path
    members: Path
    flow: Path
    counts: Mapping[str, int]
    seconds: Mapping[str, float] = field(default_factory=dict)
    failures: Sequence[Mapping[str, Any]] = ()
    findings: Sequence[Mapping[str, Any]] = ()
    reasons: Mapping[str, int] = field(default_factory=dict)
    unmatched: Mapping[str, Any] = field(default_factory=dict)
    notes: Sequence[str] = ()
    hdf5: Path | None = None

    @property
    def exit_status(self) -> int:
        """3 if members failed or a source was damaged, else 0."""
        return 3 if self.counts["failed"] or self.findings else 0

    def to_mapping(self) -> dict[str, Any]:
        """Give the result as JSON values: what ``--json`` prints."""
        return {
            "name": self.name,
            "counts": dict(self.counts),
            "seconds": {stage: round(value, 3) for stage, value in self.seconds.items()},
            "dataset": str(self.dataset),
            "infoset": str(self.infoset),
            "attribset": str(self.attribset),
            "members": str(self.members),
            "flow": str(self.flow),
            **({} if self.hdf5 is None else {"hdf5": str(self.hdf5)}),
            "reasons": dict(self.reasons),
            "failures": [dict(one) for one in self.failures],
            "findings": [dict(one) for one in self.findings],
            "unmatched": dict(self.unmatched),
            "notes": list(self.notes),
            "exit_status": self.exit_status,
        }
