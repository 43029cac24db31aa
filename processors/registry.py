"""Which processors there are, and which one reads a member."""

from __future__ import annotations

import dataclasses
import importlib
import warnings
from collections.abc import Iterable, Iterator, Mapping, Sequence
from difflib import get_close_matches
from types import MappingProxyType
from typing import Any, ClassVar

from zarrpack.errors import UsageError
from zarrpack.processors.base import Block, Member, Metadata, Processor

__all__ = [
    "BUILT_IN",
    "ENTRY_POINT_GROUP",
    "choose",
    "only_processor",
    "processors",
    "register",
    "registered",
    "unregister",
]

#: Name -> where its class is, in the order in which they are asked. Reading this imports none of them.
BUILT_IN: Mapping[str, str] = MappingProxyType(
    {
        "image": "zarrpack.processors.image:ImageProcessor",
        "json": "zarrpack.processors.json_records:JsonProcessor",
        "csv": "zarrpack.processors.csv_table:CsvProcessor",
        "array": "zarrpack.processors.array:ArrayProcessor",
        "hdf5": "zarrpack.processors.hdf5:Hdf5Processor",
        "parquet": "zarrpack.processors.parquet:ParquetProcessor",
        "text": "zarrpack.processors.text:TextProcessor",
        "opaque": "zarrpack.processors.opaque:OpaqueProcessor",
    }
)

#: Where installed packages announce processors: classes or instances, by name.
ENTRY_POINT_GROUP = "zarrpack.processors"

_registered: dict[str, Processor] = {}


def register(processor: Processor, *, replace: bool = False) -> None:
    """Make a processor of one's own known; it is asked before all others.

    It travels to the worker processes by value, so a class in a script works. Of several, the one that was
    registered first is asked first. Not safe for threads.

    Parameters
    ----------
    processor : Processor
        A ready instance: a frozen dataclass whose fields are its options.
    replace : bool
        Whether it may take the place of a registered or built-in processor of the same name.

    Raises
    ------
    UsageError
        If it is no processor, or its name is taken and `replace` is false.

    Examples
    --------
    >>> from zarrpack.processors.opaque import OpaqueProcessor
    >>> register(OpaqueProcessor("skip"), replace=True)
    >>> registered()
    (OpaqueProcessor(policy='skip'),)
    >>> unregister("opaque")
    """
    if not isinstance(processor, Processor):
        raise UsageError(f"register: expected an instance of a subclass of Processor, found {processor!r}")
    name = processor.name
    if not replace and (name in _registered or name in BUILT_IN):
        raise UsageError(f"register: the name {name!r} is taken; choose another, or say replace=True")
    _registered[name] = processor


def unregister(name: str) -> None:
    """Forget a processor that was registered.

    Raises
    ------
    UsageError
        If none of that name is.
    """
    if name not in _registered:
        raise UsageError(f"unregister: {_unknown('processor', name, _registered)}")
    del _registered[name]


def registered() -> tuple[Processor, ...]:
    """Give the processors registered in this process, in their order."""
    return tuple(_registered.values())


def processors(options: Mapping[str, Mapping[str, Any]] | None = None) -> tuple[Processor, ...]:
    """Build the processors of a run, in the order in which they are asked.

    Registered ones come first, then those that installed packages announce, then the built-in. A package's
    processor that cannot be loaded costs a warning that names it, and nothing else.

    Parameters
    ----------
    options : mapping of str to mapping, or None
        Options by processor and field, such as ``{"image": {"size": [224, 224]}}``; what is not
        named keeps its default, or what a registered instance has.

    Raises
    ------
    UsageError
        If a name, a field or a value is wrong; the message names the nearest that is known.

    Examples
    --------
    >>> [one.name for one in processors({"csv": {"columns": "text"}})][-5:]
    ['array', 'hdf5', 'parquet', 'text', 'opaque']
    """
    found: dict[str, Processor] = dict(_registered)
    for one in _announced():
        found.setdefault(one.name, one)
    for name, path in BUILT_IN.items():
        if name not in found:
            module, _, attribute = path.partition(":")
            found[name] = getattr(importlib.import_module(module), attribute)()
    options = options or {}
    for name in options:
        if name not in found:
            raise UsageError(f"processors: {_unknown('processor', name, found)}")
    return tuple(_configured(one, options.get(name, {})) for name, one in found.items())


