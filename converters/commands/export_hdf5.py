"""``zarrpack export hdf5``: a dataset becomes an HDF5 file."""

from __future__ import annotations

import json
from pathlib import Path

import click

from zarrpack.converters.commands.options import GivenPath, common_options
from zarrpack.converters.commands.report import megabytes, printable
from zarrpack.storage.hdf5.options import COMPRESSIONS, LAYOUTS, Hdf5Compression, Hdf5Layout

__all__ = ["export_hdf5_command"]


@click.command("hdf5", short_help="One HDF5 file, for h5py, MATLAB, netCDF4, xarray and HDFView.")
@click.argument("source", type=GivenPath(), metavar="NAME.dataset")
@click.option("-o", "--out", type=GivenPath(), metavar="NAME.h5", help="The result. Default: beside the source.")
@click.option(
    "--compression",
    type=click.Choice(COMPRESSIONS),
    default="gzip",
    show_default=True,
    help="gzip is read everywhere, lzf by h5py, zstd with the filter plug-in.",
)
@click.option(
    "--layout",
    type=click.Choice(LAYOUTS),
    default="columnar",
    show_default=True,
    help="The dataset's own arrays, or a dataset for each member below its folder.",
)
@click.option("--overwrite", is_flag=True, help="Replace a file of this name that exists.")
@common_options
def export_hdf5_command(
    source: Path,
    out: Path | None,
    compression: Hdf5Compression,
    layout: Hdf5Layout,
    overwrite: bool,
    quiet: bool,
    as_json: bool,
) -> int:
    """Write NAME.dataset (or a .data file), and the tables beside it, as one HDF5 file."""
    from zarrpack.converters.hdf5_export import export_hdf5

    result = export_hdf5(
        source, out, compression=compression, layout=layout, overwrite=overwrite, quiet=quiet or as_json
    )
    if as_json:
        click.echo(json.dumps(result.to_mapping()))
    elif not quiet:
        click.echo(f"{printable(str(result.hdf5))}: {megabytes(result.bytes)} in {result.seconds:.1f} s")
    return 0
