"""Layers that disturb what passes in training, so that it must not be relied on."""

from numbers import Real

import numpy as np

from skdnn.messages import check_fits, hold_number
from skdnn.nn.layers.base import Layer, layer


class StochasticLayer(Layer):
    """Base of the layers that draw random numbers in training: each time new ones.

    At inference they are the identity.
    """

    def forward(self, A, slot, training):
        if training:
            return self.disturb(A, slot)
        if slot.output is not A:
            np.copyto(slot.output, A)
        return slot.output

    def disturb(self, A, slot):
        """Return what ``forward`` does in training."""
        raise NotImplementedError

    def each(self, slot, *arrays):
        """Yield each network's generator, and its part of the arrays, flat.

        A network so draws what it draws alone.
        """
        parts = (array.reshape(len(slot.rngs), -1) for array in arrays)
        return zip(slot.rngs, *parts, strict=True)


@layer
class GaussianNoise(StochasticLayer):
    """Noise that is added: ``Y = A + std N``, ``dA = dY``, with N normal, N(0, 1).

    Each activation gets its own. The network must do with what it knows only to within
    `std`, and so it becomes smooth: to the second order, the noise is a penalty on its
    derivatives (Bishop).

    Parameters
    ----------
    std : float
        The standard deviation of the noise, in the units of the activations. Behind a
        :class:`BatchNorm`, a good place, these have a spread of gamma, which starts at
        1.

    References
    ----------
    Sietsma and Dow (1991), "Creating artificial neural networks that generalize".

    Bishop (1995), "Training with noise is equivalent to Tikhonov regularization".

    Rasmus, Valpola, Honkala, Berglund and Raiko (2015), "Semi-supervised learning with
    ladder networks".
    """

    std: float

    def __post_init__(self):
        hold_number(self, "std", Real, 0)

    def check_dtype(self, dtype):
        check_fits("GaussianNoise", "std", self.std, dtype, may_vanish=True)

    def disturb(self, A, slot):
        noise = slot.scratch
        for rng, its in self.each(slot, noise):
            rng.standard_normal(dtype=its.dtype, out=its)
            its *= self.std
        return np.add(A, noise, out=slot.output)

    def backward(self, dY, slot):
        return dY
