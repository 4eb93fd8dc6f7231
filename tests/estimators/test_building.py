"""From arguments to a network: sizes, explicit layers, what they start with."""

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from sklearn.datasets import load_breast_cancer
from sklearn.preprocessing import StandardScaler

from helpers import check_refusal, of_both, quick, quick_of, silent
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

NORMALIZED = [Dense(20), BatchNorm(), ReLU()]


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


def test_a_softmax_of_another_size_says_which_is_needed(iris):
    clf = quick().fit(*iris).set_params(architecture=[Dense(5), Softmax()])
    message = "5 outputs, but y has 3 classes.* needs 3 units"
    check_refusal(clf, iris[0], iris, message)


def test_dropout_for_each_layer_and_for_the_input(iris):
    def layers(**settings):
        return tuple(layers_of(quick(max_iter=1, **settings).fit(*iris)))

    assert layers(
        hidden_layer_sizes=(9, 8, 7), dropout=[0.1, 0, 0.3], input_dropout=0.2
    ) == (
        *(Dropout(0.2), Dense(9), ReLU(), Dropout(0.1)),
        *(Dense(8), ReLU(), Dense(7), ReLU(), Dropout(0.3)),
        *(Dense(3), Softmax()),
    )
    ours = layers(hidden_layer_sizes=np.array([9]), dropout=np.array([0.1]))
    assert repr(ours[2]) == "Dropout(0.1)"
    assert layers(hidden_layer_sizes=9, dropout=0.4, batch_norm=True) == (
        *(Dense(9), BatchNorm(), ReLU(), Dropout(0.4), Dense(3), Softmax()),
    )
    for settings, message in [
        ({"dropout": [0.1, 0.2]}, r"2 rates, \[0.1, 0.2\], for 1 hidden layer: give"),
        ({"dropout": [1.0]}, r"Dropout: rate must be a number in \[0, 1\), got 1.0"),
        ({"dropout": ["a"]}, "rate must be a number, got 'a'"),
        ({"hidden_layer_sizes": (5.0,)}, r"must be integers, got \[5.0\]"),
        ({"weight_init": Normal}, r"the class Normal; an instance is needed"),
        ({"input_dropout": 1}, "'input_dropout' parameter .* Got 1 instead"),
    ]:
        with pytest.raises((ValueError, TypeError), match=message):
            quick(**settings).fit(*iris)


def test_weight_init(iris):
    X, y = iris

    def std(weight_init, activation="relu"):
        clf = quick((300,), activation, weight_init=weight_init, max_iter=1)
        fitted = clf.set_params(learning_rate_init=1e-30).fit(X, y)
        return fitted.coefs_[1].std(), np.abs(fitted.intercepts_[0]).max()

    for weight_init, expected, has_bias in [
        ("auto", np.sqrt(2 / 303), True),
        ("glorot", np.sqrt(2 / 303), True),
        ("he", np.sqrt(2 / 300), False),
        ("normal", 0.01, False),
        (Normal(0.2), 0.2, False),
    ]:
        observed, largest_bias = std(weight_init)
        assert observed == pytest.approx(expected, rel=0.1)
        assert (largest_bias > 1e-20) == has_bias
    assert std("auto", "logistic")[0] == pytest.approx(np.sqrt(2 / 909), rel=0.1)
    with pytest.raises(ValueError, match="'weight_init' parameter .* Got 'zero'"):
        quick(weight_init="zero").fit(X, y)


def test_two_linear_layers_in_a_row(iris):
    layers = [Dense(20), ReLU(), Dense(3)]
    with pytest.warns(UserWarning, match=r"ends in Dense\(3\), to which fit adds"):
        MLPClassifierDIY(architecture=layers, max_iter=1).fit(*iris)
    with silent():
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


@of_both
def test_explicit_layers_work_with_all_of_it(digits, Estimator):
    X, y = digits
    layers = [BatchNorm(), Dense(20), BatchNorm(), ReLU()]
    for solver in ("adam", "sgd", "adamw", "lbfgs"):
        clf = quick_of(Estimator, architecture=layers, solver=solver, max_iter=20)
        clf.set_params(learning_rate_init=0.01).fit(X, y)
        assert clf.score(X, y) > 0.8
