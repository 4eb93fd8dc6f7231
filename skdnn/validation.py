"""The validation set: where it comes from, and what is measured on it."""

import copy
import warnings
from collections.abc import Callable
from dataclasses import dataclass
from inspect import signature
from math import ceil, isfinite
from numbers import Real

import numpy as np
from sklearn import metrics
from sklearn.model_selection import train_test_split
from sklearn.utils.validation import _get_feature_names, check_consistent_length

from skdnn.data import take_rows, to_numpy
from skdnn.labels import as_columns, check_weights

# Of scikit-learn's metrics, these take a row of probabilities to sum to 1.
OF_ONE_CLASS = (
    metrics.log_loss,
    metrics.brier_score_loss,
    metrics.d2_log_loss_score,
    metrics.d2_brier_score,
)


@dataclass
class ValidationSet:
    """What is measured on: as the network takes it, and as it was given.

    Parameters
    ----------
    X, targets, sample_weight : array, or None for the weights
    as_given : callable
        Returns X and y as the user has passed them.
    name : str
        What to call it in an error.
    """

    X: object
    targets: np.ndarray
    sample_weight: np.ndarray | None
    as_given: Callable
    name: str

    def learned_from(self):
        """Return what a fit depends on."""
        return self.X, self.targets, self.sample_weight


def check_given(estimator, labels, X_val, y_val, sample_weight_val):
    """Return what was passed to `fit` as a validation set, or None."""
    if X_val is not None or y_val is not None:
        if y_val is None:
            raise ValueError("X_val is provided, but y_val was not provided.")
        if X_val is None:
            raise ValueError("y_val is provided, but X_val was not provided.")
        given = X_val, y_val
        try:
            X_val = estimator._validate(X_val, reset=False)
        except ValueError as error:
            raise ValueError(f"X_val does not go with X: {error}") from error
        check_consistent_length(X_val, y_val)
        sample_weight_val = check_weights(sample_weight_val, X_val, "sample_weight_val")
        targets = labels.encode(to_numpy(y_val), "y_val")
        return ValidationSet(X_val, targets, sample_weight_val, lambda: given, "y_val")
    if sample_weight_val is not None:
        raise ValueError(
            "sample_weight_val is provided, but X_val and y_val were not provided."
        )
    return None


