"""``zarrpack run``: a batch of conversions from a JSON configuration."""

from __future__ import annotations

import json
from pathlib import Path

import click

from zarrpack.converters.commands.options import GivenPath, common_options
from zarrpack.converters.commands.report import notes_of, print_result, printable, printable_lines
from zarrpack.errors import ZarrpackError

__all__ = ["run_command"]


@click.command("run", short_help="A batch of conversions, configured as JSON.")
@click.argument("configurations", nargs=-1, required=True, type=GivenPath(), metavar="CONFIG.json")
@common_options
def run_command(configurations: tuple[Path, ...], quiet: bool, as_json: bool) -> int:
    """Run the conversions that a JSON file names, in order.

    H5DAT's files are taken as well: CONFIG.json SCHEMA.json, or SCHEMA.json alone.

    A conversion that fails does not stop the others; the exit status is the first that is not 0. Relative paths
    in the file start at the file's folder.
    """
    from zarrpack.converters.configuration import read_runs
    from zarrpack.converters.convert import convert_with

    status = 0
    printed = []
    conversions, notes = read_runs(configurations)
    for note in notes:
        click.echo(f"zarrpack: {printable(note)}", err=True)
    for conversion in conversions:
        try:
            result = convert_with(conversion.sources, conversion.out, conversion.options, quiet=quiet or as_json)
        except ZarrpackError as error:
            said = printable_lines("\n".join([str(error), *notes_of(error)]), map(str, conversion.sources))
            click.echo(f"zarrpack: {printable(conversion.sources[0].name)}: {said}", err=True)
            printed.append({"sources": [str(path) for path in conversion.sources], "error": str(error)})
            status = status or error.exit_status
            continue
        if not as_json:
            print_result(result, quiet=quiet, as_json=False)
        printed.append(result.to_mapping())
        status = status or result.exit_status
    if as_json:
        click.echo(json.dumps({"conversions": printed, "exit_status": status}))
    return status
