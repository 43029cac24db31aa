"""What kind of archive some bytes are: by the first of them, and by the name's suffix where those say nothing."""

from __future__ import annotations

import re
from contextlib import suppress
from pathlib import Path
from typing import BinaryIO

from zarrpack.errors import FormatError, MemberError
from zarrpack.processors.archives.base import Source
from zarrpack.processors.archives.compressed import COMPRESSIONS, Compression, Decompression, compression_of
from zarrpack.processors.archives.files import read_bytes
from zarrpack.processors.archives.lone import LoneCompressedSource
from zarrpack.processors.archives.tar import TarSource
from zarrpack.processors.archives.tar_headers import BLOCK_BYTES, has_valid_checksum
from zarrpack.processors.archives.tar_stream import TarStreamSource
from zarrpack.processors.archives.zip import ZipSource
from zarrpack.processors.limits import Limits
from zarrpack.storage.zip_directory import find_directory

__all__ = ["archive_in", "holds_zip", "is_archive_name", "may_be_archive", "unsupported_kind"]

_ZIP_MAGICS = (b"PK\3\4", b"PK\5\6", b"PK\7\x08PK\3\4")
# Programs and scripts that may have a zip behind them.
_PROGRAM_MAGICS = (b"MZ", b"\x7fELF", b"#!", b"\xcf\xfa\xed\xfe", b"\xca\xfe\xba\xbe")
# Zips whose content is one thing.
_WHOLE_ZIP_SUFFIXES = (".npz",)
_TAR_SUFFIXES = {
    ".tgz": "gz",
    ".tar.gz": "gz",
    ".tbz": "bz2",
    ".tbz2": "bz2",
    ".tar.bz2": "bz2",
    ".txz": "xz",
    ".tar.xz": "xz",
    ".tzst": "zst",
    ".tar.zst": "zst",
}
_SUFFIXES = (".zip", ".tar", *_TAR_SUFFIXES, *(f".{name}" for name in COMPRESSIONS))
_UNSUPPORTED_MAGICS = {
    b"7z\xbc\xaf\x27\x1c": "7-Zip",
    b"Rar!\x1a\x07": "RAR",
    b"\x04\x22\x4d\x18": "LZ4",
    b"\x02\x21\x4c\x18": "LZ4 (legacy)",
    b"\x1f\x9d": "compress (.Z)",
    b"MSCF\0\0\0\0": "cabinet",
    b"LZIP\0": "lzip",
    b"LZIP\1": "lzip",
    b"\x89LZO\0": "lzop",
    b"LRZI\0": "lrzip",
    b"GRZipII": "GRZip",
    b"xar!\0": "xar",
    b"!<arch>\n": "ar",
    b"!<thin>\n": "ar",
    b"\xed\xab\xee\xdb": "rpm",
}
# Whole headers, of digits: a table may begin like their first six bytes.
_CPIO_HEADER = re.compile(rb"07070[12][0-9A-Fa-f]{104}|070707[0-7]{70}")
# Two bytes are too few to go by without the name.
_BINARY_CPIO_MAGICS = (b"\xc7\x71", b"\x71\xc7")
# No first bytes tell these.
_UNSUPPORTED_SUFFIXES = {".lzma": "LZMA (.lzma)", ".tlz": "LZMA (.lzma)", ".zipx": "zipx"}


def archive_in(file: BinaryIO, length: int, path: Path, limits: Limits, *, salvage: bool = False) -> Source | None:
    """Give the source that reads an open file, or None if it is no archive.

    Parameters
    ----------
    file : binary file
        Open for reads at offsets. The source closes it.
    length : int
        Its bytes.
    path : Path
        Its name; nothing is opened by it.
    limits : Limits
        What the members may cost.
    salvage : bool
        Whether members behind a damaged place are looked for.

    Raises
    ------
    MemberError
        ``unreadable``.

    Examples
    --------
    >>> import io
    >>> archive_in(io.BytesIO(b"hello"), 5, Path("a.txt"), Limits()) is None
    True
    """
    head, name = read_bytes(file, 0, BLOCK_BYTES), path.name.lower()
    if _looks_like_tar(head) or name.endswith(".tar"):
        return TarSource(path, limits, file=file, salvage=salvage)
    if _is_zip(file, head, name):
        return None if name.endswith(_WHOLE_ZIP_SUFFIXES) else ZipSource(path, limits, file=file, salvage=salvage)
    compression = compression_of(head) or _compression_by(name)
    if compression is None:
        return None
    holds_tar = name.endswith(tuple(_TAR_SUFFIXES)) or _holds_tar(Decompression(file, length, compression, limits))
    kind = TarStreamSource if holds_tar else LoneCompressedSource
    return kind(path, limits, compression, file=file, salvage=salvage)


