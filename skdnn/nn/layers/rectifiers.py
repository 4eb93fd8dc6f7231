"""Activations that let what is positive pass, and bend what is negative."""

from numbers import Real

import numpy as np

from skdnn.messages import check_fits, hold_number
from skdnn.nn.initializers import He, LeCun
from skdnn.nn.layers.base import Layer, layer


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
        hold_number(self, "negative_slope", Real, 0, 1)

    def forward(self, Z, slot, training):
        scaled = np.multiply(Z, self.negative_slope, out=slot.scratch)
        return np.maximum(Z, scaled, out=slot.output)

    def backward(self, dA, slot):
        np.greater(slot.output, 0, out=slot.mask)
        slope = slot.scratch
        np.multiply(slot.mask, 1 - self.negative_slope, out=slope, dtype=slope.dtype)
        slope += self.negative_slope
        return np.multiply(dA, slope, out=slot.d_input)


@layer
class PReLU(Layer):
    """The parametric rectifier, with a learned slope s for each unit.

    ``A = max(Z, 0) + s min(Z, 0)``, ``dZ = dA (1 if Z >= 0 else s)`` and
    ``ds = sum over the samples of dA min(Z, 0)``.

    Parameters
    ----------
    initial_slope : float, default=0.25
        Where the slopes start. The penalty leaves them alone.

    References
    ----------
    He, Zhang, Ren and Sun (2015), "Delving deep into rectifiers".
    """

    initial_slope: float = 0.25
    suited_initializer = He()

    def __post_init__(self):
        hold_number(self, "initial_slope", Real, -np.inf)

    def check_dtype(self, dtype):
        slope = self.initial_slope
        check_fits("PReLU", "initial_slope", slope, dtype, may_vanish=True)

    def parameter_shapes(self, n_inputs):
        return {"slope": (n_inputs,)}

    def initial_values(self):
        return {"slope": self.initial_slope}

    def kept_shapes(self, n_rows, n_inputs):
        return {"low": (n_rows, n_inputs)}

    def forward(self, Z, slot, training):
        low = np.minimum(Z, 0, out=slot.low if training else None)
        scaled = np.multiply(low, slot.slope, out=slot.scratch)
        A = np.maximum(Z, 0, out=slot.output)
        A += scaled
        return A

    def backward(self, dA, slot):
        products = np.multiply(dA, slot.low, out=slot.scratch)
        np.matmul(slot.ones, products, out=slot.d_slope)
        np.less(slot.low, 0, out=slot.mask)
        slopes = np.multiply(slot.mask, slot.slope - 1, out=slot.scratch)
        slopes += 1
        return np.multiply(dA, slopes, out=slot.d_input)


class ExponentialLayer(Layer):
    """What ELU and SELU share: a line above 0, an exponential below.

    With two numbers, the `slope` above and the `depth` below,
    ``A = slope max(Z, 0) + depth (exp(min(Z, 0)) - 1)``.
    """

    suited_initializer = He()

    def kept_shapes(self, n_rows, n_inputs):
        return {"low": (n_rows, n_inputs)}

    def forward(self, Z, slot, training):
        low = np.minimum(Z, 0, out=slot.low if training else None)
        np.expm1(low, out=low)
        low *= self.depth
        A = np.maximum(Z, 0, out=slot.output)
        if self.slope != 1:
            A *= self.slope
        A += low
        return A

    def backward(self, dA, slot):
        # Above, low is 0; below, low + depth is depth exp(Z), the derivative.
        slopes = slot.scratch
        if self.slope == self.depth:
            np.add(slot.low, self.slope, out=slopes)
        else:
            np.less(slot.low, 0, out=slot.mask)
            difference = self.depth - self.slope
            np.multiply(slot.mask, difference, out=slopes, dtype=slopes.dtype)
            slopes += self.slope
            slopes += slot.low
        return np.multiply(dA, slopes, out=slot.d_input)


@layer
class ELU(ExponentialLayer):
    """The exponential linear unit: ``A = Z if Z > 0 else alpha (exp(Z) - 1)``.

    ``dZ = dA (1 if Z >= 0 else alpha exp(Z))``.

    Parameters
    ----------
    alpha : float, default=1.0
        How far down it goes, greater than 0.

    References
    ----------
    Clevert, Unterthiner and Hochreiter (2016), "Fast and accurate deep network learning
    by exponential linear units (ELUs)".
    """

    alpha: float = 1.0
    slope = 1.0

    def __post_init__(self):
        hold_number(self, "alpha", Real, 0, low_is_valid=False)

    def check_dtype(self, dtype):
        check_fits("ELU", "alpha", self.alpha, dtype, may_vanish=True)

    @property
    def depth(self):
        """How far down it goes."""
        return self.alpha


@layer
class SELU(ExponentialLayer):
    """The scaled exponential linear unit.

    ``A = s (Z if Z > 0 else alpha (exp(Z) - 1))`` and ``dZ = dA s (1 if Z >= 0 else
    alpha exp(Z))``, with alpha = 1.6733 and s = 1.0507, for which activations of mean 0
    and variance 1 keep them from layer to layer, where the weights have variance
    1 / fan_in (:class:`~skdnn.nn.LeCun`).

    References
    ----------
    Klambauer, Unterthiner, Mayr and Hochreiter (2017), "Self-normalizing neural
    networks".
    """

    slope = 1.0507009873554805
    depth = slope * 1.6732632423543772
    suited_initializer = LeCun()
