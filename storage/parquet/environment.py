"""What environment variables set: zarrpack's own names first, then those that older scripts use."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass

from zarrpack.errors import UsageError

__all__ = ["ScanDefaults", "scan_defaults"]

_BATCH_NAMES = ("ZARRPACK_SCAN_BATCH_SIZE", "ARES_SCAN_BATCH_SIZE")
_BLANK_NAMES = ("ZARRPACK_BLANK_MODE", "ARES_BLANK_MODE")
_THREAD_NAMES = ("ZARRPACK_NUM_THREADS", "ARROW_NUM_THREADS")
_BATCH_ROWS = 262_144
_BLANK_BATCH_ROWS = 131_072
_TRUE = frozenset(("1", "true", "yes"))
_FALSE = frozenset(("", "0", "false", "no"))


@dataclass(frozen=True, slots=True)
class ScanDefaults:
    """How datasets are scanned where a call does not say.

    Parameters
    ----------
    batch_size : int
        Rows of a batch.
    threads : int or None
        1: all work is done in the calling thread. More: as many files are read ahead at once. None: as Arrow does.
        Arrow's own pool of threads belongs to the whole process and is never resized.
    """

    batch_size: int = _BATCH_ROWS
    threads: int | None = None


def scan_defaults(environment: Mapping[str, str] | None = None) -> ScanDefaults:
    """Read the defaults from the environment.

    ``ZARRPACK_SCAN_BATCH_SIZE`` (rows), ``ZARRPACK_BLANK_MODE`` (``1``, ``true``, ``yes``: half the batch size, for
    development) and ``ZARRPACK_NUM_THREADS``; where one is not set ``ARES_SCAN_BATCH_SIZE``, ``ARES_BLANK_MODE`` and
    ``ARROW_NUM_THREADS``.

    Parameters
    ----------
    environment : mapping of str to str, optional
        The variables; the process's own if not given.

    Raises
    ------
    UsageError
        If a value is none of those allowed; the message names the variable.

    Examples
    --------
    >>> scan_defaults({"ARES_SCAN_BATCH_SIZE": "1000", "ZARRPACK_NUM_THREADS": "1"})
    ScanDefaults(batch_size=1000, threads=1)
    """
    environment = os.environ if environment is None else environment
    batch_size = _count(environment, _BATCH_NAMES)
    if batch_size is None:
        batch_size = _BLANK_BATCH_ROWS if _is_blank(environment) else _BATCH_ROWS
    return ScanDefaults(batch_size, _count(environment, _THREAD_NAMES))


def _first(environment: Mapping[str, str], names: tuple[str, ...]) -> tuple[str, str] | None:
    return next(((name, environment[name].strip()) for name in names if environment.get(name, "").strip()), None)


def _count(environment: Mapping[str, str], names: tuple[str, ...]) -> int | None:
    found = _first(environment, names)
    if found is None:
        return None
    name, text = found
    if not (text.isascii() and text.isdigit() and int(text) > 0):
        raise UsageError(f"{name}: expected a whole number from 1 on, found {text!r}; correct or unset it")
    return int(text)


def _is_blank(environment: Mapping[str, str]) -> bool:
    found = _first(environment, _BLANK_NAMES)
    if found is None:
        return False
    name, text = found
    if text.lower() not in _TRUE | _FALSE:
        raise UsageError(f"{name}: expected 1, true or yes, or 0, false or no, found {text!r}; correct or unset it")
    return text.lower() in _TRUE
