"""Scorers: what they get to see, and what is made of what they return."""

import warnings
from unittest import mock

import numpy as np
import pytest
import scipy.sparse
from numpy.testing import assert_allclose, assert_array_equal
from sklearn import metrics
from sklearn.base import clone
from sklearn.datasets import load_iris
from sklearn.exceptions import ConvergenceWarning
from sklearn.metrics import make_scorer

from helpers import Callback, quick, silent, stopping
from skdnn import MLPClassifierDIY, MLPRegressorDIY, diagnose
from skdnn.estimators.fitted import each_network
from skdnn.estimators.scoring import Scorer


def test_scorers_see_labels_and_no_warning_about_names():
    pandas = pytest.importorskip("pandas")
    X, y = load_iris(return_X_y=True)
    frame = pandas.DataFrame(X, columns=list("abcd"))
    names = np.array(["no", "yes", "so"])[y]
    with silent():
        clf = quick(scoring="f1_macro", early_stopping=True).fit(frame, names)
    assert len(clf.validation_scores_) == clf.n_iter_
    with pytest.raises(ValueError, match="'scoring' parameter .* Got 'accurate'"):
        quick(scoring="accurate").fit(X, y)


def test_a_callable_scorer_gets_the_rows_as_they_came(iris):
    pandas = pytest.importorskip("pandas")
    X, y = iris
    names = [f"row {i}" for i in range(len(y))]
    df = pandas.DataFrame(X, columns=list("abcd"), index=names)
    df["e"] = pandas.Series(np.arange(150), index=names, dtype="Int64")
    labels = pandas.Series(y, index=names, name="kind")
    seen = []

    def scoring(estimator, X, y):
        seen.append((X, y))
        return estimator.score(X, y)

    with silent():
        stopping(scoring=scoring).fit(df, labels, X_val=df[::5], y_val=labels[::5])
        pandas.testing.assert_frame_equal(seen[-1][0], df[::5])
        pandas.testing.assert_series_equal(seen[-1][1], labels[::5])
        stopping(scoring=scoring).fit(df, labels)
    X_part, y_part = seen[-1]
    assert len(X_part) == 15
    pandas.testing.assert_frame_equal(X_part, df.loc[X_part.index])
    pandas.testing.assert_series_equal(y_part, labels.loc[X_part.index])


@pytest.mark.parametrize("kind", [list, scipy.sparse.coo_array, np.asfortranarray])
def test_rows_of_any_kind_as_they_came(iris, kind):
    X, y = iris

    def scoring(estimator, X, y):
        assert (type(X) is list) == (kind is list)
        assert scipy.sparse.issparse(X) == (kind is scipy.sparse.coo_array)
        return estimator.score(X, y)

    clf = stopping(scoring=scoring).fit(kind(X.tolist()), y.tolist())
    assert clf.validation_scores_ == stopping().fit(X, y).validation_scores_


@pytest.mark.parametrize("given", [True, False], ids=["given", "split"])
def test_a_metric_that_writes_to_y_is_given_a_copy(iris, small, given):
    X, y = iris
    y_val = y.astype(float)

    def error(y, predicted):
        return np.mean((y - predicted) ** 2)

    def in_place(y, predicted):
        y -= predicted
        return np.mean(y**2)

    before = y_val.copy()
    scores = []
    for metric in (error, in_place):
        clf = small(early_stopping=True, scoring=make_scorer(metric))
        more = {"X_val": X, "y_val": y_val} if given else {}
        scores.append(clf.fit(X, y.astype(float), **more).validation_scores_)
    assert_allclose(scores[0], scores[1])
    assert_array_equal(y_val, before)


def test_a_scorer_that_takes_no_weights(iris):
    X, y = iris
    weights = np.linspace(0.5, 2, 150)
    for scoring in (lambda estimator, X, y: estimator.score(X, y), "rand_score"):
        clf = stopping(scoring=scoring)
        with pytest.warns(UserWarning, match="takes no sample_weight") as record:
            clf.fit(X, y, sample_weight=weights)
        assert sum("takes no" in str(w.message) for w in record) == 1


# --------------------------------------------------------- scores that are not numbers


NO_NUMBERS = [np.nan, np.inf, -np.inf, None, "high", 1j, np.array([0.5, 0.6])]


class Scores:
    """A scorer that returns one after the other, and then 0.5."""

    def __init__(self, *scores):
        self.scores = list(scores)

    def __call__(self, estimator, X, y):
        return self.scores.pop(0) if self.scores else 0.5

    def __repr__(self):
        return "Scores"


