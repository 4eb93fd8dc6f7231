"""Activations with bounds, and the one that does nothing."""

import numpy as np

from skdnn.nn.layers.base import Layer, layer


@layer
class Identity(Layer):
    """The identity: ``A = Z``, ``dZ = dA``."""

    def forward(self, Z, slot, training):
        if slot.output is not Z:
            np.copyto(slot.output, Z)
        return slot.output

    def backward(self, dA, slot):
        return dA


@layer
class Tanh(Layer):
    """The hyperbolic tangent: ``A = tanh(Z)``, ``dZ = dA (1 - A²)``."""

    reads_output = True

    def forward(self, Z, slot, training):
        return np.tanh(Z, out=slot.output)

    def backward(self, dA, slot):
        slope = np.multiply(slot.output, slot.output, out=slot.scratch)
        np.subtract(1, slope, out=slope)
        return np.multiply(dA, slope, out=slot.d_input)


@layer
class Logistic(Layer):
    """The logistic sigmoid: ``A = 1 / (1 + exp(-Z))``, ``dZ = dA A (1 - A)``."""

    reads_output = True

    def forward(self, Z, slot, training):
        return logistic(Z, out=slot.output)

    def backward(self, dA, slot):
        slope = np.subtract(1, slot.output, out=slot.scratch)
        slope *= slot.output
        return np.multiply(dA, slope, out=slot.d_input)


def logistic(Z, out):
    """Write ``1 / (1 + exp(-Z))`` to `out`, which may be Z. It is never 0."""
    # Further down exp(-Z) would overflow; the result there is the smallest normal
    # number instead of 0.
    np.maximum(Z, np.log(np.finfo(out.dtype).tiny), out=out)
    np.negative(out, out=out)
    np.exp(out, out=out)
    out += 1
    return np.reciprocal(out, out=out)
