"""What people stumble over: where a network fails, or succeeds at the wrong thing."""

import pickle
import warnings
from unittest import mock

import numpy as np
import pytest
import scipy.sparse
from numpy.testing import assert_allclose, assert_array_equal
from sklearn import metrics
from sklearn.base import clone
from sklearn.datasets import (
    load_digits,
    load_iris,
    make_multilabel_classification,
)
from sklearn.exceptions import ConvergenceWarning
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from skdnn import MLPClassifierDIY, MLPRegressorDIY, diagnose
from skdnn.displays import ArchitectureComparisonDisplay, TrainingCurveDisplay
from skdnn.estimators.validation import Validation
from skdnn.nn import Dense, ReLU, Softmax

pytestmark = pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")


@pytest.fixture(scope="module")
def digits():
    X, y = load_digits(return_X_y=True)
    return (X / 16).astype(np.float32), y


@pytest.fixture(scope="module")
def multilabel():
    return make_multilabel_classification(300, random_state=0)


def stopping(**options):
    settings = {"early_stopping": True, "max_iter": 5, "random_state": 0}
    return MLPClassifierDIY(**{**settings, **options})


# ------------------------------------------------------- scores that are not numbers

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


# ------------------------------------------------- scorers that fail, early and later


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
    assert len(said) <= len(reg.each_network())
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

    def trial(self):
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            try_scorer(self)
        trials.append(self.was_tried)

    try_scorer = Validation._try_scorer
    with mock.patch.object(Validation, "_try_scorer", trial):
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


# ------------------------------------------- classes that the validation set lacks


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

    class Watch:
        def setup(self, estimator, context): ...
        def teardown(self, estimator, context): ...
        def on_fit_task_begin(self, estimator, context, **data):
            begun.append(context)

        def on_fit_task_end(self, estimator, context, **data): ...

    clf = stopping(scoring="roc_auc_ovr").set_callbacks(Watch())
    with pytest.raises(ValueError, match=r"In y_val, no sample is of class 2: .*Give"):
        clf.fit(X, y, X_val=X[y < 2], y_val=y[y < 2])
    assert not begun


# ------------------------------------------------ multi-label and scorers of classes


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


# --------------------------------------------------------- what a scorer gets to see


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

    with warnings.catch_warnings():
        warnings.simplefilter("error", UserWarning)
        warnings.simplefilter("ignore", ConvergenceWarning)
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


# ---------------------------------- batch normalization: what predicts was trained


def loss_in_training_mode(clf, X, y, batch_size):
    """Return the mean log loss over mini-batches at the weights that predict."""
    network = clf.network_.copy()
    losses, sizes = [], []
    for start in range(0, len(y), batch_size):
        rows = slice(start, start + batch_size)
        workspace = network.workspace(len(y[rows]))
        P = network.forward(X[rows].astype(network.dtype), workspace)
        P = P if P.shape[1] > 1 else np.hstack([1 - P, P])
        losses.append(metrics.log_loss(y[rows], P, labels=clf.classes_))
        sizes.append(len(y[rows]))
    return np.average(losses, weights=sizes)


def normalized(**options):
    settings = {"batch_norm": True, "learning_rate_init": 0.01, "max_iter": 10}
    return MLPClassifierDIY((50,), **{**settings, "random_state": 0, **options})


def assert_predicts_what_was_trained(clf, X, y, batch_size=200):
    loss = metrics.log_loss(y, clf.predict_proba(X))
    assert_allclose(loss, loss_in_training_mode(clf, X, y, batch_size), rtol=0.05)


@pytest.mark.parametrize(
    "options",
    [
        {},
        {"ema_decay": 0.99},
        {"early_stopping": True},
        {"solver": "lbfgs"},
        {"learning_rate_init": 0.1, "max_iter": 3},
    ],
    ids=str,
)
def test_few_steps_with_batch_norm(options):
    X, y = load_iris(return_X_y=True)
    clf = normalized(**options).fit(X, y)
    assert_predicts_what_was_trained(clf, X, y)


def test_equal_rows_with_batch_norm():
    X, y = np.ones((50, 3)), np.arange(50) % 2
    clf = normalized().fit(X, y)
    assert_allclose(clf.predict_proba(X), 0.5, atol=0.005)
    assert_predicts_what_was_trained(clf, X, y)


