"""The records behind the payloads of streamed members are found by one pass over a zip."""

from __future__ import annotations

import io
import struct

from hypothesis import given
from hypothesis import strategies as st

from zarrpack.processors.archives.zip_descriptors import Descriptors
from zarrpack.processors.archives.zip_recovery import recover_members

HEADER = struct.pack("<4sHHHIIIIHH", b"PK\3\4", 20, 8, 8, 0, 0, 0, 0, 1, 0) + b"a"


class CountingFile(io.BytesIO):
    """Counts the bytes that are read."""

    count = 0

    def read(self, size: int | None = -1, /) -> bytes:
        """Read."""
        found = super().read(size)
        self.count += len(found)
        return found


@given(
    st.lists(st.tuples(st.binary(max_size=30), st.booleans(), st.integers(0, 2**32 - 1)), min_size=1, max_size=6),
    st.sampled_from([b"", b"PK\1\2", b"PK\3\4"]),
)
def test_each_payload_has_its_record(payloads: list[tuple[bytes, bool, int]], behind: bytes) -> None:
    """Of either form, the nearest that tells the very distance; where there is none, none is given."""
    data, expected = b"", {}
    for payload, is_long, crc in payloads:
        data += HEADER
        record = struct.pack("<4sIQQ" if is_long else "<4sIII", b"PK\7\x08", crc, len(payload), 7)
        expected[len(data)] = (crc, len(payload), 7)
        data += payload + record
    found = Descriptors(io.BytesIO(data + behind))

    assert {start: found.behind(start) for start in expected} == expected
    assert found.behind(len(data) + 1) is None


def test_headers_without_records_cost_no_pass_each() -> None:
    """However many there are, what is read for each of them does not grow with the file."""
    data = b"".join(HEADER + b"PK\7\x08" for _ in range(5000))
    file = CountingFile(data)

    assert list(recover_members(file, 0, {}, scan=True)) == []
    assert file.count < 5000 * 5000
