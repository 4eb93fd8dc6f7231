"""From the estimator's parameters to a network, a trainer and a checkpoint."""

from collections.abc import Sequence
from inspect import signature

import numpy as np
from scipy.sparse import issparse

from skdnn import nn
from skdnn.augmentation.base import InARow
from skdnn.messages.checks import as_python, check_fits
from skdnn.messages.user_warnings import warn_user
from skdnn.messages.words import counted, plain
from skdnn.nn.initializers import INITIALIZERS
from skdnn.nn.layers import ACTIVATIONS
from skdnn.nn.nodes import check_layers
from skdnn.nn.optimizers import OPTIMIZERS
from skdnn.nn.schedules import SCHEDULES
from skdnn.nn.vectors import check_memory
from skdnn.training import LBFGS, GradientDescent
from skdnn.training.checkpoint import FORMAT, Checkpoint, directory_of
from skdnn.training.fingerprint import fingerprint_of

# What does not change the result of a fit, or is taken from the network it starts with.
NO_MATTER = {"checkpoint_dir", "checkpoint_every", "transform_layer", "verbose"}
NO_MATTER |= {"warm_start", "n_jobs"}
# What mini-batches, schedules and early stopping are about.
NOT_FOR_LBFGS = {"batch_size", "learning_rate", "learning_rate_init", "power_t"}
NOT_FOR_LBFGS |= {"shuffle", "momentum", "nesterovs_momentum", "early_stopping"}
NOT_FOR_LBFGS |= {"validation_fraction", "beta_1", "beta_2", "epsilon"}
NOT_FOR_LBFGS |= {"n_iter_no_change", "max_grad_norm", "checkpoint_every"}


def network_for(estimator, X, task, rng, previous=None):
    """Return the network that the parameters ask for.

    Parameters
    ----------
    estimator : BaseMLP
    X : {ndarray, sparse array} of shape (n_samples, n_features)
    task : Task
    rng : numpy.random.RandomState
        Where the initial weights are drawn from.
    previous : Network, default=None
        One of the same layers, dtype and features, returned in place of a new one.
    """
    layers = _layers(estimator, task)
    if issparse(X) and augmentation_for(estimator) is not None:
        raise TypeError(
            f"augmentation={estimator.augmentation!r} needs dense rows, but X is"
            " sparse. Pass X.toarray(), or set augmentation=None."
        )
    if estimator.dtype != "auto":
        dtype = np.dtype(estimator.dtype)
    elif previous is not None:
        dtype = previous.dtype
    else:
        dtype = np.dtype(np.float32 if X.dtype == np.float32 else np.float64)
    if previous is not None:
        wanted = tuple(layers), dtype, X.shape[1]
        there = previous.layers, previous.dtype, previous.n_features
        if wanted != there:
            raise ValueError(
                "Training can only go on with the layers, dtype and features of before,"
                f" {there}; the parameters now ask for {wanted}."
            )
        return previous
    own = estimator.architecture
    if own and isinstance(own[-1], nn.Dense) and layers != list(own):
        output = layers[len(own)]
        warn_user(
            f"architecture ends in {own[-1]}, to which fit adds the output layer"
            f" {output}: two linear layers in a row are no more than one. Leave"
            f" {own[-1]} out, or put an activation behind it."
        )
    try:
        network = nn.Network(layers, X.shape[1], dtype)
        size = 200 if estimator.batch_size == "auto" else estimator.batch_size
        n_rows = min(size, X.shape[0])
        n_bytes = n_rows * max(network.widths) * dtype.itemsize
        check_memory(n_bytes, f"the widest layer on {counted(n_rows, 'row')}")
        return network.initialize(rng, _initializer(estimator, network))
    except MemoryError as error:
        name = "hidden_layer_sizes" if own is None else "architecture"
        raise MemoryError(
            f"{name}={plain(getattr(estimator, name))!r} with {X.shape[1]} features"
            f" takes more memory than there is: {error}"
        ) from error


def count_parameters(estimator, n_features, task):
    """Return the number of parameters of the networks that an estimator asks for."""
    network = nn.Network(_layers(estimator, task), n_features)
    return estimator.n_networks * network.n_parameters


