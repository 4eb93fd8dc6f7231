"""The fully connected layer."""

from numbers import Integral

import numpy as np

from skdnn.messages import hold_number
from skdnn.nn.layers.base import Layer, layer


def matmul(A, B, out):
    """Write ``A @ B`` to `out`.

    A may be a SciPy sparse array, which has two axes, or a tuple of one for each
    network.
    """
    if isinstance(A, np.ndarray):
        return np.matmul(A, B, out=out)
    networks = B.reshape(-1, *B.shape[-2:]), out.reshape(-1, *out.shape[-2:])
    A = A if isinstance(A, tuple) else (A,) * len(networks[0])
    for a, b, c in zip(A, *networks, strict=True):
        c[...] = a @ b
    return out


def transposed(A):
    """Return sparse rows, as :func:`matmul` takes them, with their axes exchanged."""
    return tuple(a.T for a in A) if isinstance(A, tuple) else A.T


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
    forward_in_place = backward_in_place = False
    remembers = ("input",)

    def __post_init__(self):
        hold_number(self, "units", Integral, 1)

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
        A = slot.input
        A_T = A.mT if isinstance(A, np.ndarray) else transposed(A)
        matmul(A_T, dZ, out=slot.d_weights)
        np.matmul(slot.ones, dZ, out=slot.d_bias)
        if slot.d_input is not None:  # nobody asks for it in front of the first layer
            return np.matmul(dZ, slot.weights.mT, out=slot.d_input)
