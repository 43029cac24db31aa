"""Schemas as JSON files."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any, NoReturn

from zarrpack.errors import FormatError
from zarrpack.storage.durability import publish_file

__all__ = ["read_schema_file", "write_schema_file"]


def read_schema_file(path: Path) -> dict[str, Any]:
    """Give the JSON object in a file, which may be of any origin.

    Raises
    ------
    OSError
        If the file cannot be read.
    FormatError
        If it is no JSON object in UTF-8. A ValueError.
    """
    try:
        schema = json.loads(path.read_bytes().decode("utf-8-sig"), parse_constant=_no_number)
    except UnicodeDecodeError as error:
        raise FormatError(f"{path}: expected a schema, JSON in UTF-8, found other bytes at {error.start}") from error
    except json.JSONDecodeError as error:
        raise FormatError(f"{path}: line {error.lineno}, column {error.colno}: not valid JSON: {error.msg}") from error
    except RecursionError as error:
        raise FormatError(f"{path}: expected a schema, found JSON nested too deeply") from error
    except ValueError as error:
        raise FormatError(f"{path}: expected a schema, found JSON that holds {error}") from error
    if not isinstance(schema, dict):
        raise FormatError(f"{path}: expected a schema, a JSON object, found a {type(schema).__name__}")
    return schema


def write_schema_file(path: Path, text: str) -> None:
    """Write a schema's JSON text; at every moment the file is the old one or the new one.

    Raises
    ------
    OSError
        If the file cannot be written.
    """
    temporary = path.with_name(f".{path.name}.{os.getpid()}.part")
    try:
        temporary.write_text(text + "\n", encoding="utf-8", newline="\n")
        publish_file(temporary, path)
    finally:
        temporary.unlink(missing_ok=True)


def _no_number(constant: str) -> NoReturn:
    raise ValueError(f"the number {constant}, which JSON has not")
