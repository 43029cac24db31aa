"""Which archive and member each item of a file came from, as far as it or the tables beside it say."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from zarrpack.errors import FormatError
from zarrpack.storage.data_file import DataFile
from zarrpack.storage.hdf5.item_paths import Origin
from zarrpack.storage.member_descriptions import member_descriptions

__all__ = ["item_origins"]


def item_origins(data: DataFile, tables: Mapping[str, Path]) -> dict[int, Origin]:
    """Give the origin of every item.

    Parameters
    ----------
    data : DataFile
        A dataset, pack or store.
    tables : mapping of str to Path
        The tables beside it: of ``members``, ``infoset`` the first that is there is read.

    Raises
    ------
    FormatError
        If a table cannot be read.
    """
    if data.kind != "dataset":
        return dict(enumerate(_of_member(one.name, one.description) for one in member_descriptions(data)))
    codes = data.metadata.get("zarrpack", {}).get("codes", 0)
    origins: dict[int, Origin] = {code: Origin("", f"item-{code}") for code in range(codes)}
    if "infoset" in tables:
        origins.update(_of_table(tables["infoset"], ("id", "name", "description"), is_members=False))
    if "members" in tables:
        origins.update(_of_table(tables["members"], ("item_code", "archive", "member", "role"), is_members=True))
    return origins


def _of_member(name: str, description: str) -> Origin:
    archive = description[: -len(name) - 1] if description.endswith(f"/{name}") else ""
    return Origin(archive, name)


def _of_table(path: Path, columns: tuple[str, ...], *, is_members: bool) -> dict[int, Origin]:
    import pyarrow
    import pyarrow.parquet

    try:
        rows = pyarrow.parquet.read_table(path, columns=list(columns), use_threads=False).to_pylist()
    except (pyarrow.ArrowException, OSError) as exc:
        raise FormatError(f"{path}: expected a table with the columns {', '.join(columns)}: {exc}") from exc
    if not is_members:
        unknown = (None, "", "not set")
        return {
            row["id"]: Origin("", row["name"] if row["description"] in unknown else row["description"]) for row in rows
        }
    # The first member that holds arrays is what an item is called after.
    holding: dict[int, Origin] = {}
    others: dict[int, Origin] = {}
    for row in rows:
        if row["item_code"] is not None:
            target = holding if row["role"] == "arrays" else others
            target.setdefault(row["item_code"], Origin(row["archive"], row["member"]))
    return {**others, **holding}
