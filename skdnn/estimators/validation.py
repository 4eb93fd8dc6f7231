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
from sklearn.utils.validation import _get_feature_names, _num_samples

from skdnn.estimators.data import check_weights, take_rows, taken_in
from skdnn.nn.layers.base import counted
from skdnn.training.user_warnings import warn_user


@dataclass
class ValidationSet:
    """What is measured on: as the network takes it, and as it was given.

    Parameters
    ----------
    X, encoded, sample_weight : array, or None for the weights
        `encoded` is y as the loss takes it.
    as_given : callable
        Returns X and y as the user has passed them.
    name : str
        What to call it in an error.
    """

    X: object
    encoded: np.ndarray
    sample_weight: np.ndarray | None
    as_given: Callable
    name: str

    def learned_from(self):
        """Return what a fit depends on."""
        return self.X, self.encoded, self.sample_weight


def check_given(estimator, targets, X_val, y_val, sample_weight_val):
    """Return what was passed to `fit` as a validation set, or None."""
    if X_val is not None or y_val is not None:
        if y_val is None:
            raise ValueError("X_val is provided, but y_val was not provided.")
        if X_val is None:
            raise ValueError("y_val is provided, but X_val was not provided.")
        given = taken_in(X_val, "X_val"), taken_in(y_val, "y_val")
        X_val, y_val = given
        estimator._check_target_names(y_val, "y_val")
        try:
            X_val = estimator._validate(X_val, reset=False, name="X_val")
        except ValueError as error:
            raise ValueError(f"X_val does not go with X: {error}") from error
        if _num_samples(X_val) != _num_samples(y_val):
            raise ValueError(
                f"X_val has {counted(_num_samples(X_val), 'row')}, but y_val has"
                f" {_num_samples(y_val)}."
            )
        sample_weight_val = check_weights(sample_weight_val, X_val, "sample_weight_val")
        y_val = estimator._check_labels(y_val, "y_val")
        try:
            encoded = targets.encode(y_val, "y_val")
        except ValueError as error:
            named = "y_val" in str(error)
            raise ValueError(
                str(error) if named else f"y_val does not go with y: {error}"
            ) from error
        return ValidationSet(X_val, encoded, sample_weight_val, lambda: given, "y_val")
    if sample_weight_val is not None:
        raise ValueError(
            "sample_weight_val is provided, but X_val and y_val were not provided."
        )
    return None


@dataclass
class Fit:
    """What a fit learns from.

    Parameters
    ----------
    X : {ndarray, sparse array} of shape (n_samples, n_features)
    encoded : ndarray
        y as the loss takes it.
    weights : ndarray or None
        What each row counts in training.
    sample_weight : ndarray or None
        What each row counts in a score.
    targets : Targets
    given : ValidationSet or None
        The one that the user has passed.
    as_given : tuple
        X and y as the user has passed them.
    """

    X: object
    encoded: np.ndarray
    weights: np.ndarray | None
    sample_weight: np.ndarray | None
    targets: object
    given: ValidationSet | None
    as_given: tuple

    def counts(self):
        """Return which rows count in training, and in a score, or None for all."""
        if self.sample_weight is None and self.weights is None:
            return None
        every = np.ones(len(self.encoded))
        each = (self.weights, self.sample_weight)
        return tuple((every if w is None else w) > 0 for w in each)

    def learned(self, rows=None):
        """Return the targets and weights of the rows that are learned, or of all."""
        if rows is None:
            return self.encoded, self.weights
        weights = None if self.weights is None else self.weights[rows]
        return self.encoded[rows], weights

    def validation_set(self, rows, name):
        """Return some of the rows as a validation set."""
        weights, as_given = self.sample_weight, self.as_given

        def rows_as_given():
            return tuple(take_rows(data, rows) for data in as_given)

        weights = None if weights is None else weights[rows]
        return ValidationSet(
            self.X[rows], self.encoded[rows], weights, rows_as_given, name
        )


