"""Why a member is not read, known from what the source announces."""

from __future__ import annotations

from zarrpack.processors.limits import Limits

__all__ = ["refuse_announced", "refuse_archive"]


def refuse_announced(raw_name: bytes, size: int, limits: Limits) -> tuple[str, str] | None:
    """Compare a member's name and announced size with the limits.

    Parameters
    ----------
    raw_name : bytes
        The name as it lies in the source.
    size : int
        Announced bytes after decompression; 0 for what is no file.
    limits : Limits
        The limits.

    Returns
    -------
    (reason, detail) or None
        None: nothing against it.

    Examples
    --------
    >>> refuse_announced(b"a", 5, Limits(member_bytes=4))[0]
    'limit_member_bytes'
    """
    if len(raw_name) > limits.name_bytes:
        detail = (
            f"expected a name of at most {limits.name_bytes} bytes, found {len(raw_name)}; raise the limit name_bytes"
        )
        return "name_too_long", detail
    if size > limits.member_bytes:
        detail = f"expected at most {limits.member_bytes} bytes, found {size} announced; raise the limit member_bytes"
        return "limit_member_bytes", detail
    return None


def refuse_archive(announced: int, limits: Limits) -> tuple[str, str]:
    """Say that a member would bring all members of its source together over their limit.

    Parameters
    ----------
    announced : int
        Bytes of the members so far, this one included.
    limits : Limits
        The limits.

    Returns
    -------
    (reason, detail)
        As :class:`zarrpack.processors.archives.base.Entry` takes it.
    """
    detail = f"expected at most {limits.archive_bytes} bytes in all members, found {announced} up to this one"
    return "limit_archive_bytes", f"{detail}; raise the limit archive_bytes"
