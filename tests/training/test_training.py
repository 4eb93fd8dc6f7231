"""The training loop, without an estimator."""

from copy import deepcopy
from dataclasses import fields

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
from skdnn.training import (
    Data,
    GradientDescent,
    Listener,
    Rules,
    Stack,
    train,
)
from skdnn.training.fingerprint import fingerprint_of
from skdnn.training.loop import begin_or_resume, run_epoch, take_steps
from skdnn.training.mini_batch import MiniBatch
from skdnn.training.state import kept_fields, restore, state_of


def problem(n_samples=50, dtype=np.float64):
    rng = np.random.default_rng(0)
    X = rng.normal(size=(n_samples, 4)).astype(dtype)
    return X, X[:, :3].argmax(axis=1)


def job(schedule=None, rows=None, validate=None, rules=None, **options):
    network = Network([Dense(6), ReLU(), Dense(3), Softmax()], 4, np.float64)
    network.initialize(np.random.RandomState(0))
    settings = {
        "learning_rate": 0.1,
        "batch_size": 20,
        "rng": np.random.RandomState(0),
    }
    return GradientDescent(
        network,
        CategoricalCrossEntropy(),
        Rules(**{"max_epochs": 10, "n_iter_no_change": 2, **(rules or {})}),
        SGD(0),
        schedule or Constant(),
        rows=rows,
        validate=validate,
        **{**settings, **options},
    )


def run(job, X, y, weights=None, n_epochs=1):
    """Train for some epochs, without rules; return the rows of the last."""
    data = Data(X, y, weights)
    job.begin(data)
    stack = Stack([job], data)
    for _ in range(n_epochs):
        yield take_steps(stack)[0]


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
    ours = job(alpha=0.3)
    truth = ours.network.copy()
    order, shuffles = np.arange(50), np.random.RandomState(0)
    for row in run(ours, X, y, weights, n_epochs=3):
        shuffles.shuffle(order)
        expected = naive_epoch(truth, X, y, order, 20, 0.1, weights, alpha=0.3)
        assert_allclose(row["loss"], expected)
    assert_allclose(ours.network.parameters, truth.parameters)
    assert ours.samples_seen == 150


def test_several_networks_learn_what_each_learns_alone():
    X, y = problem()
    together = [job(rng=np.random.RandomState(k), alpha=0.1) for k in range(3)]
    alone = [job(rng=np.random.RandomState(k), alpha=0.1) for k in range(3)]
    data = Data(X, y, None)
    for its in together:
        its.begin(data)
    stack = Stack(together, data)
    for _ in range(3):
        take_steps(stack)
    for a, b in zip(together, alone, strict=True):
        rows = list(run(b, X, y, n_epochs=3))
        assert_allclose([row["loss"] for row in a.history], [r["loss"] for r in rows])
        assert_allclose(a.network.parameters, b.network.parameters)


def test_only_the_chosen_rows_are_used():
    X, y = problem()
    rows = np.arange(0, 50, 2)
    ours = job(shuffle=False, rows=rows)
    truth = ours.network.copy()
    (row,) = run(ours, X, y)
    assert_allclose(row["loss"], naive_epoch(truth, X, y, rows, 20, 0.1))
    assert_allclose(ours.network.parameters, truth.parameters)
    assert_array_equal(rows, np.arange(0, 50, 2))


def test_a_batch_without_weight_changes_nothing():
    X, y = problem(20)
    ours = job()
    before = ours.network.parameters.copy()
    list(run(ours, X, y, np.zeros(20)))
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
    networks = [Network([Dense(3), Softmax()], 4, np.float64) for _ in range(2)]
    loss = CategoricalCrossEntropy()
    batch = MiniBatch(Network.stacked(networks), 5, given, loss)
    index = np.array([[3, 29, 0, 7, 7], [1, 2, 3, 4, 5]])
    for chosen in (index, slice(4, 9)):
        rows = batch.gather(given, chosen)
        rows = np.stack([x.toarray() for x in rows]) if kind == "sparse" else rows
        assert rows.dtype == np.float64
        assert_array_equal(rows, X[chosen] + np.zeros((2, 1, 1)))


