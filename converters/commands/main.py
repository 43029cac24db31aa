"""The command group, and what every command has in common: errors, signals, exit statuses."""

from __future__ import annotations

import io
import signal
import sys
import traceback
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from types import FrameType
from typing import NoReturn

import click

from zarrpack import __version__
from zarrpack.converters.commands.allocator import return_large_blocks
from zarrpack.converters.commands.convert import convert_command
from zarrpack.converters.commands.export import export_command
from zarrpack.converters.commands.import_files import import_command
from zarrpack.converters.commands.info import info_command
from zarrpack.converters.commands.limits import limits_command
from zarrpack.converters.commands.merge import merge_command
from zarrpack.converters.commands.plan import plan_command
from zarrpack.converters.commands.plot import plot_command
from zarrpack.converters.commands.report import notes_of, printable_lines
from zarrpack.converters.commands.retry import retry_command
from zarrpack.converters.commands.run import run_command
from zarrpack.converters.commands.trace import trace_command
from zarrpack.converters.commands.verify import verify_command
from zarrpack.errors import ZarrpackError

__all__ = ["run"]

_INTERNAL_ERROR = 70


class _Stopped(BaseException):
    """A signal asked the run to stop."""

    def __init__(self, number: int) -> None:
        super().__init__(number)
        self.exit_status = 128 + number


@click.group(context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100})
@click.version_option(__version__, "--version", message="%(prog)s %(version)s")
def cli() -> None:
    """Turn archives into datasets that train, query and travel."""


cli.add_command(convert_command)
cli.add_command(merge_command)
cli.add_command(info_command)
cli.add_command(plot_command)
cli.add_command(run_command)
cli.add_command(export_command)
cli.add_command(import_command)
cli.add_command(retry_command)
cli.add_command(plan_command)
cli.add_command(trace_command)
cli.add_command(limits_command)
cli.add_command(verify_command)


def run(arguments: Sequence[str]) -> int:
    """Run one command.

    Parameters
    ----------
    arguments : sequence of str
        The command line without the program's name.

    Returns
    -------
    int
        The exit status; ``docs/command-line.md`` lists them. No traceback is shown unless ``--debug`` is given.
    """
    return_large_blocks()
    with _signals_answered():
        return _run(arguments, debug="--debug" in arguments)


def _run(arguments: Sequence[str], debug: bool) -> int:
    try:
        status = cli.main(args=list(arguments), prog_name="zarrpack", standalone_mode=False)
    except click.ClickException as error:
        shown = io.StringIO()
        error.show(shown)
        click.echo(printable_lines(shown.getvalue(), arguments), err=True, nl=False)
        return 2
    except click.exceptions.Exit as error:
        return error.exit_code
    except _Stopped as error:
        said = [f"stopped by signal {error.exit_status - 128}; nothing was published", *notes_of(error)]
        _say("\n".join(said), arguments)
        return error.exit_status
    except ZarrpackError as error:
        _report(error, arguments, debug)
        return error.exit_status
    except Exception as error:  # noqa: BLE001 - the last line of defence: no traceback reaches a user
        _report(error, arguments, debug)
        _say("this is a bug of zarrpack's; please report it with the output of the same command and --debug", [])
        return _INTERNAL_ERROR
    return status if isinstance(status, int) else 0


@contextmanager
def _signals_answered() -> Iterator[None]:
    """Let signals that ask for an end stop the command, and what they did before apply again afterwards."""
    before = {}
    for name in ("SIGTERM", "SIGINT", "SIGHUP"):
        number = getattr(signal, name, None)
        # What is ignored stays ignored: nohup and background jobs of a shell rely on it.
        if number is not None and signal.getsignal(number) not in (signal.SIG_IGN, None):
            before[number] = signal.signal(number, _stop)
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def _stop(number: int, _frame: FrameType | None) -> NoReturn:
    # A second signal ends the process at once, without waiting for anything.
    signal.signal(number, signal.SIG_DFL)
    raise _Stopped(number)


def _report(error: Exception, arguments: Sequence[str], debug: bool) -> None:
    if debug:
        traceback.print_exc()
    text = str(error)
    if isinstance(error, ZarrpackError) and isinstance(error, OSError) and error.errno is not None:
        text = error.strerror or text  # without "[Errno 17]"
    text = text if isinstance(error, ZarrpackError) else f"{type(error).__name__}: {text}"
    _say("\n".join([text, *notes_of(error)]), arguments)


def _say(text: str, arguments: Sequence[str]) -> None:
    sys.stdout.flush()
    # Names of members and of files are in it.
    click.echo(f"zarrpack: {printable_lines(text, arguments)}", err=True)
