"""Strict JSON and its two flat forms."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from zarrpack.errors import MemberError
from zarrpack.processors.json_values import JsonReader, escape_key, leaves, record_of

SCALARS = (
    st.none()
    | st.booleans()
    | st.integers(-(2**63), 2**64 - 1)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text()
)
DOCUMENTS = st.recursive(
    SCALARS, lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=4), inner, max_size=4)
)


def rebuilt(keys: list[str], values: list[str], document: Any) -> Any:
    """Follow each path through the document, and put the leaf's value as text there in a copy."""
    for path, value in zip(keys, values, strict=True):
        inner = document
        for step in path.split("/") if path or (isinstance(document, dict | list) and document) else []:
            step = step.replace("~1", "/").replace("~0", "~")
            inner = inner[int(step)] if isinstance(inner, list) else inner[step]
        assert value == (inner if isinstance(inner, str) else json.dumps(inner))
    return len(keys)


def count(document: Any) -> int:
    """Count the leaves of a document; empty objects and arrays are leaves."""
    if isinstance(document, dict | list) and document:
        return sum(map(count, document.values() if isinstance(document, dict) else document))
    return 1


@given(DOCUMENTS)
def test_every_leaf_is_found_at_its_path(document: Any) -> None:
    """Each path leads to its value in what the json module reads, and there is one for each leaf."""
    keys, values, _ = JsonReader(512).read(json.dumps(document))

    assert rebuilt(keys, values, json.loads(json.dumps(document))) == count(document)
    assert len(set(keys)) == len(keys)


@given(st.dictionaries(st.text(max_size=4), DOCUMENTS, max_size=4))
def test_records_hold_the_same_leaves(document: dict[str, Any]) -> None:
    """Putting a record's paths back into objects gives the document, but for empty objects."""
    record = record_of(document)
    nested: dict[str, Any] = {}
    assert record is not None
    for path, value in record.items():
        *outer, last = [step.replace("~1", "/").replace("~0", "~") for step in path.split("/")]
        inner = nested
        for step in outer:
            inner = inner.setdefault(step, {})
        inner[last] = value

    def expected(value: Any) -> Any:
        if isinstance(value, dict):
            return {key: expected(one) for key, one in value.items() if not isinstance(one, dict) or expected(one)}
        if isinstance(value, list) and any(isinstance(one, dict | list) for one in value):
            return json.dumps(value, ensure_ascii=False)
        return value

    assert nested == expected(document)


def test_order_is_the_documents() -> None:
    """Leaves come as they stand in the text, through objects and arrays."""
    keys, values = leaves({"b": [{"z": 1, "a": []}, None], "a": True}, 9)

    assert keys == ["b/0/z", "b/0/a", "b/1", "a"]
    assert values == ["1", "[]", "null", "true"]


def test_a_document_that_is_one_leaf() -> None:
    """It has the empty path; as a record it is called value."""
    assert JsonReader(1).read('"x"') == ([""], ["x"], {"value": "x"})
    assert JsonReader(1).read("[1, 2]")[2] == {"value": [1, 2]}
    assert JsonReader(2).read('[{"a": 1}]')[2] is None
    assert JsonReader(1).read("{}") == ([""], ["{}"], {})


def test_depth_is_counted_exactly() -> None:
    """The limit's depth is accepted, one more is not, empty containers included."""
    reader = JsonReader(3)
    reader.read("[[[1]]]")
    reader.read('{"a": {"b": []}}')
    for text in ("[[[[1]]]]", "[[[[]]]]", '{"a": {"b": {"c": {}}}}'):
        with pytest.raises(MemberError, match="more than 3 deep") as caught:
            reader.read(text)
        assert caught.value.reason == "limit_json_depth"


@pytest.mark.parametrize("opening", ["[", '{"":'])
def test_absurd_depth_is_a_limit_too(opening: str) -> None:
    """More than the interpreter can recurse: still a limit, never RecursionError, whatever the limit says."""
    for depth in (512, 10**9):
        with pytest.raises(MemberError) as caught:
            JsonReader(depth).read(opening * 200_000)
        assert caught.value.reason == "limit_json_depth"


