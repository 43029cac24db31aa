"""Which processors there are, and who reads what."""

from __future__ import annotations

import importlib.metadata
import pickle
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, ClassVar

import cloudpickle
import pytest

from zarrpack.errors import UsageError
from zarrpack.processors.base import Block, Member, Metadata, Processor
from zarrpack.processors.image import ImageProcessor
from zarrpack.processors.opaque import OpaqueProcessor
from zarrpack.processors.registry import (
    BUILT_IN,
    ENTRY_POINT_GROUP,
    choose,
    processors,
    register,
    registered,
    unregister,
)
from zarrpack.processors.text import TextProcessor


@dataclass(frozen=True)
class Mine(Processor):
    """Reads what starts with MINE."""

    name: ClassVar[str] = "mine"
    scale: int = 1

    def accepts(self, head: bytes, name: str) -> bool:
        """Tell by the first bytes."""
        return head.startswith(b"MINE")

    def read(self, member: Member) -> Iterator[Block | Metadata]:
        """Give the length."""
        yield Block("mine", "length", ("thing",), [str(len(member.read()) * self.scale)])
        yield Metadata()


@pytest.fixture(autouse=True)
def _clean() -> Iterator[None]:
    yield
    for one in registered():
        unregister(one.name)


def names(options: Any = None) -> list[str]:
    """Name the processors of a run in their order."""
    return [one.name for one in processors(options)]


def test_the_order_is_that_of_the_table() -> None:
    """From the most particular kind of content to everything."""
    assert names() == [*BUILT_IN] == ["image", "json", "csv", "array", "hdf5", "parquet", "text", "opaque"]


def test_a_table_names_each_class() -> None:
    """Each entry leads to a processor of that name, which comes back from a pickle."""
    for one in processors():
        assert pickle.loads(pickle.dumps(one)) == one
        assert f"{type(one).__module__}:{type(one).__name__}" == BUILT_IN[one.name]


def test_the_table_costs_no_imports() -> None:
    """Neither the registry nor the processors import the libraries that decode, or tables and arrays on disk."""
    code = (
        "import sys; import zarrpack.processors.registry as r; assert 'zarrpack.processors.image' not in sys.modules;"
        "r.processors(); print([m for m in ('PIL', 'simplejpeg', 'pandas', 'pyarrow', 'xarray', 'zarr', 'numcodecs',"
        " 'h5py', 'dask', 'matplotlib') if m in sys.modules])"
    )

    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout == "[]\n"


@pytest.mark.parametrize(
    ("head", "name", "chosen"),
    [
        (b"\xff\xd8\xff\xe0", "a.json", "image"),
        (b"plain text", "a.jpg", "image"),
        (b"", "a.jpg", "image"),
        (b"PK\x03\x04", "a.jpg", "opaque"),
        (b"{}", "a.json", "json"),
        (b"", "a.json", "json"),
        (b'{"a": 1}', "a", "json"),
        (b'{"a": 1}', "a.txt", "text"),
        (b"PK\x03\x04", "a.json", "opaque"),
        (b"a,b\n", "a.csv", "csv"),
        (b"a,b\n", "a.dat", "text"),
        (b"\x93NUMPY", "a.dat", "array"),
        (b"PK\x03\x04", "a.npz", "array"),
        (b"PK\x03\x04", "a.docx", "opaque"),
        (b"", "a.txt", "text"),
        (b"", "a", "opaque"),
        (b"<svg/>", "a.svg", "text"),
        (b"%!PS-Adobe-3.0 EPSF", "a.eps", "opaque"),
        (b"%PDF-1.4", "a.pdf", "opaque"),
        (b"a\x00b", "a", "opaque"),
    ],
)
def test_content_decides_before_names(head: bytes, name: str, chosen: str) -> None:
    """Foreign first bytes overrule a suffix; a suffix decides where the bytes say nothing."""
    found = choose(processors(), head, name)

    assert found is not None
    assert found.name == chosen


def test_nothing_may_be_chosen() -> None:
    """Of a list that does not end in the one for everything."""
    assert choose([ImageProcessor()], b"x", "a.txt") is None


def test_options_reach_their_processor() -> None:
    """By name and field; what is not named keeps its default."""
    built = {one.name: one for one in processors({"image": {"size": [4, 3]}, "opaque": {"policy": "skip"}})}

    assert built["image"] == ImageProcessor(size=(4, 3))
    assert built["opaque"] == OpaqueProcessor("skip")


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"imag": {}}, "processors: unknown processor 'imag'; did you mean 'image'.*array, csv, hdf5, image, json"),
        ({"zzz": {}}, "processors: unknown processor 'zzz'; known: array, csv"),
        (
            {"image": {"sise": 1}},
            "processors.image: unknown option 'sise'; did you mean 'size'.*fit, images, mode, size",
        ),
        ({"json": {"x": 1}}, "processors.json: unknown option 'x'; known: none"),
        ({"csv": {"columns": "int"}}, "processors.csv.columns: expected typed or text, found 'int'"),
    ],
)
def test_wrong_options_are_named(options: Any, said: str) -> None:
    """With what is known, and the nearest of it."""
    with pytest.raises(UsageError, match=said):
        processors(options)


