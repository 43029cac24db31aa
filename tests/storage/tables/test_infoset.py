"""Infoset and attribset as pandas and pyarrow read them."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow.parquet as pq
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from zarrpack.storage.tables import row_groups
from zarrpack.storage.tables.infoset import MOST_COLUMNS, ItemRow, TablesReport, write_tables
from zarrpack.storage.tables.rules import Category, TableRules

FIXED = ["id", "name", "description", "subset", "table_name"]


class Tables:
    """Both tables of some items, written and read."""

    def __init__(self, folder: Path, fields: Sequence[Mapping[str, Any]], **options: Any) -> None:
        self.infoset_path, self.attribset_path = folder / "t.infoset", folder / "t.attribset"
        items = [ItemRow(code, f"item {code}", fields=one) for code, one in enumerate(fields)]
        self.report: TablesReport = write_tables(lambda: iter(items), self.infoset_path, self.attribset_path, **options)
        self.infoset = pd.read_parquet(self.infoset_path)
        self.attribset = pd.read_parquet(self.attribset_path)

    def values(self, column: str) -> list[Any]:
        """Give a column as Python objects, missing ones as None."""
        return list(pq.read_table(self.infoset_path)[column].to_pylist())

    def categories(self, table: str) -> dict[int, str]:
        """Give the dictionary of one field."""
        rows = self.attribset[self.attribset["table_name"] == table]
        assert rows["id"].is_unique
        return dict(zip(rows["id"].tolist(), rows["name"].tolist(), strict=True))


def test_fixed_columns_come_first(tmp_path: Path) -> None:
    """With their types, and what they say where nothing is known."""
    items = [ItemRow(3, "ü", "a/ü.jpg", "train", {"x": 1}), ItemRow(7, "b")]
    write_tables(lambda: iter(items), tmp_path / "i", tmp_path / "a", flow_name="photos")

    table = pd.read_parquet(tmp_path / "i")

    assert list(table.columns) == ["id", "name", "description", "flow_name", "subset", "table_name", "x"]
    assert table["id"].dtype == np.int64
    assert table.iloc[0].tolist() == [3, "ü", "a/ü.jpg", "photos", "train", "file_info", 1]
    assert table.iloc[1].tolist()[:6] == [7, "b", "not set", "photos", "N/A", "file_info"]


@pytest.mark.parametrize(
    ("values", "dtype", "expected"),
    [
        ([1, 2], "int64", [1, 2]),
        ([1, None, 2**60 + 1], "Int64", [1, None, 2**60 + 1]),
        ([1, 2.5], "float64", [1.0, 2.5]),
        ([1, None, 2.5], "float64", [1.0, None, 2.5]),
        ([True, False], "bool", [True, False]),
        ([True, None], "boolean", [True, None]),
        (["a", None, ""], "str", ["a", None, ""]),
        (["a", 1, True, None], "str", ['"a"', "1", "true", None]),
        ([True, 1], "str", ["true", "1"]),
        ([[1, "ä"], None, []], "str", ['[1, "ä"]', None, "[]"]),
        ([2**70, 1], "str", [str(2**70), "1"]),
        ([None, None], "str", [None, None]),
    ],
)
def test_each_mixture_has_its_type(tmp_path: Path, values: list[Any], dtype: str, expected: list[Any]) -> None:
    """Missing values change no type that pandas can keep; mixtures are JSON text, value by value."""
    tables = Tables(tmp_path, [{} if value is None else {"f": value} for value in values] + [{"f": values[0]}])

    assert str(tables.infoset["f"].dtype).replace("object", "str").replace("string", "str") == dtype
    assert tables.values("f")[:-1] == expected


def test_columns_stand_in_order_of_appearance(tmp_path: Path) -> None:
    """Nested objects become paths; later items add columns at the end."""
    tables = Tables(tmp_path, [{"b": 1}, {"c": {"d": 2, "e": {}}, "b": 3}, {"a": 4}])

    assert list(tables.infoset.columns) == [*FIXED, "b", "c/d", "c/e", "a"]
    assert tables.values("c/d") == [None, 2, None]
    assert tables.values("c/e") == [None, "{}", None]


def test_reserved_names_get_an_underscore(tmp_path: Path) -> None:
    """Unless that is another field's name; reserved are the fixed columns, whether they are there or not."""
    fields = {"id": 1, "name": 2, "flow_name": 3, "id_": 4, "metadata_json": 5, "": 6, "\ud800": 7, "ID": 8}
    tables = Tables(tmp_path, [fields])

    assert tables.report.renamed == {
        "id": "id__",
        "name": "name_",
        "flow_name": "flow_name_",
        "metadata_json": "metadata_json_",
        "": "_",
        "\ud800": "\\ud800",
    }
    assert list(tables.infoset.columns) == [
        *FIXED, "id__", "name_", "flow_name_", "id_", "metadata_json_", "_", "\\ud800", "ID"
    ]  # fmt: skip
    assert tables.infoset.iloc[0].tolist()[5:] == [1, 2, 3, 4, 5, 6, 7, 8]


