"""The main job end to end: archives in, a dataset out, checked with other people's readers."""

from __future__ import annotations

import io
import json
import os
import subprocess
import sys
import tarfile
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import xarray as xr
import zarr
from archives import jpeg, png, product_members, write_folder, write_tar, write_zip
from PIL import Image

import zarrpack
from zarrpack.errors import NothingUsable, OutputRefused, SourceError, StrictFailure, UsageError

Writer = Callable[[Path, dict[str, bytes]], Path]
FORMS: dict[str, Writer] = {
    "zip": lambda folder, members: write_zip(folder / "p.zip", members),
    "tar": lambda folder, members: write_tar(folder / "p.tar", members),
    "tar.gz": lambda folder, members: write_tar(folder / "p.tar.gz", members, "w:gz"),
    "tar.xz": lambda folder, members: write_tar(folder / "p.tar.xz", members, "w:xz"),
    "folder": lambda folder, members: write_folder(folder / "p", members),
}


def decoded(content: bytes) -> np.ndarray[Any, Any]:
    """Decode a picture by Pillow."""
    return np.asarray(Image.open(io.BytesIO(content)))


def pictures_of(dataset: Path) -> dict[int, np.ndarray[Any, Any]]:
    """Read every picture by zarr-python: item code to pixels, whatever form they have."""
    store = zarr.storage.ZipStore(dataset, mode="r")
    images: Any = zarr.open_group(store, mode="r", zarr_format=2)["images"]
    sizes = np.stack([images[name][:] for name in ("height", "width", "channels")], axis=1)
    pixels = images["pixels"][:]
    codes = images["file_id"][:].tolist()
    if pixels.ndim == 4:
        found = dict(zip(codes, pixels, strict=True))
    else:
        starts = images["pixels_offsets"][:]
        found = {
            code: pixels[start : start + size.prod()].reshape(size)
            for code, start, size in zip(codes, starts, sizes, strict=True)
        }
    store.close()
    assert {code: list(one.shape) for code, one in found.items()} == dict(zip(codes, sizes.tolist(), strict=True))
    return found


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize(("vary", "apart"), [(False, False), (True, False), (True, True)])
def test_pictures_and_records_become_items(tmp_path: Path, form: str, vary: bool, apart: bool) -> None:
    """Every picture is as Pillow decodes it, with its record as metadata, whatever the archive's order."""
    members = product_members(9, vary=vary, apart=apart)
    result = zarrpack.convert(FORMS[form](tmp_path, members), tmp_path / "out", pair="basename", workers=2)

    infoset = pd.read_parquet(result.infoset).set_index("id")
    pictures = pictures_of(result.dataset)
    names = dict(infoset["name"])
    for name, content in members.items():
        if name.endswith(".jpg"):
            stem = Path(name).stem
            (code,) = (code for code, item in names.items() if item == stem)
            np.testing.assert_array_equal(pictures[code], decoded(content))
            record = json.loads(members[f"p/styles/{stem}.json"])["data"]
            row = infoset.loc[code]
            assert (row["data/id"], row["data/price"], row["data/name"]) == (
                record["id"],
                record["price"],
                record["name"],
            )
    assert len(pictures) == 9
    assert result.counts == {"members": 19, "stored": 19, "skipped": 0, "failed": 0, "items": 10}
    assert result.exit_status == 0


def test_every_file_opens_in_other_readers(tmp_path: Path, products_zip: Path) -> None:
    """zarr-python, xarray, pandas and json open what was written, with integers as integers."""
    result = zarrpack.convert(products_zip, tmp_path / "out", workers=1)

    store = zarr.storage.ZipStore(result.dataset, mode="r")
    group = zarr.open_group(store, mode="r", zarr_format=2)
    assert sorted(group.group_keys()) == ["images", "records", "table"]
    for name in group.group_keys():
        opened = xr.open_zarr(store, group=name, consolidated=False, chunks=None)
        assert opened["file_id"].dtype == np.int64
        opened.load()
    store.close()
    table = zarrpack.open_dataset(result.dataset, "table")
    assert table["stock"].dtype == np.int64
    assert table["stock"].values.tolist() == [0, 1, 2, 3, 4, 5]
    members = pd.read_parquet(result.members)
    assert set(members["state"]) == {"stored"}
    assert pd.read_parquet(result.attribset).columns.tolist() == ["table_name", "id", "name", "description"]
    flow = json.loads(result.flow.read_text())
    assert flow["zarrpack"]["counts"]["members"] == len(members) == 13


