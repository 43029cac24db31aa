"""Options that several commands share."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar

import click

__all__ = ["common_options", "json_option"]

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
