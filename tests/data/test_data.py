"""Data of whatever library: what they hold is seen, or said."""

import datetime as dt
from decimal import Decimal
from fractions import Fraction

import numpy as np
import pytest
from numpy.testing import assert_array_equal

from helpers import outputs, quick, quick_of
from skdnn import (
    MLPClassifierDIY,
    MLPRegressorDIY,
    TabularClassifierDIY,
    TabularRegressorDIY,
    diagnose,
)
from skdnn.augmentation import Affine, AveragedOverCopies
from skdnn.images import Deskew

pandas = pytest.importorskip("pandas")

N = 24
A = np.arange(N) % 7 * 1.0
LABELS = np.arange(N) % 3
X = np.column_stack([A, A[::-1]])
DAYS = [dt.datetime(2020, 1, 1) + dt.timedelta(i) for i in range(N)]
STRINGS = np.dtypes.StringDType


def with_hole(values, hole=None):
    """Return values of which that of row 3 is missing."""
    return [hole if i == 3 else value for i, value in enumerate(values)]


def objects(values):
    array = np.empty(len(values), dtype=object)
    array[:] = values
    return array


def of_polars(values, dtype=None):
    """Return what makes a Series of polars, where that is installed."""
    return lambda: pytest.importorskip("polars").Series("bad", values, dtype=dtype)


def table(column):
    """Return two columns in what holds the one, the second as it is."""
    if type(column).__module__.startswith("polars"):
        return pytest.importorskip("polars").DataFrame({"num": A, "bad": column})
    if isinstance(column, pandas.Series):
        return pandas.DataFrame({"num": A, "bad": column})
    if isinstance(column, list):
        return [list(pair) for pair in zip(A.tolist(), column, strict=True)]
    return np.stack([column, column], axis=1)


NO_NUMBERS = {
    "dates": np.array(DAYS, "M8[D]"),
    "durations": np.arange(N).astype("m8[s]"),
    "list of dates": [day.date() for day in DAYS],
    "list of times": [dt.time(i) for i in range(N)],
    "list of durations": [dt.timedelta(i) for i in range(N)],
    "object dates": objects(DAYS),
    "pandas": pandas.Series(DAYS),
    "pandas' durations": pandas.Series(np.arange(N).astype("m8[ns]")),
    "pandas, among objects": pandas.Series([d.date() for d in DAYS], dtype=object),
    "pandas, with a zone": pandas.Series(
        pandas.date_range("2020", periods=N, tz="UTC")
    ),
    "pandas' periods": pandas.Series(pandas.period_range("2020", periods=N)),
    "pandas' categories of dates": pandas.Series(DAYS).astype("category"),
    "polars": of_polars(DAYS),
    "polars, with a hole": of_polars(with_hole(DAYS)),
    "polars' dates": of_polars([day.date() for day in DAYS]),
    "polars' durations": of_polars([dt.timedelta(i) for i in range(N)]),
    "polars' times": of_polars([dt.time(i) for i in range(N)]),
}


@pytest.mark.parametrize("column", NO_NUMBERS.values(), ids=NO_NUMBERS)
def test_dates_are_never_numbers(column):
    column = column() if callable(column) else column
    bad = table(column)
    fitted = quick().fit(X, LABELS)
    for call in (
        lambda: quick().fit(bad, LABELS),
        lambda: quick_of(MLPRegressorDIY).fit(bad, A),
        lambda: quick().partial_fit(bad, LABELS, classes=[0, 1, 2]),
        lambda: fitted.predict(bad),
        lambda: fitted.transform(bad),
        lambda: fitted.score(bad, LABELS),
        lambda: diagnose(fitted, bad),
        lambda: TabularClassifierDIY((4,)).fit(bad, LABELS),
    ):
        with pytest.raises(ValueError, match=r"X .*dates or durations|X holds dates"):
            call()
    with pytest.raises(ValueError, match=r"X_val .*dates or durations"):
        quick().fit(X, LABELS, X_val=bad, y_val=LABELS)
    for name, call in {
        "y": lambda: quick_of(MLPRegressorDIY).fit(X, column),
        "y_val": lambda: quick_of(MLPRegressorDIY).fit(X, A, X_val=X, y_val=column),
        "sample_weight": lambda: quick().fit(X, LABELS, sample_weight=column),
    }.items():
        with pytest.raises(ValueError, match=f"{name} .*dates or durations"):
            call()
    with pytest.raises(ValueError, match="y .*dates or durations"):
        TabularRegressorDIY((4,)).fit(X, column)


