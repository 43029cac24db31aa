"""What `zarrpack info` tells of files."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest

from zarrpack import DataRetriever
from zarrpack.converters.inspection import inspect
from zarrpack.errors import FormatError
from zarrpack.storage.hdf5.comparison import check_hdf5


def test_the_names_of_axes_are_not_searched_for(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The library would search the whole file for the name of each scale; `info` and the retriever know where it lies."""
    path = tmp_path / "a.h5"
    with h5py.File(path, "w") as file:
        file["g/time"] = np.arange(3)
        file["g/time"].make_scale("time")
        file["x"] = np.zeros((3, 2))
        file["x"].dims[0].attach_scale(file["g/time"])
        file["x"].dims[1].label = "side"
    asked: list[object] = []
    monkeypatch.setattr(h5py.h5i, "get_name", lambda *arguments: asked.append(arguments))

    assert inspect(path)["groups"][""]["x"]["dims"] == ["time", "side"]
    with DataRetriever(path) as data:
        assert data.entry("x").dims == ("time", "side")
    assert asked == []


def test_rows_of_references_are_never_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The library may crash on them: the retriever says that they have no plain form, `verify` and `info` pass over them."""
    path = tmp_path / "a.h5"
    with h5py.File(path, "w") as file:
        file["x"] = [1]
        file.create_dataset("rows", (3,), h5py.vlen_dtype(h5py.ref_dtype))
        kind = h5py.h5t.vlen_create(h5py.h5t.STD_REF_OBJ)
        for name in (b"NAME", b"dtype", b"zarrpack"):
            h5py.h5a.create(file["rows"].id, name, kind, h5py.h5s.create_simple((3,)))

    def asked(*_: object) -> None:
        raise AssertionError("the values were read")

    with DataRetriever(path) as data:
        assert data.fetch("x").tolist() == [1]
        monkeypatch.setattr(h5py.Dataset, "__getitem__", asked)
        monkeypatch.setattr(h5py.AttributeManager, "__getitem__", asked)
        with pytest.raises(FormatError, match="plain form"):
            data.fetch("rows")
        assert data.attributes("rows") == {"dtype": None}
        assert data.entry("rows").dtype == "O"
    assert set(inspect(path)["groups"][""]) == {"rows", "x"}


def test_verification_passes_over_rows_of_references(tmp_path: Path) -> None:
    """What may crash the library is not read; the rest is."""
    path = tmp_path / "a.h5"
    with h5py.File(path, "w") as file:
        file.create_dataset("rows", (3,), h5py.vlen_dtype(h5py.ref_dtype))
        file.create_dataset("x", data=range(100), chunks=(100,), fletcher32=True)
        file.flush()
        offset = file["x"].id.get_chunk_info(0).byte_offset
    read: list[str] = []
    get = h5py.Dataset.__getitem__

    def counted(self: Any, key: object) -> object:
        read.append(self.name)
        return get(self, key)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(h5py.Dataset, "__getitem__", counted)
        assert check_hdf5(path, None)[0] == []
    content = bytearray(path.read_bytes())
    content[offset] ^= 1
    path.write_bytes(content)

    assert read == ["/x"]
    assert check_hdf5(path, None)[0] != []


def test_lists_of_scales_of_other_types_are_passed_over(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The library takes their type for granted, and would take numbers for addresses in memory."""
    path = tmp_path / "a.h5"
    with h5py.File(path, "w") as file:
        file["x"] = [1]
        file["one"] = 1
        h5py.h5a.create(file["x"].id, b"DIMENSION_LIST", h5py.h5t.NATIVE_INT32, h5py.h5s.create_simple((1,)))

    def asked(*_: object) -> None:
        raise AssertionError("the list was read")

    monkeypatch.setattr(h5py.h5ds, "get_num_scales", asked)

    assert inspect(path)["groups"][""]["x"]["dims"] == ["dim_0"]
    with DataRetriever(path) as data:
        assert data.entry("x").dims == ("",)
        assert data.entry("one").dims == ()
