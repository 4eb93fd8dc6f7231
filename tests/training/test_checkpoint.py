"""A fit that is killed goes on: the same bits, whatever happened to the files.

``SKDNN_FULL=1`` runs the long form: more kills, and damage to every byte.
"""

import copy
import io
import json
import math
import os
import pickle
import resource
import shutil
import signal
import socket
import subprocess
import sys
import threading
import time
import warnings
import zipfile
from contextlib import contextmanager
from functools import partial
from itertools import count
from pathlib import Path
from unittest import mock

import numpy as np
import pytest
from numpy.testing import assert_array_equal, assert_equal
from scipy.sparse import csc_array, csr_array
from sklearn.base import clone
from sklearn.datasets import load_digits
from sklearn.exceptions import ConvergenceWarning
from sklearn.metrics import f1_score, make_scorer
from sklearn.model_selection import GridSearchCV

from skdnn import MLPClassifierDIY, MLPRegressorDIY
from skdnn.estimators.shares import generator_of
from skdnn.nn import (
    GELU,
    Adam,
    BatchNorm,
    Dense,
    Dropout,
    GaussianNoise,
    LayerNorm,
    Normal,
    PReLU,
    ReLU,
    Residual,
    Scale,
)
from skdnn.training import Stack, archive, checkpoint, loop
from skdnn.training.checkpoint import Checkpoint
from skdnn.training.fingerprint import fingerprint_of
from skdnn.training.resume import check
from skdnn.training.state import restore, state_of

pytestmark = pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")

FULL = bool(os.environ.get("SKDNN_FULL"))
N_KILLS = 500 if FULL else 50
X, y = load_digits(return_X_y=True)
X, y = (X / 16)[:300], y[:300]


def quick(directory=None, Estimator=MLPClassifierDIY, **settings):
    settings = {"max_iter": 7, "batch_size": 64, "random_state": 0, **settings}
    settings |= {"hidden_layer_sizes": (20,), "checkpoint_dir": directory}
    return Estimator(**settings)


class Crash(Exception):
    pass


@contextmanager
def crash(epoch, error=Crash):
    """Let the fit fail in that epoch, counted from where it goes on."""
    calls, take_steps = count(1), loop.take_steps

    def steps_or_crash(stack):
        if next(calls) == epoch:
            raise error
        return take_steps(stack)

    with mock.patch.object(loop, "take_steps", steps_or_crash):
        yield


def fit_with_crashes(clf, *args, **kwargs):
    """Fit a new copy each time, each of which gets two epochs further."""
    for n_fits in range(1, 100):
        with crash(epoch=3):
            try:
                return n_fits, clone(clf).fit(*args, **kwargs)
            except Crash:
                pass
    raise AssertionError("no fit goes on where the one before it has crashed")


def learned(clf):
    """Return all that a fit leaves behind, but for the time that it took."""
    names = "n_iter_", "t_", "loss_", "best_loss_", "best_validation_score_"
    rows = [{**row, "seconds": None} for row in clf.history_]
    vectors = [vector.tolist() for vector in clf.network_.state()]
    return vectors, rows, [getattr(clf, name) for name in names]


def weights():
    return np.random.default_rng(0).uniform(0.5, 2, len(y))


def f1(clf, X, y):
    return f1_score(y, clf.predict(X), average="macro")


CASES = {
    "adam": {},
    "sgd": {"solver": "sgd", "learning_rate_init": 0.1},
    "adamw": {"solver": "adamw", "alpha": 0.01, "dtype": "float64"},
    "batch norm, dropout": {"batch_norm": True, "dropout": 0.3, "input_dropout": 0.1},
    "ema": {"ema_decay": 0.9, "batch_norm": True, "max_grad_norm": 0.5},
    "early stopping": {"early_stopping": True, "n_iter_no_change": 2, "tol": 0.05},
    "early stopping, ema": {"early_stopping": True, "ema_decay": 0.9, "dropout": 0.2},
    "adaptive": {"learning_rate": "adaptive", "n_iter_no_change": 1, "tol": 0.2},
    "one-cycle": {"learning_rate": "one_cycle", "shuffle": False, "batch_norm": True},
    "invscaling": {"learning_rate": "invscaling", "class_weight": "balanced"},
    "stops": {"tol": 10, "n_iter_no_change": 3},
    "blocks": {
        "architecture": [
            *(Scale(), Dense(12), Residual([LayerNorm(), PReLU(), Dense(12)])),
            *(BatchNorm(), GELU(), Residual([Dense(12), BatchNorm(), Dropout(0.2)])),
        ],
        "early_stopping": True,
    },
    "noise": {
        "architecture": [Dense(12), BatchNorm(), GaussianNoise(0.2), ReLU()],
        "ema_decay": 0.9,
    },
    "regressor": {"Estimator": MLPRegressorDIY, "early_stopping": True},
    "quantiles": {
        **{"Estimator": MLPRegressorDIY, "loss": "quantile", "quantile": [0.1, 0.9]},
        **{"standardize_target": True, "batch_norm": True, "ema_decay": 0.9},
    },
    "gaussian": {
        **{"Estimator": MLPRegressorDIY, "loss": "gaussian", "dropout": 0.2},
        **{"standardize_target": True, "learning_rate": "cosine"},
    },
}


@pytest.mark.parametrize("settings", CASES.values(), ids=CASES)
def test_the_same_bits_however_often_it_crashes(settings, tmp_path):
    straight = learned(quick(**settings).fit(X, y))
    n_fits, clf = fit_with_crashes(quick(tmp_path, **settings), X, y)
    assert n_fits > 1
    assert learned(clf) == straight
    with crash(epoch=1):  # there is none
        assert learned(quick(tmp_path, **settings).fit(X, y)) == straight
    assert len(list(tmp_path.iterdir())) == 2


DATA = {
    "weights": {"sample_weight": weights()},
    "validation set": {"X_val": X[:50], "y_val": y[:50].tolist()},
    "weighted validation set": {
        **{"X_val": csc_array(X), "y_val": y, "sample_weight_val": weights()},
    },
    "sparse": {"X": csr_array(X)},
    "uint8": {"X": (X * 16).astype(np.uint8)},
    "list": {"X": X.tolist(), "y": np.array(["even", "odd"], object)[y % 2]},
    "multilabel": {"y": np.eye(10, dtype=int)[y]},
}


@pytest.mark.parametrize("data", DATA.values(), ids=DATA)
def test_the_same_bits_with_data_of_any_kind(data, tmp_path):
    data = {"X": X, "y": y, **data}
    scoring = None if "sample_weight_val" in data else f1
    settings = {"early_stopping": "X_val" in data, "scoring": scoring}
    straight = quick(**settings).fit(**data)
    _, clf = fit_with_crashes(quick(tmp_path, **settings), **data)
    assert learned(clf) == learned(straight)


def test_memory_maps_are_left_where_they_are(tmp_path):
    mapped = np.memmap(tmp_path / "X", np.uint8, "w+", shape=X.shape)
    mapped[:] = X * 16
    _, clf = fit_with_crashes(quick(tmp_path), mapped, y)
    with crash(epoch=1):
        quick(tmp_path).fit(np.array(mapped), y)  # is the same
    assert learned(clf) == learned(quick().fit(mapped, y))


def test_a_random_state_goes_on_too(tmp_path):
    settings = {"early_stopping": True, "dropout": 0.1}
    rng = np.random.RandomState(3)
    straight, after = quick(random_state=rng, **settings).fit(X, y), rng.rand()
    for epoch in (4, 3, 99, 1):  # in the end there is nothing left to do
        rng = np.random.RandomState(3)
        with crash(epoch):
            try:
                clf = quick(tmp_path, random_state=rng, **settings).fit(X, y)
            except Crash:
                continue
    assert learned(clf) == learned(straight)
    assert rng.rand() == after


def test_without_a_seed_it_goes_on_with_the_random_numbers_it_began_with(tmp_path):
    settings = {"random_state": None, "early_stopping": True, "dropout": 0.1}
    fits = []
    for folder, epoch in (("a", 99), ("b", 4)):
        np.random.seed(0)
        with crash(epoch):
            try:
                fits.append(quick(tmp_path / folder, **settings).fit(X, y))
            except Crash:
                fits.append(quick(tmp_path / folder, **settings).fit(X, y))
    assert learned(fits[0]) == learned(fits[1])
    other = quick(tmp_path / "c", **settings).fit(X, y)
    assert learned(other) != learned(fits[0])


