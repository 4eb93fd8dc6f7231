"""Arguments as people write them: NumPy's numbers, fractions, and far too much."""

import re
from dataclasses import fields
from decimal import Decimal
from fractions import Fraction

import numpy as np
import pytest
from numpy.testing import assert_array_equal
from sklearn.base import clone

from helpers import check_refusal, of_both, outputs, quick, quick_of
from skdnn import (
    MLPClassifierDIY,
    MLPRegressorDIY,
    TabularClassifierDIY,
    TabularRegressorDIY,
    diagnose,
)
from skdnn.augmentation import Affine, Elastic, Erase, MixUp, Noise
from skdnn.displays import LearningRateDisplay
from skdnn.estimators.arguments import SharedArguments
from skdnn.nn import (
    ELU,
    SGD,
    Adam,
    BatchNorm,
    Dense,
    Dropout,
    GaussianNoise,
    GaussianOutput,
    Glorot,
    Huber,
    InverseScaling,
    LayerNorm,
    LeakyReLU,
    Normal,
    OneCycle,
    Ordered,
    PiecewiseLinear,
    PinballLoss,
    PReLU,
    ReLU,
    Softmax,
)
from skdnn.nn.initializers import INITIALIZERS
from skdnn.nn.layers import ACTIVATIONS
from skdnn.nn.losses import LOSSES
from skdnn.nn.optimizers import OPTIMIZERS
from skdnn.nn.schedules import SCHEDULES

HALF = {
    "float32": np.float32(0.5),
    "float16": np.float16(0.5),
    "longdouble": np.longdouble(0.5),
    "0-d": np.array(0.5, np.float32),
    "fraction": Fraction(1, 2),
    "decimal": Decimal("0.5"),
}


@pytest.mark.parametrize("half", HALF.values(), ids=HALF)
@pytest.mark.parametrize(
    "name",
    ["learning_rate_init", "alpha", "momentum", "max_grad_norm", "dropout", "power_t"],
)
@of_both
def test_a_half_is_a_half_whoever_wrote_it(iris, Estimator, name, half):
    settings = {"solver": "sgd", "learning_rate": "invscaling", "max_iter": 3}
    if name != "learning_rate_init":
        settings["learning_rate_init"] = 0.01
    expected = quick_of(Estimator, **settings, **{name: 0.5}).fit(*iris)
    given = quick_of(Estimator, **settings, **{name: half}).fit(*iris)
    assert_array_equal(outputs(given, iris[0]), outputs(expected, iris[0]))
    assert getattr(given, name) is half  # as scikit-learn's clone wants it
    assert type(getattr(clone(given), name)) is type(half)


@pytest.mark.parametrize(
    ("name", "number", "plain"),
    [
        ("beta_1", np.float16(0.9), float(np.float16(0.9))),
        ("beta_2", np.float16(0.999), float(np.float16(0.999))),
        ("epsilon", np.float32(1e-8), float(np.float32(1e-8))),
        ("alpha", np.float16(1e-4), float(np.float16(1e-4))),
        ("ema_decay", np.float16(0.9), float(np.float16(0.9))),
        ("tol", np.float32(0.25), 0.25),
        ("label_smoothing", np.float32(0.1), float(np.float32(0.1))),
        (
            "class_weight",
            {0: np.float16(0.5), np.int8(1): Fraction(2), 2: Decimal(1)},
            {0: 0.5, 1: 2, 2: 1},
        ),
        ("hidden_layer_sizes", np.array([5, 6], np.int8), [5, 6]),
        ("hidden_layer_sizes", [np.int8(100), np.int16(3)], [100, 3]),
        ("dropout", np.array([0.25], np.float16), [0.25]),
        ("random_state", np.int64(3), 3),
        ("batch_size", np.uint8(100), 100),
        ("max_iter", np.int8(3), 3),
        ("n_iter_no_change", np.float32(np.inf), np.inf),
        ("batch_norm", np.True_, True),
        ("solver", np.str_("adamw"), "adamw"),
    ],
    ids=str,
)
@pytest.mark.parametrize("in_parts", [False, True])
def test_numbers_of_numpy_are_those_of_python(iris, name, number, plain, in_parts):
    X, y = iris
    fitted = []
    for value in (number, plain):
        clf = quick(**{name: value})
        if in_parts:
            clf.partial_fit(X, y, classes=[0, 1, 2]).partial_fit(X, y)
        else:
            clf.fit(X, y)
        fitted.append(clf)
    given, expected = fitted
    assert_array_equal(given.predict_proba(X), expected.predict_proba(X))
    assert repr(given.network_.layers) == repr(expected.network_.layers)


