"""Layers that normalize."""

from functools import lru_cache
from math import isfinite
from numbers import Real

import numpy as np

from skdnn.messages import check_fits, hold_number
from skdnn.nn.layers.base import Layer, layer


@layer
class BatchNorm(Layer):
    """Batch normalization: ``Y = gamma (A - mean) / sqrt(var + epsilon) + beta``.

    In training, mean and var are those of the mini-batch, feature by feature; at
    inference, the running averages of them. gamma and beta are learned.

    Parameters
    ----------
    momentum : float, default=0.9
        How much of the running averages survives a mini-batch, in [0, 1):
        ``running = momentum * running + (1 - momentum) * batch`` (PyTorch's
        `momentum` is 1 minus this one).
    epsilon : float, default=1e-5
        Added to the variance, which may be 0.

    Notes
    -----
    Mean and variance are weighted with the samples' weights, if there are any, so
    that a sample of weight 0 counts as absent. The running averages start as plain
    means over the first mini-batches, so that they are right after one step instead
    of after ``1 / (1 - momentum)``; the last, smaller mini-batch of an epoch counts
    by its size. The variance is that of the batch (divided by m).

    With c = A - mean, r_i = 1/m (or the share of sample i in the total weight) and
    v = var + epsilon, the sums running over the samples::

        dbeta = sum dY        dgamma = sum dY c / sqrt(v)
        dA_i = gamma / sqrt(v) (dY_i - r_i sum dY - r_i c_i / v sum dY c)

    References
    ----------
    Ioffe and Szegedy (2015), "Batch normalization: accelerating deep network training
    by reducing internal covariate shift".
    """

    momentum: float = 0.9
    epsilon: float = 1e-5
    remembers = ("inverse_std", "scale")

    def __post_init__(self):
        hold_number(self, "momentum", Real, 0, 1)
        hold_number(self, "epsilon", Real, 0, low_is_valid=False)

    def check_dtype(self, dtype):
        check_fits("BatchNorm", "epsilon", self.epsilon, dtype)

    def parameter_shapes(self, n_inputs):
        return {"gamma": (n_inputs,), "beta": (n_inputs,)}

    def statistic_shapes(self, n_inputs):
        vector = (n_inputs,)
        return {"running_mean": vector, "running_var": vector, "n_batches": (1,)}

    def initial_values(self):
        return {"gamma": 1, "running_var": 1}

    def kept_shapes(self, n_rows, n_inputs):
        return {"centered": (n_rows, n_inputs)}

    def forward(self, A, slot, training):
        if not training:
            # The mean first: a large one would round the product.
            Y = np.subtract(A, slot.running_mean, out=slot.output)
            Y *= self.inference_scale(slot.gamma, slot.running_var)
            Y += slot.beta
            return Y
        mean = slot.row_weights @ A
        centered = np.subtract(A, mean, out=slot.centered)
        # A large mean is rounded, by more than equal numbers differ: once more.
        rest = slot.row_weights @ centered
        centered -= rest
        mean += rest
        squares = np.multiply(centered, centered, out=slot.scratch)
        variance = slot.row_weights @ squares
        self.update_running_averages(mean, variance, slot)
        slot.inverse_std = 1 / np.sqrt(variance + self.epsilon)
        slot.scale = slot.gamma * slot.inverse_std
        Y = np.multiply(centered, slot.scale, out=slot.output)
        Y += slot.beta
        return Y

    def backward(self, dY, slot):
        centered = slot.centered
        np.matmul(slot.ones, dY, out=slot.d_beta)
        products = np.multiply(dY, centered, out=slot.scratch)
        sum_products = slot.ones @ products
        np.multiply(sum_products, slot.inverse_std, out=slot.d_gamma)
        # What moves along with mean and variance, and so does not change Y:
        common = np.multiply(
            centered, sum_products * slot.inverse_std**2, out=slot.scratch
        )
        common += slot.d_beta
        common *= slot.row_weights.mT
        dA = np.subtract(dY, common, out=slot.d_input)
        dA *= slot.scale
        return dA

    def update_running_averages(self, mean, variance, slot):
        """Move the running averages towards those of one mini-batch."""
        slot.n_batches += slot.batch_fraction
        rate = 1 / slot.n_batches
        if not slot.plain_averages:
            rate = np.maximum(1 - self.momentum, rate)
        if slot.batch_fraction != 1:
            rate *= slot.batch_fraction
        slot.running_mean += rate * (mean - slot.running_mean)
        slot.running_var += rate * (variance - slot.running_var)

    def inference_scale(self, gamma, running_var):
        """Return the vector with which inference is ``(A - mean) * scale + beta``."""
        return gamma / np.sqrt(running_var + self.epsilon)


