"""What is the regressor's own: losses, shapes, units, distributions."""

import pickle
import warnings
from datetime import timedelta
from decimal import Decimal
from fractions import Fraction
from functools import partial

import numpy as np
import pytest
import scipy.sparse
from numpy.testing import assert_allclose, assert_array_equal
from scipy import stats
from sklearn import metrics
from sklearn.base import clone
from sklearn.compose import TransformedTargetRegressor
from sklearn.datasets import make_regression
from sklearn.exceptions import ConvergenceWarning, UndefinedMetricWarning
from sklearn.linear_model import PoissonRegressor
from sklearn.model_selection import GridSearchCV
from sklearn.neural_network import MLPRegressor
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import RobustScaler, StandardScaler

from helpers import quick_of
from skdnn import MLPRegressorDIY, diagnose
from skdnn.estimators.task.numbers import r2_of
from skdnn.estimators.task.scales import absurd
from skdnn.nn import Dense, GaussianOutput, Identity, Normal, Ordered, ReLU, Softmax

pytestmark = pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")

quick = partial(quick_of, MLPRegressorDIY)
LEVELS = (0.1, 0.5, 0.9)
LOSSES = {
    "squared_error": {},
    "poisson": {"loss": "poisson"},
    "absolute_error": {"loss": "absolute_error"},
    "huber": {"loss": "huber", "delta": 0.5},
    "quantile": {"loss": "quantile", "quantile": 0.8},
    "quantiles": {"loss": "quantile", "quantile": LEVELS},
    "gaussian": {"loss": "gaussian"},
}
of_all_losses = pytest.mark.parametrize("settings", LOSSES.values(), ids=LOSSES)
of_all_but_poisson = pytest.mark.parametrize(
    "settings",
    [LOSSES[name] for name in LOSSES if name != "poisson"],
    ids=[name for name in LOSSES if name != "poisson"],
)
FIT_WELL = {"learning_rate": "one_cycle", "learning_rate_init": 0.01, "max_iter": 30}


def robust_std(y):
    """Return what the quartiles say of a normal distribution's deviation."""
    return stats.iqr(y, axis=0) / np.diff(stats.norm.ppf([0.25, 0.75]))


def constant(**settings):
    """Return a network of no layer, which on X of zeros learns one number only."""
    settings = {"hidden_layer_sizes": (), "dtype": "float64", **settings}
    return quick(solver="lbfgs", alpha=0, max_iter=500, tol=1e-10, **settings)


@pytest.fixture(scope="module")
def skewed():
    """Return X of zeros, and positive y whose mean and quantiles are far apart."""
    return np.zeros((1001, 1)), np.random.default_rng(0).exponential(2, 1001)


@pytest.fixture(scope="module")
def waves():
    """Return x, and y of which mean and standard deviation are known functions."""
    rng = np.random.default_rng(0)
    x = rng.uniform(-2, 2, 6000)
    mean, std = np.sin(2 * x), 0.1 + 0.3 * np.abs(x)
    return x[:, np.newaxis], rng.normal(mean, std), mean, std


# ---------------------------------------------------- the same as scikit-learn's


@pytest.mark.parametrize("loss", ["squared_error", "poisson"])
@pytest.mark.parametrize("solver", ["adam", "sgd", "lbfgs"])
@pytest.mark.parametrize("weighted", [False, True])
def test_both_losses_of_scikit_learn_give_its_numbers(diabetes, loss, solver, weighted):
    X, y = diabetes
    y = np.round(y / 50)
    weight = np.random.default_rng(0).uniform(0, 3, len(y)) if weighted else None
    if loss == "poisson":  # where 0, the start of theirs, is the logarithm of the mean
        y = y / np.average(y, weights=weight)
    settings = {"loss": loss, "solver": solver, "random_state": 0, "max_iter": 15}
    theirs = MLPRegressor(**settings).fit(X, y, weight)
    ours = MLPRegressorDIY(dtype="auto", **settings).fit(X, y, weight)
    tolerance = 1e-5 if solver == "lbfgs" else 1e-8
    assert_allclose(ours.loss_curve_[-1], theirs.loss_, rtol=tolerance)
    assert_allclose(ours.predict(X), theirs.predict(X), rtol=tolerance, atol=tolerance)
    assert ours.out_activation_ == theirs.out_activation_
    assert_allclose(ours.score(X, y), theirs.score(X, y), rtol=tolerance)


@pytest.mark.parametrize("solver", ["adam", "lbfgs"])
def test_several_targets_follow_the_same_gradient_and_report_the_sum(diabetes, solver):
    X, y = diabetes
    Y = np.c_[y / 100, X[:, 0], X[:, 1] ** 2]
    settings = {"solver": solver, "alpha": 0, "random_state": 0, "max_iter": 10}
    settings |= {"n_iter_no_change": 100, "hidden_layer_sizes": (20,)}
    theirs = MLPRegressor(**settings).fit(X, Y)
    ours = MLPRegressorDIY(dtype="auto", **settings).fit(X, Y)
    if solver == "adam":
        assert_allclose(ours.predict(X), theirs.predict(X), atol=1e-8)
        assert_allclose(ours.loss_curve_, np.multiply(theirs.loss_curve_, 3))
    else:
        assert ours.score(X, Y) > theirs.score(X, Y) - 0.02
    half_squares = ((ours.predict(X) - Y) ** 2).sum(axis=1).mean() / 2
    if solver == "adam":  # one more step, whose loss is from before it
        ours.set_params(batch_size=len(y), warm_start=True, max_iter=1).fit(X, Y)
    assert_allclose(ours.loss_, half_squares)


# --------------------------------------------------------- what each loss predicts


