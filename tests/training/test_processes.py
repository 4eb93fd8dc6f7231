"""What belongs to the process: Ctrl-C, warnings, joblib, scikit-learn's settings."""

import _thread
import subprocess
import sys
import threading
import time
import warnings
from contextlib import contextmanager, nullcontext
from pathlib import Path
from types import SimpleNamespace
from unittest import mock

import joblib
import numpy as np
import pytest
import sklearn
from numpy.testing import assert_array_equal
from sklearn.base import clone
from sklearn.exceptions import ConvergenceWarning
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

import skdnn
from helpers import outputs, quick
from skdnn import (
    MLPClassifierDIY,
    MLPRegressorDIY,
    TabularClassifierDIY,
    TabularRegressorDIY,
    diagnose,
)
from skdnn.displays import TrainingCurveDisplay
from skdnn.estimators.fitted import each_network
from skdnn.tables import TableEncoder
from skdnn.training import loop, processes
from skdnn.training.processes import Call, in_processes

pytestmark = pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")

# ------------------------------------------------------------------------------ Ctrl-C

# Each part of the fit leaves a file that grows by a letter an epoch: Ctrl-C comes when
# all have learned something. "again": until somebody listens, as the parts do not.
INTERRUPTED = """
import os, signal, sys, threading, time, warnings
import joblib, numpy as np
from skdnn import MLPClassifierDIY, TabularClassifierDIY

folder, backend, to_whom, solver = sys.argv[1:]

def score(estimator, X, y):
    path = f"{folder}/{os.getpid()}-{threading.get_ident()}"
    with open(path, "a") as file:
        file.write("x")
    while to_whom == "again" and os.path.getsize(path) > 2:
        if os.path.exists(f"{folder}.release"):
            break
        time.sleep(0.05)
    return estimator.score(X, y)

def press():
    while True:
        sizes = [os.path.getsize(f"{folder}/{name}") for name in os.listdir(folder)]
        if len(sizes) == 2 and min(sizes) > 2:
            break
        time.sleep(0.02)
    while True:
        if to_whom == "group":
            os.killpg(os.getpgrp(), signal.SIGINT)
        else:
            os.kill(os.getpid(), signal.SIGINT)
        if to_whom != "again" or over.wait(0.5):
            break

if __name__ == "__main__":
    if backend == "dask":
        from distributed import Client
        Client(processes=False, n_workers=1, threads_per_worker=2,
               dashboard_address=None)
    rng = np.random.RandomState(0)
    X = rng.normal(size=(2000, 20))
    y = (X[:, 0] + rng.normal(size=2000) > 0).astype(int)
    over = threading.Event()
    warnings.simplefilter("always")
    clf = MLPClassifierDIY(
        (32,), n_networks=2, n_jobs=2, max_iter=10**6, n_iter_no_change=10**6, tol=0,
        scoring=score, solver=solver, early_stopping=True, max_fun=10**7,
        random_state=0,
    )
    if solver == "lbfgs":
        clf.set_params(early_stopping=False)
    threading.Thread(target=press, daemon=True).start()
    try:
        with joblib.parallel_config(backend=backend):
            clf.fit(X, y, X_val=X, y_val=y)
    except KeyboardInterrupt:
        print("left")
    over.set()
    open(f"{folder}.release", "w").close()
    if hasattr(clf, "classes_"):
        print("learned", min(len(it.history_) for it in clf.estimators_) > 0,
              np.isfinite(clf.predict_proba(X)).all())
"""


def interrupt(tmp_path, *args):
    (tmp_path / "parts").mkdir()
    script = tmp_path / "script.py"
    script.write_text(INTERRUPTED)
    result = subprocess.run(
        [sys.executable, script, tmp_path / "parts", *args],
        capture_output=True,
        text=True,
        timeout=600,
        start_new_session=True,  # else Ctrl-C would come to the tests as well
    )
    return result.stdout.strip(), result.stderr


