"""``zarrpack convert``: archives become one dataset."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from zarrpack.converters.commands.options import GivenPath, common_options
from zarrpack.converters.commands.report import print_result

__all__ = ["convert_command"]


@click.command("convert", short_help="Archives, folders and files become one dataset.")
@click.argument("sources", nargs=-1, required=True, type=GivenPath(), metavar="SOURCE...")
@click.option("-o", "--out", required=True, type=GivenPath(), help="Output folder.")
@click.option("--name", help="Stem of the files. Default: the source's, of several OUT's.")
@click.option("--config", type=GivenPath(), help="JSON file with options; those given here win.")
@click.option("--workers", type=int, help="Worker processes. Default: one per core.")
@click.option("--images", type=click.Choice(["decoded", "encoded", "both"]), help="Keep pixels, source bytes, or both.")
@click.option("--size", metavar="WxH", help="Bring every picture to this size in pixels.")
@click.option("--fit", type=click.Choice(["crop", "pad", "stretch"]), help="How. Default: crop.")
@click.option("--pair", metavar="HOW", help="member, stem, basename, or a regular expression with (?P<item>...).")
@click.option("--join", multiple=True, metavar="MEMBER.csv:COLUMN", help="Join a table's rows to items by key.")
@click.option("--labels", type=click.Choice(["folder"]), help="Take label and subset from folder names.")
@click.option("--include", multiple=True, metavar="GLOB", help="Take only members that match.")
@click.option("--exclude", multiple=True, metavar="GLOB", help="Leave out members that match.")
@click.option("--limit", type=int, metavar="N", help="Take the first N members.")
@click.option("--compression", type=click.Choice(["spec", "fast", "none"]), help="Codec of all arrays.")
@click.option("--items-per-data", type=int, metavar="N", help="Members per .data file; 1 makes per-file stores.")
@click.option("--hdf5", is_flag=True, default=None, help="Write NAME.h5 as well, for tools that read HDF5.")
@click.option("--hdf5-compression", type=click.Choice(["gzip", "lzf", "zstd", "none"]), help="Default: gzip.")
@click.option("--hdf5-layout", type=click.Choice(["columnar", "per_item"]), help="Default: columnar.")
@click.option("--keep-data", is_flag=True, default=None, help="Keep the .data files, in encoded/.")
@click.option("--overwrite", is_flag=True, default=None, help="Replace files of this name that exist.")
@click.option("--salvage", is_flag=True, default=None, help="Look for members behind damaged places of archives.")
@click.option("--nested", type=int, metavar="N", help="Open archives inside archives, N deep. Default: 0, not at all.")
@click.option("--resume", is_flag=True, default=None, help="Go on with a run that was stopped.")
@click.option("--strict", is_flag=True, default=None, help="Stop at the first failure and publish nothing.")
@click.option("--set", "settings", multiple=True, metavar="LIMIT=VALUE", help="Change a limit; see zarrpack limits.")
@common_options
def convert_command(
    sources: tuple[Path, ...],
    out: Path,
    config: Path | None,
    settings: tuple[str, ...],
    quiet: bool,
    as_json: bool,
    **given: Any,
) -> int:
    """Turn archives, folders and files into NAME.dataset, .infoset, .attribset, .members.parquet and .flow.

    SOURCE is a zip, a tar, a tar.gz/.bz2/.xz/.zst, a single .gz/.bz2/.xz/.zst, a folder, or any one file.
    """
    from zarrpack.converters.configuration import read_options
    from zarrpack.converters.convert import convert_with
    from zarrpack.converters.options import options_from_mapping
    from zarrpack.converters.settings import merged_settings, parse_settings

    values = read_options(config) if config is not None else {}
    values.update({key: value for key, value in given.items() if value is not None and value != ()})
    values = merged_settings(values, parse_settings(settings))
    result = convert_with(sources, out, options_from_mapping(values), quiet=quiet or as_json)
    print_result(result, quiet=quiet, as_json=as_json)
    return result.exit_status