TRUTHS = {
    "squared_error": np.mean,
    "absolute_error": np.median,
    "quantile": partial(np.quantile, q=0.8),
    "quantiles": partial(np.quantile, q=LEVELS),
    "gaussian": np.mean,
}


@pytest.mark.parametrize("standardize", [False, True])
@pytest.mark.parametrize("loss", TRUTHS)
def test_a_constant_learns_the_mean_the_median_or_the_quantile(
    skewed, loss, standardize
):
    X, y = skewed
    reg = constant(**LOSSES[loss], standardize_target=standardize)
    if loss in ("absolute_error", "quantile", "quantiles"):
        # L-BFGS can't end on a kink: descend, ever slower
        reg.set_params(solver="adam", learning_rate="cosine", learning_rate_init=0.2)
        reg.set_params(batch_size=len(y), max_iter=500)
    assert_allclose(reg.fit(X, y).predict(X[:1])[0], TRUTHS[loss](y), rtol=0.01)


def test_a_constant_rate_is_the_mean(skewed):
    X, y = skewed
    reg = constant(loss="poisson").fit(X, y)
    assert_allclose(reg.predict(X[:1]), y.mean(), rtol=1e-4)


def test_a_gaussian_constant_learns_the_standard_deviation_in_units_of_y(skewed):
    X, y = skewed
    for standardize in (False, True):
        reg = constant(loss="gaussian", standardize_target=standardize).fit(X, 50 * y)
        mean, std = reg.predict(X[:2], return_std=True)
        assert_allclose(mean, 50 * y.mean(), rtol=1e-3)
        assert_allclose(std, 50 * y.std(), rtol=1e-3)


def test_huber_is_pytorchs_minimum(skewed):
    torch = pytest.importorskip("torch")
    X, y = skewed
    c = torch.zeros(1, dtype=torch.float64, requires_grad=True)
    descent = torch.optim.LBFGS([c], max_iter=200, tolerance_grad=1e-12)
    loss = torch.nn.HuberLoss(delta=0.7)

    def closure():
        descent.zero_grad()
        value = loss(c.expand(len(y)), torch.tensor(y))
        value.backward()
        return value

    descent.step(closure)
    reg = constant(loss="huber", delta=0.7).fit(X, y)
    assert_allclose(reg.predict(X[:1]), c.detach().numpy(), rtol=1e-4)
    # delta is in the units that the network learns
    scaled = constant(loss="huber", delta=0.7 / y.std(), standardize_target=True)
    assert_allclose(scaled.fit(X, y).predict(X[:1]), c.detach().numpy(), rtol=1e-4)


@pytest.mark.parametrize("standardize", [False, True])
def test_quantiles_cover_their_share_everywhere(waves, standardize):
    X, y, *_ = waves
    reg = quick(**LOSSES["quantiles"], **FIT_WELL, standardize_target=standardize)
    reg.fit(X[:5000], y[:5000])
    below = y[5000:, np.newaxis] <= reg.predict(X[5000:])
    assert_allclose(below.mean(axis=0), LEVELS, atol=0.03)
    middle = np.abs(X[5000:, 0]) < 1  # where the scatter is small
    assert_allclose(below[middle].mean(axis=0), LEVELS, atol=0.05)
    assert_allclose(below[~middle].mean(axis=0), LEVELS, atol=0.05)


def test_mean_and_deviation_of_a_normal_distribution_are_found(waves):
    X, y, mean, std = waves
    reg = quick(loss="gaussian", **FIT_WELL).fit(X, y)
    inner = np.abs(X[:, 0]) < 1.8
    found_mean, found_std = reg.predict(X[inner], return_std=True)
    assert np.abs(found_mean - mean[inner]).mean() < 0.06
    assert np.abs(found_std / std[inner] - 1).mean() < 0.15
    assert_array_equal(found_mean, reg.predict(X[inner]))


def test_rates_follow_an_exponential_law():
    rng = np.random.default_rng(0)
    X = rng.uniform(-1, 1, (4000, 2))
    rate = np.exp(1 + X @ [1.0, -0.5])
    reg = quick(loss="poisson", hidden_layer_sizes=(), **FIT_WELL)
    reg.fit(X, rng.poisson(rate))
    assert_allclose(reg.predict(X), rate, rtol=0.1)
    assert_allclose(reg.coefs_[0][:, 0], [1, -0.5], atol=0.05)


# ------------------------------------------- what a loss allows, and nothing else


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@of_all_losses
def test_no_prediction_leaves_what_the_loss_allows(settings, dtype, diabetes):
    X, y = diabetes
    for Y in (y / 100, np.c_[y, y[::-1]] / 100):
        reg = quick(**settings, dtype=dtype).fit(X, Y)
        for scale in (0, 1, 1e3, 1e10, 1e25):
            for sign in (-1, 1):
                P = reg.predict(sign * scale * X[:50])
                assert np.isfinite(P).all()
                if reg.loss == "poisson":
                    assert (P > 0).all()
                if settings.get("quantile") == LEVELS:
                    assert (np.diff(P, axis=-1) >= 0).all()
                if reg.loss == "gaussian":
                    _, std = reg.predict(sign * scale * X[:50], return_std=True)
                    assert np.isfinite(std).all()
                    assert (std > 0).all()


