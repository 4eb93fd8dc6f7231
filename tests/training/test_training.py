"""The training loop, without an estimator."""

import numpy as np
import pytest
import scipy.sparse
from numpy.testing import assert_allclose, assert_array_equal

from skdnn.nn import (
    SGD,
    Adaptive,
    CategoricalCrossEntropy,
    Constant,
    Dense,
    Network,
    ReLU,
    Softmax,
)
from skdnn.training import GradientDescent, MiniBatch


def problem(n_samples=50, dtype=np.float64):
    rng = np.random.default_rng(0)
    X = rng.normal(size=(n_samples, 4)).astype(dtype)
    return X, X[:, :3].argmax(axis=1)


def trainer(schedule=None, **options):
    network = Network([Dense(6), ReLU(), Dense(3), Softmax()], 4, np.float64)
    network.initialize(np.random.RandomState(0))
    settings = {
        "learning_rate": 0.1,
        "max_epochs": 10,
        "batch_size": 20,
        "rng": np.random.RandomState(0),
    }
    return GradientDescent(
        network,
        CategoricalCrossEntropy(),
        SGD(0),
        schedule or Constant(),
        **{**settings, **options},
    )


def naive_epoch(network, X, y, order, size, rate, weights=None, alpha=0.0):
    """Gradient descent, each mini-batch written out; returns the mean loss."""
    (W1, b1), (W2, b2) = ((v["weights"], v["bias"]) for v in network.views[::2])
    losses = []
    for start in range(0, len(order), size):
        rows = order[start : start + size]
        r = np.ones(len(rows)) if weights is None else weights[rows]
        total, r = r.sum(), r / r.sum()
        A = np.maximum(X[rows] @ W1 + b1, 0)
        P = np.exp(A @ W2 + b2)
        P /= P.sum(axis=1, keepdims=True)
        squares = (W1**2).sum() + (W2**2).sum()
        loss = -r @ np.log(P[np.arange(len(rows)), y[rows]])
        losses.append((loss + alpha / 2 / total * squares) * len(rows))
        dZ2 = r[:, None] * (P - np.eye(3)[y[rows]])
        dZ1 = (dZ2 @ W2.T) * (A > 0)
        steps = [
            X[rows].T @ dZ1 + alpha / total * W1,
            dZ1.sum(axis=0),
            A.T @ dZ2 + alpha / total * W2,
            dZ2.sum(axis=0),
        ]
        for parameter, step in zip((W1, b1, W2, b2), steps, strict=True):
            parameter -= rate * step
    return sum(losses) / len(order)


@pytest.mark.parametrize("weighted", [False, True])
def test_an_epoch_is_gradient_descent_over_all_rows(weighted):
    X, y = problem()
    weights = np.random.default_rng(1).uniform(0.5, 2, 50) if weighted else None
    ours = trainer(alpha=0.3)
    ours.load(X, y, weights)
    truth = ours.network.copy()
    order, shuffles = np.arange(50), np.random.RandomState(0)
    for _ in range(3):
        shuffles.shuffle(order)
        expected = naive_epoch(truth, X, y, order, 20, 0.1, weights, alpha=0.3)
        assert_allclose(ours.epoch()["loss"], expected)
    assert_allclose(ours.network.parameters, truth.parameters)
    assert ours.samples_seen == 150


def test_only_the_chosen_rows_are_used():
    X, y = problem()
    rows = np.arange(0, 50, 2)
    ours = trainer(shuffle=False)
    ours.load(X, y, rows=rows)
    truth = ours.network.copy()
    assert_allclose(ours.epoch()["loss"], naive_epoch(truth, X, y, rows, 20, 0.1))
    assert_allclose(ours.network.parameters, truth.parameters)
    assert_array_equal(rows, np.arange(0, 50, 2))


def test_a_batch_without_weight_changes_nothing():
    X, y = problem(20)
    ours = trainer()
    ours.load(X, y, np.zeros(20))
    before = ours.network.parameters.copy()
    ours.epoch()
    assert_array_equal(ours.network.parameters, before)


@pytest.mark.parametrize(
    "kind", ["float32", "uint8", "fortran", "sparse", "strided", "unaligned"]
)
def test_mini_batches_of_any_kind_of_array(kind):
    X = np.random.default_rng(0).integers(0, 9, (30, 4)).astype(float)
    given = {
        "float32": X.astype(np.float32),
        "uint8": X.astype(np.uint8),
        "fortran": np.asfortranarray(X),
        "sparse": scipy.sparse.csr_array(X.astype(np.float32)),
        "strided": np.repeat(np.repeat(X, 2, axis=0), 3, axis=1)[::2, ::3],
        "unaligned": np.frombuffer(b"-" + X.tobytes(), float, offset=1).reshape(30, 4),
    }[kind]
    network = Network([Dense(3), Softmax()], 4, np.float64)
    batch = MiniBatch(network, 5, given, CategoricalCrossEntropy())
    index = np.array([3, 29, 0, 7, 7])
    for chosen in (index, slice(4, 9)):
        rows = batch.gather(given, chosen)
        rows = rows.toarray() if kind == "sparse" else rows
        assert rows.dtype == np.float64
        assert_array_equal(rows, X[chosen])


def stop(**options):
    return {"tol": 1e-4, "n_iter_no_change": 2, **options}


def test_hooks_run_around_each_epoch_and_can_stop():
    X, y = problem()
    ours = trainer()
    ours.load(X, y)
    calls = []
    converged = ours.fit(
        **stop(),
        on_epoch_begin=lambda: calls.append("begin"),
        on_epoch_end=lambda row: calls.append(row["epoch"]) or row["epoch"] == 3,
    )
    assert converged
    assert calls == ["begin", 1, "begin", 2, "begin", 3]


def test_ctrl_c_keeps_what_was_learned():
    X, y = problem()
    ours = trainer()
    ours.load(X, y)

    def interrupt(row):
        if row["epoch"] == 4:
            raise KeyboardInterrupt

    with pytest.warns(UserWarning, match="Training interrupted by user"):
        ours.fit(**stop(), on_epoch_end=interrupt)
    assert len(ours.history) == 4
    assert np.isfinite(ours.network.parameters).all()


def test_early_stopping_goes_back_to_the_best_epoch_also_after_an_error():
    X, y = problem()
    ours = trainer()
    ours.load(X, y)
    seen = []

    def validate():
        seen.append(ours.network.parameters.copy())
        return 0.0, [0.1, 0.9, 0.5, 0.4, 0.3, 0.2][len(seen) - 1], None

    assert ours.fit(**stop(), validate=validate, early_stopping=True)
    assert len(seen) == 5
    assert_array_equal(ours.network.parameters, seen[1])
    assert ours.best_score == 0.9


def test_adaptive_ends_when_the_rate_is_too_small():
    X, y = problem()
    ours = trainer(Adaptive(divisor=10, smallest_rate=1e-3), max_epochs=100)
    ours.load(X, y)
    assert ours.fit(tol=10, n_iter_no_change=1)
    assert_allclose(
        [row["learning_rate"] for row in ours.history],
        0.1 * 0.1 ** np.array([0, 0, 0, 1, 1, 2, 2]),
    )
