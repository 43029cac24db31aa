"""H5DAT's configuration and schema files, as a conversion with a mirror of one dataset for each member."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from difflib import get_close_matches
from pathlib import Path
from typing import Any

from zarrpack.converters.options import options_from_mapping
from zarrpack.errors import UsageError

__all__ = ["H5datRun", "is_h5dat", "read_h5dat"]

_CONFIGURATION_KEYS = (
    "batch_process_limit",
    "batch_chunk_size",
    "dataset_compression",
    "image_extensions",
    "video_extensions",
    "allowed_types",
)
_COMPRESSIONS = {"gzip": "gzip", "lzf": "lzf", "zstd": "zstd", "none": "none", None: "none"}
_SHARED = ("leaf_content", "location_leaf_map")


@dataclass(slots=True)
class H5datRun:
    """What H5DAT's files ask for, in zarrpack's terms.

    Parameters
    ----------
    sources : list of Path
        The archives.
    options : dict
        Options of the conversion.
    notes : list of str
        What the files say that has no effect, or contradicts itself without harm.
    """

    sources: list[Path] = field(default_factory=list)
    options: dict[str, Any] = field(default_factory=dict)
    notes: list[str] = field(default_factory=list)


def is_h5dat(values: Mapping[str, Any]) -> bool:
    """Whether a JSON object is a configuration or a schema of H5DAT's.

    Parameters
    ----------
    values : mapping
        The file's content.
    """
    return "conversions" not in values and ("files" in values or any(key in values for key in _CONFIGURATION_KEYS))


def read_h5dat(files: Sequence[tuple[Path, Mapping[str, Any]]]) -> H5datRun:
    """Read H5DAT's schema file, and its configuration file if there is one.

    Parameters
    ----------
    files : sequence of (Path, mapping)
        One or two files with their content, in any order.

    Raises
    ------
    UsageError
        If a key or value is wrong, the files contradict themselves, or no archive is named.
    """
    schemas = [one for one in files if "files" in one[1]]
    configurations = [one for one in files if "files" not in one[1]]
    if len(schemas) != 1 or len(configurations) > 1:
        named = ", ".join(str(path) for path, _ in files)
        raise UsageError(
            f"{named}: expected H5DAT's schema file, which names archives and output, and at most one configuration file, "
            f"found {len(schemas)} and {len(configurations)}; zarrpack run CONFIG.json SCHEMA.json"
        )
    run = H5datRun(options={"hdf5": True, "hdf5_layout": "per_item"})
    for path, values in configurations:
        _read_configuration(str(path), values, run)
    _read_schema(*schemas[0], run)
    run.options = options_from_mapping(run.options, where=f"{schemas[0][0]}: ").to_mapping()
    return run


def _read_configuration(where: str, values: Mapping[str, Any], run: H5datRun) -> None:
    _refuse_unknown(where, values, _CONFIGURATION_KEYS)
    for key in ("batch_process_limit", "batch_chunk_size"):
        size = values.get(key, 1)
        if type(size) is not int or size < 1:
            raise UsageError(f"{where}: {key}: expected a whole number from 1 on, found {size!r}")
        if key in values:
            run.notes.append(f"{key} has no effect: batches and memory are bounded by themselves")
    if "dataset_compression" in values:
        compression = values["dataset_compression"]
        if not isinstance(compression, str | None) or compression not in _COMPRESSIONS:
            known = ", ".join(str(one) for one in _COMPRESSIONS if one)
            raise UsageError(f"{where}: dataset_compression: expected one of {known}, found {compression!r}")
        run.options["hdf5_compression"] = _COMPRESSIONS[compression]
    images, videos, allowed = (
        _extensions(where, values, key) for key in ("image_extensions", "video_extensions", "allowed_types")
    )
    both = sorted(images & videos)
    if both:
        raise UsageError(
            f"{where}: expected each type once, found {', '.join(both)} in image_extensions and in video_extensions; "
            "take it out of one"
        )
    if "allowed_types" in values:
        lost = sorted((images | videos) - allowed)
        if lost:
            run.notes.append(
                f"allowed_types leaves out {', '.join(lost)}, which the other lists name; they are skipped"
            )
        run.options["include"] = [_any_case(one) for one in sorted(allowed)]


def _read_schema(path: Path, values: Mapping[str, Any], run: H5datRun) -> None:
    where = str(path)
    _refuse_unknown(where, values, ("files",))
    files = _object(values["files"], f"{where}: files")
    _refuse_unknown(f"{where}: files", files, ("incoming", "outgoing"))
    incoming = _object(files.get("incoming", {}), f"{where}: files.incoming")
    if not incoming:
        raise UsageError(f"{where}: files.incoming: expected archives by name, found none")
    for archive, said in incoming.items():
        own = _object(said, f"{where}: files.incoming.{archive}")
        _refuse_unknown(f"{where}: files.incoming.{archive}", own, ("dirs",))
        if own.get("dirs"):
            run.notes.append(f"files.incoming.{archive}.dirs has no effect: every folder of an archive is read")
        run.sources.append(path.resolve().parent / archive)
    outgoing = _object(files.get("outgoing", {}), f"{where}: files.outgoing")
    outputs = {name: said for name, said in outgoing.items() if name not in _SHARED}
    if len(outputs) != 1:
        raise UsageError(
            f"{where}: files.outgoing: expected one output file, found {', '.join(outputs) or 'none'}; "
            "which archive goes where is not said: make a schema file for each"
        )
    name, said = next(iter(outputs.items()))
    place = f"{where}: files.outgoing.{name}"
    own = _object(said, place)
    _refuse_unknown(place, own, ("groups", *_SHARED))
    shared = {key: own.get(key, outgoing.get(key, {})) for key in _SHARED}
    for key in _SHARED:
        if key in own and key in outgoing and own[key] != outgoing[key]:
            raise UsageError(f"{place}: expected one {key}, found two that differ, beside the output and in it")
    run.options["name"] = Path(name).stem
    run.options["hdf5_groups"] = _groups(place, own.get("groups", {}), shared)


def _groups(where: str, groups: object, shared: Mapping[str, object]) -> dict[str, str]:
    """Give pattern -> group: by path first, then by folder, then by type."""
    by_path = _by_path(f"{where}.groups", _object(groups, f"{where}.groups"))
    found = {f"{path}/*" if path else "*": group for path, group in by_path.items()}
    known = set(by_path.values())
    for folder, group in _object(shared["location_leaf_map"], f"{where}: location_leaf_map").items():
        if not isinstance(group, str) or (known and group not in known):
            raise UsageError(
                f"{where}: location_leaf_map.{folder}: expected a group of groups, found {group!r}; "
                f"groups has {', '.join(sorted(known))}"
            )
        plain = _escaped(folder.strip("/"))
        found.setdefault(f"{plain}/*", group)
        found.setdefault(f"*/{plain}/*", group)
    for key, said in _object(shared["leaf_content"], f"{where}: leaf_content").items():
        content = _object(said, f"{where}: leaf_content.{key}")
        _refuse_unknown(f"{where}: leaf_content.{key}", content, ("sources",))
        for one in _extensions(f"{where}: leaf_content.{key}", content, "sources"):
            pattern, leaf = _any_case(one), key.strip("/")
            if found.setdefault(pattern, leaf) != leaf:
                raise UsageError(
                    f"{where}: leaf_content: expected each type in one place, found {one} for {found[pattern]} and {leaf}"
                )
    return found


def _by_path(where: str, groups: Mapping[str, Any]) -> dict[str, str]:
    """Give path -> group, whichever way round the file has them."""
    found: dict[str, str] = {}
    for key, value in groups.items():
        if not isinstance(value, str):
            raise UsageError(f"{where}.{key}: expected a text, found {value!r}")
        if ("/" in key) == ("/" in value):
            raise UsageError(f"{where}: expected a path with / and a group without, found {key!r} and {value!r}")
        path, group = (key, value) if "/" in key else (value, key)
        plain = _escaped(path.strip("/"))
        if found.setdefault(plain, group) != group:
            raise UsageError(f"{where}: expected each path once, found {path!r} for {found[plain]!r} and for {group!r}")
    return found


def _extensions(where: str, values: Mapping[str, Any], key: str) -> set[str]:
    listed = values.get(key, [])
    if not isinstance(listed, list) or not all(isinstance(one, str) and one.strip(".") for one in listed):
        raise UsageError(f"{where}: {key}: expected a list of types such as 'jpg', found {listed!r}")
    return {one.strip().lstrip(".").lower() for one in listed}


def _any_case(extension: str) -> str:
    return "*." + "".join(f"[{one}{one.upper()}]" if one != one.upper() else _escaped(one) for one in extension)


def _escaped(text: str) -> str:
    return "".join(f"[{one}]" if one in "*?[" else one for one in text)


def _object(value: object, where: str) -> dict[str, Any]:
    if not isinstance(value, dict):
        raise UsageError(f"{where}: expected an object {{...}}, found {value!r:.80}")
    return value


def _refuse_unknown(where: str, values: Mapping[str, Any], known: Sequence[str]) -> None:
    for key in values:
        if key not in known:
            near = get_close_matches(key, known, 1)
            hint = f"did you mean {near[0]!r}? " if near else ""
            raise UsageError(f"{where}: {key}: unknown key; {hint}H5DAT's are {', '.join(known)}")
