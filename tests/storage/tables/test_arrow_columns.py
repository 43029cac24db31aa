"""Arrow arrays from buffers equal those that pyarrow makes of the same values, without pandas."""

from __future__ import annotations

import subprocess
import sys
from typing import Any

import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from zarrpack.storage.tables.arrow_columns import arrow_array

VALUES = {
    pa.int64(): st.integers(-(2**63), 2**63 - 1),
    pa.float64(): st.floats(allow_nan=False),
    pa.bool_(): st.booleans(),
    pa.string(): st.text(),
    pa.binary(): st.binary(),
}


@given(st.data(), st.sampled_from(list(VALUES)))
def test_equal_to_pyarrow_s_own(data: st.DataObject, type_: pa.DataType) -> None:
    """Values, missing values and the count of these are the same, and the array is valid."""
    values: list[Any] = data.draw(st.lists(st.one_of(st.none(), VALUES[type_]), max_size=40))

    made = arrow_array(values, type_)

    made.validate(full=True)
    assert made.equals(pa.array(values, type_))
    assert made.null_count == values.count(None)


def test_lone_surrogates_are_escaped() -> None:
    """Text that UTF-8 cannot hold does not stop a table."""
    assert arrow_array(["a\ud800"], pa.string()).to_pylist() == ["a\\ud800"]


def test_an_integer_that_does_not_fit_raises() -> None:
    """Nothing is wrapped around silently."""
    with pytest.raises(OverflowError):
        arrow_array([2**63], pa.int64())


def test_writing_a_table_does_not_import_pandas() -> None:
    """A conversion that only writes tables does not pay for pandas."""
    program = (
        "import sys, tempfile, pathlib\n"
        "from zarrpack.storage.tables.parquet import Column, write_rows\n"
        "with tempfile.TemporaryDirectory() as folder:\n"
        "    columns = [Column('n', 'int64'), Column('s', 'string')]\n"
        "    write_rows(pathlib.Path(folder, 't'), columns, [(1, 'a'), (2, None)])\n"
        "print('pandas' in sys.modules)"
    )

    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)

    assert done.stdout.strip() == "False"
