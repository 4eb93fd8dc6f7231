"""Scores of numbers: R², D², where they mean nothing, and what is compared."""

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from sklearn import metrics
from sklearn.base import clone
from sklearn.compose import TransformedTargetRegressor
from sklearn.datasets import make_regression
from sklearn.exceptions import UndefinedMetricWarning
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from helpers import LEARNS, LOSSES, of_all_losses, warnings_of
from helpers import quick_regressor as quick
from skdnn import MLPRegressorDIY, diagnose
from skdnn.estimators.task.numbers import r2_of


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


def test_r2_of_numbers_whose_squares_overflow_is_that_of_smaller_ones(diabetes):
    X, y = diabetes
    reg = quick().fit(X, y)
    P = reg.predict(X).astype(float)
    for scale in (1e-250, 1e250):
        assert_allclose(r2_of(y * scale, P * scale), metrics.r2_score(y, P))


# -------------------------------------------------------------- where R² means nothing


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


# ----------------------------------------------------------------- one measure for all


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
