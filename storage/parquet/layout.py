"""Where the files of a partitioned dataset lie: hive folders, and what is no part of it."""

from __future__ import annotations

import datetime
import os
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TypeAlias
from urllib.parse import quote, unquote

import pyarrow as pa

from zarrpack.errors import FormatError, UsageError
from zarrpack.storage.parquet.schemas import KNOWN_PARTITIONS

__all__ = [
    "NULL_VALUE",
    "Listing",
    "PartitionValue",
    "check_partition_type",
    "hive_folder",
    "infer_partition_types",
    "is_hidden",
    "list_files",
    "partition_texts",
    "typed_value",
]

#: What a partition column holds in one file.
PartitionValue: TypeAlias = str | int | bool | datetime.date | None

#: How a missing value is written as a folder's name.
NULL_VALUE = "__HIVE_DEFAULT_PARTITION__"

_PARQUET = (".parquet",)
_PARQUET_OR_UNFINISHED = (".parquet", ".parquet.tmp", ".parquet.partial")
_UNFINISHED = (".tmp", ".partial", ".crc")
_WHOLE_NUMBER = re.compile(r"0|-?[1-9][0-9]{0,17}")


@dataclass(slots=True)
class Listing:
    """The Parquet files of a tree.

    Parameters
    ----------
    files : list of str
        Paths relative to the root with ``/``, sorted.
    empty : list of str
        Files without a byte; what a writer leaves that was stopped.
    """

    files: list[str] = field(default_factory=list)
    empty: list[str] = field(default_factory=list)


def is_hidden(path: str) -> bool:
    """Whether a relative path is hidden or unfinished: by any of its parts, but ``key=value`` folders are never hidden.

    Examples
    --------
    >>> [is_hidden(path) for path in ("a/_b/c.parquet", "_k=1/c.parquet", "k=_x/c.parquet", "c.parquet.tmp", ".c")]
    [True, False, False, True, True]
    """
    *folders, name = path.split("/")
    if name.startswith((".", "_")) or name.lower().endswith(_UNFINISHED):
        return True
    return any(
        "=" not in folder and (folder.startswith((".", "_")) or folder.lower().endswith(_UNFINISHED))
        for folder in folders
    )


def list_files(base: Path, *, ignore_hidden_temp: bool = True) -> Listing:
    """Find the ``.parquet`` files below a folder. Links to folders are not followed.

    Parameters
    ----------
    base : Path
        The root.
    ignore_hidden_temp : bool
        Whether hidden and unfinished ones are left out.

    Raises
    ------
    OSError
        If a folder cannot be listed: what is in it would be missing without a word.
    """
    listing = Listing()
    for folder, names, files in os.walk(base, onerror=_raise):
        names.sort()
        relative = Path(folder).relative_to(base).as_posix()
        prefix = "" if relative == "." else f"{relative}/"
        if ignore_hidden_temp:
            names[:] = [name for name in names if not is_hidden(f"{name}/x")]
        for name in sorted(files):
            path = prefix + name
            if name.lower().endswith(_PARQUET if ignore_hidden_temp else _PARQUET_OR_UNFINISHED) and not (
                ignore_hidden_temp and is_hidden(path)
            ):
                (listing.files if Path(folder, name).stat().st_size else listing.empty).append(path)
    listing.files.sort()
    return listing


def partition_texts(path: str) -> dict[str, str | None]:
    """Read the ``key=value`` folders of a relative path.

    Examples
    --------
    >>> partition_texts("symbol=001/pair=a%2Fb/part-0.parquet")
    {'symbol': '001', 'pair': 'a/b'}
    """
    pairs = (folder.partition("=") for folder in path.split("/")[:-1] if "=" in folder)
    return {unquote(key): None if value == NULL_VALUE else unquote(value) for key, _, value in pairs}


def infer_partition_types(texts: Sequence[Mapping[str, str | None]]) -> dict[str, pa.DataType]:
    """Choose the types of partition columns from the folders' names alone.

    Columns of known meaning have theirs (``symbol`` is text, ``year`` a number). Others are int64 if all
    are whole numbers written the canonical way, else text: ``001`` stays ``001``.

    Parameters
    ----------
    texts : sequence of mapping
        Per file its folders' names.

    Raises
    ------
    FormatError
        If the files are not all partitioned by the same columns.

    Examples
    --------
    >>> types = infer_partition_types([{"symbol": "1", "k": "7"}, {"symbol": "2", "k": "08"}])
    >>> {name: str(type_) for name, type_ in types.items()}
    {'symbol': 'string', 'k': 'string'}
    """
    keys = list(texts[0]) if texts else []
    if any(list(one) != keys for one in texts):
        other = next(one for one in texts if list(one) != keys)
        raise FormatError(f"expected all files in folders of {keys}, found one in folders of {list(other)}")
    types = {}
    for key in keys:
        values = [one[key] for one in texts if one[key] is not None]
        known = KNOWN_PARTITIONS.get(key, "string")
        if known == "string" and key not in KNOWN_PARTITIONS and values:
            known = "int64" if all(_WHOLE_NUMBER.fullmatch(value or "") for value in values) else "string"
        elif known != "string" and not all(re.fullmatch(r"[0-9]{1,4}", value or "") for value in values):
            known = "string"
        types[key] = pa.type_for_alias(known)
    return types


def check_partition_type(column: str, type_: pa.DataType) -> None:
    """Refuse what a folder's name cannot hold without loss.

    Raises
    ------
    UsageError
        If the type is not text, a whole number, a bool or a date.
    """
    if not any(
        is_type(type_) for is_type in (pa.types.is_string, pa.types.is_integer, pa.types.is_boolean, pa.types.is_date32)
    ):
        raise UsageError(
            f"partition_cols: {column}: expected text, whole numbers, bools or dates, found {type_}; "
            "partition by another column, or convert this one"
        )


def typed_value(text: str | None, type_: pa.DataType) -> PartitionValue:
    """Give the value that a folder's name stands for.

    Raises
    ------
    ValueError
        If it is none of that type.
    """
    if text is None or pa.types.is_string(type_):
        return text
    value: PartitionValue = pa.scalar(text).cast(type_).as_py()
    return value


def hive_folder(values: Mapping[str, PartitionValue], widths: Mapping[str, int] | None = None) -> str:
    """Name the folder of one partition.

    Parameters
    ----------
    values : mapping
        Column -> value, in the order of the folders.
    widths : mapping of str to int, optional
        Columns whose numbers are written with leading zeros, and to how many digits.

    Examples
    --------
    >>> hive_folder({"symbol": "a/b", "month": 1, "x": None}, {"month": 2})
    'symbol=a%2Fb/month=01/x=__HIVE_DEFAULT_PARTITION__'
    """
    widths = widths or {}
    return "/".join(f"{quote(key, safe=' ')}={_text(value, widths.get(key, 0))}" for key, value in values.items())


def _text(value: PartitionValue, width: int) -> str:
    if value is None:
        return NULL_VALUE
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, int):
        return f"{value:0{width}d}"
    return quote(str(value), safe=" ,+@")


def _raise(error: OSError) -> Iterator[None]:
    raise error