@pytest.mark.skipif(sys.platform == "win32", reason="sends signals")
@pytest.mark.parametrize(
    "args",
    [
        ("loky", "parent", "adam"),
        ("threading", "parent", "adam"),
        pytest.param(("loky", "group", "adam"), marks=pytest.mark.slow),
        pytest.param(("multiprocessing", "parent", "adam"), marks=pytest.mark.slow),
        pytest.param(("multiprocessing", "group", "adam"), marks=pytest.mark.slow),
        pytest.param(("dask", "parent", "adam"), marks=pytest.mark.slow),
        pytest.param(("multiprocessing", "parent", "lbfgs"), marks=pytest.mark.slow),
    ],
    ids=" ".join,
)
def test_ctrl_c_keeps_what_processes_have_learned(tmp_path, args):
    if args[0] == "dask":
        pytest.importorskip("distributed")
    said, complaints = interrupt(tmp_path, *args)
    assert said == "learned True True"
    place, *others = complaints.split("UserWarning: Training interrupted by user.")
    assert len(others) == 1
    assert "script.py" in place.splitlines()[-1]


@pytest.mark.slow
@pytest.mark.skipif(sys.platform == "win32", reason="sends signals")
@pytest.mark.parametrize("backend", ["loky", "threading"])
def test_ctrl_c_a_second_time_ends_a_fit_for_good(tmp_path, backend):
    said, _ = interrupt(tmp_path, backend, "again", "adam")
    assert said == "left"


@pytest.mark.parametrize("backend", ["LokyBackend", "DaskDistributedBackend"])
def test_one_that_begins_when_all_are_to_end(tmp_path, backend):
    check = Call(str(tmp_path / "gone"), 0, backend, {}).begin()
    if backend == "LokyBackend":
        with pytest.raises(KeyboardInterrupt):
            check()
    else:  # which may have put it on another machine
        check()


def test_nobody_waits_for_a_process_whose_parent_was_killed(tmp_path):
    call = Call(str(tmp_path), 0, "LokyBackend", {}, main=1)
    call.go()
    check = call.begin()
    check()
    with mock.patch("os.getppid", return_value=1), pytest.raises(KeyboardInterrupt):
        check()


def test_a_result_that_gets_lost_is_not_waited_for(monkeypatch):
    """As where Ctrl-C meets a process that is sending it."""
    aborted, over = [], threading.Event()

    class Lossy:
        def __init__(self, *args, **options):
            self._backend = SimpleNamespace(
                abort_everything=lambda ensure_ready: aborted.append(1)
            )

        def __call__(self, tasks):
            for function, args, options in tasks:
                function(*args, **options)
            _thread.interrupt_main()
            over.wait()
            return []

    monkeypatch.setattr(processes, "Parallel", Lossy)
    monkeypatch.setattr(processes, "SENDING", 0.0)
    with pytest.raises(KeyboardInterrupt):
        in_processes(2, lambda check, part, data: part, [1, 2], ())
    over.set()
    assert aborted == [1]


def test_one_that_fails_ends_the_others():
    has_begun, was_told = threading.Event(), threading.Event()

    def function(check_for_interrupt, part, data):
        if part == 0:
            has_begun.wait(60)
            raise ValueError("no way")
        has_begun.set()
        try:
            for _ in range(1000):
                check_for_interrupt()
                time.sleep(0.01)
        except KeyboardInterrupt:
            was_told.set()

    with joblib.parallel_config("threading"), pytest.raises(ValueError, match="no way"):
        in_processes(2, function, [0, 1], ())
    assert was_told.wait(60)


