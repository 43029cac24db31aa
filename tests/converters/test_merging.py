"""``zarrpack merge`` over stores, packs and datasets: arrays, codes and tables."""

from __future__ import annotations

import io
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from archives import png, write_zip
from PIL import Image
from stores import read, save

import zarrpack
from zarrpack.converters.merging import MergeResult, merge_files
from zarrpack.errors import FormatError, MergeError, UsageError
from zarrpack.storage import DatasetInfo, DatasetMerger, OptStorage


def store(folder: Path, name: str, data: dict[str, Any], **metadata: Any) -> Path:
    """Save a store with metadata."""
    with OptStorage(folder / f"{name}.zarr") as storage:
        for key, value in data.items():
            storage.save_data(key, value)
        for key, value in metadata.items():
            storage.save_metadata(key, value)
        storage.compress_store()
    return folder / f"{name}.zarr.data"


@pytest.fixture
def parts(tmp_path: Path) -> list[Path]:
    """Give four stores."""
    return [
        store(
            tmp_path / "in",
            f"gear.v{number}",
            {"face_areas": np.arange(number + 1.0), "graph/edges": {"source": [1, 2], "destination": [0, 0]}},
            mass=0.5 * number,
            material="steel" if number % 2 else "brass",
            size={"x": number},
        )
        for number in range(4)
    ]


def tables(result: MergeResult) -> tuple[bytes, bytes, bytes]:
    """Give the bytes of all three files."""
    return (result.dataset.read_bytes(), result.infoset.read_bytes(), result.attribset.read_bytes())


def test_stores_become_a_dataset_with_tables(tmp_path: Path, parts: list[Path]) -> None:
    """Keys find their groups as in the merger; names are stems; sizes of chunks are no columns."""
    result = merge_files(parts, tmp_path / "out" / "gears.dataset")

    found = read(result.dataset)
    assert found["faces"]["file_id"].tolist() == [0, 1, 1, 2, 2, 2, 3, 3, 3, 3]
    assert found["graph"]["edges_source"].tolist() == [1, 2] * 4
    infoset = pd.read_parquet(result.infoset)
    assert infoset["name"].tolist() == [f"gear.v{number}" for number in range(4)]
    assert infoset["size/x"].tolist() == [0, 1, 2, 3]
    assert not [column for column in infoset if "file_sizes_KB" in str(column)]


@pytest.mark.parametrize("cut", [1, 2, 3])
def test_adding_to_a_dataset_gives_the_bytes_of_one_merge(tmp_path: Path, parts: list[Path], cut: int) -> None:
    """Arrays, infoset and attribset are those of one merge in the order added."""
    whole = merge_files(parts, tmp_path / "a" / "gears.dataset")
    first = merge_files(parts[:cut], tmp_path / "b" / "gears.dataset")

    second = merge_files([first.dataset, *parts[cut:]], tmp_path / "c" / "gears.dataset")

    assert tables(second) == tables(whole)
    assert (second.items, second.sources) == (4, 5 - cut)


def test_what_new_files_change_holds_for_a_dataset(tmp_path: Path) -> None:
    """Padding becomes no data, and what had one row in each file gets a group of its own, as in one merge."""
    files = [
        store(tmp_path / "in", "a", {"face_a": [1, 2], "custom": [1], "num_nodes": 2}),
        store(tmp_path / "in", "b", {"face_a": [3, 4], "face_b": [5, 6]}),
        store(tmp_path / "in", "c", {"face_a": [7], "face_b": [8, 9], "custom": [1, 2], "graph/edges": [1, 2]}),
    ]
    whole = merge_files(files, tmp_path / "a" / "all.dataset")
    first = merge_files(files[:2], tmp_path / "b" / "all.dataset")

    second = merge_files([first.dataset, files[2]], tmp_path / "c" / "all.dataset")

    assert second.dataset.read_bytes() == whole.dataset.read_bytes()
    found = read(second.dataset)
    assert found["faces"]["face_b"].tolist() == [5, 6, 8, 9]
    assert found["custom"]["file_id"].tolist() == [0, 2, 2]
    assert found["graph"]["file_id"].tolist() == [2, 2]


def test_what_new_files_change_holds_beside_packs(tmp_path: Path, parts: list[Path], products_zip: Path) -> None:
    """A dataset of packs and stores says what its stores had, so that these can be laid out anew."""
    zarrpack.convert(products_zip, tmp_path / "out", workers=1, keep_data=True, items_per_data=4)
    first_file = store(tmp_path / "in", "first", {"custom": [1], "face_areas": [1.0]})
    last_file = store(tmp_path / "in", "last", {"custom": [1, 2]})
    files = [first_file, tmp_path / "out" / "encoded", last_file]
    whole = merge_files(files, tmp_path / "a" / "all.dataset")
    first = merge_files(files[:2], tmp_path / "b" / "all.dataset")

    second = merge_files([first.dataset, last_file], tmp_path / "c" / "all.dataset")

    assert second.dataset.read_bytes() == whole.dataset.read_bytes()
    assert read(second.dataset)["custom"]["custom"].tolist() == [1, 1, 2]