def split(estimator, fit, rng):
    """Return the rows to train on, and the part that is set aside.

    Parameters
    ----------
    estimator : BaseMLP
    fit : Fit
    rng : numpy.random.RandomState

    Returns
    -------
    rows : ndarray of int
    validation_set : ValidationSet
    """
    n_samples, fraction = fit.X.shape[0], estimator.validation_fraction
    try:
        rows, val_rows = train_test_split(
            np.arange(n_samples),
            random_state=rng,
            test_size=fraction,
            stratify=fit.targets.strata(fit.encoded, fraction),
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
    if (counts := fit.counts()) is not None:
        classes = fit.targets.classes_of(fit.encoded)
        rows, val_rows = share_out(rows, val_rows, counts, classes, rng)
    name = "the part of y that validation_fraction sets aside"
    return rows, fit.validation_set(val_rows, name)


def share_out(rows, val_rows, counts, classes, rng):
    """Return rows to train on and to validate on, some that count among either.

    Where chance has given all of those to one part, a row goes over, in exchange for
    one of its class if there is any.

    Parameters
    ----------
    rows, val_rows : ndarray of int
    counts : tuple of ndarray of bool of shape (n_samples,)
        Which rows count in training, and in a score.
    classes : ndarray of int of shape (n_samples,)
    rng : numpy.random.RandomState
    """
    learned, scored = counts
    parts = [rows.copy(), val_rows.copy()]
    for k, needed in ((0, learned), (1, scored)):
        taker, giver, other = parts[k], parts[1 - k], counts[1 - k]
        if needed[taker].any():
            continue
        is_spare = needed[giver]
        if other[giver].sum() < 2:  # the last one that counts for the giver stays
            is_spare = is_spare & ~other[giver]
        if not is_spare.any():
            what = ("left to train on", "set aside to validate on")[k]
            raise ValueError(
                f"No sample with a positive weight is {what}: {other.sum()} of"
                f" {len(other)} samples have one. Give X_val and y_val, or weigh more"
                " samples."
            )
        i = rng.choice(np.flatnonzero(is_spare))
        alike = np.flatnonzero(classes[taker] == classes[giver[i]])
        j = rng.choice(alike if alike.size else np.arange(len(taker)))
        taker[j], giver[i] = giver[i], taker[j]
    return parts


class Validation:
    """Loss and score, on a validation set, of what a trainer has at the moment."""

    def __init__(self, estimator, trainer, targets, validation_set):
        self.estimator, self.trainer, self.targets = estimator, trainer, targets
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
        encoded, loss, network = validation_set.encoded, trainer.loss, trainer.network
        width = loss.target_width(network.widths[-1])
        self.Y = np.empty((n_samples, width), network.dtype)
        loss.encode(encoded, self.Y, training=False)
        self.row_scores = loss.row_scorer(encoded, self.sample_weight)
        self.scoring = estimator.scoring
        self.why_no_score = ""
        if self.scoring is None:
            self.why_no_score = targets.why_no_score(encoded, self.sample_weight)
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
            scores = self.row_scores(Z, self.set.encoded)
            score = float(np.average(scores, weights=self.sample_weight))
            if not isfinite(score):
                complaint = f"The score on the validation set is not finite: {score}."
                return value, np.nan, f"{complaint} Scale y, or train more gently."
            return value, score, None
        score, complaint = self._score(network)
        return value, score, complaint

    def _prepare_scorer(self):
        weights = self.sample_weight
        self.weights = {} if weights is None else {"sample_weight": weights}
        self.scorer = scorer = metrics.check_scoring(self.estimator, self.scoring)
        self.is_of_a_metric = hasattr(scorer, "_score_func")
        if not self.is_of_a_metric:
            self.X_to_score, self.y_to_score = self.set.as_given()
            self.has_names = _get_feature_names(self.X_to_score) is not None
        else:
            # Made by scikit-learn of a metric, which sees y and predictions only: it
            # gets what needs no further validation.
            self.X_to_score, self.has_names = self.X, False
            y = self.set.as_given()[1]
            self.y_to_score = self.targets.restore(self.set.encoded, y)
            self.scorer = self.targets.prepare_scorer(scorer, self.scoring)
        if self.sample_weight is not None and not _takes_weights(self.scorer):
            warn_user(
                f"scoring={self.scoring!r} takes no sample_weight: the validation score"
                " does not count the weights of the samples."
            )
            self.weights = {}
        if self.is_of_a_metric or self.targets.may_fail(self.set.encoded):
            # Better known before the first epoch than after it.
            self._try_scorer(self.targets.missing_in(self.set.encoded))

    def _try_scorer(self, missing):
        """Raise an error if the scorer can't be computed on this set."""
        cause = complaint = None
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            try:
                _, complaint = self._score(self.trainer.network)
            except Exception as error:
                complaint = (
                    f"scoring={self.scoring!r} failed: {str(error).rstrip('.')}."
                )
                cause = error
        if complaint is None:
            return
        advice = "Use"
        if missing:
            complaint = f"In {self.set.name}, {missing}: {complaint}"
            advice = "Give X_val and y_val that hold every class, or use"
        raise ValueError(
            f"{complaint} {advice} another scorer, {self.targets.other_scorers()}."
        ) from cause

    def _score(self, network):
        """Return the score, NaN if it is not a number, and what is wrong, or None."""
        predictor = copy.copy(self.estimator)
        attributes = predictor._fitted_attributes(self.trainer, self.targets, network)
        vars(predictor).update(attributes)
        if not self.has_names:  # of which each epoch would complain otherwise
            vars(predictor).pop("feature_names_in_", None)
        if self.is_of_a_metric:
            vars(predictor).update(self.targets.as_scorers_see())
        # One that works in place would change what later epochs are measured on.
        arguments = predictor, self.X_to_score, copy.deepcopy(self.y_to_score)
        value = score = self.scorer(*arguments, **self.weights)
        if isinstance(score, (np.ndarray, np.generic)) and np.size(score) == 1:
            score = np.asarray(score).item()
        if isinstance(score, Real) and isfinite(score):
            return float(score), None
        return np.nan, (
            f"scoring={self.scoring!r} returned {value!r} on the validation set, where"
            f" a finite number is needed.{self._reason(arguments)}"
        )

    def _reason(self, arguments):
        """Return what one of scikit-learn's scorers warns of, if it does."""
        if not self.is_of_a_metric:  # anybody's may do something else the next time
            return ""
        with warnings.catch_warnings(record=True) as record:
            warnings.simplefilter("always")
            self.scorer(*arguments, **self.weights)
        return "".join(f" It warns: {w.message}" for w in record[:1])


def score_by_loss_if_undefined(members, is_told=False):
    """Let the loss decide where the score of a validation set says nothing.

    For all networks then, so that what they have reached compares. There is a warning,
    unless it `is_told` already.
    """
    sets = [member.rules["validate"] for member in members]
    silent = [its for its in sets if its is not None and its.why_no_score]
    if not silent:
        return
    if not is_told:
        warn_user(
            f"{silent[0].set.name} {silent[0].why_no_score}: a score relative to the"
            " best constant means nothing there. The loss decides in its place, and the"
            " validation score is its negative. Give other X_val and y_val, or set"
            " scoring='loss'."
        )
    for its in sets:
        its.scoring = "loss"


def _takes_weights(scorer):
    """Return whether a scorer can be called with `sample_weight`."""
    function = getattr(scorer, "_score_func", scorer)
    try:
        parameters = signature(function).parameters.values()
    except (TypeError, ValueError):  # of what is not written in Python
        return True
    return any(p.name == "sample_weight" or p.kind is p.VAR_KEYWORD for p in parameters)
