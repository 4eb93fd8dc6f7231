"""The estimator: its arguments, its attributes and its place in scikit-learn."""

import re
import warnings

import joblib
import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from sklearn.base import clone
from sklearn.calibration import CalibratedClassifierCV
from sklearn.datasets import load_breast_cancer, load_digits
from sklearn.ensemble import VotingClassifier
from sklearn.exceptions import ConvergenceWarning, NotFittedError
from sklearn.experimental import enable_halving_search_cv  # noqa: F401
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import log_loss
from sklearn.model_selection import (
    GridSearchCV,
    HalvingGridSearchCV,
    cross_val_score,
)
from sklearn.neural_network import MLPClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from helpers import quick
from skdnn import MLPClassifierDIY
from skdnn.nn import (
    BatchNorm,
    Dense,
    Dropout,
    LeakyReLU,
    Logistic,
    Normal,
    ReLU,
    Softmax,
    Tanh,
)
from skdnn.training import GradientDescent

pytestmark = pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
NORMALIZED = [Dense(20), BatchNorm(), ReLU()]


def test_float32_is_close_to_float64(split_digits):
    X, _, y, _ = split_digits
    single, double = quick().fit(X, y), quick(dtype="float64").fit(X, y)
    assert_allclose(single.loss_curve_, double.loss_curve_, rtol=1e-4)
    assert_allclose(single.predict_proba(X), double.predict_proba(X), atol=1e-4)


def test_log_probabilities_reach_where_probabilities_do_not():
    X = np.array([[-1.0], [1.0]] * 20)
    y = np.array([0, 1] * 20)
    clf = quick((), max_iter=200, learning_rate_init=0.1, alpha=0).fit(X, y)
    w, b = clf.coefs_[0][0, 0], clf.intercepts_[0][0]
    z = w * 1000 + b  # far beyond what float32 can hold as a probability
    assert_allclose(clf.predict_log_proba([[1000.0]]), [[-z, 0]], rtol=1e-6)
    assert_allclose(clf.predict_proba([[1000.0]]), [[0, 1]], atol=1e-30)


@pytest.mark.parametrize("dtype", ["float32", "auto"])
def test_too_large_for_the_network_is_an_error_also_when_predicting(
    iris, dtype, tmp_path
):
    X, y = iris
    X = X.astype(np.float32)
    clf = quick(dtype=dtype).fit(X, y)
    huge = np.memmap(tmp_path / "x", np.float64, "w+", shape=X.shape)
    huge[:] = X.astype(np.float64) * 1e39
    for given in (np.array(huge), huge):
        with pytest.raises(ValueError, match="too large for dtype"):
            clf.predict_proba(given)
    with pytest.raises(ValueError, match="too large for dtype"):
        quick().fit(huge, y)
    with pytest.raises(ValueError, match="too large for dtype"):
        clf.set_params(dtype="float64").predict(np.array(huge))


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
        assert 0 < row["seconds"] < 60
        assert 0 < row["validation_loss"] < 5
    assert "validation_loss" not in quick().fit(X, y).history_[0]


def test_history_holds_the_loss_and_score_of_a_given_validation_set(split_digits):
    X, X_val, y, y_val = split_digits
    clf = quick(dtype="float64").fit(X, y, X_val=X_val, y_val=y_val)
    last = clf.history_[-1]
    assert_allclose(last["validation_loss"], log_loss(y_val, clf.predict_proba(X_val)))
    assert_allclose(last["validation_score"], clf.score(X_val, y_val))
    assert_array_equal(quick(dtype="float64").fit(X, y).loss_curve_, clf.loss_curve_)


def test_gradient_norms_are_those_of_the_loss(iris):
    # One epoch of one mini-batch: the gradient at the initial weights is the change
    # of the weights under plain gradient descent.
    X, y = iris
    clf = quick(solver="sgd", momentum=0, max_iter=1, dtype="float64", alpha=0.5)
    fitted = clone(clf).set_params(learning_rate_init=1.0).fit(X, y)
    start = clone(clf).set_params(learning_rate_init=1e-300).fit(X, y)
    for i, name in enumerate(["Dense_1", "Dense_2"]):
        change = np.concatenate(
            [
                (fitted.coefs_[i] - start.coefs_[i]).ravel(),
                fitted.intercepts_[i] - start.intercepts_[i],
            ]
        )
        norm = fitted.history_[0]["gradient_norm"][name]
        assert_allclose(norm, np.linalg.norm(change))


