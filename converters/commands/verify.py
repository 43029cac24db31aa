"""``zarrpack verify``: whether files are as they were written, and belong together."""

from __future__ import annotations

import json
from pathlib import Path

import click

from zarrpack.converters.commands.options import GivenPath, common_options
from zarrpack.converters.commands.report import printable

__all__ = ["verify_command"]

_DAMAGED = 6


@click.command("verify", short_help="Whether files are whole, belong together, and say what their source says.")
@click.argument("path", type=GivenPath())
@click.option(
    "--against", multiple=True, type=GivenPath(), metavar="SOURCE", help="Read it again; all, in their order."
)
@common_options
def verify_command(path: Path, against: tuple[Path, ...], quiet: bool, as_json: bool) -> int:
    """Check every byte, count and digest of PATH: a file or an output folder that zarrpack made.

    With --against the digest of every member of the sources is compared with the ledger. Status 6: something is wrong.
    """
    from zarrpack.converters.verification import verify, verify_against

    checks = verify(path)
    comparisons = verify_against(path, against) if against else []
    problems = [(str(one.path), text) for one in checks for text in one.problems]
    problems += [(one.label, text) for one in comparisons for text in one.problems]
    if as_json:
        told = {
            "files": [{"path": str(one.path), "problems": list(one.problems), **one.counts} for one in checks],
            "against": [
                {"source": one.label, "compared": one.compared, "problems": list(one.problems)} for one in comparisons
            ],
            "exit_status": _DAMAGED if problems else 0,
        }
        click.echo(json.dumps(told))
        return _DAMAGED if problems else 0
    for where, text in problems:
        click.echo(printable(f"{where}: {text}"), err=True)
    if not quiet:
        for one in checks:
            counts = ", ".join(f"{value} {name}" for name, value in one.counts.items())
            state = f"{len(one.problems)} problems" if one.problems else "whole"
            click.echo(printable(f"{one.path}: {state}{f' ({counts})' if counts else ''}"))
        for other in comparisons:
            click.echo(printable(f"{other.label}: {other.compared} members have the digest that the ledger says"))
    return _DAMAGED if problems else 0
