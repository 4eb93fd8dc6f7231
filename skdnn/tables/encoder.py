"""From a table as it comes to the numbers that a network takes."""

from dataclasses import dataclass
from numbers import Integral

import numpy as np
from numpy.typing import ArrayLike
from scipy import sparse
from sklearn.base import BaseEstimator, TransformerMixin, _fit_context
from sklearn.utils._param_validation import Interval, StrOptions
from sklearn.utils.validation import check_is_fitted, validate_data

from skdnn.data.door import some_columns
from skdnn.estimators.plain_arguments import reads_arguments
from skdnn.messages import plain, warn_user
from skdnn.tables.columns import columns_of
from skdnn.tables.text import warn_of_text

# From so many values a row, sparse rows of which at most this part is not 0 take less
# memory, and the first dense layer less time.
SPARSE_WIDTH, SPARSE_PART = 256, 0.1
BOUND = 3.0  # to which numbers far away are pulled in
HUGE = 1e100  # whose square is still a number


@dataclass
class NumberColumn:
    """A column of numbers: centred, scaled, and pulled in where it is far away.

    ``z = (x - median) / IQR`` becomes ``z / sqrt(1 + (z / 3)²)``, in (-3, 3), and 0
    where x is missing. IQR, the range from the first to the third quartile, gives way
    to half the range where it is 0.
    """

    name: str
    center: float
    scale: float
    varies: bool
    may_be_missing: bool
    all_different = False  # where it is, numbers say the more

    @classmethod
    def fit(cls, column, name):
        """Return what the numbers of a column say."""
        x = column.numbers()
        known = x[~np.isnan(x)]
        may_be_missing = len(known) < len(x)
        if not len(known):
            return cls(name, 0.0, 1.0, False, False)
        low, first, median, third, high = np.quantile(
            known, [0, 0.25, 0.5, 0.75, 1]
        ).tolist()
        scale = third / 2 - first / 2 or high / 4 - low / 4
        info = np.finfo(float)
        scale = 2 * min(max(scale, info.tiny), info.max / 2)
        return cls(name, median, scale, high > low, may_be_missing)

    @property
    def names(self):
        """Names of what comes out."""
        names = [self.name] if self.varies else []
        return [*names, f"{self.name}_missing"] if self.may_be_missing else names

    def encode(self, column, out):
        """Write what comes out to `out`, of shape (n_rows, len(names))."""
        x = column.numbers()
        missing = np.isnan(x)
        if self.may_be_missing:
            out[:, -1] = missing
        if self.varies:
            with np.errstate(over="ignore"):
                z = x - self.center
                z /= self.scale
            np.clip(z, -HUGE, HUGE, out=z)
            z /= np.sqrt(1 + np.square(z / BOUND))
            z[missing] = 0
            out[:, 0] = z


