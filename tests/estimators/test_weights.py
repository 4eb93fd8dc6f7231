"""How much each row and each class counts."""

import warnings

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from sklearn.datasets import load_iris
from sklearn.datasets import make_multilabel_classification as make_multilabel
from sklearn.metrics import log_loss
from sklearn.utils.class_weight import compute_sample_weight

from helpers import quick
from skdnn import MLPClassifierDIY


@pytest.mark.parametrize("n_count", [2, 5])
@pytest.mark.parametrize(
    "settings",
    [
        {"early_stopping": True},
        {"n_networks": 4, "resampling": "folds"},
        {"n_networks": 4, "resampling": "bootstrap", "early_stopping": True},
    ],
    ids=["part", "folds", "bootstrap"],
)
def test_a_part_set_aside_has_rows_that_count_and_so_has_the_rest(
    small, settings, n_count, iris
):
    X, y = iris
    for seed in range(8):
        weight = np.zeros(len(y))
        weight[np.random.default_rng(seed).choice(len(y), n_count, False)] = 1
        its = small(**settings, random_state=seed, hidden_layer_sizes=(3,), max_iter=1)
        assert np.isfinite(its.fit(X, y, weight).best_validation_score_)
        for rows in getattr(its, "estimators_samples_", ()):
            assert 0 < weight[np.unique(rows)].sum() < n_count


def test_weights_that_leave_no_part_without_change_no_fold(small, iris):
    X, y = iris
    weight = np.random.default_rng(0).uniform(0, 1, len(y)).round()
    for resampling in ("folds", "bootstrap"):
        its = small(n_networks=3, resampling=resampling)
        plain = its.fit(X, y).estimators_samples_
        assert_array_equal(its.fit(X, y, weight).estimators_samples_, plain)


def test_rows_of_a_class_that_counts_nothing_are_not_all_that_is_learned(iris):
    X, y = iris
    weight = np.zeros(len(y))
    weight[[0, 1, 60, 120]] = 1
    for seed in range(8):
        clf = MLPClassifierDIY((3,), early_stopping=True, max_iter=1, random_state=seed)
        clf.set_params(class_weight={0: 0, 1: 1, 2: 1}).fit(X, y, weight)
        assert np.isfinite(clf.loss_)


def test_one_row_that_counts_is_an_error(small, iris):
    X, y = iris
    weight = np.arange(len(y)) == 7
    for settings, message in [
        ({"early_stopping": True}, "No sample with a positive .* 1 of 150 samples"),
        ({"n_networks": 3, "resampling": "folds"}, "1 sample of 150 with a positive"),
    ]:
        with pytest.raises(ValueError, match=message):
            small(**settings).fit(X, y, weight)


# --------------------------------------------------------------------- weights of rows


def test_bad_sample_weights(iris, small):
    X, y = iris
    with pytest.raises(ValueError, match="must contain at least one non-zero"):
        small().fit(X, y, np.zeros(len(y)))
    with pytest.raises(ValueError, match="Negative values in data"):
        small().fit(X, y, -np.ones(len(y)))
    with pytest.raises(ValueError, match=r"sample_weight.shape == \(3,\)"):
        small().fit(X, y, np.ones(3))
    with pytest.raises(ValueError, match="contains NaN"):
        small().fit(X, y, np.full(len(y), np.nan))


def test_training_needs_weight_and_pairs():
    X, y = load_iris(return_X_y=True)
    messages = set()
    for seed in range(30):  # the one sample with weight goes to either part
        clf = quick(early_stopping=True, random_state=seed)
        with pytest.raises(ValueError, match="positive") as error:
            clf.fit(X, y, np.r_[1.0, np.zeros(149)])
        messages.add(str(error.value)[:20])
    assert messages == {"No sample with a pos"}
    for settings in ({"batch_size": 1}, {}):
        with pytest.raises(ValueError, match="mini-batches of at least 2 samples"):
            clf = quick(batch_norm=True, **settings)
            rows = slice(None) if settings else slice(1)
            clf.partial_fit(X[rows], y[rows], classes=[0, 1, 2])


def test_the_loss_is_a_mean_over_mini_batches_with_weight(split_digits):
    X, _, y, _ = split_digits
    w = np.zeros(len(y))
    w[:200] = 1
    clf = quick(shuffle=False, learning_rate_init=1e-30, alpha=0).fit(X, y, w)
    expected = log_loss(y[:200], clf.predict_proba(X[:200]))
    assert_allclose(clf.loss_, expected, rtol=1e-4)


@pytest.mark.parametrize("scale, warns", [(1e-6, True), (1, False), (1e6, False)])
def test_weights_so_small_that_the_penalty_rules(iris, scale, warns):
    X, y = iris
    with warnings.catch_warnings(record=True) as record:
        warnings.simplefilter("always")
        MLPClassifierDIY(max_iter=1).fit(X, y, sample_weight=np.full(150, scale))
        MLPClassifierDIY(max_iter=1, alpha=0).fit(X, y, np.full(150, scale))
    found = [w for w in record if "as strong as that of alpha=1e+02" in str(w.message)]
    assert len(found) == warns