def rates(X, y, **settings):
    clf = quick(n_iter_no_change=np.inf, **settings).fit(X, y)
    return [row["learning_rate"] for row in clf.history_]


@pytest.mark.parametrize("solver", ["sgd", "adam", "adamw"])
def test_every_schedule_with_every_solver(iris, solver):
    X, y = iris
    fit = {"solver": solver, "max_iter": 10, "learning_rate_init": 0.1}
    assert rates(X, y, **fit) == [0.1] * 10
    expected = 0.1 / (np.arange(10) * 150 + 1) ** 0.3
    assert_allclose(
        rates(X, y, learning_rate="invscaling", power_t=0.3, **fit), expected
    )
    middle = (np.arange(10) + 0.5) / 10  # one mini-batch an epoch
    expected = 0.1 * np.cos(middle * np.pi / 2) ** 2
    assert_allclose(rates(X, y, learning_rate="cosine", **fit), expected)
    expected = 0.1 * np.interp(middle, [0, 0.2, 1], [0, 1, 0])
    assert_allclose(rates(X, y, learning_rate="one_cycle", **fit), expected)
    clf = quick(learning_rate="adaptive", tol=10, n_iter_no_change=1, **fit).fit(X, y)
    observed = [row["learning_rate"] for row in clf.history_]
    # The first epoch always improves on infinity; then 2 epochs without improvement.
    assert_allclose(observed, 0.1 / 5.0 ** np.array([0, 0, 0, 1, 1, 2, 2, 3, 3, 4]))


def test_max_grad_norm_bounds_each_step(iris):
    X, y = iris
    plain = {"solver": "sgd", "momentum": 0, "learning_rate_init": 1.0, "max_iter": 1}
    start = quick(**{**plain, "learning_rate_init": 1e-30}).fit(X, y).network_
    free = quick(**plain).fit(X, y).network_
    clipped = quick(max_grad_norm=0.01, **plain).fit(X, y).network_
    free_step = free.parameters - start.parameters
    step = clipped.parameters - start.parameters
    assert np.linalg.norm(free_step) > 0.1
    assert_allclose(np.linalg.norm(step), 0.01, rtol=1e-3)
    assert_allclose(
        step / np.linalg.norm(step), free_step / np.linalg.norm(free_step), atol=1e-4
    )


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
    assert clf.n_iter_ < 60
    assert clf.validation_scores_[-1] < clf.best_validation_score_
    assert clf.best_validation_score_ == max(clf.validation_scores_)
    # Statistics are averaged anew after that, which makes a small difference.
    score = clf.score(X_val, y_val)
    assert score == pytest.approx(clf.best_validation_score_, abs=0.005)
    assert score > clf.validation_scores_[-1] + 0.005


def test_early_stopping_splits_by_class(split_digits):
    X, _, y, _ = split_digits
    clf = quick(early_stopping=True, validation_fraction=0.2).fit(X, y)
    assert clf.t_ == clf.n_iter_ * (len(y) - np.ceil(0.2 * len(y)))
    # too few samples for a stratified split: as scikit-learn, without
    few = np.r_[np.flatnonzero(y < 9)[:30], np.flatnonzero(y == 9)[:1]]
    quick(early_stopping=True, validation_fraction=0.1).fit(X[few], y[few])


def test_stops_when_nothing_improves(iris):
    X, y = iris
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        clf = quick(tol=10, n_iter_no_change=4, max_iter=50).fit(X, y)
    assert clf.n_iter_ == 6
    with pytest.warns(ConvergenceWarning, match=r"Maximum iterations \(5\) reached"):
        quick().fit(X, y)
    with warnings.catch_warnings():  # these schedules are made for max_iter epochs
        warnings.simplefilter("error")
        quick(learning_rate="one_cycle").fit(X, y)
        quick(learning_rate="cosine").fit(X, y)


