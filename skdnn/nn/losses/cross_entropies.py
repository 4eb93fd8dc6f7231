"""The losses of classification: cross-entropies, alone and fused with their link.

After a softmax, or a logistic sigmoid, the gradient collapses to ``dL/dZ = r (P - Y)``.
"""

from numbers import Real

import numpy as np

from skdnn.messages import hold_number
from skdnn.nn.layers import Logistic, Softmax, logistic
from skdnn.nn.layers.softmax import places, row_maxima, row_sums, softmax
from skdnn.nn.losses.base import Loss, loss, over_outputs


def sum_of_products(A, B):
    """Return the sum of the products of two matrices' elements, of shape (...)."""
    flat = *A.shape[:-2], -1
    return np.vecdot(A.reshape(flat), B.reshape(flat))


def _clipped(P):
    """Keep P, and 1 - P, away from 0, where the logarithm and 1/P are infinite."""
    info = np.finfo(P.dtype)
    return np.clip(P, info.tiny, 1 - info.epsneg)


class CrossEntropy(Loss):
    """What both cross-entropies share: smoothing, and what counts as right."""

    def __post_init__(self):
        hold_number(self, "label_smoothing", Real, 0, 1)

    def hits(self, Z, targets):
        """Return for each sample whether the decision from its logits is right."""
        return self.decide(Z) == targets

    def row_scorer(self, targets, weights=None):
        """Return :meth:`hits`, of which the mean is the accuracy."""
        return self.hits

    def row_scorer_of_each(self, parts):
        """See :class:`~skdnn.nn.losses.Loss`: a row is right whatever others are."""
        return self.hits

    def probabilities(self, Z):
        """Return the probabilities for logits, of the shape of these."""
        raise NotImplementedError

    def decide_by(self, P):
        """Return the predictions, in the form of the targets, from probabilities."""
        raise NotImplementedError

    def decide_together(self, Z):
        """Return what several networks predict by the mean of their probabilities.

        One goes by its logits, which tell more than rounded probabilities.

        Parameters
        ----------
        Z : ndarray of shape (n_networks, m, n_outputs)
        """
        if len(Z) == 1:
            return self.decide(Z[0])
        return self.decide_by(self.probabilities(Z).mean(axis=0))


@loss
class CategoricalCrossEntropy(CrossEntropy):
    """Categorical cross-entropy: ``L = -sum_i r_i sum_k Y_ik log P_ik``.

    Each row of Y sums to 1: one-hot, or smoothed. On probabilities,
    ``dP = -r Y / P``; after a softmax, ``dZ = r (P - Y)``.

    Parameters
    ----------
    label_smoothing : float, default=0.0
        The part of each target that is spread evenly over all classes, in [0, 1).
    """

    label_smoothing: float = 0.0
    link = Softmax()

    def encode(self, targets, out, training=True):
        """Write indices of classes, of shape (..., m), to `out`: rows that sum to 1."""
        smoothing = self.label_smoothing if training else 0.0
        share = smoothing / out.shape[-1]
        out[...] = share
        rows = out.reshape(-1, out.shape[-1])
        rows[places(len(rows)), targets.reshape(-1)] = 1 - smoothing + share
        return out

    def decide(self, Z):
        """Return the index of the most probable class, of shape (..., m)."""
        return Z.argmax(axis=-1)

    def probabilities(self, Z):
        """Return the softmax of each row."""
        return softmax(Z, out=np.empty_like(Z))

    def log_probabilities(self, Z):
        """Return their logarithms, finite also where a probability is 0."""
        with np.errstate(over="ignore"):  # to -inf
            Z = Z - Z.max(axis=-1, keepdims=True)
        Z -= np.log(np.exp(Z).sum(axis=-1, keepdims=True))
        return np.maximum(Z, np.finfo(Z.dtype).min, out=Z)

    def decide_by(self, P):
        """Return the index of the most probable class, of shape (..., m)."""
        return P.argmax(axis=-1)

    def draw(self, Z, value, rng):
        """Return classes at random, with the predicted probabilities."""
        P = np.exp(Z - row_maxima(Z))
        sums = np.cumsum(P / row_sums(P)[:, np.newaxis], axis=1)
        drawn = (rng.random_sample((len(P), 1)) > sums).sum(axis=1)
        return drawn.clip(max=P.shape[1] - 1)

    def value(self, P, Y, r):
        """Return L."""
        return -np.vecdot(r, (Y * np.log(_clipped(P))).sum(axis=-1))

    def gradient(self, P, Y, r, out):
        """Write dL/dP to `out`."""
        np.divide(Y, _clipped(P), out=out)
        out *= -r[..., np.newaxis]
        return out

    def from_logits(self, Z, Y, r, out, scratch):
        """Return L of softmax(Z), and write dL/dZ to `out`."""
        shifted = np.subtract(Z, row_maxima(Z), out=scratch)
        exponentials = np.exp(shifted, out=out)
        totals = row_sums(exponentials)
        weighted_Y = r[..., np.newaxis] * Y
        # log P = shifted - log(totals), and a row of Y sums to 1:
        loss = np.vecdot(r, np.log(totals)) - sum_of_products(weighted_Y, shifted)
        # P = exponentials / totals, and so dZ = r (P - Y) is:
        dZ = np.multiply(exponentials, (r / totals)[..., np.newaxis], out=out)
        dZ -= weighted_Y
        return loss


