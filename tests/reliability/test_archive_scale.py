"""Archives of very many members: time and memory grow by a few bytes for each, whatever the archive says."""

from __future__ import annotations

import gzip
import os
import struct
import subprocess
import sys
import tarfile
from pathlib import Path

import pytest

#: Members of the large archives.
COUNT = int(os.environ.get("ZARRPACK_ENTRIES", "100000"))

_PROGRAM = """
import resource, sys
from zarrpack.processors.archives.registry import open_source
source = open_source(sys.argv[1])
listed = source.entries() if source.random_access else (entry for entry, _ in source.forward())
count = sum(1 for _ in listed)
print(count, len(source.findings), resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024)
"""


def write_zip(path: Path, count: int) -> Path:
    """Write a zip of members of one byte; faster than the standard library, which holds all entries."""
    directory = bytearray()
    with path.open("wb") as file:
        for number in range(count):
            name = b"folder/%08d.txt" % number
            sizes = struct.pack("<III", 0x8CDC1683, 1, 1)  # the checksum of b"x"
            common = struct.pack("<HHHI", 20, 0, 0, 0x00210000) + sizes + struct.pack("<HH", len(name), 0)
            directory += b"PK\1\2\x14\0" + common + bytes(10) + struct.pack("<I", file.tell()) + name
            file.write(b"PK\3\4" + common + name + b"x")
        offset, size = file.tell(), len(directory)
        file.write(directory)
        file.write(b"PK\6\6" + struct.pack("<QHHIIQQQQ", 44, 45, 45, 0, 0, count, count, size, offset))
        file.write(b"PK\6\7" + struct.pack("<IQI", 0, offset + size, 1))
        file.write(b"PK\5\6" + b"\xff" * 16 + b"\0\0")
    return path


def write_tar(path: Path, count: int) -> Path:
    """Write a compressed tar of members of one byte."""
    with gzip.open(path, "wb", compresslevel=1) as file:
        for number in range(count):
            info = tarfile.TarInfo(f"folder/{number:08}.txt")
            info.size = 1
            file.write(info.tobuf(tarfile.USTAR_FORMAT) + b"x" + bytes(511))
        file.write(bytes(1024))
    return path


def listed(path: Path) -> tuple[int, int, int]:
    """Give members, findings and peak memory in bytes of listing an archive in a process of its own."""
    done = subprocess.run([sys.executable, "-c", _PROGRAM, str(path)], capture_output=True, text=True, check=True)
    members, findings, peak = map(int, done.stdout.split())
    return members, findings, peak


@pytest.mark.slow
@pytest.mark.parametrize("kind", ["zip", "tar.gz"])
def test_memory_grows_by_bytes_for_each_member(tmp_path: Path, kind: str) -> None:
    """Ten times the members: all are listed, at less than 64 bytes for each more."""
    write = write_zip if kind == "zip" else write_tar
    few, findings, small = listed(write(tmp_path / f"few.{kind}", COUNT // 10))
    many, more_findings, large = listed(write(tmp_path / f"many.{kind}", COUNT))

    assert (few, many) == (COUNT // 10, COUNT)
    assert findings == more_findings == 0
    # numpy, which is loaded for more than some ten thousand names, takes 20 MB at once.
    assert large - small < 64 * (many - few) + (20 << 20)
