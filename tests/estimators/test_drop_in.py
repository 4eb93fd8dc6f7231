"""What users of MLPClassifier and MLPRegressor have today.

They change one import and lose nothing.
"""

import inspect
from numbers import Real

import numpy as np
import pytest
import scipy.sparse
from numpy.testing import assert_allclose, assert_array_equal
from sklearn.base import is_classifier
from sklearn.datasets import load_digits
from sklearn.datasets import make_multilabel_classification as make_multilabel
from sklearn.metrics import accuracy_score
from sklearn.model_selection import GridSearchCV
from sklearn.neural_network import MLPClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from helpers import first_part, of_both, of_both_pairs, outputs, quick, quick_of
from skdnn import MLPClassifierDIY, MLPRegressorDIY, diagnose
from skdnn.nn import BatchNorm, Dense, ReLU, Softmax


def public(cls):
    return {name for name in dir(cls) if not name.startswith("_")}


@of_both_pairs
@pytest.mark.parametrize("early_stopping", [False, True])
@pytest.mark.parametrize("solver", ["adam", "sgd", "lbfgs"])
def test_every_argument_method_and_attribute_of_scikit_learns(
    iris, solver, early_stopping, Theirs, Ours
):
    theirs = Theirs(solver=solver, early_stopping=early_stopping).fit(*iris)
    ours = Ours(solver=solver, early_stopping=early_stopping).fit(*iris)
    assert not set(theirs.get_params()) - set(ours.get_params())
    assert not public(Theirs) - public(Ours)
    fitted = {name for name in vars(theirs) if name.endswith("_") and name[0] != "_"}
    for name in fitted:
        assert hasattr(ours, name), name
        kind = type(getattr(theirs, name))
        kind = Real if issubclass(kind, Real) else kind
        assert isinstance(getattr(ours, name), kind), name
    for name in ("fit", "partial_fit", "predict", "score"):
        their_arguments = inspect.signature(getattr(Theirs, name)).parameters
        our_arguments = inspect.signature(getattr(Ours, name)).parameters
        assert list(our_arguments)[: len(their_arguments)] == list(their_arguments)


@of_both_pairs
def test_signature_begins_as_scikit_learns_and_shares_its_defaults(Theirs, Ours):
    theirs = inspect.signature(Theirs).parameters
    ours = inspect.signature(Ours).parameters
    by_place = [n for n, p in theirs.items() if p.kind is p.POSITIONAL_OR_KEYWORD]
    assert list(ours)[: len(by_place)] == by_place
    for name in theirs:
        assert ours[name].default == theirs[name].default, name
        assert ours[name].kind == theirs[name].kind, name
    own = {"class_weight", "label_smoothing"}
    if Ours is MLPRegressorDIY:
        own = {"delta", "quantile", "standardize_target"}
    assert set(ours) - set(theirs) == own | {
        "architecture",
        "augmentation",
        "batch_norm",
        "checkpoint_dir",
        "checkpoint_every",
        "dropout",
        "dtype",
        "ema_decay",
        "input_dropout",
        "max_grad_norm",
        "n_jobs",
        "n_networks",
        "resampling",
        "scoring",
        "transform_layer",
        "weight_init",
    }


@of_both
def test_who_writes_to_coefs_changes_the_network(iris, Estimator):
    X, y = iris
    estimator = quick_of(Estimator).fit(X, y)
    for weights in (*estimator.coefs_, *estimator.intercepts_):
        weights[:] = 0
    assert not estimator.network_.parameters.any()


PARITY = [
    {},
    {"solver": "sgd", "learning_rate_init": 0.1},
    {"solver": "sgd", "learning_rate_init": 0.1, "momentum": 0},
    {"solver": "sgd", "learning_rate_init": 0.1, "nesterovs_momentum": False},
    {"solver": "sgd", "learning_rate_init": 0.5, "learning_rate": "invscaling"},
    {
        "solver": "sgd",
        "learning_rate_init": 0.3,
        "learning_rate": "adaptive",
        "n_iter_no_change": 1,
        "tol": 0.05,
    },
    {"activation": "tanh", "hidden_layer_sizes": (30, 20), "batch_size": 64},
    {"activation": "logistic", "shuffle": False, "alpha": 1.0},
    {"activation": "identity", "beta_1": 0.5, "beta_2": 0.9, "epsilon": 0.01},
    {"tol": 0.1, "n_iter_no_change": 2, "hidden_layer_sizes": 15},
]


