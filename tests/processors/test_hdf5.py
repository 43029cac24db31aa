"""HDF5 files of others as members: every kind of tree, and what is refused."""

from __future__ import annotations

import io
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest
import xarray as xr
from hypothesis import given, settings
from hypothesis import strategies as st

from zarrpack.errors import MemberError
from zarrpack.processors.base import Block, Member, Metadata
from zarrpack.processors.hdf5 import Hdf5Processor
from zarrpack.processors.limits import Limits
from zarrpack.processors.testing import ProcessorConformance, read_member, rows_of


def hdf5(fill: Callable[[h5py.File], object], **options: Any) -> bytes:
    """Write a file with h5py."""
    content = io.BytesIO()
    with h5py.File(content, "w", **options) as file:
        fill(file)
    return content.getvalue()


def read(content: bytes, **options: Any) -> tuple[dict[str, list[Block]], Metadata]:
    """Give the blocks by group and array, and the metadata."""
    limits = options.pop("limits", None)
    blocks, metadata = read_member(Hdf5Processor(**options), "a.h5", content, limits=limits)
    found: dict[str, list[Block]] = {}
    for block in blocks:
        found.setdefault(f"{block.group}/{block.array}", []).append(block)
    return found, metadata


def values(found: Mapping[str, list[Block]], place: str) -> Any:
    """Give an array's rows as a list."""
    rows = rows_of(found[place], place.rpartition("/")[2])
    return rows.tolist() if isinstance(rows, np.ndarray) else rows


def reason(content: bytes, **options: Any) -> str:
    """Give the reason of the failure; empty if there is none."""
    try:
        read(content, **options)
    except MemberError as error:
        return error.reason
    return ""


def plain(file: h5py.File) -> None:
    """Fill a file with a few arrays."""
    file["a/b/x"] = np.arange(6, dtype=">i4").reshape(2, 3)
    file["a/flag"] = np.array([True, False])
    file["one"] = 7.5
    file["a"].attrs["unit"] = "mm"
    file["a/b/x"].attrs["scale"] = [1.5, 2.0]


class TestConformance(ProcessorConformance):
    """The contract of every processor."""

    def processor(self) -> Hdf5Processor:
        """Give the processor."""
        return Hdf5Processor()

    def members(self) -> Mapping[str, bytes]:
        """Give some files."""
        return {"a.h5": hdf5(plain), "b.nc": hdf5(lambda file: file.create_dataset("t", data=["ä", "b"]))}


@pytest.mark.parametrize("number", [0.0, float("inf"), float("nan")])
def test_numbers_of_scales_may_be_none(number: float) -> None:
    """What netCDF-4 numbers its scales with may be anything in a foreign file; the values are read all the same."""

    def fill(file: h5py.File) -> None:
        file["x"] = np.arange(3)
        file["x"].make_scale("x")
        file["x"].attrs["_Netcdf4Dimid"] = number
        file["d"] = np.arange(6.0).reshape(2, 3)
        file["d"].attrs["_Netcdf4Coordinates"] = [1.0, number]

    found, _ = read(hdf5(fill))

    assert values(found, "root/d") == [[0, 1, 2], [3, 4, 5]]


def test_groups_arrays_and_attributes() -> None:
    """Paths become groups, values keep their types, attributes their places; a scalar is one row."""
    found, metadata = read(hdf5(plain))

    assert values(found, "a/b/x") == [[0, 1, 2], [3, 4, 5]]
    assert found["a/b/x"][0].rows.dtype == np.int32  # type: ignore[union-attr]
    assert found["a/b/x"][0].attributes == {"scale": [1.5, 2.0]}
    assert values(found, "a/flag") == [True, False]
    assert values(found, "root/one") == [7.5]
    assert metadata.values == {"hdf5/a/unit": "mm"}
    assert metadata.media_type == "application/x-hdf5"


