"""A learned factor for each feature."""

import numpy as np

from skdnn.nn.layers.base import Layer, layer


@layer
class Scale(Layer):
    """A learned factor for each feature: ``Y = A factor``; it starts at 1.

    In front of the first dense layer, the network can choose among its inputs: the
    factor of one that does not help gets small.

    Notes
    -----
    ``dfactor = sum over the samples of dY A`` and ``dA = dY factor``.

    References
    ----------
    Holzmüller, Grinsztajn and Steinwart (2024), "Better by default: strong pre-tuned
    MLPs and boosted trees on tabular data".
    """

    forward_in_place = False
    remembers = ("input",)

    def parameter_shapes(self, n_inputs):
        return {"factor": (n_inputs,)}

    def initial_values(self):
        return {"factor": 1}

    def forward(self, A, slot, training):
        slot.input = A
        return np.multiply(A, slot.factor, out=slot.output)

    def backward(self, dY, slot):
        products = np.multiply(dY, slot.input, out=slot.scratch)
        np.matmul(slot.ones, products, out=slot.d_factor)
        return np.multiply(dY, slot.factor, out=slot.d_input)
