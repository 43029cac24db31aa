"""Dimension scales: names of axes that xarray, netCDF4 and MATLAB see."""

from __future__ import annotations

import re
from collections.abc import Sequence

import h5py
import numpy as np

from zarrpack.storage.array_names import safe_text
from zarrpack.storage.hdf5.file import make_contiguous

__all__ = ["DimensionScales"]

#: By this netCDF knows a scale that stands for a dimension without values of its own.
_NOT_A_VARIABLE = "This is a netCDF dimension but not a netCDF variable.%10d"
_PLAIN = re.compile(r"[A-Za-z_][A-Za-z0-9_.\-]*")


class DimensionScales:
    """The dimensions of one file: each a scale in the group of the arrays that have it.

    Parameters
    ----------
    file : h5py.File
        The file, open for writing.
    """

    def __init__(self, file: h5py.File) -> None:
        self._file = file
        self._scales: dict[tuple[str, str, int], h5py.Dataset] = {}
        self._names: dict[str, set[str]] = {}

    def reserve(self, group: str, names: Sequence[str]) -> None:
        """Keep names of a group for arrays.

        Parameters
        ----------
        group : str
            The group's path.
        names : sequence of str
            Names that no scale gets.
        """
        self._names.setdefault(group, set()).update(name.lower() for name in names)

    def attach(self, data: h5py.Dataset, group: str, dims: Sequence[str]) -> None:
        """Give a dataset's axes their names.

        Parameters
        ----------
        data : h5py.Dataset
            The dataset, in its final shape.
        group : str
            The path of the group that the dimensions belong to.
        dims : sequence of str
            A name for each axis. Axes of one group that share name and length share a scale.
        """
        for axis, (dim, length) in enumerate(zip(dims, data.shape, strict=True)):
            data.dims[axis].attach_scale(self._scale(group, dim, length))

    def _scale(self, group: str, dim: str, length: int) -> h5py.Dataset:
        key = (group, dim, length)
        if key not in self._scales:
            name = self._unused(group, dim)
            parent = self._file[group] if group else self._file
            # Never allocated: it takes no space, however long it is.
            scale = make_contiguous(parent, name, (length,), np.dtype(">f4"))
            scale.make_scale(_NOT_A_VARIABLE % length)
            scale.attrs["_Netcdf4Dimid"] = np.int32(len(self._scales))
            self._scales[key] = scale
        return self._scales[key]

    def _unused(self, group: str, dim: str) -> str:
        name = dim if _PLAIN.fullmatch(dim) and len(dim) <= 200 else safe_text(dim)
        used = self._names.setdefault(group, set())
        candidate, number = name, 1
        while candidate.lower() in used:
            number += 1
            candidate = f"{name}_{number}"
        used.add(candidate.lower())
        return candidate
