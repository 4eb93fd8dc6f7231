"""Tests of `skdnn.diagnose`: each illness is made on purpose, and named."""

import pickle
import re

import joblib
import matplotlib
import numpy as np
import pytest
from numpy.testing import assert_allclose
from scipy.sparse import csr_array
from sklearn.datasets import load_breast_cancer, load_digits, load_iris
from sklearn.exceptions import NotFittedError
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import MinMaxScaler, StandardScaler, scale

from skdnn import MLPClassifierDIY, MLPRegressorDIY, diagnose
from skdnn.diagnosis.findings import CHECKS, sentences_of
from skdnn.nn import (
    BatchNorm,
    Dense,
    Dropout,
    GaussianNoise,
    LayerNorm,
    LeakyReLU,
    Logistic,
    Normal,
    PReLU,
    ReLU,
    Residual,
    Softmax,
    Tanh,
)

matplotlib.use("agg")
import matplotlib.pyplot as plt

pytestmark = pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
X, Y = load_digits(return_X_y=True)
X = X / 16
IRIS, IRIS_Y = load_iris(return_X_y=True)
IRIS = scale(IRIS)
CANCER, CANCER_Y = load_breast_cancer(return_X_y=True)
CANCER = scale(CANCER)
BLOCKS = [
    Dense(50),
    Residual([LayerNorm(), PReLU(), Dense(50)]),
    Residual([LayerNorm(), PReLU(), Dense(50)]),
    ReLU(),
]
LABEL_SETS = (X[:, [20, 30, 42]] > 0.5).astype(int)


def fit(hidden=(20,), X=X, y=Y, fit_params=None, **params):
    params = {"max_iter": 10, "random_state": 0} | params
    return MLPClassifierDIY(hidden, **params).fit(X, y, **fit_params or {})


def biased(bias):
    """Return an initializer that gives every unit this bias."""
    return lambda n_inputs, n_outputs, rng: (
        rng.normal(0, 0.1, (n_inputs, n_outputs)),
        np.full(n_outputs, bias),
    )


# Healthy networks


@pytest.mark.parametrize("with_y", [True, False])
@pytest.mark.parametrize(
    ("data", "hidden", "params"),
    [
        ("digits", (100,), {"max_iter": 60}),
        ("digits", (50, 50), {"batch_norm": True, "learning_rate_init": 0.01}),
        ("digits", (50, 50), {"learning_rate": "one_cycle", "max_iter": 40}),
        ("digits", (50,), {"solver": "sgd", "learning_rate_init": 0.1}),
        ("digits", (50,), {"solver": "adamw", "dropout": 0.2, "max_iter": 40}),
        ("digits", (50, 50), {"activation": "tanh", "max_iter": 60}),
        ("digits", (50,), {"activation": "logistic", "learning_rate_init": 0.01}),
        ("digits", (50,) * 4, {"activation": "leaky_relu", "max_iter": 40}),
        ("digits", (50, 50), {"activation": "elu", "max_iter": 40}),
        ("digits", (50, 50), {"activation": "selu", "max_iter": 40}),
        ("digits", (50, 50), {"activation": "gelu", "max_iter": 40}),
        ("digits", (), {"architecture": BLOCKS, "max_iter": 40}),
        ("digits", (100,), {"early_stopping": True, "learning_rate_init": 0.01}),
        ("iris", (100,), {"max_iter": 200}),
        ("iris", (20, 20), {"batch_norm": True, "max_iter": 100}),
        ("iris", (10,), {"solver": "lbfgs", "max_iter": 200}),
        ("cancer", (30,), {"max_iter": 60}),
        ("labels", (30,), {"max_iter": 60, "learning_rate_init": 0.01}),
    ],
)
def test_healthy_networks_have_no_findings(data, hidden, params, with_y):
    samples, targets = {
        "digits": (X, Y),
        "iris": (IRIS, IRIS_Y),
        "cancer": (CANCER, CANCER_Y),
        "labels": (X, LABEL_SETS),
    }[data]
    clf = fit(hidden, samples, targets, **params)
    diagnosis = diagnose(clf, samples, targets if with_y else None)
    assert diagnosis.findings == []
    assert "Nothing found." in str(diagnosis)


