"""``zarrpack plot``: distributions and contact sheets as PNG."""

from __future__ import annotations

import json
from pathlib import Path

import click

from zarrpack.converters.commands.options import GivenPath, common_options

__all__ = ["plot_command"]


@click.command("plot", short_help="Distributions and contact sheets as PNG.")
@click.argument("path", type=GivenPath(), metavar="NAME.flow")
@click.option("-o", "--out", required=True, type=GivenPath(), metavar="FILE.png", help="The picture.")
@click.option("--key", help="Draw how this array or column of the infoset is distributed.")
@click.option("--group", help="The group of the array, where several have one of that name.")
@click.option("--bins", type=click.IntRange(1), help="Bins of a distribution; one for each whole number if not given.")
@click.option("--item", "items", multiple=True, metavar="NAME", help="Show this item; may be given several times.")
@click.option("--columns", type=click.IntRange(1), default=5, show_default=True, help="Pictures side by side.")
@click.option("--title", help="Above the picture.")
@click.option("--overwrite", is_flag=True, help="Replace FILE.png if it exists.")
@common_options
def plot_command(
    path: Path,
    out: Path,
    key: str | None,
    group: str | None,
    bins: int | None,
    items: tuple[str, ...],
    columns: int,
    title: str | None,
    overwrite: bool,
    quiet: bool,
    as_json: bool,
) -> int:
    """Draw a distribution (--key), or without it a contact sheet of the first 20 pictures or those of --item.

    NAME.flow may also be a .dataset.
    """
    from zarrpack.converters.plotting import plot

    size = plot(
        path, out, key=key, group=group, bins=bins, items=items, columns=columns, title=title, overwrite=overwrite
    )
    if as_json:
        click.echo(json.dumps({"path": str(out), "bytes": size}))
    elif not quiet:
        click.echo(f"{out}: {size} bytes")
    return 0
