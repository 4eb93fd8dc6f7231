"""The initializers: moments and bounds."""

import numpy as np
import pytest
from numpy.testing import assert_array_equal
from sklearn.datasets import make_classification
from sklearn.neural_network import MLPClassifier

from skdnn.nn import Dense, Glorot, He, Network, Normal, ReLU, Softmax


@pytest.mark.parametrize(
    ("initializer", "std"),
    [
        (Normal(), 0.01),
        (Normal(0.5), 0.5),
        (He(), np.sqrt(2 / 300)),
        (Glorot(), np.sqrt(2 / (300 + 200))),
        (Glorot(1 / 3), np.sqrt(2 / 3 / (300 + 200))),
    ],
    ids=repr,
)
def test_standard_deviation(initializer, std):
    weights, bias = initializer(300, 200, np.random.RandomState(0))
    assert weights.shape == (300, 200)
    assert bias.shape == (200,)
    # relative standard error of the estimate: 1 / sqrt(2 * 60000) = 0.3 %
    assert weights.std() == pytest.approx(std, rel=0.015)
    assert abs(weights.mean()) < std * 0.02


def test_glorot_is_bounded_and_starts_where_scikit_learn_does():
    rng = np.random.RandomState(0)
    network = Network([Dense(7), ReLU(), Dense(3), Softmax()], 5, np.float64)
    network.initialize(rng, Glorot())
    X, y = make_classification(
        n_features=5, n_informative=4, n_redundant=0, n_classes=3, random_state=0
    )
    peer = MLPClassifier((7,), random_state=0, max_iter=1, learning_rate_init=1e-300)
    with pytest.warns(UserWarning, match="Maximum iterations"):
        peer.fit(X, y)
    for view, W, b in zip(
        network.views[::2], peer.coefs_, peer.intercepts_, strict=True
    ):
        assert_array_equal(view["weights"], W)
        assert_array_equal(view["bias"], b)
        assert np.abs(W).max() <= np.sqrt(6 / sum(W.shape))
