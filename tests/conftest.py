"""Shared fixtures: small archives on disk."""

from __future__ import annotations

import importlib.util
import shutil
import sys
from collections.abc import Callable
from pathlib import Path
from types import ModuleType

import pytest


def _load(name: str) -> ModuleType:
    """Import a module of the tests folder under its plain name, which importlib mode does not offer."""
    spec = importlib.util.spec_from_file_location(name, Path(__file__).with_name(f"{name}.py"))
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module
    spec.loader.exec_module(module)
    return module


_load("archives")
_load("market_rows")
_load("mutations")
_load("stores")
_load("runs")
_load("datasets")


@pytest.fixture(scope="session")
def encoded_flow(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Give the ``.flow`` of nine paired pictures that were kept encoded; not to be changed."""
    path: Path = sys.modules["datasets"].convert_products(tmp_path_factory.mktemp("encoded"), 9, images="encoded")
    return path


@pytest.fixture(scope="session")
def decoded_flow(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Give the same pictures decoded; not to be changed."""
    path: Path = sys.modules["datasets"].convert_products(tmp_path_factory.mktemp("decoded"), 9)
    return path


@pytest.fixture(scope="session")
def flat_flow(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Give pictures of different sizes, decoded, in one flat array; not to be changed."""
    path: Path = sys.modules["datasets"].convert_products(tmp_path_factory.mktemp("flat"), 6, vary=True)
    return path


@pytest.fixture(scope="session")
def parts_flow(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Give four merged files with faces and edges; not to be changed."""
    path: Path = sys.modules["datasets"].merge_parts(tmp_path_factory.mktemp("parts"))
    return path


@pytest.fixture
def own_copy(tmp_path: Path) -> Callable[[Path], Path]:
    """Give what copies a set of files, for a test that writes into it."""

    def copy(flow: Path) -> Path:
        return Path(shutil.copytree(flow.parent, tmp_path / "copy")) / flow.name

    return copy


@pytest.fixture
def products_zip(tmp_path: Path) -> Path:
    """Give a zip of six pictures, a record for each, and a table."""
    archives = sys.modules["archives"]
    path: Path = archives.write_zip(tmp_path / "products.zip", archives.product_members(6))
    return path
