"""Mutations of formats that foreign libraries parse in their own machine code, which may crash or hang.

They are members of one archive, so that workers pay for it. ``ZARRPACK_FUZZ`` says how many (docs/reliability-archives.md).
"""

from __future__ import annotations

import io
import json
import os
import random
import shutil
import zipfile
from collections.abc import Callable
from pathlib import Path

import h5py
import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from mutations import mutated, random_mutations
from runs import run

COUNT = int(os.environ.get("ZARRPACK_FUZZ", "60"))
_MOST = 1000  # members of one archive, which may take 4 seconds each, but seldom do
_LIMITS = ("--set", "seconds=4", "--set", "wall_seconds=20", "--set", "memory_bytes=1Gi", "--set", "rows=100k")


def hdf5() -> bytes:
    """Make a file with groups, filters, strings, compounds, attributes, a reference and a link."""
    file = io.BytesIO()
    with h5py.File(file, "w") as root:
        group = root.create_group("a/b")
        group["numbers"] = np.arange(300).reshape(20, 15)
        group.create_dataset("packed", data=np.arange(4000.0), chunks=(500,), compression="gzip", shuffle=True)
        group.create_dataset("checked", data=np.arange(50, dtype="i2"), chunks=(10,), fletcher32=True)
        group["words"] = np.array(["one", "zwei", "三"], h5py.string_dtype())
        group["fixed"] = np.array([b"a", b"bc"])
        group["rows"] = np.zeros(5, [("x", "f4"), ("y", "i8", 2)])
        ragged = group.create_dataset("ragged", (2,), h5py.vlen_dtype(np.int32))
        ragged[0], ragged[1] = [1, 2], [3]
        group.attrs["unit"] = "mm"
        root["ref"] = group["numbers"].ref
        root["soft"] = h5py.SoftLink("/a/b/rows")
    return file.getvalue()


def parquet() -> bytes:
    """Make a file with row groups, dictionaries, lists, structs, nulls and dates."""
    rows = 500
    table = pa.table(
        {
            "number": pa.array(range(rows)),
            "word": pa.array([None if row % 7 == 0 else f"word {row % 20}" for row in range(rows)]).dictionary_encode(),
            "many": pa.array([list(range(row % 4)) for row in range(rows)]),
            "part": pa.array([{"x": float(row), "y": None} for row in range(rows)]),
            "day": pa.array(range(rows), pa.date32()),
        }
    )
    file = io.BytesIO()
    pq.write_table(table, file, row_group_size=200, compression="zstd", write_page_checksum=True)
    return file.getvalue()


@pytest.mark.slow
@pytest.mark.parametrize(("ending", "make"), [("h5", hdf5), ("parquet", parquet)])
def test_each_is_stored_or_named(tmp_path: Path, ending: str, make: Callable[[], bytes]) -> None:
    """The run ends, everything adds up, each failure has a reason that is not a bug, and the whole ones are stored."""
    chance = random.Random(None if "ZARRPACK_FUZZ" in os.environ else ending)
    for first in range(0, COUNT, _MOST):
        count = min(_MOST, COUNT - first)
        members = _converted(tmp_path / str(first), ending, make(), chance, count)
        failed = members[members["state"] == "failed"]
        assert len(members) == count + 1
        assert failed["reason"].notna().all()
        assert failed[failed["reason"] == "processor_error"].index.tolist() == []
        assert members.loc[f"whole.{ending}", "state"] == "stored"


def _converted(folder: Path, ending: str, seed: bytes, chance: random.Random, count: int) -> pd.DataFrame:
    """Convert mutations and the whole file as members of one archive; give the ledger."""
    folder.mkdir()
    with zipfile.ZipFile(folder / "a.zip", "w", zipfile.ZIP_DEFLATED) as archive:
        for number in range(count):
            archive.writestr(f"{number:06d}.{ending}", mutated(seed, random_mutations(chance)))
        archive.writestr(f"whole.{ending}", seed)

    done = run(folder, "convert", "a.zip", "-o", "out", "--workers", "2", "--json", *_LIMITS)

    assert done.status in (0, 3), done.said
    counts = json.loads(done.said[done.said.index("{") :])["counts"]
    assert counts["members"] == counts["stored"] + counts["skipped"] + counts["failed"] == count + 1
    members = pd.read_parquet(folder / "out" / "a.members.parquet").set_index("member")
    shutil.rmtree(folder)
    return members
