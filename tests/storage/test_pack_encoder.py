"""Tests of packs and stores: what comes back, by our reader, zarr-python and xarray."""

from __future__ import annotations

import json
import zipfile
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import xarray
import zarr
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from zarr.storage import ZipStore

from zarrpack.errors import MemberError
from zarrpack.storage import chunking
from zarrpack.storage.base import EncodingOptions, MemberDescription
from zarrpack.storage.blocks import Block
from zarrpack.storage.data_file import DataFile
from zarrpack.storage.pack_encoder import PackEncoder

WritePack = Callable[..., Path]


def picture(height: int, width: int, seed: int, channels: int = 3) -> list[Block]:
    """Give the blocks of one picture, as a processor of pictures does."""
    pixels = np.random.default_rng(seed).integers(0, 256, (1, height, width, channels), dtype=np.uint8)
    shape = {"height": height, "width": width, "channels": channels}
    sizes = [Block("images", name, ("image",), np.array([size], np.int32)) for name, size in shape.items()]
    dims = ("image", "y", "x", "channel")
    return [*sizes, Block("images", "pixels", dims, pixels, content="pixels", unit="row", shape_from=tuple(shape))]


def read_all(path: Path) -> dict[str, np.ndarray]:
    """Read every array here and in zarr-python, expect them equal, and open every group in xarray."""
    with DataFile(path) as file, ZipStore(path, mode="r") as store:
        own = {name: array.read() for name, array in file.arrays.items()}
        root = zarr.open_group(store, mode="r")
        for name, values in own.items():
            array = root[name]
            assert isinstance(array, zarr.Array)
            assert np.asarray(array[...]).tolist() == values.tolist(), name
        for group in file.groups:
            with ZipStore(path, mode="r") as other:
                dataset = xarray.open_zarr(other, group=group, chunks=None, mask_and_scale=False)
                assert {f"{group}/{name}" for name in dataset.variables} == {
                    n for n in own if n.startswith(f"{group}/")
                }
                assert not dataset.coords
    return own


def attributes(path: Path) -> dict[str, dict[str, Any]]:
    """Give each array's attributes, its dimensions under ``dims``."""
    with DataFile(path) as file:
        metadatas = {name: array.metadata for name, array in file.arrays.items()}
    return {name: {**metadata.attributes, "dims": metadata.dims} for name, metadata in metadatas.items()}


def test_pictures_of_one_size_share_an_array(write_pack: WritePack) -> None:
    """Large pictures get a chunk each in column-major order, and the codes name their members."""
    members = [picture(300, 250, seed) for seed in range(3)]
    path = write_pack(members)
    arrays = read_all(path)

    assert sorted(arrays) == [f"images/{name}" for name in ("channels", "file_id", "height", "pixels", "width")]
    np.testing.assert_array_equal(arrays["images/pixels"], np.concatenate([blocks[-1].rows for blocks in members]))
    assert arrays["images/file_id"].tolist() == [0, 1, 2]
    assert arrays["images/height"].tolist() == [300] * 3
    with DataFile(path) as file:
        pixels = file.arrays["images/pixels"].metadata
    assert pixels.chunks == (1, 300, 250, 3)
    assert (pixels.codec.level, pixels.codec.delta, pixels.codec.order) == (1, True, "F")
    assert pixels.dims == ("image", "y", "x", "channel")
    assert pixels.attributes == {
        "zarrpack_role": "data",
        "zarrpack_content": "pixels",
        "zarrpack_unit": "row",
        "zarrpack_shape_from": ["height", "width", "channels"],
        "zarrpack_dims": ["image", "y", "x", "channel"],
    }
    assert attributes(path)["images/file_id"] == {"zarrpack_role": "code", "zarrpack_of": "image", "dims": ("image",)}


def test_small_pictures_share_chunks(write_pack: WritePack) -> None:
    """Small pictures lie together in row-major order, in a chunk no longer than their number."""
    path = write_pack([picture(20, 30, seed) for seed in range(5)])
    read_all(path)

    with DataFile(path) as file:
        pixels = file.arrays["images/pixels"].metadata
    assert pixels.chunks == (5, 20, 30, 3)
    assert (pixels.codec.level, pixels.codec.delta, pixels.codec.order) == (1, False, "C")


