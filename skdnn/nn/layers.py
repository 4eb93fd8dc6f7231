"""The layers: what each computes, forward and backward.

A layer is a value. It holds its hyperparameters and nothing else, so it can be
compared, hashed, printed and put into many networks at once. What changes while a
network learns (weights, gradients, running statistics, buffers) belongs to the
:class:`~skdnn.nn.network.Network`, which hands it to the layer as a *slot*:

- ``slot.<name>`` and ``slot.d_<name>``: a parameter and dL/d(parameter), both views
  into the network's flat vectors; ``slot.<statistic>``: a running statistic;
- ``slot.output``, ``slot.d_input``: where ``forward`` and ``backward`` write;
- ``slot.scratch``, ``slot.mask``: in training, room for one intermediate result,
  float and bool, of the layer's shape, free again when the call returns;
- ``slot.ones``: ones of shape (m,), as ``ones @ dZ`` is the fastest column sum;
- ``slot.row_weights``: of shape (m,), each sample's share of the mean over the
  mini-batch: 1/m, or w_i / sum(w) where there are sample weights;
- ``slot.batch_fraction``: m over the rows of a full mini-batch; ``slot.rng``;
- ``slot.plain_averages``: whether running statistics are plain averages.

Rows are samples: with m samples and n features, A has shape (m, n). ``dA`` stands
for dL/dA, where L is the mean loss over the mini-batch. The loss puts the factor 1/m
into its gradient, once; no layer divides by m again.
"""

from dataclasses import MISSING, dataclass, fields
from numbers import Integral, Real

import numpy as np


def matmul(A, B, out):
    """Write ``A @ B`` to `out`; A may be a SciPy sparse array."""
    if isinstance(A, np.ndarray):
        return np.matmul(A, B, out=out)
    out[...] = A @ B
    return out


def row_maxima(Z):
    """Return the maximum of each row, of shape (m, 1)."""
    # Finding the place is ten times as fast as Z.max(axis=1), for short rows.
    return Z[np.arange(len(Z)), Z.argmax(axis=1)][:, np.newaxis]


def row_sums(A):
    """Return the sum of each row, of shape (m,)."""
    return A @ np.ones(A.shape[1], A.dtype)  # for short rows faster than A.sum(axis=1)


class Layer:
    """Base of all layers: a layer without parameters that keeps the shape.

    `reads_output` says that ``backward`` needs what ``forward`` returned, so that the
    next layer must not write over it.
    """

    reads_output = False

    def output_width(self, n_inputs):
        """Return the number of features that come out where `n_inputs` go in."""
        return n_inputs

    def parameter_shapes(self, n_inputs):
        """Return the shape of each parameter by name."""
        return {}

    def statistic_shapes(self, n_inputs):
        """Return the shape of each running statistic by name."""
        return {}

    def kept_shapes(self, n_rows, n_inputs):
        """Return the shape of each array that forward keeps for backward."""
        return {}

    def forward(self, A, slot, training):
        """Return the layer's output for the input A of shape (m, n_inputs)."""
        raise NotImplementedError

    def backward(self, dA, slot):
        """Return dL/d(input) from dL/d(output); write the parameters' gradients."""
        raise NotImplementedError

    def __repr__(self):
        # Short, and evaluates back: Dense(50), BatchNorm(), Dropout(0.2).
        shown = [
            repr(value) if field.default is MISSING else f"{field.name}={value!r}"
            for field in fields(self)
            if (value := getattr(self, field.name)) != field.default
        ]
        return f"{type(self).__name__}({', '.join(shown)})"


def layer(cls):
    """Make a class a layer: a frozen, comparable, hashable value."""
    return dataclass(frozen=True, repr=False)(cls)


def check_number(owner, name, value, kind, low, high=np.inf, *, low_is_valid=True):
    """Raise an error that names the parameter unless low <= value < high."""
    what = "an integer" if kind is Integral else "a number"
    if not isinstance(value, kind) or isinstance(value, (bool, np.bool_)):
        raise TypeError(f"{owner}: {name} must be {what}, got {value!r}.")
    if not ((low <= value if low_is_valid else low < value) and value < high):
        bracket = "[" if low_is_valid else "("
        raise ValueError(
            f"{owner}: {name} must be {what} in {bracket}{low}, {high}), got {value!r}."
        )


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


