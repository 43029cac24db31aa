"""Teach zarrpack a file format of your own, here recordings of an acceleration sensor.

    python samples/own_processor.py OUT

A ``.acc`` file is the bytes ``ACC1``, the sampling rate in hertz (uint32), then rows of three int16: x, y and z.
The script makes a folder of such files and converts it.
"""

from __future__ import annotations

import struct
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np

import zarrpack
from zarrpack.errors import MemberError
from zarrpack.processors.base import Block, Member, Metadata, Processor
from zarrpack.processors.registry import register

MAGIC = b"ACC1"


@dataclass(frozen=True)
class AccelerationProcessor(Processor):
    """Reads ``.acc`` recordings; its fields are its options."""

    name = "acceleration"

    scale: float = 1 / 1024  # one count, in m/s²

    def accepts(self, head: bytes, name: str) -> bool:
        """Whether it is a recording: by the first bytes alone, so a broken name does not matter."""
        return head.startswith(MAGIC)

    def read(self, member: Member) -> Iterator[Block | Metadata]:
        """Give the samples of one recording, and its rate."""
        payload = member.read()
        if len(payload) < 8 or len(payload) % 6 != 2:
            raise MemberError("truncated", f"expected a header of 8 bytes and rows of 6, found {len(payload)} bytes")
        (rate,) = struct.unpack_from("<I", payload, 4)
        counts = np.frombuffer(payload, "<i2", offset=8).reshape(-1, 3)
        yield Block("motion", "acceleration", ("sample", "axis"), (counts * self.scale).astype(np.float32))
        yield Metadata({"motion/rate_hz": rate}, media_type="application/x-acc")


def make_recordings(folder: Path) -> None:
    """Write three recordings and one that was cut."""
    folder.mkdir(parents=True, exist_ok=True)
    rng = np.random.default_rng(0)
    for number in range(3):
        counts = rng.integers(-2048, 2048, size=(100 + number, 3), dtype="<i2")
        (folder / f"walk-{number}.acc").write_bytes(MAGIC + struct.pack("<I", 50) + counts.tobytes())
    (folder / "walk-3.acc").write_bytes(MAGIC + struct.pack("<I", 50) + b"12345")


def main(out: Path) -> None:
    """Make recordings, convert them, and print what came out."""
    recordings = out / "recordings"
    make_recordings(recordings)
    register(AccelerationProcessor())
    result = zarrpack.convert([recordings], out, workers=2, overwrite=True)
    print(result.counts)
    for failure in result.failures:
        print(failure)
    motion = zarrpack.open_dataset(result.dataset, "motion")
    print(motion["acceleration"].sizes, "codes", sorted(set(motion["file_id"].values.tolist())))


# The worker processes import this file again: what starts the conversion must be kept from them.
if __name__ == "__main__":
    main(Path(sys.argv[1]))
