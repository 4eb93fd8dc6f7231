"""Mini-batches: rows gathered, cast and encoded into buffers that are there for all."""

import numpy as np


class MiniBatch:
    """A workspace of the network with room for its input and targets.

    Parameters
    ----------
    network : Network
    n_rows : int
    X : {ndarray, sparse array} of shape (n_samples, n_features)
        What rows will be taken from.
    loss : Loss
        Which encodes the targets.
    rng : numpy.random.Generator, default=None
        Where dropout draws from.
    like : MiniBatch, default=None
        One for as many rows or more, whose memory to share.
    **options
        See :class:`~skdnn.nn.network.Workspace`.
    """

    def __init__(self, network, n_rows, X, loss, *, rng=None, like=None, **options):
        self.workspace = network.workspace(
            n_rows, rng=rng, like=None if like is None else like.workspace, **options
        )
        self.dtype = network.dtype
        self.loss = loss
        if like is None:
            width = loss.target_width(network.widths[-1])
            self.Y = np.empty((n_rows, width), self.dtype)
            if isinstance(X, np.ndarray):
                self.X = np.empty((n_rows, X.shape[1]), self.dtype)
                cast = X.dtype != self.dtype
                self.raw = np.empty(self.X.shape, X.dtype) if cast else None
        else:
            self.Y = like.Y[:n_rows]
            if isinstance(X, np.ndarray):
                self.X = like.X[:n_rows]
                self.raw = None if like.raw is None else like.raw[:n_rows]

    def gather(self, X, index):
        """Return the rows `index` of X (a slice or an array) in the network's dtype."""
        if not isinstance(X, np.ndarray):
            batch = X[index]
            return batch if batch.dtype == self.dtype else batch.astype(self.dtype)
        if isinstance(index, slice):
            batch = X[index]
            if batch.dtype == self.dtype:
                return batch
        else:
            # mode="clip" lets take write to `out` directly; no index is out of range.
            out = self.X if self.raw is None else self.raw
            batch = X.take(index, axis=0, out=out, mode="clip")
            if self.raw is None:
                return batch
        np.copyto(self.X, batch)
        return self.X

    def encode(self, targets):
        """Return targets as rows that the loss takes."""
        return self.loss.encode(targets, self.Y)
