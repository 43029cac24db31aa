"""How large files and row groups become, and how they are encoded."""

from __future__ import annotations

import logging
from dataclasses import dataclass
from typing import Any

import pyarrow as pa

from zarrpack.errors import UsageError

__all__ = ["Encoding", "GroupSizes", "group_sizes"]

#: Rows of a row group at the most: what a reader of one column holds in memory.
_LARGEST_GROUP = 1 << 20
#: Rows of a page, so that a page index tells places apart; pages also end at about 1 MB.
_PAGE_ROWS = 20_000

_COMPRESSIONS = ("snappy", "zstd", "gzip", "brotli", "lz4", "none")

_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class GroupSizes:
    """Rows of files and of their row groups.

    Parameters
    ----------
    min_group, max_group : int
        Rows of a row group; the last one of a file may have fewer.
    max_file : int
        Rows of a file at the most.
    """

    min_group: int
    max_group: int
    max_file: int


@dataclass(frozen=True, slots=True)
class Encoding:
    """How files are encoded. They always have statistics of row groups, page checksums and a page index.

    Parameters
    ----------
    compression : str or None
        ``snappy``, ``zstd``, ``gzip``, ``brotli``, ``lz4`` or ``none``.
    use_dictionary : bool
        Whether repeated values are stored once.

    Raises
    ------
    UsageError
        If there is no such compression.
    """

    compression: str | None = "snappy"
    use_dictionary: bool = True

    def __post_init__(self) -> None:
        name = self.compression
        if name is None or (isinstance(name, str) and name.lower() in _COMPRESSIONS and _is_there(name.lower())):
            return
        raise UsageError(f"compression: expected one of {', '.join(_COMPRESSIONS)}, found {name!r}")

    def options(self, schema: pa.Schema | None = None, timestamp_column: str | None = None) -> dict[str, Any]:
        """Give them as the arguments of pyarrow's writers.

        Parameters
        ----------
        schema : pyarrow.Schema, optional
            Of the files. If no column is nested, timestamps are stored as their differences: a dictionary of values that do not
            repeat is of no use, and has to be read for every page.
        timestamp_column : str, optional
            A column of int64.
        """
        return {**self._all(), **self._differences(schema, timestamp_column)}

    def _differences(self, schema: pa.Schema | None, column: str | None) -> dict[str, Any]:
        if schema is None or column not in schema.names or not pa.types.is_int64(schema.field(column).type):
            return {}
        if any(pa.types.is_nested(one.type) for one in schema):
            return {}
        others = [name for name in schema.names if name != column]
        is_alone = not (self.use_dictionary and others)
        return {
            "use_dictionary": False if is_alone else others,
            "column_encoding": {column: "DELTA_BINARY_PACKED"},
        }

    def _all(self) -> dict[str, Any]:
        return {
            "compression": "none" if self.compression is None else self.compression.lower(),
            "use_dictionary": self.use_dictionary,
            "write_statistics": True,
            "write_page_index": True,
            "write_page_checksum": True,
            "max_rows_per_page": _PAGE_ROWS,
        }


def group_sizes(min_rows_per_group: int, max_rows_per_file: int, logger: logging.Logger | None = None) -> GroupSizes:
    """Choose sizes that fit together: min_rows_per_group <= rows of a group <= max_rows_per_file.

    Parameters
    ----------
    min_rows_per_group, max_rows_per_file : int
        As wanted, in rows. The first gives way, with a warning to the log.
    logger : logging.Logger, optional
        Where the warning goes.

    Raises
    ------
    UsageError
        If one of them is less than 1.

    Examples
    --------
    >>> group_sizes(50_000, 5_000_000)
    GroupSizes(min_group=50000, max_group=1048576, max_file=5000000)
    """
    for name, value in (("min_rows_per_group", min_rows_per_group), ("max_rows_per_file", max_rows_per_file)):
        if type(value) is not int or value < 1:
            raise UsageError(f"{name}: expected a whole number of rows from 1 on, found {value!r}")
    max_group = min(max_rows_per_file, _LARGEST_GROUP)
    min_group = min(min_rows_per_group, max_group)
    if max_rows_per_file > 1:
        min_group = min(min_group, max_rows_per_file - 1)
    if min_group != min_rows_per_group:
        (logger or _log).warning(
            "min_rows_per_group: %d does not fit groups of at most %d rows in files of at most %d; %d is used",
            min_rows_per_group,
            max_group,
            max_rows_per_file,
            min_group,
        )
    return GroupSizes(min_group, max_group, max_rows_per_file)


def _is_there(name: str) -> bool:
    return name == "none" or bool(pa.Codec.is_available(name))
