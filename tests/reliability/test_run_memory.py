"""What the parent of a run needs when the input grows."""

from __future__ import annotations

import random
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

from zarrpack.storage.data_file import DataFile

pytestmark = pytest.mark.skipif(not sys.platform.startswith("linux"), reason="peak memory is counted on Linux only")

_PROGRAM = """\
import sys
from pathlib import Path
from zarrpack.__main__ import main
if __name__ == "__main__":
    main()
    # Not getrusage, which counts what there was before exec too.
    print(Path("/proc/self/status").read_text().partition("VmHWM:")[2].split()[0])
"""


def peak_bytes(folder: Path, members: int, size: int) -> int:
    """Convert so many members of so many bytes; give the most memory that the parent had."""
    content = random.Random(size).randbytes(size)
    source, program = folder / f"{members}-{size}.zip", folder / "program.py"
    with zipfile.ZipFile(source, "w") as archive:
        for number in range(members):
            archive.writestr(f"{number:05d}.bin", number.to_bytes(4) + content)
    program.write_text(_PROGRAM)
    command = [sys.executable, str(program), "convert", str(source), "-o", str(folder / source.stem), "--quiet"]
    done = subprocess.run([*command, "--workers", "2"], capture_output=True, text=True, check=True)
    with DataFile(folder / source.stem / f"{source.stem}.dataset") as dataset:
        (shape,) = (array.metadata.shape for name, array in dataset.arrays.items() if name.endswith("/encoded"))
        assert shape == (members,)
    return int(done.stdout) * 1024


@pytest.mark.slow
def test_ten_times_the_bytes_take_no_more_memory(tmp_path: Path) -> None:
    """The parent keeps nothing of what members hold: less than a tenth more."""
    assert peak_bytes(tmp_path, 100, 1_000_000) < 1.1 * peak_bytes(tmp_path, 100, 100_000)


@pytest.mark.slow
def test_ten_times_the_members_take_little_more_memory(tmp_path: Path) -> None:
    """What is kept of each is its row in tables and plans: less than a kilobyte."""
    assert peak_bytes(tmp_path, 20_000, 50) < peak_bytes(tmp_path, 2_000, 50) + 18_000 * 1024
