"""Instants of any unit as milliseconds since 1970 in UTC."""

from __future__ import annotations

from typing import Any, Literal, TypeAlias

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from zarrpack.errors import UsageError

__all__ = ["TimestampUnit", "Timestamps"]

TimestampUnit: TypeAlias = Literal["s", "ms", "us", "ns"]

#: How many of a unit are a second.
_PER_SECOND: dict[TimestampUnit, int] = {"s": 1, "ms": 1_000, "us": 1_000_000, "ns": 1_000_000_000}
#: Whole numbers up to here, by their absolute value, are taken for this unit: 1973 to 5138 as milliseconds.
_BANDS: tuple[tuple[int, TimestampUnit], ...] = ((10**11, "s"), (10**14, "ms"), (10**17, "us"))
_DAY_MS = 86_400_000


class Timestamps:
    """Converts one column, batch by batch, always by the same unit. Not safe for threads.

    Datetimes say their unit themselves; without a time zone they are UTC. Dates are their midnight. Whole numbers
    are taken by `unit`, or else by their size: below 1e11 seconds, below 1e14 milliseconds, below 1e17
    microseconds, else nanoseconds. All must lie in one band. Milliseconds before March 1973 look like seconds, so they need `unit`.
    What is finer than a millisecond is rounded down, also before 1970. Missing values stay missing.

    Parameters
    ----------
    column : str
        The column's name, for messages.
    unit : {"s", "ms", "us", "ns"} or None
        The unit of numbers; None: by their size.

    Raises
    ------
    UsageError
        If the unit is none of these.

    Examples
    --------
    >>> Timestamps("time").to_milliseconds(pa.array([1704067200, None])).to_pylist()
    [1704067200000, None]
    >>> Timestamps("time").to_milliseconds(pa.array([-1_500], pa.timestamp("us"))).to_pylist()
    [-2]
    """

    def __init__(self, column: str, unit: TimestampUnit | None = None) -> None:
        if unit is not None and unit not in _PER_SECOND:
            raise UsageError(f"timestamp_unit: expected one of s, ms, us, ns, found {unit!r}")
        self._column = column
        self._unit = unit
        self._given = unit is not None

    def to_milliseconds(self, values: pa.Array | pa.ChunkedArray) -> pa.Array:
        """Convert values.

        Parameters
        ----------
        values : pyarrow.Array or pyarrow.ChunkedArray
            Datetimes, dates or numbers.

        Returns
        -------
        pyarrow.Array
            int64.

        Raises
        ------
        UsageError
            If they are of another type, of no whole number of nanoseconds, too large, or in several bands.
        """
        array = values.combine_chunks() if isinstance(values, pa.ChunkedArray) else values
        if pa.types.is_dictionary(array.type):
            array = array.dictionary_decode()
        type_ = array.type
        if pa.types.is_null(type_):
            return pa.nulls(len(array), pa.int64())
        if pa.types.is_timestamp(type_):
            return self._scaled(array.cast(pa.int64()), type_.unit)
        if pa.types.is_date(type_):
            days = array.cast(pa.date32()).cast(pa.int32()).cast(pa.int64())
            return pc.multiply_checked(days, _DAY_MS)
        if pa.types.is_integer(type_):
            return self._of_integers(array)
        if pa.types.is_floating(type_):
            return self._of_floats(array.cast(pa.float64()))
        raise UsageError(
            f"{self._column}: expected datetimes, dates or numbers, found {type_}; "
            "convert the column first, such as with pandas.to_datetime"
        )

    def _of_integers(self, array: pa.Array) -> pa.Array:
        try:
            whole = array.cast(pa.int64())
        except pa.ArrowInvalid as exc:
            raise UsageError(f"{self._column}: expected instants within 64 bits, found larger numbers") from exc
        return self._scaled(whole, self._unit_of(_present(whole)))

    def _of_floats(self, array: pa.Array) -> pa.Array:
        present = _present(array)
        if not np.isfinite(present).all():
            raise UsageError(f"{self._column}: expected instants, found NaN or an infinity; drop or replace these rows")
        unit = self._unit_of(present)
        values = np.where(np.isfinite(filled := array.fill_null(0).to_numpy(zero_copy_only=False)), filled, 0)
        # By way of whole microseconds: 1704067200.123 s is a little less than that as a float.
        milliseconds = np.floor_divide(np.rint(values * (1e6 / _PER_SECOND[unit])), 1_000)
        if np.abs(milliseconds).max(initial=0) > 2**62:
            raise self._too_large()
        return pa.array(milliseconds.astype(np.int64), mask=array.is_null().to_numpy(zero_copy_only=False))

    def _scaled(self, whole: pa.Array, unit: TimestampUnit) -> pa.Array:
        if unit == "ms":
            return whole
        mask = whole.is_null().to_numpy(zero_copy_only=False) if whole.null_count else None
        values = whole.fill_null(0).to_numpy(zero_copy_only=False)
        if unit == "s":
            if values.size and (values.max() > 2**63 // 1000 - 1 or values.min() < -(2**63) // 1000 + 1):
                raise self._too_large()
            return pa.array(values * 1_000, mask=mask)
        return pa.array(values // (_PER_SECOND[unit] // 1_000), mask=mask)  # numpy rounds down, Arrow towards zero

    def _unit_of(self, present: npt.NDArray[Any]) -> TimestampUnit:
        if self._given and self._unit is not None:
            return self._unit
        if not present.size:
            return self._unit or "ms"
        sizes = np.abs(present.astype(np.float64))  # the smallest int64 has no absolute value
        low, high = _band(float(sizes.min())), _band(float(sizes.max()))
        if low != high or (self._unit is not None and low != self._unit):
            found = sorted({low, high, self._unit or low}, key=_PER_SECOND.__getitem__)
            raise UsageError(
                f"{self._column}: expected numbers of one unit, found {present.min()} to {present.max()}, which look "
                f"like {' and '.join(found)}; say which with timestamp_unit="
            )
        self._unit = low
        return low

    def _too_large(self) -> UsageError:
        return UsageError(f"{self._column}: expected instants whose milliseconds fit into 64 bits, found larger ones")


def _present(array: pa.Array) -> npt.NDArray[Any]:
    values: npt.NDArray[Any] = array.drop_null().to_numpy(zero_copy_only=False)
    return values


def _band(size: float) -> TimestampUnit:
    return next((unit for bound, unit in _BANDS if size < bound), "ns")