@pytest.mark.parametrize(
    "kind", [np.asarray, scipy.sparse.csr_array, scipy.sparse.csc_matrix, "memmap"]
)
def test_statistics_are_plain_averages_over_the_training_data(digits, kind, tmp_path):
    X, y = digits
    if kind == "memmap":
        data = np.memmap(tmp_path / "X", np.float32, mode="w+", shape=X.shape)
        data[:] = X
    else:
        data = kind(X)
    clf = normalized(max_iter=2, batch_size=100, shuffle=False).fit(data, y)
    dense, norm = clf.network_.views[:2]
    Z = X @ dense["weights"] + dense["bias"]
    variances = np.array([Z[i : i + 100].var(axis=0) for i in range(0, 1797, 100)])
    shares = np.r_[np.full(17, 100), 97] / 1797
    assert_allclose(norm["running_mean"], Z.mean(axis=0), rtol=1e-4, atol=1e-5)
    assert_allclose(norm["running_var"], shares @ variances, rtol=1e-4)


def test_samples_of_weight_0_do_not_count_in_the_statistics(digits):
    X, y = digits
    weights = (np.arange(len(y)) < 1000).astype(float)
    options = {"max_iter": 2, "batch_size": 100, "shuffle": False}
    some = normalized(**options).fit(X[:1000], y[:1000])
    weighted = normalized(**options).fit(X, y, sample_weight=weights)
    assert_array_equal(weighted.network_.statistics, some.network_.statistics)


def test_averaging_leaves_training_alone(digits):
    """A fit that goes on is the same, whether its state was looked at or not."""
    X, y = digits

    class Look:
        def setup(self, estimator, context): ...
        def teardown(self, estimator, context): ...
        def on_fit_task_begin(self, estimator, context, **data): ...
        def on_fit_task_end(
            self, estimator, context, reconstruction_attributes=None, **data
        ):
            if reconstruction_attributes is not None:
                reconstruction_attributes()

    plain = normalized(dropout=0.3, max_iter=3).fit(X, y)
    seen = normalized(dropout=0.3, max_iter=3).set_callbacks(Look()).fit(X, y)
    assert_array_equal(seen.network_.parameters, plain.network_.parameters)
    assert_array_equal(seen.network_.statistics, plain.network_.statistics)


def test_ctrl_c_while_statistics_are_averaged(digits, monkeypatch):
    from skdnn.nn import Network

    X, y = digits
    forward = Network.forward

    def interrupt(self, X, workspace, stop=None):
        if workspace.training and stop is None:  # training goes from the logits
            raise KeyboardInterrupt
        return forward(self, X, workspace, stop)

    monkeypatch.setattr(Network, "forward", interrupt)
    with pytest.warns(UserWarning, match="interrupted"):
        clf = normalized().fit(X, y)
    assert clf.n_iter_ == 10
    assert clf.score(X, y) > 0.9


# --------------------------------------------------------- schedules that are planned


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


def test_early_stopping_keeps_the_best_epoch_of_a_plan(iris):
    scoring = Scores(0.1, 0.7, 0.2, 0.3)
    options = {"learning_rate": "one_cycle", "n_iter_no_change": 1}
    clf = stopping(max_iter=10, scoring=scoring, **options).fit(*iris)
    twin = stopping(max_iter=10, scoring=Scores(0.1, 0.7, *[0.2] * 8), **options)
    assert (clf.n_iter_, clf.best_validation_score_) == (10, 0.7)
    assert_array_equal(clf.coefs_[0], twin.fit(*iris).coefs_[0])


@pytest.mark.parametrize("learning_rate", ["one_cycle", "cosine"])
def test_partial_fit_says_once_that_the_plan_is_used_up(digits, learning_rate):
    X, y = digits
    clf = MLPClassifierDIY(learning_rate=learning_rate, max_iter=3, random_state=0)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        for _ in range(3):
            clf.partial_fit(X, y, classes=np.arange(10))
    with pytest.warns(UserWarning, match="laid out for max_iter=3 calls") as record:
        for _ in range(4):
            clf.partial_fit(X, y)
    assert [w.filename for w in record] == [__file__]
    before = clf.coefs_[0].copy()
    clf.set_params(max_iter=20)  # the way out
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        clf.partial_fit(X, y)
    assert not np.array_equal(clf.coefs_[0], before)


