"""Strict JSON: parsing within limits, and the two flat forms of a document."""

from __future__ import annotations

import json
from collections.abc import Iterable
from typing import Any, NoReturn

from zarrpack.errors import MemberError

__all__ = ["JsonReader", "escape_key", "leaves", "record_of"]

_INT_MIN, _INT_MAX = -(2**63), 2**64 - 1
#: Characters of the longest integers of 64 bits.
_INT_DIGITS = 20
_ZEROS = frozenset("-0.")
_LINES_HINT = "; if each line is a document of its own, call the file .jsonl"
_INFINITIES = (float("inf"), float("-inf"))


class JsonReader:
    """Parses the JSON texts of one member, and remembers what was odd about them. Not safe for threads.

    Parameters
    ----------
    depth : int
        Nesting that is accepted; ``[[1]]`` has 2.

    Examples
    --------
    >>> reader = JsonReader(depth=512)
    >>> reader.read('{"a": 1, "b": {"c": [true, null]}, "a": 2}')
    (['a', 'b/c/0', 'b/c/1'], ['2', 'true', 'null'], {'a': 2, 'b/c': [True, None]})
    >>> reader.notes()
    ('duplicate_key:1',)
    """

    def __init__(self, depth: int) -> None:
        self._depth = depth
        self._duplicate_keys = 0
        self._odd: set[str] = set()
        self._decoder = json.JSONDecoder(
            object_pairs_hook=self._object,
            parse_int=self._int,
            parse_float=self._float,
            parse_constant=_refuse_constant,
        )

    def read(self, text: str) -> tuple[list[str], list[str], dict[str, Any] | None]:
        """Parse one text.

        Parameters
        ----------
        text : str
            One JSON value.

        Returns
        -------
        list of str
            A path for each leaf, in document order.
        list of str
            Each leaf's value.
        dict or None
            The document as metadata of an item, or None.

        Raises
        ------
        MemberError
            ``invalid_json`` or ``limit_json_depth``.
        """
        try:
            document = self._decoder.decode(text)
            keys, values = leaves(document, self._depth)
            record = record_of(document)
        except json.JSONDecodeError as exc:
            hint = _LINES_HINT if exc.msg == "Extra data" and exc.lineno > 1 else ""
            raise MemberError("invalid_json", f"line {exc.lineno}, column {exc.colno}: {exc.msg}{hint}") from exc
        except RecursionError as exc:
            raise _too_deep(self._depth) from exc
        # Only an escape can put half a surrogate pair into text that has been decoded.
        if "\\ud" in text or "\\uD" in text:
            keys, values = list(map(self._clean, keys)), list(map(self._clean, values))
            record = None if record is None else {self._clean(key): self._cleaned(record[key]) for key in record}
        return keys, values, record

    def notes(self) -> tuple[str, ...]:
        """Say what was odd about the texts so far, as notes for the ledger."""
        duplicates = (f"duplicate_key:{self._duplicate_keys}",) if self._duplicate_keys else ()
        return (*duplicates, *sorted(self._odd))

    def _object(self, pairs: list[tuple[str, Any]]) -> dict[str, Any]:
        made = dict(pairs)
        self._duplicate_keys += len(pairs) - len(made)
        return made

    def _int(self, text: str) -> int | str:
        if len(text) <= _INT_DIGITS and _INT_MIN <= (value := int(text)) <= _INT_MAX:
            return value
        self._odd.add("int_overflow")
        return text

    def _float(self, text: str) -> float | str:
        value = float(text)
        if value in _INFINITIES:
            self._odd.add("float_overflow")
            return text
        if value == 0 and _is_more_than_zero(text):
            self._odd.add("float_underflow")
            return text
        return value

    def _clean(self, text: str) -> str:
        clean = text.encode("utf-8", "backslashreplace").decode()
        if clean != text:
            self._odd.add("bad_unicode")
        return clean

    def _cleaned(self, value: Any) -> Any:
        if isinstance(value, list):
            return [self._cleaned(one) for one in value]
        return self._clean(value) if isinstance(value, str) else value


