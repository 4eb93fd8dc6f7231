"""What users of MLPClassifier and MLPRegressor have today.

They change one import and lose nothing.
"""

import inspect
import pickle
import warnings
from functools import partial
from numbers import Real

import numpy as np
import pytest
import scipy.sparse
from numpy.testing import assert_allclose, assert_array_equal
from sklearn.base import is_classifier
from sklearn.datasets import load_digits
from sklearn.datasets import make_multilabel_classification as make_multilabel
from sklearn.exceptions import ConvergenceWarning
from sklearn.metrics import accuracy_score
from sklearn.model_selection import GridSearchCV
from sklearn.neural_network import MLPClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from helpers import first_part, of_both, of_both_pairs, outputs, quick, quick_of
from skdnn import MLPClassifierDIY, MLPRegressorDIY, diagnose
from skdnn.nn import BatchNorm, Dense, GaussianNoise, ReLU, Residual, Softmax

pytestmark = pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")


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


@of_both_pairs
@pytest.mark.parametrize("weighted", [False, True])
@pytest.mark.parametrize("data", ["iris", "digits"])
@pytest.mark.parametrize(
    "settings",
    [
        {"solver": "sgd", "momentum": 0},
        {"solver": "sgd", "nesterovs_momentum": False},
        {"solver": "sgd"},
        {"solver": "adam"},
    ],
    ids=["sgd", "momentum", "nesterov", "adam"],
)
def test_same_start_same_losses_over_20_epochs(
    settings, data, weighted, Theirs, Ours, request
):
    X, y = request.getfixturevalue(data)
    weight = np.random.default_rng(0).uniform(0, 3, len(y)) if weighted else None
    shared = {
        **settings,
        "shuffle": False,
        "warm_start": True,
        "learning_rate_init": 0.01,
        "batch_size": 64,
        "hidden_layer_sizes": (20, 10),
    }
    theirs = Theirs(max_iter=1, random_state=3, **shared)
    ours = Ours(max_iter=1, dtype="float64", **shared)
    theirs.fit(X, y)
    ours.fit(X, y)
    for mine, its in zip(
        ours.coefs_ + ours.intercepts_, theirs.coefs_ + theirs.intercepts_, strict=True
    ):
        mine[:] = its  # coefs_ are views: the network changes with them
    for clf in (theirs, ours):
        clf.set_params(max_iter=20, n_iter_no_change=100).fit(X, y, weight)
    assert len(ours.loss_curve_) == 21  # the first epoch was before the exchange
    assert_allclose(ours.loss_curve_[1:], theirs.loss_curve_[1:], rtol=0, atol=1e-8)


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


def test_lbfgs_in_float32_gets_as_far(digits):
    X, y = digits
    settings = {"solver": "lbfgs", "random_state": 0, "max_iter": 300}
    double = MLPClassifierDIY(dtype="float64", **settings).fit(X[:900], y[:900])
    single = MLPClassifierDIY(**settings).fit(X[:900], y[:900])
    assert single.coefs_[0].dtype == np.float32
    assert single.loss_ < 1.1 * double.loss_ + 1e-4
    assert single.score(X[900:], y[900:]) > double.score(X[900:], y[900:]) - 0.02


def test_lbfgs_with_batch_norm_keeps_the_statistics_of_all_samples(digits):
    X, y = digits
    clf = quick((20,), solver="lbfgs", batch_norm=True, max_iter=30).fit(X, y)
    A = X.astype(np.float32) @ clf.coefs_[0] + clf.intercepts_[0]
    view = clf.network_.views[1]
    assert_allclose(view["running_mean"], A.mean(axis=0), rtol=1e-3, atol=1e-4)
    assert_allclose(view["running_var"], A.var(axis=0), rtol=1e-3)
    assert clf.score(X, y) > 0.95


IGNORED = {
    "batch_size": 7,
    "learning_rate": "cosine",
    "learning_rate_init": 0.2,
    "power_t": 0.7,
    "shuffle": False,
    "momentum": 0.1,
    "nesterovs_momentum": False,
    "early_stopping": True,
    "validation_fraction": 0.3,
    "beta_1": 0.5,
    "beta_2": 0.7,
    "epsilon": 1e-5,
    "n_iter_no_change": 3,
    "max_grad_norm": 0.001,
    "checkpoint_every": 2,
}


