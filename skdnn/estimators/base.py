"""What all estimators share: validation, fit, partial_fit, callbacks, files."""

import copy
from contextlib import contextmanager
from html import escape
from inspect import signature
from math import prod

import numpy as np
from sklearn.base import (
    ClassNamePrefixFeaturesOutMixin,
    TransformerMixin,
    _fit_context,
    is_classifier,
)
from sklearn.callback import CallbackSupportMixin
from sklearn.exceptions import ConvergenceWarning
from sklearn.utils._repr_html.estimator import estimator_html_repr
from sklearn.utils.validation import check_is_fitted, validate_data

from skdnn.data.door import (
    check_target_names,
    take_rows,
    taken_in,
    target_names,
    to_numpy,
)
from skdnn.data.numeric import check_kinds, check_no_text, check_weights
from skdnn.data.precision import check_range_of_float32, warn_of_numbers
from skdnn.estimators.arguments import SharedArguments, reads_arguments
from skdnn.estimators.building import (
    checkpoints_for,
    network_for,
    trainer_for,
    warn_of_ignored,
)
from skdnn.estimators.ensemble import (
    Plan,
    mean_history,
    plans_for,
    predict_left_out,
)
from skdnn.estimators.files import opened, stamped, without_paths
from skdnn.estimators.task.base import misfit
from skdnn.estimators.validation import (
    Fit,
    Validation,
    check_given,
    score_by_loss_if_undefined,
    split,
)
from skdnn.messages.user_warnings import warn_user, warnings_of_fit
from skdnn.nn import Dense, Network
from skdnn.nn.summary import count_of, table
from skdnn.training.together import Member, run_epoch, train
from skdnn.training.trainer import INTERRUPTED, NOT_FINITE

LEARNED = 0.5  # score in training of targets that are not too far off
SLIGHT = 0.2  # misfit of targets that may be why nothing was learned
NOT_GIVEN = "no_validation"  # scikit-learn's word for it
INTEGERS = [np.dtype(code) for code in "?bhilqBHILQ"]
# What each of several networks has of its own.
BOOKS = ("history_", "loss_", "best_loss_", "best_validation_score_", "n_iter_", "t_")
OOF = ("oof_score_", "oof_prediction_", "oof_decision_function_")


def has_partial_fit(estimator):
    """Return whether `partial_fit` is there, for `available_if`."""
    if estimator.solver == "lbfgs":
        raise AttributeError(
            "partial_fit is only available for stochastic optimizers."
            f" {estimator.solver} is not stochastic."
        )
    return True


