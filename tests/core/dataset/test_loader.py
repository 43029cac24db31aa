"""The loader: splits, subsets in the infoset, views and what removing does to them."""

from __future__ import annotations

import pickle
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from zarrpack.dataset import DatasetLoader
from zarrpack.errors import FormatError, NotFound, UsageError
from zarrpack.storage.tables import subset_column
from zarrpack.storage.tables.subset_column import write_subsets

datasets = sys.modules["datasets"]


def subsets_of(loader: DatasetLoader) -> dict[str, list[int]]:
    """Give the codes of each subset."""
    return {name: loader.get_dataset(name).get_file_codes().tolist() for name in ("train", "validation", "test")}


@pytest.fixture
def loader(encoded_flow: Path, own_copy: Callable[[Path], Path]) -> DatasetLoader:
    """Give a loader of nine pictures (and a table) that may write."""
    flow = own_copy(encoded_flow)
    return DatasetLoader(flow.with_suffix(".dataset"), flow.with_suffix(".infoset"))


def infoset(loader: DatasetLoader) -> pd.DataFrame:
    """Read the loader's infoset."""
    return pd.read_parquet(loader.validate_configuration()["parquet_file_path"])


def test_subsets_are_written(loader: DatasetLoader) -> None:
    """The infoset says of each item what the loader says, and nothing else in it changes."""
    before = infoset(loader)

    sizes = loader.split("data/colour", train=0.6, validation=0.2, test=0.2)

    after = infoset(loader)
    assert sizes == (6, 2, 2)
    assert sizes == tuple(len(codes) for codes in subsets_of(loader).values())
    for name, codes in subsets_of(loader).items():
        assert after.loc[after["subset"] == name, "id"].tolist() == codes
    pd.testing.assert_frame_equal(after.drop(columns="subset"), before.drop(columns="subset"))


def test_the_same_subsets_give_the_same_bytes(loader: DatasetLoader) -> None:
    """Taking the subsets away again gives the file that the conversion wrote, to the byte."""
    path = Path(loader.validate_configuration()["parquet_file_path"])
    before = path.read_bytes()

    loader.split("random")
    assert path.read_bytes() != before
    write_subsets(path, {})
    assert path.read_bytes() == before


def test_a_failed_write_leaves_the_old_infoset(loader: DatasetLoader, monkeypatch: pytest.MonkeyPatch) -> None:
    """When the disk is full the split holds, the file is the old one, and nothing is left beside it."""
    path = Path(loader.validate_configuration()["parquet_file_path"])
    before, beside = path.read_bytes(), sorted(path.parent.iterdir())

    def full(_temporary: Path, _final: Path) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(subset_column, "publish_file", full)
    with pytest.warns(UserWarning, match="the split is not written.*No space left"):
        loader.split("random")

    assert path.read_bytes() == before
    assert sorted(path.parent.iterdir()) == beside
    assert sum(map(len, subsets_of(loader).values())) == len(loader)


def test_what_is_no_infoset_is_refused(tmp_path: Path) -> None:
    """A table without the columns, and what is no table, are FormatErrors."""
    pd.DataFrame({"id": [1]}).to_parquet(tmp_path / "a.infoset")
    (tmp_path / "b.infoset").write_bytes(b"no Parquet")

    for name in ("a.infoset", "b.infoset"):
        with pytest.raises(FormatError, match="expected an infoset"):
            write_subsets(tmp_path / name, {})


def test_subsets_can_be_taken_from_the_infoset(loader: DatasetLoader) -> None:
    """Another loader finds the split that was written."""
    loader.split("data/colour", random_state=5)
    known = loader.validate_configuration()
    other = DatasetLoader(known["merged_store_path"], known["parquet_file_path"])

    with pytest.raises(RuntimeError, match="split"):
        other.get_dataset("train")
    assert sum(other.split_from_infoset()) == 10
    assert subsets_of(other) == subsets_of(loader)


def test_splits_are_remembered_by_their_arguments(loader: DatasetLoader) -> None:
    """Equal arguments give the earlier result, others a split of their own, and a reset forgets only the current one."""
    loader.split("data/colour", random_state=1)
    first = subsets_of(loader)
    loader.split("data/colour", random_state=2)
    assert subsets_of(loader) != first
    loader.split("data/colour", random_state=1)
    assert subsets_of(loader) == first
    loader.split("data/colour", random_state=1, force_reset=True)
    assert subsets_of(loader) == first

    loader.reset_split_state()
    with pytest.raises(RuntimeError, match="split"):
        loader.get_dataset("train")


