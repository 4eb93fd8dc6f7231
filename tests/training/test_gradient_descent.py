"""Steps and epochs: gradients, rates, clipping, penalties, averages, the history."""

import warnings

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from sklearn.base import clone
from sklearn.exceptions import ConvergenceWarning
from sklearn.metrics import log_loss

from helpers import quick, silent, stopping
from skdnn import MLPClassifierDIY


def test_gradient_norms_are_those_of_the_loss(iris, small):
    # One epoch of one mini-batch: the gradient at the initial weights is the change
    # of the weights under plain gradient descent.
    X, y = iris
    clf = small(solver="sgd", momentum=0, max_iter=1, dtype="float64", alpha=0.5)
    fitted = clone(clf).set_params(learning_rate_init=1.0).fit(X, y)
    start = clone(clf).set_params(learning_rate_init=1e-300).fit(X, y)
    for i, name in enumerate(["Dense_1", "Dense_2"]):
        change = np.concatenate(
            [
                (fitted.coefs_[i] - start.coefs_[i]).ravel(),
                fitted.intercepts_[i] - start.intercepts_[i],
            ]
        )
        norm = fitted.history_[0]["gradient_norm"][name]
        assert_allclose(norm, np.linalg.norm(change))


def rates(small, X, y, **settings):
    clf = small(n_iter_no_change=np.inf, **settings).fit(X, y)
    return [row["learning_rate"] for row in clf.history_]


@pytest.mark.parametrize("solver", ["sgd", "adam", "adamw"])
def test_every_schedule_with_every_solver(iris, solver, small):
    X, y = iris
    fit = {"solver": solver, "max_iter": 10, "learning_rate_init": 0.1}
    assert rates(small, X, y, **fit) == [0.1] * 10
    expected = 0.1 / (np.arange(10) * 150 + 1) ** 0.3
    assert_allclose(
        rates(small, X, y, learning_rate="invscaling", power_t=0.3, **fit),
        expected,
    )
    middle = (np.arange(10) + 0.5) / 10  # one mini-batch an epoch
    expected = 0.1 * np.cos(middle * np.pi / 2) ** 2
    assert_allclose(rates(small, X, y, learning_rate="cosine", **fit), expected)
    expected = 0.1 * np.interp(middle, [0, 0.2, 1], [0, 1, 0])
    assert_allclose(rates(small, X, y, learning_rate="one_cycle", **fit), expected)
    clf = small(learning_rate="adaptive", tol=10, n_iter_no_change=1, **fit).fit(X, y)
    observed = [row["learning_rate"] for row in clf.history_]
    # The first epoch always improves on infinity; then 2 epochs without improvement.
    assert_allclose(observed, 0.1 / 5.0 ** np.array([0, 0, 0, 1, 1, 2, 2, 3, 3, 4]))


@pytest.mark.parametrize("learning_rate", ["one_cycle", "cosine"])
@pytest.mark.parametrize("early_stopping", [False, True])
def test_planned_schedules_run_to_their_end(iris, learning_rate, early_stopping):
    options = {"learning_rate": learning_rate, "tol": 10, "n_iter_no_change": 1}
    clf = stopping(max_iter=15, early_stopping=early_stopping, **options)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        clf.fit(*iris)
    assert clf.n_iter_ == 15
    assert clf.history_[-1]["learning_rate"] < 0.25 * clf.learning_rate_init


def test_max_grad_norm_bounds_each_step(iris, small):
    X, y = iris
    plain = {"solver": "sgd", "momentum": 0, "learning_rate_init": 1.0, "max_iter": 1}
    start = small(**{**plain, "learning_rate_init": 1e-30}).fit(X, y).network_
    free = small(**plain).fit(X, y).network_
    clipped = small(max_grad_norm=0.01, **plain).fit(X, y).network_
    free_step = free.parameters - start.parameters
    step = clipped.parameters - start.parameters
    assert np.linalg.norm(free_step) > 0.1
    assert_allclose(np.linalg.norm(step), 0.01, rtol=1e-3)
    assert_allclose(
        step / np.linalg.norm(step), free_step / np.linalg.norm(free_step), atol=1e-4
    )


def test_stops_when_nothing_improves(iris, small):
    X, y = iris
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        clf = small(tol=10, n_iter_no_change=4, max_iter=50).fit(X, y)
    assert clf.n_iter_ == 6
    with pytest.warns(ConvergenceWarning, match=r"Maximum iterations \(5\) reached"):
        small().fit(X, y)
    with warnings.catch_warnings():  # these schedules are made for max_iter epochs
        warnings.simplefilter("error")
        small(learning_rate="one_cycle").fit(X, y)
        small(learning_rate="cosine").fit(X, y)