def test_numbers_of_the_regressor(iris):
    X, _ = iris
    for name, number in (("delta", np.float16(0.1)), ("quantile", np.float32(0.3))):
        loss = {"delta": "huber", "quantile": "quantile"}[name]
        given, expected = (
            quick_of(MLPRegressorDIY, loss=loss, **{name: value}).fit(X, X[:, 0])
            for value in (number, float(number))
        )
        assert_array_equal(given.predict(X), expected.predict(X))
    several = np.array([0.25, 0.5], np.float32)
    reg = quick_of(MLPRegressorDIY, loss="quantile", quantile=several).fit(X, X[:, 0])
    assert reg.target_loss_ == PinballLoss((0.25, 0.5))


@pytest.mark.parametrize("Estimator", [TabularClassifierDIY, TabularRegressorDIY])
def test_small_integers_do_not_overflow_in_tables(iris, Estimator):
    settings = {"max_iter": 2, "random_state": 0}
    fitted = [
        Estimator(sizes, n_networks=n, **settings).fit(*iris)
        for sizes, n in ((np.array([8], np.int8), np.int8(2)), ((8,), 2))
    ]
    given, expected = (outputs(it, iris[0]) for it in fitted)
    assert_array_equal(given, expected)


def test_equal_arguments_share_a_checkpoint(iris, tmp_path):
    files = []
    for rate in (0.5, np.float32(0.5), np.float64(0.5), Fraction(1, 2)):
        quick(learning_rate_init=rate, checkpoint_dir=tmp_path).fit(*iris)
        files.append({path.name for path in tmp_path.iterdir()})
    assert files[0]
    assert all(names == files[0] for names in files)


def test_who_else_reads_arguments(iris):
    X, y = iris
    settings = {"beta_2": np.float16(0.999), "batch_size": np.int8(50)}
    plain = {"beta_2": float(np.float16(0.999)), "batch_size": 50}
    for look in (
        lambda clf: repr(diagnose(clf.fit(X, y), X, y)),
        lambda clf: LearningRateDisplay.from_estimator(
            clf, X, y, n_steps=np.int8(30), max_rate=np.float32(10)
        ).losses.tolist(),
    ):
        assert look(quick(**settings)) == look(quick(**plain))


CHOICES = [
    (SharedArguments, "activation", ACTIVATIONS),
    (SharedArguments, "weight_init", {"auto", *INITIALIZERS}),
    (SharedArguments, "solver", {"lbfgs", *OPTIMIZERS}),
    (SharedArguments, "learning_rate", SCHEDULES),
    (MLPRegressorDIY, "loss", LOSSES),
]


@pytest.mark.parametrize(("Estimator", "argument", "names"), CHOICES)
def test_the_documentation_has_every_choice(Estimator, argument, names):
    pattern = rf"^ *{argument} : {{(.*?)}}"
    (choices,) = re.findall(pattern, Estimator.__doc__, re.M | re.S)
    assert set(re.findall(r'"(\w+)"', choices)) == set(names)


VALUES = {
    "Dense": (Dense, 50, np.int8(50)),
    "Dropout": (Dropout, 0.1, np.float64(0.1)),
    "GaussianNoise": (GaussianNoise, 0.5, np.float16(0.5)),
    "LeakyReLU": (LeakyReLU, 0.5, Fraction(1, 2)),
    "PReLU": (PReLU, 0.5, np.float32(0.5)),
    "ELU": (ELU, 0.5, Decimal("0.5")),
    "BatchNorm": (BatchNorm, 0.5, np.float32(0.5)),
    "LayerNorm": (LayerNorm, 0.5, np.float32(0.5)),
    "Ordered": (Ordered, 2, np.uint8(2)),
    "Huber": (Huber, 0.5, np.float32(0.5)),
    "PinballLoss": (PinballLoss, (0.25, 0.5), np.array([0.25, 0.5], np.float16)),
    "Normal": (Normal, 0.5, np.float16(0.5)),
    "Glorot": (Glorot, 0.5, np.float16(0.5)),
    "InverseScaling": (InverseScaling, 0.5, np.float32(0.5)),
    "OneCycle": (OneCycle, 0.5, np.float32(0.5)),
    "Affine": (Affine, 10.0, np.float32(10)),
    "Elastic": (Elastic, 0.5, np.float16(0.5)),
    "Erase": (Erase, 0.5, np.float16(0.5)),
    "MixUp": (MixUp, 0.5, np.float32(0.5)),
    "Noise": (Noise, 0.5, np.array(0.5)),
    "PiecewiseLinear": (
        PiecewiseLinear,
        ((0.0, 1.0, 3.0), ()),
        (np.array([0, 1, 3], np.float16), ()),
    ),
}


@pytest.mark.parametrize(("Value", "plain", "number"), VALUES.values(), ids=VALUES)
def test_values_hold_numbers_of_python(Value, plain, number):
    expected, given = Value(plain), Value(number)
    assert given == expected
    assert hash(given) == hash(expected)
    assert repr(given) == repr(expected)
    first = fields(given)[0].name
    assert type(getattr(given, first)) is type(plain)


