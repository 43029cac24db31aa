"""The sample archives are what their README says, and every sample script runs as it is."""

from __future__ import annotations

import csv
import io
import json
import os
import subprocess
import sys
import zipfile
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

SAMPLES = Path(__file__).parents[1] / "samples"
NUMBERS = range(1001, 1041)


def contents(name: str) -> dict[str, bytes]:
    """Give every member of a sample archive, checked against its CRC."""
    with zipfile.ZipFile(SAMPLES / "data" / name) as archive:
        return {entry: archive.read(entry) for entry in archive.namelist()}


def run(script: str, out: Path) -> str:
    """Run a sample script with an output folder, as a user does; give what it prints."""
    done = subprocess.run(
        [sys.executable, "-W", "error::DeprecationWarning:__main__", str(SAMPLES / script), str(out)],
        check=False,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        cwd=out.parent,
        env={**os.environ, "PYTHONIOENCODING": "utf-8"},
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_archive_is_complete() -> None:
    """Forty pictures of one size, a record for each in another folder, and a table with a row for each."""
    members = contents("products.zip")
    pictures = [Image.open(io.BytesIO(members[f"products/images/{number}.jpg"])) for number in NUMBERS]
    records = [json.loads(members[f"products/records/{number}.json"]) for number in NUMBERS]
    rows = list(csv.DictReader(io.StringIO(members["products/products.csv"].decode())))

    assert len(members) == 81
    assert {(picture.format, picture.size) for picture in pictures} == {("JPEG", (480, 640))}
    assert [record["id"] for record in records] == [int(row["id"]) for row in rows] == list(NUMBERS)
    assert [record["title"] for record in records] == [row["title"] for row in rows]


def test_damaged_archive_differs_in_two_members() -> None:
    """One picture is cut and one record broken; the zip itself is sound, and all else is the same."""
    sound, damaged = contents("products.zip"), contents("products-damaged.zip")
    picture, record = "products/images/1017.jpg", "products/records/1023.json"

    assert list(sound) == list(damaged)
    assert [name for name in sound if sound[name] != damaged[name]] == [picture, record]
    assert sound[picture].startswith(damaged[picture])
    with pytest.raises(OSError, match="truncated"):
        Image.open(io.BytesIO(damaged[picture])).load()
    with pytest.raises(json.JSONDecodeError):
        json.loads(damaged[record])


def test_convert_archive_runs(tmp_path: Path) -> None:
    """The first sample stores every member as forty items, and shows the arrays."""
    printed = run("convert_archive.py", tmp_path / "out")

    assert "81 of 81 members stored, 0 failed" in printed
    assert "40 items" in printed
    assert "(40, 640, 480, 3)" in printed


def test_read_dataset_finds_the_right_picture(tmp_path: Path) -> None:
    """The picture written is the one of the best rated record, as Pillow decodes it from the archive."""
    printed = run("read_dataset.py", tmp_path / "out")
    members = contents("products.zip")
    records = [json.loads(members[f"products/records/{number}.json"]) for number in NUMBERS]
    best = max(records, key=lambda record: record["rating"])
    expected = Image.open(io.BytesIO(members[f"products/images/{best['id']}.jpg"])).convert("RGB")

    assert f"{best['id']}: {best['title']}" in printed
    with Image.open(tmp_path / "out" / "best.png") as written:
        difference = np.asarray(written).astype(int) - np.asarray(expected).astype(int)
    assert np.abs(difference).max() <= 4  # decoders may round a little differently


def test_own_processor_runs_in_workers(tmp_path: Path) -> None:
    """A processor defined in the script is used by the spawned workers, and its refusal is a row with a reason."""
    printed = run("own_processor.py", tmp_path / "out")

    assert "'stored': 3" in printed
    assert "'failed': 1" in printed
    assert "'reason': 'truncated'" in printed
    assert "'sample': 303" in printed


def test_every_sample_is_tested_and_explained() -> None:
    """No script is added without a test here and a line in the README."""
    scripts = {path.name for path in SAMPLES.glob("*.py")}
    here, readme = Path(__file__).read_text("utf-8"), (SAMPLES / "README.md").read_text("utf-8")

    assert [name for name in scripts if f'run("{name}"' not in here and name != "make_products.py"] == []
    assert [name for name in scripts if f"`{name}" not in readme] == []