@pytest.mark.parametrize("solver", ["adam", "lbfgs"])
@pytest.mark.parametrize("n_networks", [1, 3])
def test_ctrl_c_between_an_epoch_and_its_validation(cancer, solver, n_networks):
    X, y = cancer
    calls = []

    def scoring(estimator, X, y):
        calls.append(None)
        if len(calls) == 7 * n_networks:
            raise KeyboardInterrupt
        return 0.5

    options = {"solver": solver, "max_iter": 30, "scoring": scoring, "alpha": 1e-3}
    if solver == "lbfgs" and n_networks > 1:  # one after the other
        with pytest.raises(KeyboardInterrupt), pytest.warns(match="interrupted"):
            quick(n_networks=3, n_iter_no_change=99, **options).fit(
                X, y, X_val=X, y_val=y
            )
        return
    clf = quick(n_networks=n_networks, n_iter_no_change=99, **options)
    with pytest.warns(UserWarning, match="interrupted by user"):
        clf.fit(X, y, X_val=X, y_val=y)
    assert len(clf.validation_scores_) == len(clf.history_)
    assert {len(it.history_) for it in each_network(clf)} <= {6, 7}
    TrainingCurveDisplay.from_estimator(clf)


def test_ctrl_c_while_samples_left_out_are_predicted(iris):
    clf = quick(n_networks=2, resampling="folds").fit(*iris)
    again = clone(clf)
    left_out = "skdnn.estimators.base.predict_left_out"
    with (
        mock.patch(left_out, side_effect=KeyboardInterrupt),
        pytest.warns(UserWarning, match="interrupted by user. There is no oof_score_"),
    ):
        again.fit(*iris)
    assert_array_equal(outputs(again, iris[0]), outputs(clf, iris[0]))
    assert not hasattr(again, "oof_score_")


def test_ctrl_c_before_one_of_several_has_learned(iris):
    interrupted = mock.patch(
        "skdnn.training.loop.take_steps", side_effect=KeyboardInterrupt
    )
    clf = quick(n_networks=2)
    warns = pytest.warns(UserWarning, match="interrupted by user")
    with interrupted, warns, pytest.raises(KeyboardInterrupt):
        clf.fit(*iris)
    assert not hasattr(clf, "network_")


# ------------------------------------------------------------ what comes after training


@pytest.mark.parametrize("estimator", [MLPClassifierDIY, MLPRegressorDIY])
def test_a_score_that_fails_loses_nothing(iris, estimator):
    X, y = iris
    kwargs = {"n_networks": 2, "resampling": "folds", "max_iter": 3, "random_state": 0}
    whole = estimator(**kwargs).fit(X, y)
    with (
        mock.patch.object(estimator, "_score_of", side_effect=ValueError("no way")),
        pytest.warns(UserWarning, match="oof_score_ is NaN: ValueError: no way"),
    ):
        part = estimator(**kwargs).fit(X, y)
    assert np.isnan(part.oof_score_)
    assert_array_equal(outputs(part, X), outputs(whole, X))
    name = {MLPClassifierDIY: "decision_function"}.get(estimator, "prediction")
    assert_array_equal(vars(part)[f"oof_{name}_"], vars(whole)[f"oof_{name}_"])


def test_no_sample_is_left_out():
    X, y = np.array([[0.0], [1.0]]), [0, 1]
    with pytest.warns(UserWarning, match="2 of 2 samples were left out by no network"):
        for seed in range(20):  # until all are drawn
            clf = quick(resampling="bootstrap", random_state=seed).fit(X, y)
            if np.isnan(clf.oof_score_):
                break
    assert np.isnan(clf.oof_decision_function_).all()
    assert clf.oof_decision_function_.shape == (2, 2)


TABLE = np.random.RandomState(0).normal(size=(60, 3))
CLASSES = np.array(["a", "b", "c"])[np.arange(60) % 3]


def tabular(Estimator, **params):
    return Estimator(
        (6,), **{"n_networks": 2, "max_iter": 2, "random_state": 0} | params
    )


