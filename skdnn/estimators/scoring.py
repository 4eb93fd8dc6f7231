"""Scorers of scikit-learn, or of anybody's, on a validation set."""

import copy
from functools import partial
from inspect import signature
from math import isfinite
from numbers import Real

import numpy as np
from sklearn.metrics import check_scoring
from sklearn.utils.validation import _get_feature_names

from skdnn.estimators.learned import attributes_of, twin_of
from skdnn.messages import warn_user


class Scorer:
    """The scorer that the argument `scoring` names, on a validation set.

    Parameters
    ----------
    estimator : BaseMLP
    job : Job
        Whose network is to be scored.
    data : FitData
        To measure on.

    Attributes
    ----------
    was_tried : bool
        Whether it has shown that it can do with this set: what fails then is up to the
        network's predictions, which may get better.
    """

    def __init__(self, estimator, job, data):
        self.estimator, self.task, self.name = estimator, data.task, data.name
        self.targets, self.scoring = data.targets, estimator.scoring
        self.was_tried = False
        weights = data.sample_weight
        self.weights = {} if weights is None else {"sample_weight": weights}
        self.scorer = scorer = check_scoring(self.estimator, self.scoring)
        self.is_of_a_metric = hasattr(scorer, "_score_func")
        if not self.is_of_a_metric:
            self.X_to_score, self.y_to_score = data.as_given()
            self.has_names = _get_feature_names(self.X_to_score) is not None
        else:
            # Made by scikit-learn of a metric, which sees y and predictions only: it
            # gets what needs no further validation.
            self.X_to_score, self.has_names = data.X, False
            self.y_to_score = data.y
            self.scorer = self.task.prepare_scorer(scorer, self.scoring)
        if weights is not None and not _takes_weights(self.scorer):
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
            self._try(job)

    def _try(self, job):
        """Raise an error if this set is one that the scorer can't do with.

        That is so if it fails on what is true, of the rows themselves, and of the row
        before each, as a ratio to the number of errors needs some. What fails on other
        predictions may be up to the network, which has not learned yet.
        """
        predictor = self._predictor(job)
        methods = self.task.right_predictions(
            self.targets, self.y_to_score, job.network
        )
        for shift in (1, 0):
            for name, predictions in methods.items():
                predictions = np.roll(predictions, shift, axis=0)
                setattr(predictor, name, _method(name, predictions))
            _, complaint = self._score_or_complain(predictor)
            if complaint is None:
                self.was_tried = True
                return
        raise ValueError(self.with_advice(complaint))

    def score(self, job):
        """Return the score, NaN if it is not a number, and what is wrong, or None."""
        return self._score(self._predictor(job))

    def score_or_complain(self, job):
        """Return the score, or NaN, and what is wrong, errors included, or None."""
        return self._score_or_complain(self._predictor(job))

    def with_advice(self, complaint):
        """Return what is wrong with a score, and what to do about it."""
        missing, advice = self.task.missing_in(self.targets), "Use"
        if missing:
            complaint = f"In {self.name}, {missing}: {complaint}"
            advice = "Give X_val and y_val that hold every class, or use"
        return f"{complaint} {advice} another scorer, {self.task.other_scorers()}."

    def _score_or_complain(self, predictor):
        try:
            return self._score(predictor)
        except Exception as error:
            text = str(error).rstrip(".")
            return np.nan, (
                f"scoring={self.scoring!r} failed: {text} ({type(error).__name__})."
            )

    def _predictor(self, job):
        """Return an estimator to score, which has what the job has learned."""
        predictor = twin_of(self.estimator)
        attributes = attributes_of(predictor, job, self.task, job.result())
        vars(predictor).update(attributes)
        if not self.has_names:  # of which each epoch would complain otherwise
            vars(predictor).pop("feature_names_in_", None)
        if self.is_of_a_metric:
            vars(predictor).update(self.task.as_scorers_see())
        return predictor

    def _score(self, predictor):
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


def _takes_weights(scorer):
    """Return whether a scorer can be called with `sample_weight`."""
    function = getattr(scorer, "_score_func", scorer)
    try:
        parameters = signature(function).parameters.values()
    except (TypeError, ValueError):  # of what is not written in Python
        return True
    return any(p.name == "sample_weight" or p.kind is p.VAR_KEYWORD for p in parameters)
