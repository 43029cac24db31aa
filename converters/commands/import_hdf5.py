"""``zarrpack import hdf5``: HDF5 files become a dataset."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import click

from zarrpack.converters.commands.options import GivenPath, common_options
from zarrpack.converters.commands.report import print_result, printable

__all__ = ["import_hdf5_command"]


@click.command("hdf5", short_help="HDF5, netCDF-4 and MATLAB 7.3 files.")
@click.argument("files", nargs=-1, required=True, type=GivenPath(), metavar="FILE...")
@click.option("-o", "--out", required=True, type=GivenPath(), help="Output folder.")
@click.option("--name", help="Stem of the files. Default: the file's, of several OUT's.")
@click.option("--overwrite", is_flag=True, help="Replace files of this name that exist.")
@click.option("--workers", type=int, help="Worker processes. Default: one per core.")
@click.option("--keep-data", is_flag=True, default=None, help="Keep the .data files, in encoded/.")
@click.option("--strict", is_flag=True, default=None, help="Stop at the first failure and publish nothing.")
@click.option("--skip-refused", is_flag=True, help="Leave out external links and the like, instead of the whole file.")
@common_options
def import_hdf5_command(
    files: tuple[Path, ...],
    out: Path,
    name: str | None,
    overwrite: bool,
    skip_refused: bool,
    quiet: bool,
    as_json: bool,
    **given: Any,
) -> int:
    """Make a dataset of HDF5 files; one that zarrpack has written becomes again what it was made of."""
    from zarrpack.converters.hdf5_import import RestoredSet, import_hdf5

    options = {key: value for key, value in given.items() if value is not None}
    if skip_refused:
        options["processors"] = {"hdf5": {"refused": "skip"}}
    result = import_hdf5(files, out, name=name, overwrite=overwrite, quiet=quiet or as_json, **options)
    if not isinstance(result, RestoredSet):
        print_result(result, quiet=quiet, as_json=as_json)
        return result.exit_status
    if as_json:
        click.echo(json.dumps(result.to_mapping()))
    elif not quiet:
        for path in result.paths:
            click.echo(printable(str(path)))
    return 0