# -------------------------------------------- numbers that float32 can't tell apart


def seconds():
    return (1.7e9 + 30 * np.arange(400.0))[:, np.newaxis], np.arange(400) // 200


@pytest.mark.parametrize(
    "kind",
    [
        np.asarray,
        lambda X: X.astype(np.int64),
        lambda X: X.astype(np.float32),
        scipy.sparse.coo_array,
        np.ndarray.tolist,
    ],
)
@pytest.mark.parametrize("method", ["fit", "partial_fit"])
def test_columns_that_float32_cannot_resolve(kind, method):
    X, y = seconds()
    X = np.hstack([np.arange(400.0)[:, np.newaxis], X])
    clf = MLPClassifierDIY(max_iter=2, random_state=0)
    arguments = {"classes": [0, 1]} if method == "partial_fit" else {}
    with pytest.warns(UserWarning, match=r"Columns \[1\].*StandardScaler") as record:
        getattr(clf, method)(kind(X), y, **arguments)
    ours = [w for w in record if "Columns" in str(w.message)]
    assert [w.filename for w in ours] == [__file__]


def test_columns_that_float32_cannot_resolve_are_named():
    pandas = pytest.importorskip("pandas")
    X, y = seconds()
    df = pandas.DataFrame({"x": np.arange(400.0), "time": X[:, 0]})
    with pytest.warns(UserWarning, match=r"Columns \['time'\] of X vary so little"):
        MLPClassifierDIY(max_iter=2).fit(df, y)


@pytest.mark.parametrize(
    "column",
    [
        np.full(400, 1.7e9),  # constant: nothing to lose
        np.linspace(2000, 2020, 400),  # years
        np.r_[np.zeros(300), np.full(100, 1e9)],
        np.zeros(400),
        np.linspace(-1e9, 1e9, 400),
    ],
)
def test_columns_that_float32_resolves(column):
    _, y = seconds()
    with warnings.catch_warnings():
        warnings.simplefilter("error", UserWarning)
        warnings.simplefilter("ignore", ConvergenceWarning)
        MLPClassifierDIY(max_iter=2, random_state=0).fit(column[:, np.newaxis], y)


def test_float64_resolves_seconds():
    X, y = seconds()
    with warnings.catch_warnings():
        warnings.simplefilter("error", UserWarning)
        warnings.simplefilter("ignore", ConvergenceWarning)
        MLPClassifierDIY(max_iter=2, dtype="float64").fit(X, y)
        MLPClassifierDIY(max_iter=2).fit(StandardScaler().fit_transform(X), y)


# ------------------------------------------------------- too few rows to set aside


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


# ------------------------------------------------------ labels that are of pandas


@pytest.mark.parametrize("dtype", ["Int64", "Int8", "UInt16", "boolean"])
def test_labels_of_pandas_come_back_as_they_were(iris, dtype):
    pandas = pytest.importorskip("pandas")
    X, y = iris
    y = pandas.Series(y > 0 if dtype == "boolean" else y, dtype=dtype)
    kind = np.dtype(y.dtype.type)
    clf = MLPClassifierDIY(max_iter=20, random_state=0)
    in_parts = MLPClassifierDIY(max_iter=20, random_state=0)
    clf.fit(X, y, X_val=X[::2], y_val=y[::2])
    in_parts.partial_fit(X, y, classes=y.unique()).partial_fit(X, y)
    for fitted in (clf, in_parts):
        assert fitted.classes_.dtype == fitted.predict(X).dtype == kind
    assert clf.score(X, y) > 0.8
    y[3] = pandas.NA
    with pytest.raises(ValueError, match="NaN|missing"):
        clf.fit(X, y)


def test_indicators_of_pandas(multilabel):
    pandas = pytest.importorskip("pandas")
    X, Y = multilabel
    clf = MLPClassifierDIY(max_iter=3, random_state=0)
    clf.fit(X, pandas.DataFrame(Y).astype("boolean"))
    twin = MLPClassifierDIY(max_iter=3, random_state=0).fit(X, Y)
    assert_array_equal(clf.predict(X), twin.predict(X))


