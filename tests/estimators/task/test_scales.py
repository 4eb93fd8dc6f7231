"""The units of y: standardized, robust, far off, and where rates begin."""

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from sklearn import metrics
from sklearn.base import clone
from sklearn.compose import TransformedTargetRegressor
from sklearn.datasets import make_regression
from sklearn.linear_model import PoissonRegressor
from sklearn.preprocessing import RobustScaler, StandardScaler

from helpers import LEARNS, LOSSES, warnings_of
from helpers import quick_regressor as quick
from skdnn import MLPRegressorDIY, diagnose
from skdnn.nn import Normal


@pytest.mark.parametrize("loss", ["squared_error", "absolute_error", "huber"])
def test_standardizing_is_scikit_learns_transformed_target(diabetes, loss):
    X, y = diabetes
    X, y = X[:441], y[:441]  # so many that no two definitions of quartiles differ
    plain = quick(loss=loss, dtype="float64", max_iter=20)
    scaler = StandardScaler()
    if loss != "squared_error":
        scaler = RobustScaler(unit_variance=True)
    wrapped = TransformedTargetRegressor(plain, transformer=scaler)
    reg = clone(plain).set_params(standardize_target=True)
    for Y in (1000 + y, np.c_[y, 1e6 - 50 * y]):
        wrapped.fit(X, Y)
        reg.fit(X, Y)
        assert_allclose(reg.loss_curve_, wrapped.regressor_.loss_curve_, rtol=1e-7)
        assert_allclose(reg.predict(X), wrapped.predict(X), rtol=1e-9)
        center = "mean_" if loss == "squared_error" else "center_"
        assert_allclose(reg.target_mean_, getattr(wrapped.transformer_, center))
        assert_allclose(reg.target_std_, wrapped.transformer_.scale_)


@pytest.mark.parametrize(
    "settings",
    [LOSSES[name] for name in LOSSES if name != "poisson"],
    ids=[name for name in LOSSES if name != "poisson"],
)
def test_predictions_and_scores_are_in_units_of_y(settings, diabetes):
    X, y = diabetes
    reg = quick(**settings, standardize_target=True, dtype="float64", max_iter=30)
    small = clone(reg).fit(X, y)
    large = clone(reg).fit(X, 1e5 + 1000 * y)
    assert_allclose(large.predict(X), 1e5 + 1000 * small.predict(X), rtol=1e-8)
    assert_allclose(large.score(X, 1e5 + 1000 * y), small.score(X, y), atol=1e-6)
    assert_allclose(large.loss_curve_, small.loss_curve_, rtol=1e-6)
    if reg.loss == "gaussian":
        std, large_std = (r.predict(X, return_std=True)[1] for r in (small, large))
        assert_allclose(large_std, 1000 * std, rtol=1e-6)


def test_standardizing_counts_by_weight(diabetes):
    X, y = diabetes
    weight = np.random.default_rng(0).integers(0, 3, len(y))
    reg = quick(standardize_target=True).fit(X, y, weight)
    repeated = np.repeat(y, weight)
    assert_allclose(reg.target_mean_, repeated.mean())
    assert_allclose(reg.target_std_, repeated.std())
    plain = quick().fit(X, y)
    assert (plain.target_mean_, plain.target_std_) == (0, 1)


@pytest.mark.parametrize("scale", [1e-250, 1e-30, 1e30, 1e250])
def test_targets_of_any_size_are_learned(diabetes, scale):
    X, y = diabetes
    settings = {"standardize_target": True, "learning_rate_init": 0.01, "max_iter": 20}
    unit, reg = (
        quick(**settings).fit(X, y),
        quick(**settings).fit(X, y * scale),
    )
    assert_allclose(reg.predict(X) / scale, unit.predict(X), rtol=1e-3)
    assert unit.score(X, y) > 0.4


