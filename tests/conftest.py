"""How much the suite tries: the same little everywhere, or as much as asked for.

``SKDNN_FULL=1 pytest -n 2`` runs the long forms: 10,000 new examples of Hypothesis a
test, 500 kills, damage to every byte of a checkpoint.
"""

import os
from functools import partial

import numpy as np
import pytest
from sklearn.datasets import (
    load_breast_cancer,
    load_diabetes,
    load_digits,
    load_iris,
    make_multilabel_classification,
)
from sklearn.model_selection import train_test_split
from sklearn.preprocessing import StandardScaler

from helpers import quick_of
from skdnn import MLPClassifierDIY, MLPRegressorDIY

try:
    from hypothesis import HealthCheck, settings
except ImportError:
    pass
else:
    common = {"deadline": None, "suppress_health_check": list(HealthCheck)}
    settings.register_profile(
        "short", max_examples=1000, derandomize=True, database=None, **common
    )
    settings.register_profile("full", max_examples=10_000, **common)
    settings.load_profile("full" if os.environ.get("SKDNN_FULL") else "short")


def pytest_configure(config):
    """Let fits be short: that they have not converged is no matter in tests."""
    ignored = "ignore::sklearn.exceptions.ConvergenceWarning"
    config.addinivalue_line("filterwarnings", ignored)


def read_only(*arrays):
    """Return arrays that all tests can share: none can change them for another."""
    for array in arrays:
        array.flags.writeable = False
    return arrays


@pytest.fixture(scope="session")
def iris():
    X, y = load_iris(return_X_y=True)
    return read_only(StandardScaler().fit_transform(X), y)


@pytest.fixture(scope="session")
def digits():
    X, y = load_digits(return_X_y=True)
    return read_only(X / 16, y)


@pytest.fixture(scope="session")
def split_digits(digits):
    """Return X_train, X_test, y_train and y_test."""
    return read_only(*train_test_split(*digits, random_state=0))


@pytest.fixture(scope="session")
def cancer():
    X, y = load_breast_cancer(return_X_y=True)
    return read_only(StandardScaler().fit_transform(X), y)


@pytest.fixture(scope="session")
def split_cancer(cancer):
    """Return X_train, X_test, y_train and y_test."""
    return read_only(*train_test_split(*cancer, random_state=0))


@pytest.fixture(scope="session")
def diabetes():
    """Return standardized X, and y from 25 to 346."""
    X, y = load_diabetes(return_X_y=True)
    return read_only(StandardScaler().fit_transform(X), y)


@pytest.fixture(scope="session")
def multilabel():
    return read_only(*make_multilabel_classification(300, random_state=0))


@pytest.fixture(scope="session")
def skewed():
    """Return X of zeros, and positive y whose mean and quantiles are far apart."""
    y = np.random.default_rng(0).exponential(2, 1001)
    return read_only(np.zeros((1001, 1)), y)


@pytest.fixture(scope="session")
def line():
    """Return X, the truth, and y with a little noise."""
    rng = np.random.default_rng(0)
    X = rng.standard_normal((600, 3))
    truth = 100 + X[:, 0]
    return read_only(X, truth, truth + 0.1 * rng.standard_normal(600))


@pytest.fixture(
    params=[MLPClassifierDIY, MLPRegressorDIY], ids=["classifier", "regressor"]
)
def small(request):
    """Return what makes a small estimator, of each of the two kinds in turn."""
    return partial(quick_of, request.param)


@pytest.fixture
def fitted(iris, small):
    return small().fit(*iris)
