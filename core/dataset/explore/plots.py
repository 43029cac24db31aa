"""Figures of distributions and of pictures, without a window and without matplotlib's global state."""

from __future__ import annotations

from collections.abc import Container, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from zarrpack.dataset.explore.distributions import Bins, distribution
from zarrpack.dataset.explore.keyed_values import KeyedValues
from zarrpack.dataset.explore.memberships import memberships
from zarrpack.dataset.optional_libraries import require
from zarrpack.dataset.view import DatasetView
from zarrpack.errors import UsageError

if TYPE_CHECKING:
    from matplotlib.figure import Figure

__all__ = ["contact_sheet", "distribution_figure"]

_MOST_BARS = 30
_FIRST_PICTURES = 20
_LONGEST_LABEL = 24
_MOST_PIXELS = 256


def distribution_figure(
    values: KeyedValues, bins: Bins = 10, *, title: str | None = None, size: tuple[float, float] = (7.0, 4.0)
) -> Figure:
    """Draw how values are distributed.

    Parameters
    ----------
    values : KeyedValues
        Numbers become a histogram, text and booleans a bar per value, of the most frequent ones.
    bins : int, sequence of float, or None
        As in `distribution`.
    title : str, optional
        The key's name if nothing is said.
    size : (float, float)
        Width and height in inches.

    Raises
    ------
    ImportError
        If matplotlib is not installed; the message names the extra.
    """
    require("matplotlib")
    from matplotlib.figure import Figure

    figure = Figure(figsize=size, layout="constrained")
    axes = figure.add_subplot()
    if values.dtype.kind in "iuf":
        found = distribution(values, bins)
        edges = found["bin_edges"]
        axes.bar(edges[:-1], found["hist"], width=np.diff(edges), align="edge", edgecolor="white", linewidth=0.5)
        axes.set_xlabel(_printable(values.name))
    else:
        names, counts = _frequencies(values)
        axes.barh([_short(name) for name in names][::-1], counts[::-1])
        axes.set_ylabel(_printable(values.name))
    axes.set_title(_printable(title if title is not None else values.name))
    return figure


def contact_sheet(
    view: DatasetView,
    names: Sequence[str] | None = None,
    columns: int = 5,
    *,
    array: str | None = None,
    title: str | None = None,
) -> Figure:
    """Draw items' first pictures side by side, each with the item's name.

    Parameters
    ----------
    view : DatasetView
        The items.
    names : sequence of str, optional
        Which; the first that have a picture if nothing is said.
    columns : int
        Pictures in a row.
    array : str, optional
        The array that has them, ``"group/pixels"``; the first if nothing is said.
    title : str, optional
        Above the sheet.

    Raises
    ------
    ImportError
        If matplotlib is not installed; the message names the extra.
    UsageError
        If there are no pictures, or no column.
    KeyError
        If there is no item of a name.
    """
    require("matplotlib")
    from matplotlib.figure import Figure

    if columns < 1:
        raise UsageError(f"columns: expected at least 1, found {columns}")
    pictures = _pictures(view, names, array)
    if not pictures:
        raise UsageError("expected items with pictures, found none; see print_table_of_contents() for the arrays")
    columns = min(columns, len(pictures))
    rows = -(-len(pictures) // columns)
    figure = Figure(figsize=(2.2 * columns, 2.4 * rows + (0.4 if title else 0)), layout="constrained")
    grid = np.atleast_1d(figure.subplots(rows, columns, squeeze=False)).reshape(-1)
    for axes in grid:
        axes.set_axis_off()
    for axes, (name, pixels) in zip(grid, pictures, strict=False):
        _draw(axes, pixels)
        axes.set_title(_short(name), fontsize=8)
    if title:
        figure.suptitle(_printable(title))
    return figure


def _pictures(view: DatasetView, names: Sequence[str] | None, array: str | None) -> list[tuple[str, npt.NDArray[Any]]]:
    chosen = array or next((one for one in view.select(pictures="decoded").arrays if _is_picture(view, one)), None)
    if chosen is None:
        return []
    shown = view.select(chosen, pictures="decoded", rows="first")
    found = []
    for number in range(len(shown)) if names is None else names:
        item = shown[number]
        pixels = next((value for key, value in item.items() if key not in ("id", "name")), None)
        if pixels is not None:
            found.append((item["name"], np.asarray(pixels)))
        if names is None and len(found) == _FIRST_PICTURES:
            break
    return found


def _is_picture(view: DatasetView, name: str) -> bool:
    chosen = view.parent_dataset.item_arrays
    assert chosen is not None
    return chosen.reader.arrays[name].is_pixels or (
        chosen.source_name() == name and name in chosen.choose([name], "decoded").decoded
    )


def _draw(axes: Any, pixels: npt.NDArray[Any]) -> None:
    step = max(1, max(pixels.shape[:2]) // _MOST_PIXELS)
    pixels = pixels[::step, ::step]
    channels = pixels.shape[2] if pixels.ndim == 3 else 1
    if channels in (3, 4):
        shown = pixels if pixels.dtype == np.uint8 else _to_unit(pixels)
        axes.imshow(shown)
    else:
        axes.imshow(pixels.reshape(*pixels.shape[:2], -1)[:, :, 0], cmap="gray")


def _to_unit(pixels: npt.NDArray[Any]) -> npt.NDArray[np.float64]:
    most = np.iinfo(pixels.dtype).max if pixels.dtype.kind == "u" else max(float(np.nanmax(pixels, initial=1)), 1e-9)
    return np.clip(pixels / most, 0, 1)


def _frequencies(values: KeyedValues) -> tuple[list[Any], list[int]]:
    found = memberships(values)
    counts = np.bincount(found.categories, found.counts, len(found.names)).astype(np.int64)
    order = np.argsort(-counts, kind="stable")[:_MOST_BARS]
    return [found.names[number] for number in order.tolist()], counts[order].tolist()


def _short(name: Any) -> str:
    text = _printable(str(name))
    return text if len(text) <= _LONGEST_LABEL else text[: _LONGEST_LABEL - 1] + "…"


def _printable(text: str) -> str:
    """Give text that the figure's font can show: control characters and those that it lacks by their numbers."""
    known = _characters()
    shown = "".join(one if ord(one) in known and one.isprintable() else f"\\u{ord(one):04x}" for one in text)
    return shown.replace("$", r"\$")  # it would begin a formula


def _characters() -> Container[int]:
    from matplotlib.font_manager import FontProperties, findfont, get_font

    characters: Container[int] = get_font(findfont(FontProperties())).get_charmap()
    return characters
