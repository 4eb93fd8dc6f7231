"""The columns of a table, whatever holds it: as numbers, or as levels of categories.

A table is a pandas or polars DataFrame, an array or a list of rows. Neither pandas nor
polars is imported: their columns say themselves what they hold.
"""

from decimal import Decimal
from numbers import Real

import numpy as np
from scipy.sparse import issparse
from sklearn.utils import check_array

from skdnn.data.door import taken_in, values_of
from skdnn.data.kinds import is_missing, is_time, kind_of
from skdnn.messages import plain

DATES = (
    "{where} of X holds dates or durations, which are no numbers before they have an"
    " origin and a unit, and are hardly ever categories. Put what matters of them into"
    " columns of their own: for example, with an origin that is the same in fit and"
    " predict, (t - datetime(2020, 1, 1)).dt.total_seconds() / 86400; or t.dt.month or"
    " t.dt.day_of_week, which polars calls t.dt.month() and t.dt.weekday()."
)


class Column:
    """One column of a table.

    Parameters
    ----------
    data : pandas.Series, polars.Series or ndarray of shape (n_rows,)
    where : str
        What to call it in an error.
    """

    def __init__(self, data, where):
        self.data, self.where = data, where
        self._codes = None

    @property
    def kind(self):
        """What the dtype says: "number", "category", or "object" for anything."""
        dtype = self.data.dtype
        kind = kind_of(dtype)
        if kind == "time":
            raise ValueError(DATES.format(where=self.where))
        if kind == "nested":
            raise self._nested(dtype)
        if kind == "complex":
            raise ValueError(
                f"Complex data not supported: {self.where} of X holds complex numbers."
                " Give real and imaginary part a column each."
            )
        return kind if kind in ("number", "object") else "category"

    @property
    def is_declared_category(self):
        """Whether the dtype says that these are categories, whatever they look like."""
        return str(self.data.dtype).lower().startswith(("categor", "enum"))

    def is_category(self):
        """Return whether the column is none of numbers, as far as can be seen."""
        kind = self.kind
        if kind == "object":
            return not all(isinstance(v, (Real, Decimal)) for v in self.levels())
        return kind == "category"

    def numbers(self):
        """Return the column as numbers, of dtype float64, NaN where one is missing."""
        data = self.data
        if self.kind != "number":
            codes, levels = self.codes()
            try:
                values = np.array([*map(float, levels), np.nan])
            except OverflowError:
                raise ValueError(
                    f"{self.where} of X holds an integer beyond the largest number that"
                    " a float can be. Divide by a power of 10, or take logarithms."
                ) from None
            except (TypeError, ValueError):
                text = next(v for v in levels if not isinstance(v, (Real, Decimal)))
                raise ValueError(
                    f"{self.where} of X should hold numbers, but holds"
                    f" {plain(text)!r}, as it is not among the categorical_features, or"
                    " held numbers in fit. Convert it, for example with"
                    " pandas.to_numeric(column, errors='coerce'), or name it in"
                    " categorical_features."
                ) from None
            values = values[codes]  # -1 is the last one
        elif isinstance(data.dtype, np.dtype):  # first: pandas is slow to say no
            values = np.asarray(data).astype(np.float64)
        elif hasattr(data, "cast"):
            values = data.cast(float).to_numpy()
        else:
            values = data.to_numpy(dtype=np.float64, na_value=np.nan)
        if np.isinf(values).any():
            raise ValueError(
                f"Input X contains infinity: {self.where}. Leave these rows out, or"
                " put NaN in their place, which stands for a missing number."
            )
        return values

    def levels(self):
        """Return the different values that the column has, those missing apart."""
        return self.codes()[1]

    def codes(self):
        """Return the column as numbers of levels, -1 where one is missing, and these.

        Returns
        -------
        codes : ndarray of int of shape (n_rows,)
        levels : list
        """
        if self._codes is None:
            values = values_of(self.data)
            numbers = {}
            try:
                codes = [numbers.setdefault(value, len(numbers)) for value in values]
            except TypeError:
                nested = next(v for v in values if not _is_hashable(v))
                raise self._nested(type(nested).__name__) from None
            levels, new = [], np.full(len(numbers), -1)
            for value, number in numbers.items():
                if is_missing(value):
                    continue
                if is_time(value):
                    raise ValueError(DATES.format(where=self.where))
                if isinstance(value, (tuple, frozenset)):
                    raise self._nested(type(value).__name__)
                new[number] = len(levels)
                levels.append(value)
            self._codes = new[np.array(codes, dtype=np.intp)], levels
        return self._codes

    def _nested(self, kind):
        return TypeError(
            f"{self.where} of X holds objects of type {kind}, where each value should"
            " be a number, a string or another category. Give each of their parts a"
            " column of its own."
        )


def columns_of(X):
    """Return the columns of a table.

    Parameters
    ----------
    X : {pandas.DataFrame, polars.DataFrame, array-like} of shape (n_rows, n_columns)

    Returns
    -------
    columns : list of Column
    """
    X = taken_in(X, "X")
    if hasattr(X, "iloc") and getattr(X, "ndim", 0) == 2:
        names, data = X.columns, [column for _, column in X.items()]
    elif hasattr(X, "get_columns"):
        names, data = X.columns, X.get_columns()
    else:
        return [Column(c, f"Column {j}") for j, c in enumerate(_as_array(X).T)]
    if not X.shape[0]:
        raise ValueError(
            f"Found array with 0 sample(s) (shape={X.shape}) while a minimum of 1 is"
            " required."
        )
    return [Column(c, f"Column {name!r}") for name, c in zip(names, data, strict=True)]


def _as_array(X):
    """Return rows of anything as an array, each value as it came."""
    if issparse(X):
        raise TypeError(
            "Sparse data was passed for X, but dense data is required: a table has"
            " columns of its own kind each. MLPClassifierDIY and MLPRegressorDIY take"
            " sparse numbers; X.toarray() makes a dense array."
        )
    if not hasattr(X, "dtype") and isinstance(X, (list, tuple)):
        try:
            cells = [value for row in X for value in np.atleast_1d(row).flat]
        except ValueError as error:  # lists within a row
            raise ValueError(f"X: {error}") from error
        mixed = any(isinstance(value, str) for value in cells)
        X = np.array(X, dtype=object) if mixed else X
    return check_array(X, dtype=None, ensure_all_finite=False)


def _is_hashable(value):
    try:
        hash(value)
    except TypeError:
        return False
    return True
