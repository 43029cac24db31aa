"""Packs and stores become one dataset."""

from __future__ import annotations

import json
import subprocess
import zipfile
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest

from zarrpack.errors import MergeError
from zarrpack.storage.blocks import Block
from zarrpack.storage.merge import merge_arrays


def faces(areas: list[float]) -> list[Block]:
    """Give a member of rows."""
    return [Block("faces", "area", ("face",), np.array(areas, np.float32))]


def graph(nodes: int, edges: list[int]) -> list[Block]:
    """Give a member with rows of two dimensions in one group."""
    return [
        Block("graph", "weight", ("edge",), np.array(edges, np.int32)),
        Block("graph", "color", ("node",), np.arange(nodes, dtype=np.uint8)),
    ]


def test_rows_follow_each_other_with_their_codes(workshop: Any) -> None:
    """Three members in two packs become rows in order, each with its item's code."""
    sources = [workshop.pack([faces([1.5, 2.5, 4.0]), faces([3.5, 5.0])]), workshop.pack([faces([2.0, 1.0, 6.5])])]

    out = workshop.merge(sources)

    assert out.arrays["faces"]["area"].tolist() == [1.5, 2.5, 4.0, 3.5, 5.0, 2.0, 1.0, 6.5]
    assert out.arrays["faces"]["area"].dtype == np.float32
    assert out.arrays["faces"]["file_id"].tolist() == [0, 0, 0, 1, 1, 2, 2, 2]
    assert out.arrays["faces"]["face_offsets"].tolist() == [0, 3, 5, 8]
    assert out.report.rows == {"faces": {"face": 8}}


def test_rows_are_ordered_by_code(workshop: Any) -> None:
    """Codes decide the order of rows, wherever the members lie."""
    sources = [workshop.pack([faces([1, 2]), faces([3]), faces([4])]), workshop.pack([faces([5, 6])])]

    out = workshop.merge(sources, [[3, 0, 2], [1]])

    assert out.arrays["faces"]["area"].tolist() == [3, 5, 6, 4, 1, 2]
    assert out.codes("faces", "face") == [0, 1, 1, 2, 3, 3]


def test_members_of_one_item_keep_source_order(workshop: Any) -> None:
    """Rows of several members with one code follow each other as the sources do."""
    sources = [workshop.pack([faces([1]), faces([2, 3])]), workshop.pack([faces([4]), faces([5])])]

    out = workshop.merge(sources, [[1, 0], [0, 1]])

    assert out.arrays["faces"]["area"].tolist() == [2, 3, 4, 1, 5]
    assert out.codes("faces", "face") == [0, 0, 0, 1, 1]


def test_members_without_a_code_are_left_out(workshop: Any) -> None:
    """The code -1 drops a member's rows; a code without rows keeps its place."""
    sources = [workshop.pack([faces([1]), faces([2, 3]), faces([4])])]

    out = workshop.merge(sources, [[2, -1, 0]], count=4)

    assert out.arrays["faces"]["area"].tolist() == [4, 1]
    assert out.arrays["faces"]["face_offsets"].tolist() == [0, 1, 1, 2, 2]


def test_rows_around_a_dropped_member_are_joined(workshop: Any) -> None:
    """The rows before and behind a member that is left out follow each other."""
    out = workshop.merge([workshop.pack([faces([1, 2]), faces([3]), faces([4]), faces([5])])], [[0, -1, 0, 1]])

    assert out.arrays["faces"]["area"].tolist() == [1, 2, 4, 5]
    assert out.codes("faces", "face") == [0, 0, 0, 1]


def test_a_group_of_dropped_members_is_not_there(workshop: Any) -> None:
    """Where no row of a group is kept, the group is left out, and its name is free for others."""
    dropped = [Block("table", "a", ("row",), np.arange(3), signature="a")]
    kept = [Block("table", "b", ("row",), np.arange(2), signature="b")]

    out = workshop.merge([workshop.pack([dropped, kept])], [[-1, 0]])

    assert list(out.arrays) == ["table"]
    assert out.arrays["table"]["b"].tolist() == [0, 1]


def test_rows_of_failed_members_belong_to_nobody(workshop: Any) -> None:
    """Rows that a failed member has left in its pack are not in the dataset."""
    film = [Block("frames", "frames", ("frame", "y", "x"), np.full((40, 256, 256), 7, np.uint8), content="pixels")]
    good = [Block("frames", "frames", ("frame", "y", "x"), np.full((2, 256, 256), 9, np.uint8), content="pixels")]

    out = workshop.merge([workshop.pack([film, good, good], failing=[0])])

    assert out.arrays["frames"]["frames"].shape == (4, 256, 256)
    assert (out.arrays["frames"]["frames"] == 9).all()


