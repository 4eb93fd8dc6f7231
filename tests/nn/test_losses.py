"""The losses against scikit-learn's log_loss and the formulas written out."""

import numpy as np
import pytest
from numpy.testing import assert_allclose
from scipy.special import expit, softmax
from sklearn.metrics import log_loss

from skdnn.nn import (
    BatchNorm,
    BinaryCrossEntropy,
    CategoricalCrossEntropy,
    Dense,
    Logistic,
    Network,
    ReLU,
    Softmax,
)

LINKS = {Softmax: softmax, Logistic: lambda Z, axis: expit(Z)}
LOSSES = [CategoricalCrossEntropy(), BinaryCrossEntropy()]
IDS = ["categorical", "binary"]


def problem(loss, seed=0, m=9, k=4):
    rng = np.random.default_rng(seed)
    Y = np.eye(k)[rng.integers(0, k, m)]
    if isinstance(loss, BinaryCrossEntropy):
        Y = rng.integers(0, 2, (m, k)).astype(float)
    return rng.normal(size=(m, k)) * 3, Y, rng.dirichlet(np.ones(m))


def from_logits(loss, Z, Y, r):
    dZ = np.empty_like(Z)
    return loss.from_logits(Z, Y, r, dZ, np.empty_like(Z)), dZ


@pytest.mark.parametrize("weighted", [False, True])
def test_categorical_is_log_loss(weighted):
    loss = CategoricalCrossEntropy()
    Z, Y, r = problem(loss)
    weights = r if weighted else None
    r = r if weighted else np.full(9, 1 / 9)
    P = softmax(Z, axis=1)
    expected = log_loss(Y, P, sample_weight=weights)
    assert_allclose(loss.value(P, Y, r), expected)
    assert_allclose(from_logits(loss, Z, Y, r)[0], expected)


def test_binary_is_the_sum_of_each_outputs_log_loss():
    loss = BinaryCrossEntropy()
    Z, Y, r = problem(loss)
    P = expit(Z)
    expected = sum(
        log_loss(y, p, sample_weight=r, labels=[0, 1])
        for y, p in zip(Y.T, P.T, strict=True)
    )
    assert_allclose(loss.value(P, Y, r), expected)
    assert_allclose(from_logits(loss, Z, Y, r)[0], expected)


@pytest.mark.parametrize("loss", LOSSES, ids=IDS)
def test_fused_gradient_is_p_minus_y_once_divided(loss):
    Z, Y, r = problem(loss)
    P = LINKS[type(loss.link)](Z, axis=1)
    assert_allclose(from_logits(loss, Z, Y, r)[1], r[:, None] * (P - Y), atol=1e-16)


@pytest.mark.parametrize("loss", LOSSES, ids=IDS)
def test_unfused_pair_gives_the_same_loss_and_gradients(loss):
    _, Y, r = problem(loss, m=9, k=4)
    X = np.random.default_rng(1).normal(size=(9, 5))

    class Unfused(type(loss)):
        link = None

    results = []
    for variant in (loss, Unfused()):
        layers = [Dense(6), BatchNorm(), ReLU(), Dense(4), loss.link]
        network = Network(layers, 5, np.float64).initialize(np.random.RandomState(0))
        workspace = network.workspace(9, input_gradient=True)
        workspace.row_weights[:] = r
        value = network.backpropagate(X, Y, variant, workspace)
        results.append((value, network.gradients.copy(), workspace.slots[0].d_input))
    (value, gradient, dX), (value_2, gradient_2, dX_2) = results
    assert_allclose(value, value_2, rtol=1e-12)
    assert_allclose(gradient, gradient_2, rtol=1e-10, atol=1e-15)
    assert_allclose(dX, dX_2, rtol=1e-10, atol=1e-15)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("loss", LOSSES, ids=IDS)
def test_certain_and_wrong_costs_the_logit(loss, dtype):
    # log P is out of reach of the dtype, but the loss is not.
    Z = np.array([[1000.0, 0.0], [0.0, 1000.0]], dtype)
    Y = np.array([[0.0, 1.0], [0.0, 1.0]], dtype)
    r = np.array([0.5, 0.5], dtype)
    value, dZ = from_logits(loss, Z, Y, r)
    # first row: 1000 wrong (binary: and log 2 for the undecided output)
    undecided = 2 * np.log(2) if isinstance(loss, BinaryCrossEntropy) else 0
    assert_allclose(value, (1000 + undecided) / 2, rtol=1e-6)
    assert np.isfinite(dZ).all()
    P = np.array([[1.0, 0.0], [0.0, 1.0]], dtype)
    assert np.isfinite(loss.value(P, Y, r))
    assert np.isfinite(loss.gradient(P, Y, r, np.empty_like(P))).all()
