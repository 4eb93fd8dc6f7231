"""Rows that are mixed of others: what they weigh, and their loss."""

import numpy as np


def weigh_mixture(mixture, weights):
    """Return what mixed rows, and the targets of their parts, count.

    Parameters
    ----------
    mixture : list of tuple
        For each part the rows that it is of, and their shares in the mixture; both
        arrays of shape (n_networks, m).
    weights : ndarray of shape (n_networks, m), default=None
        What the rows weigh of which others are mixed.

    Returns
    -------
    total_weight : ndarray of shape (n_networks,) or None
        None where the rows weigh nothing, as what follows.
    row_weights : ndarray of shape (n_networks, m)
        In sum 1.
    shares : list of ndarray of shape (n_networks, m)
        What the targets of each part count in the loss.
    """
    parts = [shares for _, shares in mixture]
    if weights is not None:
        parts = [rows_of(weights, rows) * shares for rows, shares in mixture]
    sums = sum(parts)
    total_weight = sums.sum(axis=-1)
    if not total_weight.any():
        return None, None, None
    total = total_weight[..., np.newaxis]
    return total_weight, sums / total, [part / total for part in parts]


def rows_of(array, rows):
    """Return rows of an array of shape (n_networks, m, ...), of each network its own.

    Parameters
    ----------
    array : ndarray of shape (n_networks, m, ...)
    rows : ndarray of int of shape (n_networks, n)
    """
    return array[np.arange(len(rows))[:, np.newaxis], rows]


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
    Of :class:`~skdnn.nn.losses.Loss` it has what a step needs, with a list of targets,
    one for each part, in the place of Y.
    """

    def __init__(self, loss, shares):
        self.loss, self.shares = loss, shares

    def from_logits(self, Z, Y, r, out, scratch):
        """Return L, given logits Z, and write dL/dZ to `out`."""
        value, gradient = 0.0, 0.0
        for y, its_r in zip(Y, self.shares, strict=True):
            value = value + self.loss.from_logits(Z, y, its_r, out, scratch)
            gradient = gradient + out
        out[...] = gradient
        return value