# Illnesses


def findings(clf, X=X, y=Y):
    """Return what is found, as one text; labels only add to it."""
    without = [text[:25] for text in diagnose(clf, X).findings]
    found = diagnose(clf, X, y).findings
    assert [text[:25] for text in found if text[:25] in without] == without
    return "\n".join(found)


def test_dead_units():
    clf = fit(max_iter=1)
    clf.intercepts_[0][:] = np.where(np.arange(20) < 15, -100, 1)
    row = diagnose(clf, X).layers[0]
    assert row["dead"] == 0.75
    expected = "75 % of the units of layer 1 never fire: lower learning_rate_init, or"
    assert f"{expected} use LeakyReLU." in findings(clf)


@pytest.mark.parametrize("solver", ["adam", "sgd"])
def test_training_that_kills_its_units(solver):
    rate = {"adam": 0.5, "sgd": 5}[solver]
    clf = fit((50, 50), learning_rate_init=rate, solver=solver)
    assert "units of layer 2 never fire" in findings(clf)


def test_units_of_a_leaky_relu_get_other_advice():
    clf = fit(activation="leaky_relu", max_iter=1, weight_init=biased(-100.0))
    expected = "layer 1 never fire: lower learning_rate_init, or set batch_norm=True"
    assert expected in findings(clf)


@pytest.mark.parametrize(
    ("activation", "scale"),
    [("tanh", 3.0), ("logistic", 6.0)],
    ids=["tanh", "logistic"],
)
def test_saturated_units(activation, scale):
    clf = fit(activation=activation, weight_init=Normal(scale))
    assert "of the units of layer 1 are saturated: scale X" in findings(clf)


def test_confident_predictions_are_not_saturation():
    clf = fit((), CANCER, CANCER_Y, weight_init=Normal(50.0), max_iter=1)
    (row,) = diagnose(clf, CANCER).layers
    assert np.isnan(row["saturated"])


def test_vanishing_gradients():
    text = findings(fit((20,) * 6, activation="logistic", max_iter=3))
    assert "The gradient vanishes on its way back" in text
    assert "in layer 1" in text


def test_exploding_gradients():
    init = {"weight_init": Normal(1.0), "solver": "sgd", "learning_rate_init": 1e-6}
    clf = fit((50,) * 4, **init)
    norms = [np.linalg.norm(list(r["gradient_norm"].values())) for r in clf.history_]
    epoch = 1 + np.argmax(norms)
    assert f"The gradient norm was {max(norms):.3g} in epoch {epoch}" in findings(clf)
    assert "The gradient norm" not in findings(fit((50,) * 4, max_grad_norm=1, **init))


def test_updates_that_are_too_large():
    text = findings(fit(batch_norm=True, learning_rate_init=3.0))
    assert "A step changes the weights of layer" in text
    assert "%: lower learning_rate_init" in text


@pytest.mark.parametrize(
    "params",
    [
        {"learning_rate_init": 1e-6},
        {"learning_rate_init": 1e-5, "max_iter": 60},
        {"learning_rate_init": 1e-5, "solver": "sgd"},
        {"learning_rate_init": 1e-6, "activation": "tanh", "batch_norm": True},
    ],
    ids=["adam", "longer", "sgd", "batch_norm"],
)
def test_updates_that_are_too_small(params):
    assert "raise learning_rate_init" in findings(fit(**params))


def test_small_updates_at_the_end_are_no_finding():
    clf = fit(learning_rate_init=0.01, learning_rate="invscaling", max_iter=60)
    assert findings(clf) == ""


@pytest.mark.parametrize("factor", [255, 1e-4])
@pytest.mark.parametrize("sparse", [False, True], ids=["dense", "sparse"])
def test_inputs_that_were_not_scaled(factor, sparse):
    samples = csr_array(X * factor) if sparse else X * factor
    sizes = np.sqrt(np.mean((X * factor) ** 2, axis=0))
    expected = f"feature {sizes.argmax()}, has a root mean square of {sizes.max():.3g}"
    assert expected in findings(fit(X=samples), samples)
    scaled = make_pipeline(
        MinMaxScaler(), MLPClassifierDIY(max_iter=20, random_state=0)
    )
    assert diagnose(scaled.fit(X * factor, Y), X * factor, Y).findings == []