@pytest.mark.parametrize("score", NO_NUMBERS, ids=str)
@pytest.mark.parametrize("solver", ["adam", "lbfgs"])
def test_no_number_in_the_first_epoch_is_an_error(cancer, score, solver):
    X, y = cancer
    clf = stopping(scoring=Scores(score), solver=solver)
    with pytest.raises(ValueError, match="scoring=Scores returned .* a finite number"):
        clf.fit(X, y, X_val=X, y_val=y)
    assert not hasattr(clf, "network_")


@pytest.mark.parametrize("score", NO_NUMBERS, ids=str)
def test_no_number_later_is_one_warning_and_never_the_best(cancer, score):
    clf = stopping(scoring=Scores(0.1, score, 0.6, score), max_iter=6)
    with pytest.warns(
        UserWarning, match=r"Epoch 2 can't be the best.*Scores"
    ) as record:
        clf.fit(*cancer)
    ours = [w for w in record if w.category is not ConvergenceWarning]
    assert [w.filename for w in ours] == [__file__]
    assert_array_equal(clf.validation_scores_, [0.1, np.nan, 0.6, np.nan, 0.5, 0.5])
    assert clf.best_validation_score_ == 0.6
    twin = stopping(scoring=Scores(0.1, 0.2, 0.6, 0.3), max_iter=6).fit(*cancer)
    assert_array_equal(clf.network_.parameters, twin.network_.parameters)
    diagnose(clf, *cancer)


def test_no_number_is_no_improvement(cancer):
    scoring = Scores(0.9, *[np.nan] * 20)
    with pytest.warns(UserWarning, match="can't be the best"):
        clf = stopping(scoring=scoring, max_iter=20, n_iter_no_change=3).fit(*cancer)
    assert clf.n_iter_ == 5
    clf.set_params(warm_start=True, scoring=Scores(np.nan))
    with pytest.raises(ValueError, match="Scores returned nan"):
        clf.fit(*cancer)
    assert clf.n_iter_ == 5


def test_numbers_of_any_kind_are_numbers(cancer):
    scores = 0.25, np.float32(0.5), np.array(0.75), np.array([0.8]), True
    clf = stopping(scoring=Scores(*scores)).fit(*cancer)
    assert clf.validation_scores_ == pytest.approx([0.25, 0.5, 0.75, 0.8, 1])


def test_early_stopping_keeps_the_best_epoch_of_a_plan(iris):
    scoring = Scores(0.1, 0.7, 0.2, 0.3)
    options = {"learning_rate": "one_cycle", "n_iter_no_change": 1}
    clf = stopping(max_iter=10, scoring=scoring, **options).fit(*iris)
    twin = stopping(max_iter=10, scoring=Scores(0.1, 0.7, *[0.2] * 8), **options)
    assert (clf.n_iter_, clf.best_validation_score_) == (10, 0.7)
    assert_array_equal(clf.coefs_[0], twin.fit(*iris).coefs_[0])


# -------------------------------------------------- scorers that fail, early and later


class Raises:
    """A scorer that raises an error where it is told to, by the number of its call."""

    def __init__(self, *calls):
        self.calls, self.n_calls = calls, 0

    def __call__(self, estimator, X, y):
        self.n_calls += 1
        if self.n_calls in self.calls:
            raise ZeroDivisionError("log of nothing.")
        return self.n_calls / 100

    def __repr__(self):
        return "Raises"


@pytest.mark.parametrize("solver", ["adam", "lbfgs"])
def test_a_scorer_that_raises_later_is_one_warning(cancer, solver):
    X, y = cancer
    options = {"solver": solver, "early_stopping": solver == "adam", "alpha": 0.01}
    clf = stopping(scoring=Raises(3, 5), **options)
    match = r"Epoch 3 can't.*Raises failed: log of nothing \(ZeroDivisionError\)\."
    with pytest.warns(UserWarning, match=match) as record:
        clf.fit(X, y, X_val=X, y_val=y)
    assert len([w for w in record if w.category is not ConvergenceWarning]) == 1
    assert_array_equal(clf.validation_scores_, [0.01, 0.02, np.nan, 0.04, np.nan])
    assert clf.best_validation_score_ == 0.04
    with pytest.raises(ZeroDivisionError, match="log of nothing"):
        stopping(scoring=Raises(1), **options).fit(X, y, X_val=X, y_val=y)


POSITIVE = np.random.RandomState(0).normal(75, 5, 200)


def logarithmic(**options):
    """Return a regressor whose score has no value for negative predictions."""
    options = {"random_state": 0, "early_stopping": True} | options
    return MLPRegressorDIY(
        hidden_layer_sizes=(), scoring="neg_mean_squared_log_error", **options
    )


