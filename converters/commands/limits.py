"""``zarrpack limits``: every limit, its default, and how to change it."""

from __future__ import annotations

import json

import click

from zarrpack.converters.commands.options import json_option

__all__ = ["limits_command"]


@click.command("limits", short_help="Every limit, its default, and how to change it.")
@json_option
def limits_command(as_json: bool) -> int:
    """Print the limits that bound what a foreign archive can make zarrpack do.

    A member beyond a limit fails with a reason, and the others are stored.
    """
    from zarrpack.converters.limit_table import describe_limits

    limits = describe_limits()
    if as_json:
        rows = {
            one.name: {"default": one.default, "meaning": one.meaning, "reasons": list(one.reasons)} for one in limits
        }
        click.echo(json.dumps(rows))
        return 0
    width = max(len(one.name) for one in limits)
    for one in limits:
        click.echo(f"{one.name:<{width}}  {one.default:>13,}  {one.meaning}")
    click.echo()
    click.echo("To change one: --set NAME=VALUE, such as --set pixels=200M, with convert, plan and retry;")
    click.echo(
        'or {"limits": {"NAME": VALUE}} in a configuration. After a conversion, zarrpack retry OUT --set NAME=VALUE'
    )
    click.echo("reads only the members again that failed.")
    return 0
