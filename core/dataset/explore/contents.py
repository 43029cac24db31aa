"""A dataset's groups, arrays and tables, as text."""

from __future__ import annotations

from collections.abc import Iterator

from zarrpack.dataset.item_table import ItemTable
from zarrpack.storage.items.item_reader import ItemReader

__all__ = ["contents_lines"]


def contents_lines(reader: ItemReader, table: ItemTable) -> Iterator[str]:
    """Give the lines of a table of contents.

    Parameters
    ----------
    reader : ItemReader
        The dataset.
    table : ItemTable
        Its items.
    """
    yield f"{reader.path}: {len(table)} items"
    for group in dict.fromkeys(one.group for one in reader.arrays.values()):
        yield f"  {group or '/'}"
        for array in (one for one in reader.arrays.values() if one.group == group):
            metadata = reader.index.arrays[array.name].metadata
            dims = ", ".join(f"{dim} {length}" for dim, length in zip(metadata.dims, metadata.shape, strict=True))
            shown = metadata.codec.object_codec or metadata.dtype
            size = int(reader.index.arrays[array.name].sizes.sum())
            yield f"    {array.name.removeprefix(f'{group}/'):<24} {shown:<10} [{dims}] {_bytes(size)}"
    if table.path is not None:
        yield f"  {table.path.name}: {len(table)} rows"
        yield from (f"    {name}" for name in table.column_names)


def _bytes(count: int) -> str:
    return f"{count / 1e6:.1f} MB" if count >= 1e6 else f"{count / 1e3:.1f} kB"
