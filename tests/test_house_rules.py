"""The rules of CONTRIBUTING.md that a program can check, over the sources' syntax trees."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import TypeAlias

from zarrpack.reasons import REASONS

ROOT = Path(__file__).parents[1]
FOLDERS = ("core", "storage", "processors", "converters")
SOURCES = sorted(path for folder in FOLDERS for path in (ROOT / folder).rglob("*.py"))
TESTS = sorted((ROOT / "tests").rglob("test_*.py"))

LONGEST_MODULE = 500
LONGEST_BODY = 60

#: What the modules of a folder must not import, so that dependencies point one way only.
FORBIDDEN = {
    "storage": ("zarrpack.processors", "zarrpack.converters", "multiprocessing", "subprocess"),
    "processors": ("zarrpack.converters", "multiprocessing", "subprocess"),
    "converters": (),
    "core": (),
}
#: Words that say nothing about what a thing is.
EMPTY_NAMES = {"helper", "helpers", "manager", "misc", "util", "utils"}
#: Names that other people's scripts know.
GIVEN_NAMES = {"ParquetDatasetManager"}

Function: TypeAlias = ast.FunctionDef | ast.AsyncFunctionDef


@cache
def tree(path: Path) -> ast.Module:
    """Parse a module."""
    return ast.parse(path.read_text(encoding="utf-8"), str(path))


def functions(path: Path) -> Iterator[Function]:
    """Give every function of a module, however deep."""
    return (node for node in ast.walk(tree(path)) if isinstance(node, Function))


def body_lines(function: Function) -> int:
    """Count a function's lines from its first statement after the docstring to its end."""
    statements = function.body[1:] if ast.get_docstring(function) is not None else function.body
    return (function.end_lineno or 0) - statements[0].lineno + 1 if statements else 0


def imported(path: Path) -> Iterator[str]:
    """Name every module that a module imports, at its top or inside a function."""
    for node in ast.walk(tree(path)):
        if isinstance(node, ast.Import):
            yield from (one.name for one in node.names)
        elif isinstance(node, ast.ImportFrom) and node.level == 0:
            yield node.module or ""
            yield from (f"{node.module}.{one.name}" for one in node.names)


def raised(function: Function) -> set[str]:
    """Name the errors that a function's own body raises; not those of functions inside it, nor what it re-raises."""
    names = set()
    waiting: list[ast.AST] = list(function.body)
    while waiting:
        node = waiting.pop()
        if isinstance(node, Function | ast.ClassDef | ast.Lambda):
            continue
        if isinstance(node, ast.Raise) and node.exc is not None:
            error = node.exc.func if isinstance(node.exc, ast.Call) else node.exc
            name = error.attr if isinstance(error, ast.Attribute) else getattr(error, "id", "")
            # A small letter: a variable, or a function that makes the error. An abstract method says itself what it is.
            if name[:1].isupper() and name != "NotImplementedError":
                names.add(name)
        waiting.extend(ast.iter_child_nodes(node))
    return names


def documented_errors(docstring: str | None) -> set[str]:
    """Name the errors in a docstring's Raises section."""
    section = re.search(r"^Raises\n-+\n(.*?)(?=^\S[^\n]*\n-{3,}\n|\Z)", docstring or "", re.MULTILINE | re.DOTALL)
    if section is None:
        return set()
    lines = re.findall(r"^(\S.*)$", section[1], re.MULTILINE)
    return {name.strip().rpartition(".")[2] for line in lines for name in line.split(",")}


def public_raisers(path: Path) -> Iterator[tuple[str, set[str], str | None]]:
    """Give the public functions and methods: name, errors raised, and the docstring that must say so.

    What a constructor raises is said by its class.
    """
    for node in tree(path).body:
        if isinstance(node, Function) and not node.name.startswith("_"):
            yield node.name, raised(node), ast.get_docstring(node)
        elif isinstance(node, ast.ClassDef) and not node.name.startswith("_"):
            for method in (one for one in node.body if isinstance(one, Function)):
                if method.name in ("__init__", "__new__", "__post_init__"):
                    yield f"{node.name}()", raised(method), ast.get_docstring(node)
                elif not method.name.startswith("_"):
                    yield f"{node.name}.{method.name}", raised(method), ast.get_docstring(method)