@pytest.mark.parametrize("name", ["_shares_for", "_score_of", "importances"])
@pytest.mark.parametrize("Estimator", [TabularClassifierDIY, TabularRegressorDIY])
def test_what_fails_after_training_loses_no_table(Estimator, name):
    y = CLASSES if Estimator is TabularClassifierDIY else TABLE[:, 0]
    failing = mock.patch.object(Estimator, name, side_effect=ValueError("no way"))
    if name == "importances":
        failing = mock.patch(
            "skdnn.tables.base.importances", side_effect=ValueError("no way")
        )
    with failing, pytest.warns(UserWarning, match=r"share|oof_score_|importances_"):
        fitted = tabular(Estimator, importances=True).fit(TABLE, y)
    assert len(fitted.predict(TABLE)) == 60
    assert fitted.shares_.sum() == pytest.approx(1)


# ---------------------------------------------------------------- a fit during another


@pytest.mark.parametrize(
    "make",
    [
        lambda: quick(n_networks=2, resampling="folds"),
        lambda: tabular(TabularClassifierDIY),
    ],
    ids=["networks", "tables"],
)
def test_what_was_learned_is_there_while_a_fit_runs(make, monkeypatch):
    clf = make().fit(TABLE, CLASSES)
    before = dict(vars(clf))
    expected = clf.predict_proba(TABLE)
    seen = []

    def look(stack):
        if not seen:
            assert_array_equal(clf.predict_proba(TABLE), expected)
            assert clf.oof_decision_function_ is before["oof_decision_function_"]
            assert hasattr(clf, "networks_") or len(clf.estimators_) == 2
            seen.append(all(vars(clf)[name] is it for name, it in before.items()))
        return run_epoch(stack)

    run_epoch = loop.run_epoch
    monkeypatch.setattr(loop, "run_epoch", look)
    clf.fit(TABLE[:, :2], CLASSES == "a")
    assert seen == [True]
    assert clf.n_features_in_ == 2
    assert_array_equal(clf.classes_, [False, True])


# ---------------------------------------------------------------------------- warnings


def test_nothing_silences_warnings():
    package = Path(skdnn.__file__).parent
    for path in package.rglob("*.py"):
        if "docs" not in path.parts:
            text = path.read_text()
            for name in ("catch_warnings", "simplefilter", "filterwarnings"):
                assert name not in text, path


def test_filters_are_never_touched(iris):
    X, y = iris
    seen = []

    def scoring(estimator, X, y):
        seen.append(warnings.filters is filters and filters == before)
        return 0.5

    filters, before = warnings.filters, list(warnings.filters)
    kwargs = {"n_networks": 2, "n_jobs": 2, "early_stopping": True}
    with joblib.parallel_config("threading"):
        quick(scoring=scoring, **kwargs).fit(X, y)
    assert seen and all(seen)
    diagnose(quick(early_stopping=True, scoring="f1_macro").fit(X, y), X, y)
    assert warnings.filters is filters and filters == before


@contextmanager
def on_threads():
    """Let several networks go on two threads, however little there is to do."""
    with (
        mock.patch("skdnn.training.workers.BLAS_ON_ONE_THREAD", nullcontext(2)),
        mock.patch("skdnn.training.workers.FEW", 0),
    ):
        yield


class Undefined:
    """A scorer that is undefined from its second call on, of each network."""

    def __call__(self, estimator, X, y):
        return np.nan if len(estimator.history_) > 1 else 0.5

    def __repr__(self):
        return "Undefined"


@pytest.mark.parametrize("where", ["stacks", "threading", "multiprocessing"])
def test_warnings_of_threads_and_processes_come_once_at_the_line(iris, where):
    X, y = iris
    names = set()

    def note(rows, rng):
        names.add(threading.current_thread().name)
        return rows

    clf = quick(n_networks=2, early_stopping=True, scoring=Undefined())
    if where == "stacks":
        clf.set_params(augmentation=note)
    spread = (
        on_threads() if where == "stacks" else joblib.parallel_config(where, n_jobs=2)
    )
    with warnings.catch_warnings(record=True) as record, spread:
        warnings.simplefilter("always")
        clf.fit(X, y)
    said = [w for w in record if w.category is UserWarning]
    assert len(said) == 1
    assert "Epoch 2 can't be the best" in str(said[0].message)
    assert said[0].filename == __file__
    if where == "stacks":
        assert threading.current_thread().name not in names