class BaseMLP(
    ClassNamePrefixFeaturesOutMixin,
    TransformerMixin,
    CallbackSupportMixin,
    SharedArguments,
):
    """Base of all estimators: a feed-forward network, and how it is trained.

    What differs from one to another is what there is to learn. An estimator says it
    with `predict` and its relatives, `partial_fit`, which calls `_partial_fit`, and
    with these methods:

    - `_read_task`, `task_`, `_continued_task`: what a new fit learns,
      what the last one has learned, and what one that goes on learns, for which
      `_as_asked` adds what the parameters say now; values of
      :mod:`skdnn.estimators.task.base`.
    - `_check_labels` and `_weigh`: y as scikit-learn takes it, and what each of its
      samples counts. There are defaults.
    - `_to_average`, `_score_of` and `_oof_attributes`: which outputs of several
      networks have a mean, the score of this mean, and the attributes that tell it of
      the samples left out.

    `_target_checks` holds arguments of scikit-learn's `validate_data` for y.
    """

    _target_checks = {"multi_output": True}
    # Whether Ctrl-C, which leaves what was learned so far, is an error after all: for
    # one of several fits that make a model only together.
    _raises_interrupt = False

    def _read_task(self, y, sample_weight):
        """Return the task that y, an array, sets, to begin anew with."""
        raise NotImplementedError

    @property
    def task_(self):
        """Return the task of the last fit."""
        raise NotImplementedError

    def _as_asked(self, task):
        """Return task of another fit, with what the parameters say now."""
        return task

    def _continued_task(self):
        """Return the task of the last fit, for one that goes on."""
        return self._as_asked(self.task_)

    def _weigh(self, task, targets, sample_weight):
        """Return each sample's weight in training, or None."""
        return sample_weight

    def _to_average(self, X):
        """Return the outputs whose mean over the networks is what they say together."""
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
        owner, data = self, {"estimator": self, "X": X, "y": y}
        X, y = as_given = taken_in(X, "X"), taken_in(y, "y")
        if sample_weight is not None:
            data["metadata"] = {"sample_weight": sample_weight}
        warm = self.warm_start and hasattr(self, "network_")
        rows_before = getattr(self, "estimators_samples_", ()) if warm else None
        with warnings_of_fit() as said, learned_in_a_copy(owner) as self:
            forgotten = ("_trainers", "estimators_samples_", *OOF)
            for name in forgotten if warm else ("_books", *forgotten):
                vars(self).pop(name, None)
            read = self._same_task if warm else self._read_task
            X, task, targets, weights, sample_weight, y = self._prepare(
                X, y, sample_weight, read, reset=not warm
            )
            given = check_given(self, task, X_val, y_val, sample_weight_val)
            if given is not None:
                val = given.targets, given.sample_weight
                task.warn_of_units(targets, weights, *val)
                task.warn_of_outliers(given.y, val[1], given.name)
            checkpoints = checkpoints_for(
                self,
                warm,
                X,
                task.fitted_attributes(),
                targets,
                sample_weight,
                given and given.learned_from(),
            )
            fit = Fit(X, targets, weights, sample_weight, y, task, given, as_given)
            counts = fit.counts()
            plans = plans_for(self, checkpoints, task, targets, counts, rows_before)
            members = [self._member(fit, k, plans[k], warm) for k in range(len(plans))]
            is_told = bool((targets == targets[0]).all())  # that all of y is constant
            score_by_loss_if_undefined(members, is_told)
            warn_of_numbers(
                as_given[0], self._column_names(), members[0].trainer.network.dtype
            )
            self._warn_of_settings(task, targets, weights)
            said.holds = True
            members, converged = self._train(members, fit, data)
            trainers = [member.trainer for member in members]
            if any(it.was_interrupted for it in trainers):
                # Of several, one that has learned nothing spoils what others say.
                is_part = len(trainers) > 1 and not all(it.history for it in trainers)
                if self._raises_interrupt or is_part:
                    raise KeyboardInterrupt
            self._publish(trainers, task, plans)
            if self.resampling is not None:
                self._score_left_out(fit, plans)
        largest = self._largest_parameter()
        limit = np.sqrt(np.sqrt(np.finfo(self.network_.dtype).max))
        if largest > limit and not any(it.complaint for it in trainers):
            warn_user(
                f"Training has diverged: parameters are as large as {largest:.3g}, and"
                " predictions may overflow. Lower learning_rate_init, set"
                " max_grad_norm, or scale X.",
                ConvergenceWarning,
            )
        elif not any(it.complaint or it.is_stuck for it in trainers):
            self._warn_of_size(task, targets, weights)
        if not converged:
            warn_user(
                f"Stochastic Optimizer: Maximum iterations ({self.max_iter}) reached"
                " and the optimization hasn't converged yet.",
                ConvergenceWarning,
            )
        return owner

    def _partial_fit(self, X, y, sample_weight, read_task):
        """Train for one epoch, as an estimator's `partial_fit` says.

        Parameters
        ----------
        X, y, sample_weight
            As `partial_fit` takes them.
        read_task : callable
            Takes y and sample_weight, both checked, and returns the task: those of
            the calls before, or in the first call those that it finds.
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
            as_given = X = taken_in(X, "X")
            X, task, targets, weights, _, _ = self._prepare(
                X, y, sample_weight, read_task, reset=not fitted
            )
            trainers, plans = self._trainers_to_go_on(X, task, targets, weights)
            if not fitted:
                network = trainers[0].network
                warn_of_numbers(as_given, self._column_names(), network.dtype)
                self._warn_of_size(task, targets, weights)
            if trainers[0].schedule.planned and trainers[0].n_epochs == self.max_iter:
                warn_user(
                    f"learning_rate={self.learning_rate!r} is laid out for"
                    f" max_iter={self.max_iter} calls of partial_fit, and this is one"
                    " more: its rate is 0 from now on, and nothing is learned."
                    " Set max_iter to the number of calls that you plan, or"
                    " learning_rate='constant'.",
                )
            before = [trainer.state() for trainer in trainers]
            try:
                for trainer in trainers:
                    trainer.load(X, targets, weights)
                run_epoch(trainers)
                for trainer in trainers:
                    row = trainer.history[-1]
                    if self.verbose:
                        print(f"Iteration 1, loss = {row['loss']:.8f}")
                    say = print if self.verbose else lambda line: None
                    trainer.judge(row, self.tol, self.n_iter_no_change, say=say)
                self._publish(trainers, task, plans)
            except BaseException:
                for trainer, state in zip(trainers, before, strict=True):
                    trainer.restore(state)
                raise
            for trainer in trainers:
                trainer.unload()
            self.n_iter_ = 1
            self._trainers = trainers
        return self

    def _trainers_to_go_on(self, X, task, targets, weights):
        """Return the trainers of `partial_fit`, where the last call has left them."""
        running = getattr(self, "_trainers", None)
        if running is not None:
            if not running[0].network.parameters.flags.writeable:
                running = copy.deepcopy(running)  # loaded as a memory map
            plans = [
                Plan(trainer.rng, alone.random_state)
                for trainer, alone in zip(running, self._each(), strict=True)
            ]
            previous = [it.network for it in running]
            pasts = [None] * len(plans)
        else:
            plans = plans_for(self, None, task, targets)
            previous = pasts = [None] * len(plans)
            if hasattr(self, "network_"):
                pasts = self._each_to_go_on(len(plans))
                previous = [it.network_.copy() for it in pasts]
        trainers = []
        for plan, its_previous, past in zip(plans, previous, pasts, strict=True):
            network = network_for(self, X, task, plan.rng, its_previous)
            task.check_range(targets, network.dtype)
            if its_previous is None:
                task.start(network, targets, weights)
            self._transform_stop(network)
            trainers.append(trainer_for(self, network, task, plan.rng, past))
        for trainer, before in zip(trainers, running or (), strict=False):
            trainer.take_over(before)
        return trainers, plans

    def _each_to_go_on(self, n_networks):
        """Return an estimator for each network of the last fit."""
        each = self._each()
        if len(each) != n_networks:
            raise ValueError(
                f"n_networks={n_networks}, but training is to go on with {len(each)}."
                f" Set n_networks={len(each)}, or warm_start=False."
            )
        return each

    def _same_task(self, y, sample_weight):
        """Return the task of the last fit, which y must have."""
        task = self._continued_task()
        task.check_same(y)
        return task

    def _prepare(self, X, y, sample_weight, read_task, *, reset):
        """Check what there is to learn, and return it as training takes it.

        Parameters
        ----------
        X, y, sample_weight
            As `fit` takes them.
        read_task : callable
            See :meth:`_partial_fit`.
        reset : bool
            Whether X may have other columns than before.

        Returns
        -------
        X, task, targets, weights, sample_weight, y
            The rows; what is learned, and y as the loss takes it; what each row
            weighs in the loss, and as it was given, checked; y, checked.
        """
        y = taken_in(y, "y")
        self._check_target_names(y, "y", reset=reset)
        X, y = self._validate(X, y, reset=reset)
        sample_weight = check_weights(sample_weight, X)
        task = read_task(y, sample_weight)
        targets = task.encode(y)
        weights = self._weigh(task, targets, sample_weight)
        return X, task, targets, weights, sample_weight, task.restore(targets, y)

    def _validate(self, X, y=NOT_GIVEN, *, reset, dtype=None, name="X"):
        """Check X (and y), and return arrays; integers and memory maps stay as is."""
        dtype = dtype or self.dtype
        X = taken_in(X, name)
        check_kinds(X, name)
        if y is not NOT_GIVEN:
            y = self._check_labels(y, "y")
        floats = [np.float64, np.float32] if dtype == "auto" else [dtype]
        # A memory map stays one, of whatever numbers and byte order.
        is_mapped = isinstance(X, np.memmap) and X.dtype.kind in "fiub"
        mapped = [X.dtype] if is_mapped else []
        check_params = {}
        if y is not NOT_GIVEN:
            # Mini-batches take rows, fast where these lie in C order.
            order = None if is_mapped else "C"
            check_params = self._target_checks | {"order": order}
        try:
            checked = validate_data(
                self,
                X,
                y,
                reset=reset,
                accept_sparse="csr",
                dtype=floats + mapped + INTEGERS,
                **check_params,
            )
        except ValueError as error:
            kind = "Classifier" if is_classifier(self) else "Regressor"
            check_no_text(X, f"Tabular{kind}DIY", name)
            if "array element" not in str(error) and "to float" not in str(error):
                raise
            raise ValueError(f"{name}: {error}") from error
        except TypeError as error:  # of an object that is no number
            if "float()" not in str(error):
                raise
            raise TypeError(f"{name}: {error}") from error
        if mapped and np.dtype(floats[0]) == np.float32:
            check_range_of_float32(X)  # cast later, row by row
        return checked

    def _check_target_names(self, y, name, *, reset=False):
        """Remember the names of the columns of y, or compare them with these."""
        if reset:
            vars(self).pop("target_names_in_", None)
            names = target_names(y)
            if names is not None:
                self.target_names_in_ = names
        check_target_names(y, name, getattr(self, "target_names_in_", None))

    def _to_score(self, X, y, sample_weight):
        """Return y and weights as metrics take them, checked as those of `fit` are."""
        y = taken_in(y, "y")
        self._check_target_names(y, "y")
        return self._check_labels(y, "y"), check_weights(sample_weight, X)

    def _warn_of_settings(self, task, targets, weights):
        """Warn of settings that will spoil a fit to these data in silence."""
        warn_of_ignored(self)
        mean = 1.0 if weights is None else float(np.mean(weights))
        penalized = self.solver != "adamw" and self.alpha
        if penalized and mean < 0.1 and self.alpha / mean > 1:
            warn_user(
                f"The weights of the samples are {mean:.2g} in the mean. As the penalty"
                " counts relative to them, it is as strong as that of"
                f" alpha={self.alpha / mean:.2g} for samples of weight 1. Divide the"
                " weights by their mean, or lower alpha."
            )
        in_batches = self.solver != "lbfgs" and not self.shuffle
        size = 200 if self.batch_size == "auto" else self.batch_size
        if in_batches and len(targets) > size and task.are_sorted(targets):
            warn_user(
                "y is sorted, and shuffle=False: mini-batches hold hardly more than one"
                " class, or like numbers, and what comes last is learned best. Set"
                " shuffle=True, or shuffle the rows."
            )

    def _warn_of_size(self, task, targets, weights):
        """Warn of targets of a wrong size, unless they were learned all the same."""
        mean, std = task.size_of(targets, weights)
        history = getattr(self, "history_", None)
        score = history[-1]["score"] if history else None
        # One that is far worse than a constant has not even found the middle of y.
        too_far = SLIGHT if history and score < -LEARNED else 1.0
        if misfit(mean, std) > too_far and not (history and score > LEARNED):
            so_far = (
                "" if score is None else f", with a score of {score:.2g} in the end"
            )
            warn_user(
                f"y is about {mean:.3g} ± {std:.3g}, far from a spread of 1 around 0,"
                f" where a network starts: it learns little{so_far}. Set"
                " standardize_target=True."
            )

    @staticmethod
    def _check_labels(y, name):
        """Return y as scikit-learn takes it."""
        return to_numpy(y)

    def _column_names(self):
        """Return the names of the columns of X, or their numbers."""
        return getattr(self, "feature_names_in_", np.arange(self.n_features_in_))

    def _member(self, fit, k, plan, warm):
        """Return what trains the network number k of a fit."""
        task, given = fit.task, fit.given
        past = self._each_to_go_on(self.n_networks)[k] if warm else None
        previous = None if past is None else past.network_.copy()
        network = network_for(self, fit.X, task, plan.rng, previous)
        task.check_range(fit.targets, network.dtype)
        if given is not None:
            task.check_range(given.targets, network.dtype, given.name)
        self._transform_stop(network)  # better known before training
        rows, validation = plan.rows, given
        if given is None and self._validates():
            if plan.left_out is None:
                rows, validation = split(self, fit, plan.rng)
            else:
                validation = fit.validation_set(
                    plan.left_out, "the part of y that a network leaves out"
                )
        if previous is None:
            task.start(network, *fit.learned(rows))
        trainer = trainer_for(self, network, task, plan.rng, past)
        if validation is not None:
            validation = Validation(self, trainer, task, validation)
        rules = {"tol": self.tol, "validate": validation, "verbose": self.verbose}
        if self.solver != "lbfgs":
            rules["n_iter_no_change"] = self.n_iter_no_change
            rules["early_stopping"] = self.early_stopping
            rules["keeps_best"] = self.early_stopping or self.resampling == "folds"
        return Member(trainer, rows, rules, plan.checkpoint)

    def _validates(self):
        """Return whether a part of the samples is set aside to validate on."""
        if self.solver == "lbfgs":
            return False
        return self.early_stopping or self.resampling == "folds"

    def _train(self, members, fit, data):
        """Train, with a callback task for each epoch; see :func:`together.train`."""
        owner = data["estimator"]
        trainers = [member.trainer for member in members]
        goes_together = trainers[0].takes_steps
        n_epochs = self.max_iter * (1 if goes_together else len(trainers))
        context = owner._init_callback_context(max_subtasks=n_epochs)
        context.call_on_fit_task_begin(**data)
        epoch_context = None

        def on_epoch_begin():
            nonlocal epoch_context
            epoch_context = context.subcontext(task_name="epoch")
            epoch_context.call_on_fit_task_begin(**data)

        def attributes():
            state = self._attributes_of(
                trainers, fit.task, [trainer.snapshot() for trainer in trainers]
            )
            # What else the owner has is of the fit before.
            before = dict.fromkeys(fitted_attributes(owner))
            state = {**before, **fitted_attributes(self), **state}
            return {**state, "history_": list(state["history_"])}

        def on_epoch_end(rows):
            return epoch_context.call_on_fit_task_end(
                **data, reconstruction_attributes=attributes if rows else None
            )

        options = {"n_jobs": self.n_jobs}
        if getattr(self, "_skl_callbacks", None):  # contexts cost time: only if needed
            options |= {"on_epoch_begin": on_epoch_begin, "on_epoch_end": on_epoch_end}
        members, converged = train(
            members, (fit.X, fit.targets, fit.weights), **options
        )
        trainers = [member.trainer for member in members]
        context.call_on_fit_task_end(**data, reconstruction_attributes=attributes)
        return members, converged

    def _publish(self, trainers, task, plans):
        """Set the fitted attributes, if what was learned is finite."""
        networks = [trainer.result() for trainer in trainers]
        losses = [row["loss"] for it in trainers for row in it.history[-1:]]
        finite = all(network.is_finite() for network in networks)
        if not (finite and np.isfinite(losses).all()):
            raise ValueError(NOT_FINITE)
        vars(self).update(self._attributes_of(trainers, task, networks, plans))

    def _attributes_of(self, trainers, task, networks, plans=None):
        """Return the fitted attributes, of one network or of several."""
        each = [
            self._fitted_attributes(trainer, task, network)
            for trainer, network in zip(trainers, networks, strict=True)
        ]
        if not self._is_ensemble():
            return each[0]
        books = [{name: its[name] for name in BOOKS} for its in each]
        if plans is not None:
            for book, plan in zip(books, plans, strict=True):
                book["random_state"] = plan.seed
        attributes = {
            **each[0],
            "network_": Network.stacked(networks),
            "history_": mean_history([it.history for it in trainers]),
            "n_iter_": max(its["n_iter_"] for its in each),
            "t_": sum(its["t_"] for its in each),
            "_books": books,
        }
        for name in ("loss_", "best_loss_", "best_validation_score_"):
            numbers = [its[name] for its in each]
            attributes[name] = None if None in numbers else float(np.mean(numbers))
        if self.resampling is not None and plans is not None:
            attributes["estimators_samples_"] = [plan.rows for plan in plans]
        return attributes

    def _is_ensemble(self):
        """Return whether the parameters ask for several networks."""
        return self.n_networks > 1 or self.resampling is not None

    def _is_ensemble_fitted(self):
        """Return whether `network_` has an axis of networks."""
        return bool(self.network_.axes)

    def _fitted_attributes(self, trainer, task, network):
        history = trainer.history
        scored = trainer.best_score > -np.inf
        stops_early = self.early_stopping and self.solver != "lbfgs"
        return {
            **task.fitted_attributes(),
            "network_": network,
            "history_": history,
            "loss_": history[-1]["loss"] if history else np.nan,
            "best_loss_": None if stops_early else trainer.best_loss,
            "best_validation_score_": trainer.best_score if scored else None,
            "n_iter_": trainer.n_epochs,
            "t_": trainer.samples_seen,
            "n_outputs_": network.widths[-1],
            "n_layers_": len(_dense_views(network)) + 1,
            "out_activation_": type(network.layers[-1]).__name__.lower(),
        }

    @property
    def estimators_(self):
        """A fitted estimator of each network alone, that shares its memory."""
        check_is_fitted(self)
        if not self._is_ensemble_fitted():
            raise AttributeError(
                "estimators_ is there with n_networks > 1, or with resampling."
            )
        return self._each()

    def _each(self):
        """Return an estimator for each network: this one, if it has but one."""
        if not self._is_ensemble_fitted():
            return [self]
        estimators = []
        for network, book in zip(self.network_.members(), self._books, strict=True):
            alone = copy.copy(self)
            for name in ("_books", "_trainers", "estimators_samples_", *OOF):
                vars(alone).pop(name, None)
            alone.n_networks, alone.resampling = 1, None
            vars(alone).update(book, network_=network)
            estimators.append(alone)
        return estimators

    def _score_left_out(self, fit, plans):
        """Set what networks predict for the samples that they have left out."""
        estimators = self._each()
        for alone in estimators:  # which gets arrays, whatever X was
            vars(alone).pop("feature_names_in_", None)

        def predict(k, rows):
            return estimators[k]._to_average(take_rows(fit.X, rows))

        weights, known = fit.sample_weight, np.zeros(0, bool)
        try:
            with keeps_what_was_learned("There is no oof_score_"):
                means, known = predict_left_out(plans, predict, fit.X.shape[0])
                vars(self).update(self._oof_attributes(means), oof_score_=np.nan)
            if known.any():
                with keeps_what_was_learned("oof_score_ is NaN"):
                    self.oof_score_ = self._score_of(
                        means[known],
                        fit.y[known],
                        None if weights is None else weights[known],
                    )
        except KeyboardInterrupt:
            if self._raises_interrupt:
                raise
            warn_user(f"{INTERRUPTED} There is no oof_score_.")

    @property
    def loss_curve_(self):
        """Training loss of each epoch."""
        check_is_fitted(self)
        return [row["loss"] for row in self.history_]

    @property
    def validation_scores_(self):
        """Validation score of each epoch that has one, or None."""
        check_is_fitted(self)
        scores = (row.get("validation_score") for row in self.history_)
        return [score for score in scores if score is not None] or None

    @property
    def coefs_(self):
        """Weights of the dense layers: views into the network."""
        check_is_fitted(self)
        return [view["weights"] for view in _dense_views(self.network_)]

    @property
    def intercepts_(self):
        """Biases of the dense layers: views into the network."""
        check_is_fitted(self)
        return [view["bias"] for view in _dense_views(self.network_)]

    def transform(self, X):
        """Return what the last hidden layer puts out, or the layer `transform_layer`.

        So a fitted network can stand in front of another model, in a pipeline say. One
        without a hidden layer returns X.

        Parameters
        ----------
        X : {array-like, sparse matrix} of shape (n_samples, n_features)

        Returns
        -------
        A : ndarray of shape (n_samples, n_units)
            In the dtype of the network. The activations of several networks stand side
            by side.
        """
        check_is_fitted(self)
        A = self._outputs(X, stop=self._transform_stop(self.network_))
        if A.ndim == 2:
            return A
        return np.moveaxis(A, 0, 1).reshape(A.shape[1], -1)

    def _transform_stop(self, network):
        """Return the number of layers that `transform` takes, or raise an error."""
        name = self.transform_layer
        if name is None:
            dense = [
                i for i, kind in enumerate(network.layers) if isinstance(kind, Dense)
            ]
            return dense[-1] if dense else 0
        if name not in network.names:
            raise ValueError(
                f"transform_layer={name!r} is not among the layers of the network:"
                f" {list(network.names)}."
            )
        return network.names.index(name) + 1

    @property
    def _n_features_out(self):
        n_networks = prod(self.network_.axes)
        return n_networks * self.network_.widths[self._transform_stop(self.network_)]

    def _outputs(self, X, stop=None):
        if not self._is_valid(X):
            X = self._validate(X, reset=False, dtype=self.network_.dtype)
        with np.errstate(over="ignore", invalid="ignore"):
            outputs = self.network_.predict(X, stop)
        if not np.isfinite(outputs).all():
            raise ValueError(
                f"X holds numbers as large as {abs(X).max():.3g}, and the network's"
                f" parameters are as large as {self._largest_parameter():.3g}: its sums"
                f" overflow {self.network_.dtype}. Scale X, as well as the data to fit"
                " on, with StandardScaler for example."
            )
        return outputs

    def _is_valid(self, X):
        """Return whether X can be taken as it is: for one row, this halves the time."""
        if (
            type(X) is not np.ndarray
            or X.dtype != self.network_.dtype
            or X.ndim != 2
            or not X.shape[0]
            or X.shape[1] != self.n_features_in_
            or hasattr(self, "feature_names_in_")
        ):
            return False
        with np.errstate(over="ignore", invalid="ignore"):
            return bool(np.isfinite(X.sum()))  # if that overflows: look closer

    def _largest_parameter(self):
        return np.abs(self.network_.parameters).max(initial=0)

    def summary(self):
        """Print the layers of the fitted network, output shapes and parameter counts.

        In the shapes, m stands for the number of samples.
        """
        check_is_fitted(self)
        print(self.network_.summary())

    def _html_repr(self):
        """Return scikit-learn's diagram, and the layers in a table below it."""
        diagram = estimator_html_repr(self)
        if not hasattr(self, "network_"):
            return diagram
        left, right = "style='text-align: left'", "style='text-align: right'"
        network = self.network_
        rows = "".join(
            f"<tr><td {left}>{escape(name)}</td><td {left}>{shape}</td>"
            f"<td {right}>{count}</td></tr>"
            for name, shape, count in table(network)
        )
        return (
            f"{diagram}<table style='font-family: monospace; border-spacing: 1.5em 0'>"
            f"<caption style='caption-side: bottom'>{count_of(network)}</caption>"
            f"{rows}</table>"
        )

    def __getstate__(self):
        return stamped(without_paths(super().__getstate__()))

    def __setstate__(self, state):
        # Arguments that the version that wrote the file did not have get their default.
        arguments = signature(type(self)).parameters.values()
        defaults = {p.name: p.default for p in arguments if p.default is not p.empty}
        super().__setstate__({**defaults, **opened(state)})

    def __sklearn_tags__(self):
        tags = super().__sklearn_tags__()
        tags.input_tags.sparse = True
        tags.transformer_tags.preserves_dtype = []  # it is that of the network
        return tags


