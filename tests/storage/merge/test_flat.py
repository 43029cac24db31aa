"""Arrays whose rows differ in shape are stored flat."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt
import pytest

from zarrpack.errors import FormatError
from zarrpack.storage.blocks import Block

SIZES = ("height", "width", "channels")


def picture(height: int, width: int, seed: int, *, has_sizes: bool = True, dtype: str = "u1") -> list[Block]:
    """Give a member that is one picture."""
    pixels = np.random.default_rng(seed).integers(0, 200, (1, height, width, 3)).astype(dtype)
    blocks = [
        Block(
            *("images", "pixels", ("image", "y", "x", "channel"), pixels),
            content="pixels",
            unit="row",
            shape_from=SIZES if has_sizes else (),
        )
    ]
    if has_sizes:
        lengths = zip(SIZES, pixels.shape[1:], strict=True)
        blocks += [Block("images", name, ("image",), np.array([length], np.int32)) for name, length in lengths]
    return blocks


def pixels_of(member: list[Block]) -> npt.NDArray[Any]:
    """Give the picture of a member."""
    rows = member[0].rows
    assert isinstance(rows, np.ndarray)
    values: npt.NDArray[Any] = rows[0]
    return values


def assert_pictures(out: Any, members: list[list[Block]], group: str = "images", name: str = "pixels") -> None:
    """Compare an output's pictures with members."""
    found = out.rows(group, name)
    assert len(found) == len(members)
    for one, member in zip(found, members, strict=True):
        np.testing.assert_array_equal(one, pixels_of(member))


@pytest.mark.parametrize("has_sizes", [True, False])
@pytest.mark.parametrize("forms", [(True, True), (True, False), (False, True), (False, False)])
def test_pictures_of_mixed_size_are_flat(workshop: Any, forms: tuple[bool, bool], has_sizes: bool) -> None:
    """Whether packs are flat or not, pictures of different sizes end in one flat array."""
    first = [picture(30, 20, 1, has_sizes=has_sizes), picture(30, 20, 2, has_sizes=has_sizes)]
    second = [picture(5, 7, 3, has_sizes=has_sizes), picture(300, 400, 4, has_sizes=has_sizes)]
    sources = [workshop.pack(first, flat_pixels=forms[0]), workshop.pack(second, flat_pixels=forms[1])]

    out = workshop.merge(sources)

    assert_pictures(out, [*first, *second])
    assert out.arrays["images"]["pixels"].ndim == 1
    assert ("pixels_shape" in out.arrays["images"]) is not has_sizes
    assert out.codes("images", "image") == [0, 1, 2, 3]
    assert any("stored flat" in note for note in out.report.notes) is (False in forms)


def test_pictures_of_one_size_stay_uniform(workshop: Any) -> None:
    """Packs that agree on the size keep one row a picture."""
    members = [picture(30, 20, seed) for seed in range(3)]

    out = workshop.merge([workshop.pack(members[:2]), workshop.pack(members[2:])])

    assert out.arrays["images"]["pixels"].shape == (3, 30, 20, 3)
    assert_pictures(out, members)
    assert out.report.notes == ()


def test_flat_packs_of_one_size_stay_flat(workshop: Any) -> None:
    """Packs that were encoded flat are not turned back."""
    members = [picture(30, 20, seed) for seed in range(3)]

    out = workshop.merge([workshop.pack(members[:2], flat_pixels=True), workshop.pack(members[2:], flat_pixels=True)])

    assert out.arrays["images"]["pixels"].shape == (3 * 30 * 20 * 3,)
    assert_pictures(out, members)


@pytest.mark.parametrize("flat", [True, False])
def test_codes_reorder_flat_pictures(workshop: Any, flat: bool) -> None:
    """Items in another order, two members in one item, and a member left out: offsets follow, values stay."""
    members = [picture(3 + seed, 4, seed) for seed in range(5)]
    sources = [workshop.pack(members[:3], flat_pixels=flat), workshop.pack(members[3:], flat_pixels=flat)]

    out = workshop.merge(sources, [[2, -1, 0], [1, 0]])

    assert_pictures(out, [members[2], members[4], members[3], members[0]])
    assert out.codes("images", "image") == [0, 0, 1, 2]


