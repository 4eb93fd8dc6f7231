"""The estimator: its arguments, its attributes and its place in scikit-learn."""

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from sklearn.base import clone
from sklearn.calibration import CalibratedClassifierCV
from sklearn.datasets import load_breast_cancer
from sklearn.ensemble import VotingClassifier
from sklearn.exceptions import NotFittedError
from sklearn.experimental import enable_halving_search_cv  # noqa: F401
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import log_loss
from sklearn.model_selection import (
    GridSearchCV,
    HalvingGridSearchCV,
    cross_val_score,
)
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from helpers import check_refusal, quick
from skdnn import MLPClassifierDIY
from skdnn.nn import (
    BatchNorm,
    Dense,
    Dropout,
    LeakyReLU,
    Logistic,
    ReLU,
    Softmax,
    Tanh,
)

pytestmark = pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
NORMALIZED = [Dense(20), BatchNorm(), ReLU()]


def test_log_probabilities_reach_where_probabilities_do_not():
    X = np.array([[-1.0], [1.0]] * 20)
    y = np.array([0, 1] * 20)
    clf = quick((), max_iter=200, learning_rate_init=0.1, alpha=0).fit(X, y)
    w, b = clf.coefs_[0][0, 0], clf.intercepts_[0][0]
    z = w * 1000 + b  # far beyond what float32 can hold as a probability
    assert_allclose(clf.predict_log_proba([[1000.0]]), [[-z, 0]], rtol=1e-6)
    assert_allclose(clf.predict_proba([[1000.0]]), [[0, 1]], atol=1e-30)


# ------------------------------------------------------------------- architecture


def layers_of(clf):
    return list(clf.network_.layers)


def test_the_simple_way(split_digits):
    X, _, y, _ = split_digits
    clf = quick((30, 20), "tanh", batch_norm=True, dropout=0.1).fit(X, y)
    expected = [
        *(Dense(30), BatchNorm(), Tanh(), Dropout(0.1)),
        *(Dense(20), BatchNorm(), Tanh(), Dropout(0.1)),
        *(Dense(10), Softmax()),
    ]
    assert layers_of(clf) == expected
    assert layers_of(quick(7, "leaky_relu").fit(X, y))[:2] == [Dense(7), LeakyReLU()]
    assert layers_of(quick(()).fit(X, y)) == [Dense(10), Softmax()]


def test_the_explicit_way(split_digits):
    X, _, y, _ = split_digits
    given = [Dense(20), BatchNorm(), ReLU()]
    clf = quick(architecture=given).fit(X, y)
    assert layers_of(clf) == [*NORMALIZED, Dense(10), Softmax()]
    assert given == NORMALIZED
    whole = (*NORMALIZED, Dense(10), BatchNorm(), Softmax())
    clf = quick(architecture=whole, max_iter=30).fit(X, y)
    assert layers_of(clf) == list(whole)
    assert clf.score(X, y) > 0.9
    assert layers_of(quick(architecture=[]).fit(X, y)) == [Dense(10), Softmax()]


def test_two_classes_get_one_logistic_output_or_a_softmax_on_request():
    X, y = load_breast_cancer(return_X_y=True)
    X = StandardScaler().fit_transform(X)
    one = quick(architecture=[Dense(9), ReLU()], max_iter=50).fit(X, y)
    two = quick(architecture=[Dense(9), ReLU(), Dense(2), Softmax()], max_iter=50)
    two.fit(X, y)
    assert layers_of(one)[-2:] == [Dense(1), Logistic()]
    assert (one.n_outputs_, one.out_activation_) == (1, "logistic")
    assert (two.n_outputs_, two.out_activation_) == (2, "softmax")
    for clf in (one, two):
        P = clf.predict_proba(X)
        assert P.shape == (len(X), 2)
        assert_allclose(P.sum(axis=1), 1, rtol=1e-6)
        assert_array_equal(clf.predict(X), clf.classes_[P.argmax(axis=1)])
        assert_allclose(clf.predict_log_proba(X), np.log(P), rtol=1e-4, atol=1e-6)
        assert clf.score(X, y) > 0.95


