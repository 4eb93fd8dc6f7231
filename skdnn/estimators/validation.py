"""The validation set: where it comes from, and what is measured on it."""

import copy
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from inspect import signature
from math import ceil, isfinite
from numbers import Real

import numpy as np
from sklearn import metrics
from sklearn.model_selection import train_test_split
from sklearn.utils.validation import _get_feature_names, _num_samples

from skdnn.data.door import take_rows, taken_in
from skdnn.data.numeric import check_weights
from skdnn.messages.user_warnings import warn_user
from skdnn.messages.words import counted


@dataclass
class ValidationSet:
    """What is measured on: as the network takes it, and as it was given.

    Parameters
    ----------
    X, targets, sample_weight : array, or None for the weights
        `targets` is y as the loss takes it.
    y : ndarray
        Checked, in the units and with the labels that the user has passed.
    as_given : callable
        Returns X and y as the user has passed them, for scorers of the user's.
    name : str
        What to call it in an error.
    """

    X: object
    targets: np.ndarray
    sample_weight: np.ndarray | None
    y: np.ndarray
    as_given: Callable
    name: str

    def learned_from(self):
        """Return what a fit depends on."""
        return self.X, self.targets, self.sample_weight


def check_given(estimator, task, X_val, y_val, sample_weight_val):
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
        y_val = estimator.check_labels(y_val, "y_val")
        try:
            targets = task.encode(y_val, "y_val")
        except ValueError as error:
            named = "y_val" in str(error)
            raise ValueError(
                str(error) if named else f"y_val does not go with y: {error}"
            ) from error
        y_val = task.restore(targets, y_val)
        return ValidationSet(
            X_val, targets, sample_weight_val, y_val, lambda: given, "y_val"
        )
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
    targets : ndarray
        y as the loss takes it.
    weights : ndarray or None
        What each row counts in training.
    sample_weight : ndarray or None
        What each row counts in a score.
    y : ndarray
        See :class:`ValidationSet`.
    task : Task
    given : ValidationSet or None
        The one that the user has passed.
    as_given : tuple
        X and y as the user has passed them, for scorers of the user's.
    """

    X: object
    targets: np.ndarray
    weights: np.ndarray | None
    sample_weight: np.ndarray | None
    y: np.ndarray
    task: object
    given: ValidationSet | None
    as_given: tuple

    def counts(self):
        """Return which rows count in training, and in a score, or None for all."""
        if self.sample_weight is None and self.weights is None:
            return None
        every = np.ones(len(self.targets))
        each = (self.weights, self.sample_weight)
        return tuple((every if w is None else w) > 0 for w in each)

    def learned(self, rows=None):
        """Return the targets and weights of the rows that are learned, or of all."""
        if rows is None:
            return self.targets, self.weights
        weights = None if self.weights is None else self.weights[rows]
        return self.targets[rows], weights

    def validation_set(self, rows, name):
        """Return some of the rows as a validation set."""
        weights, as_given = self.sample_weight, self.as_given

        def rows_as_given():
            return tuple(take_rows(data, rows) for data in as_given)

        weights = None if weights is None else weights[rows]
        return ValidationSet(
            self.X[rows], self.targets[rows], weights, self.y[rows], rows_as_given, name
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
            stratify=fit.task.strata(fit.targets, fraction),
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
        classes = fit.task.classes_of(fit.targets)
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

    def __init__(self, estimator, trainer, task, validation_set):
        self.estimator, self.trainer, self.task = estimator, trainer, task
        self.name, self.targets = validation_set.name, validation_set.targets
        self.X, self.sample_weight = validation_set.X, validation_set.sample_weight
        n_samples, weights = self.X.shape[0], self.sample_weight
        weights = np.ones(n_samples) if weights is None else weights
        if not weights.any():
            raise ValueError(
                "The weights of the validation set are all 0; at least one must be"
                " positive."
            )
        self.shares = weights / weights.sum()
        targets, loss, network = self.targets, trainer.loss, trainer.network
        width = loss.target_width(network.widths[-1])
        self.Y = np.empty((n_samples, width), network.dtype)
        loss.encode(targets, self.Y, training=False)
        self.row_scores = loss.row_scorer(targets, self.sample_weight)
        self.scoring = estimator.scoring
        self.why_no_score = ""
        if self.scoring is None:
            self.why_no_score = task.why_no_score(targets, self.sample_weight)
        # Whether the scorer has shown that it can do with this set: what fails then is
        # up to the network's predictions, which may get better.
        self.was_tried = False
        if self.scoring not in (None, "loss"):
            self._prepare_scorer(validation_set)

    def __call__(self):
        """Return the loss, the score, and what is wrong with the score, or None.

        Before the second epoch, when little is lost yet, it is an error if something is
        wrong, unless the scorer was tried.
        """
        network, loss = self.trainer.result(), self.trainer.loss
        is_early = self.trainer.n_epochs <= 1
        Z = network.predict(self.X, stop=-1)
        buffers = np.empty_like(Z), np.empty_like(Z)
        value = loss.from_logits(Z, self.Y, self.shares, *buffers)
        score, complaint = np.nan, None
        if not isfinite(value):
            complaint = (
                f"The loss on the validation set is {value}: scale X_val like X, or"
                " lower learning_rate_init."
            )
        elif self.scoring == "loss":
            score = -value
        elif self.scoring is None:
            scores = self.row_scores(Z, self.targets)
            score = float(np.average(scores, weights=self.sample_weight))
            if not isfinite(score):
                complaint = (
                    f"The score on the validation set is not finite: {score}. Scale y,"
                    " or train more gently."
                )
        elif is_early and not self.was_tried:
            score, complaint = self._score(self._predictor(network))
            complaint = complaint and self._with_advice(complaint)
        else:
            score, complaint = self._score_or_complain(self._predictor(network))
            is_early = False
        if complaint is None:
            return value, score, None
        if is_early:
            raise ValueError(complaint)
        return value, np.nan, complaint

    def _prepare_scorer(self, validation_set):
        weights = self.sample_weight
        self.weights = {} if weights is None else {"sample_weight": weights}
        self.scorer = scorer = metrics.check_scoring(self.estimator, self.scoring)
        self.is_of_a_metric = hasattr(scorer, "_score_func")
        if not self.is_of_a_metric:
            self.X_to_score, self.y_to_score = validation_set.as_given()
            self.has_names = _get_feature_names(self.X_to_score) is not None
        else:
            # Made by scikit-learn of a metric, which sees y and predictions only: it
            # gets what needs no further validation.
            self.X_to_score, self.has_names = self.X, False
            self.y_to_score = validation_set.y
            self.scorer = self.task.prepare_scorer(scorer, self.scoring)
        if self.sample_weight is not None and not _takes_weights(self.scorer):
            warn_user(
                f"scoring={self.scoring!r} takes no sample_weight: the validation score"
                " does not count the weights of the samples."
            )
            self.weights = {}
        metric = getattr(scorer, "_score_func", None)
        while isinstance(metric, partial):
            metric = metric.func
        # Metrics of anybody's may not be defined where all predictions are right.
        if (getattr(metric, "__module__", None) or "").startswith("sklearn."):
            self._try_scorer()

    def _try_scorer(self):
        """Raise an error if this set is one that the scorer can't do with.

        That is so if it fails on what is true, of the rows themselves, and of the row
        before each, as a ratio to the number of errors needs some. What fails on other
        predictions may be up to the network, which has not learned yet.
        """
        network = self.trainer.network
        predictor = self._predictor(network)
        methods = self.task.right_predictions(self.targets, self.y_to_score, network)
        for shift in (1, 0):
            for name, predictions in methods.items():
                predictions = np.roll(predictions, shift, axis=0)
                setattr(predictor, name, _method(name, predictions))
            _, complaint = self._score_or_complain(predictor)
            if complaint is None:
                self.was_tried = True
                return
        raise ValueError(self._with_advice(complaint))

    def _with_advice(self, complaint):
        """Return what is wrong with a score, and what to do about it."""
        missing, advice = self.task.missing_in(self.targets), "Use"
        if missing:
            complaint = f"In {self.name}, {missing}: {complaint}"
            advice = "Give X_val and y_val that hold every class, or use"
        return f"{complaint} {advice} another scorer, {self.task.other_scorers()}."

    def _score_or_complain(self, predictor):
        """Return the score, or NaN, and what is wrong, errors included, or None."""
        try:
            return self._score(predictor)
        except Exception as error:
            text = str(error).rstrip(".")
            return np.nan, (
                f"scoring={self.scoring!r} failed: {text} ({type(error).__name__})."
            )

    def _predictor(self, network):
        """Return an estimator to score, which has this network."""
        predictor = copy.copy(self.estimator)
        attributes = predictor._fitted_attributes(self.trainer, self.task, network)
        vars(predictor).update(attributes)
        if not self.has_names:  # of which each epoch would complain otherwise
            vars(predictor).pop("feature_names_in_", None)
        if self.is_of_a_metric:
            vars(predictor).update(self.task.as_scorers_see())
        return predictor

    def _score(self, predictor):
        """Return the score, NaN if it is not a number, and what is wrong, or None."""
        # One that works in place would change what later epochs are measured on.
        # (Of an array of objects, labels say, a deep copy takes as long as a metric.)
        y = self.y_to_score
        y = y.copy() if isinstance(y, np.ndarray) else copy.deepcopy(y)
        value = score = self.scorer(predictor, self.X_to_score, y, **self.weights)
        if isinstance(score, (np.ndarray, np.generic)) and np.size(score) == 1:
            score = np.asarray(score).item()
        if isinstance(score, Real) and isfinite(score):
            return float(score), None
        return np.nan, (
            f"scoring={self.scoring!r} returned {value!r} on the validation set, where"
            " a finite number is needed."
        )


def _method(name, predictions):
    """Return a function of a name, by which scikit-learn tells what it returns."""

    def method(X):
        return predictions

    method.__name__ = name
    return method


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
            f"{silent[0].name} {silent[0].why_no_score}: a score relative to the"
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