def test_pictures_of_mixed_size_become_variants(write_pack: WritePack) -> None:
    """Each size is an array of its own along its own dimension, all under the same true name."""
    members = [picture(20, 30, 0), picture(21, 30, 1), picture(20, 30, 2)]
    path = write_pack(members)
    arrays, found = read_all(path), attributes(path)

    np.testing.assert_array_equal(arrays["images/pixels"], np.concatenate([members[0][-1].rows, members[2][-1].rows]))
    np.testing.assert_array_equal(arrays["images/pixels__2"], members[1][-1].rows)
    assert found["images/height"]["dims"] == ("image",)
    assert found["images/pixels"]["dims"] == ("image__2", "y", "x", "channel")
    assert found["images/pixels__2"]["dims"] == ("image__3", "y__2", "x", "channel")
    assert found["images/pixels__2"]["name"] == "pixels"
    assert "name" not in found["images/pixels"]
    assert found["images/pixels"]["zarrpack_dims"] == found["images/pixels__2"]["zarrpack_dims"]
    assert arrays["images/file_id"].tolist() == [0, 1, 2]
    assert arrays["images/file_id_image__2"].tolist() == [0, 2]
    assert arrays["images/file_id_image__3"].tolist() == [1]
    assert found["images/file_id_image__3"]["zarrpack_of"] == "image__3"


def test_flat_pictures_lie_one_behind_the_other(write_pack: WritePack) -> None:
    """With flat pixels the offsets say where each picture starts; the sizes tell its shape."""
    members = [picture(20, 30, 0), picture(21, 30, 1), picture(5, 7, 2, channels=1)]
    path = write_pack(members, EncodingOptions(flat_pixels=True))
    arrays, found = read_all(path), attributes(path)

    offsets = arrays["images/pixels_offsets"]
    assert offsets.tolist() == [0, 1800, 3690]
    for number, blocks in enumerate(members):
        expected = np.asarray(blocks[-1].rows)[0]
        values = arrays["images/pixels"][offsets[number] :][: expected.size]
        np.testing.assert_array_equal(values.reshape(expected.shape), expected)
    assert "images/pixels_shape" not in arrays
    assert found["images/pixels"]["dims"] == ("pixels_value",)
    assert found["images/pixels"]["zarrpack_flat"] is True
    assert found["images/pixels"]["zarrpack_dims"] == ["image", "y", "x", "channel"]
    assert found["images/pixels_offsets"] == {
        "zarrpack_role": "flat_offsets",
        "zarrpack_of": "pixels",
        "dims": ("image",),
    }
    assert arrays["images/file_id"].tolist() == [0, 1, 2]


def test_flat_pixels_without_sizes_keep_their_shapes(write_pack: WritePack) -> None:
    """Where no other array tells the shapes, ``_shape`` does; several rows come in one block."""
    dims = ("frame", "y", "x")
    rows = [np.full((count, height, 2), count, np.uint8) for count, height in ((2, 3), (1, 0), (1, 4))]
    members = [[Block("f", "frames", dims, values, content="pixels", unit="row")] for values in rows]
    path = write_pack(members, EncodingOptions(flat_pixels=True))
    arrays = read_all(path)

    assert arrays["f/frames"].tolist() == [2] * 12 + [1] * 8
    assert arrays["f/frames_offsets"].tolist() == [0, 6, 12, 12]
    assert arrays["f/frames_shape"].tolist() == [[3, 2], [3, 2], [0, 2], [4, 2]]
    assert arrays["f/file_id"].tolist() == [0, 0, 1, 2]
    assert attributes(path)["f/frames_shape"]["dims"] == ("frame", "frames_axis")


def table(columns: dict[str, Any]) -> list[Block]:
    return [Block("table", name, ("row",), rows, signature=",".join(columns)) for name, rows in columns.items()]


def test_tables_of_two_headers_are_two_groups(write_pack: WritePack) -> None:
    """Each signature has a group of its own, numbered in order, that says its family and signature."""
    first = {"id": np.arange(3), "name": ["a", "b", "ß"]}
    second = {"key": np.array([1.5])}
    path = write_pack([table(first), table(second), table(first)])
    arrays = read_all(path)

    assert arrays["table/name"].tolist() == ["a", "b", "ß"] * 2
    assert arrays["table/file_id"].tolist() == [0, 0, 0, 2, 2, 2]
    assert arrays["table_2/key"].tolist() == [1.5]
    assert arrays["table_2/file_id"].tolist() == [1]
    with DataFile(path) as file:
        assert file.groups == {
            "table": {"zarrpack_family": "table", "zarrpack_signature": "id,name"},
            "table_2": {"zarrpack_family": "table", "zarrpack_signature": "key"},
        }


