"""No process of a run outlives the one that started it."""

from __future__ import annotations

import os
import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from multiprocessing import current_process, parent_process, resource_tracker
from multiprocessing.connection import wait

__all__ = ["exit_with_parent", "interrupts_held", "refuse_in_child", "signals_held", "start_resource_tracker"]

_HANGUP = {signal.SIGHUP} if hasattr(signal, "SIGHUP") else set()


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
    with _held({signal.SIGINT, signal.SIGTERM, *_HANGUP}):
        yield


def start_resource_tracker() -> None:
    """Start the process that removes the semaphores of a run that was killed, deaf to hangups.

    It is deaf to Ctrl-C and SIGTERM by itself; a terminal that closes would end it before its work is done.
    """
    if os.name != "nt":
        with _held(_HANGUP):
            resource_tracker.ensure_running()


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
