"""Data as people bring it: rows, labels, weights, and what float32 makes of them."""

from decimal import Decimal
from numbers import Integral, Real

import numpy as np
from scipy.sparse import issparse
from sklearn.exceptions import DataConversionWarning
from sklearn.utils import _safe_indexing
from sklearn.utils.validation import _check_sample_weight, _num_samples

from skdnn.nn.layers.base import counted
from skdnn.training.user_warnings import warn_user

N_ROWS = 256  # so few that looking at them takes no time
N_STEPS = 512  # of the dtype within the spread of a column: with fewer, it gets lost
N_NAMES = 5


def take_rows(data, rows):
    """Return rows of what the user has passed, in the form in which it came."""
    if issparse(data):
        data = data.tocsr()
    elif not hasattr(data, "__getitem__"):
        data = np.asarray(data)
    return _safe_indexing(data, rows)


def to_numpy(y):
    """Return labels as they are, but numbers and strings as NumPy's own.

    scikit-learn makes floats of pandas' integers and booleans that could be missing
    ("Int64"), does not know what integers among objects are, nor NumPy's strings of
    variable length.
    """
    dtypes = [d for d in np.atleast_1d(getattr(y, "dtypes", None)) if d is not None]
    numbers = all(getattr(d, "kind", None) in "iub" for d in dtypes)
    extended = dtypes and numbers and not all(isinstance(d, np.dtype) for d in dtypes)
    if extended and not np.any(y.isna()):  # of missing ones scikit-learn complains
        return y.to_numpy(dtype=np.result_type(*(np.dtype(d.type) for d in dtypes)))
    kind = getattr(getattr(y, "dtype", None), "kind", None)
    if kind == "T":
        return np.array(np.asarray(y).tolist())
    if kind == "O" and not issparse(y):  # also pandas' categories
        array = np.asarray(y)
        kinds = {type(value) for value in array.flat}
        if kinds and kinds <= {bool, np.bool_}:
            return array.astype(bool)
        if kinds and all(issubclass(k, Integral) and k is not bool for k in kinds):
            return np.array(array.tolist())
    return y


def check_no_dates(data, name="X"):
    """Raise an error if there are dates or durations, without a unit as numbers."""
    dtypes = np.atleast_1d(getattr(data, "dtypes", getattr(data, "dtype", None)))
    dated = [i for i, d in enumerate(dtypes) if getattr(d, "kind", None) in ("M", "m")]
    if dated:
        names = getattr(data, "columns", None)
        where = "" if names is None else f" in columns {[names[i] for i in dated]}"
        raise ValueError(
            f"{name} has dates or durations{where} ({dtypes[dated[0]]}), whose numbers"
            " depend on a unit, and of which missing ones would be numbers too."
            " Subtract a date from dates, and make numbers of durations t, for example"
            ' seconds: t / np.timedelta64(1, "s"), or with pandas'
            " t.dt.total_seconds()."
        )


def check_no_text(X, instead):
    """Raise an error if a column of a DataFrame holds text that is no number.

    Parameters
    ----------
    X : object
        As the user has passed it.
    instead : str
        The estimator that takes such tables.
    """
    for i, name in enumerate(getattr(X, "columns", ())):
        column = _safe_indexing(X, i, axis=1)
        if getattr(getattr(column, "dtype", None), "kind", "O") != "O":
            continue
        text = next((value for value in column if is_text(value)), None)
        if text is not None:
            raise ValueError(
                f"X has text in column {name!r}, such as {text!r}. Encode it, for"
                f" example with OneHotEncoder, or use {instead}, which takes tables as"
                " they are."
            )


def is_text(value):
    """Return whether an object is a string that can't be read as a number."""
    if not isinstance(value, str):
        return False
    try:
        float(value)
    except ValueError:
        return True
    return False


def warn_of_column(y):
    """Warn of targets in a single column, as scikit-learn does, at the user's line."""
    if y.ndim == 2 and y.shape[1] == 1:
        warn_user(
            "A column-vector y was passed when a 1d array was expected. Please"
            " change the shape of y to (n_samples, ), for example using ravel().",
            DataConversionWarning,
        )


