"""What samples, fields, members and folders are called: any id that text can be, no name that could do harm."""

from __future__ import annotations

import re
from collections.abc import Collection

from zarrpack.errors import UsageError
from zarrpack.storage.array_names import safe_text

__all__ = ["auto_id", "auto_number", "check_field_name", "field_stem", "member_name", "sample_id_of", "shard_file_name"]

_LONGEST_ID = 200
_LONGEST_MEMBER = 255
_LONGEST_STEM = 64
_SUFFIX = ".npy"
# What Windows or a shell takes for something else, and the sign of an escape itself.
_ESCAPED = re.compile(r'[\x01-\x1f\x7f/\\:*?"<>|%]|^[ .~-]')
_DEVICES = re.compile(r"(con|prn|aux|nul|com[0-9¹²³]|lpt[0-9¹²³])(\..*)?", re.IGNORECASE)
_SIMPLE_ID = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_]{5,94}")
_SIMPLE_FIELD = re.compile(rf"[A-Za-z_][A-Za-z0-9_]{{0,{_LONGEST_STEM - 1}}}")
_AUTO_ID = re.compile(r"sample_([0-9]{12,18})")


def auto_id(number: int) -> str:
    """Give the id of the sample that is counted as `number`.

    Examples
    --------
    >>> auto_id(1)
    'sample_000000000001'
    """
    return f"sample_{number:012d}"


def auto_number(sample_id: str) -> int:
    """Give the number in an id of the form of `auto_id`; 0 for any other id.

    Examples
    --------
    >>> auto_number("sample_000000000041"), auto_number("sample_41"), auto_number("sample_0000000000041")
    (41, 0, 0)
    """
    match = _AUTO_ID.fullmatch(sample_id)
    if match is None:
        return 0
    number = int(match[1])
    return number if auto_id(number) == sample_id else 0


def member_name(sample_id: str) -> str:
    """Give the name of a sample's member in a shard.

    Parameters
    ----------
    sample_id : str
        Any text of 1 to 200 bytes in UTF-8.

    Returns
    -------
    str
        ``<id>.npy`` for most ids. Characters that lead out of a folder, that Windows refuses, or that cannot be seen are
        written as ``%XX``, so that the name is one file's on any system, and `sample_id_of` gives the id back.

    Raises
    ------
    UsageError
        If the id is no text, empty, longer than 200 bytes, has a NUL, or is so full of such characters that the name has more than 255.

    Examples
    --------
    >>> member_name("sample_000000000001"), member_name("a/../b"), member_name("nul")
    ('sample_000000000001.npy', 'a%2F..%2Fb.npy', '%6Eul.npy')
    """
    # isinstance costs nothing beside the rest, and a wrong type would fail far from here.
    if isinstance(sample_id, str) and _SIMPLE_ID.fullmatch(sample_id):
        return sample_id + _SUFFIX
    size = _utf8_size(sample_id, "a sample's id")
    if not 0 < size <= _LONGEST_ID or "\0" in sample_id:
        raise UsageError(
            f"a sample's id: expected 1 to {_LONGEST_ID} bytes of UTF-8 without NUL, found {size} in {sample_id!r:.80}"
        )
    name = _ESCAPED.sub(_escape, sample_id)
    if _DEVICES.fullmatch(name):
        name = f"%{ord(name[0]):02X}{name[1:]}"
    if len(name.encode()) + len(_SUFFIX) > _LONGEST_MEMBER:
        raise UsageError(
            f"a sample's id: expected one whose file name has at most {_LONGEST_MEMBER} bytes, found {len(name) + 4} for "
            f"{sample_id!r:.80}; use fewer of the characters that are written as %XX"
        )
    return name + _SUFFIX


def sample_id_of(name: str) -> str:
    """Give the id whose member has this name.

    Examples
    --------
    >>> sample_id_of("a%2F..%2Fb.npy")
    'a/../b'
    """
    return re.sub("%([0-9A-F]{2})", lambda match: chr(int(match[1], 16)), name.removesuffix(_SUFFIX))


def check_field_name(name: str) -> None:
    """Refuse what cannot name a field.

    Parameters
    ----------
    name : str
        Any printable text of 1 to 200 bytes in UTF-8; it need not be fit for a folder or a column.

    Raises
    ------
    UsageError
        If it is something else.
    """
    size = _utf8_size(name, "a field's name")
    if not 0 < size <= _LONGEST_ID or not name.isprintable():
        raise UsageError(f"a field's name: expected 1 to {_LONGEST_ID} bytes of printable text, found {name!r:.80}")


def field_stem(name: str, taken: Collection[str]) -> str:
    """Give the word that a field's folder and columns begin with.

    Parameters
    ----------
    name : str
        The field's name. If it is a simple word, it is its own stem.
    taken : collection of str
        Stems in use, in lower case: neither SQL nor every file system tells cases apart.

    Returns
    -------
    str
        Letters, digits and ``_``, at most 64 and a few.

    Examples
    --------
    >>> field_stem("history", set()), field_stem("images/pixels", set()), field_stem("X", {"x"})
    ('history', 'images_pixels', 'X_2')
    """
    stem = name if _SIMPLE_FIELD.fullmatch(name) else re.sub(r"[.\-]", "_", safe_text(name))
    stem = stem if not stem[0].isdigit() else f"_{stem}"
    candidate, number = stem, 2
    while candidate.lower() in taken:
        candidate, number = f"{stem}_{number}", number + 1
    return candidate


def shard_file_name(shard: int) -> str:
    """Give the file name of a shard.

    Examples
    --------
    >>> shard_file_name(7), shard_file_name(12345)
    ('shard_0007.tar', 'shard_12345.tar')
    """
    return f"shard_{shard:04d}.tar"


def _escape(match: re.Match[str]) -> str:
    return f"%{ord(match[0]):02X}"


def _utf8_size(text: str, what: str) -> int:
    if not isinstance(text, str):
        raise UsageError(f"{what}: expected text, found {type(text).__name__}")
    try:
        return len(text.encode())
    except UnicodeEncodeError as exc:
        raise UsageError(f"{what}: expected text that UTF-8 can hold, found {text!r:.80}") from exc
