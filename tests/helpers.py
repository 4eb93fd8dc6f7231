"""What several test files use: small estimators, and what tests of both ask."""

import warnings
from contextlib import contextmanager
from functools import partial

import numpy as np
import pytest
from numpy.testing import assert_array_equal
from scipy import stats
from sklearn.base import is_classifier
from sklearn.exceptions import ConvergenceWarning
from sklearn.neural_network import MLPClassifier, MLPRegressor

from skdnn import MLPClassifierDIY, MLPRegressorDIY

# Seconds for another process, on the slowest machine: what takes longer hangs.
ONLY_HANGING = 3600

of_both = pytest.mark.parametrize(
    "Estimator", [MLPClassifierDIY, MLPRegressorDIY], ids=["classifier", "regressor"]
)
of_both_pairs = pytest.mark.parametrize(
    ("Theirs", "Ours"),
    [(MLPClassifier, MLPClassifierDIY), (MLPRegressor, MLPRegressorDIY)],
    ids=["classifier", "regressor"],
)

# ------------------------------------------------------------------ small estimators


def quick_of(Estimator, *args, **kwargs):
    return Estimator(*args, **{"max_iter": 5, "random_state": 0, **kwargs})


quick = partial(quick_of, MLPClassifierDIY)
quick_regressor = partial(quick_of, MLPRegressorDIY)
stopping = partial(quick, early_stopping=True)

LEVELS = (0.1, 0.5, 0.9)
LOSSES = {
    "squared_error": {},
    "poisson": {"loss": "poisson"},
    "absolute_error": {"loss": "absolute_error"},
    "huber": {"loss": "huber", "delta": 0.5},
    "quantile": {"loss": "quantile", "quantile": 0.8},
    "quantiles": {"loss": "quantile", "quantile": LEVELS},
    "gaussian": {"loss": "gaussian"},
}
of_all_losses = pytest.mark.parametrize("settings", LOSSES.values(), ids=LOSSES)
LEARNS = {"learning_rate": "one_cycle", "learning_rate_init": 0.01, "max_iter": 40}


def robust_std(y):
    """Return what the quartiles say of a normal distribution's deviation."""
    return stats.iqr(y, axis=0) / np.diff(stats.norm.ppf([0.25, 0.75]))


# ------------------------------------------------------------- what is asked of them


def outputs(estimator, X):
    """Return the probabilities, or the numbers."""
    if is_classifier(estimator):
        return estimator.predict_proba(X)
    return estimator.predict(X)


def first_part(estimator, X, y, *args):
    """Call `partial_fit` as a first call needs it: classes are the digits."""
    classes = {"classes": np.arange(10)} if is_classifier(estimator) else {}
    return estimator.partial_fit(X, y, *args, **classes)


def check_refusal(estimator, X, data, message):
    """Check that `fit` names what is wrong with data or arguments, and forgets nothing.

    Predictions of X, if there are any, are the same after it.
    """
    names = {name for name in vars(estimator) if name.endswith("_")}
    before = outputs(estimator, X) if names else None
    with pytest.raises((ValueError, TypeError), match=message):
        estimator.fit(*data)
    assert names == {name for name in vars(estimator) if name.endswith("_")}
    if names:
        assert_array_equal(outputs(estimator, X), before)


class Callback:
    """Does nothing: what callbacks of tests are made from."""

    def setup(self, estimator, context): ...

    def teardown(self, estimator, context): ...

    def on_fit_task_begin(self, estimator, context): ...

    def on_fit_task_end(self, estimator, context): ...


# -------------------------------------------------------------------------- warnings


@contextmanager
def silent():
    """Let warnings to users be errors, but for those of training cut short."""
    with warnings.catch_warnings():
        warnings.simplefilter("error", UserWarning)
        warnings.simplefilter("ignore", ConvergenceWarning)
        yield


def warnings_of(call, *words):
    """Return the warnings of a call that hold some words."""
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        call()
    return [w for w in caught if all(word in str(w.message) for word in words)]
