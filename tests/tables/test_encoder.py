"""A table as numbers: what comes out for what goes in, and what is refused."""

import datetime
import re
import warnings
from decimal import Decimal

import numpy as np
import pandas as pd
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from scipy.sparse import issparse
from sklearn.compose import make_column_transformer
from sklearn.preprocessing import OneHotEncoder, RobustScaler

from skdnn.tables import TableEncoder

N = 60


def table(n=N, seed=0):
    rng = np.random.default_rng(seed)
    return pd.DataFrame(
        {
            "age": rng.integers(18, 80, n),
            "income": rng.lognormal(10, 1, n),
            "city": rng.choice(["Bonn", "Kiel", "Ulm"], n),
            "member": rng.choice([True, False], n),
            "size": pd.Categorical(rng.choice(list("SML"), n)),
        }
    )


def encoded(X, **params):
    """Return what comes out, in a DataFrame."""
    return TableEncoder(**params).set_output(transform="pandas").fit_transform(X)


def test_numbers_against_scikit_learns_robust_scaler():
    X = table()[["age", "income"]]
    z = RobustScaler().fit_transform(X)
    assert_allclose(
        TableEncoder(dtype="float64").fit_transform(X), z / np.sqrt(1 + (z / 3) ** 2)
    )


def test_categories_against_scikit_learns_one_hot_encoder():
    X = table()[["city", "size"]]
    encoder = OneHotEncoder(sparse_output=False)
    ours = TableEncoder().fit(X)
    assert_array_equal(ours.transform(X), encoder.fit_transform(X))
    names = encoder.get_feature_names_out()
    assert_array_equal(ours.get_feature_names_out(), names)


def test_all_kinds_side_by_side():
    X = table()
    expected = make_column_transformer(
        (RobustScaler(), ["age"]),
        (RobustScaler(), ["income"]),
        (OneHotEncoder(), ["city"]),
        (RobustScaler(), ["member"]),
        (OneHotEncoder(), ["size"]),
        sparse_threshold=0,
    ).fit_transform(X)
    numbers = [0, 1, 5]
    z = expected[:, numbers]
    expected[:, numbers] = z / np.sqrt(1 + (z / 3) ** 2)
    assert_allclose(TableEncoder().fit_transform(X), expected, rtol=1e-5, atol=1e-6)


def test_two_levels_are_one_feature():
    X = pd.DataFrame({"x": ["no", "yes", "no"]})
    encoder = TableEncoder().fit(X)
    assert encoder.get_feature_names_out().tolist() == ["x_yes"]
    new = pd.DataFrame({"x": ["yes", "no", "maybe", None]})
    assert encoder.transform(new).ravel().tolist() == [1, -1, 0, 0]


def test_missing_values():
    X = pd.DataFrame({"a": [1.0, np.nan, 3.0], "b": ["u", None, "v"]})
    Z = encoded(X)
    assert list(Z) == ["a", "a_missing", "b_u", "b_v", "b_missing"]
    assert Z["a"].tolist()[1] == 0
    assert Z["a_missing"].tolist() == [0, 1, 0]
    assert Z["b_missing"].tolist() == [0, 1, 0]
    # Where none was missing in fit, a missing value is like the median, or unknown.
    encoder = TableEncoder().fit(pd.DataFrame({"a": [1.0, 2, 3], "b": list("uvw")}))
    row = encoder.transform(pd.DataFrame({"a": [np.nan], "b": [None]}))
    assert row.tolist() == [[0, 0, 0, 0]]


@pytest.mark.parametrize(
    "column",
    [
        pd.array([1, None, 3], dtype="Int64"),
        pd.array([1.0, None, 3.0], dtype="Float64"),
        np.array([1, np.nan, 3], dtype=np.float32),
        np.array([1, None, 3], dtype=object),
        [Decimal(1), None, Decimal(3)],
        [1, pd.NA, 3],
    ],
    ids=["Int64", "Float64", "float32", "object", "Decimal", "NA"],
)
def test_numbers_of_all_dtypes(column):
    Z = encoded(pd.DataFrame({"a": pd.Series(column)}))
    assert list(Z) == ["a", "a_missing"]
    assert_allclose(Z["a"], [-1 / np.sqrt(1 + 1 / 9), 0, 1 / np.sqrt(1 + 1 / 9)])


