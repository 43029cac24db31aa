"""Which arrays an item is given with, and in what form."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import Any, Literal

import numpy as np
import numpy.typing as npt

from zarrpack.errors import NotFound, UsageError
from zarrpack.processors.picture_decoding import decode_picture
from zarrpack.storage.items.item_reader import ItemReader

__all__ = ["ItemArrays", "Pictures", "Rows"]

Values = npt.NDArray[Any]
Pictures = Literal["stored", "decoded", "encoded"]
Rows = Literal["all", "first"]

_PICTURE_ARRAYS = ("height", "width", "channels")


@dataclass(frozen=True, slots=True)
class ItemArrays:
    """A choice of arrays of a file. It survives pickling.

    Parameters
    ----------
    reader : ItemReader
        The file.
    names : tuple of str
        The arrays as they are stored.
    rows : {"all", "first"}
        ``"all"``: arrays have an axis of rows; ``"first"``: each is its first row.
    decoded : frozenset of str
        Those of `names` whose pictures are decoded; they are given as ``<group>/pixels``.

    Examples
    --------
    See `DatasetView.select`.
    """

    reader: ItemReader
    names: tuple[str, ...]
    rows: Rows = "all"
    decoded: frozenset[str] = frozenset()

    @classmethod
    def all_of(cls, reader: ItemReader) -> ItemArrays:
        """Choose all arrays, as they are stored."""
        return cls(reader, tuple(reader.arrays))

    def choose(
        self, names: Iterable[str] | None = None, pictures: Pictures = "stored", rows: Rows | None = None
    ) -> ItemArrays:
        """Choose again.

        Parameters
        ----------
        names : iterable of str or None
            ``"group/array"``, or ``"group"`` for all its arrays; None: those chosen already.
        pictures : {"stored", "decoded", "encoded"}
            ``"decoded"``: pixels, decoded from the source's bytes where there are none; ``"encoded"``: the source's own bytes;
            ``"stored"``: what there is.
        rows : {"all", "first"} or None
            None: as it is.

        Raises
        ------
        NotFound
            If the file has no such array.
        UsageError
            If an option is none of these, or the file has no source's bytes.
        """
        if pictures not in ("stored", "decoded", "encoded") or rows not in (None, "all", "first"):
            raise UsageError(
                "expected pictures='stored', 'decoded' or 'encoded' and rows='all' or 'first', "
                f"found {pictures!r} and {rows!r}"
            )
        asked = self.names if names is None else tuple(names)
        chosen = tuple(dict.fromkeys(one for name in asked for one in self._found(name)))
        # Whoever asks for pixels that are not stored means those of the pictures.
        decoded = self.decoded.intersection(chosen)
        decoded |= {
            one for name in asked if name not in self.reader.arrays and _is_pixels(name) for one in self._found(name)
        }
        if pictures != "stored":
            chosen, decoded = self._with_pictures(chosen, pictures)
        return replace(self, names=chosen, decoded=decoded, rows=rows or self.rows)

    def load(self, code: int) -> dict[str, Values]:
        """Read one item.

        Parameters
        ----------
        code : int
            Its code.

        Returns
        -------
        dict of str to ndarray
            ``"group/array"`` -> its rows; without arrays that the item does not have.
        """
        reader = self.reader
        found: dict[str, Values] = {}
        for name in self.names:
            values = reader.read(name, code)
            if values is None:
                continue
            if name in self.decoded:
                name, values = _pixels_name(name), _decoded(values)
            # Things of different shapes are objects already, each an array of its own.
            found[name] = values if self.rows == "all" else _first(values)
        return found

    def shape(self, name: str, code: int) -> tuple[int, ...] | None:
        """Tell an array's shape in an item, without reading its values; None if the item has no such rows.

        Parameters
        ----------
        name : str
            ``"group/array"``, or ``"group/pixels"`` of pictures that are decoded.
        code : int
            The item's code.
        """
        reader = self.reader
        (stored,) = self._found(name) if name in reader.arrays or name.endswith("/pixels") else (name,)
        shape = reader.shape(stored, code)
        if shape is not None and stored != name:
            # The shape of a picture that has not been decoded is in the arrays beside it.
            group = stored.rpartition("/")[0]
            numbers = [reader.read(f"{group}/{one}", code) for one in _PICTURE_ARRAYS]
            shape = (shape[0], *(int(one[0]) for one in numbers if one is not None))
        return shape if shape is None or self.rows == "all" else shape[1:]

    def source_name(self) -> str | None:
        """Name the array that has the sources' own bytes, of pictures if there are some; None if there is none."""
        names = [name for name in self.reader.arrays if name.rpartition("/")[2] == "encoded"]
        return next((name for name in names if self._is_picture(name)), names[0] if names else None)

    def _found(self, name: str) -> list[str]:
        arrays = self.reader.arrays
        of_group = [one for one in arrays if arrays[one].group == name]
        if name not in arrays and not of_group:
            group, _, short = name.rpartition("/")
            if short == "pixels" and self._is_picture(f"{group}/encoded"):
                return [f"{group}/encoded"]
            raise NotFound(
                f"{self.reader.path}: expected a group or an array, found no {name!r}; choose from {sorted(arrays)}"
            )
        return [name] if name in arrays else of_group

    def _with_pictures(self, names: tuple[str, ...], pictures: Pictures) -> tuple[tuple[str, ...], frozenset[str]]:
        arrays = self.reader.arrays
        chosen: list[str] = []
        decoded = set()
        for name in names:
            group, _, short = name.rpartition("/")
            pixels, encoded = f"{group}/pixels", f"{group}/encoded"
            if pictures == "encoded" and short == "pixels" and arrays[name].is_pixels:
                if encoded not in arrays:
                    raise UsageError(
                        f"{self.reader.path}: expected the sources' bytes of {name}, found pixels only; "
                        "convert with --images encoded or both"
                    )
                name = encoded
            elif pictures == "decoded" and self._is_picture(name):
                name = pixels if pixels in arrays else name
                decoded |= {name} - {pixels}
            chosen.append(name)
        return tuple(dict.fromkeys(chosen)), frozenset(decoded)

    def _is_picture(self, name: str) -> bool:
        group, _, short = name.rpartition("/")
        arrays = self.reader.arrays
        return short == "encoded" and name in arrays and all(f"{group}/{one}" in arrays for one in _PICTURE_ARRAYS)


def _is_pixels(name: str) -> bool:
    return name.rpartition("/")[2] == "pixels"


def _pixels_name(name: str) -> str:
    return f"{name.rpartition('/')[0]}/pixels"


def _decoded(values: Values) -> Values:
    pixels = [decode_picture(payload) for payload in values.tolist()]
    if len(pixels) == 1:
        return pixels[0][np.newaxis]
    if len({(one.shape, one.dtype) for one in pixels}) == 1:
        return np.stack(pixels)
    apart = np.empty(len(pixels), object)
    for number, one in enumerate(pixels):
        apart[number] = one
    return apart


def _first(values: Values) -> Any:
    return values[0] if values.ndim else values
