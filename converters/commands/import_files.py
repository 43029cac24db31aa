"""``zarrpack import``: files of other tools become a dataset. Each format has a module of its own."""

from __future__ import annotations

import click

from zarrpack.converters.commands.lazy_group import LazyGroup

__all__ = ["import_command"]

_FORMATS = {
    "hdf5": "zarrpack.converters.commands.import_hdf5:import_hdf5_command",
}


@click.group("import", cls=LazyGroup, table=_FORMATS, short_help="Make a dataset of another tool's files.")
def import_command() -> None:
    """Make a dataset of files that another tool wrote."""