def _layers(estimator, task):
    if estimator.architecture is None:
        return task.complete(_simple_hidden_layers(estimator))
    return task.complete(_explicit_layers(estimator))


def sizes_of(hidden_layer_sizes):
    """Return the number of units of each hidden layer, as a list of int."""
    sizes = as_python(hidden_layer_sizes, "hidden_layer_sizes")
    sizes = list(sizes) if isinstance(sizes, Sequence) else [sizes]
    if not all(type(size) is int for size in sizes):
        raise ValueError(f"hidden_layer_sizes must be integers, got {sizes}.")
    if any(size <= 0 for size in sizes):
        raise ValueError(f"hidden_layer_sizes must be > 0, got {sizes}.")
    return sizes


def _simple_hidden_layers(estimator):
    sizes = sizes_of(estimator.hidden_layer_sizes)
    rates = estimator.dropout
    several = isinstance(rates, Sequence)
    rates = list(rates) if several else [rates] * len(sizes)
    if len(rates) != len(sizes):
        raise ValueError(
            f"dropout has {counted(len(rates), 'rate')}, {plain(rates)}, for"
            f" {counted(len(sizes), 'hidden layer')}: give one for each, or a single"
            " number."
        )
    layers = [nn.Dropout(estimator.input_dropout)] if estimator.input_dropout else []
    for units, rate in zip(sizes, rates, strict=True):
        layers.append(nn.Dense(units))
        if estimator.batch_norm:
            layers.append(nn.BatchNorm())
        layers.append(ACTIVATIONS[estimator.activation])
        if rate:
            layers.append(nn.Dropout(rate))
    return layers


def _explicit_layers(estimator):
    for name in ("batch_norm", "dropout", "input_dropout"):
        if np.any(getattr(estimator, name)):
            raise ValueError(
                f"{name}={plain(getattr(estimator, name))!r} has no effect where"
                " architecture names every layer: put the layer into the list."
            )
    check_layers(estimator.architecture, "architecture")
    return list(estimator.architecture)


def _initializer(estimator, network):
    if estimator.weight_init == "auto":
        for node in network.walk():
            if node.layer.suited_initializer is not None:
                return node.layer.suited_initializer
        # scikit-learn's choice: a third of the variance for the logistic sigmoid.
        simple = estimator.architecture is None
        logistic = simple and estimator.activation == "logistic"
        return nn.Glorot(1 / 3 if logistic else 1)
    if isinstance(estimator.weight_init, type):
        name = estimator.weight_init.__name__
        raise TypeError(
            f"weight_init is the class {name}; an instance is needed: {name}()."
        )
    if callable(estimator.weight_init):
        return estimator.weight_init
    return INITIALIZERS[estimator.weight_init]


def trainer_for(estimator, network, task, rng, past=None):
    """Return the trainer that the parameters ask for.

    Parameters
    ----------
    estimator : BaseMLP
    network : Network
    task : Task
    rng : numpy.random.RandomState
    past : object, default=None
        What has the `history_`, `t_` and `best_loss_` of the network's earlier fit.
    """
    settings = {
        "max_epochs": estimator.max_iter,
        "alpha": 0.0 if estimator.solver == "adamw" else estimator.alpha,
    }
    if past is not None:
        settings["history"] = past.history_
        settings["samples_seen"] = past.t_
        if past.best_loss_ is not None:
            settings["best_loss"] = past.best_loss_
    loss = task.loss_for(network)
    if estimator.solver == "lbfgs":
        _check_lbfgs(estimator, network)
        return LBFGS(network, loss, max_fun=estimator.max_fun, **settings)
    decay = estimator.learning_rate_init * estimator.alpha
    if estimator.solver == "adamw" and decay >= 1:
        raise ValueError(
            f"alpha={estimator.alpha!r} and learning_rate_init="
            f"{estimator.learning_rate_init!r}: with solver='adamw' a step multiplies"
            " the weights with 1 - learning_rate * alpha, which must be greater than 0."
            f" Set alpha below {1 / estimator.learning_rate_init:g}."
        )
    if estimator.solver in ("adam", "adamw"):
        owner = f"solver={estimator.solver!r}"
        check_fits(owner, "epsilon", estimator.epsilon, network.dtype)
    moments = (estimator.beta_1, estimator.beta_2, estimator.epsilon)
    arguments = {
        "sgd": (estimator.momentum, estimator.nesterovs_momentum),
        "adam": moments,
        "adamw": (estimator.alpha, *moments),
    }[estimator.solver]
    optimizer = OPTIMIZERS[estimator.solver](*arguments)
    schedule = SCHEDULES[estimator.learning_rate]()
    if estimator.learning_rate == "invscaling":
        schedule = nn.InverseScaling(estimator.power_t)
    return GradientDescent(
        network,
        loss,
        optimizer,
        schedule,
        learning_rate=estimator.learning_rate_init,
        batch_size=estimator.batch_size,
        max_grad_norm=estimator.max_grad_norm,
        ema_decay=estimator.ema_decay,
        shuffle=estimator.shuffle,
        augmentation=augmentation_for(estimator),
        rng=rng,
        **settings,
    )


