"""Validation: loss and score, on a validation set, of what a job has learned so far."""

from math import isfinite

import numpy as np

from skdnn.estimators.scoring import Scorer
from skdnn.messages import warn_user


class Validation:
    """Loss and score, on a validation set, of what a job has learned so far.

    Parameters
    ----------
    estimator : BaseMLP
    job : Job
    data : FitData
        To measure on.

    Attributes
    ----------
    scoring : str, callable or None
        That of the estimator, or "loss", if that decides in its place.
    why_no_score : str
        Why the score of the estimator says nothing here, or "".
    """

    def __init__(self, estimator, job, data):
        loss, network = job.loss, job.network
        self.name, self.X, self.targets = data.name, data.X, data.targets
        self.sample_weight = data.sample_weight
        n_samples, weights = self.X.shape[0], self.sample_weight
        weights = np.ones(n_samples) if weights is None else weights
        if not weights.any():
            raise ValueError(
                "The weights of the validation set are all 0; at least one must be"
                " positive."
            )
        self.row_weights = weights / weights.sum()
        width = loss.target_width(network.widths[-1])
        self.Y = np.empty((n_samples, width), network.dtype)
        loss.encode(self.targets, self.Y, training=False)
        self.row_scores = loss.row_scorer(self.targets, self.sample_weight)
        self.scoring, self.why_no_score = estimator.scoring, ""
        if self.scoring is None:
            self.why_no_score = data.task.why_no_score(self.targets, self.sample_weight)
        elif self.scoring != "loss":
            self.scorer = Scorer(estimator, job, data)

    def __call__(self, job):
        """Return the loss, the score, and what is wrong with the score, or None.

        Before the second epoch, when little is lost yet, it is an error if something is
        wrong, unless the scorer was tried.
        """
        network, loss = job.result(), job.loss
        is_early = job.n_epochs <= 1
        Z = network.predict(self.X, stop=-1)
        buffers = np.empty_like(Z), np.empty_like(Z)
        value = loss.from_logits(Z, self.Y, self.row_weights, *buffers)
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
        elif is_early and not self.scorer.was_tried:
            score, complaint = self.scorer.score(job)
            complaint = complaint and self.scorer.with_advice(complaint)
        else:
            score, complaint = self.scorer.score_or_complain(job)
            is_early = False
        if complaint is None:
            return value, score, None
        if is_early:
            raise ValueError(complaint)
        return value, np.nan, complaint


def score_by_loss_if_undefined(jobs, is_told=False):
    """Let the loss decide where the score of a validation set says nothing.

    For all networks then, so that what they have reached compares. There is a warning,
    unless it `is_told` already.
    """
    sets = [job.validate for job in jobs]
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
