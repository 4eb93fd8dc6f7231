"""The validation set: where it comes from, and what is measured on it."""

import copy

import numpy as np
from sklearn.metrics import check_scoring
from sklearn.model_selection import train_test_split
from sklearn.utils.validation import check_consistent_length

from skdnn.labels import as_columns, check_weights


def check_given(estimator, labels, X_val, y_val, sample_weight_val):
    """Return what was passed to `fit`, as X, targets and weights, or None."""
    if X_val is not None or y_val is not None:
        if y_val is None:
            raise ValueError("X_val is provided, but y_val was not provided.")
        if X_val is None:
            raise ValueError("y_val is provided, but X_val was not provided.")
        try:
            X_val = estimator._validate(X_val, reset=False)
        except ValueError as error:
            raise ValueError(f"X_val does not go with X: {error}") from error
        check_consistent_length(X_val, y_val)
        sample_weight_val = check_weights(sample_weight_val, X_val, "sample_weight_val")
        return X_val, labels.encode(y_val, "y_val"), sample_weight_val
    if sample_weight_val is not None:
        raise ValueError(
            "sample_weight_val is provided, but X_val and y_val were not provided."
        )
    return None


def split(estimator, X, targets, labels, sample_weight, given, rng):
    """Return the rows to train on (None: all) and the validation set, or None.

    Parameters
    ----------
    given : tuple or None
        See :func:`check_given`.
    """
    if given is not None:
        return None, given
    if not estimator.early_stopping or estimator.solver == "lbfgs":
        return None, None
    rows, val_rows = train_test_split(
        np.arange(X.shape[0]),
        random_state=rng,
        test_size=estimator.validation_fraction,
        stratify=_strata(estimator, targets, labels),
    )
    if len(val_rows) < 2:
        raise ValueError(
            "The validation set is too small. Increase 'validation_fraction' "
            "or the size of your dataset."
        )
    if sample_weight is None:
        weight = None
    else:
        weight = sample_weight[val_rows]
        if not sample_weight[rows].any():
            raise ValueError(
                "No sample with a positive weight is left to train on: all went to the"
                " validation set. Give X_val and y_val, or weigh more samples."
            )
    return rows, (X[val_rows], targets[val_rows], weight)


def _strata(estimator, targets, labels):
    """Return what to stratify the validation split by, or None."""
    if labels.multilabel:
        return None
    if len(labels.classes) == 2:
        # Too few samples are an error, as in scikit-learn, word for word.
        return targets.astype(bool).astype(str)
    # scikit-learn says that it stratifies more classes too, but does not: where it
    # is impossible, do without.
    sizes = estimator.validation_fraction, 1 - estimator.validation_fraction
    enough = min(sizes) * len(targets) >= len(labels.classes)
    return targets if enough and np.bincount(targets).min() >= 2 else None


class Validation:
    """Loss and score, on a validation set, of what a trainer has at the moment."""

    def __init__(self, estimator, trainer, labels, X, targets, sample_weight):
        self.estimator, self.trainer, self.labels = estimator, trainer, labels
        self.X, self.sample_weight = X, sample_weight
        weights = np.ones(X.shape[0]) if sample_weight is None else sample_weight
        if not weights.any():
            raise ValueError(
                "The weights of the validation set are all 0; at least one must be"
                " positive."
            )
        self.shares = weights / weights.sum()
        network = trainer.network
        self.targets = columns = as_columns(targets, network)
        if columns.ndim == 1:
            columns = columns[:, np.newaxis] == np.arange(network.widths[-1])
        self.Y = columns.astype(network.dtype)
        if estimator.scoring not in (None, "loss"):
            self.y = targets if labels.multilabel else labels.classes[targets]
            self.scorer = check_scoring(estimator, estimator.scoring)

    def __call__(self):
        """Return the loss and the score."""
        network, loss = self.trainer.result(), self.trainer.loss
        Z = network.predict(self.X, stop=-1)
        buffers = np.empty_like(Z), np.empty_like(Z)
        value = loss.from_logits(Z, self.Y, self.shares, *buffers)
        if self.estimator.scoring == "loss":
            return value, -value
        if not np.isfinite(value):
            return value, np.nan
        if self.estimator.scoring is None:
            hits = loss.hits(Z, self.targets)
            return value, float(np.average(hits, weights=self.sample_weight))
        return value, self._score(network)

    def _score(self, network):
        predictor = copy.copy(self.estimator)
        trainer, labels = self.trainer, self.labels
        vars(predictor).update(predictor._fitted_attributes(trainer, labels, network))
        vars(predictor).pop("feature_names_in_", None)  # X is an array by now
        weights = self.sample_weight
        weights = {} if weights is None else {"sample_weight": weights}
        return float(self.scorer(predictor, self.X, self.y, **weights))
