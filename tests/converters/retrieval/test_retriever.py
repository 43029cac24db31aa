"""One way to find and fetch what is in a file, whatever the file."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import archives
import h5py
import numpy as np
import pytest

from zarrpack import DataRetriever
from zarrpack.converters.convert import convert
from zarrpack.converters.hdf5_export import export_hdf5
from zarrpack.errors import FormatError, NotFound, SourceError, UsageError

KINDS = ["dataset", "data", "columnar", "per_item"]


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """Give one archive's content as a file of each kind."""
    folder = tmp_path_factory.mktemp("files")
    archives.write_zip(folder / "a.zip", archives.product_members(4) | {"notes.txt": "Straße".encode()})
    made = convert(folder / "a.zip", folder / "out", images="both", workers=1, keep_data=True, hdf5=True)
    assert made.hdf5 is not None
    return {
        "dataset": made.dataset,
        "data": next((folder / "out/encoded").glob("*.data")),
        "columnar": made.hdf5,
        "per_item": export_hdf5(made.dataset, folder / "items.h5", layout="per_item").hdf5,
    }


@pytest.fixture(params=KINDS)
def data(request: pytest.FixtureRequest, files: dict[str, Path]) -> Iterator[DataRetriever]:
    """Open each."""
    with DataRetriever(files[request.param]) as opened:
        yield opened


def is_per_item(data: DataRetriever) -> bool:
    """Whether it has a dataset for each member."""
    return data.path.name == "items.h5"


def test_pixels_of_a_member(data: DataRetriever) -> None:
    """The pixels of a picture are found by name, type and source, and fetched."""
    found = data.search("pixels", dtype="u1", source="*/102.jpg")
    expected = np.asarray(archives.picture(2))
    pixels = data.fetch(found[0])

    assert len(found) == 1
    assert data.entry(found[0]).dims[-3:] == ("y", "x", "channel")
    if not is_per_item(data):
        code = next(one.code for one in data.members("*/102.jpg"))
        row = data.fetch("images/file_id").tolist().index(code)
        pixels = data.fetch("images/pixels", row, row + 1)[0]
    assert np.abs(pixels.astype(int) - expected).mean() < 8  # it was a JPEG


def test_original_bytes(data: DataRetriever) -> None:
    """The member's own bytes come back; where they were not kept, or the name fits several, it says so."""
    assert data.original("p/images/101.jpg") == archives.jpeg(1)
    assert data.original("a.zip/p/images/101.jpg") == archives.jpeg(1)
    with pytest.raises(NotFound, match="none"):
        data.original("p/images/9.jpg")
    with pytest.raises(NotFound, match="not kept"):
        data.original("notes.txt")
    with pytest.raises(UsageError, match="found 4"):
        data.original("*.jpg")


def test_listing(data: DataRetriever) -> None:
    """Groups and datasets are listed flat and deep, in parts and below a group."""
    groups, datasets = data.groups(), data.datasets()

    assert set(data.groups(recursive=False)) == {group for group in groups if "/" not in group}
    assert data.datasets(span=(1, 3)) == datasets[1:3]
    assert data.datasets(span=slice(None, None, 2)) == datasets[::2]
    first = data.entry(datasets[-1]).group
    assert datasets[-1] in data.datasets(first, recursive=False)
    assert all(path.startswith(f"{first}/") for path in data.datasets(first))


def test_searching(data: DataRetriever) -> None:
    """Patterns, types and names restrict each other; nothing at all is refused."""
    found = data.search(glob="*pixels")
    assert found
    assert data.search("PIX", glob="*", dtype="number") == found
    assert data.search("pixels", dtype="string") == []
    path = "notes.txt" if is_per_item(data) else "text/text"
    assert path in data.search(dtype="string")
    assert data.fetch(path).reshape(-1).tolist() == ["Straße"]
    with pytest.raises(UsageError, match="search"):
        data.search()


def test_what_is_missing(data: DataRetriever) -> None:
    """A path that is not there is told with the nearest that is."""
    path = data.search("pixels")[0]
    with pytest.raises(NotFound, match="did you mean"):
        data.fetch(path + "s")
    with pytest.raises(NotFound, match="group"):
        data.datasets("nowhere/at/all")
    with pytest.raises(NotFound):
        data.attributes("nowhere")


def test_names_of_the_ancestor(data: DataRetriever) -> None:
    """The methods that H5DAT's users know give what they gave."""
    groups, datasets = data.retrieve_all_data_lists()

    assert data.retrieve_recursive_group_list() == groups
    assert data.retrieve_groups_list() == data.retrieve_group_list()
    assert data.retrieve_recursive_group_list(groups[:1])[0] == groups[0]
    assert data.retrieve_all_datasets_list((0, 2)) == datasets[:2] == data.retrieve_dataset_list()[:2]
    assert [path for path, _ in data.retrieve_all_group_attrs_data()] == groups
    name, group, _ = data.retrieve_searched_dataset("pixels")[0]
    assert f"{group}/{name}" in data.search("pixels")
    assert any(path == group for _, path, _ in data.retrieve_searched_group(group))
    assert [path for path, _ in data.recursive_retrieval()] == data.datasets()


def test_all_kinds_hold_the_same(files: dict[str, Path]) -> None:
    """A dataset and its mirror have the same arrays, types, axes and values."""
    with DataRetriever(files["dataset"]) as one, DataRetriever(files["columnar"]) as other:
        for path in one.datasets():
            np.testing.assert_array_equal(one.fetch(path), other.fetch(path), path)
            assert one.entry(path).dtype == other.entry(path).dtype, path
            if one.entry(path).dtype != "bytes":
                assert one.entry(path).dims == other.entry(path).dims, path


def test_files_of_others(tmp_path: Path) -> None:
    """Any HDF5 file can be searched; nothing outside it is opened."""
    with h5py.File(tmp_path / "a.h5", "w") as file:
        file["g/x"] = [1.5, 2.0]
        file["g"].attrs["unit"] = "mm"
        file["g/away"] = h5py.ExternalLink("other.h5", "/y")
        file.create_dataset("g/words", data=["a", "ä"])
    with DataRetriever(tmp_path / "a.h5") as data:
        assert data.datasets() == ["g/words", "g/x"]
        assert data.attributes("g") == {"unit": "mm"}
        assert data.fetch("g/x", 1).tolist() == [2.0]
        assert data.fetch("g/words").tolist() == ["a", "ä"]
        assert data.members() == []


def test_what_is_no_file(tmp_path: Path) -> None:
    """Files that are not there, of other kinds or damaged are refused."""
    (tmp_path / "bad.h5").write_bytes(b"no")
    with pytest.raises(FormatError, match=r"bad\.h5"):
        DataRetriever(tmp_path / "bad.h5")
    with pytest.raises(SourceError):
        DataRetriever(tmp_path / "no.h5")
    with pytest.raises(FormatError, match=r"expected \.data"):
        DataRetriever(tmp_path / "a.zip")


def test_filters_that_are_missing(tmp_path: Path) -> None:
    """Datasets whose filter is not there are listed; reading them says what is missing."""
    archives.write_zip(tmp_path / "a.zip", archives.product_members(2))
    mirror = convert(tmp_path / "a.zip", tmp_path / "out", workers=1, hdf5=True, hdf5_compression="zstd").hdf5
    assert mirror is not None
    with DataRetriever(mirror) as data:
        assert data.search("pixels") == ["images/pixels"]
        if not h5py.h5z.filter_avail(32015):
            with pytest.raises(FormatError, match="hdf5plugin"):
                data.fetch("images/pixels")
