"""Predictions averaged over changed copies of what is to be predicted."""

from functools import partial
from numbers import Integral

import numpy as np
from sklearn.base import BaseEstimator, ClassifierMixin
from sklearn.exceptions import NotFittedError
from sklearn.utils import check_random_state, get_tags
from sklearn.utils.validation import check_is_fitted, validate_data

from skdnn.augmentation.base import InARow
from skdnn.data.door import taken_in
from skdnn.data.numeric import check_kinds


class AveragedOverCopies(ClassifierMixin, BaseEstimator):
    """A fitted classifier whose probabilities are means over changed copies of X.

    What it says of an image that is turned a little is nearly as good as what it says
    of the image, and errs elsewhere. Deform the copies less than in training.

    Parameters
    ----------
    estimator : estimator
        A fitted classifier with `predict_proba`, of this package or another; also one
        of independent labels, whose probabilities have a column for each.
    augmentation : value, callable or list of them
        What changes the copies, as for the estimators: see :mod:`skdnn.augmentation`.
        Not what mixes rows, as :class:`MixUp` does.
    n_copies : int, default=16
        How many copies are predicted beside X itself.
    random_state : int, RandomState instance or None, default=0
        Seed of the changes: with an int, the same X gets the same predictions.

    Attributes
    ----------
    classes_ : ndarray of shape (n_classes,)
        Those of `estimator`.
    n_features_in_ : int
        That of `estimator`.
    feature_names_in_ : ndarray of shape (n_features_in_,)
        Those of `estimator`, if it has some. It then gets its copies as DataFrames.

    Notes
    -----
    How a row is changed depends on its place in X, and with deformations, which 25 rows
    share, and other augmentations that draw for all rows at once, on how many there
    are: a row predicted alone has other copies than in a larger X.

    Examples
    --------
    >>> from sklearn.datasets import load_digits
    >>> from skdnn import MLPClassifierDIY
    >>> from skdnn.augmentation import Affine, AveragedOverCopies
    >>> X, y = load_digits(return_X_y=True)
    >>> clf = MLPClassifierDIY(augmentation=Affine(), max_iter=20, random_state=0)
    >>> clf.fit(X[:900] / 16, y[:900])  # doctest: +SKIP
    >>> averaged = AveragedOverCopies(clf, Affine(5, 0.05, 0.05, 0.5))
    >>> averaged.score(X[900:] / 16, y[900:])  # doctest: +SKIP
    """

    def __init__(
        self,
        estimator,
        augmentation,
        *,
        n_copies=16,
        random_state: int | np.random.RandomState | None = 0,
    ):
        self.estimator = estimator
        self.augmentation = augmentation
        self.n_copies = n_copies
        self.random_state = random_state

    def fit(self, X, y):
        """Do nothing: the classifier is fitted already.

        Parameters
        ----------
        X, y
            Ignored.

        Returns
        -------
        self : AveragedOverCopies
        """
        self._check_estimator()
        return self

    def _check_estimator(self):
        if not hasattr(self.estimator, "predict_proba"):
            raise TypeError(
                "AveragedOverCopies: estimator must be a fitted classifier with"
                f" predict_proba, got {self.estimator!r}."
            )
        check_is_fitted(self.estimator)

    def __sklearn_is_fitted__(self):
        try:
            check_is_fitted(self.estimator)
        except NotFittedError:
            return False
        return True

    @property
    def classes_(self):
        """The labels."""
        return self.estimator.classes_

    @property
    def n_features_in_(self):
        """Number of features."""
        return self.estimator.n_features_in_

    @property
    def feature_names_in_(self):
        """Names of the features, if the estimator was fitted with some."""
        return self.estimator.feature_names_in_

    def _steps(self):
        """Return what changes the copies, checked, with the other parameters."""
        self._check_estimator()
        n_copies = self.n_copies
        if not isinstance(n_copies, Integral) or isinstance(n_copies, bool):
            raise ValueError(f"n_copies must be an integer, got {n_copies!r}.")
        if n_copies < 0:
            raise ValueError(f"n_copies must be 0 or more, got {n_copies!r}.")
        steps = InARow(self.augmentation)
        if steps.mixes:
            raise ValueError(
                f"augmentation={self.augmentation!r} mixes rows with each other: the"
                " prediction for one would depend on the others in X. Leave out MixUp,"
                " and whatever else has a method mix."
            )
        return steps

    def _validate(self, X):
        """Return X as an array of floats, and what gives copies of it to the estimator.

        An estimator that knows the names of its features gets them, so that it neither
        warns nor fails.
        """
        X = taken_in(X, "X")
        check_kinds(X, "X")
        finite = "allow-nan" if get_tags(self).input_tags.allow_nan else True
        try:
            rows = validate_data(
                self, X, reset=False, dtype="numeric", ensure_all_finite=finite
            )
        except (TypeError, ValueError) as error:
            if not any(what in str(error) for what in ("could not convert", "strings")):
                raise
            raise TypeError(
                "X holds what is no number, text or categories say, which augmentation"
                f" can't change: {error}"
            ) from error
        dtype = np.result_type(rows.dtype, np.float32)  # exact, also for integers
        rows = np.array(rows, min(dtype, np.dtype(np.float64)))
        names = getattr(self, "feature_names_in_", None)
        return rows, np.copy if names is None else partial(_as_frame, X, names)

    def _average(self, X):
        """Return the mean probabilities, and the prediction for the first row."""
        steps = self._steps()
        rows, to_predict = self._validate(X)
        seed = check_random_state(self.random_state).randint(2**31 - 1)
        rng = np.random.default_rng(seed)
        P = self.estimator.predict_proba(to_predict(rows))
        if isinstance(P, list):
            raise TypeError(
                f"AveragedOverCopies: estimator={self.estimator!r} predicts a list of"
                " probabilities, one array for each output; there must be one array in"
                " all, as for classes or independent labels."
            )
        total = np.array(P, dtype=np.float64)
        for _ in range(self.n_copies):
            copy = steps.change(rows, rng)
            total += self.estimator.predict_proba(to_predict(copy))
        return total / (1 + self.n_copies), self.estimator.predict(to_predict(rows[:1]))

    def predict_proba(self, X):
        """Return the mean of the probabilities for X and its copies.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)

        Returns
        -------
        P : ndarray of shape (n_samples, n_classes)
        """
        return self._average(X)[0]

    def predict(self, X):
        """Return the label with the greatest mean probability.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)

        Returns
        -------
        y : ndarray of shape (n_samples,) or (n_samples, n_classes)
            Labels; for independent ones an indicator matrix of those whose mean
            probability is above 0.5.
        """
        P, first = self._average(X)
        if first.ndim == 2:  # independent labels
            return (P > 0.5).astype(first.dtype)
        return self.classes_[P.argmax(axis=1)]

    def __sklearn_tags__(self):
        tags = super().__sklearn_tags__()
        if hasattr(self.estimator, "__sklearn_tags__"):
            its = get_tags(self.estimator)
            tags.classifier_tags = its.classifier_tags
            tags.input_tags.allow_nan = its.input_tags.allow_nan
        return tags


def _as_frame(like, names, rows):
    """Return rows as a DataFrame of the library that X is of, or else of pandas."""
    library = type(like).__module__.partition(".")[0]
    if library == "polars":
        return type(like)(rows, schema=list(names))
    try:
        from pandas import DataFrame
    except ImportError:
        return rows.copy()
    index = like.index[: len(rows)] if library == "pandas" else None
    return DataFrame(rows, index=index, columns=names, copy=True)
