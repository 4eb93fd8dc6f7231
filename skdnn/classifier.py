"""The scikit-learn contract: validation, labels, tags, fitted attributes."""

import warnings
from contextlib import contextmanager
from numbers import Integral, Real

import numpy as np
from scipy.sparse import issparse
from sklearn.base import BaseEstimator, ClassifierMixin, _fit_context
from sklearn.callback import CallbackSupportMixin
from sklearn.exceptions import ConvergenceWarning
from sklearn.model_selection import train_test_split
from sklearn.utils import check_random_state, column_or_1d
from sklearn.utils._param_validation import Interval, Options, StrOptions
from sklearn.utils.multiclass import check_classification_targets, type_of_target
from sklearn.utils.validation import (
    _check_sample_weight,
    check_consistent_length,
    check_is_fitted,
    validate_data,
)

from skdnn import nn
from skdnn.nn.network import check_layers
from skdnn.training import Trainer

ACTIVATIONS = {
    "identity": nn.Identity(),
    "logistic": nn.Logistic(),
    "tanh": nn.Tanh(),
    "relu": nn.ReLU(),
    "leaky_relu": nn.LeakyReLU(),
}
LOSSES = {
    nn.Softmax(): nn.CategoricalCrossEntropy(),
    nn.Logistic(): nn.BinaryCrossEntropy(),
}
NOT_GIVEN = "no_validation"  # scikit-learn's word for it
INTEGERS = [np.dtype(code) for code in "?bhilqBHILQ"]


