"""The progress bar: on standard error, and only on a terminal."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager

__all__ = ["merge_bar", "pipeline_bar"]


@contextmanager
def pipeline_bar(quiet: bool) -> Iterator[Callable[[int, int, int], None] | None]:
    """Show members done, megabytes read and failures while the body runs.

    Yields
    ------
    callable or None
        Takes members done, bytes read and members failed so far; None when nothing is to be shown.
    """
    if quiet or not sys.stderr.isatty():
        yield None
        return
    from tqdm import tqdm

    with tqdm(desc="reading", unit=" members", file=sys.stderr, dynamic_ncols=True) as bar:

        def show(members: int, read: int, failed: int) -> None:
            bar.n = members
            bar.set_postfix_str(f"{read / 1e6:.0f} MB, {failed} failed", refresh=False)
            bar.refresh()

        yield show


@contextmanager
def merge_bar(quiet: bool) -> Iterator[Callable[[int], None] | None]:
    """Show the bytes merged while the body runs.

    Yields
    ------
    callable or None
        Takes the number of bytes written since the last call; None when nothing is to be shown.
    """
    if quiet or not sys.stderr.isatty():
        yield None
        return
    from tqdm import tqdm

    with tqdm(desc="merging", unit="B", unit_scale=True, file=sys.stderr, dynamic_ncols=True) as bar:

        def show(written: int) -> None:
            bar.update(written)

        yield show
