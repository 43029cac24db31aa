"""The output folder: refusals, the lock, and what is left behind."""

from __future__ import annotations

import errno
import shutil
from pathlib import Path
from types import SimpleNamespace

import pytest

from zarrpack.converters.output import SUFFIXES, OutputSet, claimed, default_name
from zarrpack.converters.output_lock import locked
from zarrpack.errors import OutputRefused


def claim(output: OutputSet, needed: int = 0) -> None:
    """Claim an output and let it go again."""
    with claimed(output, overwrite=False, needed_bytes=needed):
        assert output.packs.is_dir()


def test_a_claim_leaves_nothing_behind(tmp_path: Path) -> None:
    """After a run that published nothing the folder is as empty as before, also after an error."""
    output = OutputSet(tmp_path / "deep" / "out", "a")

    def fail() -> None:
        with claimed(output, overwrite=False, needed_bytes=0):
            output.temporary(".dataset").write_bytes(b"half")
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        fail()

    assert list(tmp_path.iterdir()) == []


def test_publishing_replaces_the_old_set_only_at_the_end(tmp_path: Path) -> None:
    """Old files stay readable until the new set is published."""
    output = OutputSet(tmp_path, "a")
    for suffix in SUFFIXES:
        output.path(suffix).write_text("old")

    with claimed(output, overwrite=True, needed_bytes=0):
        for suffix in SUFFIXES:
            output.temporary(suffix).write_text("new")
        before = [output.path(suffix).read_text() for suffix in SUFFIXES]
        output.publish()

    assert before == ["old"] * len(SUFFIXES)
    assert [output.path(suffix).read_text() for suffix in SUFFIXES] == ["new"] * len(SUFFIXES)
    assert sorted(path.name for path in tmp_path.iterdir()) == sorted(f"a{suffix}" for suffix in SUFFIXES)


@pytest.mark.parametrize("suffix", SUFFIXES)
def test_existing_files_are_refused(tmp_path: Path, suffix: str) -> None:
    """Any one file of the set is enough, and the message names it and the way out."""
    output = OutputSet(tmp_path, "a")
    output.path(suffix).write_text("old")

    with pytest.raises(OutputRefused, match=f"found a{suffix}; give --overwrite"):
        claim(output)

    assert output.path(suffix).read_text() == "old"


def test_a_second_run_is_refused_while_the_first_runs(tmp_path: Path) -> None:
    """The lock is held for one name only, and free again afterwards."""
    first, other = OutputSet(tmp_path, "a"), OutputSet(tmp_path, "b")

    with claimed(first, overwrite=False, needed_bytes=0):
        with pytest.raises(OutputRefused, match="another run is writing this output"):
            claim(first)
        with claimed(other, overwrite=False, needed_bytes=0):
            assert other.packs.is_dir()

    with claimed(first, overwrite=False, needed_bytes=0):
        assert first.packs.is_dir()


def test_what_a_killed_run_left_is_cleared(tmp_path: Path) -> None:
    """A stale work folder does not leak into the next run."""
    output = OutputSet(tmp_path, "a")
    output.packs.mkdir(parents=True)
    (output.packs / "a-000000.data").write_bytes(b"stale")

    with claimed(output, overwrite=False, needed_bytes=0):
        assert list(output.packs.iterdir()) == []


def test_a_full_disk_is_refused_before_anything_is_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The message has both figures; with enough space the same claim is granted."""
    monkeypatch.setattr(shutil, "disk_usage", lambda _: SimpleNamespace(free=5_000_000))
    output = OutputSet(tmp_path, "a")

    with pytest.raises(OutputRefused, match="at least 6 MB of free disk, found 5 MB"):
        claim(output, 6_000_000)
    with claimed(output, overwrite=False, needed_bytes=5_000_000):
        assert output.packs.is_dir()


def test_no_space_while_writing_is_refused_too(tmp_path: Path) -> None:
    """ENOSPC in the middle of a run becomes the same kind of error."""
    output = OutputSet(tmp_path, "a")

    def fill_the_disk() -> None:
        with claimed(output, overwrite=False, needed_bytes=0):
            raise OSError(errno.ENOSPC, "No space left on device")

    with pytest.raises(OutputRefused, match="nothing was published"):
        fill_the_disk()


def test_a_file_in_the_folder_s_place_is_refused(tmp_path: Path) -> None:
    """An output folder that is a file cannot be written."""
    (tmp_path / "out").write_text("a file")

    with pytest.raises(OutputRefused):
        claim(OutputSet(tmp_path / "out", "a"))


def test_the_lock_file_is_removed_and_may_be_taken_again(tmp_path: Path) -> None:
    """Holding it twice in a row works and leaves no file."""
    path = tmp_path / ".lock"
    for _ in range(2):
        with locked(path):
            assert path.exists()

    assert not path.exists()


@pytest.mark.parametrize(
    ("sources", "expected"),
    [
        (["photos.zip"], "photos"),
        (["x/photos.tar.gz"], "photos"),
        (["photos.v2.tar"], "photos.v2"),
        ([".hidden.zip"], "hidden"),
        (["a.zip", "b.zip"], "out"),
    ],
)
def test_default_names(sources: list[str], expected: str) -> None:
    """One source gives its stem, several the output folder's name."""
    assert default_name([Path(one) for one in sources], Path("some/out")) == expected


def test_a_folder_keeps_its_whole_name(tmp_path: Path) -> None:
    """A folder's name has no suffix to take off."""
    (tmp_path / "photos.2024").mkdir()

    assert default_name([tmp_path / "photos.2024"], Path("out")) == "photos.2024"