def test_warm_starts_are_fits_of_their_own(tmp_path):
    settings = {"warm_start": True, "early_stopping": True}
    straight = quick(**settings).fit(X, y)
    first, second = learned(straight), learned(straight.fit(X, y))
    assert len(straight.history_) > 7
    clf = quick(tmp_path, **settings).fit(X, y)
    with crash(epoch=4), pytest.raises(Crash):
        clf.fit(X, y)
    for _ in range(2):
        clf = quick(tmp_path, **settings).fit(X, y)
        assert learned(clf) == first
        assert learned(clf.fit(X, y)) == second


def test_lbfgs_is_kept_when_it_is_finished(tmp_path):
    settings = {"solver": "lbfgs", "batch_norm": True}
    straight = quick(**settings).fit(X, y)
    for _ in range(2):
        with pytest.warns(ConvergenceWarning, match="after 7 iteration"):
            clf = quick(tmp_path, **settings).fit(X, y)
        assert learned(clf) == learned(straight)
        (tmp_path / "seen").touch()
    with mock.patch.object(Stack, "step", side_effect=Crash):
        quick(tmp_path, **settings).fit(X, y)
        with pytest.raises(Crash):
            quick(tmp_path, alpha=1, **settings).fit(X, y)


def test_ctrl_c_keeps_the_model_and_is_no_end(tmp_path):
    with crash(5, KeyboardInterrupt), pytest.warns(UserWarning, match="interrupted"):
        clf = quick(tmp_path).fit(X, y)
    assert clf.n_iter_ == 4
    assert np.isfinite(clf.predict_proba(X)).all()
    with crash(epoch=4):
        clf = quick(tmp_path).fit(X, y)
    assert learned(clf) == learned(quick().fit(X, y))


def test_the_warning_of_a_fit_that_ran_out_of_epochs_comes_again(tmp_path):
    for _ in range(2):
        with pytest.warns(ConvergenceWarning, match=r"Maximum iterations \(7\)"):
            quick(tmp_path).fit(X, y)


def test_a_fit_that_diverged_is_finished_and_says_so_again(tmp_path):
    take_steps = loop.take_steps

    def diverges(stack):
        (row,) = take_steps(stack)
        if row["epoch"] == 4:
            stack.network.parameters[:] = row["loss"] = np.nan
        return [row]

    fits = []
    with mock.patch.object(loop, "take_steps", diverges):
        for directory in (None, tmp_path):
            with pytest.warns(ConvergenceWarning, match="NaN|nan in epoch 4") as record:
                fits.append(quick(directory).fit(X, y))
            assert record[0].filename == __file__
    with crash(1), pytest.warns(ConvergenceWarning, match="in epoch 4") as record:
        fits.append(quick(tmp_path).fit(X, y))
    assert record[0].filename == __file__
    assert learned(fits[0]) == learned(fits[1]) == learned(fits[2])
    assert fits[0].n_iter_ == 3


@pytest.mark.parametrize(("crash_in", "epochs_left"), [(3, 7), (4, 4), (7, 1)])
def test_checkpoint_every(crash_in, epochs_left, tmp_path):
    clf = quick(tmp_path, checkpoint_every=3)
    with crash(crash_in), pytest.raises(Crash):
        clf.fit(X, y)
    with crash(epochs_left), pytest.raises(Crash):
        clf.fit(X, y)
    with crash(epochs_left + 1):
        clf.fit(X, y)
    with crash(1):
        clf.fit(X, y)


class StopsAt:
    """A callback that ends a fit in an epoch, or does what else it is told."""

    def __init__(self, epoch, then=lambda: True):
        self.epoch, self.then, self.rows = epoch, then, []

    def setup(self, estimator, context):
        pass

    teardown = on_fit_task_begin = setup

    def on_fit_task_end(self, estimator, context, *, fitted_estimator):
        if context.task_name == "epoch":
            self.rows = fitted_estimator.history_
            return self.then() if len(self.rows) == self.epoch else False


STOPPED = {
    "one": {"dropout": 0.1},
    "several": {"n_networks": 3, "resampling": "folds"},
    "one-cycle": {"learning_rate": "one_cycle", "checkpoint_every": 5},
}


@pytest.mark.parametrize("settings", STOPPED.values(), ids=STOPPED)
def test_a_fit_that_a_callback_stops_goes_on(settings, tmp_path):
    straight = quick(**settings).fit(X, y)
    for epoch in (3, 5):
        stops = StopsAt(epoch)
        with crash(epoch + 1), warnings.catch_warnings():
            warnings.simplefilter("error")
            clf = quick(tmp_path, **settings).set_callbacks(stops).fit(X, y)
        assert len(stops.rows) == clf.n_iter_ == epoch
    with crash(3 * 3):  # only the two that are left
        clf = quick(tmp_path, **settings).fit(X, y)
    assert learned(clf) == learned(straight)
    with crash(1):
        assert quick(tmp_path, **settings).set_callbacks(StopsAt(9)).fit(X, y)


def test_a_callback_sees_the_epochs_that_are_run(tmp_path):
    stops = StopsAt(99)
    with crash(3), pytest.raises(Crash):
        quick(tmp_path).set_callbacks(stops).fit(X, y)
    assert len(stops.rows) == 2
    quick(tmp_path).set_callbacks(stops).fit(X, y)
    assert len(stops.rows) == 7


def test_what_the_rules_end_stays_finished_whatever_a_callback_says(tmp_path):
    ends = {"tol": 10, "n_iter_no_change": 3}
    n_epochs = quick(**ends).fit(X, y).n_iter_
    quick(tmp_path, **ends).set_callbacks(StopsAt(n_epochs)).fit(X, y)
    with crash(1):
        assert quick(tmp_path, **ends).fit(X, y).n_iter_ == n_epochs < 7


def test_lbfgs_that_a_callback_stops_starts_anew(tmp_path):
    clf = quick(tmp_path, solver="lbfgs").set_callbacks(StopsAt(3)).fit(X, y)
    assert clf.n_iter_ == 3
    assert not list(tmp_path.iterdir())
    again = quick(tmp_path, solver="lbfgs").fit(X, y)
    assert learned(again) == learned(quick(solver="lbfgs").fit(X, y))


@pytest.mark.parametrize("error", [Crash, KeyboardInterrupt, StopIteration])
@pytest.mark.parametrize("solver", ["adam", "lbfgs"])
def test_a_callback_that_raises_ends_nothing_for_good(error, solver, tmp_path):
    def fails():
        raise error

    stops = StopsAt(4, fails)
    clf = quick(tmp_path, solver=solver).set_callbacks(stops)
    if error is KeyboardInterrupt:
        with pytest.warns(UserWarning, match="interrupted"):
            clf.fit(X, y)
    else:
        as_is = error is Crash or solver == "adam"
        with pytest.raises(error if as_is else RuntimeError):
            clf.fit(X, y)
    again = quick(tmp_path, solver=solver).fit(X, y)
    assert learned(again) == learned(quick(solver=solver).fit(X, y))


def test_an_iterator_that_runs_dry_is_no_end_of_an_epoch():
    """As it would be for a `for` that called it."""
    rates = iter([1.0] * 7)
    clf = quick(augmentation=lambda X, rng: X * next(rates))
    with pytest.warns(ConvergenceWarning, match="StopIteration"):
        clf.fit(X, y)
    assert clf.n_iter_ == 1


@pytest.mark.parametrize("settings", [{}, {"n_networks": 3}], ids=["one", "several"])
def test_seconds_are_those_of_all_epochs(settings, tmp_path):
    quick(tmp_path, **settings).set_callbacks(StopsAt(2)).fit(X, y)
    files = [Checkpoint(tmp_path, p.stem).load() for p in tmp_path.glob("*[!s].npz")]
    before = [[row["seconds"] for row in f["job"]["history"]] for f in files]
    assert [len(rows) for rows in before] == [2] * settings.get("n_networks", 1)
    for _ in range(2):
        rows = quick(tmp_path, **settings).fit(X, y).history_
        assert [row["seconds"] for row in rows][:2] == pytest.approx(
            np.sum(before, axis=0), rel=1e-12
        )
        assert all(row["seconds"] > 0 for row in rows)


