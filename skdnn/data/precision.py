"""What float32 makes of the numbers in X."""

import numpy as np
from scipy.sparse import issparse
from sklearn.utils.validation import _num_samples

from skdnn.data.door import some_columns, take_rows
from skdnn.messages import warn_user

N_ROWS = 256  # so few that looking at them takes no time
N_STEPS = 512  # of the dtype within the spread of a column: with fewer, it gets lost


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


def _range(X):
    """Return the least and the largest number in each column."""
    if issparse(X):
        X = X.astype(np.float64)
        return X.min(axis=0).toarray().ravel(), X.max(axis=0).toarray().ravel()
    X = np.asarray(X, dtype=np.float64)
    return X.min(axis=0), X.max(axis=0)
