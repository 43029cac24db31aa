"""Arrays of one name whose dtypes, dimensions or presence differ between members."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from zarrpack.storage.blocks import Block


def column(values: Any, name: str = "x", dims: tuple[str, ...] = ("row",)) -> list[Block]:
    """Give a member with one array."""
    return [Block("table", name, dims, values)]


def integers(*values: int, dtype: str = "i8") -> list[Block]:
    """Give a member with one array of integers."""
    return column(np.array(values, dtype))


@pytest.mark.parametrize("together", [True, False], ids=["one pack", "two packs"])
@pytest.mark.parametrize(
    ("first", "second", "expected"),
    [
        ("u1", "u2", "u2"),
        ("u1", "i1", "i2"),
        ("i4", "i8", "i8"),
        ("u4", "i4", "i8"),
        ("f2", "f8", "f8"),
        ("c8", "c16", "c16"),
    ],
)
def test_dtypes_of_one_family_promote(workshop: Any, together: bool, first: str, second: str, expected: str) -> None:
    """Both arrays' values are kept in the smallest type that holds both."""
    members = [column(np.array([1, 2], first)), column(np.array([3], second))]
    sources = [workshop.pack(members)] if together else [workshop.pack([member]) for member in members]

    out = workshop.merge(sources)

    assert out.arrays["table"]["x"].dtype == np.dtype(expected)
    assert out.arrays["table"]["x"].tolist() == [1, 2, 3]
    assert len(out.report.notes) == 1
    assert "promoted" in out.report.notes[0]


@pytest.mark.parametrize("together", [True, False], ids=["one pack", "two packs"])
def test_other_families_get_arrays_of_their_own(workshop: Any, together: bool) -> None:
    """No value changes its kind: rows that an array lacks are padded, and counted."""
    members = [
        integers(1, 2),
        column(np.array([0.5])),
        column(["a"]),
        column([b"b"]),
        column(np.array([True])),
        column(np.array([1j])),
        integers(3, dtype="u1"),
    ]
    sources = [workshop.pack(members)] if together else [workshop.pack([member]) for member in members]

    out = workshop.merge(sources)
    arrays = out.arrays["table"]

    assert arrays["x"].tolist() == [1, 2, -1, -1, -1, -1, -1, 3]
    np.testing.assert_array_equal(arrays["x__float64"], [np.nan] * 2 + [0.5] + [np.nan] * 5)
    assert arrays["x__str"].tolist() == ["", "", "", "a", "", "", "", ""]
    assert arrays["x__bytes"].tolist() == [b""] * 4 + [b"b"] + [b""] * 3
    assert arrays["x__bool"].tolist() == [False] * 5 + [True] + [False] * 2
    assert np.isnan(arrays["x__complex128"]).tolist() == [True] * 6 + [False, True]
    assert out.codes("table", "row") == [0, 0, 1, 2, 3, 4, 5, 6]
    assert "table/x__str: 7 of 8 rows padded with ''" in out.report.notes
    assert out.attributes["table"]["x__str"]["name"] == "x"


def test_unsigned_rows_are_padded_with_the_largest_number(workshop: Any) -> None:
    """An unsigned array has no -1."""
    members = [[*integers(1, dtype="u1"), *column(np.array([2], "u2"), "y")], integers(3, dtype="u1")]

    out = workshop.merge([workshop.pack(members)])

    assert out.arrays["table"]["y"].tolist() == [2, 65535]


def test_no_integer_type_holds_both(workshop: Any) -> None:
    """uint64 and signed numbers have no integer type in common; other integers stay together."""
    big = 2**64 - 1
    members = [integers(-1, dtype="i2"), integers(big, dtype="u8"), integers(7, dtype="u4")]

    out = workshop.merge([workshop.pack(members)])

    assert out.arrays["table"]["x"].tolist() == [-1, -1, 7]
    assert out.arrays["table"]["x"].dtype == np.int64
    assert out.arrays["table"]["x__uint64"].tolist() == [big, big, big]