def test_classes_are_shared_out(parts_flow: Path, own_copy: Callable[[Path], Path]) -> None:
    """A key may be an array with several values per item, by the group, by its path or alone."""
    flow = own_copy(parts_flow)
    loader = DatasetLoader.from_flow(flow)

    sizes = {loader.split(*key) for key in (("face_types", "faces"), ("faces/face_types",), ("face_types",))}
    assert len(sizes) == 1
    assert sum(sizes.pop()) == 4
    # Metadata may be asked for with a group that does not have it, as with one that does.
    assert sum(loader.split("complexity_level", group="faces")) == 4
    with pytest.warns(UserWarning, match="taken from 'faces'"):
        loader.split("face_areas", group="edges")
    with pytest.raises(KeyError, match="Key 'nothing' not found in group 'faces'"):
        loader.split("nothing", group="faces")


def test_only_chosen_categories_are_labels(loader: DatasetLoader) -> None:
    """Values that are not asked for are no labels."""
    codes = loader.all_items().get_file_codes()
    table = infoset(loader)

    labels = loader.labels_of(codes, "data/colour", categories=["blue"])
    assert codes[labels.items].tolist() == table.loc[table["data/colour"] == "blue", "id"].tolist()


def test_groups_by_every_means(loader: DatasetLoader) -> None:
    """A column, the archive, a value each, names, or a function: each keeps its groups whole."""
    table = infoset(loader).set_index("id")
    names: dict[int, str] = dict(zip(table.index.tolist(), table["name"], strict=True))
    ways: list[Any] = [
        "data/colour",
        [str(value) for value in table["data/colour"]],
        {names[code]: str(table["data/colour"][code]) for code in names},
        lambda name: str(table["data/colour"][table.index[table["name"] == name][0]]),
    ]
    found = []
    for way in ways:
        loader.split("random", groups=way, train=0.5, validation=0.5, test=0)
        found.append(subsets_of(loader))
        for colour in ("red", "blue"):
            subsets = {
                name for name, codes in found[-1].items() for code in codes if table["data/colour"][code] == colour
            }
            assert len(subsets) == 1
    assert found[1:] == [found[1]] * 3

    assert loader.split("random", groups="archive") in {(10, 0, 0), (0, 10, 0), (0, 0, 10)}
    with pytest.raises(UsageError, match="expected a column"):
        loader.split("random", groups="nothing")
    with pytest.raises(UsageError, match="10 items, found 2"):
        loader.split("random", groups=["a", "b"])


def test_stable_splits_survive_growth(tmp_path: Path) -> None:
    """The items of a smaller dataset have the subsets that they had, in a larger one."""
    found = []
    for count in (4, 7):
        folder = tmp_path / str(count)
        folder.mkdir()
        flow = datasets.convert_products(folder, count, images="encoded")
        loader = DatasetLoader.from_flow(flow)
        loader.split("random", stable=True, random_state=3)
        table = infoset(loader)
        found.append(dict(zip(table["name"], table["subset"], strict=True)))

    assert found[0].items() <= found[1].items()


def test_folds_have_each_item_once(loader: DatasetLoader) -> None:
    """The folds are disjoint and complete, of equal size but for one, and the others are all the rest."""
    folds = loader.folds(3, "data/colour")
    held_out = [fold.get_file_codes().tolist() for _, fold in folds]

    assert sorted(code for codes in held_out for code in codes) == loader.all_items().get_file_codes().tolist()
    assert sorted(map(len, held_out)) == [3, 3, 4]
    for rest, fold in folds:
        assert not set(rest.get_file_codes()) & set(fold.get_file_codes())
        assert len(rest) + len(fold) == 10
    with pytest.raises(ValueError, match="folds"):
        loader.folds(1)


def test_leaks_are_found(tmp_path: Path) -> None:
    """The same picture under two names is found when it is in two subsets, by digest and by content; else nothing."""
    members = sys.modules["archives"].product_members(3)
    members["p/images/999.jpg"] = members["p/images/100.jpg"]
    loader = DatasetLoader.from_flow(datasets.convert_members(tmp_path, members, pair="basename", images="encoded"))
    apart = {"100": "train"}

    loader.split("random", groups=lambda name: apart.get(name, "rest"), train=0.5, validation=0.5, test=0)
    for arrays in (None, ["images/encoded"]):
        (leak,) = loader.check_leaks(arrays)
        assert set(leak.names) == {"100", "999"}
        assert set(leak.subsets) == {"train", "validation"}
    loader.split("random", groups=lambda name: "same" if name in ("100", "999") else name)
    assert loader.check_leaks() == []


