"""The merge on a Dask cluster: the same bytes, and nothing left behind."""

from __future__ import annotations

import pickle
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from stores import merger, save_all

from zarrpack.storage.datasetstorage.dask_merge import DaskClient
from zarrpack.storage.merge.open_files import OpenFiles

distributed = pytest.importorskip("distributed", reason="the cluster needs the package distributed")


def files() -> list[dict[str, Any]]:
    """Give the data of some files."""
    random = np.random.default_rng(3)
    return [
        {"face_areas": random.random(n), "face_types": random.integers(0, 9, n), "num_nodes": n} for n in (9, 4, 30)
    ]


@pytest.fixture(scope="module")
def cluster() -> Iterator[Any]:
    """Give a cluster in this process."""
    with distributed.LocalCluster(n_workers=2, threads_per_worker=1, processes=False, dashboard_address=":0") as one:
        yield one


def test_a_cluster_gives_the_same_bytes(tmp_path: Path, cluster: Any) -> None:
    """On the cluster of an address every chunk is as threads make it, also those of a batch merge and of an addition."""
    sources = save_all(tmp_path / "in", files())
    params = {"address": cluster.scheduler_address}
    merger(sources, tmp_path / "threads.dataset").merge_data(face_chunk=2)

    made = merger(sources, tmp_path / "cluster.dataset", dask_client_params=params)
    made.merge_data(face_chunk=2)
    made.merge_data(face_chunk=2)
    batches = merger(sources, tmp_path / "batches.dataset", dask_client_params=params)
    batches.merge_data(face_chunk=2, batch_size=2)
    merger(sources[:1], tmp_path / "first.dataset").merge_data(face_chunk=2)
    added = merger([tmp_path / "first.dataset", *sources[1:]], tmp_path / "added.dataset", dask_client_params=params)
    added.merge_data(face_chunk=2)
    for one in (made, batches, added):
        one.close_dask_resources()

    expected = (tmp_path / "threads.dataset").read_bytes()
    assert (tmp_path / "cluster.dataset").read_bytes() == expected
    assert (tmp_path / "batches.dataset").read_bytes() == expected
    assert (tmp_path / "added.dataset").read_bytes() == expected
    assert added.report is not None
    assert added.report.chunks_copied > 0


def test_a_local_cluster_is_made_and_closed(tmp_path: Path) -> None:
    """Parameters of a cluster make one; closing ends it, twice is once."""
    sources = save_all(tmp_path / "in", files())
    merger(sources, tmp_path / "threads.dataset").merge_data()
    params = {
        "n_workers": 1,
        "threads_per_worker": 2,
        "processes": False,
        "memory_limit": "1GB",
        "dashboard_address": ":0",
    }
    made = merger(sources, tmp_path / "cluster.dataset", dask_client_params=params)

    made.merge_data()
    client = made._dask._client
    assert client.status == "running"
    made.close_dask_resources()
    made.close_dask_resources(close_global=True)

    assert client.status == "closed"
    assert (tmp_path / "cluster.dataset").read_bytes() == (tmp_path / "threads.dataset").read_bytes()


def test_damage_on_a_worker_is_told(tmp_path: Path, cluster: Any) -> None:
    """A source that a worker finds damaged is left out as in threads."""
    sources = save_all(tmp_path / "in", files())
    content = bytearray(sources[2].read_bytes())
    content[content.index(b"\x28\xb5\x2f\xfd") + 6] ^= 0xFF  # the first Zstd frame
    sources[2].write_bytes(content)
    made = merger(sources, tmp_path / "out.dataset", dask_client_params={"address": cluster.scheduler_address})

    with pytest.warns(UserWarning, match="left out"):
        made.merge_data()
    made.close_dask_resources()

    assert list(made.skipped_files) == [str(sources[2])]


@pytest.mark.parametrize("params", [None, {"disable": True}, {"disable": True, "n_workers": 4}])
def test_without_dask_threads_are_used(params: dict[str, Any] | None) -> None:
    """Nothing asked for, or disabled: no client is made."""
    client = DaskClient(params)

    assert client.encoders() is None
    client.close()


def test_without_the_library_threads_are_used(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """A cluster that cannot be had is a warning, not an error."""
    monkeypatch.setitem(__import__("sys").modules, "distributed", None)
    made = merger(save_all(tmp_path / "in", files()), tmp_path / "out.dataset", dask_client_params={"n_workers": 2})

    with pytest.warns(UserWarning, match="expected the package distributed"):
        made.merge_data()

    assert (tmp_path / "out.dataset").exists()


def test_open_files_travel(tmp_path: Path) -> None:
    """T38: what is pickled carries paths and opens them anew, in whatever process it is."""
    path = tmp_path / "a"
    path.write_bytes(b"abcdef")
    with OpenFiles([str(path)], most=1) as files_:
        assert files_.read(0, 1, 2) == b"bc"
        copy = pickle.loads(pickle.dumps(files_))

    assert copy.read(0, 1, 2) == b"bc"