def test_other_dimensions_make_another_array(workshop: Any) -> None:
    """Arrays of another number of axes are kept apart under a name that says so."""
    members = [integers(1), column(np.ones((2, 3)), dims=("row", "column"))]

    out = workshop.merge([workshop.pack(members)])

    assert out.arrays["table"]["x"].tolist() == [1, -1, -1]
    np.testing.assert_array_equal(out.arrays["table"]["x__float64__2d"], [[np.nan] * 3, [1.0] * 3, [1.0] * 3])


def test_dates_keep_what_they_stand_for(workshop: Any) -> None:
    """Dates are integers with an attribute; missing ones are NaT."""
    days = np.array(["2020-01-01"], "M8[D]")
    members = [[*column(days), *integers_named("y", 1)], integers_named("y", 2)]

    out = workshop.merge([workshop.pack([members[0]]), workshop.pack([members[1]])])

    stored = out.arrays["table"]["x"]
    assert stored.view(out.attributes["table"]["x"]["zarrpack_dtype"]).astype(str).tolist() == ["2020-01-01", "NaT"]


def integers_named(name: str, value: int) -> list[Block]:
    """Give a member with one array of a name."""
    return column(np.array([value]), name)


def test_a_name_that_a_variant_would_get_is_taken(workshop: Any) -> None:
    """A variant makes way for an array whose true name is what the variant would be called."""
    members = [[*column(np.array([7]), "x__str"), *integers(1)], [*column(np.array([8]), "x__str"), *column(["a"])]]

    out = workshop.merge([workshop.pack(members)])

    assert out.arrays["table"]["x__str"].tolist() == [7, 8]
    assert out.arrays["table"]["x__str__2"].tolist() == ["", "a"]


def test_rows_of_one_member_in_several_dtypes_stay_in_it(workshop: Any) -> None:
    """A member whose rows come in two dtypes keeps its rows, those of the first dtype first."""
    mixed = [
        Block("pages", "page", ("page_number", "y"), np.full((1, 2), 1, np.uint8)),
        Block("pages", "page", ("page_number", "y"), np.full((1, 2), 300, np.uint16)),
        Block("pages", "number", ("page_number",), np.array([1, 2])),
    ]
    plain = [
        Block("pages", "page", ("page_number", "y"), np.full((2, 2), 5, np.uint8)),
        Block("pages", "number", ("page_number",), np.array([3, 4])),
    ]

    out = workshop.merge([workshop.pack([mixed, plain])], [[1, 0]])

    assert out.arrays["pages"]["page"].tolist() == [[5, 5], [5, 5], [1, 1], [300, 300]]
    assert out.arrays["pages"]["number"].tolist() == [3, 4, 1, 2]


def test_arrays_that_change_dtype_in_different_members_stay_aligned(workshop: Any) -> None:
    """Two arrays whose dtypes change in the same and in other members keep each member's rows beside each other."""
    half, whole = np.array([0.5]), np.array([1])
    members = [column(whole), [*column(half), *column(whole, "y")], [*column(whole), *column(half, "y")]]

    out = workshop.merge([workshop.pack(members)], [[0, 0, 0]])
    arrays = out.arrays["table"]

    assert arrays["x"].tolist() == [1, -1, 1]
    assert arrays["y"].tolist() == [-1, 1, -1]
    np.testing.assert_array_equal(arrays["x__float64"], [np.nan, 0.5, np.nan])
    np.testing.assert_array_equal(arrays["y__float64"], [np.nan, np.nan, 0.5])


def test_first_appearance_counts_only_what_is_kept(workshop: Any) -> None:
    """A member that is left out does not take the plain name."""
    out = workshop.merge([workshop.pack([column(["a"]), integers(4)])], [[-1, 0]])

    assert out.arrays["table"]["x"].tolist() == [4]
    assert out.report.notes == ()


def test_variants_join_again_in_a_second_merge(workshop: Any) -> None:
    """A dataset's variants are the same arrays as a pack's."""
    packs = [workshop.pack([integers(1)]), workshop.pack([column(["a"])]), workshop.pack([column(["b"])])]

    partly = workshop.merge(packs[:2]).path
    out = workshop.merge([partly, packs[2]], [[0, 1], [2]])

    assert out.arrays["table"]["x"].tolist() == [1, -1, -1]
    assert out.arrays["table"]["x__str"].tolist() == ["", "a", "b"]
