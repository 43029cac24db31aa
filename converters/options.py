"""The options of one conversion, and what each may be.

These are the long options of ``zarrpack convert`` with underscores, the keyword arguments of
:func:`zarrpack.convert`, and the keys of a configuration file: one list for all three.
"""

from __future__ import annotations

import os
import re
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field, fields
from difflib import get_close_matches
from typing import Any, Literal

from zarrpack.errors import UsageError
from zarrpack.processors.limits import Limits

__all__ = ["ConvertOptions", "options_from_mapping", "parse_size"]

_CHOICES: dict[str, tuple[object, ...]] = {
    "images": ("decoded", "encoded", "both"),
    "fit": ("crop", "pad", "stretch"),
    "labels": (None, "folder"),
    "compression": (None, "spec", "fast", "none"),
    "hdf5_compression": ("gzip", "lzf", "zstd", "none"),
    "hdf5_layout": ("columnar", "per_item"),
}
_COUNTS = ("workers", "limit", "items_per_data")
_LISTS = ("join", "include", "exclude")
_SWITCHES = ("hdf5", "keep_data", "overwrite", "resume", "salvage", "strict")
_NAME_CHARACTERS = re.compile(r"[^/\\\x00-\x1f]+")


@dataclass(frozen=True, slots=True)
class ConvertOptions:
    """How one conversion is done. Checked when it is made.

    Parameters
    ----------
    name : str or None
        Stem of the files written; None: the first source's stem, of several sources the output folder's.
    workers : int or None
        Worker processes; None: one per available core. The result does not depend on it.
    images : {"decoded", "encoded", "both"}
        Whether pictures are kept as pixels, as the source's own bytes, or as both.
    size : (int, int) or None
        Width and height in pixels that every picture is brought to; None: as they are.
    fit : {"crop", "pad", "stretch"}
        How a picture is brought to `size`.
    pair : str
        Which members make one item: ``"member"`` (each its own), ``"stem"`` (same folder and stem),
        ``"basename"`` (same stem in any folder), or a regular expression with a group named ``item``.
    join : sequence of str
        ``"MEMBER.csv:COLUMN"``: tables whose rows become metadata of the items that `COLUMN` names.
    labels : {"folder"} or None
        Whether folder names give the label and the subset.
    include, exclude : sequence of str
        Glob patterns on member names; ``*`` also matches ``/``. Exclusion wins.
    limit : int or None
        Members taken, in the sources' order; None: all.
    compression : {"spec", "fast", "none"} or None
        Codec of all arrays; None: ``fast`` for pixels, ``spec`` for the rest.
    items_per_data : int or None
        Members per ``.data`` file at the most; None: as fits.
    hdf5 : bool
        Whether ``NAME.h5`` is written as well, the mirror of the dataset.
    hdf5_compression : {"gzip", "lzf", "zstd", "none"}
        How its chunks are compressed.
    hdf5_layout : {"columnar", "per_item"}
        Whether it has the dataset's own arrays, or a dataset for each member.
    hdf5_groups : mapping of str to str
        With the layout ``per_item``: glob pattern for members' names -> the group of the mirror that they go to, instead of their
        folder's. The first that fits counts.
    keep_data : bool
        Whether the ``.data`` files stay, in ``encoded/``.
    overwrite : bool
        Whether existing output files of this name may be replaced.
    resume : bool
        Whether to go on with a run of the same sources and options that was stopped. If there is none, it is a run like
        any other; if it has been published already, nothing is done.
    strict : bool
        Whether the first member that fails ends the run, with nothing published.
    salvage : bool
        Whether members behind a damaged place of an archive are looked for; they get the note ``salvaged``.
    nested : int
        How deep archives inside archives are opened; 0: they are kept as files. The limit ``nesting``.
    processors : mapping of str to mapping
        Options of single processors by name, such as ``{"csv": {"columns": "text"}}``.
    limits : mapping of str to int
        Limits other than the defaults of :class:`zarrpack.processors.limits.Limits`, such as ``{"pixels": 200000000}``.

    Raises
    ------
    UsageError
        If a value is not allowed; the message names the option, the value and what was expected.

    Examples
    --------
    >>> ConvertOptions(images="encoded", pair="stem").pair
    'stem'
    """

    name: str | None = None
    workers: int | None = None
    images: Literal["decoded", "encoded", "both"] = "decoded"
    size: tuple[int, int] | None = None
    fit: Literal["crop", "pad", "stretch"] = "crop"
    pair: str = "member"
    join: tuple[str, ...] = ()
    labels: Literal["folder"] | None = None
    include: tuple[str, ...] = ()
    exclude: tuple[str, ...] = ()
    limit: int | None = None
    compression: Literal["spec", "fast", "none"] | None = None
    items_per_data: int | None = None
    hdf5: bool = False
    hdf5_compression: Literal["gzip", "lzf", "zstd", "none"] = "gzip"
    hdf5_layout: Literal["columnar", "per_item"] = "columnar"
    hdf5_groups: Mapping[str, str] = field(default_factory=dict)
    keep_data: bool = False
    overwrite: bool = False
    resume: bool = False
    strict: bool = False
    salvage: bool = False
    nested: int = 0
    processors: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    limits: Mapping[str, int] = field(default_factory=dict)

    def __post_init__(self) -> None:
        for name, allowed in _CHOICES.items():
            _check(getattr(self, name) in allowed, name, getattr(self, name), f"one of {_listed(allowed)}")
        for name in _COUNTS:
            value = getattr(self, name)
            _check(value is None or (type(value) is int and value > 0), name, value, "a whole number from 1 on")
        for name in _SWITCHES:
            _check(type(getattr(self, name)) is bool, name, getattr(self, name), "true or false")
        _check(type(self.nested) is int and self.nested >= 0, "nested", self.nested, "a whole number from 0 on")
        _check(not (self.resume and self.overwrite), "resume", True, "either resume or overwrite, not both")
        self._check_name()
        self._check_lists()
        self._check_limits()
        self._check_size()
        self._check_pair()

    def _check_name(self) -> None:
        fits = self.name is None or (
            isinstance(self.name, str)
            and _NAME_CHARACTERS.fullmatch(self.name) is not None
            and not self.name.startswith(".")
        )
        _check(fits, "name", self.name, "a file name without folders that does not start with a dot")

    def _check_lists(self) -> None:
        for name in _LISTS:
            value = getattr(self, name)
            fits = isinstance(value, Sequence) and not isinstance(value, str) and all(isinstance(x, str) for x in value)
            _check(fits, name, value, "a list of strings")
            object.__setattr__(self, name, tuple(value))
        for join in self.join:
            member, _, column = join.rpartition(":")
            _check(bool(member and column), "join", join, "MEMBER.csv:COLUMN")
        fits = isinstance(self.processors, Mapping) and all(isinstance(v, Mapping) for v in self.processors.values())
        _check(fits, "processors", self.processors, "an object of processor names and their options")
        groups = self.hdf5_groups
        fits = isinstance(groups, Mapping) and all(isinstance(v, str) and v.strip("/") for v in groups.values())
        _check(fits, "hdf5_groups", groups, "an object of patterns for members' names and their groups")
        if groups:
            _check(self.hdf5_layout == "per_item", "hdf5_groups", groups, "the hdf5_layout per_item with it")

    def _check_limits(self) -> None:
        _check(isinstance(self.limits, Mapping), "limits", self.limits, "an object of limits and their values")
        known = [one.name for one in fields(Limits)]
        for name, value in self.limits.items():
            _check(name in known, f"limits.{name}", value, f"one of the limits {', '.join(known)}")
            _check(type(value) is int and value > 0, f"limits.{name}", value, "a whole number from 1 on")

    def chosen_limits(self) -> Limits:
        """Give the limits: the defaults, with what `limits` says instead."""
        return Limits(**{"nesting": self.nested, **self.limits})

    def _check_size(self) -> None:
        size: Any = self.size  # a configuration says it as text
        if size is None:
            return
        if isinstance(size, str):
            size = parse_size(size)
        fits = isinstance(size, Sequence) and len(size) == 2 and all(type(one) is int and one > 0 for one in size)
        _check(fits, "size", size, "WIDTHxHEIGHT in pixels, such as 224x224")
        most = self.chosen_limits().pixels
        _check(size[0] * size[1] <= most, "size", size, f"at most {most} pixels; the limit pixels can be raised")
        _check(self.images != "encoded", "size", size, "no size with images encoded, which keeps the source's bytes")
        object.__setattr__(self, "size", tuple(size))

    def _check_pair(self) -> None:
        _check(isinstance(self.pair, str) and bool(self.pair), "pair", self.pair, "a string")
        if self.pair in ("member", "stem", "basename"):
            return
        expected = "member, stem, basename, or a regular expression with a group (?P<item>...)"
        try:
            pattern = re.compile(self.pair)
        except re.error as error:
            raise UsageError(
                f"pair: expected {expected}, found {self.pair!r}, which is no expression: {error}"
            ) from error
        _check("item" in pattern.groupindex, "pair", self.pair, expected)

    def worker_count(self) -> int:
        """Give the number of worker processes to use."""
        if self.workers is not None:
            return self.workers
        affinity = getattr(os, "sched_getaffinity", None)
        return len(affinity(0)) if affinity is not None else (os.cpu_count() or 1)

    def to_mapping(self) -> dict[str, Any]:
        """Give the options as JSON values; :func:`options_from_mapping` is the way back."""
        values = asdict(self)
        values["size"] = None if self.size is None else f"{self.size[0]}x{self.size[1]}"
        values.update({name: list(values[name]) for name in _LISTS})
        return values