def test_weight_on_equal_targets_only_leaves_their_units(diabetes):
    X, y = diabetes
    weight = (y == y[0]).astype(float)
    reg = quick(standardize_target=True).fit(X, y, weight)
    assert (reg.target_mean_, reg.target_std_) == (y[0], 1)
    assert np.isfinite(reg.predict(X)).all()


def test_float32_learns_standardized_targets_far_from_0(diabetes):
    X, y = diabetes
    settings = {"standardize_target": True, "learning_rate_init": 0.01, "max_iter": 20}
    far = quick(**settings).fit(X, 1e9 + y)
    assert_allclose(far.predict(X) - 1e9, quick(**settings).fit(X, y).predict(X), 1e-3)


def test_scorers_see_y_as_it_is_also_where_it_is_standardized(diabetes):
    # A 0 that comes back as -1e-13 is an error for some metrics, and a relative error
    # is another one.
    X, y = diabetes
    y = np.where(y < 100, 0, y * 1000.1)
    seen = []

    def metric(y_true, y_pred):
        seen.append(y_true)
        return 0.0

    reg = quick(standardize_target=True, scoring=metrics.make_scorer(metric))
    reg.fit(X, y, X_val=X, y_val=y)
    assert_array_equal(seen[0], y)


# ---------------------------------------------------------- going on in the same units


def test_warm_start_keeps_the_units_that_the_network_has_learned(diabetes):
    X, y = diabetes
    settings = {"solver": "sgd", "momentum": 0, "shuffle": False, "batch_size": 50}
    reg = quick(standardize_target=True, warm_start=True, max_iter=3, **settings)
    reg.fit(X, y).fit(X, y)
    whole = quick(standardize_target=True, max_iter=6, **settings).fit(X, y)
    assert_array_equal(reg.predict(X), whole.predict(X))
    mean = reg.target_mean_.copy()
    reg.fit(X, y + 7)
    assert_array_equal(reg.target_mean_, mean)
    with pytest.raises(ValueError, match="y has 2 columns for 1 target; give one"):
        reg.fit(X, np.c_[y, y])


@pytest.mark.parametrize("before", [False, True])
@pytest.mark.parametrize("method", ["fit", "partial_fit"])
def test_training_goes_on_in_the_units_it_began_with(diabetes, method, before):
    X, y = diabetes
    y = np.where(np.arange(len(y)) % 2, 1.0, -1.0)  # standardized, it stays as it is
    reg = quick(standardize_target=before, warm_start=True).fit(X, y)
    assert (reg.target_mean_, reg.target_std_) == (0, 1)
    predictions = reg.predict(X)
    with pytest.raises(ValueError, match=f"has learned with .*target={before}, in oth"):
        getattr(reg.set_params(standardize_target=not before), method)(X, y)
    assert_array_equal(reg.predict(X), predictions)
    getattr(reg.set_params(standardize_target=before), method)(X[:9], y[:9])
    reg.set_params(standardize_target=not before, warm_start=False).fit(X, y)


@pytest.mark.filterwarnings("ignore:y is constant")  # without standardize_target
@pytest.mark.parametrize("n_samples", [1, 9])
def test_a_first_part_without_spread_gives_no_units(diabetes, n_samples):
    X, y = diabetes[0], diabetes[1].copy()
    y[:n_samples] = 7
    reg, plain = quick(standardize_target=True), quick()
    few = f"7 in {n_samples} sample"
    with pytest.raises(ValueError, match=f"y is constant in the first call.* {few}"):
        reg.partial_fit(X[:n_samples], y[:n_samples])
    with pytest.raises(ValueError, match="y is constant in column [01] in the"):
        reg.partial_fit(X[:n_samples], np.c_[X[:n_samples, 0], y[:n_samples]])
    with pytest.raises(ValueError, match=f"y is constant in the first call.* {few}"):
        reg.partial_fit(X, y, sample_weight=np.arange(len(y)) < n_samples)
    assert not hasattr(reg, "network_")
    for given, start in ((plain, n_samples), (reg, n_samples + 20)):
        given.partial_fit(X[:start], y[:start])
        given.partial_fit(X[:n_samples], y[:n_samples])  # later ones may be constant
    assert (plain.target_mean_, plain.target_std_) == (0, 1)
    assert_allclose(reg.target_std_, y[: n_samples + 20].std())


