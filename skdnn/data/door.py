"""Data as people bring it, of whatever library: the one door."""

from collections import Counter
from collections.abc import Mapping, MappingView, Set
from numbers import Integral

import numpy as np
from scipy.sparse import issparse
from sklearn.exceptions import DataConversionWarning
from sklearn.utils import _safe_indexing

from skdnn.messages import counted, warn_user

N_NAMES = 5


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


def values_of(column):
    """Return the values of a Series or an array as a list, each as it is."""
    if hasattr(column, "to_list"):
        return column.to_list()
    return np.asarray(column).ravel().tolist()


def warn_of_column(y):
    """Warn of targets in a single column, as scikit-learn does, at the user's line."""
    if y.ndim == 2 and y.shape[1] == 1:
        warn_user(
            "A column-vector y was passed when a 1d array was expected. Please"
            " change the shape of y to (n_samples, ), for example using ravel().",
            DataConversionWarning,
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


def some_columns(names):
    """Return what to call some columns, of which there may be many."""
    more = f" and {len(names) - N_NAMES} more" if len(names) > N_NAMES else ""
    return f"Columns {names[:N_NAMES]}{more}"