# ---------------------------------------------------------------------- fingerprints


class Scaled:
    def __init__(self, scale):
        self.scale = scale

    def __call__(self, fan_in, fan_out, rng):
        return rng.normal(0, self.scale, (fan_in, fan_out)), np.zeros(fan_out)


def closure(k):
    return lambda x: x + k


DIFFERENT = [
    *(None, True, 1, 1.0, 2, "1", b"1", "", (), [1, [2]], [[1], 2], {1: 2}, {1, 2}),
    *({"a": 1, "b": 2}, {"a": 2, "b": 1}, np.inf, -0.0, 0.0, "ab", ["a", "b"], ["ab"]),
    *(np.arange(3), np.arange(3.0), np.arange(3)[None], np.zeros((0, 3)), np.zeros(0)),
    *(np.array(["a", 1], object), np.array(["a", "b"]), np.array(3)),
    *(csr_array(X), csr_array(X.astype(np.float32)), csr_array(X * 2), X[:, :20]),
    *(Dense(50), Dense(51), BatchNorm(), BatchNorm(epsilon=1e-3), ReLU()),
    *(Dropout(0.2), GaussianNoise(0.2), GaussianNoise(0.3)),
    *(Normal(), Normal(0.2), Scaled(1), Scaled(2), Scaled, Adam(), Adam(0.8)),
    *(lambda x: x, lambda x: x + 1, lambda x: x + 2, lambda x, k=2: x, f1, len, np.add),
    *(
        math.exp,
        np.exp,
        closure(1),
        closure(2),
        partial(f1, 1),
        partial(f1, 2),
        partial(f1, a=1),
    ),
    make_scorer(f1_score, average="macro"),
    make_scorer(f1_score, average="micro"),
]


def test_different_values_have_different_fingerprints():
    assert len(set(map(fingerprint_of, DIFFERENT))) == len(DIFFERENT)


def test_every_byte_of_a_large_array_counts():
    large = np.zeros((1000, 3000))
    before = fingerprint_of(large)
    assert fingerprint_of(np.asfortranarray(large)) == before
    for place in ((0, 0), (333, 1234), (999, 2999)):
        large[place] = 1e-300
        assert fingerprint_of(large) != before
        large[place] = 0


FINGERPRINT = """
from functools import partial
import numpy as np
from sklearn.metrics import f1_score, make_scorer
from skdnn.training.fingerprint import fingerprint_of
from skdnn.nn import *
layer = ReLU()
found = fingerprint_of([
    {"b": 1, "a": {"x", "y", "z"}}, [Dense(50), layer, Dense(50), LAST], Normal(0.2),
    lambda x: x in {"one", "two", "three"}, partial(f1_score, average="macro"),
    make_scorer(f1_score, average="macro"), np.arange(3.0), np.float64(0.1)])
"""


def test_fingerprints_are_those_of_other_processes():
    here = {"__name__": "__main__"}
    exec(FINGERPRINT.replace("LAST", "ReLU()"), here)
    for seed in (1, 2) if FULL else (1,):
        there = subprocess.run(
            [
                sys.executable,
                "-c",
                FINGERPRINT.replace("LAST", "layer") + "print(found)",
            ],
            env={**os.environ, "PYTHONHASHSEED": str(seed)},
            capture_output=True,
            text=True,
            check=True,
        )
        assert there.stdout.strip() == here["found"]


def test_every_setting_and_all_data_count_but_for_what_changes_nothing(tmp_path):
    quick(tmp_path).fit(X, y)
    for settings in (
        *({"alpha": 1e-5}, {"max_iter": 8}, {"random_state": 1}, {"dtype": "float64"}),
        *({"weight_init": Normal()}, {"weight_init": Scaled(0.1)}, {"scoring": f1}),
        {"architecture": [Dense(20), ReLU()]},
    ):
        with crash(1), pytest.raises(Crash):
            quick(tmp_path, **settings).fit(X, y)
    for data in ((X[::-1], y), (X, y[::-1]), (X, y, weights()), (X, y.astype(str))):
        with crash(1), pytest.raises(Crash):
            quick(tmp_path).fit(*data)
    with crash(1), pytest.raises(Crash):
        quick(tmp_path).fit(X, y, X_val=X, y_val=y)
    with crash(1):
        quick(str(tmp_path), checkpoint_every=4, verbose=True).fit(X, y)
        quick(tmp_path, warm_start=True).fit(np.asfortranarray(X), y.tolist())


def test_settings_that_cannot_be_recognized_are_an_error(tmp_path):
    init = Scaled(threading.Lock())
    with pytest.raises(ValueError, match="weight_init=.*Scaled.*another process.*lock"):
        quick(tmp_path, weight_init=init).fit(X, y)
    for settings, message in (
        ({"checkpoint_every": 0}, "'checkpoint_every' parameter .* Got 0"),
        ({"directory": 3}, "'checkpoint_dir' parameter .* Got 3"),
    ):
        with pytest.raises(ValueError, match=message):
            quick(**settings).fit(X, y)


# --------------------------------------------------------------------------- damage


def two_states(tmp_path):
    """Return a checkpoint that has seen two states of a fit, and the older one."""
    quick(tmp_path / "fit", dropout=0.1, max_iter=1).fit(X[:50], y[:50])
    (path,) = (tmp_path / "fit").iterdir()
    fit = Checkpoint(tmp_path / "fit", path.stem).load()
    shutil.rmtree(tmp_path / "fit")
    states = [{"n": n, "array": np.arange(3 + n), **fit} for n in range(2)]
    kept = Checkpoint(tmp_path, "name")
    for state in states:
        kept.save(state)
    assert sorted(os.listdir(tmp_path)) == ["name.npz", "name.previous.npz"]
    assert_same(kept.load(), states[1])
    return kept, states[0]


def assert_same(state, expected):
    for part in (state, expected):  # tuples come back as lists
        part["job"]["network"] = list(part["job"]["network"])
    assert_equal(state, expected)


def assert_falls_back(kept, expected):
    with pytest.warns(UserWarning, match=r"name\.npz is not used: it is damaged, or"):
        assert_same(kept.load(), expected)


