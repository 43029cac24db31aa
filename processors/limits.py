"""Every limit that protects a run, in one place."""

from __future__ import annotations

from dataclasses import dataclass

__all__ = ["Limits"]


@dataclass(frozen=True, slots=True)
class Limits:
    """Limits on what a foreign archive may make zarrpack do.

    Parameters
    ----------
    member_bytes : int
        Bytes of one member after decompression.
    archive_bytes : int
        Bytes of all members of one source together after decompression, those of archives inside it included.
    ratio : int
        Decompressed bytes per compressed byte, looked at only beyond `ratio_grace_bytes`.
    ratio_grace_bytes : int
        Bytes up to which any ratio is accepted.
    name_bytes : int
        Bytes of a member's name.
    entries : int
        Members of one archive.
    nesting : int
        How deep archives inside archives are opened; 0: they are kept as plain files.
    special_header_bytes : int
        Bytes of one pax or GNU long-name header of a tar, or of the header of a gzip file.
    pixels : int
        Height times width of one picture.
    json_depth : int
        Nesting of JSON values.
    json_bytes : int
        Bytes of one JSON document or line.
    csv_field_bytes : int
        Bytes of one CSV field.
    rows : int
        Rows of one table, lines of one JSON Lines file.
    seconds : int
        CPU seconds that one member may take, and as many more for each 16 MiB of its content.
    wall_seconds : int
        Seconds that one member may take while its process does nothing, likewise.
    memory_bytes : int
        Memory of one worker process. Linux only. An eighth of it is for decompressing an xz file, a 32nd for a zstd
        file's window, but never less than 128 MiB.

    Examples
    --------
    >>> Limits(pixels=1_000_000).pixels
    1000000
    """

    member_bytes: int = 4 << 30
    archive_bytes: int = 1 << 40
    ratio: int = 200
    ratio_grace_bytes: int = 100 << 20
    name_bytes: int = 4096
    entries: int = 10_000_000
    nesting: int = 0
    special_header_bytes: int = 1 << 20
    pixels: int = 89_478_485
    json_depth: int = 512
    json_bytes: int = 256 << 20
    csv_field_bytes: int = 16 << 20
    rows: int = 100_000_000
    seconds: int = 60
    wall_seconds: int = 600
    memory_bytes: int = 4 << 30