def test_the_column_is_named():
    for data in (pandas.DataFrame, pytest.importorskip("polars").DataFrame):
        with pytest.raises(ValueError, match=r"columns \['when'\].*total_seconds"):
            quick().fit(data({"a": A, "when": DAYS}), LABELS)
    with pytest.raises(ValueError, match=r"datetime\.date.* in column 1"):
        quick().fit([[a, d.date()] for a, d in zip(A, DAYS, strict=True)], LABELS)


@pytest.mark.parametrize(
    "column",
    [
        pandas.Series(pandas.interval_range(0, N)),
        pandas.Series(pandas.cut(A, 3)),
        objects(list(pandas.interval_range(0, N))),
    ],
    ids=["dtype", "categories", "objects"],
)
def test_intervals_are_no_numbers(column):
    for name, call in {
        "X": lambda: quick().fit(table(column), LABELS),
        "y": lambda: quick_of(MLPRegressorDIY).fit(X, column),
        "sample_weight": lambda: quick().fit(X, LABELS, column),
    }.items():
        with pytest.raises(ValueError, match=f"{name} .*intervals"):
            call()


MISSING = {
    "list": with_hole("abc" * 8),
    "list, NaN": with_hole("abc" * 8, np.nan),
    "list of numbers": with_hole(LABELS.tolist()),
    "objects": objects(with_hole("abc" * 8)),
    "NumPy's strings, NaN": lambda: np.array(
        with_hole("abc" * 8, np.nan), STRINGS(na_object=np.nan)
    ),
    "NumPy's strings, None": lambda: np.array(
        with_hole("abc" * 8), STRINGS(na_object=None)
    ),
    "NumPy's strings, NA": lambda: np.array(
        with_hole("abc" * 8, pandas.NA), STRINGS(na_object=pandas.NA)
    ),
    "dates": np.array(with_hole(DAYS, "NaT"), "M8[D]"),
    "floats": np.array(with_hole(LABELS, np.nan), float),
    "Int64": pandas.Series(with_hole(LABELS, pandas.NA), dtype="Int64"),
    "boolean": pandas.Series(with_hole(LABELS > 0, pandas.NA), dtype="boolean"),
    "string": pandas.Series(with_hole("abc" * 8, pandas.NA), dtype="string"),
    "category": pandas.Series(with_hole("abc" * 8), dtype="category"),
    "polars' strings": of_polars(with_hole("abc" * 8)),
    "polars' integers": of_polars(with_hole(LABELS.tolist())),
    "polars' booleans": of_polars(with_hole((LABELS > 0).tolist())),
    "polars' dates": of_polars(with_hole(DAYS)),
}


@pytest.mark.parametrize("y", MISSING.values(), ids=MISSING)
@pytest.mark.parametrize("Estimator", [MLPClassifierDIY, TabularClassifierDIY])
def test_missing_labels_are_no_class(y, Estimator):
    y = y() if callable(y) else y
    match = "y contains NaN: 1 of 24 values are missing, the first in row 3"
    with pytest.raises(ValueError, match=match):
        Estimator(max_iter=2).fit(X, y)
    with pytest.raises(ValueError, match="classes contains NaN"):
        MLPClassifierDIY().partial_fit(X, LABELS, classes=y)


@pytest.mark.parametrize("hole", [None, pandas.NA, pandas.NaT, Decimal("nan")], ids=str)
def test_missing_numbers_among_objects(hole):
    column = pandas.Series(objects(with_hole(A, hole)))
    row = "1 of 24 values.* missing, the first in row 3"
    for data in (table(column), table(objects(with_hole(A, hole)))):
        with pytest.raises(ValueError, match=f"X contains NaN: {row}"):
            quick().fit(data, LABELS)
    with pytest.raises(ValueError, match=f"y contains NaN: {row}"):
        quick_of(MLPRegressorDIY).fit(X, column)
    with pytest.raises(ValueError, match=f"sample_weight contains NaN: {row}"):
        quick().fit(X, LABELS, column)


def test_a_zero_byte_at_the_end_tells_labels_apart():
    y = ["a", "a\0", "b"] * 8
    for given in (y, np.array(y, STRINGS()), pandas.Series(y)):
        assert quick().fit(X, given).classes_.tolist() == ["a", "a\0", "b"]


def test_lists_of_labels_of_two_kinds():
    with pytest.raises(ValueError, match="y must hold labels of one kind"):
        quick().fit(X, with_hole(LABELS.tolist(), "x"))


