"""A step: what several networks learn from a mini-batch each, at once."""

from functools import reduce
from operator import add

import numpy as np

from skdnn.nn import Network
from skdnn.nn.optimizers import Optimizer, clip_by_global_norm
from skdnn.nn.penalty import Penalty
from skdnn.nn.vectors import stacked
from skdnn.training.mini_batch import MiniBatch
from skdnn.training.mixture import MixedLoss, rows_of, weigh_mixture


class Stack:
    """Jobs that take their steps together, and the arrays that these are taken on.

    What several networks learn is what each would learn alone, with the same bits as
    far as the matrix products have them. All arrays have an axis of networks in front,
    also where there is but one.

    Parameters
    ----------
    jobs : list of GradientDescent
        Of one fit, begun, and alike: see :func:`~skdnn.training.workers.shape_of`.
        Their networks, and the states of their optimizers, move into memory that they
        share.
    data : Data
    """

    def __init__(self, jobs, data):
        self.jobs, self.data = jobs, data
        first = jobs[0]
        self.network = Network.stacked([job.network for job in jobs])
        self.averaged = None
        if first.averaged is not None:
            self.averaged = Network.stacked([job.averaged for job in jobs])
        optimizers = [job.optimizer for job in jobs]
        self.optimizer = Optimizer.stacked(optimizers, self.network)
        self.penalty = Penalty(self.network, first.alpha)
        self.loss = first.loss
        parts = [data.learned(job.rows) for job in jobs]
        self.row_scores = self.loss.row_scorer_of_each(parts)
        self.max_grad_norm, self.ema_decay = first.max_grad_norm, first.ema_decay
        self.augmentation = first.augmentation
        self.n_rows, self.n_samples = first.n_rows, len(first.order)
        rngs = None if first.noise_rng is None else [job.noise_rng for job in jobs]
        full = MiniBatch(self.network, self.n_rows, data.X, self.loss, rngs=rngs)
        self.batches = {self.n_rows: full}
        if rest := self.n_samples % self.n_rows:
            self.batches[rest] = MiniBatch(
                self.network, rest, data.X, self.loss, rngs=rngs, like=full
            )

    def mini_batches(self):
        """Yield the rows of each mini-batch of an epoch, in a new order.

        Yields
        ------
        index : slice, or ndarray of int of shape (n_networks, n_rows)
        """
        for job in self.jobs:
            job.shuffle_order()
        order = None
        if not self.jobs[0].in_order:
            order = stacked([job.order for job in self.jobs])
        for start in range(0, self.n_samples, self.n_rows):
            rows = slice(start, min(start + self.n_rows, self.n_samples))
            yield rows if order is None else order[:, rows]

    def step(self, index, learning_rate):
        """Take one step.

        Parameters
        ----------
        index : slice, or ndarray of int of shape (n_networks, n_rows)
            The rows of each network's mini-batch; a slice is the same for all.
        learning_rate : float or ndarray of shape (n_networks,)

        Returns
        -------
        found : list of tuple or None
            For each network what the step has begun with: the loss, penalty included;
            the score, which is the weighted mean of the rows' scores: accuracy, or R²;
            the weight of the rows; and a list of the squared norms of the layers'
            gradients, before clipping. None if the rows weigh nothing: then there is
            nothing to learn.
        """
        network, optimizer, data = self.network, self.optimizer, self.data
        is_slice = isinstance(index, slice)
        n_rows = index.stop - index.start if is_slice else index.shape[1]
        batch, loss = self.batches[n_rows], self.loss
        workspace = batch.workspace

        # The rows, and what each of them counts.
        total_weight = batch.weigh(data.row_weights, index)
        if total_weight is None:
            return None
        X, targets = batch.gather(data.X, index), batch.take(data.targets, index)
        Y = loss.encode(targets, batch.Y)

        # Augmentation: the rows are changed, and perhaps mixed.
        mixture = None
        if self.augmentation is not None:
            X = batch.own(X)
            mixture = self._augment(X)
        if mixture is not None:
            weights = data.row_weights
            weights = None if weights is None else batch.take(weights, index)
            total_weight, row_weights, shares = weigh_mixture(mixture, weights)
            if total_weight is None:
                return None
            workspace.row_weights[...] = row_weights
            loss = MixedLoss(loss, [its.astype(network.dtype) for its in shares])
            targets, Y = (
                [rows_of(array, rows) for rows, _ in mixture] for array in (targets, Y)
            )

        # Forward, the loss, and backward.
        Z = network.forward(X, workspace, stop=-1)
        dZ, r = workspace.d_output, workspace.row_weights
        value = loss.from_logits(Z, Y, r, dZ, batch.scratch)
        network.backward(dZ, workspace, stop=-1)
        scores = self._score(Z, targets, batch, mixture and loss.shares)

        # The penalty, clipping, which needs the whole gradient, and the optimizer.
        penalty, clips = self.penalty, self.max_grad_norm is not None
        penalty.begin(total_weight)
        optimizer.begin(learning_rate)
        for block in network.blocks:
            penalty.add(block)
            if not clips:
                optimizer.update(block)
        penalties, squared_norms = penalty.end()
        if clips:
            norm = np.sqrt([reduce(add, norms, 0.0) for norms in squared_norms])
            clip_by_global_norm(network.gradients, norm, self.max_grad_norm)
            for block in network.blocks:
                optimizer.update(block)

        # The average over the steps. At first little is worth remembering: it warms up.
        if self.averaged is not None:
            t, average = optimizer.n_steps, self.averaged.parameters
            part = 1 - min(self.ema_decay, (1 + t) / (10 + t))
            average += part * (network.parameters - average)
        losses = [a + b for a, b in zip(value.tolist(), penalties, strict=True)]
        weights = total_weight.tolist()
        return list(zip(losses, scores, weights, squared_norms, strict=True))

    def _augment(self, X):
        """Change mini-batches in place; return of what their rows are mixed, or None.

        A mini-batch can't be changed where an augmentation fails. In the first epoch
        that is an error. Later, the epoch is undone when it is over.
        """
        mixtures = []
        for job, rows in zip(self.jobs, X, strict=True):
            mixture = None
            if job.failure is None:
                try:
                    mixture = self.augmentation(rows, job.noise_rng)
                except Exception as error:
                    if job.good is None:
                        raise
                    job.failure = error
            mixtures.append(mixture)
        mixed = [mixture for mixture in mixtures if mixture is not None]
        if not mixed:
            return None
        # In the place of one that failed, whatever it is.
        parts = zip(*[mixture or mixed[0] for mixture in mixtures], strict=True)
        return [tuple(map(np.stack, zip(*part, strict=True))) for part in parts]

    def _score(self, Z, targets, batch, shares=None):
        """Return the mean of each network's scores, of mixed rows by their shares."""
        if shares is not None:
            parts = zip(shares, targets, strict=True)
            sums = sum(np.vecdot(r, self.row_scores(Z, its)) for r, its in parts)
            return sums.tolist()
        scores = self.row_scores(Z, targets)
        if self.data.row_weights is not None:
            return np.vecdot(batch.workspace.row_weights, scores).tolist()
        return [s / batch.n_rows for s in np.add.reduce(scores, axis=-1).tolist()]
