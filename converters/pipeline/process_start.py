"""How the processes of a run are started: from a server that has imported what they need, once for all of them."""

from __future__ import annotations

import multiprocessing
import sys
from typing import TYPE_CHECKING, TypeAlias

from zarrpack.converters.pipeline.lifeline import interrupts_held, start_resource_tracker

if TYPE_CHECKING:
    from multiprocessing.context import ForkServerContext, SpawnContext

__all__ = ["ProcessContext", "prepare_processes", "process_context"]

#: Starts processes that share no locks and no file offsets with this one.
ProcessContext: TypeAlias = "ForkServerContext | SpawnContext"

# What workers and the writer import: nothing that starts threads in Python or opens files.
_IMPORTED_ONCE = (
    "zarrpack.converters.pipeline.worker",
    "zarrpack.converters.pipeline.writer",
    "zarrpack.processors.registry",
)
# macOS has libraries that do not survive a fork, Windows has no fork.
_HAS_SERVER = sys.platform == "linux"


def prepare_processes() -> None:
    """Begin to start the server, beside which the caller goes on; does nothing where it runs or is not used.

    The server is a fresh interpreter, not a copy of this process: what it forks shares no locks, no threads
    and no file offsets with the caller. It lives until this process ends, so that further runs start at once.
    """
    if not _HAS_SERVER:
        return
    # Imported here: it is not there on Windows.
    from multiprocessing import forkserver

    multiprocessing.set_forkserver_preload(list(_IMPORTED_ONCE))
    start_resource_tracker()  # before the server does it
    with interrupts_held():
        forkserver.ensure_running()


def process_context() -> ProcessContext:
    """Give the context that starts processes: where there is a server it forks them, elsewhere they are spawned."""
    return multiprocessing.get_context("forkserver") if _HAS_SERVER else multiprocessing.get_context("spawn")