def test_batch_normalization_of_the_inputs_scales_them():
    noise = Dropout(0.1), GaussianNoise(0.1)
    clf = fit(architecture=[*noise, BatchNorm(), Dense(20), ReLU()], X=X * 255)
    assert "scale X" not in findings(clf, X * 255)


@pytest.mark.parametrize("n_targets", [1, 2])
def test_targets_that_were_not_scaled(n_targets):
    targets = np.c_[IRIS[:, 0] * 50 + 1000, IRIS[:, 1]][:, :n_targets].squeeze()
    reg = MLPRegressorDIY(max_iter=10, random_state=0).fit(IRIS, targets)
    advice = "about 1e\\+03 ± 50: set standardize_target=True"
    assert re.search(advice, str(diagnose(reg, IRIS, targets)))
    # Where it is set, the units of other data are no reason to set it.
    reg.set_params(standardize_target=True).fit(IRIS, targets)
    for given in (targets, targets * 1000, None):
        assert "standardize_target" not in str(diagnose(reg, IRIS, given))


@pytest.mark.parametrize(("size", "is_off"), [(0.02, True), (0.1, False), (20, False)])
def test_targets_are_too_small_below_a_spread_of_3_percent(size, is_off):
    targets = size * (IRIS[:, 0] - IRIS[:, 0].mean()) / IRIS[:, 0].std()
    reg = MLPRegressorDIY(max_iter=10, random_state=0).fit(IRIS, targets)
    assert ("standardize_target" in str(diagnose(reg, IRIS, targets))) == is_off


def test_constant_targets_have_nothing_to_scale_by():
    for targets in (np.full(150, 1000.0), np.c_[np.full(150, 0.1), IRIS[:, 0]]):
        with pytest.warns(UserWarning, match="y is constant"):
            reg = MLPRegressorDIY(max_iter=10, random_state=0).fit(IRIS, targets)
        assert "standardize_target" not in str(diagnose(reg, IRIS, targets))


def test_overfitting():
    validation = {"X_val": X[60:], "y_val": Y[60:]}
    clf = fit((50,), X[:40], Y[:40], validation, max_iter=100)
    row = clf.history_[-1]
    expected = f"{row['score']:.3f} in training and {row['validation_score']:.3f} in"
    assert f"The score is {expected} validation" in findings(clf, X[:40], Y[:40])


def test_validation_loss_that_rises():
    clf = fit()
    for row, loss in zip(clf.history_, [0.9, 0.5, 0.3, *[0.6] * 7], strict=True):
        row |= {"validation_loss": loss, "validation_score": row["score"]}
    assert "has risen from 0.3 in epoch 3 to 0.6: stop early" in findings(clf)
    clf.early_stopping = True  # then the weights are those of the best epoch
    assert findings(clf) == ""


NOISE = np.random.RandomState(0).normal(size=(400, 20))
COINS = np.random.RandomState(1).randint(0, 2, 400)
HALVES = slice(100), slice(100, 400)


def test_labels_learned_by_heart_are_found_on_new_rows():
    old, new = HALVES
    clf = fit((300,), NOISE[old], COINS[old], max_iter=300)
    score = clf.score(NOISE[new], COINS[new])
    expected = f"The score is 1.000 in training and {score:.3f} on X and y: stop early,"
    (text,) = diagnose(clf, NOISE[new], COINS[new]).findings
    assert text.startswith(f"{expected} or use dropout, a larger alpha, augmentation")
    # Neither the rows of training nor rows without labels show it.
    assert diagnose(clf, NOISE[old], COINS[old]).findings == []
    assert diagnose(clf, NOISE[new]).findings == []
    # Of a few rows, many may be wrong by chance.
    assert diagnose(clf, NOISE[100:103], 1 - clf.predict(NOISE[100:103])).findings
    assert diagnose(clf, NOISE[100:103], [1, 0, 0]).findings == []