class MLPClassifierDIY(CallbackSupportMixin, ClassifierMixin, BaseEstimator):
    """A feed-forward neural network, trained by gradient descent on the log-loss.

    Made to stand in for :class:`sklearn.neural_network.MLPClassifier`: an argument of
    the same name means the same and has the same default. The one difference is
    `dtype`: the arithmetic is float32 unless asked otherwise.

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
        ``Softmax()`` is taken as it stands.

    batch_norm : bool, default=False
        Whether each hidden layer is followed by batch normalization, before its
        activation.

    dropout : float, default=0.0
        The probability that a hidden activation is dropped in training, in [0, 1).

    solver : {"sgd", "adam", "adamw"}, default="adam"
        The optimizer. "adamw" is Adam with decoupled weight decay.

    alpha : float, default=0.0001
        Strength of the L2 penalty on the weights: ``alpha / (2 m) * sum(weights ** 2)``
        is part of the loss of a mini-batch of m samples. With "adamw", the decoupled
        decay instead: a step multiplies the weights with ``1 - learning_rate * alpha``
        and the loss has no penalty.

    batch_size : int or "auto", default="auto"
        Samples in a mini-batch; "auto" is ``min(200, n_samples)``.

    learning_rate : {"constant", "invscaling", "adaptive", "cosine", "one_cycle"}, \
            default="constant"
        Schedule of the learning rate, for every solver (in scikit-learn, for "sgd"
        only).

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

    random_state : int, RandomState instance or None, default=None
        Seed of everything random: initial weights, validation split, order of the
        samples, dropout. With an int, two fits give the same bits.

    tol : float, default=1e-4
        Training stops when the loss, or the validation score, fails to improve by
        `tol` for `n_iter_no_change` epochs in a row.

    verbose : bool, default=False
        Whether to print the loss of each epoch.

    momentum : float, default=0.9
        Momentum of "sgd", in [0, 1].

    nesterovs_momentum : bool, default=True
        Whether "sgd" uses Nesterov's momentum.

    early_stopping : bool, default=False
        Whether the score on a validation set decides when to stop. The parameters of
        the best epoch are kept. The validation set is the one given to `fit`, or a part
        of the training data, stratified by class where each class has enough samples
        and the targets are not multi-label.

    validation_fraction : float, default=0.1
        The part of the training data that is set aside if `early_stopping` is True
        and no validation set is given to `fit`.

    beta_1, beta_2 : float, default=0.9, 0.999
        Decay rates of Adam's moments.

    epsilon : float, default=1e-8
        Adam's constant for numerical stability.

    n_iter_no_change : int or inf, default=10
        See `tol`.

    max_grad_norm : float or None, default=None
        The gradient, of all parameters together, is scaled down to this Euclidean norm
        where it is longer.

    dtype : {"float32", "float64", "auto"}, default="float32"
        Of parameters, arithmetic and probabilities. "auto" is float32 for float32
        input and float64 for everything else, as in scikit-learn.

    Attributes
    ----------
    classes_ : ndarray of shape (n_classes,)
        The labels.
    n_features_in_ : int
        Number of features seen by `fit`.
    feature_names_in_ : ndarray of shape (n_features_in_,)
        Names of the features, where `X` has names that are all strings.
    n_iter_ : int
        Number of epochs run.
    loss_ : float
        Training loss of the last epoch.
    best_loss_ : float or None
        The smallest training loss; None with `early_stopping`.
    loss_curve_ : list of float of length n_iter_
        Training loss of each epoch.
    validation_scores_ : list of float or None
        Validation score of each epoch, where there is a validation set.
    best_validation_score_ : float or None
        The best of them.
    history_ : list of dict of length n_iter_
        A row for each epoch: "epoch", "loss", "learning_rate" (of the last step),
        "gradient_norm" (a dict: for each layer with parameters the root mean square
        over the mini-batches of the norm of its gradient, before clipping), "seconds",
        and with a validation set "validation_loss" and "validation_score".
        ``pandas.DataFrame(clf.history_)`` is a table of it.
    t_ : int
        Number of samples trained on, over all epochs.
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
        "dropout": [Interval(Real, 0, 1, closed="left")],
        "solver": [StrOptions({"sgd", "adam", "adamw"})],
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
        "random_state": ["random_state"],
        "tol": [Interval(Real, 0, None, closed="left")],
        "verbose": ["verbose"],
        "momentum": [Interval(Real, 0, 1, closed="both")],
        "nesterovs_momentum": ["boolean"],
        "early_stopping": ["boolean"],
        "validation_fraction": [Interval(Real, 0, 1, closed="left")],
        "beta_1": [Interval(Real, 0, 1, closed="left")],
        "beta_2": [Interval(Real, 0, 1, closed="left")],
        "epsilon": [Interval(Real, 0, None, closed="neither")],
        "n_iter_no_change": [
            Interval(Integral, 1, None, closed="left"),
            Options(Real, {np.inf}),
        ],
        "max_grad_norm": [Interval(Real, 0, None, closed="neither"), None],
        "dtype": [StrOptions({"float32", "float64", "auto"})],
    }

    def __init__(
        self,
        hidden_layer_sizes=(100,),
        activation="relu",
        *,
        architecture=None,
        batch_norm=False,
        dropout=0.0,
        solver="adam",
        alpha=0.0001,
        batch_size="auto",
        learning_rate="constant",
        learning_rate_init=0.001,
        power_t=0.5,
        max_iter=200,
        shuffle=True,
        random_state=None,
        tol=1e-4,
        verbose=False,
        momentum=0.9,
        nesterovs_momentum=True,
        early_stopping=False,
        validation_fraction=0.1,
        beta_1=0.9,
        beta_2=0.999,
        epsilon=1e-8,
        n_iter_no_change=10,
        max_grad_norm=None,
        dtype="float32",
    ):
        self.hidden_layer_sizes = hidden_layer_sizes
        self.activation = activation
        self.architecture = architecture
        self.batch_norm = batch_norm
        self.dropout = dropout
        self.solver = solver
        self.alpha = alpha
        self.batch_size = batch_size
        self.learning_rate = learning_rate
        self.learning_rate_init = learning_rate_init
        self.power_t = power_t
        self.max_iter = max_iter
        self.shuffle = shuffle
        self.random_state = random_state
        self.tol = tol
        self.verbose = verbose
        self.momentum = momentum
        self.nesterovs_momentum = nesterovs_momentum
        self.early_stopping = early_stopping
        self.validation_fraction = validation_fraction
        self.beta_1 = beta_1
        self.beta_2 = beta_2
        self.epsilon = epsilon
        self.n_iter_no_change = n_iter_no_change
        self.max_grad_norm = max_grad_norm
        self.dtype = dtype

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
        """Train the network from new weights.

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
        with _unchanged_on_error(self):
            X, y = self._validate(X, y, reset=True)
            if sample_weight is not None:
                sample_weight = _check_sample_weight(sample_weight, X)
            classes, targets = _encode_new_labels(y)
            rng = check_random_state(self.random_state)
            network = self._new_network(X, classes, targets, rng)
            rows, validation = self._split(
                X, targets, sample_weight, classes, X_val, y_val, sample_weight_val, rng
            )
            trainer = self._new_trainer(network, X, rows, rng)
            trainer.load(X, _columns(targets, network), sample_weight, rows)
            converged = self._train(trainer, classes, X, y, sample_weight, validation)
            if not np.isfinite(network.parameters).all():
                raise ValueError(
                    "Solver produced non-finite parameter weights. The input data may"
                    " contain large values and need to be preprocessed."
                )
            vars(self).update(self._fitted_attributes(trainer, network, classes))
        if not converged:
            warnings.warn(
                f"Stochastic Optimizer: Maximum iterations ({self.max_iter}) reached"
                " and the optimization hasn't converged yet.",
                ConvergenceWarning,
                stacklevel=2,
            )
        return self

    def _validate(self, X, y=NOT_GIVEN, *, reset):
        """Check X (and y), and return arrays; integers and memory maps stay as is."""
        floats = {
            "float32": [np.float32],
            "float64": [np.float64],
            "auto": [np.float64, np.float32],
        }[self.dtype]
        if isinstance(X, np.memmap):
            floats = [*floats, np.float64, np.float32]
        check_params = {} if y is NOT_GIVEN else {"multi_output": True}
        return validate_data(
            self,
            X,
            y,
            reset=reset,
            accept_sparse="csr",
            dtype=floats + INTEGERS,
            **check_params,
        )

    def _new_network(self, X, classes, targets, rng):
        """Build the network that the parameters ask for, with new weights."""
        n_outputs, link = len(classes), nn.Softmax()
        if targets.ndim == 2:
            link = nn.Logistic()
        if self.architecture is None:
            hidden_layers = self._simple_hidden_layers()
        else:
            hidden_layers = self._explicit_layers()
        if hidden_layers and hidden_layers[-1] == nn.Softmax():
            if targets.ndim == 2:
                raise ValueError(
                    "architecture ends in Softmax(), whose outputs sum to 1; for"
                    " multi-label targets leave the output layer to fit."
                )
            layers = hidden_layers
        else:
            if n_outputs == 2 and targets.ndim == 1:
                n_outputs, link = 1, nn.Logistic()
            layers = [*hidden_layers, nn.Dense(n_outputs), link]
        single = self.dtype == "float32" or (
            self.dtype == "auto" and X.dtype == np.float32
        )
        network = nn.Network(layers, X.shape[1], np.float32 if single else np.float64)
        if network.widths[-1] != n_outputs:
            raise ValueError(
                f"architecture ends in Softmax() with {network.widths[-1]} outputs, but"
                f" y has {n_outputs} classes: the last Dense layer needs"
                f" {n_outputs} units."
            )
        # As in scikit-learn; Glorot and Bengio derive it for tanh.
        simple_logistic = self.architecture is None and self.activation == "logistic"
        return network.initialize(rng, nn.Glorot(1 / 3 if simple_logistic else 1))

    def _simple_hidden_layers(self):
        sizes = self.hidden_layer_sizes
        sizes = list(sizes) if hasattr(sizes, "__iter__") else [sizes]
        if any(not isinstance(size, Integral) or size <= 0 for size in sizes):
            raise ValueError(f"hidden_layer_sizes must be > 0, got {sizes}.")
        layers = []
        for units in sizes:
            layers.append(nn.Dense(int(units)))
            if self.batch_norm:
                layers.append(nn.BatchNorm())
            layers.append(ACTIVATIONS[self.activation])
            if self.dropout:
                layers.append(nn.Dropout(self.dropout))
        return layers

    def _explicit_layers(self):
        for name, off in (("batch_norm", False), ("dropout", 0.0)):
            if getattr(self, name) != off:
                raise ValueError(
                    f"{name}={getattr(self, name)!r} has no effect where architecture"
                    " names every layer: put the layer into the list."
                )
        check_layers(self.architecture)
        return list(self.architecture)

    def _split(
        self, X, targets, sample_weight, classes, X_val, y_val, sample_weight_val, rng
    ):
        """Return the rows to train on (None: all) and the validation set or None."""
        if X_val is not None or y_val is not None:
            if y_val is None:
                raise ValueError("X_val is provided, but y_val was not provided.")
            if X_val is None:
                raise ValueError("y_val is provided, but X_val was not provided.")
            X_val = self._validate(X_val, reset=False)
            check_consistent_length(X_val, y_val)
            if sample_weight_val is not None:
                sample_weight_val = _check_sample_weight(sample_weight_val, X_val)
            return None, (X_val, _encode_labels(y_val, classes), sample_weight_val)
        if sample_weight_val is not None:
            raise ValueError(
                "sample_weight_val is provided, but X_val and y_val were not provided."
            )
        if not self.early_stopping:
            return None, None
        rows, val_rows = train_test_split(
            np.arange(X.shape[0]),
            random_state=rng,
            test_size=self.validation_fraction,
            stratify=targets if self._can_stratify(targets, classes) else None,
        )
        if len(val_rows) < 2:
            raise ValueError(
                "The validation set is too small. Increase 'validation_fraction' "
                "or the size of your dataset."
            )
        weight = None if sample_weight is None else sample_weight[val_rows]
        return rows, (X[val_rows], targets[val_rows], weight)

    def _can_stratify(self, targets, classes):
        """Whether each class has enough samples to appear on both sides."""
        if targets.ndim == 2 or np.bincount(targets).min() < 2:
            return False
        sizes = self.validation_fraction, 1 - self.validation_fraction
        return min(sizes) * len(targets) >= len(classes)

    def _new_trainer(self, network, X, rows, rng):
        n_samples = X.shape[0] if rows is None else len(rows)
        batch_size = self.batch_size
        if batch_size == "auto":
            batch_size = min(200, n_samples)
        elif batch_size > n_samples:
            warnings.warn(
                "Got `batch_size` less than 1 or larger than "
                "sample size. It is going to be clipped",
                stacklevel=2,
            )
        moments = (self.beta_1, self.beta_2, self.epsilon)
        optimizer = {
            "sgd": lambda: nn.SGD(self.momentum, self.nesterovs_momentum),
            "adam": lambda: nn.Adam(*moments),
            "adamw": lambda: nn.AdamW(self.alpha, *moments),
        }[self.solver]()
        schedule = {
            "constant": nn.Constant(),
            "invscaling": nn.InverseScaling(self.power_t),
            "adaptive": nn.Adaptive(),
            "cosine": nn.Cosine(),
            "one_cycle": nn.OneCycle(),
        }[self.learning_rate]
        return Trainer(
            network,
            LOSSES[network.layers[-1]],
            optimizer,
            schedule,
            learning_rate=self.learning_rate_init,
            max_epochs=self.max_iter,
            batch_size=batch_size,
            alpha=0.0 if self.solver == "adamw" else self.alpha,
            max_grad_norm=self.max_grad_norm,
            shuffle=self.shuffle,
            rng=rng,
        )

    def _train(self, trainer, classes, X, y, sample_weight, validation):
        """Run the trainer, with a callback task for each epoch."""
        data = {"X": X, "y": y, "metadata": {}}
        if sample_weight is not None:
            data["metadata"] = {"sample_weight": sample_weight}
        context = self._init_callback_context(max_subtasks=self.max_iter)
        context.call_on_fit_task_begin(estimator=self, **data)
        epoch_context = None

        def on_epoch_begin():
            nonlocal epoch_context
            epoch_context = context.subcontext(task_name="epoch")
            epoch_context.call_on_fit_task_begin(estimator=self, **data)

        def on_epoch_end(row):
            return epoch_context.call_on_fit_task_end(
                estimator=self,
                **data,
                reconstruction_attributes=lambda: self._fitted_attributes(
                    trainer, trainer.network.copy(), classes
                ),
            )

        hooks = {"on_epoch_begin": on_epoch_begin, "on_epoch_end": on_epoch_end}
        converged = trainer.fit(
            tol=self.tol,
            n_iter_no_change=self.n_iter_no_change,
            evaluate=validation and _Evaluation(trainer, *validation),
            early_stopping=self.early_stopping,
            verbose=self.verbose,
            **(hooks if getattr(self, "_skl_callbacks", None) else {}),
        )
        context.call_on_fit_task_end(
            estimator=self,
            **data,
            reconstruction_attributes=lambda: self._fitted_attributes(
                trainer, trainer.network.copy(), classes
            ),
        )
        return converged

    def _fitted_attributes(self, trainer, network, classes):
        history = [dict(row) for row in trainer.history]
        scores = [
            row["validation_score"] for row in history if "validation_score" in row
        ] or None
        losses = [row["loss"] for row in history]
        return {
            "classes_": classes,
            "network_": network,
            "history_": history,
            "loss_curve_": losses,
            "loss_": losses[-1] if losses else np.nan,
            "best_loss_": None if self.early_stopping else min(losses, default=np.inf),
            "validation_scores_": scores,
            "best_validation_score_": scores and max(scores),
            "n_iter_": len(history),
            "t_": trainer.samples_seen,
            "n_outputs_": network.widths[-1],
            "n_layers_": len(_dense_views(network)) + 1,
            "out_activation_": type(network.layers[-1]).__name__.lower(),
        }

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
        P = self._outputs(X)
        return np.hstack([1 - P, P]) if self.n_outputs_ == 1 else P

    def predict_log_proba(self, X):
        """Return the logarithm of the probability of each class.

        Computed from the logits, so that probabilities too small for the dtype have a
        finite logarithm.

        Parameters
        ----------
        X : {array-like, sparse matrix} of shape (n_samples, n_features)

        Returns
        -------
        log_P : ndarray of shape (n_samples, n_classes)
            In the order of `classes_`.
        """
        Z = self._outputs(X, stop=-1)
        if self.out_activation_ == "softmax":
            Z -= Z.max(axis=1, keepdims=True)
            Z -= np.log(np.exp(Z).sum(axis=1, keepdims=True))
            return Z
        if self.n_outputs_ == 1:
            Z = np.hstack([-Z, Z])
        return -np.logaddexp(0, -Z)

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
        predictions = _decide(self._outputs(X, stop=-1), self.out_activation_)
        return predictions if predictions.ndim == 2 else self.classes_[predictions]

    def _outputs(self, X, stop=None):
        check_is_fitted(self)
        return self.network_.predict(self._validate(X, reset=False), stop)

    def summary(self):
        """Print the layers of the fitted network, output shapes and parameter counts.

        In the shapes, m stands for the number of samples.
        """
        check_is_fitted(self)
        print(self.network_.summary())

    def __sklearn_tags__(self):
        tags = super().__sklearn_tags__()
        tags.input_tags.sparse = True
        tags.classifier_tags.multi_label = True
        return tags


