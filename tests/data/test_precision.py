"""The numbers of a network: which precision, and what it cannot tell apart."""

import numpy as np
import pytest
import scipy.sparse
from numpy.testing import assert_allclose
from sklearn.preprocessing import StandardScaler

from helpers import outputs, silent
from skdnn import MLPClassifierDIY


def test_float32_is_close_to_float64(digits, small):
    X, y = digits
    single, double = small().fit(X, y), small(dtype="float64").fit(X, y)
    assert_allclose(single.loss_curve_, double.loss_curve_, rtol=1e-4)
    assert_allclose(outputs(single, X), outputs(double, X), atol=1e-4)


def test_dtype_of_the_arithmetic(digits, small):
    X, y = digits
    for dtype, input_dtype, expected in [
        ("float32", np.float64, np.float32),
        ("float64", np.float32, np.float64),
        ("auto", np.float32, np.float32),
        ("auto", np.float64, np.float64),
        ("auto", np.uint8, np.float64),
    ]:
        clf = small(dtype=dtype).fit(X.astype(input_dtype), y)
        assert clf.coefs_[0].dtype == expected
        assert outputs(clf, X[:3].astype(input_dtype)).dtype == expected


@pytest.mark.parametrize("dtype", ["float32", "auto"])
def test_too_large_for_the_network_is_an_error_also_when_predicting(
    iris, dtype, tmp_path, small
):
    X, y = iris
    X = X.astype(np.float32)
    clf = small(dtype=dtype).fit(X, y)
    huge = np.memmap(tmp_path / "x", np.float64, "w+", shape=X.shape)
    huge[:] = X.astype(np.float64) * 1e39
    for given in (np.array(huge), huge):
        with pytest.raises(ValueError, match="too large for dtype"):
            outputs(clf, given)
    with pytest.raises(ValueError, match="too large for dtype"):
        small().fit(huge, y)
    with pytest.raises(ValueError, match="too large for dtype"):
        clf.set_params(dtype="float64").predict(np.array(huge))


def seconds():
    return (1.7e9 + 30 * np.arange(400.0))[:, np.newaxis], np.arange(400) // 200


@pytest.mark.parametrize(
    "kind",
    [
        np.asarray,
        lambda X: X.astype(np.int64),
        lambda X: X.astype(np.float32),
        scipy.sparse.coo_array,
        np.ndarray.tolist,
    ],
)
@pytest.mark.parametrize("method", ["fit", "partial_fit"])
def test_columns_that_float32_cannot_resolve(kind, method):
    X, y = seconds()
    X = np.hstack([np.arange(400.0)[:, np.newaxis], X])
    clf = MLPClassifierDIY(max_iter=2, random_state=0)
    arguments = {"classes": [0, 1]} if method == "partial_fit" else {}
    with pytest.warns(UserWarning, match=r"Columns \[1\].*StandardScaler") as record:
        getattr(clf, method)(kind(X), y, **arguments)
    ours = [w for w in record if "Columns" in str(w.message)]
    assert [w.filename for w in ours] == [__file__]


def test_columns_that_float32_cannot_resolve_are_named():
    pandas = pytest.importorskip("pandas")
    X, y = seconds()
    df = pandas.DataFrame({"x": np.arange(400.0), "time": X[:, 0]})
    with pytest.warns(UserWarning, match=r"Columns \['time'\] of X vary so little"):
        MLPClassifierDIY(max_iter=2).fit(df, y)


@pytest.mark.parametrize(
    "column",
    [
        np.full(400, 1.7e9),  # constant: nothing to lose
        np.linspace(2000, 2020, 400),  # years
        np.r_[np.zeros(300), np.full(100, 1e9)],
        np.zeros(400),
        np.linspace(-1e9, 1e9, 400),
    ],
)
def test_columns_that_float32_resolves(column):
    _, y = seconds()
    with silent():
        MLPClassifierDIY(max_iter=2, random_state=0).fit(column[:, np.newaxis], y)


def test_float64_resolves_seconds():
    X, y = seconds()
    with silent():
        MLPClassifierDIY(max_iter=2, dtype="float64").fit(X, y)
        MLPClassifierDIY(max_iter=2).fit(StandardScaler().fit_transform(X), y)


def test_numbers_whose_squares_overflow(iris):
    X, y = iris
    X = X * [1, 1, 1e20, 1]
    match = r"Columns \[2\] of X hold numbers as large as .* overflow float32"
    with pytest.warns(UserWarning, match=match):
        MLPClassifierDIY(max_iter=1).fit(X, y)
