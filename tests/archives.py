"""Small archives for tests, made in memory: pictures, records and tables whose content is known."""

from __future__ import annotations

import io
import json
import tarfile
import zipfile
from collections.abc import Mapping
from pathlib import Path

import numpy as np
from PIL import Image

__all__ = ["jpeg", "png", "product_members", "write_folder", "write_tar", "write_zip"]


def picture(seed: int, width: int = 24, height: int = 16) -> Image.Image:
    """Make a smooth picture that depends on the seed."""
    y, x = np.mgrid[0:height, 0:width]
    planes = [(x * (seed + 1) + y * 3) % 256, (y * 5 + seed * 7) % 256, (x + y + seed) % 256]
    return Image.fromarray(np.stack(planes, axis=-1).astype(np.uint8))


def jpeg(seed: int, width: int = 24, height: int = 16) -> bytes:
    """Encode a picture as JPEG."""
    out = io.BytesIO()
    picture(seed, width, height).save(out, "JPEG", quality=90)
    return out.getvalue()


def png(seed: int, width: int = 24, height: int = 16) -> bytes:
    """Encode a picture as PNG."""
    out = io.BytesIO()
    picture(seed, width, height).save(out, "PNG")
    return out.getvalue()


def product_members(count: int, *, vary: bool = False, apart: bool = False) -> dict[str, bytes]:
    """Give pictures, a record for each, and a table, by member name.

    Parameters
    ----------
    count : int
        Pictures.
    vary : bool
        Whether each picture has a size of its own.
    apart : bool
        Whether all pictures come before all records.
    """
    pictures = {f"p/images/{100 + n}.jpg": jpeg(n, 24 + (n if vary else 0)) for n in range(count)}
    records = {
        f"p/styles/{100 + n}.json": json.dumps(
            {"data": {"id": 100 + n, "colour": ["red", "blue"][n % 2], "price": n * 1.5, "name": f"Straße {n}"}}
        ).encode()
        for n in range(count)
    }
    table = {"p/styles.csv": ("id,stock\n" + "".join(f"{100 + n},{n}\n" for n in range(count))).encode()}
    if apart:
        return pictures | records | table
    mixed = [pair for both in zip(pictures.items(), records.items(), strict=True) for pair in both]
    return dict(mixed) | table


def write_zip(path: Path, members: Mapping[str, bytes], method: int = zipfile.ZIP_DEFLATED) -> Path:
    """Write a zip by the standard library."""
    with zipfile.ZipFile(path, "w") as archive:
        for name, content in members.items():
            archive.writestr(zipfile.ZipInfo(name), content, method)
    return path


def write_tar(path: Path, members: Mapping[str, bytes], mode: str = "w") -> Path:
    """Write a tar by the standard library; `mode` such as ``"w:gz"``."""
    with tarfile.open(path, mode) as archive:  # type: ignore[call-overload]
        for name, content in members.items():
            info = tarfile.TarInfo(name)
            info.size = len(content)
            archive.addfile(info, io.BytesIO(content))
    return path


def write_folder(path: Path, members: Mapping[str, bytes]) -> Path:
    """Write members as files below a folder."""
    for name, content in members.items():
        target = path / name
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_bytes(content)
    return path
