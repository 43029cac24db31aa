"""Any id is a safe member name and comes back from it; odd field names get plain folders and columns."""

from __future__ import annotations

import io
import re
import tarfile
from pathlib import PureWindowsPath

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from zarrpack.errors import UsageError
from zarrpack.storage.sharded.sample_names import auto_id, auto_number, field_stem, member_name, sample_id_of
from zarrpack.storage.sharded.tar_members import member_bytes, member_header

IDS = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), min_size=1, max_size=40)


@settings(max_examples=150, deadline=None)
@given(IDS)
def test_a_name_is_safe_and_gives_its_id_back(sample_id: str) -> None:
    """No member leads out of the folder, hides, or is something else on Windows."""
    name = member_name(sample_id)

    assert sample_id_of(name) == sample_id
    assert name.endswith(".npy")
    assert not re.search(r'[\x00-\x1f\x7f/\\:*?"<>|]', name)
    assert not name.startswith((".", "~", "-", " "))
    assert not PureWindowsPath(name).is_reserved()
    assert len(name.encode()) <= 255


@settings(max_examples=100, deadline=None)
@given(IDS, IDS)
def test_different_ids_have_different_names(first: str, second: str) -> None:
    """No two samples share a member."""
    assert (member_name(first) == member_name(second)) == (first == second)


@pytest.mark.parametrize(
    "sample_id", ["../../etc/passwd", "..", ".", "/abs", "a\\b", "C:x", "con", "NUL.txt", "a\nb", "-rf", "%41", "~x"]
)
def test_hostile_ids_are_escaped(sample_id: str) -> None:
    """What would do harm on extraction is written as %XX."""
    assert "%" in member_name(sample_id)
    assert sample_id_of(member_name(sample_id)) == sample_id


@pytest.mark.parametrize("sample_id", ["", "a\0b", "x" * 201, "/" * 90, "\ud800", 7, None, b"a"])
def test_ids_that_cannot_be_are_refused(sample_id: object) -> None:
    """The message says what an id may be."""
    with pytest.raises(UsageError, match="a sample's id: expected"):
        member_name(sample_id)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("sample_id", "number"),
    [("sample_000000000001", 1), ("sample_1234567890123", 1234567890123), ("sample_0000000000001", 0), ("sample_1", 0)],
)
def test_automatic_ids_are_recognised(sample_id: str, number: int) -> None:
    """Only what could be given out counts."""
    assert auto_number(sample_id) == number
    assert number == 0 or auto_id(number) == sample_id


@settings(max_examples=150, deadline=None)
@given(st.text(min_size=1, max_size=120).filter(lambda text: text.isprintable()), st.integers(0, 2**34))
def test_headers_are_those_of_tarfile(name: str, size: int) -> None:
    """The fast way gives the same bytes as the library's, also for names and sizes that need more blocks."""
    info = tarfile.TarInfo(name)
    info.size = size
    header = member_header(name, size)

    assert header == info.tobuf(tarfile.PAX_FORMAT, "utf-8", "strict")
    assert member_bytes(name, size) == len(header) + -(-size // 512) * 512


def test_tarfile_reads_a_header() -> None:
    """A member of a long and foreign name is read with its name and size."""
    name = member_name("größe " * 20)
    data = member_header(name, 3) + b"abc" + bytes(509) + bytes(1024)

    with tarfile.open(fileobj=io.BytesIO(data)) as archive:
        assert [(one.name, one.size) for one in archive] == [(name, 3)]


@pytest.mark.parametrize(
    ("field", "taken", "stem"),
    [
        ("history", set(), "history"),
        ("my-field", set(), "my_field"),
        ("has space", set(), "has_space"),
        ('a"b', set(), "a_b"),
        ("../x", set(), "_.._x".replace(".", "_")),
        ("HISTORY", {"history"}, "HISTORY_2"),
        ("9lives", set(), "_9lives"),
        ("größe", set(), "gr__e"),
    ],
)
def test_field_stems(field: str, taken: set[str], stem: str) -> None:
    """A simple word is its own stem; anything else becomes one, and no two are the same without case."""
    assert field_stem(field, taken) == stem
