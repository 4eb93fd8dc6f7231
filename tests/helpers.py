"""What several test files use: small estimators, and what tests of both ask."""

import numpy as np
import pytest
from numpy.testing import assert_array_equal
from sklearn.base import is_classifier
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


def quick(*args, **kwargs):
    return MLPClassifierDIY(*args, **{"max_iter": 5, "random_state": 0, **kwargs})


def quick_of(Estimator, **kwargs):
    return Estimator(**{"max_iter": 5, "random_state": 0, **kwargs})


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
