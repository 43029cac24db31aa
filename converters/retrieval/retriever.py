"""Finds and fetches what is in a file, by path, name, pattern, type or source."""

from __future__ import annotations

import fnmatch
import hashlib
import os
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Any, Self

from zarrpack.errors import FormatError, NotFound, UsageError

if TYPE_CHECKING:
    import numpy.typing as npt

    from zarrpack.converters.retrieval.tree import DatasetEntry, FileTree, MemberEntry

__all__ = ["DataRetriever"]

_HDF5_SUFFIXES = (".h5", ".hdf5", ".he5", ".nc", ".nc4", ".mat")


class DataRetriever:
    """Lists, searches and fetches the groups and datasets of an ``.h5``, ``.data`` or ``.dataset`` file.

    The methods named ``retrieve_*`` are those of H5DAT's retriever. Not safe in threads.

    Parameters
    ----------
    input_file : path-like
        The file. An HDF5 file is read in this process, and nothing outside it is opened.

    Raises
    ------
    SourceError
        If it cannot be opened.
    FormatError
        If it is no such file.

    Examples
    --------
    >>> from zarrpack.storage import OptStorage
    >>> store = OptStorage("part.data")
    >>> store.save_data("faces/area", [1.5, 2.0])
    >>> store.save_data("faces/kind", [3, 4])
    >>> size = store.compress_store()
    >>> with DataRetriever("part.data") as data:
    ...     data.groups(), data.search(name="are"), data.fetch("faces/area").tolist()
    (['faces'], ['faces/area'], [1.5, 2.0])
    """

    def __init__(self, input_file: str | os.PathLike[str]) -> None:
        self.path = Path(input_file)
        self._tree = _open(self.path)
        self._datasets = self._tree.datasets()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Close the file. Idempotent."""
        self._tree.close()

    def groups(self, below: str = "", *, recursive: bool = True) -> list[str]:
        """Give the paths of groups.

        Parameters
        ----------
        below : str
            Only those in this group; empty: the root.
        recursive : bool
            Whether groups in groups are among them.

        Raises
        ------
        NotFound
            If there is no such group.
        """
        base = self._group(below)
        found = [path for path in self._tree.groups() if not base or path.startswith(f"{base}/")]
        depth = base.count("/") + 1 if base else 0
        return [path for path in found if recursive or path.count("/") == depth]

    def datasets(
        self, below: str = "", *, recursive: bool = True, span: slice | tuple[int, int] | None = None
    ) -> list[str]:
        """Give the paths of datasets.

        Parameters
        ----------
        below : str
            Only those in this group; empty: the root.
        recursive : bool
            Whether those of groups in it are among them.
        span : slice, (int, int) or None
            Which of them, by position; None: all.

        Raises
        ------
        NotFound
            If there is no such group.
        """
        base = self._group(below)
        found = [
            path for path, one in self._datasets.items() if one.group == base or (recursive and _is_in(path, base))
        ]
        return found if span is None else found[_span(span)]

    def entry(self, path: str) -> DatasetEntry:
        """Give shape, dtype and axes of a dataset.

        Raises
        ------
        NotFound
            If there is no such dataset.
        """
        entry = self._datasets.get(path.strip("/"))
        if entry is None:
            raise self._missing("dataset", path, self._datasets)
        return entry

    def attributes(self, path: str = "") -> dict[str, Any]:
        """Give the attributes of a group or dataset as JSON values.

        Parameters
        ----------
        path : str
            Its path; empty: the root.

        Raises
        ------
        NotFound
            If there is neither.
        """
        plain = path.strip("/")
        if plain and plain not in self._datasets:
            self._group(plain)
        return self._tree.attributes(plain)

    def fetch(self, path: str, start: int = 0, stop: int | None = None) -> npt.NDArray[Any]:
        """Read a dataset, or some of its rows.

        Parameters
        ----------
        path : str
            Its path.
        start, stop : int
            Rows along the first axis, as of a slice.

        Returns
        -------
        ndarray of shape (stop - start, ...)
            Texts and bytes as objects.

        Raises
        ------
        NotFound
            If there is no such dataset.
        FormatError
            If it is damaged.
        """
        return self._tree.read(self.entry(path).path, start, stop)

    def search(
        self,
        name: str | None = None,
        *,
        glob: str | None = None,
        dtype: str | None = None,
        source: str | None = None,
        below: str = "",
    ) -> list[str]:
        """Find datasets; all that is given must fit.

        Parameters
        ----------
        name : str or None
            Text in the dataset's name, in any case.
        glob : str or None
            Pattern for the whole path; ``*`` also matches ``/``.
        dtype : str or None
            As in `entry`: ``u1``, ``string``; or a kind of it: ``number``, ``i``, ``f``.
        source : str or None
            Pattern for the archive member that it came from, or for ``archive/member``. In files with a dataset for each member these
            are its datasets, else all those of groups that have rows of it.
        below : str
            Only in this group.

        Raises
        ------
        UsageError
            If nothing is given.
        NotFound
            If there is no such group.
        """
        if name is None and glob is None and dtype is None and source is None:
            raise UsageError("search: expected a name, glob, dtype or source, found none given")
        found = self.datasets(below)
        if name is not None:
            found = [path for path in found if name.lower() in path.rpartition("/")[2].lower()]
        if glob is not None:
            found = [path for path in found if fnmatch.fnmatchcase(path, glob.strip("/"))]
        if dtype is not None:
            found = [path for path in found if _is_of(self._datasets[path].dtype, dtype)]
        if source is not None:
            wanted = set(self._of_source(source))
            found = [path for path in found if path in wanted]
        return found

    def members(self, source: str | None = None) -> list[MemberEntry]:
        """Give the archive members that the file holds.

        Parameters
        ----------
        source : str or None
            Pattern for the member, or for ``archive/member``; None: all.
        """
        return [one for one in self._tree.members() if source is None or _comes_from(one, source)]

    def original(self, source: str) -> bytes:
        """Give a member's own bytes, where they were kept.

        Parameters
        ----------
        source : str
            The member's name, or ``archive/member``; a pattern must fit one member only.

        Raises
        ------
        NotFound
            If there is no such member, or its bytes were not kept.
        UsageError
            If several members fit.
        """
        exact = [one for one in self._tree.members() if source in (one.member, f"{one.archive}/{one.member}")]
        found = exact or self.members(source)
        if not found:
            raise NotFound(f"{self.path}: expected a member {source!r}, found none; members() lists them")
        if len(found) > 1:
            raise UsageError(f"{self.path}: expected one member, found {len(found)} for {source!r}")
        kept = list(self._tree.kept(found[0]))
        fitting = [one for one in kept if hashlib.sha256(one).hexdigest() == found[0].sha256]
        if not fitting and found[0].sha256:
            kept = []  # they are of the item's other members
        if not fitting and len(kept) != 1:
            raise NotFound(
                f"{self.path}: expected the bytes of {source!r}, found that they were not kept; "
                "convert with --images encoded or both"
            )
        return (fitting or kept)[0]

    def retrieve_groups_list(self) -> list[str]:
        """Give the groups at the top."""
        return self.groups(recursive=False)

    def retrieve_group_list(self) -> list[str]:
        """Give the groups at the top."""
        return self.groups(recursive=False)

    def retrieve_recursive_group_list(self, group_list: Sequence[str] | None = None) -> list[str]:
        """Give all groups, or those in some groups, these among them."""
        if group_list is None:
            return self.groups()
        return [path for group in group_list for path in (group.strip("/"), *self.groups(group))]

    def retrieve_all_datasets_list(self, slice_range: slice | tuple[int, int] | None = None) -> list[list[str]]:
        """Give group, name and path of all datasets, or of those in a range."""
        return [
            [self._datasets[path].group, self._datasets[path].name, path] for path in self.datasets(span=slice_range)
        ]

    def retrieve_dataset_list(self, slice_range: slice | tuple[int, int] | None = None) -> list[list[str]]:
        """Give group, name and path of all datasets, or of those in a range."""
        return self.retrieve_all_datasets_list(slice_range)

    def retrieve_all_data_lists(self) -> tuple[list[str], list[list[str]]]:
        """Give all groups, and all datasets."""
        return self.groups(), self.retrieve_all_datasets_list()

    def retrieve_all_group_attrs_data(
        self, slice_range: slice | tuple[int, int] | None = None
    ) -> list[tuple[str, dict[str, Any]]]:
        """Give the attributes of all groups, or of those in a range."""
        groups = self.groups()
        return [
            (path, self.attributes(path)) for path in (groups if slice_range is None else groups[_span(slice_range)])
        ]

    def retrieve_searched_group(
        self, searched_group: str, user_group_list: Sequence[str] | None = None
    ) -> list[tuple[list[str], str, dict[str, Any]]]:
        """Give datasets, path and attributes of the groups with a text in their path."""
        groups = self.groups() if user_group_list is None else [path.strip("/") for path in user_group_list]
        found = [path for path in groups if searched_group.strip("/").lower() in path.lower()]
        return [(self.datasets(path, recursive=False), path, self.attributes(path)) for path in found]

    def retrieve_searched_dataset(
        self, searched_dataset: str, target_group: str | None = None
    ) -> list[tuple[str, str, dict[str, Any]]]:
        """Give name, group and attributes of the datasets with a text in their name."""
        found = self.search(searched_dataset, below=target_group or "")
        return [(self._datasets[path].name, self._datasets[path].group, self.attributes(path)) for path in found]

    def recursive_retrieval(self) -> Iterator[tuple[str, npt.NDArray[Any]]]:
        """Give path and values of all datasets, one after the other."""
        for path in self._datasets:
            yield path, self.fetch(path)

    def _of_source(self, source: str) -> Iterator[str]:
        members = self.members(source)
        alone = [path for one in members for path in one.datasets]
        if alone:
            yield from alone
            return
        codes = {one.code for one in members}
        for path, one in self._datasets.items():
            if one.name == "file_id" and codes & set(self.fetch(path).tolist()):
                yield from self.datasets(one.group, recursive=False)

    def _group(self, path: str) -> str:
        plain = path.strip("/")
        if plain and plain not in self._tree.groups():
            raise self._missing("group", path, self._tree.groups())
        return plain

    def _missing(self, kind: str, path: str, known: Iterable[str]) -> NotFound:
        import difflib

        near = difflib.get_close_matches(path.strip("/"), list(known), 1)
        hint = f"did you mean {near[0]!r}?" if near else f"{kind}s() lists them"
        return NotFound(f"{self.path}: expected a {kind}, found no {path!r}; {hint}")


def _open(path: Path) -> FileTree:
    if path.suffix in (".data", ".dataset"):
        from zarrpack.converters.retrieval.zarr_tree import ZarrTree

        return ZarrTree(path)
    if path.suffix.lower() in _HDF5_SUFFIXES:
        from zarrpack.converters.retrieval.hdf5_tree import Hdf5Tree

        return Hdf5Tree(path)
    raise FormatError(f"{path}: expected .data, .dataset or {', '.join(_HDF5_SUFFIXES)}, found {path.suffix!r}")


def _span(span: slice | tuple[int, int]) -> slice:
    return span if isinstance(span, slice) else slice(*span)


def _is_in(path: str, base: str) -> bool:
    return not base or path.startswith(f"{base}/")


def _is_of(dtype: str, wanted: str) -> bool:
    if wanted == "number":
        return dtype not in ("string", "bytes", "bool") and dtype[0] in "iufc"
    return dtype == wanted or (len(wanted) == 1 and dtype not in ("string", "bytes", "bool") and dtype[0] == wanted)


def _comes_from(member: MemberEntry, source: str) -> bool:
    return any(fnmatch.fnmatchcase(name, source) for name in (member.member, f"{member.archive}/{member.member}"))