def augmentation_for(estimator):
    """Return what changes mini-batches, or None."""
    asked = estimator.augmentation
    if asked is None or (isinstance(asked, (list, tuple)) and not asked):
        return None
    return InARow(asked)


def _check_lbfgs(estimator, network):
    noise = network.find(nn.StochasticLayer)
    if noise is not None:
        raise ValueError(
            f"{noise} is not available with solver='lbfgs', which needs the same loss"
            " for the same parameters. Use 'adam', 'adamw' or 'sgd', or do without"
            " dropout, input_dropout and layers that draw random numbers."
        )
    if augmentation_for(estimator) is not None:
        raise ValueError(
            f"augmentation={estimator.augmentation!r} is not available with"
            " solver='lbfgs', which needs the same loss for the same parameters. Use"
            " 'adam', 'adamw' or 'sgd', or set augmentation=None."
        )
    if estimator.ema_decay is not None:
        raise ValueError(
            f"ema_decay={estimator.ema_decay!r} is not available with solver='lbfgs',"
            " whose last iterate is the best. Use 'adam', 'adamw' or 'sgd', or set"
            " ema_decay=None."
        )


def warn_of_ignored(estimator):
    """Warn of arguments that were set, and that the solver "lbfgs" ignores."""
    if estimator.solver != "lbfgs":  # where scikit-learn says nothing either
        return
    arguments = signature(type(estimator)).parameters
    ignored = [
        f"{name}={plain(value)!r}"
        for name, value in estimator.get_params(deep=False).items()
        if name in NOT_FOR_LBFGS and value != arguments[name].default
    ]
    if ignored:
        warn_user(
            f"solver='lbfgs' ignores {', '.join(ignored)}: it takes all samples at once"
            " and chooses its steps itself, until max_iter, max_fun or tol end them. A"
            " validation set is only recorded. Leave these arguments at their defaults,"
            " or use 'adam', 'adamw' or 'sgd'."
        )


def checkpoints_for(estimator, goes_on, *data):
    """Return a function that makes the checkpoints of a fit, or None.

    The checkpoint of the fit is made with no argument, that of one of its networks with
    what tells it from the others, those of another start too.

    Parameters
    ----------
    estimator : BaseMLP
    goes_on : bool
        Whether the fit starts with the network of an earlier one.
    *data : array, or tuple of arrays, or None
        All that the fit learns from.
    """
    directory = directory_of(estimator.checkpoint_dir)
    if directory is None:
        return None
    settings = {}
    for name, value in estimator.get_params(deep=False).items():
        if isinstance(value, np.random.RandomState):
            value = value.get_state(legacy=False)
        try:
            settings[name] = None if name in NO_MATTER else fingerprint_of(value)
        except Exception as error:
            raise ValueError(
                f"{name}={value!r} could not be recognized in another process, which"
                f" checkpoint_dir needs: {error}. A function, or an object that can be"
                " pickled, could be."
            ) from error
    start = None
    if goes_on:
        learned = estimator.network_.state(np.asarray)
        start = learned, estimator.t_, estimator.best_loss_, len(estimator.history_)
    whole = fingerprint_of((FORMAT, type(estimator), settings, data, start))

    def checkpoint(*which):
        fingerprint = fingerprint_of((whole, which)) if which else whole
        return Checkpoint(directory, fingerprint, estimator.checkpoint_every)

    return checkpoint