@loss
class BinaryCrossEntropy(CrossEntropy):
    """Binary cross-entropy, summed over the outputs.

    ``L = -sum_i r_i sum_k [Y_ik log P_ik + (1 - Y_ik) log(1 - P_ik)]``, with Y in
    [0, 1]: for two classes with a single output, and for multi-label targets, where
    each output is a yes or no of its own. On probabilities,
    ``dP = r (P - Y) / (P (1 - P))``; after a logistic sigmoid, ``dZ = r (P - Y)``.

    Parameters
    ----------
    label_smoothing : float, default=0.0
        The part of each target that is spread evenly over yes and no, in [0, 1).
    """

    label_smoothing: float = 0.0
    link = Logistic()

    def encode(self, targets, out, training=True):
        """Write 0 and 1, of shape (..., m) or (..., m, n_outputs), to `out`."""
        super().encode(targets, out)
        if training and self.label_smoothing:
            out *= 1 - self.label_smoothing
            out += self.label_smoothing / 2
        return out

    def hits(self, Z, targets):
        """Return for each sample whether all of its outputs are right."""
        return super().hits(Z, targets.reshape(Z.shape)).all(axis=-1)

    def decide(self, Z):
        """Return which outputs are more probable than not, bool of Z's shape."""
        return Z > 0

    def probabilities(self, Z):
        """Return the probability of yes of each output."""
        return logistic(Z, out=np.empty_like(Z))

    def log_probabilities(self, Z):
        """Return their logarithms, finite also where a probability is 0."""
        # log P where P is large, so that it belongs to P to the last digit.
        P = self.probabilities(Z)
        return np.where(Z > 0, np.log(P), -np.logaddexp(0, -Z))

    def decide_by(self, P):
        """Return which outputs are more probable than not, bool of P's shape."""
        return P > 0.5

    def draw(self, Z, value, rng):
        """Return yes and no at random, with the predicted probabilities."""
        P = self.probabilities(Z)
        return (rng.random_sample(P.shape) < P).astype(np.int8)

    def value(self, P, Y, r):
        """Return L."""
        P = _clipped(P)
        return -np.vecdot(r, (Y * np.log(P) + (1 - Y) * np.log1p(-P)).sum(axis=-1))

    def gradient(self, P, Y, r, out):
        """Write dL/dP to `out`."""
        P = _clipped(P)
        np.divide(P - Y, P * (1 - P), out=out)
        out *= r[..., np.newaxis]
        return out

    def from_logits(self, Z, Y, r, out, scratch):
        """Return L of logistic(Z), and write dL/dZ to `out`."""
        # -log P = log(1 + e^-Z) and -log(1 - P) = log(1 + e^Z), hence:
        row_losses = np.logaddexp(0, Z, out=scratch)
        row_losses -= np.multiply(Y, Z, out=out)
        loss = np.vecdot(r, over_outputs(row_losses))
        dZ = logistic(Z, out=out)
        dZ -= Y
        dZ *= r[..., np.newaxis]
        return loss
