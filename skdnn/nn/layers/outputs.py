"""Layers that end the networks of regression: what they put out keeps its bounds."""

from numbers import Integral

import numpy as np

from skdnn.messages import hold_number
from skdnn.nn.layers.base import Layer, layer
from skdnn.nn.layers.sigmoids import logistic


def exp_range(dtype):
    """Return the numbers whose exponentials are the smallest and the largest."""
    info = np.finfo(dtype)
    return np.log(info.tiny), np.log(info.max) - 1


@layer
class Exp(Layer):
    """The exponential function: ``A = exp(Z)``, ``dZ = dA A``; for rates.

    Neither 0 nor infinite: Z is taken to the nearest number whose exponential is a
    normal number of the dtype.
    """

    reads_output = True

    def rates(self, Z, out):
        """Write exp(Z) to `out`, which may be Z."""
        np.clip(Z, *exp_range(out.dtype), out=out)
        return np.exp(out, out=out)

    def forward(self, Z, slot, training):
        return self.rates(Z, out=slot.output)

    def backward(self, dA, slot):
        return np.multiply(dA, slot.output, out=slot.d_input)


@layer
class Ordered(Layer):
    """Numbers that never cross: the first of a group, and then steps up from there.

    In each group of `size` features, ``A_1 = Z_1`` and ``A_k = A_(k-1) +
    log(1 + exp(Z_k))``, so that a network's quantiles are in their order.

    Parameters
    ----------
    size : int
        Features in a group, at least 1.

    Notes
    -----
    With the logistic sigmoid, which is the slope of a step::

        dZ_1 = sum over k of dA_k        dZ_j = logistic(Z_j) sum over k >= j of dA_k
    """

    size: int

    def __post_init__(self):
        hold_number(self, "size", Integral, 1)

    def output_width(self, n_inputs):
        if n_inputs % self.size:
            rest = n_inputs % self.size
            raise ValueError(
                f"{self!r} needs groups of {self.size} features, got {n_inputs}, which"
                f" leaves {rest} over. Give the layer in front a multiple of"
                f" {self.size} units."
            )
        return n_inputs

    def kept_shapes(self, n_rows, n_inputs):
        return {"slopes": (n_rows, n_inputs)}

    def _groups(self, A):
        return A.reshape(*A.shape[:-1], -1, self.size)

    def forward(self, Z, slot, training):
        if training:
            logistic(Z, out=slot.slopes)
            self._groups(slot.slopes)[..., 0] = 1
        if slot.output is not Z:
            np.copyto(slot.output, Z)
        A = self._groups(slot.output)
        steps = A[..., 1:]
        np.logaddexp(0, steps, out=steps)
        np.cumsum(A, axis=-1, out=A)
        return slot.output

    def backward(self, dA, slot):
        # Sums from the right: over what comes at or behind each.
        sums = np.cumsum(self._groups(dA)[..., ::-1], axis=-1)[..., ::-1]
        return np.multiply(sums.reshape(dA.shape), slot.slopes, out=slot.d_input)


@layer
class GaussianOutput(Layer):
    """The numbers of normal densities: means, and standard deviations above 0.

    The first half of the features are means. The second half becomes
    ``std = log(1 + exp(Z)) + 1e-6``, with ``dZ = dstd logistic(Z)``.
    """

    smallest = 1e-6  # so that 1 / std² fits in float32

    def output_width(self, n_inputs):
        if n_inputs % 2:
            raise ValueError(
                f"{self!r} needs an even number of features, a standard deviation for"
                f" each mean, got {n_inputs}. Give the layer in front an even number of"
                " units."
            )
        return n_inputs

    def kept_shapes(self, n_rows, n_inputs):
        return {"slopes": (n_rows, n_inputs // 2)}

    def forward(self, Z, slot, training):
        half = Z.shape[-1] // 2
        if training:
            logistic(Z[..., half:], out=slot.slopes)
        if slot.output is not Z:
            np.copyto(slot.output, Z)
        std = slot.output[..., half:]
        np.logaddexp(0, std, out=std)
        std += self.smallest
        return slot.output

    def backward(self, dA, slot):
        if slot.d_input is not dA:
            np.copyto(slot.d_input, dA)
        slot.d_input[..., dA.shape[-1] // 2 :] *= slot.slopes
        return slot.d_input
