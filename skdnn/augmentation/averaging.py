"""Predictions averaged over changed copies of what is to be predicted."""

import numpy as np
from sklearn.base import BaseEstimator, ClassifierMixin
from sklearn.utils import check_random_state
from sklearn.utils.validation import check_is_fitted, validate_data

from skdnn.augmentation.base import InARow


class AveragedOverCopies(ClassifierMixin, BaseEstimator):
    """A fitted classifier whose probabilities are means over changed copies of X.

    What it says of an image that is turned a little is nearly as good as what it says
    of the image, and errs elsewhere. Deform the copies less than in training.

    Parameters
    ----------
    estimator : estimator
        A fitted classifier with `predict_proba`, of this package or another.
    augmentation : value, callable or list of them
        What changes the copies, as for the estimators: see :mod:`skdnn.augmentation`.
    n_copies : int, default=16
        How many copies are predicted beside X itself.
    random_state : int, RandomState instance or None, default=0
        Seed of the changes: with an int, the same rows get the same predictions.

    Attributes
    ----------
    classes_ : ndarray of shape (n_classes,)
        Those of `estimator`.

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

    def __init__(self, estimator, augmentation, *, n_copies=16, random_state=0):
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
        return True

    @property
    def classes_(self):
        """The labels."""
        return self.estimator.classes_

    @property
    def n_features_in_(self):
        """Number of features."""
        return self.estimator.n_features_in_

    def predict_proba(self, X):
        """Return the mean of the probabilities for X and its copies.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)

        Returns
        -------
        P : ndarray of shape (n_samples, n_classes)
        """
        self._check_estimator()
        if self.n_copies < 0:
            raise ValueError(f"n_copies must be 0 or more, got {self.n_copies!r}.")
        X = validate_data(
            self, X, reset=False, dtype=[np.float32, np.float64], ensure_2d=True
        )
        seed = check_random_state(self.random_state).randint(2**31 - 1)
        rng, steps = np.random.default_rng(seed), InARow(self.augmentation)
        total = np.array(self.estimator.predict_proba(X), dtype=np.float64)
        for _ in range(self.n_copies):
            total += self.estimator.predict_proba(steps.change(X, rng))
        return total / (1 + self.n_copies)

    def predict(self, X):
        """Return the label with the greatest mean probability.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)

        Returns
        -------
        y : ndarray of shape (n_samples,)
        """
        best = self.predict_proba(X).argmax(axis=1)
        return self.classes_[best]
