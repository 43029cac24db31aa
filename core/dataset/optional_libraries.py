"""Libraries that not everybody needs: a missing one is named with the extra that installs it."""

from __future__ import annotations

from importlib.util import find_spec

__all__ = ["require"]

#: Library -> what it is for.
_PURPOSES = {"torch": "PyTorch datasets", "matplotlib": "plots", "duckdb": "SQL queries"}
_EXTRAS = {"torch": "torch", "matplotlib": "plot", "duckdb": "sql"}


def require(library: str) -> None:
    """Make sure that a library is there.

    Parameters
    ----------
    library : {"torch", "matplotlib", "duckdb"}
        Its import name.

    Raises
    ------
    ImportError
        If it is not installed; the message names the extra.
    """
    try:
        is_there = find_spec(library) is not None
    except ValueError:  # sys.modules says that there is none
        is_there = False
    if not is_there:
        raise ImportError(
            f"{_PURPOSES[library]} need {library}, which is not installed; install it with "
            f"python -m pip install 'zarrpack[{_EXTRAS[library]}]'"
        )