@layer
class LayerNorm(Layer):
    """Layer normalization: ``Y = gamma (A - mean) / sqrt(var + epsilon) + beta``.

    Mean and var are those of each sample, over its features, in training as at
    inference: a sample does not depend on its neighbours, and mini-batches can be of
    any size. gamma and beta, of each feature, are learned.

    Parameters
    ----------
    epsilon : float, default=1e-5
        Added to the variance, which may be 0.

    Notes
    -----
    With X = (A - mean) / sqrt(v), v = var + epsilon, G = gamma dY, sums over the
    samples and means over the features of a sample::

        dbeta = sum dY        dgamma = sum dY X
        dA = (G - mean G - X mean(G X)) / sqrt(v)

    References
    ----------
    Ba, Kiros and Hinton (2016), "Layer normalization".
    """

    epsilon: float = 1e-5
    remembers = ("inverse_std",)

    def __post_init__(self):
        hold_number(self, "epsilon", Real, 0, low_is_valid=False)

    def check_dtype(self, dtype):
        check_fits("LayerNorm", "epsilon", self.epsilon, dtype)

    def parameter_shapes(self, n_inputs):
        return {"gamma": (n_inputs,), "beta": (n_inputs,)}

    def initial_values(self):
        return {"gamma": 1}

    def kept_shapes(self, n_rows, n_inputs):
        return {"normalized": (n_rows, n_inputs)}

    def forward(self, A, slot, training):
        centered = slot.normalized if training else slot.output
        # Less one feature before less the mean: of features that are equal, or almost,
        # nothing is left then, where the mean of large ones is rounded.
        np.subtract(A, A[..., :1].copy(), out=centered)
        centered -= row_means(centered)
        with np.errstate(over="ignore"):
            variance = row_means(np.multiply(centered, centered, out=slot.scratch))
            sum_of_variances = variance.sum()
        if isfinite(sum_of_variances):
            slot.inverse_std = 1 / np.sqrt(variance + self.epsilon)
            centered *= slot.inverse_std
        else:
            slot.inverse_std = self._normalize_large(centered)
        Y = np.multiply(centered, slot.gamma, out=slot.output)
        Y += slot.beta
        return Y

    def _normalize_large(self, centered):
        """Normalize rows whose squares overflow, in place; return the inverse stds.

        Powers of 2 change no digit: the other rows come out as they would alone.
        """
        largest = np.abs(centered).max(axis=-1, keepdims=True)
        powers = np.maximum(np.frexp(largest)[1], 0)
        np.ldexp(centered, -powers, out=centered)
        epsilon = np.ldexp(centered.dtype.type(self.epsilon), -2 * powers)
        inverse_std = 1 / np.sqrt(row_means(np.square(centered)) + epsilon)
        centered *= inverse_std
        return np.ldexp(inverse_std, -powers)

    def backward(self, dY, slot):
        X = slot.normalized
        np.matmul(slot.ones, dY, out=slot.d_beta)
        products = np.multiply(dY, X, out=slot.scratch)
        np.matmul(slot.ones, products, out=slot.d_gamma)
        # What moves along with mean and variance, and so does not change Y:
        products *= slot.gamma
        along = row_means(products)
        G = np.multiply(dY, slot.gamma, out=slot.d_input)
        G -= row_means(G)
        G -= np.multiply(X, along, out=slot.scratch)
        G *= slot.inverse_std
        return G


def row_means(A):
    """Return the mean of each row, of shape (..., m, 1)."""
    return A @ shares(A.shape[-1], A.dtype)


@lru_cache(16)
def shares(n, dtype):
    """Return ``1 / n``, of shape (n, 1), not to be changed."""
    array = np.full((n, 1), 1 / n, dtype)
    array.setflags(write=False)
    return array
