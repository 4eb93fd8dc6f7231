"""Export to ONNX, run by onnxruntime."""

import subprocess
import sys
from dataclasses import dataclass

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from scipy.stats import norm
from sklearn.base import clone
from sklearn.datasets import make_multilabel_classification
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

import skdnn
from skdnn import MLPClassifierDIY, MLPRegressorDIY
from skdnn.nn import (
    GELU,
    BatchNorm,
    Dense,
    Dropout,
    Exp,
    GaussianNoise,
    GaussianOutput,
    Layer,
    LayerNorm,
    LeakyReLU,
    Mish,
    Ordered,
    PReLU,
    ReLU,
    Residual,
    Scale,
    Softmax,
    Tanh,
)
from skdnn.nn.layers import ACTIVATIONS
from skdnn.onnx import register_converter
from skdnn.onnx.graph import Graph

onnx = pytest.importorskip("onnx")
onnxruntime = pytest.importorskip("onnxruntime")
pytestmark = pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")

CLASSIFIERS = {
    "default": {},
    "batch_norm": {"batch_norm": True, "dropout": 0.2, "input_dropout": 0.1},
    "no hidden layer": {"hidden_layer_sizes": ()},
    "float64": {"dtype": "float64", "activation": "leaky_relu", "batch_norm": True},
    **{
        name: {"activation": name, "hidden_layer_sizes": (20, 10)}
        for name in ACTIVATIONS
    },
    "blocks": {
        "architecture": [
            *(Scale(), Dense(20), LayerNorm(), GELU()),
            Residual(
                [Dense(10), BatchNorm(), PReLU(), Residual([Dense(10)]), Dense(20)]
            ),
            *(Residual([Dropout(0.5), GaussianNoise(0.1)]), Mish()),
        ]
    },
    "gelu, float64": {"activation": "gelu", "dtype": "float64"},
    "layers of regression": {
        "architecture": [
            *(Dense(12), Exp(), Dense(12), Ordered(3), Dense(12), GaussianOutput()),
            *(Residual([GaussianOutput()]), Ordered(1)),
        ]
    },
    "layers": {
        "architecture": [
            *(GaussianNoise(0.1), BatchNorm(), Dropout(0.1), Dense(20), ReLU()),
            BatchNorm(),
            *(Dense(10), LeakyReLU(0.2), BatchNorm(), Tanh()),
        ]
    },
}
CLASSIFIERS["blocks, float64"] = CLASSIFIERS["blocks"] | {"dtype": "float64"}


def quick(**settings):
    return MLPClassifierDIY(**{"max_iter": 5, "random_state": 0, **settings})


def run(model, X, name="X"):
    session = onnxruntime.InferenceSession(
        model.SerializeToString(), providers=["CPUExecutionProvider"]
    )
    return session.run(None, {name: X})


def check(clf, X, label, probabilities, atol=1e-5):
    assert_array_equal(label, clf.predict(X))
    assert_allclose(probabilities, clf.predict_proba(X), atol=atol)


@pytest.mark.parametrize("settings", CLASSIFIERS.values(), ids=CLASSIFIERS.keys())
def test_same_labels_and_probabilities(digits, settings):
    X, y = digits
    clf = quick(**settings).fit(X, y)
    model = skdnn.to_onnx(clf)
    kinds = [node.op_type for node in model.graph.node]
    if settings.get("batch_norm"):  # no trace of it behind a dense layer
        assert ("Mul" in kinds) == (settings.get("activation") == "leaky_relu")
    output = run(model, X.astype(clf.network_.dtype))
    assert output[1].dtype == clf.network_.dtype
    check(clf, X, *output, atol=1e-12 if "dtype" in settings else 1e-5)


LABELS = {
    "strings": np.array([f"class {i}" for i in range(10)]),
    "objects": np.array(["a", "b", "c", "d", "e", "f", "ü", "", "i", "j"], object),
    "floats": np.arange(10.0) - 3,
    "bytes": np.arange(10, dtype=np.uint8),
    "two": np.repeat([3, -7], 5),
    "two strings": np.repeat(["yes", "no"], 5),
    "bool": np.repeat([False, True], 5),
}


