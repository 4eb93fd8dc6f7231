"""Numbers to targets: y of any kind and shape, and what is wrong with it."""

from datetime import timedelta
from decimal import Decimal
from fractions import Fraction

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal

from helpers import LEVELS, of_all_losses
from helpers import quick_regressor as quick


@pytest.mark.parametrize("n_rows", [1, 5])
@pytest.mark.parametrize(
    ("quantile", "further"), [(0.3, ()), ([0.3], ()), (LEVELS, (3,))], ids=str
)
@pytest.mark.parametrize("n_targets", [None, 2, 3])
def test_an_axis_for_targets_and_one_for_quantiles(
    n_rows, quantile, further, n_targets, diabetes
):
    X, y = diabetes
    y = y if n_targets is None else np.c_[y, y, y][:, :n_targets]
    reg = quick(loss="quantile", quantile=quantile, max_iter=1).fit(X, y)
    shape = (n_rows, *y.shape[1:], *further)
    assert reg.predict(X[:n_rows]).shape == shape
    assert reg.n_outputs_ == np.prod(shape[1:], dtype=int)
    if further:  # three targets and three quantiles are not mixed up
        view = reg.network_.views[-3]
        view["weights"][:], view["bias"][:] = 0, np.arange(reg.n_outputs_)
        P = reg.predict(X[:1])[0].reshape(-1, 3)
        assert_allclose(P[:, 0], 3 * np.arange(len(P)))


@pytest.mark.filterwarnings("ignore::sklearn.exceptions.DataConversionWarning")
@of_all_losses
def test_the_shape_of_y_is_that_of_the_predictions(settings, diabetes):
    X, y = diabetes
    several = (3,) if settings.get("quantile") == LEVELS else ()
    for Y in (y, y[:, np.newaxis], np.c_[y, y]):
        reg = quick(**settings, max_iter=1).fit(X, Y)
        expected = (7, 2) if Y.ndim == 2 and Y.shape[1] == 2 else (7,)
        assert reg.predict(X[:7]).shape == expected + several
        if reg.loss == "gaussian":
            mean, std = reg.predict(X[:7], return_std=True)
            assert mean.shape == std.shape == expected


def test_y_of_any_kind_is_taken_by_its_values(diabetes):
    pandas = pytest.importorskip("pandas")
    X, y = diabetes
    y = y.astype(int)
    expected = quick().fit(X, y.astype(float)).predict(X)
    objects = y.astype(object)
    for given in (y, y.tolist(), objects, y.astype(np.float32), y.astype(np.uint16)):
        assert_array_equal(quick().fit(X, given).predict(X), expected)
    for of in (Decimal, Fraction):  # exact numbers, beside those of Python
        given = [y[0], *map(of, y[1:].tolist())]
        reg = quick().fit(X, given, X_val=X, y_val=given)
        assert_array_equal(reg.predict(X), expected)
        assert reg.score(X, given) == reg.score(X, y)
    for dtype in ("Int64", "Float32", "float64"):
        series = pandas.Series(y, dtype=dtype)
        assert_array_equal(quick().fit(X, series).predict(X), expected)
    frame = pandas.DataFrame({"a": y, "b": -y})
    both = quick().fit(X, np.c_[y, -y]).predict(X)
    assert_array_equal(quick().fit(X, frame).predict(X), both)


def frame(**columns):
    return pytest.importorskip("pandas").DataFrame(columns)


