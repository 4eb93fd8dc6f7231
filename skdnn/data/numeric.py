"""Whether data are numbers, and what to say where they are not."""

import sys
from decimal import Decimal
from fractions import Fraction
from numbers import Complex, Number, Real

import numpy as np
from scipy.sparse import issparse
from sklearn.utils import _safe_indexing, check_array
from sklearn.utils.validation import _check_sample_weight

from skdnn.data.door import dtypes_of, taken_in, to_numpy, values_of
from skdnn.data.kinds import is_interval, is_missing, is_text, is_time, kind_of
from skdnn.messages import as_python, plain

LARGEST = int(sys.float_info.max)
# What is no number, by its kind, and what to do about it.
NO_NUMBERS = {
    "time": (
        "dates or durations",
        ", whose numbers depend on an origin and a unit, and of which missing ones"
        " would be numbers too. Subtract a date from dates. Of a duration, take its"
        " total_seconds(); of a column t of them t.dt.total_seconds(), or"
        ' t / np.timedelta64(1, "s").',
    ),
    "interval": (
        "intervals",
        ". Give their bounds, or their middle, a column each: those of pandas have"
        " column.array.left, right and mid.",
    ),
    "complex": (
        "complex numbers",
        ". Complex data not supported: give real and imaginary part a column each.",
    ),
    "nested": (
        "values of several parts",
        ". Give each part a column of its own. For structured arrays there is"
        " numpy.lib.recfunctions.structured_to_unstructured.",
    ),
    "integer": (
        "an integer",
        f", beyond {LARGEST:.2g}, the largest number that a float can be. Divide by a"
        " power of 10, or take logarithms.",
    ),
}


def check_kinds(data, name):
    """Raise an error if data hold dates, durations, intervals or lists: no numbers.

    Nor may values be missing among objects. Text is left to others.

    Parameters
    ----------
    data : {array-like, sparse matrix, DataFrame}
        As :func:`taken_in` returns them.
    name : str
        What to call them in an error.
    """
    others = {}
    for label, column in _perhaps_no_numbers(data):
        kind = kind_of(column.dtype)
        if kind in ("object", "category", "text"):
            _check_objects(column, name, label)
        others.setdefault(kind, {})[label] = column.dtype
    for kind, (what, cure) in NO_NUMBERS.items():
        if kind in others:
            labels, (dtype, *_) = list(others[kind]), others[kind].values()
            where = "" if labels == [None] else f" in columns {labels}"
            raise ValueError(f"{name} has {what}{where} ({dtype}){cure}")


def _perhaps_no_numbers(data):
    """Yield name or place, and values, of the columns of no dtype of numbers."""
    if issparse(data):
        return
    if hasattr(data, "columns") and hasattr(data, "dtypes"):
        for i, (label, dtype) in enumerate(
            zip(data.columns, dtypes_of(data), strict=True)
        ):
            if kind_of(dtype) != "number":
                yield label, _safe_indexing(data, i, axis=1)
        return
    if not hasattr(data, "dtype"):
        try:
            data = np.asarray(data)
        except ValueError:  # lists of different lengths: scikit-learn complains
            return
    n_axes = getattr(data, "ndim", 1)
    if not n_axes:  # None, say, of which scikit-learn complains
        return
    kind = kind_of(data.dtype)
    if kind in ("object", "text") and n_axes == 2:
        yield from enumerate(data.T)
    elif kind != "number":
        yield None, data


def _check_objects(column, name, label):
    """Raise an error if there is something among objects that is no number.

    scikit-learn says of text what it is. On others it fails in words that name nothing.
    """
    where = "" if label is None else f" in column {label!r}"
    values = values_of(column)
    for value in values:
        kind = _kind_among_objects(value)
        if kind is not None:
            what, cure = NO_NUMBERS[kind]
            shown = "" if kind == "integer" else f" such as {plain(value)!r}"
            raise ValueError(f"{name} must be numbers, got {what}{shown}{where}{cure}")
    cure = "Leave these rows out"
    if name.startswith("X"):
        cure += ", or fill them, for example with a SimpleImputer"
    check_not_missing(np.fromiter(values, object, len(values)), name, cure, where)