def _dense_views(network):
    return [node.view for node in network.walk() if "weights" in node.view]


def fitted_attributes(estimator):
    """Return what an estimator has learned, by name."""
    return {
        name: value
        for name, value in vars(estimator).items()
        if name.endswith("_") or name in ("_trainers", "_books")
    }


@contextmanager
def learned_in_a_copy(estimator):
    """Give an estimator what a copy of it has learned, all at once in the end.

    So what it has learned before is there as long as a fit runs, for other threads too,
    and after one that fails.

    Yields
    ------
    copy : estimator
    """
    learned = object.__new__(type(estimator))
    vars(learned).update(vars(estimator))
    yield learned
    new = fitted_attributes(learned)
    old = fitted_attributes(estimator).keys() - new.keys()
    vars(estimator).update(new)
    for name in old:
        delattr(estimator, name)


@contextmanager
def keeps_what_was_learned(loss):
    """Warn of an error after training, which would take all that was learned with it.

    Parameters
    ----------
    loss : str
        What there is not for it.
    """
    try:
        yield
    except Exception as error:
        warn_user(f"{loss}: {type(error).__name__}: {error}")


@contextmanager
def unchanged_on_error(estimator):
    """Give an estimator its fitted attributes back if what it is about to do fails."""
    before = fitted_attributes(estimator)
    try:
        yield
    except BaseException:
        for name in fitted_attributes(estimator):
            delattr(estimator, name)
        vars(estimator).update(before)
        raise