@of_both_pairs
@pytest.mark.parametrize("data", ["digits", "cancer"])
@pytest.mark.parametrize("settings", PARITY, ids=str)
def test_float64_gives_scikit_learns_losses_and_predictions(
    data, settings, Theirs, Ours, request
):
    X, y = request.getfixturevalue(data)
    settings = {"max_iter": 20, "random_state": 0, **settings}
    if not is_classifier(Ours()) and settings.get("learning_rate_init"):
        # a squared error explodes where a log-loss does not
        settings["learning_rate_init"] /= 20
    theirs = Theirs(**settings).fit(X, y)
    ours = Ours(dtype="float64", **settings).fit(X, y)
    assert ours.n_iter_ == theirs.n_iter_
    assert_allclose(ours.loss_curve_, theirs.loss_curve_, rtol=1e-9)
    for a, b in zip(ours.coefs_, theirs.coefs_, strict=True):
        assert_allclose(a, b, rtol=1e-6, atol=1e-9)
    assert_allclose(outputs(ours, X), outputs(theirs, X), rtol=1e-7, atol=1e-14)
    for name in ("loss_", "best_loss_"):
        assert_allclose(getattr(ours, name), getattr(theirs, name), rtol=1e-9)
    for name in ("t_", "n_layers_", "n_outputs_", "out_activation_"):
        assert getattr(ours, name) == getattr(theirs, name)


@of_both_pairs
def test_early_stopping_is_scikit_learns(cancer, Theirs, Ours):
    X, y = cancer  # two classes: with more, scikit-learn does not stratify
    settings = {"early_stopping": True, "random_state": 1, "n_iter_no_change": 3}
    theirs = Theirs(**settings).fit(X, y)
    ours = Ours(dtype="float64", **settings).fit(X, y)
    assert ours.n_iter_ == theirs.n_iter_ < 200
    assert_allclose(ours.validation_scores_, theirs.validation_scores_)
    assert_allclose(ours.best_validation_score_, theirs.best_validation_score_)
    assert ours.best_loss_ is None
    assert_allclose(outputs(ours, X), outputs(theirs, X), rtol=1e-7, atol=1e-14)


@of_both_pairs
def test_a_script_runs_with_the_import_changed(Theirs, Ours, iris, diabetes):
    X, y = iris if is_classifier(Theirs()) else diabetes
    searches = []
    for Estimator in (Theirs, Ours):
        pipeline = make_pipeline(
            StandardScaler(), Estimator(max_iter=100, random_state=1)
        )
        step = pipeline.steps[-1][0]
        grid = {
            f"{step}__hidden_layer_sizes": [(5,), (20,), (10, 10)],
            f"{step}__alpha": [1e-4, 1.0],
            f"{step}__solver": ["adam", "lbfgs"],
        }
        searches.append(GridSearchCV(pipeline, grid, cv=3, n_jobs=2).fit(X, y))
    theirs, ours = searches
    assert_allclose(
        ours.cv_results_["mean_test_score"],
        theirs.cv_results_["mean_test_score"],
        atol=0.03,
    )


# -------------------------------------------------------------------------- lbfgs


@of_both_pairs
@pytest.mark.parametrize("data", ["iris", "cancer"])
def test_lbfgs_takes_scikit_learns_path(data, Theirs, Ours, request):
    X, y = request.getfixturevalue(data)
    settings = {"solver": "lbfgs", "random_state": 0, "max_iter": 15, "alpha": 0.1}
    theirs = Theirs(**settings).fit(X, y)
    ours = Ours(dtype="float64", **settings).fit(X, y)
    assert ours.n_iter_ == theirs.n_iter_
    assert_allclose(ours.loss_, theirs.loss_, rtol=1e-6)
    assert_allclose(outputs(ours, X), outputs(theirs, X), atol=1e-6)
    assert ours.loss_curve_[-1] == ours.loss_
    assert np.all(np.diff(ours.loss_curve_) < 0)
    assert len(ours.history_) == ours.n_iter_


# ------------------------------------------------------ targets, weights and inputs


def test_multilabel_is_scikit_learns():
    X, Y = make_multilabel(n_samples=80, n_classes=4, random_state=0)
    for solver in ("adam", "sgd", "lbfgs"):
        settings = {"solver": solver, "random_state": 0, "max_iter": 30}
        theirs = MLPClassifier(**settings).fit(X, Y)
        ours = MLPClassifierDIY(dtype="float64", **settings).fit(X, Y)
        assert_array_equal(ours.classes_, theirs.classes_)
        assert_allclose(ours.loss_, theirs.loss_, rtol=1e-5)
        assert_allclose(ours.predict_proba(X), theirs.predict_proba(X), atol=1e-4)
        assert_array_equal(ours.predict(X), theirs.predict(X))
        assert ours.out_activation_ == theirs.out_activation_ == "logistic"
        assert ours.score(X, Y) == accuracy_score(Y, ours.predict(X))
    history = quick(early_stopping=True).fit(X, Y).history_
    assert 0 <= history[-1]["validation_score"] <= 1
    fitted = quick().fit(X, Y, X_val=X, y_val=Y)
    assert_allclose(fitted.history_[-1]["validation_score"], fitted.score(X, Y))
    with pytest.raises(ValueError, match="y_val has shape .* 4 columns is needed"):
        quick().fit(X, Y, X_val=X, y_val=Y[:, :2])
    with pytest.raises(ValueError, match="multi-label targets leave the output layer"):
        quick(architecture=[Dense(4), Softmax()]).fit(X, Y)


