"""Location and scale of numbers, and which are absurdly far from the rest."""

import numpy as np

from skdnn.data.numeric import as_numbers
from skdnn.messages import counted
from skdnn.nn.losses.regression import quantile_of

QUARTILES = 1.3489795003921634  # of a normal distribution, apart in deviations
# An outlier is absurd beyond so many deviations, as quartiles tell them, where those of
# y are as large: then the rest has next to no spread. A lognormal with sigma 2 has 20.
FAR = 30.0
# One number several times over, such as -999, is no tail: it stands for something else,
# if it is so many times as far off as the next, and the rest has a tenth of the spread.
APART, HIDES = 3.0, 3.0
FEW = 0.05  # of the rows, at most: more are a part of y
FARTHEST = 1e18  # a robust loss tells none beyond; their squares fit in float32


def mean_and_std(y, weights=None):
    """Return mean and standard deviation of each column; 1 for one without spread.

    Parameters
    ----------
    y : ndarray of shape (n_samples, n_targets)
    weights : ndarray of shape (n_samples,), default=None
    """
    mean = np.average(y, axis=0, weights=weights)
    size = np.abs(y - mean).max(axis=0)  # so that no square over- or underflows
    size[size == 0] = 1.0
    squares = ((y - mean) / size) ** 2
    std = size * np.sqrt(np.average(squares, axis=0, weights=weights))
    std[std == 0] = 1.0  # all weight is on samples with the same y
    return mean, std


def median_and_spread(y, weights=None):
    """Return median and spread of each column, which outliers hardly move.

    The spread is the distance of the quartiles, scaled so that for a normal
    distribution it is the standard deviation. Where they coincide, as where most of y
    is 0, it is the median distance from the median among what differs from it; 1 for a
    constant.

    Parameters
    ----------
    y : ndarray of shape (n_samples, n_targets)
    weights : ndarray of shape (n_samples,), default=None
    """
    if weights is not None:
        y, weights = y[weights > 0], weights[weights > 0]
    low, median, high = (_quantiles(y, q, weights) for q in (0.25, 0.5, 0.75))
    with np.errstate(over="ignore"):
        spread = np.minimum((high - low) / QUARTILES, np.finfo(np.float64).max)
        for k in np.flatnonzero(spread == 0):
            apart = np.abs(y[:, k] - median[k])
            differ = apart > 0
            if differ.any():
                its = None if weights is None else weights[differ]
                spread[k] = _quantiles(apart[differ], 0.5, its)
    spread[spread == 0] = 1.0
    return median, spread


def _quantiles(y, q, weights):
    """Return the quantile of each column, the middle of all where there are several.

    With weights, as if rows were there so many times.
    """
    low, high = quantile_of(y, q, weights), -quantile_of(-y, 1 - q, weights)
    return np.where(low == high, low, low / 2 + high / 2)


def absurd(y, weights=None):
    """Return which values of y are so far off that the rest has next to no spread.

    Or a tenth of it, where they are one number, as stands for a missing value.

    Parameters
    ----------
    y : array-like of shape (n_samples,) or (n_samples, n_targets)
    weights : ndarray of shape (n_samples,), default=None

    Returns
    -------
    far : ndarray of bool of shape (n_samples, n_targets)
    """
    y = as_numbers(y)
    median, spread = median_and_spread(y, weights)
    with np.errstate(over="ignore"):
        z = np.clip((y - median) / spread, -FARTHEST, FARTHEST)
    std = mean_and_std(z, weights)[1]
    far = (np.abs(z) > FAR) & ((std > FAR) | (_repeated(z) & (std > HIDES)))
    if weights is not None:
        far &= (weights > 0)[:, np.newaxis]
    return far & (far.sum(axis=0) <= max(1, FEW * len(y)))


def _repeated(z):
    """Return which values of each column are the farthest by far, and all the same."""
    found = np.zeros(z.shape, dtype=bool)
    for side in (z, -z):
        farthest = side.max(axis=0)
        there = side == farthest
        next_one = np.where(there, -np.inf, side).max(axis=0)
        is_apart = (there.sum(axis=0) > 1) & (farthest > APART * next_one)
        found |= there & is_apart
    return found


def describe_outliers(y, far, weights=None, name="y", columns=None):
    """Return what to say of absurd values of y, in a sentence.

    Parameters
    ----------
    y : ndarray of shape (n_samples, n_targets)
    far : ndarray of bool of shape (n_samples, n_targets)
    weights : ndarray of shape (n_samples,), default=None
    name : str, default="y"
        What to call y.
    columns : sequence, default=None
        What to call its columns, if not by their numbers.
    """
    k = np.flatnonzero(far.any(axis=0))[0]
    row = np.flatnonzero(far[:, k])[0]
    columns = range(y.shape[1]) if columns is None else columns
    column = "" if y.shape[1] == 1 else f" column {columns[k]!r},"
    median, spread = median_and_spread(y[:, [k]], weights)
    return (
        f"{name} has {counted(int(far.sum()), 'value')} absurdly far from the rest, the"
        f" first in{column} row {row}: {y[row, k]:g}, where others are about"
        f" {median[0]:.3g} ± {spread[0]:.3g}."
    )


def pulled_in(y, far):
    """Return y with some of its values taken to the nearest of all others."""
    low = np.where(far, np.inf, y).min(axis=0)
    high = np.where(far, -np.inf, y).max(axis=0)
    return np.where(far, np.clip(y, low, high), y)
