"""Archives by first bytes and suffix."""

from __future__ import annotations

import gzip
import io
import tarfile

import pytest

from zarrpack.processors.archives.recognition import is_archive_name, may_be_archive, unsupported_kind

TAR = tarfile.TarInfo("a").tobuf()


@pytest.mark.parametrize(
    ("head", "name", "expected"),
    [
        (b"PK\3\4", "a.zip", True),
        (b"PK\3\4", "folder/inner", True),
        (b"PK\3\4", "a.docx", False),
        (b"PK\3\4", "a.npz", False),
        (TAR, "a.tar", True),
        (TAR, "a.bin", False),
        (gzip.compress(b"1"), "a.CSV.GZ", True),
        (gzip.compress(b"1"), "noise", True),
        (b"words", "a.zip", False),
        (b"", "a.zip", False),
    ],
)
def test_members_that_may_be_archives(head: bytes, name: str, expected: bool) -> None:
    """By both: a document that is a zip inside stays a document."""
    assert may_be_archive(head, name) is expected


def test_names_of_archives() -> None:
    """In any case, with one suffix or two."""
    names = ["a.zip", "A.TGZ", "a.tar.zst", "a.csv.xz", "a.npz", "zip", "a.zip.txt"]

    assert [is_archive_name(name) for name in names] == [True, True, True, True, False, False, False]


def test_other_kinds_have_names() -> None:
    """So that the message can say what was found."""
    assert unsupported_kind(b"7z\xbc\xaf\x27\x1c\0") == "7-Zip"
    assert unsupported_kind(io.BytesIO(b"PK\3\4").getvalue()) is None
