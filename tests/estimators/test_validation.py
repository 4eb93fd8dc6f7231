"""The validation set: where it comes from, what is measured, and when to stop."""

import numpy as np
import pytest
import sklearn
from numpy.testing import assert_allclose, assert_array_equal
from sklearn.base import clone
from sklearn.datasets import load_iris
from sklearn.metrics import log_loss, roc_auc_score
from sklearn.model_selection import train_test_split
from sklearn.pipeline import Pipeline
from sklearn.preprocessing import StandardScaler

from helpers import quick, stopping
from skdnn import MLPClassifierDIY


@pytest.mark.parametrize("solver", ["adam", "sgd", "adamw", "lbfgs"])
@pytest.mark.parametrize("batch_norm", [False, True])
def test_a_validation_set_is_recorded_and_changes_nothing(
    split_digits, solver, batch_norm
):
    X, X_val, y, y_val = split_digits
    clf = quick(solver=solver, batch_norm=batch_norm)
    plain = clone(clf).fit(X, y)
    clf.fit(X, y, X_val=X_val, y_val=y_val)
    assert_array_equal(clf.network_.parameters, plain.network_.parameters)
    assert_array_equal(clf.network_.statistics, plain.network_.statistics)
    last = clf.history_[-1]
    expected = log_loss(y_val, clf.predict_proba(X_val))
    exact = not batch_norm or solver == "lbfgs"  # statistics are averaged in the end
    assert_allclose(last["validation_loss"], expected, rtol=1e-4 if exact else 0.05)
    accuracy = clf.score(X_val, y_val)
    assert last["validation_score"] == pytest.approx(accuracy, abs=0 if exact else 0.02)
    assert clf.validation_scores_ == [row["validation_score"] for row in clf.history_]


def test_weights_of_the_validation_set(split_cancer):
    X, X_val, y, y_val = split_cancer
    w = np.random.default_rng(0).uniform(0, 2, len(y_val))
    clf = quick(dtype="float64")
    clf.fit(X, y, X_val=X_val, y_val=y_val, sample_weight_val=w)
    last = clf.history_[-1]
    expected = log_loss(y_val, clf.predict_proba(X_val), sample_weight=w)
    assert_allclose(last["validation_loss"], expected)
    assert_allclose(last["validation_score"], clf.score(X_val, y_val, w))
    with pytest.raises(ValueError, match="sample_weight_val is provided, but"):
        quick().fit(X, y, sample_weight_val=w)
    with pytest.raises(ValueError, match=r"at least one non-zero|all 0"):
        quick().fit(X, y, X_val=X_val, y_val=y_val, sample_weight_val=w * 0)


def test_the_training_score_is_the_accuracy_before_each_step(split_digits):
    X, _, y, _ = split_digits
    clf = quick(batch_size=len(y), max_iter=3, dtype="float64").fit(X, y)
    for epochs in (1, 2):
        before = quick(batch_size=len(y), max_iter=epochs, dtype="float64").fit(X, y)
        assert_allclose(clf.history_[epochs]["score"], before.score(X, y))


@pytest.mark.parametrize("solver", ["adam", "lbfgs"])
def test_the_weighted_training_score(split_cancer, solver):
    X, _, y, _ = split_cancer
    w = np.random.default_rng(0).integers(0, 3, len(y))
    settings = {"batch_size": len(y), "dtype": "float64", "solver": solver}
    clf = quick(max_iter=2, **settings).fit(X, y, w)
    if solver == "lbfgs":
        assert_allclose(clf.history_[-1]["score"], clf.score(X, y, w))
    else:
        before = quick(max_iter=1, **settings).fit(X, y, w)
        assert_allclose(clf.history_[1]["score"], before.score(X, y, w))


def test_validation_set_through_a_pipeline(iris):
    X, y = load_iris(return_X_y=True)
    X, X_val, y, y_val = train_test_split(X * 100, y, random_state=0)
    with sklearn.config_context(enable_metadata_routing=True):
        clf = quick(max_iter=20).set_fit_request(X_val=True, y_val=True)
        pipeline = Pipeline(
            [("scale", StandardScaler()), ("mlp", clf)], transform_input=["X_val"]
        )
        pipeline.fit(X, y, X_val=X_val, y_val=y_val)
    scores = pipeline[-1].validation_scores_
    assert scores[-1] == pytest.approx(pipeline.score(X_val, y_val))
    scaled = pipeline[0].transform(X_val)
    assert scores[-1] == pytest.approx(pipeline[-1].score(scaled, y_val))


# ----------------------------------------------------------------- given, or set aside


def test_a_validation_set_needs_both_parts(iris):
    X, y = iris
    with pytest.raises(ValueError, match="X_val is provided, but y_val was not"):
        quick().fit(X, y, X_val=X)
    with pytest.raises(ValueError, match="y_val is provided, but X_val was not"):
        quick().fit(X, y, y_val=y)
    with pytest.raises(
        ValueError, match=r"`y_val` has classes not in .*'y_val' has \[7\]"
    ):
        quick().fit(X, y, X_val=X[:1], y_val=[7])
    with pytest.raises(ValueError, match="X_val does not go with X: X has 3 features"):
        quick().fit(X, y, X_val=X[:, :3], y_val=y)