def check_not_missing(y, name, cure="Leave these rows out"):
    """Raise an error if values are missing among objects."""
    dtype = getattr(y, "dtype", None)
    if dtype is None or (isinstance(dtype, np.dtype) and dtype.kind != "O"):
        return  # of numbers scikit-learn says it
    values = np.asarray(y, dtype=object)
    missing = [place for place, value in np.ndenumerate(values) if is_missing(value)]
    if missing:
        raise ValueError(
            f"Input {name} contains NaN: {len(missing)} of {values.size} values are"
            f" missing, the first in row {missing[0][0]}. {cure}."
        )


def is_missing(value):
    """Return whether an object stands for a value that is not there."""
    if isinstance(value, Decimal):
        return value.is_nan()
    if isinstance(value, Real):
        return bool(value != value)
    return value is None or type(value).__name__ in ("NAType", "NaTType")


def check_not_masked(data, name):
    """Raise an error if data has masked entries, which would be taken for numbers."""
    if np.ma.is_masked(data):
        masked = counted(np.ma.count_masked(data), "masked value")
        raise ValueError(
            f"{name} is a masked array with {masked};"
            " what is behind the mask would be taken for data. Leave these rows out, or"
            f" fill them, for example with {name}.filled(np.nan) and an imputer."
        )


def check_weights(weights, X, name="sample_weight"):
    """Return an array of a weight for each row of X, none of them negative, or None."""
    if weights is None:
        return None
    check_not_masked(weights, name)
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


def check_range_of_float32(X, n_rows=1 << 14):
    """Raise scikit-learn's error if a number is too large for float32."""
    for start in range(0, X.shape[0], n_rows):
        if np.abs(X[start : start + n_rows]).max() > np.finfo(np.float32).max:
            raise ValueError(
                "Input X contains infinity or a value too large for dtype('float32')."
            )


def warn_of_numbers(X, names, dtype):
    """Warn of columns of X that are too large for the arithmetic, or vary too little.

    A column of Unix seconds is 1.7e9 and a little: in float32, with steps of 128 there,
    what differs from row to row gets lost, first in the cast and then in every sum.
    The squares of numbers beyond 1.8e19 overflow. Some rows, spread over X, are looked
    at.

    Parameters
    ----------
    X : {array-like, sparse matrix} of shape (n_samples, n_features)
        As the user has passed it, so that nothing is lost yet.
    names : ndarray of shape (n_features,)
        What to call the columns.
    dtype : dtype
        Of the arithmetic.
    """
    rows = np.unique(np.linspace(0, _num_samples(X) - 1, N_ROWS).astype(int))
    low, high = _range(take_rows(X, rows))
    spread, size = high - low, np.maximum(abs(low), abs(high))
    info = np.finfo(dtype)
    lost = (spread > 0) & (spread < N_STEPS * info.eps * size)
    if lost.any():
        first = np.flatnonzero(lost)[0]
        step = np.spacing(dtype.type(size[first]))
        warn_user(
            f"{some_columns(names[lost].tolist())} of X vary so little, for the size of"
            f" their values, that it gets lost in {dtype}: {names[first]} varies by"
            f" {spread[first]:.3g} at {size[first]:.3g}, where numbers are {step:.3g}"
            " apart. Subtract the mean first, in float64, for example with a"
            " StandardScaler in front of the network."
        )
    large = size > np.sqrt(info.max)
    if large.any():
        warn_user(
            f"{some_columns(names[large].tolist())} of X hold numbers as large as"
            f" {size.max():.3g}, whose squares overflow {dtype}: nothing can be learned"
            " from them. Scale X, for example with a StandardScaler in front of the"
            " network."
        )


def some_columns(names):
    """Return what to call some columns, of which there may be many."""
    more = f" and {len(names) - N_NAMES} more" if len(names) > N_NAMES else ""
    return f"Columns {names[:N_NAMES]}{more}"


def _range(X):
    """Return the least and the largest number in each column."""
    if issparse(X):
        X = X.astype(np.float64)
        return X.min(axis=0).toarray().ravel(), X.max(axis=0).toarray().ravel()
    X = np.asarray(X, dtype=np.float64)
    return X.min(axis=0), X.max(axis=0)