def test_removed_items_vanish_everywhere(loader: DatasetLoader) -> None:
    """Items removed from a subset are gone from the parent and from other views, whose other items stay what they were."""
    loader.split("random")
    train, everything = loader.get_dataset("train"), loader.all_items()
    again = loader.get_dataset("train")
    names, gone = train.names, {train.names[0], train.names[-1]}

    moved = train.remove_indices([0, -1, 0])

    assert train.names == again.names == [name for name in names if name not in gone]
    assert len(loader) == len(everything) == 8
    assert not gone & set(everything.names)
    assert sorted(moved.values()) == list(range(8))
    assert [loader.all_items().names[place] for place in train.indices] == train.names
    with pytest.raises(IndexError):
        train.remove_indices([100])
    assert len(loader) == 8
    assert sum(loader.split("random")) == 8


def test_direct_input(tmp_path: Path) -> None:
    """Without a dataset, items are files with labels; a function makes something of them."""
    files = [tmp_path / f"{number}.bin" for number in range(6)]
    for number, path in enumerate(files):
        path.write_bytes(bytes([number]))
    loader = DatasetLoader(graph_files=files, labels=[0, 0, 0, 1, 1, 1], file_code_start=10)

    assert loader.split("labels", train=1 / 3, validation=1 / 3, test=1 / 3) == (2, 2, 2)
    for subset in ("train", "val", "test"):
        assert sorted(loader.get_dataset(subset).label_datas) == [0, 1]
    view = loader.all_items()
    assert view[2] == view.get_raw_data(2) == (str(files[2]), 0, 12)
    view.set_item_loader_func(lambda path, label, code: (Path(path).read_bytes(), label, code))
    assert view[4] == (b"\4", 1, 14)
    files[5].unlink()
    with pytest.raises(FileNotFoundError):
        view[5]
    with pytest.warns(UserWarning, match="1 of 6"):
        DatasetLoader(graph_files=files)
    with pytest.raises(ValueError, match="one label"):
        DatasetLoader(graph_files=files[:2], labels=[1])
    with pytest.raises(ValueError, match="none of them"):
        DatasetLoader()


def test_what_there_is(parts_flow: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Groups, arrays and columns are told, and codes that do not match."""
    loader = DatasetLoader.from_flow(parts_flow)

    assert loader.available_groups() == {"faces", "edges"}
    assert loader.available_arrays("faces") == {"face_areas", "face_types"}
    assert loader.find_group_for_array("edge_lengths") == "edges"
    assert loader.find_group_for_array("nothing") is None
    assert "complexity_level" in loader.get_available_stratification_keys()["infoset"]
    assert loader.validate_configuration()["total_files"] == len(loader) == 4
    with pytest.raises(NotFound, match="faces"):
        loader.available_arrays("nothing")
    loader.diagnose_file_codes_mismatch([0, 1, 9])
    assert capsys.readouterr().out.splitlines() == [
        "1 codes without a row in the infoset: 9",
        "2 codes without rows in the dataset: 2, 3",
    ]
    loader.close_resources()
    assert loader.all_items()[0]["id"] == 0


def test_loaders_are_pickled(loader: DatasetLoader) -> None:
    """A copy has the split and reads the same items."""
    loader.split("random")
    copy = pickle.loads(pickle.dumps(loader))

    assert subsets_of(copy) == subsets_of(loader)
    assert copy.get_dataset("train").source_bytes(0) == loader.get_dataset("train").source_bytes(0)


def test_an_infoset_that_is_not_there(tmp_path: Path, encoded_flow: Path) -> None:
    """A missing infoset is said with its path."""
    with pytest.raises(ValueError, match=r"Parquet file not found: .*none\.infoset"):
        DatasetLoader(encoded_flow.with_suffix(".dataset"), tmp_path / "none.infoset")


def test_items_without_an_infoset(parts_flow: Path) -> None:
    """Then every code is an item, called by its number."""
    loader = DatasetLoader(parts_flow.with_suffix(".dataset"))

    assert loader.all_items().names == ["0", "1", "2", "3"]
    assert sum(loader.split("face_types")) == 4
    np.testing.assert_allclose(loader.all_items()["3"]["faces/face_areas"], [7.5])
