"""SQL over the tables, and what it must not reach."""

from __future__ import annotations

from pathlib import Path

import pytest

from zarrpack.dataset import DatasetExplorer
from zarrpack.errors import UsageError

pytest.importorskip("duckdb", reason="needs the extra sql")


@pytest.fixture(scope="module")
def explorer(encoded_flow: Path) -> DatasetExplorer:
    """Give an explorer of nine pictures."""
    return DatasetExplorer(encoded_flow)


def test_tables_are_queried(explorer: DatasetExplorer) -> None:
    """All three tables answer, also joined and with parameters."""
    counts = explorer.query('SELECT "data/colour" AS colour, count(*) AS n FROM infoset GROUP BY 1 ORDER BY 1')
    assert counts.dropna().values.tolist() == [["blue", 4], ["red", 5]]
    sizes = explorer.query(
        "SELECT i.name FROM infoset i JOIN members m ON m.item_code = i.id WHERE m.media_type = ? ORDER BY 1",
        ["image/jpeg"],
    )
    assert sizes["name"].tolist() == [str(100 + number) for number in range(9)]
    assert explorer.query("SELECT count(DISTINCT table_name) AS n FROM attribset")["n"][0] > 0


@pytest.mark.parametrize(
    "sql",
    [
        "SELECT * FROM '{file}'",
        "SELECT * FROM read_csv('{file}')",
        "SELECT * FROM read_text('{file}')",
        "SELECT * FROM read_parquet('{file}')",
        "SELECT * FROM glob('{file}*')",
        "SELECT * FROM parquet_metadata('{file}')",
        "SELECT * FROM 'https://example.org/x.parquet'",
        "SELECT * FROM secret",
    ],
)
def test_nothing_else_is_read(explorer: DatasetExplorer, tmp_path: Path, sql: str) -> None:
    """A file, an address or a variable in a SELECT is refused, though the file is there."""
    secret = tmp_path / "secret.csv"
    secret.write_text("a,b\n1,2\n")

    with pytest.raises(UsageError, match=r"^query: "):
        explorer.query(sql.format(file=secret))


@pytest.mark.parametrize(
    "sql",
    [
        "CREATE TABLE x AS SELECT 1",
        "COPY infoset TO '{file}'",
        "EXPORT DATABASE '{file}'",
        "ATTACH '{file}' AS other",
        "INSTALL httpfs",
        "LOAD httpfs",
        "SET enable_external_access = true",
        "SET lock_configuration = false",
        "PRAGMA enable_profiling",
        "DELETE FROM infoset",
        "SELECT 1; COPY infoset TO '{file}'",
        "EXPLAIN ANALYZE COPY infoset TO '{file}'",
        "",
    ],
)
def test_nothing_is_written(explorer: DatasetExplorer, tmp_path: Path, sql: str) -> None:
    """Whatever is no single SELECT is refused and leaves no file."""
    with pytest.raises(UsageError, match=r"^query: "):
        explorer.query(sql.format(file=tmp_path / "out"))
    assert list(tmp_path.iterdir()) == []


def test_mistakes_are_told(explorer: DatasetExplorer) -> None:
    """A name that is not there is said by DuckDB's own words."""
    with pytest.raises(UsageError, match="colour"):
        explorer.query("SELECT colour FROM infoset")