@pytest.mark.parametrize("networks", [{}, {"n_networks": 2, "resampling": "folds"}])
@pytest.mark.parametrize("seed", range(6))
def test_what_a_network_predicts_by_chance_is_no_error(seed, networks):
    X = np.random.RandomState(1).normal(size=(200, 3))
    reg = logarithmic(random_state=seed, learning_rate_init=0.1, max_iter=5, **networks)
    with warnings.catch_warnings(record=True) as record:
        warnings.simplefilter("always")
        reg.fit(X, POSITIVE)
    said = [str(w.message) for w in record if w.category is not ConvergenceWarning]
    said = [text for text in said if "standardize_target" not in text]
    assert all("neg_mean_squared_log_error' failed: " in text for text in said)
    assert len(said) <= len(each_network(reg))
    assert np.isnan(reg.validation_scores_[0])  # as weights of any sign show


def test_epochs_without_a_score_do_not_count():
    X = np.random.RandomState(1).normal(size=(200, 3))
    reg = logarithmic(learning_rate_init=0.3, max_iter=400, n_iter_no_change=2)
    with pytest.warns(UserWarning, match="Epoch 1 can't be the best"):
        reg.fit(X, POSITIVE)
    scores = np.array(reg.validation_scores_)
    assert np.isnan(scores[:4]).all()
    assert np.isfinite(scores[-3:]).all()
    assert reg.best_validation_score_ == np.nanmax(scores)
    assert reg.predict(X).min() > 0


@pytest.mark.parametrize("networks", [{}, {"n_networks": 2, "resampling": "folds"}])
def test_no_epoch_has_a_score(networks):
    X = np.random.RandomState(1).normal(size=(200, 3))
    options = {"learning_rate_init": 1e-6, "max_iter": 6, "n_iter_no_change": 2}
    reg = logarithmic(**options, **networks, tol=0)
    given = {"X_val": X, "y_val": POSITIVE}
    with pytest.warns(UserWarning, match="Epoch 1 can't be the best"):
        reg.fit(X, POSITIVE, **given)
    assert reg.n_iter_ == 6
    assert reg.best_validation_score_ is None
    plain = clone(reg).set_params(scoring="loss")  # which gets ever better
    plain.fit(X, POSITIVE, **given)
    assert_array_equal(reg.network_.parameters, plain.network_.parameters)
    reg.set_params(warm_start=True, max_iter=1)
    with pytest.warns(UserWarning, match="Epoch 7 can't be the best"):
        reg.fit(X, POSITIVE, **given)
    diagnose(reg, X, POSITIVE)


def test_a_set_that_a_metric_can_do_nothing_with():
    X = np.random.RandomState(1).normal(size=(200, 3))
    y = np.where(np.arange(200) == 7, -3, POSITIVE)
    with pytest.raises(
        ValueError, match="neg_mean_squared_log_error' failed: .*cannot be"
    ):
        logarithmic(max_iter=5).fit(X, POSITIVE, X_val=X, y_val=y)


FINE = {
    "two classes": (MLPClassifierDIY, {}, np.arange(200) % 2),
    "names": (MLPClassifierDIY, {}, np.array(["a", "b", "c"])[np.arange(200) % 3]),
    "numbers": (MLPRegressorDIY, {}, POSITIVE),
    "targets": (MLPRegressorDIY, {"loss": "gaussian"}, np.c_[POSITIVE, 1 / POSITIVE]),
    "rates": (MLPRegressorDIY, {"loss": "poisson"}, np.arange(200) % 4),
}


SCORERS = {
    "two classes": [
        *("roc_auc", "average_precision", "f1", "matthews_corrcoef", "neg_brier_score"),
        *("positive_likelihood_ratio", "neg_negative_likelihood_ratio"),
    ],
    "names": ["f1_macro", "roc_auc_ovr", "roc_auc_ovo", "neg_log_loss", "rand_score"],
    "numbers": ["r2", "neg_mean_squared_log_error", "neg_mean_gamma_deviance"],
    "targets": ["r2", "neg_mean_absolute_percentage_error", "explained_variance"],
    "rates": ["neg_mean_poisson_deviance", "neg_root_mean_squared_log_error"],
}


@pytest.mark.parametrize(
    ("kind", "scoring"), [(kind, it) for kind in SCORERS for it in SCORERS[kind]]
)
def test_the_trial_of_a_scorer_says_nothing_where_nothing_is_wrong(kind, scoring):
    Estimator, params, y = FINE[kind]
    X = np.random.RandomState(1).normal(size=(200, 3))
    trials = []

    def trial(self, job):
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            try_scorer(self, job)
        trials.append(self.was_tried)

    try_scorer = Scorer._try
    with mock.patch.object(Scorer, "_try", trial):
        reg = Estimator(scoring=scoring, early_stopping=True, max_iter=1, **params)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of one epoch
            reg.fit(X, y)
    assert trials == [True]


