"""The matrix products of a network alone: the least that an epoch can take."""

from itertools import pairwise

import numpy as np


class MatrixProducts:
    """The matrix products of a network, on arrays that are allocated once.

    Rows are taken in order, as views: nothing but products is left, so that this is
    what no implementation with the same library of products can beat.

    Parameters
    ----------
    X : ndarray of shape (n_samples, n_features)
    hidden : tuple of int
    n_outputs : int
    batch_size : int
    in_torch : bool, default=False
        Whether torch multiplies, on tensors that share the memory of the arrays,
        rather than NumPy.
    """

    def __init__(self, X, hidden, n_outputs, batch_size, *, in_torch=False):
        rng = np.random.default_rng(0)
        self.batch_size = batch_size
        self._multiply, wrap = np.matmul, np.asarray
        if in_torch:
            import torch

            self._multiply, wrap = torch.mm, torch.from_numpy
        self.X = wrap(X)
        widths = [X.shape[1], *hidden, n_outputs]
        shapes = list(pairwise(widths))
        # Of a size that lets values neither explode nor vanish: both are slow.
        self.weights = [
            wrap((rng.standard_normal(shape) / np.sqrt(shape[0])).astype(X.dtype))
            for shape in shapes
        ]
        self.d_weights = [wrap(np.empty(shape, X.dtype)) for shape in shapes]
        self.outputs, self.d_outputs = (
            [
                wrap(rng.standard_normal((batch_size, width)).astype(X.dtype))
                for width in widths[1:]
            ]
            for _ in range(2)
        )

    def train(self):
        """Do the products of an epoch: forward, and backward down to the weights."""
        for start in range(0, len(self.X), self.batch_size):
            A = self.X[start : start + self.batch_size]
            inputs = [A, *(output[: len(A)] for output in self.outputs[:-1])]
            self._forward(A)
            for i in reversed(range(len(self.weights))):
                dZ = self.d_outputs[i][: len(A)]
                self._multiply(inputs[i].T, dZ, out=self.d_weights[i])
                if i:  # nobody needs the gradient of the input
                    dA = self.d_outputs[i - 1][: len(A)]
                    self._multiply(dZ, self.weights[i].T, out=dA)

    def predict(self):
        """Do the products of the forward pass."""
        for start in range(0, len(self.X), self.batch_size):
            self._forward(self.X[start : start + self.batch_size])

    def _forward(self, A):
        for W, output in zip(self.weights, self.outputs, strict=True):
            A = self._multiply(A, W, out=output[: len(A)])