def parse_size(text: str) -> tuple[int, int]:
    """Read ``WIDTHxHEIGHT``, in pixels.

    Raises
    ------
    UsageError
        If `text` is anything else.

    Examples
    --------
    >>> parse_size("320x240")
    (320, 240)
    """
    match = re.fullmatch(r"([1-9][0-9]{0,5})[xX]([1-9][0-9]{0,5})", text)
    if match is None:
        raise UsageError(f"size: expected WIDTHxHEIGHT in pixels, such as 224x224, found {text!r}")
    return int(match[1]), int(match[2])


def options_from_mapping(values: Mapping[str, Any], *, where: str = "") -> ConvertOptions:
    """Make options from configuration values; an unknown key is an error.

    Parameters
    ----------
    values : mapping
        Option names and JSON values.
    where : str
        Said before the key in messages, such as ``"conversions[2]."``.

    Raises
    ------
    UsageError
        If a key is unknown or a value is not allowed.

    Examples
    --------
    >>> options_from_mapping({"size": "32x24", "include": ["*.jpg"]}).size
    (32, 24)
    """
    known = [one.name for one in fields(ConvertOptions)]
    for key in values:
        if key not in known:
            near = get_close_matches(key, known, 1)
            hint = f"; did you mean {near[0]!r}?" if near else ""
            raise UsageError(f"{where}{key}: unknown option{hint} Known: {', '.join(sorted(known))}")
    try:
        return ConvertOptions(**values)
    except UsageError as error:
        raise UsageError(f"{where}{error}") from error


def _check(fits: bool, name: str, value: object, expected: str) -> None:
    if not fits:
        raise UsageError(f"{name}: expected {expected}, found {value!r}")


def _listed(allowed: tuple[object, ...]) -> str:
    return ", ".join("null" if one is None else str(one) for one in allowed)