def split(estimator, X, targets, labels, sample_weight, given, rng):
    """Return the rows to train on, and the part that is set aside.

    Parameters
    ----------
    estimator : MLPClassifierDIY
    X : {ndarray, sparse array} of shape (n_samples, n_features)
    targets : ndarray
    labels : Labels
    sample_weight : ndarray or None
    given : tuple
        X and y as the user has passed them.
    rng : numpy.random.RandomState

    Returns
    -------
    rows : ndarray of int
    validation_set : ValidationSet
    """
    n_samples, fraction = X.shape[0], estimator.validation_fraction
    try:
        rows, val_rows = train_test_split(
            np.arange(n_samples),
            random_state=rng,
            test_size=fraction,
            stratify=_strata(estimator, targets, labels),
        )
        if len(val_rows) < 2:
            raise ValueError(
                "The validation set is too small. Increase 'validation_fraction' "
                "or the size of your dataset."
            )
    except ValueError as error:
        n_val = ceil(fraction * n_samples)
        raise ValueError(
            f"early_stopping=True sets validation_fraction={fraction} of the"
            f" {n_samples} samples aside, {n_val} of them, which leaves"
            f" {n_samples - n_val} to train on. That does not work out:"
            f" {str(error).rstrip('.')}. Change"
            " validation_fraction, give X_val and y_val, or set early_stopping=False."
        ) from error
    weight = None
    if sample_weight is not None:
        weight = sample_weight[val_rows]
        if not sample_weight[rows].any():
            raise ValueError(
                "No sample with a positive weight is left to train on: all went to the"
                " validation set. Give X_val and y_val, or weigh more samples."
            )

    def as_given():
        return tuple(take_rows(data, val_rows) for data in given)

    name = "the part of y that validation_fraction sets aside"
    return rows, ValidationSet(X[val_rows], targets[val_rows], weight, as_given, name)


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

    def __init__(self, estimator, trainer, labels, validation_set):
        self.estimator, self.trainer, self.labels = estimator, trainer, labels
        self.set = validation_set
        self.X, self.sample_weight = validation_set.X, validation_set.sample_weight
        n_samples, weights = self.X.shape[0], self.sample_weight
        weights = np.ones(n_samples) if weights is None else weights
        if not weights.any():
            raise ValueError(
                "The weights of the validation set are all 0; at least one must be"
                " positive."
            )
        self.shares = weights / weights.sum()
        network, targets = trainer.network, validation_set.targets
        self.targets = columns = as_columns(targets, network)
        if columns.ndim == 1:
            columns = columns[:, np.newaxis] == np.arange(network.widths[-1])
        self.Y = columns.astype(network.dtype)
        self.scoring = estimator.scoring
        if self.scoring not in (None, "loss"):
            self._prepare_scorer()

    def __call__(self):
        """Return the loss, the score, and what is wrong with the score, or None."""
        network, loss = self.trainer.result(), self.trainer.loss
        Z = network.predict(self.X, stop=-1)
        buffers = np.empty_like(Z), np.empty_like(Z)
        value = loss.from_logits(Z, self.Y, self.shares, *buffers)
        if not isfinite(value):
            complaint = (
                f"The loss on the validation set is {value}: scale X_val like X, or"
                " lower learning_rate_init."
            )
            return value, np.nan, complaint
        if self.scoring == "loss":
            return value, -value, None
        if self.scoring is None:
            hits = loss.hits(Z, self.targets)
            score = float(np.average(hits, weights=self.sample_weight))
            return value, score, None
        score, complaint = self._score(network)
        return value, score, complaint

    def _prepare_scorer(self):
        labels, targets = self.labels, self.set.targets
        self.scorer = scorer = metrics.check_scoring(self.estimator, self.scoring)
        score_func = getattr(scorer, "_score_func", None)
        self.is_of_a_metric = score_func is not None
        if not self.is_of_a_metric:
            self.X_to_score, self.y_to_score = self.set.as_given()
            self.has_names = _get_feature_names(self.X_to_score) is not None
        else:
            # Made by scikit-learn of a metric, which sees y and predictions only: it
            # gets what needs no further validation.
            self.X_to_score, self.has_names = self.X, False
            self.y_to_score = targets if labels.multilabel else labels.classes[targets]
            if labels.multilabel and score_func in OF_ONE_CLASS:
                raise ValueError(
                    f"scoring={self.scoring!r} takes each sample to be of one class,"
                    " but the targets are multi-label. Use scoring='loss', the negative"
                    " binary cross-entropy summed over the labels."
                )
            self.scorer = _told_the_classes(scorer, labels.classes)
        missing = self._missing_classes()
        if missing or labels.multilabel:
            # Whether the scorer can do with that is better known before the first
            # epoch than after it.
            self._try_scorer(missing)

    def _missing_classes(self):
        """Return which classes the validation set lacks, in words; "" if none."""
        classes, targets = self.labels.classes, self.set.targets
        if self.labels.multilabel:
            share = targets.mean(axis=0)
            never, always = (classes[share == value].tolist() for value in (0, 1))
            parts = [f"label {label} occurs in no sample" for label in never]
            parts += [f"label {label} occurs in every sample" for label in always]
        else:
            counts = np.bincount(targets, minlength=len(classes))
            parts = [
                f"no sample is of class {c!r}" for c in classes[counts == 0].tolist()
            ]
        return " and ".join(parts[:5])

    def _try_scorer(self, missing):
        """Raise an error if the scorer can't be computed on this set."""
        cause = complaint = None
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            try:
                _, complaint = self._score(self.trainer.network)
            except Exception as error:
                complaint = f"scoring={self.scoring!r} failed: {error}."
                cause = error
        if complaint is None:
            return
        advice = "Use"
        if missing:
            complaint = f"In {self.set.name}, {missing}: {complaint}"
            advice = "Give X_val and y_val that hold every class, or use"
        other = "loss" if self.labels.multilabel else "neg_log_loss"
        raise ValueError(
            f"{complaint} {advice} another scorer, such as {other!r}, or None, the"
            " accuracy."
        ) from cause

    def _score(self, network):
        """Return the score, NaN if it is not a number, and what is wrong, or None."""
        predictor = copy.copy(self.estimator)
        trainer, labels = self.trainer, self.labels
        vars(predictor).update(predictor._fitted_attributes(trainer, labels, network))
        if not self.has_names:  # of which each epoch would complain otherwise
            vars(predictor).pop("feature_names_in_", None)
        weights = self.sample_weight
        weights = {} if weights is None else {"sample_weight": weights}
        arguments = predictor, self.X_to_score, self.y_to_score
        value = score = self.scorer(*arguments, **weights)
        if isinstance(score, (np.ndarray, np.generic)) and np.size(score) == 1:
            score = np.asarray(score).item()
        if isinstance(score, Real) and isfinite(score):
            return float(score), None
        return np.nan, (
            f"scoring={self.scoring!r} returned {value!r} on the validation set, where"
            f" a finite number is needed.{self._reason(arguments, weights)}"
        )

    def _reason(self, arguments, weights):
        """Return what one of scikit-learn's scorers warns of, if it does."""
        if not self.is_of_a_metric:  # anybody's may do something else the next time
            return ""
        with warnings.catch_warnings(record=True) as record:
            warnings.simplefilter("always")
            self.scorer(*arguments, **weights)
        return "".join(f" It warns: {w.message}" for w in record[:1])


def _told_the_classes(scorer, classes):
    """Return the scorer, told of all classes if it makes a difference to its metric.

    Else one that scores probabilities would expect as many as there are in y.
    """
    takes_labels = "labels" in signature(scorer._score_func).parameters
    if not takes_labels or scorer._response_method == "predict":
        return scorer
    scorer = copy.copy(scorer)
    scorer._kwargs = {"labels": classes, **scorer._kwargs}
    return scorer