@of_both
@pytest.mark.parametrize("solver", ["adam", "lbfgs"])
@pytest.mark.parametrize(
    "container",
    [scipy.sparse.csr_array, scipy.sparse.csc_matrix, scipy.sparse.coo_array],
)
def test_sparse_input(digits, container, solver, Estimator):
    X, y = digits
    X, y = X[:300], y[:300]
    settings = {"dtype": "float64", "early_stopping": True, "batch_size": 64}
    estimator = quick_of(Estimator, solver=solver, **settings)
    dense = outputs(estimator.fit(X, y), X)
    sparse = estimator.fit(container(X), y)
    assert_allclose(outputs(sparse, X), dense, atol=1e-6)
    assert_allclose(outputs(sparse, container(X)), dense, atol=1e-6)
    unshuffled, expected = (quick_of(Estimator, shuffle=False) for _ in range(2))
    unshuffled.fit(container(X.astype(np.float32)), y)
    assert_allclose(unshuffled.loss_curve_, expected.fit(X, y).loss_curve_, rtol=1e-5)


@pytest.mark.parametrize(
    "settings",
    [{"input_dropout": 0.2}, {"architecture": [BatchNorm(), Dense(9), ReLU()]}],
    ids=["input_dropout", "batch_norm"],
)
def test_sparse_input_of_a_layer_that_is_not_dense(settings):
    X, y = load_digits(return_X_y=True)
    X, y = X[:300].astype(np.float32), y[:300]
    dense, sparse = quick(**settings), quick(**settings)
    dense.fit(X, y, X_val=X, y_val=y)
    sparse.fit(scipy.sparse.csr_array(X), y, X_val=scipy.sparse.csr_array(X), y_val=y)
    assert_array_equal(sparse.network_.parameters, dense.network_.parameters)
    for kind in (scipy.sparse.csr_array, scipy.sparse.csc_matrix):
        assert_array_equal(sparse.predict_proba(kind(X)), dense.predict_proba(X))
        assert str(diagnose(sparse, kind(X), y)) == str(diagnose(dense, X, y))


@of_both_pairs
@pytest.mark.parametrize("solver", ["adam", "sgd", "lbfgs"])
def test_sample_weight_is_scikit_learns(iris, solver, Theirs, Ours):
    X, y = iris
    weight = np.random.default_rng(0).uniform(0, 3, len(y))
    settings = {"solver": solver, "random_state": 0, "max_iter": 20, "batch_size": 32}
    theirs = Theirs(**settings).fit(X, y, weight)
    ours = Ours(dtype="float64", **settings).fit(X, y, weight)
    assert_allclose(ours.loss_, theirs.loss_, rtol=1e-6)
    assert_allclose(outputs(ours, X), outputs(theirs, X), atol=1e-6)


# ------------------------------------------------------- going on with what is there


@of_both_pairs
def test_warm_starts_and_shuffles_are_scikit_learns(digits, Theirs, Ours):
    X, y = digits
    settings = {"warm_start": True, "max_iter": 3, "random_state": 0, "batch_size": 300}
    theirs = Theirs(**settings)
    ours = Ours(dtype="auto", **settings)
    for _ in range(3):
        theirs.fit(X, y)
        ours.fit(X, y)
    assert_allclose(ours.loss_curve_, theirs.loss_curve_, rtol=1e-10)
    assert_allclose(ours.best_loss_, theirs.best_loss_, rtol=1e-10)


@of_both_pairs
def test_partial_fit_is_scikit_learns(digits, Theirs, Ours):
    X, y = digits
    settings = {"random_state": 0, "shuffle": False}
    theirs = Theirs(**settings)
    ours = Ours(dtype="float64", **settings)
    for i in range(0, 1500, 300):
        rows = slice(i, i + 300)
        first_part(theirs, X[rows], y[rows])
        first_part(ours, X[rows], y[rows])
        assert_allclose(ours.loss_, theirs.loss_, rtol=1e-8)
    assert_allclose(ours.loss_curve_, theirs.loss_curve_, rtol=1e-8)
    assert_allclose(outputs(ours, X), outputs(theirs, X), atol=1e-10)
    assert (ours.n_iter_, ours.t_) == (theirs.n_iter_, theirs.t_) == (1, 1500)


@of_both_pairs
def test_verbose_prints_scikit_learns_lines(iris, capsys, Theirs, Ours):
    X, y = iris
    settings = {"early_stopping": True, "n_iter_no_change": 2}
    settings |= {"random_state": 0, "tol": 0.5, "max_iter": 30}
    keep = y < 2
    Theirs(verbose=True, **settings).fit(X[keep], y[keep])
    theirs = capsys.readouterr().out
    Ours(dtype="float64", verbose=True, **settings).fit(X[keep], y[keep])
    assert capsys.readouterr().out == theirs
    assert "Stopping" in theirs
    Ours(**settings).fit(X, y)
    assert capsys.readouterr().out == ""