def test_types_of_one_column_are_variants(write_pack: WritePack) -> None:
    """A column that is of integers, floats and text has an array for each, with its own rows."""
    kinds: list[Any] = [np.arange(2, dtype=np.int64), np.array([0.5]), ["x", "y"], np.arange(1, dtype=np.int64)]
    path = write_pack([[Block("t", "c", ("row",), rows)] for rows in kinds])
    arrays = read_all(path)

    assert arrays["t/c"].tolist() == [0, 1, 0]
    assert arrays["t/file_id"].tolist() == [0, 0, 3]
    assert arrays["t/c__2"].tolist() == [0.5]
    assert arrays["t/file_id_row__2"].tolist() == [1]
    assert arrays["t/c__3"].tolist() == ["x", "y"]
    assert arrays["t/file_id_row__3"].tolist() == [2, 2]


def test_names_never_collide(write_pack: WritePack) -> None:
    """Columns called like dimensions, like arrays of ours or alike but for case get names of their own."""
    columns = ["row", "file_id", "Price", "price", "a b", "a_b", "x_offsets", "", "file_id_row__2", "größe"]
    blocks = [Block("t", name, ("row",), np.array([number])) for number, name in enumerate(columns)]
    late = [Block("t", "other", ("price", "file_id", "größe"), np.zeros((2, 1, 1), np.uint8))]
    path = write_pack([blocks, late])
    arrays, found = read_all(path), attributes(path)

    data = {name: values for name, values in found.items() if values["zarrpack_role"] == "data"}
    assert len(data) == 11
    true_names = {values.get("name", name.removeprefix("t/")): name for name, values in data.items()}
    assert [arrays[true_names[name]].tolist() for name in columns] == [[number] for number in range(10)]
    dims = {dim for values in found.values() for dim in values["dims"]}
    assert not {name.removeprefix("t/").lower() for name in arrays} & {dim.lower() for dim in dims}
    assert found["t/other"]["zarrpack_dims"] == ["price", "file_id", "größe"]


def test_axes_of_one_name_are_told_apart(write_pack: WritePack) -> None:
    """A square matrix along ``n, n``, or rows as long as another axis, never give one array one dimension twice."""
    block = Block("m", "matrix", ("n", "n", "n"), np.arange(27).reshape(3, 3, 3))
    path = write_pack([[block, Block("m", "other", ("k", "n"), np.zeros((2, 3)))]])
    read_all(path)

    found = attributes(path)
    assert found["m/matrix"]["dims"] == ("n", "n__2", "n__3")
    assert found["m/other"]["dims"] == ("k", "n__2")


@pytest.mark.parametrize(
    ("rows", "stored", "expected", "stands_for"),
    [
        (np.array([1, 2], ">i4"), "<i4", [1, 2], None),
        (np.array(["2020-01-01", "NaT"], "M8[D]"), "<i8", [18262, -(1 << 63)], "<M8[D]"),
        (np.array([5], "m8[ns]"), "<i8", [5], "<m8[ns]"),
        (np.array(["a", "ß"]), "|O", ["a", "ß"], None),
        (np.array([b"a", b"bc"]), "|O", [b"a", b"bc"], None),
        (np.array(["a", "longer"], np.dtypes.StringDType()), "|O", ["a", "longer"], None),
        (np.array([True, False]), "|b1", [True, False], None),
        (np.array([0.5], np.float16), "<f2", [0.5], None),
        ([], "|O", [], None),
        (np.zeros((2, 0), np.int16), "<i2", [[], []], None),
        (np.array([["a"], ["b"]]), "|O", [["a"], ["b"]], None),
    ],
)
def test_types_are_stored_in_few(
    write_pack: WritePack, rows: Any, stored: str, expected: list[Any], stands_for: str | None
) -> None:
    """Other byte orders, dates and fixed-length text are stored as plain types that say what they stand for."""
    dims = ("row", "column")[: np.ndim(rows)] if isinstance(rows, np.ndarray) else ("row",)
    path = write_pack([[Block("g", "a", dims, rows)]])
    values = read_all(path)["g/a"]

    with DataFile(path) as file:
        metadata = file.arrays["g/a"].metadata
    assert metadata.dtype == stored
    assert metadata.attributes.get("zarrpack_dtype") == stands_for
    assert values.tolist() == expected