def test_ones_own_come_first() -> None:
    """In the order in which they were registered, with options like any other."""
    register(Mine())
    register(TextProcessor(), replace=True)

    assert names() == ["mine", "text", "image", "json", "csv", "array", "hdf5", "parquet", "opaque"]
    assert processors({"mine": {"scale": 3}})[0] == Mine(3)
    assert registered() == (Mine(), TextProcessor())


def test_names_are_taken_once() -> None:
    """Unless it is said that the other shall go."""
    register(Mine())
    for taken in (Mine(2), ImageProcessor()):
        with pytest.raises(UsageError, match="is taken"):
            register(taken)
    register(Mine(2), replace=True)

    assert registered() == (Mine(2),)


def test_only_processors_are_registered() -> None:
    """Not their classes; and what was not registered cannot be forgotten."""
    with pytest.raises(UsageError, match="expected an instance"):
        register(Mine)  # type: ignore[arg-type]
    with pytest.raises(UsageError, match="unknown processor 'min'; known: none"):
        unregister("min")


def test_ones_own_travel_by_value(tmp_path: Any) -> None:
    """A class of a script is read by a process that cannot import it, as spawned workers are."""
    script = tmp_path / "script.py"
    script.write_text(
        "import cloudpickle, sys\n"
        "from dataclasses import dataclass\n"
        "from zarrpack.processors.base import Block, Metadata, Processor\n"
        "from zarrpack.processors.registry import processors, register\n"
        "@dataclass(frozen=True)\n"
        "class Own(Processor):\n"
        "    name = 'own'\n"
        "    scale: int = 2\n"
        "    def accepts(self, head, name):\n"
        "        return True\n"
        "    def read(self, member):\n"
        "        yield Block('g', 'a', ('r',), ['x' * self.scale])\n"
        "        yield Metadata()\n"
        "if __name__ == '__main__':\n"
        "    register(Own())\n"
        "    sys.stdout.buffer.write(cloudpickle.dumps(processors({'own': {'scale': 3}})))\n"
    )
    payload = subprocess.run([sys.executable, str(script)], capture_output=True, check=True).stdout
    found = choose(cloudpickle.loads(payload), b"", "a")

    assert found is not None
    block, _ = found.read(Member("a", b"", b""))
    assert isinstance(block, Block)
    assert block.rows == ["xxx"]


class Point:
    """Stands for what an installed package announces."""

    def __init__(self, name: str, loaded: Any) -> None:
        self.name = name
        self.value = f"package:{name}"
        self._loaded = loaded

    def __lt__(self, other: Point) -> bool:
        return self.name < other.name

    def load(self) -> Any:
        """Give what was announced, or fail as a broken package does."""
        if isinstance(self._loaded, Exception):
            raise self._loaded
        return self._loaded


@pytest.mark.parametrize("announced", [Mine, Mine(5)])
def test_packages_announce_processors(announced: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """Classes or instances; they come before the built-in ones and after those registered."""
    asked: list[str] = []

    def entry_points(*, group: str) -> list[Point]:
        asked.append(group)
        return [Point("mine", announced)]

    monkeypatch.setattr(importlib.metadata, "entry_points", entry_points)
    assert names() == ["mine", "image", "json", "csv", "array", "hdf5", "parquet", "text", "opaque"]
    register(Mine(9))

    assert processors()[0] == Mine(9)
    assert set(asked) == {ENTRY_POINT_GROUP}


@pytest.mark.parametrize("broken", [ImportError("no module named gone"), 5, OpaqueProcessor])
def test_a_broken_package_costs_a_warning(broken: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """It names the package; all others are there."""
    points = [Point("bad", broken), Point("mine", Mine)]
    monkeypatch.setattr(importlib.metadata, "entry_points", lambda group: points)
    with pytest.warns(RuntimeWarning, match=r"processor 'bad' \(package:bad\) is left out"):
        found = names()

    assert found == ["mine", "image", "json", "csv", "array", "hdf5", "parquet", "text", "opaque"]


def test_a_processor_that_raises_is_passed_over() -> None:
    """With a warning that names it; the next one gets the member."""

    class Broken(Mine):
        def accepts(self, head: bytes, name: str) -> bool:
            raise ValueError("oops")

    with pytest.warns(RuntimeWarning, match="processor 'mine': accepts raised ValueError: oops"):
        found = choose([Broken(), TextProcessor()], b"a", "a.txt")

    assert found == TextProcessor()