@pytest.mark.parametrize("make", [SGD, Adam])
def test_optimizers_hold_numbers_of_python(make):
    optimizer = make(np.float16(0.9))
    (number,) = [v for v in vars(optimizer).values() if v == np.float16(0.9)]
    assert type(number) is float


# ---------------------------------------------------------------------- far too much


@pytest.mark.parametrize(
    "name",
    [
        *("alpha", "learning_rate_init", "tol", "max_iter", "n_networks"),
        *("batch_size", "random_state", "hidden_layer_sizes", "class_weight"),
    ],
)
@pytest.mark.parametrize(
    "number",
    [10**400, -(10**5000), Fraction(10**400)],
    ids=["large", "beyond words", "fraction"],
)
def test_numbers_that_no_float_can_hold_are_named(iris, name, number):
    value = {0: number} if name == "class_weight" else number
    with pytest.raises(ValueError, match=f"{name} must be a number that a float"):
        quick(**{name: value}).fit(*iris)


def test_large_integers_are_floats_where_these_may_be(iris):
    X, y = iris
    given, expected = (
        quick(max_grad_norm=norm).fit(X, y).predict_proba(X) for norm in (10**25, 1e25)
    )
    assert_array_equal(given, expected)


@pytest.mark.parametrize("sizes", [10**30, [5, 10**30], 10**14, (10**9, 10**9)])
def test_layers_that_no_memory_can_hold_are_named(iris, sizes):
    match = r"hidden_layer_sizes=.* would take \d.*e\+\d+ bytes"
    with pytest.raises(MemoryError, match=match):
        quick(sizes).fit(*iris)
    with pytest.raises(MemoryError, match=match):
        TabularClassifierDIY(sizes).fit(*iris)
    layers = [Dense(10**30), ReLU()]
    with pytest.raises(MemoryError, match=r"architecture=\[Dense\(10+\), ReLU\(\)\]"):
        quick(architecture=layers).fit(*iris)


@pytest.mark.parametrize("sizes", [True, [True, 5], [2.5], [[5], [6, 7]], ["5"]])
def test_sizes_that_are_none(iris, sizes):
    for Estimator in (MLPClassifierDIY, TabularClassifierDIY):
        with pytest.raises(ValueError, match="hidden_layer_sizes must be integers"):
            Estimator(hidden_layer_sizes=sizes).fit(*iris)


def test_too_many_networks(iris):
    with pytest.raises(ValueError, match="'n_networks' parameter"):
        quick(n_networks=10**20).fit(*iris)


# -------------------------------------------------------------- named, by their values


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
    ({"architecture": [Dense(5), ReLU]}, "architecture: Layer 1 is the class ReLU"),
    ({"architecture": [Dense(5), "relu"]}, "architecture: Layer 1 must .* got 'relu'"),
    ({"architecture": [Softmax(), Dense(3)]}, "it can only be the last"),
    ({"weight_init": lambda *shape: 0}, "weight_init: <.* must return .* got 0"),
    ({"architecture": [Dense(7), GaussianOutput()]}, "even number .* got 7"),
    ({"architecture": [Dense(5), ELU(1e39)]}, r"ELU: alpha .* float32, got 1e\+39"),
    ({"epsilon": 1e-50}, "solver='adam': epsilon must be in .* got 1e-50"),
    ({"architecture": [Dense(5)], "dropout": 0.5}, "dropout=0.5 has no effect"),
    ({"transform_layer": "ReLU_2"}, "transform_layer='ReLU_2' .*'Dense_1', 'ReLU_1'"),
    ({"architecture": [Dense(5)], "batch_norm": True}, "batch_norm=True has no effect"),
]


@pytest.mark.parametrize(
    ("arguments", "message"),
    BAD_ARGUMENTS,
    ids=lambda value: re.sub(" at 0x[0-9a-f]+", "", str(value)),  # the same each time
)
def test_bad_arguments_are_named_and_leave_the_estimator_as_it_was(
    iris, fitted, arguments, message
):
    X, y = iris
    check_refusal(fitted.set_params(**arguments), X, (X, y), message)


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


def test_arguments_and_weights_are_named(iris):
    X, y = iris
    for sizes in ({}, "relu", None):
        with pytest.raises((ValueError, TypeError), match="hidden_layer_sizes"):
            MLPClassifierDIY(sizes).fit(X, y)
    with pytest.raises(ValueError, match="sample_weight must be numbers, got .*'a'"):
        MLPClassifierDIY().fit(X, y, ["a"] * 150)
    with pytest.raises(ValueError, match="sample_weight_val: "):
        MLPClassifierDIY().fit(X, y, X_val=X, y_val=y, sample_weight_val=-y)