@of_both_pairs
def test_lbfgs_says_what_it_ignores(Theirs, Ours, iris):
    """Each argument that changes nothing, by name and value, in one warning."""
    settings = {"solver": "lbfgs", "tol": 1.0, "random_state": 0}
    plain = Ours(**settings, n_networks=2).fit(*iris)
    with pytest.warns(UserWarning, match="solver='lbfgs' ignores") as record:
        clf = Ours(**settings, **IGNORED, n_networks=2).fit(*iris)
    assert_array_equal(clf.network_.parameters, plain.network_.parameters)
    (message,) = [str(w.message) for w in record]
    assert all(f"{name}={value!r}" in message for name, value in IGNORED.items())
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        for name in IGNORED:  # at their defaults, also where these are given
            default = Ours().get_params()[name]
            Ours(**settings, **{name: default}).fit(*iris)
        quick(solver="lbfgs", tol=1.0, alpha=0.1, max_fun=500).fit(*iris)
    # All else that there is either does something, is refused, or is documented.
    uses = {"max_iter", "max_fun", "tol", "alpha", "dtype", "n_networks", "resampling"}
    uses |= {"random_state", "verbose", "warm_start", "checkpoint_dir", "n_jobs"}
    uses |= {"hidden_layer_sizes", "activation", "architecture", "batch_norm"}
    uses |= {"weight_init", "scoring", "transform_layer", "solver", "class_weight"}
    uses |= {"label_smoothing", "loss", "quantile", "delta", "standardize_target"}
    refused = {"dropout", "input_dropout", "augmentation", "ema_decay"}
    assert Ours().get_params().keys() - IGNORED.keys() - refused <= uses


def test_lbfgs_says_what_a_warm_start_forgets(iris):
    clf = quick(solver="lbfgs", max_iter=2, warm_start=True)
    with pytest.warns(ConvergenceWarning, match="failed to converge") as record:
        clf.fit(*iris)
    assert "warm_start" not in str(record[0].message)
    with pytest.warns(
        ConvergenceWarning, match="With warm_start=True, each fit begins"
    ):
        clf.fit(*iris)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        clf.set_params(max_iter=1000, tol=0.01).fit(*iris)


def test_lbfgs_limits_and_warnings(iris):
    X, y = iris
    with pytest.warns(ConvergenceWarning, match="lbfgs failed to converge") as record:
        clf = quick(solver="lbfgs", max_iter=3).fit(X, y)
    assert "Increase the number of iterations" in str(record[0].message)
    assert [w.filename for w in record] == [__file__]
    assert clf.n_iter_ == 3
    clf = quick(solver="lbfgs", max_iter=1000, max_fun=7).fit(X, y)
    assert 1 <= clf.n_iter_ <= 7
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        quick(solver="lbfgs", max_iter=1000, tol=0.1).fit(X, y)
    assert not hasattr(quick(solver="lbfgs"), "partial_fit")
    with pytest.raises(AttributeError, match="has no attribute 'partial_fit'"):
        quick(solver="lbfgs").partial_fit  # noqa: B018
    for settings, message in [
        ({"dropout": 0.2}, r"^Dropout\(0.2\) is not available .*'lbfgs'.*'adam'"),
        ({"input_dropout": 0.3}, r"^Dropout\(0.3\) is not available .*'lbfgs'"),
        (
            {"architecture": [Residual([GaussianNoise(0.1)]), Dense(9)]},
            r"^GaussianNoise\(0.1\) is not available .*'lbfgs'",
        ),
        ({"ema_decay": 0.9}, "ema_decay=0.9 is not available with solver='lbfgs'"),
    ]:
        with pytest.raises(ValueError, match=message):
            quick(solver="lbfgs", **settings).fit(X, y)


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


@of_both
def test_bad_sample_weights(iris, Estimator):
    X, y = iris
    quick = partial(quick_of, Estimator)
    with pytest.raises(ValueError, match="must contain at least one non-zero"):
        quick().fit(X, y, np.zeros(len(y)))
    with pytest.raises(ValueError, match="Negative values in data"):
        quick().fit(X, y, -np.ones(len(y)))
    with pytest.raises(ValueError, match=r"sample_weight.shape == \(3,\)"):
        quick().fit(X, y, np.ones(3))
    with pytest.raises(ValueError, match="contains NaN"):
        quick().fit(X, y, np.full(len(y), np.nan))


# ------------------------------------------------------- going on with what is there


@of_both
def test_warm_start_goes_on(iris, Estimator):
    X, y = iris
    quick = partial(quick_of, Estimator)
    clf = quick(warm_start=True, solver="sgd", momentum=0, shuffle=False, max_iter=3)
    clf.fit(X, y)
    assert clf.n_iter_ == 3
    clf.fit(X, y)
    whole = quick(solver="sgd", momentum=0, shuffle=False, max_iter=6).fit(X, y)
    assert_array_equal(clf.network_.parameters, whole.network_.parameters)
    assert clf.loss_curve_ == whole.loss_curve_
    assert [row["epoch"] for row in clf.history_] == [1, 2, 3, 4, 5, 6]
    assert clf.t_ == whole.t_ == 900
    assert clf.n_iter_ == 3
    before = outputs(clf, X)
    with pytest.raises(ValueError, match="can only go on with the layers"):
        clf.set_params(hidden_layer_sizes=(7,)).fit(X, y)
    assert_array_equal(outputs(clf, X), before)
    with pytest.raises(ValueError, match="X has 3 features"):
        clf.set_params(hidden_layer_sizes=(100,)).fit(X[:, :3], y)


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