def choose(processors: Sequence[Processor], head: bytes, name: str) -> Processor | None:
    """Give the first processor that accepts a member; None if none does.

    A processor whose `accepts` raises is passed over, with a warning that names it.

    Parameters
    ----------
    processors : sequence of Processor
        As :func:`processors` gives them.
    head : bytes
        The member's first bytes.
    name : str
        The member's name.

    Examples
    --------
    >>> choose(processors(), b"GIF89a", "a.dat").name
    'image'
    """
    for processor in processors:
        try:
            if processor.accepts(head, name):
                return processor
        except Exception as exc:  # noqa: BLE001 - the contract forbids it, and one broken processor must not end a run
            said = f"processor {processor.name!r}: accepts raised {type(exc).__name__}: {exc}; it is passed over"
            warnings.warn(said, RuntimeWarning, stacklevel=2)
    return None


def only_processor(processors: Sequence[Processor], name: str) -> tuple[Processor, ...]:
    """Give the one processor of a name, made to read every member, whatever it looks like.

    Parameters
    ----------
    processors : sequence of Processor
        As :func:`processors` gives them.
    name : str
        One of theirs.

    Raises
    ------
    UsageError
        If none has that name.

    Examples
    --------
    >>> (one,) = only_processor(processors(), "opaque")
    >>> one.name, one.accepts(b"", "a.json")
    ('opaque', True)
    """
    for processor in processors:
        if processor.name == name:
            return (_Chosen(processor),)
    raise UsageError(f"processor: {_unknown('processor', name, [one.name for one in processors])}")


class _Chosen(Processor):
    """A processor that the user has chosen."""

    name: ClassVar[str] = ""  # the instance's is that of the chosen one

    def __init__(self, chosen: Processor) -> None:
        self._chosen = chosen
        vars(self).update(name=chosen.name, is_record=chosen.is_record)

    def accepts(self, head: bytes, name: str) -> bool:
        return True

    def read(self, member: Member) -> Iterator[Block | Metadata]:
        return self._chosen.read(member)


def _announced() -> Iterable[Processor]:
    from importlib.metadata import entry_points

    for point in sorted(entry_points(group=ENTRY_POINT_GROUP)):
        try:
            loaded = point.load()
            made = loaded() if isinstance(loaded, type) else loaded
            if not isinstance(made, Processor):
                raise TypeError(f"expected a Processor, found {made!r}")
            if made.name in BUILT_IN:
                raise ValueError(f"the name {made.name!r} is built in")
        except Exception as exc:  # noqa: BLE001 - whatever a foreign package raises, the others go on
            said = f"processor {point.name!r} ({point.value}) is left out: {type(exc).__name__}: {exc}"
            warnings.warn(said, RuntimeWarning, stacklevel=3)
        else:
            yield made


def _configured(processor: Processor, options: Mapping[str, Any]) -> Processor:
    if not options:
        return processor
    known: list[str] = (
        [one.name for one in dataclasses.fields(processor)] if dataclasses.is_dataclass(processor) else []
    )
    for field in options:
        if field not in known:
            raise UsageError(f"processors.{processor.name}: {_unknown('option', field, known)}")
    try:
        return dataclasses.replace(processor, **options)  # type: ignore[type-var]
    except UsageError as exc:
        raise UsageError(f"processors.{processor.name}.{exc}") from exc


def _unknown(kind: str, name: str, known: Iterable[str]) -> str:
    names = sorted(known)
    near = get_close_matches(name, names, 1)
    hint = f"did you mean {near[0]!r}? Known" if near else "known"
    return f"unknown {kind} {name!r}; {hint}: {', '.join(names) or 'none'}"
