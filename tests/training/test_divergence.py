"""Training that leaves the finite numbers: it ends, says so, and keeps the best."""

import re

import numpy as np
import pytest
from numpy.testing import assert_array_equal
from sklearn.exceptions import ConvergenceWarning

from helpers import Callback, outputs, quick, quick_regressor
from skdnn import MLPClassifierDIY
from skdnn.nn import Normal
from skdnn.training import loop


def test_a_fit_that_diverges_says_so_and_keeps_the_last_one(iris, fitted):
    X, y = iris
    before = outputs(fitted, X)
    fitted.set_params(solver="sgd", learning_rate_init=1e38, max_iter=20)
    with pytest.raises(ValueError, match="non-finite parameter weights"):
        fitted.fit(X * 1e3, y)
    assert_array_equal(outputs(fitted, X), before)


EXPLODES = {"alpha": 600.0, "learning_rate_init": 0.5, "momentum": 0, "solver": "sgd"}


@pytest.mark.parametrize(
    ("settings", "kept"),
    [
        ({}, "the epoch"),
        ({"ema_decay": 0.5, "batch_norm": True}, "the epoch"),
        ({"early_stopping": True}, "the best epoch"),
    ],
    ids=["plain", "ema", "early stopping"],
)
def test_a_loss_that_is_not_finite_ends_training_at_the_epoch_before(
    iris, settings, kept, small
):
    X, y = iris
    settings = {"batch_size": 50, **EXPLODES, **settings}
    ends = []
    with pytest.warns(ConvergenceWarning) as record:
        clf = small(**{**settings, "max_iter": 100})
        clf.set_callbacks(Ends(ends)).fit(X, y)
    assert re.fullmatch(
        rf"The loss became (inf|nan) in epoch {clf.n_iter_ + 1}: training ends, and the"
        rf" parameters of {kept} before it are kept. Lower learning_rate_init \(it is"
        r" 0.5\), set max_grad_norm, or scale X.",
        str(record[0].message),
    )
    assert (len(record), record[0].filename) == (1, __file__)
    with np.errstate(all="ignore"):
        shorter = small(**{**settings, "max_iter": clf.n_iter_}).fit(X, y)
    assert_array_equal(clf.network_.parameters, shorter.network_.parameters)
    assert (clf.loss_curve_, clf.t_) == (shorter.loss_curve_, shorter.t_)
    assert np.isfinite(clf.loss_curve_).all()
    assert np.isfinite(clf.network_.parameters).all()
    assert ends == [True] * clf.n_iter_ + [False]


class Ends(Callback):
    """Notes whether each epoch ended with a network."""

    def __init__(self, ends):
        self.ends = ends

    def on_fit_task_end(self, estimator, context, *, fitted_estimator):
        if context.task_name == "epoch":
            self.ends.append(fitted_estimator is not None)


def test_parameters_that_are_not_finite_end_training_too(iris, monkeypatch, small):
    X, y = iris
    take_steps = loop.take_steps

    def diverges(stack):
        (row,) = take_steps(stack)
        if row["epoch"] == 3:  # in its last step, which its loss does not know of
            stack.network.parameters[:, 0] = np.inf
        return [row]

    two = small(max_iter=2).fit(X, y)
    monkeypatch.setattr(loop, "take_steps", diverges)
    with pytest.warns(ConvergenceWarning, match="Parameters became inf.* in epoch 3"):
        clf = small(max_iter=9).fit(X, y)
    assert_array_equal(clf.network_.parameters, two.network_.parameters)


@pytest.mark.parametrize("solver", ["adam", "lbfgs"])
def test_a_loss_that_is_not_finite_to_begin_with(iris, solver, small):
    X, y = iris
    with pytest.raises(ValueError, match="non-finite param"):
        small(solver=solver, weight_init=Normal(1e30)).fit(X, y)


def test_training_that_diverged_in_silence(iris):
    X, y = iris
    clf = MLPClassifierDIY(solver="sgd", max_iter=60, learning_rate_init=0.02)
    match = "has diverged: parameters are as large"
    with pytest.warns(ConvergenceWarning, match=match):
        clf.fit(X * 1000, y)


def test_a_decay_that_turns_weights_around(iris):
    clf = MLPClassifierDIY(solver="adamw", alpha=2e3, max_iter=2)
    with pytest.raises(ValueError, match="alpha=2000.0 and learning_rate_init=0.001"):
        clf.fit(*iris)
    clf.set_params(solver="adam").fit(*iris)


def test_a_fit_that_explodes_with_early_stopping_says_so():
    X, y = np.ones((30, 1)), np.arange(30.0) * 1000
    reg = quick_regressor(solver="sgd", learning_rate_init=1e170, max_iter=20)
    reg.set_params(early_stopping=True, dtype="float64")
    with pytest.raises(ValueError, match="validation set is nan: .* lower learning"):
        reg.fit(X, y)


def test_running_statistics_that_overflow(iris):
    X, y = iris
    with pytest.raises(ValueError, match="non-finite"):
        quick(batch_norm=True).fit(X * 1e30, y)


@pytest.mark.parametrize("predict", ["predict", "predict_proba", "predict_log_proba"])
@pytest.mark.parametrize("n_classes", [2, 3])
def test_no_prediction_is_nan(iris, predict, n_classes):
    X, y = iris
    clf = quick((20, 20)).fit(X[y < n_classes], y[y < n_classes])
    assert not np.isnan(getattr(clf, predict)(X * 1e37)).any()
    clf.network_.parameters[:] = 10
    huge = X.copy()
    huge[7] = [3e38, -3e38, 3e38, 3e38]
    with pytest.raises(
        ValueError, match=r"as large as 3e\+38.*overflow float32. Scale"
    ):
        getattr(clf, predict)(huge)