def test_large_flat_packs_start_on_chunk_borders(workshop: Any) -> None:
    """A pack of whole chunks is copied: only the arrays that lie beside the pixels are encoded."""
    members = [picture(600, 700, seed) for seed in range(4)]
    sources = [workshop.pack(members[:2], flat_pixels=True), workshop.pack(members[2:], flat_pixels=True)]

    out = workshop.merge(sources, [[3, 1], [2, 0]])

    assert_pictures(out, [members[3], members[1], members[2], members[0]])
    assert out.report.groups["images"]["pixels"]["chunks"] == (1 << 20,)
    assert out.arrays["images"]["pixels_offsets"].tolist() == [
        3 * (1 << 20) + 600 * 700 * 3,
        600 * 700 * 3,
        3 * (1 << 20),
        0,
    ]
    assert out.report.chunks_copied == 6


def test_flat_packs_and_others_mix(workshop: Any) -> None:
    """Between packs that are copied, one that is not is laid right behind the one before."""
    members = [picture(600, 700, 1), picture(9, 9, 2), picture(700, 600, 3)]
    sources = [
        workshop.pack([members[0]], flat_pixels=True),
        workshop.pack([members[1]]),
        workshop.pack([members[2]], flat_pixels=True),
    ]

    out = workshop.merge(sources)

    assert_pictures(out, members)
    assert out.arrays["images"]["pixels_offsets"].tolist() == [0, 600 * 700 * 3, 2 << 20]
    assert out.report.chunks_copied == 3


def test_dtypes_promote_in_the_flat_form(workshop: Any) -> None:
    """Eight and sixteen bits make sixteen, whatever the form of the packs."""
    members = [picture(4, 5, 1), picture(6, 5, 2, dtype="u2"), picture(4, 5, 3)]

    out = workshop.merge([workshop.pack(members[:2], flat_pixels=True), workshop.pack(members[2:])])

    assert out.arrays["images"]["pixels"].dtype == np.uint16
    assert_pictures(out, members)


def test_pictures_without_pixels_have_empty_shapes(workshop: Any) -> None:
    """Rows without values get a shape of zeros, although their sizes are known."""
    bare = picture(4, 5, 1)[1:]
    members = [picture(6, 5, 2), picture(7, 5, 3)]

    out = workshop.merge([workshop.pack([bare, *members], flat_pixels=True)])

    assert out.arrays["images"]["height"].tolist() == [4, 6, 7]
    assert out.arrays["images"]["pixels_shape"].tolist() == [[0, 0, 0], [6, 5, 3], [7, 5, 3]]
    np.testing.assert_array_equal(out.rows("images", "pixels")[1], pixels_of(members[0]))
    assert "images/pixels: 1 of 3 rows have no values" in out.report.notes


def test_pictures_without_pixels_stay_so_in_a_second_merge(workshop: Any) -> None:
    """A dataset's shapes are believed before its heights and widths."""
    partly = workshop.merge([workshop.pack([picture(4, 5, 1)[1:], picture(6, 5, 2)], flat_pixels=True)]).path

    out = workshop.merge([workshop.pack([picture(3, 3, 4)], flat_pixels=True), partly], [[0], [1, 2]])

    assert out.arrays["images"]["pixels_shape"].tolist() == [[3, 3, 3], [0, 0, 0], [6, 5, 3]]


def test_pictures_without_sizes_get_shapes(workshop: Any) -> None:
    """Where the arrays that should hold the sizes lack some, the shapes are written."""
    members = [picture(4, 5, 1), picture(6, 5, 2)[:1]]

    out = workshop.merge([workshop.pack(members)])

    assert out.arrays["images"]["pixels_shape"].tolist() == [[4, 5, 3], [6, 5, 3]]
    assert_pictures(out, members)


def test_pictures_are_cut_at_chunk_borders(workshop: Any) -> None:
    """A picture that is larger than a chunk goes over to the next one."""
    members = [picture(3, 5, 1), picture(900, 700, 2), picture(5, 3, 3), picture(800, 700, 4)]

    out = workshop.merge([workshop.pack(members)])

    assert out.report.groups["images"]["pixels"]["chunks"] == (1 << 20,)
    assert_pictures(out, members)


def test_members_of_different_shape_are_one_thing_each(workshop: Any) -> None:
    """Arrays whose unit is the member go flat with one shape for all rows of a member."""
    shapes = [(4, 2), (3, 5), (0, 2), (1, 2)]
    arrays = [np.random.default_rng(seed).random(shape) for seed, shape in enumerate(shapes)]
    members = [[Block("arrays", "array", ("row", "column"), array)] for array in arrays]

    out = workshop.merge([workshop.pack(members[:2]), workshop.pack(members[2:])], [[1, 0], [2, 3]])

    found = out.rows("arrays", "array")
    for one, array in zip(found, [arrays[1], arrays[0], arrays[3]], strict=True):
        np.testing.assert_array_equal(one, array)
    assert out.codes("arrays", "array_part") == [0, 1, 3]
    assert "file_id" in out.arrays["arrays"]
    assert out.report.rows == {"arrays": {"array_part": 3}}


