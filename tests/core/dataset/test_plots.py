"""Figures: what is drawn, and the command that saves them."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from zarrpack.converters.commands.main import run
from zarrpack.dataset import DatasetExplorer
from zarrpack.errors import UsageError

pytest.importorskip("matplotlib", reason="needs the extra plot")


def test_histograms_have_the_counts(parts_flow: Path) -> None:
    """The bars' heights and places are those of the distribution."""
    explorer = DatasetExplorer(parts_flow)
    found = explorer.create_distribution("face_areas", bins=4)
    figure: Any = explorer.plot_distribution("face_areas", bins=4, title="Areas")
    (axes,) = figure.axes

    assert [bar.get_height() for bar in axes.patches] == found["hist"].tolist()
    np.testing.assert_allclose([bar.get_x() for bar in axes.patches], found["bin_edges"][:-1])
    assert axes.get_title() == "Areas"


def test_text_has_a_bar_for_each_value(encoded_flow: Path) -> None:
    """The most frequent value is the uppermost bar."""
    figure: Any = DatasetExplorer(encoded_flow).plot_distribution("data/colour")
    (axes,) = figure.axes

    assert [bar.get_width() for bar in axes.patches] == [4, 5]
    assert [label.get_text() for label in axes.get_yticklabels()] == ["blue", "red"]


def test_any_text_can_be_shown(encoded_flow: Path, tmp_path: Path) -> None:
    """Formula signs, control characters and letters that the font lacks give neither an error nor a warning."""
    figure = DatasetExplorer(encoded_flow).plot_distribution("data/colour", title="$x^ \x00 和 \U0001f600 $")

    figure.savefig(tmp_path / "x.png")
    with Image.open(tmp_path / "x.png") as picture:
        assert picture.size == (700, 400)


@pytest.mark.parametrize("name", ["encoded_flow", "decoded_flow", "flat_flow"])
def test_contact_sheets_show_the_pictures(request: pytest.FixtureRequest, name: str) -> None:
    """Each picture is there under its item's name, whether it was stored decoded, flat or encoded."""
    explorer = DatasetExplorer(request.getfixturevalue(name))
    figure = explorer.show_items(["102", 1], columns=3, title="two")
    pixels = explorer.items().select("images", pictures="decoded", rows="first")

    assert [axes.get_title() for axes in figure.axes] == ["102", "101"]
    for axes, item in zip(figure.axes, ("102", "101"), strict=True):
        np.testing.assert_array_equal(np.asarray(axes.images[0].get_array()), pixels[item]["images/pixels"])
    everything = explorer.show_items()
    assert sum(bool(axes.images) for axes in everything.axes) == len(explorer.items()) - 1  # the table


def test_no_pictures_is_an_error(parts_flow: Path) -> None:
    """A dataset of faces has no contact sheet, and an unknown item none either."""
    with pytest.raises(UsageError, match="found none"):
        DatasetExplorer(parts_flow).show_items()
    with pytest.raises(KeyError):
        DatasetExplorer(parts_flow).show_items([99])


def test_the_command_saves_a_png(encoded_flow: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Both kinds of figure are saved; the same again gives the same bytes; what exists is refused."""
    for number, arguments in enumerate(
        (["--key", "data/price", "--bins", "3"], ["--item", "101", "--item", "103"], [])
    ):
        out = tmp_path / f"{number}.png"
        assert run(["plot", str(encoded_flow), "-o", str(out), *arguments]) == 0
        with Image.open(out) as picture:
            picture.load()
            assert min(picture.size) > 100
        before = out.read_bytes()
        assert run(["plot", str(encoded_flow), "-o", str(out), *arguments]) == 5
        assert run(["plot", str(encoded_flow), "-o", str(out), "--overwrite", "--json", *arguments]) == 0
        assert out.read_bytes() == before
    assert sorted(path.name for path in tmp_path.iterdir()) == ["0.png", "1.png", "2.png"]
    capsys.readouterr()


@pytest.mark.parametrize(
    ("arguments", "status", "said"),
    [
        (["--key", "nothing"], 2, "Key 'nothing' not found"),
        (["--key", "data/price", "--item", "101"], 2, "found both"),
        (["--item", "nothing"], 2, "found 'nothing'"),
        (["--bins", "0", "--key", "data/price"], 2, "0 is not in the range"),
    ],
)
def test_wrong_arguments(
    encoded_flow: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], arguments: list[str], status: int, said: str
) -> None:
    """Each has its exit status and says what is wrong, and nothing is written."""
    assert run(["plot", str(encoded_flow), "-o", str(tmp_path / "x.png"), *arguments]) == status
    assert said in capsys.readouterr().err
    assert list(tmp_path.iterdir()) == []


def test_wrong_files(encoded_flow: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A source that is not there is status 4, a folder that is not there 5, a missing library names its extra."""
    assert run(["plot", str(tmp_path / "none.flow"), "-o", str(tmp_path / "x.png")]) == 4
    assert run(["plot", str(tmp_path / "none.dataset"), "-o", str(tmp_path / "x.png")]) == 4
    assert run(["plot", str(encoded_flow), "-o", str(tmp_path / "none" / "x.png")]) == 5
    assert "cannot be written" in capsys.readouterr().err


def test_a_missing_library_names_its_extra(encoded_flow: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Without matplotlib, DuckDB or PyTorch the error says what to install."""
    explorer = DatasetExplorer(encoded_flow)
    for library in ("matplotlib", "duckdb", "torch"):
        monkeypatch.setitem(sys.modules, library, None)

    with pytest.raises(ImportError, match=r"zarrpack\[plot\]"):
        explorer.show_items()
    with pytest.raises(ImportError, match=r"zarrpack\[plot\]"):
        explorer.plot_distribution("data/price")
    with pytest.raises(ImportError, match=r"zarrpack\[sql\]"):
        explorer.query("SELECT 1")
    with pytest.raises(ImportError, match=r"zarrpack\[torch\]"):
        explorer.items().to_torch()
    with pytest.raises(ImportError, match=r"zarrpack\[torch\]"):
        explorer.items().to_torch_stream()