def test_datasets_come_first_and_codes_follow(tmp_path: Path, parts: list[Path]) -> None:
    """The first dataset keeps its codes, wherever it is named; a second one's follow, then those of new files."""
    one = merge_files(parts[2:3], tmp_path / "one.dataset")
    two = merge_files(parts[:2], tmp_path / "two.dataset")

    result = merge_files([parts[3], one.dataset, two.dataset], tmp_path / "all.dataset")

    infoset = pd.read_parquet(result.infoset)
    assert infoset["name"].tolist() == ["gear.v2", "gear.v0", "gear.v1", "gear.v3"]
    assert infoset["id"].tolist() == [0, 1, 2, 3]
    assert read(result.dataset)["faces"]["file_id"].tolist() == [0, 0, 0, 1, 2, 2, 3, 3, 3, 3]


def test_a_dataset_without_tables_still_counts(tmp_path: Path, parts: list[Path]) -> None:
    """Its items get names that say where they are from."""
    first = merge_files(parts[:2], tmp_path / "first.dataset")
    first.infoset.unlink()
    first.attribset.unlink()

    result = merge_files([first.dataset, parts[2]], tmp_path / "all.dataset")

    assert pd.read_parquet(result.infoset)["name"].tolist() == ["first#0", "first#1", "gear.v2"]


def test_names_stay_unique(tmp_path: Path, parts: list[Path]) -> None:
    """A new file of a name that the dataset has gets its code behind it."""
    first = merge_files(parts[:1], tmp_path / "first.dataset")

    result = merge_files([first.dataset, parts[0]], tmp_path / "all.dataset")

    assert pd.read_parquet(result.infoset)["name"].tolist() == ["gear.v0", "gear.v0#1"]


def test_stores_and_packs_mix(tmp_path: Path, parts: list[Path], products_zip: Path) -> None:
    """What a conversion kept and a user's stores become one dataset, and its packs can be added later just as well."""
    made = zarrpack.convert(products_zip, tmp_path / "out", workers=1, keep_data=True, items_per_data=4)
    packs = tmp_path / "out" / "encoded"
    whole = merge_files([*parts, packs], tmp_path / "a" / "all.dataset")
    first = merge_files(parts, tmp_path / "b" / "all.dataset")

    second = merge_files([first.dataset, packs], tmp_path / "c" / "all.dataset")

    images = zarrpack.open_dataset(whole.dataset, "images")["pixels"].values
    np.testing.assert_array_equal(images, zarrpack.open_dataset(made.dataset, "images")["pixels"].values)
    assert second.dataset.read_bytes() == whole.dataset.read_bytes()


def test_a_conversions_dataset_can_be_added_to(tmp_path: Path, parts: list[Path], products_zip: Path) -> None:
    """Pictures are copied as they are, and the rows of the tables are taken over."""
    made = zarrpack.convert(products_zip, tmp_path / "out", workers=1)

    result = merge_files([made.dataset, *parts], tmp_path / "all.dataset")

    before, after = pd.read_parquet(made.infoset), pd.read_parquet(result.infoset)
    assert after["name"].tolist() == [*before["name"], *(f"gear.v{number}" for number in range(4))]
    assert after["description"].tolist()[: len(before)] == before["description"].tolist()
    assert result.chunks_copied > 0
    for group in ("images", "table"):
        old, new = read(made.dataset)[group], read(result.dataset)[group]
        for name, values in old.items():
            if not name.endswith("_offsets"):
                np.testing.assert_array_equal(new[name], values)


def test_arrays_of_stores_join_those_of_packs(tmp_path: Path, products_zip: Path) -> None:
    """An array that a user's store and the converter's files have along the same dimension is one, in either order."""
    zarrpack.convert(products_zip, tmp_path / "out", workers=1, keep_data=True, include=["*.jpg"])
    (pack,) = (tmp_path / "out" / "encoded").iterdir()
    own = save(tmp_path, "own", {"images/height": np.array([9], np.int32)})
    heights = [16] * 6

    for sources, expected in (([pack, own], [*heights, 9]), ([own, pack], [9, *heights])):
        images = read(merge_files(sources, tmp_path / "all.dataset", overwrite=True).dataset)["images"]

        assert images["height"].tolist() == expected
        assert images["file_id"].tolist() == list(range(7))


