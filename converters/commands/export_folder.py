"""``zarrpack export shards`` and ``zarrpack export webdataset``: a dataset becomes a folder of tars."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

import click

from zarrpack.converters.commands.options import GivenPath, common_options
from zarrpack.converters.commands.report import megabytes, printable

__all__ = ["export_shards_command", "export_webdataset_command"]

_Function = TypeVar("_Function", bound=Callable[..., Any])


def _folder_options(function: _Function) -> _Function:
    """Add what both commands have."""
    for option in (
        click.option("--overwrite", is_flag=True, help="Replace a folder of this name that exists."),
        click.option("--max-shard-bytes", type=click.IntRange(min=1), metavar="N", help="Bytes in a tar at the most."),
        click.option("--samples-per-shard", type=click.IntRange(min=1), metavar="N", help="Samples in a tar."),
        click.option("--array", "arrays", multiple=True, metavar="GROUP[/ARRAY]", help="Only these; may be repeated."),
        click.option("-o", "--out", required=True, type=GivenPath(), metavar="DIR", help="The folder to make."),
        click.argument("source", type=GivenPath(), metavar="NAME.dataset"),
    ):
        function = option(function)
    return common_options(function)


@click.command("shards", short_help="A sharded store: tars of .npy files with an SQLite index.")
@_folder_options
def export_shards_command(source: Path, out: Path, quiet: bool, as_json: bool, **options: Any) -> int:
    """Write NAME.dataset and its infoset as a sharded store, a sample for each item, a field for each array."""
    from zarrpack.converters.exports.shards import export_shards

    return _report(export_shards(source, out, **_given(options)), quiet, as_json)


@click.command("webdataset", short_help="Tars for webdataset: the files of a sample lie together.")
@_folder_options
def export_webdataset_command(source: Path, out: Path, quiet: bool, as_json: bool, **options: Any) -> int:
    """Write NAME.dataset and its infoset as tars, pictures as they are if their bytes were kept, arrays as .npy."""
    from zarrpack.converters.exports.webdataset import export_webdataset

    return _report(export_webdataset(source, out, **_given(options)), quiet, as_json)


def _given(options: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in options.items() if value is not None}


def _report(result: Any, quiet: bool, as_json: bool) -> int:
    if as_json:
        click.echo(json.dumps(result.to_mapping()))
    elif not quiet:
        click.echo(
            f"{printable(str(result.out))}: {result.samples} samples in {result.shards} tars, {megabytes(result.bytes)}, "
            f"{result.seconds:.1f} s"
        )
    return 0