def may_be_archive(head: bytes, name: str) -> bool:
    """Whether a member is taken for an archive by its name and first bytes.

    Formats that are zips inside (documents, programs, models) are what their suffix says.

    Parameters
    ----------
    head : bytes
        First bytes of the member, `BLOCK_BYTES` if it has so many.
    name : str
        The member's name.

    Examples
    --------
    >>> [may_be_archive(b"PK\\3\\4", name) for name in ("a.zip", "a.docx", "folder.d/a")]
    [True, False, True]
    """
    if "." in name[name.rfind("/") + 1 :] and not is_archive_name(name):
        return False
    return head.startswith(_ZIP_MAGICS) or compression_of(head) is not None or _looks_like_tar(head)


def holds_zip(file: BinaryIO) -> bool:
    """Whether there is a zip with members at a file's end, whatever the first bytes are.

    Parameters
    ----------
    file : binary file
        Seekable. Its position changes.

    Examples
    --------
    >>> import io, zipfile
    >>> file = io.BytesIO(b"prefix")
    >>> with zipfile.ZipFile(file, "a") as archive:
    ...     archive.writestr("a.txt", b"hi")
    >>> holds_zip(file), holds_zip(io.BytesIO(b"text"))
    (True, False)
    """
    try:
        return find_directory(file, lenient=True).entries > 0
    except FormatError:
        return False


def is_archive_name(name: str) -> bool:
    """Whether a name has the suffix of an archive or a compressed file.

    Examples
    --------
    >>> [is_archive_name(name) for name in ("a.TAR.gz", "a.npz")]
    [True, False]
    """
    return name.lower().endswith(_SUFFIXES)


def unsupported_kind(head: bytes, name: str = "") -> str | None:
    """Name the kind of an archive that is not read here; None if the bytes are of none.

    Parameters
    ----------
    head : bytes
        First bytes of the file, `BLOCK_BYTES` if it has so many.
    name : str
        Its name, for the kinds that first bytes do not tell. What first bytes do tell goes before it.

    Examples
    --------
    >>> unsupported_kind(b"Rar!\\x1a\\x07\\x00"), unsupported_kind(b"]\\0\\0", "a.tar.lzma")
    ('RAR', 'LZMA (.lzma)')
    """
    for magic, kind in _UNSUPPORTED_MAGICS.items():
        if head.startswith(magic):
            return kind
    lower = name.lower()
    if _CPIO_HEADER.match(head) or (lower.endswith(".cpio") and head.startswith(_BINARY_CPIO_MAGICS)):
        return "cpio"
    if head.startswith(_ZIP_MAGICS) or compression_of(head) is not None or _looks_like_tar(head):
        return None
    return next((kind for suffix, kind in _UNSUPPORTED_SUFFIXES.items() if lower.endswith(suffix)), None)


def _looks_like_tar(block: bytes) -> bool:
    # A header whose checksum is wrong is still a header; the walk says what is wrong.
    return has_valid_checksum(block) or block.startswith((b"ustar\0", b"ustar  \0"), 257)


def _is_zip(file: BinaryIO, head: bytes, name: str) -> bool:
    if head.startswith(_ZIP_MAGICS) or name.endswith(".zip"):
        return True
    return head.startswith(_PROGRAM_MAGICS) and holds_zip(file)


def _compression_by(name: str) -> Compression | None:
    by_suffix = {f".{one}": one for one in COMPRESSIONS} | _TAR_SUFFIXES
    return next((COMPRESSIONS[one] for suffix, one in by_suffix.items() if name.endswith(suffix)), None)


def _holds_tar(decompression: Decompression) -> bool:
    head = b""
    with suppress(MemberError):
        for block in decompression.blocks():
            head += block
            if len(head) >= BLOCK_BYTES:
                return _looks_like_tar(head[:BLOCK_BYTES])
    return False
