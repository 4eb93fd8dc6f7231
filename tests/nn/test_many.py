"""Several networks at once learn what each of them learns alone."""

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from scipy.sparse import random_array

from nn_examples import (
    CLASSIFICATION,
    LAYERS,
    OPTIMIZERS,
    REGRESSION,
    N,
    network_of,
    problem_of,
)
from skdnn.nn import (
    BatchNorm,
    BinaryCrossEntropy,
    CategoricalCrossEntropy,
    Dense,
    Dropout,
    GaussianNoise,
    Network,
    PReLU,
    Scale,
    Softmax,
    Tanh,
)
from skdnn.nn.optimizers import clip_by_global_norm

K, M = 3, 6
# And one with a layer that is not the one that it is made for.
LOSSES = [(loss, None) for loss in CLASSIFICATION + REGRESSION]
LOSSES.append((BinaryCrossEntropy(), [Dense(4), Softmax()]))


def networks(layers, dtype=np.float64):
    return [network_of(layers, dtype, seed=k) for k in range(K)]


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


@pytest.mark.parametrize(("loss", "layers"), LOSSES, ids=str)
def test_losses(loss, layers):
    rng = np.random.default_rng(0)
    X = rng.standard_normal((K, M, N))
    its_layers, targets = problem_of(loss, rng, (K, M))
    layers = layers or its_layers
    scores = loss.row_scorer(targets)
    stack = Network.stacked(networks(layers))
    workspace = stack.workspace(M)
    Y = loss.encode(targets, np.empty((K, M, loss.target_width(stack.widths[-1]))))
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
    # More parameters than fit a block, clipped, penalized, each at its own rate.
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

    stack, optimizer = Network.stacked(networks(layers, dtype)), make()
    penalties, norms = train(stack, optimizer, np.s_[:], rates, alphas)
    for k, network in enumerate(networks(layers, dtype)):
        its_optimizer = make()
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


@pytest.mark.parametrize("kind", [Dropout(0.3), GaussianNoise(0.3)])
def test_each_has_its_own_noise(kind):
    ones = np.ones((K, 200, 100), np.float32)
    network = Network([kind], 100)
    stack = Network.stacked([network.copy() for _ in range(K)])
    A = stack.forward(ones, stack.workspace(200, rng=generators()))
    for k in range(K):
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


def test_summary_copy_and_folding():
    stack = Network.stacked(networks([Dense(4), BatchNorm(), Dropout(0.5), Dense(2)]))
    assert "38 parameters, float64, in each of 3 networks" in stack.summary()
    X = np.random.default_rng(0).standard_normal((M, N))
    assert_array_equal(stack.copy().predict(X), stack.predict(X))
    assert len(stack.folded().layers) == 2
    assert_allclose(stack.folded().predict(X), stack.predict(X))
    many = np.resize(X, (5000, N))
    assert_allclose(stack.predict(many)[:, :M], stack.predict(X))


# ------------------------------------------------------- one network, with the axis


def test_a_stack_of_one_has_its_memory():
    network = network_of([Dense(4), BatchNorm()])
    stack = Network.stacked([network])
    assert stack.axes == (1,)
    for name in ("parameters", "gradients", "statistics"):
        assert getattr(stack, name).base is getattr(network, name)
    stack.views[0]["weights"][0] = 7
    (member,) = stack.members()
    for alone in (network, member):
        assert not alone.axes
        assert (alone.views[0]["weights"] == 7).all()


def test_each_output_has_the_axis():
    X = np.random.default_rng(0).standard_normal((M, N))
    them = networks([Dense(4), BatchNorm(), Dense(2)])
    for these in (them, them[:1]):
        each = Network.stacked(these).predict_each(X, stop=-1)
        alone = [network.predict(X, stop=-1) for network in these]
        assert_allclose(each, alone)
        assert each.shape == (len(these), M, 4)
    assert_array_equal(them[0].predict_each(X), [them[0].predict(X)])
    assert them[0].predict_each(X[:0]).shape == (1, 0, 2)