@pytest.mark.parametrize("holder", ["array", "list", "polars"])
def test_the_same_from_other_holders(holder):
    X = table()
    X["income"] = X["income"].where(X["age"] > 30)
    expected = TableEncoder().fit_transform(X)
    objects = X.astype(object).where(X.notna(), None)
    if holder == "polars":
        polars = pytest.importorskip("polars")
        other = polars.DataFrame(objects.to_dict(orient="list"))
    else:
        other = objects.to_numpy()
        other = other.tolist() if holder == "list" else other
    assert_array_equal(TableEncoder().fit_transform(other), expected)


def test_which_columns_are_categories():
    X = pd.DataFrame(
        {"a": [3, 1, 2], "b": [1.5, np.nan, 2.5], "c": [True, False, True]}
    )
    assert list(encoded(X, categorical_features=["a"]))[:3] == ["a_1", "a_2", "a_3"]
    for wanted in ([0], [-3], [True, False, False], np.array([0]), pd.Index(["a"])):
        assert encoded(X, categorical_features=wanted).columns[0] == "a_1"
    names = list(encoded(X, categorical_features=["b", "c"]))
    assert names == ["a", "b_1.5", "b_2.5", "b_missing", "c_True"]
    with pytest.raises(ValueError, match=r"has 'd', but the columns of X are \['a'"):
        TableEncoder(categorical_features=["d"]).fit(X)
    with pytest.raises(ValueError, match="below the 3 columns of X, got 3"):
        TableEncoder(categorical_features=[3]).fit(X)
    with pytest.raises(ValueError, match="mask of length 2, but X has 3"):
        TableEncoder(categorical_features=[True, False]).fit(X)
    text = table()
    for none in (None, ["size"]):
        with pytest.raises(ValueError, match=r"'city' of X should hold numbers, but"):
            TableEncoder(categorical_features=none).fit(text)


def test_rare_levels_share_a_feature():
    X = pd.DataFrame({"x": list("aaabbbcde")})
    Z = encoded(X, max_categories=3)
    assert list(Z) == ["x_a", "x_b", "x_infrequent"]
    assert Z["x_infrequent"].tolist() == [0, 0, 0, 0, 0, 0, 1, 1, 1]
    encoder = TableEncoder(max_categories=3).fit(X)
    assert encoder.transform(pd.DataFrame({"x": ["e", "z"]})).tolist() == [
        [0, 0, 1],
        [0, 0, 0],
    ]
    with_missing = encoded(pd.DataFrame({"x": [*"aaabbbcd", None]}), max_categories=3)
    assert list(with_missing) == ["x_a", "x_infrequent", "x_missing"]


def test_sparse_where_it_pays():
    rng = np.random.default_rng(0)
    codes = rng.integers(0, 80, (500, 5)).astype(str)
    codes = np.char.add("no. ", codes)
    X = pd.DataFrame(codes, columns=list("abcde")).assign(n=rng.normal(size=500))
    sparse = TableEncoder().fit_transform(X)
    dense = TableEncoder(sparse_output=False).fit_transform(X)
    assert issparse(sparse)
    assert isinstance(dense, np.ndarray)
    assert sparse.dtype == dense.dtype == np.float32
    assert_array_equal(sparse.toarray(), dense)
    few = TableEncoder(sparse_output=True).fit(table())
    assert issparse(few.transform(table()))
    assert_array_equal(
        few.transform(table(seed=1)).toarray(),
        TableEncoder().fit(table()).transform(table(seed=1)),
    )


