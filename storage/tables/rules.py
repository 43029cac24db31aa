"""In what the tables of somebody's own stores differ from those of a conversion."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import NamedTuple

__all__ = ["Category", "TableRules"]


class Category(NamedTuple):
    """What is known of one category beforehand.

    Parameters
    ----------
    name : str
        What it is called.
    description : str
        More about it; empty: nothing is known.
    """

    name: str
    description: str = ""


@dataclass(frozen=True, slots=True)
class TableRules:
    """How tables are made of rows. Left as it is, as a conversion makes them.

    Parameters
    ----------
    table_name : str
        Value of the infoset's column of that name.
    own_columns : tuple of str
        Fields that have a column of their own name even if it is a reserved one, and no categories unless declared.
    text_is_categorical : bool
        Whether fields of text that nothing else is known of are categorical even if their values hardly repeat.
    sorted_categories : bool
        Whether categories without an id of their own are numbered in the order of their values, not of appearance.
    dictionary : mapping of str to mapping of int to Category
        Table name -> id -> what is known of it. Tables that are no field's become rows of the attribset as well.
    """

    table_name: str = "file_info"
    own_columns: tuple[str, ...] = ()
    text_is_categorical: bool = False
    sorted_categories: bool = False
    dictionary: Mapping[str, Mapping[int, Category]] = field(default_factory=dict)
