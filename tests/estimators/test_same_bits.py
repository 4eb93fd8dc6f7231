"""Same seed, same bits: in any thread, process or run, and after a break.

A matrix product rounds differently with another number of threads: here all have one.
"""

import os
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor

import joblib
import numpy as np
import pytest
from numpy.testing import assert_array_equal
from scipy.sparse import csr_array
from sklearn.datasets import load_digits
from sklearn.model_selection import cross_validate
from threadpoolctl import threadpool_limits

from helpers import first_part, of_both, quick_of
from skdnn import MLPClassifierDIY, MLPRegressorDIY

X, y = load_digits(return_X_y=True)
X = X.astype(np.float32) / 16


def noisy(Estimator=MLPClassifierDIY, **settings):
    defaults = {"batch_norm": True, "dropout": 0.2, "max_iter": 2}
    return quick_of(Estimator, hidden_layer_sizes=(30,), **{**defaults, **settings})


@pytest.fixture
def one_thread(monkeypatch):
    monkeypatch.setenv("OPENBLAS_NUM_THREADS", "1")  # for new processes
    monkeypatch.setenv("OMP_NUM_THREADS", "1")
    with threadpool_limits(1):
        yield


def bits(clf):
    """Return all numbers of a fitted estimator that it predicts with or reports."""
    network = clf.network_
    return joblib.hash([network.parameters, network.statistics, clf.loss_curve_])


@of_both
@pytest.mark.parametrize("normalized", [False, True])
def test_eight_threads_predict_what_one_does(normalized, Estimator):
    clf = noisy(Estimator, batch_norm=normalized).fit(X, y)
    parts = [X[:1], X[:7], X, X[::-1], X.astype(np.float64), csr_array(X), X[5:6], X]
    names = ["predict_proba", "predict_log_proba", "predict"]
    methods = [getattr(clf, name) for name in names if hasattr(clf, name)] * 8
    calls = [(method, part) for method in methods for part in parts]
    expected = [method(part) for method, part in calls]
    with ThreadPoolExecutor(8) as pool:
        results = pool.map(lambda call: call[0](call[1]), calls)
        for result, value in zip(results, expected, strict=True):
            assert_array_equal(result, value)


IN_ANOTHER_PROCESS = """
import sys, joblib
(clf, X, y), path = joblib.load(sys.argv[1]), sys.argv[2]
if hasattr(clf, "network_"):
    clf.partial_fit(X[600:], y[600:])
else:
    clf.fit(X, y)
joblib.dump(clf, path)
"""


def elsewhere(clf, folder, hash_seed):
    """Return a classifier that has been fitted, or fitted further, by a new process."""
    joblib.dump((clf, X, y), folder / "in")
    command = [sys.executable, "-W", "ignore", "-c", IN_ANOTHER_PROCESS, "in", "out"]
    environment = os.environ | {"PYTHONHASHSEED": hash_seed}
    subprocess.run(command, cwd=folder, env=environment, check=True)
    return joblib.load(folder / "out")


@pytest.mark.usefixtures("one_thread")
@pytest.mark.parametrize(
    ("Estimator", "solver"),
    [
        (MLPClassifierDIY, "adam"),
        (MLPClassifierDIY, "lbfgs"),
        (MLPRegressorDIY, "adam"),
    ],
)
def test_every_run_and_process(tmp_path, solver, Estimator):
    settings = {"solver": solver, "dropout": 0.0 if solver == "lbfgs" else 0.2}
    here = bits(noisy(Estimator, **settings).fit(X, y))
    assert bits(noisy(Estimator, **settings).fit(X, y)) == here
    assert bits(elsewhere(noisy(Estimator, **settings), tmp_path, "7")) == here
    assert bits(noisy(Estimator, **settings | {"random_state": 1}).fit(X, y)) != here


@pytest.mark.usefixtures("one_thread")
@of_both
def test_half_way_through_partial_fit(tmp_path, Estimator):
    straight = noisy(Estimator, ema_decay=0.9, learning_rate="one_cycle")
    first_part(straight, X[:600], y[:600])
    twin = elsewhere(straight, tmp_path, "0")
    straight.partial_fit(X[600:], y[600:])
    assert bits(twin) == bits(straight)
    for clf in (straight, twin):
        clf.partial_fit(X, y)
    assert bits(twin) == bits(straight)


@pytest.mark.usefixtures("one_thread")
@of_both
@pytest.mark.parametrize("backend", ["loky", "threading"])
def test_any_number_of_jobs(backend, Estimator):
    found = []
    options = {"inner_max_num_threads": 1} if backend == "loky" else {}
    for n_jobs in (1, 2):
        with joblib.parallel_config(backend, n_jobs=n_jobs, **options):
            result = cross_validate(noisy(Estimator), X, y, cv=3, return_estimator=True)
        found.append([bits(clf) for clf in result["estimator"]])
    assert found[0] == found[1]