def test_types() -> None:
    """Texts, compounds with arrays in them, enumerations, rows of any length, opaque values, dates and references are read."""
    record = np.dtype([("id", "i8"), ("xy", "f4", 2), ("tag", "S3"), ("in", [("deep", "u1")])])

    def fill(file: h5py.File) -> None:
        file["t/any"] = ["Straße", ""]
        file["t/fixed"] = np.array([["a", "bcd"]], "S3")
        file["t/record"] = np.array([(1, (2, 3), b"ab", (9,)), (4, (5, 6), b"", (8,))], record)
        file.create_dataset("t/enum", data=[1, 0], dtype=h5py.enum_dtype({"RED": 0, "BLUE": 1}, "i2"))
        ragged = file.create_dataset("t/ragged", (3,), h5py.vlen_dtype("f8"))
        for row, one in enumerate(([1.0, 2.0], [], [3.0])):
            ragged[row] = one
        file["t/opaque"] = np.array([b"\x00\x01", b"\x02\x03"], "V2")
        dates = np.array(["2020-01-02", "NaT"], "M8[D]")
        file["t/date"] = dates.astype(h5py.opaque_dtype(dates.dtype))
        file["t/half"] = np.array([0.5], np.float16)
        file["t/long"] = np.array([0.25], np.longdouble)
        file["t/z"] = np.array([1 + 2j])
        file.create_dataset("t/ref", data=[file["t/z"].ref, file["t"].ref], dtype=h5py.ref_dtype)
        file.create_dataset("t/region", data=[file["t/any"].regionref[0:1]], dtype=h5py.regionref_dtype)
        file["t/none"] = h5py.Empty("f4")
        file["t/zero"] = np.zeros((0, 2))

    found, metadata = read(hdf5(fill))

    assert values(found, "t/any") == ["Straße", ""]
    assert values(found, "t/fixed") == [["a", "bcd"]]
    assert values(found, "t/record.id") == [1, 4]
    assert values(found, "t/record.xy") == [[2.0, 3.0], [5.0, 6.0]]
    assert values(found, "t/record.tag") == ["ab", ""]
    assert values(found, "t/record.in.deep") == [9, 8]
    assert values(found, "t/enum") == [1, 0]
    assert found["t/enum"][0].attributes == {"enum": {"RED": 0, "BLUE": 1}}
    assert values(found, "t/ragged") == [1.0, 2.0, 3.0]
    assert values(found, "t/ragged.length") == [2, 0, 1]
    assert values(found, "t/opaque") == [[0, 1], [2, 3]]
    assert rows_of(found["t/date"], "date").astype(str).tolist() == ["2020-01-02", "NaT"]
    assert values(found, "t/half") == [0.5]
    assert values(found, "t/long") == [0.25]
    assert values(found, "t/z") == [1 + 2j]
    assert values(found, "t/ref") == ["/t/z", "/t"]
    assert values(found, "t/region") == ["/t/any [[0, 1]]"]
    assert found["t/zero"][0].rows.shape == (0, 2)  # type: ignore[union-attr]
    assert set(metadata.notes) >= {"narrowed_to_float64", "no_values:t/none"}


@pytest.mark.parametrize("engine", ["netcdf4", "h5netcdf"])
def test_netcdf_names(tmp_path: Path, engine: Any) -> None:
    """Axes of netCDF-4 files have their dimensions' names; dimensions without values are no arrays."""
    data = xr.Dataset(
        {"t2m": (("time", "lat"), np.arange(6.0).reshape(2, 3), {"units": "K"})}, {"time": ("time", [10, 20])}
    )
    data.to_netcdf(tmp_path / "a.nc", engine=engine)
    found, _ = read((tmp_path / "a.nc").read_bytes())

    assert found["root/t2m"][0].dims == ("time", "lat")
    assert found["root/t2m"][0].attributes["units"] == "K"
    assert found["root/time"][0].dims == ("time",)
    assert values(found, "root/time") == [10, 20]
    assert "root/lat" not in found


def test_links_inside_the_file() -> None:
    """What has several names is stored once and noted; cycles end."""

    def fill(file: h5py.File) -> None:
        file["x"] = [1]
        file["y"] = file["x"]
        file["z"] = h5py.SoftLink("/x")
        file["nowhere"] = h5py.SoftLink("/none")
        group = file.create_group("g")
        group["self"] = group

    found, metadata = read(hdf5(fill))

    assert list(found) == ["root/x"]
    assert set(metadata.notes) == {"alias:y=x", "alias:z=/x", "dangling_link:nowhere", "alias:g/self=g"}