def test_dates_and_numbers_of_one_name_are_variants(write_pack: WritePack) -> None:
    """Dates are not joined with numbers, nor days with seconds, though all are stored as the same type."""
    kinds = [np.array([1]), np.array([1], "M8[D]"), np.array([1], "M8[s]")]
    path = write_pack([[Block("t", "c", ("row",), rows)] for rows in kinds])
    read_all(path)

    found = attributes(path)
    assert [found[f"t/{name}"].get("zarrpack_dtype") for name in ("c", "c__2", "c__3")] == [None, "<M8[D]", "<M8[s]"]


@pytest.mark.parametrize(
    ("rows", "reason"),
    [
        (np.array([object()]), "refused_dtype"),
        (np.zeros(2, [("a", "<i4")]), "refused_dtype"),
        (np.zeros(2, np.longdouble), "refused_dtype"),
        (["a", b"b"], "refused_dtype"),
        (["\ud800"], "invalid_text"),
    ],
)
def test_rows_that_cannot_be_stored_cost_their_member(write_pack: WritePack, rows: Any, reason: str) -> None:
    """Objects, records, odd floats, mixtures and text that is not Unicode are a MemberError with its reason."""
    encoder = PackEncoder(lambda name, payload: None, EncodingOptions())
    encoder.begin_member()
    encoder.add(Block("g", "good", ("row",), np.zeros(2)))

    with pytest.raises(MemberError) as caught:
        encoder.add(Block("g", "bad", ("row",), rows))

    assert caught.value.reason == reason
    assert caught.value.detail.startswith("bad: expected ")


def test_arrays_that_do_not_fit_together_cost_their_member(write_pack: WritePack) -> None:
    """Different lengths along one dimension are refused; the next member takes the number, and no trace is left."""
    wrong = [Block("t", "a", ("row",), np.arange(3)), Block("t", "b", ("row",), np.arange(2))]
    right = [Block("t", "a", ("row",), np.arange(1)), Block("t", "a", ("row",), np.arange(1)), *table({"c": ["x"]})]
    entries: dict[str, bytes] = {}
    encoder = PackEncoder(entries.__setitem__, EncodingOptions())
    encoder.begin_member()
    for block in wrong:
        encoder.add(block)
    with pytest.raises(
        MemberError, match=r"inconsistent_rows: t: expected equally many rows along row, found 3 of a, 2"
    ):
        encoder.end_member(MemberDescription("wrong"))
    encoder.abandon_member()
    assert encoder.members == 0
    encoder.begin_member()
    for block in right:
        encoder.add(block)
    encoder.end_member(MemberDescription("right"))
    encoder.finish()

    assert encoder.members == 1
    path = write_pack([right])
    with zipfile.ZipFile(path) as archive:
        assert {n for n in entries if n != "metadata.json"} == {n for n in archive.namelist() if n != "metadata.json"}
        assert all(archive.read(name) == entries[name] for name in entries if name != "metadata.json")


def test_a_failed_member_leaves_no_trace(write_pack: WritePack) -> None:
    """Where none of its rows has gone out, the pack is byte for byte that without the member."""
    members = [picture(20, 30, 0), [*picture(9, 9, 1), *table({"x": ["y"]})], picture(20, 30, 2)]
    with_it = write_pack(members, failing=[1], name="with.data")
    without = write_pack([members[0], members[2]], numbers=[0, 2], name="without.data")

    assert with_it.read_bytes() == without.read_bytes()
    assert sorted(read_all(with_it)) == [
        f"images/{name}" for name in ("channels", "file_id", "height", "pixels", "width")
    ]


def test_a_failed_flat_picture_leaves_no_trace(write_pack: WritePack) -> None:
    """The values, offsets and shapes of a failed member are taken back, and the others' follow without a gap."""
    dims = ("image", "y", "x")
    rows = [np.full((2, height, 3), height, np.uint8) for height in (1, 2, 3)]
    members = [[Block("i", "pixels", dims, values, "pixels", "row")] for values in rows]
    options = EncodingOptions(flat_pixels=True)
    arrays = read_all(write_pack(members, options, failing=[1]))

    assert arrays["i/pixels"].tolist() == [1] * 6 + [3] * 18
    assert arrays["i/pixels_offsets"].tolist() == [0, 3, 6, 15]
    assert arrays["i/pixels_shape"].tolist() == [[1, 3]] * 2 + [[3, 3]] * 2
    assert arrays["i/file_id"].tolist() == [0, 0, 1, 1]


