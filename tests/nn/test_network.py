"""The network: flat vectors, buffers, and 1/m in one place."""

import pickle
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
import scipy.sparse
from numpy.testing import assert_allclose, assert_array_equal

from skdnn.nn import (
    BatchNorm,
    CategoricalCrossEntropy,
    Dense,
    Dropout,
    Identity,
    LeakyReLU,
    Logistic,
    Network,
    ReLU,
    Softmax,
    Tanh,
)

LAYERS = [Dense(8), BatchNorm(), ReLU(), Dense(6), Tanh(), Dense(3), Softmax()]


def make(layers=LAYERS, n_features=5, dtype=np.float64, seed=0):
    return Network(layers, n_features, dtype).initialize(np.random.RandomState(seed))


def batch(m=12, n_features=5, n_classes=3, seed=0):
    rng = np.random.default_rng(seed)
    Y = np.eye(n_classes)[rng.integers(0, n_classes, m)]
    return rng.normal(size=(m, n_features)), Y


def gradient_of(network, X, Y):
    loss = network.backpropagate(
        X, Y, CategoricalCrossEntropy(), network.workspace(len(X))
    )
    return loss, network.gradients.copy()


@pytest.mark.parametrize("copies", [2, 7])
@pytest.mark.parametrize(
    "layers", [LAYERS, [Dense(8), ReLU(), Dense(3), Softmax()]], ids=["bn", "plain"]
)
def test_loss_and_gradient_do_not_depend_on_the_batch_size(layers, copies):
    # Dividing by m anywhere but in the loss would shrink the gradient of m samples
    # that are each there several times.
    X, Y = batch()
    loss, gradient = gradient_of(make(layers), X, Y)
    tiled = np.tile(X, (copies, 1)), np.tile(Y, (copies, 1))
    many_loss, many_gradient = gradient_of(make(layers), *tiled)
    assert_allclose(many_loss, loss)
    assert_allclose(many_gradient, gradient, atol=1e-15)
    assert np.abs(gradient).max() > 0.01


def test_gradient_is_the_mean_of_the_samples_gradients():
    layers = [Dense(8), ReLU(), Dense(3), Softmax()]
    X, Y = batch()
    each = [gradient_of(make(layers), x[None], y[None])[1] for x, y in zip(X, Y)]  # noqa: B905
    assert_allclose(gradient_of(make(layers), X, Y)[1], np.mean(each, axis=0))


def test_parameters_are_views_of_one_vector_weights_first():
    network = make()
    sizes = [5 * 8, 8 * 6, 6 * 3]
    assert network.n_weights == sum(sizes)
    assert network.parameters.size == sum(sizes) + 8 + 8 + 8 + 6 + 3
    for prefix, vector in (("", network.parameters), ("d_", network.gradients)):
        vector[:] = np.arange(vector.size)
        weights = [view[prefix + "weights"] for view in network.views if "bias" in view]
        assert_array_equal(np.concatenate([w.ravel() for w in weights]), vector[:106])
        assert all(np.shares_memory(w, vector) for w in weights)
    assert network.names == (
        "Dense_1", "BatchNorm_1", "ReLU_1", "Dense_2", "Tanh_1", "Dense_3", "Softmax_1"
    )  # fmt: skip
    assert network.parameter_layers == ("Dense_1", "BatchNorm_1", "Dense_2", "Dense_3")


@pytest.mark.parametrize(
    "hidden",
    [
        [Identity(), ReLU(), Identity(), Dropout(0.0), Tanh()],
        [Tanh(), Dropout(0.0), Identity(), LeakyReLU(0.1), BatchNorm()],
        [BatchNorm(), Logistic(), BatchNorm(), Dropout(0.0)],
        [Dense(7), Dense(4), ReLU(), Dense(9)],
    ],
    ids=str,
)
def test_buffers_may_be_shared_but_never_too_early(hidden):
    # The truth: each layer alone, with a workspace of its own.
    layers = [*hidden, Dense(3), Softmax()]
    X, Y = batch()
    network = make(layers)
    loss, gradient = gradient_of(network, X, Y)

    singles, A = [], X
    for layer, view in zip(network.layers, network.views, strict=True):
        single = Network([layer], A.shape[1], np.float64).initialize(
            np.random.RandomState(0)
        )
        for name in {"weights", "bias"} & set(view):
            single.views[0][name][:] = view[name]
        workspace = single.workspace(
            len(X), input_gradient=True, rng=np.random.default_rng(0)
        )
        A = single.forward(A, workspace).copy()
        singles.append((single, workspace))
    assert_allclose(loss, -np.log((A * Y).sum(axis=1)).mean())
    dA = -Y / A / len(X)
    for (single, workspace), view in zip(
        singles[::-1], network.views[::-1], strict=True
    ):
        dA = single.backward(dA, workspace).copy()
        for name in view:
            if name.startswith("d_"):
                assert_allclose(view[name], single.views[0][name], atol=1e-14)
    assert np.abs(gradient).sum() > 0


def test_a_smaller_workspace_shares_memory_and_gives_the_same():
    X, Y = batch(m=20)
    network = make()
    full = network.workspace(20)
    last = network.workspace(7, like=full)
    loss = CategoricalCrossEntropy()
    network.backpropagate(X, Y, loss, full)
    value = network.backpropagate(X[:7], Y[:7], loss, last)
    expected_loss, expected = gradient_of(make(), X[:7], Y[:7])
    assert value == expected_loss
    assert_array_equal(network.gradients, expected)
    assert np.shares_memory(last.slots[0].output, full.slots[0].output)