@pytest.mark.parametrize("seed", range(4))
@pytest.mark.parametrize("standardize", [False, True])
def test_quantiles_of_a_wild_network_never_cross(seed, standardize):
    rng = np.random.default_rng(seed)
    X, Y = rng.standard_cauchy((100, 3)), rng.standard_cauchy((100, 2)) * 1000
    levels = np.sort(rng.uniform(0.001, 0.999, 7))
    reg = quick(loss="quantile", quantile=levels, standardize_target=standardize)
    reg.set_params(random_state=seed).fit(X, Y)
    reg.network_.parameters[:] = 3 * rng.standard_cauchy(reg.network_.parameters.size)
    P = reg.predict(rng.standard_cauchy((1000, 3)))
    assert P.shape == (1000, 2, 7)
    assert (np.diff(P, axis=2) >= 0).all()


@pytest.mark.parametrize("scale", [5e-324, 1e-310, 1e300])
def test_no_unit_of_y_makes_a_prediction_infinite_or_a_deviation_0(scale):
    X, y = np.arange(20.0)[:, np.newaxis], np.arange(20) % 7 * scale
    reg = quick(loss="gaussian", standardize_target=True).fit(X, y)
    for factor in (1, -1e6, 1e20):
        mean, std = reg.predict(factor * X, return_std=True)
        assert np.isfinite(mean).all()
        assert np.isfinite(std).all()
        assert (std > 0).all()


def test_a_fit_that_explodes_with_early_stopping_says_so():
    X, y = np.ones((30, 1)), np.arange(30.0) * 1000
    reg = quick(solver="sgd", learning_rate_init=1e170, max_iter=20)
    reg.set_params(early_stopping=True, dtype="float64")
    with pytest.raises(ValueError, match="validation set is nan: .* lower learning"):
        reg.fit(X, y)


@of_all_losses
def test_arguments_set_after_fit_change_no_prediction(settings, diabetes):
    X, y = diabetes
    if not settings:
        settings = {"loss": "squared_error"}
    reg = quick(**settings).fit(X, y / 100)
    before = reg.predict(X)
    other = {"loss": "poisson" if reg.loss != "poisson" else "squared_error"}
    assert_array_equal(reg.set_params(**other).predict(X), before)


# -------------------------------------------------------------------------- shapes


@pytest.mark.parametrize("n_rows", [1, 5])
@pytest.mark.parametrize(
    ("quantile", "further"), [(0.3, ()), ([0.3], ()), (LEVELS, (3,))], ids=str
)
@pytest.mark.parametrize("n_targets", [None, 2, 3])
def test_an_axis_for_targets_and_one_for_quantiles(
    n_rows, quantile, further, n_targets, diabetes
):
    X, y = diabetes
    y = y if n_targets is None else np.c_[y, y, y][:, :n_targets]
    reg = quick(loss="quantile", quantile=quantile, max_iter=1).fit(X, y)
    shape = (n_rows, *y.shape[1:], *further)
    assert reg.predict(X[:n_rows]).shape == shape
    assert reg.n_outputs_ == np.prod(shape[1:], dtype=int)
    if further:  # three targets and three quantiles are not mixed up
        view = reg.network_.views[-3]
        view["weights"][:], view["bias"][:] = 0, np.arange(reg.n_outputs_)
        P = reg.predict(X[:1])[0].reshape(-1, 3)
        assert_allclose(P[:, 0], 3 * np.arange(len(P)))


@pytest.mark.filterwarnings("ignore::sklearn.exceptions.DataConversionWarning")
@of_all_losses
def test_the_shape_of_y_is_that_of_the_predictions(settings, diabetes):
    X, y = diabetes
    several = (3,) if settings.get("quantile") == LEVELS else ()
    for Y in (y, y[:, np.newaxis], np.c_[y, y]):
        reg = quick(**settings, max_iter=1).fit(X, Y)
        expected = (7, 2) if Y.ndim == 2 and Y.shape[1] == 2 else (7,)
        assert reg.predict(X[:7]).shape == expected + several
        if reg.loss == "gaussian":
            mean, std = reg.predict(X[:7], return_std=True)
            assert mean.shape == std.shape == expected


def test_networks_end_in_what_keeps_the_bounds(diabetes):
    X, y = diabetes
    hidden = [Dense(9), ReLU()]
    for settings, end in [
        ({"loss": "quantile", "quantile": LEVELS}, [Dense(6), Ordered(3), Identity()]),
        ({"loss": "gaussian"}, [Dense(4), GaussianOutput(), Identity()]),
        ({"loss": "huber"}, [Dense(2), Identity()]),
    ]:
        for layers in ({"hidden_layer_sizes": 9}, {"architecture": hidden}):
            reg = quick(**settings, **layers, max_iter=1).fit(X, np.c_[y, y])
            assert list(reg.network_.layers) == hidden + end


# ------------------------------------------------------------ standardized targets


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


@of_all_but_poisson
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
    unit, reg = quick(**settings).fit(X, y), quick(**settings).fit(X, y * scale)
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


STUCK = {
    "far from 0": ({}, lambda y: y + 1e8),
    "large": ({}, lambda y: y * 1e6),
    "large, around 0": ({}, lambda y: (y - y.mean()) * 1e8),
}


@pytest.mark.parametrize(("settings", "change"), STUCK.values(), ids=STUCK)
def test_lbfgs_says_when_rounding_has_ended_it(diabetes, settings, change):
    X, y = diabetes
    with warnings.catch_warnings(record=True) as record:
        warnings.simplefilter("always")
        reg = quick(solver="lbfgs", **settings, max_iter=100).fit(X, change(y))
    assert reg.n_iter_ < 5
    assert reg.score(X, change(y)) < 0.01  # no better than the mean
    (warning,) = record  # and none of NumPy's
    assert issubclass(warning.category, ConvergenceWarning)
    assert warning.filename == __file__
    assert "standardize_target=True" in str(warning.message)
    assert "dtype='float64'" in str(warning.message)


