"""Data as people bring it: rows, labels, weights, and what float32 makes of them."""

import sys
from collections import Counter
from collections.abc import Mapping, MappingView, Set
from decimal import Decimal
from fractions import Fraction
from numbers import Complex, Integral, Number, Real

import numpy as np
from scipy.sparse import issparse
from sklearn.exceptions import DataConversionWarning
from sklearn.utils import _safe_indexing
from sklearn.utils.validation import _check_sample_weight, _num_samples

from skdnn.estimators.kinds import is_interval, is_missing, is_text, is_time, kind_of
from skdnn.nn.layers.base import as_python, counted, plain
from skdnn.training.user_warnings import warn_user

N_ROWS = 256  # so few that looking at them takes no time
N_STEPS = 512  # of the dtype within the spread of a column: with fewer, it gets lost
N_NAMES = 5
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


def take_rows(data, rows):
    """Return rows of what the user has passed, in the form in which it came."""
    if issparse(data):
        data = data.tocsr()
    elif not hasattr(data, "__getitem__"):
        data = np.asarray(data)
    return _safe_indexing(data, rows)


def taken_in(data, name):
    """Return data as all that follows takes them, of whatever library they come.

    What needs no change is returned itself. Rows can then be taken of it, see
    :func:`take_rows`.

    Parameters
    ----------
    data : object
        As the user has passed it.
    name : str
        What to call it in an error.

    Raises
    ------
    TypeError
        If there are no rows, or none yet.
    ValueError
        If entries are masked, which would be taken for numbers, or if a data frame has
        no columns, or several of the same name.
    """
    if hasattr(data, "collect") and hasattr(data, "collect_schema"):
        raise TypeError(
            f"{name} is a {type(data).__name__}, which has no rows yet. Pass"
            f" {name}.collect()."
        )
    if data is None or issparse(data):  # of None scikit-learn complains
        return data
    if not has_rows(data):
        raise TypeError(
            f"{name} must be an array, a data frame or a list, with an entry for each"
            f" row, got {type(data).__name__} {data!r:.60}."
        )
    if isinstance(data, memoryview):
        data = np.asarray(data)
    if hasattr(data, "column_names") and hasattr(data, "to_pandas"):  # pyarrow's
        data = data.to_pandas()
    check_not_masked(data, name)
    if hasattr(data, "columns"):
        _check_columns(data, name)
    return _in_native_order(data)


def has_rows(data):
    """Return whether data are in an order: no number, text, generator, set or dict."""
    if isinstance(data, (str, bytes, Mapping, MappingView, Set)):
        return False
    if getattr(data, "ndim", 1) == 0:
        return False
    return any(hasattr(data, it) for it in ("__len__", "__array__", "shape"))


def _check_columns(frame, name):
    """Raise an error unless a data frame has columns, each with a name of its own."""
    counts = Counter(frame.columns)
    if not counts:
        raise ValueError(
            f"{name} has no columns: Found array with {len(frame)} sample(s) and 0"
            f" feature(s) (shape={frame.shape}) while a minimum of 1 is required."
        )
    twice = sorted(str(label) for label, count in counts.items() if count > 1)
    if twice:
        raise ValueError(
            f"{name} has several columns of the same name: {twice}. Give each column a"
            " name of its own."
        )


def _in_native_order(data):
    """Return pandas' data without numbers of other byte order, of which it takes none.

    Rows, that is: before its version 3.
    """
    if not hasattr(data, "iloc"):
        return data
    labels = data.columns if data.ndim == 2 else [data.name]
    other = {
        label: dtype.newbyteorder("=")
        for label, dtype in zip(labels, dtypes_of(data), strict=True)
        if isinstance(dtype, np.dtype) and not dtype.isnative
    }
    return data.astype(other) if other else data


def dtypes_of(data):
    """Return the dtypes of the columns of data, or the only one; none of a list."""
    if hasattr(data, "columns") and hasattr(data, "dtypes"):
        return list(data.dtypes)
    dtype = getattr(data, "dtype", None)
    return [] if dtype is None else [dtype]


def target_names(y):
    """Return the names of the columns of y, if it has several; else None.

    Their numbers in order are no names: data frames made of arrays have them.
    """
    names = list(getattr(y, "columns", ()))
    if len(names) < 2 or names == list(range(len(names))):
        return None
    return np.fromiter(names, object, len(names))


