"""numpy's files as members."""

from __future__ import annotations

import io
import pickle
import zipfile
from collections.abc import Mapping
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as npst

from zarrpack.errors import MemberError
from zarrpack.processors import npy_blocks
from zarrpack.processors.array import ArrayProcessor
from zarrpack.processors.base import Member
from zarrpack.processors.limits import Limits
from zarrpack.processors.testing import ProcessorConformance, read_member, rows_of
from zarrpack.reasons import REASONS

RECORDS = np.array(
    [(1, (2.5, [1, 2]), "ä"), (3, (4.5, [3, 4]), "b")],
    [("id", ">i4"), ("in", [("x", "<f8"), ("y", "<i2", 2)]), ("s", "U3")],
)


def npy(array: Any, **options: Any) -> bytes:
    """Write an array with numpy."""
    file = io.BytesIO()
    np.lib.format.write_array(file, np.asarray(array), **options)
    return file.getvalue()


def npz(arrays: Mapping[str, Any], compressed: bool = False) -> bytes:
    """Write arrays with numpy."""
    file = io.BytesIO()
    (np.savez_compressed if compressed else np.savez)(file, **arrays)
    return file.getvalue()


def header(text: str, payload: bytes = b"") -> bytes:
    """Write a .npy file with a header of one's own."""
    return b"\x93NUMPY\x01\x00" + len(text).to_bytes(2, "little") + text.encode("latin-1") + payload


def read(content: bytes, name: str = "a.npy", **limits: int) -> dict[str, Any]:
    """Give the rows by array."""
    blocks, _ = read_member(ArrayProcessor(), name, content, limits=Limits(**limits))
    return {array: rows_of(blocks, array) for array in dict.fromkeys(block.array for block in blocks)}


def reason(content: bytes, name: str = "a.npy", **limits: int) -> str:
    """Give the reason of the failure; empty if there is none."""
    try:
        read(content, name, **limits)
    except MemberError as error:
        return error.reason
    return ""


class TestContract(ProcessorConformance):
    """The contract."""

    def processor(self) -> ArrayProcessor:
        """Give the only kind there is."""
        return ArrayProcessor()

    def members(self) -> Mapping[str, bytes]:
        """Give arrays of many kinds."""
        return {
            "a.npy": npy(np.arange(12.0).reshape(3, 4)),
            "fortran.npy": npy(np.asfortranarray(np.arange(12).reshape(3, 4))),
            "big.npy": npy(np.arange(5, dtype=">u2")),
            "scalar": npy(7),
            "empty.npy": npy(np.zeros((0, 3))),
            "text.npy": npy(np.array(["ä", "bc"])),
            "bytes.npy": npy(np.array([[b"x", b"yz"]])),
            "records.npy": npy(RECORDS),
            "dates.npy": npy(np.array(["2024-01-01", "NaT"], "M8[D]")),
            "a.npz": npz({"x": np.arange(3), "y": np.ones((2, 2), bool)}),
            "b.NPZ": npz({"long": np.zeros((100, 3))}, compressed=True),
        }

    def refused(self) -> Mapping[str, bytes]:
        """Give other zip files, and other types under its names."""
        return {"a.zip": npz({"x": np.arange(3)}), "a.npy": b"\x89PNG\r\n\x1a\n", "a.txt": b"x"}


STORED: st.SearchStrategy[Any] = st.one_of(
    npst.boolean_dtypes(),
    npst.integer_dtypes(),
    npst.unsigned_integer_dtypes(),
    npst.floating_dtypes(sizes=(16, 32, 64)),
    npst.complex_number_dtypes(sizes=(64, 128)),
    npst.datetime64_dtypes(),
    npst.timedelta64_dtypes(),
    npst.unicode_string_dtypes(max_len=3),
    npst.byte_string_dtypes(max_len=3),
)


@settings(max_examples=150, deadline=None)
@given(
    npst.arrays(STORED, npst.array_shapes(min_dims=0, max_dims=3, min_side=0, max_side=4)),
    st.booleans(),
    st.integers(1, 40),
)
def test_arrays_come_back(array: np.ndarray[Any, Any], fortran: bool, block: int) -> None:
    """Whatever dtype, shape, byte order and memory order, rows are numpy's, in native order, in blocks of any size."""
    array = np.asfortranarray(array) if fortran and array.ndim else array
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(npy_blocks, "_BLOCK_BYTES", block)
        blocks, metadata = read_member(ArrayProcessor(), "a.npy", npy(array), as_stream=True)
    rows, expected = rows_of(blocks, "array"), np.atleast_1d(array)
    loaded = np.atleast_1d(np.load(io.BytesIO(npy(array))))

    assert rows.shape == expected.shape
    assert rows.dtype == expected.dtype.newbyteorder("=")
    assert np.array_equal(rows, loaded, equal_nan=array.dtype.kind in "fcMm")
    assert metadata.notes == ()