@dataclass
class CategoryColumn:
    """A column of categories, one-hot: a feature for each level, 1 where it is there.

    Two levels become one feature, -1 for the one and 1 for the other. A missing value
    is a level where there was one in `fit`, and the levels that are rarest share one
    where there are more than `max_categories`. What is unknown is 0 in all features.
    """

    name: str
    levels: list
    n_single: int  # levels that have a feature of their own; they come first
    may_be_missing: bool
    all_different: bool

    @classmethod
    def fit(cls, column, name, max_categories):
        """Return what the levels of a column say."""
        codes, levels = column.codes()
        may_be_missing = bool((codes < 0).any())
        counts = np.bincount(codes[codes >= 0], minlength=len(levels))
        n_single = len(levels)
        room = max_categories - may_be_missing
        all_different = len(codes) > 20 and len(levels) == len(codes)
        order = _sorted(levels)
        if n_single > room:
            n_single = room - 1
            often = np.argsort(-counts[order], kind="stable")
            order = [order[i] for i in [*sorted(often[:n_single]), *often[n_single:]]]
        levels = [levels[i] for i in order]
        return cls(name, levels, n_single, may_be_missing, all_different)

    @property
    def varies(self):
        """Whether there is anything to learn from."""
        return len(self.levels) + self.may_be_missing > 1 and not self.all_different

    @property
    def holds_text(self):
        """Whether all levels are strings."""
        return all(isinstance(level, str) for level in self.levels)

    @property
    def is_binary(self):
        """Whether one feature will do."""
        return len(self.levels) == self.n_single == 2 and not self.may_be_missing

    @property
    def names(self):
        """Names of what comes out."""
        if not self.varies:
            return []
        if self.is_binary:
            return [f"{self.name}_{self.levels[1]}"]
        names = [f"{self.name}_{level}" for level in self.levels[: self.n_single]]
        if self.n_single < len(self.levels):
            names.append(f"{self.name}_infrequent")
        return [*names, f"{self.name}_missing"] if self.may_be_missing else names

    def places(self, column):
        """Return for each row which feature is 1; -1 stands for none."""
        places = {level: min(i, self.n_single) for i, level in enumerate(self.levels)}
        codes, levels = column.codes()
        missing = len(self.names) - 1 if self.may_be_missing else -1
        return np.array([*(places.get(level, -1) for level in levels), missing])[codes]

    def encode(self, column, out):
        """Write what comes out to `out`, of shape (n_rows, len(names))."""
        if not self.varies:
            return
        places = self.places(column)
        if self.is_binary:
            out[:, 0] = np.array([-1, 1, 0])[places]
        else:
            out[:] = 0
            known = np.flatnonzero(places >= 0)
            out[known, places[known]] = 1


def _sorted(levels):
    """Return the order of levels: as they compare, or by kind and text."""
    keys = levels
    try:
        return sorted(range(len(levels)), key=keys.__getitem__)
    except TypeError:
        keys = [(type(level).__name__, str(level)) for level in levels]
        return sorted(range(len(levels)), key=keys.__getitem__)


