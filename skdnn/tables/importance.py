"""How much worse the predictions get when a column of the table is shuffled."""

import numpy as np
from scipy import sparse

from skdnn.data.door import take_rows
from skdnn.estimators.ensemble import predict_left_out

N_REPEATS = 3


def importances(estimator, Z, y, sample_weight, score):
    """Return the importance of each column, measured on rows left out.

    Parameters
    ----------
    estimator : BaseTabular
        A fitted one.
    Z : {ndarray, sparse array} of shape (n_samples, n_features)
        What it has learned from, encoded.
    y : ndarray
    sample_weight : ndarray or None
    score : float
        That of the rows left out, as they are.

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
    falls = np.zeros((len(estimator.encoder_.columns_), N_REPEATS))
    stop = 0
    for j, column in enumerate(estimator.encoder_.columns_):
        start, stop = stop, stop + len(column.names)
        if start == stop:
            continue
        for i, order in enumerate(orders):
            shuffled = _shuffled(Z, start, stop, order)
            outputs = _outputs_left_out(estimator, shuffled)
            falls[j, i] = score - estimator._score_of(outputs, y, sample_weight)
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


def _outputs_left_out(estimator, Z):
    """Return what the networks say of the rows that they have left out."""
    n_samples = Z.shape[0]
    outputs = []
    for network in estimator.networks_:
        members = network.estimators_
        samples = network.estimators_samples_
        left_out = [np.setdiff1d(np.arange(n_samples), rows) for rows in samples]

        def predict(k, rows, members=members):
            return estimator._outputs_of(members[k], take_rows(Z, rows))

        outputs.append(predict_left_out(left_out, predict, n_samples)[0])
    return estimator._blend(outputs)