def test_the_two_thousand_first_columns_are_kept(tmp_path: Path) -> None:
    """What has no column is in one JSON object per item, with its type."""
    room = MOST_COLUMNS - len(FIXED) - 1
    first: dict[str, Any] = {f"f{n}": n for n in range(room + 2)}
    fields = [first, {"f0": 1}, {"late": {"x": [None, 1.5]}, "f1": 2}]
    tables = Tables(tmp_path, fields)

    assert len(tables.infoset.columns) == MOST_COLUMNS
    assert tables.infoset.columns[-2:].tolist() == [f"f{room - 1}", "metadata_json"]
    rest = tables.values("metadata_json")
    assert json.loads(rest[0]) == {f"f{room}": room, f"f{room + 1}": room + 1}
    assert rest[1] is None
    assert json.loads(rest[2]) == {"late/x": [None, 1.5]}
    assert tables.values("f1") == [1, None, 2]
    assert tables.report.overflowed


def test_exactly_two_thousand_columns_need_no_rest(tmp_path: Path) -> None:
    """One more field would."""
    tables = Tables(tmp_path, [{f"f{n}": n for n in range(MOST_COLUMNS - len(FIXED))}])

    assert len(tables.infoset.columns) == MOST_COLUMNS
    assert tables.infoset.columns[-1] == f"f{MOST_COLUMNS - len(FIXED) - 1}"
    assert not tables.report.overflowed


@pytest.mark.parametrize(("distinct", "items", "is_categorical"), [(2, 5, True), (2, 4, False), (1, 2, False)])
def test_a_string_field_needs_twice_as_many_items_as_values(
    tmp_path: Path, distinct: int, items: int, is_categorical: bool
) -> None:
    """Fewer distinct values than half the items, or it is text."""
    tables = Tables(tmp_path, [{"colour": f"c{n % distinct}"} for n in range(items)])

    assert tables.report.categorical == (("colour",) if is_categorical else ())
    assert tables.categories("colour") == ({n: f"c{n}" for n in range(distinct)} if is_categorical else {})
    assert tables.values("colour") == [f"c{n % distinct}" for n in range(items)]


@pytest.mark.parametrize(("distinct", "is_categorical"), [(1000, True), (1001, False)])
def test_a_string_field_has_a_thousand_categories_at_most(tmp_path: Path, distinct: int, is_categorical: bool) -> None:
    """Whatever the number of items, and also if a pattern calls it categorical."""
    tables = Tables(tmp_path, [{"colour": f"{n % distinct}", "my_label": f"{n % distinct}"} for n in range(2500)])

    assert tables.report.categorical == (("colour", "my_label") if is_categorical else ())


def test_patterns_name_categorical_fields_of_any_kind(tmp_path: Path) -> None:
    """With as many values as items too; file-level patterns keep a field out."""
    fields = [{"file_label": 3, "type": "a", "size_class": "s", "material_e": 0.5}, {"file_label": 1, "type": "b"}]
    tables = Tables(tmp_path, fields + [{"size_class": "s"}] * 5)

    assert tables.report.categorical == ("file_label", "type", "material_e")
    assert tables.categories("file_label") == {1: "1", 3: "3"}
    assert tables.categories("type") == {0: "a", 1: "b"}
    assert tables.categories("material_e") == {0: "0.5"}
    assert tables.values("file_label")[:3] == [3, 1, None]


def test_bools_are_categories_zero_and_one(tmp_path: Path) -> None:
    """And stay bools in the infoset."""
    tables = Tables(tmp_path, [{"is_sold": True}, {"is_sold": False}])

    assert tables.categories("is_sold") == {0: "False", 1: "True"}
    assert tables.values("is_sold") == [True, False]