def test_useless_columns_are_named():
    X = table().assign(
        same=1, empty=np.nan, key=[f"id{i}" for i in range(N)], nothing=None
    )
    constant = r"\['same', 'empty', 'nothing'\] of X hold one value only, or none"
    different = r"\['key'\] of X hold categories that are different in each row"
    with (
        pytest.warns(UserWarning, match=constant),
        pytest.warns(UserWarning, match=different),
    ):
        encoder = TableEncoder().fit(X)
    plain = TableEncoder().fit(table())
    assert_array_equal(encoder.get_feature_names_out(), plain.get_feature_names_out())
    assert_array_equal(encoder.transform(X), plain.transform(table()))
    with pytest.raises(ValueError, match=r"no column to learn from: Columns \['same'"):
        TableEncoder().fit(X[["same", "empty"]])
    both = r"Columns \['same'\] hold one .* none. Columns \['key'\] hold categories"
    with pytest.raises(ValueError, match=both):
        TableEncoder().fit(X[["same", "key"]])


DAYS = pd.date_range("2020-01-01", periods=30).strftime("%Y-%m-%d").tolist()


@pytest.mark.parametrize(
    ("values", "text"),
    [
        (DAYS * 2, r"dates as text, such as '2020-01-01', and are taken"),
        (
            [*map(str, range(59)), "?"],
            r"such as '0', and are left out, as .* different",
        ),
        (
            [*map(str, range(30)), "?", None] * 2,
            r"'0', and are taken as .*numeric\(col",
        ),
        ([f"{i},25" for i in range(30)] * 2, r"'0,25', .*replace\(',', '.'\), errors"),
        ([*range(30), "?"] * 2, r"numbers (and|as) text, such as '(\?|0)', and"),
        (np.array([*map(str, range(30))] * 2, dtype=object), "such as '0', and"),
    ],
    ids=["dates", "different", "question mark", "comma", "mixed", "array"],
)
@pytest.mark.parametrize("holder", ["pandas", "polars"])
def test_numbers_and_dates_as_text_are_named(values, text, holder):
    X = {"x": list(values), "n": np.arange(len(values))}
    if holder == "polars":
        polars = pytest.importorskip("polars")
        X = polars.DataFrame(X, strict=False)
    else:
        X = pd.DataFrame(X)
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        encoder = TableEncoder().fit(X)
        encoder.transform(X)
    (warning,) = caught
    assert str(warning.message).startswith("Columns ['x'] of X hold")
    assert re.search(text, str(warning.message))


@pytest.mark.parametrize(
    "values",
    [
        [str(i) for i in range(20)] * 3,
        [f"{i:05}" for i in range(0, 60_000, 2000)] * 2,
        pd.Categorical([str(i) for i in range(30)] * 2),
        [f"flat {i}" for i in range(30)] * 2,
        [f"2020-{i}" for i in range(30)] * 2,
    ],
    ids=["few", "zip codes", "declared", "text", "no dates"],
)
def test_categories_in_digits_are_left_in_peace(values):
    X = pd.DataFrame({"x": values, "n": np.arange(60)})
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        TableEncoder().fit(X)
        TableEncoder(categorical_features=["x"]).fit(X.assign(x=[*DAYS, *DAYS]))


@pytest.mark.parametrize(
    ("values", "error", "text"),
    [
        ([1.0, np.inf, 2.0], ValueError, "contains infinity: Column 'bad'"),
        (pd.date_range("2020", periods=3), ValueError, "'bad' of X holds dates"),
        (pd.to_timedelta([1, 2, 3]), ValueError, "'bad' of X holds dates"),
        ([datetime.date(2020, 1, 1)] * 3, ValueError, "'bad' of X holds dates"),
        (pd.period_range("2020", periods=3), ValueError, "'bad' of X holds dates"),
        (
            pd.Series([datetime.timedelta(1)] * 3, dtype=object),
            ValueError,
            "'bad' of X holds dates",
        ),
        ([[1], [2], [3]], TypeError, "'bad' of X holds objects of type list"),
        ([{}, {}, {}], TypeError, "'bad' of X holds objects of type dict"),
        ([(1, 2), None, (1,)], TypeError, "'bad' of X holds objects of type tuple"),
        ([1j, 2j, 3], ValueError, "Complex data not supported: Column 'bad'"),
    ],
    ids=[
        *("inf", "dates", "durations", "date", "periods", "timedelta"),
        *("list", "dict", "tuple", "complex"),
    ],
)
def test_columns_that_are_refused_are_named(values, error, text):
    X = pd.DataFrame({"good": [1, 2, 3], "bad": values})
    with pytest.raises(error, match=text):
        TableEncoder().fit(X)