def test_things_of_one_item_keep_source_order(workshop: Any) -> None:
    """Things of members with one code follow each other as the members do, not as their shapes do."""
    shapes = [(1, 2), (1, 3), (2, 2), (1, 3)]
    members = [[Block("arrays", "array", ("row", "column"), np.full(shape, seed))] for seed, shape in enumerate(shapes)]

    out = workshop.merge([workshop.pack(members)], [[0, 0, 0, 0]])

    assert [thing.shape for thing in out.rows("arrays", "array")] == shapes


def test_a_member_of_many_rows_is_one_thing(workshop: Any) -> None:
    """A member whose codes fill more than a chunk is not divided."""
    shapes = [((1 << 20) + 9, 1), (1, 2)]
    members = [[Block("arrays", "array", ("row", "column"), np.zeros(shape, np.uint8))] for shape in shapes]

    out = workshop.merge([workshop.pack(members, compression="none")])

    assert [thing.shape for thing in out.rows("arrays", "array")] == shapes


def test_things_lie_beside_rows(workshop: Any) -> None:
    """A flat array of members leaves the rows of the other arrays as they are."""

    def member(width: int, rows: int) -> list[Block]:
        return [
            Block("arrays", "table", ("row", "column"), np.full((rows, width), width)),
            Block("arrays", "key", ("row",), np.arange(rows)),
        ]

    out = workshop.merge([workshop.pack([member(2, 3), member(4, 1)])])
    arrays = out.arrays["arrays"]

    assert [one.shape for one in out.rows("arrays", "table")] == [(3, 2), (1, 4)]
    assert arrays["key"].tolist() == [0, 1, 2, 0]
    assert out.codes("arrays", "row") == [0, 0, 0, 1]
    assert out.codes("arrays", "table_part") == [0, 1]


def test_strings_of_different_shape(workshop: Any) -> None:
    """Text goes flat as numbers do."""
    arrays = [np.array([["a", "b"]]), np.array([["é", "", "f"], ["x", "y", "z"]])]

    out = workshop.merge([workshop.pack([[Block("g", "words", ("row", "word"), array)]]) for array in arrays])

    assert [one.tolist() for one in out.rows("g", "words")] == [array.tolist() for array in arrays]


def test_a_dataset_can_be_merged_again(workshop: Any) -> None:
    """Merging a dataset with a pack gives what merging its packs with the pack gives, to the byte."""
    members = [picture(600, 700, 1), picture(9, 9, 2), picture(700, 600, 3), picture(8, 8, 4)]
    packs = [workshop.pack([one], flat_pixels=True) for one in members]

    partly = workshop.merge(packs[:3], [[1], [0], [2]]).path
    again = workshop.merge([partly, packs[3]], [[0, 1, 2], [3]])
    whole = workshop.merge(packs, [[1], [0], [2], [3]])

    assert_pictures(again, [members[1], members[0], members[2], members[3]])
    assert again.path.read_bytes() == whole.path.read_bytes()


@pytest.mark.parametrize("shapes", [[(4, 2), (3, 5), (1, 1)], [(4, 2), (4, 2), (1, 1)]])
def test_a_dataset_of_things_can_be_merged_again(workshop: Any, shapes: list[tuple[int, int]]) -> None:
    """Things that are members keep their shapes through a second merge, flat the first time or not."""
    arrays = [np.random.default_rng(seed).random(shape) for seed, shape in enumerate(shapes)]
    packs = [workshop.pack([[Block("arrays", "array", ("row", "column"), array)]]) for array in arrays]

    partly = workshop.merge(packs[:2]).path
    out = workshop.merge([packs[2], partly], [[0], [2, 1]])

    for one, array in zip(out.rows("arrays", "array"), [arrays[2], arrays[1], arrays[0]], strict=True):
        np.testing.assert_array_equal(one, array)


def test_a_flat_array_without_shapes_is_refused(workshop: Any) -> None:
    """Nothing tells the pictures' shapes: the message names the file and the array."""
    blocks = picture(4, 5, 1)[:1]

    source = workshop.pack([blocks], flat_pixels=True)

    with pytest.raises(FormatError, match=rf"{source}: images/pixels: expected an array of shapes"):
        workshop.merge([source])
