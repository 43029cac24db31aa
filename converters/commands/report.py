"""How results look on a terminal."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import click

from zarrpack.converters.result import ConvertResult

__all__ = ["megabytes", "notes_of", "print_notes", "print_result", "printable", "printable_lines"]

_SHOWN_FAILURES = 10
_SHOWN_NOTES = 10


def printable(text: str) -> str:
    """Give text that is safe on a terminal: control characters as escapes, so that no name can play tricks.

    Examples
    --------
    >>> printable("a\\x1b[31mb")
    'a\\\\x1b[31mb'
    """
    return "".join(
        character if character.isprintable() else character.encode("unicode_escape").decode() for character in text
    )


def printable_lines(text: str, given: Iterable[str] = ()) -> str:
    """Give a message of several lines that is safe on a terminal.

    Parameters
    ----------
    text : str
        The message; its line ends are kept.
    given : iterable of str
        What the user gave, such as paths: their line ends, and those of the names in them, are no ends of lines.

    Examples
    --------
    >>> printable_lines("a\\nb.zip: not found\\nsorry", ["in/a\\nb.zip"])
    'a\\\\nb.zip: not found\\nsorry'
    """
    broken = [path for path in map(Path, given) if "\n" in str(path)]
    names = {name for path in broken for name in (str(path), path.name, path.stem)}
    # Click takes the colours out of its own messages.
    for name in sorted(names | set(map(click.unstyle, names)), key=len, reverse=True):
        text = text.replace(name, printable(name))
    return "\n".join(map(printable, text.split("\n")))


def notes_of(error: BaseException) -> list[str]:
    """Give what was added to an error on its way, such as how to go on."""
    return [str(note) for note in getattr(error, "__notes__", ())]


def megabytes(size: float) -> str:
    """Give a size in bytes for people.

    Examples
    --------
    >>> megabytes(1_500_000)
    '1.5 MB'
    """
    for unit, bound in (("B", 1e3), ("kB", 1e6), ("MB", 1e9)):
        if size < bound:
            return f"{size / (bound / 1e3):.{0 if unit == 'B' else 1}f} {unit}"
    return f"{size / 1e9:.2f} GB"


def print_result(result: ConvertResult, *, quiet: bool, as_json: bool) -> None:
    """Print a conversion's result: a summary on standard output, what went wrong on standard error."""
    if as_json:
        click.echo(json.dumps(result.to_mapping()))
        return
    counts = result.counts
    if not quiet:
        click.echo(
            f"{printable(str(result.dataset))}: {counts['items']} items from {counts['members']} members "
            f"({counts['stored']} stored, {counts['skipped']} skipped, {counts['failed']} failed) "
            f"in {result.seconds['total']:.1f} s, {megabytes(result.dataset.stat().st_size)}"
        )
        print_notes(result.notes)
        _print_unmatched(result.unmatched)
    _print_failures(result)


def print_notes(notes: Sequence[str]) -> None:
    """Print the first notes; a run over foreign data may have hundreds."""
    for note in notes[:_SHOWN_NOTES]:
        click.echo(f"  note: {printable(note)}")
    if len(notes) > _SHOWN_NOTES:
        click.echo(f"  and {len(notes) - _SHOWN_NOTES} more notes; --json prints them all")


def _print_failures(result: ConvertResult) -> None:
    for finding in result.findings:
        click.echo(printable(f"{finding['archive']}: {finding['reason']}: {finding['detail']}"), err=True)
    if not result.counts["failed"]:
        return
    failed = result.counts["failed"]
    click.echo(
        f"{failed} member{'s' * (failed > 1)} failed; each has a row in {printable(str(result.members))}:", err=True
    )
    for one in result.failures[:_SHOWN_FAILURES]:
        click.echo(printable(f"  {one['archive']}/{one['member']}: {one['reason']}: {one['detail']}"), err=True)
    hidden = result.counts["failed"] - min(len(result.failures), _SHOWN_FAILURES)
    if hidden:
        click.echo(f"  and {hidden} more", err=True)
    _print_ways_out(result)


def _print_ways_out(result: ConvertResult) -> None:
    """Say which limits refused members, and how these are read again."""
    from zarrpack.converters.limit_table import limit_of_reason

    limits = [name for reason in result.reasons for name in limit_of_reason(reason)[:1]]
    changed = " ".join(f"--set {name}=VALUE" for name in limits) or "--set NAME=VALUE or --processor NAME"
    why = f"a limit refused some ({', '.join(limits)}; see zarrpack limits): " if limits else ""
    click.echo(f"{why}zarrpack retry {printable(str(result.flow))} {changed} reads only these again", err=True)


def _print_unmatched(unmatched: Mapping[str, Any]) -> None:
    for what, found in unmatched.items():
        if not isinstance(found, Mapping) or not found.get("count"):
            continue
        names: Sequence[str] = found.get("first", ())
        first = ", ".join(printable(name) for name in names[:3])
        more = ", ..." if found["count"] > min(len(names), 3) else ""
        click.echo(f"  {what.replace('_', ' ')}: {found['count']} ({first}{more})")
