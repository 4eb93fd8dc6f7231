"""The shares of several models in a mean, with which they do best on rows left out.

References
----------
van der Laan, Polley and Hubbard (2007), "Super learner".
"""

import numpy as np
from scipy.optimize import nnls

SMALLEST_SHARE = 0.02  # a model with less is not worth the time that it takes
N_STEPS = 200
SUM_IS_ONE = 1e3  # how much more than the rest this counts


def likelihood_shares(likelihoods, sample_weight=None):
    """Return the shares of some models with which the likelihood is greatest.

    Found by expectation maximization: a model's share is the mean of its part in the
    likelihood of each row.

    Parameters
    ----------
    likelihoods : ndarray of shape (n_models, n_rows)
        The probability that each model gives to what is true.
    sample_weight : ndarray of shape (n_rows,), default=None

    Returns
    -------
    shares : ndarray of shape (n_models,)
        In sum 1.
    """
    likelihoods = np.maximum(likelihoods, np.finfo(np.float32).tiny, dtype=np.float64)
    shares = np.full(len(likelihoods), 1 / len(likelihoods))
    for _ in range(N_STEPS):
        parts = shares[:, np.newaxis] * likelihoods
        parts /= parts.sum(axis=0)
        shares = np.average(parts, axis=1, weights=sample_weight)
    return shares


def least_squares_shares(predictions, y, sample_weight=None):
    """Return the shares of some models with which the squared error is least.

    Parameters
    ----------
    predictions : list of ndarray of shape (n_rows,) or (n_rows, n_targets)
    y : ndarray of the same shape
        Targets are scaled by their standard deviation.
    sample_weight : ndarray of shape (n_rows,), default=None

    Returns
    -------
    shares : ndarray of shape (n_models,)
        In sum 1.
    """
    y = np.asarray(y, np.float64).reshape(len(predictions[0]), -1)
    std = y.std(axis=0)
    scale = np.where(std > 0, 1 / np.where(std > 0, std, 1), 0)
    if sample_weight is not None:
        scale = scale * np.sqrt(sample_weight)[:, np.newaxis]
    errors = [((P.reshape(y.shape) - y) * scale).ravel() for P in predictions]
    errors = np.array(errors, np.float64)
    # The squared error is quadratic in the shares; its root makes a small system.
    values, vectors = np.linalg.eigh(errors @ errors.T / errors.shape[1])
    root = (vectors * np.sqrt(np.maximum(values, 0))).T
    weight = SUM_IS_ONE * max(np.sqrt(max(values[-1], 0)), 1e-9)
    system = np.vstack([root, np.full(len(errors), weight)])
    shares, _ = nnls(system, np.append(np.zeros(len(errors)), weight))
    total = shares.sum()
    return shares / total if total > 0 else np.full(len(errors), 1 / len(errors))