def without_times(path: Path) -> bytes | pd.DataFrame:
    """Give a file's bytes; of the members table, everything but the seconds."""
    if path.name.endswith(".members.parquet"):
        return pd.read_parquet(path).drop(columns="seconds")
    return path.read_bytes()


@pytest.mark.parametrize("form", ["zip", "tar.gz"])
def test_the_bytes_do_not_depend_on_the_workers(tmp_path: Path, form: str) -> None:
    """One worker and four give the same dataset, tables and ledger."""
    source = FORMS[form](tmp_path, product_members(300, vary=True))
    one = zarrpack.convert(source, tmp_path / "one", workers=1)
    four = zarrpack.convert(source, tmp_path / "four", workers=4)

    for name in ("dataset", "infoset", "attribset", "members"):
        first, second = without_times(getattr(one, name)), without_times(getattr(four, name))
        if isinstance(first, pd.DataFrame) and isinstance(second, pd.DataFrame):
            pd.testing.assert_frame_equal(first, second)
        else:
            assert first == second


def damaged_zip(path: Path) -> Path:
    """Write a zip with one good picture and five bad members."""
    good = jpeg(1, 64, 64)
    members = {
        "good.jpg": good,
        "cut.jpg": good[: len(good) // 2],
        "broken.json": b'{"a": 1',
        "crc.txt": b"the checksum is wrong",
        "method.txt": b"an unknown method",
        "secret.txt": b"encrypted",
    }
    write_zip(path, members, zipfile.ZIP_STORED)
    raw = bytearray(path.read_bytes())
    with zipfile.ZipFile(path) as archive:
        infos = {info.filename: info.header_offset for info in archive.infolist()}
    directory = {}
    at = raw.index(b"PK\x01\x02")
    for name in members:
        directory[name] = at
        at += 46 + len(name)
    raw[infos["crc.txt"] + 30 + len("crc.txt")] ^= 1
    for name, offset, value in (("method.txt", 8, 97), ("secret.txt", 6, 1)):
        raw[infos[name] + offset] = value
        raw[directory[name] + offset + 2] = value
    path.write_bytes(raw)
    return path


def test_bad_members_are_rows_with_reasons(tmp_path: Path) -> None:
    """Each bad member fails for its own reason; the good one is stored; the status is 3."""
    result = zarrpack.convert(damaged_zip(tmp_path / "bad.zip"), tmp_path / "out", workers=1)

    members = pd.read_parquet(result.members).set_index("member")
    assert members["reason"].dropna().to_dict() == {
        "cut.jpg": "truncated_image",
        "broken.json": "invalid_json",
        "crc.txt": "crc_mismatch",
        "method.txt": "unsupported_method",
        "secret.txt": "encrypted",
    }
    assert members["detail"].dropna().map(len).min() > 10
    assert result.counts == {"members": 6, "stored": 1, "skipped": 0, "failed": 5, "items": 1}
    assert result.exit_status == 3
    assert list(pictures_of(result.dataset)) == [0]


def test_an_undamaged_control_has_no_failures(tmp_path: Path) -> None:
    """The same members undamaged are all stored."""
    members = {"good.jpg": jpeg(1), "a.json": b'{"a": 1}', "b.txt": b"text"}
    result = zarrpack.convert(write_zip(tmp_path / "a.zip", members), tmp_path / "out", workers=1)

    assert (result.counts["stored"], result.exit_status) == (3, 0)


def test_strict_publishes_nothing(tmp_path: Path) -> None:
    """With strict the first failure ends the run, and the output folder stays empty."""
    with pytest.raises(StrictFailure, match=r"bad\.zip/.*nothing was published"):
        zarrpack.convert(damaged_zip(tmp_path / "bad.zip"), tmp_path / "out", workers=1, strict=True)

    assert not (tmp_path / "out").exists()


def test_strict_refuses_a_damaged_source(tmp_path: Path) -> None:
    """A source that is cut counts as a failure too; without strict it is published with a finding."""
    members = {f"{n}.txt": bytes([65 + n % 26]) * 2000 for n in range(20)}
    source = write_tar(tmp_path / "a.tar", members)
    source.write_bytes(source.read_bytes()[:20_000])

    with pytest.raises(StrictFailure, match="truncated"):
        zarrpack.convert(source, tmp_path / "strict", workers=1, strict=True)
    result = zarrpack.convert(source, tmp_path / "out", workers=1)

    assert result.exit_status == 3
    assert result.counts["stored"] > 0
    assert {one["reason"] for one in result.findings} == {"truncated"}


def test_limits_can_be_raised(tmp_path: Path) -> None:
    """A picture above the limit fails by name, and is stored with a higher one."""
    source = write_zip(tmp_path / "a.zip", {"a.png": png(1), "b.txt": b"text"})

    low = zarrpack.convert(source, tmp_path / "low", workers=1, limits={"pixels": 100})
    high = zarrpack.convert(source, tmp_path / "high", workers=1, limits={"pixels": 24 * 16})

    assert [one["reason"] for one in low.failures] == ["limit_pixels"]
    assert high.counts["failed"] == 0


def test_a_source_s_name_need_not_be_utf_8(tmp_path: Path) -> None:
    """Such names become text with the bytes written out; nothing else changes."""
    source = tmp_path / os.fsdecode(b"odd\xff.txt")
    source.write_bytes(b"text")

    result = zarrpack.convert(source, tmp_path / "out", workers=1)

    assert pd.read_parquet(result.members)["archive"].tolist() == ["odd\\xff.txt"]
    assert result.name == "odd\ufffd"


def test_an_output_inside_a_source_is_refused(tmp_path: Path) -> None:
    """A run does not store its own files."""
    source = write_folder(tmp_path / "a", {"b.txt": b"text"})

    for out in (source, source / "out"):
        with pytest.raises(UsageError, match="expected an output folder outside the source"):
            zarrpack.convert(source, out, workers=1)

    assert sorted(path.name for path in source.iterdir()) == ["b.txt"]


def test_a_script_without_a_guard_is_told_so(tmp_path: Path, products_zip: Path) -> None:
    """The last line names the cause and the cure, and the worker processes print nothing of their own."""
    script = tmp_path / "script.py"
    script.write_text(
        f"import zarrpack\nzarrpack.convert({str(products_zip)!r}, {str(tmp_path / 'out')!r}, workers=1)\n"
    )

    done = subprocess.run([sys.executable, str(script)], capture_output=True, text=True, check=False)

    assert done.returncode == 1
    assert 'if __name__ == "__main__":' in done.stderr.splitlines()[-1]
    assert done.stderr.count("Traceback") <= 2
    assert not (tmp_path / "out").exists()


def test_nothing_usable(tmp_path: Path) -> None:
    """If nothing can be stored, nothing is published, and the message counts the reasons."""
    source = write_zip(tmp_path / "a.zip", {"a.json": b"{", ".DS_Store": b"junk"})

    with pytest.raises(NothingUsable, match=r"none of 2 .*invalid_json: 1.*platform_junk: 1[\s\S]*a\.zip/a\.json: "):
        zarrpack.convert(source, tmp_path / "out", workers=1)

    assert not (tmp_path / "out").exists()


def test_existing_output_is_refused_and_overwritten_on_request(tmp_path: Path, products_zip: Path) -> None:
    """A second run is refused; with overwrite it replaces the set."""
    first = zarrpack.convert(products_zip, tmp_path / "out", workers=1, limit=1)
    before = first.dataset.read_bytes()

    with pytest.raises(OutputRefused, match="--overwrite"):
        zarrpack.convert(products_zip, tmp_path / "out", workers=1)
    assert first.dataset.read_bytes() == before

    second = zarrpack.convert(products_zip, tmp_path / "out", workers=1, overwrite=True)
    assert second.counts["members"] == 13
    assert second.dataset.read_bytes() != before


def test_a_missing_source_is_named(tmp_path: Path) -> None:
    """A path that does not exist ends the run before anything is written."""
    with pytest.raises(SourceError, match=r"none\.zip"):
        zarrpack.convert(tmp_path / "none.zip", tmp_path / "out")

    assert not (tmp_path / "out").exists()


def test_an_unknown_option_is_named(tmp_path: Path, products_zip: Path) -> None:
    """A misspelt option is an error with the nearest name."""
    with pytest.raises(UsageError, match="did you mean 'workers'"):
        zarrpack.convert(products_zip, tmp_path / "out", worker=1)


def test_several_sources_become_one_dataset(tmp_path: Path) -> None:
    """Sources follow each other in the order given, under their own labels."""
    first = write_zip(tmp_path / "a.zip", {"1.txt": b"one", "2.txt": b"two"})
    second = write_tar(tmp_path / "b.tar.gz", {"1.txt": b"three"}, "w:gz")
    third = tmp_path / "note.txt"
    third.write_bytes(b"four")

    result = zarrpack.convert([first, second, third], tmp_path / "all", workers=2)

    texts = zarrpack.open_dataset(result.dataset, "text")
    assert texts["text"].values.tolist() == ["one", "two", "three", "four"]
    assert texts["file_id"].values.tolist() == [0, 1, 2, 3]
    assert pd.read_parquet(result.members)["archive"].tolist() == ["a.zip", "a.zip", "b.tar.gz", "note.txt"]
    assert result.name == "all"
    assert pd.read_parquet(result.infoset)["name"].is_unique


def test_encoded_pictures_keep_their_bytes(tmp_path: Path) -> None:
    """With images encoded, the member's own bytes come back, and nothing is decoded."""
    members = {"a.jpg": jpeg(1), "b.png": png(2)}
    result = zarrpack.convert(write_zip(tmp_path / "a.zip", members), tmp_path / "out", workers=1, images="encoded")

    images = zarrpack.open_dataset(result.dataset, "images")
    assert [bytes(one) for one in images["encoded"].values] == list(members.values())
    assert "pixels" not in images


def test_size_makes_pictures_uniform(tmp_path: Path) -> None:
    """Pictures of different sizes become one array of the size asked for."""
    result = zarrpack.convert(
        write_zip(tmp_path / "a.zip", product_members(4, vary=True)), tmp_path / "out", workers=1, size=(12, 8)
    )

    assert zarrpack.open_dataset(result.dataset, "images")["pixels"].shape == (4, 8, 12, 3)


def test_labels_come_from_folders(tmp_path: Path) -> None:
    """Label and subset are the folders' names."""
    members = {"train/cat/1.png": png(1), "train/dog/2.png": png(2), "val/cat/3.png": png(3)}
    result = zarrpack.convert(write_zip(tmp_path / "a.zip", members), tmp_path / "out", workers=1, labels="folder")

    infoset = pd.read_parquet(result.infoset)
    assert infoset["label"].tolist() == ["cat", "dog", "cat"]
    assert infoset["subset"].tolist() == ["train", "train", "validation"]


def test_a_table_s_rows_are_joined_by_key(tmp_path: Path) -> None:
    """The row whose key names an item becomes its metadata, and the table itself is no item."""
    result = zarrpack.convert(
        write_zip(tmp_path / "a.zip", product_members(3)),
        tmp_path / "out",
        workers=1,
        pair="basename",
        join=["styles.csv:id"],
    )

    infoset = pd.read_parquet(result.infoset)
    assert infoset["stock"].tolist() == [0, 1, 2]
    assert result.counts["items"] == 3


def test_kept_data_is_whole(tmp_path: Path, products_zip: Path) -> None:
    """With keep_data the packs stay, are plain zips, and hold every member once."""
    result = zarrpack.convert(products_zip, tmp_path / "out", workers=2, keep_data=True, items_per_data=4)

    packs = sorted((tmp_path / "out" / "encoded").iterdir())
    assert [pack.name for pack in packs] == [f"products-{n:06}.data" for n in range(4)]
    names = []
    for pack in packs:
        with zipfile.ZipFile(pack) as archive:
            assert archive.testzip() is None
            names += [member["name"] for member in json.loads(archive.read("metadata.json"))["members"]]
    assert names == pd.read_parquet(result.members)["member"].tolist()


def test_one_item_per_data_makes_stores(tmp_path: Path, products_zip: Path) -> None:
    """With one member per file, each is a store, and the dataset is the same as of packs but for its codecs' chunks."""
    stores = zarrpack.convert(products_zip, tmp_path / "stores", workers=2, items_per_data=1, keep_data=True)
    packs = zarrpack.convert(products_zip, tmp_path / "packs", workers=2)

    first = next(iter(sorted((tmp_path / "stores" / "encoded").iterdir())))
    with zipfile.ZipFile(first) as archive:
        assert json.loads(archive.read(".zattrs"))["zarrpack"]["kind"] == "store"
    for group in ("images", "records", "table"):
        xr.testing.assert_identical(
            zarrpack.open_dataset(stores.dataset, group).load(), zarrpack.open_dataset(packs.dataset, group).load()
        )
    pd.testing.assert_frame_equal(pd.read_parquet(stores.infoset), pd.read_parquet(packs.infoset))


def test_the_flow_holds_the_digests_of_the_others(tmp_path: Path, products_zip: Path) -> None:
    """Size and digest of each file are those of the file on disk."""
    import hashlib

    result = zarrpack.convert(products_zip, tmp_path / "out", workers=1)

    files = json.loads(result.flow.read_text())["zarrpack"]["files"]
    assert sorted(files) == sorted(path.name for path in (tmp_path / "out").iterdir() if path != result.flow)
    for name, said in files.items():
        path = tmp_path / "out" / name
        assert said["size"] == path.stat().st_size
        if "sha256" in said:
            assert said["sha256"] == hashlib.sha256(path.read_bytes()).hexdigest()


def test_no_absolute_path_is_in_the_data(tmp_path: Path, products_zip: Path) -> None:
    """The dataset and the tables do not tell where they were made."""
    result = zarrpack.convert(products_zip, tmp_path / "out", workers=1)

    for path in (result.dataset, result.infoset, result.attribset, result.members):
        assert str(tmp_path).encode() not in path.read_bytes()


def test_a_size_beyond_64_bits_costs_its_member_only(tmp_path: Path) -> None:
    """A tar header may announce any size; the run ends with a finding, not with a crash."""
    good = write_tar(tmp_path / "good.tar", {"a.txt": b"text"}).read_bytes()[:1024]
    info = tarfile.TarInfo("huge.txt")
    info.size = 2**70
    source = tmp_path / "a.tar"
    source.write_bytes(good + info.tobuf(tarfile.GNU_FORMAT) + bytes(1024))

    result = zarrpack.convert(source, tmp_path / "out", workers=1)

    assert result.counts["stored"] == 1
    assert result.exit_status == 3


def test_packs_of_another_name_are_left_alone(tmp_path: Path, products_zip: Path) -> None:
    """Overwriting a set removes its own old packs, not those of a set whose name starts alike."""
    out = tmp_path / "out"
    zarrpack.convert(products_zip, out, name="a-2", workers=1, keep_data=True)
    zarrpack.convert(products_zip, out, name="a", workers=1, keep_data=True, items_per_data=3)

    zarrpack.convert(products_zip, out, name="a", workers=1, overwrite=True)

    assert [path.name for path in (out / "encoded").iterdir()] == ["a-2-000000.data"]


@pytest.mark.skipif(sys.platform != "linux", reason="needs a limit on file sizes")
@pytest.mark.parametrize("limit", [1000, 20_000, 60_000])
def test_a_file_that_cannot_grow_is_a_refused_output(tmp_path: Path, products_zip: Path, limit: int) -> None:
    """Wherever writing fails, the status is 5, nothing is published, no traceback is shown, and the run can be resumed."""
    program = (
        "import resource, sys\n"
        "from zarrpack.converters.commands.main import run\n"
        "if __name__ == '__main__':\n"
        "    if sys.argv[1:] != ['--resume']:\n"
        f"        resource.setrlimit(resource.RLIMIT_FSIZE, ({limit}, {limit}))\n"
        f"    sys.exit(run(['convert', {str(products_zip)!r}, '-o', 'out', '--compression', 'none', *sys.argv[1:]]))\n"
    )
    script = tmp_path / "script.py"
    script.write_text(program)

    done = subprocess.run([sys.executable, str(script)], cwd=tmp_path, capture_output=True, text=True, check=False)

    assert done.returncode == 5, done.stderr
    assert "nothing was published" in done.stderr
    assert "Traceback" not in done.stderr
    if (tmp_path / "out").exists():
        assert [path.name for path in (tmp_path / "out").iterdir()] == [".products.partial"]
        assert "--resume" in done.stderr
    command = [sys.executable, str(script), "--resume"]
    resumed = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False)
    assert resumed.returncode == 0, resumed.stderr
