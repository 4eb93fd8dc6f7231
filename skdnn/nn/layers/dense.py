"""The fully connected layer."""

from numbers import Integral

import numpy as np

from skdnn.nn.layers.base import Layer, check_number, layer


def matmul(A, B, out):
    """Write ``A @ B`` to `out`; A may be a SciPy sparse array."""
    if isinstance(A, np.ndarray):
        return np.matmul(A, B, out=out)
    out[...] = A @ B
    return out


@layer
class Dense(Layer):
    """A fully connected layer: ``Z = A W + b``.

    Parameters
    ----------
    units : int
        Number of outputs, at least 1.

    Notes
    -----
    With A of shape (m, n), W of shape (n, units) and b of shape (units,)::

        dW = Aᵀ dZ        db = sum of the rows of dZ        dA = dZ Wᵀ
    """

    units: int
    in_place = False

    def __post_init__(self):
        check_number("Dense", "units", self.units, Integral, 1)

    def output_width(self, n_inputs):
        return self.units

    def parameter_shapes(self, n_inputs):
        return {"weights": (n_inputs, self.units), "bias": (self.units,)}

    def forward(self, A, slot, training):
        slot.input = A
        Z = matmul(A, slot.weights, out=slot.output)
        Z += slot.bias
        return Z

    def backward(self, dZ, slot):
        matmul(slot.input.T, dZ, out=slot.d_weights)
        np.matmul(slot.ones, dZ, out=slot.d_bias)
        if slot.d_input is not None:  # nobody asks for it in front of the first layer
            return np.matmul(dZ, slot.weights.T, out=slot.d_input)