class TableEncoder(TransformerMixin, BaseEstimator):
    """Make numbers for a network of a table with numbers, categories, missing values.

    A number becomes ``z / sqrt(1 + (z / 3)²)`` with ``z = (x - median) / IQR``, so that
    none is further than 3 from 0, and 0 where it is missing; a category is one-hot,
    with two levels -1 or 1, and 0 where it is unknown. Columns in which values were
    missing in `fit` have a feature that says so.

    Columns from which nothing can be learned are left out, and named in a warning:
    those with one value only, and those of categories that are different in each row.
    Another warning names columns that hold numbers or dates as text.

    Parameters
    ----------
    categorical_features : "from_dtype", array-like of {bool, int, str}, or None, \
            default="from_dtype"
        Which columns are categories: with "from_dtype" those of strings, of pandas' and
        polars' categories, and of objects that are not all numbers; a mask, indices or
        names of columns; with None, none. Columns that are not must hold numbers or
        booleans.
    max_categories : int, default=100
        Features of one category at most, at least 2: the rarest levels share one.
    sparse_output : bool or "auto", default="auto"
        Whether to return a sparse array; "auto" does where there are more than 256
        features, at most a tenth of them not 0.
    dtype : {"float32", "float64"}, default="float32"
        Of what comes out.

    Attributes
    ----------
    columns_ : list
        For each column, what `fit` has found in it.
    n_features_in_ : int
        Number of columns.
    feature_names_in_ : ndarray of shape (n_features_in_,)
        Names of the columns, where `X` has names that are all strings.

    References
    ----------
    Holzmüller, Grinsztajn and Steinwart (2024), "Better by default: strong pre-tuned
    MLPs and boosted trees on tabular data".

    Examples
    --------
    >>> import numpy as np
    >>> from skdnn.tables import TableEncoder
    >>> X = [[20, "red"], [30, "blue"], [np.nan, "green"], [50, "red"]]
    >>> encoder = TableEncoder().fit(X)
    >>> encoder.get_feature_names_out().tolist()
    ['x0', 'x0_missing', 'x1_blue', 'x1_green', 'x1_red']
    >>> encoder.transform([[30, "red"], [30, "white"]])
    array([[0., 0., 0., 0., 1.],
           [0., 0., 0., 0., 0.]], dtype=float32)
    """

    _parameter_constraints: dict = {
        "categorical_features": ["array-like", StrOptions({"from_dtype"}), None],
        "max_categories": [Interval(Integral, 2, None, closed="left")],
        "sparse_output": ["boolean", StrOptions({"auto"})],
        "dtype": [StrOptions({"float32", "float64"})],
    }

    def __init__(
        self,
        *,
        categorical_features: ArrayLike | None = "from_dtype",
        max_categories=100,
        sparse_output: bool | str = "auto",
        dtype="float32",
    ):
        self.categorical_features = categorical_features
        self.max_categories = max_categories
        self.sparse_output = sparse_output
        self.dtype = dtype

    @reads_arguments
    @_fit_context(prefer_skip_nested_validation=True)
    def fit(self, X, y=None):
        """Look at the columns of a table.

        Parameters
        ----------
        X : {pandas.DataFrame, polars.DataFrame, array-like} of shape (n_rows, \
                n_columns)
        y : None
            Ignored.

        Returns
        -------
        self : TableEncoder

        Raises
        ------
        ValueError
            If a column holds dates, infinity, or text where it should hold numbers; if
            no column has anything to learn from.
        TypeError
            If a column holds lists or other nested objects.
        """
        self._fit(X)
        return self

    @reads_arguments
    def fit_transform(self, X, y=None):
        """Look at the columns of a table, and return it as numbers.

        Parameters
        ----------
        X : {pandas.DataFrame, polars.DataFrame, array-like} of shape (n_rows, \
                n_columns)
        y : None
            Ignored.

        Returns
        -------
        X_new : {ndarray, csr_array} of shape (n_rows, n_features_out)
        """
        self._validate_params()
        return self._encode(self._fit(X))

    def _fit(self, X):
        """Look at the columns, and return them."""
        columns = columns_of(X)
        validate_data(self, X, skip_check_array=True)
        if len(columns[0].data) < 2:
            raise ValueError(
                "X has 1 sample, which says nothing of how columns vary; at least 2 are"
                " needed."
            )
        categories = self._categories(columns)
        names = getattr(self, "feature_names_in_", None)
        if names is None:
            names = [f"x{j}" for j in range(len(columns))]
        found = []
        for name, column, is_category in zip(names, columns, categories, strict=True):
            if is_category:
                its = CategoryColumn.fit(column, str(name), self.max_categories)
            else:
                its = NumberColumn.fit(column, str(name))
            found.append(its)
        self._warn_of_columns(columns, found)
        self.columns_ = found
        return columns

    def _warn_of_columns(self, columns, found):
        """Warn of columns of text that is none, and of those that are left out.

        It is an error where no column is left.
        """
        different = [its.name for its in found if its.all_different]
        undeclared = {
            its.name: column
            for its, column in zip(found, columns, strict=True)
            if isinstance(its, CategoryColumn) and not column.is_declared_category
        }
        explained = set()
        if isinstance(self.categorical_features, str):
            explained = warn_of_text(undeclared, left_out=set(different))
        useless = [its.name for its in found if not its.names]
        reasons = {
            "hold one value only, or none": [n for n in useless if n not in different],
            "hold categories that are different in each row": different,
        }
        if len(useless) == len(found):
            texts = [f"{some_columns(v)} {k}." for k, v in reasons.items() if v]
            raise ValueError(f"X has no column to learn from: {' '.join(texts)}")
        for reason, names in reasons.items():
            names = [name for name in names if name not in explained]
            if names:
                warn_user(f"{some_columns(names)} of X {reason}: they are left out.")

    def _categories(self, columns):
        """Return for each column whether it is a category."""
        wanted = self.categorical_features
        if isinstance(wanted, str):
            return [column.is_category() for column in columns]
        chosen = np.zeros(len(columns), dtype=bool)
        wanted = np.atleast_1d([] if wanted is None else np.asarray(wanted))
        if wanted.dtype == bool:
            if len(wanted) != len(columns):
                raise ValueError(
                    f"categorical_features is a mask of length {len(wanted)}, but X has"
                    f" {len(columns)} columns."
                )
            return wanted.tolist()
        names = getattr(self, "feature_names_in_", np.array([])).tolist()
        for it in wanted.tolist():
            if isinstance(it, str):
                if it not in names:
                    raise ValueError(
                        f"categorical_features has {it!r}, but the columns of X are"
                        f" {names or 'without names'}."
                    )
                it = names.index(it)
            if not isinstance(it, int) or not -len(columns) <= it < len(columns):
                raise ValueError(
                    "categorical_features must be names, a mask, or indices below the"
                    f" {len(columns)} columns of X, got {it!r}."
                )
            chosen[it] = True
        return chosen.tolist()

    def transform(self, X):
        """Return a table as numbers.

        Parameters
        ----------
        X : {pandas.DataFrame, polars.DataFrame, array-like} of shape (n_rows, \
                n_columns)
            With the columns of `fit`, in their order.

        Returns
        -------
        X_new : {ndarray, csr_array} of shape (n_rows, n_features_out)

        Raises
        ------
        ValueError
            If columns are missing, new or in another order, or hold something else than
            in `fit`.
        """
        check_is_fitted(self)
        columns = columns_of(X)
        validate_data(self, X, reset=False, skip_check_array=True)
        return self._encode(columns)

    def _encode(self, columns):
        n_rows = len(columns[0].data)
        widths = [len(its.names) for its in self.columns_]
        stops = np.cumsum(widths).tolist()
        if self._is_sparse(stops[-1]):
            return self._encode_sparse(columns, n_rows)
        out = np.empty((n_rows, stops[-1]), self.dtype)
        for its, column, width, stop in zip(
            self.columns_, columns, widths, stops, strict=True
        ):
            _check_kind(its, column)
            if width:
                its.encode(column, out[:, stop - width : stop])
        return out

    def _is_sparse(self, width):
        if self.sparse_output != "auto":
            return self.sparse_output
        n_filled = sum(
            1 if isinstance(its, CategoryColumn) else len(its.names)
            for its in self.columns_
            if its.names
        )
        return width > SPARSE_WIDTH and n_filled <= SPARSE_PART * width

    def _encode_sparse(self, columns, n_rows):
        parts = []
        for its, column in zip(self.columns_, columns, strict=True):
            _check_kind(its, column)
            width = len(its.names)
            if width > 1 and isinstance(its, CategoryColumn):
                places = its.places(column)
                rows = np.flatnonzero(places >= 0)
                ones = np.ones(len(rows), self.dtype)
                where = rows, places[rows]
                parts.append(sparse.coo_array((ones, where), shape=(n_rows, width)))
            elif width:
                out = np.empty((n_rows, width), self.dtype)
                its.encode(column, out)
                parts.append(sparse.coo_array(out))
        return sparse.hstack(parts, format="csr")

    def get_feature_names_out(self, input_features=None):
        """Return the names of what comes out.

        Parameters
        ----------
        input_features : array-like of str, default=None
            The names of the columns, if given; they must be those of `fit`.

        Returns
        -------
        names : ndarray of str
            The name of a column, of a number; with "_" and the level, of a category;
            with "_missing" behind, of what says that a value is missing.
        """
        check_is_fitted(self)
        names = [its.name for its in self.columns_]
        if input_features is not None and list(input_features) != names:
            raise ValueError(
                "input_features is not equal to feature_names_in_: it should be"
                f" {names}, got {list(input_features)}."
            )
        return np.array([n for its in self.columns_ for n in its.names], dtype=object)

    def __sklearn_tags__(self):
        tags = super().__sklearn_tags__()
        tags.input_tags.allow_nan = True
        tags.input_tags.categorical = True
        tags.input_tags.string = True
        tags.transformer_tags.preserves_dtype = []
        return tags


def _check_kind(its, column):
    """Raise an error if a column of text in `fit` holds numbers now."""
    if not isinstance(its, CategoryColumn) or not its.varies:
        return
    if its.holds_text:
        levels = column.levels()
        if levels and not any(isinstance(v, str) for v in levels):
            raise ValueError(
                f"{column.where} of X held text in fit, such as"
                f" {plain(its.levels[0])!r}, but holds {plain(levels[0])!r} now."
            )
