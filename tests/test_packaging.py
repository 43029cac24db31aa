"""What is installed: every package, one top-level name, a cheap import, one version."""

from __future__ import annotations

import importlib
import importlib.metadata
import importlib.util
import inspect
import json
import pkgutil
import re
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

import zarrpack

ROOT = Path(__file__).parents[1]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())
SETTINGS = PROJECT["tool"]["setuptools"]

#: What costs too much, or is not everyone's, to be loaded by `import zarrpack`.
HEAVY = ["dask", "duckdb", "h5py", "matplotlib", "numcodecs", "numpy", "pandas", "pyarrow", "torch", "xarray", "zarr"]


def modules() -> list[str]:
    """Name every module of every package; walking from the root would miss mapped folders."""
    names = []
    for package in SETTINGS["packages"]:
        names.append(package)
        found = pkgutil.iter_modules(importlib.import_module(package).__path__, f"{package}.")
        names += [one.name for one in found if not one.ispkg and not one.name.endswith(".__main__")]
    return names


def test_every_package_on_disk_is_listed() -> None:
    """A package that pyproject.toml does not list works from the clone and is missing from the wheel."""
    on_disk = set()
    for package, folder in SETTINGS["package-dir"].items():
        for init in (ROOT / folder).rglob("__init__.py"):
            inner = init.parent.relative_to(ROOT / folder).parts
            on_disk.add(".".join((package, *inner)))

    assert on_disk == set(SETTINGS["packages"])


def test_no_module_hides_in_a_folder_without_init() -> None:
    """Every module lies in a package, else the wheel does not have it."""
    hidden = [
        module
        for folder in SETTINGS["package-dir"].values()
        for module in (ROOT / folder).rglob("*.py")
        if not (module.parent / "__init__.py").is_file()
    ]

    assert hidden == []


def test_mapped_folders_are_not_top_level_packages(monkeypatch: pytest.MonkeyPatch) -> None:
    """An installation claims the name zarrpack and no other, such as storage."""
    monkeypatch.setattr(sys, "path", [p for p in sys.path if Path(p or ".").resolve() != ROOT])

    claimed = [folder for folder in SETTINGS["package-dir"].values() if importlib.util.find_spec(folder) is not None]

    assert claimed == []


def test_import_is_cheap() -> None:
    """`import zarrpack` loads none of the large libraries; a fresh process shows it."""
    program = "import zarrpack, sys, json; print(json.dumps(sorted({n.partition('.')[0] for n in sys.modules})))"
    loaded = json.loads(subprocess.run([sys.executable, "-c", program], capture_output=True, check=True).stdout)

    assert "zarrpack" in loaded
    assert set(loaded) & set(HEAVY) == set()


def test_one_version_everywhere() -> None:
    """The package, its metadata, pyproject.toml and the top of the changelog agree."""
    top = re.search(r"^## \[?([0-9][^\] ]*)", (ROOT / "CHANGELOG.md").read_text(), re.MULTILINE)

    assert top is not None
    assert zarrpack.__version__ == PROJECT["project"]["version"] == top[1]
    assert importlib.metadata.version("zarrpack") == zarrpack.__version__


def test_public_surface() -> None:
    """The public list is sorted, every name on it can be loaded, and nothing else is offered."""
    assert list(zarrpack.__all__) == sorted(zarrpack.__all__)
    assert dir(zarrpack) == list(zarrpack.__all__)
    for name in zarrpack.__all__:
        assert getattr(zarrpack, name) is not None


def test_an_unknown_public_name_is_an_attribute_error() -> None:
    """A misspelt name says what there is."""
    with pytest.raises(AttributeError, match="open_dataset"):
        zarrpack.open_datasets  # noqa: B018


@pytest.mark.parametrize("name", modules())
def test_all_lists_what_a_module_defines(name: str) -> None:
    """Each module's `__all__` names things that exist, and every public function and class defined there."""
    module = importlib.import_module(name)
    listed = set(getattr(module, "__all__", ()))
    defined = {
        key
        for key, value in vars(module).items()
        if not key.startswith("_")
        and (inspect.isclass(value) or inspect.isfunction(value))
        and value.__module__ == name
    }

    assert [key for key in listed if not hasattr(module, key)] == []
    assert defined - listed == set()


def test_linters_are_the_same_everywhere() -> None:
    """The commit hook formats with the version that .ci/run checks with, else they undo each other's work."""
    pinned = next(one for one in PROJECT["project"]["optional-dependencies"]["dev"] if one.startswith("ruff"))
    hook = re.search(r"ruff-pre-commit\n\s+rev: v(\S+)", (ROOT / ".pre-commit-config.yaml").read_text())

    assert hook is not None
    assert pinned == f"ruff=={hook[1]}"
