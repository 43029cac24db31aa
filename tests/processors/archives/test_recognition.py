"""Archives by first bytes and suffix."""

from __future__ import annotations

import gzip
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


@pytest.mark.parametrize(
    ("head", "name", "kind"),
    [
        (b"7z\xbc\xaf\x27\x1c\0", "a.7z", "7-Zip"),
        (b"LZIP\1\x0c\0\x33", "a.tar.lz", "lzip"),
        (b"\x02\x21\x4c\x18\xfe\0", "a.tar.lz4", "LZ4 (legacy)"),
        (b"\x89LZO\0\r\n\x1a\n", "a.tar.lzo", "lzop"),
        (b"LRZI\0\6", "a.tar.lrz", "lrzip"),
        (b"GRZipII\0\2\4:)", "a.tar.grz", "GRZip"),
        (b"xar!\0\x1c\0\1", "a.xar", "xar"),
        (b"!<arch>\na.o/", "a.a", "ar"),
        (b"\xed\xab\xee\xdb\3\0", "a.rpm", "rpm"),
        (b"070701" + b"00569Ebe" * 13, "a.cpio", "cpio"),
        (b"070702" + b"00569ebe" * 13, "without suffix", "cpio"),
        (b"070707" + b"0123456" * 10, "a.cpio", "cpio"),
        (b"\xc7\x71\1\2", "a.CPIO", "cpio"),
        (b"\x71\xc7\1\2", "a.cpio", "cpio"),
        (b"]\0\0\x80\0" + b"\xff" * 8, "a.tar.lzma", "LZMA (.lzma)"),
        (b"]\0\0\x80\0" + b"\xff" * 8, "a.TLZ", "LZMA (.lzma)"),
        (b"what", "a.zipx", "zipx"),
        (b"PK\3\4", "a.zipx", None),
        (b"PK\3\4", "a.zip", None),
        (gzip.compress(b"1"), "a.lzma", None),
        (TAR, "a.tlz", None),
        (b"\xc7\x71\1\2", "a.bin", None),
        (b"]\0\0\x80\0", "a.bin", None),
        (b"070701,5\n070702,6\n" * 10, "dates.csv", None),
        (b"LZIP is a format", "a.txt", None),
        (b"LRZIP is one, too", "a.txt", None),
        (b"xar! said the raven", "a.txt", None),
    ],
)
def test_other_kinds_have_names(head: bytes, name: str, kind: str | None) -> None:
    """So that the message can say what was found; what is of a kind that is read, or none, has no such name."""
    assert unsupported_kind(head, name) == kind
