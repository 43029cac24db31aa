"""What makes two runs the same run: a stopped one may only be taken up with equal sources, options and versions."""

from __future__ import annotations

import json
import platform
from collections.abc import Mapping, Sequence
from typing import Any

from zarrpack import __version__
from zarrpack.converters.options import ConvertOptions
from zarrpack.converters.sources import DescribedSource
from zarrpack.errors import UsageError
from zarrpack.processors.registry import registered

__all__ = ["check_identity", "package_versions", "run_identity"]

#: Options that change nothing in the files.
_INDIFFERENT = ("workers", "overwrite", "resume", "strict")
#: Packages on whose version the files' bytes may depend.
_PACKAGES = ("isal", "numcodecs", "numpy", "pillow", "pyarrow", "simplejpeg", "zstandard")


def run_identity(sources: Sequence[DescribedSource], options: ConvertOptions) -> dict[str, Any]:
    """Describe a run as JSON values that are equal for equal runs.

    Parameters
    ----------
    sources : sequence of DescribedSource
        In order.
    options : ConvertOptions
        How the run is configured.
    """
    chosen = {key: value for key, value in options.to_mapping().items() if key not in _INDIFFERENT}
    identity = {
        "zarrpack": __version__,
        "python": ".".join(platform.python_version_tuple()[:2]),
        "options": chosen,
        "processors": [f"{type(one).__module__}.{type(one).__qualname__}" for one in registered()],
        "sources": [one.to_mapping() for one in sources],
    }
    copy: dict[str, Any] = json.loads(json.dumps(identity))  # as it comes back from a file
    return copy


def package_versions() -> dict[str, str]:
    """Give the versions of the libraries on which the files' bytes may depend."""
    from importlib.metadata import PackageNotFoundError, version

    versions = {}
    for name in _PACKAGES:
        try:
            versions[name] = version(name)
        except PackageNotFoundError:
            versions[name] = "unknown"
    return versions


def check_identity(recorded: Mapping[str, Any], identity: Mapping[str, Any], where: str) -> None:
    """See to it that a run is the one that was recorded.

    Parameters
    ----------
    recorded, identity : mapping
        Of :func:`run_identity` then and now, or parts of it.
    where : str
        The output, for the message.

    Raises
    ------
    UsageError
        If they differ; the message names every difference.
    """
    differences = list(_differences("", recorded, identity))
    if differences:
        told = "; ".join(differences[:5]) + ("; ..." if len(differences) > 5 else "")
        raise UsageError(
            f"{where}: --resume goes on with the same sources, options and versions only, found others: {told}; "
            "give them as before, or start anew with --overwrite"
        )


def _differences(path: str, before: Any, now: Any) -> list[str]:
    if isinstance(before, dict) and isinstance(now, dict):
        keys = list(dict.fromkeys([*before, *now]))
        return [one for key in keys for one in _differences(f"{path}.{key}", before.get(key), now.get(key))]
    if isinstance(before, list) and isinstance(now, list) and len(before) == len(now):
        pairs = enumerate(zip(before, now, strict=True))
        return [one for number, (a, b) in pairs for one in _differences(f"{path}[{number}]", a, b)]
    if before == now:
        return []
    return [f"{path.lstrip('.').removeprefix('options.')} was {_shown(before)} and is {_shown(now)}"]


def _shown(value: Any) -> str:
    text = json.dumps(value, ensure_ascii=False)
    return text if len(text) <= 60 else f"{text[:57]}..."