def test_batch_size(iris, small):
    X, y = iris
    with pytest.warns(UserWarning, match="It is going to be clipped"):
        clipped = small(batch_size=1000).fit(X, y)
    assert_array_equal(clipped.loss_curve_, small(batch_size=150).fit(X, y).loss_curve_)
    assert small(batch_size=40).fit(X, y).loss_ != clipped.loss_


def test_alpha_penalizes_and_with_adamw_decays(iris):
    X, y = iris

    def size(**settings):
        clf = quick(max_iter=200, learning_rate_init=0.01, **settings).fit(X, y)
        return sum((W**2).sum() for W in clf.coefs_), clf

    assert size(alpha=10.0)[0] < 0.5 * size(alpha=0.0)[0]
    small, decayed = size(solver="adamw", alpha=2.0)
    assert small < 0.5 * size(solver="adamw", alpha=0.0)[0]
    # decoupled decay is no part of the loss
    assert_allclose(
        decayed.history_[-1]["loss"], log_loss(y, decayed.predict_proba(X)), rtol=0.05
    )


def test_history_has_a_row_for_each_epoch(split_digits):
    X, _, y, _ = split_digits
    clf = quick(batch_norm=True, early_stopping=True).fit(X, y)
    assert [row["epoch"] for row in clf.history_] == [1, 2, 3, 4, 5]
    assert clf.loss_curve_ == [row["loss"] for row in clf.history_]
    assert clf.loss_ == clf.loss_curve_[-1]
    assert clf.validation_scores_ == [row["validation_score"] for row in clf.history_]
    for row in clf.history_:
        assert list(row["gradient_norm"]) == ["Dense_1", "BatchNorm_1", "Dense_2"]
        assert all(0 < norm < 10 for norm in row["gradient_norm"].values())
        assert row["learning_rate"] == 0.001
        assert row["seconds"] > 0
        assert 0 < row["validation_loss"] < 5
    assert "validation_loss" not in quick().fit(X, y).history_[0]


def test_moving_average_of_the_weights(split_digits):
    X, X_val, y, y_val = split_digits
    settings = {"max_iter": 3, "shuffle": False, "batch_size": 500, "dtype": "float64"}
    # the truth: the parameters after every step, from one-step partial_fits
    raw = quick(**settings)
    raw.partial_fit(X[:500], y[:500], classes=np.arange(10))
    start = quick(**settings, learning_rate_init=1e-300)
    start.partial_fit(X[:500], y[:500], classes=np.arange(10))
    average = start.network_.parameters.copy()
    chunks = [slice(0, 500), slice(500, 1000), slice(1000, None)] * 3
    for t, rows in enumerate(chunks, start=1):
        if t > 1:
            raw.partial_fit(X[rows], y[rows])
        decay = min(0.6, (1 + t) / (10 + t))
        average = decay * average + (1 - decay) * raw.network_.parameters
    clf = quick(ema_decay=0.6, **settings).fit(X, y, X_val=X_val, y_val=y_val)
    assert_allclose(clf.network_.parameters, average, atol=1e-12)
    assert clf.validation_scores_[-1] == clf.score(X_val, y_val)
    # the average predicts, the raw parameters train on
    twin = quick(ema_decay=0.6, **settings)
    for rows in chunks:
        twin.partial_fit(X[rows], y[rows], classes=np.arange(10))
    assert_allclose(twin.network_.parameters, average, atol=1e-12)


def test_moving_average_with_batch_norm_and_early_stopping(split_digits):
    X, X_val, y, y_val = split_digits
    clf = quick(
        ema_decay=0.9, batch_norm=True, early_stopping=True, n_iter_no_change=2,
        max_iter=40, solver="sgd", learning_rate_init=1.0,
    ).fit(X, y, X_val=X_val, y_val=y_val)  # fmt: skip
    assert clf.score(X_val, y_val) == pytest.approx(clf.best_validation_score_)
    assert clf.best_validation_score_ > 0.95


def test_sorted_rows_that_are_not_shuffled(iris):
    X, y = iris
    clf = MLPClassifierDIY(max_iter=1, shuffle=False, batch_size=20)
    with pytest.warns(UserWarning, match="y is sorted, and shuffle=False"):
        clf.fit(X, y)
    order = np.random.RandomState(0).permutation(150)
    with silent():
        clf.fit(X[order], y[order])
        clf.set_params(batch_size="auto").fit(X, y)  # one mini-batch has all
