"""The benchmark of reading runs, and compares what its competitors give with the archive."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[1]


def test_competitors_are_measured(tmp_path: Path) -> None:
    """Each format that is installed has its figures; a format that gave other bytes would have none."""
    archives = sys.modules["archives"]
    archive = archives.write_zip(tmp_path / "pictures.zip", archives.product_members(5))
    command = [sys.executable, str(ROOT / "benchmarks" / "load.py"), "--archive", str(archive), "--rounds", "1"]
    command += ["--draws", "10", "--formats", "zarrpack", "zarr", "--folder", str(tmp_path), "--json"]

    done = subprocess.run(command, capture_output=True, text=True, check=True)

    runs = json.loads(done.stdout)
    expected = sum(len(content) for name, content in archives.product_members(5).items() if name.endswith(".jpg"))
    assert [(run["format"], run["bytes"]) for run in runs] == [("zarrpack", expected), ("zarr", expected)]
    assert all(run["microseconds"] > 0 and run["samples_per_second"] > 0 for run in runs)
