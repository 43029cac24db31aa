"""JSON documents and JSON Lines as members."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from zarrpack.errors import MemberError
from zarrpack.processors.json_records import JsonProcessor
from zarrpack.processors.limits import Limits
from zarrpack.processors.testing import ProcessorConformance, read_member, rows_of

RECORD = {"id": 3, "name": "Straße", "tags": ["a", "b"], "size": {"w": 1.5, "h": None}, "parts": [{"k": True}]}


def read(name: str, content: bytes, **limits: int) -> tuple[dict[str, Any], Any]:
    """Give the rows by array, and the metadata."""
    blocks, metadata = read_member(JsonProcessor(), name, content, limits=Limits(**limits))
    return {array: rows_of(blocks, array) for array in ("text", "key", "value")}, metadata


class TestContract(ProcessorConformance):
    """The contract."""

    def processor(self) -> JsonProcessor:
        """Give the only kind there is."""
        return JsonProcessor()

    def members(self) -> Mapping[str, bytes]:
        """Give documents, lines, and other encodings."""
        return {
            "a.json": json.dumps(RECORD, indent=1).encode(),
            "A.JSON": b"\xef\xbb\xbf[1, 2]",
            "b.geojson": json.dumps(RECORD).encode("utf-16"),
            "c.jsonl": b"\n".join(json.dumps({"n": n}).encode() for n in range(40)),
            "d.ndjson": b'{"a": 1}\r\nnonsense\r\n\r\n{"a": "\\ud800"}\r\n',
            "no suffix": b' [ {"a": 1}]',
        }

    def refused(self) -> Mapping[str, bytes]:
        """Give other types under its name, and text that only looks a little like it."""
        return {
            "a.json": b"\x89PNG\r\n\x1a\n",
            "b.json": b"PK\x03\x04",
            "a.txt": b'{"a": 1}',
            "notes": b"[1] is a citation, {this} is not JSON",
            "empty": b"",
        }


def test_a_document_is_kept_exactly_and_flat() -> None:
    """The text as it was, its leaves in order, and a record for a paired item."""
    text = json.dumps(RECORD, ensure_ascii=False, indent=3) + "\n"
    rows, metadata = read("a.json", text.encode())

    assert rows["text"] == [text]
    assert rows["key"] == ["id", "name", "tags/0", "tags/1", "size/w", "size/h", "parts/0/k"]
    assert rows["value"] == ["3", "Straße", "a", "b", "1.5", "null", "true"]
    assert metadata.record == {
        "id": 3,
        "name": "Straße",
        "tags": ["a", "b"],
        "size/w": 1.5,
        "size/h": None,
        "parts": '[{"k": true}]',
    }
    assert (metadata.media_type, metadata.notes) == ("application/json", ())


@pytest.mark.parametrize("encoding", ["utf-8-sig", "utf-16", "utf-16-le", "utf-16-be", "utf-32", "utf-32-be"])
def test_unicode_encodings_are_detected(encoding: str) -> None:
    """With and without a byte order mark; what it was is recorded where it is not UTF-8."""
    rows, metadata = read("a.json", '{"ä": "ö"}'.encode(encoding))

    assert rows["text"] == ['{"ä": "ö"}']
    assert metadata.record == {"ä": "ö"}
    assert ("json/encoding" in metadata.values) is (encoding != "utf-8-sig")


@pytest.mark.parametrize(
    ("name", "content", "reason"),
    [
        ("a.json", b"", "empty"),
        ("a.jsonl", b"", "empty"),
        ("a.json", b" \n", "invalid_json"),
        ("a.json", b'{"a": \xff}', "invalid_text"),
        ("a.json", b'{"a": 1} {"a": 2}', "invalid_json"),
        ("a.json", b"[" * 600 + b"]" * 600, "limit_json_depth"),
        ("a.jsonl", b"\n \r\n", "invalid_json"),
        ("a.jsonl", b"{\n}\n", "invalid_json"),
    ],
)
def test_what_cannot_be_stored_fails_with_a_reason(name: str, content: bytes, reason: str) -> None:
    """Each kind of damage has its own code."""
    with pytest.raises(MemberError) as caught:
        read(name, content)

    assert caught.value.reason == reason


def test_lines_are_records_of_one_member() -> None:
    """A row per line; paths start with the line's row; the first line is the record."""
    rows, metadata = read("a.jsonl", '{"a": {"b": "x\u2028y"}}\r\n\n7\n{"a": []}'.encode())

    assert rows["text"] == ['{"a": {"b": "x\u2028y"}}', "7", '{"a": []}']
    assert rows["key"] == ["0/a/b", "1", "2/a"]
    assert rows["value"] == ["x\u2028y", "7", "[]"]
    assert metadata.record == {"a/b": "x\u2028y"}
    assert metadata.values == {"json/lines": 3}