@pytest.mark.parametrize("labels", LABELS.values(), ids=LABELS.keys())
@pytest.mark.parametrize("n_networks", [1, 3])
@pytest.mark.parametrize("ends_in_softmax", [False, True])
def test_labels_of_any_kind(digits, labels, ends_in_softmax, n_networks):
    X, y = digits
    layers = None
    if ends_in_softmax:
        layers = [Dense(9), ReLU(), Dense(len(set(labels))), Softmax()]
    clf = quick(architecture=layers, n_networks=n_networks).fit(X, labels[y])
    label, probabilities = run(skdnn.to_onnx(clf), X.astype(np.float32))
    assert label.dtype == (object if labels.dtype.kind in "UO" else np.int64)
    check(clf, X, label, probabilities)


@pytest.mark.parametrize("n_networks", [1, 3])
@pytest.mark.parametrize("n_classes", [2, 5])
def test_multilabel(n_classes, n_networks):
    X, Y = make_multilabel_classification(n_classes=n_classes, random_state=0)
    clf = quick(n_networks=n_networks).fit(X, Y)
    check(clf, X, *run(skdnn.to_onnx(clf), X.astype(np.float32)))


def test_far_out_and_no_samples(digits):
    X, y = digits
    for target in (y, y % 2):
        clf = quick().fit(X, target)
        far = np.float32(1e4) * (X - 0.5).astype(np.float32)
        # Logits of 1e4 are rounded to 1e-3.
        check(clf, far, *run(skdnn.to_onnx(clf), far), atol=1e-3)
        label, probabilities = run(skdnn.to_onnx(clf), far[:0])
        assert label.shape == (0,)
        assert probabilities.shape == (0, len(clf.classes_))


@pytest.mark.filterwarnings("ignore:Columns .* vary so little")
def test_normalization_of_large_and_of_equal_numbers(digits):
    X, y = digits
    X = X.astype(np.float32)
    clf = quick(architecture=[LayerNorm(), Dense(9), ReLU()]).fit(X, y)
    rows = np.vstack([X[:9] * np.float32(1e20), np.full((9, 64), 1e5 + 0.1), X[:9]])
    rows = rows.astype(np.float32)
    check(clf, rows, *run(skdnn.to_onnx(clf), rows))
    far = X + np.float32(1e5)
    clf = quick(architecture=[BatchNorm(), Dense(9), ReLU()]).fit(far, y)
    check(clf, far, *run(skdnn.to_onnx(clf), far))


@pytest.mark.parametrize("opset", [13, 17, onnx.defs.onnx_opset_version()])
def test_name_and_dtype_of_the_input_and_opset(digits, opset):
    X, y = digits
    pixels = (X * 16).astype(np.uint8)
    clf = quick().fit(pixels, y)
    model = skdnn.to_onnx(clf, input_name="in", input_dtype=np.uint8, opset=opset)
    assert model.opset_import[0].version == opset
    assert [output.name for output in model.graph.output] == ["label", "probabilities"]
    if opset < 20:  # onnxruntime lags behind onnx
        check(clf, pixels, *run(model, pixels, "in"))


def test_errors(digits, monkeypatch):
    X, y = digits
    clf = quick().fit(X, y)
    for opset in (12, 1000):
        with pytest.raises(ValueError, match=rf"opset must be in \[13, .*got {opset}"):
            skdnn.to_onnx(clf, opset=opset)
    for dtype in ("int7", "U5", complex):
        with pytest.raises(ValueError, match=r"input_dtype must be None or .*, got .*"):
            skdnn.to_onnx(clf, input_dtype=dtype)
    with pytest.raises(TypeError, match=r"got Pipeline[^.]*. For a pipeline"):
        skdnn.to_onnx(make_pipeline(clf))
    search = GridSearchCV(clone(clf), {"alpha": [0.1]}, cv=2)
    with pytest.raises(
        TypeError, match=r"(?s)got GridSearchCV.*must be fitted, with refit"
    ):
        skdnn.to_onnx(search)
    with pytest.raises(ValueError, match="not fitted"):
        skdnn.to_onnx(clone(clf))
    days = np.arange(10).astype("datetime64[D]")
    with pytest.raises(TypeError, match=r"datetime64\[D\].*astype\(str\)"):
        skdnn.to_onnx(clone(clf).fit(X, days[y]))
    for name in ("onnx", "skl2onnx"):
        monkeypatch.setitem(sys.modules, name, None)
    with pytest.raises(ImportError, match=r"to_onnx needs onnx: pip .*skdnn\[onnx\]"):
        skdnn.to_onnx(clf)
    with pytest.raises(ImportError, match=r"needs skl2onnx: pip .*skdnn\[onnx\]"):
        register_converter()