@pytest.mark.parametrize("tol", [1e-4, 1e-12])
@of_all_losses
def test_lbfgs_says_nothing_of_rounding_where_it_has_learned(diabetes, settings, tol):
    # Without a hidden layer it comes to where no step lowers the loss: at the minimum,
    # or on a kink. From there it does not go on, which is no complaint either.
    X, y = diabetes
    standardize = settings.get("loss") != "poisson"
    reg = quick(**settings, solver="lbfgs", hidden_layer_sizes=())
    reg.set_params(standardize_target=standardize, tol=tol, max_iter=300)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        warnings.filterwarnings("error", message=".*hardly anything was learned")
        for target in (y, np.random.default_rng(0).permutation(y)):
            reg.set_params(warm_start=False).fit(X, target)
            reg.set_params(warm_start=True).fit(X, target)
            assert reg.n_iter_ < 300


def test_lbfgs_keeps_numpys_warnings_of_its_trials_to_itself(diabetes):
    X, y = diabetes
    trials = quick(solver="lbfgs", max_iter=100)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        warnings.simplefilter("ignore", ConvergenceWarning)
        trials.fit(X, y * 1e4)
    assert trials.score(X, y * 1e4) > 0.5


# -------------------------------------------------------------- scores and stopping


def true_score(settings, y, P, weight):
    """Return scikit-learn's metric."""
    if settings.get("loss") != "quantile" or settings["quantile"] == 0.5:
        return metrics.r2_score(y, P, sample_weight=weight)
    levels = np.atleast_1d(settings["quantile"])
    P = P.reshape(len(y), *y.shape[1:], len(levels))
    return np.mean(
        [
            metrics.d2_pinball_score(y, P[..., i], sample_weight=weight, alpha=q)
            for i, q in enumerate(levels)
        ]
    )


@pytest.mark.parametrize("weighted", [False, True])
@pytest.mark.parametrize("n_targets", [1, 2])
@of_all_losses
def test_every_score_is_scikit_learns_metric(settings, n_targets, weighted, diabetes):
    X, y = diabetes
    y = y / 50 if n_targets == 1 else np.c_[y / 50, X[:, 2] ** 2]
    X, y, X_val, y_val = X[100:], y[100:], X[:100], y[:100]
    rng = np.random.default_rng(0)
    w, w_val = (rng.uniform(0, 2, len(Y)) if weighted else None for Y in (y, y_val))
    reg = quick(**settings, dtype="float64", batch_size=len(y), max_iter=2)
    before = clone(reg).set_params(max_iter=1).fit(X, y, w)
    reg.fit(X, y, w, X_val=X_val, y_val=y_val, sample_weight_val=w_val)
    on_val = true_score(settings, y_val, reg.predict(X_val), w_val)
    assert_allclose(reg.score(X_val, y_val, w_val), on_val)
    assert_allclose(reg.validation_scores_[-1], on_val)
    on_train = true_score(settings, y, before.predict(X), w)
    assert_allclose(reg.history_[-1]["score"], on_train)


@pytest.mark.parametrize("standardize", [False, True])
@pytest.mark.parametrize(
    "scoring",
    [
        None,
        "neg_mean_absolute_error",
        "neg_root_mean_squared_error",
        "r2",
        "loss",
        lambda reg, X, y: -metrics.median_absolute_error(y, reg.predict(X)),
    ],
    ids=lambda scoring: str(scoring)[:8],
)
def test_early_stopping_keeps_the_best_epoch_by_any_score(
    diabetes, scoring, standardize
):
    X, y = diabetes
    X, y, X_val, y_val = X[100:], y[100:], X[:100], y[:100]
    settings = {"early_stopping": True, "n_iter_no_change": 3, "max_iter": 300}
    settings |= {"learning_rate_init": 0.05, "standardize_target": standardize}
    reg = quick(scoring=scoring, tol=0, dtype="float64", **settings)
    reg.fit(X, y, X_val=X_val, y_val=y_val)
    assert reg.n_iter_ < 300
    best = reg.best_validation_score_
    assert best == max(reg.validation_scores_)
    if scoring == "loss":
        y_n, P = (Y / reg.target_std_ for Y in (y_val, reg.predict(X_val)))
        assert_allclose(best, -metrics.mean_squared_error(y_n, P) / 2)
    else:
        scorer = metrics.check_scoring(reg, scoring)
        assert_allclose(best, scorer(reg, X_val, y_val))


def test_early_stopping_of_quantiles_is_on_d2(diabetes):
    X, y = diabetes
    reg = quick(**LOSSES["quantiles"], early_stopping=True, standardize_target=True)
    reg.set_params(learning_rate_init=0.05, max_iter=100, n_iter_no_change=3)
    reg.fit(X, y, X_val=X[:100], y_val=y[:100])
    assert_allclose(reg.best_validation_score_, reg.score(X[:100], y[:100]), rtol=1e-5)
    assert reg.best_validation_score_ > 0.2


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


# ------------------------------------------------------- going on with what is there


@of_all_losses
def test_partial_fit_goes_on_bit_by_bit_through_pickle(settings, diabetes):
    X, y = diabetes
    standardize = settings.get("loss") != "poisson"
    reg = quick(**settings, standardize_target=standardize, batch_norm=True)
    straight, pickled = clone(reg), clone(reg)
    for rows in (slice(149), slice(149, 300), slice(300, None), slice(149)):
        straight.partial_fit(X[rows], y[rows])
        pickled = pickle.loads(pickle.dumps(pickled.partial_fit(X[rows], y[rows])))
    assert_array_equal(pickled.predict(X), straight.predict(X))
    assert pickled.loss_curve_ == straight.loss_curve_
    if standardize:  # from the first call
        mean, std = y[:149].mean(), y[:149].std()
        if reg.loss not in ("squared_error", "gaussian"):
            mean, std = np.median(y[:149]), robust_std(y[:149])
        assert_allclose(straight.target_mean_, mean)
        assert_allclose(straight.target_std_, std)


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


