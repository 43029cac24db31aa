"""The HDF5 mirror of a conversion, written in the same run."""

from __future__ import annotations

from typing import TYPE_CHECKING

from zarrpack.converters.options import ConvertOptions
from zarrpack.converters.output import SUFFIXES, OutputSet
from zarrpack.converters.pipeline.messages import MirrorSpool
from zarrpack.converters.progress import merge_bar

if TYPE_CHECKING:
    from zarrpack.converters.dataset_files import DatasetReport

__all__ = ["mirror_spool", "suffixes_with", "write_mirror"]


def suffixes_with(options: ConvertOptions) -> tuple[str, ...]:
    """Give the files of the set, the mirror among them if there is to be one; the last stays the commit."""
    return (*SUFFIXES[:-1], ".h5", SUFFIXES[-1]) if options.hdf5 else SUFFIXES


def mirror_spool(output: OutputSet, options: ConvertOptions) -> MirrorSpool | None:
    """Tell the workers where chunks for the mirror go; None: nowhere.

    Parameters
    ----------
    output : OutputSet
        The run's output.
    options : ConvertOptions
        The run's options. Of a dataset for each member the chunks are others, so there they are made at the end.
    """
    if not options.hdf5 or options.hdf5_layout != "columnar":
        return None
    return MirrorSpool(str(output.packs), output.name, options.hdf5_compression)


def write_mirror(output: OutputSet, report: DatasetReport, options: ConvertOptions, *, quiet: bool) -> None:
    """Write the mirror of a dataset that lies, with its tables, under its temporary name.

    Parameters
    ----------
    output : OutputSet
        The run's output.
    report : DatasetReport
        What the merge has done.
    options : ConvertOptions
        The run's options.
    quiet : bool
        Whether to show no progress bar.

    Raises
    ------
    OSError
        If the file cannot be written.
    """
    from zarrpack.storage.hdf5.export import ExportSource, write_hdf5
    from zarrpack.storage.hdf5.mirror import spooled_pieces
    from zarrpack.storage.hdf5.options import Hdf5Options

    tables = {"infoset": ".infoset", "attribset": ".attribset", "members": ".members.parquet"}
    source = ExportSource(
        output.temporary(".dataset"), {name: output.temporary(suffix) for name, suffix in tables.items()}
    )
    made = None
    if report.origins is not None and options.hdf5_layout == "columnar":
        made = spooled_pieces(report.packs, report.origins, options.hdf5_compression)
    chosen = Hdf5Options(options.hdf5_compression, options.hdf5_layout, options.hdf5_groups)
    target = output.temporary(".h5")
    target.unlink(missing_ok=True)  # what a run that is resumed has left
    with merge_bar(quiet) as progress:
        write_hdf5(source, target, chosen, threads=options.worker_count(), made=made, progress=progress)
