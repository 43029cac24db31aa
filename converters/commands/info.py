"""``zarrpack info``: what is in a file or folder that zarrpack made."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import click

from zarrpack.converters.commands.options import GivenPath, json_option
from zarrpack.converters.commands.report import megabytes, printable

__all__ = ["info_command"]


@click.command("info", short_help="What is in a file or folder that zarrpack made.")
@click.argument("path", type=GivenPath())
@json_option
def info_command(path: Path, as_json: bool) -> int:
    """Show the groups, arrays, tables and counts of PATH.

    PATH is a .dataset, .data, .infoset, .attribset, .members.parquet, .flow or .h5 file, or an output folder.
    """
    from zarrpack.converters.inspection import inspect

    found = inspect(path)
    if as_json:
        click.echo(json.dumps(found))
    else:
        _print(found)
    return 0


def _print(found: dict[str, Any]) -> None:
    click.echo(f"{printable(found['path'])}: {found['kind']}, {megabytes(found['bytes'])}")
    for key, value in found.items():
        if key not in ("path", "kind", "bytes", "groups", "columns", "files"):
            text = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
            click.echo(f"  {key}: {printable(text)}")
    for group, arrays in found.get("groups", {}).items():
        click.echo(f"  {printable(group)}")
        for name, one in arrays.items():
            dims = ", ".join(f"{dim} {length}" for dim, length in zip(one["dims"], one["shape"], strict=True))
            click.echo(f"    {printable(name):<24} {one['dtype']:<10} [{printable(dims)}]")
    for name, dtype in found.get("columns", {}).items():
        click.echo(f"    {printable(name):<32} {dtype}")
    for one in found.get("files", []):
        _print(one)
