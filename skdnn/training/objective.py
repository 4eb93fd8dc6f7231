"""The objective: loss, penalty and gradient on a mini-batch."""

import numpy as np

from skdnn.nn.vectors import some


class Objective:
    """What is minimized, for one network or several at once.

    Attributes
    ----------
    network : Network
    loss : Loss
    alpha : float or ndarray of shape (n_networks,)
        Strength of the L2 penalty, see :class:`~skdnn.training.trainer.Trainer`.
    X, targets, sample_weight : array, or tuple of one for each network
        The data; of several networks, an array is shared by all.
    augmentation : callable or None
        See :class:`~skdnn.training.gradient_descent.GradientDescent`.
    row_scores : callable
        See :meth:`skdnn.nn.losses.Loss.row_scorer`.
    """

    augmentation = None

    def objective(self, batch, index, walk=()):
        """Compute loss and gradient on the rows `index`.

        `walk` is the optimizer's, if it can step at once: see
        :meth:`~skdnn.nn.Network.penalize`.

        Returns
        -------
        loss : float or ndarray of shape (n_networks,), as all that follow
            The penalty included.
        score : float
            The mean of the rows' scores: the share of the samples, by weight, that the
            network had right, or R².
        total_weight : float
        squared_norms : list of float
            Of each layer's gradient.

        Or None, if the rows weigh nothing: then there is nothing to learn.
        """
        network, workspace, loss = self.network, batch.workspace, self.loss
        total_weight = self.weigh(batch, index)
        if not some(total_weight):
            return None
        X, mixture = batch.gather(self.X, index), None
        targets = take(self.targets, index)
        Y = batch.encode(targets)
        if self.augmentation is not None:
            X = batch.own(X)
            mixture = self._augment(X)
        if mixture is not None:
            total_weight, shares = self._weigh_mixture(batch, index, mixture)
            if not some(total_weight):
                return None
            targets, Y = (
                [rows_of(array, rows) for rows, _ in mixture] for array in (targets, Y)
            )
            loss = MixedLoss(loss, shares)
        value = network.backpropagate(X, Y, loss, workspace)
        if mixture is not None:
            score = sum(
                np.vecdot(r, self.row_scores(workspace.logits, its_targets))
                for r, its_targets in zip(shares, targets, strict=True)
            )
        else:
            scores = self.row_scores(workspace.logits, targets)
            if self.sample_weight is None:
                score = np.add.reduce(scores, axis=-1) / workspace.n_rows
            else:
                score = np.vecdot(workspace.row_weights, scores)
        penalty, squared_norms = network.penalize(self.alpha / total_weight, walk)
        return value + penalty, score, total_weight, squared_norms

    def weigh(self, batch, index):
        """Give the mini-batch the weights of its rows; return the sum of these."""
        if self.sample_weight is None:
            return float(batch.workspace.n_rows)
        weights = take(self.sample_weight, index)
        total_weight = weights.sum(axis=-1)
        if some(total_weight):
            shares = batch.workspace.row_weights
            np.divide(weights, total_weight[..., np.newaxis], out=shares)
        return total_weight

    def _weigh_mixture(self, batch, index, mixture):
        """Weigh rows by those of which they are mixed; return also the parts of these.

        Returns
        -------
        total_weight : float or ndarray of shape (n_networks,)
        shares : list of ndarray of shape (..., n_rows)
            What the targets of each part of the mixture count in the loss.
        """
        parts = [shares for _, shares in mixture]
        if self.sample_weight is not None:
            weights = take(self.sample_weight, index)
            parts = [rows_of(weights, rows) * its for rows, its in mixture]
        weights = sum(parts)
        total_weight = weights.sum(axis=-1)
        if not some(total_weight):
            return total_weight, parts
        r, total = batch.workspace.row_weights, total_weight[..., np.newaxis]
        np.divide(weights, total, out=r)
        return total_weight, [(part / total).astype(r.dtype) for part in parts]


class MixedLoss:
    """The loss of rows that are mixed of others: the sum of what it is for each.

    ``L = sum_c sum_i r_ci l(p_i, y_ci)``, l the loss of a row. Unlike the loss of mixed
    targets, this is no other one where l is not linear in the target, and it weighs a
    target as it weighs the row that the target comes from.

    Parameters
    ----------
    loss : Loss
    shares : list of ndarray of shape (..., m)
        What the targets of each part of the mixture count, in sum over all 1.

    Notes
    -----
    The methods are those of :class:`~skdnn.nn.losses.Loss`, with a list of targets, one
    for each part, in the place of Y.
    """

    def __init__(self, loss, shares):
        self.loss, self.link, self.shares = loss, loss.link, shares

    def value(self, P, Y, r):
        """Return L."""
        parts = zip(Y, self.shares, strict=True)
        return sum(self.loss.value(P, y, its_r) for y, its_r in parts)

    def gradient(self, P, Y, r, out):
        """Write dL/dP to `out`."""
        parts = zip(Y, self.shares, strict=True)
        out[...] = sum(
            self.loss.gradient(P, y, its_r, np.empty_like(out)) for y, its_r in parts
        )
        return out

    def from_logits(self, Z, Y, r, out, scratch):
        """Return L of ``link``'s output for Z, and write dL/dZ to `out`."""
        value, gradient = 0.0, 0.0
        for y, its_r in zip(Y, self.shares, strict=True):
            value = value + self.loss.from_logits(Z, y, its_r, out, scratch)
            gradient = gradient + out
        out[...] = gradient
        return value


def take(arrays, index):
    """Return the rows `index` of an array, or of each network's array its own."""
    if isinstance(arrays, tuple):
        return np.stack([a[i] for a, i in zip(arrays, index, strict=True)])
    return arrays[index]


def rows_of(array, rows):
    """Return rows of an array of shape (m, ...), or of one of each network its own."""
    if rows.ndim == 1:
        return array[rows]
    return array[np.arange(len(rows))[:, np.newaxis], rows]
