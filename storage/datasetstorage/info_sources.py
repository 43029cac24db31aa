"""Where a file's metadata is: in its JSON file, wherever that has gone, or inside its ``.data`` file."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from zarrpack.errors import FormatError, SourceError
from zarrpack.storage.data_file import DataFile
from zarrpack.storage.datasetstorage.info_fields import FileMetadata, split_metadata
from zarrpack.storage.datastorage.keys import file_stem
from zarrpack.storage.datastorage.metadata_file import read_json
from zarrpack.storage.datastorage.metadata_tree import SCHEMA_KEY
from zarrpack.storage.member_descriptions import member_descriptions

__all__ = ["FoundInfo", "InfoRecord", "find_info", "read_data_info"]

#: Where stores and what they export lie, seen from each other.
_SUMMARIES = "files_summary"
_ENCODED = "encoded"
_DATA_SUFFIXES = (".zarr.data", ".data")
_ZIP_START = b"PK\x03\x04"


@dataclass(frozen=True, slots=True)
class InfoRecord:
    """What is known of one file.

    Parameters
    ----------
    metadata : FileMetadata
        Its metadata.
    member : str or None
        Its name in a pack; None: it is called by the stem.
    description : str
        What it is if the metadata do not say so.
    """

    metadata: FileMetadata
    member: str | None = None
    description: str = ""


@dataclass(frozen=True, slots=True)
class FoundInfo:
    """What a path to metadata has led to.

    Parameters
    ----------
    path : Path
        The path.
    records : tuple of InfoRecord
        One; of a pack one for each member; none: nothing has been found.
    json : Path or None
        The JSON file that was read.
    problem : str
        Why the file at the path was not taken; empty: it was, or there is none.
    """

    path: Path
    records: tuple[InfoRecord, ...] = ()
    json: Path | None = None
    problem: str = ""


def find_info(path: Path, data: Path | None = None) -> FoundInfo:
    """Read a file's metadata.

    They are looked for at the path, in ``../files_summary`` and ``files_summary`` beside it, then inside the ``.data`` file
    of the same stem: the given one, one in the same folder, or in ``encoded`` beside or below that or in the folder above.

    Parameters
    ----------
    path : Path
        A JSON file or a ``.data`` file; it need not be there.
    data : Path or None
        A ``.data`` file of the same stem, if one is known.

    Examples
    --------
    >>> _ = Path("files_summary").mkdir(), Path("files_summary/part.json").write_text('{"mass": 2.5}')
    >>> find_info(Path("encoded/part.zarr.json")).records[0].metadata.fields
    {'mass': 2.5}
    """
    problems = []
    for place in _json_places(path):
        try:
            if _is_zip(place):
                return FoundInfo(path, read_data_info(place))
            return FoundInfo(path, (InfoRecord(_read_object(place)),), json=place)
        except FileNotFoundError:
            continue
        except (OSError, FormatError) as exc:
            problems.append(str(exc) if isinstance(exc, FormatError) else f"{place}: {exc.strerror}")
    problem = problems[0] if problems else ""
    for place in [data, *_data_places(path)] if data else _data_places(path):
        try:
            return FoundInfo(path, read_data_info(place), problem=problem)
        except (FormatError, SourceError):
            continue
    return FoundInfo(path, problem=problem)


def read_data_info(path: Path) -> tuple[InfoRecord, ...]:
    """Read the metadata inside a ``.data`` file: one record of a store, one for each member of a pack.

    Raises
    ------
    FormatError
        If it is no ``.data`` file, or damaged.
    SourceError
        If it cannot be opened.
    """
    with DataFile(path) as data:
        members = member_descriptions(data)
        if data.kind == "pack":
            schema = data.metadata.get(SCHEMA_KEY)
            return tuple(
                InfoRecord(_with_schema(split_metadata(one.metadata), schema), one.name, one.description)
                for one in members
            )
        # A file that does not say what it is has been described by its name.
        own = members[0].description if data.kind and members[0].description != members[0].name else ""
        return (InfoRecord(split_metadata(members[0].metadata), description=own),)


def _json_places(path: Path) -> Iterator[Path]:
    yield path
    name = f"{file_stem(path)}.json"
    for place in (path.parent.parent / _SUMMARIES / name, path.parent / _SUMMARIES / name):
        if place != path:
            yield place


def _data_places(path: Path) -> Sequence[Path]:
    folder = path.parent
    folders = (folder, folder.parent / _ENCODED, folder / _ENCODED, folder.parent)
    return [one / f"{file_stem(path)}{suffix}" for one in folders for suffix in _DATA_SUFFIXES]


def _is_zip(path: Path) -> bool:
    with path.open("rb") as file:
        return file.read(len(_ZIP_START)) == _ZIP_START


def _read_object(path: Path) -> FileMetadata:
    content = read_json(path)
    if not isinstance(content, dict):
        raise FormatError(f"{path}: expected a JSON object, found {type(content).__name__}")
    try:
        return split_metadata(content)
    except RecursionError as exc:
        raise FormatError(f"{path}: expected JSON that is less deep") from exc


def _with_schema(metadata: FileMetadata, schema: object) -> FileMetadata:
    if metadata.schema is None and isinstance(schema, Mapping):
        return metadata._replace(schema=schema)
    return metadata