@pytest.mark.parametrize(
    "y_val, match",
    [
        (np.eye(3)[[0, 1, 2] * 50], "y_val does not go with y: y should be a 1d array"),
        (np.full(150, 0.5), "y_val does not go with y: Unknown label type"),
        (np.zeros(149), "X_val has 150 rows, but y_val has 149"),
    ],
)
def test_errors_of_the_validation_set_name_it(iris, y_val, match):
    X, y = iris
    with pytest.raises(ValueError, match=match):
        MLPClassifierDIY().fit(X, y, X_val=X, y_val=y_val)


def test_early_stopping_splits_by_class(split_digits):
    X, _, y, _ = split_digits
    clf = quick(early_stopping=True, validation_fraction=0.2).fit(X, y)
    assert clf.t_ == clf.n_iter_ * (len(y) - np.ceil(0.2 * len(y)))
    # too few samples for a stratified split: as scikit-learn, without
    few = np.r_[np.flatnonzero(y < 9)[:30], np.flatnonzero(y == 9)[:1]]
    quick(early_stopping=True, validation_fraction=0.1).fit(X[few], y[few])


@pytest.mark.parametrize(
    "n_samples, fraction, aside",
    [(5, 0.1, 1), (20, 0.0, 0), (20, 0.99, 20), (4, 0.5, 2)],
)
def test_too_few_rows_to_set_some_aside(n_samples, fraction, aside):
    X, y = np.arange(2.0 * n_samples).reshape(-1, 2), np.arange(n_samples) % 2
    if n_samples == 4:
        y[:] = [0, 1, 1, 1]
    match = (
        f"early_stopping=True sets validation_fraction={fraction} of the {n_samples}"
        f" samples aside, {aside} of them"
    )
    with pytest.raises(ValueError, match=match):
        stopping(validation_fraction=fraction).fit(X, y)


# ---------------------------------------------------------------------- early stopping


def test_early_stopping_restores_the_best_epoch(split_digits):
    X, X_val, y, y_val = split_digits
    clf = quick(
        (50,), batch_norm=True, early_stopping=True, max_iter=60, n_iter_no_change=8,
        solver="sgd", learning_rate_init=3.0,
    ).fit(X, y, X_val=X_val, y_val=y_val)  # fmt: skip
    assert clf.best_validation_score_ == max(clf.validation_scores_)
    best_epoch = 1 + int(np.argmax(clf.validation_scores_))
    assert best_epoch < clf.n_iter_ < 60
    # Who had stopped there would have learned the same, but for statistics, which are
    # averaged anew in the end.
    twin = clone(clf).set_params(max_iter=best_epoch)
    twin.fit(X, y, X_val=X_val, y_val=y_val)
    assert twin.n_iter_ == best_epoch
    assert_array_equal(clf.network_.parameters, twin.network_.parameters)


@pytest.mark.parametrize("scoring", ["roc_auc", "neg_log_loss", "balanced_accuracy"])
def test_early_stopping_on_a_scorer(split_cancer, scoring):
    X, X_val, y, y_val = split_cancer
    clf = quick(scoring=scoring, early_stopping=True, n_iter_no_change=3, max_iter=100)
    clf.fit(X, y, X_val=X_val, y_val=y_val)
    scorer = sklearn.metrics.get_scorer(scoring)
    assert clf.n_iter_ < 100
    assert clf.best_validation_score_ == max(clf.validation_scores_)
    assert_allclose(scorer(clf, X_val, y_val), clf.best_validation_score_, rtol=1e-6)


def test_early_stopping_on_the_loss_and_on_a_callable(split_cancer):
    X, X_val, y, y_val = split_cancer
    clf = quick(scoring="loss", early_stopping=True, tol=0, max_iter=300, alpha=0)
    clf.set_params(learning_rate_init=0.02).fit(X, y, X_val=X_val, y_val=y_val)
    losses = [row["validation_loss"] for row in clf.history_]
    assert_array_equal(clf.validation_scores_, np.negative(losses))
    assert clf.n_iter_ < 300
    assert_allclose(log_loss(y_val, clf.predict_proba(X_val)), min(losses), rtol=1e-4)

    def auc(estimator, X, y):
        return roc_auc_score(y, estimator.predict_proba(X)[:, 1])

    clf = quick(scoring=auc).fit(X, y, X_val=X_val, y_val=y_val)
    assert_allclose(clf.validation_scores_[-1], auc(clf, X_val, y_val))


def test_warm_start_never_ends_worse_than_it_began(digits):
    X, y = digits
    X, X_val, y, y_val = X[300:], X[:300], y[300:], y[:300]
    clf = quick(early_stopping=True, warm_start=True, max_iter=20)
    clf.fit(X, y, X_val=X_val, y_val=y_val)
    best = clf.best_validation_score_
    clf.set_params(solver="sgd", learning_rate_init=50.0, max_iter=3)
    with np.errstate(all="ignore"):
        clf.fit(X, y, X_val=X_val, y_val=y_val)
    assert clf.best_validation_score_ == best == clf.score(X_val, y_val)
    # measured anew: another kind of score cannot be compared with the last fit's
    clf.set_params(solver="adam", learning_rate_init=0.001, scoring="loss")
    clf.fit(X, y, X_val=X_val, y_val=y_val)
    assert clf.best_validation_score_ == max(clf.validation_scores_[-3:]) < 0
