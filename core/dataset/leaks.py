"""Equal content in different subsets: what a model would have seen before it is tested."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from zarrpack.errors import UsageError
from zarrpack.storage.items.item_reader import ItemReader

__all__ = ["Leak", "array_digests", "find_leaks", "member_digests"]


@dataclass(frozen=True, slots=True)
class Leak:
    """Items of equal content that are not in one subset.

    Parameters
    ----------
    digest : str
        SHA-256 of the content.
    names : tuple of str
        The items.
    subsets : tuple of str
        The subset of each.
    """

    digest: str
    names: tuple[str, ...]
    subsets: tuple[str, ...]


def member_digests(path: Path) -> list[tuple[int, str]]:
    """Read the digests of the members that items' arrays come from.

    Parameters
    ----------
    path : Path
        The ``.members.parquet``.

    Returns
    -------
    list of (int, str)
        An item's code, and the digest of one of its members.

    Raises
    ------
    UsageError
        If it is not there.
    """
    import pyarrow.parquet as pq

    if not path.is_file():
        raise UsageError(f"expected {path}, which has the members' digests, found none; compare arrays instead")
    table = pq.read_table(path, columns=["item_code", "sha256", "role"])
    columns = (table.column(name).to_pylist() for name in ("item_code", "sha256", "role"))
    return [
        (code, digest)
        for code, digest, role in zip(*columns, strict=True)
        if code is not None and digest is not None and role == "arrays"
    ]


def array_digests(reader: ItemReader, names: Sequence[str], codes: Iterable[int]) -> list[tuple[int, str]]:
    """Compute a digest of each item's rows of some arrays.

    Parameters
    ----------
    reader : ItemReader
        The dataset.
    names : sequence of str
        ``"group/array"``.
    codes : iterable of int
        The items.
    """
    digests = []
    for code in codes:
        item = reader.item(code, names)
        if item:
            digests.append((code, _digest(item)))
    return digests


def find_leaks(digests: Iterable[tuple[int, str]], subsets: Mapping[int, str], names: Mapping[int, str]) -> list[Leak]:
    """Find digests that several subsets share.

    Parameters
    ----------
    digests : iterable of (int, str)
        An item's code and a digest; items may have several.
    subsets, names : mapping of int to str
        Each item's subset and name; what has no subset is left out.

    Examples
    --------
    >>> find_leaks([(0, "d"), (1, "d"), (2, "e")], {0: "train", 1: "test", 2: "test"}, {0: "a", 1: "b", 2: "c"})
    [Leak(digest='d', names=('a', 'b'), subsets=('train', 'test'))]
    """
    holders: dict[str, list[int]] = {}
    for code, digest in digests:
        if code in subsets:
            holders.setdefault(digest, []).append(code)
    leaks = []
    for digest, codes in holders.items():
        distinct = sorted(set(codes))
        found = tuple(subsets[code] for code in distinct)
        if len(set(found)) > 1:
            leaks.append(Leak(digest, tuple(names[code] for code in distinct), found))
    return leaks


def _digest(item: Mapping[str, Any]) -> str:
    digest = hashlib.sha256()
    for name, values in item.items():
        digest.update(f"{name} {values.shape} {values.dtype.str}\0".encode())
        if values.dtype != object:
            digest.update(np.ascontiguousarray(values).data.cast("B") if values.size else b"")
            continue
        for value in values.reshape(-1):
            if isinstance(value, np.ndarray):
                digest.update(_digest({"": value}).encode())
            else:
                content = value if isinstance(value, bytes) else str(value).encode("utf-8", "surrogatepass")
                digest.update(len(content).to_bytes(8, "little") + content)
    return digest.hexdigest()