@of_all_losses
def test_a_checkpoint_is_of_one_loss_and_changes_no_bit(settings, diabetes, tmp_path):
    X, y = diabetes
    for each in LOSSES.values():
        quick(**each, checkpoint_dir=tmp_path).fit(X, y)
    reg = quick(**settings, checkpoint_dir=tmp_path).fit(X, y)
    straight = quick(**settings).fit(X, y)
    assert_array_equal(reg.predict(X), straight.predict(X))
    assert reg.loss_curve_ == straight.loss_curve_


# ---------------------------------------------------------------- data of any kind


@of_all_losses
def test_data_of_any_kind_give_the_same_bits(settings, tmp_path):
    rng = np.random.default_rng(0)
    X = rng.integers(0, 4, (300, 8)).astype(np.uint8) * (rng.random((300, 8)) < 0.5)
    y = X[:, 0] + 1.0
    mapped = np.memmap(tmp_path / "X", np.uint8, "w+", shape=X.shape)
    mapped[:] = X
    reg = quick(**settings, early_stopping=True, hidden_layer_sizes=())
    expected = clone(reg).fit(X.astype(np.float32), y)
    kinds = [X, mapped, X.astype(np.float64), np.asfortranarray(X)]
    for given in (*kinds, X.tolist()):
        fitted = clone(reg).fit(given, y.tolist())
        assert_array_equal(fitted.predict(X), expected.predict(X))
        assert fitted.loss_curve_ == expected.loss_curve_
    sparse = scipy.sparse.csr_array(X.astype(np.float32))
    fitted = clone(reg).fit(sparse, y)
    assert_allclose(fitted.predict(sparse), expected.predict(X), rtol=1e-3, atol=1e-4)


def test_y_of_any_kind_is_taken_by_its_values(diabetes):
    pandas = pytest.importorskip("pandas")
    X, y = diabetes
    y = y.astype(int)
    expected = quick().fit(X, y.astype(float)).predict(X)
    objects = y.astype(object)
    for given in (y, y.tolist(), objects, y.astype(np.float32), y.astype(np.uint16)):
        assert_array_equal(quick().fit(X, given).predict(X), expected)
    for of in (Decimal, Fraction):  # exact numbers, beside those of Python
        given = [y[0], *map(of, y[1:].tolist())]
        reg = quick().fit(X, given, X_val=X, y_val=given)
        assert_array_equal(reg.predict(X), expected)
        assert reg.score(X, given) == reg.score(X, y)
    for dtype in ("Int64", "Float32", "float64"):
        series = pandas.Series(y, dtype=dtype)
        assert_array_equal(quick().fit(X, series).predict(X), expected)
    frame = pandas.DataFrame({"a": y, "b": -y})
    both = quick().fit(X, np.c_[y, -y]).predict(X)
    assert_array_equal(quick().fit(X, frame).predict(X), both)


# ----------------------------------------------------------------------- bad input


def frame(**columns):
    return pytest.importorskip("pandas").DataFrame(columns)


BAD_DATA = {
    "complex": ({}, lambda y: y + 1j, "Complex data not supported"),
    "infinite": ({}, lambda y: np.where(y > 100, np.inf, y), "y contains infinity"),
    "nan": ({}, lambda y: np.where(y > 100, np.nan, y), "y contains NaN"),
    "strings": (
        {},
        lambda y: np.where(y > 100, "high", "low"),
        "y must be numbers, got values such as .*'(high|low)'.*MLPClassifierDIY",
    ),
    "objects": (
        {},
        lambda y: np.where(y > 100, "high", y.astype(object)),
        "y must be numbers, got values such as 'high'",
    ),
    "dates": ({}, lambda y: y.astype("M8[D]"), "y has dates .*datetime64"),
    "durations": (
        {},
        lambda y: y.astype("m8[s]"),
        r'y has .*durations \(timedelta64.*t / np.timedelta64\(1, "s"\)',
    ),
    "a list of durations": (
        {},
        lambda y: list(np.where(y > 100, np.timedelta64("NaT"), y.astype("m8[s]"))),
        "y has .*durations .* missing ones would be numbers too",
    ),
    "durations of Python": (
        {},
        lambda y: [timedelta(hours=hours) for hours in y],
        r"y must be numbers, got .*timedelta.*take its total_seconds\(\)",
    ),
    "a column of dates": (
        {},
        lambda y: frame(size=y, when=y.astype("M8[s]")),
        r"y has dates or durations in columns \['when'\] \(datetime64",
    ),
    "a column of text": (
        {},
        lambda y: frame(size=y, text=list(map(str, y))),
        "y must be numbers, got values such as '151.0'",
    ),
    "none": (
        {},
        lambda y: [None if value == 141 else value for value in y],
        "y contains NaN: 3 of 442 values are missing, the first in row 2",
    ),
    "NA": (
        {},
        lambda y: np.where(y == 141, pytest.importorskip("pandas").NA, y.astype("O")),
        "y contains NaN: 3 of 442 values are missing, the first in row 2",
    ),
    "a decimal that is none": (
        {},
        lambda y: [Decimal("nan" if value == 141 else value) for value in y],
        "y contains NaN: 3 of 442 values are missing, the first in row 2",
    ),
    "masked": ({}, lambda y: np.ma.masked_less(y, 100), "masked array with"),
    "lengths": ({}, lambda y: y[:-1], "inconsistent numbers of samples|rows, but"),
    "three axes": ({}, lambda y: y[:, None, None], "dim 3, while dim <= 2"),
    "negative": (
        {"loss": "poisson"},
        lambda y: y - 100,
        "y must be at least 0 .* smallest value is -75. Use another loss",
    ),
}
BAD_ARGUMENTS = [
    ({"loss": "mse"}, "'loss' parameter .*'squared_error'.* Got 'mse'"),
    ({"loss": "huber", "delta": 0}, r"'delta' .* range \(0.0, inf\). Got 0"),
    ({"loss": "quantile", "quantile": 1.0}, r"'quantile' .*\(0.0, 1.0\). Got 1.0"),
    ({"loss": "quantile", "quantile": "median"}, "'quantile' .* Got 'median'"),
    ({"loss": "quantile", "quantile": [0.5, 1.2]}, r"quantile must .*got \[0.5, 1.2\]"),
    (
        {"loss": "quantile", "quantile": []},
        r"quantile must be a number in \(0, 1\).* got \[\]",
    ),
    ({"loss": "quantile", "quantile": ["low"]}, r"quantile must .* got \['low'\]"),
    ({"loss": "quantile", "quantile": [[0.5]]}, r"quantile must .* in \(0, 1\)"),
    ({"loss": "quantile", "quantile": [0.9, 0.1]}, r"ascending order, got \[0.9, 0.1"),
    ({"loss": "quantile", "quantile": [0.5, 0.5]}, "ascending order"),
    (
        {"loss": "poisson", "standardize_target": True},
        "standardize_target=True is not available .* Set standardize_target=False",
    ),
    ({"loss": "huber", "delta": 1e39}, r"Huber: delta .* float32, got 1e\+39"),
    ({"loss": "huber", "delta": 1e-50}, r"Huber: delta .*\[1.18e-38.*got 1e-50"),
    (
        {"architecture": [Dense(8), Softmax()]},
        r"architecture ends in Softmax\(\), whose outputs are .* Leave it out",
    ),
]


