"""``zarrpack export parquet``: a dataset becomes partitioned Parquet datasets."""

from __future__ import annotations

import json
from pathlib import Path

import click

from zarrpack.converters.commands.options import GivenPath, common_options
from zarrpack.converters.commands.report import megabytes, print_notes, printable

__all__ = ["export_parquet_command"]


@click.command("parquet", short_help="Parquet datasets, for pandas, DuckDB, Polars and Spark.")
@click.argument("source", type=GivenPath(), metavar="NAME.dataset")
@click.option("-o", "--out", required=True, type=GivenPath(), metavar="DIR", help="The folder to write.")
@click.option(
    "--partition-by",
    multiple=True,
    metavar="COLUMN",
    help="Make folders of a column's values: of the infoset, or of the groups. May be given several times, or as A,B.",
)
@click.option(
    "--compression",
    type=click.Choice(["zstd", "snappy", "gzip", "brotli", "lz4", "none"]),
    default="zstd",
    show_default=True,
    help="How pages are compressed.",
)
@click.option("--overwrite", is_flag=True, help="Replace an earlier export.")
@common_options
def export_parquet_command(
    source: Path,
    out: Path,
    partition_by: tuple[str, ...],
    compression: str,
    overwrite: bool,
    quiet: bool,
    as_json: bool,
) -> int:
    """Write every group of NAME.dataset, and the tables beside it, as a Parquet dataset below DIR.

    Rows have the file_id of their item; arrays with more axes are fixed-size lists.
    """
    from zarrpack.converters.parquet_export import export_parquet

    columns = [name for one in partition_by for name in one.split(",") if name]
    result = export_parquet(source, out, partition_by=columns, compression=compression, overwrite=overwrite)
    if as_json:
        click.echo(json.dumps(result.to_mapping()))
    elif not quiet:
        shown = ", ".join(f"{printable(name)} {rows}" for name, rows in result.tables.items())
        click.echo(
            f"{printable(str(result.parquet))}: {megabytes(result.bytes)} in {result.seconds:.1f} s; rows: {shown}"
        )
        print_notes(result.notes)
    return 0