@layer
class Softmax(Layer):
    """Softmax over the features of each sample: ``A_j = exp(Z_j) / sum_k exp(Z_k)``.

    Notes
    -----
    The Jacobian of one sample is ``diag(a) - a aᵀ``. It belongs to that sample alone:
    averaging it over the mini-batch, a frequent mistake, mixes samples that have
    nothing to do with each other. Its product with dA, without forming it::

        dZ = A (dA - sum_k dA_k A_k)        row by row
    """

    reads_output = True

    def forward(self, Z, slot, training):
        # Subtracting the row's maximum changes nothing but keeps exp from overflow.
        shifted = np.subtract(Z, row_maxima(Z), out=slot.output)
        A = np.exp(shifted, out=shifted)
        A /= row_sums(A)[:, np.newaxis]
        return A

    def backward(self, dA, slot):
        A = slot.output
        products = np.multiply(dA, A, out=slot.scratch)
        np.subtract(dA, row_sums(products)[:, np.newaxis], out=slot.d_input)
        return np.multiply(slot.d_input, A, out=slot.d_input)


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

    def __post_init__(self):
        check_number("BatchNorm", "momentum", self.momentum, Real, 0, 1)
        check_number("BatchNorm", "epsilon", self.epsilon, Real, 0, low_is_valid=False)

    def parameter_shapes(self, n_inputs):
        return {"gamma": (n_inputs,), "beta": (n_inputs,)}

    def statistic_shapes(self, n_inputs):
        vector = (n_inputs,)
        return {"running_mean": vector, "running_var": vector, "n_batches": (1,)}

    def kept_shapes(self, n_rows, n_inputs):
        return {"centered": (n_rows, n_inputs)}

    def forward(self, A, slot, training):
        if not training:
            scale, shift = self.inference_scale_and_shift(slot)
            Y = np.multiply(A, scale, out=slot.output)
            Y += shift
            return Y
        mean = slot.row_weights @ A
        centered = np.subtract(A, mean, out=slot.centered)
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
        common *= slot.row_weights[:, np.newaxis]
        dA = np.subtract(dY, common, out=slot.d_input)
        dA *= slot.scale
        return dA

    def update_running_averages(self, mean, variance, slot):
        """Move the running averages towards those of one mini-batch."""
        slot.n_batches += slot.batch_fraction
        rate = 1 / float(slot.n_batches[0])
        if not slot.plain_averages:
            rate = max(1 - self.momentum, rate)
        rate *= slot.batch_fraction
        slot.running_mean += rate * (mean - slot.running_mean)
        slot.running_var += rate * (variance - slot.running_var)

    def inference_scale_and_shift(self, slot):
        """Return the vectors with which inference is ``Y = A * scale + shift``."""
        scale = slot.gamma / np.sqrt(slot.running_var + self.epsilon)
        return scale, slot.beta - slot.running_mean * scale


@layer
class Dropout(Layer):
    """Inverted dropout: ``Y = A M / (1 - rate)``, with M 0 or 1 at random.

    Each activation is dropped with probability `rate`, independently; those that stay
    are scaled up so that the expected value is A, and inference has nothing to do.
    ``dA = dY M / (1 - rate)``, with the same M.

    Parameters
    ----------
    rate : float
        The probability that an activation is set to 0, in [0, 1); taken to the nearest
        multiple of 2⁻¹⁶, which is what 16 random bits an activation can tell apart.

    References
    ----------
    Srivastava, Hinton, Krizhevsky, Sutskever and Salakhutdinov (2014), "Dropout: a
    simple way to prevent neural networks from overfitting".
    """

    rate: float

    def __post_init__(self):
        check_number("Dropout", "rate", self.rate, Real, 0, 1)

    def kept_shapes(self, n_rows, n_inputs):
        return {"scaled_mask": (n_rows, n_inputs)}

    def forward(self, A, slot, training):
        if not training:
            if slot.output is not A:
                np.copyto(slot.output, A)
            return slot.output
        M = slot.scaled_mask
        # Raw bits: a third of the time that random floats take.
        bits = slot.rng.bit_generator.random_raw(-(-M.size // 4)).view(np.uint16)
        dropped = min(round(self.rate * 2**16), 2**16 - 1)
        np.greater_equal(bits[: M.size].reshape(M.shape), dropped, out=slot.mask)
        np.multiply(slot.mask, 2**16 / (2**16 - dropped), out=M, dtype=M.dtype)
        return np.multiply(A, M, out=slot.output)

    def backward(self, dY, slot):
        return np.multiply(dY, slot.scaled_mask, out=slot.d_input)
