"""``zarrpack verify``: whether files are as they were written, belong together, and say what their sources say."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from zarrpack.converters.apart import run_apart
from zarrpack.converters.flow_file import file_crc32, file_digest, flow_is_whole, read_flow
from zarrpack.converters.output import OutputSet
from zarrpack.converters.source_comparison import SourceComparison, compare_with_sources
from zarrpack.errors import FormatError, SourceError, UsageError
from zarrpack.storage.sharded.store_mark import is_store
from zarrpack.storage.verification.arrays import check_arrays
from zarrpack.storage.verification.tables import check_table, table_digest
from zarrpack.storage.verification.zip_bytes import check_zip_bytes

__all__ = ["CHECKERS", "FileCheck", "verify", "verify_against"]

_ANOTHER = "expected the file that the .flow is about, found another; if a run was stopped, --resume goes on with it"
_UNFINISHED = (
    "expected a finished run, found one of which nothing is published; the same command with --resume finishes it"
)


@dataclass(frozen=True, slots=True)
class FileCheck:
    """What the check of one file has found.

    Parameters
    ----------
    path : Path
        The file.
    problems : tuple of str
        What is wrong, a sentence each.
    counts : mapping of str to int
        What was counted in it, such as ``entries`` or ``rows``.
    """

    path: Path
    problems: tuple[str, ...] = ()
    counts: Mapping[str, int] = field(default_factory=dict)


def verify(path: Path) -> list[FileCheck]:
    """Check one file, or all files that zarrpack made in a folder.

    Parameters
    ----------
    path : Path
        A file of a kind in `CHECKERS`; a ``.flow``, which stands for its whole set; a sharded store; or a folder with such files.

    Returns
    -------
    list of FileCheck
        One for each file.

    Raises
    ------
    SourceError
        If there is nothing, or nothing that can be read.
    FormatError
        If the file is of no kind that can be checked, or the folder holds none.
    """
    if path.is_dir():
        return _check_folder(path)
    if path.suffix == ".flow" and path.is_file():
        return _check_set(path)
    if not path.exists():
        raise SourceError(f"{path}: expected a file or folder that zarrpack made, found nothing; check the path")
    if path.suffix not in CHECKERS:
        raise FormatError(f"{path}: expected one of {', '.join(sorted([*CHECKERS, '.flow']))}, or a folder of them")
    return [_check_file(path)]


def verify_against(path: Path, sources: Sequence[Path]) -> list[SourceComparison]:
    """Compare the digest of every member of the sources with a set's ledger.

    Parameters
    ----------
    path : Path
        A set's ``.flow``, or a folder with one set.
    sources : sequence of Path
        All its sources, in their order.

    Raises
    ------
    UsageError
        If there is not one set, or there are not as many sources as it was made of.
    """
    flows = [path] if path.suffix == ".flow" else sorted(path.glob("*.flow"))
    if len(flows) != 1:
        found = ", ".join(one.name for one in flows) or "none"
        raise UsageError(f"{path}: expected a folder with one .flow, or a .flow, found {found}; name the .flow")
    output = OutputSet(flows[0].parent, flows[0].stem)
    return compare_with_sources(read_flow(output), output.path(".members.parquet"), sources)


def _check_folder(folder: Path) -> list[FileCheck]:
    if is_store(folder):
        return [_check_store(folder)]
    checks = []
    in_sets = set()
    for flow in sorted(folder.glob("*.flow")):
        found = _check_set(flow)
        in_sets |= {one.path for one in found}
        checks += found
    kept = folder / "encoded"
    for path in sorted([*folder.iterdir(), *(kept.iterdir() if kept.is_dir() else ())]):
        if path.is_file() and path.suffix in CHECKERS and path not in in_sets:
            checks.append(_check_file(path))
    for journal in sorted(folder.glob(".*.partial/journal.sqlite")):
        check = _check_file(journal)
        checks.append(replace(check, problems=(*check.problems, _UNFINISHED)))
    if not checks:
        raise FormatError(f"{folder}: expected files that zarrpack made, found none")
    return checks


def _check_store(folder: Path) -> FileCheck:
    from zarrpack.storage.sharded.verification import verify_store

    report = verify_store(folder)
    counts = {"samples": report.samples, "arrays": report.arrays}
    return FileCheck(folder, tuple(problem.detail for problem in report.problems), counts)


def _check_file(path: Path) -> FileCheck:
    return CHECKERS[path.suffix](path)


def _check_zip(path: Path) -> FileCheck:
    found = check_zip_bytes(path)
    problems = found.problems
    # Whatever else is wrong follows from wrong bytes.
    problems = problems or tuple(check_arrays(path))
    return FileCheck(path, problems, {"entries": found.entries, "bytes": found.size})


def _check_parquet(path: Path) -> FileCheck:
    rows, problems = check_table(path)
    return FileCheck(path, tuple(problems), {"rows": rows, "bytes": path.stat().st_size})


def _check_journal(path: Path) -> FileCheck:
    """Check a journal's pages, and that each batch has the members that it says."""
    try:
        with closing(sqlite3.connect(f"file:{path}?mode=ro", uri=True)) as journal:
            problems = [str(one) for (one,) in journal.execute("PRAGMA integrity_check") if one != "ok"]
            (members,) = journal.execute("SELECT COUNT(*) FROM members").fetchone()
            # Members that were read again lie in batches of their own, between those of others.
            wrong = journal.execute(
                "SELECT number, members, (SELECT COUNT(*) FROM members m WHERE m.number >= first"
                " AND m.number < first + b.members) AS found FROM batches b WHERE found <> members"
                " AND NOT EXISTS (SELECT 1 FROM sqlite_master WHERE name = 'earlier_items')"
            )
            problems += [f"batch {number}: expected {said} members, found {found}" for number, said, found in wrong]
    except sqlite3.DatabaseError as error:
        return FileCheck(path, (f"expected the journal of a run, found: {error}",))
    return FileCheck(path, tuple(problems), {"members": members, "bytes": path.stat().st_size})