def check_target_names(y, name, before):
    """Raise an error if y has its columns in another order than y had in fit.

    Parameters
    ----------
    y : object
        As :func:`taken_in` returns it.
    name : str
        What to call it in an error.
    before : ndarray of object, or None
        The names in fit. Where one has no names, nothing is known.
    """
    names = target_names(y)
    if names is None or before is None or list(names) == list(before):
        return
    there, here = list(before), list(names)
    if set(there) == set(here):
        raise ValueError(
            f"{name} has the columns of y in fit in another order: {here}, where fit"
            f" had {there}. Pass {name}[{there}]."
        )
    raise ValueError(
        f"{name} has other columns than y in fit: {here}, where fit had {there}. Give"
        f" it the same columns in the same order."
    )


def to_numpy(y):
    """Return labels or numbers as NumPy's own kinds; missing ones among objects.

    scikit-learn makes floats of pandas' integers and booleans that could be missing
    ("Int64"), does not know what integers among objects are, nor NumPy's strings of
    variable length, and NumPy makes the text "nan" of a NaN among strings.
    """
    if issparse(y):
        return y
    dtypes = dtypes_of(y)
    if isinstance(y, (list, tuple)):
        return _narrow(_array_of(y))
    if any(hasattr(dtype, "is_temporal") for dtype in dtypes):  # polars
        return _narrow(y.to_numpy())
    numbers = all(getattr(d, "kind", None) in tuple("iufb") for d in dtypes)
    if dtypes and numbers and not all(isinstance(d, np.dtype) for d in dtypes):
        if np.any(y.isna()):
            return y.to_numpy(dtype=object)
        return y.to_numpy(dtype=np.result_type(*(np.dtype(d.type) for d in dtypes)))
    kind = getattr(getattr(y, "dtype", None), "kind", None)
    if kind == "T":
        return _array_of(y.tolist())
    return _narrow(np.asarray(y)) if kind == "O" else y  # also pandas' categories


def _array_of(values):
    """Return a list as an array, of objects where NumPy would change what they are."""
    try:
        array = np.asarray(values)
    except ValueError:  # lists of different lengths: one has no shape
        return np.fromiter(values, object, len(values))
    if array.dtype.kind in "US":
        objects = np.array(values, dtype=object)
        kind = str if array.dtype.kind == "U" else bytes
        # NumPy takes zeros at the end for no part of a text.
        end = "\0" if kind is str else b"\0"
        if not all(isinstance(v, kind) and not v.endswith(end) for v in objects.flat):
            return objects
    return array


def _narrow(array):
    """Return an array of objects that are all booleans, or integers, as one of these.

    All other arrays are returned as they are.
    """
    if getattr(getattr(array, "dtype", None), "kind", None) != "O":
        return array
    kinds = {type(value) for value in array.flat}
    if kinds and kinds <= {bool, np.bool_}:
        return array.astype(bool)
    if kinds and all(issubclass(k, Integral) and k is not bool for k in kinds):
        return np.array(array.tolist())
    return array


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


def values_of(column):
    """Return the values of a Series or an array as a list, each as it is."""
    if hasattr(column, "to_list"):
        return column.to_list()
    return np.asarray(column).ravel().tolist()


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


def warn_of_column(y):
    """Warn of targets in a single column, as scikit-learn does, at the user's line."""
    if y.ndim == 2 and y.shape[1] == 1:
        warn_user(
            "A column-vector y was passed when a 1d array was expected. Please"
            " change the shape of y to (n_samples, ), for example using ravel().",
            DataConversionWarning,
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


def check_not_masked(data, name):
    """Raise an error if data has masked entries, which would be taken for numbers."""
    rows = data if isinstance(data, (list, tuple)) else [data]
    masked = [np.ma.count_masked(row) for row in rows if np.ma.is_masked(row)]
    if masked:
        raise ValueError(
            f"{name} is a masked array with {counted(sum(masked), 'masked value')};"
            " what is behind the mask would be taken for data. Leave these rows out, or"
            f" fill them, for example with {name}.filled(np.nan) and an imputer."
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