@of_both
@pytest.mark.parametrize(
    "settings",
    [
        {},
        {"batch_norm": True, "dropout": 0.3},
        {"solver": "sgd", "ema_decay": 0.9},
        {"learning_rate": "one_cycle", "max_grad_norm": 1.0},
    ],
    ids=str,
)
def test_partial_fit_goes_on_bit_by_bit_after_pickling(digits, settings, Estimator):
    X, y = digits
    chunks = [slice(i, i + 300) for i in range(0, 1500, 300)]
    straight, pickled = (
        quick_of(Estimator, hidden_layer_sizes=20, **settings) for _ in range(2)
    )
    for rows in chunks:
        first_part(straight, X[rows], y[rows])
        first_part(pickled, X[rows], y[rows])
        pickled = pickle.loads(pickle.dumps(pickled))
    assert_array_equal(outputs(straight, X), outputs(pickled, X))
    assert_array_equal(straight.loss_curve_, pickled.loss_curve_)


@of_both
def test_partial_fit_of_all_data_is_an_epoch_of_fit(digits, Estimator):
    X, y = digits
    quick = partial(quick_of, Estimator)
    for settings in ({}, {"learning_rate": "cosine", "batch_norm": True}):
        clf = quick(shuffle=False, **settings)
        for _ in range(5):
            first_part(clf, X, y)
        fitted = quick(shuffle=False, **settings).fit(X, y)
        assert clf.loss_curve_ == fitted.loss_curve_
        assert_array_equal(clf.network_.parameters, fitted.network_.parameters)


def test_parameters_set_between_calls_of_partial_fit_take_effect(digits):
    X, y = digits
    classes = np.arange(10)

    def second_call(**changed):
        clf = quick(shuffle=False, dtype="float64").partial_fit(
            X[:20], y[:20], None, classes
        )
        clf.set_params(**changed).partial_fit(X, y)
        return clf

    theirs = MLPClassifier(random_state=0, shuffle=False)
    theirs.partial_fit(X[:20], y[:20], classes=classes)
    theirs.set_params(alpha=10.0).partial_fit(X, y)
    # batches of 200 again, after a first chunk of 20
    assert_allclose(second_call(alpha=10.0).loss_, theirs.loss_, rtol=1e-8)
    plain = second_call().network_.parameters
    for changed in (
        {"learning_rate_init": 0.1},
        {"batch_size": 50},
        {"max_grad_norm": 1e-3},
        {"solver": "sgd", "learning_rate_init": 0.1},
        {"label_smoothing": 0.5},
        {"ema_decay": 0.5},
    ):
        clf = second_call(**changed)
        assert (clf.network_.parameters != plain).any(), changed
    clf = second_call()
    for changed in ({"hidden_layer_sizes": (9,)}, {"dtype": "float32"}):
        clf = second_call()
        with pytest.raises(ValueError, match="can only go on with the layers, dtype"):
            clf.set_params(**changed).partial_fit(X, y)


@of_both_pairs
def test_partial_fit_keeps_no_data_and_knows_its_best_loss(digits, Theirs, Ours):
    X, y = digits
    clf = first_part(quick_of(Ours), X, y)
    assert not {"X", "targets", "full"} & set(vars(clf._trainers[0]))
    assert clf.best_loss_ == clf.loss_
    theirs = Theirs(random_state=0, shuffle=False)
    ours = quick_of(Ours, shuffle=False, dtype="float64")
    for _ in range(3):
        for each in (ours, theirs):
            first_part(each, X, y)
        assert_allclose(ours.best_loss_, theirs.best_loss_)


@of_both
def test_the_adaptive_rate_falls_in_partial_fit_too(iris, Estimator):
    X, y = iris
    settings = {"solver": "sgd", "learning_rate": "adaptive", "tol": 10.0}
    clf = quick_of(Estimator, n_iter_no_change=2, **settings)
    for _ in range(8):
        first_part(clf, X, y)
    rates = [row["learning_rate"] for row in clf.history_]
    assert_allclose(rates, 0.001 / 5.0 ** np.array([0, 0, 0, 0, 1, 1, 1, 2]))