def test_pieces_are_of_bounded_size() -> None:
    """A long array comes in several blocks, and is never in memory as a whole."""
    array = np.arange(3_000_000).reshape(-1, 3)
    stream = io.BytesIO(npy(array))
    pieces = iter(ArrayProcessor().read(Member("a.npy", stream.getvalue()[:4096], stream)))
    first = next(pieces)

    assert first.rows.nbytes <= 16 << 20  # type: ignore[union-attr]
    assert stream.tell() < 17 << 20 < len(stream.getvalue())
    assert len([*pieces]) == 2


def test_keys_of_npz_are_arrays() -> None:
    """Each with dimensions of its own; other entries are noted, and the last of one name counts."""
    content = npz({"x": np.arange(3), "sub/y": np.ones((2, 2))})
    file = io.BytesIO(content)
    with zipfile.ZipFile(file, "a") as archive:
        archive.writestr("notes.txt", "hello")
        with pytest.warns(UserWarning, match="Duplicate"):
            archive.writestr("x.npy", npy([7]))
    blocks, metadata = read_member(ArrayProcessor(), "a.npz", file.getvalue())

    assert [(one.array, one.dims) for one in blocks] == [
        ("x", ("x_dim_0",)),
        ("sub/y", ("sub/y_dim_0", "sub/y_dim_1")),
    ]
    assert rows_of(blocks, "x").tolist() == [7]
    assert metadata.notes == ("not_an_array_in_npz",)


def test_fields_of_records_are_arrays() -> None:
    """Nested ones too; they share the first dimension."""
    blocks, _ = read_member(ArrayProcessor(), "a.npy", npy(RECORDS))

    assert [(one.array, one.dims) for one in blocks] == [
        ("array.id", ("array_dim_0",)),
        ("array.in.x", ("array_dim_0",)),
        ("array.in.y", ("array_dim_0", "array.in.y_dim_1")),
        ("array.s", ("array_dim_0",)),
    ]
    assert [rows_of(blocks, one.array).tolist() for one in blocks] == [[1, 3], [2.5, 4.5], [[1, 2], [3, 4]], ["ä", "b"]]


def test_field_names_of_other_scripts() -> None:
    """They need version 3 of the format."""
    with pytest.warns(UserWarning, match="format 3.0"):
        content = npy(np.zeros(2, [("größe ω\\", "f4")]))

    assert [*read(content)] == ["array.größe ω\\"]


def test_bools_are_true_or_false() -> None:
    """Whatever byte stands for true in the file."""
    content = npy(np.array([True, True, False]))
    rows = read(content[:-3] + b"\x02\xff\x00")["array"]

    assert rows.view(np.uint8).tolist() == [1, 1, 0]


def test_nothing_is_unpickled() -> None:
    """An array of objects is refused; what it would run is not run."""
    witness: list[int] = []

    class Canary:
        def __reduce__(self) -> Any:
            return (list.append, (witness, 1))

    objects = np.array([{"a": 1}], dtype=object)
    content = npy(objects)
    assert pickle.loads(content[content.index(b"\x80") :]) is not None

    assert reason(content) == "refused_dtype"
    assert reason(npz({"x": objects}), "a.npz") == "refused_dtype"
    assert (
        reason(header("{'descr': '|O', 'fortran_order': False, 'shape': (1,), }\n", pickle.dumps(Canary())))
        == "refused_dtype"
    )
    assert witness == []


@pytest.mark.parametrize("dtype", ["V3", "<f16", "<c32", "O", [("a", "<i4"), ("b", "O")]])
def test_types_that_are_not_stored_are_refused(dtype: Any) -> None:
    """Raw bytes, extended floats and objects, alone or as a field."""
    descr = [tuple(one) for one in dtype] if isinstance(dtype, list) else dtype
    content = header(repr({"descr": descr, "fortran_order": False, "shape": (1,)}) + "\n", bytes(64))

    assert reason(content) == "refused_dtype"


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        (b"", "empty"),
        (b"no array", "invalid_array"),
        (b"\x93NUMPY", "invalid_array"),
        (b"\x93NUMPY\x04\x00" + bytes(50), "invalid_array"),
        (b"\x93NUMPY\x02\x00\xff\xff\xff\xff", "invalid_array"),
        (npy(np.arange(9))[:-1], "invalid_array"),
        (header("{'descr': '<i4', 'fortran_order': False, 'shape': (1000000000000,), }", bytes(4)), "invalid_array"),
        (header("{'descr': '<i4', 'fortran_order': False, 'shape': (100000,), }", bytes(4)), "invalid_array"),
        (header("{'descr': '<i4', 'fortran_order': False, 'shape': (-1,), }", bytes(4)), "invalid_array"),
        (header("{'descr': '<i4', 'fortran_order': False, 'shape': (1, 0, 10**30), }"), "invalid_array"),
        (header("{'descr': '<i4', 'fortran_order': False, 'shape': (0, 1" + "0" * 30 + "), }"), "invalid_array"),
        (header("{'descr': '<i4', 'fortran_order': False, 'shape': (1" + "0" * 15 + ", 0), }"), "limit_rows"),
        (header("{'descr': '<U0', 'fortran_order': False, 'shape': (1" + "0" * 15 + ",), }"), "limit_rows"),
        (header("{'descr': '<i4', 'fortran_order': False, 'shape': (" + "1," * 70 + "), }", bytes(4)), "invalid_array"),
        (header("__import__('os').getcwd()"), "invalid_array"),
        (header("(" * 5000), "invalid_array"),
        (header("-" * 9000 + "1"), "invalid_array"),
        (header("{'descr': '<U1', 'fortran_order': False, 'shape': (1,), }", b"\xff\xff\xff\x7f"), "invalid_array"),
    ],
)
def test_damaged_and_absurd_files_fail(content: bytes, expected: str) -> None:
    """Each with its reason, before memory is asked for."""
    assert reason(content) == expected


