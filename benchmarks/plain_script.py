"""The script that one writes without zarrpack: the baseline of ``convert.py``.

python benchmarks/plain_script.py ARCHIVE.zip OUT.h5

One process, one member after the other, one compressed HDF5 dataset for each: the pixels of a picture, the
text of anything else. It knows no bad member, no pairing and no table.
"""

from __future__ import annotations

import io
import sys
import zipfile
from pathlib import Path

import h5py
import numpy as np
from PIL import Image


def main(archive: Path, out: Path) -> None:
    """Turn the archive into an HDF5 file."""
    with zipfile.ZipFile(archive) as source, h5py.File(out, "w") as target:
        for name in source.namelist():
            payload = source.read(name)
            if name.endswith(".jpg"):
                values = np.asarray(Image.open(io.BytesIO(payload)).convert("RGB"))
            else:
                values = np.frombuffer(payload, np.uint8)
            target.create_dataset(name, data=values, compression="gzip")


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]))