def test_the_schema_declares_categories(tmp_path: Path) -> None:
    """Values and labels as declared, then what was observed; no limits apply; whole numbers are floats if declared so."""
    schema = {
        "metadata": {
            "categorical": {
                "grade": {"dtype": "int32", "values": [0, 1], "labels": ["low", "high"]},
                "serial": {"dtype": "str"},
                "unseen": {"dtype": "str", "values": ["x"]},
            },
            "file_level": {"colour": {"dtype": "str"}, "mass": {"dtype": "float32"}},
        }
    }
    fields = [{"grade": n % 3, "serial": str(n), "colour": "red", "mass": n, "unseen": None} for n in range(1200)]
    tables = Tables(tmp_path, fields, schema=schema)

    assert tables.report.categorical == ("grade", "serial", "unseen")
    assert tables.categories("grade") == {0: "low", 1: "high", 2: "2"}
    assert len(tables.categories("serial")) == 1200
    assert tables.categories("unseen") == {0: "x"}
    assert tables.infoset["mass"].dtype == np.float32
    assert tables.values("mass") == list(range(1200))


@pytest.mark.parametrize(
    ("declared", "values", "dtype"),
    [
        ("int32", [1, -(2**31)], "int32"),
        ("int32", [1, None], "Int32"),
        ("int8", [1, 128], "int64"),
        ("uint8", [0, 255], "uint8"),
        ("uint8", [-1, 3], "int64"),
        ("uint64", [2**62, 0], "uint64"),
        ("int64", [1, 2], "int64"),
        ("int16", [1.5, 2], "float64"),
        ("int16", [True, False], "bool"),
        ("float32", [1.5, 2], "float32"),
        ("float32", [1.5, None, float("nan"), float("-inf")], "float32"),
        ("float32", [1e300, 2], "float64"),
        ("float32", [10**39, 2], "str"),
        ("float32", [2**60, 2], "float32"),
        ("float16", [1.5, 2], "float32"),
        ("float64", [1, 2], "float64"),
        ("float64", ["a", "b"], "str"),
        ("bool", [True, None], "boolean"),
        ("bool", [0, 1], "int64"),
        ("str", ["a", "b"], "str"),
        ("str", [1, 2], "int64"),
        ("datetime64[s]", ["2025-01-01"], "str"),
        ("no such dtype", [1, 2], "int64"),
        (5, [1, 2], "int64"),
        ("int16", [None, None], "Int16"),
        ("bool", [None], "boolean"),
    ],
)
def test_a_column_has_the_declared_dtype_if_all_values_fit(
    tmp_path: Path, declared: Any, values: list[Any], dtype: str
) -> None:
    """Else it is as if nothing were declared, and no value is changed."""
    schema = {"metadata": {"file_level": {"f": {"dtype": declared}}}}
    tables = Tables(tmp_path, [{"f": value} for value in values], schema=schema)

    assert str(tables.infoset["f"].dtype).replace("object", "str").replace("string", "str") == dtype
    plain = [str(value) if dtype == "str" and isinstance(value, int) else value for value in values]
    np.testing.assert_equal(tables.values("f"), plain)


def test_declared_categories_need_no_row(tmp_path: Path) -> None:
    """They are in the dictionary with their own ids though no item has the field; a field without values is not."""
    declared = {"grade": {"dtype": "int32", "values": [10, 20], "labels": ["low", "high"]}, "other": {"dtype": "str"}}
    tables = Tables(tmp_path, [{"n": 1}], schema={"metadata": {"categorical": declared}})

    assert tables.categories("grade") == {10: "low", 20: "high"}
    assert set(tables.attribset["table_name"]) == {"grade"}
    assert "grade" not in tables.infoset


RULES = TableRules(
    table_name="parts",
    own_columns=("flow_name", "picture"),
    text_is_categorical=True,
    sorted_categories=True,
    dictionary={"face_types": {0: Category("Plane", "Flat"), 2: Category("Cone")}, "file_label": {1: Category("one")}},
)


