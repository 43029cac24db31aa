"""The command line: exit statuses, what is printed where, and what wrong input says."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest
import xarray as xr
from archives import product_members, write_zip

import zarrpack
from zarrpack.converters.commands.main import run
from zarrpack.converters.commands.report import printable


@pytest.fixture(autouse=True)
def signals_as_before() -> object:
    """Give back the signal handlers that the command line sets."""
    before = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)}
    yield
    for number, handler in before.items():
        signal.signal(number, handler)


def test_convert_prints_a_summary(tmp_path: Path, products_zip: Path, capfd: pytest.CaptureFixture[str]) -> None:
    """A clean run ends with 0, one line on standard output and nothing on standard error."""
    assert run(["convert", str(products_zip), "-o", str(tmp_path / "out"), "--workers", "1"]) == 0

    printed = capfd.readouterr()
    assert "13 items from 13 members (13 stored, 0 skipped, 0 failed)" in printed.out
    assert printed.err == ""


def test_convert_prints_json(tmp_path: Path, products_zip: Path, capfd: pytest.CaptureFixture[str]) -> None:
    """With --json standard output is one JSON object with counts, seconds and paths."""
    assert run(["convert", str(products_zip), "-o", str(tmp_path / "out"), "--json", "--pair", "basename"]) == 0

    printed = json.loads(capfd.readouterr().out)
    assert printed["counts"] == {"members": 13, "stored": 13, "skipped": 0, "failed": 0, "items": 7}
    assert printed["seconds"]["total"] > 0
    assert Path(printed["dataset"]).is_file()


def test_failures_are_told_on_standard_error(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    """A run with failures ends with 3 and names them, with control characters escaped."""
    source = write_zip(tmp_path / "a.zip", {"good.txt": b"text", "bad\x1b[31m.json": b"{"})

    assert run(["convert", str(source), "-o", str(tmp_path / "out"), "--quiet"]) == 3

    printed = capfd.readouterr()
    assert printed.out == ""
    assert "a.zip/bad\\x1b[31m.json: invalid_json" in printed.err
    assert "\x1b" not in printed.err


def test_options_from_a_file_yield_to_those_given(tmp_path: Path, products_zip: Path) -> None:
    """--config gives defaults, and the command line wins."""
    config = tmp_path / "options.json"
    config.write_text('{"images": "encoded", "name": "from_file", "limit": 1}')

    assert run(["convert", str(products_zip), "-o", str(tmp_path), "--config", str(config), "--name", "given"]) == 0

    images = zarrpack.open_dataset(tmp_path / "given.dataset", "images")
    assert "encoded" in images
    assert images.sizes["image"] == 1


@pytest.mark.parametrize(
    ("arguments", "status", "expected"),
    [
        (["convert", "none.zip", "-o", "out"], 4, "none.zip"),
        (["convert", "", "-o", "out"], 2, "found an empty text"),
        (["convert", ".", "-o", "out"], 2, "outside the source"),
        (["convert", "p.zip"], 2, "Missing option '-o'"),
        (["convert", "p.zip", "-o", "out", "--size", "big"], 2, "size: expected WIDTHxHEIGHT"),
        (["convert", "p.zip", "-o", "out", "--images", "raw"], 2, "'raw' is not one of"),
        (["convert", "p.zip", "-o", "out", "--pair", "("], 2, "pair: expected"),
        (["convert", "p.zip", "-o", "out", "--join", "none.csv:id"], 2, "none.csv"),
        (["convert", "p.zip", "-o", "p.zip"], 5, "p.zip"),
        (["convert", "empty.zip", "-o", "out"], 4, "empty.zip"),
        (["convert", "p.zip", "-o", "out", "--exclude", "*"], 4, "none of 13 members could be stored"),
        (["merge", "p.zip", "-o", "x.dataset"], 6, "p.zip"),
        (["merge", "none.data", "-o", "x.dataset"], 4, "none.data"),
        (["merge", "p.zip", "-o", "x.data"], 2, "ends in .dataset"),
        (["info", "none.dataset"], 4, "none.dataset"),
        (["info", "p.zip"], 6, "expected one of .attribset"),
        (["run", "none.json"], 2, "none.json"),
        (["conver"], 2, "No such command"),
    ],
)
def test_wrong_input_says_so(
    tmp_path: Path,
    products_zip: Path,
    monkeypatch: pytest.MonkeyPatch,
    capfd: pytest.CaptureFixture[str],
    arguments: list[str],
    status: int,
    expected: str,
) -> None:
    """Each mistake has its exit status and one message without a traceback, and leaves nothing behind."""
    monkeypatch.chdir(tmp_path)
    products_zip.rename("p.zip")
    (tmp_path / "empty.zip").touch()

    assert run(arguments) == status

    printed = capfd.readouterr()
    assert expected in printed.err
    assert "Traceback" not in printed.err
    assert not list(tmp_path.glob("**/*.dataset"))
    assert not list(tmp_path.glob("**/.*"))


def test_merge_of_packs_gives_the_same_arrays(tmp_path: Path, products_zip: Path) -> None:
    """Merging the packs that a conversion kept gives the conversion's dataset."""
    made = zarrpack.convert(products_zip, tmp_path / "out", workers=1, keep_data=True, items_per_data=4)

    assert run(["merge", str(tmp_path / "out" / "encoded"), "-o", str(tmp_path / "again.dataset")]) == 0

    for group in ("images", "records", "table"):
        first = zarrpack.open_dataset(made.dataset, group).load()
        xr.testing.assert_identical(zarrpack.open_dataset(tmp_path / "again.dataset", group).load(), first)
    assert run(["merge", str(tmp_path / "out" / "encoded"), "-o", str(tmp_path / "again.dataset")]) == 5


