"""What libtiff prints to standard error, caught: it belongs to the member at hand, not to the terminal."""

from __future__ import annotations

import ctypes
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

__all__ = ["libtiff_messages"]

_LARGEST = 300
#: More than these say nothing new: libtiff repeats itself for each strip.
_MOST = 8
_HANDLER = ctypes.CFUNCTYPE(None, ctypes.c_char_p, ctypes.c_char_p, ctypes.c_void_p)
_threads = threading.local()
_installing = threading.Lock()
#: What `_install` gave, once it has run; it must live as long as the process.
_installed: list[Any] = []


@contextmanager
def libtiff_messages() -> Iterator[list[str]]:
    """Collect the errors that libtiff tells of in this thread. Safe in threads; may be nested.

    Standard error itself is not redirected: it is one for all threads, and other parts' last words go there.
    Where Pillow's libtiff cannot be reached, as in a static build, the list stays empty.

    Yields
    ------
    list of str
        Fills inside the ``with`` block, by no more than eight messages of 300 characters; that of an outer block if
        there is one. All characters can be printed.

    Examples
    --------
    >>> with libtiff_messages() as said:
    ...     pass
    >>> said
    []
    """
    # Each picture comes by here, and a lock that is held during a fork stays held in the child: taken once only.
    if not _installed:
        with _installing:
            if not _installed:
                _installed.append(_install())
    outer: list[str] | None = getattr(_threads, "said", None)
    said: list[str] = [] if outer is None else outer
    _threads.said = said
    try:
        yield said
    finally:
        _threads.said = outer


def _install() -> Any:
    """Set the handler; what is given must live as long as it is set."""
    from PIL import _imaging

    try:
        library = ctypes.CDLL(_imaging.__file__)
        replace, render = library.TIFFSetErrorHandler, ctypes.CDLL(None).vsnprintf
    except (AttributeError, OSError, TypeError):
        return None
    # The third argument is C's va_list, which is passed as one pointer by every ABI that Pillow has wheels for.
    render.argtypes = (ctypes.c_char_p, ctypes.c_size_t, ctypes.c_char_p, ctypes.c_void_p)
    replace.argtypes, replace.restype = (ctypes.c_void_p,), ctypes.c_void_p
    before: list[Any] = []

    def handle(module: bytes | None, form: bytes | None, values: int | None) -> None:
        said: list[str] | None = getattr(_threads, "said", None)
        if said is None:
            # Somebody else's TIFF in the same process: as without this handler.
            for handler in before:
                handler(module, form, values)
        elif form is not None and len(said) < _MOST:
            text = ctypes.create_string_buffer(_LARGEST)
            render(text, _LARGEST, form, values)
            said.append(_printable(text.value))

    handler = _HANDLER(handle)
    if address := replace(ctypes.cast(handler, ctypes.c_void_p)):
        before.append(_HANDLER(address))
    return handler, before


def _printable(text: bytes) -> str:
    return ascii(text.decode("ascii", "backslashreplace"))[1:-1]