def _is_more_than_zero(text: str) -> bool:
    """Whether a number's digits, those of its exponent apart, are not all zero."""
    return not _ZEROS.issuperset(text.lower().partition("e")[0])


def leaves(document: Any, depth: int) -> tuple[list[str], list[str]]:
    """Flatten a document to its leaves, in document order.

    Parameters
    ----------
    document : JSON value
        As :func:`json.loads` gives it.
    depth : int
        Nesting that is accepted.

    Returns
    -------
    list of str
        Paths such as ``a/b/0``; empty for a document that is one leaf. Keys are escaped.
    list of str
        Strings as they are, others as JSON. An empty object or array is a leaf.

    Raises
    ------
    MemberError
        ``limit_json_depth``.

    Examples
    --------
    >>> leaves({"a": [1.5, "x"], "b/c": {}}, 512)
    (['a/0', 'a/1', 'b~1c'], ['1.5', 'x', '{}'])
    """
    if not _is_container(document) or not document:
        return [""], [_leaf_text(document)]
    keys: list[str] = []
    values: list[str] = []
    # A stack of iterators, not recursion: how deep is the limit's business, not the interpreter's.
    stack = [("", iter(_items(document)))]
    while stack:
        prefix, children = stack[-1]
        for key, value in children:
            path = prefix + (escape_key(key) if "/" in key or "~" in key else key)
            if _is_container(value):
                if len(stack) >= depth:
                    raise _too_deep(depth)
                if value:
                    stack.append((path + "/", iter(_items(value))))
                    break
            keys.append(path)
            values.append(value if type(value) is str else _leaf_text(value))
        else:
            stack.pop()
    return keys, values


def record_of(document: Any) -> dict[str, Any] | None:
    """Give a document as metadata of an item.

    Parameters
    ----------
    document : JSON value
        As :func:`json.loads` gives it.

    Returns
    -------
    dict of str to JSON value, or None
        ``a/b`` keys and their scalars. A list of scalars stays a list, any other becomes JSON text; an empty
        object gives no key. A document that is no object is ``{"value": ...}`` if scalar or a list
        of scalars, else None.

    Examples
    --------
    >>> record_of({"a": {"b": [1, 2]}, "c": [{"d": 1}]})
    {'a/b': [1, 2], 'c': '[{"d": 1}]'}
    """
    if type(document) is not dict:
        flat = type(document) is not list or not any(map(_is_container, document))
        return {"value": document} if flat else None
    record: dict[str, Any] = {}
    stack = [("", iter(document.items()))]
    while stack:
        prefix, children = stack[-1]
        for key, value in children:
            path = prefix + (escape_key(key) if "/" in key or "~" in key else key)
            kind = type(value)
            if kind is dict:
                stack.append((path + "/", iter(value.items())))
                break
            if kind is list and any(map(_is_container, value)):
                value = json.dumps(value, ensure_ascii=False)
            record[path] = value
        else:
            stack.pop()
    return record


def escape_key(key: str) -> str:
    """Write a key so that it can stand in a path: ``~`` as ``~0``, ``/`` as ``~1``, as in JSON Pointer.

    Examples
    --------
    >>> escape_key("km/h")
    'km~1h'
    """
    return key.replace("~", "~0").replace("/", "~1")


def _is_container(value: Any) -> bool:
    return type(value) is dict or type(value) is list


def _items(container: Any) -> Iterable[tuple[str, Any]]:
    if type(container) is dict:
        return container.items()
    return zip(map(str, range(len(container))), container, strict=True)


def _leaf_text(value: Any) -> str:
    if value is None:
        return "null"
    if value is True or value is False:
        return "true" if value else "false"
    return value if type(value) is str else repr(value)


def _refuse_constant(name: str) -> NoReturn:
    raise MemberError("invalid_json", f"expected a JSON value, found {name}")


def _too_deep(depth: int) -> MemberError:
    return MemberError("limit_json_depth", f"nested more than {depth} deep; raise the limit json_depth")