def test_verbose_prints_scikit_learns_lines(iris, capsys):
    X, y = iris
    settings = {"verbose": True, "early_stopping": True, "n_iter_no_change": 2}
    settings |= {"random_state": 0, "tol": 0.5, "max_iter": 30}
    keep = y < 2
    MLPClassifier(**settings).fit(X[keep], y[keep])
    theirs = capsys.readouterr().out
    MLPClassifierDIY(dtype="float64", **settings).fit(X[keep], y[keep])
    assert capsys.readouterr().out == theirs
    assert "Stopping" in theirs
    quick().fit(X, y)
    assert capsys.readouterr().out == ""


def test_dtype_of_the_arithmetic(split_digits):
    X, _, y, _ = split_digits
    for dtype, input_dtype, expected in [
        ("float32", np.float64, np.float32),
        ("float64", np.float32, np.float64),
        ("auto", np.float32, np.float32),
        ("auto", np.float64, np.float64),
        ("auto", np.uint8, np.float64),
    ]:
        clf = quick(dtype=dtype).fit(X.astype(input_dtype), y)
        assert clf.coefs_[0].dtype == expected
        assert clf.predict_proba(X[:3].astype(input_dtype)).dtype == expected


def test_integers_are_cast_as_they_are_gathered():
    X, y = load_digits(return_X_y=True)
    clf = quick(early_stopping=True).fit(X.astype(np.uint8), y)
    expected = quick(early_stopping=True).fit(X.astype(np.float32), y)
    assert_array_equal(clf.loss_curve_, expected.loss_curve_)
    assert_array_equal(clf.predict_proba(X.astype(np.uint8)), expected.predict_proba(X))


def test_unshuffled_batches_are_cast_as_well():
    X, y = load_digits(return_X_y=True)
    clf = quick(shuffle=False).fit(X.astype(np.uint8), y)
    expected = quick(shuffle=False).fit(X.astype(np.float32), y)
    assert_array_equal(clf.loss_curve_, expected.loss_curve_)


def test_batch_size(iris):
    X, y = iris
    with pytest.warns(UserWarning, match="It is going to be clipped"):
        clipped = quick(batch_size=1000).fit(X, y)
    assert_array_equal(clipped.loss_curve_, quick(batch_size=150).fit(X, y).loss_curve_)
    assert quick(batch_size=40).fit(X, y).loss_ != clipped.loss_


def test_same_seed_same_bits_and_dropout_flows_from_it(split_digits):
    X, _, y, _ = split_digits
    first = quick(dropout=0.5, batch_norm=True).fit(X, y)
    again = quick(dropout=0.5, batch_norm=True).fit(X, y)
    other = quick(dropout=0.5, batch_norm=True, random_state=1).fit(X, y)
    assert_array_equal(first.network_.parameters, again.network_.parameters)
    assert (first.network_.parameters != other.network_.parameters).any()


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


def test_feature_names(iris):
    pandas = pytest.importorskip("pandas")
    X, y = iris
    frame = pandas.DataFrame(X, columns=list("abcd"))
    clf = quick().fit(frame, y)
    assert_array_equal(clf.feature_names_in_, list("abcd"))
    with pytest.raises(ValueError, match="feature names"):
        clf.predict(frame[list("dcba")])
    assert not hasattr(clf.fit(X, y), "feature_names_in_")


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


def test_joblib_keeps_the_parameters_and_no_more(split_digits, tmp_path):
    X, X_test, y, _ = split_digits
    clf = quick((300, 200), batch_norm=True, dropout=0.1, early_stopping=True).fit(X, y)
    joblib.dump(clf, tmp_path / "model.joblib")
    network = clf.network_
    learned = network.parameters.nbytes + network.statistics.nbytes
    assert (tmp_path / "model.joblib").stat().st_size < learned + 10_000
    for mmap_mode in (None, "r"):
        twin = joblib.load(tmp_path / "model.joblib", mmap_mode=mmap_mode)
        assert_array_equal(twin.predict_proba(X_test), clf.predict_proba(X_test))
        assert_array_equal(twin.coefs_[0], clf.coefs_[0])
        assert twin.history_ == clf.history_


# ----------------------------------------------------------------------- bad input

