"""``verify`` finds every flipped bit, every missing and extra chunk, every wrong count; what is whole it says is whole."""

from __future__ import annotations

import json
import random
import shutil
import sqlite3
import zipfile
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import pandas as pd
import pytest
from archives import product_members, write_folder, write_tar, write_zip
from runs import COUNT, run

import zarrpack
from zarrpack.converters.verification import verify, verify_against
from zarrpack.errors import FormatError, UsageError
from zarrpack.storage.data_file import DataFile
from zarrpack.storage.verification.arrays import check_arrays
from zarrpack.storage.verification.zip_bytes import check_zip_bytes
from zarrpack.storage.zip_writer import ZipWriter


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Give an output folder with everything that verify knows: a set, its packs, a kept journal."""
    folder = tmp_path_factory.mktemp("made")
    source = write_zip(folder / "a.zip", product_members(6, vary=True) | {"bad.json": b"{"})
    zarrpack.convert(source, folder / "out", workers=1, keep_data=True, items_per_data=5, pair="basename", hdf5=True)
    return folder / "out"


@pytest.fixture
def copy(made: Path, tmp_path: Path) -> Path:
    """Give a copy of it that may be spoiled."""
    return Path(shutil.copytree(made, tmp_path / "out"))


def problems(path: Path) -> dict[str, tuple[str, ...]]:
    """Give what verify finds wrong, by file name."""
    return {one.path.name: one.problems for one in verify(path) if one.problems}


def test_what_is_whole_is_whole(made: Path) -> None:
    """The control: no problem, and every visible file was looked at."""
    checks = verify(made)

    assert [one for one in checks if one.problems] == []
    looked_at = {one.path for one in checks}
    assert {path for path in made.rglob("*") if path.is_file()} == looked_at


@pytest.mark.parametrize(
    "name",
    [
        "a.dataset",
        "encoded/a-000000.data",
        "a.infoset",
        "a.attribset",
        "a.members.parquet",
        "a.h5",
        ".a.journal",
        "a.flow",
    ],
)
def test_every_flipped_bit_is_found(copy: Path, name: str) -> None:
    """Wherever one bit of a file differs, its file is named."""
    path = copy / name
    whole = path.read_bytes()
    chance = random.Random(name)

    for _ in range(6 * COUNT):
        raw = bytearray(whole)
        bit = chance.randrange(8 * len(raw))
        raw[bit // 8] ^= 1 << bit % 8
        path.write_bytes(raw)
        assert path.name in problems(copy), bit
        if path.suffix in (".dataset", ".data"):
            assert path.name in problems(path), bit
    path.write_bytes(whole)

    assert problems(copy) == {}


@pytest.mark.parametrize("name", ["a.dataset", "encoded/a-000000.data", "a.infoset", ".a.journal"])
def test_a_cut_file_is_found(copy: Path, name: str) -> None:
    """A file that ends early is named, also one that is empty."""
    path = copy / name
    whole = path.read_bytes()

    for length in (0, 1, len(whole) // 2, len(whole) - 1):
        path.write_bytes(whole[:length])
        assert path.name in problems(copy), length


def rewritten(path: Path, change: Callable[[dict[str, bytes]], None]) -> None:
    """Write a zip anew with other entries, every byte of it as zarrpack writes it."""
    with DataFile(path) as data:
        names = [name.decode() for name in data.entry_names()]
        entries = {name: data.payload(name) for name in names}
    change(entries)
    with path.open("wb") as file:
        writer = ZipWriter(file)
        for name, content in entries.items():
            writer.add(name, content)
        writer.close([name for name in (".zmetadata", ".zgroup", ".zattrs", "metadata.json") if name in entries])


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (lambda entries: None, None),
        (lambda entries: entries.pop("images/height/0"), "expected 1 chunks, found 0"),
        (lambda entries: entries.update({"images/height/1": b"x"}), "images/height/1: expected no such chunk"),
        (lambda entries: entries.update({"images/strange": b"x"}), "images/strange: expected no such entry"),
        (lambda entries: entries.pop("images/.zattrs"), "images/.zattrs: expected it both"),
        (lambda entries: entries.update({"images/.zattrs": b'{"a": 1}'}), "expected what .zmetadata says"),
        (
            lambda entries: entries.update({"images/image_offsets/0": entries["table/row_offsets/0"]}),
            "images/image_offsets: expected offsets that count the rows",
        ),
        (
            lambda entries: entries.update({"images/file_id/0": entries["images/width/0"]}),
            "images/file_id",
        ),
    ],
)
def test_wrong_entries_under_right_checksums(
    copy: Path, change: Callable[[dict[str, bytes]], None], said: str | None
) -> None:
    """Files that are whole as zips, but hold too much, too little, or counts that do not fit."""
    path = copy / "a.dataset"
    rewritten(path, change)

    assert check_zip_bytes(path).problems == ()
    found = check_arrays(path)
    assert (found == []) if said is None else any(said in one for one in found), found


def test_a_file_of_another_run_does_not_belong_to_the_set(copy: Path, tmp_path: Path) -> None:
    """Each whole for itself, together they are not the set that was published."""
    other = zarrpack.convert(write_zip(tmp_path / "b.zip", product_members(3)), tmp_path / "b", workers=1)
    shutil.copy(other.infoset, copy / "a.infoset")

    assert list(problems(copy)) == ["a.infoset"]
    assert "--resume" in problems(copy)["a.infoset"][0]
    (copy / "a.infoset").unlink()
    assert problems(copy)["a.infoset"] == ("expected a file of the set, found none",)


def test_subsets_may_change(copy: Path) -> None:
    """Splitting a finished set into subsets does not spoil it; changing anything else does."""
    table = pd.read_parquet(copy / "a.infoset")
    table["subset"] = "train"
    table.to_parquet(copy / "a.infoset")
    assert problems(copy) == {}

    table.loc[0, "name"] = "another"
    table.to_parquet(copy / "a.infoset")
    assert list(problems(copy)) == ["a.infoset"]


def test_wrong_counts_in_a_summary(copy: Path) -> None:
    """A summary whose counts are not those of the files is found, even if its digest is made to fit."""
    path = copy / "a.flow"
    document = json.loads(path.read_text())
    document["zarrpack"]["counts"]["stored"] += 1
    path.write_text(json.dumps(document))

    assert [one for one in problems(copy)["a.flow"] if "expected 14 stored members" in one or "stored" in one]


def test_wrong_counts_in_a_journal(copy: Path) -> None:
    """A journal that has lost a member is found."""
    with closing(sqlite3.connect(copy / ".a.journal")) as journal, journal:
        journal.execute("DELETE FROM members WHERE number = 3")

    (said,) = problems(copy)[".a.journal"]
    assert "found 4" in said


@pytest.mark.parametrize("form", ["zip", "tar.gz", "folder"])
def test_against_the_source(tmp_path: Path, form: str) -> None:
    """Every member's digest is compared; a changed, a missing and an added member are named."""

    def written(name: str, members: dict[str, bytes]) -> Path:
        (tmp_path / name).mkdir()
        if form == "zip":
            return write_zip(tmp_path / name / "a.zip", members)
        if form == "folder":
            return write_folder(tmp_path / name / "a", members)
        return write_tar(tmp_path / name / "a.tar.gz", members, "w:gz")

    members = {f"{n}.txt": f"text {n}".encode() for n in range(9)} | {"9.json": b"{"}
    out = zarrpack.convert(written("x", members), tmp_path / "out", workers=1).flow.parent
    (control,) = verify_against(out, [tmp_path / "x" / f"a{'' if form == 'folder' else '.' + form}"])
    (changed,) = verify_against(out, [written("y", members | {"4.txt": b"Text 4"})])
    (longer,) = verify_against(out, [written("z", members | {"99.txt": b"more"})])
    (shorter,) = verify_against(out, [written("s", {k: v for k, v in members.items() if k != "9.json"})])

    assert (control.compared, control.problems) == (10, ())
    assert (changed.compared, changed.problems) == (9, ("4.txt: its content is not what was read",))
    assert longer.problems[0].startswith("99.txt: ") or "99.txt" in longer.problems[0]
    assert shorter.problems == ("9.json: expected in the source, found no longer",)
    with pytest.raises(UsageError, match="found 2; give all"):
        verify_against(out, [tmp_path, tmp_path])


