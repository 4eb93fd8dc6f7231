"""What kind of values a column, an array or an object holds, of whatever library.

Neither pandas nor polars nor pyarrow is imported: their dtypes say themselves what they
are, each in its own words.
"""

from datetime import date, time, timedelta
from decimal import Decimal
from numbers import Real

import numpy as np

OF_NUMPY = dict.fromkeys("biuf", "number") | dict.fromkeys("mM", "time")
OF_NUMPY |= dict.fromkeys("UST", "text") | {"c": "complex", "V": "nested"}


def kind_of(dtype):
    """Return what the values of a dtype are.

    Parameters
    ----------
    dtype : dtype
        Of NumPy, pandas (also one of pyarrow's types) or polars.

    Returns
    -------
    kind : {"number", "complex", "time", "interval", "text", "category", "nested", \
            "object"}
        Booleans are numbers; "time" are dates, times of day, durations and periods;
        "object" may be anything.
    """
    if isinstance(dtype, np.dtype):
        return OF_NUMPY.get(dtype.kind, "object")
    if hasattr(dtype, "is_temporal"):
        return _kind_of_polars(dtype)
    return _kind_of_pandas(dtype)


def _kind_of_polars(dtype):
    if dtype.is_temporal():
        return "time"
    if dtype.is_nested():
        return "nested"
    if dtype.is_numeric():
        return "number"
    kinds = {"Boolean": "number", "String": "text", "Object": "object"}
    return kinds.get(str(dtype), "category")


def _kind_of_pandas(dtype):
    """Return the kind of one of pandas' own dtypes, whose `kind` is "O" for many."""
    values = getattr(dtype, "type", object)
    values = values if isinstance(values, type) else object
    name = str(dtype)
    if issubclass(values, (date, time, timedelta)) or name.startswith("period"):
        return "time"
    if name.startswith("interval"):
        return "interval"
    if name.startswith(("category", "dictionary")):
        return "category"
    if issubclass(values, (list, dict)):
        return "nested"
    if issubclass(values, (str, bytes)):
        return "text"
    return OF_NUMPY.get(getattr(dtype, "kind", "O"), "object")


def is_time(value):
    """Return whether an object is a date, a time of day, a duration or a period."""
    if isinstance(value, (np.datetime64, np.timedelta64)):
        return True
    return any(hasattr(value, it) for it in ("isoformat", "total_seconds", "asfreq"))


def is_interval(value):
    """Return whether an object is an interval, as pandas has them."""
    return all(hasattr(value, it) for it in ("left", "right", "closed"))


def is_missing(value):
    """Return whether an object stands for a value that is not there."""
    if isinstance(value, Decimal):
        return value.is_nan()
    if isinstance(value, Real):
        return bool(value != value)
    if isinstance(value, (np.datetime64, np.timedelta64)):
        return bool(np.isnat(value))
    if value is None or value is np.ma.masked:
        return True
    return type(value).__name__ in ("NAType", "NaTType")


def is_text(value):
    """Return whether an object is a string that can't be read as a number."""
    if not isinstance(value, (str, bytes)):
        return False
    try:
        float(value)
    except ValueError:
        return True
    return False