@pytest.mark.parametrize(
    "text", ["NaN", "[Infinity]", '{"a": -Infinity}', "[1,]", "{'a': 1}", "01", "// x\n1", '"\t"', "", " ", "1 2"]
)
def test_what_is_not_json_is_refused(text: str) -> None:
    """The json module takes the first three; the standard takes none."""
    with pytest.raises(MemberError) as caught:
        JsonReader(9).read(text)

    assert caught.value.reason == "invalid_json"


@pytest.mark.parametrize(
    ("text", "hinted"), [('{"a": 1}\n{"a": 2}\n', True), ('{"a": 1} {"a": 2}', False), ("{", False)]
)
def test_lines_of_json_are_told_how_to_be_called(text: str, hinted: bool) -> None:
    """A document on each line is what other suffixes are for."""
    with pytest.raises(MemberError) as caught:
        JsonReader(9).read(text)

    assert (".jsonl" in caught.value.detail) == hinted


def test_numbers_that_no_type_holds_stay_text() -> None:
    """The largest 64-bit numbers are numbers; beyond them, and beyond float64, the text stays, and is noted."""
    reader = JsonReader(9)
    assert reader.read("[-9223372036854775808, 18446744073709551615, 1e308]")[2] == {
        "value": [-(2**63), 2**64 - 1, 1e308]
    }
    assert reader.notes() == ()
    long = "9" * 5000
    _, values, record = reader.read(
        f'{{"a": -9223372036854775809, "b": 18446744073709551616, "c": {long}, "d": 1e400}}'
    )

    assert record == {"a": "-9223372036854775809", "b": "18446744073709551616", "c": long, "d": "1e400"}
    assert values == [*record.values()]
    assert reader.notes() == ("float_overflow", "int_overflow")


@pytest.mark.parametrize("text", ["1e-400", "-1E-400", "0." + "0" * 400 + "1", "12.5e-999999"])
def test_numbers_too_small_for_a_float_stay_text(text: str) -> None:
    """They are not zero, in the record, the leaves and the notes."""
    reader = JsonReader(512)

    assert reader.read(f'{{"a": {text}}}') == (["a"], [text], {"a": text})
    assert reader.notes() == ("float_underflow",)


@pytest.mark.parametrize("text", ["0.0", "-0.0", "0e5", "0.000E-999", "5e-324", "1e-320"])
def test_zeros_and_small_floats_are_numbers(text: str) -> None:
    """Zero however it is written, and what only has fewer digits."""
    reader = JsonReader(512)

    assert reader.read(f'{{"a": {text}}}')[2] == {"a": float(text)}
    assert reader.notes() == ()


def test_half_surrogate_pairs_become_escapes() -> None:
    """They cannot be encoded; whole pairs are what they mean."""
    reader = JsonReader(9)
    whole = reader.read(r'{"a": "\ud83d\ude00", "b": "\\ud800"}')[2]
    assert whole == {"a": "😀", "b": "\\ud800"}
    assert reader.notes() == ()
    keys, values, record = reader.read(r'{"\udc00": ["\ud800x"], "n": [["\uDfff"]]}')

    assert (keys, values) == (["\\udc00/0", "n/0/0"], ["\\ud800x", "\\udfff"])
    assert record == {"\\udc00": ["\\ud800x"], "n": '[["\\udfff"]]'}
    assert reader.notes() == ("bad_unicode",)


def test_repeated_keys_are_counted_and_the_last_wins() -> None:
    """At every depth, over all texts of the member."""
    reader = JsonReader(9)
    assert reader.read('{"a": 1, "b": [{"c": 1, "c": 2, "c": 3}], "a": 4}')[1] == ["4", "3"]
    reader.read('{"a": 1, "a": 1}')

    assert reader.notes() == ("duplicate_key:4",)


def test_keys_are_escaped_as_in_json_pointer() -> None:
    """A slash in a key is no step of the path."""
    assert escape_key("a/b~c") == "a~1b~0c"
    assert record_of({"a/b": {"~": 1}, "a": {"b": {"~": 2}}}) == {"a~1b/~0": 1, "a/b/~0": 2}