def test_rules_change_what_tables_are(tmp_path: Path) -> None:
    """Text counts as categories at once, in the order of values; own columns keep their names and have no categories."""
    fields: list[dict[str, Any]] = [
        {"flow_name": "f", "picture": "x.png", "colour": "red", "file_label": 1},
        {"colour": "blue"},
    ]
    tables = Tables(tmp_path, fields, rules=RULES)

    assert list(tables.infoset.columns) == [*FIXED, "flow_name", "picture", "colour", "file_label"]
    assert set(tables.infoset["table_name"]) == {"parts"}
    assert tables.report.categorical == ("colour", "file_label")
    assert tables.attribset.to_numpy().tolist() == [
        ["colour", 0, "blue", "not set"],
        ["colour", 1, "red", "not set"],
        ["file_label", 1, "one", "not set"],
        ["face_types", 0, "Plane", "Flat"],
        ["face_types", 2, "Cone", "not set"],
    ]


def test_the_dictionary_has_exactly_four_columns(tmp_path: Path) -> None:
    """Also when there are no categories, or no items at all."""
    for fields in ([], [{"n": 1}], [{"is": True}]):
        tables = Tables(tmp_path, fields)
        assert list(tables.attribset.columns) == ["table_name", "id", "name", "description"]
        assert tables.attribset["id"].dtype == np.int64
        assert len(tables.attribset) == (1 if fields == [{"is": True}] else 0)
        assert len(tables.infoset) == len(fields)
    assert tables.attribset["description"].tolist() == ["not set"]


FIELDS = st.dictionaries(
    st.sampled_from(["a", "b", "id", "c/d", "", "ü"]),
    st.none()
    | st.booleans()
    | st.integers(-(2**65), 2**65)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(max_size=3)
    | st.lists(st.integers(), max_size=2),
    max_size=5,
)


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(FIELDS, max_size=8), st.integers(1, 9))
def test_any_fields_come_back(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, fields: list[dict[str, Any]], group_rows: int
) -> None:
    """Each value as it was, or as a float, or as JSON, whatever the rows of a group."""
    monkeypatch.setattr(row_groups, "_FEWEST_ROWS", 1)
    monkeypatch.setattr(row_groups, "GROUP_ROWS", group_rows)
    tables = Tables(tmp_path, fields)

    table = pq.read_table(tables.infoset_path, page_checksum_verification=True)
    assert table["id"].to_pylist() == list(range(len(fields)))
    for name in {name for one in fields for name in one}:
        column = {"id": "id_", "": "_"}.get(name, name)
        expected = [one.get(name) for one in fields]
        found = table[column].to_pylist()
        kinds = {type(value) for value in expected} - {type(None)}
        is_plain = kinds in ({bool}, {str}, {float}, {int, float}) or kinds == {int}
        is_big = any(isinstance(value, int) and not -(2**63) <= value < 2**63 for value in expected)
        if is_plain and not is_big:
            assert found == expected
        else:
            assert [None if text is None else json.loads(text) for text in found] == expected


def test_equal_items_give_equal_bytes(tmp_path: Path) -> None:
    """The files say nothing of when and where they were written."""
    fields = [{"a": n, "b": "x" * (n % 3), "c": [n], "d": n % 2 == 0} for n in range(50)]
    (tmp_path / "other").mkdir()
    first, second = Tables(tmp_path, fields), Tables(tmp_path / "other", fields)

    assert first.infoset_path.read_bytes() == second.infoset_path.read_bytes()
    assert first.attribset_path.read_bytes() == second.attribset_path.read_bytes()


def test_long_texts_are_written_in_small_groups(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A group ends at a number of characters as well, and nothing is lost at the border."""
    monkeypatch.setattr(row_groups, "_GROUP_CHARACTERS", 1000)
    fields = [{"text": f"{n:04}" * 100} for n in range(20)]
    tables = Tables(tmp_path, fields)

    assert pq.ParquetFile(tables.infoset_path).num_row_groups == 7
    assert tables.values("text") == [one["text"] for one in fields]


def numbered_items(count: int) -> Iterator[ItemRow]:
    """Give items with a number and a text."""
    return (ItemRow(n, f"{n}", fields={"a": n, "b": f"text {n}"}) for n in range(count))


def test_memory_does_not_grow_with_the_items(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Both passes keep what belongs to fields, not to rows."""
    import tracemalloc

    monkeypatch.setattr(row_groups, "GROUP_ROWS", 1000)
    peaks = []
    for count in (2_000, 20_000):
        tracemalloc.start()
        write_tables(partial(numbered_items, count), tmp_path / "i", tmp_path / "a")
        peaks.append(tracemalloc.get_traced_memory()[1])
        tracemalloc.stop()
    assert peaks[1] < peaks[0] * 1.5