def test_a_metric_that_is_undefined_where_all_is_right():
    def log_error(y, predictions):
        return -np.log(np.mean((y - predictions) ** 2))

    X = np.random.RandomState(1).normal(size=(200, 3))
    scoring = metrics.make_scorer(log_error)
    reg = MLPRegressorDIY(scoring=scoring, early_stopping=True, max_iter=2)
    assert len(reg.fit(X, POSITIVE).validation_scores_) == 2


# ----------------------------------------------- classes that the validation set lacks


def test_a_metric_that_one_class_leaves_undefined(cancer):
    X, y = cancer
    clf = stopping(scoring="roc_auc")
    with pytest.raises(ValueError, match=r"In y_val, no sample is of class 0.*roc_auc"):
        clf.fit(X, y, X_val=X[y == 1][:40], y_val=y[y == 1][:40])


@pytest.mark.parametrize(
    "scoring, metric",
    [
        ("neg_log_loss", metrics.log_loss),
        ("neg_brier_score", metrics.brier_score_loss),
        (
            metrics.make_scorer(metrics.log_loss, response_method="predict_proba"),
            lambda *args, **options: -metrics.log_loss(*args, **options),
        ),
    ],
)
def test_scorers_of_probabilities_know_all_classes(iris, scoring, metric):
    X, y = iris
    X_val, y_val = X[y < 2][::3], y[y < 2][::3]
    clf = stopping(scoring=scoring).fit(X, y, X_val=X_val, y_val=y_val)
    expected = metric(y_val, clf.predict_proba(X_val), labels=[0, 1, 2])
    assert clf.best_validation_score_ == pytest.approx(-expected, rel=1e-5)


def test_a_class_of_one_member_and_the_automatic_split(iris):
    X, y = iris
    y = np.where(y == 2, 1, y)
    y[7] = 2
    for seed in range(3):
        stopping(scoring="neg_log_loss", random_state=seed).fit(X, y)
    with pytest.raises(
        ValueError, match="validation_fraction sets aside, no sample is"
    ):
        stopping(scoring="roc_auc_ovr").fit(X, y)


def test_a_scorer_that_needs_the_missing_class_fails_before_the_first_epoch(iris):
    X, y = iris
    begun = []

    class Watch(Callback):
        def on_fit_task_begin(self, estimator, context):
            begun.append(context)

    clf = stopping(scoring="roc_auc_ovr").set_callbacks(Watch())
    with pytest.raises(ValueError, match=r"In y_val, no sample is of class 2: .*Give"):
        clf.fit(X, y, X_val=X[y < 2], y_val=y[y < 2])
    assert not begun


# -------------------------------------------------- multi-label and scorers of classes


@pytest.mark.parametrize("scoring", ["neg_log_loss", "neg_brier_score"])
def test_multilabel_targets_are_no_distribution(multilabel, scoring):
    with pytest.raises(ValueError, match=f"{scoring}.*Use scoring='loss'"):
        stopping(scoring=scoring).fit(*multilabel)


def test_the_loss_of_multilabel_targets(multilabel):
    X, Y = multilabel
    clf = stopping(scoring="loss").fit(X, Y, X_val=X, y_val=Y)
    P = clf.predict_proba(X).astype(np.float64)
    losses = [metrics.log_loss(Y[:, k], P[:, k]) for k in range(Y.shape[1])]
    assert clf.best_validation_score_ == pytest.approx(-sum(losses), rel=1e-5)


def test_a_label_that_never_occurs(multilabel):
    X, Y = multilabel
    Y = Y.copy()
    Y[:, 1], Y[:, 3] = 0, 1
    match = "label 1 occurs in no sample and label 3 occurs in every sample.*roc_auc"
    with pytest.raises(ValueError, match=match):
        stopping(scoring="roc_auc").fit(X, Y)
    with pytest.raises(ValueError, match=r"'balanced_accuracy' failed: multilabel"):
        stopping(scoring="balanced_accuracy").fit(X, Y)
    stopping().fit(X, Y)


@pytest.mark.parametrize("scoring", ["roc_auc", "average_precision"])
def test_two_labels_are_no_binary_problem(multilabel, scoring):
    X, Y = multilabel
    clf = stopping(scoring=scoring).fit(X, Y[:, 1:3], X_val=X, y_val=Y[:, 1:3])
    metric = metrics.get_scorer(scoring)._score_func
    expected = metric(Y[:, 1:3], clf.predict_proba(X))
    assert clf.best_validation_score_ == pytest.approx(expected)
    assert_array_equal(clf.classes_, [0, 1])
