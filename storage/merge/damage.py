"""The error that tells which of a merge's sources is damaged, so that the merge can go on without it."""

from __future__ import annotations

from zarrpack.errors import FormatError

__all__ = ["DamagedSource"]


class DamagedSource(FormatError):
    """A source's bytes are not those that it announces.

    Parameters
    ----------
    path : str
        The source.
    message : str
        What was expected there, and what was found.
    """

    def __init__(self, path: str, message: str) -> None:
        super().__init__(message)
        self.path = path

    def __reduce__(self) -> tuple[type[DamagedSource], tuple[str, str]]:
        return DamagedSource, (self.path, str(self))
