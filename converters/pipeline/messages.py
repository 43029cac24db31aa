"""What crosses the process borders: tasks for the workers, results for the writer.

All of it is plain tuples and small frozen dataclasses of numbers, strings and bytes.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Literal, TypeAlias

from zarrpack.processors.archives.base import Entry
from zarrpack.processors.limits import Limits
from zarrpack.storage.base import EncodingOptions
from zarrpack.storage.hdf5.options import Hdf5Compression

__all__ = [
    "STREAMED",
    "Batch",
    "BatchMember",
    "ChunkTuple",
    "EndTuple",
    "MemberResult",
    "MirrorSpool",
    "Verdict",
    "WorkerConfiguration",
]

#: State and reason and detail that are known before a member's content is looked at.
Verdict: TypeAlias = tuple[Literal["skipped", "failed"], str, str]

#: Stands for a content that follows in pieces on the task pipe.
STREAMED: Literal["streamed"] = "streamed"

#: ("chunk", batch, attempt, key, payload, CRC-32 of the payload)
ChunkTuple: TypeAlias = tuple[Literal["chunk"], int, int, str, bytes, int]

#: ("end", batch, attempt, names to list first, the members' results)
EndTuple: TypeAlias = tuple[Literal["end"], int, int, tuple[str, ...], "list[MemberResult]"]


@dataclass(frozen=True, slots=True)
class BatchMember:
    """One member in a batch.

    Parameters
    ----------
    number : int
        Position over all sources of the run, from 0.
    entry : Entry
        What the source announces.
    verdict : tuple or None
        Set where the content is not to be read.
    content : bytes, STREAMED or None
        The content of a member of a forward-only source; None: the worker reads it itself.
    """

    number: int
    entry: Entry
    verdict: Verdict | None = None
    content: bytes | Literal["streamed"] | None = None


@dataclass(frozen=True, slots=True)
class Batch:
    """A run of members that become one ``.data`` file.

    Parameters
    ----------
    number : int
        Position in the run, from 0.
    source : int
        Which of the run's sources the members are from.
    members : sequence of BatchMember
        In the source's order.
    flat_pixels : bool
        Whether pictures are known to differ in size.
    attempt : int
        How often the batch has been given out before.
    is_careful : bool
        Whether each member is first encoded by itself, so that one that ends the process is known.
    """

    number: int
    source: int
    members: Sequence[BatchMember]
    flat_pixels: bool = False
    attempt: int = 0
    is_careful: bool = False


@dataclass(frozen=True, slots=True)
class MemberResult:
    """What became of one member: a row of the ledger.

    Parameters
    ----------
    number, source : int
        Which member of the run, and its source.
    entry : Entry
        What the source announced, without its locator.
    state : {"stored", "skipped", "failed"}
        The outcome.
    reason, detail : str
        A code out of :data:`zarrpack.reasons.REASONS` and its sentence; empty when stored.
    notes : tuple of str
        Findings that cost nothing.
    media_type, processor : str
        What was found, and what read it (or would have).
    is_record : bool
        Whether that processor's members are metadata of the items they are paired with.
    size : int or None
        Bytes read, else as announced.
    sha256 : bytes or None
        Digest of the content, where it was read to its end.
    seconds : float
        CPU time spent on it.
    local : int or None
        The member's number in its ``.data``.
    """

    number: int
    source: int
    entry: Entry
    state: Literal["stored", "skipped", "failed"]
    reason: str = ""
    detail: str = ""
    notes: tuple[str, ...] = ()
    media_type: str = ""
    processor: str = ""
    is_record: bool = False
    size: int | None = None
    sha256: bytes | None = None
    seconds: float = 0.0
    local: int | None = None


@dataclass(frozen=True, slots=True)
class MirrorSpool:
    """Where the workers put chunks for an HDF5 mirror, beside the packs.

    Parameters
    ----------
    folder, stem : str
        The packs' folder and the first part of their names.
    compression : {"gzip", "lzf", "zstd", "none"}
        Of the mirror.
    """

    folder: str
    stem: str
    compression: Hdf5Compression


@dataclass(frozen=True, slots=True)
class WorkerConfiguration:
    """What a worker process is told once, when it starts.

    Parameters
    ----------
    sources : tuple of str
        Paths of the run's sources.
    labels : tuple of str
        How each source is called in descriptions.
    processors : bytes
        The tuple of processors, by cloudpickle: a script's own classes travel by value.
    encoding : EncodingOptions
        How packs are encoded; `flat_pixels` comes with each batch.
    limits : Limits
        What members may cost.
    mirror : MirrorSpool or None
        Where chunks for an HDF5 mirror go; None: there is none.
    """

    sources: tuple[str, ...]
    labels: tuple[str, ...]
    processors: bytes
    encoding: EncodingOptions = field(default_factory=EncodingOptions)
    limits: Limits = field(default_factory=Limits)
    mirror: MirrorSpool | None = None
