"""The examples in docstrings run, and everything public has a docstring."""

from __future__ import annotations

import doctest
import importlib
import inspect
import io
import pkgutil
import tomllib
from pathlib import Path

import pytest

PACKAGES = tomllib.loads((Path(__file__).parents[1] / "pyproject.toml").read_text())["tool"]["setuptools"]["packages"]


def modules() -> list[str]:
    """Name every module of every listed package."""
    names = list(PACKAGES)
    for package in PACKAGES:
        found = pkgutil.iter_modules(importlib.import_module(package).__path__, f"{package}.")
        names += [one.name for one in found if not one.ispkg and one.name != "zarrpack.__main__"]
    return names


def examples(name: str) -> list[doctest.DocTest]:
    """Give a module's docstrings that hold examples."""
    return [test for test in doctest.DocTestFinder().find(importlib.import_module(name), name) if test.examples]


@pytest.mark.parametrize("name", modules())
def test_examples_run(name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Every example of the module gives what it says."""
    monkeypatch.chdir(tmp_path)  # an example that writes must not write into the clone
    runner = doctest.DocTestRunner(optionflags=doctest.NORMALIZE_WHITESPACE)
    report = io.StringIO()
    for test in examples(name):
        runner.run(test, out=report.write)

    assert runner.summarize(verbose=False).failed == 0, report.getvalue()


def test_there_are_examples() -> None:
    """The search finds examples in every folder, so that the test above cannot pass by finding none."""
    for folder in ("zarrpack.converters", "zarrpack.processors", "zarrpack.storage"):
        assert sum(len(examples(name)) for name in modules() if name.startswith(folder)) >= 3, folder


@pytest.mark.parametrize("name", modules())
def test_public_things_have_docstrings(name: str) -> None:
    """The module, its public functions and classes, and their public methods say what they are for."""
    module = importlib.import_module(name)
    undocumented = [] if inspect.getdoc(module) else [name]
    for key in getattr(module, "__all__", ()):
        value = inspect.unwrap(getattr(module, key))
        if not (inspect.isclass(value) or inspect.isfunction(value)) or value.__module__ != name:
            continue
        undocumented += [] if _documented(value) else [key]
        if inspect.isclass(value):
            members = [one for one in vars(value) if not one.startswith("_") and _is_method(vars(value)[one])]
            undocumented += [f"{key}.{one}" for one in members if not _documented(getattr(value, one))]

    assert undocumented == []


def _is_method(value: object) -> bool:
    return inspect.isfunction(value) or isinstance(value, property | classmethod | staticmethod)


def _documented(value: object) -> bool:
    """Whether there is a docstring, perhaps an inherited one; those that dataclass makes up do not count."""
    text = inspect.getdoc(value) or ""
    return bool(text) and not text.startswith(f"{getattr(value, '__name__', '?')}(")