# ------------------------------------------------------------------ units that are off


@pytest.mark.parametrize("scale", [5e-324, 1e-310, 1e300])
def test_no_unit_of_y_makes_a_prediction_infinite_or_a_deviation_0(scale):
    X, y = np.arange(20.0)[:, np.newaxis], np.arange(20) % 7 * scale
    reg = quick(loss="gaussian", standardize_target=True).fit(X, y)
    for factor in (1, -1e6, 1e20):
        mean, std = reg.predict(factor * X, return_std=True)
        assert np.isfinite(mean).all()
        assert np.isfinite(std).all()
        assert (std > 0).all()


@pytest.mark.parametrize("method", ["fit", "partial_fit"])
def test_targets_whose_squares_overflow(method):
    X, y = make_regression(60, 3, random_state=0)
    y[5] = 1e25
    with pytest.raises(ValueError, match="y holds numbers as large as 1e.25.*float32"):
        getattr(MLPRegressorDIY(), method)(X, y)
    reg = MLPRegressorDIY(standardize_target=True, max_iter=2)
    getattr(reg, method)(X, y)
    getattr(MLPRegressorDIY(dtype="float64", max_iter=2), method)(X, y / 1e20)


@pytest.mark.parametrize("solver", ["adam", "lbfgs"])
def test_targets_to_validate_on_whose_squares_overflow(diabetes, solver):
    X, y = diabetes
    large = np.where(y == y.max(), 1e25, y)
    for settings, message in [
        ({}, r"1e\+25, whose squares overflow float32. Set standardize_target=True"),
        ({"loss": "poisson"}, r"1e\+25, whose squares overflow float32. Scale y"),
        (
            {"standardize_target": True},
            r"1.3e\+23 standard dev.* float32. Give y_val in",
        ),
    ]:
        reg = quick(solver=solver, **settings)
        with pytest.raises(ValueError, match=f"y_val holds .* large as {message}"):
            reg.fit(X, y, X_val=X, y_val=large)
        assert not hasattr(reg, "network_")


def test_fit_says_nothing_of_the_size_of_what_it_has_learned(line):
    X, truth, _ = line
    for settings, y in [
        ({}, truth - 100),
        ({"loss": "poisson"}, np.exp(truth - 92)),
        ({"solver": "lbfgs", "max_iter": 200, "dtype": "float64"}, 50 * X[:, 0]),
    ]:
        reg = quick(**{**LEARNS, **settings})
        assert not warnings_of(lambda reg=reg, y=y: reg.fit(X, y), "standardize")
        assert reg.score(X, y) > 0.5


OFF = {
    "prices": (lambda y: 250_000 + 50_000 * y, {}),
    "small": (lambda y: 0.01 * y, {}),
    "not so small": (lambda y: 0.02 * y, {}),
    "far from 0": (lambda y: 100 + y, {}),
    "a median": (lambda y: 250_000 + 50_000 * y, {"loss": "absolute_error"}),
    "several networks": (lambda y: 1e5 * y, {"n_networks": 2}),
}


@pytest.mark.parametrize(("change", "settings"), OFF.values(), ids=OFF)
def test_fit_says_that_a_target_is_of_the_wrong_size_and_how_to_mend_it(
    change, settings, line
):
    X, truth, _ = line
    y = change(np.sin(truth - 100) + X[:, 1])
    reg = quick(**settings, **LEARNS).set_params(learning_rate_init=0.001)
    fits = [reg.fit] if "n_networks" in settings else [reg.fit, clone(reg).partial_fit]
    for fit in fits:
        (warning,) = warnings_of(lambda fit=fit: fit(X, y), "standardize_target=True")
        assert warning.filename == __file__
    if not settings:
        assert any("standardize_target" in it for it in diagnose(reg, X, y).findings)
    reg.set_params(standardize_target=True, learning_rate_init=0.01)
    assert not warnings_of(lambda: reg.fit(X, y), "standardize_target")
    assert reg.score(X, y) > 0.9


