"""The command ``zarrpack``, also ``python -m zarrpack``."""

from __future__ import annotations

import sys

__all__ = ["main"]


def main() -> int:
    """Run the command line; give its exit status."""
    # Imported here: a worker process imports this module again and needs nothing of it.
    if sys.argv[1:2] in (["convert"], ["run"]):
        from zarrpack.converters.pipeline.process_start import prepare_processes

        prepare_processes()  # beside which the commands are imported
    from zarrpack.converters.commands.main import run

    return run(sys.argv[1:])


if __name__ == "__main__":
    sys.exit(main())