@pytest.mark.parametrize("solver", ["adam", "lbfgs"])
def test_what_is_true_of_several_networks_is_said_once(iris, solver):
    clf = MLPClassifierDIY(solver=solver, n_networks=3, max_iter=2, random_state=0)
    with warnings.catch_warnings(record=True) as record:
        warnings.simplefilter("always")
        clf.set_params(scoring=Undefined()).fit(*iris, X_val=iris[0], y_val=iris[1])
        if solver == "adam":
            clf.set_params(batch_size=1000).partial_fit(*iris)
    said = [str(w.message) for w in record]
    assert len(set(said)) == len(said) == (3 if solver == "adam" else 2)


@pytest.mark.parametrize("what", ["a score", "Ctrl-C", "oof_score_", "lbfgs", "table"])
def test_warnings_that_are_errors_take_nothing_with_them(iris, what):
    X, y = iris
    n_calls, kind, oof = [], UserWarning, nullcontext()

    def scoring(estimator, X, y):
        n_calls.append(None)
        if what == "Ctrl-C" and len(n_calls) == 3:
            raise KeyboardInterrupt
        return 0.5 if len(n_calls) == 1 else np.nan

    clf = quick(tol=0, n_iter_no_change=9, max_iter=5)
    if what in ("a score", "Ctrl-C"):
        clf.set_params(scoring=scoring, early_stopping=True)
    elif what == "lbfgs":
        clf, kind = quick(solver="lbfgs", max_iter=5), ConvergenceWarning
    else:
        clf.set_params(n_networks=2, resampling="folds")
        if what == "table":
            clf = tabular(TabularClassifierDIY)
        error = ValueError("no way")
        oof = mock.patch.object(type(clf), "_score_of", side_effect=error)
    with warnings.catch_warnings(), oof, pytest.raises(kind):
        warnings.simplefilter("error")
        clf.fit(X, y)
    assert clf.predict(X).shape == y.shape


def test_warnings_of_settings_that_are_errors_come_before_training(iris):
    clf = quick(solver="lbfgs", early_stopping=True)
    with warnings.catch_warnings(), pytest.raises(UserWarning, match="ignores"):
        warnings.simplefilter("error")
        clf.fit(*iris)
    assert not hasattr(clf, "network_")


# ------------------------------------------------------------------- joblib's backends


@pytest.mark.parametrize("backend", ["multiprocessing", "threading"])
def test_backends_work_where_loky_does(iris, backend):
    X, y = iris
    clf = quick(
        n_networks=3,
        resampling="folds",
        early_stopping=True,
        scoring=lambda estimator, X, y: estimator.score(X, y),
        augmentation=lambda rows, rng: rows + rng.normal(0, 0.1, rows.shape),
    )
    alone = clone(clf).fit(X, y)
    with joblib.parallel_config(backend, n_jobs=2):
        spread = clone(clf).fit(X, y)
        plain = clone(clf).set_params(scoring="accuracy", augmentation=None, n_jobs=2)
        search = GridSearchCV(plain, {"alpha": [0, 1]}, cv=2)
        search.fit(X, y)
    assert_array_equal(spread.network_.parameters, alone.network_.parameters)
    assert spread.oof_score_ == alone.oof_score_
    assert search.best_estimator_.n_networks == 3


IN_A_DAEMON = """
import multiprocessing, warnings
import numpy as np
from skdnn import MLPClassifierDIY

warnings.simplefilter("ignore")

def learn(seed):
    X = np.random.RandomState(seed).normal(size=(50, 3))
    clf = MLPClassifierDIY((5,), n_networks=2, n_jobs=2, max_iter=2, random_state=0)
    return clf.fit(X, X[:, 0] > 0).network_.parameters.sum()

if __name__ == "__main__":
    with multiprocessing.Pool(1) as pool:
        assert pool.map(learn, [0]) == [learn(0)]
"""


