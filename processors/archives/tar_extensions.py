"""What special headers (pax, GNU long names) say of the member behind them; only what matters here is kept."""

from __future__ import annotations

from zarrpack.processors.archives.tar_headers import parse_pax_records

__all__ = ["SPECIAL_TYPES", "TarExtensions"]

#: pax header of one member (also as Solaris wrote it) and of all that follow, GNU long name and long target of a link,
#: Solaris access list (which is passed over).
SPECIAL_TYPES = b"xXgLKA"

_SPARSE_NAME = b"GNU.sparse.name"
_SPARSE = b"GNU.sparse."
# Other records (times, owners, attributes) are dropped at once: a tar may have any number of them.
_WANTED = frozenset((b"path", b"linkpath", b"size", _SPARSE_NAME))


class TarExtensions:
    """What is known of the next member, beside its own header.

    Parameters
    ----------
    common : dict of bytes to bytes
        Records of global headers so far. A global header adds to it.

    Attributes
    ----------
    is_sparse : bool
        Whether the member is a sparse file of some pax form.
    is_pending : bool
        Whether a member must follow.
    damage : str or None
        What is wrong with one of its headers.

    Examples
    --------
    >>> extensions = TarExtensions({})
    >>> extensions.add(b"x", b"12 path=ab\\n\\n")
    >>> extensions.name(b"a")
    b'ab\\n'
    """

    def __init__(self, common: dict[bytes, bytes]) -> None:
        self.is_sparse = False
        self.is_pending = False
        self.damage: str | None = None
        self._common = common
        self._own: dict[bytes, bytes] = {}
        self._long_name: bytes | None = None
        self._long_target: bytes | None = None

    def add(self, type_flag: bytes, data: bytes) -> None:
        """Take in a special header's content.

        Raises
        ------
        ValueError
            If a pax header holds no records.
        """
        self.is_pending = self.is_pending or type_flag != b"g"
        if type_flag == b"L":
            self._long_name = data.partition(b"\0")[0]
        elif type_flag == b"K":
            self._long_target = data.partition(b"\0")[0]
        elif type_flag != b"A":
            records = parse_pax_records(data)
            target = self._common if type_flag == b"g" else self._own
            target.update((keyword, records[keyword]) for keyword in _WANTED & records.keys())
            self.is_sparse = self.is_sparse or any(map(bytes.startswith, records, [_SPARSE] * len(records)))

    def name(self, announced: bytes) -> bytes:
        """Give the member's name; `announced` is that of its own header."""
        return self._record(_SPARSE_NAME) or self._record(b"path") or self._long_name or announced

    def target(self, announced: bytes) -> bytes:
        """Give where the member leads, if it is a link."""
        return self._record(b"linkpath") or self._long_target or announced

    def size(self) -> bytes | None:
        """Give the size of a pax header, as it is written there."""
        return self._record(b"size")

    def _record(self, keyword: bytes) -> bytes | None:
        # An empty value takes a record back, be it a common one.
        return self._own.get(keyword, self._common.get(keyword)) or None
