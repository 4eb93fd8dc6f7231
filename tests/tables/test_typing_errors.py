"""A typing error in y of a table: it is named, and spoils nothing else."""

import warnings

import numpy as np
import pandas as pd
import pytest
from numpy.testing import assert_allclose
from sklearn.metrics import r2_score

from skdnn import (
    TabularRegressorDIY,
)
from skdnn.estimators.task.numbers import r2_of


@pytest.fixture(scope="module")
def typed():
    """Return a table, the truth, and y with a little noise."""
    rng = np.random.default_rng(0)
    X = pd.DataFrame(rng.normal(size=(400, 3)), columns=list("abc"))
    truth = 100 + 10 * X["a"] + 5 * X["b"]
    return X, truth, truth + 0.1 * rng.normal(size=400)


def told(call):
    """Return what the warnings of a call say of y."""
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        call()
    return [str(w.message) for w in caught if "y" in str(w.message).split()[0]]


@pytest.mark.parametrize(
    ("rows", "factor"),
    [([7], 1000), ([7, 30, 60, 90], -1000), ([7], 1e300), ([7, 30, 60, 90], 0.001)],
    ids=str,
)
def test_typing_errors_in_y_do_not_spoil_the_rest(typed, rows, factor):
    X, truth, y = typed
    y = y.copy()
    y[rows] *= factor
    reg = TabularRegressorDIY((64,), n_networks=2, random_state=0)
    texts = told(lambda: reg.fit(X, y))
    if abs(factor) > 1:
        (text,) = texts
        assert f"first in row 7: {y[7]:g}, where others" in text
    assert np.median(np.abs(reg.predict(X) - truth)) < 2
    assert_allclose(reg.oof_score_, r2_of(y, reg.oof_prediction_))  # as y is


def test_a_typing_error_in_one_of_several_targets(typed):
    X, truth, y = typed
    Y = pd.DataFrame({"u": y, "v": -2 * y})
    Y.loc[5, "v"] = 1e7
    reg = TabularRegressorDIY((64,), n_networks=2, random_state=0)
    (text,) = told(lambda: reg.fit(X, Y))
    assert "first in column 'v', row 5: 1e+07" in text
    errors = np.abs(reg.predict(X) - np.c_[truth, -2 * truth])
    assert (np.median(errors, axis=0) < (2, 4)).all()


def test_a_typing_error_in_y_val_does_not_choose_the_epochs(typed):
    X, truth, y = typed
    y_val = y[300:].copy()
    y_val[310] *= 1000
    reg = TabularRegressorDIY((64,), n_networks=2, random_state=0)
    given = {"X_val": X[300:], "y_val": y_val}
    (text,) = told(lambda: reg.fit(X[:300], y[:300], **given))
    assert "y_val has 1 value absurdly far" in text
    assert np.median(np.abs(reg.predict(X) - truth)) < 2


def test_importances_are_those_of_the_y_that_is_learned(typed):
    X, _, y = typed
    y = y.copy()
    y[7] *= 1000
    reg = TabularRegressorDIY((32,), n_networks=2, importances=True, random_state=0)
    with pytest.warns(UserWarning, match="absurdly far"):
        reg.fit(X, y)
    a, b, c = reg.feature_importances_
    assert a > b > 0.1 > abs(c)


def test_the_score_of_a_table_leaves_a_constant_target_out(typed):
    X, _, y = typed
    reg = TabularRegressorDIY((8,), n_networks=2, max_iter=2, random_state=0)
    Y = np.c_[y, np.full(len(y), 0.1)]
    reg.fit(X, Y)
    assert_allclose(reg.score(X, Y), r2_score(y, reg.predict(X)[:, 0]))
    assert_allclose(reg.oof_score_, r2_score(y, reg.oof_prediction_[:, 0]))


def test_y_val_of_a_table_in_other_units_is_named(typed):
    X, _, y = typed
    reg = TabularRegressorDIY((8,), n_networks=2, max_iter=2, random_state=0)
    with pytest.warns(UserWarning, match="y_val seems to be in other units than y"):
        reg.fit(X, y, X_val=X, y_val=1000 * y)
