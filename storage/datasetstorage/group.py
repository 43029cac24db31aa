"""A group of a schema: arrays whose rows belong together."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from copy import deepcopy
from typing import Any

import numpy.typing as npt

from zarrpack.errors import UsageError
from zarrpack.storage.datasetstorage.declared_values import (
    checked_name,
    checked_text,
    dtype_name,
    json_copy,
    range_problem,
)
from zarrpack.storage.datasetstorage.special_processing import SPECIAL_PROCESSING

__all__ = ["Group", "is_provenance"]

_PROVENANCE = re.compile(r"file_id(_.*)?", re.DOTALL)
_GROUP_KEYS = ("primary_dimension", "description", "special_processing", "arrays")
_ARRAY_KEYS = ("dims", "dimensions", "dtype", "description")


def is_provenance(array_name: str) -> bool:
    """Whether the name is one that a merge gives to the codes of the rows' files.

    These are ``file_id``, ``file_id_<dimension>`` and the other reading of it, ``file_id_code_<group>``.

    Examples
    --------
    >>> is_provenance("file_id_code_faces"), is_provenance("file_identity")
    (True, False)
    """
    return _PROVENANCE.fullmatch(array_name) is not None


class Group:
    """Arrays that share their rows, as a schema declares them. Not safe for threads.

    Parameters
    ----------
    name : str
        The group's name, without ``/``.
    primary_dimension : str
        The dimension whose length is the number of rows, such as ``face``.
    description : str or None
        What the group is about.
    special_processing : {"matrix_flattening", "nested_edges"} or None
        What a merge does to the arrays before it joins their rows; None: nothing.

    Attributes
    ----------
    name, primary_dimension, description, special_processing
        As given.

    Raises
    ------
    TypeError
        If a name or the description is no string.
    UsageError
        If a name has a ``/`` or is empty, or the processing is not known. A ValueError.

    Examples
    --------
    >>> faces = Group("faces", "face")
    >>> faces.create_array("face_areas", ["face"], "float32", min_value=0)
    >>> faces.get_array("face_areas")
    {'dims': ['face'], 'dtype': 'float32', 'min_value': 0}
    """

    def __init__(
        self,
        name: str,
        primary_dimension: str,
        description: str | None = None,
        special_processing: str | None = None,
    ) -> None:
        self.name = checked_name("group", name)
        self.primary_dimension = checked_name(f"{name}: primary dimension", primary_dimension)
        self.description = None if description is None else checked_text(f"{name}: description", description)
        if special_processing is not None and special_processing not in SPECIAL_PROCESSING:
            known = " or ".join(map(repr, SPECIAL_PROCESSING))
            raise UsageError(f"{name}: special_processing: expected {known}, found {special_processing!r}")
        self.special_processing = special_processing
        self._arrays: dict[str, dict[str, Any]] = {}
        self._other_keys: dict[str, Any] = {}

    def __repr__(self) -> str:
        return f"Group({self.name!r}, {self.primary_dimension!r}, arrays={self.list_arrays()})"

    def create_array(
        self,
        name: str,
        dimensions: Sequence[str] | None = None,
        dtype: npt.DTypeLike = "float32",
        description: str | None = None,
        *,
        dims: Sequence[str] | None = None,
        **validation_rules: Any,
    ) -> None:
        """Declare an array.

        Parameters
        ----------
        name : str
            Its name, new in the group.
        dimensions : sequence of str
            The name of every dimension, at least one. The first need not be the group's own: an array with one value per
            file has a dimension of its own.
        dtype : str, type or numpy.dtype
            A name of numpy's, or ``"str"``.
        description : str or None
            What the values are, and their unit.
        dims : sequence of str
            Another name of `dimensions`.
        **validation_rules
            ``min_value`` and ``max_value`` are checked when data is saved. Anything else that JSON can hold, such as
            ``units``, is kept as a note.

        Raises
        ------
        TypeError
            If dimensions are given twice, not at all, or as something else than names.
        UsageError
            If the group has the array, the name belongs to the merge (``file_id``), there is no dimension, the dtype
            is not known, or the bounds make no sense. A ValueError.
        """
        if (dimensions is None) == (dims is None):
            raise TypeError(f"{self.name}/{name}: expected dimensions or its other name dims, found both or neither")
        where = f"{self.name}/{checked_name(f'{self.name}: array', name)}"
        if is_provenance(name):
            raise UsageError(f"{where}: expected a name that the merge does not give itself; choose another")
        if name in self._arrays:
            raise UsageError(f"{where}: expected a new array, found that the group has it; remove_array comes first")
        self._arrays[name] = _array_spec(
            where, dimensions if dims is None else dims, dtype, description, validation_rules
        )

    def remove_array(self, name: str) -> bool:
        """Remove an array; False if there is none of that name."""
        return self._arrays.pop(name, None) is not None

    def get_array(self, name: str) -> dict[str, Any] | None:
        """Give a copy of what is declared of an array, or None if there is none of that name."""
        return deepcopy(self._arrays.get(name))

    def get_arrays(self) -> dict[str, dict[str, Any]]:
        """Give a copy of what is declared of every array, by name."""
        return deepcopy(self._arrays)

    def list_arrays(self) -> list[str]:
        """Name the arrays in the order of their creation."""
        return list(self._arrays)

    def add_missing(self, other: Group) -> None:
        """Add copies of another group's arrays, but of none whose name the group has already."""
        self._arrays = self._arrays | {
            name: spec for name, spec in other.get_arrays().items() if name not in self._arrays
        }

    def to_dict(self) -> dict[str, Any]:
        """Give the group's part of a schema, made of JSON values; a copy."""
        part: dict[str, Any] = {"primary_dimension": self.primary_dimension}
        if self.description is not None:
            part["description"] = self.description
        if self.special_processing is not None:
            part["special_processing"] = self.special_processing
        return part | {"arrays": self.get_arrays()} | deepcopy(self._other_keys)

    @classmethod
    def from_dict(cls, name: str, part: Mapping[str, Any]) -> Group:
        """Make a group of its part of a schema.

        Arrays that a merge adds (``file_id``) are left out. Keys that are not known are kept.

        Raises
        ------
        TypeError, UsageError
            If something is not as :meth:`to_dict` writes it.

        Examples
        --------
        >>> Group.from_dict("faces", {"primary_dimension": "face", "arrays": {}})
        Group('faces', 'face', arrays=[])
        """
        part = _object(f"group {name}", part)
        group = cls(name, part.get("primary_dimension", ""), part.get("description"), part.get("special_processing"))
        for array, declared in _object(f"{name}: arrays", part.get("arrays", {})).items():
            if not is_provenance(checked_name(f"{name}: array", array)):
                group._arrays[array] = _declared_spec(f"{name}/{array}", declared)
        group._other_keys = {key: json_copy(f"{name}: {key}", part[key]) for key in part if key not in _GROUP_KEYS}
        return group


