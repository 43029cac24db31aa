"""What a store exports goes where a flow looks for it, and never higher."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from zarrpack.storage.datastorage import OptStorage


@pytest.mark.parametrize(("place", "beside"), [("flow/encoded", "flow"), ("flow/other", "flow/other"), (".", ".")])
def test_exports_lie_beside(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, place: str, beside: str) -> None:
    """Pictures and metadata go beside the folder `encoded`, or else beside the store."""
    (tmp_path / "work").mkdir()
    monkeypatch.chdir(tmp_path / "work")
    with OptStorage(f"{place}/part_001.zarr") as storage:
        storage.save_metadata("size", 3)
        for name in ("visu.png", "visu_model.scs", "visu.txt", "visu_back.PNG", "other.png"):
            (Path(storage.get_file_path("")) / name).write_text(name)
        (Path(storage.get_file_path("")) / "visu_folder").mkdir()
    root = tmp_path / "work" / beside

    found = {
        path.relative_to(root / "stream_cache").as_posix(): path.read_text() for path in root.glob("stream_cache/*/*")
    }
    assert found == {
        "png/part_001.png": "visu.png",
        "png/part_001_2.png": "visu_back.PNG",
        "scs/part_001.scs": "visu_model.scs",
        "scs/part_001.txt": "visu.txt",
    }
    assert json.loads((root / "files_summary" / "part_001.json").read_text()) == {"size": 3}
    assert [entry.name for entry in tmp_path.iterdir()] == ["work"]


def test_pictures_are_not_packed(tmp_path: Path) -> None:
    """Pictures for viewers are neither keys nor entries of the archive."""
    with OptStorage(tmp_path / "a.zarr") as storage:
        storage.save_data("a", 1)
        (tmp_path / "a.zarr" / "visu.png").write_bytes(b"png")
        assert storage.get_keys() == ["a"]
        storage.compress_store()

    assert b"visu" not in (tmp_path / "a.zarr.data").read_bytes()
    assert (tmp_path / "stream_cache" / "png" / "a.png").read_bytes() == b"png"


def test_links_are_not_followed(tmp_path: Path) -> None:
    """A link of that name is not copied, whatever it leads to."""
    (tmp_path / "secret").write_text("secret")
    with OptStorage(tmp_path / "a.zarr") as storage:
        storage.save_data("a", 1)
        (tmp_path / "a.zarr" / "visu.png").symlink_to(tmp_path / "secret")

    assert not (tmp_path / "stream_cache").exists()
    assert (tmp_path / "files_summary" / "a.json").is_file()
