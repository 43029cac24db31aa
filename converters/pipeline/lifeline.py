"""No process of a run outlives the one that started it."""

from __future__ import annotations

import os
import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from multiprocessing import current_process, parent_process
from multiprocessing.connection import wait

__all__ = ["exit_with_parent", "interrupts_held", "refuse_in_child", "signals_held"]


def refuse_in_child() -> None:
    """End this process if it is a child that is still importing the script which has started it.

    That script calls zarrpack at its top level. The parent tells the user so; a traceback of every child would only
    hide it.

    Raises
    ------
    SystemExit
        In such a child.
    """
    if getattr(current_process(), "_inheriting", False):
        raise SystemExit(1)


@contextmanager
def interrupts_held() -> Iterator[None]:
    """Let processes that the body starts be deaf to Ctrl-C from their first moment.

    An interrupt in the meantime reaches this process at the end. Without this a child that is still importing
    would answer Ctrl-C with a traceback.
    """
    with _held({signal.SIGINT}):
        yield


@contextmanager
def signals_held() -> Iterator[None]:
    """Let signals that ask the run to stop wait for the end of the body, which must be short."""
    with _held({signal.SIGINT, signal.SIGTERM}):
        yield


@contextmanager
def _held(signals: set[signal.Signals]) -> Iterator[None]:
    if not hasattr(signal, "pthread_sigmask"):
        yield
        return
    before = signal.pthread_sigmask(signal.SIG_BLOCK, signals)
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


def exit_with_parent() -> None:
    """End this process as soon as its parent has ended, however that happened. Call it in a child."""
    parent = parent_process()
    if parent is None:
        return

    def watch() -> None:
        wait([parent.sentinel])
        os._exit(1)

    threading.Thread(target=watch, daemon=True).start()
