"""``zarrpack merge``: per-file stores, packs and datasets become one dataset."""

from __future__ import annotations

import json
from pathlib import Path

import click

from zarrpack.converters.commands.options import GivenPath, common_options
from zarrpack.converters.commands.report import megabytes, print_notes, printable

__all__ = ["merge_command"]


@click.command("merge", short_help="Per-file stores, packs and datasets become one dataset.")
@click.argument("sources", nargs=-1, required=True, type=GivenPath(), metavar="SOURCE...")
@click.option("-o", "--out", required=True, type=GivenPath(), metavar="NAME.dataset", help="The result.")
@click.option("--overwrite", is_flag=True, help="Replace files of this name that exist.")
@click.option("--promote", is_flag=True, help="Make one dtype of numbers of different kinds, instead of refusing them.")
@click.option("--strict", is_flag=True, help="Refuse arrays that some sources lack, instead of padding them.")
@common_options
def merge_command(
    sources: tuple[Path, ...], out: Path, overwrite: bool, promote: bool, strict: bool, quiet: bool, as_json: bool
) -> int:
    """Join .data files and datasets, in the order given, into NAME.dataset with NAME.infoset and NAME.attribset.

    SOURCE is a .data file, a folder of them (taken in the order of their names), or a .dataset. Datasets come first: the
    codes of the first one stay, and its tables are taken over.
    """
    from zarrpack.converters.merging import merge_files

    result = merge_files(sources, out, overwrite=overwrite, promote=promote, strict=strict)
    if as_json:
        click.echo(json.dumps(result.to_mapping()))
    elif not quiet:
        click.echo(
            f"{printable(str(result.dataset))}: {result.items} items from {result.sources} files in {result.seconds:.1f} s, "
            f"{megabytes(result.dataset.stat().st_size)} ({result.chunks_copied} chunks copied, "
            f"{result.chunks_encoded} encoded)"
        )
        print_notes(result.notes)
    return 0
