"""Reading files with the system's errors told as ours."""

from __future__ import annotations

import io
from itertools import islice
from pathlib import Path

import pytest

from zarrpack.errors import MemberError, SourceError
from zarrpack.processors.archives.files import block_sizes, file_blocks, open_file, read_bytes, read_range


class Broken(io.BytesIO):
    """A file on a disk that fails."""

    def read(self, size: int | None = -1, /) -> bytes:
        """Fail as a disk fails."""
        raise OSError(5, "Input/output error")


def test_files_are_opened_with_their_length(tmp_path: Path) -> None:
    """A folder, and what is not there, are source errors with the path and the cause."""
    path = tmp_path / "a"
    path.write_bytes(b"12345")
    file, length = open_file(path)
    with file:
        assert (length, read_bytes(file, 3, 10)) == (5, b"45")
    for wrong in (tmp_path, tmp_path / "nothing"):
        with pytest.raises(SourceError, match=r"expected a file .* (directory|No such file).*check the path"):
            open_file(wrong)


def test_errors_of_the_system_are_the_members() -> None:
    """A disk that fails; at an offset that no file has there is nothing, as behind the end of any."""
    with pytest.raises(MemberError, match=r"unreadable: .*Input/output error"):
        read_bytes(Broken(), 0, 1)
    with open(__file__, "rb", buffering=0) as file:  # noqa: PTH123
        for offset in ((1 << 62), (1 << 63) - 1, 1 << 63, 1 << 70):
            assert (read_bytes(file, offset, 1), read_bytes(io.BytesIO(b"12"), offset, 1)) == (b"", b"")


def test_ranges_are_read_whole_or_truncated() -> None:
    """In blocks, to the very end, and not a byte less without an error."""
    file = io.BytesIO(bytes(range(256)) * 1000)

    assert b"".join(read_range(file, 10, 255_000)) == file.getvalue()[10:255_000]
    assert list(read_range(file, 10, 10)) == []
    with pytest.raises(MemberError, match="truncated"):
        list(read_range(file, 10, 256_001))


def test_first_blocks_are_small() -> None:
    """Whoever wants a header only does not pay for more."""
    sizes = list(islice(block_sizes(), 5))

    assert sizes == sorted(sizes)
    assert sizes[0] <= 16 << 10
    assert sizes[-1] == sizes[-2]


def test_only_regular_files_are_read(tmp_path: Path) -> None:
    """A link is followed on request only; a folder is refused."""
    path = tmp_path / "a"
    path.write_bytes(b"x" * 100_000)
    (tmp_path / "link").symlink_to(path)

    assert b"".join(file_blocks(str(tmp_path / "link"), follow=True)) == b"x" * 100_000
    for wrong in ("link", ".", "nothing", "nul\0"):
        with pytest.raises(MemberError, match="unreadable"):
            list(file_blocks(str(tmp_path / wrong), follow=False))
