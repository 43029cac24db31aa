"""No file is opened because a content names it, by whatever library: HDF5 opens its files itself, past Python."""

from __future__ import annotations

import io
import subprocess
import sys
import tarfile
import zipfile
from collections.abc import Callable
from pathlib import Path

import h5py
import numpy as np
import pandas as pd
from runs import build_library, run

#: What the contents name; a file that can be read, so that who opens it finds what it looks for.
CANARY = "canary.h5"


def _hdf5(write: Callable[[h5py.File], object]) -> bytes:
    file = io.BytesIO()
    with h5py.File(file, "w") as root:
        root["own"] = np.arange(3)
        write(root)
    return file.getvalue()


def _virtual(root: h5py.File, canary: str) -> None:
    layout = h5py.VirtualLayout((3,), "i8")
    layout[:] = h5py.VirtualSource(canary, "values", (3,))
    root.create_virtual_dataset("away", layout)


def contents(canary: str) -> dict[str, bytes]:
    """Make contents that name a file."""
    return {
        "link.h5": _hdf5(lambda root: root.__setitem__("away", h5py.ExternalLink(canary, "/values"))),
        "storage.h5": _hdf5(lambda root: root.create_dataset("away", (3,), "i8", external=[(canary, 0, 24)])),
        "virtual.h5": _hdf5(lambda root: _virtual(root, canary)),
        "list.mp4": f"ffconcat version 1.0\nfile {canary}\n".encode(),
        "list.m3u8": f"#EXTM3U\n#EXTINF:1,\n{canary}\n".encode(),
        "a.svg": f'<svg xmlns="http://www.w3.org/2000/svg"><image href="file://{canary}"/></svg>'.encode(),
        "a.xml": f'<!DOCTYPE a [<!ENTITY x SYSTEM "file://{canary}">]><a>&x;</a>'.encode(),
        "a.eps": f"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 9 9\n({canary}) run\nshowpage\n".encode(),
        "a.obj": f"mtllib {canary}\nv 0 0 0\n".encode(),
    }


def write_sources(folder: Path, canary: Path) -> list[str]:
    """Make the contents a zip, a tar with links, and a folder with a link."""
    named = contents(str(canary))
    with zipfile.ZipFile(folder / "a.zip", "w") as archive:
        for name, content in named.items():
            archive.writestr(name, content)
        link = zipfile.ZipInfo("link")
        link.external_attr = 0o120777 << 16
        archive.writestr(link, str(canary))
    with tarfile.open(folder / "b.tar", "w") as tar:
        for kind in (tarfile.SYMTYPE, tarfile.LNKTYPE):
            info = tarfile.TarInfo(f"link{kind.decode()}.h5")
            info.type, info.linkname = kind, str(canary)
            tar.addfile(info)
    (folder / "c").mkdir()
    for name, content in named.items():
        (folder / "c" / name).write_bytes(content)
    (folder / "c" / "link.h5").unlink()
    (folder / "c" / "link.h5").symlink_to(canary)
    return ["a.zip", "b.tar", "c", *(f"c/{name}" for name in ("storage.h5", "virtual.h5"))]


def test_nothing_is_opened_that_contents_name(tmp_path: Path) -> None:
    """Zip, tar, folder and files of HDF5 themselves; the shim sees what HDF5 opens, as the control shows."""
    library = build_library(tmp_path, "opens.c")
    canary = tmp_path / "elsewhere" / CANARY
    canary.parent.mkdir()
    with h5py.File(canary, "w") as file:
        file["values"] = np.arange(3)
    sources = write_sources(tmp_path, canary)
    log = tmp_path / "log"
    watched = {"LD_PRELOAD": str(library), "OPENS_LOG": str(log)}

    done = run(tmp_path, "convert", *sources, "-o", "out", "--name", "a", extra=watched)

    assert done.status == 3, done.said
    opened = log.read_text().splitlines()
    assert [path for path in opened if path.endswith("a.zip")] != []
    assert [path for path in opened if CANARY in path] == []
    members = pd.read_parquet(tmp_path / "out" / "a.members.parquet")
    hdf5 = members[members["member"].str.endswith(("storage.h5", "virtual.h5"))]
    assert len(hdf5) == 6
    assert set(hdf5["reason"]) == {"hdf5_external"}

    log.unlink()
    follow = "import h5py, sys; h5py.File(sys.argv[1])['away'][()]"
    (tmp_path / "follow.h5").write_bytes(contents(str(canary))["link.h5"])
    subprocess.run([sys.executable, "-c", follow, str(tmp_path / "follow.h5")], env=watched, check=True)
    assert [path for path in log.read_text().splitlines() if CANARY in path] != []