@pytest.mark.parametrize("params", [{}, {"n_networks": 2}], ids=str)
def test_numbers_learned_by_heart_are_found_on_new_rows(params):
    old, new = HALVES
    targets = NOISE[:, 0] + 2 * COINS
    settings = {"max_iter": 300, "random_state": 0, **params}
    reg = MLPRegressorDIY(hidden_layer_sizes=(300,), **settings)
    reg.fit(NOISE[old], targets[old])
    (text,) = diagnose(reg, NOISE[new], targets[new]).findings
    assert re.match(r"The score is 0\.99\d in training and -?0\.\d+ on X and y", text)


def test_other_cures_of_overfitting():
    old, new = HALVES
    clf = fit((50,), NOISE[old], COINS[old], solver="lbfgs", max_iter=200)
    (text,) = diagnose(clf, NOISE[new], COINS[new]).findings
    assert "on X and y: use a larger alpha, fewer units, or more data" in text
    params = {"early_stopping": True, "learning_rate_init": 0.01}
    clf = fit((300,), NOISE[old], COINS[old], **params)
    assert ": use dropout, a larger alpha" in str(diagnose(clf, NOISE[new], COINS[new]))


def test_new_rows_that_are_predicted_well_have_no_finding():
    clf = fit((50,), X[:1000], Y[:1000], max_iter=60)
    assert diagnose(clf, X[1000:], Y[1000:]).findings == []


def test_one_label_for_every_row():
    labels = np.where(np.arange(400) % 20 == 0, "rare", "frequent")
    clf = fit((5,), NOISE, labels, learning_rate_init=0.02)
    assert set(clf.predict(NOISE)) == {"frequent"}
    (text,) = diagnose(clf, NOISE, labels).findings
    start = "The network predicts 'frequent' for every row, though 5 % of y are others:"
    assert text.startswith(f"{start} set class_weight='balanced'")
    assert diagnose(clf, NOISE).findings == []  # as it may well be right
    few = np.flatnonzero(labels == "frequent")[:50]
    assert diagnose(clf, NOISE[few], labels[few]).findings == []


def test_no_better_than_a_constant():
    clf = fit((5,), NOISE, COINS)
    others = COINS[::-1]
    (text,) = diagnose(clf, NOISE, others).findings
    constant = max(others.mean(), 1 - others.mean())
    score = clf.score(NOISE, others)
    assert f"is {score:.3f}, no better than the {constant:.3f} of a constant" in text
    reg = MLPRegressorDIY(hidden_layer_sizes=(5,), max_iter=10, random_state=0)
    (text,) = diagnose(reg.fit(NOISE, NOISE[:, 0]), NOISE, NOISE[::-1, 0]).findings
    assert "no better than the 0.000 of a constant" in text


def test_weighing_classes_alike_is_no_finding():
    """It costs accuracy, which one label for all may then exceed."""
    labels = (NOISE[:, 0] + 3 * NOISE[:, 1] > 5).astype(int)
    weights = {0: 1.0, 1: 15.0}
    clf = fit((5,), NOISE, labels, class_weight="balanced", max_iter=100)
    other = fit((5,), NOISE, labels, class_weight=weights, max_iter=100)
    weighted = MLPClassifierDIY((5,), max_iter=100, random_state=0)
    weighted.fit(NOISE, labels, np.where(labels, 15.0, 1.0))
    for its in (clf, other, weighted):
        assert its.score(NOISE, labels) <= 1 - labels.mean()
    assert diagnose(clf, NOISE, labels).findings == []
    assert diagnose(other, NOISE, labels).findings == []
    assert "no better" not in str(diagnose(weighted, NOISE, labels))


@pytest.mark.parametrize("rate", [1, 100])
@pytest.mark.parametrize("solver", ["adam", "sgd"])
def test_a_fit_that_diverged(rate, solver):
    rate = rate * 10 if solver == "sgd" else rate
    clf = fit(learning_rate_init=rate, solver=solver, max_iter=5)
    loss = clf.history_[-1]["loss"]
    text = str(diagnose(clf, X, Y))
    assert f"diverged: its loss is {loss:.3g} in the end, where equal prob" in text
    assert f"Lower learning_rate_init={rate}." in text