class _Evaluation:
    """Loss and accuracy of a trainer's network on a validation set."""

    def __init__(self, trainer, X, targets, sample_weight):
        self.network, self.loss = trainer.network, trainer.loss
        self.X, self.targets = X, targets
        weights = np.ones(X.shape[0]) if sample_weight is None else sample_weight
        self.shares = weights / weights.sum()
        columns = _columns(targets, self.network)
        if columns.ndim == 1:
            columns = columns[:, np.newaxis] == np.arange(self.network.widths[-1])
        self.Y = columns.astype(self.network.dtype)

    def __call__(self):
        """Return the loss and the accuracy."""
        Z = self.network.predict(self.X, stop=-1)
        hits = _decide(Z, type(self.loss.link).__name__.lower()) == self.targets
        if hits.ndim == 2:
            hits = hits.all(axis=1)
        buffers = np.empty_like(Z), np.empty_like(Z)
        loss = self.loss.from_logits(Z, self.Y, self.shares, *buffers)
        return loss, float(self.shares @ hits)


def _dense_views(network):
    return [view for view in network.views if "weights" in view]


def _encode_new_labels(y):
    """Return the classes in y, and the targets: see :func:`_encode_labels`."""
    if y.dtype == object and len({isinstance(label, str) for label in y.flat}) > 1:
        kinds = sorted({type(label).__name__ for label in y.flat})
        raise ValueError(
            f"y must hold labels of one kind, got a mix of {kinds}. Convert them, for"
            " example with y.astype(str)."
        )
    check_classification_targets(y)
    if type_of_target(y).startswith("multilabel"):
        y = y.toarray() if issparse(y) else y
        return np.arange(y.shape[1]), (y != 0).astype(np.int8)
    y = column_or_1d(y, warn=True)
    classes = np.unique(y)
    if len(classes) == 1:
        raise ValueError(
            "MLPClassifierDIY needs samples of at least 2 classes in y, but y contains"
            f" only one class: {classes[0]!r}."
        )
    return classes, _encode_labels(y, classes)


