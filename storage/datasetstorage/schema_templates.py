"""Schemas to start from."""

from __future__ import annotations

from copy import deepcopy
from difflib import get_close_matches
from typing import Any

from zarrpack.errors import UsageError
from zarrpack.storage.datasetstorage.cad_templates import CAD_ADVANCED, CAD_BASIC
from zarrpack.storage.datasetstorage.measurement_templates import MANUFACTURING_BASIC, SENSOR_BASIC

__all__ = ["SchemaTemplates"]

_TEMPLATES = {
    "cad_basic": CAD_BASIC,
    "cad_advanced": CAD_ADVANCED,
    "manufacturing_basic": MANUFACTURING_BASIC,
    "sensor_basic": SENSOR_BASIC,
}


class SchemaTemplates:
    """Whole schemas by name; their descriptions say what the values are and in which unit.

    Examples
    --------
    >>> SchemaTemplates.list_templates()
    ['cad_basic', 'cad_advanced', 'manufacturing_basic', 'sensor_basic']
    >>> SchemaTemplates.get_template("sensor_basic")["groups"]["timeseries"]["primary_dimension"]
    'time'
    """

    @staticmethod
    def list_templates() -> list[str]:
        """Name the templates."""
        return list(_TEMPLATES)

    @staticmethod
    def get_template(name: str) -> dict[str, Any]:
        """Give a copy of a template, a schema.

        Raises
        ------
        UsageError
            If there is none of that name. A ValueError.
        """
        if name not in _TEMPLATES:
            nearest = get_close_matches(str(name), _TEMPLATES, 1)
            hint = f"; did you mean {nearest[0]}?" if nearest else ""
            raise UsageError(f"template: expected one of {', '.join(_TEMPLATES)}, found {name!r}{hint}")
        return deepcopy(_TEMPLATES[name])

    @staticmethod
    def get_template_description(name: str) -> str:
        """Say what a template is for; unknown names as in :meth:`get_template`."""
        return str(SchemaTemplates.get_template(name)["description"])
