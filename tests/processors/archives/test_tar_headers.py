"""Tar headers and pax records, against the standard library's."""

from __future__ import annotations

import tarfile
from typing import Literal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from zarrpack.errors import MemberError
from zarrpack.processors.archives.tar_headers import has_valid_checksum, padded, parse_header, parse_pax_records

FORMATS = [tarfile.USTAR_FORMAT, tarfile.GNU_FORMAT, tarfile.PAX_FORMAT]


def header(name: str = "a.txt", size: int = 0, form: Literal[0, 1, 2] = tarfile.USTAR_FORMAT) -> bytes:
    """Make one header by the standard library."""
    info = tarfile.TarInfo(name)
    info.size = size
    return info.tobuf(form)[-512:]


def with_field(block: bytes, start: int, field: bytes) -> bytes:
    """Put other bytes into a header and make its checksum right again."""
    bent = bytearray(block)
    bent[start : start + len(field)] = field
    bent[148:156] = b" " * 8
    bent[148:156] = b"%06o\0 " % sum(bent)
    return bytes(bent)


@pytest.mark.parametrize("form", FORMATS)
@given(size=st.integers(0, 8**11 - 1))
def test_fields_are_read(form: Literal[0, 1, 2], size: int) -> None:
    """Name, size and type of every format."""
    parsed = parse_header(header("folder/a.txt", size, form), 0)

    assert (parsed.raw_name, parsed.size, parsed.type_flag) == (b"folder/a.txt", size, b"0")


@given(size=st.integers(8**11, 2**80))
def test_large_sizes_are_read(size: int) -> None:
    """GNU's form for what eleven octal digits cannot hold."""
    assert parse_header(header("a", size, tarfile.GNU_FORMAT), 0).size == size


def test_prefixes_are_put_before_the_name() -> None:
    """The ustar prefix counts, GNU's fields in its place do not, star's is shorter."""
    long_name = "p" * 140 + "/" + "n" * 90
    assert parse_header(header(long_name), 0).raw_name == long_name.encode()
    gnu = with_field(header("a", form=tarfile.GNU_FORMAT), 345, b"12345670")
    assert parse_header(gnu, 0).raw_name == b"a"
    star = with_field(header("a"), 345, b"p" * 131 + b"00000000000 ")
    assert parse_header(with_field(star, 508, b"tar\0"), 0).raw_name == b"p" * 131 + b"/a"


@pytest.mark.parametrize("field", [b"-0000000001", b"\xff" * 12, b"00000000089", b"12 34567890", b"\x81" + bytes(11)])
def test_sizes_that_are_no_numbers_are_refused(field: bytes) -> None:
    """Negative ones included: a tar of them has sent readers round for ever."""
    with pytest.raises(MemberError, match=r"header_damaged: expected a size .* offset 512"):
        parse_header(with_field(header(), 124, field), 512)


def test_every_flipped_bit_is_seen() -> None:
    """No single bit of a header can change without the checksum telling it."""
    block = header("folder/größe.bin", 12345)
    assert has_valid_checksum(block)
    for bit in range(512 * 8):
        damaged = bytearray(block)
        damaged[bit // 8] ^= 1 << bit % 8
        # In the checksum's own field some bits say nothing, such as a leading zero that becomes a space.
        assert bit // 8 in range(148, 156) or not has_valid_checksum(bytes(damaged))
    with pytest.raises(MemberError, match="header_checksum"):
        parse_header(b"x" + block[1:], 0)


def test_checksums_of_signed_bytes_will_do() -> None:
    """Some old writers summed signed bytes."""
    block = bytearray(header("größe"))
    block[148:156] = b" " * 8
    signed = sum(byte - 256 if byte > 127 else byte for byte in block)
    block[148:156] = b"%06o\0 " % signed

    assert has_valid_checksum(bytes(block))


def test_a_checksum_has_a_digit() -> None:
    """Data whose signed bytes come to zero, with NULs or spaces where a checksum would be, is no header; with a zero there it is."""
    for field, expected in ((bytes(8), False), (b" " * 8, False), (b"0" + bytes(7), True)):
        block = bytearray(512)
        block[0:2] = b"\x80\x80"  # -256 as signed bytes, and the checksum's own field counts 256
        block[148:156] = field

        assert has_valid_checksum(bytes(block)) is expected


@given(st.dictionaries(st.text("abcdefgh.", min_size=1), st.text(), max_size=5))
def test_pax_records_come_back(records: dict[str, str]) -> None:
    """Records as the standard library writes them."""
    data = tarfile.TarInfo._create_pax_generic_header(records, b"x", "utf-8")  # type: ignore[attr-defined]
    size = int(data[124:135], 8)
    parsed = parse_pax_records(data[512 : 512 + size])

    assert parsed == {key.encode(): value.encode() for key, value in records.items()}


@pytest.mark.parametrize(
    "data",
    [
        b"x",
        b"5 a=b",
        b"99 a=b\n",
        b"6 ab\n\n",
        b"0 a=b\n",
        b"-6 a=b\n",
        b"6 a=bb",
        b"1_0 a=bcd\n",
        b"5 =b\n",
        b"6 a=b\n\0",
    ],
)
def test_other_records_are_refused(data: bytes) -> None:
    """A length that is no number, too long or too short, no equals sign, no keyword, no newline."""
    with pytest.raises(ValueError, match="expected a pax record"):
        parse_pax_records(data)


@given(st.binary(max_size=200))
def test_any_records_end(data: bytes) -> None:
    """Arbitrary bytes are records or a ValueError; whatever is given was in the data."""
    try:
        records = parse_pax_records(data)
    except ValueError:
        return
    assert sum(len(key) + len(value) + 4 for key, value in records.items()) <= len(data)


@given(st.integers(0, 2**70))
def test_sizes_are_padded_to_blocks(size: int) -> None:
    """The next multiple of 512."""
    assert padded(size) % 512 == 0
    assert 0 <= padded(size) - size < 512
