"""From the estimator's parameters to a network and a trainer."""

import warnings
from numbers import Integral, Real

import numpy as np

from skdnn import nn
from skdnn.nn.network import check_layers
from skdnn.training import LBFGS, GradientDescent

ACTIVATIONS = {
    "identity": nn.Identity(),
    "logistic": nn.Logistic(),
    "tanh": nn.Tanh(),
    "relu": nn.ReLU(),
    "leaky_relu": nn.LeakyReLU(),
}
INITIALIZERS = {"glorot": nn.Glorot(), "he": nn.He(), "normal": nn.Normal()}
LOSSES = {
    nn.Softmax(): nn.CategoricalCrossEntropy(),
    nn.Logistic(): nn.BinaryCrossEntropy(),
}


def new_network(estimator, X, labels, rng):
    """Build the network that the parameters ask for, with new weights."""
    if estimator.architecture is None:
        layers = _simple_hidden_layers(estimator)
    else:
        layers = _explicit_layers(estimator)
    n_classes = len(labels.classes)
    if layers and layers[-1] == nn.Softmax():
        if labels.multilabel:
            raise ValueError(
                "architecture ends in Softmax(), whose outputs sum to 1; for"
                " multi-label targets leave the output layer to fit."
            )
    elif labels.multilabel:
        layers += [nn.Dense(n_classes), nn.Logistic()]
    elif n_classes == 2:
        layers += [nn.Dense(1), nn.Logistic()]
    else:
        layers += [nn.Dense(n_classes), nn.Softmax()]
    single = estimator.dtype == "float32" or (
        estimator.dtype == "auto" and X.dtype == np.float32
    )
    network = nn.Network(layers, X.shape[1], np.float32 if single else np.float64)
    n_outputs = network.widths[-1]
    if network.layers[-1] == nn.Softmax() and n_outputs != n_classes:
        raise ValueError(
            f"architecture ends in Softmax() with {n_outputs} outputs, but y has"
            f" {n_classes} classes: the last Dense layer needs {n_classes} units."
        )
    return network.initialize(rng, _initializer(estimator))


def _simple_hidden_layers(estimator):
    sizes = estimator.hidden_layer_sizes
    sizes = list(sizes) if hasattr(sizes, "__iter__") else [sizes]
    if any(not isinstance(size, Integral) or size <= 0 for size in sizes):
        raise ValueError(f"hidden_layer_sizes must be > 0, got {sizes}.")
    rates = estimator.dropout
    rates = [rates] * len(sizes) if isinstance(rates, Real) else list(rates)
    if len(rates) != len(sizes):
        raise ValueError(
            f"dropout has {len(rates)} rates, {rates}, for {len(sizes)} hidden"
            " layers: give one for each, or a single number."
        )
    layers = [nn.Dropout(estimator.input_dropout)] if estimator.input_dropout else []
    for units, rate in zip(sizes, rates, strict=True):
        layers.append(nn.Dense(int(units)))
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
                f"{name}={getattr(estimator, name)!r} has no effect where architecture"
                " names every layer: put the layer into the list."
            )
    check_layers(estimator.architecture)
    return list(estimator.architecture)


def _initializer(estimator):
    if estimator.weight_init == "auto":
        # scikit-learn's choice: a third of the variance for the logistic sigmoid.
        simple = estimator.architecture is None
        logistic = simple and estimator.activation == "logistic"
        return nn.Glorot(1 / 3 if logistic else 1)
    if callable(estimator.weight_init):
        return estimator.weight_init
    return INITIALIZERS[estimator.weight_init]


def go_on_from(network, new_network):
    """Copy what an earlier fit learned into a new network of the same layers."""
    mine, its = (
        (net.layers, net.dtype, net.n_features) for net in (new_network, network)
    )
    if mine != its:
        raise ValueError(
            "Training can only go on with the layers, dtype and features of the"
            f" last fit, {its}; got {mine}."
        )
    new_network.restore((network.parameters, network.statistics))


def new_trainer(estimator, network, n_samples, rng, warm):
    """Return the trainer that the parameters ask for; `warm` goes on from a fit."""
    settings = {
        "max_epochs": estimator.max_iter,
        "alpha": 0.0 if estimator.solver == "adamw" else estimator.alpha,
        "label_smoothing": estimator.label_smoothing,
        "history": estimator.history_ if warm else (),
        "samples_seen": estimator.t_ if warm else 0,
    }
    loss = LOSSES[network.layers[-1]]
    if estimator.solver == "lbfgs":
        _check_lbfgs(estimator, network)
        return LBFGS(network, loss, max_fun=estimator.max_fun, **settings)
    batch_size = estimator.batch_size
    if batch_size == "auto":
        batch_size = min(200, n_samples)
    elif batch_size > n_samples:
        warnings.warn(
            "Got `batch_size` less than 1 or larger than "
            "sample size. It is going to be clipped",
            stacklevel=3,
        )
    moments = (estimator.beta_1, estimator.beta_2, estimator.epsilon)
    optimizer = {
        "sgd": nn.SGD(estimator.momentum, estimator.nesterovs_momentum),
        "adam": nn.Adam(*moments),
        "adamw": nn.AdamW(estimator.alpha, *moments),
    }[estimator.solver]
    schedule = {
        "constant": nn.Constant(),
        "invscaling": nn.InverseScaling(estimator.power_t),
        "adaptive": nn.Adaptive(),
        "cosine": nn.Cosine(),
        "one_cycle": nn.OneCycle(),
    }[estimator.learning_rate]
    trainer = GradientDescent(
        network,
        loss,
        optimizer,
        schedule,
        learning_rate=estimator.learning_rate_init,
        batch_size=batch_size,
        max_grad_norm=estimator.max_grad_norm,
        ema_decay=estimator.ema_decay,
        shuffle=estimator.shuffle,
        rng=rng,
        **settings,
    )
    if warm:
        if estimator.best_loss_ is not None:
            trainer.best_loss = estimator.best_loss_
        if estimator.early_stopping and estimator.best_validation_score_ is not None:
            trainer.best_score = estimator.best_validation_score_
    return trainer


def _check_lbfgs(estimator, network):
    if any(isinstance(layer, nn.Dropout) for layer in network.layers):
        raise ValueError(
            "dropout is not available with solver='lbfgs', which needs the same"
            " loss for the same parameters. Use 'adam', 'adamw' or 'sgd', or set"
            " dropout to 0."
        )
    if estimator.ema_decay is not None:
        raise ValueError(
            f"ema_decay={estimator.ema_decay!r} is not available with solver='lbfgs',"
            " whose last iterate is the best. Use 'adam', 'adamw' or 'sgd', or set"
            " ema_decay=None."
        )