def test_a_regression_that_diverged():
    reg = MLPRegressorDIY(learning_rate_init=10, max_iter=20, random_state=0)
    text = str(diagnose(reg.fit(IRIS, IRIS[:, 0]), IRIS, IRIS[:, 0]))
    assert "Training has diverged: its score is" in text
    assert "Lower learning_rate_init=10" in text


def test_a_network_that_says_the_same_of_every_row():
    clf = fit(activation="relu", solver="lbfgs", max_iter=2)
    clf.coefs_[-1][:] = 0
    expected = "The network says the same of every row, whatever is in it: scale X, or"
    assert f"{expected} lower alpha=0.0001." in findings(clf)


def test_no_advice_on_a_rate_where_there_is_none():
    init = {"solver": "lbfgs", "max_iter": 1}
    sick = [
        fit(weight_init=biased(-100.0), **init),
        fit(activation="tanh", weight_init=Normal(3.0), **init),
        fit((50,) * 4, weight_init=Normal(3.0), **init),
    ]
    for clf, illness in zip(sick, ["never fire", "saturated", "norm was"], strict=True):
        text = findings(clf)
        assert illness in text
        assert "learning_rate" not in text
        assert "max_grad_norm" not in text


# What silences what


def test_what_silences_and_is_silenced_has_a_check():
    assert {name for _, louder in CHECKS.values() for name in louder} <= set(CHECKS)


def test_what_is_silenced_itself_silences_nothing(monkeypatch):
    found = "inputs", "diverged numbers", "same outputs"
    calls = []
    for name, (_, louder) in CHECKS.items():

        def check(measured, name=name):
            calls.append(name)
            return [name] if name in found else []

        monkeypatch.setitem(CHECKS, name, (check, louder))
    assert sentences_of(None) == ["inputs", "same outputs"]
    found = found[1:]
    assert sentences_of(None) == ["diverged numbers"]
    assert calls == [*CHECKS, *CHECKS]  # each is asked once


# What is measured


def test_activations_are_those_of_the_network():
    architecture = [Dense(9), BatchNorm(), Tanh(), Dropout(0.5), Dense(8), LeakyReLU()]
    clf = fit(architecture=architecture)
    first, second, last = diagnose(clf, X).layers
    network = clf.network_
    for row, stop in ((first, 3), (second, 6), (last, 8)):
        A = network.predict(X.astype(np.float32), stop)
        assert_allclose(row["mean"], A.mean(), rtol=1e-4, atol=1e-5)
        assert_allclose(row["std"], A.std(), rtol=1e-4)
        assert row["units"] == A.shape[1]
    A = network.predict(X.astype(np.float32), 3)
    flat = np.mean(np.abs(A) > np.sqrt(0.98), axis=0) > 0.5
    assert first["saturated"] == flat.mean()
    A = network.predict(X.astype(np.float32), 6)
    assert second["dead"] == np.mean(A.max(axis=0) <= 0)
    assert np.isnan([first["dead"], second["saturated"], last["dead"]]).all()
    norms = clf.history_[-1]["gradient_norm"]
    assert [row["gradient_norm"] for row in (first, second, last)] == [
        norms[f"Dense_{k}"] for k in (1, 2, 3)
    ]
    assert first["name"] == "Dense(9), BatchNorm(), Tanh(), Dropout(0.5)"
    assert last["name"] == "Dense(10), Softmax()"


def test_update_ratio_of_plain_gradient_descent():
    """Steps on all samples, so short that the network stays where it is."""
    rate = 1e-6
    settings = {"solver": "sgd", "momentum": 0.0, "alpha": 0.0, "dtype": "float64"}
    clf = fit(batch_size=len(X), learning_rate_init=rate, **settings)
    network, Y_hot = clf.network_, Y[:, np.newaxis] == np.arange(10)
    hidden = network.predict(X, 2)
    dZ = (network.predict(X) - Y_hot) / len(X)
    dW = [X.T @ ((dZ @ clf.coefs_[1].T) * (hidden > 0)), hidden.T @ dZ]
    for row, W, d in zip(diagnose(clf, X, Y).layers, clf.coefs_, dW, strict=True):
        expected = rate * np.linalg.norm(d) / np.linalg.norm(W)
        assert_allclose(row["update_ratio"], expected, rtol=1e-4)


