"""Views: items by position and name, with the arrays and in the form that was asked for."""

from __future__ import annotations

import io
import pickle
import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from zarrpack.dataset import CADDataset, DatasetLoader, DatasetView, collate_items
from zarrpack.errors import NotFound, UsageError

archives = sys.modules["archives"]


def test_items_by_position_and_name(encoded_flow: Path) -> None:
    """An item has its code, its name and its arrays, however it is asked for."""
    view = DatasetView.open(encoded_flow)

    assert len(view) == 10
    item = view[2]
    assert (item["id"], item["name"]) == (2, "102")
    assert item.keys() == view["102"].keys() == view[-8].keys()
    assert bytes(item["images/encoded"][0]) == archives.product_members(9)["p/images/102.jpg"]
    assert [one["name"] for one in view] == view.names
    for wrong in (10, -11):
        with pytest.raises(IndexError):
            view[wrong]
    with pytest.raises(KeyError, match="nothing"):
        view["nothing"]


def test_the_sources_bytes(encoded_flow: Path, decoded_flow: Path) -> None:
    """They are those of the archive; a dataset without them says how to get them."""
    view = DatasetView.open(encoded_flow)

    assert view.source_bytes("103") == archives.product_members(9)["p/images/103.jpg"]
    with pytest.raises(NotFound, match="row 0 of item 9"):
        view.source_bytes(9)  # the table
    with pytest.raises(UsageError, match="--images encoded"):
        DatasetView.open(decoded_flow).source_bytes(0)
    with pytest.raises(UsageError, match="--images encoded"):
        DatasetView.open(decoded_flow).select(pictures="encoded")


def test_decoded_pictures_are_those_of_a_conversion(encoded_flow: Path, decoded_flow: Path) -> None:
    """Pictures decoded when they are read equal those that were decoded when they were stored, and Pillow's."""
    encoded = DatasetView.open(encoded_flow).select("images", pictures="decoded")
    decoded = DatasetView.open(decoded_flow).select("images", pictures="decoded")
    members = archives.product_members(9)

    for number in range(9):
        pixels = encoded[number]["images/pixels"]
        np.testing.assert_array_equal(pixels, decoded[number]["images/pixels"])
        picture = Image.open(io.BytesIO(members[f"p/images/{100 + number}.jpg"]))
        np.testing.assert_array_equal(pixels[0], np.asarray(picture))
    assert encoded.shapes("images/pixels") == decoded.shapes("images/pixels")
    assert encoded.shapes("images/pixels")[0] == encoded[0]["images/pixels"].shape


def test_chosen_arrays_only(encoded_flow: Path) -> None:
    """A selection has what was asked for, in the form asked for, and the view stays as it was."""
    view = DatasetView.open(encoded_flow)
    chosen = view.select("images/height", "images/encoded", rows="first")

    assert chosen[0].keys() == {"id", "name", "images/height", "images/encoded"}
    assert chosen[0]["images/height"] == 16
    assert isinstance(chosen[0]["images/encoded"], bytes)
    assert "images/width" in view[0]
    assert view.select("table")[9]["table/stock"].tolist() == list(range(9))
    assert view.select("images/pixels", pictures="decoded", rows="first")[0]["images/pixels"].shape == (16, 24, 3)
    assert view.select("images/pixels")[0]["images/pixels"].shape == (1, 16, 24, 3)
    assert view.select("images/pixels").select(rows="first")[0].keys() == {"id", "name", "images/pixels"}
    with pytest.raises(NotFound, match="images/encoded"):
        view.select("images/nothing")
    with pytest.raises(UsageError, match="rows="):
        view.select(rows="last")  # type: ignore[arg-type]


def test_pictures_of_different_shapes(flat_flow: Path) -> None:
    """Each has its own shape, and batches list what cannot be stacked."""
    view = DatasetView.open(flat_flow).select("images/pixels", rows="first")

    assert [view[number]["images/pixels"].shape for number in range(6)] == [(16, 24 + n, 3) for n in range(6)]
    assert view.shapes("images/pixels")[:6] == [(16, 24 + n, 3) for n in range(6)]
    batch = collate_items([view[0], view[1]])
    assert [one.shape for one in batch["images/pixels"]] == [(16, 24, 3), (16, 25, 3)]
    assert collate_items([view[0], view[0]])["images/pixels"].shape == (2, 16, 24, 3)


def test_batches_are_in_the_order_asked_for(encoded_flow: Path) -> None:
    """Several items at once are those asked for, also repeated ones."""
    view = DatasetView.open(encoded_flow)

    assert [item["id"] for item in view.__getitems__([4, 0, -1, 4])] == [4, 0, 9, 4]


def test_views_of_views(encoded_flow: Path) -> None:
    """Subsets and file order are views of the same items."""
    view = DatasetView.open(encoded_flow)

    assert view.subset([3, 1]).names == ["103", "101"]
    assert view.subset([3, 1]).in_file_order().names == ["101", "103"]
    assert view.in_file_order().names[1:] == [str(100 + number) for number in range(9)]  # the table has no pictures
    assert view.having("images/encoded").names == [str(100 + number) for number in range(9)]
    assert view.having("table/stock").names == [view.names[9]]
    with pytest.raises(KeyError):
        view.subset([3, 1])["102"]
    with pytest.raises(IndexError):
        CADDataset(view.parent_dataset, [10])


def test_own_item_loaders(encoded_flow: Path) -> None:
    """A function gets the item's description and code, and can be taken away again."""
    view = DatasetView.open(encoded_flow)
    view.set_item_loader_func(lambda graph_file, label_file, data_id: (graph_file, label_file, data_id))

    assert (view[1][0].endswith("p/images/101.jpg"), *view[1][1:]) == (True, None, 1)
    assert view.get_raw_data(1) == view[1]
    view.set_item_loader_func(None)
    assert view[1]["name"] == "101"


def test_views_are_pickled(encoded_flow: Path) -> None:
    """A copy reads the same items, and forgets what its own parent removes."""
    view = DatasetView.open(encoded_flow).select("images/encoded")
    copy = pickle.loads(pickle.dumps(view))

    assert copy[3]["images/encoded"].tolist() == view[3]["images/encoded"].tolist()
    copy.parent_dataset.remove_indices([0])
    assert (len(copy), len(view)) == (9, 10)


def test_a_dataset_alone(encoded_flow: Path, tmp_path: Path) -> None:
    """Without tables beside it a file is read by codes; a flow whose files have moved finds those beside it."""
    alone = tmp_path / "alone.dataset"
    alone.write_bytes(encoded_flow.with_suffix(".dataset").read_bytes())

    assert DatasetView.open(alone).names[:2] == ["0", "1"]
    assert DatasetView.open(encoded_flow.with_suffix(".dataset")).names[0] == "100"
    assert isinstance(DatasetView.open(encoded_flow).parent_dataset, DatasetLoader)