def test_the_best_estimator_of_a_search(digits):
    X, y = digits
    search = GridSearchCV(quick(), {"alpha": [0.1]}, cv=2).fit(X, y)
    assert skdnn.to_onnx(search) == skdnn.to_onnx(search.best_estimator_)


@dataclass(frozen=True)
class Sine(Layer):
    """A layer that is not this package's."""

    def forward(self, Z, slot, training):
        return np.sin(Z, out=slot.output)

    def backward(self, dA, slot):
        return dA


def test_layers_that_are_not_of_this_package(digits):
    X, y = digits
    clf = quick(architecture=[Dense(9), Sine(), Residual([Sine()])]).fit(X, y)
    with pytest.raises(TypeError, match=r"got Sine\(\), which is Sine_1 of"):
        skdnn.to_onnx(clf)


def test_the_normal_distribution_of_gelu_in_double_precision():
    X = np.append(np.linspace(-38, 9, 10_001), [-1e200, 1e200, -0.0, 1e-300])
    graph = Graph(onnx)

    def number(value):
        return graph.constant(np.asarray(value, np.float64))

    graph.normal_distribution("X", np.float64, number)
    graph.nodes[-1].output[0] = "Phi"
    helper = onnx.helper
    tensors = [
        helper.make_tensor_value_info(name, onnx.TensorProto.DOUBLE, ["n"])
        for name in ("X", "Phi")
    ]
    parts = helper.make_graph(
        graph.nodes, "Phi", tensors[:1], tensors[1:], graph.constants
    )
    opsets = [helper.make_opsetid("", 13)]
    version = helper.find_min_ir_version_for(opsets)
    model = helper.make_model(parts, opset_imports=opsets, ir_version=version)
    (Phi,) = run(model, X)
    # Far out, where exp(-x²) is rounded, the tails lose digits.
    assert_allclose(Phi, norm.cdf(X), rtol=1e-12, atol=1e-300)
    near = np.abs(X) < 3
    assert_allclose(Phi[near], norm.cdf(X[near]), rtol=3e-14)


def test_importing_does_not_import_onnx():
    code = "import sys, skdnn, skdnn.onnx; assert 'onnx' not in sys.modules"
    subprocess.run([sys.executable, "-c", code], check=True)


@pytest.mark.parametrize("settings", CLASSIFIERS.values(), ids=CLASSIFIERS.keys())
def test_pipeline_through_skl2onnx(digits, settings):
    skl2onnx = pytest.importorskip("skl2onnx")
    register_converter()
    X, y = digits
    pipeline = make_pipeline(StandardScaler(), quick(**settings)).fit(X, y)
    X = X.astype(np.float64 if "dtype" in settings else np.float32)
    model = skl2onnx.to_onnx(pipeline, X, options={"zipmap": False})
    check(pipeline, X, *run(model, X))


@pytest.mark.parametrize("kind", ["strings", "two strings", "multilabel", "integers"])
def test_labels_and_zipmap_through_skl2onnx(digits, kind):
    skl2onnx = pytest.importorskip("skl2onnx")
    register_converter()
    X, y = digits
    X = (X * 16).astype(np.int64 if kind == "integers" else np.float32)
    if kind == "multilabel":
        y = (y[:, None] % [2, 3, 4] == 0).astype(int)
    elif kind != "integers":
        y = LABELS[kind][y]
    pipeline = make_pipeline(StandardScaler(), quick()).fit(X, y)
    model = skl2onnx.to_onnx(pipeline, X, options={"zipmap": False})
    check(pipeline, X, *run(model, X))
    if kind != "multilabel":
        label, rows = run(skl2onnx.to_onnx(pipeline, X), X)
        classes = pipeline.classes_
        check(pipeline, X, label, [[row[c] for c in classes.tolist()] for row in rows])