def test_masked_rows_in_a_list():
    rows = [np.ma.masked_array(row, row == 6) for row in X]
    with pytest.raises(ValueError, match="X is a masked array with"):
        quick().fit(rows, LABELS)


# ------------------------------------------------------------------- what is taken


def test_polars_says_the_same_as_numpy():
    polars = pytest.importorskip("polars")
    Y = np.column_stack([A, 1 - A])
    rows = polars.DataFrame({"a": X[:, 0], "b": X[:, 1]})
    for of in (polars.Series, lambda name, y: polars.DataFrame({name: y})):
        given = quick().fit(rows, of("y", LABELS), X_val=rows, y_val=of("y", LABELS))
        expected = quick().fit(X, LABELS, X_val=X, y_val=LABELS)
        assert_array_equal(given.predict_proba(rows), expected.predict_proba(X))
        assert given.score(rows, of("y", LABELS)) == expected.score(X, LABELS)
    for frame, E in ((Y, MLPRegressorDIY), ((Y > 1).astype(int), MLPClassifierDIY)):
        y = polars.DataFrame({"u": frame[:, 0], "v": frame[:, 1]})
        weights = polars.Series(A + 1)
        given, expected = (
            quick_of(E).fit(X, y, sample_weight=w)
            for y, w in ((y, weights), (frame, A + 1))
        )
        assert_array_equal(outputs(given, X), outputs(expected, X))
        assert given.score(X, y) == expected.score(X, frame)
        given.partial_fit(X, y)
    y = polars.DataFrame({"u": A})
    TabularRegressorDIY((4,), n_networks=2, max_iter=2).fit(rows, y).score(rows, y)


@pytest.mark.parametrize("which", ["X", "y", "sample_weight", "X_val", "y_val"])
def test_frames_without_rows_are_to_be_collected(which):
    lazy = pytest.importorskip("polars").LazyFrame({"a": A})
    data = {"X": X, "y": A, "sample_weight": A + 1, "X_val": X, "y_val": A, which: lazy}
    for E in (MLPRegressorDIY, TabularRegressorDIY):
        with pytest.raises(TypeError, match=f"{which} is a LazyFrame.*collect"):
            E(max_iter=1).fit(**data)
    with pytest.raises(TypeError, match="X is a LazyFrame"):
        quick().fit(X, LABELS).predict(lazy)


def test_memory_views_are_arrays():
    data = {"X": X, "y": LABELS, "X_val": X, "y_val": LABELS, "sample_weight": A + 1}
    views = {name: memoryview(array) for name, array in data.items()}
    given, expected = (quick(scoring="accuracy").fit(**d) for d in (views, data))
    assert_array_equal(given.predict_proba(memoryview(X)), expected.predict_proba(X))
    assert given.history_[-1]["loss"] == expected.history_[-1]["loss"]


NO_ROWS = {
    "generator": (a for a in A),
    "set": set(A),
    "dict": dict(enumerate(A)),
    "values": dict(enumerate(A)).values(),
    "text": "balanced",
    "date": dt.date(2020, 1, 1),
}


@pytest.mark.parametrize("data", NO_ROWS.values(), ids=NO_ROWS)
@pytest.mark.parametrize("E", [MLPRegressorDIY, TabularRegressorDIY])
def test_what_has_no_rows_is_named(data, E):
    for name in ("X", "y", "sample_weight", "y_val", "sample_weight_val"):
        given = {"X": X, "y": A, "X_val": X, "y_val": A, name: data}
        with pytest.raises(TypeError, match=f"{name} must be an array, a data frame"):
            E(max_iter=1).fit(**given)


def test_numbers_as_text_are_to_be_converted():
    for name in ("y", "y_val", "sample_weight"):
        data = {"X": X, "y": A + 1, "X_val": X, "y_val": A, "sample_weight": A + 1}
        data[name] = text = data[name].astype(str)
        with pytest.raises(ValueError, match=rf"\[float\(v\) for v in {name}"):
            quick_of(MLPRegressorDIY).fit(**data)
        quick_of(MLPRegressorDIY).fit(**data | {name: [float(v) for v in text]})


def test_weights_are_numbers():
    for weight in (np.nan, np.inf):
        with pytest.raises(ValueError, match="sample_weight must be finite"):
            quick().fit(X, LABELS, weight)
    for weight in (2j, "2", np.array("2")):
        with pytest.raises(TypeError, match="sample_weight must be an array"):
            quick().fit(X, LABELS, weight)
    given, expected = (quick().fit(X, LABELS, w) for w in (np.array(2.0), 2.0))
    assert_array_equal(given.predict_proba(X), expected.predict_proba(X))