def test_update_ratio_grows_with_the_learning_rate():
    ratios = [
        [row["update_ratio"] for row in diagnose(clf, X, Y).layers]
        for clf in (fit(learning_rate_init=rate) for rate in (1e-6, 1e-5))
    ]
    assert_allclose(ratios[1], np.multiply(ratios[0], 10), rtol=0.1)


def test_lbfgs_has_no_learning_rate():
    diagnosis = diagnose(fit((10,), IRIS, IRIS_Y, solver="lbfgs"), IRIS, IRIS_Y)
    assert np.isnan([row["update_ratio"] for row in diagnosis.layers]).all()
    assert diagnosis.layers[0]["gradient_norm"] > 0


def test_large_data_is_taken_in_parts(monkeypatch):
    clf = fit(batch_norm=True)
    whole = diagnose(clf, X, Y)
    monkeypatch.setattr("skdnn.diagnosis.measures.INFERENCE_ROWS", 100)
    for row, expected in zip(diagnose(clf, X, Y).layers, whole.layers, strict=True):
        assert row["name"] == expected["name"]
        for key in ("dead", "mean", "std", "update_ratio"):
            assert_allclose(row[key], expected[key], rtol=1e-5)


@pytest.mark.parametrize("with_y", [True, False])
@pytest.mark.parametrize(
    ("kind", "params"),
    [
        ("plain", {"batch_norm": True, "dropout": 0.2}),
        ("generator", {"ema_decay": 0.9, "input_dropout": 0.1}),
        ("partial", {"class_weight": {0: 2.0}, "label_smoothing": 0.1}),
        ("sparse", {"solver": "adamw", "batch_size": 10_000}),
        ("two classes", {"early_stopping": True, "max_grad_norm": 0.5}),
        ("labels", {"batch_norm": True}),
        ("lbfgs", {"solver": "lbfgs"}),
        ("softmax", {"architecture": [Tanh(), Softmax()]}),
        ("odd", {"architecture": [Logistic(), Dense(4), ReLU(), Tanh()]}),
    ],
)
@pytest.mark.filterwarnings("ignore:.*batch_size")
def test_nothing_changes(kind, params, with_y):
    samples = csr_array(X) if kind == "sparse" else X
    targets = {"two classes": Y > 4, "labels": LABEL_SETS}.get(kind, Y)
    if kind == "softmax":
        samples = X[:, 20:30]
    seed = np.random.RandomState(0) if kind == "generator" else 0
    clf = MLPClassifierDIY((5,), max_iter=2, random_state=seed).set_params(**params)
    if kind == "partial":
        clf.partial_fit(samples, targets, classes=np.arange(10))
    else:
        clf.fit(samples, targets)

    def bits():
        network = clf.network_
        state = seed.get_state() if kind == "generator" else None
        vectors = network.parameters, network.gradients, network.statistics
        random = np.random.get_state(legacy=False)
        return pickle.dumps(clf), joblib.hash([*vectors, state, random])

    before = bits()
    first = diagnose(clf, samples, targets if with_y else None)
    assert bits() == before
    # And it draws its own random numbers.
    again = diagnose(clf, samples, targets if with_y else None)
    assert str(again) == str(first)


def test_pipeline_and_search_are_unwrapped():
    pipeline = make_pipeline(StandardScaler(), MLPClassifierDIY(random_state=0))
    search = GridSearchCV(pipeline, {"mlpclassifierdiy__max_iter": [3]}, cv=2)
    search.fit(X * 255, Y)
    best = search.best_estimator_
    expected = diagnose(best[-1], best[:-1].transform(X * 255), Y)
    for estimator in (search, best):
        assert str(diagnose(estimator, X * 255, Y)) == str(expected)


def test_several_networks_are_looked_at_in_the_mean():
    clf = fit(n_networks=3)
    rows = diagnose(clf, X, Y).layers
    each = [diagnose(alone, X, Y).layers for alone in clf.estimators_]
    for k, row in enumerate(rows):
        for name in ("dead", "mean", "std", "gradient_norm", "update_ratio"):
            mean = np.mean([its[k][name] for its in each])
            assert_allclose(row[name], mean, rtol=1e-5)
        assert row["name"] == each[0][k]["name"]
    sick = fit((20, 20), n_networks=2, learning_rate_init=0.5)
    assert "lower learning_rate_init" in findings(sick)


