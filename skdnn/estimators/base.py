"""What all estimators share: fit and partial_fit."""

import copy

import numpy as np
from sklearn.base import _fit_context, clone
from sklearn.callback import CallbackSupportMixin
from sklearn.utils import check_random_state

from skdnn.data.door import take_rows
from skdnn.data.precision import warn_of_numbers
from skdnn.estimators.advice import (
    warn_of_outcome,
    warn_of_planned_end,
    warn_of_settings,
    warn_of_size,
)
from skdnn.estimators.arguments import SharedArguments
from skdnn.estimators.callbacks import CallbackTasks
from skdnn.estimators.checking import read, read_validation_set
from skdnn.estimators.checkpoints import checkpoints_for
from skdnn.estimators.ensemble import predict_left_out
from skdnn.estimators.fitted import FittedNetworks, each_network
from skdnn.estimators.interrupts import is_part_of_one
from skdnn.estimators.jobs import job_for
from skdnn.estimators.learned import (
    attributes_of_all,
    books_of,
    forget,
    keeps_what_was_learned,
    learned_in_a_copy,
    unchanged_on_error,
)
from skdnn.estimators.plain_arguments import plain_arguments, reads_arguments
from skdnn.estimators.shares import Share, share_out
from skdnn.estimators.validation import score_by_loss_if_undefined
from skdnn.messages.user_warnings import warn_user, warnings_of_fit
from skdnn.training import train, train_once
from skdnn.training.failures import INTERRUPTED, NOT_FINITE
from skdnn.training.state import restore, state_of


def has_partial_fit(estimator):
    """Return whether `partial_fit` is there, for `available_if`."""
    if estimator.solver == "lbfgs":
        raise AttributeError(
            "partial_fit is only available for stochastic optimizers."
            f" {estimator.solver} is not stochastic."
        )
    return True