def test_streams_are_held_to_their_announcement() -> None:
    """Where the size is not known beforehand, a file that ends early is noticed when it does."""
    for length, said in [(10**5, "more bytes, found 4"), (10**12, "limit_member_bytes")]:
        content = header(f"{{'descr': '<i4', 'fortran_order': False, 'shape': ({length},), }}", bytes(4))
        with pytest.raises(MemberError, match=said):
            read_member(ArrayProcessor(), "a.npy", content, as_stream=True)


def test_headers_of_absurd_length_are_not_read() -> None:
    """Four gigabytes of header are refused by their announcement."""
    stream = io.BytesIO(b"\x93NUMPY\x02\x00\xff\xff\xff\xff" + b" " * 100_000)
    with pytest.raises(MemberError, match="at most 10000 bytes"):
        list(ArrayProcessor().read(Member("a.npy", stream.getvalue()[:4096], stream)))

    assert stream.tell() < 100


def test_what_follows_the_array_is_noted() -> None:
    """numpy can write several arrays to one file; the first is the member's."""
    blocks, metadata = read_member(ArrayProcessor(), "a.npy", npy([1]) + npy([2]))

    assert rows_of(blocks, "array").tolist() == [1]
    assert metadata.notes == ("trailing_data",)


def test_half_surrogate_pairs_become_escapes() -> None:
    """numpy stores any code point; what cannot be encoded is written as an escape, and noted."""
    blocks, metadata = read_member(ArrayProcessor(), "a.npy", npy(np.array([["\ud800", "b"]])))

    assert rows_of(blocks, "array").tolist() == [["\\ud800", "b"]]
    assert metadata.notes == ("bad_unicode",)


def test_npz_is_held_to_the_limits() -> None:
    """All entries together, and what each expands to; at the limit all is well."""
    arrays = {"x": np.zeros(1000), "y": np.zeros(1000)}
    size = len(npy(np.zeros(1000)))
    assert reason(npz(arrays), "a.npz", member_bytes=100_000) == ""
    assert reason(npz(arrays, compressed=True), "a.npz", member_bytes=2 * size) == ""
    assert reason(npz(arrays, compressed=True), "a.npz", member_bytes=2 * size - 1) == "limit_member_bytes"
    assert reason(npz(arrays, compressed=True), "a.npz", ratio=5, ratio_grace_bytes=1000) == "limit_ratio"


@pytest.mark.parametrize("cut", [30, 200, -30, -1])
def test_cut_npz_files_fail(cut: int) -> None:
    """Wherever they are cut."""
    assert reason(npz({"x": np.arange(99)})[:cut], "a.npz") == "invalid_array"


def test_wrong_checksums_in_npz_fail() -> None:
    """A changed byte is noticed at the end of the entry, in the values and behind them."""
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w") as archive:
        archive.writestr("x.npy", npy(np.arange(99)) + bytes(5000))
    assert reason(file.getvalue(), "a.npz") == ""
    for place in (400, 5000):
        content = bytearray(file.getvalue())
        content[place] ^= 1
        assert reason(bytes(content), "a.npz") == "invalid_array"


@settings(max_examples=150, deadline=None)
@given(
    st.sampled_from(
        [npy(RECORDS), npy(np.arange(6).reshape(2, 3)), npz({"x": np.ones(3)}), npz({"x": np.ones(3)}, compressed=True)]
    ),
    st.data(),
)
def test_changed_files_are_read_or_fail(content: bytes, data: st.DataObject) -> None:
    """Bytes changed anywhere give rows or a MemberError."""
    changed = bytearray(content)
    for _ in range(data.draw(st.integers(1, 3))):
        changed[data.draw(st.integers(0, len(changed) - 1))] = data.draw(st.integers(0, 255))

    assert reason(bytes(changed), "a.npz" if content.startswith(b"PK") else "a.npy") in {"", *REASONS}


@given(st.binary(max_size=100), st.sampled_from([b"", b"\x93NUMPY\x01\x00\x20\x00", b"PK\x03\x04", b"PK\x05\x06"]))
def test_any_bytes_are_read_or_fail(rest: bytes, start: bytes) -> None:
    """Foreign bytes behind the first ones of an array file end in rows or a MemberError."""
    assert reason(start + rest) in {"", *REASONS}
