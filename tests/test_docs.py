"""What the documentation shows works: its Python, its commands, its JSON, its links."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
PAGES = [ROOT / "README.md", ROOT / "configs" / "README.md", *sorted((ROOT / "docs").rglob("*.md"))]
EVERY_PAGE = [*PAGES, *(ROOT / name for name in ("CONTRIBUTING.md", "benchmarks/README.md", "samples/README.md"))]

#: Pages that show what an extra is for -> the library that it brings.
NEEDS = {"exploring.md": ("duckdb", "matplotlib"), "training.md": ("torch",)}

#: Languages of fenced blocks. What is written in no other way cannot escape the test.
COMMANDS = ("console", "bash")
KNOWN = ("python", "json", "text", *COMMANDS)

_FENCE = re.compile(
    r"^(?P<skip><!-- not run: \S[^\n]* -->\n+)?```(?P<language>[^\n]*)\n(?P<text>.*?)^```$", re.MULTILINE | re.DOTALL
)


@dataclass(frozen=True)
class Block:
    """A fenced block: its language, its text, the line it begins at, and whether it says that it is not run."""

    language: str
    text: str
    line: int
    skipped: bool


def blocks(page: str) -> Iterator[Block]:
    """Give the fenced blocks of a page in order."""
    for match in _FENCE.finditer(page):
        line = page.count("\n", 0, match.start("language")) + 1
        yield Block(match["language"], match["text"], line, match["skip"] is not None)


def commands(text: str) -> list[str]:
    """Give the commands of a block: lines after ``$``, with those that a backslash continues."""
    joined = re.sub(r"\\\n", " ", text)
    return [line[2:] for line in joined.splitlines() if line.startswith("$ ")]


def run_commands(block: Block, folder: Path) -> None:
    """Run a block's commands one by one in the shell; each must end with status 0."""
    environment = {**os.environ, "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"}
    lines = commands(block.text)
    assert lines, f"line {block.line}: no line begins with '$ '; say why with <!-- not run: ... -->"
    for line in lines:
        done = subprocess.run(
            ["sh", "-c", line], check=False, cwd=folder, env=environment, stdin=subprocess.DEVNULL, capture_output=True
        )
        assert done.returncode == 0, f"line {block.line}: {line}: status {done.returncode}\n{done.stderr.decode()}"


def run_page(page: Path, folder: Path) -> int:
    """Run a page from top to bottom, as a reader does, all Python in one namespace; give the number of blocks run."""
    namespace: dict[str, object] = {"__name__": "__main__"}
    count = 0
    for block in blocks(page.read_text(encoding="utf-8")):
        if block.skipped or block.language == "text":
            continue
        count += 1
        if block.language == "python":
            code = "\n" * block.line + block.text  # so that a traceback names the page's own line
            exec(compile(code, str(page), "exec"), namespace)  # noqa: S102
        elif block.language == "json":
            json.loads(block.text)
        else:
            run_commands(block, folder)
    return count


def named(path: Path) -> str:
    """Give the path as it is seen from the clone."""
    return path.relative_to(ROOT).as_posix()


@pytest.mark.parametrize("page", EVERY_PAGE, ids=named)
def test_blocks_say_what_they_are(page: Path) -> None:
    """Each fenced block names a language that these tests know."""
    unknown = [(block.line, block.language) for block in blocks(page.read_text("utf-8")) if block.language not in KNOWN]

    assert unknown == []


@pytest.mark.parametrize("page", PAGES, ids=named)
def test_pages_run(page: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Every block runs, from top to bottom, in a folder that holds the samples and the configurations."""
    for library in NEEDS.get(page.name, ()):
        pytest.importorskip(library, reason=f"{page.name} shows what {library} is for")
    for folder in ("samples", "configs"):
        shutil.copytree(ROOT / folder, tmp_path / folder)
    monkeypatch.chdir(tmp_path)

    runnable = [block for block in blocks(page.read_text("utf-8")) if not block.skipped and block.language != "text"]

    assert run_page(page, tmp_path) == len(runnable)


def test_a_wrong_block_is_noticed(tmp_path: Path) -> None:
    """Python that raises, a command that fails, and JSON that is none each fail; blocks that say so are left out."""
    page = tmp_path / "page.md"
    fence = "```"
    for language, text in [("python", "1 / 0"), ("console", "$ false"), ("bash", "true"), ("json", "{")]:
        block = f"{fence}{language}\n{text}\n{fence}\n"
        page.write_text(f"<!-- not run: it is wrong -->\n\n{block}")
        assert run_page(page, tmp_path) == 0
        page.write_text(block)
        with pytest.raises((ZeroDivisionError, AssertionError, json.JSONDecodeError)):
            run_page(page, tmp_path)


def test_blocks_share_names_and_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A later block sees what an earlier one has made, in Python and in the folder."""
    monkeypatch.chdir(tmp_path)
    page = tmp_path / "page.md"
    page.write_text(
        "```python\nx = 3\n```\n```console\n$ echo 4 \\\n  > four\n3\n```\n"
        "```python\nimport pathlib\nassert int(pathlib.Path('four').read_text()) == x + 1\n```\n"
    )

    assert run_page(page, tmp_path) == 3


@pytest.mark.parametrize("page", EVERY_PAGE, ids=named)
def test_links_lead_somewhere(page: Path) -> None:
    """A link to a file of the clone leads to a file that is there."""
    targets = re.findall(r"\]\((?!https?:|mailto:|#)([^)#\s]+)", page.read_text(encoding="utf-8"))

    assert [target for target in targets if not (page.parent / target).exists()] == []