BAD_DATA = [
    ("nan", lambda X, y: (np.where(X > 1, np.nan, X), y), "contains NaN"),
    ("infinity", lambda X, y: (np.where(X > 1, np.inf, X), y), "infinity"),
    ("huge", lambda X, y: (X * 1e300, y), "too large for dtype"),
    ("empty", lambda X, y: (X[:0], y[:0]), r"Found array with 0 sample"),
    ("no features", lambda X, y: (X[:, :0], y), r"0 feature"),
    ("one class", lambda X, y: (X, y * 0), "only one class: .*0"),
    ("lengths", lambda X, y: (X, y[:-1]), "inconsistent numbers of samples"),
    ("continuous", lambda X, y: (X, y + 0.5), "Unknown label type"),
    ("nan label", lambda X, y: (X, np.where(y == 0, np.nan, y)), "contains NaN"),
    (
        "mixed labels",
        lambda X, y: (X, np.array(["a", *y[1:]], dtype=object)),
        r"labels of one kind, got a mix of \['int.*', 'str'\]",
    ),
    ("one dimension", lambda X, y: (X[:, 0], y), "Expected 2D array"),
]
BAD_ARGUMENTS = [
    ({"hidden_layer_sizes": (10, -3)}, r"hidden_layer_sizes must be > 0, got \[10, -3"),
    ({"hidden_layer_sizes": (10, 2.5)}, r"hidden_layer_sizes"),
    ({"hidden_layer_sizes": 0}, "'hidden_layer_sizes' parameter.* Got 0 instead"),
    ({"activation": "rel"}, "'activation' parameter .*'relu'.* Got 'rel' instead"),
    ({"solver": "adm"}, "'solver' parameter .* Got 'adm' instead"),
    ({"learning_rate": "warm"}, "'learning_rate' .*'one_cycle'.* Got 'warm' instead"),
    ({"alpha": -1}, "'alpha' parameter .* Got -1 instead"),
    ({"batch_size": -5}, "'batch_size' parameter .* Got -5 instead"),
    ({"max_iter": 0}, "'max_iter' parameter .* Got 0 instead"),
    ({"dropout": 1.0}, "'dropout' parameter .* Got 1.0 instead"),
    ({"batch_norm": "yes"}, "'batch_norm' parameter .* Got 'yes' instead"),
    ({"max_grad_norm": 0}, "'max_grad_norm' parameter .* Got 0 instead"),
    ({"dtype": "float16"}, "'dtype' parameter .* Got 'float16' instead"),
    ({"validation_fraction": 1.5}, "'validation_fraction' parameter .* Got 1.5"),
    ({"architecture": "deep"}, "'architecture' parameter .* Got 'deep' instead"),
    ({"architecture": [Dense(5), ReLU]}, r"Layer 1 is the class ReLU"),
    ({"architecture": [Dense(5), "relu"]}, "Layer 1 must be a layer .* got 'relu'"),
    ({"architecture": [Softmax(), Dense(3)]}, "it can only be the last"),
    (
        {"architecture": [Dense(5), Softmax()]},
        "5 outputs, but y has 3 classes.* needs 3 units",
    ),
    ({"architecture": [Dense(5)], "dropout": 0.5}, "dropout=0.5 has no effect"),
    ({"architecture": [Dense(5)], "batch_norm": True}, "batch_norm=True has no effect"),
]


@pytest.fixture
def fitted(iris):
    return quick().fit(*iris)


def same_as_before(clf, before, X):
    names = {name for name in vars(clf) if name.endswith("_")}
    return names == before[0] and np.array_equal(clf.predict_proba(X), before[1])


@pytest.mark.filterwarnings("ignore:overflow")
@pytest.mark.parametrize(
    ("spoil", "message"), [case[1:] for case in BAD_DATA], ids=[c[0] for c in BAD_DATA]
)
def test_bad_data_is_named_and_leaves_the_estimator_as_it_was(
    iris, fitted, spoil, message
):
    X, y = iris
    names = {name for name in vars(fitted) if name.endswith("_")}
    before = names, fitted.predict_proba(X)
    with pytest.raises(ValueError, match=message):
        fitted.fit(*spoil(X, y))
    assert same_as_before(fitted, before, X)
    fresh = quick()
    with pytest.raises(ValueError, match=message):
        fresh.fit(*spoil(X, y))
    assert not [name for name in vars(fresh) if name.endswith("_")]