# ------------------------------------------------------ and more that goes unnoticed


@pytest.mark.parametrize(
    "labels",
    [np.array([3, 7, 9]), np.array([True, False, True]), np.array(list("abc"))],
)
def test_labels_among_objects_and_strings_of_any_length(iris, labels):
    X, y = iris
    plain = labels[y]
    expected = MLPClassifierDIY(max_iter=5, random_state=0).fit(X, plain)
    given = plain.astype(object)
    if labels.dtype.kind == "U":
        given = plain.astype(np.dtypes.StringDType())
    clf = MLPClassifierDIY(max_iter=5, random_state=0).fit(X, given)
    assert clf.classes_.dtype.kind == expected.classes_.dtype.kind
    assert_array_equal(clf.predict(X), expected.predict(X))
    assert clf.score(X, plain) == expected.score(X, plain)


@pytest.mark.parametrize("which", ["X", "y", "X_val", "y_val", "sample_weight"])
def test_masked_entries_are_not_numbers(iris, which):
    X, y = iris
    data = {"X": X, "y": y, "X_val": X, "y_val": y, "sample_weight": np.ones(150)}
    data[which] = np.ma.masked_array(data[which], np.zeros(data[which].shape, bool))
    MLPClassifierDIY(max_iter=1).fit(**data)  # nothing is masked
    data[which][3] = np.ma.masked
    values = "4 masked values" if which in ("X", "X_val") else "1 masked value"
    with pytest.raises(ValueError, match=f"masked array with {values};"):
        MLPClassifierDIY(max_iter=1).fit(**data)


def test_one_hot_encoded_classes(iris, multilabel):
    X, y = iris
    with pytest.warns(UserWarning, match=r"one-hot encoded.*y.argmax\(axis=1\)"):
        MLPClassifierDIY(max_iter=1).fit(X, np.eye(3, dtype=int)[y])
    with warnings.catch_warnings():
        warnings.simplefilter("error", UserWarning)
        warnings.simplefilter("ignore", ConvergenceWarning)
        MLPClassifierDIY(max_iter=1).fit(*multilabel)


@pytest.mark.parametrize("scale, warns", [(1e-6, True), (1, False), (1e6, False)])
def test_weights_so_small_that_the_penalty_rules(iris, scale, warns):
    X, y = iris
    with warnings.catch_warnings(record=True) as record:
        warnings.simplefilter("always")
        MLPClassifierDIY(max_iter=1).fit(X, y, sample_weight=np.full(150, scale))
        MLPClassifierDIY(max_iter=1, alpha=0).fit(X, y, np.full(150, scale))
    found = [w for w in record if "as strong as that of alpha=1e+02" in str(w.message)]
    assert len(found) == warns


def test_sorted_rows_that_are_not_shuffled(iris):
    X, y = iris
    clf = MLPClassifierDIY(max_iter=1, shuffle=False, batch_size=20)
    with pytest.warns(UserWarning, match="y is sorted, and shuffle=False"):
        clf.fit(X, y)
    order = np.random.RandomState(0).permutation(150)
    with warnings.catch_warnings():
        warnings.simplefilter("error", UserWarning)
        warnings.simplefilter("ignore", ConvergenceWarning)
        clf.fit(X[order], y[order])
        clf.set_params(batch_size="auto").fit(X, y)  # one mini-batch has all


def test_two_linear_layers_in_a_row(iris):
    layers = [Dense(20), ReLU(), Dense(3)]
    with pytest.warns(UserWarning, match=r"ends in Dense\(3\), to which fit adds"):
        MLPClassifierDIY(architecture=layers, max_iter=1).fit(*iris)
    with warnings.catch_warnings():
        warnings.simplefilter("error", UserWarning)
        warnings.simplefilter("ignore", ConvergenceWarning)
        MLPClassifierDIY(architecture=[*layers, Softmax()], max_iter=1).fit(*iris)
        MLPClassifierDIY(architecture=layers[:2], max_iter=1).fit(*iris)


