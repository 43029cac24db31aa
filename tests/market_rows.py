"""Rows for the tests of Parquet datasets, and other people's ways to read them."""

from __future__ import annotations

from collections import Counter
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.dataset as ds

FIRST_MS = 1_704_067_200_000  # 2024-01-01
SIX = ["exchange", "symbol", "timeframe", "year", "month", "day"]


def klines(count: int, *, first: int = 0, symbol: str = "ETHUSDT") -> pd.DataFrame:
    """Give hourly klines; row i has close i."""
    index = np.arange(first, first + count)
    return pd.DataFrame(
        {
            "timestamp": FIRST_MS + index * 3_600_000,
            "open": index + 0.5,
            "high": index + 1.0,
            "low": index - 1.0,
            "close": index.astype(float),
            "volume": 2.0,
            "exchange": "BINANCE",
            "symbol": symbol,
            "timeframe": "1h",
        }
    )


def small(values: list[int], key: str = "a") -> pa.Table:
    """Give rows of two columns."""
    return pa.table({"k": pa.array([key] * len(values), pa.string()), "v": pa.array(values, pa.int64())})


def counted(table: pa.Table) -> Counter[tuple[Any, ...]]:
    """Count equal rows."""
    return Counter(tuple(row.values()) for row in table.to_pylist())


def plain(base: Path, **types: pa.DataType) -> pa.Table:
    """Read with plain pyarrow, which knows no manifest."""
    partitioning = ds.partitioning(pa.schema(types), flavor="hive") if types else "hive"
    return ds.dataset(base, format="parquet", partitioning=partitioning).to_table()


def files(base: Path) -> list[str]:
    """List what other readers see."""
    return sorted(path.relative_to(base).as_posix() for path in base.rglob("*.parquet"))
