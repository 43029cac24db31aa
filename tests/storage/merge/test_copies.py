"""Chunks are copied where they can be, and the bytes do not depend on how the work was done."""

from __future__ import annotations

import zipfile
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from zarrpack.storage.blocks import Block
from zarrpack.storage.merge import encoding_choice

LARGE, SMALL = (300, 250, 3), (8, 8, 3)


def picture(seed: int, shape: tuple[int, int, int] = LARGE) -> list[Block]:
    """Give a member that is one picture."""
    pixels = np.random.default_rng(seed).integers(0, 255, (1, *shape), np.uint8)
    return [
        Block("images", "pixels", ("image", "y", "x", "channel"), pixels, content="pixels", unit="row"),
        Block("images", "height", ("image",), np.array([shape[0]], np.int32)),
    ]


def chunks(path: Path, place: str) -> dict[str, bytes]:
    """Give the bytes of an array's chunks."""
    with zipfile.ZipFile(path) as archive:
        names = [name for name in archive.namelist() if name.startswith(f"{place}/") and "/.z" not in name]
        return {name.rpartition("/")[2]: archive.read(name) for name in names}


def test_pictures_are_copied_whatever_their_order(workshop: Any) -> None:
    """One picture a chunk: all pixels are copied, only codes, offsets and heights are encoded."""
    members = [picture(seed) for seed in range(7)]
    sources = [workshop.pack(members[:3]), workshop.pack(members[3:])]

    out = workshop.merge(sources, [[6, 0, 5], [1, 4, -1, 2]], count=7)

    assert (out.report.chunks_copied, out.report.chunks_encoded) == (6, 3)
    expected = [members[seed][0].rows[0] for seed in (1, 3, 6, 4, 2, 0)]
    np.testing.assert_array_equal(out.arrays["images"]["pixels"], np.stack(expected))
    assert chunks(out.path, "images/pixels")["0.0.0.0"] == chunks(sources[0], "images/pixels")["1.0.0.0"]


def test_encoded_files_are_copied(workshop: Any) -> None:
    """A picture's own bytes are one chunk each, not compressed again."""
    members = [[Block("images", "encoded", ("image",), [bytes([number]) * 90_000])] for number in range(4)]

    out = workshop.merge([workshop.pack(members[:1]), workshop.pack(members[1:])], [[3], [1, 2, 0]])

    assert (out.report.chunks_copied, out.report.chunks_encoded) == (4, 2)
    assert [row[:1] for row in out.arrays["images"]["encoded"]] == [b"\3", b"\1", b"\2", b"\0"]
    assert out.report.summary.size > 360_000


def test_whole_chunks_of_rows_are_copied(workshop: Any) -> None:
    """A pack that ends on a chunk's border leaves the next one's chunks where they can be copied."""
    full = [Block("t", "x", ("row",), np.arange(2 << 20, dtype=np.int32))]
    rest = [Block("t", "x", ("row",), np.arange((1 << 20) + 5, dtype=np.int32))]

    aligned = workshop.merge([workshop.pack([full]), workshop.pack([rest])])
    shifted = workshop.merge([workshop.pack([rest]), workshop.pack([full])])

    # Beside x there are two chunks of codes for each million of rows, and one of offsets.
    assert aligned.report.chunks_copied == 4
    assert shifted.report.chunks_copied == 1
    assert aligned.arrays["t"]["x"].tolist() == [*range(2 << 20), *range((1 << 20) + 5)]
    assert shifted.arrays["t"]["x"].tolist() == [*range((1 << 20) + 5), *range(2 << 20)]


def test_a_copied_last_chunk_is_what_encoding_would_give(workshop: Any) -> None:
    """Copies and encoded chunks are the same bytes: the two merges differ only in the sources' division."""
    members = [picture(seed, SMALL) for seed in range(12)]

    copied = workshop.merge([workshop.pack(members)])
    encoded = workshop.merge([workshop.pack(members[:5]), workshop.pack(members[5:])])

    assert copied.report.chunks_copied == 2
    assert encoded.report.chunks_copied == 0
    assert copied.path.read_bytes() == encoded.path.read_bytes()


def test_two_packs_of_one_chunk_shape_share_chunks(workshop: Any) -> None:
    """Where the run expected more rows than came, its chunks of several rows are kept and copied."""
    expected = {"image": 100_000}
    members = [picture(seed) for seed in range(6)]
    sources = [workshop.pack(members[:4], expected_rows=expected), workshop.pack(members[4:], expected_rows=expected)]

    out = workshop.merge(sources)

    assert out.report.groups["images"]["pixels"]["chunks"] == (2, *LARGE)
    assert out.report.chunks_copied == 3


