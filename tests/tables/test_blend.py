"""How much each kind of network counts."""

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal

from helpers import outputs
from skdnn import TabularClassifierDIY, TabularRegressorDIY
from skdnn.tables.blend import least_squares_shares, likelihood_shares

TABLE = np.random.RandomState(0).normal(size=(60, 3))
CLASSES = np.array(["a", "b", "c"])[np.arange(60) % 3]


def tabular(Estimator, **params):
    return Estimator(
        (6,), **{"n_networks": 2, "max_iter": 2, "random_state": 0} | params
    )


def test_shares_of_greatest_likelihood():
    rng = np.random.default_rng(0)
    likelihoods = rng.uniform(0.1, 1, (2, 500)) * [[1.0], [1.2]]
    shares = likelihood_shares(likelihoods)
    grid = np.linspace(0, 1, 2001)
    values = np.log(np.outer(grid, likelihoods[0]) + np.outer(1 - grid, likelihoods[1]))
    assert_allclose(shares[0], grid[values.sum(axis=1).argmax()], atol=2e-3)
    twice = np.r_[np.full(100, 2.0), np.ones(400)]
    repeated = np.hstack([likelihoods[:, :100], likelihoods])
    assert_allclose(
        likelihood_shares(likelihoods, twice), likelihood_shares(repeated), rtol=1e-9
    )


def test_shares_of_least_squares():
    rng = np.random.default_rng(0)
    y = 1e6 + 1e3 * rng.normal(size=300)
    predictions = [y + 300 * rng.normal(size=300), y + 500 * rng.normal(size=300)]
    shares = least_squares_shares(predictions, y)
    grid = np.linspace(0, 1, 4001)
    blends = np.outer(grid, predictions[0]) + np.outer(1 - grid, predictions[1])
    best = grid[((blends - y) ** 2).sum(axis=1).argmin()]
    assert_allclose(shares, [best, 1 - best], atol=1e-3)
    bad = [y, y + 1e5]
    assert_allclose(least_squares_shares(bad, y), [1, 0], atol=1e-6)
    assert_allclose(least_squares_shares([y, y], y).sum(), 1)
    weights = np.r_[np.full(100, 2.0), np.ones(200)]
    repeated = [np.r_[P[:100], P] for P in predictions]
    assert_allclose(
        least_squares_shares(predictions, y, weights),
        least_squares_shares(repeated, np.r_[y[:100], y]),
        atol=1e-3,
    )


def of_pandas(values):
    return pytest.importorskip("pandas").Series(values, index=range(7, 67))


def of_polars(values):
    return pytest.importorskip("polars").Series(values)


@pytest.mark.parametrize("kind", [list, of_pandas, of_polars])
@pytest.mark.parametrize("Estimator", [TabularClassifierDIY, TabularRegressorDIY])
def test_weights_and_targets_of_any_kind_in_a_validation_set(Estimator, kind):
    y, params = TABLE[:, 0], {}
    if Estimator is TabularClassifierDIY:
        y, params = CLASSES, {"class_weight": {"a": 2, "b": 1, "c": 1}}
    weights = np.linspace(0, 1, 60)
    arrays, others = (
        tabular(Estimator, **params).fit(
            TABLE,
            its(y),
            its(weights),
            X_val=TABLE,
            y_val=its(y),
            sample_weight_val=its(weights),
        )
        for its in (np.asarray, kind)
    )
    assert_array_equal(arrays.shares_, others.shares_)
    assert_array_equal(outputs(arrays, TABLE), outputs(others, TABLE))
    left_out = [tabular(Estimator).fit(TABLE, its(y)) for its in (np.asarray, kind)]
    assert left_out[0].oof_score_ == left_out[1].oof_score_
    tabular(Estimator).fit(TABLE, y, X_val=TABLE, y_val=y, sample_weight_val=0.5)


def test_classes_of_weight_0_in_a_validation_set():
    clf = tabular(TabularClassifierDIY, class_weight={"a": 0, "b": 1, "c": 1})
    is_a = CLASSES == "a"
    with pytest.warns(UserWarning, match="All kinds of networks have an equal share"):
        clf.fit(TABLE, CLASSES, X_val=TABLE[is_a], y_val=CLASSES[is_a])
    assert_array_equal(clf.shares_, np.full(3, 1 / 3))
