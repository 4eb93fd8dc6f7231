"""What networks say of some rows, and how good that is where the truth is known."""

from dataclasses import dataclass
from math import nan

import numpy as np

from skdnn.estimators.fitted import each_network
from skdnn.estimators.task.labels import weights_of_classes

SAME = 1e-5  # spread of the outputs over the rows, relative to the largest: rounding


@dataclass(frozen=True, eq=False)
class Answers:
    """What the networks say of X.

    Parameters
    ----------
    y : ndarray or None
        The targets, as far as they are known.
    decisions : list of ndarray
        What each network decides.
    are_same : bool
        Whether all outputs of each are the same for every row.
    shares : ndarray of shape (n_samples,), default=None
        What each row counts for its class, in sum 1; None where nothing is scored.
    score, error : float, default=nan
        The score of training, on X and y, and its standard error.
    """

    y: np.ndarray | None
    decisions: list
    are_same: bool
    shares: np.ndarray | None = None
    score: float = nan
    error: float = nan


def answers_of(estimator, X, y):
    """Return what an estimator's networks say of X, and how good that is for y."""
    task, weights = estimator.task, _weights_of_rows(estimator, y)
    decisions, row_scores, are_same = [], [], True
    for alone in each_network(estimator):
        loss = task.loss_for(alone.network_)
        with np.errstate(all="ignore"):
            Z = alone.network_.predict(X, -1)
            decisions.append(loss.decide(Z))
            are_same &= bool(np.ptp(Z, axis=0).max() <= SAME * np.abs(Z).max())
            if y is not None:
                row_scores.append(loss.row_scorer(y, weights)(Z, y))
    answers = y, decisions, are_same
    if y is None or task.why_no_score(y, weights):
        return Answers(*answers)
    of_rows = np.mean(row_scores, axis=0, dtype=np.float64)
    shares = np.ones(len(of_rows)) if weights is None else weights
    shares = shares / shares.sum()
    score = float(shares @ of_rows)
    error = float(np.linalg.norm(shares * (of_rows - score)))
    return Answers(*answers, shares, score, error)


def _weights_of_rows(estimator, y):
    """Return what each row counts for its class, as in the scores of training."""
    class_weight = getattr(estimator, "class_weight", None)
    if class_weight is None or y is None:
        return None
    there, places = np.unique(y, return_inverse=True)  # there may be fewer than in fit
    classes = estimator.classes_[there]
    weights = weights_of_classes(classes, classes[places], class_weight)[places]
    return weights if weights.any() else None
