"""Between Arrow tables and pandas DataFrames, without changing what the caller holds."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pyarrow as pa

from zarrpack.errors import UsageError
from zarrpack.storage.parquet.enforcement import Enforcement

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["enforced_frame", "to_frame"]

_NULLABLE = {
    **{f"{sign}int{bits}": f"{'U' if sign else ''}Int{bits}" for sign in ("", "u") for bits in (8, 16, 32, 64)},
    "bool": "boolean",
}


def to_frame(table: pa.Table) -> pd.DataFrame:
    """Give a DataFrame whose columns are Arrow's (``pandas.ArrowDtype``): no type changes, nothing missing becomes NaN."""
    import pandas as pd

    frame: pd.DataFrame = table.to_pandas(types_mapper=pd.ArrowDtype, ignore_metadata=True)
    return frame


def enforced_frame(frame: pd.DataFrame, enforcement: Enforcement, columns: list[str]) -> pd.DataFrame:
    """Give a frame with some columns brought to a schema; others, and the index, are as they were.

    Parameters
    ----------
    frame : DataFrame
        Never changed.
    enforcement : Enforcement
        What is wanted.
    columns : list of str
        Those of the schema that the frame has.

    Returns
    -------
    DataFrame
        A new one. Whole numbers and bools with missing values are ``Int64`` and ``boolean``.

    Raises
    ------
    UsageError
        If a value does not fit.
    """
    import pandas as pd

    result = frame.copy(deep=False)
    for name in columns:
        if not isinstance(frame[name], pd.Series):
            raise UsageError(f"{name}: expected one column of this name, found several")
        try:
            values = pa.chunked_array([pa.array(frame[name], from_pandas=True)])
        except (pa.ArrowInvalid, pa.ArrowTypeError):
            # Texts and numbers in one column: as texts they can be looked at one by one.
            texts = [None if pd.api.types.is_scalar(one) and pd.isna(one) else str(one) for one in frame[name]]
            values = pa.chunked_array([pa.array(texts, pa.string())])
        cast = enforcement.column(name, values)
        if cast is not values or cast.type != values.type:
            result[name] = _series(cast, frame)
    return result


def _series(values: pa.Array | pa.ChunkedArray, frame: pd.DataFrame) -> pd.Series:
    import pandas as pd

    nullable = _NULLABLE.get(str(values.type)) if values.null_count else None
    if nullable is not None:
        return pd.Series(values.to_pylist(), index=frame.index, dtype=nullable)
    series: pd.Series = values.to_pandas()
    series.index = frame.index
    return series
