"""Several networks at once learn what each of them learns alone."""

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from scipy.sparse import random_array

from skdnn.nn import (
    ELU,
    GELU,
    SELU,
    SGD,
    Adam,
    AdamW,
    BatchNorm,
    BinaryCrossEntropy,
    CategoricalCrossEntropy,
    Dense,
    Dropout,
    Exp,
    GaussianLikelihood,
    GaussianNoise,
    GaussianOutput,
    Huber,
    Identity,
    LayerNorm,
    LeakyReLU,
    Logistic,
    Mish,
    Network,
    Ordered,
    PiecewiseLinear,
    PinballLoss,
    PoissonDeviance,
    PReLU,
    ReLU,
    Residual,
    Scale,
    SiLU,
    Softmax,
    Softplus,
    SquaredError,
    Tanh,
)
from skdnn.nn.optimizers import clip_by_global_norm

K, M, N = 3, 6, 4
LAYERS = [
    Dense(4),
    Identity(),
    ReLU(),
    LeakyReLU(0.3),
    PReLU(),
    ELU(0.7),
    SELU(),
    GELU(),
    SiLU(),
    Mish(),
    Softplus(),
    Tanh(),
    Logistic(),
    Exp(),
    Softmax(),
    Ordered(2),
    GaussianOutput(),
    BatchNorm(),
    LayerNorm(),
    Scale(),
    PiecewiseLinear([(-1.0, 0.1, 0.6), (), (-2.0, 2.0), (0.0, 0.5)]),
    Dropout(0.4),
    GaussianNoise(0.3),
    Residual([Dense(3), BatchNorm(), Tanh(), Dropout(0.2), Dense(4)]),
]
OPTIMIZERS = {
    "sgd": lambda k: SGD(0.9 - 0.1 * k, nesterov=False),
    "nesterov": lambda k: SGD(0.9),
    "adam": lambda k: Adam(0.9 - 0.1 * k, 0.99, epsilon=1e-8 * (1 + k)),
    "adamw": lambda k: AdamW(0.1 * k),
}
LOSSES = [
    (CategoricalCrossEntropy(), [Softmax()]),
    (BinaryCrossEntropy(), [Logistic()]),
    (BinaryCrossEntropy(), [Softmax()]),
    (SquaredError(), [Identity()]),
    (PoissonDeviance(), [Exp()]),
    (Huber(0.5), [Identity()]),
    (PinballLoss((0.2, 0.8)), [Ordered(2), Identity()]),
    (GaussianLikelihood(), [GaussianOutput(), Identity()]),
]


def networks(layers, dtype=np.float64):
    """Return networks with all that can be learned drawn at random."""
    them = [Network(layers, N, dtype) for _ in range(K)]
    for k, network in enumerate(them):
        rng = np.random.RandomState(k)
        network.initialize(rng)
        network.parameters += 0.1 * rng.standard_normal(network.n_parameters)
    return them


def generators():
    return [np.random.default_rng(k) for k in range(K)]


def close(a, b, dtype):
    tolerance = 1e-12 if dtype == np.float64 else 2e-5
    assert_allclose(a, b, rtol=tolerance, atol=tolerance)


@pytest.mark.parametrize("dtype", [np.float64, np.float32])
@pytest.mark.parametrize("layer", LAYERS, ids=repr)
def test_layers(layer, dtype):
    rng = np.random.default_rng(0)
    X = rng.standard_normal((K, M, N)).astype(dtype)
    dA = rng.standard_normal((K, M, layer.output_width(N))).astype(dtype)
    r = rng.dirichlet(np.ones(M), K).astype(dtype)
    alone = []
    for x, da, weights, network, its_rng in zip(
        X, dA, r, networks([layer], dtype), generators(), strict=True
    ):
        workspace = network.workspace(M, input_gradient=True, rng=its_rng)
        workspace.row_weights[:] = weights
        A = network.forward(x, workspace).copy()
        dX = network.backward(da.copy(), workspace).copy()
        alone.append((A, dX, network))
    stack = Network.stacked(networks([layer], dtype))
    workspace = stack.workspace(M, input_gradient=True, rng=generators())
    workspace.row_weights[...] = r
    A = stack.forward(X, workspace).copy()
    dX = stack.backward(dA.copy(), workspace)
    for k, (its_A, its_dX, network) in enumerate(alone):
        close(A[k], its_A, dtype)
        close(dX[k], its_dX, dtype)
        close(stack.gradients[k], network.gradients, dtype)
        close(stack.statistics[k], network.statistics, dtype)
        close(stack.predict(X[0])[k], network.predict(X[0]), dtype)


@pytest.mark.parametrize(("loss", "last"), LOSSES, ids=str)
def test_losses(loss, last):
    rng = np.random.default_rng(0)
    layers = [Dense(4), *last]
    X = rng.standard_normal((K, M, N))
    targets = rng.integers(2, size=(K, M, loss.target_width(4)))
    if loss == CategoricalCrossEntropy():
        targets = rng.integers(4, size=(K, M))
    scores = loss.row_scorer(targets)
    stack = Network.stacked(networks(layers))
    workspace = stack.workspace(M)
    Y = loss.encode(targets, np.empty((K, M, loss.target_width(4))))
    losses = stack.backpropagate(X, Y, loss, workspace)
    assert losses.shape == (K,)
    Z = stack.forward(X, stack.workspace(M), len(layers) - 1).copy()
    for k, network in enumerate(networks(layers)):
        workspace = network.workspace(M)
        assert_allclose(
            losses[k], network.backpropagate(X[k], Y[k], loss, workspace), rtol=1e-12
        )
        assert_allclose(stack.gradients[k], network.gradients, atol=1e-13)
        its_Y = loss.encode(targets[k], np.empty_like(Y[k]))
        assert_array_equal(Y[k], its_Y)
        its_scores = loss.row_scorer(targets[k])(Z[k], targets[k])
        assert_allclose(scores(Z, targets)[k], its_scores)
        weights = rng.random((K, M))
        weighted = loss.row_scorer(targets, weights)(Z, targets)[k]
        alone = loss.row_scorer(targets[k], weights[k])(Z[k], targets[k])
        assert_allclose(weighted, alone)


