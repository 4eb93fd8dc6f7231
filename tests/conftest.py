"""How much the suite tries: the same little everywhere, or as much as asked for.

``SKDNN_FULL=1 pytest -n 2`` runs the long forms: 10,000 new examples of Hypothesis a
test, 500 kills, damage to every byte of a checkpoint.
"""

import os

import pytest
from sklearn.datasets import (
    load_breast_cancer,
    load_diabetes,
    load_digits,
    load_iris,
)
from sklearn.model_selection import train_test_split
from sklearn.preprocessing import StandardScaler

try:
    from hypothesis import HealthCheck, settings
except ImportError:
    pass
else:
    common = {"deadline": None, "suppress_health_check": list(HealthCheck)}
    settings.register_profile(
        "short", max_examples=800, derandomize=True, database=None, **common
    )
    settings.register_profile("full", max_examples=10_000, **common)
    settings.load_profile("full" if os.environ.get("SKDNN_FULL") else "short")


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
