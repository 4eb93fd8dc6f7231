"""Smooth relatives of the rectifier.

Their derivatives need Z, over which the output may be written: in training, ``forward``
keeps the slopes.
"""

from math import pi, sqrt

import numpy as np
from scipy.special import ndtr

from skdnn.nn.initializers import He
from skdnn.nn.layers.base import Layer, layer
from skdnn.nn.layers.sigmoids import logistic


class SmoothLayer(Layer):
    """What all share: ``dZ = dA slopes``."""

    suited_initializer = He()

    def kept_shapes(self, n_rows, n_inputs):
        return {"slopes": (n_rows, n_inputs)}

    def backward(self, dA, slot):
        return np.multiply(dA, slot.slopes, out=slot.d_input)


@layer
class Softplus(Layer):
    """Softplus: ``A = log(1 + exp(Z))``, ``dZ = dA (1 - exp(-A))``.

    The slope is the logistic sigmoid of Z, written with A.

    References
    ----------
    Dugas, Bengio, Bélisle, Nadeau and Garcia (2001), "Incorporating second-order
    functional knowledge for better option pricing".
    """

    reads_output = True
    suited_initializer = He()

    def forward(self, Z, slot, training):
        return softplus(Z, out=slot.output, scratch=slot.scratch)

    def backward(self, dA, slot):
        slopes = np.negative(slot.output, out=slot.scratch)
        np.expm1(slopes, out=slopes)
        np.negative(slopes, out=slopes)
        return np.multiply(dA, slopes, out=slot.d_input)


def softplus(Z, out, scratch=None):
    """Write ``log(1 + exp(Z))`` to `out`, which may be Z."""
    # As max(Z, 0) + log(1 + exp(-|Z|)): nothing overflows, and np.logaddexp takes twice
    # as long.
    small = np.abs(Z, out=scratch)
    np.negative(small, out=small)
    np.exp(small, out=small)
    np.log1p(small, out=small)
    np.maximum(Z, 0, out=out)
    out += small
    return out


@layer
class GELU(SmoothLayer):
    """The Gaussian error linear unit: ``A = Z Phi(Z)``.

    ``dZ = dA (Phi(Z) + Z phi(Z))``. Phi is the distribution function of the standard
    normal distribution, and phi its density, ``exp(-Z² / 2) / sqrt(2 pi)``; not the
    approximation by tanh.

    References
    ----------
    Hendrycks and Gimpel (2016), "Gaussian error linear units (GELUs)".
    """

    def forward(self, Z, slot, training):
        # The density, but for its factor:
        with np.errstate(over="ignore"):  # exp(-infinity) is 0
            bell = np.multiply(Z, Z, out=slot.slopes if training else None)
        bell *= -0.5
        np.exp(bell, out=bell)
        Phi = normal_distribution(Z, bell, out=slot.scratch)
        if training:
            slopes = np.multiply(bell, Z, out=bell)
            slopes *= 1 / sqrt(2 * pi)
            slopes += Phi
        return np.multiply(Z, Phi, out=slot.output)


def normal_distribution(Z, bell, out=None):
    """Return the distribution function of the standard normal distribution.

    In float64 it is SciPy's. In float32 it is formula 7.1.26 of Abramowitz and Stegun,
    with t = 1 / (1 + p |Z|) and a polynomial of t times the bell as the tail: within
    4e-7, in a fifth of the time.

    Parameters
    ----------
    Z : ndarray
    bell : ndarray
        ``exp(-Z² / 2)``.
    out : ndarray, default=None
    """
    if Z.dtype != np.float32:
        return ndtr(Z, out=out)
    t = np.abs(Z)
    t *= 0.3275911 / sqrt(2)
    t += 1
    np.reciprocal(t, out=t)
    tail = np.multiply(t, 1.061405429, out=out)
    for coefficient in (-1.453152027, 1.421413741, -0.284496736, 0.254829592):
        tail += coefficient
        tail *= t
    tail *= bell
    tail *= 0.5
    # 1 - tail above 0, and the tail below:
    Phi = np.subtract(0.5, tail, out=tail)
    np.copysign(Phi, Z, out=Phi)
    Phi += 0.5
    return Phi


@layer
class SiLU(SmoothLayer):
    """The sigmoid linear unit, or swish: ``A = Z s`` with the logistic sigmoid s of Z.

    ``dZ = dA s (1 + Z (1 - s))``.

    References
    ----------
    Elfwing, Uchibe and Doya (2018), "Sigmoid-weighted linear units for neural network
    function approximation in reinforcement learning"; Ramachandran, Zoph and Le (2017),
    "Searching for activation functions".
    """

    def forward(self, Z, slot, training):
        s = slot.scratch if training else np.empty_like(Z)
        logistic(Z, out=s)
        if training:
            slopes = np.subtract(1, s, out=slot.slopes)
            slopes *= Z
            slopes += 1
            slopes *= s
        return np.multiply(Z, s, out=slot.output)


@layer
class Mish(SmoothLayer):
    """Mish: ``A = Z t`` with ``t = tanh(log(1 + exp(Z)))``.

    ``dZ = dA (t + Z s (1 - t²))``, s the logistic sigmoid of Z.

    References
    ----------
    Misra (2020), "Mish: a self regularized non-monotonic activation function".
    """

    def kept_shapes(self, n_rows, n_inputs):
        shape = (n_rows, n_inputs)
        return {"slopes": shape, "t": shape}

    def forward(self, Z, slot, training):
        t = slot.t if training else np.empty_like(Z)
        softplus(Z, out=t, scratch=slot.scratch)
        if training:
            slopes = np.negative(t, out=slot.slopes)
            np.expm1(slopes, out=slopes)  # -s
            slopes *= Z
        np.tanh(t, out=t)
        if training:
            squares = np.multiply(t, t, out=slot.scratch)
            squares -= 1
            slopes *= squares
            slopes += t
        return np.multiply(Z, t, out=slot.output)