class BaseMLP(FittedNetworks, CallbackSupportMixin, SharedArguments):
    """Base of all estimators: a feed-forward network, and how it is trained.

    What differs from one to another is what there is to learn. An estimator says it
    with `predict` and its relatives, `partial_fit`, which calls `_partial_fit`, and
    with these:

    - `_read_task`, `task`: the task of a new fit, and that of the last one; values of
      :mod:`skdnn.estimators.task`.
    - `_to_average`, `_score_of` and `_oof_attributes`: which outputs of several
      networks have a mean, the score of this mean, and the attributes that tell it of
      the samples left out.
    """

    def _read_task(self, y, sample_weight):
        """Return the task that y, an array, sets, to begin anew with."""
        raise NotImplementedError

    @property
    def task(self):
        """The task of the last fit: how y is written, and predictions are read."""
        raise NotImplementedError

    def _continued_task(self):
        """Return the task of the last fit, for one that goes on."""
        return self.task.as_asked(self)

    def _same_task(self, y, sample_weight):
        """Return the task of the last fit, which y must set too."""
        task = self._continued_task()
        task.check_same(y)
        return task

    def _to_average(self, X):
        """Return the outputs of each network whose mean is what they say together.

        Of shape (n_networks, n_samples, n_outputs).
        """
        raise NotImplementedError

    def _score_of(self, outputs, y, sample_weight):
        """Return the score of such a mean."""
        raise NotImplementedError

    def _oof_attributes(self, outputs):
        """Return the attributes that hold the means over those that left a row out."""
        raise NotImplementedError

    @reads_arguments
    @_fit_context(prefer_skip_nested_validation=True)
    def fit(
        self,
        X,
        y,
        sample_weight=None,
        *,
        X_val=None,
        y_val=None,
        sample_weight_val=None,
    ):
        """Train the network, from new weights unless `warm_start` is True.

        Parameters
        ----------
        X : {array-like, sparse matrix} of shape (n_samples, n_features)
            Integer arrays, `uint8` images say, and memory-mapped arrays are not copied:
            rows are cast as they are needed.
        y : array-like of shape (n_samples,) or (n_samples, n_outputs)
            Labels, for multi-label classification an indicator matrix; or the numbers
            to predict.
        sample_weight : array-like of shape (n_samples,), default=None
            The loss is the weighted mean over a mini-batch.
        X_val : {array-like, sparse matrix} of shape (n_val, n_features), default=None
            A validation set: its loss and score are recorded for every epoch, and
            decide when to stop if `early_stopping` is True.
        y_val : array-like of shape (n_val,) or (n_val, n_outputs), default=None
            Its targets.
        sample_weight_val : array-like of shape (n_val,), default=None
            Its weights.

        Returns
        -------
        self : estimator
        """
        given = {"X": X, "y": y}
        if sample_weight is not None:
            given["metadata"] = {"sample_weight": sample_weight}
        with warnings_of_fit() as said, learned_in_a_copy(self) as learner:
            # What there is to learn, and to measure on.
            goes_on = self.warm_start and hasattr(self, "network_")
            rows_before = getattr(self, "estimators_samples_", ()) if goes_on else None
            forget(learner, *() if goes_on else ("_books",))
            read_task = learner._same_task if goes_on else learner._read_task
            data = read(learner, X, y, sample_weight, read_task, reset=not goes_on)
            validation = read_validation_set(
                learner, data.task, X_val, y_val, sample_weight_val
            )
            if validation is not None:
                val = validation.targets, validation.sample_weight
                data.task.warn_of_units(data.targets, data.row_weights, *val)
                data.task.warn_of_outliers(validation.y, val[1], validation.name)

            # Who learns what: a job for each network.
            checkpoints = checkpoints_for(learner, goes_on, data, validation)
            shares = share_out(learner, data, checkpoints, rows_before)
            jobs = learner._jobs_for(data, validation, shares, goes_on)
            is_told = bool((data.targets == data.targets[0]).all())  # y is constant
            score_by_loss_if_undefined(jobs, is_told)
            learner._warn_of_numbers(data, jobs[0].network)
            warn_of_settings(learner, data)

            # Training. From here on there is something to lose.
            said.holds = True
            callbacks = CallbackTasks(self, learner, jobs, data, given)
            jobs, converged = train(
                jobs, data, n_jobs=self.n_jobs, listener=callbacks.listener()
            )
            callbacks.end(jobs)
            _raise_if_interrupted(jobs)

            # What was learned.
            learner._publish(jobs, data.task, shares)
            if self.resampling is not None:
                learner._score_left_out(data, shares)
        warn_of_outcome(learner, data, jobs, converged)
        return self

    def _partial_fit(self, X, y, sample_weight, read_task):
        """Train for one epoch, as an estimator's `partial_fit` says.

        Parameters
        ----------
        X, y, sample_weight
            As `partial_fit` takes them.
        read_task : callable
            Takes y and sample_weight, both checked, and returns the task: that of the
            calls before, or in the first call the one that it finds.
        """
        if self.early_stopping:
            raise ValueError("partial_fit does not support early_stopping=True")
        if self.resampling is not None:
            raise ValueError(
                f"partial_fit does not support resampling={self.resampling!r}, which"
                " needs all samples. Set resampling=None."
            )
        with warnings_of_fit(), unchanged_on_error(self):
            fitted = hasattr(self, "network_")
            data = read(self, X, y, sample_weight, read_task, reset=not fitted)
            running = getattr(self, "_jobs", None) or []
            if running and not running[0].network.parameters.flags.writeable:
                running = copy.deepcopy(running)  # loaded as a memory map
            jobs, shares = self._jobs_to_go_on(data, running)
            if not fitted:
                self._warn_of_numbers(data, jobs[0].network)
                warn_of_size(self, data)
            warn_of_planned_end(self, jobs[0])
            before = [state_of(job) for job in jobs]
            try:
                train_once(jobs, data)
                self._publish(jobs, data.task, shares)
            except BaseException:
                for job, state in zip(jobs, before, strict=True):
                    restore(job, state)
                raise
            for job in jobs:
                job.unload()
            self.n_iter_ = 1
            self._jobs = jobs
        return self

    def _jobs_to_go_on(self, data, running):
        """Return the jobs of `partial_fit`, and their shares.

        They go on from those that run since the last call, or from the last fit, if
        there was one.
        """
        if running:
            books = books_of(self)
            self._check_n_networks(len(books), self.n_networks)
            shares = [
                Share(job.rng, book.get("random_state", self.random_state))
                for job, book in zip(running, books, strict=True)
            ]
            jobs = [
                job_for(self, data, None, share, network=job.network)
                for share, job in zip(shares, running, strict=True)
            ]
            for job, before in zip(jobs, running, strict=True):
                job.take_over(before)
        else:
            shares = share_out(self, data)
            jobs = self._jobs_for(data, None, shares, hasattr(self, "network_"))
        return jobs, shares

    def _jobs_for(self, data, validation, shares, goes_on):
        """Return a job for each share, to go on from the last fit or begin anew."""
        pasts = self._pasts(len(shares)) if goes_on else [None] * len(shares)
        each = zip(shares, pasts, strict=True)
        return [job_for(self, data, validation, share, past) for share, past in each]

    def _pasts(self, n_networks):
        """Return what each network is to go on from: an estimator of it alone."""
        each = each_network(self)
        self._check_n_networks(len(each), n_networks)
        return each

    def _check_n_networks(self, n_there, n_asked):
        if n_there != n_asked:
            raise ValueError(
                f"n_networks={n_asked}, but training is to go on with {n_there}."
                f" Set n_networks={n_there}, or warm_start=False."
            )

    def _warn_of_numbers(self, data, network):
        """Warn of numbers in X that the network can't tell apart."""
        names = getattr(self, "feature_names_in_", np.arange(self.n_features_in_))
        warn_of_numbers(data.as_given()[0], names, network.dtype)

    def _publish(self, jobs, task, shares):
        """Set the fitted attributes, if what was learned is finite."""
        networks = [job.result() for job in jobs]
        losses = [row["loss"] for job in jobs for row in job.history[-1:]]
        finite = all(network.is_finite() for network in networks)
        if not (finite and np.isfinite(losses).all()):
            raise ValueError(NOT_FINITE)
        vars(self).update(attributes_of_all(self, jobs, task, networks, shares))

    def _score_left_out(self, data, shares):
        """Set what networks predict for the samples that they have left out."""
        estimators = each_network(self)
        for alone in estimators:  # which gets arrays, whatever X was
            vars(alone).pop("feature_names_in_", None)

        def predict(k, rows):
            return estimators[k]._to_average(take_rows(data.X, rows))[0]

        weights, known = data.sample_weight, np.zeros(0, bool)
        try:
            with keeps_what_was_learned("There is no oof_score_"):
                left_out = [share.left_out for share in shares]
                means, known = predict_left_out(left_out, predict, data.X.shape[0])
                vars(self).update(self._oof_attributes(means), oof_score_=np.nan)
            if known.any():
                with keeps_what_was_learned("oof_score_ is NaN"):
                    weights = None if weights is None else weights[known]
                    score = self._score_of(means[known], data.y[known], weights)
                    self.oof_score_ = score
        except KeyboardInterrupt:
            if is_part_of_one():
                raise
            warn_user(f"{INTERRUPTED} There is no oof_score_.")


def _raise_if_interrupted(jobs):
    """Raise KeyboardInterrupt where what it has left is no model."""
    if any(job.was_interrupted for job in jobs):
        # Of several, one that has learned nothing spoils what others say.
        is_spoiled = len(jobs) > 1 and not all(job.history for job in jobs)
        if is_part_of_one() or is_spoiled:
            raise KeyboardInterrupt


def first_job(estimator, X, y, sample_weight=None):
    """Return the job of one network, on all samples, and the data.

    The estimator stays as it is, and so do its random numbers.

    Parameters
    ----------
    estimator : BaseMLP
    X, y, sample_weight
        As `fit` takes them.

    Returns
    -------
    job : Job
    data : FitData
    """
    alone = clone(estimator).set_params(n_networks=1, resampling=None)
    with plain_arguments(alone):
        alone._validate_params()
        # A copy, also of NumPy's global one, which `fit` is to find as it was.
        alone.random_state = copy.deepcopy(check_random_state(alone.random_state))
        data = read(alone, X, y, sample_weight, alone._read_task, reset=True)
        (share,) = share_out(alone, data)
        return job_for(alone, data, None, share), data
