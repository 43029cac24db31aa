"""Tests of what ``.zarray`` and ``.zattrs`` say."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from zarrpack.errors import FormatError
from zarrpack.storage.array_metadata import ArrayMetadata
from zarrpack.storage.base import Codec

HEIGHTS = ArrayMetadata((5, 3), (2, 3), "<i4", Codec(12, True, "F"), ("image", "side"), {"zarrpack_role": "data"})

json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=5,
)


@pytest.mark.parametrize(
    "metadata",
    [
        HEIGHTS,
        ArrayMetadata((), (), "<f8", Codec(None)),
        ArrayMetadata((0, 4), (1, 4), "|b1", Codec(1), ("row", "column")),
        ArrayMetadata((7,), (7,), "|O", Codec(12, object_codec="vlen-utf8"), ("row",), {"name": "Größe"}),
        ArrayMetadata((7,), (1,), "|O", Codec(None, object_codec="vlen-bytes"), ("file",)),
        ArrayMetadata((2,), (2,), "<U5", Codec(1), ("row",)),
        ArrayMetadata((2,), (2,), ">f4", Codec(1), ("row",)),
    ],
    ids=["integers", "0-d", "empty", "strings", "bytes", "fixed strings", "big-endian"],
)
def test_documents_come_back(metadata: ArrayMetadata) -> None:
    """What is written to JSON is read to an equal object."""
    zarray, zattrs = json.loads(json.dumps([metadata.to_zarray(), metadata.to_zattrs()]))

    assert ArrayMetadata.from_documents(zarray, zattrs) == metadata


def test_the_documents_are_those_of_the_contract() -> None:
    """No fill value, null for no filters, a dot between chunk numbers, a name per axis."""
    plain = ArrayMetadata((5,), (5,), "<f4", Codec(None), ("row",)).to_zarray()

    assert plain == {
        "zarr_format": 2,
        "shape": [5],
        "chunks": [5],
        "dtype": "<f4",
        "order": "C",
        "compressor": None,
        "filters": None,
        "fill_value": None,
        "dimension_separator": ".",
    }
    assert HEIGHTS.to_zarray()["filters"] == [{"id": "delta", "dtype": "<i4", "astype": "<i4"}]
    assert HEIGHTS.to_zarray()["compressor"] == {"id": "zstd", "level": 12}
    assert HEIGHTS.to_zattrs() == {"_ARRAY_DIMENSIONS": ["image", "side"], "zarrpack_role": "data"}


def test_the_chunk_grid_covers_the_shape() -> None:
    """Edge chunks count; a 0-d array has one chunk, an array without rows none along its rows."""
    assert HEIGHTS.chunk_grid() == (3, 1)
    assert ArrayMetadata((0, 4), (1, 4), "<f4").chunk_grid() == (0, 1)
    assert ArrayMetadata((), (), "<f4").chunk_grid() == ()
    assert [HEIGHTS.chunk_key(index) for index in [(2, 0), (1,), ()]] == ["2.0", "1", "0"]


@pytest.mark.parametrize(
    ("key", "value", "message"),
    [
        ("zarr_format", 3, "expected zarr_format 2, found 3"),
        ("dimension_separator", "/", "expected dimension_separator '.'"),
        ("shape", None, "expected shape as a list"),
        ("shape", [5, -1], "expected lengths of at least 0 in shape, found -1"),
        ("shape", [5, True], "expected lengths of at least 0 in shape, found True"),
        ("shape", [5], "expected chunks with 1 axes"),
        ("shape", [1] * 33, "at most 32 lengths"),
        ("chunks", [0, 3], "expected lengths of at least 1 in chunks, found 0"),
        ("chunks", [1 << 31, 3], "expected chunks of at most 4294967296 bytes"),
        ("dtype", "|O", "expected objects as vlen-utf8 or vlen-bytes"),
        ("dtype", "<M8[ns]", "expected a dtype of numbers"),
        ("dtype", "<f16", "expected a dtype of numbers"),
        ("dtype", [["a", "<i4"]], "expected a dtype of numbers"),
        ("dtype", "<f4", "expected no filter, or Delta of integers"),
        ("dtype", "<i8", "expected no filter, or Delta of integers of type <i8"),
        ("order", "A", "expected order 'C' or 'F', found 'A'"),
        ("compressor", {"id": "blosc"}, "expected the compressor zstd or none"),
        ("compressor", {"id": "zstd", "level": 99}, "expected the compressor zstd or none"),
        ("filters", [{"id": "pickle"}], "expected no filter"),
        ("filters", "delta", "expected null or a list of filters"),
        ("fill_value", {}, "expected null or a scalar as fill_value"),
    ],
)
def test_what_is_not_read_here_is_refused_by_name(key: str, value: Any, message: str) -> None:
    """Each field has its allowed values; the message names the array, the field and what was found."""
    zarray = HEIGHTS.to_zarray()
    assert ArrayMetadata.from_documents(zarray, {}, "images/height").shape == (5, 3)

    with pytest.raises(FormatError) as caught:
        ArrayMetadata.from_documents({**zarray, key: value}, {}, "images/height")

    assert str(caught.value).startswith("images/height: ")
    assert message in str(caught.value)


@pytest.mark.parametrize("codec", ["pickle", "msgpack2", "json2", "vlen-array"])
def test_objects_of_other_codecs_are_refused(codec: str) -> None:
    """Object arrays that ask for anything but the two vlen filters are never decoded."""
    strings = ArrayMetadata((1,), (1,), "|O", Codec(1, object_codec="vlen-utf8"), ("row",))

    with pytest.raises(FormatError, match="expected objects as vlen-utf8 or vlen-bytes"):
        ArrayMetadata.from_documents({**strings.to_zarray(), "filters": [{"id": codec}]})


@pytest.mark.parametrize("dims", [["a"], ["a", 1], "ab"])
def test_wrong_dimension_names_are_refused(dims: Any) -> None:
    """There must be one text per axis; without the attribute the axes get numbered names."""
    named = ArrayMetadata.from_documents(HEIGHTS.to_zarray(), {}, "images/height")
    assert named.dims == ("height_dim_0", "height_dim_1")

    with pytest.raises(FormatError, match="expected 2 names in _ARRAY_DIMENSIONS"):
        ArrayMetadata.from_documents(HEIGHTS.to_zarray(), {"_ARRAY_DIMENSIONS": dims})


@given(st.sampled_from(list(HEIGHTS.to_zarray())), json_values)
def test_any_json_value_gives_metadata_or_a_format_error(key: str, value: Any) -> None:
    """Whatever a field holds, the document is read or refused with FormatError."""
    try:
        metadata = ArrayMetadata.from_documents({**HEIGHTS.to_zarray(), key: value})
    except FormatError:
        metadata = HEIGHTS

    assert len(metadata.shape) == len(metadata.chunks) == len(metadata.dims)
