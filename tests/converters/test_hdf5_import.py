"""Round trips through HDF5, and files of others as datasets."""

from __future__ import annotations

import ctypes
import hashlib
import io
import json
from pathlib import Path
from typing import Any

import archives
import h5py
import numpy as np
import pandas as pd
import pytest
from click.testing import CliRunner

from zarrpack.converters.apart import run_apart
from zarrpack.converters.commands.import_files import import_command
from zarrpack.converters.convert import convert
from zarrpack.converters.hdf5_export import export_hdf5
from zarrpack.converters.hdf5_import import RestoredSet, import_hdf5
from zarrpack.converters.result import ConvertResult
from zarrpack.errors import FormatError, NothingUsable, OutputRefused, SourceError, UsageError
from zarrpack.storage.data_file import DataFile
from zarrpack.storage.datastorage import OptStorage


def digest(path: Path) -> str:
    """Give a file's SHA-256."""
    return hashlib.sha256(path.read_bytes()).hexdigest()


def odd_members() -> dict[str, bytes]:
    """Give members of every kind that a dataset has arrays for."""
    members = archives.product_members(5, vary=True)
    arrays = io.BytesIO()
    np.savez(
        arrays,
        half=np.arange(6, dtype=np.float16).reshape(2, 3),
        mask=np.array([True, False, True]),
        z=np.array([1 + 2j]),
        date=np.array(["2020-01-02", "NaT"], "M8[s]"),
        text=np.array(["Straße", "a\0b", ""]),
        raw=np.array([b"ab", b"c"]),
    )
    return members | {"arr/x.npz": arrays.getvalue(), "long.txt": b"x" * 4000, "bin.dat": bytes(range(256)) * 40}


@pytest.mark.parametrize("compression", ["gzip", "lzf", "none"])
@pytest.mark.parametrize("images", ["both", "decoded"])
def test_round_trip(tmp_path: Path, images: Any, compression: Any) -> None:
    """Archive, dataset, HDF5, dataset: the same bytes, and so the same arrays, names, metadata and codes; the members but for seconds."""
    archives.write_zip(tmp_path / "a.zip", odd_members())
    first = convert(
        tmp_path / "a.zip", tmp_path / "a", workers=1, images=images, hdf5=True, hdf5_compression=compression
    )
    assert first.hdf5 is not None
    second = import_hdf5([first.hdf5], tmp_path / "b")

    assert isinstance(second, RestoredSet)
    assert [path.name for path in second.paths] == ["a.dataset", "a.infoset", "a.attribset", "a.members.parquet"]
    for suffix in (".dataset", ".infoset", ".attribset"):
        assert digest(tmp_path / f"b/a{suffix}") == digest(tmp_path / f"a/a{suffix}"), suffix
    before, after = (pd.read_parquet(tmp_path / f"{folder}/a.members.parquet") for folder in "ab")
    pd.testing.assert_frame_equal(after.drop(columns="seconds"), before.drop(columns="seconds"))
    third = export_hdf5(tmp_path / "b/a.dataset", tmp_path / "c.h5", compression=compression).hdf5
    assert digest(third) == digest(first.hdf5)


def test_packs_and_stores_come_back(tmp_path: Path) -> None:
    """A .data file exported and imported has the same arrays and metadata, also at the root and in groups in groups."""
    archives.write_zip(tmp_path / "a.zip", odd_members())
    convert(tmp_path / "a.zip", tmp_path / "a", workers=1, keep_data=True)
    store = OptStorage(str(tmp_path / "own.data"))
    store.save_data("mask", np.array([True, False]))
    store.save_data("group/deep/one", 7.5)
    store.save_data("none", np.zeros((0, 3)))
    store.save_data("words", ["a", "b"])
    store.save_metadata("key", {"nested": [1, "ä"]})
    store.compress_store()
    for source in (next((tmp_path / "a/encoded").glob("*.data")), tmp_path / "own.data"):
        hdf5 = export_hdf5(source, tmp_path / "x.h5", overwrite=True).hdf5
        restored = import_hdf5([hdf5], tmp_path / "r", overwrite=True)
        assert isinstance(restored, RestoredSet)
        with DataFile(source) as before, DataFile(restored.paths[0]) as after:
            assert after.metadata == before.metadata
            assert after.groups == before.groups
            assert after.attributes == before.attributes
            assert list(after.arrays) == list(before.arrays)
            for place, array in before.arrays.items():
                assert after.arrays[place].metadata == array.metadata
                np.testing.assert_array_equal(after.arrays[place].read(), array.read(), place)


def foreign(path: Path) -> Path:
    """Write a file as others do."""
    with h5py.File(path, "w") as file:
        file["run/x"] = np.arange(12.0).reshape(4, 3)
        file["run"].attrs["device"] = "laser"
    return path


