"""Who learns what: seeds and rows are decided in one place, by any splitter."""

import numpy as np
import pytest
from numpy.testing import assert_array_equal
from sklearn.datasets import load_iris
from sklearn.model_selection import (
    KFold,
    RepeatedKFold,
    ShuffleSplit,
    StratifiedKFold,
    TimeSeriesSplit,
)

from skdnn import MLPClassifierDIY
from skdnn.estimators.checking import read
from skdnn.estimators.shares import generator_of, share_out
from skdnn.estimators.task.labels import Labels

X, y = load_iris(return_X_y=True)
SPLITTERS = [
    KFold(3, shuffle=True, random_state=0),
    StratifiedKFold(4),
    ShuffleSplit(2, random_state=1),
    RepeatedKFold(n_splits=2, n_repeats=2, random_state=0),
    TimeSeriesSplit(5),
]


def shares_of(**settings):
    clf = MLPClassifierDIY(random_state=0, **settings)
    data = read(clf, X, y, None, lambda y, weights: Labels.of(y), reset=True)
    return share_out(clf, data)


@pytest.mark.parametrize("splitter", SPLITTERS, ids=lambda it: type(it).__name__)
def test_any_splitter_says_who_learns_what(splitter):
    n_networks = splitter.get_n_splits(X, y)
    shares = shares_of(n_networks=n_networks, resampling=splitter)
    for share, (rows, left_out) in zip(shares, splitter.split(X, y), strict=True):
        assert_array_equal(share.rows, rows)
        assert_array_equal(share.left_out, left_out)


@pytest.mark.parametrize("resampling", ["bootstrap", "folds"])
def test_our_own_leave_out_what_is_not_learned(resampling):
    for share in shares_of(n_networks=4, resampling=resampling):
        assert not set(share.rows) & set(share.left_out)
        assert set(share.rows) | set(share.left_out) == set(range(150))


def test_each_network_has_a_seed_that_makes_its_numbers():
    shares = shares_of(n_networks=3)
    assert len({share.seed for share in shares}) == 3
    for share in shares:
        assert share.rows is share.left_out is share.checkpoint is None
        twin = generator_of(share.seed)
        assert_array_equal(share.rng.randint(9, size=5), twin.randint(9, size=5))


def test_the_only_network_has_the_numbers_of_the_estimator():
    (share,) = shares_of()
    twin = np.random.RandomState(0)
    assert share.seed is None
    assert_array_equal(share.rng.randint(9, size=5), twin.randint(9, size=5))
