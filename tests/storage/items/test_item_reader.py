"""Items by their codes, compared with zarr-python's reading of the same file."""

from __future__ import annotations

import os
import pickle
import sys
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from zarrpack.errors import FormatError, NotFound, SourceError
from zarrpack.storage.items import file_index
from zarrpack.storage.items.item_reader import ItemReader

datasets = sys.modules["datasets"]
FLOWS = ["encoded_flow", "decoded_flow", "parts_flow"]


def dataset_of(request: pytest.FixtureRequest, name: str) -> Path:
    """Give the dataset of a flow."""
    flow: Path = request.getfixturevalue(name)
    return flow.with_suffix(".dataset")


@pytest.mark.parametrize("name", FLOWS)
def test_items_have_their_rows(request: pytest.FixtureRequest, name: str) -> None:
    """Each item has the rows whose provenance says so, and all items together all rows."""
    path = dataset_of(request, name)
    stored = datasets.zarr_arrays(path)
    reader = ItemReader(path)
    seen = dict.fromkeys(reader.arrays, 0)

    for code in range(reader.codes):
        for key, values in reader.item(code).items():
            group, _, array = key.rpartition("/")
            np.testing.assert_array_equal(values, stored[group][array][stored[group]["file_id"] == code])
            assert values.flags.writeable
            seen[key] += len(values)

    lengths = {key: len(stored[key.rpartition("/")[0]][key.rpartition("/")[2]]) for key in seen}
    assert {key: count for key, count in seen.items() if count} == {key: n for key, n in lengths.items() if n}
    reader.close()


def test_flat_pictures_have_their_own_shapes(flat_flow: Path) -> None:
    """A picture out of a flat array has its height and width, and the values between its offsets."""
    path = flat_flow.with_suffix(".dataset")
    stored = datasets.zarr_arrays(path)["images"]
    reader = ItemReader(path)

    for row, code in enumerate(stored["file_id"]):
        height, width, channels = (int(stored[one][row]) for one in ("height", "width", "channels"))
        first = int(stored["pixels_offsets"][row])
        values = stored["pixels"][first : first + height * width * channels].reshape(height, width, channels)
        np.testing.assert_array_equal(reader.item(int(code))["images/pixels"], values[np.newaxis])
        assert reader.shape("images/pixels", int(code)) == (1, height, width, channels)


def test_bytes_of_an_item_are_the_sources(encoded_flow: Path) -> None:
    """The bytes are those that the picture had in the archive, at the first reading and at later ones."""
    members = sys.modules["archives"].product_members(9)
    reader = ItemReader(encoded_flow.with_suffix(".dataset"))

    for _ in range(2):
        found = [reader.item_bytes("images/encoded", code) for code in range(9)]
        assert found == [members[f"p/images/{100 + code}.jpg"] for code in range(9)]