@pytest.mark.parametrize("middle, spread", [(42, 17), (50, 25), (4.8, 0.75), (0, 1.0)])
def test_a_size_that_is_a_little_off_matters_where_nothing_was_learned(
    middle, spread, line
):
    X, truth, _ = line
    y = np.sin(truth - 100) + X[:, 1]
    y = middle + spread * (y - y.mean()) / y.std()
    reg = quick(max_iter=3, hidden_layer_sizes=(20,), learning_rate_init=0.001)
    said = warnings_of(lambda: reg.fit(X, y), "Set standardize_target=True")
    assert bool(said) == bool(middle)
    reg.set_params(standardize_target=True)
    assert not warnings_of(lambda: reg.fit(X, y), "standardize_target")


@pytest.mark.parametrize("loss", ["squared_error", "huber"])
def test_y_val_in_other_units_is_named(loss, line):
    X, truth, _ = line
    logs = truth - 94
    prices = np.exp(logs)
    reg = quick(loss=loss)

    def said(y, y_val):
        given = {"X_val": X[: len(y_val)], "y_val": y_val}
        return warnings_of(lambda: reg.fit(X, y, **given), "y_val seems to be in other")

    for y, y_val in [(logs, prices), (prices, logs), (logs, 1000 * logs)]:
        (warning,) = said(y, y_val[:99])
        assert warning.filename == __file__
        assert "TransformedTargetRegressor" in str(warning.message)
        (warning,) = said(np.c_[y, y], np.c_[y, y_val][:99])
        assert "in column 1" in str(warning.message)
    for y_val in (prices[:99], prices[:1], np.full(30, prices[0]), prices[:9] / 99):
        assert not said(prices, y_val)
    typo = np.where(np.arange(len(logs)) == 5, 1e6, logs)
    for y, y_val in [(typo, logs), (logs, typo)]:
        assert not said(y, y_val[:99])


# ------------------------------------------------------------------- where rates begin


@pytest.mark.parametrize("mean", [0.01, 1, 1000])
def test_a_network_of_rates_starts_at_the_mean(mean, diabetes):
    X = diabetes[0]
    rng = np.random.default_rng(0)
    Y = np.c_[rng.poisson(mean, len(X)), rng.poisson(3 * mean, len(X))]
    weight = rng.uniform(0, 2, len(X))
    start = {"weight_init": Normal(1e-9), "learning_rate_init": 1e-9, "max_iter": 1}
    means = np.average(Y, axis=0, weights=weight)
    for n_networks in (1, 3):
        reg = quick(loss="poisson", n_networks=n_networks, **start)
        for fit in (reg.fit, clone(reg).partial_fit):
            assert_allclose(fit(X, Y, weight).predict(X[:1])[0], means, rtol=1e-5)


@pytest.mark.filterwarnings("ignore:y is constant")
def test_a_network_of_rates_starts_near_0_where_all_are_0(diabetes):
    X = diabetes[0]
    reg = quick(loss="poisson").fit(X, np.zeros(len(X)))
    assert 0 < reg.predict(X).mean() < 0.01


@pytest.mark.parametrize("mean", [0.01, 1000])
def test_rates_end_at_the_total_that_a_linear_model_finds(mean):
    rng = np.random.default_rng(0)
    X = rng.standard_normal((4000, 2))
    y = rng.poisson(mean * np.exp(0.3 * X[:, 0]))
    theirs = PoissonRegressor(alpha=0, max_iter=1000).fit(X, y)
    reg = quick(loss="poisson", hidden_layer_sizes=(20,), max_iter=30).fit(X, y)
    assert_allclose(theirs.predict(X).sum(), y.sum(), rtol=0.01)
    assert_allclose(reg.predict(X).sum(), y.sum(), rtol=0.06)