def test_the_command(copy: Path, tmp_path: Path) -> None:
    """Status 0 and 6, problems on standard error, counts as JSON, and a refusal of what is not ours."""
    good = run(tmp_path, "verify", copy, "--json")
    with (copy / "a.dataset").open("r+b") as file:
        file.seek(100)
        file.write(b"\xff\xfe")
    bad = run(tmp_path, "verify", copy)
    strange = run(tmp_path, "verify", tmp_path / "program.py")

    assert good.status == 0
    assert {Path(one["path"]).name for one in json.loads(good.said)["files"]} >= {"a.dataset", "a.flow", ".a.journal"}
    assert bad.status == 6
    assert "a.dataset: " in bad.said
    assert strange.status == 6
    assert "expected one of" in strange.said
    with pytest.raises(FormatError, match="found none"):
        verify(_empty(tmp_path))


def test_an_unfinished_run_is_not_whole(copy: Path) -> None:
    """Whoever deletes the sources once verify has nothing to say keeps them; how to go on is said."""
    partial = copy / ".b.partial"
    partial.mkdir()
    shutil.copy(copy / ".a.journal", partial / "journal.sqlite")

    assert list(problems(copy)) == ["journal.sqlite"]
    assert "--resume finishes it" in problems(copy)["journal.sqlite"][0]


def _empty(folder: Path) -> Path:
    (folder / "empty").mkdir()
    return folder / "empty"


def test_a_foreign_zip_is_no_file_of_ours(tmp_path: Path) -> None:
    """A zip that the standard library has written is told apart."""
    path = tmp_path / "a.data"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr(".zgroup", '{"zarr_format": 2}')

    assert problems(path)
