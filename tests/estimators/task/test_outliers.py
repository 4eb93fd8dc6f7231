"""Outliers, losses that withstand them, and numbers absurdly far off."""

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from sklearn.base import clone

from helpers import LEARNS, robust_std, warnings_of
from helpers import quick_regressor as quick
from skdnn.estimators.task.scales import absurd

ROBUST = {
    "absolute_error": {"loss": "absolute_error"},
    "huber": {"loss": "huber"},
    "quantile": {"loss": "quantile"},
}


of_robust = pytest.mark.parametrize("settings", ROBUST.values(), ids=ROBUST)


@of_robust
def test_robust_losses_are_learned_in_robust_units(settings, skewed):
    X, y = skewed
    for Y in (y, np.c_[y, -50 * y]):
        reg = quick(**settings, standardize_target=True).fit(X, Y)
        assert_allclose(reg.target_mean_, np.atleast_1d(np.median(Y, axis=0)))
        assert_allclose(reg.target_std_, np.atleast_1d(robust_std(Y)))
    normal = np.random.default_rng(0).normal(7, 3, 1001)
    assert_allclose(robust_std(normal), 3, rtol=0.1)


@of_robust
def test_robust_units_count_by_weight(settings, diabetes):
    X, y = diabetes
    weight = np.random.default_rng(0).integers(0, 3, len(y))
    reg = quick(**settings, standardize_target=True)
    rows = np.repeat(np.arange(len(y)), weight)
    repeated = clone(reg).fit(X[rows], y[rows])
    for its in (weight, 0.1 * weight):
        reg.fit(X, y, its)
        assert_array_equal(reg.target_mean_, repeated.target_mean_)
        assert_array_equal(reg.target_std_, repeated.target_std_)


def test_where_quartiles_coincide_what_differs_has_a_size():
    X, y = np.zeros((100, 1)), np.zeros(100)
    y[:20] = np.arange(1, 21)
    reg = quick(loss="huber", standardize_target=True).fit(X, y)
    assert (reg.target_mean_, reg.target_std_) == (0, np.median(y[:20]))
    reg.fit(X, y, sample_weight=y == 0)
    assert (reg.target_mean_, reg.target_std_) == (0, 1)


@pytest.mark.parametrize("how", ["plain", "early", "folds", "partial_fit"])
@of_robust
def test_robust_losses_withstand_outliers(settings, how, line):
    X, truth, y = line
    y = y.copy()
    y[:18] += 1e4
    reg = quick(**settings, **LEARNS, standardize_target=True)
    if how == "partial_fit":
        for _ in range(LEARNS["max_iter"]):
            reg.partial_fit(X, y)
    else:
        more = {"n_networks": 3, "resampling": "folds"} if how == "folds" else {}
        reg.set_params(early_stopping=how == "early", **more).fit(X, y)
    assert np.median(np.abs(reg.predict(X) - truth)) < 0.2


@of_robust
def test_robust_losses_withstand_a_number_as_large_as_there_is(settings, line):
    X, truth, y = line
    y = np.where(np.arange(len(y)) == 3, 1e300, y)
    reg = quick(**settings, **LEARNS, standardize_target=True).fit(X, y)
    assert np.median(np.abs(reg.predict(X) - truth)) < 0.2
    assert np.isfinite(reg.score(X, y))


@pytest.mark.parametrize("standardize", [False, True])
@pytest.mark.parametrize("loss", ["squared_error", "gaussian"])
def test_absurd_outliers_are_named_and_the_advice_helps(loss, standardize, line):
    X, truth, y = line
    y = y.copy()
    y[[7, 30]] *= 1000
    reg = quick(loss=loss, standardize_target=standardize)
    for fit in (reg.fit, clone(reg).partial_fit):
        (warning,) = warnings_of(lambda fit=fit: fit(X, y), "absurdly far")
        text = str(warning.message)
        assert "row 7" in text
        assert f"{y[7]:g}" in text
        assert "loss='huber' with standardize_target=True" in text
        assert warning.filename == __file__
    (warning,) = warnings_of(lambda: reg.fit(X, np.c_[X, y]), "absurdly far")
    assert "column 3, row 7" in str(warning.message)
    given = {"X_val": X[:90], "y_val": y[:90]}
    (warning,) = warnings_of(lambda: reg.fit(X, truth, **given), "absurdly far")
    assert "y_val has 2 values" in str(warning.message)
    reg.set_params(loss="huber", standardize_target=True, **LEARNS)
    assert not warnings_of(lambda: reg.fit(X, y, **given), "absurdly far")
    assert np.median(np.abs(reg.predict(X) - truth)) < 0.2
    assert not warnings_of(lambda: reg.fit(X, y, np.abs(y) < 1e4), "absurdly far")


ORDINARY = {
    "lognormal": lambda rng: rng.lognormal(0, 1.5, 3000),
    "zero-inflated": lambda rng: rng.lognormal(0, 1, 3000) * (rng.random(3000) < 0.1),
    "most of it small": lambda rng: rng.normal(
        size=3000, scale=np.where(np.arange(3000) % 3, 1e-3, 1)
    ),
    "counts": lambda rng: rng.negative_binomial(0.5, 0.01, 3000),
    "rare counts": lambda rng: rng.poisson(0.01, 3000),
    "a few that differ": lambda rng: np.where(np.arange(3000) < 3, 100.0, 5),
    "student": lambda rng: rng.standard_t(2.5, 3000),
    "pareto": lambda rng: rng.pareto(2.5, 3000),
    "pareto, cut off": lambda rng: np.minimum(rng.pareto(1.2, 3000), 100),
    "days without a sale": lambda rng: np.where(
        rng.random(3000) < 0.03, 0, rng.normal(100, 10, 3000)
    ),
}


@pytest.mark.parametrize("make", ORDINARY.values(), ids=ORDINARY)
def test_ordinary_tails_are_no_outliers(make):
    for seed in range(5):
        assert not absurd(make(np.random.default_rng(seed))).any()


@pytest.mark.parametrize("sentinel", [-999, 9999])
def test_a_number_for_what_is_missing_is_no_number(sentinel):
    rng = np.random.default_rng(0)
    y = rng.normal(20, 10, (1000, 2))
    y[rng.choice(1000, 10), 1] = sentinel
    assert_array_equal(absurd(y), y == sentinel)
    assert not absurd(y, y[:, 1] != sentinel).any()
    reg = quick(standardize_target=True)
    (warning,) = warnings_of(lambda: reg.fit(y, y), "absurdly far")
    assert f"{sentinel}" in str(warning.message)


def test_a_cauchy_distribution_is_absurd_for_a_mean():
    assert absurd(np.random.default_rng(0).standard_cauchy(10_000)).any()
