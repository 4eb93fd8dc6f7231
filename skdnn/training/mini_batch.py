"""Mini-batches: rows gathered, cast and weighed in buffers that are there for all."""

from math import prod

import numpy as np

from skdnn.nn.vectors import shared_by


class MiniBatch:
    """A workspace of networks with room for the rows of each.

    Parameters
    ----------
    network : Network
        With an axis of networks.
    n_rows : int
        Of the mini-batch of each network.
    X : {ndarray, sparse array} of shape (n_samples, n_features)
        What rows will be taken from.
    loss : Loss
        Which encodes the targets.
    rngs : list of numpy.random.Generator, default=None
        Where dropout and noise draw from, one for each network.
    like : MiniBatch, default=None
        One for as many rows or more, whose memory to share.
    **options
        See :class:`~skdnn.nn.workspace.Workspace`.

    Attributes
    ----------
    workspace : Workspace
    Y : ndarray of shape (n_networks, n_rows, target_width)
        Room for the targets as the loss has them.
    scratch : ndarray of shape (n_networks, n_rows, n_outputs)
    """

    def __init__(self, network, n_rows, X, loss, *, rngs=None, like=None, **options):
        self.n_rows, self.dtype = n_rows, network.dtype
        self.workspace = network.workspace(
            n_rows, rng=rngs, like=None if like is None else like.workspace, **options
        )
        self.scratch = self.workspace.slots[-1].scratch
        (self.n_networks,) = network.axes
        self.equal_weights = np.full(self.n_networks, float(n_rows))
        self.is_sparse = not isinstance(X, np.ndarray)
        flags = None if self.is_sparse else X.flags
        self.is_plain = flags is not None and flags.c_contiguous and flags.aligned
        self.raw = None
        if like is None:
            width = loss.target_width(network.widths[-1])
            self.Y = np.empty((self.n_networks, n_rows, width), self.dtype)
            if not self.is_sparse:
                shape = self.n_networks, n_rows, X.shape[1]
                self.X = np.empty(shape, self.dtype)
                if X.dtype != self.dtype:
                    self.raw = np.empty(shape, X.dtype)
        else:
            self.Y = first_rows(like.Y, n_rows)
            if not self.is_sparse:
                self.X = first_rows(like.X, n_rows)
                if like.raw is not None:
                    self.raw = first_rows(like.raw, n_rows)

    def gather(self, X, index):
        """Return rows of X in the network's dtype.

        Parameters
        ----------
        X : {ndarray, sparse array} of shape (n_samples, n_features)
        index : slice, or ndarray of int of shape (n_networks, n_rows)
            A slice is the same rows for all.

        Returns
        -------
        batch : ndarray of shape (n_networks, n_rows, n_features), or tuple
            Of sparse rows a tuple, with an array for each network. It may be a part of
            X, and is not to be written to: see :meth:`own`.
        """
        if self.is_sparse:
            each = [index] * self.n_networks if isinstance(index, slice) else index
            return tuple(X[rows].astype(self.dtype, copy=False) for rows in each)
        if isinstance(index, slice):
            batch = self.take(X, index)
        else:
            out = self.X if self.raw is None else self.raw
            if self.is_plain:
                # mode="clip" lets take write directly; no index is out of range.
                batch = X.take(index, axis=0, out=out, mode="clip")
            else:  # of a memory map by columns, say, take would copy all
                out[...] = X[index]
                batch = out
        if batch.dtype == self.dtype:
            return batch
        np.copyto(self.X, batch)
        return self.X

    def own(self, batch):
        """Return dense rows that :meth:`gather` returned, in a buffer of this one."""
        if batch is not self.X:
            np.copyto(self.X, batch)
        return self.X

    def take(self, array, index):
        """Return rows of an array, of shape (n_networks, n_rows, ...).

        Parameters
        ----------
        array : ndarray of shape (n_samples, ...)
        index : slice, or ndarray of int of shape (n_networks, n_rows)
        """
        if isinstance(index, slice):
            return shared_by(self.n_networks, array[index])
        return array.take(index, axis=0)

    def weigh(self, row_weights, index):
        """Say what the rows count in the loss; return the sum of their weights.

        Parameters
        ----------
        row_weights : ndarray of shape (n_samples,) or None
        index : slice, or ndarray of int of shape (n_networks, n_rows)

        Returns
        -------
        total_weight : ndarray of shape (n_networks,) or None
            The number of rows, where all count the same; None if they weigh nothing.
        """
        if row_weights is None:
            return self.equal_weights
        weights = self.take(row_weights, index)
        total_weight = weights.sum(axis=-1)
        if not total_weight.any():
            return None
        total = total_weight[..., np.newaxis]
        np.divide(weights, total, out=self.workspace.row_weights)
        return total_weight


def first_rows(buffer, n_rows):
    """Return an array of fewer rows in the memory of one of shape (..., m, n)."""
    *axes, _, n = buffer.shape
    size = prod(axes) * n_rows * n
    return buffer.reshape(-1)[:size].reshape(*axes, n_rows, n)
