"""JSON configurations: one conversion (``--config``) and batches of them (``zarrpack run``).

``configs/zarrpack.schema.json`` describes the same for editors; this module's messages name the key, the
value, and what was expected.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from difflib import get_close_matches
from pathlib import Path
from typing import Any

from zarrpack.converters.h5dat import is_h5dat, read_h5dat
from zarrpack.converters.options import ConvertOptions, options_from_mapping
from zarrpack.errors import UsageError

__all__ = ["Conversion", "read_batch", "read_options", "read_runs"]

_BATCH_KEYS = ("$schema", "conversions", "defaults", "out")


@dataclass(frozen=True, slots=True)
class Conversion:
    """One conversion of a batch.

    Parameters
    ----------
    sources : tuple of Path
        What to convert; relative paths start at the configuration's folder.
    out : Path
        The output folder.
    options : ConvertOptions
        Defaults and the conversion's own options together.
    """

    sources: tuple[Path, ...]
    out: Path
    options: ConvertOptions


def read_options(path: Path) -> dict[str, Any]:
    """Read the configuration of one conversion: an object of options.

    Parameters
    ----------
    path : Path
        A JSON file.

    Returns
    -------
    dict
        The options it names, checked; those given on the command line win over them.

    Raises
    ------
    UsageError
        If the file cannot be read, is no JSON object, or has a key or value that is not allowed.
    """
    values = _object(_load(path), str(path))
    values.pop("$schema", None)
    options_from_mapping(values, where=f"{path}: ")
    return values


def read_runs(paths: Sequence[Path]) -> tuple[list[Conversion], list[str]]:
    """Read what ``zarrpack run`` is given: the configuration of a batch, or H5DAT's files.

    Parameters
    ----------
    paths : sequence of Path
        One JSON file; of H5DAT's the configuration and the schema, or the schema alone.

    Returns
    -------
    tuple of (list of Conversion, list of str)
        The conversions, and what is to be told of the files.

    Raises
    ------
    UsageError
        If a file cannot be read, or has a key or value that is not allowed.
    """
    files = [(path, _object(_load(path), str(path))) for path in paths]
    if not all(is_h5dat(values) for _, values in files):
        if len(paths) != 1:
            raise UsageError(f"{paths[1]}: expected one configuration, found {len(paths)} files; only H5DAT has two")
        return read_batch(paths[0]), []
    run = read_h5dat(files)
    out = next(path for path, values in files if "files" in values).resolve().parent / "out"
    return [Conversion(tuple(run.sources), out, options_from_mapping(run.options))], run.notes


def read_batch(path: Path) -> list[Conversion]:
    """Read the configuration of a batch of conversions.

    Parameters
    ----------
    path : Path
        A JSON file with the keys ``out``, ``defaults`` and ``conversions``.

    Returns
    -------
    list of Conversion
        In the file's order.

    Raises
    ------
    UsageError
        If the file cannot be read, or has a key or value that is not allowed.
    """
    values = _object(_load(path), str(path))
    _refuse_unknown(values, _BATCH_KEYS, f"{path}: ")
    out = values.get("out", "out")
    if not isinstance(out, str) or not out:
        raise UsageError(f"{path}: out: expected a folder's path, found {out!r}")
    defaults = _object(values.get("defaults", {}), f"{path}: defaults")
    options_from_mapping(defaults, where=f"{path}: defaults.")
    conversions = values.get("conversions")
    if not isinstance(conversions, list) or not conversions:
        raise UsageError(f"{path}: conversions: expected a list with at least one object, found {conversions!r}")
    base = path.resolve().parent
    made = [_conversion(one, index, path, base, out, defaults) for index, one in enumerate(conversions)]
    _refuse_same_output(made, path)
    return made


def _conversion(value: object, index: int, path: Path, base: Path, out: str, defaults: Mapping[str, Any]) -> Conversion:
    where = f"{path}: conversions[{index}]"
    own = _object(value, where)
    sources = own.pop("sources", None)
    if not isinstance(sources, list) or not sources or not all(isinstance(one, str) and one for one in sources):
        raise UsageError(f"{where}.sources: expected a list of paths, found {sources!r}")
    own_out = own.pop("out", out)
    if not isinstance(own_out, str) or not own_out:
        raise UsageError(f"{where}.out: expected a folder's path, found {own_out!r}")
    options = options_from_mapping({**defaults, **own}, where=f"{where}.")
    return Conversion(tuple(base / source for source in sources), base / own_out, options)


def _refuse_same_output(conversions: Sequence[Conversion], path: Path) -> None:
    from zarrpack.converters.output import default_name

    seen: dict[tuple[Path, str], int] = {}
    for index, one in enumerate(conversions):
        key = (one.out, one.options.name or default_name(one.sources, one.out))
        if key in seen:
            raise UsageError(
                f"{path}: conversions[{index}]: expected an output of its own, found the name {key[1]!r} in {key[0]}, "
                f"which conversions[{seen[key]}] writes; give one of them another name"
            )
        seen[key] = index


def _load(path: Path) -> object:
    try:
        text = path.read_text(encoding="utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        raise UsageError(f"{path}: expected a JSON file in UTF-8: {error}") from error
    try:
        return json.loads(text, object_pairs_hook=_refuse_duplicates)
    except json.JSONDecodeError as error:
        raise UsageError(f"{path}: line {error.lineno}, column {error.colno}: not valid JSON: {error.msg}") from error
    except RecursionError as error:
        raise UsageError(f"{path}: expected an object of options, found JSON nested too deeply") from error
    except UsageError as error:
        raise UsageError(f"{path}: {error}") from error


def _refuse_duplicates(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    values = dict(pairs)
    if len(values) != len(pairs):
        keys = [key for key, _ in pairs]
        twice = next(key for key in keys if keys.count(key) > 1)
        raise UsageError(f"{twice}: expected each key once, found it twice in one object")
    return values


def _object(value: object, where: str) -> dict[str, Any]:
    if not isinstance(value, dict):
        raise UsageError(f"{where}: expected an object {{...}}, found {json.dumps(value)[:80]}")
    return dict(value)


def _refuse_unknown(values: Mapping[str, Any], known: Sequence[str], where: str) -> None:
    for key in values:
        if key not in known:
            near = get_close_matches(key, known, 1)
            hint = f"; did you mean {near[0]!r}?" if near else ""
            raise UsageError(f"{where}{key}: unknown key{hint} Known: {', '.join(known)}")
