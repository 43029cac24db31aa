"""The scripts that make archives: same arguments, same bytes. They need the extra `bench`."""

from __future__ import annotations

import io
import json
import subprocess
import sys
import tarfile
import zipfile
from pathlib import Path

import pytest
from PIL import Image

pytest.importorskip("skimage", reason="the photographs come with scikit-image: pip install '.[bench]'")

ROOT = Path(__file__).parents[1]


def run(script: str, *arguments: str | Path) -> str:
    """Run a script of the clone; give what it prints."""
    command = [sys.executable, str(ROOT / script), *map(str, arguments)]
    return subprocess.run(command, check=True, stdin=subprocess.DEVNULL, capture_output=True, text=True).stdout


def test_products_are_reproducible(tmp_path: Path) -> None:
    """Two runs of the sample generator write the same bytes, and another seed writes others."""
    for folder, seed in [("a", "0"), ("b", "0"), ("c", "1")]:
        run("samples/make_products.py", tmp_path / folder, "--items", "6", "--size", "48x64", "--seed", seed)
    a, b, c = ((tmp_path / folder / "products.zip").read_bytes() for folder in "abc")

    assert a == b
    assert a != c
    damaged = [(tmp_path / folder / "products-damaged.zip").read_bytes() for folder in "ab"]
    assert damaged[0] == damaged[1] != a


def test_the_committed_samples_are_what_the_script_makes(tmp_path: Path) -> None:
    """The archives in samples/data have the members and the records that the script makes."""
    run("samples/make_products.py", tmp_path)
    for name in ("products.zip", "products-damaged.zip"):
        with zipfile.ZipFile(tmp_path / name) as made, zipfile.ZipFile(ROOT / "samples" / "data" / name) as kept:
            assert made.namelist() == kept.namelist()
            # Pictures depend on the JPEG library's version; texts do not.
            texts = [entry for entry in made.namelist() if not entry.endswith(".jpg")]
            assert [entry for entry in texts if made.read(entry) != kept.read(entry)] == []


@pytest.mark.parametrize("suffix", [".zip", ".tar", ".tar.gz"])
def test_benchmark_archives_are_reproducible(tmp_path: Path, suffix: str) -> None:
    """Two runs write the same bytes in every kind of archive."""
    for name in ("a", "b"):
        run("benchmarks/make_archive.py", tmp_path / (name + suffix), "--items", "5", "--size", "60x80", "--vary")

    assert (tmp_path / f"a{suffix}").read_bytes() == (tmp_path / f"b{suffix}").read_bytes()


def test_kinds_hold_the_same_members(tmp_path: Path) -> None:
    """The zip and the tar of the same arguments hold the same names and contents."""
    for name in ("a.zip", "a.tar.gz"):
        run("benchmarks/make_archive.py", tmp_path / name, "--items", "5", "--size", "60x80", "--apart")
    with zipfile.ZipFile(tmp_path / "a.zip") as one, tarfile.open(tmp_path / "a.tar.gz") as other:
        zipped = {name: one.read(name) for name in one.namelist()}
        tarred = {entry.name: file.read() for entry in other if (file := other.extractfile(entry)) is not None}

    assert list(zipped.items()) == list(tarred.items())


def test_order_and_sizes(tmp_path: Path) -> None:
    """--apart puts the pictures before the records, --vary gives pictures of many sizes; without them it is not so."""
    sizes, orders = {}, {}
    for name, flags in [("plain.zip", []), ("other.zip", ["--vary", "--apart"])]:
        run("benchmarks/make_archive.py", tmp_path / name, "--items", "8", "--size", "60x80", *flags)
        with zipfile.ZipFile(tmp_path / name) as archive:
            names = archive.namelist()
            pictures = [Image.open(io.BytesIO(archive.read(one))) for one in names if one.endswith(".jpg")]
            records = [json.loads(archive.read(one)) for one in names if one.endswith(".json")]
        sizes[name] = {picture.size for picture in pictures}
        orders[name] = [one.rpartition(".")[2] for one in names]
        assert len(pictures) == len(records) == 8

    assert sizes["plain.zip"] == {(60, 80)}
    assert len(sizes["other.zip"]) > 4
    assert orders["plain.zip"] == ["jpg", "json"] * 8 + ["csv", "tsv"]
    assert orders["other.zip"] == ["jpg"] * 8 + ["json"] * 8 + ["csv", "tsv"]


def test_benchmark_measures(tmp_path: Path) -> None:
    """The benchmark runs every competitor in every round and gives positive figures and ratios."""
    archive = tmp_path / "small.zip"
    run("benchmarks/make_archive.py", archive, "--items", "6", "--size", "60x80")
    printed = json.loads(run("benchmarks/convert.py", "--archive", archive, "--rounds", "1", "--json"))

    assert printed["files"] == 14
    assert [one["competitor"] for one in printed["runs"]] == ["plain", "decoded", "encoded"]
    for row in printed["rows"]:
        assert min(row["files_per_second"], row["ratio"], row["peak_mb"], row["output_mb"]) > 0