@pytest.mark.slow
def test_a_process_that_may_have_no_processes(tmp_path):
    script = tmp_path / "script.py"
    script.write_text(IN_A_DAEMON)
    subprocess.run([sys.executable, script], check=True, timeout=600)


# ------------------------------------------------------------- scikit-learn's settings

SETTINGS = [
    {"transform_output": "pandas"},
    {"transform_output": "polars"},
    dict.fromkeys(
        ["enable_metadata_routing", "skip_parameter_validation", "assume_finite"], True
    ),
]


@pytest.fixture(scope="module")
def results(iris):
    """Return a function that fits all that has other estimators within."""
    pandas = pytest.importorskip("pandas")
    X, y = iris
    frame = pandas.DataFrame(X, columns=list("abcd"))
    # So many features, of which so few are not 0, are sparse.
    wide = frame.assign(**{f"k{i}": np.arange(150) // (i + 2) for i in range(9)})
    wide[[f"k{i}" for i in range(9)]] = wide.filter(like="k").astype("category")

    def results():
        pipeline = make_pipeline(StandardScaler(), quick()).fit(frame, y)
        yield pipeline.predict_proba(frame)
        diagnose(pipeline, frame, y)
        yield quick(n_networks=2, resampling="folds").fit(frame, y).oof_score_
        behind = make_pipeline(StandardScaler(), quick(), quick()).fit(frame, y)
        yield behind.predict_proba(frame)
        for Estimator in (TabularClassifierDIY, TabularRegressorDIY):
            for table in (frame, wide):
                fitted = tabular(Estimator, importances=True).fit(table, y)
                yield fitted.predict(table)
                yield fitted.feature_importances_
        given = tabular(TabularClassifierDIY).fit(frame, y, X_val=frame, y_val=y)
        yield given.predict_proba(frame)

    return results


@pytest.fixture(scope="module")
def expected(results):
    return list(results())


@pytest.mark.parametrize("settings", SETTINGS, ids=["pandas", "polars", "others"])
def test_settings_of_scikit_learn_change_nothing_inside(
    iris, results, expected, settings
):
    pytest.importorskip("polars")
    with warnings.catch_warnings(), sklearn.config_context(**settings):
        warnings.simplefilter("error")
        warnings.simplefilter("ignore", ConvergenceWarning)
        for one, other in zip(results(), expected, strict=True):
            assert_array_equal(one, other)
        if "transform_output" in settings:
            module = type(TableEncoder().fit_transform(iris[0])).__module__
            assert module.startswith(settings["transform_output"])


@pytest.mark.parametrize("where", ["stacks", "threading", "multiprocessing"])
def test_settings_of_this_thread_reach_all_networks(iris, where):
    def is_told(estimator, X, y):
        return float(sklearn.get_config()["assume_finite"])

    clf = quick(n_networks=2, early_stopping=True, scoring=is_told)
    spread = (
        on_threads() if where == "stacks" else joblib.parallel_config(where, n_jobs=2)
    )
    with spread, sklearn.config_context(assume_finite=True):
        clf.fit(*iris)
    assert set(clf.validation_scores_) == {1}


@pytest.mark.parametrize("Estimator", [MLPClassifierDIY, MLPRegressorDIY])
@pytest.mark.parametrize("where", ["X", "X_val", "sample_weight", "y"])
def test_nothing_is_learned_of_what_is_no_number(iris, Estimator, where):
    X, y = iris
    data = {"X": X, "y": y, "sample_weight": np.ones(150), "X_val": X, "y_val": y}
    data[where] = data[where].astype(float)
    data[where][3] = np.nan
    with sklearn.config_context(assume_finite=True), pytest.raises(ValueError):
        Estimator(max_iter=3, early_stopping=True).fit(**data)
