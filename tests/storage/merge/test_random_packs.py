"""Random packs and stores against a concatenation that a reader can follow."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt
from hypothesis import given, settings
from hypothesis import strategies as st

from zarrpack.storage.blocks import Block

#: Array -> (group, dimensions, content, unit)
ARRAYS: dict[str, tuple[str, tuple[str, ...], Any, Any]] = {
    "x": ("g", ("row",), "values", "member"),
    "y": ("g", ("row",), "values", "member"),
    "pixels": ("g", ("image", "h", "w"), "pixels", "row"),
    "label": ("g", ("image",), "values", "member"),
    "whole": ("arrays", ("n", "k"), "values", "member"),
}
FAMILIES = {"u1": "int", "i2": "int", "i8": "int", "f4": "float", "f8": "float", "?": "bool", "str": "str"}


class Member(NamedTuple):
    """A member: its arrays by name, its item's code, and whether it fails."""

    arrays: dict[str, Any]
    code: int
    fails: bool


def family(values: Any) -> str:
    """Name what a column's values are."""
    return FAMILIES["str" if isinstance(values, list) else values.dtype.str[1:].replace("b1", "?")]


@st.composite
def members(draw: st.DrawFn) -> Member:
    """Draw a member: for each dimension some rows, and some of the arrays along it."""
    rows = {dim: draw(st.sampled_from([1, 2, 3, 0])) for dim in ("row", "image", "n")}
    arrays: dict[str, Any] = {}
    for name in draw(st.sets(st.sampled_from(sorted(ARRAYS)), min_size=1, max_size=4)):
        dims = ARRAYS[name][1]
        tail = tuple(draw(st.integers(1, 3)) for _ in dims[1:])
        shape = (rows[dims[0]], *tail)
        dtype = draw(st.sampled_from(["i8", "i8", "u1", "i2", "f8"] if tail else ["i8", "i8", "i8", *sorted(FAMILIES)]))
        seed = draw(st.integers(0, 99))
        values = np.random.default_rng(seed).integers(0, 2 if dtype == "?" else 99, shape)
        arrays[name] = [f"é{value}" for value in values] if dtype == "str" else values.astype(dtype)
    return Member(arrays, draw(st.integers(-1, 6)), draw(st.booleans()) and draw(st.booleans()))


def blocks(member: Member) -> list[Block]:
    """Give a member's blocks."""
    return [
        Block(ARRAYS[name][0], name, ARRAYS[name][1], values, content=ARRAYS[name][2], unit=ARRAYS[name][3])
        for name, values in sorted(member.arrays.items())
    ]


def expected_rows(kept: list[Member], dim: str) -> tuple[list[int], dict[str, list[Any]]]:
    """Concatenate: the code of each row along a dimension, and each array's rows, None where a member lacks it."""
    names = [name for name, spec in ARRAYS.items() if spec[1][0] == dim]
    codes: list[int] = []
    rows: dict[str, list[Any]] = {name: [] for name in names}
    for member in kept:
        count = max((len(member.arrays[name]) for name in names if name in member.arrays), default=0)
        codes += [member.code] * count
        for name in names:
            values = member.arrays.get(name)
            rows[name] += [None] * count if values is None else [(family(values), row) for row in values]
    return codes, rows


def assert_padding(row: Any) -> None:
    """A row that its member lacks is empty, or holds what stands for a missing value."""
    if row is None or isinstance(row, str):
        assert not row
    else:
        values = np.asarray(row)
        missing: Any = {"f": np.nan, "i": -1, "b": False}.get(values.dtype.kind)
        if values.dtype.kind == "u":
            missing = np.iinfo(values.dtype).max
        np.testing.assert_array_equal(values, np.full_like(values, missing))


def assert_array(out: Any, group: str, name: str, expected: list[Any]) -> None:
    """Each row is in the variant of its family, and padding in the others."""
    variants = {
        array: attributes
        for array, attributes in out.attributes[group].items()
        if attributes["zarrpack_role"] == "data" and attributes.get("name", array) == name
    }
    assert len(variants) == len({row[0] for row in expected if row is not None})
    for array in variants:
        kind = out.arrays[group][array].dtype.kind
        own = {"i": "int", "u": "int", "f": "float", "b": "bool"}.get(kind, "str")
        for row, wanted in zip(out.rows(group, array), expected, strict=True):
            if wanted is None or wanted[0] != own:
                assert_padding(row)
            else:
                np.testing.assert_array_equal(row, wanted[1])


def assert_things(out: Any, kept: list[Member]) -> None:
    """The arrays whose unit is the member: rows if all have one shape, else things."""
    with_rows = [member for member in kept if len(member.arrays.get("whole", ()))]
    for own in {family(member.arrays["whole"]) for member in with_rows}:
        own_members = [member for member in with_rows if family(member.arrays["whole"]) == own]
        name = next(
            array
            for array, values in out.arrays["arrays"].items()
            if array.startswith("whole") and values.dtype.kind in ("f" if own == "float" else "iu") and values.size
            and not array.endswith(("_offsets", "_shape"))
        )  # fmt: skip
        if not out.attributes["arrays"][name].get("zarrpack_flat"):
            continue
        things: list[npt.NDArray[Any]] = out.rows("arrays", name)
        for thing, member in zip(things, own_members, strict=True):
            np.testing.assert_array_equal(thing, member.arrays["whole"])
        assert out.codes("arrays", f"{name}_part") == [member.code for member in own_members]


@settings(max_examples=120, deadline=None)
@given(
    sources=st.lists(st.lists(members(), max_size=4), max_size=4),
    flat=st.lists(st.booleans(), min_size=4, max_size=4),
    stores=st.lists(st.booleans(), min_size=4, max_size=4),
)
def test_a_merge_is_a_concatenation(
    workshop: Any, sources: list[list[Member]], flat: list[bool], stores: list[bool]
) -> None:
    """Whatever the packs, the output holds every kept row once, in order, with its code."""
    paths, codes, kept = [], [], []
    for source, is_flat, is_store in zip(sources, flat, stores, strict=False):
        stored = [member for member in source if not member.fails]
        if is_store and len(stored) != 1:
            is_store = False
        failing = [number for number, member in enumerate(source) if member.fails]
        options = {"kind": "store" if is_store else "pack", "flat_pixels": is_flat, "compression": "none"}
        given_members = stored if is_store else source
        failing = [] if is_store else failing
        # The shapes of a flat pack's pictures are in an array of their own.
        paths.append(workshop.pack([blocks(member) for member in given_members], failing=failing, **options))
        codes.append([member.code for member in stored])
        kept += [member for member in stored if member.code >= 0]
    kept.sort(key=lambda member: member.code)

    out = workshop.merge(paths, codes, count=7, threads=1)

    for dim in ("row", "image"):
        expected_codes, rows = expected_rows(kept, dim)
        for name, expected in rows.items():
            if any(row is not None for row in expected):
                assert_array(out, "g", name, expected)
                assert out.codes("g", dim) == expected_codes
    assert_things(out, kept)