def test_rows_that_have_gone_out_belong_to_nobody(write_pack: WritePack) -> None:
    """A large picture of a failed member keeps its place with code -1, and so do empty rows beside it."""
    members = [picture(300, 250, seed) for seed in range(3)]
    path = write_pack(members, failing=[1])
    arrays = read_all(path)

    assert arrays["images/file_id"].tolist() == [0, -1, 1]
    assert arrays["images/height"].tolist() == [300, 0, 300]
    np.testing.assert_array_equal(arrays["images/pixels"][2:], members[2][-1].rows)
    assert {values["dims"][0] for values in attributes(path).values()} == {"image"}
    with DataFile(path) as file:
        assert [member["name"] for member in file.metadata["members"]] == ["0.bin", "2.bin"]


def test_a_pack_describes_its_members(write_pack: WritePack) -> None:
    """``metadata.json`` lists name, description, metadata and record, numpy's numbers among them."""
    entries: dict[str, bytes] = {}
    encoder = PackEncoder(entries.__setitem__, EncodingOptions())
    encoder.begin_member()
    encoder.end_member(MemberDescription("a", "s/a", {"image/pages": np.int64(3), "box": np.arange(2)}, {"ü": None}))
    encoder.begin_member()
    with pytest.raises(TypeError, match="expected a JSON value, found object"):
        encoder.end_member(MemberDescription("b", metadata={"x": object()}))
    encoder.abandon_member()
    first = encoder.finish()

    assert json.loads(entries["metadata.json"]) == {
        "members": [
            {"name": "a", "description": "s/a", "metadata": {"image/pages": 3, "box": [0, 1]}, "record": {"ü": None}}
        ]
    }
    assert first == (".zmetadata", ".zgroup", ".zattrs", "metadata.json")
    assert json.loads(entries[".zattrs"]) == {"zarrpack": {"format": 1, "kind": "pack"}}


def test_a_store_has_one_member_and_no_codes(write_pack: WritePack) -> None:
    """Its metadata are the member's own, with name and description beside them; a second member is refused."""
    options = EncodingOptions(kind="store")
    path = write_pack([picture(20, 30, 0)], options)
    arrays = read_all(path)

    assert sorted(arrays) == [f"images/{name}" for name in ("channels", "height", "pixels", "width")]
    with DataFile(path) as file:
        assert file.kind == "store"
        assert file.metadata == {"number": 0, "zarrpack": {"name": "0.bin", "description": "source/0.bin"}}
    with pytest.raises(ValueError, match="one member in a store"):
        write_pack([picture(20, 30, 0)] * 2, options)


def test_the_directory_starts_with_the_metadata(write_pack: WritePack) -> None:
    """``.zmetadata`` leads the directory and repeats every document of the file."""
    path = write_pack([picture(20, 30, 0), table({"a": ["b"]})])
    with zipfile.ZipFile(path) as archive:
        names = archive.namelist()
        repeated = json.loads(archive.read(".zmetadata"))["metadata"]
        single = {
            n: json.loads(archive.read(n)) for n in names if n.rpartition("/")[2] in (".zgroup", ".zattrs", ".zarray")
        }

        assert names[:4] == [".zmetadata", ".zgroup", ".zattrs", "metadata.json"]
        assert repeated == single
        assert archive.testzip() is None


def test_equal_members_give_equal_bytes(write_pack: WritePack) -> None:
    """The same members encoded twice give the same file, however their rows are cut into blocks."""
    whole = [Block("t", "a", ("row",), np.arange(100)), Block("t", "b", ("row",), ["x"] * 100)]
    cut = [
        Block("t", "a", ("row",), np.arange(40)),
        Block("t", "b", ("row",), ["x"] * 99),
        Block("t", "a", ("row",), np.arange(40, 100)),
        Block("t", "b", ("row",), ["x"]),
    ]

    first, second, third = (write_pack([m] * 3, name=n) for m, n in ((whole, "1"), (whole, "2"), (cut, "3")))

    assert first.read_bytes() == second.read_bytes() == third.read_bytes()