@pytest.mark.parametrize(
    "start, match",
    [
        (lambda m, n, rng: (np.zeros((n, m)), np.zeros(n)), r"shapes .*\(4, 100\)"),
        (lambda m, n, rng: (np.zeros((m, n)), np.zeros(m)), "shapes"),
        (
            lambda m, n, rng: (np.full((m, n), np.nan), np.zeros(n)),
            "must return finite",
        ),
    ],
)
def test_initializers_that_return_something_else(iris, start, match):
    with pytest.raises(ValueError, match=match):
        MLPClassifierDIY(weight_init=start).fit(*iris)


def test_a_decay_that_turns_weights_around(iris):
    clf = MLPClassifierDIY(solver="adamw", alpha=2e3, max_iter=2)
    with pytest.raises(ValueError, match="alpha=2000.0 and learning_rate_init=0.001"):
        clf.fit(*iris)
    clf.set_params(solver="adam").fit(*iris)


def test_numbers_whose_squares_overflow(iris):
    X, y = iris
    X = X * [1, 1, 1e20, 1]
    match = r"Columns \[2\] of X hold numbers as large as .* overflow float32"
    with pytest.warns(UserWarning, match=match):
        MLPClassifierDIY(max_iter=1).fit(X, y)


def test_a_scorer_that_takes_no_weights(iris):
    X, y = iris
    weights = np.linspace(0.5, 2, 150)
    for scoring in (lambda estimator, X, y: estimator.score(X, y), "rand_score"):
        clf = stopping(scoring=scoring)
        with pytest.warns(UserWarning, match="takes no sample_weight") as record:
            clf.fit(X, y, sample_weight=weights)
        assert sum("takes no" in str(w.message) for w in record) == 1


@pytest.mark.parametrize("which", ["y", "y_val"])
@pytest.mark.parametrize("missing", [None, np.nan, "NA"])
def test_labels_that_are_missing(iris, missing, which):
    X, y = iris
    names = np.array(["no", "yes", "both"], object)[y]
    if missing == "NA":
        pandas = pytest.importorskip("pandas")
        broken = pandas.Series(names, dtype="string")
        broken[3] = pandas.NA
    else:
        broken = names.copy()
        broken[3] = missing
    data = {"X": X, "y": names, "X_val": X, "y_val": names, which: broken}
    with pytest.raises(ValueError, match=f"{which} contains NaN: 1 of 150 values"):
        MLPClassifierDIY(max_iter=1).fit(**data)


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


@pytest.mark.parametrize("unit", ["datetime64[s]", "timedelta64[ns]"])
def test_dates_and_durations(iris, unit):
    pandas = pytest.importorskip("pandas")
    _, y = iris
    column = np.arange(150).astype(unit)
    for X in (column[:, np.newaxis], pandas.DataFrame({"x": y, "when": column})):
        with pytest.raises(ValueError, match="X has dates or durations"):
            MLPClassifierDIY().fit(X, y)


@pytest.mark.parametrize(
    ("Estimator", "instead"),
    [
        (MLPClassifierDIY, "TabularClassifierDIY"),
        (MLPRegressorDIY, "TabularRegressorDIY"),
    ],
)
@pytest.mark.parametrize("dtype", ["str", "object", "category"])
def test_text_in_a_column(iris, Estimator, instead, dtype):
    pandas = pytest.importorskip("pandas")
    _, y = iris
    texts = pandas.Series(["1.5", "Ulm", "Kiel"] * 50).astype(dtype)
    X = pandas.DataFrame({"x": y, "city": texts})
    match = f"column 'city', such as 'Ulm'.*{instead}"
    with pytest.raises(ValueError, match=match):
        Estimator().fit(X, y)
    # Text that can be read as numbers is read, as scikit-learn does it.
    X["city"] = pandas.Series(["1.5", "2", "3"] * 50).astype(dtype)
    Estimator(max_iter=1).fit(X, y)


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


@pytest.mark.parametrize("scoring", ["roc_auc", "average_precision"])
def test_two_labels_are_no_binary_problem(multilabel, scoring):
    X, Y = multilabel
    clf = stopping(scoring=scoring).fit(X, Y[:, 1:3], X_val=X, y_val=Y[:, 1:3])
    metric = metrics.get_scorer(scoring)._score_func
    expected = metric(Y[:, 1:3], clf.predict_proba(X))
    assert clf.best_validation_score_ == pytest.approx(expected)
    assert_array_equal(clf.classes_, [0, 1])