def _check_hdf5(path: Path) -> FileCheck:
    """Check an HDF5 file, in a process that it may crash; with a dataset beside it as its mirror."""
    dataset = path.with_suffix(".dataset")
    try:
        problems, counts = run_apart(_checked_hdf5, str(path), str(dataset) if dataset.is_file() else None)
    except FormatError as error:
        return FileCheck(path, (str(error),))
    return FileCheck(path, tuple(problems), counts)


def _checked_hdf5(path: str, dataset: str | None) -> tuple[list[str], dict[str, int]]:
    from zarrpack.storage.hdf5.comparison import check_hdf5

    return check_hdf5(Path(path), None if dataset is None else Path(dataset))


#: Suffix -> what checks such a file.
CHECKERS: dict[str, Callable[[Path], FileCheck]] = {
    ".attribset": _check_parquet,
    ".data": _check_zip,
    ".dataset": _check_zip,
    ".h5": _check_hdf5,
    ".infoset": _check_parquet,
    ".journal": _check_journal,
    ".parquet": _check_parquet,
    ".sqlite": _check_journal,
}


def _check_set(flow: Path) -> list[FileCheck]:
    """Check a ``.flow`` and the files that it names: each for itself, and all against what it says of them."""
    output = OutputSet(flow.parent, flow.stem)
    try:
        document = read_flow(output)
    except FormatError as error:
        return [FileCheck(flow, (str(error),))]
    problems = [] if flow_is_whole(output, document) else ["expected the text that its digest is of, found another"]
    checks = []
    files = document["zarrpack"]["files"]
    for name, said in sorted(files.items()) if isinstance(files, Mapping) else ():
        path = flow.parent / Path(str(name)).name
        if not path.is_file():
            checks.append(FileCheck(path, ("expected a file of the set, found none",)))
            continue
        check = CHECKERS.get(path.suffix, FileCheck)(path)
        extra = () if check.problems or _is_as_said(path, said) else (_ANOTHER,)
        checks.append(FileCheck(path, (*check.problems, *extra), check.counts))
    if not any(one.problems for one in checks):
        problems += _count_problems(output, document)
    return [FileCheck(flow, tuple(problems)), *checks]


def _is_as_said(path: Path, said: Mapping[str, Any]) -> bool:
    """Whether a file is the one that the summary has a digest of."""
    if "directory_sha256" in said:
        return check_zip_bytes(path).directory_sha256 == str(said["directory_sha256"])
    if "crc32" in said:
        return file_crc32(path) == str(said["crc32"])
    if file_digest(path) == said.get("sha256"):
        return True
    # Subsets may be chosen anew in a finished table; but then they differ.
    if "content_sha256" not in said or table_digest(path) == said.get("values_sha256"):
        return False
    return table_digest(path, ("subset",)) == str(said["content_sha256"])


def _count_problems(output: OutputSet, document: Mapping[str, Any]) -> list[str]:
    """Compare the numbers in the files of a set whose files are whole."""
    import pyarrow.parquet as pq

    from zarrpack.storage.data_file import DataFile

    counts = document["zarrpack"]["counts"]
    states = pq.read_table(output.path(".members.parquet"), columns=["state"]).column(0).value_counts().to_pylist()
    found = {one["values"]: one["counts"] for one in states}
    problems = [
        f"expected {counts.get(state)} {state} members in the ledger, found {found.get(state, 0)}"
        for state in ("stored", "skipped", "failed")
        if found.get(state, 0) != counts.get(state)
    ]
    if sum(found.values()) != counts.get("members"):
        problems.append(f"expected {counts.get('members')} members in the ledger, found {sum(found.values())}")
    ids = pq.read_table(output.path(".infoset"), columns=["id"]).column(0).to_pylist()
    if len(ids) != counts.get("items"):
        problems.append(f"expected {counts.get('items')} rows in the infoset, found {len(ids)}")
    with DataFile(output.path(".dataset")) as dataset:
        codes = dataset.metadata.get("zarrpack", {}).get("codes", 0)
    if ids and not 0 <= min(ids) <= max(ids) < codes:
        problems.append(f"expected item codes below {codes} in the infoset, found {max(ids)}")
    return problems
