"""Runs a function in a process of its own, which a foreign file may crash without harm."""

from __future__ import annotations

from collections.abc import Callable
from multiprocessing.connection import Connection
from typing import Any, TypeVar

from zarrpack.converters.pipeline.lifeline import exit_with_parent, interrupts_held, refuse_in_child
from zarrpack.converters.pipeline.process_start import prepare_processes, process_context
from zarrpack.errors import FormatError, ZarrpackError

__all__ = ["run_apart"]

Result = TypeVar("Result")


def run_apart(function: Callable[..., Result], *arguments: Any) -> Result:
    """Call a function in a process that is thrown away.

    In a script, call it under ``if __name__ == "__main__":``.

    Parameters
    ----------
    function : callable
        Of a module. What it raises is raised here; what is no error of zarrpack's or the system's, as a FormatError.
    *arguments
        What can be pickled. The first says what is read, for messages.

    Raises
    ------
    FormatError
        If the process dies.
    """
    refuse_in_child()
    prepare_processes()
    context = process_context()
    receiver, sender = context.Pipe(duplex=False)
    process = context.Process(target=_call, args=(sender, function, arguments), daemon=True)
    with interrupts_held():
        process.start()
    sender.close()
    try:
        outcome: tuple[bool, Any] = receiver.recv()
    except EOFError:
        process.join()
        status = process.exitcode or 0
        said = f"signal {-status}" if status < 0 else f"status {status}"
        raise FormatError(
            f"{arguments[0]}: the process that read it died ({said}); the file is damaged, or made to do so"
        ) from None
    finally:
        process.kill()
        process.join()
        receiver.close()
    done, value = outcome
    if not done:
        raise value
    return value  # type: ignore[no-any-return]


def _call(sender: Connection, function: Callable[..., Any], arguments: tuple[Any, ...]) -> None:
    exit_with_parent()
    try:
        outcome: tuple[bool, Any] = (True, function(*arguments))
    except Exception as error:  # noqa: BLE001 - whatever it is, it is raised in the other process
        outcome = (False, _portable(error))
    sender.send(outcome)


def _portable(error: Exception) -> Exception:
    """Give an error that survives the way; those of foreign libraries need not."""
    if isinstance(error, ZarrpackError):
        return error
    if isinstance(error, OSError) and error.errno is not None:
        return OSError(error.errno, error.strerror or str(error), error.filename)
    return FormatError(f"{type(error).__name__}: {error}")