@pytest.mark.parametrize("n_samples", [0, 1, 5, 4096, 4097, 9000])
def test_predict_takes_any_number_of_rows(n_samples):
    network = make(dtype=np.float64)
    X = np.random.default_rng(0).normal(size=(n_samples, 5))
    P = network.predict(X)
    assert P.shape == (n_samples, 3)
    one_by_one = [network.predict(x[None])[0] for x in X[-3:]]
    assert_allclose(P[-3:], np.reshape(one_by_one, (-1, 3)))
    assert_allclose(P.sum(axis=1), 1)
    logits = network.predict(X, stop=-1)
    assert_allclose(np.exp(logits) / np.exp(logits).sum(axis=1)[:, None], P)


@pytest.mark.parametrize(
    "layers",
    [
        LAYERS,
        [Dense(8), BatchNorm(), BatchNorm(), Dropout(0.5), Identity(), Dense(3)],
        [BatchNorm(), Dense(8), ReLU(), BatchNorm(), Dense(3), BatchNorm(), Softmax()],
    ],
    ids=str,
)
def test_folded_predicts_the_same(layers):
    network = make(layers)
    rng = np.random.default_rng(0)
    network.parameters[:] = rng.normal(size=network.parameters.size)
    network.statistics[:] = rng.uniform(0.5, 2, size=network.statistics.size)
    X = rng.normal(size=(3000, 5))
    folded = network.folded()
    assert len(folded.layers) < len(layers)
    assert not {type(layer) for layer in folded.layers} & {Dropout, Identity}
    unfolded = np.concatenate(
        [network.predict(X[i : i + 500]) for i in range(0, 3000, 500)]
    )
    assert_allclose(folded.predict(X[:500]), unfolded[:500], rtol=1e-9)
    assert_allclose(network.predict(X), unfolded, rtol=1e-9)  # folds by itself
    logits = network.predict(X, stop=-1)
    assert_allclose(network.predict(X[:9], stop=-1), logits[:9], rtol=1e-9)


def test_sparse_input_gives_what_dense_input_gives():
    X, Y = batch()
    X[X < 0.5] = 0
    sparse = scipy.sparse.csr_array(X)
    network = make()
    assert_allclose(network.predict(sparse), network.predict(X))
    workspace = network.workspace(12)
    value = network.backpropagate(sparse, Y, CategoricalCrossEntropy(), workspace)
    expected_value, expected = gradient_of(make(), X, Y)
    assert_allclose(value, expected_value)
    assert_allclose(network.gradients, expected, atol=1e-15)


def test_threads_can_share_a_network():
    network = make()
    inputs = [np.random.default_rng(i).normal(size=(2000, 5)) for i in range(8)]
    expected = [network.predict(X) for X in inputs]
    with ThreadPoolExecutor(8) as pool:
        for P, Q in zip(expected, pool.map(network.predict, inputs), strict=True):
            assert_array_equal(P, Q)


def test_a_copy_and_a_pickle_are_independent_and_small():
    network = make([Dense(200), BatchNorm(), ReLU(), Dense(3), Softmax()], 100)
    X = np.random.default_rng(0).normal(size=(9, 100))
    expected = network.predict(X)
    data = pickle.dumps(network)
    assert len(data) < network.parameters.nbytes + network.statistics.nbytes + 2000
    for twin in (network.copy(), pickle.loads(data)):
        assert_array_equal(twin.predict(X), expected)
        twin.parameters[:] = 0
        twin.statistics[:] = 0
        assert twin.views[0]["weights"].max() == 0
    assert_array_equal(network.predict(X), expected)


@pytest.mark.parametrize("strength", [0.0, 0.3])
def test_penalize(strength):
    # wide enough for several blocks
    network = make([Dense(300), BatchNorm(), ReLU(), Dense(3), Softmax()], 200)
    rng = np.random.default_rng(0)
    network.gradients[:] = before = rng.normal(size=network.gradients.size)
    weights = [view["weights"] for view in network.views if "weights" in view]
    penalty, squared_norms = network.penalize(strength)
    assert_allclose(penalty, strength / 2 * sum((w**2).sum() for w in weights))
    extra = np.zeros_like(before)
    extra[: network.n_weights] = strength * network.parameters[: network.n_weights]
    assert_allclose(network.gradients, before + extra)
    for view, squared_norm in zip(
        [view for view in network.views if view], squared_norms, strict=True
    ):
        parts = [view[name] for name in view if name.startswith("d_")]
        assert_allclose(squared_norm, sum((part**2).sum() for part in parts))


def test_summary_counts_what_is_there():
    summary = make().summary()
    assert "Dense(8)" in summary
    assert "(m, 8)" in summary
    counts = [int(line.split()[-1]) for line in summary.splitlines()[2:-2]]
    assert counts == [0, 48, 16, 0, 54, 0, 21, 0]
    assert summary.splitlines()[-1] == "139 parameters, float64"


@pytest.mark.parametrize(
    ("layers", "error", "message"),
    [
        ([Dense(3), ReLU], TypeError, r"Layer 1 is the class ReLU.*ReLU\(\.\.\.\)"),
        ([Dense(3), "relu"], TypeError, "Layer 1 must be a layer .* got 'relu'"),
        ([50], TypeError, "Layer 0 must be a layer .* got 50"),
        ([Dense(3), Softmax(), Dense(3)], ValueError, "Softmax.. is layer 1 of 3"),
    ],
)
def test_a_stack_that_makes_no_sense(layers, error, message):
    with pytest.raises(error, match=message):
        Network(layers, 4)
