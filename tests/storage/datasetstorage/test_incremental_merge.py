"""Adding files to a dataset: its codes stay, its chunks are copied, and the bytes are those of one merge of all files."""

from __future__ import annotations

import itertools
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from stores import merger, read, save, save_all

from zarrpack.storage.data_file import DataFile

CODES = {f"part_{number}": number for number in range(20)}


def files(count: int, rows: int = 3) -> list[dict[str, Any]]:
    """Give the data of some files."""
    random = np.random.default_rng(5)
    return [
        {
            "face_areas": random.random(rows + number).astype(np.float32),
            "face_types": random.integers(0, 5, rows + number).astype(np.int32),
            "graph/num_nodes": rows + number,
            "graph/edges": {
                "source": random.integers(0, 9, 2 * number),
                "destination": random.integers(0, 9, 2 * number),
            },
            "a3_distance": random.random((number + 1, number + 1, 4)).astype(np.float32),
            "weight": 0.5 * number,
            "label": f"n{number}",
        }
        for number in range(count)
    ]


def merged(sources: list[Path], out: Path, codes: dict[str, int] | None = CODES, **options: Any) -> Any:
    """Merge, and give the merger."""
    made = merger(sources, out, file_id_codes=codes)
    made.merge_data(**options)
    return made


@pytest.mark.parametrize("steps", [(1, 4), (3,), (1, 2, 3, 4)])
def test_adding_gives_the_bytes_of_one_merge(tmp_path: Path, steps: tuple[int, ...]) -> None:
    """Whatever the steps are, the dataset is byte for byte that of one merge in the order added."""
    sources = save_all(tmp_path / "in", files(5))
    merged(sources, tmp_path / "whole.dataset", face_chunk=4)
    borders = [0, *steps, len(sources)]
    known: list[Path] = []
    for number, (first, stop) in enumerate(itertools.pairwise(borders)):
        out = tmp_path / f"step_{number}.dataset"
        merged([*known, *sources[first:stop]], out, face_chunk=4)
        known = [out]

    assert known[0].read_bytes() == (tmp_path / "whole.dataset").read_bytes()


def test_codes_out_of_order_are_kept(tmp_path: Path) -> None:
    """A dataset whose codes do not ascend keeps them and the order of its rows."""
    codes = {"part_0": 5, "part_1": 0, "part_2": 3, "part_3": 1}
    sources = save_all(tmp_path / "in", files(4))
    merged(sources, tmp_path / "whole.dataset", codes)
    merged(sources[:2], tmp_path / "first.dataset", codes)

    merged([tmp_path / "first.dataset", *sources[2:]], tmp_path / "second.dataset", codes)

    assert (tmp_path / "second.dataset").read_bytes() == (tmp_path / "whole.dataset").read_bytes()
    assert list(dict.fromkeys(read(tmp_path / "second.dataset")["faces"]["file_id"].tolist())) == [5, 0, 3, 1]


def test_without_codes_new_files_are_numbered_behind(tmp_path: Path) -> None:
    """Codes of a dataset stay, and those of new files follow in the order of their stems."""
    sources = save_all(tmp_path / "in", files(4))
    merged(sources[2:], tmp_path / "first.dataset", None)

    merged([tmp_path / "first.dataset", *sources[:2]], tmp_path / "second.dataset", None)

    nodes = read(tmp_path / "second.dataset")["graph"]
    assert nodes["num_nodes"].tolist() == [5, 6, 3, 4]
    assert nodes["file_id_graphitem"].tolist() == [0, 1, 2, 3]


def test_whole_chunks_are_copied(tmp_path: Path) -> None:
    """Only the chunk at the border is encoded anew; that is all, and so nothing is reported."""
    sources = save_all(tmp_path / "in", [{"face_a": np.arange(n)} for n in (10, 5)])
    merged(sources[:1], tmp_path / "first.dataset", face_chunk=4)
    before = chunks(tmp_path / "first.dataset", "faces/face_a")

    made = merged([tmp_path / "first.dataset", sources[1]], tmp_path / "second.dataset", face_chunk=4)

    after = chunks(tmp_path / "second.dataset", "faces/face_a")
    assert made.report.chunks_copied == 2
    assert made.report.reencoded == {}
    assert after[:2] == before[:2]
    assert len(after) == 4