def test_links_that_lead_in_circles_are_noted() -> None:
    """They lead nowhere, and not into other files; the rest is read."""

    def fill(file: h5py.File) -> None:
        file["x"] = [1]
        file["own"] = h5py.SoftLink("/own")
        file["one"], file["two"] = h5py.SoftLink("/two/deep"), h5py.SoftLink("/one/deep")

    found, metadata = read(hdf5(fill))

    assert list(found) == ["root/x"]
    assert set(metadata.notes) == {"dangling_link:own", "dangling_link:one", "dangling_link:two"}


def external_link(file: h5py.File) -> None:
    """Link to another file."""
    file["x"] = [1]
    file["away"] = h5py.ExternalLink("/etc/other.h5", "/y")


def soft_over_external(file: h5py.File) -> None:
    """Lead over a link to another file."""
    external_link(file)
    file["near"] = h5py.SoftLink("/away/inner")


def external_storage(file: h5py.File) -> None:
    """Keep values in another file."""
    file["x"] = [1]
    file.create_dataset("away", (4,), "i1", external=[("/etc/hostname", 0, 4)])


def virtual(file: h5py.File) -> None:
    """Compose a dataset of another file's."""
    file["x"] = [1]
    layout = h5py.VirtualLayout((4,), "i4")
    layout[:] = h5py.VirtualSource("/tmp/other.h5", "y", (4,))
    file.create_virtual_dataset("away", layout)


def plug_in(file: h5py.File) -> None:
    """Announce a filter that is not built in."""
    file["x"] = [1]
    plist = h5py.h5p.create(h5py.h5p.DATASET_CREATE)
    plist.set_chunk((4,))
    plist.set_filter(32015, h5py.h5z.FLAG_OPTIONAL, (3,))
    space = h5py.h5s.create_simple((4,))
    h5py.h5d.create(file.id, b"away", h5py.h5t.NATIVE_INT32, space, plist)


@pytest.mark.parametrize(
    ("fill", "code"),
    [
        (external_link, "hdf5_external"),
        (soft_over_external, "hdf5_external"),
        (external_storage, "hdf5_external"),
        (virtual, "hdf5_external"),
        (plug_in, "hdf5_filter"),
    ],
)
def test_what_leads_outside_is_refused(fill: Callable[[h5py.File], None], code: str) -> None:
    """The file is refused with the reason; asked to, the rest is read and what was left out is noted."""
    content = hdf5(fill)
    assert reason(content) == code
    found, metadata = read(content, refused="skip")

    assert list(found) == ["root/x"]
    assert any(note.startswith(code) for note in metadata.notes)


def test_virtual_datasets_over_the_file_itself_are_read() -> None:
    """A virtual dataset of the file's own datasets leads nowhere else."""

    def fill(file: h5py.File) -> None:
        file["x"] = np.arange(4)
        layout = h5py.VirtualLayout((4,), "i8")
        layout[:] = h5py.VirtualSource(".", "x", (4,))
        file.create_virtual_dataset("v", layout)

    # A file object has no name by which the library could find itself again.
    found, _ = read(hdf5(fill))

    assert values(found, "root/v") == [0, 1, 2, 3]


def test_limits() -> None:
    """A dataset without bytes that announces terabytes, and more values than allowed, are refused; the same within limits is read."""
    bomb = hdf5(lambda file: file.create_dataset("x", (1 << 40,), "f8", chunks=(1024,)))
    large = hdf5(lambda file: file.create_dataset("x", data=np.arange(1000.0)))

    assert reason(bomb) == "limit_member_bytes"
    assert reason(bomb, limits=Limits(member_bytes=1 << 50)) == "limit_ratio"
    assert reason(large, limits=Limits(member_bytes=7999)) == "limit_member_bytes"
    assert reason(large, limits=Limits(member_bytes=8000)) == ""


def test_long_texts_are_read_in_pieces() -> None:
    """Texts of any length arrive whole, however many blocks they take, and count towards the limit."""
    texts = [str(n) * (n % 50) for n in range(3000)]
    content = hdf5(lambda file: file.create_dataset("x", data=texts))
    found, _ = read(content)

    assert values(found, "root/x") == texts
    assert reason(content, limits=Limits(member_bytes=3000 * 16 + 1000)) == "limit_member_bytes"