def test_dimensions_of_a_group_have_codes_of_their_own(workshop: Any) -> None:
    """A group's first dimension has file_id, every other one file_id_<dim>; each has offsets."""
    sources = [workshop.pack([graph(2, [7, 8, 9])]), workshop.pack([graph(3, [5]), graph(0, [6])])]

    out = workshop.merge(sources)
    arrays = out.arrays["graph"]

    assert arrays["weight"].tolist() == [7, 8, 9, 5, 6]
    assert arrays["color"].tolist() == [0, 1, 0, 1, 2]
    assert arrays["file_id"].tolist() == [0, 0, 0, 1, 2]
    assert arrays["file_id_node"].tolist() == [0, 0, 1, 1, 1]
    assert arrays["edge_offsets"].tolist() == [0, 3, 4, 5]
    assert arrays["node_offsets"].tolist() == [0, 2, 5, 5]


def test_dimensions_of_equal_length_stay_apart(workshop: Any) -> None:
    """Which rows an array has is decided by its dimension, not by a length that happens to be equal."""
    out = workshop.merge([workshop.pack([graph(1, [4])]), workshop.pack([graph(1, [5])])])

    assert out.codes("graph", "edge") == out.codes("graph", "node") == [0, 1]
    assert "file_id_node" in out.arrays["graph"]


def test_stores_are_one_member_each(workshop: Any) -> None:
    """A store's rows all belong to its one member."""
    sources = [workshop.pack([faces([1, 2])], kind="store"), workshop.pack([faces([3])], kind="store")]

    out = workshop.merge(sources, [[1], [0]])

    assert out.arrays["faces"]["area"].tolist() == [3, 1, 2]
    assert out.codes("faces", "face") == [0, 1, 1]


@pytest.mark.parametrize(
    "values",
    [
        np.array([True, False]),
        *(np.array([0, 3], dtype) for dtype in ("i1", "u1", "i2", "u2", "i4", "u4", "i8", "u8")),
        *(np.array([0, np.inf], dtype) for dtype in ("f2", "f4", "f8")),
        *(np.array([0, 1 + 2j], dtype) for dtype in ("c8", "c16")),
        ["", "größe"],
        [b"", b"\0\xff"],
        np.arange(12, dtype=np.int16).reshape(2, 3, 2),
        np.zeros((2, 0), np.float32),
    ],
    ids=lambda values: f"{getattr(values, 'dtype', type(values[-1]).__name__)}{np.shape(values)}",
)
def test_every_dtype_is_kept(workshop: Any, values: npt.NDArray[Any] | list[Any]) -> None:
    """Values and dtype come out as they went in."""
    dims = ("row", "a", "b")[: np.ndim(values)]
    member = [Block("group", "values", dims, values)]

    merged = workshop.merge([workshop.pack([member]), workshop.pack([member, member])]).arrays["group"]["values"]

    expected = np.concatenate([np.array(values, object if isinstance(values, list) else None)] * 3)
    assert merged.tolist() == expected.tolist()
    assert merged.dtype == expected.dtype or isinstance(values, list)


def test_a_single_source_is_taken_over(workshop: Any) -> None:
    """One pack with one member makes a dataset with one item."""
    out = workshop.merge([workshop.pack([faces([1])])])

    assert out.arrays["faces"]["area"].tolist() == [1]
    assert out.codes("faces", "face") == [0]


def test_nothing_becomes_an_empty_dataset(workshop: Any) -> None:
    """No sources, and sources without rows, make a dataset that opens."""
    empty_pack = workshop.pack([])
    without_rows = workshop.pack([[Block("texts", "text", ("document",), [])]])

    assert workshop.merge([]).arrays == {}
    assert workshop.merge([empty_pack]).arrays == {}
    assert workshop.merge([empty_pack, without_rows]).arrays["texts"]["text"].shape == (0,)


def test_members_without_rows_do_not_decide_types(workshop: Any) -> None:
    """An empty column counts as text where nothing else tells; columns with rows win."""
    empty = [Block("table", "price", ("row",), [])]
    filled = [Block("table", "price", ("row",), np.array([1, 2], np.int64))]

    out = workshop.merge([workshop.pack([empty]), workshop.pack([filled])])

    assert out.arrays["table"]["price"].tolist() == [1, 2]
    assert out.codes("table", "row") == [1, 1]
    assert out.report.notes == ()


def test_tables_of_different_headers_are_groups_of_their_own(workshop: Any) -> None:
    """The first header's group has the plain name, the next ones get numbers in order of appearance."""

    def table(column: str, rows: int) -> list[Block]:
        return [Block("table", column, ("row",), np.arange(rows), signature=column)]

    sources = [workshop.pack([table("a", 2), table("b", 1)]), workshop.pack([table("b", 3), table("c", 1)])]

    out = workshop.merge([sources[1], sources[0]])

    assert {name: set(arrays) - {"file_id", "row_offsets"} for name, arrays in out.arrays.items()} == {
        "table": {"b"},
        "table_2": {"c"},
        "table_3": {"a"},
    }
    assert out.arrays["table"]["b"].tolist() == [0, 1, 2, 0]
    assert out.codes("table", "row") == [0, 0, 0, 3]


