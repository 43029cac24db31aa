"""The names of axes in files of others: dimension scales, netCDF-4's way of keeping them, labels."""

from __future__ import annotations

import h5py

from zarrpack.storage.hdf5.object_paths import ObjectPaths
from zarrpack.storage.hdf5.plain_attributes import attribute_value

__all__ = ["DimensionNames", "axis_names", "is_mere_dimension"]

_NOT_A_VARIABLE = b"This is a netCDF dimension but not a netCDF variable"
#: Stands before the name of a variable that is called like a dimension but is not its coordinate.
_NOT_A_COORDINATE = "_nc4_non_coord_"
_ERRORS = (OSError, RuntimeError, ValueError, KeyError, TypeError, AttributeError, OverflowError)


def is_mere_dimension(data: h5py.Dataset) -> bool:
    """Whether a dataset only stands for an axis, and holds no values.

    Parameters
    ----------
    data : h5py.Dataset
        Any.
    """
    try:
        name = attribute_value(data, "NAME")
    except _ERRORS:
        return False
    raw = name if isinstance(name, bytes) else str(name).encode("utf-8", "replace")
    return bytes(raw).startswith(_NOT_A_VARIABLE)


def axis_names(data: h5py.Dataset, paths: ObjectPaths) -> list[str]:
    """Give the name of each axis' scale, or its label; empty where it has neither.

    Parameters
    ----------
    data : h5py.Dataset
        Any that has axes.
    paths : ObjectPaths
        Those of the file, complete.

    Raises
    ------
    OSError, RuntimeError, ValueError, KeyError, TypeError
        If the file is damaged.
    """
    if not _has_usual_lists(data):
        return [""] * data.ndim
    return [_last(paths.of(dim[0])) if len(dim) else _printable(dim.label) for dim in data.dims]


class DimensionNames:
    """Gives axes names such that axes of one group that have one name have one length.

    Parameters
    ----------
    paths : ObjectPaths
        Those of the file, complete: the library would search the file for the name of each scale.
    """

    def __init__(self, paths: ObjectPaths) -> None:
        self._paths = paths
        self._by_number: dict[int, str] = {}
        self._lengths: dict[tuple[str, str], int] = {}

    def learn(self, data: h5py.Dataset) -> None:
        """Remember a scale's number, by which netCDF-4's coordinates of several axes refer to it."""
        try:
            if "_Netcdf4Dimid" in data.attrs and data.is_scale:
                self._by_number[int(attribute_value(data, "_Netcdf4Dimid"))] = _last(self._paths.of(data))
        except _ERRORS:
            pass

    def of(self, group: str, name: str, data: h5py.Dataset) -> tuple[str, ...]:
        """Give the names of a dataset's axes; a 0-d dataset has one, of length 1.

        Parameters
        ----------
        group, name : str
            Where the dataset lies.
        data : h5py.Dataset
            The dataset.
        """
        shape = data.shape or (1,)
        known = self._known(data) if data.shape else ["item"]
        names: list[str] = []
        for axis, length in enumerate(shape):
            dim = known[axis] if axis < len(known) else ""
            if not dim or self._lengths.setdefault((group, dim), length) != length:
                dim = f"{name}_dim_{axis}"
                self._lengths[group, dim] = length
            names.append(dim)
        return tuple(names)

    def _known(self, data: h5py.Dataset) -> list[str]:
        try:
            if "_Netcdf4Coordinates" in data.attrs:
                return [self._by_number.get(int(number), "") for number in attribute_value(data, "_Netcdf4Coordinates")]
            if data.is_scale and data.ndim == 1:
                return [_last(self._paths.of(data))]
            return axis_names(data, self._paths)
        except _ERRORS:
            return []


def _has_usual_lists(data: h5py.Dataset) -> bool:
    """Whether lists of scales and labels have the types that the library takes for granted when it reads them."""
    for name, is_usual in ((b"DIMENSION_LIST", _are_references), (b"DIMENSION_LABELS", _are_texts)):
        if h5py.h5a.exists(data.id, name):
            attribute = h5py.h5a.open(data.id, name)
            if attribute.shape != (data.ndim,) or not is_usual(attribute.get_type()):
                return False
    return True


def _are_references(kind: h5py.h5t.TypeID) -> bool:
    if kind.get_class() != h5py.h5t.VLEN:
        return False
    inner = kind.get_super()
    return bool(inner.get_class() == h5py.h5t.REFERENCE and not inner.equal(h5py.h5t.STD_REF_DSETREG))


def _are_texts(kind: h5py.h5t.TypeID) -> bool:
    return bool(kind.get_class() == h5py.h5t.STRING and kind.is_variable_str())


def _last(path: str | None) -> str:
    return _printable((path or "").rpartition("/")[2]).removeprefix(_NOT_A_COORDINATE)


def _printable(text: str) -> str:
    return text.encode("utf-8", "surrogateescape").decode("utf-8", "backslashreplace")
