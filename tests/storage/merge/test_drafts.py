"""Drafts: packs that only live until their merge are encoded fast, and the dataset is the same."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from zarrpack.storage.base import EncodingOptions, MemberDescription
from zarrpack.storage.blocks import Block
from zarrpack.storage.data_file import DataFile
from zarrpack.storage.merge.merge import merge_arrays
from zarrpack.storage.pack_encoder import PackEncoder
from zarrpack.storage.zip_writer import ZipWriter


def packed(path: Path, *, draft: bool, members: int, rows: int) -> Path:
    """Write a pack of numbers and strings."""
    with path.open("w+b") as file:
        writer = ZipWriter(file)
        encoder = PackEncoder(writer.add, EncodingOptions(draft=draft))
        for member in range(members):
            numbers = np.arange(member, member + rows, dtype=np.int32)
            encoder.begin_member()
            encoder.add(Block("g", "numbers", ("row",), numbers))
            encoder.add(Block("g", "words", ("row",), [f"word {number}" for number in numbers]))
            encoder.end_member(MemberDescription(str(member)))
        writer.close(encoder.finish())
    return path


def merged(folder: Path, *, draft: bool, packs: int, rows: int) -> bytes:
    """Merge packs and give the dataset's bytes."""
    folder.mkdir()
    sources = [packed(folder / f"{n}.data", draft=draft, members=3, rows=rows) for n in range(packs)]
    merge_arrays(sources, lambda k, _: np.arange(3 * k, 3 * k + 3), folder / "out.dataset", count=3 * packs, threads=2)
    return (folder / "out.dataset").read_bytes()


def test_a_draft_is_compressed_fast_and_says_so(tmp_path: Path) -> None:
    """The level in .zarray is the one that was used; the one meant is an attribute."""
    for draft, level in ((True, 1), (False, 12)):
        with DataFile(packed(tmp_path / f"{draft}.data", draft=draft, members=2, rows=5)) as pack:
            numbers = pack.arrays["g/numbers"]
            assert numbers.metadata.codec.level == level
            assert numbers.metadata.attributes.get("zarrpack_draft") == (12 if draft else None)
            assert numbers.read().tolist() == [0, 1, 2, 3, 4, 1, 2, 3, 4, 5]


def test_datasets_of_drafts_are_the_same(tmp_path: Path) -> None:
    """Of one pack and of several, drafts and finished packs merge to the same bytes."""
    for packs in (1, 4):
        draft = merged(tmp_path / f"draft{packs}", draft=True, packs=packs, rows=300)
        assert draft == merged(tmp_path / f"whole{packs}", draft=False, packs=packs, rows=300)


def test_arrays_with_full_chunks_are_no_drafts(tmp_path: Path) -> None:
    """What a merge can copy is encoded as it is meant to be."""
    with DataFile(packed(tmp_path / "a.data", draft=True, members=1, rows=70_000)) as pack:
        assert pack.arrays["g/words"].metadata.codec.level == 12
        assert pack.arrays["g/numbers"].metadata.codec.level == 1
