"""Of which kind columns are, by their type, in any library."""

import numpy as np
import pytest

from skdnn.data.kinds import kind_of

pandas = pytest.importorskip("pandas")


def test_kinds_of_dtypes():
    for dtype, kind in {
        "f2": "number",
        ">i8": "number",
        "?": "number",
        "c8": "complex",
        "M8[s]": "time",
        "m8": "time",
        "U3": "text",
        "S3": "text",
        "O": "object",
    }.items():
        assert kind_of(np.dtype(dtype)) == kind
    assert kind_of(np.dtypes.StringDType()) == "text"
    assert kind_of(np.dtype([("a", int)])) == "nested"
    for name, kind in {
        "Int64": "number",
        "boolean": "number",
        "Sparse[float64]": "number",
        "string": "text",
        "category": "category",
        "period[D]": "time",
        "datetime64[ns, UTC]": "time",
        "interval[int64, right]": "interval",
    }.items():
        assert kind_of(pandas.api.types.pandas_dtype(name)) == kind


def test_kinds_of_polars():
    pl = pytest.importorskip("polars")
    for dtype, kind in {
        pl.Int8: "number",
        pl.Boolean: "number",
        pl.Decimal(10, 2): "number",
        pl.Date: "time",
        pl.Time: "time",
        pl.Datetime("us"): "time",
        pl.Duration("us"): "time",
        pl.String: "text",
        pl.Object: "object",
        pl.List(pl.Int8): "nested",
        pl.Struct({"a": pl.Int8}): "nested",
        pl.Categorical(): "category",
        pl.Enum(["a"]): "category",
    }.items():
        assert kind_of(dtype) == kind


def test_kinds_of_pyarrow():
    pa = pytest.importorskip("pyarrow")
    for dtype, kind in {
        pa.int8(): "number",
        pa.bool_(): "number",
        pa.date32(): "time",
        pa.time64("us"): "time",
        pa.timestamp("s"): "time",
        pa.duration("s"): "time",
        pa.string(): "text",
        pa.decimal128(5, 2): "object",
        pa.list_(pa.int8()): "nested",
        pa.dictionary(pa.int32(), pa.string()): "category",
    }.items():
        assert kind_of(pandas.ArrowDtype(dtype)) == kind
