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
    rngs : list of numpy.random.Generator
        Of each network, where augmentation draws from.
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
        network, workspace = self.network, batch.workspace
        total_weight = self.weigh(batch, index)
        if not some(total_weight):
            return None
        X = batch.gather(self.X, index)
        targets = take(self.targets, index)
        Y = batch.encode(targets)
        if self.augmentation is not None:
            X, Y = self._augment(X, Y)
        loss = network.backpropagate(X, Y, self.loss, workspace)
        scores = self.row_scores(workspace.logits, targets)
        if self.sample_weight is None:
            score = np.add.reduce(scores, axis=-1) / workspace.n_rows
        else:
            score = np.vecdot(workspace.row_weights, scores)
        penalty, squared_norms = network.penalize(self.alpha / total_weight, walk)
        return loss + penalty, score, total_weight, squared_norms

    def _augment(self, X, Y):
        """Return a mini-batch and its targets as augmentation changes them."""
        if len(self.rngs) == 1:
            return self.augmentation(X, Y, *self.rngs)
        changed = map(self.augmentation, X, Y, self.rngs)
        return map(np.stack, zip(*changed, strict=True))

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


def take(arrays, index):
    """Return the rows `index` of an array, or of each network's array its own."""
    if isinstance(arrays, tuple):
        return np.stack([a[i] for a, i in zip(arrays, index, strict=True)])
    return arrays[index]
