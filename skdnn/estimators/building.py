"""From the estimator's parameters to a network."""

from collections.abc import Sequence

import numpy as np
from scipy.sparse import issparse

from skdnn import nn
from skdnn.augmentation.base import InARow
from skdnn.messages import as_python, counted, plain, warn_user
from skdnn.nn.initializers import INITIALIZERS
from skdnn.nn.layers import ACTIVATIONS
from skdnn.nn.nodes import check_layers
from skdnn.nn.vectors import check_memory


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


def augmentation_for(estimator):
    """Return what changes mini-batches, or None."""
    asked = estimator.augmentation
    if asked is None or (isinstance(asked, (list, tuple)) and not asked):
        return None
    return InARow(asked)


def transform_stop(estimator, network):
    """Return the number of layers that `transform` takes, or raise an error."""
    name = estimator.transform_layer
    if name is None:
        dense = [
            i for i, kind in enumerate(network.layers) if isinstance(kind, nn.Dense)
        ]
        return dense[-1] if dense else 0
    if name not in network.names:
        raise ValueError(
            f"transform_layer={name!r} is not among the layers of the network:"
            f" {list(network.names)}."
        )
    return network.names.index(name) + 1