REGRESSORS = {
    "squared_error": {},
    "standardized": {"standardize_target": True, "batch_norm": True, "dropout": 0.1},
    "poisson": {"loss": "poisson"},
    "quantile": {"loss": "quantile", "quantile": 0.9},
    "quantiles": {"loss": "quantile", "quantile": [0.1, 0.5, 0.9]},
    "gaussian": {"loss": "gaussian", "standardize_target": True},
    "float64": {"loss": "gaussian", "dtype": "float64"},
    "poisson, float64": {"loss": "poisson", "dtype": "float64"},
    "quantiles, float64": {
        **{"loss": "quantile", "quantile": [0.1, 0.5, 0.9], "dtype": "float64"},
        **{"standardize_target": True},
    },
    "three standardized gaussian": {
        **{"loss": "gaussian", "n_networks": 3, "standardize_target": True}
    },
    "three quantiles": {
        **{"loss": "quantile", "quantile": [0.1, 0.5, 0.9]},
        **{"n_networks": 3, "standardize_target": True},
    },
    "three gaussian": {"loss": "gaussian", "n_networks": 3, "resampling": "folds"},
    "three, float64": {"n_networks": 3, "batch_norm": True, "dtype": "float64"},
}


@pytest.mark.parametrize("n_targets", [1, 2])
@pytest.mark.parametrize("settings", REGRESSORS.values(), ids=REGRESSORS.keys())
def test_same_numbers(digits, settings, n_targets):
    X, y = digits
    Y = np.c_[y, 3 * y + 1000][:, :n_targets]
    reg = MLPRegressorDIY(max_iter=3, random_state=0, **settings).fit(X, Y)
    variable, *std = run(skdnn.to_onnx(reg), X.astype(reg.network_.dtype))
    expected = reg.predict(X)
    assert variable.dtype == expected.dtype
    n_numbers = np.size(settings.get("quantile", 0.5))
    assert variable.shape == (len(X), n_targets * n_numbers)
    assert_allclose(variable, expected.reshape(variable.shape), rtol=1e-5, atol=1e-4)
    if settings.get("loss") == "gaussian":
        _, expected = reg.predict(X, return_std=True)
        assert std[0].dtype == expected.dtype
        assert_allclose(std[0], expected.reshape(std[0].shape), rtol=1e-5, atol=1e-4)
    else:
        assert not std


@pytest.mark.parametrize("n_networks", [1, 3])
@pytest.mark.parametrize("loss", ["squared_error", "quantile", "gaussian"])
def test_targets_far_from_0_are_scaled_back_in_doubles(digits, loss, n_networks):
    skl2onnx = pytest.importorskip("skl2onnx")
    register_converter()
    X, y = digits
    X = X.astype(np.float32)
    reg = MLPRegressorDIY(loss, standardize_target=True, n_networks=n_networks)
    reg.set_params(max_iter=3, random_state=0).fit(X, y + 1e9)
    expected = reg.predict(X)
    for model in (skdnn.to_onnx(reg), skl2onnx.to_onnx(reg, X)):
        variable, *_ = run(model, X)
        # A digit of float32 is 64 here.
        assert variable.dtype == expected.dtype == np.float64
        assert_allclose(variable[:, 0], expected, rtol=0, atol=1e-4)


@pytest.mark.parametrize("loss", ["squared_error", "gaussian"])
def test_a_pipeline_with_a_regressor(digits, loss):
    skl2onnx = pytest.importorskip("skl2onnx")
    register_converter()
    X, y = digits
    X = X.astype(np.float32)
    reg = MLPRegressorDIY(loss=loss, max_iter=3, random_state=0)
    pipeline = make_pipeline(StandardScaler(), reg).fit(X, y)
    (variable,) = run(skl2onnx.to_onnx(pipeline, X[:1]), X)
    assert_allclose(variable[:, 0], pipeline.predict(X), rtol=1e-4, atol=1e-4)