def test_files_of_others(tmp_path: Path) -> None:
    """Each file is an item: its arrays joined with the others', its attributes columns."""
    files = [foreign(tmp_path / f"{n}.h5") for n in range(3)]
    result = import_hdf5(files, tmp_path / "out", workers=1)

    assert isinstance(result, ConvertResult)
    assert result.counts["items"] == 3
    with DataFile(result.dataset) as data:
        assert data.arrays["run/x"].read().shape == (12, 3)
        assert data.arrays["run/file_id"].read().tolist() == [0] * 4 + [1] * 4 + [2] * 4
    assert pd.read_parquet(result.infoset)["hdf5/run/device"].tolist() == ["laser"] * 3


def test_members_of_archives(tmp_path: Path) -> None:
    """HDF5 members of a zip are read as well, and a damaged one costs only itself."""
    whole = foreign(tmp_path / "a.h5").read_bytes()
    archives.write_zip(tmp_path / "a.zip", {"good.h5": whole, "bad.h5": whole[:700]})
    result = convert(tmp_path / "a.zip", tmp_path / "out", workers=1)

    assert result.counts["stored"] == 1
    assert [(one["member"], one["reason"]) for one in result.failures] == [("bad.h5", "not_decodable")]


def test_the_command(tmp_path: Path) -> None:
    """The command imports, says what it wrote, and gives the documented statuses."""
    path = foreign(tmp_path / "a.h5")
    run = CliRunner().invoke
    done = run(import_command, ["hdf5", str(path), "-o", str(tmp_path / "out"), "--json"], standalone_mode=False)

    assert json.loads(done.output)["counts"]["stored"] == 1
    with pytest.raises(SourceError, match="found none"):
        import_hdf5([tmp_path / "no.h5"], tmp_path / "o2")
    (tmp_path / "text.h5").write_text("text")
    with pytest.raises(SourceError, match="other bytes"):
        import_hdf5([tmp_path / "text.h5"], tmp_path / "o2")
    with pytest.raises(OutputRefused):
        import_hdf5([path], tmp_path / "out")
    (tmp_path / "b.h5").write_bytes(b"\x89HDF\r\n\x1a\n" + b"\xff" * 100)
    with pytest.raises(NothingUsable, match="not_decodable"):
        import_hdf5([tmp_path / "b.h5"], tmp_path / "o2")


def test_what_is_restored_comes_alone(tmp_path: Path) -> None:
    """A mirror among other files, and options that mean nothing for it, are refused."""
    archives.write_zip(tmp_path / "a.zip", archives.product_members(2))
    mirror = convert(tmp_path / "a.zip", tmp_path / "a", workers=1, hdf5=True).hdf5
    assert mirror is not None
    with pytest.raises(UsageError, match="alone"):
        import_hdf5([mirror, foreign(tmp_path / "b.h5")], tmp_path / "out")
    with pytest.raises(UsageError, match="strict"):
        import_hdf5([mirror], tmp_path / "out", strict=True)


def test_damaged_mirrors_give_nothing(tmp_path: Path) -> None:
    """A mirror with a changed chunk, without an array, or with another shape is refused, and nothing is written; the whole one is."""
    archives.write_zip(tmp_path / "a.zip", archives.product_members(3))
    mirror = convert(tmp_path / "a.zip", tmp_path / "a", workers=1, hdf5=True, hdf5_compression="none").hdf5
    assert mirror is not None
    content = bytearray(mirror.read_bytes())
    with h5py.File(mirror) as file:
        chunk = file["images/pixels"].id.get_chunk_info(0)
    content[chunk.byte_offset + 20] ^= 1
    (tmp_path / "chunk.h5").write_bytes(content)
    for name in ("array", "shape"):
        (tmp_path / f"{name}.h5").write_bytes(mirror.read_bytes())
        with h5py.File(tmp_path / f"{name}.h5", "r+") as file:
            height = file["images/height"][...]
            attributes = dict(file["images/height"].attrs)
            del file["images/height"]
            if name == "shape":
                file["images/height"] = height[:-1]
                file["images/height"].attrs["zarrpack"] = attributes["zarrpack"]

    for name in ("chunk", "array", "shape"):
        with pytest.raises(FormatError, match=f"{name}.h5"):
            import_hdf5([tmp_path / f"{name}.h5"], tmp_path / "out")
        assert not (tmp_path / "out").exists() or not [p for p in (tmp_path / "out").iterdir() if p.suffix != ".lock"]
    import_hdf5([mirror], tmp_path / "out")


def test_a_crash_is_an_error() -> None:
    """A process that runs into a bad pointer is an error that says what it read; what is raised there is raised here."""
    with pytest.raises(FormatError, match=r"^0: the process that read it died \(signal 11\)"):
        run_apart(ctypes.string_at, 0)
    with pytest.raises(FormatError, match="JSONDecodeError"):
        run_apart(json.loads, "{")
    with pytest.raises(FileNotFoundError):
        run_apart(Path.read_bytes, Path("/nowhere/at/all"))
    assert run_apart(len, "a.h5") == 4
