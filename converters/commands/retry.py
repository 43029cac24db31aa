"""``zarrpack retry``: the members that failed are read again."""

from __future__ import annotations

from pathlib import Path

import click

from zarrpack.converters.commands.options import GivenPath, common_options
from zarrpack.converters.commands.report import print_result

__all__ = ["retry_command"]


@click.command("retry", short_help="The members that failed are read again, and merged in.")
@click.argument("out", type=GivenPath())
@click.option("--set", "settings", multiple=True, metavar="NAME=VALUE", help="A limit, or processors.NAME.OPTION.")
@click.option("--processor", metavar="NAME", help="Read them with this processor; opaque keeps their bytes.")
@click.option(
    "--source", "sources", multiple=True, type=GivenPath(), help="Where a source lies now; all, in their order."
)
@click.option("--workers", type=int, help="Worker processes. Default: as in the conversion.")
@common_options
def retry_command(
    out: Path,
    settings: tuple[str, ...],
    processor: str | None,
    sources: tuple[Path, ...],
    workers: int | None,
    quiet: bool,
    as_json: bool,
) -> int:
    """Read only those members of a conversion that failed, and merge into the set in OUT what can be stored now.

    OUT is a conversion's output folder, or a .flow in it.
    """
    from zarrpack.converters.retry import retry
    from zarrpack.converters.settings import parse_settings

    changed = parse_settings(settings)
    result = retry(
        out,
        limits=changed.get("limits"),
        processors=changed.get("processors"),
        processor=processor,
        sources=sources or None,
        workers=workers,
        quiet=quiet or as_json,
    )
    print_result(result, quiet=quiet, as_json=as_json)
    return result.exit_status