@pytest.mark.parametrize(
    ("settings", "spoil", "message"), BAD_DATA.values(), ids=BAD_DATA
)
@pytest.mark.parametrize("method", ["fit", "partial_fit", "validation"])
def test_bad_targets_are_named_and_leave_the_estimator_as_it_was(
    diabetes, settings, spoil, message, method
):
    X, y = diabetes
    reg = quick(**settings).fit(X, y)
    before = reg.predict(X)
    arguments = {"X": X, "y": spoil(y)}
    if method == "validation":
        arguments = {"X": X, "y": y, "X_val": X, "y_val": spoil(y)}
        message = message.replace("y contains", "y_val contains")
        message = message.replace("y must", "y_val must").replace("y has", "y_val has")
        message = message.replace("dim 3, while dim <= 2", "dim|columns")
    fit = reg.partial_fit if method == "partial_fit" else reg.fit
    with pytest.raises(ValueError, match=message):
        fit(**arguments)
    assert_array_equal(reg.predict(X), before)


@pytest.mark.parametrize(("arguments", "message"), BAD_ARGUMENTS, ids=str)
def test_bad_arguments_say_what_is_right(diabetes, arguments, message):
    X, y = diabetes
    reg = quick(**arguments)
    with pytest.raises(ValueError, match=message):
        reg.fit(X, y)
    assert not [name for name in vars(reg) if name.endswith("_")]


def test_a_standard_deviation_needs_a_loss_that_learns_one(diabetes):
    reg = quick().fit(*diabetes)
    message = "return_std=True needs loss='gaussian'.* of the fit was 'squared_error'"
    with pytest.raises(ValueError, match=message):
        reg.predict(diabetes[0], return_std=True)
    reg = quick(loss="quantile").fit(*diabetes)
    with pytest.raises(ValueError, match="the loss of the fit was 'quantile'"):
        reg.predict(diabetes[0], return_std=True)


@pytest.mark.parametrize(
    ("ignored", "message"),
    [
        (
            {"quantile": [0.1, 0.9]},
            r"quantile=\[0.1, 0.9\] has no effect with loss='sq",
        ),
        ({"delta": 3}, "delta=3 has no effect .* It is for loss='huber'"),
    ],
    ids=str,
)
def test_an_argument_that_the_loss_ignores_is_a_warning(diabetes, ignored, message):
    with pytest.warns(UserWarning, match=message) as record:
        quick(**ignored).fit(*diabetes)
    ours = [w for w in record if "no effect" in str(w.message)]
    assert [w.filename for w in ours] == [__file__]
    with warnings.catch_warnings():
        warnings.filterwarnings("error", message=".*has no effect")
        (name,) = ignored
        quick(loss={"delta": "huber"}.get(name, name), **ignored).fit(*diabetes)


@pytest.mark.parametrize("loss", ["squared_error", "gaussian", "quantile"])
@pytest.mark.parametrize("standardize", [False, True])
def test_a_constant_target_is_a_warning_that_names_it(diabetes, loss, standardize):
    X, y = diabetes
    settings = {"loss": loss, "standardize_target": standardize}
    with pytest.warns(UserWarning, match=f"y is constant, 3 in all {len(y)} samples"):
        reg = quick(**settings).fit(X, np.full(len(y), 3.0))
    assert np.isfinite(reg.predict(X)).all()
    with pytest.warns(UserWarning, match="y is constant in column 1, -2 in all"):
        quick(**settings).fit(X, np.c_[y, np.full(len(y), -2)])


