"""What a member's first bytes say about its type; shared by every processor's `accepts`."""

from __future__ import annotations

import re

__all__ = ["IMAGE_SUFFIXES", "image_format", "is_mismatch", "media_type", "suffix"]

#: (offset, bytes, media type). Bytes that ordinary text can start with are not here, but in `_CHECKED`.
_SIGNATURES: tuple[tuple[int, bytes, str], ...] = (
    (0, b"\xff\xd8\xff", "image/jpeg"),
    (0, b"\x89PNG\r\n\x1a\n", "image/png"),
    (0, b"GIF87a", "image/gif"),
    (0, b"GIF89a", "image/gif"),
    (0, b"II*\x00", "image/tiff"),
    (0, b"MM\x00*", "image/tiff"),
    (0, b"II+\x00", "image/tiff"),
    (0, b"MM\x00+", "image/tiff"),
    (0, b"\x00\x00\x00\x0cjP  \r\n\x87\n", "image/jp2"),
    (0, b"\xff\x4f\xff\x51", "image/jp2"),
    (4, b"ftypavif", "image/avif"),
    (4, b"ftypavis", "image/avif"),
    (4, b"ftypheic", "image/heic"),
    (4, b"ftypmif1", "image/heif"),
    (8, b"WEBP", "image/webp"),
    (0, b"8BPS\x00", "image/vnd.adobe.photoshop"),
    (0, b"\x76\x2f\x31\x01", "image/x-exr"),
    (0, b"\xd7\xcd\xc6\x9a", "image/wmf"),
    (0, b"%!PS", "application/postscript"),
    (0, b"\xc5\xd0\xd3\xc6", "application/postscript"),
    (0, b"%PDF-", "application/pdf"),
    (0, b"PK\x03\x04", "application/zip"),
    (0, b"PK\x05\x06", "application/zip"),
    (0, b"\x1f\x8b\x08", "application/gzip"),
    (0, b"\xfd7zXZ\x00", "application/x-xz"),
    (0, b"\x28\xb5\x2f\xfd", "application/zstd"),
    (0, b"7z\xbc\xaf\x27\x1c", "application/x-7z-compressed"),
    (0, b"Rar!\x1a\x07", "application/vnd.rar"),
    (257, b"ustar", "application/x-tar"),
    (0, b"\x93NUMPY", "application/x-npy"),
    (0, b"\x89HDF\r\n\x1a\n", "application/x-hdf5"),
    (0, b"PAR1", "application/vnd.apache.parquet"),
    (0, b"ARROW1\x00\x00", "application/vnd.apache.arrow.file"),
    (0, b"SQLite format 3\x00", "application/vnd.sqlite3"),
    (0, b"SIMPLE  =", "application/fits"),
    (0, b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1", "application/x-ole-storage"),
    (0, b"\x7fELF", "application/x-elf"),
    (0, b"\xca\xfe\xba\xbe", "application/java-vm"),
    (0, b"\x00asm", "application/wasm"),
    (0, b"\x00\x01\x00\x00\x00", "font/ttf"),
    (0, b"OTTO\x00", "font/otf"),
    (0, b"wOFF", "font/woff"),
    (0, b"wOF2", "font/woff2"),
    (4, b"ftyp", "video/mp4"),
    (0, b"\x1aE\xdf\xa3", "video/x-matroska"),
    (0, b"\x00\x00\x01\xba", "video/mpeg"),
    (0, b"\x00\x00\x01\xb3", "video/mpeg"),
    (0, b"OggS\x00", "audio/ogg"),
    (0, b"fLaC\x00", "audio/flac"),
    (0, b"ID3\x02", "audio/mpeg"),
    (0, b"ID3\x03", "audio/mpeg"),
    (0, b"ID3\x04", "audio/mpeg"),
    (8, b"WAVEfmt ", "audio/wav"),
    (8, b"AVI LIST", "video/x-msvideo"),
)

# What may lie between the numbers of a PPM header.
_GAP = rb"(?:\s|#[^\n]*+\n)++"
#: Types whose first two bytes are letters: what follows must fit as well.
_CHECKED: tuple[tuple[re.Pattern[bytes], str], ...] = (
    (re.compile(rb"BM.{12}[\x0c\x28\x34\x38\x40\x6c\x7c]\x00\x00\x00", re.DOTALL), "image/bmp"),
    (re.compile(rb"P[1-6f]" + _GAP + rb"\d++" + _GAP + rb"\d"), "image/x-portable-anymap"),
    (re.compile(rb"BZh[1-9](?:1AY&SY|\x17rE8P\x90)"), "application/x-bzip2"),
    (re.compile(rb"MZ[^\n]{0,64}\x00", re.DOTALL), "application/vnd.microsoft.portable-executable"),
)


def _by_first_byte() -> dict[int, tuple[tuple[bytes, str], ...]]:
    table: dict[int, list[tuple[bytes, str]]] = {}
    for offset, signature, kind in _SIGNATURES:
        if offset == 0:
            table.setdefault(signature[0], []).append((signature, kind))
    return {first: tuple(entries) for first, entries in table.items()}


_FIRST = _by_first_byte()
_LATER = tuple((offset, signature, kind) for offset, signature, kind in _SIGNATURES if offset)
_CHECKED_FIRST = frozenset(b"BPM")

#: Media type -> the name that Pillow knows the format by. Nothing else is ever opened as a picture.
_IMAGE_FORMATS = {
    "image/jpeg": "JPEG",
    "image/png": "PNG",
    "image/gif": "GIF",
    "image/bmp": "BMP",
    "image/tiff": "TIFF",
    "image/webp": "WEBP",
    "image/x-portable-anymap": "PPM",
    "image/jp2": "JPEG2000",
    "image/avif": "AVIF",
}

#: Names that promise one of those formats.
IMAGE_SUFFIXES = frozenset(
    (
        *(".jpg", ".jpeg", ".jpe", ".jfif", ".png", ".apng", ".gif", ".bmp", ".dib", ".tif", ".tiff", ".webp"),
        *(".ppm", ".pgm", ".pbm", ".pnm", ".jp2", ".j2k", ".avif"),
    )
)


#: Media type -> suffixes that promise it; text has none.
_PROMISED: dict[str | None, tuple[str, ...]] = {
    "image/jpeg": (".jpg", ".jpeg", ".jpe", ".jfif"),
    "image/png": (".png", ".apng"),
    "image/gif": (".gif",),
    "image/bmp": (".bmp", ".dib"),
    "image/tiff": (".tif", ".tiff"),
    "image/webp": (".webp",),
    "image/x-portable-anymap": (".ppm", ".pgm", ".pbm", ".pnm"),
    "image/jp2": (".jp2", ".j2k"),
    "image/avif": (".avif",),
    "application/pdf": (".pdf",),
    "application/zip": (".zip", ".npz"),
    "application/gzip": (".gz", ".tgz"),
    "application/x-npy": (".npy",),
    "application/x-hdf5": (".h5", ".hdf5"),
    "application/vnd.apache.parquet": (".parquet",),
    "video/mp4": (".mp4",),
    None: (".json", ".jsonl", ".ndjson", ".csv", ".tsv", ".txt", ".md", ".xml", ".html", ".svg"),
}
_PROMISE_OF = {ending: kind for kind, endings in _PROMISED.items() for ending in endings}


def is_mismatch(head: bytes, name: str) -> bool:
    """Whether a member's first bytes are of another type than its name promises; decided only where both are known.

    Examples
    --------
    >>> is_mismatch(b"GIF89a", "a.jpg"), is_mismatch(b"GIF89a", "a.dat"), is_mismatch(b"hello", "a.jpg")
    (True, False, True)
    """
    ending = suffix(name)
    return bool(head) and ending in _PROMISE_OF and media_type(head) != _PROMISE_OF[ending]


def media_type(head: bytes) -> str | None:
    """Give the media type that the first bytes announce; None for text and for the unknown.

    Parameters
    ----------
    head : bytes
        First bytes of a member; 264 are enough for every type in the table.

    Examples
    --------
    >>> media_type(b"%PDF-1.7"), media_type(b"hello")
    ('application/pdf', None)
    """
    if not head:
        return None
    for signature, kind in _FIRST.get(head[0], ()):
        if head.startswith(signature):
            return kind
    for offset, signature, kind in _LATER:
        if head.startswith(signature, offset):
            return kind
    if head[0] in _CHECKED_FIRST:
        for pattern, kind in _CHECKED:
            if pattern.match(head):
                return kind
    return None


def image_format(head: bytes) -> str | None:
    """Give Pillow's name of the picture format; None if the bytes are of none that is opened.

    Examples
    --------
    >>> image_format(b"GIF89a\\x01\\x00")
    'GIF'
    """
    return _IMAGE_FORMATS.get(media_type(head) or "")


def suffix(name: str) -> str:
    """Give the last suffix of a member's name in lower case with its dot; empty if there is none.

    Examples
    --------
    >>> suffix("a.b/Photo.JPG"), suffix("a.b/README"), suffix(".bashrc")
    ('.jpg', '', '')
    """
    base = name[name.rfind("/") + 1 :]
    dot = base.rfind(".")
    return base[dot:].lower() if dot > 0 else ""
