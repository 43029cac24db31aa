"""What the tests of the formats share: a file written chunk by chunk, and a pack of given members."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any, TypeAlias

import numpy as np
import pytest

from zarrpack.storage.array_metadata import ArrayMetadata
from zarrpack.storage.base import EncodingOptions, MemberDescription
from zarrpack.storage.blocks import Block
from zarrpack.storage.codecs import encode_chunk
from zarrpack.storage.hierarchy import FIRST_NAMES, hierarchy_documents, root_attributes
from zarrpack.storage.pack_encoder import PackEncoder
from zarrpack.storage.zip_writer import ZipWriter

#: "group/array" -> what the array is, and its values.
Arrays: TypeAlias = Mapping[str, tuple[ArrayMetadata, Any]]
#: The blocks of each member.
Members: TypeAlias = Iterable[Sequence[Block]]


@pytest.fixture
def write_file(tmp_path: Path) -> Callable[[Arrays], Path]:
    """Give a function that writes whole arrays to a file, each cut into its chunks."""

    def write(arrays: Arrays) -> Path:
        path = tmp_path / "written.data"
        with path.open("wb") as file:
            writer = ZipWriter(file)
            for name, (metadata, values) in arrays.items():
                for index in itertools.product(*map(range, metadata.chunk_grid())):
                    corner = tuple(n * length for n, length in zip(index, metadata.chunks, strict=True))
                    spans: list[Any] = [slice(n, n + length) for n, length in zip(corner, metadata.chunks, strict=True)]
                    part = np.asarray(values)[(*spans, ...)]
                    payload = encode_chunk(part, metadata.codec, metadata.dtype, metadata.chunks)
                    writer.add(f"{name}/{metadata.chunk_key(index)}", payload)
            groups: dict[str, dict[str, Any]] = {name.partition("/")[0]: {} for name in arrays}
            metadatas = {name: metadata for name, (metadata, _) in arrays.items()}
            for name, payload in hierarchy_documents(root_attributes("store"), groups, metadatas, "{}"):
                writer.add(name, payload)
            writer.close(FIRST_NAMES)
        return path

    return write


@pytest.fixture
def write_pack(tmp_path: Path) -> Callable[..., Path]:
    """Give a function that encodes members, numbered from 0, to a pack; those in `failing` are abandoned."""

    def write(
        members: Members,
        options: EncodingOptions | None = None,
        failing: Iterable[int] = (),
        name: str = "pack.data",
        numbers: Iterable[int] | None = None,
    ) -> Path:
        path = tmp_path / name
        with path.open("wb") as file:
            writer = ZipWriter(file)
            encoder = PackEncoder(writer.add, options or EncodingOptions())
            for number, blocks in zip(itertools.count() if numbers is None else numbers, members):  # noqa: B905
                encoder.begin_member()
                for block in blocks:
                    encoder.add(block)
                if number in set(failing):
                    encoder.abandon_member()
                else:
                    encoder.end_member(MemberDescription(f"{number}.bin", f"source/{number}.bin", {"number": number}))
            writer.close(encoder.finish())
        return path

    return write
