"""How an HDF5 file is written."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal, TypeAlias

from zarrpack.errors import UsageError

__all__ = ["COMPRESSIONS", "LAYOUTS", "Hdf5Compression", "Hdf5Layout", "Hdf5Options"]

Hdf5Compression: TypeAlias = Literal["gzip", "lzf", "zstd", "none"]
Hdf5Layout: TypeAlias = Literal["columnar", "per_item"]

COMPRESSIONS: tuple[Hdf5Compression, ...] = ("gzip", "lzf", "zstd", "none")
LAYOUTS: tuple[Hdf5Layout, ...] = ("columnar", "per_item")


@dataclass(frozen=True, slots=True)
class Hdf5Options:
    """How an HDF5 file is written. Equal options and equal input give equal bytes.

    Parameters
    ----------
    compression : {"gzip", "lzf", "zstd", "none"}
        ``gzip`` is read by every HDF5 library. ``lzf`` is h5py's own, ``zstd`` needs the filter plug-in 32015. Chunks
        have a Fletcher-32 checksum in any case.
    layout : {"columnar", "per_item"}
        ``columnar``: the groups and arrays of the dataset. ``per_item``: a dataset for each member, below its folder.
    groups : mapping of str to str
        With ``per_item``: pattern for members' names -> the group that they go to instead; the first that fits counts.

    Raises
    ------
    UsageError
        If a value is not allowed.

    Examples
    --------
    >>> Hdf5Options(compression="none").layout
    'columnar'
    """

    compression: Hdf5Compression = "gzip"
    layout: Hdf5Layout = "columnar"
    groups: Mapping[str, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        if self.compression not in COMPRESSIONS:
            raise UsageError(f"hdf5 compression: expected one of {', '.join(COMPRESSIONS)}, found {self.compression!r}")
        if self.layout not in LAYOUTS:
            raise UsageError(f"hdf5 layout: expected one of {', '.join(LAYOUTS)}, found {self.layout!r}")