def test_a_byte_that_changed_is_noticed(tmp_path):
    kept, older = two_states(tmp_path)
    whole = Path(kept.path).read_bytes()
    places = range(len(whole))
    for place in places if FULL else places[:: len(whole) // 100]:
        for mask in (0xFF, 1 << place % 8):
            damaged = bytearray(whole)
            damaged[place] ^= mask
            Path(kept.path).write_bytes(damaged)
            assert_falls_back(kept, older)


def test_a_file_of_any_other_length_is_noticed(tmp_path):
    kept, older = two_states(tmp_path)
    whole = Path(kept.path).read_bytes()
    lengths = range(len(whole))
    lengths = lengths if FULL else [*lengths[:: len(whole) // 50], len(whole) - 1]
    for damaged in (*(whole[:n] for n in lengths), whole + b"\0", whole * 2):
        Path(kept.path).write_bytes(damaged)
        assert_falls_back(kept, older)


def test_foreign_files_are_noticed(tmp_path):
    kept, older = two_states(tmp_path)
    other = Checkpoint(tmp_path, "other")
    other.save({"n": 5})
    shutil.copy(other.path, kept.path)
    with pytest.warns(UserWarning, match=r"name\.npz .* belongs to another fit"):
        assert_same(kept.load(), older)
    np.savez(kept.path, json=np.arange(3))
    assert_falls_back(kept, older)
    shutil.copy(kept.path, kept.previous)
    with pytest.warns(UserWarning) as record:
        assert kept.load() is None
    assert ["name.previous.npz" in str(w.message) for w in record] == [False, True]


def test_a_file_is_data_and_no_code(tmp_path):
    kept = Checkpoint(tmp_path, "name")
    kept.save({"n": 1, "array": np.arange(4)})
    with np.load(kept.path, allow_pickle=False) as file:
        content = json.loads(file["json"].tobytes())
        assert_array_equal(file["array_0"], np.arange(4))
    assert content["state"] == {"n": 1, "array": {"__array__": "array_0"}}
    objects = np.array([print], object)
    with pytest.raises(ValueError, match="allow_pickle=False|Object arrays"):
        with open(kept.path, "w+b") as file:
            archive.write_archive(file, {"fingerprint": "name", "state": objects})
        archive.read_archive(kept.path)


def test_the_good_one_is_never_replaced_by_a_damaged_one(tmp_path):
    straight = learned(quick().fit(X, y))
    with crash(5), pytest.raises(Crash):
        quick(tmp_path).fit(X, y)
    (current,) = tmp_path.glob("*[!s].npz")
    current.write_bytes(b"torn")
    previous = next(tmp_path.glob("*.previous.npz")).read_bytes()
    with (
        pytest.warns(UserWarning, match=f"{current}.*damaged"),
        mock.patch.object(os, "replace", side_effect=Crash),
        pytest.raises(Crash),  # before anything is renamed
    ):
        quick(tmp_path).fit(X, y)
    assert next(tmp_path.glob("*.previous.npz")).read_bytes() == previous
    renamed, replace = [], os.replace
    with (
        pytest.warns(UserWarning, match=f"{current}.*damaged"),
        mock.patch.object(
            os, "replace", lambda a, b: renamed.append(a) or replace(a, b)
        ),
        crash(2),
        pytest.raises(Crash),
    ):
        quick(tmp_path).fit(X, y)
    assert str(current) not in renamed
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        warnings.simplefilter("ignore", ConvergenceWarning)
        assert learned(quick(tmp_path).fit(X, y)) == straight


# ------------------------------------------------------------- made by someone else


def resuming(tmp_path, Estimator=MLPClassifierDIY, **settings):
    """Return what a fit that goes on reads, and the job to check it."""
    seen = []
    crafted = quick(tmp_path, Estimator, max_iter=4, **settings)
    crafted.fit(X[:120], y[:120])
    (path,) = tmp_path.glob("*[!s].npz")
    previous = path.with_suffix(".previous.npz")
    if previous.exists():
        os.replace(previous, path)  # of three epochs
    before = Checkpoint(tmp_path, path.stem).load()["job"]

    def stop(job):
        seen.append(job)
        raise Crash

    with mock.patch.object(loop, "resume", stop), pytest.raises(Crash):
        quick(tmp_path, Estimator, max_iter=4, **settings).fit(X[:120], y[:120])
    return before, seen[-1]


def places(value, path=()):
    yield path
    if isinstance(value, (dict, list)):
        items = value.items() if isinstance(value, dict) else enumerate(value)
        for key, item in items:
            yield from places(item, (*path, key))


def at(value, path):
    for key in path:
        value = value[key]
    return value


def with_changed(value, path, new):
    if not path:
        return new
    value = copy.copy(value)
    value[path[0]] = with_changed(value[path[0]], path[1:], new)
    return value


ODD = [
    *(None, True, False, -1, 0, 2, 10**9, -(10**9), 10**30, 10**400, -0.5, 1e300),
    *(math.nan, math.inf, -math.inf, "", "x", [], [1], {}, {"a": 1}, [[], [], []]),
    *(np.zeros(1), np.zeros(0), np.full(3, np.nan), np.array("x"), np.zeros((2, 2))),
    *(np.float64(1), np.array(1.0), np.zeros(1, "f4"), {"__array__": "array_0"}),
]
# What nobody can know to be wrong: what it is in words, and places where it may be.
MAY_BE = {
    "measured": {"score", "learning_rate", "validation_loss", "validation_score"},
    "counted": {"seconds", "gradient_norm", "loss"},
    "drawn": {"noise_rng"},
    "of SciPy": {"outcome"},
}
CRAFTED = {
    "adam": {"batch_norm": True, "dropout": 0.2, "ema_decay": 0.9},
    "early stopping": {"early_stopping": True, "n_iter_no_change": 50},
    "sgd": {"solver": "sgd", "learning_rate": "adaptive", "n_iter_no_change": 1},
    "in order": {"shuffle": False},
    "lbfgs": {"solver": "lbfgs"},
    "regressor": {"Estimator": MLPRegressorDIY, "standardize_target": True},
}


def same(a, b):
    try:
        assert_equal(a, b)
    except Exception:  # of what can't be compared
        return False
    return type(a) is type(b) or {type(a), type(b)} == {int, float}


@pytest.mark.parametrize("settings", CRAFTED.values(), ids=CRAFTED)
def test_what_is_odd_in_a_state_is_refused_before_anything_is_taken(settings, tmp_path):
    state, job = resuming(tmp_path, **settings)
    check(job, state)
    parameters, statistics = state["network"]
    for value in (np.nan, np.inf):
        crafted = {**state, "network": [parameters + value, statistics]}
        with pytest.raises(ValueError, match=r"network\[0\] must be a finite"):
            check(job, crafted)
    harmless = set().union(*MAY_BE.values())
    before = state_of(job)
    n_refused = 0
    for path in places(state):
        for odd in ODD:
            if same(at(state, path), odd):
                continue
            crafted = with_changed(state, path, odd)
            try:
                check(job, crafted)
            except Exception:
                n_refused += 1
                continue
            assert harmless.intersection(path), f"{path} = {odd!r} is taken"
            restore(job, crafted)  # without an error
            restore(job, before)
        if isinstance(at(state, path), dict):
            for crafted in (
                with_changed(state, path, {**at(state, path), "more": 1}),
                *(
                    with_changed(state, path, its)
                    for its in [dict(list(at(state, path).items())[1:])]
                ),
            ):
                with pytest.raises(ValueError, match="must have"):
                    check(job, crafted)
    assert n_refused > 500
    assert_equal(state_of(job), before)


def test_what_does_not_belong_together_is_refused(tmp_path):
    state, job = resuming(tmp_path, early_stopping=True)
    rows = state["history"]
    twice = state["shuffled"].copy()
    twice[0] = twice[1]
    rng = np.random.RandomState()
    rng.set_state(state["rng"])
    rng.rand()
    moments = state["optimizer"]
    m, v = moments["m"], moments["v"]
    for name, value in {
        "n_epochs": 2,
        "samples_seen": state["samples_seen"] + 1,
        "history": rows[::-1],
        "best_loss": state["best_loss"] / 2,
        "best_score": state["best_score"] + 1,
        "best_state": None,
        "shuffled": twice,
        "complaint": "it went wrong",
        "learning_rate": state["learning_rate"] * 2,
        "ended": True,
        "n_no_improvement": state["n_no_improvement"] + 1,
        "rng": rng.get_state(legacy=False),
        "optimizer": {**moments, "m": m * np.nan},
    }.items():
        with pytest.raises(ValueError, match=" must be"):
            check(job, {**state, name: value})
            pytest.fail(f"{name}={value} is taken")
    for its_v in (v - 1, v * np.nan):
        with pytest.raises(ValueError, match=r"optimizer\.v must be"):
            check(job, {**state, "optimizer": {**moments, "v": its_v}})
    later = {**moments, "n_steps": moments["n_steps"] + 1}
    with pytest.raises(ValueError, match="n_steps must be"):
        check(job, {**state, "optimizer": later})
    huge = {**state, "optimizer": {**moments, "v": v + np.inf}}  # as squares may be
    check(job, huge)
    beyond = with_changed(state, ("rng", "state", "pos"), 625)
    zeros = with_changed(state, ("rng", "state", "key"), np.zeros(624, np.uint32))
    for crafted in (beyond, zeros):  # read foreign memory, or draw for ever
        with pytest.raises(ValueError, match=r"rng.state.* must be"):
            check(job, crafted)


JUDGED = {
    "adaptive": {"solver": "sgd", "learning_rate": "adaptive"},
    "early": {"early_stopping": True},
    "loss": {},
    "lbfgs": {"solver": "lbfgs"},
}


@pytest.mark.parametrize("settings", JUDGED.values(), ids=JUDGED)
def test_what_the_rules_made_of_the_history_is_judged_again(settings, tmp_path):
    """A state is what its own epochs lead to, or a fit would end early, or late."""
    settings = {"tol": 0.05, "n_iter_no_change": 1, **settings}
    state, job = resuming(tmp_path, **settings)
    check(job, state)
    changes = {"n_no_improvement": [0, 1, 2, 3], "ended": [True, False]}
    rate = state.get("learning_rate", 0)
    changes["learning_rate"] = [rate, rate / 5, rate * 5, rate / 2]
    for name in changes.keys() if job.takes_steps else ():
        for value in changes[name]:
            if value != state[name]:
                with pytest.raises(ValueError, match=f"{name} must be"):
                    check(job, {**state, name: value})


def test_a_warm_start_that_has_to_beat_its_past_goes_on(tmp_path):
    settings = {"early_stopping": True, "warm_start": True, "n_iter_no_change": 99}
    straight = quick(**settings).fit(X, y)
    expected = learned(straight.fit(X, y))
    clf = quick(tmp_path, **settings).fit(X, y)
    with crash(4), pytest.raises(Crash):
        clf.fit(X, y)
    with crash(5), warnings.catch_warnings():
        warnings.simplefilter("error", UserWarning)
        warnings.simplefilter("ignore", ConvergenceWarning)
        assert learned(clf.fit(X, y)) == expected


def packed(file, content):
    """Write a file of which the checksum is right, with a content like no other."""
    with zipfile.ZipFile(file, "w") as zipped:
        for name, value in content:
            how = zipfile.ZIP_STORED
            if isinstance(value, tuple):
                value, how = value
            zipped.writestr(name, value, how)
        zipped.comment = bytes(archive.SIZE)
    checksum = archive._checksum(file)
    file.seek(-archive.SIZE, 2)
    file.write(checksum)


def npy(array=None, header=None):
    file = io.BytesIO()
    if header is None:
        np.lib.format.write_array(file, array)
    else:
        np.lib.format.write_array_header_1_0(file, header)
        file.write(b"few bytes")
    return file.getvalue()


def text(value):
    value = value if isinstance(value, bytes) else json.dumps(value).encode()
    return npy(np.frombuffer(value, np.uint8))


def named(value):
    return {"fingerprint": "NAME", "state": value}


ENDLESS = {"descr": "<f8", "fortran_order": False, "shape": (10**12,)}
FILES = {
    "empty": lambda: [],
    "no json": lambda: [("array_0.npy", npy(np.zeros(3)))],
    "json that is no array": lambda: [("json", b"{}")],
    "list": lambda: [("json.npy", text([1, 2]))],
    "number": lambda: [("json.npy", text(3))],
    "no state": lambda: [("json.npy", text({"fingerprint": "NAME"}))],
    "state of text": lambda: [("json.npy", text(named("x")))],
    "state of nothing": lambda: [("json.npy", text(named(None)))],
    "a list for the state": lambda: [("json.npy", text(named([1])))],
    "no trainer": lambda: [("json.npy", text(named({"start": None})))],
    "deep": lambda: [("json.npy", text(b"[" * 10**5))],
    "many digits": lambda: [("json.npy", text(b"9" * 10**5))],
    "no utf-8": lambda: [("json.npy", text(b"\xff\xfe\xfd"))],
    "a key twice": lambda: [("json.npy", text(b'{"state": 1, "state": 2}'))],
    "missing array": lambda: [
        ("json.npy", text(named({"__array__": "array_7"}))),
    ],
    "array that is no name": lambda: [
        ("json.npy", text(named({"__array__": [1]}))),
    ],
    "array for the fingerprint": lambda: [
        ("json.npy", text({"fingerprint": {"__array__": "a"}, "state": 1})),
        ("a.npy", npy(np.zeros(3))),
    ],
    "an endless array": lambda: [("json.npy", npy(header=ENDLESS))],
    "a negative size": lambda: [
        ("json.npy", npy(header={**ENDLESS, "shape": (-1,)})),
    ],
    "a long array, packed": lambda: [
        ("json.npy", (bytes(10**7), zipfile.ZIP_DEFLATED)),
    ],
    "objects": lambda: [
        ("json.npy", text(named({"__array__": "a"}))),
        ("a.npy", npy(header={**ENDLESS, "descr": "|O", "shape": (1,)})),
    ],
    "a name twice": lambda: [
        ("json.npy", text(named({"n": 1}))),
        ("json.npy", text(named({"n": 2}))),
    ],
    "code": lambda: [("json.npy", pickle.dumps(print))],
}


@pytest.fixture(scope="module")
def a_fit(tmp_path_factory):
    """Return the name of a fit's files, the older one's bytes, and what it learned."""
    directory = tmp_path_factory.mktemp("a_fit")
    clf = quick(directory).fit(X, y)
    (path,) = directory.glob("*.previous.npz")
    return path.name.split(".")[0], path.read_bytes(), learned(clf)


def assert_not_used(directory, a_fit):
    """Fit with a file that is odd beside one that is older."""
    name, older, expected = a_fit
    (directory / f"{name}.previous.npz").write_bytes(older)
    with pytest.warns(UserWarning, match=f"{name}.npz is not used: .") as record:
        clf = quick(directory).fit(X, y)
    assert record[0].filename == __file__
    assert learned(clf) == expected
    assert not list(directory.glob("*.tmp"))


@pytest.mark.filterwarnings("ignore:Duplicate name")
@pytest.mark.parametrize("make", FILES.values(), ids=FILES)
def test_a_file_like_no_other_is_not_used(make, a_fit, tmp_path):
    name = a_fit[0]
    with open(tmp_path / f"{name}.npz", "w+b") as file:
        members = [
            (key, value.replace(b"NAME", name.encode()))
            if isinstance(value, bytes) and b"NAME" in value
            else (key, value)
            for key, value in make()
        ]
        packed(file, members)
    assert_not_used(tmp_path, a_fit)
    with crash(1):
        quick(tmp_path).fit(X, y)


def test_an_array_that_is_named_often_is_read_once(tmp_path):
    kept = Checkpoint(tmp_path, "name")
    array = np.arange(4)
    with open(kept.path, "w+b") as file:
        content = {"fingerprint": "name", "state": {"n": [0] * 1000}}
        content["state"]["n"] = [{"__array__": "a"}] * 1000
        packed(file, [("json.npy", text(content)), ("a.npy", npy(array))])
    assert len(set(map(id, kept.load()["n"]))) == 1


def make_socket(path):
    with socket.socket(socket.AF_UNIX) as it:
        here = os.getcwd()
        os.chdir(path.parent)  # its address may not be long
        try:
            it.bind(path.name)
        finally:
            os.chdir(here)


THINGS = {
    "pipe": os.mkfifo,
    "socket": make_socket,
    "directory": os.mkdir,
    "device": lambda path: os.symlink("/dev/zero", path),
    "terminal": lambda path: os.symlink("/dev/tty", path),
    "loop": lambda path: os.symlink(path, path),
    "link to a pipe": lambda path: (
        os.mkfifo(path.parent / "pipe"),
        os.symlink(path.parent / "pipe", path),
    ),
}


@pytest.mark.parametrize("make", THINGS.values(), ids=THINGS)
def test_what_is_no_file_blocks_nobody(make, a_fit, tmp_path):
    name = a_fit[0]
    make(tmp_path / f"{name}.npz")
    assert_not_used(tmp_path, a_fit)


def test_a_pipe_that_looks_like_what_a_crash_left_blocks_nobody(tmp_path):
    kept, _ = two_states(tmp_path)
    pipe = tmp_path / "name.left.tmp"
    os.mkfifo(pipe)
    a_while_ago = time.time() - 60
    os.utime(pipe, (a_while_ago, a_while_ago))
    generator_of(0, kept)
    assert kept.load()["n"] == 1


def test_a_directory_in_place_of_the_older_file_stops_no_save(tmp_path):
    name = "name"
    (tmp_path / f"{name}.previous.npz").mkdir()
    kept = Checkpoint(tmp_path, name)
    for n in range(3):
        kept.save({"n": n})
        assert kept.load() == {"n": n}
    assert len(os.listdir(tmp_path)) == 2


FAILING = ["np.savez", "json.dumps", "_sync", "os.replace", "os.fsync", "mkstemp"]


@pytest.mark.parametrize("call", FAILING)
def test_no_memory_to_write_is_a_warning(call, tmp_path, monkeypatch):
    straight = learned(quick().fit(X, y))
    with monkeypatch.context() as patch:
        fails = mock.Mock(side_effect=MemoryError)
        module = "archive" if call in ("np.savez", "json.dumps") else "checkpoint"
        patch.setattr(f"skdnn.training.{module}.{call}", fails)
        with pytest.warns(UserWarning, match=r"could not be written: MemoryError\."):
            assert learned(quick(tmp_path).fit(X, y)) == straight
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("error", [MemoryError, OSError])
@pytest.mark.parametrize("call", ["os.listdir", "_remove_if_left"])
def test_what_can_not_be_tidied_up_is_left(call, error, tmp_path, monkeypatch):
    straight = learned(quick().fit(X, y))
    with crash(3), pytest.raises(Crash):
        quick(tmp_path).fit(X, y)
    (name,) = {path.name.split(".")[0] for path in tmp_path.iterdir()}
    (tmp_path / f"{name}.left.tmp").touch()
    fails = mock.Mock(side_effect=error)
    monkeypatch.setattr(f"skdnn.training.checkpoint.{call}", fails)
    assert learned(quick(tmp_path).fit(X, y)) == straight
    assert fails.called


# ------------------------------------------------------------- what belongs together

COINS = np.random.default_rng(0).normal(size=(200, 20)), np.arange(200) % 2


def toss(directory=None, **settings):
    """Return an estimator that learns the tosses of a coin by heart."""
    settings = {"n_networks": 4, "resampling": "folds", "max_iter": 40, **settings}
    fixed = {"tol": 0, "learning_rate_init": 0.01, "checkpoint_dir": directory}
    return MLPClassifierDIY((100,), **fixed, **settings)


def start_files(directory):
    """Return the files that hold what the networks of a fit start with."""
    return sorted(
        path
        for path in directory.glob("*.npz")
        if "job" not in (archive.read_archive(path)["state"])
    )


HARM = {"lost": Path.unlink, "damaged": lambda path: path.write_bytes(b"torn")}


@pytest.mark.parametrize("resampling", [None, "bootstrap", "folds"])
@pytest.mark.parametrize("harm", HARM.values(), ids=HARM)
@pytest.mark.parametrize("which", [[0], [1], [0, 1]], ids=["first", "second", "both"])
@pytest.mark.filterwarnings("ignore:The checkpoint", "ignore:.* left out by no")
def test_networks_never_meet_the_folds_of_another_fit(
    which, harm, resampling, tmp_path
):
    np.random.seed(0)
    settings = {"resampling": resampling, "max_iter": 20}
    before = toss(tmp_path, **settings).fit(*COINS)
    files = start_files(tmp_path)
    assert len(files) == 2
    for i in which:
        harm(files[i])
    after = toss(tmp_path, **settings).fit(*COINS)
    is_new = len(which) == 2
    assert (learned(after) == learned(before)) is not is_new
    if resampling is not None:
        assert after.oof_score_ < 0.65
    assert len(start_files(tmp_path)) == 2
    with crash(1):
        assert learned(toss(tmp_path, **settings).fit(*COINS)) == learned(after)


def test_networks_that_are_lost_are_trained_again(tmp_path):
    before = learned(toss(tmp_path, max_iter=10).fit(*COINS))
    starts = start_files(tmp_path)
    members = sorted(set(tmp_path.glob("*.npz")) - set(starts))
    for path in members[:3]:
        path.unlink()
    assert learned(toss(tmp_path, max_iter=10).fit(*COINS)) == before


@pytest.mark.parametrize("seed", [0, "an instance"])
def test_with_a_seed_no_start_is_kept(seed, tmp_path):
    def clf(directory):
        rng = np.random.RandomState(3) if seed else seed
        return toss(directory, random_state=rng, max_iter=10)

    straight = learned(clf(None).fit(*COINS))
    assert learned(clf(tmp_path).fit(*COINS)) == straight
    assert not start_files(tmp_path)
    with crash(1):
        assert learned(clf(tmp_path).fit(*COINS)) == straight


def test_a_state_of_another_start_is_not_used(tmp_path):
    """As two processes may leave them, which began a fit without a seed at once."""
    for folder in "ab":
        with crash(4), pytest.raises(Crash):
            quick(tmp_path / folder, random_state=None, early_stopping=True).fit(X, y)
    (a,), (b,) = ((tmp_path / folder).glob("*[!s].npz") for folder in "ab")
    shutil.copy(b, a.with_suffix(".previous.npz"))
    whole = archive.read_archive(a)
    whole["state"]["job"]["optimizer"]["n_steps"] = -1
    with open(a, "w+b") as file:
        archive.write_archive(file, whole)
    with (
        pytest.warns(UserWarning, match="not used") as record,
        crash(7),
        pytest.raises(Crash),  # as it starts anew
    ):
        quick(tmp_path / "a", random_state=None, early_stopping=True).fit(X, y)
    said = [str(it.message) for it in record]
    assert [("n_steps" in it, "started otherwise" in it) for it in said] == [
        (True, False),
        (False, True),
    ]


def start_of(directory, seed):
    """Return a checkpoint, and what it lets a generator of its own start with."""
    kept = Checkpoint(directory, "name")
    with mock.patch.object(np.random.mtrand, "_rand", np.random.RandomState(seed)):
        return kept, generator_of(None, kept)


STATES = {
    "nothing": lambda paths: None,
    "the first is lost": lambda paths: os.unlink(paths[0]),
    "the second is lost": lambda paths: os.unlink(paths[1]),
    "the first is damaged": lambda paths: paths[0].write_bytes(b"torn"),
    "the second is damaged": lambda paths: paths[1].write_bytes(b"torn"),
    "one is damaged, one lost": lambda paths: (
        paths[0].write_bytes(b"torn"),
        os.unlink(paths[1]),
    ),
    "both are damaged": lambda paths: [path.write_bytes(b"torn") for path in paths],
}


@pytest.mark.filterwarnings("ignore:The checkpoint")
@pytest.mark.parametrize("links", [True, False], ids=["links", "no links"])
@pytest.mark.parametrize("before", STATES, ids=STATES)
def test_the_first_who_writes_a_start_wins(before, links, tmp_path, monkeypatch):
    """Whatever one process has done already when another one does it all."""
    if not links:
        monkeypatch.setattr(os, "link", mock.Mock(side_effect=PermissionError))
    for n in count(1):
        directory = tmp_path / str(n)
        directory.mkdir()
        paths = [directory / name for name in ("name.npz", "name.previous.npz")]
        kept = None
        if before != "nothing":
            kept, _ = start_of(directory, 7)
            kept.share_start()
            assert all(path.exists() for path in paths)
            STATES[before](paths)
        calls, starts = count(1), []

        def other_is_faster(original, calls=calls, n=n, d=directory, starts=starts):
            def call(*arguments, **options):
                if next(calls) == n:
                    calls_of_other, _ = start_of(d, 2)
                    calls_of_other.share_start()
                    starts.append(calls_of_other.start)
                return original(*arguments, **options)

            return call

        with monkeypatch.context() as patch:
            for place, name in (
                *((os, "replace"), (os, "link"), (checkpoint, "read_archive")),
                *((checkpoint, "mkstemp"), (checkpoint, "write_archive")),
            ):
                patch.setattr(place, name, other_is_faster(getattr(place, name)))
            one, rng = start_of(directory, 1)
            rng.set_state(one.share_start())
        assert fingerprint_of(one.start) == fingerprint_of(rng.get_state(legacy=False))
        if not starts:  # the first was done before
            break
        found, _ = start_of(directory, 3)
        found.share_start()
        known = [fingerprint_of(it) for it in (one.start, *starts)]
        assert fingerprint_of(found.start) in known
        if before != "both are damaged":
            assert len(set(known)) == 1
            if before not in ("nothing", "one is damaged, one lost"):
                assert fingerprint_of(kept.start) == known[0]
        assert sorted(os.listdir(directory)) == sorted(path.name for path in paths)
    assert n > 3


AT_ONCE = """
import json, os, sys, warnings
import multiprocessing
import numpy as np
from skdnn import MLPClassifierDIY
from skdnn.training.checkpoint import Checkpoint

warnings.simplefilter("ignore")
share_start = Checkpoint.share_start
X, y = np.random.default_rng(0).normal(size=(200, 20)), np.arange(200) % 2

def fit(barrier, k, results):
    def together(self):
        barrier.wait()
        start = share_start(self)
        barrier.wait()
        return start

    Checkpoint.share_start = together
    settings = {"n_networks": 4, "resampling": "folds", "max_iter": 20, "tol": 0}
    clf = MLPClassifierDIY((50,), checkpoint_dir=sys.argv[1], **settings).fit(X, y)
    results.put([clf.network_.parameters.tolist(), clf.oof_score_])

context = multiprocessing.get_context("fork")
barrier, results = context.Barrier(3), context.SimpleQueue()
children = [context.Process(target=fit, args=(barrier, k, results)) for k in range(3)]
for child in children:
    child.start()
print(json.dumps([results.get() for _ in children]))
for child in children:
    child.join()
"""


def test_processes_that_begin_at_once_make_one_fit(tmp_path):
    done = subprocess.run(
        [sys.executable, "-c", AT_ONCE, tmp_path / "kept"],
        env={**os.environ, "OPENBLAS_NUM_THREADS": "1"},
        capture_output=True,
        text=True,
        check=True,
        timeout=600,  # where a process has died, the others wait for ever
    )
    first, *others = json.loads(done.stdout)
    assert others == [first, first]
    assert len(start_files(tmp_path / "kept")) == 2
    assert len(list((tmp_path / "kept").iterdir())) == 2 + 2 * 4


# ------------------------------------------------------------- directories and disks


def test_a_directory_that_cannot_be_written_to_is_an_error_at_the_start(tmp_path):
    (tmp_path / "file").touch()
    refused = mock.patch.object(
        checkpoint, "TemporaryFile", side_effect=PermissionError(13, "no", "there")
    )
    with crash(1):
        for directory in (tmp_path / "file", tmp_path / "file" / "below"):
            with pytest.raises(
                OSError, match="checkpoint_dir='.*file.* directory that"
            ):
                quick(directory).fit(X, y)
        with (
            refused,
            pytest.raises(OSError, match="checkpoint_dir=.* written to: .*no"),
        ):
            quick(tmp_path).fit(X, y)
    clf = quick(tmp_path / "new" / "below").fit(X, y)
    with refused:  # nothing to write any more
        assert learned(clf.fit(X, y)) == learned(quick().fit(X, y))


def test_a_home_directory_is_found(tmp_path, monkeypatch):
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("USERPROFILE", str(tmp_path))
    monkeypatch.chdir(tmp_path)
    for directory in ("~/kept", Path("~/kept"), str(tmp_path / "kept"), "kept"):
        clf = quick(directory).fit(X, y)
        assert clf.checkpoint_dir == directory
        assert len(list((tmp_path / "kept").iterdir())) == 2
    assert os.listdir(tmp_path) == ["kept"]


class Bytes(os.PathLike):
    def __init__(self, path):
        self.path = path

    def __fspath__(self):
        return os.fsencode(self.path)


def test_a_path_of_bytes_is_a_path(tmp_path):
    clf = quick(Bytes(tmp_path / "kept")).fit(X, y)
    assert pickle.loads(pickle.dumps(clf)).checkpoint_dir == str(tmp_path / "kept")
    assert len(list((tmp_path / "kept").iterdir())) == 2


NO_PATHS = {
    "": "it is empty",
    "a\0b": "null byte",
    "\ud800": "surrogates not allowed",
    "~nobody-of-that-name/kept": "no such user",
    "s3://bucket/kept": "it is an address",
    Path("gs://bucket/kept"): "it is an address",
    "file:///tmp/kept": "it is an address",
    b"kept": "parameter of MLPClassifierDIY must be",
}


@pytest.mark.parametrize("path", NO_PATHS)
def test_what_can_be_no_directory_is_named(path, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with crash(1), pytest.raises(ValueError, match="checkpoint_dir") as error:
        quick(path).fit(X, y)
    assert NO_PATHS[path] in str(error.value)
    assert not os.listdir(tmp_path)


def test_the_program_may_go_to_another_directory(tmp_path, monkeypatch):
    (tmp_path / "other").mkdir()

    def go():
        os.chdir(tmp_path / "other")
        return False

    monkeypatch.chdir(tmp_path)
    quick("kept").set_callbacks(StopsAt(3, go)).fit(X, y)
    assert not os.listdir(tmp_path / "other")
    os.chdir(tmp_path)
    with crash(1):
        quick("kept").fit(X, y)


def test_a_disk_that_fills_up_is_a_warning(tmp_path):
    straight = learned(quick().fit(X, y))
    with crash(3), pytest.raises(Crash):
        quick(tmp_path).fit(X, y)
    before = {path: path.read_bytes() for path in tmp_path.iterdir()}
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (10_000, limits[1]))
    try:
        with pytest.warns(
            UserWarning, match="could not be written.*too large.*goes on"
        ):
            clf = quick(tmp_path).fit(X, y)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
    assert learned(clf) == straight
    assert {path: path.read_bytes() for path in tmp_path.iterdir()} == before
    assert learned(quick(tmp_path).fit(X, y)) == straight


@pytest.mark.parametrize("call", ["mkstemp", "write_archive", "_sync", "os.replace"])
def test_whatever_fails_while_writing_is_a_warning(call, tmp_path, monkeypatch):
    kept, _ = two_states(tmp_path)
    with monkeypatch.context() as patch:
        error = OSError(28, "No space left on device")
        path = f"skdnn.training.checkpoint.{call}"
        patch.setattr(path, mock.Mock(side_effect=error))
        with pytest.warns(UserWarning, match="name.npz could not be .* No space left"):
            kept.save({"n": 2})
    assert kept.load()["n"] == 1
    kept.save({"n": 3})
    assert kept.load()["n"] == 3
    assert len(os.listdir(tmp_path)) == 2


def test_what_a_crash_left_is_removed_later(tmp_path):
    kept, _ = two_states(tmp_path)
    for name in ("name.old.tmp", "name.new.tmp", "other.old.tmp"):
        (tmp_path / name).touch()
    long_ago = time.time() - 4000
    for name in ("name.old.tmp", "other.old.tmp", "name.npz"):
        os.utime(tmp_path / name, (long_ago, long_ago))
    later = time.time() + 4000  # new, however long this takes
    os.utime(tmp_path / "name.new.tmp", (later, later))
    generator_of(0, kept)
    names = {"name.npz", "name.previous.npz", "name.new.tmp", "other.old.tmp"}
    assert set(os.listdir(tmp_path)) == names


def test_what_a_crash_left_goes_with_the_end_of_the_fit(tmp_path):
    """At once, but for a file that another process is writing."""
    fcntl = pytest.importorskip("fcntl", reason="there are no such locks here")
    with pytest.raises(Crash), crash(2):
        quick(tmp_path).fit(X, y)
    (name,) = {path.name.split(".")[0] for path in tmp_path.iterdir()}
    a_while_ago = time.time() - 10

    def leave(suffix):
        path = tmp_path / f"{name}.{suffix}.tmp"
        path.write_bytes(b"half of it")
        os.utime(path, (a_while_ago, a_while_ago))
        return path

    left, written = leave("left"), leave("written")
    with open(written, "r+b") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        quick(tmp_path).fit(X, y)  # goes on, and finishes
        assert [left.exists(), written.exists()] == [False, True]
    left = leave("left")
    quick(tmp_path).fit(X, y)  # has nothing to do
    assert set(os.listdir(tmp_path)) == {f"{name}.npz", f"{name}.previous.npz"}


# ---------------------------------------------------------------------------- kills

# Forks for each job, so that a fit begins at once instead of after all imports.
NURSERY = """
import json, os, sys, warnings
import numpy as np
from sklearn.datasets import load_digits
from skdnn import MLPClassifierDIY, MLPRegressorDIY

warnings.simplefilter("ignore")
X, y = load_digits(return_X_y=True)
X, y = (X / 16)[:300], y[:300]
for line in iter(sys.stdin.readline, ""):
    job = json.loads(line)
    pids = []
    for result in job["results"]:
        pids.append(os.fork())
        if not pids[-1]:
            clf = MLPClassifierDIY((20,), **job["settings"]).fit(X, y)
            rows = [{**row, "seconds": None} for row in clf.history_]
            vectors = [vector.tolist() for vector in clf.network_.state()]
            with open(result + ".tmp", "w") as file:
                json.dump([vectors, rows], file)
            os.replace(result + ".tmp", result)
            os._exit(0)
    print(*pids, flush=True)
    for pid in pids:  # not before they may go: a process id is then given to others
        sys.stdin.readline()
        print(os.waitpid(pid, 0)[1], flush=True)
"""


@pytest.fixture(scope="module")
def nursery():
    process = subprocess.Popen(
        [sys.executable, "-c", NURSERY],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        env={**os.environ, "OPENBLAS_NUM_THREADS": "1"},
    )
    with process:
        yield process
        process.stdin.close()


def start(nursery, *results, **settings):
    """Start a fit for each of the results, and return their process ids."""
    job = {"results": list(map(str, results)), "settings": settings}
    print(json.dumps(job), file=nursery.stdin, flush=True)
    return list(map(int, nursery.stdout.readline().split()))


def wait(nursery):
    """Return how the next process ended."""
    print(file=nursery.stdin, flush=True)
    return int(nursery.stdout.readline())


KILLED = {
    "adam": {"batch_norm": True, "dropout": 0.2, "learning_rate": "one_cycle"},
    "sgd": {"solver": "sgd", "learning_rate_init": 0.1, "ema_decay": 0.9},
    "early stopping": {"early_stopping": True, "n_iter_no_change": 40},
}


@pytest.mark.slow
def test_the_same_bits_after_kills_at_random_moments(nursery, tmp_path):
    rng = np.random.default_rng()
    n_kills = n_torn = 0
    for n_rounds in count():
        if n_kills >= N_KILLS:
            break
        settings = list(KILLED.values())[n_rounds % 3]
        settings = {"max_iter": 40, "batch_size": 64, "random_state": 0, **settings}
        directory = tmp_path / str(n_rounds)
        result, straight = tmp_path / "result", tmp_path / "straight"
        start(nursery, straight, **settings)
        assert wait(nursery) == 0
        result.unlink(missing_ok=True)
        while not result.exists():
            (pid,) = start(nursery, result, checkpoint_dir=str(directory), **settings)
            time.sleep(rng.uniform(0, 0.05))
            if n_kills < N_KILLS:
                os.kill(pid, signal.SIGKILL)
            n_kills += wait(nursery) == signal.SIGKILL
        assert result.read_text() == straight.read_text()
        n_torn += len(list(directory.glob("*.tmp")))
    print(f"{n_kills} kills, {n_torn} of them while a file was written")


KILLED_WITHIN = """
import os, signal, sys
from skdnn import MLPClassifierDIY, MLPRegressorDIY
from skdnn.training import checkpoint
from sklearn.datasets import load_digits

directory, module, name, calls = sys.argv[1:]
module = {"os": os, "checkpoint": checkpoint}[module]
calls, original = int(calls), getattr(module, name)

def fatal(*arguments):
    global calls
    calls -= 1
    if not calls:
        if name == "write_archive":
            arguments[0].write(b"half of it")
            arguments[0].flush()
        os.kill(os.getpid(), signal.SIGKILL)
    return original(*arguments)

setattr(module, name, fatal)
X, y = load_digits(return_X_y=True)
settings = {"max_iter": 7, "batch_size": 64, "random_state": 0}
clf = MLPClassifierDIY((20,), checkpoint_dir=directory, **settings)
clf.fit((X / 16)[:300], y[:300])
"""
WITHIN = {  # the first _sync is that of the probe, the first save has one replace
    "a write": ("checkpoint", "write_archive", 3, 2),
    "a write to disk": ("checkpoint", "_sync", 4, 2),
    "the two renames": ("os", "replace", 5, 2),
}


@pytest.mark.parametrize(
    ("module", "name", "call", "n_saved"),
    [
        pytest.param(*case, marks=[pytest.mark.slow] * (name != "a write"), id=name)
        for name, case in WITHIN.items()
    ],
)
def test_the_same_bits_after_a_kill_within(module, name, call, n_saved, tmp_path):
    command = [sys.executable, "-c", KILLED_WITHIN, tmp_path, module, name, str(call)]
    assert subprocess.run(command, check=False).returncode == -signal.SIGKILL
    (name,) = {path.name.split(".")[0] for path in tmp_path.iterdir()}
    assert Checkpoint(tmp_path, name).load()["job"]["n_epochs"] == n_saved
    assert learned(quick(tmp_path).fit(X, y)) == learned(quick().fit(X, y))


def test_two_processes_in_one_directory_do_no_harm(nursery, tmp_path):
    results = [tmp_path / name for name in "abcd"]
    settings = {"max_iter": 40, "random_state": 0, "dropout": 0.2}
    start(nursery, results[0], **settings)
    assert wait(nursery) == 0
    settings["checkpoint_dir"] = str(tmp_path / "kept")
    start(nursery, *results[1:3], **settings)
    assert wait(nursery) == wait(nursery) == 0
    with crash(1):
        clf = MLPClassifierDIY((20,), **settings).fit(X, y)
    start(nursery, results[3], **settings)
    assert wait(nursery) == 0
    assert len({result.read_text() for result in results}) == 1
    assert clf.network_.parameters.tolist() == json.loads(results[0].read_text())[0][0]
    assert len(os.listdir(tmp_path / "kept")) == 2


# All of it, in some epoch of the sixth fit or a later one.
KILLED_IN_A_SEARCH = """
import os, signal
from pathlib import Path
from skdnn.training.checkpoint import Checkpoint

save = Checkpoint.save

def save_or_kill(self, state):
    save(self, state)
    self.n_saved = getattr(self, "n_saved", 0) + 1
    n_begun = len(list(Path(self.directory).glob("*[!s].npz")))
    if self.n_saved == 37 and n_begun >= 6:
        os.killpg(0, signal.SIGKILL)

Checkpoint.save = save_or_kill
"""
SEARCH = """
import sys
from sklearn.datasets import load_digits
from sklearn.model_selection import GridSearchCV
from skdnn import MLPClassifierDIY, MLPRegressorDIY

X, y = load_digits(return_X_y=True)
X, y = (X / 16)[:300], y[:300]
clf = MLPClassifierDIY(random_state=0, max_iter=100, n_iter_no_change=100)
clf.set_params(checkpoint_dir=sys.argv[1])
grid = {"hidden_layer_sizes": [(5,), (10,), (15,), (20,)]}
GridSearchCV(clf, grid, cv=3, n_jobs=2).fit(X, y)
"""


@pytest.mark.slow
def test_a_search_that_is_killed_skips_what_was_finished(tmp_path_factory, tmp_path):
    # Python imports a module of this name when it starts, in workers too.
    patches = tmp_path_factory.mktemp("patches")
    (patches / "sitecustomize.py").write_text(KILLED_IN_A_SEARCH)
    search_path = os.pathsep.join([str(patches), *filter(None, sys.path)])
    process = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", SEARCH, str(tmp_path)],
        env=os.environ | {"PYTHONPATH": search_path},
        start_new_session=True,
    )
    assert process.returncode == -signal.SIGKILL
    clf = MLPClassifierDIY(random_state=0, max_iter=100, n_iter_no_change=100)
    grid = {"hidden_layer_sizes": [(5,), (10,), (15,), (20,)]}
    straight = GridSearchCV(clf, grid, cv=3).fit(X, y)
    names = {path.name.split(".")[0] for path in tmp_path.iterdir()}
    states = [Checkpoint(tmp_path, name).load() for name in names]
    kept = [state["job"]["n_epochs"] for state in states if state]
    n_kept = sum(kept)
    assert 37 in kept  # that one was in the middle
    n_fits = n_epochs = 0
    begin, take_steps = loop.begin_or_resume, loop.take_steps

    def count_fits(job, data):
        nonlocal n_fits
        begin(job, data)
        n_fits += not job.finished

    def count_epochs(stack):
        nonlocal n_epochs
        n_epochs += 1
        return take_steps(stack)

    with (
        mock.patch.object(loop, "begin_or_resume", count_fits),
        mock.patch.object(loop, "take_steps", count_epochs),
    ):
        search = GridSearchCV(clf.set_params(checkpoint_dir=tmp_path), grid, cv=3)
        search.fit(X, y)
    assert 1 <= n_fits <= 13 - 4  # two were running, and six had begun
    assert n_epochs == 1300 - n_kept
    for name in ("mean_test_score", "std_test_score", "rank_test_score"):
        assert_array_equal(search.cv_results_[name], straight.cv_results_[name])
    assert learned(search.best_estimator_) == learned(straight.best_estimator_)
