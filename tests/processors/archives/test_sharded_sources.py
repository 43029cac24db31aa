"""A sharded store and a folder of tars as sources: every member is read, damage costs what it hits."""

from __future__ import annotations

import io
import json
import tarfile
from contextlib import closing
from pathlib import Path

import numpy as np
import pytest

from zarrpack.errors import MemberError
from zarrpack.processors.archives.registry import open_source
from zarrpack.processors.limits import Limits
from zarrpack.storage.sharded import ShardedDatasetReader, ShardedDatasetWriter


def write_store(root: Path, count: int = 3) -> None:
    """Write samples of two fields, the last one without metadata and arrays of its own."""
    with ShardedDatasetWriter(root, samples_per_shard=2) as writer:
        writer.add_fields(["history", "images/pixels"])
        for number in range(count):
            arrays = {"history": np.arange(number + 1.0), "images/pixels": np.full((1, 2, 2, 3), number, np.uint8)}
            writer.add_sample(arrays, f"a/{number}", {"length": number + 1})
        writer.register_samples(["empty"])


def write_tar(path: Path, names: list[str]) -> None:
    """Write a tar whose members hold their own names."""
    with tarfile.open(path, "w") as archive:
        for name in names:
            info = tarfile.TarInfo(name)
            info.size = len(name)
            archive.addfile(info, io.BytesIO(name.encode()))


def test_store_is_recognised_and_read(tmp_path: Path) -> None:
    """Each sample is a .npz that numpy opens and a .json; one with nothing has no member."""
    write_store(tmp_path)
    with closing(open_source(tmp_path)) as source:
        assert source.kind == "sharded store"
        entries = list(source.entries())
        assert [one.name for one in entries] == [f"a/{n}.{s}" for n in range(3) for s in ("npz", "json")]
        for number in range(3):
            with np.load(io.BytesIO(source.read_content(entries[2 * number])), allow_pickle=False) as arrays:
                assert arrays["history"].tolist() == list(range(number + 1))
                assert arrays["images/pixels"].shape == (1, 2, 2, 3)
            assert json.loads(source.read_content(entries[2 * number + 1])) == {"length": number + 1}
        assert [entry.name for entry, _ in source.forward()] == [one.name for one in entries]
        assert source.read_content(entries[0]) == source.read_content(entries[0])


def test_damage_in_a_store_costs_one_member(tmp_path: Path) -> None:
    """A flipped byte and a missing shard fail their members with a reason; the others are read."""
    write_store(tmp_path)
    with ShardedDatasetReader(tmp_path) as reader:
        place = reader.locate("a/0", "history")
        assert place is not None
    data = bytearray(place.path.read_bytes())
    data[place.offset + place.size - 1] ^= 1
    place.path.write_bytes(data)
    (tmp_path / "images_pixels_shards" / "shard_0001.tar").unlink()
    reasons = []
    with closing(open_source(tmp_path)) as source:
        for entry in source.entries():
            try:
                source.read_content(entry)
            except MemberError as error:
                reasons.append((entry.name, error.reason))

    assert reasons == [("a/0.npz", "crc_mismatch"), ("a/2.npz", "unreadable")]


@pytest.mark.parametrize("kind", ["store", "tars"])
def test_entry_limit(tmp_path: Path, kind: str) -> None:
    """More members than the limit are a finding, and the listing ends."""
    if kind == "store":
        write_store(tmp_path)
    else:
        write_tar(tmp_path / "a.tar", ["1", "2"])
        write_tar(tmp_path / "b.tar", ["3"])
    with closing(open_source(tmp_path, Limits(entries=2))) as source:
        assert len(list(source.entries())) == 2
        assert [one.reason for one in source.findings] == ["limit_entries"]


def test_folder_of_tars(tmp_path: Path) -> None:
    """Members are named after their tar, read at random, and a cut tar is a finding with its name."""
    write_tar(tmp_path / "s-1.tar", ["1.jpg", "1.json"])
    write_tar(tmp_path / "s-0.tar", ["0.jpg", "0.json"])
    (tmp_path / "s-2.tar").write_bytes((tmp_path / "s-0.tar").read_bytes()[:1024])
    (tmp_path / "s-0.idx").write_bytes(b"")
    with closing(open_source(tmp_path)) as source:
        assert source.kind == "folder of tars"
        entries = list(source.entries())
        wanted = ["s-0/0.jpg", "s-0/0.json", "s-1/1.jpg", "s-1/1.json", "s-2/0.jpg"]
        assert [one.name for one in entries] == wanted
        assert [source.read_content(one) for one in reversed(entries[:4])] == [b"1.json", b"1.jpg", b"0.json", b"0.jpg"]
        assert [entry.index for entry, _ in source.forward()] == list(range(5))
        assert source.findings[0].detail.startswith("s-2.tar: ")


@pytest.mark.parametrize("name", ["a.txt", "sub"])
def test_other_folders_stay_folders(tmp_path: Path, name: str) -> None:
    """One file or folder besides tars, and each tar is a member as before."""
    write_tar(tmp_path / "a.tar", ["1"])
    (tmp_path / name).mkdir() if name == "sub" else (tmp_path / name).write_text("x")
    with closing(open_source(tmp_path)) as source:
        assert source.kind == "folder"