@pytest.mark.parametrize("values", [(-1, 1), (1, 2), (0, 2)])
def test_indicators_of_other_numbers(multilabel, values):
    X, Y = multilabel
    with pytest.raises(ValueError, match=r"y must be an indicator matrix of 0 and 1"):
        MLPClassifierDIY(max_iter=1).fit(X, np.choose(Y, values))


def test_training_that_diverged_in_silence(iris):
    X, y = iris
    clf = MLPClassifierDIY(solver="sgd", max_iter=60, learning_rate_init=0.02)
    match = "has diverged: parameters are as large"
    with pytest.warns(ConvergenceWarning, match=match):
        clf.fit(X * 1000, y)


@pytest.mark.parametrize("dtype", ["<f2", ">f4", ">u2"])
def test_memory_maps_of_any_numbers_stay_maps(tmp_path, dtype, iris):
    X, y = np.round(iris[0] * 10 + 50), iris[1]
    mapped = np.memmap(tmp_path / "X", dtype, mode="w+", shape=X.shape)
    mapped[:] = X
    clf = MLPClassifierDIY(max_iter=3, random_state=0)
    checked = clf._validate(mapped, reset=True)
    assert np.shares_memory(checked, mapped)
    twin = MLPClassifierDIY(max_iter=3, random_state=0).fit(X.astype(np.float32), y)
    assert_array_equal(clf.fit(mapped, y).coefs_[0], twin.coefs_[0])


def test_weights_that_add_up_to_infinity(iris):
    X, y = iris
    clf = MLPClassifierDIY(max_iter=20, random_state=0)
    with pytest.raises(ValueError, match="add up to infinity"):
        clf.fit(X, y, sample_weight=np.full(150, 1e307))
    expected = clf.fit(X, y, sample_weight=np.full(150, 1.0)).loss_
    clf.set_params(alpha=0).fit(X, y, sample_weight=np.full(150, 1e37, np.float32))
    assert clf.loss_ == pytest.approx(expected, abs=1e-3)


# ------------------------------------------------------- what is around a network


def test_searches_in_pipelines_and_pipelines_in_pipelines(iris):
    X, y = iris
    mlp = MLPClassifierDIY(max_iter=3, random_state=0)
    search = GridSearchCV(mlp, {"alpha": [0, 1]}, cv=2)
    for inner in (search, make_pipeline(StandardScaler(), mlp)):
        pipeline = make_pipeline(StandardScaler(), inner).fit(X * 1000, y)
        assert TrainingCurveDisplay.from_estimator(pipeline).best_epochs_ == {"": 3}
        assert not any(
            "far from 1" in it for it in diagnose(pipeline, X * 1000, y).findings
        )


@pytest.mark.filterwarnings("ignore::sklearn.exceptions.FitFailedWarning")
@pytest.mark.filterwarnings("ignore:One or more of the test scores")
def test_candidates_that_failed_have_no_parameters_to_count(iris):
    mlp = MLPClassifierDIY(max_iter=1)
    sizes = {"hidden_layer_sizes": [(5,), (5, 5)], "dropout": [0, [0.1, 0.2]]}
    search = GridSearchCV(mlp, sizes, cv=2).fit(*iris)
    display = ArchitectureComparisonDisplay.from_search(search, x="parameters")
    assert len(display.order_) == 3


def test_diagnose_forgets_fits_whose_weights_are_gone(iris):
    X, y = iris
    clf = stopping(warm_start=True, max_iter=2)
    clf.fit(X, y, X_val=X, y_val=y).fit(X, y, X_val=X, y_val=y)
    for row, score in zip(clf.history_, (0.99, 0.98, 0.4, 0.5), strict=True):
        row["score"], row["validation_score"] = 0.99, score
    (finding,) = (it for it in diagnose(clf, X, y).findings if "The score is" in it)
    assert "0.990 in training and 0.500 in validation" in finding


def test_a_path_is_saved_as_a_string(iris, tmp_path):
    clf = MLPClassifierDIY(max_iter=1, checkpoint_dir=tmp_path).fit(*iris)
    assert pickle.loads(pickle.dumps(clf)).checkpoint_dir == str(tmp_path)
    assert clf.checkpoint_dir is tmp_path
