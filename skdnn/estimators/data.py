"""Data as people bring it: rows of it, its labels, and what float32 makes of it."""

import numpy as np
from scipy.sparse import issparse
from sklearn.utils import _safe_indexing
from sklearn.utils.validation import _num_samples

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
    """Return labels as they are, but pandas' integers and booleans as NumPy's.

    scikit-learn makes floats of those that could hold a missing value ("Int64").
    """
    dtypes = [d for d in np.atleast_1d(getattr(y, "dtypes", None)) if d is not None]
    numbers = all(getattr(d, "kind", None) in "iub" for d in dtypes)
    if not dtypes or not numbers or all(isinstance(d, np.dtype) for d in dtypes):
        return y
    if np.any(y.isna()):
        return y  # an error that scikit-learn words
    return y.to_numpy(dtype=np.result_type(*(np.dtype(d.type) for d in dtypes)))


def check_range_of_float32(X, n_rows=1 << 14):
    """Raise scikit-learn's error if a number is too large for float32."""
    for start in range(0, X.shape[0], n_rows):
        if np.abs(X[start : start + n_rows]).max() > np.finfo(np.float32).max:
            raise ValueError(
                "Input X contains infinity or a value too large for dtype('float32')."
            )


def warn_of_lost_spread(X, names, dtype):
    """Warn of columns of X that hardly vary relative to their size.

    A column of Unix seconds is 1.7e9 and a little: in float32, with steps of 128 there,
    what differs from row to row gets lost, first in the cast and then in every sum.
    Some rows, spread over X, are looked at.

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
    lost = (spread > 0) & (spread < N_STEPS * np.finfo(dtype).eps * size)
    if not lost.any():
        return
    columns = np.flatnonzero(lost)
    first = columns[0]
    more = f" and {len(columns) - N_NAMES} more" if len(columns) > N_NAMES else ""
    step = np.spacing(dtype.type(size[first]))
    warn_user(
        f"Columns {names[columns[:N_NAMES]].tolist()}{more} of X vary so little, for"
        f" the size of their values, that it gets lost in {dtype}: {names[first]}"
        f" varies by {spread[first]:.3g} at {size[first]:.3g}, where numbers are"
        f" {step:.3g} apart. Subtract the mean first, in float64, for example with a"
        " StandardScaler in front of the network."
    )


def _range(X):
    """Return the least and the largest number in each column."""
    if issparse(X):
        X = X.astype(np.float64)
        return X.min(axis=0).toarray().ravel(), X.max(axis=0).toarray().ravel()
    X = np.asarray(X, dtype=np.float64)
    return X.min(axis=0), X.max(axis=0)
