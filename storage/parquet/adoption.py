"""A tree of Parquet files that has no manifest, described as if it had one."""

from __future__ import annotations

import uuid
from collections.abc import Mapping
from pathlib import Path

import pyarrow as pa

from zarrpack.errors import FormatError
from zarrpack.storage.parquet.file_facts import file_entry, read_footer
from zarrpack.storage.parquet.layout import infer_partition_types, list_files, partition_texts, typed_value
from zarrpack.storage.parquet.manifest import FileEntry, Manifest

__all__ = ["describe_tree", "join_schemas"]


def describe_tree(
    base: Path,
    timestamp_column: str | None = "timestamp",
    *,
    types: Mapping[str, pa.DataType] | None = None,
    ignore_hidden_temp: bool = True,
    digest: bool = False,
    unreadable: dict[str, str] | None = None,
) -> Manifest:
    """Describe the files below a folder.

    Parameters
    ----------
    base : Path
        The folder.
    timestamp_column : str or None
        Whose bounds are wanted.
    types : mapping of str to pyarrow.DataType, optional
        Types of partition columns that are known; others are told from the folders' names.
    ignore_hidden_temp : bool
        Whether hidden and unfinished files are left out.
    digest : bool
        Whether the files' bytes are read for their digests.
    unreadable : dict, optional
        Takes path -> what is wrong for files without a byte and files that are no Parquet; without it such files raise.

    Returns
    -------
    Manifest
        Of commit 0, with an id of its own; nothing is written.

    Raises
    ------
    FormatError
        If a file cannot be read, or files do not fit together.
    """
    listing = list_files(base, ignore_hidden_temp=ignore_hidden_temp)
    problems: dict[str, str] = {} if unreadable is None else unreadable
    problems.update(dict.fromkeys(listing.empty, "it has no bytes"))
    schemas: list[tuple[str, pa.Schema]] = []
    for path in listing.files:
        try:
            schemas.append((path, read_footer(base / path).schema.to_arrow_schema()))
        except FormatError as exc:
            problems[path] = str(exc)
    if problems and unreadable is None:
        path, why = next(iter(sorted(problems.items())))
        raise FormatError(f"{base}: expected Parquet files only, found {path}: {why}; remove or repair it")
    texts = [partition_texts(path) for path, _ in schemas]
    found = {**infer_partition_types(texts), **_of_known(types, texts)}
    files: list[FileEntry] = []
    for (path, _), one in zip(schemas, texts, strict=True):
        values = {key: typed_value(one[key], type_) for key, type_ in found.items()}
        files.append(file_entry(base, path, values, timestamp_column, digest=digest))
    schema = join_schemas([schema for _, schema in schemas], str(base))
    for key, type_ in found.items():
        index = schema.get_field_index(key)
        field = pa.field(key, type_)
        schema = schema.append(field) if index < 0 else schema.set(index, field)
    return Manifest(uuid.uuid4().hex, 0, uuid.uuid4().hex, schema, tuple(found), timestamp_column, tuple(files))


def join_schemas(schemas: list[pa.Schema], where: str) -> pa.Schema:
    """Give the schema that holds the columns of all: by first appearance, numbers in the type that holds both.

    Raises
    ------
    FormatError
        If a column has types that no type holds.

    Examples
    --------
    >>> join_schemas([pa.schema({"a": pa.int32()}), pa.schema({"a": pa.int64(), "b": pa.string()})], "here").names
    ['a', 'b']
    """
    distinct: list[pa.Schema] = []
    for one in schemas:
        plain = one.remove_metadata()
        if plain not in distinct:
            distinct.append(plain)
    try:
        return pa.unify_schemas(distinct, promote_options="permissive") if distinct else pa.schema([])
    except (pa.ArrowInvalid, pa.ArrowTypeError) as exc:
        raise FormatError(f"{where}: expected files whose columns fit together, found: {exc}") from exc


def _of_known(types: Mapping[str, pa.DataType] | None, texts: list[dict[str, str | None]]) -> dict[str, pa.DataType]:
    keys = texts[0] if texts else {}
    return {key: type_ for key, type_ in (types or {}).items() if key in keys}
