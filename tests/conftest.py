"""Shared fixtures: small archives on disk."""

from __future__ import annotations

import importlib.util
import sys
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
_load("stores")
_load("runs")


@pytest.fixture
def products_zip(tmp_path: Path) -> Path:
    """Give a zip of six pictures, a record for each, and a table."""
    archives = sys.modules["archives"]
    path: Path = archives.write_zip(tmp_path / "products.zip", archives.product_members(6))
    return path
