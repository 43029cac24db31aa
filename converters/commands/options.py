"""Options that several commands share."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

import click

__all__ = ["GivenPath", "common_options", "json_option"]


class GivenPath(click.Path):
    """A path that is not empty. Whether it can be read is for the command to say, with its own exit status."""

    def __init__(self) -> None:
        super().__init__(readable=False, path_type=Path)

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        """Give the path; an empty text, as an unset variable leaves it, is a usage error."""
        if value == "":
            self.fail("expected a path, found an empty text", param, ctx)
        return super().convert(value, param, ctx)


_Function = TypeVar("_Function", bound=Callable[..., Any])


def json_option(function: _Function) -> _Function:
    """Add ``--json`` and ``--debug``."""
    function = click.option("--json", "as_json", is_flag=True, help="Print one JSON object on standard output.")(
        function
    )
    # main.run looks for it, for errors can come from anywhere.
    return click.option("--debug", is_flag=True, expose_value=False, help="Show tracebacks of errors.")(function)


def common_options(function: _Function) -> _Function:
    """Add ``--quiet``, ``--json`` and ``--debug``."""
    function = click.option("--quiet", is_flag=True, help="Print nothing but errors.")(function)
    return json_option(function)