def _encode_labels(y, classes):
    """Return the targets that stand for y.

    Returns
    -------
    targets : ndarray of int of shape (n_samples,) or (n_samples, n_outputs)
        Indices into `classes`, or for multi-label targets 0 and 1.
    """
    y = column_or_1d(y)
    targets = np.searchsorted(classes, y)
    targets[targets == len(classes)] = 0
    unseen = classes[targets] != y
    if unseen.any():
        raise ValueError(
            f"y_val contains labels that are not in y: {np.unique(y[unseen])}; y has"
            f" {classes}."
        )
    return targets


def _columns(targets, network):
    """Make the targets of two classes a column where the network has one output."""
    single = network.widths[-1] == 1 and targets.ndim == 1
    return targets[:, np.newaxis] if single else targets


def _decide(Z, out_activation):
    """Return the most probable class's index, or 0 or 1 for each of several outputs."""
    if out_activation == "softmax":
        return Z.argmax(axis=1)
    decisions = (Z > 0).astype(int)
    return decisions[:, 0] if Z.shape[1] == 1 else decisions


@contextmanager
def _unchanged_on_error(estimator):
    """Give an estimator its fitted attributes back if the fit fails."""

    def fitted():
        names = [name for name in vars(estimator) if name.endswith("_")]
        return {name: vars(estimator)[name] for name in names}

    before = fitted()
    try:
        yield
    except BaseException:
        for name in fitted():
            delattr(estimator, name)
        vars(estimator).update(before)
        raise