BAD_DATA = {
    "complex": ({}, lambda y: y + 1j, "Complex data not supported"),
    "infinite": ({}, lambda y: np.where(y > 100, np.inf, y), "y contains infinity"),
    "nan": ({}, lambda y: np.where(y > 100, np.nan, y), "y contains NaN"),
    "strings": (
        {},
        lambda y: np.where(y > 100, "high", "low"),
        "y must be numbers, got values such as .*'(high|low)'.*MLPClassifierDIY",
    ),
    "objects": (
        {},
        lambda y: np.where(y > 100, "high", y.astype(object)),
        "y must be numbers, got values such as 'high'",
    ),
    "dates": ({}, lambda y: y.astype("M8[D]"), "y has dates .*datetime64"),
    "durations": (
        {},
        lambda y: y.astype("m8[s]"),
        r'y has .*durations \(timedelta64.*t / np.timedelta64\(1, "s"\)',
    ),
    "a list of durations": (
        {},
        lambda y: list(np.where(y > 100, np.timedelta64("NaT"), y.astype("m8[s]"))),
        "y has .*durations .* missing ones would be numbers too",
    ),
    "durations of Python": (
        {},
        lambda y: [timedelta(hours=hours) for hours in y],
        r"y must be numbers, got .*timedelta.*take its total_seconds\(\)",
    ),
    "a column of dates": (
        {},
        lambda y: frame(size=y, when=y.astype("M8[s]")),
        r"y has dates or durations in columns \['when'\] \(datetime64",
    ),
    "a column of text": (
        {},
        lambda y: frame(size=y, text=list(map(str, y))),
        "y must be numbers, got values such as '151.0'",
    ),
    "none": (
        {},
        lambda y: [None if value == 141 else value for value in y],
        "y contains NaN: 3 of 442 values are missing, the first in row 2",
    ),
    "NA": (
        {},
        lambda y: np.where(y == 141, pytest.importorskip("pandas").NA, y.astype("O")),
        "y contains NaN: 3 of 442 values are missing, the first in row 2",
    ),
    "a decimal that is none": (
        {},
        lambda y: [Decimal("nan" if value == 141 else value) for value in y],
        "y contains NaN: 3 of 442 values are missing, the first in row 2",
    ),
    "masked": ({}, lambda y: np.ma.masked_less(y, 100), "masked array with"),
    "lengths": ({}, lambda y: y[:-1], "inconsistent numbers of samples|rows, but"),
    "three axes": ({}, lambda y: y[:, None, None], "dim 3, while dim <= 2"),
    "negative": (
        {"loss": "poisson"},
        lambda y: y - 100,
        "y must be at least 0 .* smallest value is -75. Use another loss",
    ),
}


@pytest.mark.parametrize(
    ("settings", "spoil", "message"), BAD_DATA.values(), ids=BAD_DATA
)
@pytest.mark.parametrize("method", ["fit", "partial_fit", "validation"])
def test_bad_targets_are_named_and_leave_the_estimator_as_it_was(
    diabetes, settings, spoil, message, method
):
    X, y = diabetes
    reg = quick(**settings).fit(X, y)
    before = reg.predict(X)
    arguments = {"X": X, "y": spoil(y)}
    if method == "validation":
        arguments = {"X": X, "y": y, "X_val": X, "y_val": spoil(y)}
        message = message.replace("y contains", "y_val contains")
        message = message.replace("y must", "y_val must").replace("y has", "y_val has")
        message = message.replace("dim 3, while dim <= 2", "dim|columns")
    fit = reg.partial_fit if method == "partial_fit" else reg.fit
    with pytest.raises(ValueError, match=message):
        fit(**arguments)
    assert_array_equal(reg.predict(X), before)


@pytest.mark.parametrize("loss", ["squared_error", "gaussian", "quantile"])
@pytest.mark.parametrize("standardize", [False, True])
def test_a_constant_target_is_a_warning_that_names_it(diabetes, loss, standardize):
    X, y = diabetes
    settings = {"loss": loss, "standardize_target": standardize}
    with pytest.warns(UserWarning, match=f"y is constant, 3 in all {len(y)} samples"):
        reg = quick(**settings).fit(X, np.full(len(y), 3.0))
    assert np.isfinite(reg.predict(X)).all()
    with pytest.warns(UserWarning, match="y is constant in column 1, -2 in all"):
        quick(**settings).fit(X, np.c_[y, np.full(len(y), -2)])
