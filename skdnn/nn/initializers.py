"""Initializers: the weights and the bias with which a dense layer starts.

Each is a value; called with the layer's fan-in and fan-out and a
:class:`numpy.random.RandomState`, it returns weights of shape (fan_in, fan_out) and a
bias of shape (fan_out,), in float64.
"""

from dataclasses import dataclass
from math import sqrt
from numbers import Real

import numpy as np

from skdnn.messages import hold_number


@dataclass(frozen=True)
class Normal:
    """Normal weights of one standard deviation for all layers; bias 0.

    Parameters
    ----------
    std : float, default=0.01
        The standard deviation.
    """

    std: float = 0.01

    def __post_init__(self):
        hold_number(self, "std", Real, 0)

    def __call__(self, fan_in, fan_out, rng):
        weights = rng.normal(0, self.std, (fan_in, fan_out))
        return weights, np.zeros(fan_out)


@dataclass(frozen=True)
class He:
    """He's initialization: normal weights of variance ``2 / fan_in``; bias 0.

    Keeps the variance of activations from layer to layer where a ReLU halves it.

    References
    ----------
    He, Zhang, Ren and Sun (2015), "Delving deep into rectifiers".
    """

    def __call__(self, fan_in, fan_out, rng):
        weights = rng.normal(0, sqrt(2 / fan_in), (fan_in, fan_out))
        return weights, np.zeros(fan_out)


@dataclass(frozen=True)
class LeCun:
    """LeCun's initialization: normal weights of variance ``1 / fan_in``; bias 0.

    Keeps the variance of activations from layer to layer where the activation does: the
    identity, tanh near 0, SELU.

    References
    ----------
    LeCun, Bottou, Orr and Müller (1998), "Efficient backprop".
    """

    def __call__(self, fan_in, fan_out, rng):
        weights = rng.normal(0, sqrt(1 / fan_in), (fan_in, fan_out))
        return weights, np.zeros(fan_out)


@dataclass(frozen=True)
class Glorot:
    """Glorot's initialization: weights and bias uniform in [-bound, bound].

    ``bound = sqrt(gain 6 / (fan_in + fan_out))`` is a compromise between keeping the
    variance of the activations and that of the gradients. As in scikit-learn's
    `MLPClassifier`, the bias is drawn as well, after the weights.

    Parameters
    ----------
    gain : float, default=1.0
        Scales the variance; scikit-learn takes 1/3 for the logistic sigmoid.

    References
    ----------
    Glorot and Bengio (2010), "Understanding the difficulty of training deep
    feedforward neural networks".
    """

    gain: float = 1.0

    def __post_init__(self):
        hold_number(self, "gain", Real, 0)

    def __call__(self, fan_in, fan_out, rng):
        bound = sqrt(self.gain * 6 / (fan_in + fan_out))
        weights = rng.uniform(-bound, bound, (fan_in, fan_out))
        return weights, rng.uniform(-bound, bound, fan_out)


INITIALIZERS = {  # by the name that the argument `weight_init` has
    "glorot": Glorot(),
    "he": He(),
    "lecun": LeCun(),
    "normal": Normal(),
}


def start_of(initializer, shapes, rng):
    """Return what an initializer makes, if it is weights and a bias of these shapes.

    Anybody can write one, and so what comes may be anything.
    """
    start = initializer(*shapes[0], rng)
    if not isinstance(start, (tuple, list)):
        raise TypeError(
            f"weight_init: {initializer!r} must return weights and bias, two arrays of"
            f" the shapes {shapes}, got {start!r}."
        )
    got = tuple(map(np.shape, start))
    if got != shapes:
        raise ValueError(
            f"weight_init: {initializer!r} must return weights and bias of the shapes"
            f" {shapes}, got {got}."
        )
    if not all(np.isfinite(array).all() for array in start):
        raise ValueError(
            f"weight_init: {initializer!r} must return finite weights and bias; for"
            f" those of shape {shapes[0]} it did not."
        )
    return start