def test_full_chunks_go_out_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """A chunk is sent when its last row comes, the rest when the pack ends, padded to the full length."""
    monkeypatch.setattr(chunking, "CHUNK_ELEMENTS", 4)
    sent: list[str] = []
    encoder = PackEncoder(lambda name, payload: sent.append(name), EncodingOptions())
    encoder.begin_member()
    encoder.add(Block("g", "a", ("row",), np.arange(3)))
    assert sent == []
    encoder.add(Block("g", "a", ("row",), np.arange(6)))
    assert sent == ["g/a/0", "g/a/1"]
    encoder.end_member(MemberDescription("m"))
    encoder.finish()

    assert sent[2:6] == ["g/a/2", "g/file_id/0", "g/file_id/1", "g/file_id/2"]


def test_many_expected_rows_share_chunks(write_pack: WritePack) -> None:
    """Where the run would make more than 65,536 chunks, two pictures share one, in row-major order."""
    options = EncodingOptions(expected_rows={"image": 100_000})
    path = write_pack([picture(300, 250, seed) for seed in range(3)], options)
    read_all(path)

    with DataFile(path) as file:
        pixels = file.arrays["images/pixels"].metadata
    assert pixels.chunks == (2, 300, 250, 3)
    assert pixels.codec.order == "C"


def test_long_texts_close_their_chunk_early(write_pack: WritePack, monkeypatch: pytest.MonkeyPatch) -> None:
    """A first chunk of strings that grows very large ends there, and sets the length of the others."""
    monkeypatch.setattr("zarrpack.storage.row_slab._OBJECT_BYTES", 1000)
    texts = ["x" * 90, *["y"] * 5, "z" * 300, *["long" * 50] * 30]
    path = write_pack([[Block("t", "text", ("document",), [text])] for text in texts])

    assert read_all(path)["t/text"].tolist() == texts
    with DataFile(path) as file:
        assert file.arrays["t/text"].metadata.chunks == (8,)


def test_encoded_files_are_not_compressed_again(write_pack: WritePack) -> None:
    """Files' own bytes have a chunk each without Zstd; other bytes share one with it."""
    blocks = [Block("f", name, ("file",), [b"\xff" * 1000]) for name in ("encoded", "thumbnail")]
    path = write_pack([blocks, blocks])

    assert read_all(path)["f/encoded"].tolist() == [b"\xff" * 1000] * 2
    with DataFile(path) as file:
        encoded, thumbnail = (file.arrays[f"f/{name}"].metadata for name in ("encoded", "thumbnail"))
    assert (encoded.chunks, encoded.codec.level) == ((1,), None)
    assert (thumbnail.chunks, thumbnail.codec.level) == ((2,), 12)


def test_attributes_of_processors_are_kept_beside_ours(write_pack: WritePack) -> None:
    """They are written as JSON, never in the place of ours; what JSON cannot hold costs the member."""
    orders = {"unit": "mm", "size": np.float32(1.5), "name": "x", "zarrpack_role": "code", "_ARRAY_DIMENSIONS": ["y"]}
    path = write_pack([[Block("g", "a", ("row",), np.arange(3), attributes=orders)]])

    assert attributes(path)["g/a"] == {
        "unit": "mm",
        "size": 1.5,
        "zarrpack_role": "data",
        "zarrpack_unit": "member",
        "zarrpack_dims": ["row"],
        "dims": ("row",),
    }
    with pytest.raises(TypeError, match="expected a JSON value, found object"):
        write_pack([[Block("g", "a", ("row",), np.arange(3), attributes={"x": object()})]])


def test_calls_out_of_order_are_refused() -> None:
    """Blocks without a member, two open members, a pack with one open: each is a ValueError."""
    encoder = PackEncoder(lambda name, payload: None, EncodingOptions())
    block = Block("g", "a", ("row",), np.arange(3))
    with pytest.raises(ValueError, match="expected an open member"):
        encoder.add(block)
    with pytest.raises(ValueError, match="expected an open member"):
        encoder.end_member(MemberDescription("a"))
    encoder.begin_member()
    with pytest.raises(ValueError, match="expected the member before to be ended"):
        encoder.begin_member()
    with pytest.raises(ValueError, match="expected one dimension per axis"):
        encoder.add(Block("g", "a", ("row", "column"), np.arange(3)))
    with pytest.raises(TypeError, match="expected a sequence of rows"):
        encoder.add(Block("g", "a", ("row",), "abc"))
    with pytest.raises(ValueError, match="expected every member to be ended"):
        encoder.finish()


