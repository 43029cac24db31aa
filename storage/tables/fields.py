"""What is known of a metadata field after a first pass over all items: kinds of values, and its categories."""

from __future__ import annotations

import json
import math
from collections.abc import Iterator, Mapping
from typing import Any, Literal, TypeAlias

__all__ = ["CATEGORIES", "FieldKind", "FieldProfile", "flat_fields", "json_text"]

#: ``json``: lists, and mixtures that no single type holds; written as JSON text.
FieldKind: TypeAlias = Literal["bool", "int", "float", "string", "json"]

#: How many distinct values a field may have that is categorical without being declared so.
CATEGORIES = 1000
# And how many characters they may have together: what is longer is text, and would have to be kept in memory.
_CATEGORY_CHARACTERS = 1 << 18

_BOOL, _INT, _FLOAT, _STRING, _OTHER = 1, 2, 4, 8, 16
_FLAGS: dict[type, int] = {type(None): 0, bool: _BOOL, float: _FLOAT, str: _STRING, list: _OTHER, tuple: _OTHER}
_KINDS: dict[int, FieldKind] = {_BOOL: "bool", _INT: "int", _FLOAT: "float", _INT | _FLOAT: "float", _STRING: "string"}
_INT64 = 1 << 63


class FieldProfile:
    """Collects what a field's values are. Not safe for threads.

    Parameters
    ----------
    all_kinds : bool
        Whether distinct values of every kind are kept, or of strings and bools only.
    unlimited : bool
        Whether any number of distinct values is kept.
    bounds : tuple of (float, float) or None
        The smallest and the largest number that fits; None: all do.

    Attributes
    ----------
    present : int
        How many values are not missing.
    fits : bool
        Whether all finite numbers are within the bounds.
    categories : dict or None
        The distinct values by first appearance, as keys; None where they are too many to be categories. The key
        of a bool or an integer is the pair (type, value), that of any other kind but a string (type, JSON text).

    Examples
    --------
    >>> profile = FieldProfile()
    >>> for value in ["red", None, "green", "red"]:
    ...     profile.add(value)
    >>> profile.kind, list(profile.categories)
    ('string', ['red', 'green'])
    """

    __slots__ = ("_all_kinds", "_bounds", "_characters", "_flags", "_unlimited", "categories", "fits", "present")

    def __init__(
        self, *, all_kinds: bool = False, unlimited: bool = False, bounds: tuple[float, float] | None = None
    ) -> None:
        self._all_kinds = all_kinds
        self._unlimited = unlimited
        self._bounds = bounds
        self.fits = True
        self._flags = 0
        self._characters = 0
        self.present = 0
        self.categories: dict[Any, None] | None = {}

    def add(self, value: Any) -> None:
        """Take note of one item's value, a JSON value that is no object.

        Raises
        ------
        TypeError
            If it is no JSON value.
        """
        flag = _FLAGS.get(type(value))
        if flag is None:
            flag = _flag_of(value)
        if not flag:
            return
        self._flags |= flag
        self.present += 1
        if self._bounds is not None and flag & (_INT | _FLOAT) and not self._bounds[0] <= value <= self._bounds[1]:
            self.fits = self.fits and not math.isfinite(value)
        if self.categories is not None and (self._all_kinds or flag & (_STRING | _BOOL)):
            key = _category_key(value, flag)
            if key not in self.categories:
                self._add_category(self.categories, key)

    @property
    def kind(self) -> FieldKind:
        """What holds all values of the field; a field without any is of strings."""
        return _KINDS.get(self._flags, "json") if self._flags else "string"

    def _add_category(self, categories: dict[Any, None], key: Any) -> None:
        categories[key] = None
        self._characters += len(key) if isinstance(key, str) else len(str(key[1]))
        too_many = len(categories) > CATEGORIES or self._characters > _CATEGORY_CHARACTERS
        if too_many and not self._unlimited:
            self.categories = None


def flat_fields(fields: Mapping[str, Any]) -> Mapping[str, Any]:
    """Give the fields with nested objects as ``a/b``; an empty object is the text ``{}``.

    The mapping itself, if nothing in it is nested.

    Examples
    --------
    >>> flat_fields({"a": {"b": 1, "c": {}}, "d": [2]})
    {'a/b': 1, 'a/c': '{}', 'd': [2]}
    """
    return dict(_flattened(fields, "")) if dict in map(type, fields.values()) else fields


def json_text(value: Any) -> str:
    """Give a value as strict JSON text; NaN and infinities become strings.

    Examples
    --------
    >>> json_text([1, "ü", float("nan")])
    '[1, "ü", "NaN"]'
    """
    try:
        return json.dumps(value, ensure_ascii=False, allow_nan=False)
    except ValueError:
        return json.dumps(_finite(value), ensure_ascii=False, allow_nan=False)


def _flattened(fields: Mapping[str, Any], prefix: str) -> Iterator[tuple[str, Any]]:
    for name, value in fields.items():
        if type(value) is not dict:
            yield prefix + name, value
        elif value:
            yield from _flattened(value, f"{prefix}{name}/")
        else:
            yield prefix + name, "{}"


def _category_key(value: Any, flag: int) -> Any:
    if flag == _STRING:
        return value
    return type(value).__name__, value if flag & (_BOOL | _INT) else json_text(value)


def _flag_of(value: Any) -> int:
    if isinstance(value, int):
        # What int64 cannot hold keeps all its digits as text.
        return _INT if -_INT64 <= value < _INT64 else _OTHER
    for type_ in (float, str, list, tuple):
        if isinstance(value, type_):
            return _FLAGS[type_]
    raise TypeError(f"metadata: expected a JSON value, found {value!r}, a {type(value).__name__}")


def _finite(value: Any) -> Any:
    if isinstance(value, float) and not math.isfinite(value):
        return "NaN" if math.isnan(value) else ("Infinity" if value > 0 else "-Infinity")
    if isinstance(value, list | tuple):
        return [_finite(one) for one in value]
    if isinstance(value, dict):
        return {key: _finite(one) for key, one in value.items()}
    return value
