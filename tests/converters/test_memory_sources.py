"""Conversions of what is no file."""

from __future__ import annotations

import io
import json
from pathlib import Path
from typing import Any

import archives
import pytest

import zarrpack
from zarrpack.converters.memory_sources import listed_sources, sources_on_disk
from zarrpack.errors import UsageError


def test_bytes_and_files_give_what_a_path_gives(tmp_path: Path) -> None:
    """An archive as bytes, as a stream and as an open file becomes the same dataset as from its path, under the given name."""
    path = archives.write_zip(tmp_path / "a.zip", archives.product_members(3))
    content = path.read_bytes()
    expected = zarrpack.convert(path, tmp_path / "out", workers=1)
    with path.open("rb") as file:
        sources: list[Any] = [("a.zip", content), ("a.zip", io.BytesIO(content)), file]
        for number, source in enumerate(sources):
            made = zarrpack.convert(source, tmp_path / f"out{number}", workers=1)
            assert made.name == "a"
            assert made.dataset.read_bytes() == expected.dataset.read_bytes()
        assert file.tell() == 0


def test_several_and_unnamed(tmp_path: Path) -> None:
    """Sources of all kinds go together; what has no name is called memory."""
    tar = archives.write_tar(tmp_path / "b.tar", {"x.txt": b"x"}).read_bytes()
    made = zarrpack.convert([tar, ("r.json", b'{"a": 1}'), tar], tmp_path / "out", workers=1)
    sources = json.loads(made.flow.read_text())["zarrpack"]["sources"]

    assert made.counts["stored"] == 3
    assert [one["label"] for one in sources] == ["memory", "r.json", "memory (2)"]


def test_a_stream_is_read_from_where_it_stands(tmp_path: Path) -> None:
    """What was read of a file before is no part of the source, and copies go when the work is done."""
    (tmp_path / "a.bin").write_bytes(b"headrest")
    with (tmp_path / "a.bin").open("rb") as file:
        file.read(4)
        with sources_on_disk([file]) as (path,):
            assert path != tmp_path / "a.bin"
            assert path.name == "a.bin"
            assert path.read_bytes() == b"rest"
        assert not path.exists()
        assert not file.closed


def test_what_is_no_source() -> None:
    """Text files and other things are refused, with what is expected."""
    with pytest.raises(UsageError, match="binary"), sources_on_disk([io.StringIO("a")]):  # type: ignore[list-item]
        pass
    with pytest.raises(UsageError, match=r"sources\[1\].*found int"), sources_on_disk(["a", 5]):  # type: ignore[list-item]
        pass
    assert listed_sources(["a", b"b"]) == ["a", b"b"]


@pytest.mark.parametrize("name", ["../../x.zip", "/etc/x.zip", "..", ""])
def test_names_lead_nowhere(name: str) -> None:
    """A name is never a path: the copy stays in its folder."""
    with sources_on_disk([(name, b"x")]) as (path,):
        assert path.parent.name.startswith("zarrpack-")
        assert path.read_bytes() == b"x"
