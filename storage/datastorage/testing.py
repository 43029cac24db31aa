"""What every store must do, as tests that any implementation can run. Needs pytest."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from zarrpack.storage.datastorage.base import DataStorage
from zarrpack.storage.datastorage.convert import convert_storage
from zarrpack.storage.datastorage.memory import MemoryStorage

__all__ = ["DataStorageConformance", "assert_same"]

_SCHEMA = {
    "groups": {
        "faces": {
            "primary_dimension": "face",
            "arrays": {
                "face_areas": {"dims": ["face"], "dtype": "float32"},
                "face_normals": {"dims": ["face", "coordinate"], "dtype": "float32"},
            },
        },
        "graph": {"primary_dimension": "edge", "arrays": {"num_nodes": {"dims": ["graphitem"], "dtype": "int32"}}},
    }
}

_ARRAYS = {
    "integers": np.array([[0, -1], [2, 3]], np.int16),
    "zeros": np.zeros(5, np.int32),
    "unsigned": np.array([2**64 - 1, 0], np.uint64),
    "floats": np.array([0.0, -0.0, 1e-40, np.inf], np.float32),
    "half": np.arange(6, dtype=np.float16).reshape(1, 2, 3),
    "booleans": np.array([True, False]),
    "complex": np.array([1 + 2j, 0], np.complex64),
    "strings": np.array(["", "größe", "a\nb"], dtype=object),
    "fixed strings": np.array([["a", "bc"]]),
    "numpy strings": np.array(["a", "größe", "b\0"], np.dtypes.StringDType()),
    "times": np.array(["2020-02-29T12:00:00", "NaT"], "datetime64[ms]"),
    "no rows": np.empty((0, 3), np.float64),
    "no columns": np.empty((2, 0), np.int8),
    "big-endian": np.array([1, 2], ">i4"),
    "transposed": np.arange(6).reshape(2, 3).T,
}


def assert_same(found: Any, expected: Any) -> None:
    """Assert that two values are equal: types of arrays and scalars, NaN, and members of dicts and lists.

    Parameters
    ----------
    found, expected : object
        The values.

    Raises
    ------
    AssertionError
        If they differ.

    Examples
    --------
    >>> assert_same({"a": np.array([1])}, {"a": np.array([1])})
    """
    assert type(found) is type(expected), f"expected a {type(expected).__name__}, found a {type(found).__name__}"
    if isinstance(expected, Mapping):
        assert set(found) == set(expected)
        for name, value in expected.items():
            assert_same(found[name], value)
    elif isinstance(expected, list):
        assert len(found) == len(expected)
        for one, other in zip(found, expected, strict=True):
            assert_same(one, other)
    elif isinstance(expected, np.ndarray):
        assert (found.dtype, found.shape) == (expected.dtype, expected.shape)
        np.testing.assert_array_equal(found, expected)
    else:
        np.testing.assert_equal(found, expected)


class DataStorageConformance:
    """Tests of the contract in `DataStorage`. Derive a class called ``Test...`` and give it `make_storage`.

    Attributes
    ----------
    lists_become_arrays : bool
        Whether a list comes back as an ndarray.
    rejects_nan : bool
        Whether NaN raises ValueError.
    takes_anything : bool
        Whether every Python object can be saved.
    is_persistent : bool
        Whether a second store in the same place has what the first had when it was closed.

    Examples
    --------
    >>> class TestMemory(DataStorageConformance):
    ...     takes_anything = True
    ...     def make_storage(self, folder):
    ...         return MemoryStorage()
    """

    lists_become_arrays = False
    rejects_nan = False
    takes_anything = False
    is_persistent = False

    def make_storage(self, folder: Path) -> DataStorage:
        """Make the store under test.

        Parameters
        ----------
        folder : Path
            An empty folder that it may use; the same for all stores of one test.

        Returns
        -------
        DataStorage
            A new one, or the same contents anew if there are some.

        Raises
        ------
        NotImplementedError
            Unless overridden.
        """
        raise NotImplementedError("expected a class with make_storage of its own, found none")

    @pytest.fixture
    def storage(self, tmp_path: Path) -> Any:
        """An empty store, closed after the test."""
        with self.make_storage(tmp_path) as storage:
            yield storage

    @pytest.mark.parametrize("values", _ARRAYS.values(), ids=_ARRAYS)
    def test_arrays_come_back(self, storage: DataStorage, values: np.ndarray[Any, Any]) -> None:
        """An array comes back with its type, shape and values."""
        storage.save_data("values", values)

        assert_same(storage.load_data("values"), values)

    @pytest.mark.parametrize("value", [42, -(2**63), True, False, 1.5, 1 + 2j, "", "text\n", "größe", b"\x00b\x00"])
    def test_single_values_come_back(self, storage: DataStorage, value: object) -> None:
        """A Python number or text comes back as such, not as a number of numpy."""
        storage.save_data("value", value)

        assert_same(storage.load_data("value"), value)

    def test_lists_come_back(self, storage: DataStorage) -> None:
        """A list comes back as an equal list, or as the array of its values."""
        for key, values in {"numbers": [[1, 2], [3, 4]], "texts": ["a", "bc"]}.items():
            storage.save_data(key, values)

            loaded = storage.load_data(key)

            assert isinstance(loaded, np.ndarray) == self.lists_become_arrays
            assert (loaded.tolist() if isinstance(loaded, np.ndarray) else loaded) == values

    def test_dicts_are_groups(self, storage: DataStorage) -> None:
        """A dict comes back with all that is in it, whole or by the keys of its parts."""
        graph = {"edges": np.array([0, 1]), "deep": {"name": "x", "none": {}}, "num_nodes": 4}
        storage.save_data("graph", graph)

        assert_same(storage.load_data("graph"), graph)
        assert_same(storage.load_data("graph/deep"), graph["deep"])
        assert storage.load_data("/graph/deep/name/") == "x"
        assert storage.get_keys() == ["graph"]

    def test_keys_of_dicts_become_strings(self, storage: DataStorage) -> None:
        """Keys that are no strings come back as strings; what has a slash is a group in the group."""
        storage.save_data("codes", {1: "a", "b/c": "d"})

        assert_same(storage.load_data("codes"), {"1": "a", "b": {"c": "d"}})
        with pytest.raises(ValueError, match="1"):
            storage.save_data("codes", {1: "a", "1": "b"})

    def test_keys_with_slashes_are_groups(self, storage: DataStorage) -> None:
        """What is saved below a key is part of what is loaded there, in whichever way it came."""
        storage.save_data("faces/areas", np.array([1.5]))
        storage.save_data("faces/inner/name", "x")
        storage.save_data("graph", {"nodes": 1})
        storage.save_data("graph/edges", 2)
        storage.save_data("graph/nodes", 3)

        assert sorted(storage.get_keys()) == ["faces", "graph"]
        assert_same(storage.load_data("faces"), {"areas": np.array([1.5]), "inner": {"name": "x"}})
        assert_same(storage.load_data("graph"), {"nodes": 3, "edges": 2})

    def test_saving_again_replaces(self, storage: DataStorage) -> None:
        """A key holds what was saved last, and nothing of what it held before, whatever the two are."""
        values: list[Any] = [np.arange(5), {"a": 1, "b": 2}, "text", {"b": np.array([1.5])}, {"b": {"c": 3}}, 7]
        for value in values:
            storage.save_data("key", value)

            assert_same(storage.load_data("key"), value)
            assert storage.get_keys() == ["key"]

    def test_nothing_lies_below_a_value(self, storage: DataStorage) -> None:
        """To save below an array or a number raises ValueError and changes nothing."""
        storage.save_data("areas", np.array([1.5]))
        storage.save_data("group", {"number": 1})

        for key in ("areas/first", "group/number/first"):
            with pytest.raises(ValueError, match=key):
                storage.save_data(key, 1)
        assert_same(storage.load_data("areas"), np.array([1.5]))
        assert_same(storage.load_data("group"), {"number": 1})

    def test_missing_keys_raise(self, storage: DataStorage) -> None:
        """KeyError is raised for data and metadata that are not there, at every depth."""
        storage.save_data("group", {"a": 1})
        storage.save_metadata("section", {"a": 1})

        for key in ("missing", "group/missing", "group/a/b", "missing/a"):
            with pytest.raises(KeyError, match=key):
                storage.load_data(key)
        for key in ("missing", "section/missing", "section/a/b"):
            with pytest.raises(KeyError, match=key):
                storage.load_metadata(key)

    @pytest.mark.parametrize("key", ["", "/", "a//b", ".", "a/..", "../a", 1, None])
    def test_bad_keys_are_refused(self, storage: DataStorage, key: Any) -> None:
        """Keys that are empty, lead elsewhere or are no strings raise ValueError or TypeError everywhere."""
        expected = ValueError if isinstance(key, str) else TypeError
        with pytest.raises(expected):
            storage.save_data(key, 1)
        with pytest.raises(expected):
            storage.load_data(key)
        with pytest.raises(expected):
            storage.save_metadata(key, 1)
        with pytest.raises(expected):
            storage.load_metadata(key)
        assert storage.get_keys() == []

    @pytest.mark.parametrize(
        "keys",
        [
            ["größe (cm)", "gr__e__cm_"],
            ["A", "a"],
            ["metadata", "metadata.json"],
            ["a.b", ".a"],
            ["x" * 200],
            ["file_id"],
        ],
    )
    def test_any_key_keeps_its_data(self, storage: DataStorage, keys: list[str]) -> None:
        """Keys that no file could be called, and keys that look alike, each keep their own data."""
        for number, key in enumerate(keys):
            storage.save_data(key, number)
        storage.save_metadata("version", 2)

        assert [storage.load_data(key) for key in keys] == list(range(len(keys)))
        assert sorted(storage.get_keys()) == sorted(keys)
        assert storage.load_metadata("version") == 2

    def test_loaded_data_are_the_callers_own(self, storage: DataStorage) -> None:
        """Changing what was saved or loaded changes nothing in the store."""
        values = np.array([1, 2])
        storage.save_data("values", values)
        values[0] = 7
        storage.load_data("values")[1] = 8

        assert storage.load_data("values").tolist() == [1, 2]

    def test_what_cannot_be_kept_raises(self, storage: DataStorage) -> None:
        """A value of a type that the store does not take raises TypeError, and the key keeps what it held."""
        if self.takes_anything:
            pytest.skip("this store takes anything")
        storage.save_data("value", {"a": 1})
        sizes = storage.load_metadata("file_sizes_KB")

        for value in (object(), len, {"a": 2, "b": {1, 2}}):
            with pytest.raises(TypeError, match="value"):
                storage.save_data("value", value)
        assert_same(storage.load_data("value"), {"a": 1})
        assert storage.load_metadata("file_sizes_KB") == sizes

    def test_nan(self, storage: DataStorage) -> None:
        """NaN, wherever it is, either raises ValueError that names the key or comes back; infinity comes back."""
        values: dict[str, Any] = {"number": float("nan"), "array": np.array([1.0, np.nan]), "list": [1.0, float("nan")]}
        values["complex"] = np.array([complex(0, float("nan"))])
        for key, value in values.items():
            if self.rejects_nan:
                with pytest.raises(ValueError, match=f"group/{key}"):
                    storage.save_data("group", {"fine": 1, key: value})
            else:
                storage.save_data(key, value)
                assert_same(storage.load_data(key), value)
        storage.save_data("infinite", np.array([np.inf, -np.inf]))

        assert storage.load_data("infinite").tolist() == [np.inf, -np.inf]
        assert "group" not in storage.get_keys()

    def test_sizes_are_recorded(self, storage: DataStorage) -> None:
        """Every value has its size in kilobytes at its key; saving again replaces it, with all below it."""
        storage.save_data("areas", np.random.default_rng(0).random(1024))
        storage.save_data("graph", {"edges": np.arange(10), "deep": {"nodes": 1}})
        storage.save_data("graph/more", 1)
        sizes = storage.load_metadata("file_sizes_KB")

        assert sizes["areas"] == storage.load_metadata("file_sizes_KB/areas") > 4
        assert {name: type(size) for name, size in sizes["graph"].items()} == {
            "edges": float,
            "deep": dict,
            "more": float,
        }

        storage.save_data("graph", {"deep": {"edges": 1}})
        assert set(storage.load_metadata("file_sizes_KB/graph")) == {"deep"}
        assert set(storage.load_metadata("file_sizes_KB/graph/deep")) == {"edges"}

        storage.save_data("graph", 1)
        storage.save_data("areas", 1)

        assert isinstance(storage.load_metadata("file_sizes_KB/graph"), float)
        assert storage.load_metadata("file_sizes_KB/areas") < 1

    def test_metadata_are_nested(self, storage: DataStorage) -> None:
        """Slashes make sections; what lies beside a key stays; dicts are merged at every depth."""
        storage.save_metadata("size", 1024)
        storage.save_metadata("processing/duration", 12.5)
        storage.save_metadata("processing/host", "a")
        storage.save_metadata("processing", {"host": "b", "steps": {"one": 1}})
        storage.save_metadata("processing", {"steps": {"two": 2}})

        assert storage.load_metadata("size") == 1024
        assert_same(storage.load_metadata("processing"), {"duration": 12.5, "host": "b", "steps": {"one": 1, "two": 2}})
        with pytest.raises(ValueError, match="size/unit"):
            storage.save_metadata("size/unit", "KB")
        assert storage.load_metadata("size") == 1024
        assert set(storage.get_metadata_keys()) >= {"size", "processing"} or type(storage).get_metadata_keys is (
            DataStorage.get_metadata_keys
        )

    def test_metadata_are_plain_values(self, storage: DataStorage) -> None:
        """Numbers and arrays of numpy become what JSON has; what is loaded is a copy; other types raise TypeError."""
        storage.save_metadata("values", {"n": np.int64(3), "x": np.array([1.5]), "flag": np.bool_(True), "t": (1, "a")})

        loaded = storage.load_metadata("values")
        assert_same(loaded, {"n": 3, "x": [1.5], "flag": True, "t": [1, "a"]})
        loaded["x"].append(2)
        assert storage.load_metadata("values/x") == [1.5]
        with pytest.raises(TypeError, match="values/z"):
            storage.save_metadata("values/z", object())

    def test_schema_is_kept(self, storage: DataStorage) -> None:
        """The schema comes back as a copy, a new one replaces the old, and arrays find their group by it."""
        assert storage.get_schema() == {}
        assert storage.get_group_for_array("face_areas") is None
        storage.set_schema({"groups": {"old": {"arrays": {"x": {"dims": ["n"]}}}}})
        storage.set_schema(_SCHEMA)
        storage.get_schema()["groups"].clear()

        assert storage.get_schema() == _SCHEMA
        assert storage.get_group_for_array("face_areas") == "faces"
        assert storage.get_group_for_array("graph/num_nodes") == "graph"
        assert storage.get_group_for_array("unknown_array") is None

    def test_data_are_held_against_the_schema(self, storage: DataStorage) -> None:
        """Axes and kind must be as declared; arrays that the schema does not have are allowed; saving others raises."""
        areas = np.array([1.5, 2.3, 4.1], np.float32)
        assert storage.validate_data_against_schema("face_areas", "anything")
        storage.set_schema(_SCHEMA)

        assert storage.validate_data_against_schema("face_areas", areas)
        assert storage.validate_data_against_schema("unknown_array", areas)
        assert storage.validate_data_against_schema("num_nodes", 4)
        for wrong in (np.array([[1.5, 2.3]]), np.array([1, 2], np.int32), None):
            assert not storage.validate_data_against_schema("face_areas", wrong)
            assert not storage.validate_data_against_schema("any", {"face_areas": wrong})
        with pytest.raises(ValueError, match="face_areas"):
            storage.save_data("face_areas", np.array([1, 2], np.int32))
        assert storage.get_keys() == []

        storage.validate_on_save = False
        storage.save_data("face_areas", np.array([1, 2], np.int32))

        assert storage.load_data("face_areas").tolist() == [1, 2]

    def test_it_says_what_and_where_it_is(self, storage: DataStorage) -> None:
        """Format and places are strings, the size of the compressed store is a number."""
        storage.save_data("areas", np.array([1.5]))

        assert storage.format()
        assert isinstance(storage.get_file_path("areas"), str)
        assert not storage.get_file_path("").endswith("/")
        assert type(storage.compress_store()) is int

    def test_closing_twice_is_closing_once(self, tmp_path: Path) -> None:
        """A store is closed by a with statement, and can be closed again."""
        with self.make_storage(tmp_path) as storage:
            storage.save_data("areas", np.array([1.5]))
        storage.close()

        assert storage.format()

    def test_it_can_be_opened_again(self, tmp_path: Path) -> None:
        """A second store in the same place has data, metadata and schema of the first, and can be added to."""
        if not self.is_persistent:
            pytest.skip("this store does not outlive its closing")
        with self.make_storage(tmp_path) as storage:
            storage.save_data("größe", np.array([1.5], np.float32))
            storage.save_data("graph", {"n": 1})
            storage.save_metadata("size", 3)
            storage.set_schema(_SCHEMA)
        with self.make_storage(tmp_path) as storage:
            storage.save_data("graph/m", 2)

            assert sorted(storage.get_keys()) == ["graph", "größe"]
            assert_same(storage.load_data("größe"), np.array([1.5], np.float32))
            assert_same(storage.load_data("graph"), {"n": 1, "m": 2})
            assert storage.load_metadata("size") == 3
            assert storage.get_schema() == _SCHEMA

    def test_it_can_be_converted(self, storage: DataStorage) -> None:
        """Data, metadata and schema can be copied from and to another store."""
        source, target = MemoryStorage(), MemoryStorage()
        source.save_data("graph", {"edges": np.array([0, 1]), "name": "x"})
        source.save_data("z", 1 + 2j)
        source.save_metadata("size", 3)
        source.set_schema(_SCHEMA)
        convert_storage(source, storage)
        convert_storage(storage, target)

        assert sorted(target.get_keys()) == ["graph", "z"]
        assert_same(target.load_data("graph"), source.load_data("graph"))
        assert target.load_data("z") == 1 + 2j
        assert target.get_schema() == _SCHEMA