@pytest.mark.parametrize("labels", [["no", "yes", "so"], [-1, 5, 7], [0.0, 1.0, 2.0]])
def test_labels_of_any_kind(iris, labels):
    X, y = iris
    clf = quick(max_iter=100, learning_rate_init=0.01).fit(X, np.array(labels)[y])
    assert_array_equal(clf.classes_, np.unique(labels))
    assert clf.classes_.dtype == np.array(labels).dtype
    assert clf.score(X, np.array(labels)[y]) > 0.95


# --------------------------------------------------------------- further arguments


def test_history_has_a_row_for_each_epoch(split_digits):
    X, _, y, _ = split_digits
    clf = quick(batch_norm=True, early_stopping=True).fit(X, y)
    assert [row["epoch"] for row in clf.history_] == [1, 2, 3, 4, 5]
    assert clf.loss_curve_ == [row["loss"] for row in clf.history_]
    assert clf.loss_ == clf.loss_curve_[-1]
    assert clf.validation_scores_ == [row["validation_score"] for row in clf.history_]
    for row in clf.history_:
        assert list(row["gradient_norm"]) == ["Dense_1", "BatchNorm_1", "Dense_2"]
        assert all(0 < norm < 10 for norm in row["gradient_norm"].values())
        assert row["learning_rate"] == 0.001
        assert row["seconds"] > 0
        assert 0 < row["validation_loss"] < 5
    assert "validation_loss" not in quick().fit(X, y).history_[0]


def test_history_holds_the_loss_and_score_of_a_given_validation_set(split_digits):
    X, X_val, y, y_val = split_digits
    clf = quick(dtype="float64").fit(X, y, X_val=X_val, y_val=y_val)
    last = clf.history_[-1]
    assert_allclose(last["validation_loss"], log_loss(y_val, clf.predict_proba(X_val)))
    assert_allclose(last["validation_score"], clf.score(X_val, y_val))
    assert_array_equal(quick(dtype="float64").fit(X, y).loss_curve_, clf.loss_curve_)


def test_alpha_penalizes_and_with_adamw_decays(iris):
    X, y = iris

    def size(**settings):
        clf = quick(max_iter=200, learning_rate_init=0.01, **settings).fit(X, y)
        return sum((W**2).sum() for W in clf.coefs_), clf

    assert size(alpha=10.0)[0] < 0.5 * size(alpha=0.0)[0]
    small, decayed = size(solver="adamw", alpha=2.0)
    assert small < 0.5 * size(solver="adamw", alpha=0.0)[0]
    # decoupled decay is no part of the loss
    assert_allclose(
        decayed.history_[-1]["loss"], log_loss(y, decayed.predict_proba(X)), rtol=0.05
    )


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


def test_early_stopping_splits_by_class(split_digits):
    X, _, y, _ = split_digits
    clf = quick(early_stopping=True, validation_fraction=0.2).fit(X, y)
    assert clf.t_ == clf.n_iter_ * (len(y) - np.ceil(0.2 * len(y)))
    # too few samples for a stratified split: as scikit-learn, without
    few = np.r_[np.flatnonzero(y < 9)[:30], np.flatnonzero(y == 9)[:1]]
    quick(early_stopping=True, validation_fraction=0.1).fit(X[few], y[few])


def test_summary(split_digits, capsys):
    X, _, y, _ = split_digits
    clf = quick(architecture=NORMALIZED).fit(X, y)
    clf.summary()
    lines = capsys.readouterr().out.splitlines()
    assert lines[3].split() == ["Dense(20)", "(m,", "20)", "1,300"]  # 64 * 20 + 20
    assert lines[4].split() == ["BatchNorm()", "(m,", "20)", "40"]
    assert lines[-1] == "1,550 parameters, float32"


def test_not_fitted_yet():
    clf = MLPClassifierDIY()
    for call in (clf.predict, clf.predict_proba, clf.predict_log_proba):
        with pytest.raises(NotFittedError):
            call(np.zeros((1, 2)))
    with pytest.raises(NotFittedError):
        clf.summary()
    assert not hasattr(clf, "coefs_")
    assert not hasattr(clf, "intercepts_")


# ------------------------------------------------------------- among scikit-learn's

ARCHITECTURES = [
    [Dense(8), ReLU()],
    [Dense(8), BatchNorm(), ReLU(), Dropout(0.1), Dense(6), Tanh()],
    [Dense(3), Softmax()],
]


