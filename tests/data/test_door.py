"""X and y that are wrong, or odd: named, at the line of the user."""

import numpy as np
import pytest
from numpy.testing import assert_array_equal
from sklearn.exceptions import DataConversionWarning

from helpers import check_refusal
from skdnn import MLPClassifierDIY, MLPRegressorDIY
from skdnn.estimators.checking import check_rows

BAD_X = {
    "nan": (lambda X, y: (np.where(X > 1, np.nan, X), y), "contains NaN"),
    "infinity": (lambda X, y: (np.where(X > 1, np.inf, X), y), "infinity"),
    "huge": (lambda X, y: (X * 1e300, y), "too large for dtype"),
    "empty": (lambda X, y: (X[:0], y[:0]), "Found array with 0 sample"),
    "no features": (lambda X, y: (X[:, :0], y), "0 feature"),
    "lengths": (lambda X, y: (X, y[:-1]), "inconsistent numbers of samples"),
    "one dimension": (lambda X, y: (X[:, 0], y), "Expected 2D array"),
    "nan in y": (lambda X, y: (X, np.where(y == 0, np.nan, y)), "contains NaN"),
}


@pytest.mark.filterwarnings("ignore:overflow")
@pytest.mark.parametrize(("spoil", "message"), BAD_X.values(), ids=BAD_X)
def test_bad_data_are_named_and_leave_the_estimator_as_it_was(
    iris, fitted, small, spoil, message
):
    X, y = iris
    for estimator in (fitted, small()):
        check_refusal(estimator, X, spoil(X, y), message)


def test_feature_names(iris, small):
    pandas = pytest.importorskip("pandas")
    X, y = iris
    frame = pandas.DataFrame(X, columns=list("abcd"))
    clf = small().fit(frame, y)
    assert_array_equal(clf.feature_names_in_, list("abcd"))
    with pytest.raises(ValueError, match="feature names"):
        clf.predict(frame[list("dcba")])
    assert not hasattr(clf.fit(X, y), "feature_names_in_")


def test_a_column_is_a_warning_at_the_users_line(iris, small):
    X, y = iris
    match = "column-vector y was pass"
    with pytest.warns(DataConversionWarning, match=match) as record:
        fitted = small().fit(X, y[:, np.newaxis])
    ours = [w for w in record if w.category is DataConversionWarning]
    assert [w.filename for w in ours] == [__file__]
    assert_array_equal(fitted.predict(X), small().fit(X, y).predict(X))


@pytest.mark.parametrize("which", ["X", "y", "X_val", "y_val", "sample_weight"])
def test_masked_entries_are_not_numbers(iris, which):
    X, y = iris
    data = {"X": X, "y": y, "X_val": X, "y_val": y, "sample_weight": np.ones(150)}
    data[which] = np.ma.masked_array(data[which], np.zeros(data[which].shape, bool))
    MLPClassifierDIY(max_iter=1).fit(**data)  # nothing is masked
    data[which][3] = np.ma.masked
    values = "4 masked values" if which in ("X", "X_val") else "1 masked value"
    with pytest.raises(ValueError, match=f"masked array with {values};"):
        MLPClassifierDIY(max_iter=1).fit(**data)


@pytest.mark.parametrize("dtype", ["<f2", ">f4", ">u2"])
def test_memory_maps_of_any_numbers_stay_maps(tmp_path, dtype, iris):
    X, y = np.round(iris[0] * 10 + 50), iris[1]
    mapped = np.memmap(tmp_path / "X", dtype, mode="w+", shape=X.shape)
    mapped[:] = X
    clf = MLPClassifierDIY(max_iter=3, random_state=0)
    checked = check_rows(clf, mapped, reset=True)
    assert np.shares_memory(checked, mapped)
    twin = MLPClassifierDIY(max_iter=3, random_state=0).fit(X.astype(np.float32), y)
    assert_array_equal(clf.fit(mapped, y).coefs_[0], twin.coefs_[0])


@pytest.mark.parametrize(
    ("Estimator", "instead"),
    [
        (MLPClassifierDIY, "TabularClassifierDIY"),
        (MLPRegressorDIY, "TabularRegressorDIY"),
    ],
)
@pytest.mark.parametrize("dtype", ["str", "object", "category"])
def test_text_in_a_column(iris, Estimator, instead, dtype):
    pandas = pytest.importorskip("pandas")
    _, y = iris
    texts = pandas.Series(["1.5", "Ulm", "Kiel"] * 50).astype(dtype)
    X = pandas.DataFrame({"x": y, "city": texts})
    match = f"column 'city', such as 'Ulm'.*{instead}"
    with pytest.raises(ValueError, match=match):
        Estimator().fit(X, y)
    # Text that can be read as numbers is read, as scikit-learn does it.
    X["city"] = pandas.Series(["1.5", "2", "3"] * 50).astype(dtype)
    Estimator(max_iter=1).fit(X, y)
