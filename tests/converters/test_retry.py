"""``retry``: only what failed is read again, and the set becomes that of a run without the failure."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from archives import jpeg, png, product_members, write_tar, write_zip
from runs import outcome, run

import zarrpack
from zarrpack.converters.output_lock import locked
from zarrpack.errors import FormatError, OutputRefused, SourceError, UsageError

#: Some of the pictures are larger than this, some are not.
LOW = {"pixels": 24 * 16}
HIGH = {"pixels": 1_000_000}


def mixed_members() -> dict[str, bytes]:
    """Give products, every third of whose pictures is larger than `LOW`, and a broken record."""
    members = product_members(9)
    for n in range(0, 9, 3):
        members[f"p/images/{100 + n}.jpg"] = jpeg(n, 48, 32)
    return members


@pytest.mark.parametrize(
    "options",
    [
        {"images": "encoded"},
        {"size": (12, 8)},
        {"size": (12, 8), "pair": "basename"},
        {"images": "encoded", "join": ["styles.csv:id"], "items_per_data": 4},
        {"size": (12, 8), "labels": "folder", "keep_data": True, "hdf5": True},
    ],
)
@pytest.mark.parametrize("form", ["zip", "tar.gz"])
def test_the_set_becomes_that_of_a_run_without_the_failure(tmp_path: Path, options: dict[str, Any], form: str) -> None:
    """Dataset, tables and ledger have the bytes of a run with the higher limit, and the journal is gone."""
    source = _written(tmp_path, form)
    failed = zarrpack.convert(source, tmp_path / "out", workers=2, limits=LOW, **options)
    zarrpack.convert(source, tmp_path / "control", workers=1, limits=HIGH, **options)
    assert failed.counts["failed"] == 3

    result = zarrpack.retry(tmp_path / "out", limits=HIGH)

    assert (result.counts["failed"], result.exit_status) == (0, 0)
    assert outcome(tmp_path / "out") == outcome(tmp_path / "control")
    assert not [path for path in (tmp_path / "out").iterdir() if path.name.startswith(".")]


def _written(folder: Path, form: str) -> Path:
    if form == "zip":
        return write_zip(folder / "a.zip", mixed_members())
    return write_tar(folder / "a.tar.gz", mixed_members(), "w:gz")


def test_pictures_of_mixed_sizes_keep_their_values(tmp_path: Path) -> None:
    """In a flat array retried pictures lie elsewhere than in a run without failures, and are the same pictures."""
    source = write_zip(tmp_path / "a.zip", mixed_members())
    zarrpack.convert(source, tmp_path / "out", workers=1, limits=LOW)
    zarrpack.convert(source, tmp_path / "control", workers=1, limits=HIGH)

    zarrpack.retry(tmp_path / "out", limits=HIGH)

    found, expected = (_pictures(tmp_path / name / "a.dataset") for name in ("out", "control"))
    assert list(found) == list(expected)
    assert len(found) == 9
    for code, picture in expected.items():
        np.testing.assert_array_equal(found[code], picture)
    control = outcome(tmp_path / "control")
    assert {k: v for k, v in outcome(tmp_path / "out").items() if k != "a.dataset"} == {
        k: v for k, v in control.items() if k != "a.dataset"
    }


def _pictures(dataset: Path) -> dict[int, np.ndarray[Any, Any]]:
    images = zarrpack.open_dataset(dataset, "images")
    sizes = np.stack([images[name].values for name in ("height", "width", "channels")], axis=1)
    starts, pixels = images["pixels_offsets"].values, images["pixels"].values
    return {
        int(code): pixels[start : start + size.prod()].reshape(size)
        for code, start, size in zip(images["file_id"].values, starts, sizes, strict=True)
    }


def test_only_failed_members_are_read(tmp_path: Path) -> None:
    """The processor sees the members that had failed, and no other."""
    members = {f"{n}.n": bytes([n + 1] * 10) for n in range(20)} | {"bad.json": b"{"}
    source = write_zip(tmp_path / "a.zip", members)
    first, second = tmp_path / "log-1", tmp_path / "log-2"

    converted = run(tmp_path, "convert", source, "-o", "out", "--set", "member_bytes=9", "--quiet", log=first)
    control = run(tmp_path, "convert", source, "-o", "out", "--overwrite", "--quiet", log=first)
    assert (converted.status, control.status) == (4, 3)
    retried = run(tmp_path, "retry", "out", "--quiet", log=second)

    assert retried.status == 3
    assert len(first.read_text().splitlines()) == 20
    assert not second.exists()
    assert "bad.json: invalid_json" in retried.said


def test_another_processor_reads_them(tmp_path: Path) -> None:
    """A record that is no JSON is kept as bytes, and is an item like any other."""
    source = write_zip(tmp_path / "a.zip", {"a.json": b"{", "b.json": b'{"x": 1}', "c.png": png(1)})
    zarrpack.convert(source, tmp_path / "out", workers=1)

    result = zarrpack.retry(tmp_path / "out", processor="opaque")

    assert result.counts == {"members": 3, "stored": 3, "skipped": 0, "failed": 0, "items": 3}
    ledger = pd.read_parquet(result.members).set_index("member")
    assert ledger["processor"].to_dict() == {"a.json": "opaque", "b.json": "json", "c.png": "image"}
    assert [bytes(one) for one in zarrpack.open_dataset(result.dataset, "files")["encoded"].values] == [b"{"]
    with pytest.raises(UsageError, match="did you mean 'opaque'"):
        _retry_with_a_failure(tmp_path / "x", "opaqe")


def _retry_with_a_failure(folder: Path, processor: str) -> None:
    folder.mkdir()
    source = write_zip(folder / "a.zip", {"a.json": b"{", "b.json": b"{}"})
    zarrpack.convert(source, folder / "out", workers=1)
    zarrpack.retry(folder / "out", processor=processor)


def test_what_fails_again_can_be_tried_again(tmp_path: Path) -> None:
    """Each retry goes on from the one before; the last one has the bytes of a run without failures."""
    sizes = {"a.png": (10, 10), "b.png": (20, 20), "c.png": (30, 30)}
    members = {name: png(1, *size) for name, size in sizes.items()}
    source = write_zip(tmp_path / "a.zip", members)
    options: dict[str, Any] = {"workers": 1, "images": "encoded"}
    zarrpack.convert(source, tmp_path / "out", limits={"pixels": 100}, **options)
    zarrpack.convert(source, tmp_path / "control", limits={"pixels": 900}, **options)

    counts = [
        zarrpack.retry(tmp_path / "out", limits={"pixels": pixels}).counts["failed"] for pixels in (100, 400, 900)
    ]

    assert counts == [2, 1, 0]
    assert outcome(tmp_path / "out") == outcome(tmp_path / "control")


def test_without_failures_nothing_is_done(tmp_path: Path, products_zip: Path) -> None:
    """The set stays as it is, byte for byte."""
    zarrpack.convert(products_zip, tmp_path / "out", workers=1)
    before = {path.name: path.read_bytes() for path in (tmp_path / "out").iterdir()}

    result = zarrpack.retry(tmp_path / "out")

    assert result.exit_status == 0
    assert {path.name: path.read_bytes() for path in (tmp_path / "out").iterdir()} == before


@pytest.fixture
def failed(tmp_path: Path) -> Path:
    """Give an output folder with one failed member; its source is ``a.zip`` beside it."""
    source = write_zip(tmp_path / "a.zip", {"a.json": b"{", "b.json": b'{"x": 1}'})
    zarrpack.convert(source, tmp_path / "out", workers=1)
    return tmp_path / "out"


def test_a_source_that_has_moved_or_changed(tmp_path: Path, failed: Path) -> None:
    """A moved source is found where the user says; other content is refused; the set stays."""
    before = outcome(failed)
    (tmp_path / "a.zip").rename(tmp_path / "b.zip")
    with pytest.raises(SourceError):
        zarrpack.retry(failed)
    moved = zarrpack.retry(failed, sources=[tmp_path / "b.zip"], processor="opaque")
    assert moved.counts["failed"] == 0
    assert set(pd.read_parquet(moved.members)["archive"]) == {"a.zip"}

    write_zip(tmp_path / "c.zip", {"a.json": b"{}", "b.json": b'{"x": 1}'})
    zarrpack.convert(write_zip(tmp_path / "a.zip", {"a.json": b"{", "b.json": b'{"x": 1}'}), failed, overwrite=True)
    with pytest.raises(UsageError, match="other content"):
        zarrpack.retry(failed, sources=[tmp_path / "c.zip"])
    assert outcome(failed) == before


def test_files_that_do_not_belong_together_are_refused(tmp_path: Path, failed: Path) -> None:
    """A dataset of another run, or a set without its journal, is not merged with anything."""
    dataset = (failed / "a.dataset").read_bytes()
    other = zarrpack.convert(write_zip(tmp_path / "o.zip", {"b.json": b'{"y": 2}'}), tmp_path / "other", workers=1)
    (failed / "a.dataset").write_bytes(other.dataset.read_bytes())
    with pytest.raises(FormatError, match="found another"):
        zarrpack.retry(failed)
    (failed / "a.dataset").write_bytes(dataset)
    (failed / ".a.journal").unlink()
    with pytest.raises(FormatError, match=r"\.a\.journal: expected the journal"):
        zarrpack.retry(failed)


def test_only_one_run_at_a_time(failed: Path) -> None:
    """A retry takes the set's lock."""
    with locked(failed / ".a.lock"), pytest.raises(OutputRefused, match="another run"):
        zarrpack.retry(failed)


def test_a_folder_with_two_sets_needs_a_name(tmp_path: Path, failed: Path) -> None:
    """The message names the sets; one of them can be given."""
    zarrpack.convert(tmp_path / "a.zip", failed, name="b", workers=1)

    with pytest.raises(UsageError, match=r"a\.flow, b\.flow"):
        zarrpack.retry(failed)

    assert zarrpack.retry(failed / "b.flow", processor="opaque").counts["failed"] == 0


def test_settings_on_the_command_line(tmp_path: Path, failed: Path) -> None:
    """An unknown limit and a number that is none are status 2 with a hint."""
    unknown = run(tmp_path, "retry", failed, "--set", "pixel=5")
    wrong = run(tmp_path, "retry", failed, "--set", "pixels=many")

    assert (unknown.status, wrong.status) == (2, 2)
    assert "did you mean 'pixels'" in unknown.said
    assert "expected a whole number" in wrong.said