def _kind_among_objects(value):
    """Return what a value is that is no number; None if it is one, or text, or NA."""
    if type(value) in (int, Fraction):
        return "integer" if abs(value) > LARGEST else None
    if isinstance(value, (str, Real)) or is_missing(value):
        return None
    if isinstance(value, Complex):
        return "complex"
    if isinstance(value, (list, tuple, np.ndarray)):
        return "nested"
    return "time" if is_time(value) else "interval" if is_interval(value) else None


def check_no_text(X, instead, name="X"):
    """Raise an error if X holds text that is no number.

    Parameters
    ----------
    X : object
        As the user has passed it.
    instead : str
        The estimator that takes such tables.
    name : str, default="X"
        What to call it in the error.
    """
    for label, column in _perhaps_no_numbers(X):
        text = next((value for value in values_of(column) if is_text(value)), None)
        if text is not None:
            where = "" if label is None else f" in column {label!r}"
            raise ValueError(
                f"{name} has text{where}, such as {text!r}. Encode it, for example with"
                f" OneHotEncoder, or use {instead}, which takes tables as they are."
            )


def check_not_missing(y, name, cure="Leave these rows out", where=""):
    """Raise an error if values are missing, in numbers, dates or among objects."""
    if issparse(y):  # scikit-learn says it
        return
    values = np.asarray(y)
    kind = values.dtype.kind
    if not values.ndim:  # None, say, of which scikit-learn complains
        return
    if kind == "O":
        rows = [place[0] for place, v in np.ndenumerate(values) if is_missing(v)]
    elif kind in "fmM":
        rows = np.nonzero(np.isnan(values))[0].tolist()
    else:
        return
    if rows:
        raise ValueError(
            f"Input {name} contains NaN: {len(rows)} of {values.size} values{where} are"
            f" missing, the first in row {rows[0]}. {cure}."
        )


def check_numbers(y, name="y"):
    """Return y as scikit-learn takes it, or raise an error that names what is in it.

    What is no number would fail somewhere within scikit-learn, or become one: text is
    parsed, and durations count in whatever unit they have.
    """
    y = taken_in(y, name)
    check_kinds(y, name)
    y = to_numpy(y)
    dtypes = dtypes_of(y)
    if issparse(y) or (dtypes and all(kind_of(d) == "number" for d in dtypes)):
        check_not_missing(y, name)
        return y
    array = np.asarray(y)
    if array.dtype.kind not in "OUST" or not array.ndim:
        return y  # of None, say, scikit-learn complains
    check_not_missing(array, name)
    for value in array.flat:
        if not isinstance(value, (Real, Decimal)):
            cure = ""
            if isinstance(value, (str, bytes)) and not is_text(value):
                cure = f" Convert them, for example with [float(v) for v in {name}]."
            elif name.startswith("y"):
                cure = (
                    " For classes there are MLPClassifierDIY and, where rows are those"
                    " of a table, TabularClassifierDIY."
                )
            raise ValueError(
                f"{name} must be numbers, got values such as {plain(value)!r}.{cure}"
            )
    return array.astype(np.float64)


def check_weights(weights, X, name="sample_weight"):
    """Return an array of a weight for each row of X, none of them negative, or None."""
    if weights is None:
        return None
    is_scalar = isinstance(weights, Number) or getattr(weights, "ndim", 1) == 0
    number = as_python(weights, name) if is_scalar else None
    if isinstance(number, Real):
        if not np.isfinite(number):
            raise ValueError(f"{name} must be finite, got {number}.")
        weights = number
    else:
        weights = check_numbers(weights, name)
    try:
        weights = _check_sample_weight(
            weights, X, dtype=np.float64, ensure_non_negative=True
        )
    except ValueError as error:
        raise ValueError(f"{name}: {error}") from error
    with np.errstate(over="ignore"):
        if not np.isfinite(weights.sum()):
            raise ValueError(
                f"{name}: weights as large as {weights.max():.3g} add up to infinity."
                " Divide them by their mean."
            )
    return weights


def as_numbers(y, name="y"):
    """Return y as a matrix of float64, or raise an error if it is not of numbers."""
    y = check_numbers(y, name)
    y = check_array(y, ensure_2d=False, dtype=np.float64, input_name=name)
    return y.reshape(len(y), -1)
