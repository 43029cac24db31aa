"""zarrpack verify on mirrors."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import archives
import h5py
import pytest

from zarrpack.converters.convert import convert
from zarrpack.converters.verification import verify

MEMBERS = archives.product_members(3) | {"big.png": archives.png(1, 400, 300), "a.txt": b"text"}


def problems(path: Path) -> dict[str, tuple[str, ...]]:
    """Give what is wrong by file, where something is."""
    return {one.path.name: one.problems for one in verify(path) if one.problems}


@pytest.mark.parametrize("layout", ["columnar", "per_item"])
def test_mirrors(tmp_path: Path, layout: Any) -> None:
    """A mirror is equal to its dataset; with a changed value, an array less, or a damaged chunk it is not, and it says where."""
    archives.write_zip(tmp_path / "a.zip", MEMBERS)
    made = convert(tmp_path / "a.zip", tmp_path / "out", workers=1, hdf5=True, hdf5_layout=layout, images="both")
    assert made.hdf5 is not None
    assert problems(tmp_path / "out") == {}
    assert problems(made.hdf5) == {}
    whole = made.hdf5.read_bytes()
    place = "images/width" if layout == "columnar" else "p/styles.csv/stock"

    with h5py.File(made.hdf5, "r+") as file:
        file[place][0] += 1
    assert place.rpartition("/")[2] in problems(made.hdf5)["a.h5"][0]
    assert "a.h5" in problems(made.flow)

    damaged = bytearray(whole)
    with h5py.File(made.hdf5) as file:
        node = file["images/pixels" if layout == "columnar" else "big.png/pixels"]
        chunk = node.id.get_chunk_info(0)
    damaged[chunk.byte_offset + chunk.size // 2] ^= 1
    made.hdf5.write_bytes(damaged)
    assert "a.h5" in problems(made.hdf5)

    made.hdf5.write_bytes(whole[: len(whole) // 2])
    assert "a.h5" in problems(made.hdf5)
    made.hdf5.write_bytes(whole)
    assert problems(tmp_path / "out") == {}


def test_a_file_of_others(tmp_path: Path) -> None:
    """Any HDF5 file is read to its end."""
    with h5py.File(tmp_path / "b.h5", "w") as file:
        file.create_dataset("x", data=range(1000), chunks=(100,), fletcher32=True)
    assert problems(tmp_path / "b.h5") == {}
    with h5py.File(tmp_path / "b.h5") as file:
        offset = file["x"].id.get_chunk_info(3).byte_offset
    content = bytearray((tmp_path / "b.h5").read_bytes())
    content[offset] ^= 1
    (tmp_path / "b.h5").write_bytes(content)
    assert "x" in problems(tmp_path / "b.h5")["b.h5"][0]