def test_frames_name_what_is_wrong_with_their_columns():
    twice = pandas.DataFrame(X, columns=["a", "a"])
    wrong = {"several columns.*'a'": twice, "no columns": twice[[]]}
    for name in ("X", "y", "X_val", "y_val"):
        data = {"X": X, "y": X, "X_val": X, "y_val": X}
        for match, frame in wrong.items():
            with pytest.raises(ValueError, match=f"{name} has {match}"):
                quick_of(MLPRegressorDIY).fit(**data | {name: frame})


def test_dates_for_what_only_predicts_or_transforms():
    images = np.abs(np.sin(np.arange(N * 16.0))).reshape(N, 16)
    averaged = AveragedOverCopies(quick().fit(images, LABELS), Affine(), n_copies=1)
    dates = pandas.DataFrame({i: DAYS for i in range(16)})
    polars = pytest.importorskip("polars")
    for frame in (dates, polars.DataFrame({str(i): DAYS for i in range(16)})):
        for call in (averaged.predict_proba, Deskew().fit):
            with pytest.raises(ValueError, match="X has dates"):
                call(frame)


def test_scores_of_integers_are_those_of_floats():
    reg = quick_of(MLPRegressorDIY).fit(X, A)
    y = [2**70, *map(int, A[1:])]  # whose squares float32 does not hold
    assert reg.score(X, y) == reg.score(X, np.array(y, float))


@pytest.mark.parametrize("of", [Fraction, Decimal])
def test_exact_numbers_are_numbers(of):
    exact = [[of(int(a)) for a in row] for row in X]
    expected = quick().fit(X, LABELS).predict_proba(X)
    for given in (exact, np.array(exact, object), pandas.DataFrame(exact)):
        assert_array_equal(quick().fit(given, LABELS).predict_proba(given), expected)


def test_frames_of_big_endian_numbers():
    frame = pandas.DataFrame(X.astype(">f4"), columns=list("ab"))
    frame["b"] = frame["b"].astype(">i4")
    y = pandas.Series(A.astype(">f8"))
    reg = quick_of(MLPRegressorDIY, scoring="r2", early_stopping=True)
    given = reg.fit(frame, y).predict(frame)
    assert_array_equal(given, reg.fit(X, A).predict(X))


@pytest.mark.parametrize("integer", [10**400, Fraction(10**400)], ids=["int", "ratio"])
def test_integers_beyond_float_in_data(integer):
    column = with_hole(range(N), integer)
    for name, call in {
        "X": lambda: quick().fit(table(column), LABELS),
        "y": lambda: quick_of(MLPRegressorDIY).fit(X, column),
        "sample_weight": lambda: quick().fit(X, LABELS, column),
        "Column 1 of X": lambda: TabularClassifierDIY().fit(table(column), LABELS),
    }.items():
        with pytest.raises(ValueError, match=f"{name} .*an integer.* beyond"):
            call()


def test_durations_are_no_labels():
    with pytest.raises(ValueError, match="y holds values of dtype timedelta64"):
        quick().fit(X, LABELS.astype("m8[s]"))


NO_LABELS = {
    "decimals": [Decimal(1), Decimal(2)],
    "intervals": list(pandas.cut([1, 2], 2)),
    "dates": [d.date() for d in DAYS[:2]],
    "beyond": [2**64, 1],
    "parts": np.array([(1, 2), (3, 4)], "i4,i4"),
}


@pytest.mark.parametrize("pair", NO_LABELS.values(), ids=NO_LABELS)
def test_labels_of_other_types_are_to_be_converted_to_text(pair):
    y = np.array(pair)[np.arange(N) % 2]
    with pytest.raises(ValueError, match=r"y holds .*\[str\(label\) for label in y"):
        quick().fit(X, y)
    quick().fit(X, [str(label) for label in y])


# -------------------------------------------------------------------------- classes


@pytest.mark.parametrize(
    ("classes", "match"),
    [
        ([], "classes must be a list .* got \\[\\]"),
        ([0], "classes must hold all classes"),
        ([0, 1, "2"], "classes must hold labels of one kind"),
        ([0, 1, None], "classes contains NaN"),
        ([0, 1, np.nan], "classes contains NaN"),
        (np.eye(3), "classes must be a list or an array"),
        ([[0], [1, 2]], "classes: You appear"),
        (3, "classes must be a list .* got 3"),
        ("abc", "classes must be a list"),
        ({0, 1, 2}, "classes must be a list"),
        ([0.5, 1.5, 2.5], "classes: Unknown label type"),
        (["0", "1", "2"], r"`y` has classes not in"),
        ([10**400, 1], "classes: Unknown label type"),
    ],
    ids=str,
)
def test_classes_of_partial_fit_are_named(classes, match):
    clf = quick()
    with pytest.raises(ValueError, match=match):
        clf.partial_fit(X, LABELS, classes=classes)
    assert not hasattr(clf, "classes_")