@given(st.integers(0, 4000), st.binary(min_size=1, max_size=20))
@settings(max_examples=60, deadline=None)
def test_damage_gives_a_reason(position: int, patch: bytes) -> None:
    """Overwritten bytes give a documented reason or are not noticed, never another error; the undamaged file is read."""
    content = bytearray(CONTROL)
    content[position : position + len(patch)] = patch

    assert reason(CONTROL) == ""
    if content[:8] == CONTROL[:8]:
        assert reason(bytes(content)) in (
            "",
            "not_decodable",
            "refused_dtype",
            "hdf5_external",
            "hdf5_filter",
            "limit_member_bytes",
            "limit_ratio",
        )


CONTROL = hdf5(plain)


def test_attributes_whose_names_are_no_text_are_read() -> None:
    """Bytes that are no UTF-8 are escaped, as in the names of members."""
    file = io.BytesIO()
    with h5py.File(file, "w") as made:
        made["a"] = np.arange(3)
        made.attrs["zqzq"] = 5
    content = file.getvalue().replace(b"zqzq", b"z\xff\xfeq")
    *blocks, metadata = Hdf5Processor().read(Member("a.h5", content[:4096], content))

    assert len(blocks) == 1
    assert isinstance(metadata, Metadata)
    assert metadata.values == {"hdf5/z\\xff\\xfeq": 5}


def test_whatever_the_library_stumbles_over_is_the_members() -> None:
    """Flipped bits in the structure of a file: read, or refused by a reason."""
    file = io.BytesIO()
    with h5py.File(file, "w") as made:
        made["g/a"] = np.arange(5)
        made["g"].attrs["k"] = "text"
    content = file.getvalue()
    outcomes = set()
    for place in range(0, 700, 3):
        damaged = content[:place] + bytes([content[place] ^ 0x10]) + content[place + 1 :]
        try:
            list(Hdf5Processor().read(Member("a.h5", damaged[:4096], damaged, Limits(member_bytes=1 << 20))))
        except MemberError as error:
            outcomes.add(error.reason)
        else:
            outcomes.add("read")

    assert {"read", "not_decodable"} <= outcomes


def test_the_library_is_not_asked_for_names(monkeypatch: pytest.MonkeyPatch) -> None:
    """It searches the whole file for the name of what a scale or a reference leads to: so many variables take quadratic time."""

    def fill(file: h5py.File) -> None:
        file["g/time"] = np.arange(3)
        file["g/time"].make_scale("time")
        for number in range(20):
            file[f"v{number:02}"] = np.arange(3)
            file[f"v{number:02}"].dims[0].attach_scale(file["g/time"])
        file.create_dataset("ref", data=[file["v07"].ref, file.ref], dtype=h5py.ref_dtype)
        file.attrs["start"] = file["v03"].ref

    content = hdf5(fill)
    asked: list[object] = []
    for module in (h5py.h5i, h5py.h5r):
        monkeypatch.setattr(module, "get_name", lambda *arguments: asked.append(arguments))
    found, metadata = read(content)

    assert all(found[f"root/v{number:02}"][0].dims == ("time",) for number in range(20))
    assert found["g/time"][0].dims == ("time",)
    assert values(found, "root/ref") == ["/v07", "/"]
    assert metadata.values == {"hdf5/start": "/v03"}
    assert asked == []


def test_links_to_the_root_are_second_names() -> None:
    """The root is no group of its own below itself."""

    def fill(file: h5py.File) -> None:
        file["x"] = [1]
        file["again"] = file["/"]
        file.attrs["unit"] = "mm"

    found, metadata = read(hdf5(fill))

    assert list(found) == ["root/x"]
    assert metadata.values == {"hdf5/unit": "mm"}
    assert metadata.notes == ("alias:again=/",)


def attribute_of(node: Any, name: bytes, kind: Any, count: int) -> None:
    """Make an attribute of any HDF5 type, whose values are zeros."""
    h5py.h5a.create(node.id, name, kind, h5py.h5s.create_simple((count,)))