@pytest.mark.parametrize("key", ["extra", "height"])
@pytest.mark.parametrize("first", [False, True])
def test_pictures_of_different_sizes_beside_a_store(tmp_path: Path, key: str, first: bool) -> None:
    """A store that says something of pictures, and has none, takes no pixels from them."""
    pictures = {f"{n}.png": png(n, 4 + n, 3) for n in range(2)}
    zarrpack.convert(write_zip(tmp_path / "a.zip", pictures), tmp_path / "out", workers=1, keep_data=True)
    (pack,) = (tmp_path / "out" / "encoded").iterdir()
    own = save(tmp_path, "own", {f"images/{key}": np.array([9], np.int32)})
    sources = [own, pack] if first else [pack, own]

    images = read(merge_files(sources, tmp_path / "all.dataset").dataset)["images"]

    numbers = [1, 2] if first else [0, 1]
    for number, (name, content) in zip(numbers, pictures.items(), strict=True):
        pixels = np.asarray(Image.open(io.BytesIO(content)))
        shape, start = images["pixels_shape"][number], images["pixels_offsets"][number]
        assert shape.tolist() == list(pixels.shape), name
        np.testing.assert_array_equal(images["pixels"][start : start + pixels.size], pixels.ravel())
    assert images["pixels_shape"][0 if first else 2].tolist() == [0, 0, 0]
    assert images[key].tolist()[0 if first else 2] == 9


def test_what_stores_say_of_ids_is_in_the_attribset(tmp_path: Path) -> None:
    """Also of what is added later; and a field whose categories a dataset lists gets those of its new items."""
    old = [
        store(tmp_path / "in", f"p{n}", {"face_types": [0, 1]}, material=material, descriptions={"face_types": names})
        for n, (material, names) in enumerate([("zinc", {"1": "Cone"}), ("steel", {"0": "Plane"}), ("steel", {})])
    ]
    new = store(tmp_path / "in", "q", {"face_types": [2]}, material="alu", descriptions={"face_types": {"2": "Sphere"}})
    merger = DatasetMerger(old, tmp_path / "parts.dataset", delete_source_files=False)
    merger.merge_data()
    info = DatasetInfo(old, tmp_path / "parts.infoset", tmp_path / "parts.attribset")
    info.store_info_to_parquet()

    result = merge_files([tmp_path / "parts.dataset", new], tmp_path / "all.dataset")

    attribset = pd.read_parquet(result.attribset)[["table_name", "id", "name"]].to_numpy().tolist()
    assert attribset == [
        ["material", 0, "steel"],
        ["material", 1, "zinc"],
        ["material", 2, "alu"],
        ["face_types", 0, "Plane"],
        ["face_types", 1, "Cone"],
        ["face_types", 2, "Sphere"],
    ]
    assert result.notes == ()


def test_an_item_that_is_there_already_is_told(tmp_path: Path, parts: list[Path]) -> None:
    """It is kept, under another name, for only its user knows whether it is the same."""
    first = merge_files(parts[:2], tmp_path / "first.dataset")

    again = merge_files([first.dataset, parts[1]], tmp_path / "again.dataset")

    assert pd.read_parquet(again.infoset)["name"].tolist() == ["gear.v0", "gear.v1", "gear.v1#2"]
    assert again.notes == ("items have the names of others before them, and were called gear.v1#2",)


def test_what_does_not_fit_is_refused(tmp_path: Path) -> None:
    """Kinds that differ are refused unless promoted, and missing arrays if it is to be strict; nothing is published."""
    mixed = [save(tmp_path, "a", {"face_a": [1]}), save(tmp_path, "b", {"face_a": [0.5]})]
    out = tmp_path / "out" / "x.dataset"

    with pytest.raises(MergeError, match="face_a"):
        merge_files(mixed, out)
    assert list(out.parent.glob("*")) == []
    assert merge_files(mixed, out, promote=True).items == 2

    lacking = [save(tmp_path, "c", {"face_a": [1], "face_b": [1]}), save(tmp_path, "d", {"face_a": [1]})]
    with pytest.raises(MergeError, match="face_b"):
        merge_files(lacking, tmp_path / "y.dataset", strict=True)


def test_the_output_is_no_source(tmp_path: Path, parts: list[Path]) -> None:
    """A dataset cannot be merged into itself, and what is no Zarr is no source."""
    first = merge_files(parts[:1], tmp_path / "first.dataset")
    torn = tmp_path / "torn.dataset"
    torn.write_bytes(b"no zip")

    with pytest.raises(UsageError, match="none of the sources"):
        merge_files([first.dataset, parts[1]], first.dataset, overwrite=True)
    with pytest.raises(FormatError, match="torn"):
        merge_files([torn], tmp_path / "out.dataset")