@pytest.mark.parametrize(("arguments", "message"), BAD_ARGUMENTS, ids=str)
def test_bad_arguments_are_named_and_leave_the_estimator_as_it_was(
    iris, fitted, arguments, message
):
    X, y = iris
    names = {name for name in vars(fitted) if name.endswith("_")}
    before = names, fitted.predict_proba(X)
    with pytest.raises((ValueError, TypeError), match=message):
        fitted.set_params(**arguments).fit(X, y)
    good = {name: getattr(quick(), name) for name in arguments}
    assert same_as_before(fitted.set_params(**good), before, X)


def test_predict_with_other_features(fitted):
    with pytest.raises(ValueError, match="X has 3 features, but .* expecting 4"):
        fitted.predict(np.zeros((2, 3)))
    with pytest.raises(ValueError, match="contains NaN"):
        fitted.predict(np.full((2, 4), np.nan))


def test_a_fit_that_diverges_says_so_and_keeps_the_last_one(iris, fitted):
    X, y = iris
    before = fitted.predict_proba(X)
    fitted.set_params(solver="sgd", learning_rate_init=1e38, max_iter=20)
    with (
        np.errstate(all="ignore"),
        pytest.raises(ValueError, match="non-finite parameter weights"),
    ):
        fitted.fit(X * 1e3, y)
    assert_array_equal(fitted.predict_proba(X), before)


EXPLODES = {"alpha": 600.0, "learning_rate_init": 0.5, "momentum": 0, "solver": "sgd"}


@pytest.mark.parametrize(
    ("settings", "kept"),
    [
        ({}, "the epoch"),
        ({"ema_decay": 0.5, "batch_norm": True}, "the epoch"),
        ({"early_stopping": True}, "the best epoch"),
    ],
    ids=["plain", "ema", "early stopping"],
)
def test_a_loss_that_is_not_finite_ends_training_at_the_epoch_before(
    iris, settings, kept
):
    X, y = iris
    settings = {"batch_size": 50, **EXPLODES, **settings}
    ends = []
    with np.errstate(all="ignore"), pytest.warns(ConvergenceWarning) as record:
        clf = quick(**{**settings, "max_iter": 100})
        clf.set_callbacks(Ends(ends)).fit(X, y)
    assert re.fullmatch(
        rf"The loss became (inf|nan) in epoch {clf.n_iter_ + 1}: training ends, and the"
        rf" parameters of {kept} before it are kept. Lower learning_rate_init \(it is"
        r" 0.5\), set max_grad_norm, or scale X.",
        str(record[0].message),
    )
    assert (len(record), record[0].filename) == (1, __file__)
    with np.errstate(all="ignore"):
        shorter = quick(**{**settings, "max_iter": clf.n_iter_}).fit(X, y)
    assert_array_equal(clf.network_.parameters, shorter.network_.parameters)
    assert (clf.loss_curve_, clf.t_) == (shorter.loss_curve_, shorter.t_)
    assert np.isfinite(clf.loss_curve_).all()
    assert np.isfinite(clf.network_.parameters).all()
    assert ends == [True] * clf.n_iter_ + [False]


class Ends:
    """Notes whether each epoch ended with a network."""

    def __init__(self, ends):
        self.ends = ends

    def setup(self, estimator, context):
        pass

    teardown = on_fit_task_begin = setup

    def on_fit_task_end(self, estimator, context, *, fitted_estimator):
        if context.task_name == "epoch":
            self.ends.append(fitted_estimator is not None)


def test_parameters_that_are_not_finite_end_training_too(iris, monkeypatch):
    X, y = iris
    original = GradientDescent.epoch

    def epoch(self):
        row = original(self)
        if row["epoch"] == 3:  # in its last step, which its loss does not know of
            self.network.parameters[0] = np.inf
        return row

    two = quick(max_iter=2).fit(X, y)
    monkeypatch.setattr(GradientDescent, "epoch", epoch)
    with pytest.warns(ConvergenceWarning, match="Parameters became inf.* in epoch 3"):
        clf = quick(max_iter=9).fit(X, y)
    assert_array_equal(clf.network_.parameters, two.network_.parameters)


@pytest.mark.parametrize("solver", ["adam", "lbfgs"])
def test_a_loss_that_is_not_finite_to_begin_with(iris, solver):
    X, y = iris
    with np.errstate(all="ignore"), pytest.raises(ValueError, match="non-finite param"):
        quick(solver=solver, weight_init=Normal(1e30)).fit(X, y)


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
