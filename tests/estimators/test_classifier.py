"""The estimator: its arguments, its attributes and its place in scikit-learn."""

import re

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from sklearn.calibration import CalibratedClassifierCV
from sklearn.ensemble import VotingClassifier
from sklearn.exceptions import NotFittedError
from sklearn.experimental import enable_halving_search_cv  # noqa: F401
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import GridSearchCV, HalvingGridSearchCV
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from helpers import quick
from skdnn import MLPClassifierDIY
from skdnn.nn import BatchNorm, Dense, Dropout, Logistic, ReLU, Softmax, Tanh


def test_log_probabilities_reach_where_probabilities_do_not():
    X = np.array([[-1.0], [1.0]] * 20)
    y = np.array([0, 1] * 20)
    clf = quick((), max_iter=200, learning_rate_init=0.1, alpha=0).fit(X, y)
    w, b = clf.coefs_[0][0, 0], clf.intercepts_[0][0]
    z = w * 1000 + b  # far beyond what float32 can hold as a probability
    assert_allclose(clf.predict_log_proba([[1000.0]]), [[-z, 0]], rtol=1e-6)
    assert_allclose(clf.predict_proba([[1000.0]]), [[0, 1]], atol=1e-30)


def test_summary(split_digits, capsys):
    X, _, y, _ = split_digits
    clf = quick(architecture=[Dense(20), BatchNorm(), ReLU()]).fit(X, y)
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


# --------------------------------------------------- arguments and pictures of its own


def test_label_smoothing_is_training_on_smoothed_targets(split_cancer, iris):
    # Without hidden layer and penalty, the gradient vanishes where P is the target.
    X, y = np.repeat(np.eye(3), 4, axis=0), np.repeat([0, 1, 2], 4)
    settings = {"solver": "lbfgs", "alpha": 0, "tol": 1e-9, "dtype": "float64"}
    clf = quick((), label_smoothing=0.3, max_iter=1000, **settings).fit(X, y)
    assert_allclose(clf.predict_proba(X), 0.7 * np.eye(3)[y] + 0.1, atol=1e-4)
    clf = quick((), label_smoothing=0.3, max_iter=1000, **settings)
    clf.fit(X[:8], y[:8])  # two classes, one output
    assert_allclose(clf.predict_proba(X[:8]), 0.7 * np.eye(2)[y[:8]] + 0.15, atol=1e-4)
    X, Y = np.repeat(np.eye(3), 4, axis=0), np.repeat(np.eye(3, dtype=int), 4, axis=0)
    clf = quick((), label_smoothing=0.3, max_iter=1000, **settings).fit(X, Y)
    assert_allclose(clf.predict_proba(X), 0.7 * Y + 0.15, atol=1e-4)


def test_html_shows_the_layers_below_the_diagram(split_cancer):
    X, _, y, _ = split_cancer
    clf = quick(architecture=[Dense(20), BatchNorm(), ReLU()])
    assert "output shape" not in clf._repr_html_()
    html = clf.fit(X, y)._repr_html_()
    diagram, table = html.rsplit("<table", 1)
    assert "MLPClassifierDIY" in diagram
    cell = "<td.*?>(.*?)</td>"
    assert re.findall(f"<tr>{cell}{cell}{cell}</tr>", table) == [
        ("layer", "output shape", "parameters"),
        ("input", "(m, 30)", "0"),
        ("Dense(20)", "(m, 20)", "620"),
        ("BatchNorm()", "(m, 20)", "40"),
        ("ReLU()", "(m, 20)", "0"),
        ("Dense(1)", "(m, 1)", "21"),
        (repr(Logistic()), "(m, 1)", "0"),
    ]
    assert "681 parameters, float32" in table
    assert table in clf._repr_mimebundle_()["text/html"]
    assert "MLPClassifierDIY" in make_pipeline(StandardScaler(), clf)._repr_html_()
