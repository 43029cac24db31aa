"""Damaged and contradictory sources end a merge with a message that names file and array."""

from __future__ import annotations

import json
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from zarrpack.errors import FormatError, SourceError
from zarrpack.storage.blocks import Block
from zarrpack.storage.data_file import DataFile
from zarrpack.storage.zip_writer import ZipWriter


def member(rows: int, seed: int = 0) -> list[Block]:
    """Give a member of a few rows."""
    return [Block("g", "x", ("row",), np.random.default_rng(seed).integers(0, 9, rows))]


def rewritten(source: Path, change: Callable[[str, bytes], bytes | None]) -> Path:
    """Copy a file, each entry changed; None: left out. `.zmetadata` is left out, so that the documents count."""
    path = source.with_suffix(".changed.data")
    with zipfile.ZipFile(source) as archive, path.open("wb") as file:
        writer = ZipWriter(file)
        for name in archive.namelist():
            payload = change(name, archive.read(name)) if name != ".zmetadata" else None
            if payload is not None:
                writer.add(name, payload)
        writer.close()
    return path


def edited(source: Path, document: str, **changes: Any) -> Path:
    """Copy a file with some keys of one JSON document changed; None: left out."""

    def change(name: str, payload: bytes) -> bytes:
        if name != document:
            return payload
        content = {**json.loads(payload), **changes}
        return json.dumps({key: value for key, value in content.items() if value is not None}).encode()

    return rewritten(source, change)


def test_a_copy_without_changes_is_merged(workshop: Any) -> None:
    """The control: what the other tests do to a source does no harm by itself."""
    source = rewritten(workshop.pack([member(3), member(2)]), lambda _, payload: payload)

    assert workshop.merge([source]).codes("g", "row") == [0, 0, 0, 1, 1]


@pytest.mark.parametrize("array", ["x", "file_id"])
def test_a_flipped_bit_is_found(workshop: Any, array: str) -> None:
    """Bytes that do not have the directory's checksum are not merged."""
    source = workshop.pack([member(300), member(300, 1)])
    with DataFile(source) as data:
        location = data.arrays[f"g/{array}"].chunk_location((0,))
    assert location is not None
    content = bytearray(source.read_bytes())
    content[location.offset + location.size // 2] ^= 16
    source.write_bytes(content)

    # Two sources, so that the chunk is decoded and not copied.
    with pytest.raises(FormatError, match=rf"{source}: .*g/{array}.*checksum"):
        workshop.merge([source, workshop.pack([member(5)])])


def test_a_chunk_that_does_not_decode_is_named(workshop: Any) -> None:
    """A chunk whose checksum is right but whose content is not Zstd."""
    source = rewritten(workshop.pack([member(3)]), lambda name, payload: b"no zstd" if name == "g/x/0" else payload)

    with pytest.raises(FormatError, match=rf"{source}: g/x: the chunk at offset \d+ is damaged"):
        workshop.merge([source, workshop.pack([member(5)])])


@pytest.mark.parametrize("name", ["g/x/0", "g/file_id/0"])
def test_a_missing_chunk_is_named(workshop: Any, name: str) -> None:
    """A file that lacks a chunk is not complete."""
    source = rewritten(workshop.pack([member(3)]), lambda entry, payload: None if entry == name else payload)

    with pytest.raises(FormatError, match=rf"{source}: .*{name.rpartition('/')[0]}.*found none"):
        workshop.merge([source])


@pytest.mark.parametrize(
    ("document", "changes", "message"),
    [
        ("g/file_id/.zattrs", {"zarrpack_of": "other"}, "g/x: expected a code array for the dimension row, found none"),
        ("g/file_id/.zarray", {"shape": [2]}, r"g/file_id: expected 3 integers, found shape \[2\]"),
        ("g/x/.zattrs", {"zarrpack_flat": True}, "g/x: expected a flat array with one axis and offsets"),
        ("g/x/.zattrs", {"_ARRAY_DIMENSIONS": ["row", "y"]}, "g/x: expected 1 names"),
        ("g/x/.zarray", {"dtype": "<M8[ns]"}, "g/x: expected a dtype"),
    ],
)
def test_contradictions_are_named(workshop: Any, document: str, changes: dict[str, Any], message: str) -> None:
    """Metadata that contradicts itself is refused in pass 1."""
    source = edited(workshop.pack([member(3)]), document, **changes)

    with pytest.raises(FormatError, match=rf"{source}: {message}"):
        workshop.merge([source])


def test_arrays_of_one_dimension_have_one_length(workshop: Any) -> None:
    """A dimension with two lengths in one source is refused."""
    blocks = [*member(4), Block("g", "y", ("row",), np.arange(4))]
    source = edited(workshop.pack([blocks]), "g/y/.zarray", shape=[3])

    with pytest.raises(FormatError, match=rf"{source}: g/y: expected 4 rows as other arrays along row have, found 3"):
        workshop.merge([source])


def test_attributes_of_a_wrong_kind_are_ignored(workshop: Any) -> None:
    """What another program writes under our names is taken for what it is: nothing."""
    source = edited(
        workshop.pack([member(3)]),
        "g/x/.zattrs",
        zarrpack_dims=7,
        zarrpack_shape_from={},
        zarrpack_content=[],
        zarrpack_role=None,
        name=5,
    )

    assert workshop.merge([source]).arrays["g"]["x"].shape == (3,)


@pytest.mark.parametrize("content", [b"", b"PK\5\6" + bytes(18), b"no zip at all"])
def test_other_files_are_refused(workshop: Any, content: bytes) -> None:
    """What is no zipped Zarr hierarchy is refused by name."""
    path = workshop.path()
    path.write_bytes(content)

    with pytest.raises(FormatError, match=str(path)):
        workshop.merge([path], [[0]])


def test_a_source_that_is_not_there(workshop: Any) -> None:
    """A path without a file is an error of its own."""
    with pytest.raises(SourceError, match=r"gone\.data"):
        workshop.merge([workshop.folder / "gone.data"], [[0]])


def test_a_source_that_goes_away_between_the_passes(workshop: Any) -> None:
    """A file that is removed while it is merged is named."""
    sources = [workshop.pack([member(3)]), workshop.pack([member(3)])]

    with pytest.raises(FormatError, match=rf"{sources[0]}: expected a readable file"):
        workshop.merge(sources, Vanishing(sources[0]), count=2)


class Vanishing(list[list[int]]):
    """Codes that remove a source when the last of them is asked for."""

    def __init__(self, path: Path) -> None:
        super().__init__([[0], [1]])
        self.path = path

    def __getitem__(self, number: Any) -> Any:
        if number == 1:
            self.path.unlink()
        return super().__getitem__(number)