def test_attributes_are_judged_before_they_are_read(monkeypatch: pytest.MonkeyPatch) -> None:
    """Reading rows of references may end the process, in whatever attribute they are; only their type is looked at."""

    def fill(file: h5py.File) -> None:
        file["x"] = np.arange(2)
        for name in (b"refs", b"NAME", b"_Netcdf4Dimid", b"_Netcdf4Coordinates"):
            attribute_of(file["x"], name, h5py.h5t.vlen_create(h5py.h5t.STD_REF_OBJ), 3)
        file["x"].attrs["CLASS"] = np.bytes_(b"DIMENSION_SCALE")
        file["x"].attrs["unit"] = "mm"

    content = hdf5(fill)
    taken: list[str] = []
    get = h5py.AttributeManager.__getitem__

    def counted(self: Any, name: str) -> Any:
        taken.append(name)
        return get(self, name) if name == "unit" else None

    monkeypatch.setattr(h5py.AttributeManager, "__getitem__", counted)
    found, metadata = read(content)

    assert found["root/x"][0].attributes == {"refs": None, "unit": "mm"}
    assert "unreadable_attribute" in metadata.notes
    assert set(taken) == {"unit"}


@pytest.mark.parametrize("name", [b"DIMENSION_LIST", b"DIMENSION_LABELS"])
def test_lists_of_scales_of_other_types_are_not_read(name: bytes, monkeypatch: pytest.MonkeyPatch) -> None:
    """The library takes their types for granted, and would take numbers for addresses in memory."""

    def fill(file: h5py.File) -> None:
        file["x"] = np.zeros((2, 3))
        attribute_of(file["x"], name, h5py.h5t.NATIVE_INT32, 2)

    content = hdf5(fill)

    def asked(*_: object) -> None:
        raise AssertionError("the list was read")

    monkeypatch.setattr(h5py.h5ds, "get_num_scales", asked)
    monkeypatch.setattr(h5py.h5ds, "get_label", asked)
    found, _ = read(content)

    assert found["root/x"][0].dims == ("x_dim_0", "x_dim_1")


def array_type(base: Any, *shapes: tuple[int, ...]) -> Any:
    """Give an HDF5 array type; of several shapes, the last is the innermost."""
    for shape in reversed(shapes):
        base = h5py.h5t.array_create(base, shape)
    return base


def fill_low(file: h5py.File, name: bytes, kind: Any, shape: tuple[int, ...], made: Any) -> None:
    """Write a dataset of any HDF5 type with the values as they lie in memory."""
    space = h5py.h5s.create_simple(shape) if shape else h5py.h5s.create(h5py.h5s.SCALAR)
    h5py.h5d.create(file.id, name, kind, space).write(h5py.h5s.ALL, h5py.h5s.ALL, made, kind)


def test_single_values_of_array_and_ragged_types() -> None:
    """A 0-d dataset of any type is one row, whatever its value looks like to h5py."""
    record = np.dtype([("at", "f4", 2), ("some", h5py.vlen_dtype("i4"))])

    def fill(file: h5py.File) -> None:
        fill_low(file, b"m", array_type(h5py.h5t.NATIVE_INT32, (3, 3)), (), np.arange(9, dtype="i4").reshape(3, 3))
        for length in (0, 1, 3):
            file.create_dataset(f"v{length}", (), h5py.vlen_dtype("i4"))[()] = np.arange(length, dtype="i4")
        rows = np.empty(1, record)
        rows["at"], rows["some"][0] = (1, 2), np.array([5, 6], "i4")
        made = rows.reshape(())
        file.create_dataset("r", data=made, dtype=record)
        file["word"] = "Straße"
        file.attrs.create("some", rows["some"].reshape(()), (), h5py.vlen_dtype("i4"))
        file.attrs.create("r", made, (), record)

    content = hdf5(fill)
    found, metadata = read(content)

    assert values(found, "root/m") == [[[0, 1, 2], [3, 4, 5], [6, 7, 8]]]
    assert found["root/m"][0].dims == ("item", "m_axis_0", "m_axis_1")
    assert [values(found, f"root/v{length}") for length in (0, 1, 3)] == [[], [0], [0, 1, 2]]
    assert [values(found, f"root/v{length}.length") for length in (0, 1, 3)] == [[0], [1], [3]]
    assert values(found, "root/r.at") == [[1.0, 2.0]]
    assert values(found, "root/r.some") == [5, 6]
    assert values(found, "root/word") == ["Straße"]
    assert metadata.values == {"hdf5/some": [5, 6], "hdf5/r": {"at": [1.0, 2.0], "some": [5, 6]}}
    assert metadata.notes == ()