def test_info_describes_every_file(tmp_path: Path, products_zip: Path, capfd: pytest.CaptureFixture[str]) -> None:
    """Each file that a run leaves is described, alone and as part of its folder."""
    zarrpack.convert(products_zip, tmp_path / "out", workers=1)
    for path in sorted((tmp_path / "out").iterdir()):
        assert run(["info", str(path), "--json"]) == 0
        assert json.loads(capfd.readouterr().out)["bytes"] == path.stat().st_size

    assert run(["info", str(tmp_path / "out" / "products.dataset")]) == 0
    assert "pixels" in capfd.readouterr().out
    assert run(["info", str(tmp_path / "out"), "--json"]) == 0
    assert len(json.loads(capfd.readouterr().out)["files"]) == 5


def test_run_goes_on_after_a_failure(tmp_path: Path, products_zip: Path, capfd: pytest.CaptureFixture[str]) -> None:
    """A conversion whose source is missing costs its own result only; the status is that failure's."""
    config = tmp_path / "batch.json"
    conversions = [{"sources": ["none.zip"], "name": "a"}, {"sources": [products_zip.name], "name": "b"}]
    config.write_text(json.dumps({"out": "made", "defaults": {"workers": 1}, "conversions": conversions}))

    assert run(["run", str(config), "--json"]) == 4

    printed = json.loads(capfd.readouterr().out)
    assert "none.zip" in printed["conversions"][0]["error"]
    assert printed["conversions"][1]["counts"]["stored"] == 13
    assert (tmp_path / "made" / "b.dataset").is_file()


def test_ctrl_c_leaves_the_folder_as_it_was(tmp_path: Path) -> None:
    """An interrupted run ends with 130, says so, and leaves no file and no process behind."""
    source = write_zip(tmp_path / "a.zip", product_members(2))
    blocking = tmp_path / "script.py"
    # The signal comes from inside, at a known moment: when the first batch is about to be given out, which never happens.
    blocking.write_text(
        "import os, signal, sys, threading\n"
        "from zarrpack.converters.commands.main import run\n"
        "from zarrpack.converters import conversion_run as conversion\n"
        "class Interrupted(conversion.Pool):\n"
        "    def dispatch(self, batch):\n"
        "        os.kill(os.getpid(), signal.SIGINT)\n"
        "        threading.Event().wait()\n"
        "conversion.Pool = Interrupted\n"
        "if __name__ == '__main__':\n"
        f"    sys.exit(run(['convert', {str(source)!r}, '-o', 'out']))\n"
    )
    done = subprocess.run(
        [sys.executable, str(blocking)], cwd=tmp_path, capture_output=True, text=True, check=False, env=os.environ
    )

    assert done.returncode == 130, done.stderr
    assert "stopped by signal 2; nothing was published" in done.stderr
    assert "Traceback" not in done.stderr
    assert not (tmp_path / "out").exists()


def test_help_lists_every_command(capfd: pytest.CaptureFixture[str]) -> None:
    """The commands of the documentation are those of the program."""
    assert run(["--help"]) == 0

    printed = capfd.readouterr().out
    documented = Path(__file__).parents[3].joinpath("docs/command-line.md").read_text()
    for command in ("convert", "merge", "info", "run", "plan", "retry", "verify", "trace", "limits"):
        assert f"  {command} " in printed
        assert f"`zarrpack {command} " in documented


@pytest.mark.parametrize(("name", "shown"), [("plain ß", "plain ß"), ("a\nb", "a\\nb"), ("\u202eabc", "\\u202eabc")])
def test_printable(name: str, shown: str) -> None:
    """Control and direction characters are escaped, other text is left alone."""
    assert printable(name) == shown


def test_signals_mean_afterwards_what_they_meant_before(capsys: pytest.CaptureFixture[str]) -> None:
    """A command that runs inside a program leaves its signal handlers alone, also when it fails."""
    before = [signal.getsignal(number) for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP)]

    assert run(["limits"]) == 0
    assert run(["info", "no such file"]) != 0

    assert [signal.getsignal(number) for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP)] == before
