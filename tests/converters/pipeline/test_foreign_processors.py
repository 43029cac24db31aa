"""Processors that misbehave: whatever they give or raise costs their own member only."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar

import cloudpickle
import numpy as np
import pandas as pd
import pytest
from archives import write_zip

import zarrpack
from zarrpack.processors.base import Block, Member, Metadata, Processor
from zarrpack.processors.registry import register, unregister

cloudpickle.register_pickle_by_value(sys.modules[__name__])


@dataclass(frozen=True)
class Odd(Processor):
    """Does what the member's content says."""

    name: ClassVar[str] = "odd"

    def accepts(self, head: bytes, name: str) -> bool:
        return name.endswith(".odd")

    def read(self, member: Member) -> Iterator[Block | Metadata]:
        word = member.read().decode()
        if word == "raise":
            raise KeyError("lone \ud800 surrogate")
        yield Block("odd", "value", ("one",), np.arange(2 if word == "uneven" else 1))
        if word == "uneven":
            yield Block("odd", "other", ("one",), np.arange(3))
        notes: dict[str, Any] = {
            "surrogate": Metadata(notes=("\ud800",), media_type="\ud800"),
            "number": Metadata(notes=(1,)),  # type: ignore[arg-type]
            "function": Metadata(notes=(lambda: 1,)),  # type: ignore[arg-type]
        }
        yield notes.get(word, Metadata())


@pytest.fixture
def odd() -> Iterator[None]:
    """Register the processor for one test."""
    register(Odd())
    yield
    unregister("odd")


@pytest.mark.usefixtures("odd")
def test_odd_results_are_stored_or_fail_alone(tmp_path: Path) -> None:
    """Notes that are no text become text; errors and uneven rows are reasons; the rest is stored."""
    words = ["fine", "surrogate", "number", "function", "raise", "uneven", "fine"]
    members = {f"{n}.odd": word.encode() for n, word in enumerate(words)}

    result = zarrpack.convert(write_zip(tmp_path / "a.zip", members), tmp_path / "out", workers=1)

    ledger = pd.read_parquet(result.members).set_index("member")
    assert ledger["reason"].dropna().to_dict() == {"4.odd": "processor_error", "5.odd": "inconsistent_rows"}
    assert "KeyError" in str(ledger.loc["4.odd", "detail"])
    assert ledger.loc["2.odd", "notes"] == "1"
    assert zarrpack.open_dataset(result.dataset, "odd")["value"].values.tolist() == [0] * 5
