"""The names and descriptions of ids that metadata bring along: ``descriptions/face_types = {0: "Plane", ...}``."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from zarrpack.errors import UsageError
from zarrpack.storage.tables.rules import Category

__all__ = ["DescriptionTables", "read_table"]

_LIMIT = 1 << 63


def read_table(where: str, table: object) -> dict[int, Category]:
    """Give a table of descriptions.

    Parameters
    ----------
    where : str
        Its name, for messages.
    table : mapping
        Whole numbers, or strings of them as JSON has keys, to a name or ``{"name": ..., "description": ...}``.

    Raises
    ------
    UsageError
        If it is something else. A ValueError.

    Examples
    --------
    >>> read_table("face_types", {"0": "Plane", 1: {"name": "Cone", "description": "Conical surface"}})
    {0: Category(name='Plane', description=''), 1: Category(name='Cone', description='Conical surface')}
    """
    if not isinstance(table, Mapping):
        raise UsageError(f"{where}: expected ids with their names, found a {type(table).__name__}")
    return {_number(where, key): _category(where, key, entry) for key, entry in table.items()}


class DescriptionTables:
    """The union of the descriptions of many files; of contradicting ones the first is kept. Not safe for threads.

    Attributes
    ----------
    tables : dict of str to dict of int to Category
        What has been found, by table and id.
    problems : dict of str to str
        For each table in which something had to be left out, the first such thing.
    """

    def __init__(self) -> None:
        self.tables: dict[str, dict[int, Category]] = {}
        self.problems: dict[str, str] = {}

    def add(self, descriptions: object, table: str = "") -> None:
        """Add the descriptions of one file, tables within objects included: those are called ``outer/inner``."""
        if not isinstance(descriptions, Mapping):
            self._note(table, f"expected tables of ids with their names, found {descriptions!r:.80}")
        elif table and (not descriptions or any(_is_number(key) for key in descriptions)):
            try:
                self._merge(table, read_table(table, descriptions))
            except UsageError as error:
                self._note(table, str(error).removeprefix(f"{table}: "))
        else:
            for name, inner in descriptions.items():
                self.add(inner, f"{table}/{name}" if table else str(name))

    def _merge(self, table: str, added: Mapping[int, Category]) -> None:
        known = self.tables.setdefault(table, {})
        for number, category in added.items():
            present = known.setdefault(number, category)
            if present.name == category.name and not present.description:
                known[number] = category
            elif present.name != category.name or category.description not in ("", present.description):
                self._note(table, f"id {number} is described in several ways; {present.name!r} is kept")

    def _note(self, table: str, problem: str) -> None:
        self.problems.setdefault(table or "descriptions", problem)


def _is_number(key: object) -> bool:
    try:
        _number("", key)
    except UsageError:
        return False
    return True


def _number(where: str, key: object) -> int:
    try:
        number = int(str(key)) if isinstance(key, str) or hasattr(key, "__index__") else None
    except ValueError:
        number = None
    if number is None or isinstance(key, bool) or not -_LIMIT <= number < _LIMIT:
        raise UsageError(f"{where}: expected ids that are whole numbers of 64 bits, found {key!r:.80}")
    return number


def _category(where: str, key: object, entry: Any) -> Category:
    name = entry.get("name") if isinstance(entry, Mapping) else entry
    if isinstance(name, Mapping | list | tuple) or name is None:
        raise UsageError(f"{where}: expected a name for id {key!r}, or an object with name and description")
    description = entry.get("description") if isinstance(entry, Mapping) else None
    return Category(str(name), "" if description is None else str(description))
