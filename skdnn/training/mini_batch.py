"""Mini-batches: rows gathered, cast and encoded into buffers that are there for all."""

from math import prod

import numpy as np


class MiniBatch:
    """A workspace of the network with room for its input and targets.

    Parameters
    ----------
    network : Network
    n_rows : int
    X : {ndarray, sparse array} of shape (n_samples, n_features), or tuple of them
        What rows will be taken from; a tuple has one for each network.
    loss : Loss, or tuple of one for each network
        Which encodes the targets.
    rng : numpy.random.Generator, or list of one for each network, default=None
        Where dropout and noise draw from.
    like : MiniBatch, default=None
        One for as many rows or more, whose memory to share.
    **options
        See :class:`~skdnn.nn.workspace.Workspace`.
    """

    def __init__(self, network, n_rows, X, loss, *, rng=None, like=None, **options):
        self.workspace = network.workspace(
            n_rows, rng=rng, like=None if like is None else like.workspace, **options
        )
        self.dtype = network.dtype
        self.loss_of = loss if isinstance(loss, tuple) else (loss,)
        first = X[0] if isinstance(X, tuple) else X
        self.raw = None
        if like is None:
            width = self.loss_of[0].target_width(network.widths[-1])
            self.Y = np.empty((*network.axes, n_rows, width), self.dtype)
            if isinstance(first, np.ndarray):
                shape = *network.axes, n_rows, first.shape[1]
                self.X = np.empty(shape, self.dtype)
                if first.dtype != self.dtype:
                    self.raw = np.empty(shape, first.dtype)
        else:
            self.Y = first_rows(like.Y, n_rows)
            if isinstance(first, np.ndarray):
                self.X = first_rows(like.X, n_rows)
                if like.raw is not None:
                    self.raw = first_rows(like.raw, n_rows)

    def gather(self, X, index):
        """Return the rows `index` of X in the network's dtype.

        Parameters
        ----------
        X : {ndarray, sparse array}, or tuple of them
        index : slice, or ndarray of int of shape (..., n_rows)

        Returns
        -------
        batch : {ndarray, sparse array} of shape (..., n_rows, n_features)
            Of several networks with sparse rows, a tuple. It may be a part of X, and
            is not to be written to: see :meth:`own`.
        """
        if isinstance(X, tuple):
            if not isinstance(X[0], np.ndarray):
                return tuple(map(self._gather_sparse, X, index))
            out = self.X if self.raw is None else self.raw
            for x, rows, its_out in zip(X, index, out, strict=True):
                take_into(its_out, x, rows)
            if self.raw is not None:
                np.copyto(self.X, self.raw)
            return self.X
        if not isinstance(X, np.ndarray):
            if np.ndim(index) == 2:
                return tuple(self._gather_sparse(X, rows) for rows in index)
            return self._gather_sparse(X, index)
        if isinstance(index, slice):
            batch = X[index]
            if batch.dtype == self.dtype:
                return batch
        else:
            batch = take_into(self.X if self.raw is None else self.raw, X, index)
            if self.raw is None:
                return batch
        np.copyto(self.X, batch)
        return self.X

    def own(self, batch):
        """Return dense rows that :meth:`gather` returned, in a buffer of this one."""
        if batch is not self.X:
            np.copyto(self.X, batch)
        return self.X

    def _gather_sparse(self, X, rows):
        batch = X[rows]
        return batch if batch.dtype == self.dtype else batch.astype(self.dtype)

    def encode(self, targets):
        """Return targets as rows that the loss takes."""
        if len(self.loss_of) == 1:
            return self.loss_of[0].encode(targets, self.Y)
        for loss, its_targets, Y in zip(self.loss_of, targets, self.Y, strict=True):
            loss.encode(its_targets, Y)
        return self.Y


def take_into(out, X, index):
    """Write rows of X to `out`, and return it."""
    if X.flags.c_contiguous and X.flags.aligned:
        # mode="clip" lets take write to `out` directly; no index is out of range.
        return X.take(index, axis=0, out=out, mode="clip")
    out[...] = X[index]  # of a memory map by columns, say, take would copy all
    return out


def first_rows(buffer, n_rows):
    """Return an array of fewer rows in the memory of one of shape (..., m, n)."""
    *axes, _, n = buffer.shape
    size = prod(axes) * n_rows * n
    return buffer.reshape(-1)[:size].reshape(*axes, n_rows, n)
