"""``zarrpack trace``: which member, which archive, which rows."""

from __future__ import annotations

import json
from pathlib import Path

import click

from zarrpack.converters.commands.options import GivenPath, json_option
from zarrpack.converters.commands.report import printable

__all__ = ["trace_command"]


@click.command("trace", short_help="An item's members, archives, digests and rows.")
@click.argument("flow", type=GivenPath(), metavar="NAME.flow")
@click.argument("item")
@json_option
def trace_command(flow: Path, item: str, as_json: bool) -> int:
    """Follow ITEM, a name or a code of an item or the name of a member, back to its archive and forward to its rows."""
    from zarrpack.converters.trace import trace_item

    found = trace_item(flow, item)
    if as_json:
        click.echo(json.dumps(found))
        return 0
    click.echo(printable(f"item {found['item']}, code {found['code']}"))
    for member in found["members"]:
        click.echo(printable(f"  {member['archive']}: member {member['index']}, {member['member']}"))
        reason = f": {member['reason']}: {member['detail']}" if member["reason"] else ""
        click.echo(printable(f"    {member['state']}{reason}"))
        for key in ("role", "processor", "media_type", "size", "offset", "crc32", "sha256", "notes"):
            if member[key] is not None:
                click.echo(printable(f"    {key}: {member[key]}"))
    for place, stretches in found["rows"].items():
        rows = ", ".join(f"{first} to {end - 1}" if end - first > 1 else str(first) for first, end in stretches)
        click.echo(printable(f"  rows of {place}: {rows}"))
    return 0
