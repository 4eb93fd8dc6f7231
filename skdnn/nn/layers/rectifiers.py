"""Activations that let what is positive pass, and bend what is negative."""

from numbers import Real

import numpy as np

from skdnn.nn.layers.base import Layer, check_number, layer


@layer
class ReLU(Layer):
    """The rectified linear unit: ``A = max(Z, 0)``, ``dZ = dA [A > 0]``.

    At Z = 0, where there is no derivative, it is taken as 0.

    References
    ----------
    Nair and Hinton (2010), "Rectified linear units improve restricted Boltzmann
    machines".
    """

    reads_output = True

    def forward(self, Z, slot, training):
        return np.maximum(Z, 0, out=slot.output)

    def backward(self, dA, slot):
        # A product with a bool mask: ten times as fast as np.where or dA[mask] = 0.
        np.greater(slot.output, 0, out=slot.mask)
        return np.multiply(dA, slot.mask, out=slot.d_input)


@layer
class LeakyReLU(Layer):
    """The leaky rectifier: ``A = max(Z, s Z)``, ``dZ = dA (1 if A > 0 else s)``.

    Parameters
    ----------
    negative_slope : float, default=0.01
        The slope s for negative inputs, in [0, 1).

    References
    ----------
    Maas, Hannun and Ng (2013), "Rectifier nonlinearities improve neural network
    acoustic models".
    """

    negative_slope: float = 0.01
    reads_output = True

    def __post_init__(self):
        check_number("LeakyReLU", "negative_slope", self.negative_slope, Real, 0, 1)

    def forward(self, Z, slot, training):
        scaled = np.multiply(Z, self.negative_slope, out=slot.scratch)
        return np.maximum(Z, scaled, out=slot.output)

    def backward(self, dA, slot):
        np.greater(slot.output, 0, out=slot.mask)
        slope = slot.scratch
        np.multiply(slot.mask, 1 - self.negative_slope, out=slope, dtype=slope.dtype)
        slope += self.negative_slope
        return np.multiply(dA, slope, out=slot.d_input)
