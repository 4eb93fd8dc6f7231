"""The scikit-learn contract: arguments, validation, fitted attributes, tags."""

import copy
from contextlib import contextmanager
from inspect import signature
from numbers import Integral, Real
from os import PathLike

import numpy as np
from sklearn.base import BaseEstimator, ClassifierMixin, _fit_context
from sklearn.callback import CallbackSupportMixin
from sklearn.exceptions import ConvergenceWarning
from sklearn.metrics import get_scorer_names
from sklearn.utils import check_random_state
from sklearn.utils._param_validation import Interval, Options, StrOptions
from sklearn.utils._repr_html.estimator import estimator_html_repr
from sklearn.utils.metaestimators import available_if
from sklearn.utils.multiclass import _check_partial_fit_first_call, type_of_target
from sklearn.utils.optimize import _check_optimize_result
from sklearn.utils.validation import (
    check_is_fitted,
    validate_data,
)

from skdnn.building import (
    ACTIVATIONS,
    INITIALIZERS,
    LOSSES,
    checkpoint_for,
    network_for,
    trainer_for,
)
from skdnn.data import check_range_of_float32, to_numpy, warn_of_lost_spread
from skdnn.files import opened, stamped
from skdnn.labels import Labels, as_columns, check_weights, weigh
from skdnn.nn import logistic
from skdnn.nn.network import TABLE_HEAD
from skdnn.training import NOT_FINITE
from skdnn.user_warnings import warn_user
from skdnn.validation import Validation, check_given, split

NOT_GIVEN = "no_validation"  # scikit-learn's word for it
INTEGERS = [np.dtype(code) for code in "?bhilqBHILQ"]


