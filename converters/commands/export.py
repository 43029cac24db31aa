"""``zarrpack export``: a dataset in formats that other tools read. Each format has a module of its own."""

from __future__ import annotations

import click

from zarrpack.converters.commands.lazy_group import LazyGroup

__all__ = ["export_command"]

_FORMATS = {
    "hdf5": "zarrpack.converters.commands.export_hdf5:export_hdf5_command",
    "parquet": "zarrpack.converters.commands.export_parquet:export_parquet_command",
    "shards": "zarrpack.converters.commands.export_folder:export_shards_command",
    "webdataset": "zarrpack.converters.commands.export_folder:export_webdataset_command",
}


@click.group("export", cls=LazyGroup, table=_FORMATS, short_help="Write a dataset in another format.")
def export_command() -> None:
    """Write a dataset in a format that other tools read."""
