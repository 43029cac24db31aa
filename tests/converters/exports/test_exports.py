"""Exports as tars: every item, its arrays and its row, read back with other readers, and converted again."""

from __future__ import annotations

import io
import json
import tarfile
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

import zarrpack
from zarrpack.converters.commands.main import run
from zarrpack.converters.exports.shards import export_shards
from zarrpack.converters.exports.webdataset import export_webdataset
from zarrpack.errors import OutputRefused, SourceError, UsageError
from zarrpack.storage.sharded import ShardedDatasetReader

SAMPLES = Path(__file__).parents[3] / "samples" / "data"


@pytest.fixture(scope="module")
def products(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Give a dataset of pictures of one size with their bytes and records, and a table."""
    out = tmp_path_factory.mktemp("products")
    zarrpack.convert(SAMPLES / "products.zip", out, pair="basename", images="both", workers=1)
    return out / "products.dataset"


@pytest.fixture(scope="module")
def mixed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Give a dataset of pictures of mixed sizes, texts and two arrays in one item."""
    from PIL import Image

    folder = tmp_path_factory.mktemp("mixed") / "in"
    folder.mkdir()
    for number in range(4):
        Image.new("RGB", (8 + number, 6), (number, 0, 0)).save(folder / f"{number}.png")
        (folder / f"{number}.txt").write_text(f"größe {number}")
    np.savez(folder / "9.npz", a=np.arange(3), b=np.eye(2))
    zarrpack.convert(folder, folder.parent / "out", pair="stem", images="both", workers=1)
    return folder.parent / "out" / "in.dataset"


def names(folder: Path) -> list[str]:
    """List a folder."""
    return sorted(path.name for path in folder.iterdir())


def picture(data: bytes) -> Any:
    """Decode a picture with Pillow."""
    from PIL import Image

    return np.asarray(Image.open(io.BytesIO(data)).convert("RGB"))


def test_shards_hold_every_item(products: Path, tmp_path: Path) -> None:
    """Fields are the arrays, metadata the infoset's row; zarr-python and pandas say the same."""
    import zarr

    result = export_shards(products, tmp_path / "s", samples_per_shard=16)
    table = pd.read_parquet(products.with_suffix(".infoset"))
    arrays: Any = zarr.open_group(zarr.storage.ZipStore(products, mode="r"), mode="r")
    pixels, codes = arrays["images/pixels"][:], arrays["images/file_id"][:]

    with ShardedDatasetReader(tmp_path / "s") as reader:
        assert result.samples == len(reader) == len(table) == 41
        assert reader.shard_counts("images/pixels") == {0: 16, 1: 16, 2: 8}
        assert reader.verify().ok
        for row, code in enumerate(codes.tolist()):
            sample, metadata = reader.get_sample(str(table.loc[table.id == code, "name"].item()))
            assert np.array_equal(sample["images/pixels"][0], pixels[row])
            assert np.abs(picture(sample["images/encoded"].tobytes()).astype(int) - pixels[row]).max() <= 4
            assert metadata["title"] == table.loc[table.id == code, "title"].item()
        assert len(reader.query_ids(where={"rating": (">", 4)})) == int((table["rating"] > 4).sum())


def test_mixed_shapes_text_and_bytes(mixed: Path, tmp_path: Path) -> None:
    """Pictures of any size have an axis of rows, text is text, and nothing needs pickle."""
    export_shards(mixed, tmp_path / "s")
    with ShardedDatasetReader(tmp_path / "s") as reader:
        for number in range(4):
            arrays, _ = reader.get_sample(str(number))
            assert arrays["images/pixels"].shape == (1, 6, 8 + number, 3)
            assert np.array_equal(picture(arrays["images/encoded"].tobytes()), arrays["images/pixels"][0])
            assert arrays["text/text"].tolist() == [f"größe {number}"]
        assert reader.get_sample("9")[0]["arrays/b"].tolist() == [[1.0, 0.0], [0.0, 1.0]]


def test_a_store_converts_back(products: Path, tmp_path: Path) -> None:
    """Dataset, shards, dataset: pixels and metadata are the same, item by item."""
    export_shards(products, tmp_path / "s", arrays=["images"])
    zarrpack.convert(tmp_path / "s", tmp_path / "again", pair="stem", workers=1)
    before = zarrpack.open_dataset(products, "images")
    after = zarrpack.open_dataset(tmp_path / "again" / "s.dataset", "arrays")
    with before, after:
        assert np.array_equal(before["pixels"].values, after["images_pixels"].values)
    columns = ["name", "title", "rating"]
    tables = [
        pd.read_parquet(path)[columns] for path in (products.with_suffix(".infoset"), tmp_path / "again/s.infoset")
    ]
    assert tables[0].dropna().values.tolist() == tables[1].dropna().values.tolist()


def test_webdataset_samples_lie_together(products: Path, tmp_path: Path) -> None:
    """tarfile sees each key's files in a row; the picture has its suffix, its record is JSON; shards are bounded."""
    result = export_webdataset(
        products, tmp_path / "w", arrays=["images/encoded", "images/height"], samples_per_shard=15
    )
    keys: list[str] = []
    for path in sorted((tmp_path / "w").iterdir()):
        with tarfile.open(path) as archive:
            for member in archive:
                key, _, suffix = member.name.partition(".")
                keys += [] if keys[-1:] == [key] else [key]
                data = archive.extractfile(member)
                assert data is not None
                if suffix == "jpg":
                    assert picture(data.read()).shape == (640, 480, 3)
                elif suffix == "json":
                    assert "name" in json.load(data)
                else:
                    assert suffix == "images.height.npy"
                    assert np.load(io.BytesIO(data.read())).tolist() == [640]

    assert (result.shards, result.samples) == (3, 41)
    assert len(keys) == len(set(keys)) == 41


def test_webdataset_converts_back(products: Path, tmp_path: Path) -> None:
    """A folder of such tars is a source: pictures and records are paired by their keys."""
    export_webdataset(products, tmp_path / "w", arrays=["images/encoded"], max_shard_bytes=1_000_000)
    result = zarrpack.convert(tmp_path / "w", tmp_path / "again", pair="stem", workers=1)

    assert len(list((tmp_path / "w").iterdir())) > 2
    assert result.counts["items"] == 41
    with zarrpack.open_dataset(tmp_path / "again" / "w.dataset", "images") as images:
        assert images["pixels"].shape == (40, 640, 480, 3)
    assert "title" in pd.read_parquet(tmp_path / "again" / "w.infoset").columns


def test_commands(products: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Both print one JSON object on request, refuse a folder that is there, and replace it when told."""
    for form in ("shards", "webdataset"):
        out = tmp_path / form
        arguments = ["export", form, str(products), "-o", str(out), "--array", "images/height"]
        assert run([*arguments, "--json"]) == 0
        assert json.loads(capsys.readouterr().out)["samples"] == 41
        assert run(arguments) == 5
        assert "--overwrite" in capsys.readouterr().err
        assert run([*arguments, "--overwrite", "--samples-per-shard", "10"]) == 0
        assert "41 samples" in capsys.readouterr().out
        assert run([*arguments[:3], "-o", str(tmp_path / "x"), "--array", "nope"]) == 2
        assert "'nope'" in capsys.readouterr().err
    assert names(tmp_path) == ["shards", "webdataset"]
    assert run(["info", str(tmp_path / "shards")]) == 0
    assert "sharded store" in capsys.readouterr().out
    assert run(["verify", str(tmp_path / "shards")]) == 0
    assert "whole (41 samples, 40 arrays)" in capsys.readouterr().out
    shard = next((tmp_path / "shards").rglob("*.tar"))
    shard.write_bytes(shard.read_bytes()[:1000])
    assert run(["verify", str(tmp_path / "shards")]) == 6
    assert shard.name in capsys.readouterr().err


def test_a_failed_export_leaves_what_was_there(products: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The old folder stays until the new one is complete, and nothing half stays beside it."""
    out = tmp_path / "out"
    export_shards(products, out, arrays=["images/height"])
    before = names(out)

    def fails(*_: object) -> None:
        raise RuntimeError("stop")

    monkeypatch.setattr("zarrpack.storage.items.item_reader.ItemReader.read", fails)
    with pytest.raises(RuntimeError, match="stop"):
        export_shards(products, out, overwrite=True)
    assert names(out) == before
    assert names(tmp_path) == ["out"]


def test_wrong_sources_are_refused(products: Path, tmp_path: Path) -> None:
    """No file, a file of another kind, and a place that is taken each say so."""
    with pytest.raises(SourceError, match="found none"):
        export_shards(tmp_path / "no.dataset", tmp_path / "s")
    from zarrpack.storage.datastorage.opt import OptStorage

    with OptStorage(str(tmp_path / "one.zarr")) as storage:
        storage.save_data("x", np.arange(3))
        storage.compress_store()
    with pytest.raises(UsageError, match="expected a dataset, found store"):
        export_webdataset(tmp_path / "one.zarr.data", tmp_path / "s")
    (tmp_path / "s").write_text("taken")
    with pytest.raises(OutputRefused, match="found one"):
        export_shards(products, tmp_path / "s", overwrite=True)
    with pytest.raises(UsageError, match="samples_per_shard"):
        export_webdataset(products, tmp_path / "w", samples_per_shard=0)