def calls_with_text(path: Path, *names: str) -> Iterator[tuple[str, int]]:
    """Give the first argument, if it is a literal, of every call of one of the names; and its line."""
    for node in ast.walk(tree(path)):
        if isinstance(node, ast.Call) and getattr(node.func, "id", getattr(node.func, "attr", "")) in names:
            first = node.args[0] if node.args else None
            if isinstance(first, ast.Constant) and isinstance(first.value, str):
                yield first.value, node.lineno


def named(path: Path) -> str:
    """Give the path as it is seen from the clone."""
    return path.relative_to(ROOT).as_posix()


def test_the_sources_are_found() -> None:
    """The rules are checked on something."""
    assert {path.relative_to(ROOT).parts[0] for path in SOURCES} == set(FOLDERS)
    assert sum(1 for path in SOURCES for _ in functions(path)) > 100


def test_modules_are_short() -> None:
    """A module fits in the head."""
    lines = {named(path): len(path.read_text(encoding="utf-8").splitlines()) for path in SOURCES}

    assert {path: count for path, count in lines.items() if count > LONGEST_MODULE} == {}


def test_functions_are_short() -> None:
    """A function fits on the screen."""
    lines = {f"{named(path)}: {one.name}": body_lines(one) for path in SOURCES for one in functions(path)}

    assert {name: count for name, count in lines.items() if count > LONGEST_BODY} == {}


def test_public_functions_say_what_they_raise() -> None:
    """Every error that a public function's body raises is in its Raises section."""
    unsaid = {
        f"{named(path)}: {name}": sorted(errors - documented_errors(docstring))
        for path in SOURCES
        for name, errors, docstring in public_raisers(path)
        if errors - documented_errors(docstring)
    }

    assert unsaid == {}


def test_the_raises_check_sees_raises() -> None:
    """The check above finds errors in the sources, and knows a missing section when it meets one."""
    found = {error for path in SOURCES for _, errors, _ in public_raisers(path) for error in errors}
    silent = ast.parse('def f():\n    """Do."""\n    raise KeyError("x")').body[0]
    assert isinstance(silent, ast.FunctionDef)

    assert {"MemberError", "UsageError", "FormatError"} <= found
    assert raised(silent) - documented_errors(ast.get_docstring(silent)) == {"KeyError"}
    assert documented_errors("Do.\n\nRaises\n------\nKeyError, a.OSError\n    Why.\n\nNotes\n-----\nX") == {
        "KeyError",
        "OSError",
    }


def test_imports_are_absolute() -> None:
    """A relative import, seen in a top-level folder, looks like a mistake, and type checkers cannot follow it."""
    relative = [
        f"{named(path)}:{node.lineno}"
        for path in SOURCES
        for node in ast.walk(tree(path))
        if isinstance(node, ast.ImportFrom) and node.level
    ]

    assert relative == []


def test_imports_point_one_way() -> None:
    """storage knows no processors, processors no converters, and neither starts processes."""
    wrong = [
        f"{named(path)} imports {name}"
        for path in SOURCES
        for name in imported(path)
        for forbidden in FORBIDDEN[path.relative_to(ROOT).parts[0]]
        if name == forbidden or name.startswith(f"{forbidden}.")
    ]

    assert wrong == []


def test_modules_begin_alike() -> None:
    """A module says what it is about, does not evaluate its annotations, and declares what it offers."""
    wrong = []
    for path in SOURCES:
        names = [node.name for node in tree(path).body if isinstance(node, Function | ast.ClassDef)]
        assigned = {getattr(one, "id", "") for node in ast.walk(tree(path)) for one in getattr(node, "targets", [])}
        offers = any(not name.startswith("_") for name in names) and path.name != "__main__.py"
        wrong += [] if ast.get_docstring(tree(path)) else [f"{named(path)}: docstring"]
        wrong += [f"{named(path)}: __future__"] if names and "__future__" not in set(imported(path)) else []
        wrong += [f"{named(path)}: __all__"] if offers and "__all__" not in assigned else []

    assert wrong == []