def test_bad_lines_cost_themselves_only() -> None:
    """Invalid JSON, bytes that are no text and nesting too deep are counted and named by line."""
    lines = [b'{"a": 1}', b"{", b"\xff", b"[[[[1]]]]", b'{"a": 2}', b"", b"x", b"y", b"z"]
    rows, metadata = read("a.jsonl", b"\n".join(lines), json_depth=3)

    assert rows["text"] == ['{"a": 1}', '{"a": 2}']
    assert metadata.notes == ("bad_line:6 (lines 2,3,4,7,8,...)",)


def test_bad_lines_are_listed() -> None:
    """Each with its number, the reason and its text, which can be stored whatever its bytes are."""
    blocks, _ = read_member(JsonProcessor(), "a.jsonl", b'{"a": 1}\n{\n\xff\xfe!\n{"a": 2}')

    rejects = {block.array: list(block.rows) for block in blocks if block.group == "rejects"}
    assert rejects == {"line": [2, 3], "reason": ["invalid_json", "invalid_text"], "content": ["{", "\\xff\\xfe!"]}


def test_limits_name_themselves() -> None:
    """A document, a line, or lines in number beyond a limit say which; at the limit all is well."""
    read("a.json", b'"1234"', json_bytes=6)
    read("a.jsonl", b"1\n" * 5, rows=5)
    for name, content, limits, said in [
        ("a.json", b'"12345"', {"json_bytes": 6}, "limit_field_bytes.*json_bytes"),
        ("a.jsonl", b'1\n"' + b"x" * 100, {"json_bytes": 90}, "limit_field_bytes.*line 2"),
        ("a.jsonl", b"1\n" * 6, {"rows": 5}, "limit_rows.*more than 5"),
    ]:
        with pytest.raises(MemberError, match=said):
            read(name, content, **limits)


def test_many_lines_come_in_several_blocks() -> None:
    """So that memory does not grow with the member; nothing is lost between them."""
    content = b"".join(b'{"n": %d}\n' % n for n in range(20_000))
    blocks, _ = read_member(JsonProcessor(), "a.jsonl", content, as_stream=True)

    assert len(blocks) == 9
    assert rows_of(blocks, "value") == [str(n) for n in range(20_000)]


def test_json_test_suite(corpus: Callable[[str], Path]) -> None:
    """All that must be accepted is, all that must be refused is, and the rest gives one or the other."""
    counts = {"y_": 0, "n_": 0, "i_": 0}
    for path in sorted(corpus("json").glob("*.json")):
        kind = path.name[:2]
        counts[kind] += 1
        try:
            rows, _ = read(path.name, path.read_bytes())
        except MemberError:
            assert kind != "y_", path.name
        else:
            assert kind != "n_", path.name
            assert all(value.encode() is not None for value in rows["value"])

    assert counts["y_"] >= 95
    assert counts["n_"] >= 188


@given(st.binary(max_size=80), st.sampled_from(["a.json", "a.jsonl", "a"]))
def test_any_bytes_are_read_or_fail(content: bytes, name: str) -> None:
    """Foreign bytes give rows or a MemberError."""
    JsonProcessor().accepts(content, name)
    try:
        rows, _ = read(name, content)
    except MemberError:
        return

    assert len(rows["key"]) == len(rows["value"])


@given(
    st.lists(
        st.dictionaries(st.text(max_size=5), st.integers() | st.text(max_size=9), max_size=3), min_size=1, max_size=5
    )
)
def test_lines_come_back(documents: list[dict[str, Any]]) -> None:
    """What json.dumps writes a line each is what the rows hold."""
    rows, _ = read("a.jsonl", b"\n".join(json.dumps(one).encode() for one in documents))

    assert [json.loads(text) for text in rows["text"]] == documents