@pytest.mark.parametrize("holder", ["pandas", "polars"])
def test_what_the_error_says_of_dates_can_be_done(holder):
    module = pytest.importorskip(holder)
    times = [datetime.datetime(2020, 1, 2), datetime.datetime(2020, 1, 3, 12)] * 2
    t = module.Series("t", times) if holder == "polars" else module.Series(times)
    with pytest.raises(ValueError, match="origin that is the same") as caught:
        TableEncoder().fit(module.DataFrame({"t": t}))
    pattern = r"\(t - .*? / 86400|t\.dt\.\w+(?:\(\))?"
    expressions = re.findall(pattern, str(caught.value))
    assert len(expressions) == 5
    names = {"t": t, "datetime": datetime.datetime}
    days = eval(expressions[0], names)
    assert days.to_list() == [1, 2.5] * 2
    own = expressions[1:3] if holder == "pandas" else expressions[3:]
    assert [eval(it, names).to_list()[0] for it in own] == (
        [1, 3] if holder == "pandas" else [1, 4]
    )


def test_tables_that_are_refused():
    twice = pd.DataFrame([[1, 2, 3], [3, 4, 5]], columns=["a", "b", "a"])
    with pytest.raises(ValueError, match=r"several columns of the same name: \['a'\]"):
        TableEncoder().fit(twice)
    with pytest.raises(TypeError, match="Sparse data was passed"):
        TableEncoder().fit(TableEncoder(sparse_output=True).fit_transform(table()))
    with pytest.raises(ValueError, match="masked array with 1 masked"):
        TableEncoder().fit(np.ma.masked_array([[1.0], [2.0]], [[True], [False]]))
    with pytest.raises(ValueError, match=r"Found array with 0 sample"):
        TableEncoder().fit(table()[:0])
    with pytest.raises(ValueError, match="'max_categories' parameter"):
        TableEncoder(max_categories=1).fit(table())


def test_other_tables_than_in_fit_are_refused():
    encoder = TableEncoder().fit(table())
    with pytest.raises(ValueError, match="seen at fit time, yet now missing"):
        encoder.transform(table().drop(columns="city"))
    with pytest.raises(ValueError, match="must be in the same order"):
        encoder.transform(table()[["city", "age", "income", "member", "size"]])
    with pytest.raises(ValueError, match="'city' of X held text in fit, such as"):
        encoder.transform(table().assign(city=1))
    with pytest.raises(ValueError, match="'age' of X should hold numbers, but"):
        encoder.transform(table().assign(age="x"))


def test_far_away_numbers_are_pulled_in():
    X = np.array([[1.0], [2.0], [3.0], [1e308], [-1e308]])
    Z = TableEncoder().fit_transform(X)
    assert np.isfinite(Z).all()
    assert_allclose(Z[3:].ravel(), [3, -3])
    tiny = TableEncoder().fit_transform(np.array([[0.0], [5e-324], [0.0], [0.0]]))
    assert np.isfinite(tiny).all()


def test_feature_names():
    encoder = TableEncoder().fit(table())
    assert len(encoder.get_feature_names_out(list(table()))) == 9
    with pytest.raises(ValueError, match="input_features is not equal"):
        encoder.get_feature_names_out(["a"])


def test_values_in_errors_are_plain():
    texts = pd.DataFrame({"x": np.array([np.str_("a"), np.str_("b")], dtype=object)})
    encoder = TableEncoder().fit(texts)
    numbers = pd.DataFrame({"x": np.array([np.int64(2), np.int64(3)], dtype=object)})
    with pytest.raises(ValueError, match="such as 'a', but holds 2 now"):
        encoder.transform(numbers)
    with pytest.raises(ValueError, match="but holds 'a', as it is not among"):
        TableEncoder().fit(numbers).transform(texts)
