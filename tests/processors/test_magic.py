"""Types by first bytes."""

from __future__ import annotations

import io
import zipfile

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from zarrpack.processors.magic import IMAGE_SUFFIXES, image_format, is_mismatch, media_type, suffix


@pytest.mark.parametrize("format", ["JPEG", "PNG", "GIF", "BMP", "TIFF", "WEBP", "PPM", "JPEG2000", "AVIF"])
def test_pictures_are_known_by_pillows_name(format: str) -> None:
    """What Pillow writes in a format is known as that format."""
    file = io.BytesIO()
    Image.new("RGB", (9, 7)).save(file, format)

    assert image_format(file.getvalue()) == format


def test_archives_and_arrays_are_known() -> None:
    """Files made by their own libraries are known for what they are."""
    archive, array = io.BytesIO(), io.BytesIO()
    with zipfile.ZipFile(archive, "w") as out:
        out.writestr("a", b"")
    np.save(array, np.zeros(3))

    assert media_type(archive.getvalue()) == "application/zip"
    assert media_type(array.getvalue()) == "application/x-npy"


@pytest.mark.parametrize(
    "text",
    [
        b"",
        b"hello",
        b"BMW and P1 cars",
        b"P1 is first",
        b"P6",
        b"{}",
        b"MZ is a code\n\x00",
        b"BZh9 level",
        b"PK",
        b"GIF8",
    ],
)
def test_text_is_of_no_type(text: bytes) -> None:
    """Text that starts like a binary format is not taken for one."""
    assert media_type(text) is None


@pytest.mark.parametrize(
    "header", [b"P5 3 2 255\n", b"P6\n# a comment\n 3\n2\n255\n", b"P2\t3#c\n 2 255 ", b"Pf\n3 2\n-1\n"]
)
def test_anymap_headers_are_known(header: bytes) -> None:
    """Whitespace and comments in PPM headers do not matter."""
    assert media_type(header) == "image/x-portable-anymap"


@pytest.mark.parametrize(
    "head", [b"%!PS-Adobe-3.0 EPSF", b"%PDF-1.7", b"\xd7\xcd\xc6\x9a" + bytes(20), b"8BPS\x00\x01"]
)
def test_what_is_never_opened_is_no_picture(head: bytes) -> None:
    """EPS, PDF, WMF and PSD are known types, and none that is opened as a picture."""
    assert media_type(head) is not None
    assert image_format(head) is None


@given(st.binary(max_size=300))
def test_any_bytes_are_looked_at_without_errors(head: bytes) -> None:
    """Whatever the bytes, there is an answer, and a picture's format only with a media type."""
    assert media_type(head) is not None or image_format(head) is None


def test_suffixes_are_of_the_last_name_in_lower_case() -> None:
    """Folders with dots, names that start with one, and names without any have no suffix."""
    names = ["a/B.JPG", "a.b/c", ".json", "a.tar.gz", "", "a."]

    assert [suffix(name) for name in names] == [".jpg", "", "", ".gz", "", "."]
    assert all(one == one.lower() and one.startswith(".") for one in IMAGE_SUFFIXES)


@pytest.mark.parametrize(
    ("head", "name", "expected"),
    [
        (b"\x89PNG\r\n\x1a\n", "a.png", False),
        (b"\x89PNG\r\n\x1a\n", "a.JPG", True),
        (b"PK\3\4", "a.json", True),
        (b'{"a": 1}', "a.json", False),
        (b"plain words", "a.jpg", True),
        (b"plain words", "a.unknown", False),
        (b"", "a.jpg", False),
    ],
)
def test_names_that_promise_something_else_are_told(head: bytes, name: str, expected: bool) -> None:
    """Only where the name promises a type that its first bytes would show."""
    assert is_mismatch(head, name) is expected
