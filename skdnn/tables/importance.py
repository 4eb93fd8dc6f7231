"""How much worse the predictions get when a column of the table is shuffled."""

import numpy as np
from scipy import sparse

from skdnn.data.door import take_rows

N_REPEATS = 3


def importances(columns, Z, score, score_left_out):
    """Return the importance of each column, measured on rows left out.

    Parameters
    ----------
    columns : list of Column
    Z : {ndarray, sparse array} of shape (n_samples, n_features)
        What was learned from: the columns, encoded.
    score : float
        That of what networks say of rows that they have left out.
    score_left_out : callable
        Takes Z with a column shuffled, and returns the score then.

    Returns
    -------
    means, stds : ndarray of shape (n_columns,)
        By how much the score on the rows left out falls when the values of a column
        are dealt out to other rows, over three times.

    References
    ----------
    Breiman (2001), "Random forests".
    """
    n_samples = Z.shape[0]
    rng = np.random.RandomState(0)  # three permutations, the same for all columns
    orders = [rng.permutation(n_samples) for _ in range(N_REPEATS)]
    falls = np.zeros((len(columns), N_REPEATS))
    stop = 0
    for j, column in enumerate(columns):
        start, stop = stop, stop + len(column.names)
        if start == stop:
            continue
        for i, order in enumerate(orders):
            shuffled = _shuffled(Z, start, stop, order)
            falls[j, i] = score - score_left_out(shuffled)
    return falls.mean(axis=1), falls.std(axis=1)


def _shuffled(Z, start, stop, order):
    """Return Z with some columns from other rows."""
    others = take_rows(Z[:, start:stop], order)
    if sparse.issparse(Z):
        parts = [Z[:, :start], others, Z[:, stop:]]
        return sparse.hstack([p for p in parts if p.shape[1]], format="csr")
    shuffled = Z.copy()
    shuffled[:, start:stop] = others
    return shuffled
