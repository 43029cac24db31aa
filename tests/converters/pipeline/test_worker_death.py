"""Worker processes that die: nothing is lost, nothing is doubled, and the member to blame is named."""

from __future__ import annotations

import os
import signal
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

import cloudpickle
import numpy as np
import pandas as pd
import pytest
from archives import write_tar, write_zip

import zarrpack
from zarrpack.converters import conversion_run as conversion
from zarrpack.converters.pipeline.pool import Pool
from zarrpack.errors import WorkerError
from zarrpack.processors.base import Block, Member, Metadata, Processor
from zarrpack.processors.registry import register, unregister

# The worker processes cannot import a module of the tests: send the classes themselves.
cloudpickle.register_pickle_by_value(sys.modules[__name__])


@dataclass(frozen=True)
class Deadly(Processor):
    """Reads ``.d`` members; kills its own process when one says so."""

    name: ClassVar[str] = "deadly"
    marks: str

    def accepts(self, head: bytes, name: str) -> bool:
        return name.endswith(".d")

    def read(self, member: Member) -> Iterator[Block | Metadata]:
        content = member.read()
        mark = Path(self.marks, Path(member.name).name)
        if content.startswith(b"always") or (content.startswith(b"once") and not mark.exists()):
            mark.touch()
            os.kill(os.getpid(), signal.SIGKILL)
        yield Block("deadly", "size", ("one",), np.array([len(content)]))
        yield Metadata()


@pytest.fixture
def deadly(tmp_path: Path) -> Iterator[None]:
    """Register the processor for one test."""
    (tmp_path / "marks").mkdir()
    register(Deadly(str(tmp_path / "marks")))
    yield
    unregister("deadly")


def members_with(words: dict[int, bytes], count: int = 40) -> dict[str, bytes]:
    """Give members whose content is a word, harmless by default."""
    return {f"{n:03}.d": words.get(n, b"fine") for n in range(count)}


def states(result: zarrpack.ConvertResult) -> pd.DataFrame:
    """Give the ledger by member name."""
    return pd.read_parquet(result.members).set_index("member")


@pytest.mark.usefixtures("deadly")
@pytest.mark.parametrize("compressed", [False, True])
def test_a_death_costs_a_retry_and_nothing_else(tmp_path: Path, compressed: bool) -> None:
    """Members that kill once are stored at the second try; the bytes are those of an undisturbed run."""
    words = {3: b"once", 17: b"once", 39: b"once"}
    disturbed = members_with(words)
    control = {name: b"calm" if content == b"once" else content for name, content in disturbed.items()}

    def written(name: str, members: dict[str, bytes]) -> Path:
        (tmp_path / name).mkdir()
        if compressed:
            return write_tar(tmp_path / name / "a.tar.gz", members, "w:gz")
        return write_zip(tmp_path / name / "a.zip", members)

    result = zarrpack.convert(written("x", disturbed), tmp_path / "out", workers=2, items_per_data=5)
    calm = zarrpack.convert(written("y", control), tmp_path / "control", workers=2, items_per_data=5)

    assert len(list((tmp_path / "marks").iterdir())) == 3
    assert result.counts == calm.counts == {"members": 40, "stored": 40, "skipped": 0, "failed": 0, "items": 40}
    assert result.dataset.read_bytes() == calm.dataset.read_bytes()


@pytest.mark.usefixtures("deadly")
def test_the_member_that_kills_twice_is_named(tmp_path: Path) -> None:
    """Two killers fail as worker_died, every other member is stored."""
    source = write_zip(tmp_path / "a.zip", members_with({5: b"always", 6: b"always"}))

    result = zarrpack.convert(source, tmp_path / "out", workers=2, items_per_data=8)

    ledger = states(result)
    assert ledger["reason"].dropna().to_dict() == {"005.d": "worker_died", "006.d": "worker_died"}
    assert result.counts["stored"] == 38
    assert result.exit_status == 3


@pytest.mark.usefixtures("deadly")
def test_a_streamed_member_is_read_again(tmp_path: Path) -> None:
    """A large member of a compressed tar, which the parent does not keep, survives its worker's death."""
    members = members_with({0: b"fine", 1: b"once" + bytes(9 << 20), 2: b"always" + bytes(9 << 20)}, 4)
    source = write_tar(tmp_path / "a.tar.gz", members, "w:gz")

    result = zarrpack.convert(source, tmp_path / "out", workers=1)

    assert states(result)["reason"].dropna().to_dict() == {"002.d": "worker_died"}
    sizes = zarrpack.open_dataset(result.dataset, "deadly")["size"].values
    assert sizes.tolist() == [4, 4 + (9 << 20), 4]


@pytest.mark.usefixtures("deadly")
def test_more_deaths_than_spare_queues(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """When no queue is left for a replacement, writer and workers start anew and the run goes on."""
    starts = []

    class Small(Pool):
        def _start(self) -> None:
            starts.append(1)
            super()._start()

    def start_small(*arguments: object, **options: object) -> Pool:
        return Small(*arguments, **options, spares=1)  # type: ignore[arg-type]

    monkeypatch.setattr(conversion, "Pool", start_small)
    killers = dict.fromkeys(range(2, 20, 6), b"always")
    source = write_zip(tmp_path / "a.zip", members_with(killers))

    result = zarrpack.convert(source, tmp_path / "out", workers=2, items_per_data=4)

    assert len(starts) > 1
    assert result.counts == {"members": 40, "stored": 37, "skipped": 0, "failed": 3, "items": 37}


def test_a_worker_that_never_gets_ready_ends_the_run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The error explains the usual cause, and nothing is published."""

    def start(*arguments: object, **options: object) -> Pool:
        return Pool(*arguments, **options, target=os._exit)  # type: ignore[arg-type]

    monkeypatch.setattr(conversion, "Pool", start)
    source = write_zip(tmp_path / "a.zip", members_with({}))

    with pytest.raises(WorkerError, match='if __name__ == "__main__"'):
        zarrpack.convert(source, tmp_path / "out", workers=1)

    assert not (tmp_path / "out").exists()