@pytest.mark.parametrize("compression", [None, "spec", "fast", "none"])
def test_the_output_is_compressed_as_its_sources(workshop: Any, compression: str | None) -> None:
    """Arrays that must be encoded anew, and those that the merge adds, keep the codec set of the run."""
    members = [[*picture(seed, (5 + seed, 4, 3)), Block("t", "name", ("row",), ["a"])] for seed in range(4)]
    uniform = [workshop.pack(members[:2], compression=compression), workshop.pack(members[2:], compression=compression)]
    flat = workshop.pack(members, compression=compression, flat_pixels=True)

    out, expected = workshop.merge(uniform), workshop.merge([flat])

    assert chunks(out.path, "images/pixels") == chunks(expected.path, "images/pixels")
    assert chunks(out.path, "images/file_id") == chunks(expected.path, "images/file_id")
    assert chunks(expected.path, "images/pixels") == chunks(flat, "images/pixels")


def test_bytes_do_not_depend_on_threads(workshop: Any) -> None:
    """One thread and four give the same file."""
    members = [
        [*picture(seed, SMALL), Block("t", "x", ("row",), np.random.default_rng(seed).random(90_000))]
        for seed in range(16)
    ]
    sources = [workshop.pack(members[start : start + 3]) for start in range(0, 16, 3)]
    order = np.random.default_rng(0).permutation(16).tolist()
    codes = [order[start : start + 3] for start in range(0, 16, 3)]

    files = [workshop.merge(sources, codes, threads=threads).path.read_bytes() for threads in (1, 4)]

    assert files[0] == files[1]


def test_a_dataset_merges_into_itself(workshop: Any) -> None:
    """A dataset alone, with its own codes, comes out as it is."""
    members = [picture(seed) for seed in range(3)]
    first = workshop.merge([workshop.pack(members[:2]), workshop.pack(members[2:])])

    again = workshop.merge([first.path])

    assert again.path.read_bytes() == first.path.read_bytes()


def test_datasets_and_packs_give_what_packs_give(workshop: Any) -> None:
    """Merging step by step and at once gives the same bytes."""
    packs = [workshop.pack([picture(2 * seed, SMALL), picture(2 * seed + 1, SMALL)]) for seed in range(3)]

    at_once = workshop.merge(packs, [[4, 1], [0, 5], [2, 3]])
    first = workshop.merge(packs[:2], [[4, 1], [0, 5]], count=6).path
    stepwise = workshop.merge([first, packs[2]], [range(6), [2, 3]])

    assert stepwise.path.read_bytes() == at_once.path.read_bytes()


def test_long_texts_do_not_share_large_chunks(workshop: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """65,536 texts may be more than memory holds: chunks of long ones have fewer rows."""
    monkeypatch.setattr(encoding_choice, "_OBJECT_BYTES", 1 << 16)
    texts = [f"{number}" * 3000 for number in range(10)]
    members = [[Block("texts", "text", ("document",), [text] * 4)] for text in texts]

    out = workshop.merge([workshop.pack([member], compression="none") for member in members])

    assert out.report.groups["texts"]["text"]["chunks"] == (16,)
    assert out.arrays["texts"]["text"].tolist() == [text for text in texts for _ in range(4)]


def test_pictures_of_another_dtype_are_not_copied(workshop: Any) -> None:
    """Chunks of the narrower type are encoded anew, those of the wider one copied."""
    narrow, wide = picture(0), picture(1)
    wide[0] = replace(wide[0], rows=wide[0].rows.astype(np.uint16) * 3)  # type: ignore[union-attr]

    out = workshop.merge([workshop.pack([narrow]), workshop.pack([wide])])

    assert out.report.chunks_copied == 1
    np.testing.assert_array_equal(out.arrays["images"]["pixels"], np.concatenate([narrow[0].rows, wide[0].rows]))


def test_a_chunk_whose_last_rows_are_dropped_is_not_copied(workshop: Any) -> None:
    """What lies behind the last row is zeros, not what the source has there."""
    expected = {"image": 100_000}
    members = [picture(seed) for seed in range(4)]

    out = workshop.merge([workshop.pack(members, expected_rows=expected)], [[0, 1, 2, -1]])

    assert out.report.chunks_copied == 1
    control = workshop.merge([workshop.pack(members[:3], expected_rows=expected)])
    assert chunks(out.path, "images/pixels") == chunks(control.path, "images/pixels")


def test_a_last_chunk_before_missing_rows_is_not_copied(workshop: Any) -> None:
    """Missing rows hold what stands for them, not the zeros at the end of a chunk."""
    expected = {"image": 100_000}
    members = [*(picture(seed) for seed in range(3)), picture(3)[1:]]

    out = workshop.merge([workshop.pack([member], expected_rows=expected) for member in members])
    joined = workshop.merge([workshop.pack(members[:3], expected_rows=expected), workshop.pack(members[3:])])

    assert joined.report.chunks_copied == 1
    for one in (out, joined):
        assert (one.arrays["images"]["pixels"][3] == 255).all()
