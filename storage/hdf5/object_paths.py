"""The paths of a file's objects by their addresses, so that nobody asks the library for the name of what a reference leads to."""

from __future__ import annotations

from typing import Any, TypeAlias

import h5py

__all__ = ["Address", "ObjectPaths", "address_of"]

#: Number of the file, and where in it the object's header lies.
Address: TypeAlias = tuple[int, int]


def address_of(identifier: Any, name: bytes = b".") -> Address:
    """Give the address of an object.

    Parameters
    ----------
    identifier : h5py.h5g.GroupID or another of h5py's
        Of an open object, or of a group that leads to it.
    name : bytes
        Its name from there; the default is the open object itself.

    Raises
    ------
    KeyError, OSError, RuntimeError
        If there is none.
    """
    info = h5py.h5o.get_info(identifier, name)
    return info.fileno, info.addr


class ObjectPaths:
    """What a walk through a file has met, by address. The library would search the file for each name.

    Parameters
    ----------
    file : h5py.File
        The file, open.
    """

    def __init__(self, file: h5py.File) -> None:
        self._file = file
        self._paths: dict[Address, str] = {}

    def keep(self, address: Address, path: str) -> None:
        """Remember an object's path, from the root without a slash at the start."""
        self._paths[address] = path

    def at(self, address: Address) -> str | None:
        """Give the path of the object at an address; None: it has not been met."""
        return self._paths.get(address)

    def of(self, node: h5py.Group | h5py.Dataset) -> str | None:
        """Give the path of an open object; None: it has not been met.

        Raises
        ------
        KeyError, OSError, RuntimeError
            If the file is damaged.
        """
        return self._paths.get(address_of(node.id))

    def target(self, reference: Any) -> str | None:
        """Give the path that a reference leads to; None: it leads to nothing that has been met.

        Parameters
        ----------
        reference : h5py.Reference or h5py.RegionReference
            One of the file's.

        Raises
        ------
        KeyError, OSError, RuntimeError, TypeError, ValueError
            If it leads nowhere.
        """
        return self._paths.get(address_of(h5py.h5r.dereference(reference, self._file.id)))

    def bounds(self, reference: h5py.RegionReference) -> list[list[int]]:
        """Give first index and end of a region along each axis.

        Raises
        ------
        OSError, RuntimeError, TypeError, ValueError
            If it leads nowhere.
        """
        low, high = h5py.h5r.get_region(reference, self._file.id).get_select_bounds()
        return [[int(first), int(last) + 1] for first, last in zip(low, high, strict=True)]