class MLPClassifierDIY(CallbackSupportMixin, ClassifierMixin, BaseEstimator):
    """A feed-forward neural network, trained by gradient descent on the log-loss.

    Made to stand in for :class:`sklearn.neural_network.MLPClassifier`: an argument of
    the same name means the same and has the same default. The arithmetic is float32
    unless `dtype` says otherwise; the README lists what else differs.

    Parameters
    ----------
    hidden_layer_sizes : int or array-like of int, default=(100,)
        The number of units of each hidden layer.

    activation : {"identity", "logistic", "tanh", "relu", "leaky_relu"}, \
            default="relu"
        Activation of the hidden layers.

    architecture : list of skdnn.nn.Layer, default=None
        The layers, one by one, in place of `hidden_layer_sizes`, `activation`,
        `batch_norm` and `dropout`, for example ``[Dense(50), BatchNorm(), ReLU()]``.
        The output layer is added by `fit`: ``Dense(n_classes), Softmax()``, or, as in
        scikit-learn, one logistic output for two classes. A list that ends in
        ``Softmax()`` is taken as it stands; one that ends in ``Logistic()`` is not.

    batch_norm : bool, default=False
        Whether each hidden layer is followed by batch normalization, before its
        activation.

    dropout : float or array-like of float, default=0.0
        The probability that a hidden activation is dropped in training, in [0, 1): one
        for all hidden layers, or one for each.

    input_dropout : float, default=0.0
        The probability that an input is dropped in training, in [0, 1).

    weight_init : {"auto", "glorot", "he", "normal"} or callable, default="auto"
        How the weights start. "auto" is as in scikit-learn: uniform, after Glorot and
        Bengio, weights and biases. A callable is an initializer of
        :mod:`skdnn.nn.initializers`, such as ``Normal(0.05)``.

    solver : {"lbfgs", "sgd", "adam", "adamw"}, default="adam"
        The optimizer. "adamw" is Adam with decoupled weight decay. "lbfgs" takes all
        samples at once and ignores what concerns mini-batches and schedules; for small
        data sets it can converge faster and do better.

    alpha : float, default=0.0001
        Strength of the L2 penalty on the weights: ``alpha / (2 m) * sum(weights ** 2)``
        is part of the loss of a mini-batch of m samples. With "adamw", the decoupled
        decay instead: a step multiplies the weights with ``1 - learning_rate * alpha``
        and the loss has no penalty.

    batch_size : int or "auto", default="auto"
        Samples in a mini-batch; "auto" is ``min(200, n_samples)``.

    learning_rate : {"constant", "invscaling", "adaptive", "cosine", "one_cycle"}, \
            default="constant"
        Schedule of the learning rate, for every solver but "lbfgs" (in scikit-learn,
        for "sgd" only). The last two plan all of `max_iter` epochs: `tol` and
        `n_iter_no_change` end nothing, `early_stopping` chooses the epoch that is
        kept, and the end at `max_iter` is no ConvergenceWarning.

        - "constant": `learning_rate_init`.
        - "invscaling": ``learning_rate_init / (t + 1) ** power_t``, t the number of
          samples seen, from epoch to epoch.
        - "adaptive": divided by 5 each time the loss (or the validation score, with
          `early_stopping`) fails to improve by `tol` for `n_iter_no_change` epochs.
        - "cosine": falls to 0 at `max_iter` along half a cosine.
        - "one_cycle": rises linearly from 0 to `learning_rate_init` over the first
          fifth of `max_iter` epochs, then falls linearly to 0.

    learning_rate_init : float, default=0.001
        The learning rate, or the value that the schedule scales.

    power_t : float, default=0.5
        Exponent of "invscaling".

    max_iter : int, default=200
        Number of epochs at most.

    shuffle : bool, default=True
        Whether each epoch takes the samples in a new order.

    class_weight : dict, "balanced" or None, default=None
        Weights of the classes, by label; "balanced" is inversely proportional to their
        frequency in `y`. They multiply `sample_weight`. Classes that a dictionary does
        not name have weight 1. Not for multi-label targets.

    label_smoothing : float, default=0.0
        The part of each target that is spread evenly over all classes, in [0, 1).

    ema_decay : float or None, default=None
        With a number in (0, 1), an exponential moving average of the parameters, with
        this decay for each step, is what is validated, kept and predicts. Not for
        "lbfgs".

    random_state : int, RandomState instance or None, default=None
        Seed of everything random: initial weights, validation split, order of the
        samples, dropout. With an int, two fits give the same bits.

    tol : float, default=1e-4
        Training stops when the loss, or the validation score, fails to improve by
        `tol` for `n_iter_no_change` epochs in a row, unless `learning_rate` is
        "cosine" or "one_cycle".

    verbose : bool, default=False
        Whether to print the loss of each epoch.

    warm_start : bool, default=False
        Whether `fit` goes on from the parameters of the last one, instead of new ones.

    momentum : float, default=0.9
        Momentum of "sgd", in [0, 1].

    nesterovs_momentum : bool, default=True
        Whether "sgd" uses Nesterov's momentum.

    early_stopping : bool, default=False
        Whether the score on a validation set decides when to stop. The parameters of
        the best epoch are kept. The validation set is the one given to `fit`, or a part
        of the training data, stratified by class: of two classes, always (too few
        samples of one are an error), of more, where each has enough samples. Not for
        "lbfgs".

    scoring : str, callable or None, default=None
        The validation score, weighted by `sample_weight` but not by `class_weight`:
        None is the accuracy, "loss" the negative loss, anything
        else one of scikit-learn's scorers (its name, or a callable
        ``scorer(estimator, X, y)``, which gets rows of X and y as they were passed to
        `fit`). Greater is better. Scorers of probabilities know all of `classes_`, also
        those that the validation set lacks. A score that is not a finite number is an
        error in the first epoch; later there is a warning, and the epoch can't be the
        best.

    validation_fraction : float, default=0.1
        The part of the training data that is set aside if `early_stopping` is True
        and no validation set is given to `fit`.

    beta_1, beta_2 : float, default=0.9, 0.999
        Decay rates of Adam's moments.

    epsilon : float, default=1e-8
        Adam's constant for numerical stability.

    n_iter_no_change : int or inf, default=10
        See `tol`.

    max_fun : int, default=15000
        Evaluations of the loss at most, for "lbfgs".

    max_grad_norm : float or None, default=None
        The gradient, of all parameters together, is scaled down to this Euclidean norm
        where it is longer. Not for "lbfgs".

    dtype : {"float32", "float64", "auto"}, default="float32"
        Of parameters, arithmetic and probabilities. "auto" is float32 for float32
        input and float64 for everything else, as in scikit-learn.

    checkpoint_dir : str, path-like or None, default=None
        A directory in which `fit` keeps its state. A `fit` that is run again, with the
        same data and settings, goes on where the last one stopped, to the same bits as
        one that was never interrupted ("seconds" in `history_` apart), and is over at
        once where that one was finished; for "lbfgs", only the latter. For the same
        bits, the libraries and the number of threads must be the same. Files are named
        by a hash of data and settings, so that one directory serves any number of
        fits, at the same time too. Of functions among the settings, the hash knows
        name and code, but not what they call. `random_state` counts as a setting:
        with None, a second fit of the same data is taken for the first. Callbacks see
        the epochs that are run. A fit that a callback stops is finished, one that is
        stopped by Ctrl-C is not. `partial_fit` writes nothing.

    checkpoint_every : int, default=1
        How many epochs lie between one checkpoint and the next.

    Attributes
    ----------
    classes_ : ndarray of shape (n_classes,)
        The labels.
    n_features_in_ : int
        Number of features seen by `fit`.
    feature_names_in_ : ndarray of shape (n_features_in_,)
        Names of the features, where `X` has names that are all strings.
    n_iter_ : int
        Number of epochs run by the last call of `fit` or `partial_fit`.
    loss_ : float
        Training loss of the last epoch.
    best_loss_ : float or None
        The smallest training loss; None where `early_stopping` decides.
    loss_curve_ : list of float
        Training loss of each epoch, those before a warm start included.
    validation_scores_ : list of float or None
        Validation score of each epoch, where there is a validation set.
    best_validation_score_ : float or None
        The best of them.
    history_ : list of dict
        A row for each epoch (for "lbfgs", each iteration): "epoch", "loss", "score"
        (the accuracy, on each mini-batch before its step), "learning_rate" (of the last
        step; not for "lbfgs"), "gradient_norm" (a dict: for each layer with parameters
        the root mean square over the mini-batches of the norm of its gradient, before
        clipping), "seconds", and with a validation set "validation_loss" and
        "validation_score".
        ``pandas.DataFrame(clf.history_)`` is a table of it.
    t_ : int
        Number of samples trained on, over all epochs; 0 for "lbfgs".
    network_ : skdnn.nn.Network
        The trained network.
    coefs_, intercepts_ : list of ndarray
        The weights, of shape (n_inputs, units), and biases, of shape (units,), of the
        dense layers: views into the network.
    n_layers_ : int
        Number of dense layers, plus 1 for the input.
    n_outputs_ : int
        Number of outputs of the network: 1 for two classes, unless `architecture` ends
        in ``Softmax()``.
    out_activation_ : {"softmax", "logistic"}
        Activation of the output.

    See Also
    --------
    skdnn.nn : The layers, and the network itself.

    Examples
    --------
    >>> from sklearn.datasets import load_digits
    >>> from sklearn.model_selection import train_test_split
    >>> from skdnn import MLPClassifierDIY
    >>> X, y = load_digits(return_X_y=True)
    >>> X_train, X_test, y_train, y_test = train_test_split(X / 16, y, random_state=0)
    >>> clf = MLPClassifierDIY(
    ...     (50,), batch_norm=True, learning_rate="one_cycle",
    ...     learning_rate_init=0.01, max_iter=20, random_state=0,
    ... )
    >>> clf.fit(X_train, y_train).score(X_test, y_test) > 0.95
    True
    """

    _parameter_constraints: dict = {
        "hidden_layer_sizes": [
            "array-like",
            Interval(Integral, 1, None, closed="left"),
        ],
        "activation": [StrOptions(set(ACTIVATIONS))],
        "architecture": [list, tuple, None],
        "batch_norm": ["boolean"],
        "dropout": ["array-like", Interval(Real, 0, 1, closed="left")],
        "input_dropout": [Interval(Real, 0, 1, closed="left")],
        "weight_init": [StrOptions({"auto", *INITIALIZERS}), callable],
        "solver": [StrOptions({"lbfgs", "sgd", "adam", "adamw"})],
        "alpha": [Interval(Real, 0, None, closed="left")],
        "batch_size": [
            StrOptions({"auto"}),
            Interval(Integral, 1, None, closed="left"),
        ],
        "learning_rate": [
            StrOptions({"constant", "invscaling", "adaptive", "cosine", "one_cycle"})
        ],
        "learning_rate_init": [Interval(Real, 0, None, closed="neither")],
        "power_t": [Interval(Real, 0, None, closed="left")],
        "max_iter": [Interval(Integral, 1, None, closed="left")],
        "shuffle": ["boolean"],
        "class_weight": [dict, StrOptions({"balanced"}), None],
        "label_smoothing": [Interval(Real, 0, 1, closed="left")],
        "ema_decay": [Interval(Real, 0, 1, closed="neither"), None],
        "random_state": ["random_state"],
        "tol": [Interval(Real, 0, None, closed="left")],
        "verbose": ["verbose"],
        "warm_start": ["boolean"],
        "momentum": [Interval(Real, 0, 1, closed="both")],
        "nesterovs_momentum": ["boolean"],
        "early_stopping": ["boolean"],
        "scoring": [StrOptions({"loss", *get_scorer_names()}), callable, None],
        "validation_fraction": [Interval(Real, 0, 1, closed="left")],
        "beta_1": [Interval(Real, 0, 1, closed="left")],
        "beta_2": [Interval(Real, 0, 1, closed="left")],
        "epsilon": [Interval(Real, 0, None, closed="neither")],
        "n_iter_no_change": [
            Interval(Integral, 1, None, closed="left"),
            Options(Real, {np.inf}),
        ],
        "max_fun": [Interval(Integral, 1, None, closed="left")],
        "max_grad_norm": [Interval(Real, 0, None, closed="neither"), None],
        "dtype": [StrOptions({"float32", "float64", "auto"})],
        "checkpoint_dir": [str, PathLike, None],
        "checkpoint_every": [Interval(Integral, 1, None, closed="left")],
    }

    def __init__(
        self,
        hidden_layer_sizes=(100,),
        activation="relu",
        *,
        architecture=None,
        batch_norm=False,
        dropout=0.0,
        input_dropout=0.0,
        weight_init="auto",
        solver="adam",
        alpha=0.0001,
        batch_size="auto",
        learning_rate="constant",
        learning_rate_init=0.001,
        power_t=0.5,
        max_iter=200,
        shuffle=True,
        class_weight=None,
        label_smoothing=0.0,
        ema_decay=None,
        random_state=None,
        tol=1e-4,
        verbose=False,
        warm_start=False,
        momentum=0.9,
        nesterovs_momentum=True,
        early_stopping=False,
        scoring=None,
        validation_fraction=0.1,
        beta_1=0.9,
        beta_2=0.999,
        epsilon=1e-8,
        n_iter_no_change=10,
        max_fun=15000,
        max_grad_norm=None,
        dtype="float32",
        checkpoint_dir=None,
        checkpoint_every=1,
    ):
        self.hidden_layer_sizes = hidden_layer_sizes
        self.activation = activation
        self.architecture = architecture
        self.batch_norm = batch_norm
        self.dropout = dropout
        self.input_dropout = input_dropout
        self.weight_init = weight_init
        self.solver = solver
        self.alpha = alpha
        self.batch_size = batch_size
        self.learning_rate = learning_rate
        self.learning_rate_init = learning_rate_init
        self.power_t = power_t
        self.max_iter = max_iter
        self.shuffle = shuffle
        self.class_weight = class_weight
        self.label_smoothing = label_smoothing
        self.ema_decay = ema_decay
        self.random_state = random_state
        self.tol = tol
        self.verbose = verbose
        self.warm_start = warm_start
        self.momentum = momentum
        self.nesterovs_momentum = nesterovs_momentum
        self.early_stopping = early_stopping
        self.scoring = scoring
        self.validation_fraction = validation_fraction
        self.beta_1 = beta_1
        self.beta_2 = beta_2
        self.epsilon = epsilon
        self.n_iter_no_change = n_iter_no_change
        self.max_fun = max_fun
        self.max_grad_norm = max_grad_norm
        self.dtype = dtype
        self.checkpoint_dir = checkpoint_dir
        self.checkpoint_every = checkpoint_every

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
            Labels, or for multi-label classification an indicator matrix.
        sample_weight : array-like of shape (n_samples,), default=None
            The loss is the weighted mean over a mini-batch.
        X_val : {array-like, sparse matrix} of shape (n_val, n_features), default=None
            A validation set: its loss and score are recorded for every epoch, and
            decide when to stop if `early_stopping` is True.
        y_val : array-like of shape (n_val,) or (n_val, n_outputs), default=None
            Its labels.
        sample_weight_val : array-like of shape (n_val,), default=None
            Its weights.

        Returns
        -------
        self : MLPClassifierDIY
        """
        data = {"X": X, "y": y}
        as_given = X, y
        if sample_weight is not None:
            data["metadata"] = {"sample_weight": sample_weight}
        warm = self.warm_start and hasattr(self, "network_")
        with _unchanged_on_error(self):
            vars(self).pop("_trainer", None)  # of earlier calls of partial_fit
            X, y = self._validate(X, y, reset=not warm)
            labels = self._labels_again(y) if warm else Labels.of(y)
            targets = labels.encode(y)
            sample_weight = check_weights(sample_weight, X)
            weights = weigh(targets, labels, self.class_weight, sample_weight)
            given = check_given(self, labels, X_val, y_val, sample_weight_val)
            checkpoint = checkpoint_for(
                self,
                warm,
                X,
                labels.classes,
                targets,
                sample_weight,
                given and given.learned_from(),
            )
            if checkpoint is None:
                rng = check_random_state(self.random_state)
            else:
                rng = checkpoint.begin(self.random_state)
            previous = self.network_.copy() if warm else None
            network = network_for(self, X, labels, rng, previous)
            warn_of_lost_spread(as_given[0], self._column_names(), network.dtype)
            rows, validation = None, given
            if given is None and self.early_stopping and self.solver != "lbfgs":
                rows, validation = split(
                    self, X, targets, labels, sample_weight, as_given, rng
                )
            trainer = trainer_for(self, network, rng, warm)
            if validation is not None:
                validation = Validation(self, trainer, labels, validation)
            trainer.load(X, as_columns(targets, network), weights, rows)
            if checkpoint is not None:
                checkpoint.resume(trainer)
            outcome = self._train(trainer, labels, validation, data, checkpoint)
            self._publish(trainer, labels)
        if self.solver == "lbfgs":
            if outcome is not None:
                _check_optimize_result("lbfgs", outcome, self.max_iter)
        elif not outcome:
            warn_user(
                f"Stochastic Optimizer: Maximum iterations ({self.max_iter}) reached"
                " and the optimization hasn't converged yet.",
                ConvergenceWarning,
            )
        return self

    def _has_partial_fit(self):
        if self.solver == "lbfgs":
            raise AttributeError(
                "partial_fit is only available for stochastic optimizers."
                f" {self.solver} is not stochastic."
            )
        return True

    @available_if(_has_partial_fit)
    @_fit_context(prefer_skip_nested_validation=True)
    def partial_fit(self, X, y, sample_weight=None, classes=None):
        """Train for one epoch on a part of the data, and go on where the last call was.

        The optimizer's state, the schedule (laid out for `max_iter` calls) and the
        random numbers go on from call to call, also through pickling; parameters that
        were set in between take effect. After `fit`, training goes on from its weights
        with a new optimizer. Callbacks are not called.

        Batch normalization predicts with running averages over the last ten or so
        mini-batches, of this call and those before it: data that are gone can't be
        averaged anew, as :meth:`fit` does in the end. The averages lag behind weights
        that move fast. A learning rate that falls, as with "one_cycle" and "cosine",
        lets them catch up.

        Parameters
        ----------
        X : {array-like, sparse matrix} of shape (n_samples, n_features)
        y : array-like of shape (n_samples,) or (n_samples, n_outputs)
            Labels; not every class has to be among them.
        sample_weight : array-like of shape (n_samples,), default=None
            Weights of the samples.
        classes : array-like of shape (n_classes,), default=None
            All classes of all calls. Needed in the first call only.

        Returns
        -------
        self : MLPClassifierDIY
        """
        if self.early_stopping:
            raise ValueError("partial_fit does not support early_stopping=True")
        if self.class_weight == "balanced":
            raise ValueError(
                "class_weight='balanced' is not supported for partial_fit, which does"
                " not see all of y. Use compute_class_weight('balanced',"
                " classes=classes, y=y) of sklearn.utils.class_weight on all of y, or"
                " a large enough part, and pass the weights as class_weight."
            )
        with _unchanged_on_error(self):
            fitted = hasattr(self, "network_")
            first = _check_partial_fit_first_call(self, to_numpy(classes))
            as_given = X
            X, y = self._validate(X, y, reset=not fitted)
            if not first:
                labels = self._labels()
            elif type_of_target(y).startswith("multilabel"):
                labels = Labels(self.classes_, multilabel=True)
            else:
                labels = Labels(self.classes_)
            targets = labels.encode(y)
            sample_weight = check_weights(sample_weight, X)
            weights = weigh(targets, labels, self.class_weight, sample_weight)
            running = getattr(self, "_trainer", None)
            if running is not None:
                if not running.network.parameters.flags.writeable:
                    running = copy.deepcopy(running)  # loaded as a memory map
                previous, rng = running.network, running.rng
            else:
                previous = self.network_.copy() if fitted else None
                rng = check_random_state(self.random_state)
            network = network_for(self, X, labels, rng, previous)
            if not fitted:
                warn_of_lost_spread(as_given, self._column_names(), network.dtype)
            goes_on = fitted and running is None
            trainer = trainer_for(self, network, rng, goes_on)
            if running is not None:
                trainer.take_over(running)
            if trainer.schedule.planned and trainer.n_epochs == self.max_iter:
                warn_user(
                    f"learning_rate={self.learning_rate!r} is laid out for"
                    f" max_iter={self.max_iter} calls of partial_fit, and this is one"
                    " more: its rate is 0 from now on, and nothing is learned."
                    " Set max_iter to the number of calls that you plan, or"
                    " learning_rate='constant'.",
                )
            before = trainer.state()
            try:
                trainer.load(X, as_columns(targets, network), weights)
                row = trainer.epoch()
                if self.verbose:
                    print(f"Iteration 1, loss = {row['loss']:.8f}")
                say = print if self.verbose else lambda line: None
                trainer.judge(row, self.tol, self.n_iter_no_change, say=say)
                self._publish(trainer, labels)
            except BaseException:
                trainer.restore(before)
                raise
            trainer.unload()
            self.n_iter_ = 1
            self._trainer = trainer
        return self

    def _validate(self, X, y=NOT_GIVEN, *, reset, dtype=None):
        """Check X (and y), and return arrays; integers and memory maps stay as is."""
        dtype = dtype or self.dtype
        if y is not NOT_GIVEN:
            y = to_numpy(y)
        floats = [np.float64, np.float32] if dtype == "auto" else [dtype]
        mapped = [np.float64, np.float32] if isinstance(X, np.memmap) else []
        check_params = {} if y is NOT_GIVEN else {"multi_output": True}
        checked = validate_data(
            self,
            X,
            y,
            reset=reset,
            accept_sparse="csr",
            dtype=floats + mapped + INTEGERS,
            **check_params,
        )
        if mapped and np.dtype(floats[0]) == np.float32:
            check_range_of_float32(X)  # cast later, row by row
        return checked

    def _column_names(self):
        """Return the names of the columns of X, or their numbers."""
        return getattr(self, "feature_names_in_", np.arange(self.n_features_in_))

    def _labels(self):
        """Return the labels of the last fit."""
        multilabel = self.n_outputs_ > 1 and self.out_activation_ == "logistic"
        return Labels(self.classes_, multilabel)

    def _labels_again(self, y):
        """Return the labels of the last fit, if y has the same."""
        labels = self._labels()
        classes = Labels.of(y).classes
        if set(classes) != set(labels.classes):
            raise ValueError(
                "warm_start can only be used where `y` has the same classes as in the"
                f" previous call to fit. Previously got {labels.classes}, `y` has"
                f" {classes}"
            )
        return labels

    def _train(self, trainer, labels, validation, data, checkpoint):
        """Run the trainer, with a callback task for each epoch."""
        context = self._init_callback_context(max_subtasks=self.max_iter)
        context.call_on_fit_task_begin(estimator=self, **data)
        epoch_context = None

        def on_epoch_begin():
            nonlocal epoch_context
            epoch_context = context.subcontext(task_name="epoch")
            epoch_context.call_on_fit_task_begin(estimator=self, **data)

        def attributes():
            state = self._fitted_attributes(trainer, labels, trainer.snapshot())
            return {**state, "history_": list(trainer.history)}

        def on_epoch_end(row):
            return epoch_context.call_on_fit_task_end(
                estimator=self,
                **data,
                reconstruction_attributes=None if row is None else attributes,
            )

        options = {"tol": self.tol, "validate": validation, "verbose": self.verbose}
        if getattr(self, "_skl_callbacks", None):  # contexts cost time: only if needed
            options |= {"on_epoch_begin": on_epoch_begin, "on_epoch_end": on_epoch_end}
        if checkpoint is not None:
            options["save"] = lambda: checkpoint.save_if_due(trainer)
        if self.solver != "lbfgs":
            options["n_iter_no_change"] = self.n_iter_no_change
            options["early_stopping"] = self.early_stopping
        outcome = trainer.fit(**options)
        context.call_on_fit_task_end(
            estimator=self, **data, reconstruction_attributes=attributes
        )
        return outcome

    def _publish(self, trainer, labels):
        """Set the fitted attributes, if what was learned is finite."""
        network = trainer.result()
        losses = [row["loss"] for row in trainer.history[-1:]]
        if not (network.is_finite() and np.isfinite(losses).all()):
            raise ValueError(NOT_FINITE)
        vars(self).update(self._fitted_attributes(trainer, labels, network))

    def _fitted_attributes(self, trainer, labels, network):
        history = trainer.history
        scored = trainer.best_score > -np.inf
        stops_early = self.early_stopping and self.solver != "lbfgs"
        return {
            "classes_": labels.classes,
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

    def predict_proba(self, X):
        """Return the probability of each class.

        Parameters
        ----------
        X : {array-like, sparse matrix} of shape (n_samples, n_features)

        Returns
        -------
        P : ndarray of shape (n_samples, n_classes)
            In the order of `classes_`; in the dtype of the network.
        """
        check_is_fitted(self)
        if self.out_activation_ == "softmax":
            return self._outputs(X)
        Z = self._outputs(X, stop=-1)
        if self.n_outputs_ == 1:  # rather than 1 - P, which loses digits of a small P
            Z = np.hstack([-Z, Z])
        return logistic(Z, out=Z)

    def predict_log_proba(self, X):
        """Return the logarithm of the probability of each class.

        Probabilities too small for the dtype still have a finite logarithm.

        Parameters
        ----------
        X : {array-like, sparse matrix} of shape (n_samples, n_features)

        Returns
        -------
        log_P : ndarray of shape (n_samples, n_classes)
            In the order of `classes_`.
        """
        check_is_fitted(self)
        Z = self._outputs(X, stop=-1)
        if self.out_activation_ == "softmax":
            with np.errstate(over="ignore"):  # to -inf
                Z -= Z.max(axis=1, keepdims=True)
            Z -= np.log(np.exp(Z).sum(axis=1, keepdims=True))
            return np.maximum(Z, np.finfo(Z.dtype).min, out=Z)
        if self.n_outputs_ == 1:
            Z = np.hstack([-Z, Z])
        P = logistic(Z, out=np.empty_like(Z))
        # log P where P is large, so that it belongs to P to the last digit.
        return np.where(Z > 0, np.log(P), -np.logaddexp(0, -Z))

    def predict(self, X):
        """Return the most probable class.

        Parameters
        ----------
        X : {array-like, sparse matrix} of shape (n_samples, n_features)

        Returns
        -------
        y : ndarray of shape (n_samples,) or (n_samples, n_classes)
            Labels; for multi-label targets an indicator matrix.
        """
        check_is_fitted(self)
        Z = self._outputs(X, stop=-1)
        return self._labels().decode(LOSSES[self.network_.layers[-1]].decide(Z))

    def _outputs(self, X, stop=None):
        if not self._is_valid(X):
            X = self._validate(X, reset=False, dtype=self.network_.dtype)
        with np.errstate(over="ignore", invalid="ignore"):
            outputs = self.network_.predict(X, stop)
        if not np.isfinite(outputs).all():
            raise ValueError(
                f"X holds numbers as large as {abs(X).max():.3g}, for which the"
                f" network's sums overflow {self.network_.dtype}. Scale X, as well as"
                " the data to fit on, with StandardScaler for example."
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
            f"<tr><td {left}>{name}</td><td {left}>{shape}</td>"
            f"<td {right}>{count}</td></tr>"
            for name, shape, count in [TABLE_HEAD, *network.table()]
        )
        return (
            f"{diagram}<table style='font-family: monospace; border-spacing: 1.5em 0'>"
            f"<caption style='caption-side: bottom'>{network.parameters.size:,}"
            f" parameters, {network.dtype}</caption>{rows}</table>"
        )

    def __getstate__(self):
        return stamped(super().__getstate__())

    def __setstate__(self, state):
        # Arguments that the version that wrote the file did not have get their default.
        arguments = signature(type(self)).parameters.values()
        defaults = {p.name: p.default for p in arguments if p.default is not p.empty}
        super().__setstate__({**defaults, **opened(state)})

    def __sklearn_tags__(self):
        tags = super().__sklearn_tags__()
        tags.input_tags.sparse = True
        tags.classifier_tags.multi_label = True
        return tags


def _dense_views(network):
    return [view for view in network.views if "weights" in view]


@contextmanager
def _unchanged_on_error(estimator):
    """Give an estimator its fitted attributes back if the fit fails."""

    def fitted():
        return {
            name: value
            for name, value in vars(estimator).items()
            if name.endswith("_") or name == "_trainer"
        }

    before = fitted()
    try:
        yield
    except BaseException:
        for name in fitted():
            delattr(estimator, name)
        vars(estimator).update(before)
        raise
