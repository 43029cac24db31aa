"""The command ``zarrpack``, also ``python -m zarrpack``."""

from __future__ import annotations

import sys

__all__ = ["main"]


def main() -> int:
    """Run the command line; give its exit status."""
    # Imported here: a worker process imports this module again and needs nothing of it.
    from zarrpack.converters.commands.main import run

    return run(sys.argv[1:])


if __name__ == "__main__":
    sys.exit(main())
