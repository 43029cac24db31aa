"""The mirror that a conversion writes: equal to an export, made of what the workers made, whole or not there."""

from __future__ import annotations

import json
import shutil
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import archives
import h5py
import numpy as np
import pytest

from zarrpack.converters.convert import convert
from zarrpack.converters.hdf5_export import export_hdf5
from zarrpack.converters.retry import retry
from zarrpack.storage.hdf5 import number_rows
from zarrpack.storage.hdf5.filters import encode_piece
from zarrpack.storage.hdf5.spool import SpoolReader, SpoolWriter


@pytest.fixture(scope="module")
def pictures(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """Give archives of pictures of one size and of mixed sizes, large enough for chunks of their own."""
    folder = tmp_path_factory.mktemp("pictures")
    members = archives.product_members(2)
    even = {f"i/{n}.png": archives.png(n, 320, 200) for n in range(9)}
    mixed = {f"i/{n}.png": archives.png(n, 300 + 40 * n, 900) for n in range(9)}
    return {
        "even": archives.write_zip(folder / "even.zip", members | even),
        "mixed": archives.write_zip(folder / "mixed.zip", members | mixed),
    }


@pytest.mark.parametrize("kind", ["even", "mixed"])
@pytest.mark.parametrize("compression", ["gzip", "none"])
def test_mirror_and_export_are_equal(pictures: dict[str, Path], tmp_path: Path, kind: str, compression: Any) -> None:
    """The mirror has the bytes of an export of the finished dataset, for any number of workers and of members in a pack."""
    options: dict[str, Any] = {"hdf5": True, "hdf5_compression": compression}
    first = convert(pictures[kind], tmp_path / "a", workers=1, **options)
    second = convert(pictures[kind], tmp_path / "b", workers=3, **options)
    exported = export_hdf5(first.dataset, tmp_path / "export.h5", compression=compression).hdf5

    assert first.hdf5 is not None
    assert second.hdf5 is not None
    assert first.hdf5.read_bytes() == second.hdf5.read_bytes() == exported.read_bytes()
    assert sorted(path.name for path in (tmp_path / "a").iterdir() if not path.name.startswith(".")) == sorted(
        f"{kind}{suffix}" for suffix in (".dataset", ".infoset", ".attribset", ".members.parquet", ".flow", ".h5")
    )
    if shutil.which("h5diff"):
        subprocess.run(["h5diff", first.hdf5, exported], check=True)


@pytest.mark.parametrize("kind", ["even", "mixed"])
def test_pixels_come_from_the_workers(
    pictures: dict[str, Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, kind: str
) -> None:
    """No chunk of pixels is decoded and encoded again after the merge; without a spool all are, to the same bytes."""
    encoded: list[int] = []

    def counting(values: np.ndarray, compression: Any) -> Any:
        encoded.append(values.nbytes if values.dtype == np.uint8 else 0)
        return encode_piece(values, compression)

    monkeypatch.setattr(number_rows, "encode_piece", counting)
    mirror = convert(pictures[kind], tmp_path / "a", workers=1, hdf5=True, include=["*.png"]).hdf5
    assert mirror is not None
    assert max(encoded) < 1 << 14

    encoded.clear()
    export_hdf5(mirror.with_suffix(".dataset"), tmp_path / "b.h5")
    assert max(encoded) > 1 << 14
    assert (tmp_path / "b.h5").read_bytes() == mirror.read_bytes()


def test_the_flow_knows_the_mirror(pictures: dict[str, Path], tmp_path: Path) -> None:
    """The run's summary has the mirror's size and checksum; --json its path."""
    result = convert(pictures["even"], tmp_path, workers=1, hdf5=True)
    said = json.loads(result.flow.read_text())["zarrpack"]["files"]["even.h5"]

    assert result.hdf5 is not None
    assert said["size"] == result.hdf5.stat().st_size
    assert len(said["crc32"]) == 8
    assert result.to_mapping()["hdf5"] == str(result.hdf5)


def test_per_item_mirror(pictures: dict[str, Path], tmp_path: Path) -> None:
    """The mirror may have a dataset for each member."""
    mirror = convert(pictures["even"], tmp_path, workers=1, hdf5=True, hdf5_layout="per_item").hdf5
    with h5py.File(mirror) as file:
        np.testing.assert_array_equal(file["i/3.png"][...], np.asarray(archives.picture(3, 320, 200)))


_KILLED = """
import os, signal, sys
from pathlib import Path
if __name__ == "__main__":
    from zarrpack.converters.convert import convert
    from zarrpack.storage.hdf5 import number_rows
    left = int(sys.argv[3])
    encode = number_rows.write_numbers
    def counting(*arguments, **keywords):
        global left
        left -= 1
        if left < 0:
            os.kill(os.getpid(), signal.SIGKILL)
        return encode(*arguments, **keywords)
    import zarrpack.storage.hdf5.columnar as columnar, zarrpack.storage.hdf5.tables as tables
    columnar.write_numbers = tables.write_numbers = counting
    convert(sys.argv[1], sys.argv[2], workers=1, hdf5=True, overwrite=True)
"""


@pytest.mark.parametrize("moment", [0, 1, 12])
def test_a_kill_leaves_no_half_mirror(pictures: dict[str, Path], tmp_path: Path, moment: int) -> None:
    """Killed while the mirror is written, a run leaves the mirror that was there before, or none; the next one succeeds."""
    script = tmp_path / "run.py"
    script.write_text(_KILLED)
    out = tmp_path / "out"

    def run(moment: int) -> int:
        return subprocess.run([sys.executable, script, pictures["even"], out, str(moment)], check=False).returncode

    assert run(moment) == -signal.SIGKILL
    assert not (out / "even.h5").exists()
    assert run(10**6) == 0
    before = (out / "even.h5").read_bytes()
    assert run(moment) == -signal.SIGKILL
    assert (out / "even.h5").read_bytes() == before


def test_a_damaged_spool_is_not_used(tmp_path: Path) -> None:
    """Pieces whose checksum is wrong, and spools that are cut or of another compression, give nothing; the sound one does."""
    rows = np.arange(1 << 16, dtype=np.uint8).reshape(1, 256, 256)
    path = tmp_path / "a.h5chunks"
    writer = SpoolWriter(path, "none")
    writer.take("g/a", 0, rows, rows.shape)
    writer.close()
    content = path.read_bytes()

    def pieces(compression: Any = "none") -> Any:
        return SpoolReader(path, compression).pieces("g/a", 0, (1, 256, 256), np.dtype("u1"))

    sound = pieces()
    assert bytes(sound[0][1].payload[:-4]) == rows.tobytes()
    assert pieces("gzip") is None
    path.write_bytes(content[:1000] + b"\xff" + content[1001:])
    assert pieces() is None
    path.write_bytes(content[:-3])
    assert pieces() is None
    path.unlink()
    assert pieces() is None
    assert list(tmp_path.iterdir()) == []


def test_retry_brings_the_mirror_up_to_date(tmp_path: Path) -> None:
    """After a retry the mirror is that of the new dataset, with the member that had failed."""
    members = {f"{n}.png": archives.png(n, 320, 200 + 100 * (n == 1)) for n in range(3)}
    archives.write_zip(tmp_path / "a.zip", members)
    first = convert(tmp_path / "a.zip", tmp_path / "a", workers=1, hdf5=True, limits={"pixels": 70_000})
    assert first.counts["failed"] == 1
    second = retry(tmp_path / "a", limits={"pixels": 1_000_000}, workers=1)

    assert second.hdf5 is not None
    assert second.hdf5.read_bytes() == export_hdf5(second.dataset, tmp_path / "b.h5").hdf5.read_bytes()
    with h5py.File(second.hdf5) as found:
        assert found["images/height"][...].tolist() == [200, 300, 200]
