"""What the tests of the merge share: sources made of members, and outputs read by zarr-python and xarray."""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt
import pytest
import xarray
import zarr
from zarr.storage import ZipStore

from zarrpack.storage.base import EncodingOptions, MemberDescription
from zarrpack.storage.blocks import Block
from zarrpack.storage.data_file import DataFile
from zarrpack.storage.merge import MergeReport, merge_arrays
from zarrpack.storage.pack_encoder import PackEncoder
from zarrpack.storage.zip_writer import ZipWriter

Members: TypeAlias = Iterable[Sequence[Block]]
Codes: TypeAlias = Sequence[Sequence[int]]


class Output:
    """A dataset, read by zarr-python; `arrays` is group -> array -> values."""

    def __init__(self, path: Path, report: MergeReport) -> None:
        self.path = path
        self.report = report
        self.arrays: dict[str, dict[str, npt.NDArray[Any]]] = {}
        self.attributes: dict[str, dict[str, Any]] = {}
        store = ZipStore(path, mode="r")
        try:
            root = zarr.open_group(store, mode="r")
            for group_name, group in root.groups():
                found = dict(group.arrays())
                self.arrays[group_name] = {name: np.asarray(array[...]) for name, array in found.items()}
                self.attributes[group_name] = {name: dict(array.attrs) for name, array in found.items()}
                # xarray refuses a group in which one dimension has two lengths.
                with xarray.open_zarr(store, group=group_name, chunks=None, mask_and_scale=False) as dataset:
                    assert set(dataset.variables) == set(found)
                    assert not set(dataset.sizes) & set(found)
        finally:
            store.close()

    def rows(self, group: str, name: str) -> list[Any]:
        """Give an array's rows; of a flat array each thing in its shape, None where there are no values."""
        arrays, attributes = self.arrays[group], self.attributes[group]
        if not attributes[name].get("zarrpack_flat"):
            return list(arrays[name])
        offsets = arrays[f"{name}_offsets"]
        if f"{name}_shape" in arrays:
            shapes = arrays[f"{name}_shape"]
        else:
            shapes = np.stack([arrays[one] for one in attributes[name]["zarrpack_shape_from"]], axis=1)
        return [
            arrays[name][start : start + math.prod(shape)].reshape(shape) if any(shape) else None
            for start, shape in zip(offsets.tolist(), shapes.tolist(), strict=True)
        ]

    def codes(self, group: str, dim: str) -> list[int]:
        """Give the code of each row along a dimension, having compared it with the dimension's offsets."""
        for name, attributes in self.attributes[group].items():
            if attributes["zarrpack_role"] == "code" and attributes["zarrpack_of"] == dim:
                codes: list[int] = self.arrays[group][name].tolist()
        offsets = self.arrays[group][f"{dim}_offsets"]
        assert codes == np.repeat(np.arange(len(offsets) - 1), np.diff(offsets)).tolist()
        return codes


class Workshop:
    """Makes sources in a folder and merges them."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._numbers = itertools.count()

    def path(self, suffix: str = ".data") -> Path:
        """Give the path of a file that is not there yet."""
        return self.folder / f"{next(self._numbers)}{suffix}"

    def pack(self, members: Members, failing: Iterable[int] = (), **options: Any) -> Path:
        """Encode members to a pack, or with ``kind="store"`` to a store; those in `failing` are abandoned."""
        path = self.path()
        with path.open("wb") as file:
            writer = ZipWriter(file)
            encoder = PackEncoder(writer.add, EncodingOptions(**options))
            for number, blocks in enumerate(members):
                encoder.begin_member()
                for block in blocks:
                    encoder.add(block)
                if number in failing:
                    encoder.abandon_member()
                else:
                    encoder.end_member(MemberDescription(f"{number}"))
            writer.close(encoder.finish())
        return path

    def merge(self, sources: Sequence[Path], codes: Codes | None = None, **options: Any) -> Output:
        """Merge sources; without `codes` every member becomes an item, in order."""
        path = self.path(".dataset")
        if codes is None:
            codes = []
            for source in sources:
                with DataFile(source) as data:
                    first = sum(map(len, codes))
                    codes.append(range(first, first + member_count(data)))
        count = options.pop("count", max((code for some in codes for code in some), default=-1) + 1)
        report = merge_arrays(sources, lambda number, _: np.array(codes[number]), path, count=count, **options)
        return Output(path, report)


def member_count(data: DataFile) -> int:
    """Count a source's members."""
    if data.kind == "pack":
        return len(data.metadata["members"])
    return int(data.metadata["zarrpack"]["codes"]) if data.kind == "dataset" else 1


@pytest.fixture(scope="session")
def workshop(tmp_path_factory: pytest.TempPathFactory) -> Workshop:
    """Give a place for sources and outputs."""
    return Workshop(tmp_path_factory.mktemp("merge"))
