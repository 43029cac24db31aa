"""Builds schemas: which arrays a dataset has, what their values are, and to which table metadata goes."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy.typing as npt

from zarrpack.errors import FormatError, UsageError
from zarrpack.storage.datasetstorage.declared_values import checked_text
from zarrpack.storage.datasetstorage.group import Group
from zarrpack.storage.datasetstorage.metadata_fields import (
    TABLES,
    field_spec,
    metadata_problems,
    pattern_list,
)
from zarrpack.storage.datasetstorage.schema_content import SchemaContent, add_missing, content_of, schema_of
from zarrpack.storage.datasetstorage.schema_files import read_schema_file, write_schema_file
from zarrpack.storage.datasetstorage.schema_templates import SchemaTemplates
from zarrpack.storage.datasetstorage.validation import describe_field_misfit
from zarrpack.storage.tables.routing import Target, declared_field, route

__all__ = [
    "Group",
    "SchemaBuilder",
    "create_cad_schema",
    "create_custom_schema",
    "create_manufacturing_schema",
    "create_sensor_schema",
]

_DOMAIN = "custom"
_VERSION = "1.0"


def create_cad_schema() -> SchemaBuilder:
    """Give a builder that holds the template ``cad_basic``.

    Examples
    --------
    >>> create_cad_schema().get_group("faces").get_array("face_areas")["dtype"]
    'float32'
    """
    return SchemaBuilder().from_template("cad_basic")


def create_manufacturing_schema() -> SchemaBuilder:
    """Give a builder that holds the template ``manufacturing_basic``.

    Examples
    --------
    >>> create_manufacturing_schema().list_groups()
    ['production', 'sensors', 'materials']
    """
    return SchemaBuilder().from_template("manufacturing_basic")


def create_sensor_schema() -> SchemaBuilder:
    """Give a builder that holds the template ``sensor_basic``.

    Examples
    --------
    >>> create_sensor_schema().list_groups()
    ['timeseries', 'sensors', 'events']
    """
    return SchemaBuilder().from_template("sensor_basic")


def create_custom_schema(domain: str) -> SchemaBuilder:
    """Give an empty builder for a domain.

    Examples
    --------
    >>> create_custom_schema("weather").build()["domain"]
    'weather'
    """
    return SchemaBuilder(domain)


class SchemaBuilder:
    """Collects groups, metadata fields and routing rules, and makes a schema of them. Not safe for threads.

    A schema is a dictionary of JSON values, so that it can be stored with the data.

    Parameters
    ----------
    domain : str
        What the data is about.
    version : str
        The version of this schema.
    description : str or None
        What the schema is for.

    Attributes
    ----------
    domain, version, description
        As given.

    Raises
    ------
    TypeError
        If one of them is no string.

    Examples
    --------
    >>> builder = SchemaBuilder(domain="CAD_analysis")
    >>> faces = builder.create_group("faces", "face", "Faces of the parts")
    >>> faces.create_array("face_areas", ["face"], "float32", "Areas in mm²")
    >>> builder.define_categorical_metadata("grade", "int32", values=[0, 1], labels=["low", "high"])
    >>> schema = builder.build()
    >>> schema["groups"]["faces"]["arrays"]["face_areas"]["dims"]
    ['face']
    >>> builder.get_metadata_routing("grade"), builder.get_metadata_routing("size_part")
    ('categorical', 'file_level')
    """

    def __init__(self, domain: str = _DOMAIN, version: str = _VERSION, description: str | None = None) -> None:
        self.domain = checked_text("domain", domain)
        self.version = checked_text("version", version)
        self.description = None if description is None else checked_text("description", description)
        self._content = SchemaContent()

    def __repr__(self) -> str:
        return f"SchemaBuilder({self.domain!r}, {self.version!r}, groups={self.list_groups()})"

    def create_group(
        self,
        name: str,
        primary_dimension: str | None = None,
        description: str | None = None,
        special_processing: str | None = None,
        *,
        base_dimension: str | None = None,
    ) -> Group:
        """Add a group, and give it for arrays to be created in.

        Parameters
        ----------
        name, primary_dimension, description, special_processing
            As of :class:`Group`.
        base_dimension : str or None
            Another name of `primary_dimension`.

        Raises
        ------
        TypeError
            If the dimension is given twice or not at all.
        UsageError
            If there is a group of that name. A ValueError.
        """
        if (primary_dimension is None) == (base_dimension is None):
            raise TypeError(
                f"{name}: expected primary_dimension or its other name base_dimension, found both or neither"
            )
        if name in self._content.groups:
            raise UsageError(f"group {name}: expected a new group, found that there is one; remove_group comes first")
        group = Group(name, primary_dimension or base_dimension or "", description, special_processing)
        self._content.groups[name] = group
        return group

    def get_group(self, name: str) -> Group | None:
        """Give a group itself, no copy; None if there is none of that name."""
        return self._content.groups.get(name)

    def remove_group(self, name: str) -> bool:
        """Remove a group with its arrays; False if there is none of that name."""
        return self._content.groups.pop(name, None) is not None

    def list_groups(self) -> list[str]:
        """Name the groups in the order of their creation."""
        return list(self._content.groups)

    def define_file_metadata(
        self, name: str, dtype: npt.DTypeLike, description: str | None = None, required: bool = False, **rules: Any
    ) -> None:
        """Declare a metadata field with one value per file; one of that name is replaced.

        Parameters
        ----------
        name : str
            The field, with ``/`` if it is nested.
        dtype : str, type or numpy.dtype
            A name of numpy's, or ``"str"``.
        description : str or None
            What the values are, and their unit.
        required : bool
            Whether every file must have it.
        **rules
            ``min_value`` and ``max_value``; anything else that JSON can hold is kept as a note.
        """
        self._content.metadata["file_level"][name] = field_spec(name, dtype, description, required, rules)

    def define_categorical_metadata(
        self,
        name: str,
        dtype: npt.DTypeLike,
        description: str | None = None,
        values: Sequence[Any] | None = None,
        labels: Sequence[str] | None = None,
        required: bool = False,
        **rules: Any,
    ) -> None:
        """Declare a metadata field whose values are categories; one of that name is replaced.

        Parameters
        ----------
        name, dtype, description, required, **rules
            As of :meth:`define_file_metadata`.
        values : sequence or None
            The values that are allowed; None: any.
        labels : sequence of str or None
            What the values are called, as many as there are values; None: as they are written.
        """
        rules = {"values": values, "labels": labels} | rules
        self._content.metadata["categorical"][name] = field_spec(name, dtype, description, required, rules)

    def set_metadata_routing_rules(
        self,
        file_level_patterns: Sequence[str] | None = None,
        categorical_patterns: Sequence[str] | None = None,
        default_numeric: str = "file_level",
        default_categorical: str = "categorical",
        default_string: str = "categorical",
    ) -> None:
        """Set where metadata goes that is not declared.

        Parameters
        ----------
        file_level_patterns, categorical_patterns : sequence of str or None
            Names of fields, with ``*`` for any text; None: the patterns stay as they are.
        default_numeric, default_categorical, default_string : {"file_level", "categorical"}
            Where numbers, bools and strings go whose names no pattern matches.
        """
        rules = self._content.metadata["routing_rules"]
        for rule, patterns in (
            ("file_level_patterns", file_level_patterns),
            ("categorical_patterns", categorical_patterns),
        ):
            if patterns is not None:
                rules[rule] = pattern_list(rule, patterns)
        rules["default_numeric"] = checked_text("default_numeric", default_numeric)
        rules["default_categorical"] = checked_text("default_categorical", default_categorical)
        rules["default_string"] = checked_text("default_string", default_string)

    def get_metadata_routing(self, field_name: str) -> Target:
        """Give the table of a field: as declared, else by its name, else that of strings, for no value is known."""
        return route(field_name, "string", {"metadata": self._content.metadata})

    def list_metadata_fields(self) -> dict[str, list[str]]:
        """Name the declared fields of ``file_level`` and ``categorical``."""
        return {table: list(self._content.metadata[table]) for table in TABLES}

    def validate_metadata_field(self, name: str, value: Any) -> bool:
        """Whether a value fits what is declared of a field: dtype, allowed values, bounds; True if nothing is."""
        spec = declared_field(name, {"metadata": self._content.metadata})
        return not spec or describe_field_misfit(spec, value) is None

    def validate_metadata_schema(self) -> list[str]:
        """Say everything that is wrong with fields and routing rules; empty: nothing."""
        return metadata_problems(self._content.metadata)

    def from_template(self, name: str) -> SchemaBuilder:
        """Replace groups, fields and rules by those of a template, and give the builder itself.

        The builder takes over the template's domain and description where it has none of its own.

        Raises
        ------
        UsageError
            If there is no template of that name. A ValueError.

        Examples
        --------
        >>> SchemaBuilder().from_template("sensor_basic").extend_template("cad_basic").list_groups()
        ['timeseries', 'sensors', 'events', 'faces', 'edges', 'graph', 'metadata']
        """
        template = self.from_dict(SchemaTemplates.get_template(name))
        self.domain = template.domain if self.domain == _DOMAIN else self.domain
        self.description = template.description if self.description is None else self.description
        self._content = template._content
        return self

    def extend_template(self, name: str) -> SchemaBuilder:
        """Add what a template has and the builder has not, and give the builder itself.

        Of an array or a field that both have, and of the defaults of the routing, the builder's stays.

        Raises
        ------
        UsageError
            If there is no template of that name. A ValueError.
        """
        add_missing(self._content, content_of(SchemaTemplates.get_template(name)))
        return self

    def build(self) -> dict[str, Any]:
        """Make the schema: a dictionary of JSON values that shares nothing with the builder.

        Raises
        ------
        UsageError
            If :meth:`validate_metadata_schema` finds something. A ValueError.
        """
        problems = self.validate_metadata_schema()
        if problems:
            raise UsageError("schema: " + "; ".join(problems))
        return self._to_dict()

    def copy(self) -> SchemaBuilder:
        """Give a builder that holds the same and shares nothing."""
        return self.from_dict(self._to_dict())

    def to_json(self, indent: int | None = 2) -> str:
        """Give the schema as JSON text; None: on one line.

        Examples
        --------
        >>> import json
        >>> json.loads(SchemaBuilder("weather").to_json(indent=None)) == SchemaBuilder("weather").build()
        True
        """
        return json.dumps(self.build(), indent=indent, ensure_ascii=False, allow_nan=False)

    def save_to_file(self, path: str | os.PathLike[str]) -> None:
        """Write the schema to a JSON file; what is there is replaced.

        Parameters
        ----------
        path : str or path-like
            The file, in a folder that exists. A failure leaves it as it was.
        """
        write_schema_file(Path(path), self.to_json())

    @classmethod
    def load_from_file(cls, path: str | os.PathLike[str]) -> SchemaBuilder:
        """Give a builder that holds the schema of a JSON file, which may have been written by hand.

        Raises
        ------
        FileNotFoundError, OSError
            If the file cannot be read.
        FormatError
            If it is not a schema. A ValueError.
        """
        schema = read_schema_file(Path(path))
        try:
            return cls.from_dict(schema)
        except (TypeError, UsageError) as error:
            raise FormatError(f"{os.fspath(path)}: {error}") from error
        except RecursionError as error:
            raise FormatError(f"{os.fspath(path)}: expected a schema, found JSON nested too deeply") from error

    @classmethod
    def from_dict(cls, schema: Mapping[str, Any]) -> SchemaBuilder:
        """Give a builder that holds a copy of a schema, of which parts may be missing.

        Keys that are not known are kept. A ``metadata`` section may be nested twice.

        Raises
        ------
        TypeError, UsageError
            If something is not as :meth:`build` makes it.

        Examples
        --------
        >>> SchemaBuilder.from_dict({"groups": {"faces": {"primary_dimension": "face"}}})
        SchemaBuilder('custom', '1.0', groups=['faces'])
        """
        version = schema.get("version", _VERSION)
        # Written by hand, a version is easily a number.
        is_number = isinstance(version, int | float) and not isinstance(version, bool)
        builder = cls(schema.get("domain", _DOMAIN), str(version) if is_number else version, schema.get("description"))
        builder._content = content_of(schema)
        return builder

    def _to_dict(self) -> dict[str, Any]:
        return schema_of(self._content, self.domain, self.version, self.description)