def test_partial_fit_needs_two_classes_and_true_indicators(iris):
    X, y = iris
    with pytest.raises(ValueError, match="at least 2 classes"):
        quick().partial_fit(X[:50], y[:50], classes=[0])
    Y = np.eye(3, dtype=int)[y]
    clf = quick().partial_fit(X, Y, classes=[0, 1, 2])
    for bad in (Y * 0.5 + 0.25, Y.astype(str), Y[:, :2]):
        with pytest.raises(ValueError, match="indicator matrix"):
            clf.partial_fit(X, bad)
        with pytest.raises(ValueError, match="y_val .*indicator matrix"):
            quick().fit(X, Y, X_val=X, y_val=bad)
    with pytest.raises(ValueError, match="2 columns is needed"):
        quick().partial_fit(X, Y, classes=[0, 1])


@of_both
def test_partial_fit_after_fit_and_fit_after_partial_fit(digits, Estimator):
    X, y = digits
    quick = partial(quick_of, Estimator)
    clf = quick().fit(X, y)
    loss = clf.loss_
    clf.partial_fit(X, y)
    assert clf.loss_ < loss
    assert len(clf.loss_curve_) == 6
    clf.fit(X, y)
    assert len(clf.loss_curve_) == 5
    assert_array_equal(clf.loss_curve_, quick().fit(X, y).loss_curve_)
    # what only partial_fit needs is gone from the file
    parameters = clf.network_.parameters.nbytes
    assert len(pickle.dumps(clf)) < parameters + 10_000


def test_bad_partial_fit_loses_nothing(digits):
    X, y = digits
    clf = quick().partial_fit(X, y, classes=np.arange(10))
    before = clf.predict_proba(X)
    for arguments, message in [
        ((X, y + 5), "has classes not in `self.classes_`"),
        ((X[:, :3], y), "X has 3 features, but MLPClassifierDIY is expecting 64"),
        ((X, y, None, [1, 2]), r"`classes=\[1, 2\]` is not the same as on last call"),
        ((X * np.nan, y), "contains NaN"),
    ]:
        with pytest.raises(ValueError, match=message):
            clf.partial_fit(*arguments)
        assert_array_equal(clf.predict_proba(X), before)
    with pytest.raises(ValueError, match="classes must be passed on the first call"):
        quick().partial_fit(X, y)
    with pytest.raises(ValueError, match="does not support early_stopping=True"):
        quick(early_stopping=True).partial_fit(X, y, classes=np.arange(10))
    with pytest.raises(ValueError, match="'balanced' is not supported for partial_fit"):
        quick(class_weight="balanced").partial_fit(X, y, classes=np.arange(10))


@of_both
@pytest.mark.parametrize("settings", [{}, {"ema_decay": 0.9, "dropout": 0.2}], ids=str)
def test_a_partial_fit_that_diverges_is_undone(digits, settings, Estimator):
    X, y = digits
    quick = partial(quick_of, Estimator)
    clf = first_part(quick(batch_norm=True, **settings), X, y)
    twin = pickle.loads(pickle.dumps(clf))
    with pytest.raises(ValueError, match="non-finite"):
        clf.partial_fit(X * 3e38, y)
    assert_array_equal(outputs(clf, X), outputs(twin, X))
    for each in (clf, twin):
        each.partial_fit(X, y)
    assert_array_equal(outputs(clf, X), outputs(twin, X))
    assert clf.loss_curve_ == twin.loss_curve_
    new = quick(solver="sgd", learning_rate_init=1e38)
    with pytest.raises(ValueError, match="non-finite"):
        first_part(new, X * 1e4, y)
    assert not [name for name in vars(new) if name.endswith("_")]


@of_both
def test_ctrl_c_keeps_the_model(iris, Estimator):
    X, y = iris
    quick = partial(quick_of, Estimator)

    class Interrupt:
        def __init__(self):
            self.epochs = 0

        def setup(self, estimator, context):
            pass

        teardown = on_fit_task_begin = setup

        def on_fit_task_end(self, estimator, context):
            self.epochs += 1
            if self.epochs == 4:
                raise KeyboardInterrupt

    for solver in ("adam", "lbfgs"):
        clf = quick(solver=solver, max_iter=50).set_callbacks(Interrupt())
        with pytest.warns(UserWarning, match="Training interrupted by user"):
            clf.fit(X, y)
        assert clf.n_iter_ == 4
        expected = quick(solver=solver, max_iter=4).fit(X, y)
        assert_allclose(outputs(clf, X), outputs(expected, X), atol=1e-6)


@of_both
def test_explicit_layers_work_with_all_of_it(digits, Estimator):
    X, y = digits
    layers = [BatchNorm(), Dense(20), BatchNorm(), ReLU()]
    for solver in ("adam", "sgd", "adamw", "lbfgs"):
        clf = quick_of(Estimator, architecture=layers, solver=solver, max_iter=20)
        clf.set_params(learning_rate_init=0.01).fit(X, y)
        assert clf.score(X, y) > 0.8
