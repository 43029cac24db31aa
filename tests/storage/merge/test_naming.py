"""Names in a group never clash."""

from __future__ import annotations

from zarrpack.storage.merge.naming import GroupNames


def test_added_arrays_make_way() -> None:
    """An array that the merge adds gets another name where a data array or a dimension has its own, case aside."""
    names = GroupNames()

    assert names.row_dimension("Row") == "Row"
    assert names.array("x") == "x"
    assert [names.own_array(name) for name in ("X", "x", "row", "y")] == ["X_", "x__", "row_", "y"]
    assert names.own_dimension("y") == "y_"


def test_dimensions_are_shared_where_they_are_the_same() -> None:
    """One name and one length is one dimension; another length is another."""
    names = GroupNames()

    assert names.trailing_dimensions(("y", "x"), (2, 3)) == ("y", "x")
    assert names.trailing_dimensions(("y", "x"), (2, 4)) == ("y", "x__2")
    assert names.row_dimension("y") == "y__2"