def test_awkward_names_stay_apart(workshop: Any) -> None:
    """Arrays named like a dimension, like what the merge adds, or alike but for case, keep their true names."""
    names = ["row", "file_id", "row_offsets", "Price", "price", "größe", "größe ", ""]
    member = [Block("t", name, ("row",), np.array([number])) for number, name in enumerate(names)]

    out = workshop.merge([workshop.pack([member]), workshop.pack([member])])

    found = {
        attributes.get("name", name): out.arrays["t"][name].tolist()
        for name, attributes in out.attributes["t"].items()
        if attributes["zarrpack_role"] == "data"
    }
    assert found == {name: [number] * 2 for number, name in enumerate(names)}
    assert out.arrays["t"]["file_id"].tolist() == [0, 1]


def test_equal_axes_of_one_array_get_different_names(workshop: Any) -> None:
    """A square matrix along a dimension of rows has three dimensions."""
    member = [Block("g", "adjacency", ("node", "node", "node"), np.arange(8).reshape(2, 2, 2))]

    out = workshop.merge([workshop.pack([member])])

    assert out.arrays["g"]["adjacency"].tolist() == np.arange(8).reshape(2, 2, 2).tolist()
    assert len(set(out.attributes["g"]["adjacency"]["_ARRAY_DIMENSIONS"])) == 3


def test_attributes_that_all_sources_share_are_kept(workshop: Any) -> None:
    """A user's attribute stays where all parts agree on it."""

    def member(unit: str, source: str) -> list[Block]:
        return [Block("g", "speed", ("row",), np.ones(1), attributes={"unit_text": unit, "source": source})]

    out = workshop.merge([workshop.pack([member("m/s", "a")]), workshop.pack([member("m/s", "b")])])

    assert out.attributes["g"]["speed"]["unit_text"] == "m/s"
    assert "source" not in out.attributes["g"]["speed"]


def test_metadata_holds_the_schema(workshop: Any) -> None:
    """metadata.json says what the groups hold, how many codes there are, and what the caller adds."""
    out = workshop.merge([workshop.pack([graph(1, [2])])], metadata={"title": "test"})

    with zipfile.ZipFile(out.path) as archive:
        metadata = json.loads(archive.read("metadata.json"))
    assert metadata["zarrpack"] == {"format": 1, "kind": "dataset", "codes": 1}
    assert metadata["title"] == "test"
    assert metadata["schema"]["groups"]["graph"] == {
        "primary_dimension": "edge",
        "arrays": {"weight": {"dims": ["edge"], "dtype": "<i4"}, "color": {"dims": ["node"], "dtype": "|u1"}},
    }


def test_the_file_is_a_sound_zip_with_metadata_first(workshop: Any) -> None:
    """unzip finds nothing wrong, and the documents come first in the directory and in the file."""
    out = workshop.merge([workshop.pack([faces([1])])])

    with zipfile.ZipFile(out.path) as archive:
        infos = archive.infolist()
    assert [info.filename for info in infos[:4]] == [".zmetadata", ".zgroup", ".zattrs", "metadata.json"]
    assert infos == sorted(infos, key=lambda info: info.header_offset)
    assert {info.compress_type for info in infos} == {zipfile.ZIP_STORED}
    assert subprocess.run(["unzip", "-tq", out.path], check=False, capture_output=True).returncode == 0


def test_progress_counts_the_bytes_of_all_chunks(workshop: Any) -> None:
    """Every chunk is reported once, with its bytes."""
    sizes: list[int] = []

    out = workshop.merge([workshop.pack([graph(3, [1, 2])])], progress=sizes.append)

    with zipfile.ZipFile(out.path) as archive:
        chunks = [info.file_size for info in archive.infolist() if info.filename.rpartition("/")[2].isdecimal()]
    assert sorted(sizes) == sorted(chunks)
    assert len(sizes) == out.report.chunks_copied + out.report.chunks_encoded


def test_codes_must_fit_the_source(workshop: Any) -> None:
    """Codes beyond the count, and too few of them, are refused before anything is written."""
    source = workshop.pack([faces([1]), faces([2])])

    with pytest.raises(MergeError, match=r"expected codes from -1 to 1, found 0 to 2"):
        workshop.merge([source], [[0, 2]], count=2)
    with pytest.raises(MergeError, match=r"expected codes for 2 members, found 1"):
        workshop.merge([source], [[0]])


def test_the_output_must_be_no_source(workshop: Any) -> None:
    """A source is not overwritten by its own merge."""
    source = workshop.pack([faces([1])])
    before = source.read_bytes()

    with pytest.raises(MergeError, match="expected an output that is none of the sources"):
        merge_arrays([source], lambda *_: np.zeros(1, np.int64), source, count=1)
    assert source.read_bytes() == before
