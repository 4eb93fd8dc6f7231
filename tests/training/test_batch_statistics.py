"""Batch normalization: what predicts was trained."""

import numpy as np
import pytest
import scipy.sparse
from numpy.testing import assert_allclose, assert_array_equal
from sklearn import metrics
from sklearn.datasets import load_iris

from helpers import Callback, quick
from skdnn import MLPClassifierDIY


def loss_in_training_mode(clf, X, y, batch_size):
    """Return the mean log loss over mini-batches at the weights that predict."""
    network = clf.network_.copy()
    losses, sizes = [], []
    for start in range(0, len(y), batch_size):
        rows = slice(start, start + batch_size)
        workspace = network.workspace(len(y[rows]))
        P = network.forward(X[rows].astype(network.dtype), workspace)
        P = P if P.shape[1] > 1 else np.hstack([1 - P, P])
        losses.append(metrics.log_loss(y[rows], P, labels=clf.classes_))
        sizes.append(len(y[rows]))
    return np.average(losses, weights=sizes)


def normalized(**options):
    settings = {"batch_norm": True, "learning_rate_init": 0.01, "max_iter": 10}
    return MLPClassifierDIY((50,), **{**settings, "random_state": 0, **options})


def assert_predicts_what_was_trained(clf, X, y, batch_size=200):
    loss = metrics.log_loss(y, clf.predict_proba(X))
    assert_allclose(loss, loss_in_training_mode(clf, X, y, batch_size), rtol=0.05)


@pytest.mark.parametrize(
    "options",
    [
        {},
        {"ema_decay": 0.99},
        {"early_stopping": True},
        {"solver": "lbfgs"},
        {"learning_rate_init": 0.1, "max_iter": 3},
    ],
    ids=str,
)
def test_few_steps_with_batch_norm(options):
    X, y = load_iris(return_X_y=True)
    clf = normalized(**options).fit(X, y)
    assert_predicts_what_was_trained(clf, X, y)


def test_equal_rows_with_batch_norm():
    X, y = np.ones((50, 3)), np.arange(50) % 2
    clf = normalized().fit(X, y)
    assert_allclose(clf.predict_proba(X), 0.5, atol=0.005)
    assert_predicts_what_was_trained(clf, X, y)


@pytest.mark.parametrize(
    "kind", [np.asarray, scipy.sparse.csr_array, scipy.sparse.csc_matrix, "memmap"]
)
def test_statistics_are_plain_averages_over_the_training_data(digits, kind, tmp_path):
    X, y = digits
    if kind == "memmap":
        data = np.memmap(tmp_path / "X", np.float32, mode="w+", shape=X.shape)
        data[:] = X
    else:
        data = kind(X)
    clf = normalized(max_iter=2, batch_size=100, shuffle=False).fit(data, y)
    dense, norm = clf.network_.views[:2]
    Z = X @ dense["weights"] + dense["bias"]
    variances = np.array([Z[i : i + 100].var(axis=0) for i in range(0, 1797, 100)])
    shares = np.r_[np.full(17, 100), 97] / 1797
    assert_allclose(norm["running_mean"], Z.mean(axis=0), rtol=1e-4, atol=1e-5)
    assert_allclose(norm["running_var"], shares @ variances, rtol=1e-4)


def test_averages_that_overflow_leave_the_running_statistics(iris):
    X, y = iris
    settings = {"solver": "sgd", "learning_rate_init": 1e5, "max_iter": 2}
    clf = normalized(**settings).fit(X * 1e12, y)
    assert np.isfinite(clf.network_.statistics).all()
    assert np.isfinite(clf.predict_proba(X)).all()


def test_samples_of_weight_0_do_not_count_in_the_statistics(digits):
    X, y = digits
    weights = (np.arange(len(y)) < 1000).astype(float)
    options = {"max_iter": 2, "batch_size": 100, "shuffle": False}
    some = normalized(**options).fit(X[:1000], y[:1000])
    weighted = normalized(**options).fit(X, y, sample_weight=weights)
    assert_array_equal(weighted.network_.statistics, some.network_.statistics)


def test_averaging_leaves_training_alone(digits):
    """A fit that goes on is the same, whether its state was looked at or not."""
    X, y = digits

    class Look(Callback):
        def on_fit_task_end(self, estimator, context, *, fitted_estimator): ...

    plain = normalized(dropout=0.3, max_iter=3).fit(X, y)
    seen = normalized(dropout=0.3, max_iter=3).set_callbacks(Look()).fit(X, y)
    assert_array_equal(seen.network_.parameters, plain.network_.parameters)
    assert_array_equal(seen.network_.statistics, plain.network_.statistics)


def test_ctrl_c_while_statistics_are_averaged(digits, monkeypatch):
    from skdnn.nn import Network

    X, y = digits
    forward = Network.forward

    def interrupt(self, X, workspace, stop=None):
        if workspace.training and stop is None:  # training goes from the logits
            raise KeyboardInterrupt
        return forward(self, X, workspace, stop)

    monkeypatch.setattr(Network, "forward", interrupt)
    with pytest.warns(UserWarning, match="interrupted"):
        clf = normalized().fit(X, y)
    assert clf.n_iter_ == 10
    assert clf.score(X, y) > 0.9


def test_lbfgs_with_batch_norm_keeps_the_statistics_of_all_samples(digits):
    X, y = digits
    clf = quick((20,), solver="lbfgs", batch_norm=True, max_iter=30).fit(X, y)
    A = X.astype(np.float32) @ clf.coefs_[0] + clf.intercepts_[0]
    view = clf.network_.views[1]
    assert_allclose(view["running_mean"], A.mean(axis=0), rtol=1e-3, atol=1e-4)
    assert_allclose(view["running_var"], A.var(axis=0), rtol=1e-3)
    assert clf.score(X, y) > 0.95