def test_single_long_values_count_towards_the_limit() -> None:
    """What one value of any length holds is not known from its type."""
    content = hdf5(lambda file: file.create_dataset("x", data="y" * 5000))

    assert reason(content, limits=Limits(member_bytes=4000)) == "limit_member_bytes"
    assert reason(content, limits=Limits(member_bytes=6000)) == ""


def test_arrays_of_arrays_have_all_their_axes() -> None:
    """HDF5's types may be arrays of arrays, and fields of compound types too."""
    kind = array_type(h5py.h5t.NATIVE_INT32, (2,), (3, 4))
    made = np.arange(48, dtype="i4").reshape(2, 2, 3, 4)
    compound = h5py.h5t.create(h5py.h5t.COMPOUND, 100)
    compound.insert(b"n", 4, kind)
    rows = np.zeros(2, np.dtype({"names": ["n"], "formats": [("i4", (2, 3, 4))], "offsets": [4], "itemsize": 100}))
    rows["n"] = made

    def fill(file: h5py.File) -> None:
        fill_low(file, b"n", kind, (2,), made)
        fill_low(file, b"c", compound, (2,), rows)

    found, _ = read(hdf5(fill))

    assert values(found, "root/n") == made.tolist()
    assert values(found, "root/c.n") == made.tolist()
    assert found["root/n"][0].dims == ("n_dim_0", "n_axis_0", "n_axis_1", "n_axis_2")


def test_links_of_user_defined_kinds_are_refused() -> None:
    """Nobody knows where they lead; the file is refused with a reason, and asked to, the rest is read."""

    def fill(file: h5py.File) -> None:
        external_link(file)
        file["near"] = h5py.SoftLink("/away/inner")

    external = b"\x01\x08\x40\x04away"  # version, what is present, the kind, length and text of the name
    content = hdf5(fill)
    assert content.count(external) == 1
    content = content.replace(external, external.replace(b"\x40", b"\xbb"))
    found, metadata = read(content, refused="skip")

    assert reason(content) == "hdf5_external"
    assert list(found) == ["root/x"]
    assert set(metadata.notes) == {"hdf5_external:away", "hdf5_external:near"}


def tagged_opaque() -> Any:
    """Give an HDF5 type of bytes that are of a kind of their own."""
    kind = h5py.h5t.create(h5py.h5t.OPAQUE, 4)
    kind.set_tag(b"a kind of its own")
    return kind


@pytest.mark.parametrize("form", ["plain", "array", "compound"])
def test_types_that_cannot_be_converted_are_refused(form: str) -> None:
    """The library has no way from some types to those of numpy: that is found before anything is read, and costs the dataset."""
    compound = h5py.h5t.create(h5py.h5t.COMPOUND, 4)
    compound.insert(b"o", 0, tagged_opaque())
    kind = {"plain": tagged_opaque(), "array": array_type(tagged_opaque(), (3,)), "compound": compound}[form]

    def fill(file: h5py.File) -> None:
        file["a"] = [1]
        h5py.h5d.create(file.id, b"b", kind, h5py.h5s.create_simple((2,)))
        attribute_of(file["a"], b"kind", kind, 1)

    content = hdf5(fill)
    found, metadata = read(content, refused="skip")

    assert reason(content) == "refused_dtype"
    assert list(found) == ["root/a"]
    assert found["root/a"][0].attributes == {"kind": None}
    assert set(metadata.notes) == {"refused_dtype:b", "unreadable_attribute"}


@pytest.mark.parametrize("user_block", [0, 512])
@pytest.mark.parametrize("swmr", [False, True])
def test_files_that_were_not_closed_are_noted(tmp_path: Path, user_block: int, swmr: bool) -> None:
    """What a crash leaves of a file that is being written is read, and noted; the same file, closed, is not."""
    path = tmp_path / "a.h5"
    with h5py.File(path, "w", libver="latest", userblock_size=user_block) as file:
        plain(file)
        if swmr:
            file.swmr_mode = True
        file.flush()
        crashed = path.read_bytes()
    found, metadata = read(crashed)

    assert crashed[user_block + 11] == (5 if swmr else 1)
    assert values(found, "root/one") == [7.5]
    assert metadata.notes == ("not_closed",)
    assert read(path.read_bytes())[1].notes == ()