def test_classes_in_any_holder():
    for classes in (
        [0, 1, 2, 2],
        LABELS,
        pandas.Series([2, 1, 0], dtype="Int64"),
        pandas.Categorical([0, 1, 2]),
        of_polars([0, 1, 2])(),
        range(3),
    ):
        clf = quick().partial_fit(X, LABELS, classes=classes)
        assert_array_equal(clf.classes_, [0, 1, 2])
        clf.partial_fit(X, LABELS, classes=classes)
        with pytest.raises(ValueError, match=r"`classes=\[0, 1\]` is not the same"):
            clf.partial_fit(X, LABELS, classes=[0, 1])


# ---------------------------------------------------------------- the columns of y


@pytest.mark.parametrize("of", ["pandas", "polars"])
@pytest.mark.parametrize("is_label", [False, True], ids=["numbers", "labels"])
def test_columns_of_y_are_known_by_name(of, is_label):
    module = pytest.importorskip(of)
    columns = {"a": A, "b": 5 - A}
    if is_label:
        columns = {name: (y > 2).astype(int) for name, y in columns.items()}
    y = module.DataFrame(columns)
    E, T = (
        (MLPClassifierDIY, TabularClassifierDIY)
        if is_label
        else (MLPRegressorDIY, TabularRegressorDIY)
    )
    quickly = {"max_iter": 2, "random_state": 0}
    tabular = T((4,), n_networks=2, **quickly).fit(X, y)
    fitted = E(**quickly).fit(X, y)
    assert fitted.target_names_in_.tolist() == ["a", "b"]
    assert tabular.target_names_in_.tolist() == ["a", "b"]
    again = E(warm_start=True, **quickly).fit(X, y)
    unlike = module.DataFrame({"a": columns["a"], "c": columns["b"]})
    for other, match in (
        (y[["b", "a"]], r"in another order: \['b', 'a'\].*\['a', 'b'\]"),
        (unlike, r"other columns .*\['a', 'c'\], where fit had \['a', 'b'\]"),
    ):
        for estimator in (E(**quickly), T((4,), **quickly)):
            with pytest.raises(ValueError, match=f"y_val has .*{match}"):
                estimator.fit(X, y, X_val=X, y_val=other)
        for call in (fitted.partial_fit, again.fit, fitted.score, tabular.score):
            with pytest.raises(ValueError, match=f"^y has .*{match}"):
                call(X, other)
        with pytest.raises(ValueError, match=f"^y has .*{match}"):
            diagnose(fitted, X, other)
    plain = np.column_stack(list(columns.values()))
    fitted.partial_fit(X, plain).partial_fit(X, y)  # what has no names is as it is
    fitted.score(X, plain)
    assert not hasattr(fitted.fit(X, plain), "target_names_in_")


@pytest.mark.parametrize("names", [[2020, 2021], [("u", 1), ("u", 2)], ["u", 0]])
def test_names_of_the_columns_of_y_need_be_no_text(names):
    columns = pandas.Index(names)
    y = pandas.DataFrame(np.c_[A, -A], columns=columns)
    reg = quick_of(MLPRegressorDIY).fit(X, y)
    assert reg.target_names_in_.tolist() == names
    with pytest.raises(ValueError, match="y has the columns .* in another order"):
        reg.score(X, y[columns[::-1]])
    assert reg.score(X, y) == reg.score(X, pandas.DataFrame(y.to_numpy()))


# ---------------------------------------------------------------------------- kinds


def test_tables_of_pyarrow():
    pyarrow = pytest.importorskip("pyarrow")
    columns = {"a": X[:, 0], "b": X[:, 1]}
    given = quick().fit(pyarrow.table(columns), LABELS)
    expected = quick().fit(pandas.DataFrame(columns), LABELS)
    assert_array_equal(given.coefs_[0], expected.coefs_[0])
    with pytest.raises(ValueError, match="X must be numbers, got dates"):
        quick().fit(pyarrow.table({"a": A, "t": [d.date() for d in DAYS]}), LABELS)
