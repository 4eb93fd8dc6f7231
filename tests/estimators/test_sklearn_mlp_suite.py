"""scikit-learn's own tests of its MLPClassifier and MLPRegressor, run against ours.

The installed test module is loaded a second time with the classes exchanged. With
dtype="auto" the arithmetic is scikit-learn's.
"""

import functools
import importlib.util
import inspect
from unittest import mock

import pytest
import sklearn.neural_network

from skdnn import MLPClassifierDIY, MLPRegressorDIY

PRIVATE = {
    "test_fit": "sets _coef_grads and more, and trains from them",
    "test_gradient": "calls _loss_grad_lbfgs",
    "test_learning_rate_warmstart": "reads _optimizer.learning_rate",
    "test_adaptive_learning_rate": "reads _optimizer.learning_rate",
    "test_n_iter_no_change": "reads _no_improvement_count",
    "test_n_iter_no_change_inf": "reads _no_improvement_count",
}
DIFFERENT = {
    "test_preserve_feature_names": "fits a y of one value: an error, or a warning here",
}


def load_suite():
    """Return scikit-learn's test module, with our classes for scikit-learn's."""
    spec = importlib.util.find_spec("sklearn.neural_network.tests.test_mlp")
    suite = importlib.util.module_from_spec(spec)
    stand_ins = {
        "MLPClassifier": functools.partial(MLPClassifierDIY, dtype="auto"),
        "MLPRegressor": functools.partial(MLPRegressorDIY, dtype="auto"),
    }
    with mock.patch.multiple(sklearn.neural_network, **stand_ins):
        spec.loader.exec_module(suite)
    return suite


@pytest.fixture
def global_random_seed():
    """Return the seed that scikit-learn's own configuration of pytest passes."""
    return 42


SUITE = load_suite()
TESTS = {name: test for name, test in vars(SUITE).items() if name.startswith("test_")}
for name in sorted(TESTS.keys() - PRIVATE.keys() - DIFFERENT.keys()):
    globals()[name] = TESTS[name]


def test_the_lists_are_true():
    """Each test left out exists, and touches what the list says."""
    for name, reason in PRIVATE.items():
        source = inspect.getsource(TESTS[name])
        words = [word for word in reason.split() if word.startswith("_")]
        assert words, name
        assert all(f".{word}" in source for word in words), name
    assert DIFFERENT.keys() <= TESTS.keys()
    for name in ("MLPClassifier", "MLPRegressor"):
        users = [name in inspect.getsource(test) for test in TESTS.values()]
        assert sum(users) > 15


@pytest.mark.parametrize("Estimator", [MLPClassifierDIY, MLPRegressorDIY])
def test_a_rate_goes_on_falling_with_a_warm_start(Estimator):
    """As a test of private attributes has it; for the others see tests/training."""
    clf = Estimator(
        solver="sgd", learning_rate="invscaling", power_t=0.25, max_iter=1,
        warm_start=True, hidden_layer_sizes=4,
    )  # fmt: skip
    X, y = [[3, 2], [1, 6], [5, 6], [-2, -4]], [1, 1, 1, 0]
    for seen in (0, 4, 8):
        clf.fit(X, y)
        expected = clf.learning_rate_init / (seen + 1) ** 0.25
        assert clf.history_[-1]["learning_rate"] == pytest.approx(expected)