def chunks(path: Path, place: str) -> list[bytes]:
    """Give an array's chunks as they lie in the file."""
    with DataFile(path) as data:
        array = data.arrays[place]
        return [array.raw_chunk((number,)) for number in range(array.metadata.chunk_grid()[0])]


def test_what_is_encoded_anew_is_reported(tmp_path: Path) -> None:
    """A wider dtype and other chunks are given as reasons."""
    first = save(tmp_path, "part_0", {"face_a": np.arange(10, dtype=np.int32), "edge_a": np.arange(10)})
    second = save(tmp_path, "part_1", {"face_a": np.arange(10, dtype=np.int64), "edge_a": np.arange(10)})
    merged([first], tmp_path / "first.dataset", face_chunk=4, edge_chunk=4)

    made = merged([tmp_path / "first.dataset", second], tmp_path / "second.dataset", face_chunk=4, edge_chunk=5)

    assert made.report.reencoded == {
        "faces/face_a": "dtype <i4 became <i8",
        "edges/edge_a": "4 rows a chunk became 5",
    }
    assert read(tmp_path / "second.dataset")["faces"]["face_a"].tolist() == [*range(10), *range(10)]


def test_arrays_that_only_new_files_have_are_padded(tmp_path: Path) -> None:
    """The rows of the dataset are filled as one merge would have filled them."""
    sources = save_all(tmp_path / "in", [{"face_a": [1, 2]}, {"face_a": [3], "face_b": [9]}])
    with pytest.warns(UserWarning, match="face_b: 2 rows"):
        merged(sources, tmp_path / "whole.dataset")
    merged(sources[:1], tmp_path / "first.dataset")

    with pytest.warns(UserWarning, match="face_b: 2 rows"):
        merged([tmp_path / "first.dataset", sources[1]], tmp_path / "second.dataset")

    assert (tmp_path / "second.dataset").read_bytes() == (tmp_path / "whole.dataset").read_bytes()


def test_rows_that_agreed_so_far_part_ways(tmp_path: Path) -> None:
    """T17: arrays that shared their rows in the dataset get codes of their own when a new file has other lengths."""
    sources = save_all(
        tmp_path / "in",
        [{"face_a": [1, 2], "face_b": [1, 2], "face_c": [1, 2]}, {"face_a": [3], "face_b": [3], "face_c": [3, 4]}],
    )
    merged(sources, tmp_path / "whole.dataset")
    merged(sources[:1], tmp_path / "first.dataset")

    merged([tmp_path / "first.dataset", sources[1]], tmp_path / "second.dataset")

    assert (tmp_path / "second.dataset").read_bytes() == (tmp_path / "whole.dataset").read_bytes()


def test_the_schema_of_the_dataset_holds_for_new_files(tmp_path: Path) -> None:
    """What was declared for the first merge is declared for the next."""
    schema = {
        "groups": {"skin": {"primary_dimension": "patch", "arrays": {"a": {"dims": ["patch"], "dtype": "int16"}}}}
    }
    sources = [save(tmp_path, "part_0", {"a": [1, 2]}, schema), save(tmp_path, "part_1", {"a": [3]})]
    merged(sources, tmp_path / "whole.dataset")
    merged(sources[:1], tmp_path / "first.dataset")

    merged([tmp_path / "first.dataset", sources[1]], tmp_path / "second.dataset")

    assert (tmp_path / "second.dataset").read_bytes() == (tmp_path / "whole.dataset").read_bytes()
    assert read(tmp_path / "second.dataset")["skin"]["a"].dtype == np.int16


def test_a_dataset_among_the_sources_is_not_deleted(tmp_path: Path) -> None:
    """Stores go when they are merged; a finished dataset, which has tables beside it, stays."""
    sources = save_all(tmp_path / "in", files(2))
    merged(sources[:1], tmp_path / "first.dataset")

    merger([tmp_path / "first.dataset", sources[1]], tmp_path / "second.dataset", delete_source_files=True).merge_data()

    assert (tmp_path / "first.dataset").exists()
    assert [source.exists() for source in sources] == [True, False]