class Calls(Listener):
    """Notes what it hears, and stops training after an epoch."""

    def __init__(self, last=None, error=None):
        self.heard, self.last, self.error = [], last, error

    def on_epoch_begin(self):
        self.heard.append("begin")

    def on_epoch_end(self, rows):
        self.heard += [row["epoch"] for row in rows]
        if self.error and rows and rows[0]["epoch"] == self.last:
            raise self.error
        return bool(rows) and rows[0]["epoch"] == self.last


def test_who_listens_hears_of_each_epoch_and_can_stop():
    X, y = problem()
    calls = Calls(last=3)
    _, converged = train([job()], Data(X, y, None), listener=calls)
    assert converged
    assert calls.heard == ["begin", 1, "begin", 2, "begin", 3]


def test_ctrl_c_keeps_what_was_learned():
    X, y = problem()
    ours, calls = job(), Calls(last=4, error=KeyboardInterrupt)
    with pytest.warns(UserWarning, match="Training interrupted by user"):
        train([ours], Data(X, y, None), listener=calls)
    assert len(ours.history) == 4
    assert ours.was_interrupted
    assert np.isfinite(ours.network.parameters).all()


def test_early_stopping_goes_back_to_the_best_epoch():
    X, y = problem()
    seen = []

    def validate(job):
        seen.append(job.network.parameters.copy())
        return 0.0, [0.1, 0.9, 0.5, 0.4, 0.3, 0.2][len(seen) - 1], None

    rules = {"early_stopping": True, "keeps_best": True}
    ours = job(validate=validate, rules=rules)
    assert train([ours], Data(X, y, None))[1]
    assert len(seen) == 5
    assert_array_equal(ours.network.parameters, seen[1])
    assert ours.best_score == 0.9


def test_adaptive_ends_when_the_rate_is_too_small():
    X, y = problem()
    rules = {"max_epochs": 100, "tol": 10, "n_iter_no_change": 1}
    ours = job(Adaptive(divisor=10, smallest_rate=1e-3), rules=rules)
    assert train([ours], Data(X, y, None))[1]
    assert_allclose(
        [row["learning_rate"] for row in ours.history],
        0.1 * 0.1 ** np.array([0, 0, 0, 1, 1, 2, 2]),
    )


def test_all_that_training_changes_is_declared():
    """So that a checkpoint can forget nothing."""

    def validate(job):
        return 0.0, float(job.n_epochs), None

    def augment(X, rng):
        X += 0.01 * rng.standard_normal(X.shape)

    X, y = problem()
    data = Data(X, y, None)
    ours = job(
        ema_decay=0.9,
        augmentation=augment,
        validate=validate,
        rules={"keeps_best": True},
    )
    begin_or_resume(ours, data)
    stack = Stack([ours], data)
    before = {its.name: deepcopy(getattr(ours, its.name)) for its in fields(ours)}
    run_epoch(stack)
    changed = {
        name
        for name, value in before.items()
        if fingerprint_of(value) != fingerprint_of(getattr(ours, name))
    }
    kept = {its.name for its in kept_fields(ours)}
    assert {"network", "optimizer", "rng", "noise_rng", "averaged"} <= changed
    # The order is kept as `shuffled`, if it changes; what is good, as the best epoch.
    assert changed - kept == {"order", "good"}


def test_a_job_goes_back_to_a_state():
    X, y = problem()
    ours = job(ema_decay=0.9)
    rows = run(ours, X, y, n_epochs=3)
    next(rows)
    state, before = state_of(ours), ours.network.parameters.copy()
    after_two = next(rows)
    assert not np.array_equal(ours.network.parameters, before)
    restore(ours, state)
    assert_array_equal(ours.network.parameters, before)
    assert len(ours.history) == ours.n_epochs == 1
    again = next(rows)
    assert again["loss"] == after_two["loss"]