def test_weights_that_add_up_to_infinity(iris):
    X, y = iris
    clf = MLPClassifierDIY(max_iter=20, random_state=0)
    with pytest.raises(ValueError, match="add up to infinity"):
        clf.fit(X, y, sample_weight=np.full(150, 1e307))
    expected = clf.fit(X, y, sample_weight=np.full(150, 1.0)).loss_
    clf.set_params(alpha=0).fit(X, y, sample_weight=np.full(150, 1e37, np.float32))
    assert clf.loss_ == pytest.approx(expected, abs=1e-3)


# ------------------------------------------------------------------ weights of classes


@pytest.mark.parametrize(
    "class_weight", ["balanced", {0: 1, 1: 5.0, 2: 0.1}, {2: 3}, {0: 1, 1: 20}]
)
def test_class_weights_are_sample_weights(iris, class_weight):
    X, y = iris
    X, y = X[30:], y[30:]  # 20, 50, 50
    own = np.random.default_rng(0).uniform(0.5, 2, len(y))
    weights = compute_sample_weight(class_weight, y)
    expected = quick().fit(X, y, weights)
    clf = quick(class_weight=class_weight).fit(X, y)
    assert_allclose(clf.predict_proba(X), expected.predict_proba(X), rtol=1e-5)
    if class_weight != "balanced":
        expected = quick().fit(X, y, weights * own)
        clf = quick(class_weight=class_weight).fit(X, y, own)
        assert_allclose(clf.predict_proba(X), expected.predict_proba(X), rtol=1e-5)


def test_class_weights_do_not_change_what_the_validation_score_means(iris):
    X, y = iris
    y = (np.arange(150) < 15).astype(int)
    clf = quick(class_weight="balanced", early_stopping=True, dtype="float64").fit(X, y)
    # 15 samples set aside: the accuracy is a multiple of 1 / 15
    assert clf.validation_scores_[0] * 15 == pytest.approx(
        round(clf.validation_scores_[0] * 15)
    )
    quick(
        class_weight="balanced", early_stopping=True, scoring=lambda clf, X, y: 1.0
    ).fit(X, y)


def test_class_weight_with_other_labels(iris):
    X, y = iris
    days = np.array(["2020-01-01", "2020-01-02", "2020-01-03"], dtype="datetime64[D]")
    with pytest.raises(ValueError, match=r"2030-01-01.*not in y|not in y.*2030"):
        quick(class_weight={np.datetime64("2030-01-01"): 5}).fit(X, days[y])
    names = np.array(["a", "b", "c"])[y]
    clf = quick(class_weight={"b": 7}).fit(X, names)
    expected = quick(class_weight={1: 7}).fit(X, y)
    assert_array_equal(clf.predict_proba(X), expected.predict_proba(X))


def test_bad_class_weights(iris):
    X, y = iris
    with pytest.raises(ValueError, match=r"not in y: \[7\]; y has \[0 1 2\]"):
        quick(class_weight={0: 1, 7: 2}).fit(X, y)
    with pytest.raises(ValueError, match="'class_weight' parameter .* Got 'even'"):
        quick(class_weight="even").fit(X, y)
    with pytest.raises(ValueError, match="class_weight.* -1.* at least 0"):
        quick(class_weight={0: -1}).fit(X, y)
    for weight in (np.inf, np.nan, "a", None):
        with pytest.raises(ValueError, match="weights must be numbers, finite"):
            quick(class_weight={0: weight}).fit(X, y)
    with pytest.raises(ValueError, match="multiply to 0 for every sample"):
        quick(class_weight={0: 0, 1: 0, 2: 0}).fit(X, y)
    X, Y = make_multilabel(random_state=0)
    with pytest.raises(ValueError, match="not supported for multi-label"):
        quick(class_weight="balanced").fit(X, Y)


def test_class_weights_of_a_class_that_a_fold_lacks(iris):
    X, y = iris
    clf = MLPClassifierDIY(max_iter=3, random_state=0, class_weight={0: 1, 1: 2, 2: 5})
    twin = MLPClassifierDIY(max_iter=3, random_state=0, class_weight={0: 1, 1: 2})
    clf.fit(X[:100], y[:100])
    assert_array_equal(clf.predict(X), twin.fit(X[:100], y[:100]).predict(X))
    with pytest.raises(ValueError, match=r"not in y: \[7\]"):  # a slip of the pen
        clf.set_params(class_weight={0: 1, 1: 2, 7: 5}).fit(X, y)


def test_a_class_that_weighs_nothing_and_balanced_weights(iris):
    X, y = iris
    weights = (y != 2).astype(float)
    clf = MLPClassifierDIY(max_iter=50, random_state=0, class_weight="balanced")
    assert clf.fit(X, y, sample_weight=weights).score(X, y, weights) > 0.9
