"""``zarrpack plan``: what would be made, and what looks dangerous."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import click

from zarrpack.converters.commands.options import GivenPath, json_option
from zarrpack.converters.commands.report import megabytes, printable

__all__ = ["plan_command"]


@click.command("plan", short_help="What would be made, and what looks dangerous, from headers alone.")
@click.argument("sources", nargs=-1, required=True, type=GivenPath(), metavar="SOURCE...")
@click.option("--config", type=GivenPath(), help="JSON file with options, as for convert.")
@click.option("--images", type=click.Choice(["decoded", "encoded", "both"]), help="As for convert.")
@click.option("--size", metavar="WxH", help="As for convert.")
@click.option("--include", multiple=True, metavar="GLOB", help="Take only members that match.")
@click.option("--exclude", multiple=True, metavar="GLOB", help="Leave out members that match.")
@click.option("--limit", type=int, metavar="N", help="Look at the first N members.")
@click.option("--set", "settings", multiple=True, metavar="LIMIT=VALUE", help="Change a limit; see zarrpack limits.")
@json_option
def plan_command(
    sources: tuple[Path, ...], config: Path | None, settings: tuple[str, ...], as_json: bool, **given: Any
) -> int:
    """Show counts, types, sizes and dangers of SOURCE. Nothing is decoded and nothing is written.

    Status 3: some members would fail, or a source is damaged.
    """
    from zarrpack.converters.configuration import read_options
    from zarrpack.converters.options import options_from_mapping
    from zarrpack.converters.settings import merged_settings, parse_settings
    from zarrpack.converters.source_plan import plan_conversion

    values = read_options(config) if config is not None else {}
    values.update({key: value for key, value in given.items() if value is not None and value != ()})
    values = merged_settings(values, parse_settings(settings))
    plan = plan_conversion(sources, options_from_mapping(values))
    fails = any(one["findings"] or one["members"].get("failed") for one in plan["sources"])
    if as_json:
        click.echo(json.dumps(plan))
    else:
        for one in plan["sources"]:
            _print(one)
        click.echo(f"disk needed while it runs: about {megabytes(plan['disk_bytes'])}")
    return 3 if fails else 0


def _print(source: dict[str, Any]) -> None:
    members = ", ".join(f"{count} {what}" for what, count in source["members"].items())
    click.echo(printable(f"{source['label']}: {source['kind']}, members: {members}, {megabytes(source['bytes'])}"))
    for name, counts in source["processors"].items():
        click.echo(printable(f"  {name}: {counts['members']} members, {megabytes(counts['bytes'])}"))
    if source["picture_sizes"]:
        sizes = ", ".join(f"{count} of {size}" for size, count in source["picture_sizes"].items())
        click.echo(f"  pictures: {sizes}")
    for finding in source["findings"]:
        click.echo(printable(f"  damaged: {finding['reason']}: {finding['detail']}"))
    for reason, one in source["dangers"].items():
        more = ", ..." if one["count"] > len(one["first"]) else ""
        click.echo(printable(f"  {reason}: {one['count']} ({', '.join(one['first'])}{more}): {one['detail']}"))
