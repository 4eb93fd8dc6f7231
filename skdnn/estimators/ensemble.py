"""Many networks as one estimator: their history, and what they say of rows left out."""

import numpy as np

from skdnn.messages import warn_user


def is_ensemble(estimator):
    """Return whether the parameters ask for several networks."""
    return estimator.n_networks > 1 or estimator.resampling is not None


def mean_history(histories):
    """Return the history of several networks: of each epoch, the mean over those in it.

    Parameters
    ----------
    histories : list of list of dict

    Returns
    -------
    history : list of dict
        With the number of "networks" that the epoch had; "seconds" is their sum.
    """
    history = []
    for i in range(max(map(len, histories))):
        rows = [rows[i] for rows in histories if i < len(rows)]
        row = {}
        for name in rows[0]:
            values = [its[name] for its in rows]
            if isinstance(values[0], dict):
                row[name] = {
                    key: float(np.mean([value[key] for value in values]))
                    for key in values[0]
                }
            elif name == "epoch":
                row[name] = values[0]
            else:
                row[name] = float(sum(values) if name == "seconds" else np.mean(values))
        history.append(row | {"networks": len(rows)})
    return history


def predict_left_out(left_out, predict, n_samples):
    """Return for each row the mean of what those networks say that left it out.

    Parameters
    ----------
    left_out : list of ndarray of int
        The rows that each network has left out.
    predict : callable
        Takes the number of a network and rows, and returns an array, one entry a row.
    n_samples : int

    Returns
    -------
    means : ndarray of shape (n_samples, ...)
        NaN where no network left a row out.
    known : ndarray of bool of shape (n_samples,)
    """
    sums, counts = 0.0, np.zeros(n_samples)
    for k, rows in enumerate(left_out):
        if not len(rows):
            continue
        outputs = predict(k, rows)
        if np.ndim(sums) == 0:
            sums = np.zeros((n_samples, *outputs.shape[1:]))
        sums[rows] += outputs
        counts[rows] += 1
    known = counts > 0
    if not known.any():  # then for the shape
        sums = np.zeros((n_samples, *predict(0, np.arange(1)).shape[1:]))
    if not known.all():
        warn_user(
            f"{(~known).sum()} of {n_samples} samples were left out by no network:"
            " oof_score_ does without them. Set n_networks to a larger number."
        )
    with np.errstate(invalid="ignore", divide="ignore"):
        means = sums / counts.reshape(-1, *[1] * (np.ndim(sums) - 1))
    return means, known
