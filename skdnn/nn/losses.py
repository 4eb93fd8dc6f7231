"""The losses: mean cross-entropies over a mini-batch, and their gradients.

P holds predicted probabilities, Y the targets, both of shape (m, n_outputs), and r of
shape (m,) each sample's share of the mean: 1/m, or w_i / sum(w) with sample weights.
This is the one place where the factor 1/m enters the gradient.

Each loss comes in two forms. On probabilities, ``value`` and ``gradient`` hand dL/dP
to the backward pass of whatever layer made P. On logits, ``from_logits`` does the
layer named by ``link`` and the loss in one step: the gradient collapses to
``dL/dZ = r (P - Y)``, and the value needs no logarithm of a number near 0.
"""

import numpy as np

from skdnn.nn.layers import Logistic, Softmax, logistic, row_maxima, row_sums


def _clipped(P):
    """Keep P, and 1 - P, away from 0, where the logarithm and 1/P are infinite."""
    info = np.finfo(P.dtype)
    return np.clip(P, info.tiny, 1 - info.epsneg)


class Loss:
    """Base of all losses."""

    def hits(self, Z, targets):
        """Return for each sample whether the decision from its logits is right."""
        right = self.decide(Z) == targets
        return right.all(axis=1) if right.ndim == 2 else right


class CategoricalCrossEntropy(Loss):
    """Categorical cross-entropy: ``L = -sum_i r_i sum_k Y_ik log P_ik``.

    Each row of Y sums to 1: one-hot, or smoothed. On probabilities,
    ``dP = -r Y / P``; after a softmax, ``dZ = r (P - Y)``.
    """

    link = Softmax()

    def decide(self, Z):
        """Return the index of the most probable class, of shape (m,)."""
        return Z.argmax(axis=1)

    def value(self, P, Y, r):
        """Return L."""
        return -float(r @ (Y * np.log(_clipped(P))).sum(axis=1))

    def gradient(self, P, Y, r, out):
        """Write dL/dP to `out`."""
        np.divide(Y, _clipped(P), out=out)
        out *= -r[:, np.newaxis]
        return out

    def from_logits(self, Z, Y, r, out, scratch):
        """Return L of softmax(Z), and write dL/dZ to `out`."""
        shifted = np.subtract(Z, row_maxima(Z), out=scratch)
        exponentials = np.exp(shifted, out=out)
        totals = row_sums(exponentials)
        weighted_Y = r[:, np.newaxis] * Y
        # log P = shifted - log(totals), and a row of Y sums to 1:
        loss = float(r @ np.log(totals)) - float(np.vdot(weighted_Y, shifted))
        # P = exponentials / totals, and so dZ = r (P - Y) is:
        dZ = np.multiply(exponentials, (r / totals)[:, np.newaxis], out=out)
        dZ -= weighted_Y
        return loss


class BinaryCrossEntropy(Loss):
    """Binary cross-entropy, summed over the outputs.

    ``L = -sum_i r_i sum_k [Y_ik log P_ik + (1 - Y_ik) log(1 - P_ik)]``, with Y in
    [0, 1]: for two classes with a single output, and for multi-label targets, where
    each output is a yes or no of its own. On probabilities,
    ``dP = r (P - Y) / (P (1 - P))``; after a logistic sigmoid, ``dZ = r (P - Y)``.
    """

    link = Logistic()

    def decide(self, Z):
        """Return which outputs are more probable than not, bool of Z's shape."""
        return Z > 0

    def value(self, P, Y, r):
        """Return L."""
        P = _clipped(P)
        return -float(r @ (Y * np.log(P) + (1 - Y) * np.log1p(-P)).sum(axis=1))

    def gradient(self, P, Y, r, out):
        """Write dL/dP to `out`."""
        P = _clipped(P)
        np.divide(P - Y, P * (1 - P), out=out)
        out *= r[:, np.newaxis]
        return out

    def from_logits(self, Z, Y, r, out, scratch):
        """Return L of logistic(Z), and write dL/dZ to `out`."""
        # -log P = log(1 + e^-Z) and -log(1 - P) = log(1 + e^Z), hence:
        row_losses = np.logaddexp(0, Z, out=scratch)
        row_losses -= np.multiply(Y, Z, out=out)
        loss = float(r @ row_losses.sum(axis=1))
        dZ = logistic(Z, out=out)
        dZ -= Y
        dZ *= r[:, np.newaxis]
        return loss
