# Made from signatures and docstrings: `python skdnn/docs/build_stubs.py`.
from collections.abc import Callable, Sequence
from os import PathLike
from typing import Any, Literal, Protocol, Self, TypeAlias, overload

import numpy as np
from numpy.typing import NDArray
from skdnn.estimators.base import BaseMLP
from skdnn.nn.layers.base import Layer
from skdnn.nn.network import Network
from sklearn.base import ClassifierMixin
from sklearn.utils._bunch import Bunch

_Bool: TypeAlias = bool | np.bool_
_Int: TypeAlias = int | np.integer[Any]
_Float: TypeAlias = float | np.floating[Any] | np.integer[Any]

class _Array(Protocol):
    def __array__(self) -> NDArray[Any]: ...

# Whatever else the module has.
def __getattr__(name: str) -> Any: ...

class MLPClassifierDIY(ClassifierMixin, BaseMLP):
    """A feed-forward neural network, trained by gradient descent on the log-loss.

    Made to stand in for :class:`sklearn.neural_network.MLPClassifier`: an argument of
    the same name means the same and has the same default. The arithmetic is float32
    unless `dtype` says otherwise; the guide, skdnn/README.md, lists what else differs.

    The network ends in ``Dense(n_classes), Softmax()``, or, as in scikit-learn, in one
    logistic output for two classes, and in one for each label of multi-label targets.

    Parameters
    ----------
    class_weight : dict, "balanced" or None, default=None
        Weights of the classes, by label; "balanced" is inversely proportional to their
        frequency in `y`. They multiply `sample_weight`. Classes that a dictionary does
        not name have weight 1. Not for multi-label targets.

    label_smoothing : float, default=0.0
        The part of each target that is spread evenly over all classes, in [0, 1).

    hidden_layer_sizes : int or array-like of int, default=(100,)
        The number of units of each hidden layer.

    activation : {"identity", "logistic", "tanh", "relu", "leaky_relu", "prelu", "elu", "selu", "gelu", "silu", "mish", "softplus"}, default="relu"
        Activation of the hidden layers.

    architecture : list of skdnn.nn.Layer, default=None
        The layers, one by one, in place of `hidden_layer_sizes`, `activation`,
        `batch_norm` and `dropout`, for example ``[Dense(50), BatchNorm(), ReLU()]``.
        The output layers are added by `fit`. For a classifier, a list that ends in
        ``Softmax()`` is taken as it stands.

    batch_norm : bool, default=False
        Whether each hidden layer is followed by batch normalization, before its
        activation.

    dropout : float or array-like of float, default=0.0
        The probability that a hidden activation is dropped in training, in [0, 1): one
        for all hidden layers, or one for each.

    input_dropout : float, default=0.0
        The probability that an input is dropped in training, in [0, 1).

    weight_init : {"auto", "glorot", "he", "lecun", "normal"} or callable, default="auto"
        How the weights start. "auto" is as in scikit-learn: uniform, after Glorot and
        Bengio, weights and biases. Activations that scikit-learn does not have get what
        suits them, the first one in the network deciding: "selu" LeCun's, "prelu",
        "elu", "gelu", "silu", "mish" and "softplus" He's. A callable is an initializer
        of :mod:`skdnn.nn.initializers`, such as ``Normal(0.05)``.

    solver : {"lbfgs", "sgd", "adam", "adamw"}, default="adam"
        The optimizer. "adamw" is Adam with decoupled weight decay. "lbfgs" takes all
        samples at once and ignores, with a warning, what concerns mini-batches,
        schedules and early stopping; for small data sets it can converge faster and do
        better.

    alpha : float, default=0.0001
        Strength of the L2 penalty on the weights: ``alpha / (2 m) * sum(weights ** 2)``
        is part of the loss of a mini-batch of m samples. With "adamw", the decoupled
        decay instead: a step multiplies the weights with ``1 - learning_rate * alpha``
        and the loss has no penalty.

    batch_size : int or "auto", default="auto"
        Samples in a mini-batch; "auto" is ``min(200, n_samples)``.

    learning_rate : {"constant", "invscaling", "adaptive", "cosine", "one_cycle"}, default="constant"
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

    augmentation : callable, list of callable, or None, default=None
        What changes each mini-batch of training, differently each time: values of
        :mod:`skdnn.augmentation`, such as ``[Affine(), Elastic()]`` for images, or
        functions ``f(X, rng)`` that return the rows X, changed, in place or not: X is
        a copy, and `rng` a :class:`numpy.random.Generator`. Validation and prediction
        see what is there. One that fails, or returns NaN, is an error in the first
        epoch; later training ends with a warning, and the epoch before is kept. Not
        for sparse `X`, nor for "lbfgs".

    ema_decay : float or None, default=None
        With a number in (0, 1), an exponential moving average of the parameters, with
        this decay for each step, is what is validated, kept and predicts. Not for
        "lbfgs".

    n_networks : int, default=1
        How many networks to train. The prediction of several is the mean of theirs: of
        probabilities, or of numbers, with ``loss="gaussian"`` the mixture of their
        distributions. They differ in their initial weights, the order of the samples,
        dropout, and in what `resampling` says.

    resampling : {"bootstrap", "folds"} or None, default=None
        What each network learns from: with None all samples, with "bootstrap" as many,
        drawn with replacement; with "folds" all but a part of its own, a share of one
        in `n_networks`, with about as many samples of each class. With "folds" the part
        left out is the validation set, unless one is given to `fit`, and the
        parameters of the best epoch are kept, each network its own; with "bootstrap"
        it is the validation set of `early_stopping`. "lbfgs" has none, and keeps its
        last iteration. What networks predict for samples that they have left out makes
        `oof_score_`. Not for `partial_fit`.

    n_jobs : int or None, default=None
        With `n_networks`: over how many processes they are spread, through joblib. None
        is one (or what a :func:`joblib.parallel_config` says), in which they share the
        threads that BLAS would use. Callbacks need one process. It does not change the
        result.

    random_state : int, RandomState instance or None, default=None
        Seed of everything random: initial weights, validation split, order of the
        samples, dropout, resampling. With an int, two fits give the same bits.

    tol : float, default=1e-4
        Training stops when the loss, or the validation score, fails to improve by
        `tol` for `n_iter_no_change` epochs in a row, unless `learning_rate` is
        "cosine" or "one_cycle".

    verbose : bool, default=False
        Whether to print the loss of each epoch.

    warm_start : bool, default=False
        Whether `fit` goes on from the parameters of the last one, instead of new ones.
        "lbfgs" forgets the curvature that it has learned: many short fits come less far
        than a long one.
        With `resampling`, each network learns from the samples that it had.

    momentum : float, default=0.9
        Momentum of "sgd", in [0, 1].

    nesterovs_momentum : bool, default=True
        Whether "sgd" uses Nesterov's momentum.

    early_stopping : bool, default=False
        Whether the score on a validation set decides when to stop. The parameters of
        the best epoch are kept. The validation set is the one given to `fit`, or a part
        of the training data; for a classifier it is stratified: with two classes always
        (too few samples of one are an error), with more where each has enough samples.
        Of its samples some weigh something, if two of all do. Not for "lbfgs".

    scoring : str, callable or None, default=None
        The validation score, weighted by `sample_weight` but not by `class_weight`:
        None is that of :meth:`score`, "loss" the negative loss, anything else one of
        scikit-learn's scorers (its name, or a callable ``scorer(estimator, X, y)``,
        which gets rows of X and y as they were passed to `fit`). Greater is better.
        Scorers of probabilities know all of `classes_`, also those that the validation
        set lacks. Where the score of a regressor means nothing, as no target varies in
        the validation set, or a robust loss is to be judged by outliers, there is a
        warning, and None is the same as "loss". A score that is not a finite number, or
        an error of the scorer, is an error in the first epoch; later there is a
        warning, and the epoch can't be the best. A scorer made of a metric of
        scikit-learn's is tried before, on right predictions: if it can do with the
        validation set, there are only warnings.

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

    transform_layer : str or None, default=None
        The layer whose output :meth:`transform` returns, by its name in
        ``network_.names``, such as "ReLU_1". None is the last hidden layer, with all
        that comes before the output's dense layer.

    checkpoint_dir : str, path-like or None, default=None
        A directory in which `fit` keeps its state; "~" is the home directory. A `fit`
        that is run again, with the same data and settings, goes on where the last one
        stopped, to the same bits as one that was never interrupted ("seconds" in
        `history_` apart), and is over at once where that one was finished; for "lbfgs",
        only the latter. For the same bits, the libraries and the number of threads must
        be the same. Files are named by a hash of data and settings, so that one
        directory serves any number of fits, at the same time too. Of functions among
        the settings, the hash knows name and code, but not what they call.
        `random_state` counts as a setting: with None, a second fit of the same data is
        taken for the first. Callbacks see the epochs that are run. A fit that is
        stopped by a callback or by Ctrl-C is not finished: the next one goes on, with
        or without the callback. `partial_fit` writes nothing.

    checkpoint_every : int, default=1
        How many epochs lie between one checkpoint and the next.

    Attributes
    ----------
    classes_ : ndarray of shape (n_classes,)
        The labels.
    n_outputs_ : int
        Number of outputs of the network: 1 for two classes, unless `architecture` ends
        in ``Softmax()``.
    out_activation_ : {"softmax", "logistic"}
        Activation of the output.
    oof_decision_function_ : ndarray of shape (n_samples, n_classes)
        With `resampling`: the mean of the probabilities from those networks that have
        left a sample out; NaN where none has.

    n_features_in_ : int
        Number of features seen by `fit`.
    feature_names_in_ : ndarray of shape (n_features_in_,)
        Names of the features, where `X` has names that are all strings.
    target_names_in_ : ndarray of shape (n_outputs,)
        Names of the columns of `y`, where it is a DataFrame of several.
        Later ones must have them in this order.
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
        The best of them. Batch normalization's statistics are averaged anew after
        training, which changes the score a little.
    history_ : list of dict
        A row for each epoch (for "lbfgs", each iteration): "epoch", "loss", "score" (as
        `score` counts, on each mini-batch before its step), "learning_rate" (of the
        last step; not for "lbfgs"), "gradient_norm" (a dict: for each layer with
        parameters the root mean square over the mini-batches of the norm of its
        gradient, before clipping), "seconds", and with a validation set
        "validation_loss" and "validation_score".
        ``pandas.DataFrame(estimator.history_)`` is a table of it.
    t_ : int
        Number of samples trained on, over all epochs; 0 for "lbfgs".
    network_ : skdnn.nn.Network
        The trained network; with `n_networks` all of them in one, whose arrays have an
        axis of networks in front.
    coefs_, intercepts_ : list of ndarray
        The weights, of shape (n_inputs, units), and biases, of shape (units,), of the
        dense layers: views into the network. With `n_networks` of shape (n_networks,
        n_inputs, units) and (n_networks, units).
    n_layers_ : int
        Number of dense layers, plus 1 for the input.
    estimators_ : list of estimator
        With `n_networks` or `resampling`: for each network a fitted estimator of it
        alone, with its own `history_`, `loss_` and the like; it shares the memory of
        `network_`, and its `random_state` is that of the network. Of all networks,
        `history_` has the means over those that trained in an epoch (their number is
        "networks", "seconds" the sum), `loss_`, `best_loss_` and
        `best_validation_score_` the mean, `n_iter_` the largest, `t_` the sum.
    estimators_samples_ : list of ndarray of int
        With `resampling`: the samples that each network learned from.
    oof_score_ : float
        With `resampling`: the score of :meth:`score`, with what the networks predict
        that have left a sample out. With "folds" their best epoch was chosen by it,
        unless a validation set was given: then it is a little too good.

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
    def __init__(
        self,
        hidden_layer_sizes: _Int | Sequence[_Int] | _Array = (100,),
        activation: Literal["identity", "logistic", "tanh", "relu", "leaky_relu", "prelu", "elu", "selu", "gelu", "silu", "mish", "softplus"] = "relu",
        *,
        architecture: Sequence[Layer] | None = None,
        batch_norm: _Bool = False,
        dropout: _Float | Sequence[_Float] | _Array = 0.0,
        input_dropout: _Float = 0.0,
        weight_init: Literal["auto", "glorot", "he", "lecun", "normal"] | Callable[..., Any] = "auto",
        solver: Literal["lbfgs", "sgd", "adam", "adamw"] = "adam",
        alpha: _Float = 0.0001,
        batch_size: _Int | Literal["auto"] = "auto",
        learning_rate: Literal["constant", "invscaling", "adaptive", "cosine", "one_cycle"] = "constant",
        learning_rate_init: _Float = 0.001,
        power_t: _Float = 0.5,
        max_iter: _Int = 200,
        shuffle: _Bool = True,
        augmentation: Callable[..., Any] | Sequence[Callable[..., Any]] | None = None,
        ema_decay: _Float | None = None,
        n_networks: _Int = 1,
        resampling: Literal["bootstrap", "folds"] | None = None,
        n_jobs: _Int | None = None,
        random_state: _Int | np.random.RandomState | None = None,
        tol: _Float = 0.0001,
        verbose: _Bool = False,
        warm_start: _Bool = False,
        momentum: _Float = 0.9,
        nesterovs_momentum: _Bool = True,
        early_stopping: _Bool = False,
        scoring: str | Callable[..., Any] | None = None,
        validation_fraction: _Float = 0.1,
        beta_1: _Float = 0.9,
        beta_2: _Float = 0.999,
        epsilon: _Float = 1e-08,
        n_iter_no_change: _Int | float = 10,
        max_fun: _Int = 15000,
        max_grad_norm: _Float | None = None,
        dtype: Literal["float32", "float64", "auto"] = "float32",
        transform_layer: str | None = None,
        checkpoint_dir: str | PathLike[str] | None = None,
        checkpoint_every: _Int = 1,
        class_weight: dict[Any, Any] | Literal["balanced"] | None = None,
        label_smoothing: _Float = 0.0,
    ) -> None: ...
    classes_: NDArray[Any]
    n_outputs_: int
    out_activation_: Literal["softmax", "logistic"]
    oof_decision_function_: NDArray[Any]
    n_features_in_: int
    feature_names_in_: NDArray[Any]
    target_names_in_: NDArray[Any]
    n_iter_: int
    loss_: float
    best_loss_: float | None
    best_validation_score_: float | None
    history_: list[dict[str, Any]]
    t_: int
    network_: Network
    n_layers_: int
    estimators_samples_: list[NDArray[Any]]
    oof_score_: float
    @property
    def task(self) -> Any: ...
    @property
    def estimators_(self) -> list[Self]: ...
    @property
    def loss_curve_(self) -> list[float]: ...
    @property
    def validation_scores_(self) -> list[float] | None: ...
    @property
    def coefs_(self) -> list[NDArray[Any]]: ...
    @property
    def intercepts_(self) -> list[NDArray[Any]]: ...
    def partial_fit(self, X: Any, y: Any, sample_weight: Any = None, classes: Any = None) -> Self: ...
    def predict_proba(self, X: Any) -> NDArray[Any]: ...
    def predict_each(self, X: Any) -> NDArray[Any]: ...
    def uncertainty(self, X: Any) -> Bunch: ...
    def predict_log_proba(self, X: Any) -> NDArray[Any]: ...
    def predict(self, X: Any) -> NDArray[Any]: ...
    def score(self, X: Any, y: Any, sample_weight: Any = None) -> float: ...
    def fit(self, X: Any, y: Any, sample_weight: Any = None, *, X_val: Any = None, y_val: Any = None, sample_weight_val: Any = None) -> Self: ...
    def transform(self, X: Any) -> NDArray[Any]: ...
    def summary(self) -> Any: ...
