"""Estimators for tables in ONNX: the encoder too, strings for categories."""

import numpy as np
import pandas as pd
import pytest
from numpy.testing import assert_allclose, assert_array_equal

from skdnn import TabularClassifierDIY, TabularRegressorDIY, to_onnx

onnxruntime = pytest.importorskip("onnxruntime")
N = 120


def table(seed=0, n=N):
    rng = np.random.default_rng(seed)
    X = pd.DataFrame(
        {
            "size": rng.normal(1e6, 1e3, n),
            "city": rng.choice(
                ["Bonn", "Kiel", "Ulm", "Rom"], n, p=[0.4, 0.4, 0.1, 0.1]
            ),
            "yes": rng.choice(["no", "yes"], n),
            "code": rng.choice([1, 5, 7], n),
            "same": 1,
            "flag": rng.choice([True, False], n),
        }
    )
    signal = (X["size"] - 1e6) / 1e3 + (X["city"] == "Kiel") - (X["code"] == 5)
    X.loc[rng.random(n) < 0.2, "size"] = np.nan
    X.loc[rng.random(n) < 0.2, "city"] = None
    return X, signal.to_numpy()


def run(estimator, X):
    """Return what the model puts out, by name."""
    model = to_onnx(estimator)
    session = onnxruntime.InferenceSession(model.SerializeToString())
    feed = {}
    for it in session.get_inputs():
        column = X[it.name]
        if it.type == "tensor(string)":
            values = column.astype(object).where(column.notna(), "").to_numpy()
        else:
            values = column.to_numpy(dtype=np.float64, na_value=np.nan)
        feed[it.name] = values.reshape(-1, 1)
    names = [it.name for it in session.get_outputs()]
    return dict(zip(names, session.run(None, feed), strict=True))


@pytest.mark.filterwarnings("ignore:Columns")
@pytest.mark.parametrize("labels", ["two", "three", "many"])
def test_a_classifier(labels):
    X, signal = table()
    y = {
        "two": np.where(signal > 0, "high", "low"),
        "three": np.digitize(signal, [-0.5, 0.5]),
        "many": np.column_stack([signal > 0, X["yes"] == "yes"]).astype(int),
    }[labels]
    clf = TabularClassifierDIY(
        (16,), max_iter=5, categorical_features=["city", "yes", "code"], random_state=0
    ).fit(X, y)
    X_new, _ = table(seed=1)
    X_new.loc[:3, "city"] = "Oslo"
    outputs = run(clf, X_new)
    assert_allclose(outputs["probabilities"], clf.predict_proba(X_new), atol=1e-5)
    assert_array_equal(outputs["label"], clf.predict(X_new))


@pytest.mark.filterwarnings("ignore:Columns")
@pytest.mark.parametrize("n_targets", [1, 2])
def test_a_regressor(n_targets):
    X, signal = table()
    y = 1e6 + 1e3 * np.column_stack([signal, -signal])[:, :n_targets].squeeze()
    reg = TabularRegressorDIY((16,), max_iter=5, random_state=0).fit(X, y)
    X_new, _ = table(seed=1)
    outputs = run(reg, X_new)["variable"]
    assert_allclose(outputs.squeeze(), reg.predict(X_new), rtol=1e-6)


def test_an_empty_string_is_a_level_or_missing_but_not_both():
    X = pd.DataFrame({"a": ["", "x", None, "x"] * 10, "same": ""})
    y = ["no", "yes", "yes", "yes"] * 10
    clf = TabularClassifierDIY((4,), max_iter=2, n_networks=2)
    with pytest.warns(UserWarning, match="same"):
        clf.fit(X, y)
    with pytest.raises(ValueError, match="column 'a' held '' as a category in fit"):
        to_onnx(clf)
    X["a"] = X["a"].replace("", "empty")
    with pytest.warns(UserWarning, match="same"):
        clf.fit(X, y)
    assert_allclose(run(clf, X)["probabilities"], clf.predict_proba(X), atol=1e-5)


def test_levels_that_onnx_does_not_know():
    X = pd.DataFrame({"a": [1, "x", 2.5, "y"] * 10})
    clf = TabularClassifierDIY((4,), max_iter=2, n_networks=2).fit(X, [0, 1] * 20)
    with pytest.raises(TypeError, match="'a' holds"):
        to_onnx(clf)
