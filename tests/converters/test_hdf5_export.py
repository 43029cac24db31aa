"""Exports, read by everybody else: HDF5's own tools, h5py, xarray over both netCDF engines, pandas."""

from __future__ import annotations

import itertools
import json
import shutil
import subprocess
from pathlib import Path

import archives
import h5py
import numpy as np
import pandas as pd
import pytest
import xarray as xr
from click.testing import CliRunner

from zarrpack.converters.commands.export import export_command
from zarrpack.converters.convert import convert
from zarrpack.converters.hdf5_export import export_hdf5
from zarrpack.errors import FormatError, OutputRefused, SourceError, UsageError
from zarrpack.storage.data_file import DataFile
from zarrpack.storage.datastorage import OptStorage

ITEMS = 500


def tool(name: str, *arguments: object) -> str:
    """Run one of HDF5's tools; give its output."""
    if shutil.which(name) is None:
        pytest.skip(f"{name} is not installed; Debian has it in hdf5-tools")
    return subprocess.run([name, *map(str, arguments)], check=True, capture_output=True, text=True).stdout


@pytest.fixture(scope="module")
def dataset(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Convert an archive of a thousand items, and some odd ones, keeping pixels and source bytes."""
    folder = tmp_path_factory.mktemp("thousand")
    members = archives.product_members(ITEMS)
    members["notes/über.txt"] = "Straße ".encode() * 60
    members["bin/raw.dat"] = bytes(range(256)) * 10
    archives.write_zip(folder / "products.zip", members)
    return convert(folder / "products.zip", folder / "out", images="both", workers=2).dataset


@pytest.fixture(scope="module")
def exported(dataset: Path) -> Path:
    """Export it with the defaults."""
    return export_hdf5(dataset).hdf5


def assert_equal_arrays(path: Path, dataset: Path) -> None:
    """Compare every array of a dataset with what h5py reads."""
    with DataFile(dataset) as data, h5py.File(path) as file:
        for place, array in data.arrays.items():
            expected, node = array.read(), file[place]
            if array.metadata.codec.object_codec == "vlen-bytes":
                ends = file[f"{place}_offsets"][...]
                found = [node[a:b].tobytes() for a, b in itertools.pairwise(ends)]
                assert found == expected.tolist(), place
            elif array.metadata.dtype == "|O":
                assert node.asstr()[...].tolist() == expected.tolist(), place
            else:
                np.testing.assert_array_equal(node[...], expected, place)
                assert node.shape == expected.shape


def test_h5py_reads_what_was_stored(exported: Path, dataset: Path) -> None:
    """Every array has its values, shape and axes' names."""
    assert_equal_arrays(exported, dataset)
    with h5py.File(exported) as file:
        names = [dim[0].name for dim in file["images/pixels"].dims]
        assert [name.rpartition("/")[2] for name in names] == ["image", "y", "x", "channel"]
        assert file["images/pixels"].fletcher32
        assert file["images/pixels"].compression == "gzip"


def test_hdf5_tools_read_it(exported: Path) -> None:
    """h5dump and h5ls of HDF5 1.10 list every object; h5dump also reads pixels through the filters."""
    header = tool("h5dump", "-H", exported)
    listing = tool("h5ls", "-r", exported)
    pixels = tool("h5dump", "-d", "/images/pixels", "-s", "0,0,0,0", "-c", "1,1,2,3", exported)

    assert 'DATASET "pixels"' in header
    assert "/images/pixels" in listing
    assert f"{{{ITEMS}, 16, 24, 3}}" in listing
    with h5py.File(exported) as file:
        first = file["images/pixels"][0, 0, 0].tolist()
    assert f"(0,0,0,0): {first[0]}, {first[1]}, {first[2]}," in pixels


def test_h5diff_sees_no_difference_between_compressions(exported: Path, dataset: Path, tmp_path: Path) -> None:
    """The same export without compression is equal, object by object; a changed value is found."""
    other = export_hdf5(dataset, tmp_path / "other.h5", compression="none").hdf5
    tool("h5diff", exported, other)
    with h5py.File(other, "r+") as file:
        file["images/height"][3] += 1

    with pytest.raises(subprocess.CalledProcessError):
        tool("h5diff", exported, other)


@pytest.mark.parametrize("engine", ["netcdf4", "h5netcdf"])
def test_xarray_reads_it(exported: Path, dataset: Path, engine: str) -> None:
    """Through both netCDF libraries xarray sees dimensions by name, no made-up coordinates, and the values."""
    with xr.open_datatree(exported, engine=engine) as tree, DataFile(dataset) as data:
        images = tree["images"].to_dataset()
        assert images["pixels"].dims == ("image", "y", "x", "channel")
        assert list(images.coords) == []
        np.testing.assert_array_equal(images["pixels"].values, data.arrays["images/pixels"].read())
        np.testing.assert_array_equal(tree["table"].to_dataset()["stock"].values, data.arrays["table/stock"].read())
        text = tree["records"].to_dataset()["key"].values[:3].astype(str).tolist()
        assert text == data.arrays["records/key"].read()[:3].tolist()


def test_netcdf4_reads_it(exported: Path) -> None:
    """netCDF4-python by itself opens every group and variable."""
    import netCDF4

    with netCDF4.Dataset(exported) as file:
        assert file["images"].dimensions["image"].size == ITEMS
        assert not file["files"].dimensions["encoded_byte"].isunlimited()
        assert file["zarrpack/infoset/name"][0] == "p/images/100"


def test_pandas_reads_the_tables(exported: Path, dataset: Path) -> None:
    """The infoset's columns, missing values masked, are the Parquet table's."""
    expected = pd.read_parquet(dataset.with_suffix(".infoset"))
    with h5py.File(exported) as file:
        group = file["zarrpack/infoset"]
        columns = {}
        for name, safe, kind, _ in json.loads(group.attrs["zarrpack"])["columns"]:
            column = group[safe]
            values = pd.Series(column.asstr()[...] if kind == "string" else column[...])
            if f"{safe}_is_null" in group:
                values = values.astype(object).mask(group[f"{safe}_is_null"][...].astype(bool))
            columns[name] = values
    found = pd.DataFrame(columns)

    assert list(found) == list(expected)
    for name in expected:
        left, right = found[name], expected[name]
        assert left.isna().tolist() == right.isna().tolist()
        assert left.dropna().tolist() == right.dropna().tolist(), name


def test_every_dataset_tells_its_source(exported: Path) -> None:
    """A row leads to archive and member: its file_id is an item of the members table."""
    with h5py.File(exported) as file:
        code = file["images/file_id"][7]
        assert "members" in file["images/pixels"].attrs["provenance"]
        members = file["zarrpack/members"]
        row = int(np.flatnonzero(members["item_code"][...] == code)[0])
        assert members["archive"].asstr()[row] == "products.zip"
        assert members["member"].asstr()[row] == "p/images/107.jpg"
        assert "seconds" not in members


@pytest.mark.parametrize("compression", ["lzf", "none"])
def test_compressions(dataset: Path, tmp_path: Path, compression: str) -> None:
    """Whatever the compression, h5py reads the same."""
    path = tmp_path / "a.h5"
    outcome = CliRunner().invoke(
        export_command, ["hdf5", str(dataset), "-o", str(path), "--compression", compression, "--json"]
    )

    assert outcome.exit_code == 0, outcome.output
    assert json.loads(outcome.output)["bytes"] == path.stat().st_size
    assert_equal_arrays(path, dataset)


def test_equal_bytes(dataset: Path, exported: Path, tmp_path: Path) -> None:
    """A second export, later and by another number of threads, has the same bytes: there is no time in it."""
    with h5py.File(exported) as file:
        assert h5py.h5o.get_info(file.id).mtime == 0
        assert h5py.h5o.get_info(file["images"].id).mtime == 0
        assert h5py.h5o.get_info(file["images/pixels"].id).mtime == 0
    again = export_hdf5(dataset, tmp_path / "again.h5", threads=5).hdf5

    assert again.read_bytes() == exported.read_bytes()


def test_bools_and_halves(tmp_path: Path) -> None:
    """Booleans are booleans again in xarray, float16 comes as float32, and axes without values stay."""
    store = OptStorage(str(tmp_path / "odd.data"))
    store.save_data("mask", np.array([True, False, True]))
    store.save_data("half", np.array([0.5, 2], np.float16))
    store.save_data("none", np.zeros((0, 3), np.int64))
    store.save_data("one", 7.5)
    store.save_data("word", "Straße")
    store.save_data("nul", np.array(["a\0b", "", "c"]))
    store.compress_store()
    path = export_hdf5(tmp_path / "odd.data").hdf5

    with xr.open_dataset(path, engine="netcdf4") as found:
        assert found["mask"].dtype == bool
        assert found["mask"].values.tolist() == [True, False, True]
        assert found["half"].dtype == np.float32
        assert found["none"].shape == (0, 3)
        assert found["one"].values == 7.5
        assert found["word"].values == "Straße"
        assert found["nul"].values.tobytes() == b"a\0bc"


def test_what_is_refused(dataset: Path, exported: Path, tmp_path: Path) -> None:
    """Existing files, other suffixes and sources that are none are refused, and nothing is left behind."""
    before = exported.read_bytes()
    with pytest.raises(OutputRefused, match="--overwrite"):
        export_hdf5(dataset)
    with pytest.raises(UsageError, match=r"ends in \.h5"):
        export_hdf5(dataset, tmp_path / "a.hdf")
    with pytest.raises(UsageError, match=r"found \.h5"):
        export_hdf5(exported, tmp_path / "b.h5")
    with pytest.raises(SourceError, match="found none"):
        export_hdf5(tmp_path / "no.dataset")
    (tmp_path / "bad.dataset").write_bytes(b"PK")
    with pytest.raises(FormatError):
        export_hdf5(tmp_path / "bad.dataset")

    assert exported.read_bytes() == before
    assert sorted(path.name for path in tmp_path.iterdir()) == ["bad.dataset"]


def test_a_damaged_dataset_gives_no_file(dataset: Path, tmp_path: Path) -> None:
    """A flipped byte in a chunk ends the export, and there is no half of a file; the undamaged one goes through."""
    copy = tmp_path / "copy.dataset"
    content = bytearray(dataset.read_bytes())
    with DataFile(dataset) as data:
        place = data.locate("images/pixels/0.0.0.0")
    assert place is not None
    content[place.offset + 50] ^= 1
    copy.write_bytes(content)

    with pytest.raises(FormatError, match=r"copy\.dataset"):
        export_hdf5(copy)
    assert [path.name for path in tmp_path.iterdir()] == ["copy.dataset"]


def test_per_item(dataset: Path, tmp_path: Path) -> None:
    """Each member has its datasets below its own path, with archive and member beside the values."""
    path = export_hdf5(dataset, tmp_path / "items.h5", layout="per_item").hdf5
    with h5py.File(path) as file, DataFile(dataset) as data:
        pixels = data.arrays["images/pixels"].read()
        for number in (0, 7, ITEMS - 1):
            group = file[f"p/images/{100 + number}.jpg"]
            code = int(group["pixels"].attrs["item_code"])
            row = data.arrays["images/file_id"].read().tolist().index(code)
            np.testing.assert_array_equal(group["pixels"][...], pixels[row])
            assert group["encoded"][...].tobytes() == archives.jpeg(number)
            assert group["pixels"].attrs["archive"] == "products.zip"
            assert group["pixels"].attrs["member"] == f"p/images/{100 + number}.jpg"
            assert group["pixels"].attrs["height"] == 16
        assert file["p/styles/103.json/key"].asstr()[...].tolist()[:2] == ["data/id", "data/colour"]
        assert file["notes/über.txt"].asstr()[()] == "Straße " * 60
        assert file["bin/raw.dat"][...].tobytes() == bytes(range(256)) * 10
        assert file["p/styles.csv/stock"][...].tolist() == list(range(ITEMS))
    assert "/p/images/107.jpg/pixels" in tool("h5ls", "-r", path)
    assert path.read_bytes() == export_hdf5(dataset, tmp_path / "b.h5", layout="per_item", threads=1).hdf5.read_bytes()


@pytest.mark.parametrize("compression", ["gzip", "none"])
def test_pictures_of_mixed_sizes(tmp_path: Path, compression: str) -> None:
    """Each picture has its own shape in its own dataset, large ones in chunks with checksums."""
    members = {f"{n}.png": archives.png(n, 300 + 10 * n, 200) for n in range(4)}
    archives.write_zip(tmp_path / "a.zip", members)
    dataset = convert(tmp_path / "a.zip", tmp_path / "out", workers=1).dataset
    path = export_hdf5(dataset, layout="per_item", compression=compression).hdf5  # type: ignore[arg-type]

    with h5py.File(path) as file:
        for number in range(4):
            node = file[f"{number}.png"]
            expected = np.asarray(archives.picture(number, 300 + 10 * number, 200))
            np.testing.assert_array_equal(node[...], expected)
            assert node.fletcher32
            assert [dim.label for dim in node.dims] == ["y", "x", "channel"]