def test_names_say_something() -> None:
    """Nothing is called what one calls things that have no name."""
    empty = []
    for path in SOURCES:
        defined = [node.name for node in ast.walk(tree(path)) if isinstance(node, Function | ast.ClassDef)]
        words = {name: re.findall(r"[A-Z]?[a-z]+", name) for name in [path.stem, path.parent.name, *defined]}
        words = {name: found for name, found in words.items() if name not in GIVEN_NAMES}
        empty += [f"{named(path)}: {name}" for name in words if EMPTY_NAMES.intersection(map(str.lower, words[name]))]

    assert empty == []


def test_nothing_is_left_to_do() -> None:
    """Unfinished work is an issue, not a comment that nobody reads."""
    mark = re.compile(r"\b(TO" + r"DO|FIX" + r"ME)\b")  # in two parts, so that this file is not found
    left = [
        f"{named(path)}: {line.strip()}"
        for path in [*SOURCES, *TESTS]
        for line in path.read_text(encoding="utf-8").splitlines()
        if mark.search(line)
    ]

    assert left == []


def test_nothing_foreign_is_executed() -> None:
    """No eval and no unpickling; only the pipeline, and what tests processors, pickles objects of its own."""
    wrong = []
    for path in SOURCES:
        calls = {getattr(node.func, "id", "") for node in ast.walk(tree(path)) if isinstance(node, ast.Call)}
        loads = {name.partition(".")[0] for name in imported(path)}
        refused = {"dill", "joblib", "marshal", "shelve"}
        may_pickle = named(path).startswith("converters/pipeline/") or path.name == "testing.py"
        refused |= set() if may_pickle else {"cloudpickle", "pickle"}
        wrong += [f"{named(path)}: {one}" for one in calls & {"eval", "exec", "__import__"} | loads & refused]

    assert wrong == []


def test_reason_codes_are_documented() -> None:
    """A literal reason code is one of the documented ones: a wrong one would be noticed only when it is needed."""
    unknown = [
        f"{named(path)}:{line}: {code}"
        for path in SOURCES
        for code, line in calls_with_text(path, "MemberError", "Finding")
        if code not in REASONS
    ]

    assert unknown == []


def test_every_reason_code_is_used() -> None:
    """No code is documented that nothing can give."""
    texts = {
        node.value
        for path in SOURCES
        if path.name != "reasons.py"
        for node in ast.walk(tree(path))
        if isinstance(node, ast.Constant) and isinstance(node.value, str)
    }

    assert sorted(set(REASONS) - texts) == []


def test_reasons_page_is_the_table() -> None:
    """docs/reasons.md lists the codes in the order and words of zarrpack.reasons."""
    page = (ROOT / "docs" / "reasons.md").read_text(encoding="utf-8")
    rows = re.findall(r"^\| `([a-z0-9_]+)` \| (.+) \|$", page, re.MULTILINE)

    assert rows == list(REASONS.items())


def test_tests_say_what_they_expect() -> None:
    """Every test has a docstring that states the expectation, and something in it that can fail."""
    tests = [(path, one) for path in TESTS for one in functions(path) if one.name.startswith("test_")]

    assert [f"{named(path)}: {one.name}" for path, one in tests if not ast.get_docstring(one)] == []
    assert [f"{named(path)}: {one.name}" for path, one in tests if not any(map(_can_fail, ast.walk(one)))] == []


def _can_fail(node: ast.AST) -> bool:
    """Whether a node is an assertion, an expected error, or a call of something that asserts."""
    if isinstance(node, ast.Assert):
        return True
    called = getattr(node.func, "id", getattr(node.func, "attr", "")) if isinstance(node, ast.Call) else ""
    return called == "raises" or called.startswith(("assert_", "check", "expect"))