@pytest.mark.parametrize(
    ("samples", "targets", "message"),
    [
        (X[:1], None, "X has 1 sample: at least 2 are needed"),
        (X[:, :5], None, "X has 5 features, but MLPClassifierDIY is expecting 64"),
        (X[:5], Y[:4], "inconsistent numbers of samples"),
        (X[:5], np.full(5, 11), "`y` has classes not in `self.classes_`"),
    ],
    ids=["one", "features", "lengths", "classes"],
)
def test_errors(samples, targets, message):
    with pytest.raises(ValueError, match=message):
        diagnose(fit(max_iter=1), samples, targets)


def test_only_fitted_networks():
    with pytest.raises(NotFittedError):
        diagnose(MLPClassifierDIY(), X)
    with pytest.raises(
        TypeError, match=r"got an object of type ndarray\. It comes first"
    ):
        diagnose(X, fit(max_iter=1))
    with pytest.raises(ValueError, match="estimator=MinMax.* has no network_"):
        diagnose(MinMaxScaler().fit(X), X)


# How it is shown


def test_text_and_html():
    diagnosis = diagnose(fit(solver="lbfgs", X=X * 255), X * 255)
    lines = str(diagnosis).splitlines()
    assert lines[0].split()[:3] == ["layer", "dead", "saturated"]
    assert len({len(line) for line in lines[:5]}) == 1  # aligned
    row = diagnosis.layers[0]
    assert lines[2].startswith("1  Dense(20), ReLU()")
    assert f"{row['dead']:.0%}" in lines[2]
    assert lines[2].endswith("–")
    assert lines[-len(diagnosis.findings) :] == [f"- {f}" for f in diagnosis.findings]
    html = diagnosis._repr_html_()
    assert html.count("<tr>") == 3
    assert all(f"<li>{text}</li>" in html for text in diagnosis.findings)


def test_picture():
    clf = fit((20, 10), max_iter=1)
    clf.intercepts_[0][:15] = -100
    diagnosis = diagnose(clf, X, Y)
    figure, ax = plt.subplots()
    display = diagnosis.plot(ax)
    assert (display.ax_, display.figure_) == (ax, figure)
    shares, activations, gradients, updates = display.axes_
    dead = [row["dead"] for row in diagnosis.layers[:2]]
    bars = [patch for patch in shares.patches if patch.get_height() == 0.5]
    assert [bar.get_width() for bar in bars] == dead
    assert bars[0].get_facecolor() != bars[1].get_facecolor()  # the first is ill
    means = activations.lines[0].get_xdata()
    assert_allclose(means, [row["mean"] for row in diagnosis.layers])
    for panel, key in ((gradients, "gradient_norm"), (updates, "update_ratio")):
        points = [line.get_xdata()[0] for line in panel.lines]
        assert_allclose(points, [row[key] for row in diagnosis.layers])
    plt.close(figure)


@pytest.mark.parametrize("n_layers", [1, 8])
@pytest.mark.parametrize("solver", ["adam", "lbfgs"])
def test_nothing_overlaps(n_layers, solver):
    clf = fit((5,) * (n_layers - 1), solver=solver, max_iter=2)
    display = diagnose(clf, X).plot()
    display.figure_.canvas.draw()
    texts = [panel.xaxis.label for panel in display.axes_]
    for panel in display.axes_:
        low, high = panel.get_xlim()
        for place, label in zip(
            panel.get_xticks(), panel.get_xticklabels(), strict=True
        ):
            if low <= place <= high and label.get_text():
                texts.append(label)
    texts += display.axes_[0].get_yticklabels()
    boxes = [text.get_window_extent() for text in texts]
    assert not any(a.overlaps(b) for i, a in enumerate(boxes) for b in boxes[:i])
    figure = display.figure_.bbox
    assert all(figure.x0 <= box.x0 and box.x1 <= figure.x1 for box in boxes)
    plt.close(display.figure_)