@pytest.mark.parametrize(
    ("scoring", "params", "why"),
    [
        ("accuracy", {}, "continuous is not supported"),
        ("neg_log_loss", {}, "predict_proba"),
        ("r2", {"loss": "quantile", "quantile": [0.1, 0.9]}, "number of output"),
    ],
)
def test_scorers_that_are_not_for_these_numbers(scoring, params, why):
    X, y = make_regression(60, 3, random_state=0)
    reg = MLPRegressorDIY(early_stopping=True, scoring=scoring, **params)
    message = f"scoring='{scoring}' failed: .*{why}.* Use another scorer, such as 'loss"
    with pytest.raises(ValueError, match=message):
        reg.fit(X, y)


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


# ------------------------------------------- outliers, and losses that withstand them

ROBUST = {
    "absolute_error": {"loss": "absolute_error"},
    "huber": {"loss": "huber"},
    "quantile": {"loss": "quantile"},
}
of_robust = pytest.mark.parametrize("settings", ROBUST.values(), ids=ROBUST)
LEARNS = {"learning_rate": "one_cycle", "learning_rate_init": 0.01, "max_iter": 40}


@pytest.fixture(scope="module")
def line():
    """Return X, the truth, and y with a little noise."""
    rng = np.random.default_rng(0)
    X = rng.standard_normal((600, 3))
    truth = 100 + X[:, 0]
    return X, truth, truth + 0.1 * rng.standard_normal(600)


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


def test_r2_of_numbers_whose_squares_overflow_is_that_of_smaller_ones(diabetes):
    X, y = diabetes
    reg = quick().fit(X, y)
    P = reg.predict(X).astype(float)
    for scale in (1e-250, 1e250):
        assert_allclose(r2_of(y * scale, P * scale), metrics.r2_score(y, P))


def warnings_of(call, *words):
    """Return the warnings of a call that hold some words."""
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        call()
    return [w for w in caught if all(word in str(w.message) for word in words)]


@pytest.mark.parametrize("standardize", [False, True])
@pytest.mark.parametrize("loss", ["squared_error", "gaussian"])
def test_absurd_outliers_are_named_and_the_advice_helps(loss, standardize, line):
    X, truth, y = line
    y = y.copy()
    y[[7, 30]] *= 1000
    reg = quick(loss=loss, standardize_target=standardize)
    for fit in (reg.fit, clone(reg).partial_fit):
        (warning,) = warnings_of(partial(fit, X, y), "absurdly far")
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


# ------------------------------------------------------------- where R² means nothing


@pytest.mark.parametrize("method", ["validation", "score", "oof"])
@of_all_losses
def test_a_target_that_does_not_vary_is_left_out_of_scores(settings, method, diabetes):
    X, y = diabetes
    Y = np.c_[y / 100, np.full(len(y), 0.1), X[:, 0] ** 2]
    reg = quick(**settings, dtype="float64")
    learned = Y.copy()
    if method == "oof":
        reg.set_params(n_networks=3, resampling="folds", scoring="loss")
    else:
        learned[0, 1] = 0.3  # it varies in y, but not in y_val
    reg.fit(X, learned, X_val=X[1:], y_val=Y[1:])
    P = reg.oof_prediction_ if method == "oof" else reg.predict(X)
    expected = true_score(settings, Y[1:, [0, 2]], P[1:][:, [0, 2]], None)
    if method == "oof":
        expected = true_score(settings, Y[:, [0, 2]], P[:, [0, 2]], None)
        assert_allclose(reg.oof_score_, expected)
    elif method == "score":
        assert_allclose(reg.score(X[1:], Y[1:]), expected)
    else:
        assert_allclose(reg.validation_scores_[-1], expected)


UNDEFINED = {
    "constant": (slice(40), lambda y: np.full_like(y, 0.1), None),
    "a row": (slice(1), lambda y: y, None),
    "among rows that weigh something": (
        slice(40),
        lambda y: np.where(np.arange(len(y)) < 5, 0.1, y),
        np.arange(40) < 5,
    ),
}


@pytest.mark.parametrize(
    ("rows", "change", "weight"), UNDEFINED.values(), ids=UNDEFINED
)
@of_all_losses
def test_the_loss_decides_where_a_score_is_undefined(
    settings, rows, change, weight, diabetes
):
    X, y = diabetes[0], diabetes[1] / 100
    X_val, y_val = X[rows], change(y[rows])
    reg = quick(**settings, early_stopping=True, max_iter=20, learning_rate_init=0.02)
    data = {"X_val": X_val, "y_val": y_val, "sample_weight_val": weight}
    (warning,) = warnings_of(lambda: reg.fit(X, y, **data), "y_val is constant")
    assert warning.filename == __file__
    by_loss = clone(reg).set_params(scoring="loss").fit(X, y, **data)
    assert_array_equal(reg.predict(X), by_loss.predict(X))
    assert reg.validation_scores_ == by_loss.validation_scores_
    losses = [row["validation_loss"] for row in reg.history_]
    assert reg.best_validation_score_ == -min(losses)
    reg.set_params(warm_start=True).fit(X, y, **data)
    assert reg.best_validation_score_ >= -min(losses)  # what has to be beaten
    if weight is None and len(y_val) > 1:  # `diagnose` knows no weights
        findings = diagnose(reg, X_val, y_val).findings
        assert not [text for text in findings if "The score is" in text]


def test_the_loss_decides_for_all_networks_or_for_none(diabetes):
    X, y = diabetes
    X, y = X[:60], np.where(np.arange(60) < 2, 3.0, 0)
    reg = quick(n_networks=4, resampling="folds")
    assert len(warnings_of(lambda: reg.fit(X, y), "leaves out is constant")) == 1
    for its in reg.estimators_:
        losses = [row["validation_loss"] for row in its.history_]
        assert_allclose(its.validation_scores_, np.negative(losses))
    assert_allclose(reg.oof_score_, metrics.r2_score(y, reg.oof_prediction_))
    early = quick(early_stopping=True)
    (_,) = warnings_of(lambda: early.fit(X, y), "sets aside is constant")