@pytest.mark.parametrize("dtype", [np.float64, np.float32])
@pytest.mark.parametrize("layer", LAYERS, ids=repr)
def test_the_bits_of_layers_of_one(layer, dtype):
    rng = np.random.default_rng(0)
    ends = [] if layer == Softmax() else [Tanh(), Dense(3), Tanh()]
    layers = [Dense(4), layer, *ends]
    X = rng.standard_normal((37, N)).astype(dtype)
    weights = rng.dirichlet(np.ones(37)).astype(dtype)
    alone = network_of(layers, dtype)
    one = Network.stacked([network_of(layers, dtype)])
    outputs, gradients = [], []
    for network, x in ((alone, X), (one, X[np.newaxis])):
        options = {"input_gradient": True, "rng": np.random.default_rng(0)}
        workspace = network.workspace(37, **options)
        workspace.row_weights[...] = weights
        for _ in range(3):
            output = network.forward(x, workspace)
            gradient = network.backward(output + 1, workspace)
        outputs.append(output)
        gradients.append(gradient)
    assert_array_equal(*map(np.squeeze, outputs))
    assert_array_equal(*map(np.squeeze, gradients))
    for name in ("gradients", "statistics"):
        assert_array_equal(getattr(one, name), [getattr(alone, name)])
    assert_array_equal(one.predict(X), [alone.predict(X)])


@pytest.mark.parametrize("dtype", [np.float64, np.float32])
@pytest.mark.parametrize("sparse", [False, True], ids=["dense", "sparse"])
@pytest.mark.parametrize("make", OPTIMIZERS.values(), ids=OPTIMIZERS)
@pytest.mark.parametrize(("loss", "layers"), LOSSES, ids=str)
def test_the_bits_of_training_one(loss, layers, make, sparse, dtype):
    rng = np.random.default_rng(0)
    its_layers, targets = problem_of(loss, rng, (M,))
    layers = [Dense(30), BatchNorm(), Tanh(), *(layers or its_layers)]
    weights = rng.random(M)
    X = rng.standard_normal((M, N)).astype(dtype)
    if sparse:
        X = random_array((M, N), density=0.5, format="csr", dtype=dtype, rng=rng)
    alone = network_of(layers, dtype)
    one = Network.stacked([network_of(layers, dtype)])
    learned = []
    for network, x, y, axis in (
        (alone, X, targets, ()),
        (one, (X,) if sparse else X[np.newaxis], targets[np.newaxis], (1,)),
    ):
        shape = *axis, M, loss.target_width(network.widths[-1])
        Y = loss.encode(y, np.empty(shape, dtype))
        workspace, optimizer = network.workspace(M), make()
        workspace.row_weights[...] = weights / weights.sum()
        optimizer.start(network.parameters, network.gradients, network.n_weights)
        for _ in range(5):
            value = network.backpropagate(x, Y, loss, workspace)
            penalty, norms = network.penalize(0.1)
            norm = np.sqrt(sum(norms))
            clip_by_global_norm(network.gradients, norm, 0.5)
            optimizer.step(0.01)
        Z = network.predict(X, -1)
        score = loss.row_scorer(y, np.reshape(weights, (*axis, M)))(Z, y)
        state = optimizer.state.values()
        learned.append([value, penalty, norm, Z, score, *network.state(), *state])
    for with_axis, without in zip(*reversed(learned), strict=True):
        assert_array_equal(with_axis, np.asarray(without)[np.newaxis])


@pytest.mark.parametrize("layer", [*LAYERS[:2], Scale(), BatchNorm()], ids=repr)
def test_the_bits_of_sparse_rows_of_one(layer):
    X = random_array((M, N), density=0.5, format="csr", rng=np.random.default_rng(0))
    alone = network_of([layer, Dense(3)])
    one = Network.stacked([network_of([layer, Dense(3)])])
    for network, x in ((alone, X), (one, (X,))):
        workspace = network.workspace(M)
        network.backward(network.forward(x, workspace) + 1, workspace)
    assert_array_equal(one.gradients, [alone.gradients])
    assert_array_equal(one.predict(X), [alone.predict(X)])