def test_an_empty_pack_is_a_file(write_pack: WritePack) -> None:
    """A pack of members without arrays, or of none, opens everywhere."""
    empty: list[list[list[Block]]] = [[], [[]]]
    for members in empty:
        path = write_pack(members)

        assert read_all(path) == {}
        with DataFile(path) as file:
            assert len(file.metadata["members"]) == len(members)


#: (array, dtype, tail, rows) of one block; rows of one member along one dimension are equally many.
KINDS: list[tuple[str, str, tuple[int, ...]]] = [
    *(("a", "<i4", ()), ("a", "<f8", ()), ("a", "<i4", (2,)), ("a", "<i4", (3,))),
    *(("b", "|u1", (2, 3)), ("b", "|O", ()), ("c", "|O", ()), ("c", "|u1", (0,))),
    *(("pixels", "|u1", (2, 1)), ("pixels", "|u1", (1, 2)), ("pixels", "|u1", (0, 1)), ("pixels", "<f4", (3, 2))),
]
member_plans = st.lists(
    st.tuples(
        st.lists(st.sampled_from(KINDS), unique_by=lambda kind: kind[0], max_size=3), st.integers(0, 6), st.booleans()
    ),
    max_size=8,
)


def plan_blocks(kinds: Sequence[tuple[str, str, tuple[int, ...]]], rows: int, seed: int) -> list[Block]:
    random = np.random.default_rng(seed)
    blocks = []
    for name, dtype, tail in kinds:
        values: Any = random.integers(1, 100, (rows, *tail)).astype(dtype if dtype != "|O" else "<i4")
        if dtype == "|O":
            values = [f"text {value}" for value in values]
        dims = ("row", *(f"{name}{axis}" for axis in range(len(tail))))
        content: Any = "pixels" if name == "pixels" else "values"
        # In two blocks, so that a chunk's border can lie in either.
        parts = (values[: rows // 2], values[rows // 2 :])
        blocks += [Block("g", name, dims, part, content, "row") for part in parts]
    return blocks


def stored_rows(path: Path) -> list[tuple[int, tuple[str, str], Any]]:
    """Give (code, (true name, type and shape), row) of every row of data that belongs to a member."""
    arrays, found = read_all(path), attributes(path)
    codes = {values["zarrpack_of"]: arrays[name] for name, values in found.items() if values["zarrpack_role"] == "code"}
    rows = []
    for name, values in arrays.items():
        if found[name]["zarrpack_role"] == "data":
            things: Any = values
            dimension = found[name]["dims"][0]
            if found[name].get("zarrpack_flat"):
                dimension = found[f"{name}_offsets"]["dims"][0]
                spans = zip(arrays[f"{name}_offsets"].tolist(), arrays[f"{name}_shape"].tolist(), strict=True)
                things = [values[start : start + int(np.prod(shape))].reshape(shape) for start, shape in spans]
            true_name = found[name].get("name", name.removeprefix("g/"))
            for code, thing in zip(codes[dimension].tolist(), things, strict=True):
                if code >= 0:
                    rows.append((code, (true_name, f"{values.dtype.str}{np.shape(thing)}"), np.asarray(thing).tolist()))
    return rows


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=60, deadline=None)
@given(plans=member_plans, flat=st.booleans())
def test_every_row_is_its_members(write_pack: WritePack, plans: list[Any], flat: bool) -> None:
    """Whatever the members and failures, each member's rows are exactly those that the codes give it."""
    members = [plan_blocks(kinds, rows, seed) for seed, (kinds, rows, _) in enumerate(plans)]
    failing = [number for number, (_, _, fails) in enumerate(plans) if fails]
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(chunking, "CHUNK_ELEMENTS", 6)
        patch.setattr(chunking, "CHUNK_STRINGS", 3)
        path = write_pack(members, EncodingOptions(compression="fast", flat_pixels=flat), failing)
    stored = [blocks for number, blocks in enumerate(members) if number not in failing]
    expected = []
    for code, blocks in enumerate(stored):
        for block in blocks:
            kind = "|O" if isinstance(block.rows, list) else np.asarray(block.rows).dtype.str
            rows = [(np.shape(row), np.asarray(row).tolist()) for row in block.rows]
            expected += [(code, (block.array, f"{kind}{shape}"), row) for shape, row in rows]

    def order(row: tuple[int, tuple[str, str], Any]) -> tuple[tuple[str, str], int]:
        return row[1], row[0]

    assert sorted(stored_rows(path), key=order) == sorted(expected, key=order)