@pytest.mark.parametrize("dtype", [np.float64, np.float32])
@pytest.mark.parametrize("make", OPTIMIZERS.values(), ids=OPTIMIZERS)
def test_steps(make, dtype):
    # More parameters than fit a block, clipped, penalized, each with its own numbers.
    # (A bias in front of BatchNorm has no gradient but rounding, which Adam inflates.)
    layers = [Dense(300), Tanh(), BatchNorm(), Dense(200), PReLU(), Dense(2), Softmax()]
    rng = np.random.default_rng(0)
    X = rng.standard_normal((5, K, M, N)).astype(dtype)
    Y = np.eye(2, dtype=dtype)[rng.integers(2, size=(5, K, M))]
    loss = CategoricalCrossEntropy()
    rates, alphas, largest = np.array([0.1, 0.01, 0.03]), np.array([0, 0.1, 0.2]), 0.3

    def train(network, optimizer, axis, rate, alpha):
        optimizer.start(network.parameters, network.gradients, network.n_weights)
        workspace = network.workspace(M)
        for x, y in zip(X[axis], Y[axis], strict=True):
            network.backpropagate(x, y, loss, workspace)
            penalty, norms = network.penalize(alpha)
            norm = np.sqrt(sum(norms))
            clip_by_global_norm(network.gradients, norm, largest)
            optimizer.step(rate)
        return penalty, norms

    stack, optimizer = Network.stacked(networks(layers, dtype)), make(0)
    for name in optimizer.numbers:
        numbers = [getattr(make(k), name) for k in range(K)]
        setattr(optimizer, name, np.array(numbers))
    penalties, norms = train(stack, optimizer, np.s_[:], rates, alphas)
    for k, network in enumerate(networks(layers, dtype)):
        its_optimizer = make(k)
        penalty, its_norms = train(
            network, its_optimizer, np.s_[:, k], rates[k], alphas[k]
        )
        close(stack.parameters[k], network.parameters, dtype)
        close(penalties[k], penalty, dtype)
        close(np.transpose(norms)[k], its_norms, dtype)
        for name, vector in its_optimizer.state.items():
            close(optimizer.state[name][k], vector, dtype)


def test_sparse_rows():
    rng = np.random.default_rng(0)
    X = [random_array((M, N), density=0.5, format="csr", rng=rng) for _ in range(K)]
    stack = Network.stacked(networks([Dense(4), Tanh()]))
    workspace = stack.workspace(M)
    A = stack.forward(tuple(X), workspace).copy()
    stack.backward(np.ones_like(A), workspace)
    same = stack.predict(X[0])
    for k, network in enumerate(networks([Dense(4), Tanh()])):
        workspace = network.workspace(M)
        assert_allclose(A[k], network.forward(X[k].toarray(), workspace))
        network.backward(np.ones((M, 4)), workspace)
        assert_allclose(stack.gradients[k], network.gradients)
        assert_allclose(same[k], network.predict(X[0].toarray()))


@pytest.mark.parametrize("numbers", [(0.1, 0.5, 0.8), (0.2, 0.2, 0.2)])
@pytest.mark.parametrize("kind", [Dropout, GaussianNoise])
def test_noise_of_a_strength_for_each(kind, numbers):
    ones = np.ones((K, 200, 100), np.float32)
    stack = Network.stacked([Network([kind(number)], 100) for number in numbers])
    workspace = stack.workspace(200, rng=generators())
    A = stack.forward(ones, workspace)
    for k, number in enumerate(numbers):
        network = Network([kind(number)], 100)
        workspace = network.workspace(200, rng=generators()[k])
        assert_array_equal(A[k], network.forward(ones[k], workspace))


def test_members_share_the_memory():
    them = networks([Dense(4), BatchNorm()])
    stack = Network.stacked(them)
    stack.views[0]["weights"][1] = 7
    stack.statistics[2] = 5
    for networks_of in (them, stack.members()):
        assert (networks_of[1].views[0]["weights"] == 7).all()
        assert (networks_of[2].statistics == 5).all()
    assert not them[0].is_like(Network([Dense(4), BatchNorm(0.5)], N, np.float64))
    assert not them[0].is_like(Network([Dense(4), BatchNorm()], N, np.float32))
    assert not them[0].is_like(Network([Dense(5), BatchNorm()], N, np.float64))
    for kind in (Dropout, GaussianNoise):
        assert Network([kind(0.2)], N).is_like(Network([kind(0.3)], N))
    assert not Network([Dropout(0.2)], N).is_like(Network([GaussianNoise(0.2)], N))


def test_summary_copy_and_folding():
    stack = Network.stacked(networks([Dense(4), BatchNorm(), Dropout(0.5), Dense(2)]))
    assert "38 parameters, float64, in each of 3 networks" in stack.summary()
    X = np.random.default_rng(0).standard_normal((M, N))
    assert_array_equal(stack.copy().predict(X), stack.predict(X))
    assert len(stack.folded().layers) == 2
    assert_allclose(stack.folded().predict(X), stack.predict(X))
    many = np.resize(X, (5000, N))
    assert_allclose(stack.predict(many)[:, :M], stack.predict(X))