def test_the_loss_decides_where_outliers_hide_everything_from_r2(line):
    X, truth, y = line
    y_val = np.where(np.arange(100) < 3, 1e5, truth[:100])
    reg = quick(loss="huber", standardize_target=True, early_stopping=True, **LEARNS)
    (_,) = warnings_of(lambda: reg.fit(X, y, X_val=X[:100], y_val=y_val), "y_val has 3")
    assert np.median(np.abs(reg.predict(X) - truth)) < 0.2


def test_the_score_of_a_constant_is_scikit_learns_without_its_rounding(diabetes):
    X, y = diabetes
    reg = quick().fit(X, y)
    for value in (0.0, 0.1):
        for shape in (60, (60, 1)):
            assert reg.score(X[:60], np.full(shape, value)) == 0
    assert reg.score(X[:60], np.full(60, 0.1), np.r_[0, np.ones(59)]) == 0
    P = reg.predict(X[:1])
    with pytest.warns(UndefinedMetricWarning):
        assert np.isnan(reg.score(X[:1], P))


# ---------------------------------------------------------------- one measure for all


def test_the_median_is_scored_as_the_absolute_error_is(diabetes):
    X, y = diabetes
    y = y / 100
    for quantile in (0.5, [0.5]):
        reg = quick(loss="quantile", quantile=quantile).fit(X, y, X_val=X, y_val=y)
        expected = metrics.r2_score(y, reg.predict(X))
        assert_allclose(reg.score(X, y), expected)
        assert_allclose(reg.best_validation_score_, expected, rtol=1e-5)
    folds = quick(loss="quantile", n_networks=3, resampling="folds").fit(X, y)
    assert_allclose(folds.oof_score_, metrics.r2_score(y, folds.oof_prediction_))


SEARCHES = {
    "quantiles": ({"loss": "quantile"}, {"quantile": [0.05, 0.5]}, "D² of 0.05 and R²"),
    "losses": ({"quantile": 0.9}, {"loss": ["huber", "quantile"]}, "D² of 0.9 and R²"),
    "one by one": (
        {"loss": "quantile", "quantile": 0.9},
        [{"quantile": [0.1]}, {"loss": ["huber"]}],
        "D² of 0.1 and R²",
    ),
    "the same loss twice": ({}, {"loss": ["absolute_error", "quantile"]}, None),
    "something else": (
        {"loss": "quantile", "quantile": 0.9},
        {"alpha": [0.1, 0.01]},
        None,
    ),
}


@pytest.mark.parametrize("wrap", ["alone", "pipeline", "transformed"])
@pytest.mark.parametrize(
    ("settings", "grid", "measures"), SEARCHES.values(), ids=SEARCHES
)
def test_a_search_says_where_its_scores_do_not_compare(
    settings, grid, measures, wrap, diabetes
):
    X, y = diabetes[0][:60], diabetes[1][:60] / 100
    reg, prefix = quick(**settings, hidden_layer_sizes=(3,), max_iter=1), ""
    if wrap == "pipeline":
        reg = make_pipeline(StandardScaler(), reg)
        prefix = "mlpregressordiy__"
    elif wrap == "transformed":
        reg, prefix = TransformedTargetRegressor(reg), "regressor__"
    grids = [
        {prefix + name: values for name, values in each.items()}
        for each in (grid if isinstance(grid, list) else [grid])
    ]
    search = GridSearchCV(reg, grids, cv=2)
    caught = warnings_of(lambda: search.fit(X, y), "do not compare")
    assert len(caught) == (measures is not None)
    if measures:
        assert measures in str(caught[0].message)
        assert caught[0].filename == __file__
    search.set_params(scoring="neg_mean_absolute_error")  # what it says to do
    assert not warnings_of(lambda: search.fit(X, y), "do not compare")


# ----------------------------------------------------------------- units that are off


@pytest.mark.parametrize("loss", ["squared_error", "huber"])
def test_y_val_in_other_units_is_named(loss, line):
    X, truth, _ = line
    logs = truth - 94
    prices = np.exp(logs)
    fit, words = quick(loss=loss).fit, ("y_val seems to be in other units",)
    for y, y_val in [(logs, prices), (prices, logs), (logs, 1000 * logs)]:
        given = {"X_val": X[:99], "y_val": y_val[:99]}
        (warning,) = warnings_of(partial(fit, X, y, **given), *words)
        assert warning.filename == __file__
        assert "TransformedTargetRegressor" in str(warning.message)
        (warning,) = warnings_of(
            lambda y=y, y_val=y_val: fit(
                X, np.c_[y, y], X_val=X[:99], y_val=np.c_[y, y_val][:99]
            ),
            *words,
        )
        assert "in column 1" in str(warning.message)
    for y_val in (prices[:99], prices[:1], np.full(30, prices[0]), prices[:9] / 99):
        given = {"X_val": X[: len(y_val)], "y_val": y_val}
        assert not warnings_of(partial(fit, X, prices, **given), *words)
    typo = np.where(np.arange(len(logs)) == 5, 1e6, logs)
    for y, y_val in [(typo, logs), (logs, typo)]:
        given = {"X_val": X[:99], "y_val": y_val[:99]}
        assert not warnings_of(partial(fit, X, y, **given), *words)


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
        (warning,) = warnings_of(partial(fit, X, y), "Set standardize_target=True")
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