def test_an_item_is_read_with_one_call(encoded_flow: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Every reading of an item's bytes is one pread, of nothing but these bytes from the second on."""
    reader = ItemReader(encoded_flow.with_suffix(".dataset"))
    reader.item_bytes("images/encoded", 0)
    calls: list[int] = []
    pread = os.pread

    def counted(descriptor: int, size: int, offset: int) -> bytes:
        calls.append(size)
        return pread(descriptor, size, offset)

    monkeypatch.setattr(os, "pread", counted)
    again = reader.item_bytes("images/encoded", 0)
    assert calls == [len(again)]
    reader.item_bytes("images/encoded", 5)
    assert len(calls) == 2


def test_a_file_is_parsed_once(encoded_flow: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Neither a second reader nor a pickled one parses the directory again."""
    path = encoded_flow.with_suffix(".dataset")
    first = ItemReader(path)
    expected = first.item_bytes("images/encoded", 3)
    monkeypatch.setattr(file_index, "DataFile", None)

    assert ItemReader(path).item_bytes("images/encoded", 3) == expected
    assert pickle.loads(pickle.dumps(first)).item_bytes("images/encoded", 3) == expected


def test_caches_are_not_given_away(decoded_flow: Path) -> None:
    """Changing what was read changes nothing that is read later."""
    reader = ItemReader(decoded_flow.with_suffix(".dataset"))
    before = reader.item(1)
    copies = {key: values.copy() for key, values in before.items()}
    for values in before.values():
        values[...] = values.flat[0]
        if values.dtype.kind in "iu":
            values += 1

    after = reader.item(1)
    assert all(np.array_equal(after[key], copies[key]) for key in copies)


def test_packs_and_stores_are_read_too(tmp_path: Path) -> None:
    """The members of a pack are its items, and a store is one."""
    flow = datasets.convert_products(tmp_path, 4, keep_data=True, images="encoded", pair="member")
    (pack,) = (flow.parent / "encoded").glob("*.data")
    names = [member["name"] for member in ItemReader(pack).index.metadata["members"]]
    members = sys.modules["archives"].product_members(4)
    reader = ItemReader(pack)
    pictures = [code for code, name in enumerate(names) if name.endswith(".jpg")]

    assert len(pictures) == 4
    for code in pictures:
        assert reader.item_bytes("images/encoded", code) == members[names[code]]

    parts = datasets.merge_parts(tmp_path / "parts")
    (store, *_) = sorted((parts.parent / "encoded").glob("*.data"))
    np.testing.assert_array_equal(ItemReader(store).item(0)["face_areas"], np.array([1.5, 2.3, 4.1], np.float32))


def test_rows_that_no_file_had_are_not_an_items(tmp_path: Path) -> None:
    """An array that an item's file lacks is not in the item, although the dataset pads its rows."""
    stores = sys.modules["stores"]
    sources = stores.save_all(
        tmp_path / "sources",
        [
            {"faces/area": np.array([1.0, 2.0]), "faces/kind": np.array([1, 2])},
            {"faces/area": np.array([3.0])},
        ],
    )
    with pytest.warns(UserWarning, match="kind"):
        stores.merger(sources, tmp_path / "x.dataset").merge_data()
    reader = ItemReader(tmp_path / "x.dataset")

    assert set(reader.item(0)) == {"faces/area", "faces/kind"}
    assert set(reader.item(1)) == {"faces/area"}


def test_wrong_names_say_what_there_is(encoded_flow: Path) -> None:
    """An unknown array, a row that is not there and an unknown code are errors or nothing, never another item's."""
    reader = ItemReader(encoded_flow.with_suffix(".dataset"))

    with pytest.raises(NotFound, match="images/encoded"):
        reader.read("images/nothing", 0)
    with pytest.raises(NotFound, match="row 1 of item 0"):
        reader.item_bytes("images/encoded", 0, row=1)
    assert reader.item(10_000) == {}
    assert reader.item(-1) == {}


def test_a_missing_file_is_a_source_error(tmp_path: Path) -> None:
    """A path without a file says so."""
    with pytest.raises(SourceError, match="expected a readable file"):
        ItemReader(tmp_path / "none.dataset")


def test_damage_is_noticed(encoded_flow: Path, own_copy: Callable[[Path], Path]) -> None:
    """A picture whose bytes have changed is refused, the others are read; the undamaged file is the control."""
    path = own_copy(encoded_flow).with_suffix(".dataset")
    control = ItemReader(path).item_bytes("images/encoded", 4)
    with zipfile.ZipFile(path) as archive:
        place = path.read_bytes().index(archive.read("images/encoded/4"))
    content = bytearray(path.read_bytes())
    content[place + 100] ^= 1
    path.with_name("damaged.dataset").write_bytes(content)
    damaged = ItemReader(path.with_name("damaged.dataset"))

    assert damaged.item_bytes("images/encoded", 3) == ItemReader(path).item_bytes("images/encoded", 3)
    for _ in range(2):
        with pytest.raises(FormatError, match="damaged"):
            damaged.item_bytes("images/encoded", 4)
    assert control == ItemReader(path).item_bytes("images/encoded", 4)


def test_another_file_in_its_place_is_refused(encoded_flow: Path, own_copy: Callable[[Path], Path]) -> None:
    """A reader whose file was replaced before it was opened again says so, instead of reading at wrong places."""
    path = own_copy(encoded_flow).with_suffix(".dataset")
    reader = ItemReader(path)
    reader.item_bytes("images/encoded", 0)
    reader.close()
    path.write_bytes(path.read_bytes() + b" ")

    with pytest.raises(FormatError, match="another in its place"):
        reader.item_bytes("images/encoded", 0)


@settings(max_examples=30, deadline=None)
@given(st.lists(st.lists(st.integers(-5, 5), max_size=4), min_size=1, max_size=6), st.randoms())
def test_any_rows_come_back(tmp_path_factory: pytest.TempPathFactory, rows: list[list[int]], random: Any) -> None:
    """Whatever the numbers of rows, and whatever order the codes have, each item has its own."""
    folder = tmp_path_factory.mktemp("rows")
    stores = sys.modules["stores"]
    if not any(rows):
        rows = [*rows, [1]]
    files = stores.save_all(folder / "sources", [{"g/x": np.array(one, np.int32)} for one in rows])
    numbers = list(range(len(files)))
    random.shuffle(numbers)
    codes = {path.name.partition(".")[0]: number for path, number in zip(files, numbers, strict=True)}
    stores.merger(files, folder / "x.dataset", file_id_codes=codes).merge_data()
    reader = ItemReader(folder / "x.dataset")

    for number, one in zip(numbers, rows, strict=True):
        assert reader.item(number).get("g/x", np.array([])).tolist() == one
    reader.close()
