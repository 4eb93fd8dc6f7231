"""What all losses share."""

from dataclasses import dataclass
from typing import dataclass_transform

import numpy as np

from skdnn.nn.vectors import stacked


class Loss:
    """Base of all losses: values, each with its gradient and its targets as rows.

    Arrays may have an axis of networks in front; L is then an array, one of each.

    Attributes
    ----------
    link : Layer
        The layer that :meth:`from_logits` includes.
    """

    def check_dtype(self, dtype):
        """Raise an error if the dtype of a network cannot hold one of the fields."""

    def target_width(self, n_outputs):
        """Return the number of columns of Y where the network has `n_outputs`."""
        return n_outputs

    def encode(self, targets, out, training=True):
        """Write targets as rows Y to `out`; smoothed, if at all, in training only.

        Parameters
        ----------
        targets : ndarray of shape (..., m) or (..., m, n_targets)
        out : ndarray of shape (..., m, target_width)
        training : bool, default=True
        """
        out[...] = targets.reshape(out.shape)
        return out

    def decide(self, Z):
        """Return the predictions, in the form of the targets, from the logits."""
        raise NotImplementedError

    def row_scorer(self, targets, weights=None):
        """Return a function that scores each of some rows of these targets.

        Parameters
        ----------
        targets : ndarray of shape (..., n_samples) or (..., n_samples, n_targets)
            All of them: what a score is relative to may depend on all.
        weights : ndarray of shape (..., n_samples), default=None

        Returns
        -------
        row_scores : callable
            Takes logits Z and the targets of some rows, and returns an array of shape
            (..., m), of which the (weighted) mean over all rows is the score.
        """
        raise NotImplementedError

    def row_scorer_of_each(self, parts):
        """Return a function that scores rows of several networks, each its own.

        Parameters
        ----------
        parts : list of tuple
            Targets and weights of each network's rows, as :meth:`row_scorer` takes
            them.

        Returns
        -------
        row_scores : callable
            Takes logits and targets, both with an axis of networks in front.
        """
        scorers = [self.row_scorer(*part) for part in parts]

        def row_scores(Z, targets):
            each = zip(scorers, Z, targets, strict=True)
            return stacked([scorer(z, its) for scorer, z, its in each])

        return row_scores

    def draw(self, Z, value, rng):
        """Return targets at random, as the predictions say that they are.

        Parameters
        ----------
        Z : ndarray of shape (m, n_outputs)
            Logits.
        value : float
            The loss on other data, for a loss whose predictions do not say how far the
            targets are from them.
        rng : numpy.random.RandomState
        """
        raise NotImplementedError

    def value(self, P, Y, r):
        """Return L."""
        raise NotImplementedError

    def gradient(self, P, Y, r, out):
        """Write dL/dP to `out`."""
        raise NotImplementedError

    def from_logits(self, Z, Y, r, out, scratch):
        """Return L of ``link``'s output for Z, and write dL/dZ to `out`."""
        raise NotImplementedError


def over_outputs(A):
    """Return the sum over the last axis; of a single output, a view."""
    return A[..., 0] if A.shape[-1] == 1 else np.add.reduce(A, axis=-1)


@dataclass_transform(frozen_default=True)
def loss(cls):
    """Make a class a loss: a frozen, comparable, hashable value."""
    return dataclass(frozen=True)(cls)