@pytest.mark.parametrize(
    "grid",
    [
        {"mlpclassifierdiy__hidden_layer_sizes": [(5,), (8, 6), 7]},
        {"mlpclassifierdiy__architecture": ARCHITECTURES},
    ],
    ids=["sizes", "architectures"],
)
def test_grid_search_gives_the_same_with_two_jobs(iris, grid):
    X, y = iris
    pipeline = make_pipeline(StandardScaler(), quick(max_iter=20))
    searches = [
        GridSearchCV(pipeline, grid, cv=3, n_jobs=n_jobs).fit(X, y) for n_jobs in (1, 2)
    ]
    one, two = searches
    assert_array_equal(
        one.cv_results_["mean_test_score"], two.cv_results_["mean_test_score"]
    )
    assert one.best_params_ == two.best_params_
    assert_array_equal(one.predict_proba(X), two.predict_proba(X))
    (values,) = grid.values()
    assert [*one.cv_results_["params"][1].values()] == [values[1]]
    assert ARCHITECTURES[1] == eval(repr(ARCHITECTURES[1]))


def test_cross_val_score(iris):
    X, y = iris
    clf = quick(max_iter=100, learning_rate_init=0.01)
    assert cross_val_score(clf, X, y, cv=3).mean() > 0.9


def test_calibrated_and_voting(iris):
    X, y = iris
    clf = quick(max_iter=100, learning_rate_init=0.01)
    calibrated = CalibratedClassifierCV(clf, cv=3).fit(X, y)
    assert calibrated.score(X, y) > 0.9
    voting = VotingClassifier(
        [("mlp", clf), ("linear", LogisticRegression())], voting="soft"
    ).fit(X, y)
    expected = voting.estimators_[0].predict_proba(X)
    expected = (expected + voting.estimators_[1].predict_proba(X)) / 2
    assert_allclose(voting.predict_proba(X), expected, rtol=1e-6)


def test_halving_search_over_epochs(iris):
    X, y = iris
    search = HalvingGridSearchCV(
        quick(),
        {"architecture": ARCHITECTURES, "learning_rate_init": [1e-5, 0.03]},
        resource="max_iter",
        min_resources=12,
        max_resources=36,
        cv=3,
        random_state=0,
    ).fit(X, y)
    assert search.best_estimator_.max_iter == 36
    assert search.best_params_["learning_rate_init"] == 0.03


def test_clone_keeps_every_argument():
    clf = MLPClassifierDIY(architecture=NORMALIZED, dropout=0.0, max_grad_norm=2)
    assert clone(clf).get_params() == clf.get_params()


# ----------------------------------------------------------------------- bad input

BAD_LABELS = {
    "one class": (lambda y: y * 0, "only one class: .*0"),
    "continuous": (lambda y: y + 0.5, "Unknown label type"),
    "mixed": (
        lambda y: np.array(["a", *y[1:]], dtype=object),
        r"labels of one kind, got a mix of \['int.*', 'str'\]",
    ),
}


@pytest.mark.parametrize(("spoil", "message"), BAD_LABELS.values(), ids=BAD_LABELS)
def test_bad_labels_are_named_and_leave_the_classifier_as_it_was(iris, spoil, message):
    X, y = iris
    for clf in (quick().fit(X, y), quick()):
        check_refusal(clf, X, (X, spoil(y)), message)


def test_a_softmax_of_another_size_says_which_is_needed(iris):
    clf = quick().fit(*iris).set_params(architecture=[Dense(5), Softmax()])
    message = "5 outputs, but y has 3 classes.* needs 3 units"
    check_refusal(clf, iris[0], iris, message)


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
    ("params", "text"),
    [
        ({"class_weight": {np.int64(0): np.float64(-1.0)}}, "{0: -1.0}: weights must"),
        ({"hidden_layer_sizes": [np.int64(0)]}, r"must be > 0, got \[0\]"),
        ({"dropout": [np.float64(0.2)] * 2}, r"2 rates, \[0.2, 0.2\], for 1 hidden"),
        ({"dropout": np.float64(0.5), "architecture": []}, "dropout=0.5 has no effect"),
    ],
    ids=["class_weight", "sizes", "rates", "no effect"],
)
def test_values_in_errors_are_plain(iris, params, text):
    with pytest.raises(ValueError, match=text):
        MLPClassifierDIY(**params).fit(*iris)
    with pytest.raises(ValueError, match="got 2.0"):
        Dropout(np.float64(2))
