"""The recipe for tables: which networks, how they are trained, and for how long.

Each number here was chosen on tables set aside for choosing, see
``benchmarks/tables/``.
"""

import numpy as np
from numpy.typing import ArrayLike
from sklearn.utils import check_array

from skdnn.estimators.building import sizes_of
from skdnn.nn import BatchNorm, Dense, Dropout, PiecewiseLinear, ReLU

# What does best differs from table to table: numbers as they are, numbers in bins, or,
# on few rows with much noise, a sum of what each column says by itself. Networks of all
# three kinds are trained, and rows left out say how much of each is best.
KINDS = ("smooth", "binned", "additive")
N_BINS = 16
TRAINING = {"learning_rate": "one_cycle", "alpha": 1e-4, "scoring": "loss"}
LEARNING_RATES = {"smooth": 0.004, "binned": 0.004, "additive": 0.01}
SAMPLES_SEEN = 1_000_000  # by a network, at most, but for the fewest epochs
FEWEST_EPOCHS = 20


def architecture(
    X, hidden_layer_sizes: ArrayLike = (256, 256), *, kind="binned", dropout=0.3
):
    """Return the recipe's hidden layers, for `architecture` of a network.

    Parameters
    ----------
    X : {array-like, sparse array} of shape (n_samples, n_features)
        The data to learn from, as :class:`TableEncoder` encodes them: the bins are
        quantiles of them.
    hidden_layer_sizes : tuple of int, default=(256, 256)
    kind : {"binned", "smooth", "additive"}, default="binned"
        With "binned", each number is also encoded bin by bin, see
        :class:`skdnn.nn.PiecewiseLinear`; with "smooth" it is not; with "additive" it
        is, and there are no hidden layers: the logits, or the prediction, are a sum of
        functions of one column each.
    dropout : float, default=0.3
        The rate of dropout behind each hidden layer; for regression 0.1 is better.

    Returns
    -------
    layers : list of skdnn.nn.Layer

    Examples
    --------
    >>> from sklearn.datasets import load_iris
    >>> from sklearn.preprocessing import scale
    >>> from skdnn import MLPClassifierDIY
    >>> from skdnn.tables import architecture
    >>> X, y = load_iris(return_X_y=True)
    >>> X = scale(X)
    >>> clf = MLPClassifierDIY(architecture=architecture(X), random_state=0)
    >>> clf.fit(X, y).score(X, y) > 0.95
    True
    """
    if kind not in KINDS:
        raise ValueError(f"kind must be one of {list(KINDS)}, got {kind!r}.")
    layers = []
    if kind != "smooth":
        bins = PiecewiseLinear.of(_dense(X), N_BINS)
        layers = [bins] if bins.n_bins else []
    sizes = [] if kind == "additive" else sizes_of(hidden_layer_sizes)
    for units in sizes:
        layers += [Dense(units), BatchNorm(), ReLU(), Dropout(dropout)]
    return layers


def architectures(X, hidden_layer_sizes, dropout):
    """Return the hidden layers by kind of network, without those that are twice.

    Parameters
    ----------
    X, hidden_layer_sizes, dropout
        See :func:`architecture`.
    """
    layers = {
        kind: architecture(X, hidden_layer_sizes, kind=kind, dropout=dropout)
        for kind in KINDS
    }
    if layers["binned"] == layers["smooth"]:  # there are no numbers
        del layers["binned"]
    return layers


def _dense(X, n_rows=10_000):
    """Return rows spread over X, as many as quantiles need, as an array."""
    try:
        X = check_array(X, accept_sparse="csr", dtype=[np.float64, np.float32])
    except (TypeError, ValueError) as error:
        raise type(error)(
            f"X must hold numbers, as TableEncoder returns them: {error}"
        ) from error
    if X.shape[0] > n_rows:
        X = X[np.linspace(0, X.shape[0] - 1, n_rows).astype(int)]
    return X if isinstance(X, np.ndarray) else X.toarray()


def epochs_for(n_samples, most):
    """Return for how many epochs a table is learned."""
    return int(np.clip(SAMPLES_SEEN // n_samples, FEWEST_EPOCHS, most))


def batch_size_for(n_samples):
    """Return how many rows are in a mini-batch."""
    return int(min(256, max(32, 2 ** np.floor(np.log2(max(n_samples, 1) / 8)))))
