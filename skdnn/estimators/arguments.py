"""The arguments that all estimators share: their meaning, values and documentation."""

from numbers import Integral, Real
from os import PathLike

import numpy as np
from sklearn.base import BaseEstimator
from sklearn.metrics import get_scorer_names
from sklearn.utils._param_validation import Interval, Options, StrOptions

from skdnn.nn.initializers import INITIALIZERS
from skdnn.nn.layers import ACTIVATIONS
from skdnn.nn.optimizers import OPTIMIZERS
from skdnn.nn.schedules import SCHEDULES

COUNT = Interval(Integral, 1, None, closed="left")
NOT_NEGATIVE = Interval(Real, 0, None, closed="left")
POSITIVE = Interval(Real, 0, None, closed="neither")
SHARE = Interval(Real, 0, 1, closed="left")


class SharedArguments(BaseEstimator):
    """The arguments of all estimators, and the attributes that all have when fitted.

    Parameters
    ----------
    hidden_layer_sizes : int or array-like of int, default=(100,)
        The number of units of each hidden layer.

    activation : {"identity", "logistic", "tanh", "relu", "leaky_relu", "prelu", \
            "elu", "selu", "gelu", "silu", "mish", "softplus"}, default="relu"
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

    weight_init : {"auto", "glorot", "he", "lecun", "normal"} or callable, \
            default="auto"
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
    """

    _parameter_constraints: dict = {
        "hidden_layer_sizes": ["array-like", COUNT],
        "activation": [StrOptions(set(ACTIVATIONS))],
        "architecture": [list, tuple, None],
        "batch_norm": ["boolean"],
        "dropout": ["array-like", SHARE],
        "input_dropout": [SHARE],
        "weight_init": [StrOptions({"auto", *INITIALIZERS}), callable],
        "solver": [StrOptions({"lbfgs", *OPTIMIZERS})],
        "alpha": [NOT_NEGATIVE],
        "batch_size": [StrOptions({"auto"}), COUNT],
        "learning_rate": [StrOptions(set(SCHEDULES))],
        "learning_rate_init": [POSITIVE],
        "power_t": [NOT_NEGATIVE],
        "max_iter": [COUNT],
        "shuffle": ["boolean"],
        "augmentation": [callable, list, tuple, None],
        "ema_decay": [Interval(Real, 0, 1, closed="neither"), None],
        "n_networks": [Interval(Integral, 1, 2**31 - 1, closed="both")],
        "resampling": [StrOptions({"bootstrap", "folds"}), None],
        "n_jobs": [Integral, None],
        "random_state": ["random_state"],
        "tol": [NOT_NEGATIVE],
        "verbose": ["verbose"],
        "warm_start": ["boolean"],
        "momentum": [Interval(Real, 0, 1, closed="both")],
        "nesterovs_momentum": ["boolean"],
        "early_stopping": ["boolean"],
        "scoring": [StrOptions({"loss", *get_scorer_names()}), callable, None],
        "validation_fraction": [SHARE],
        "beta_1": [SHARE],
        "beta_2": [SHARE],
        "epsilon": [POSITIVE],
        "n_iter_no_change": [COUNT, Options(Real, {np.inf})],
        "max_fun": [COUNT],
        "max_grad_norm": [POSITIVE, None],
        "dtype": [StrOptions({"float32", "float64", "auto"})],
        "transform_layer": [str, None],
        "checkpoint_dir": [str, PathLike, None],
        "checkpoint_every": [COUNT],
    }

    # Empty: `with_arguments_of` sets all of them.
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
        augmentation=None,
        ema_decay=None,
        n_networks=1,
        resampling=None,
        n_jobs=None,
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
        transform_layer=None,
        checkpoint_dir=None,
        checkpoint_every=1,
    ): ...