def _array_spec(
    where: str, dims: object, dtype: npt.DTypeLike, description: str | None, rules: Mapping[str, Any]
) -> dict[str, Any]:
    if isinstance(dims, str) or not isinstance(dims, Sequence):
        raise TypeError(f"{where}: dimensions: expected a list of names, found {dims!r}")
    if not dims:
        raise UsageError(f"{where}: dimensions: expected at least one, found none")
    names = [checked_name(f"{where}: dimension", one) for one in dims]
    spec: dict[str, Any] = {"dims": names, "dtype": dtype_name(where, dtype)}
    if description is not None:
        spec["description"] = checked_text(f"{where}: description", description)
    spec |= {rule: json_copy(f"{where}: {rule}", value) for rule, value in rules.items() if value is not None}
    problem = range_problem(spec)
    if problem is not None:
        raise UsageError(f"{where}: {problem}")
    return spec


def _declared_spec(where: str, declared: Any) -> dict[str, Any]:
    declared = _object(where, declared)
    dims = declared.get("dims", declared.get("dimensions"))
    rules = {key: value for key, value in declared.items() if key not in _ARRAY_KEYS}
    return _array_spec(where, dims, declared.get("dtype", ""), declared.get("description"), rules)


def _object(where: str, value: Any) -> Mapping[str, Any]:
    if not isinstance(value, Mapping):
        raise TypeError(f"{where}: expected an object, found {type(value).__name__}")
    return value
