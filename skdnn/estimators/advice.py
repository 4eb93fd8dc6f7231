"""Warnings of what will spoil a fit, or has spoiled one, in silence."""

import numpy as np
from sklearn.exceptions import ConvergenceWarning

from skdnn.estimators.fitted import largest_parameter
from skdnn.estimators.jobs import warn_of_ignored
from skdnn.estimators.task.base import misfit
from skdnn.messages import warn_user

LEARNED = 0.5  # score in training of targets that are not too far off
SLIGHT = 0.2  # misfit of targets that may be why nothing was learned


def warn_of_settings(estimator, data):
    """Warn of settings that will spoil a fit to these data."""
    warn_of_ignored(estimator)
    mean = 1.0 if data.row_weights is None else float(np.mean(data.row_weights))
    alpha, batch_size = estimator.alpha, estimator.batch_size
    penalized = estimator.solver != "adamw" and alpha
    if penalized and mean < 0.1 and alpha / mean > 1:
        warn_user(
            f"The weights of the samples are {mean:.2g} in the mean. As the penalty"
            " counts relative to them, it is as strong as that of"
            f" alpha={alpha / mean:.2g} for samples of weight 1. Divide the"
            " weights by their mean, or lower alpha."
        )
    in_batches = estimator.solver != "lbfgs" and not estimator.shuffle
    size = 200 if batch_size == "auto" else batch_size
    n_samples = len(data.targets)
    if in_batches and n_samples > size and data.task.are_sorted(data.targets):
        warn_user(
            "y is sorted, and shuffle=False: mini-batches hold hardly more than one"
            " class, or like numbers, and what comes last is learned best. Set"
            " shuffle=True, or shuffle the rows."
        )


def warn_of_size(estimator, data):
    """Warn of targets of a wrong size, unless they were learned all the same."""
    mean, std = data.task.size_of(data.targets, data.row_weights)
    history = getattr(estimator, "history_", None)
    score = history[-1]["score"] if history else None
    # One that is far worse than a constant has not even found the middle of y.
    too_far = SLIGHT if history and score < -LEARNED else 1.0
    if misfit(mean, std) > too_far and not (history and score > LEARNED):
        so_far = "" if score is None else f", with a score of {score:.2g} in the end"
        warn_user(
            f"y is about {mean:.3g} ± {std:.3g}, far from a spread of 1 around 0,"
            f" where a network starts: it learns little{so_far}. Set"
            " standardize_target=True."
        )


def warn_of_outcome(estimator, data, jobs, converged):
    """Warn of what a fit has come to."""
    largest = largest_parameter(estimator)
    limit = np.sqrt(np.sqrt(np.finfo(estimator.network_.dtype).max))
    if largest > limit and not any(job.complaint for job in jobs):
        warn_user(
            f"Training has diverged: parameters are as large as {largest:.3g}, and"
            " predictions may overflow. Lower learning_rate_init, set"
            " max_grad_norm, or scale X.",
            ConvergenceWarning,
        )
    elif not any(job.complaint or job.is_stuck for job in jobs):
        warn_of_size(estimator, data)
    if not converged:
        warn_user(
            f"Stochastic Optimizer: Maximum iterations ({estimator.max_iter}) reached"
            " and the optimization hasn't converged yet.",
            ConvergenceWarning,
        )


def warn_of_planned_end(estimator, job):
    """Warn of a call of `partial_fit` that comes after the end of its schedule."""
    if job.schedule.planned and job.n_epochs == estimator.max_iter:
        warn_user(
            f"learning_rate={estimator.learning_rate!r} is laid out for"
            f" max_iter={estimator.max_iter} calls of partial_fit, and this is one"
            " more: its rate is 0 from now on, and nothing is learned."
            " Set max_iter to the number of calls that you plan, or"
            " learning_rate='constant'."
        )
