"""JSON documents and JSON Lines: the exact text, flat key/value pairs, and a record for a paired item."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, ClassVar

from zarrpack.errors import MemberError
from zarrpack.processors.base import Block, Member, Metadata, Processor
from zarrpack.processors.json_lines import split_lines
from zarrpack.processors.json_values import JsonReader
from zarrpack.processors.magic import media_type, suffix
from zarrpack.processors.rejects import Rejects, named_lines
from zarrpack.processors.text_decoding import decode_text

__all__ = ["JsonProcessor"]

_LINES_SUFFIXES = frozenset((".jsonl", ".ndjson", ".jsonlines"))
_SUFFIXES = frozenset((".json", ".geojson")) | _LINES_SUFFIXES
#: An object with a quoted key, or an array of such: what is taken for JSON without a suffix.
_LOOKS_LIKE_JSON = re.compile(rb'(?:\xef\xbb\xbf)?\s*+(?:\[\s*+)?\{\s*+"(?:[^"\\]|\\.)*+"\s*+:', re.DOTALL)
#: Rows of JSON Lines that make a block.
_BLOCK_LINES = 8192
_BLOCK_CHARACTERS = 8 << 20


@dataclass(frozen=True, slots=True)
class JsonProcessor(Processor):
    """Reads JSON (``.json``, ``.geojson``) and JSON Lines (``.jsonl``, ``.ndjson``, ``.jsonlines``).

    Strict: ``NaN``, comments and trailing commas are refused. A file of those names is JSON unless its first bytes
    are of another type; a file without a suffix is if it starts as an object, or an array of objects.

    Examples
    --------
    >>> text = b'{"id": 7, "tags": ["a", "b"]}'
    >>> *blocks, metadata = JsonProcessor().read(Member("7.json", text, text))
    >>> [(block.array, list(block.rows)) for block in blocks[1:]]
    [('key', ['id', 'tags/0', 'tags/1']), ('value', ['7', 'a', 'b'])]
    >>> metadata.record
    {'id': 7, 'tags': ['a', 'b']}
    """

    name: ClassVar[str] = "json"
    is_record: ClassVar[bool] = True

    def accepts(self, head: bytes, name: str) -> bool:
        """Tell by the suffix, unless the first bytes are of another type; without a suffix by the bytes."""
        ending = suffix(name)
        if ending:
            return ending in _SUFFIXES and media_type(head) is None
        return _LOOKS_LIKE_JSON.match(head) is not None

    def read(self, member: Member) -> Iterator[Block | Metadata]:
        """Give `text`, and `key` and `value` of the leaves; of JSON Lines in several blocks each, and bad lines as rejects.

        Raises
        ------
        MemberError
            ``empty``, ``invalid_text``, ``invalid_json``, ``limit_json_depth``, ``limit_field_bytes`` or
            ``limit_rows``.
        """
        if not member.head:
            raise MemberError("empty", "expected JSON, found no bytes")
        if suffix(member.name) in _LINES_SUFFIXES:
            yield from _read_lines(member)
        else:
            yield from _read_document(member)


def _read_document(member: Member) -> Iterator[Block | Metadata]:
    payload = member.read()
    limit = member.limits.json_bytes
    if len(payload) > limit:
        raise MemberError("limit_field_bytes", f"{len(payload)} bytes, more than {limit}; raise the limit json_bytes")
    encoding = json.detect_encoding(payload)
    text = decode_text(payload, encoding=encoding)
    reader = JsonReader(member.limits.json_depth)
    keys, values, record = reader.read(text)
    yield from _blocks([text], keys, values)
    about = {} if encoding in ("utf-8", "utf-8-sig") else {"json/encoding": encoding}
    yield Metadata(about, record, "application/json", reader.notes())


def _read_lines(member: Member) -> Iterator[Block | Metadata]:
    reader = JsonReader(member.limits.json_depth)
    texts: list[str] = []
    keys: list[str] = []
    values: list[str] = []
    first: dict[str, Any] | None = None
    good, bad, characters = 0, _BadLines(), 0
    for number, line in split_lines(member):
        try:
            text = decode_text(line)
            line_keys, line_values, record = reader.read(text)
        except MemberError as error:
            bad.add(number, error, line)
            if bad.rejects.is_full:
                yield from bad.rejects.blocks()
            continue
        first = record if not good else first
        # Each line's paths start with its row, as those of an array of documents would.
        keys += [f"{good}/{key}" if key else str(good) for key in line_keys]
        values += line_values
        texts.append(text)
        good += 1
        characters += len(text)
        if good > member.limits.rows:
            raise MemberError("limit_rows", f"more than {member.limits.rows} lines; raise the limit rows")
        if len(texts) >= _BLOCK_LINES or characters >= _BLOCK_CHARACTERS:
            yield from _blocks(texts, keys, values)
            texts, keys, values, characters = [], [], [], 0
    if not good:
        raise bad.error()
    if texts:
        yield from _blocks(texts, keys, values)
    yield from bad.rejects.blocks()
    yield Metadata({"json/lines": good}, first, "application/jsonl", (*bad.notes(), *reader.notes()))


def _blocks(texts: list[str], keys: list[str], values: list[str]) -> Iterator[Block]:
    yield Block("records", "text", ("record",), texts)
    yield Block("records", "key", ("entry",), keys)
    yield Block("records", "value", ("entry",), values)


class _BadLines:
    """Counts the lines that are no JSON, and lists them."""

    def __init__(self) -> None:
        self.rejects = Rejects()
        self._count = 0
        self._first: list[int] = []
        self._reason = ""

    def add(self, number: int, error: MemberError, line: bytes) -> None:
        self._reason = self._reason or f"line {number}: {error}"
        self._count += 1
        if self._count < 10:
            self._first.append(number)
        self.rejects.add(number, error.reason, line.decode("utf-8", "backslashreplace"))

    def notes(self) -> tuple[str, ...]:
        return named_lines("bad_line", self._count, self._first)

    def error(self) -> MemberError:
        return MemberError("invalid_json", f"expected JSON on some line, found none; {self._reason or 'all are empty'}")
