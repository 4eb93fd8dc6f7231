"""What is saved can be loaded: elsewhere, mapped, with skops, by other versions."""

import pickle

import joblib
import numpy as np
import pytest
from numpy.testing import assert_array_equal
from sklearn.base import clone
from sklearn.datasets import load_digits
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from helpers import outputs, quick
from skdnn import MLPClassifierDIY, __version__, trusted_types
from skdnn.estimators import files

X, y = load_digits(return_X_y=True)
X = (X / 16)[:600]
y = y[:600]


def half_way(**settings):
    return quick(batch_norm=True, dropout=0.2, ema_decay=0.9, **settings).partial_fit(
        X[:300], y[:300], classes=np.arange(10)
    )


def goes_on(clf):
    """Return the probabilities after another call of partial_fit."""
    return clf.partial_fit(X[300:], y[300:]).predict_proba(X)


# ------------------------------------------------------------------ joblib and pickle


@pytest.mark.parametrize("mmap_mode", ["r", "c", "r+"])
def test_memory_mapped(tmp_path, mmap_mode):
    path = tmp_path / "model.joblib"
    for clf in (half_way(), quick(batch_norm=True).fit(X, y)):
        joblib.dump(clf, path)
        content = path.read_bytes()
        mapped = joblib.load(path, mmap_mode=mmap_mode)
        assert isinstance(mapped.network_.parameters, np.memmap)
        assert_array_equal(mapped.predict_proba(X), clf.predict_proba(X))
        assert_array_equal(goes_on(mapped), goes_on(clf))
        assert_array_equal(goes_on(mapped), goes_on(clf))
        # only "r+" asks to write to the file
        assert mmap_mode == "r+" or path.read_bytes() == content
        mapped = joblib.load(path, mmap_mode=mmap_mode).set_params(warm_start=True)
        mapped.fit(X, y)
        if mmap_mode == "r":
            joblib.dump(clf, path)
            with pytest.raises(ValueError, match="read-only"):
                joblib.load(path, mmap_mode="r").coefs_[0][:] = 0


@pytest.mark.filterwarnings("ignore:overflow:RuntimeWarning")
@pytest.mark.filterwarnings("ignore:invalid value:RuntimeWarning")
def test_a_failed_partial_fit_of_a_memory_map_leaves_it_as_it_was(tmp_path):
    clf = half_way()
    joblib.dump(clf, tmp_path / "model.joblib")
    mapped = joblib.load(tmp_path / "model.joblib", mmap_mode="r")
    with pytest.raises(ValueError, match="non-finite"):
        mapped.set_params(learning_rate_init=1e30, ema_decay=None).partial_fit(X, y)
    mapped.set_params(learning_rate_init=0.001, ema_decay=0.9)
    assert_array_equal(mapped.predict_proba(X), clf.predict_proba(X))
    assert_array_equal(goes_on(mapped), goes_on(clf))


# ------------------------------------------------------------------- other versions


def saved_by(monkeypatch, number, version, clf):
    with monkeypatch.context() as patch:
        patch.setattr(files, "FORMAT", number)
        patch.setattr(files, "__version__", version)
        return pickle.dumps(clf)


@pytest.mark.parametrize("fitted", [True, False])
def test_a_newer_format_is_refused_before_anything_else_is_read(monkeypatch, fitted):
    clf = half_way() if fitted else quick()
    # a network whose state this version could not read
    monkeypatch.setattr("skdnn.nn.Network.__getstate__", lambda network: {"new": 1})
    content = saved_by(monkeypatch, 7, "3.2.1", clf)
    message = (
        rf"saved by skdnn 3\.2\.1 in file format 7; skdnn {__version__} reads formats 0"
        r" to 1\. Install skdnn 3\.2\.1 or later to load it, or fit the model again\."
    )
    with pytest.raises(ValueError, match=message):
        pickle.loads(content)


def test_a_format_that_is_no_longer_read_is_refused(monkeypatch):
    content = pickle.dumps(quick().fit(X, y))
    monkeypatch.setattr(files, "FORMAT", 3)
    monkeypatch.setattr(files, "OLDEST", 2)
    message = rf"saved by skdnn {__version__} in file format 1;.*2 to 3\. Install skdnn"
    with pytest.raises(ValueError, match=rf"{message} {__version__} to load it, or"):
        pickle.loads(content)


def without_stamp(clf, monkeypatch):
    """Return what was pickled before there were stamps."""

    def old_network(network):
        names = (
            *("layers", "n_features", "dtype", "widths", "parameters"),
            "statistics",
        )
        return {name: getattr(network, name) for name in names}

    with monkeypatch.context() as patch:
        patch.setattr("skdnn.estimators.fitted.stamped", dict)
        patch.setattr("skdnn.nn.Network.__getstate__", old_network)
        return pickle.dumps(clf)


def test_files_without_stamp_load_unless_that_is_too_old(monkeypatch):
    clf = half_way()
    content = without_stamp(clf, monkeypatch)
    assert b"Stamp" not in content
    assert_array_equal(goes_on(pickle.loads(content)), goes_on(clf))
    monkeypatch.setattr(files, "OLDEST", 1)
    with pytest.raises(ValueError, match="skdnn 0.1.0 or before in file format 0"):
        pickle.loads(content)


def test_arguments_that_the_file_does_not_know_have_their_default(monkeypatch):
    clf = quick(max_grad_norm=1.0).fit(X, y)
    del clf.ema_decay, clf.dtype
    twin = pickle.loads(pickle.dumps(clf))
    assert (twin.ema_decay, twin.dtype, twin.max_grad_norm) == (None, "float32", 1.0)
    assert_array_equal(clone(twin).fit(X, y).predict_proba(X), twin.predict_proba(X))


def test_the_stamp_is_no_attribute():
    clf = pickle.loads(pickle.dumps(quick().fit(X, y)))
    assert not [name for name in vars(clf) if "skdnn" in name]


# ---------------------------------------------------------------------------- skops


def trusted(skops, content):
    """Return what the guide trusts."""
    return trusted_types(skops.get_untrusted_types(data=content))


@pytest.mark.parametrize("solver", ["sgd", "adam", "adamw"])
def test_skops_goes_on_where_it_was(solver):
    """Of what else it saves and loads, see test_trusted.py."""
    skops = pytest.importorskip("skops.io", reason="skops is not installed")
    clf = half_way(solver=solver)
    content = skops.dumps(make_pipeline(StandardScaler(), clf))
    twin = skops.loads(content, trusted=trusted(skops, content))[-1]
    assert twin.history_ == clf.history_
    assert_array_equal(goes_on(twin), goes_on(clf))


def test_skops_refuses_a_newer_format(monkeypatch):
    skops = pytest.importorskip("skops.io", reason="skops is not installed")
    clf = half_way()
    with monkeypatch.context() as patch:
        patch.setattr(files, "FORMAT", 7)
        patch.setattr(files, "__version__", "3.2.1")
        patch.setattr("skdnn.nn.Network.__getstate__", lambda network: {"new": 1})
        content = skops.dumps(clf)
    with pytest.raises(ValueError, match=r"saved by skdnn 3\.2\.1 in file format 7"):
        skops.loads(content, trusted=trusted(skops, content))


# ------------------------------------------------------------------- what is in a file


def test_joblib_keeps_the_parameters_and_no_more(digits, tmp_path, small):
    X, y = digits
    clf = small(
        hidden_layer_sizes=(300, 200), batch_norm=True, dropout=0.1, early_stopping=True
    ).fit(X, y)
    joblib.dump(clf, tmp_path / "model.joblib")
    network = clf.network_
    learned = network.parameters.nbytes + network.statistics.nbytes
    assert (tmp_path / "model.joblib").stat().st_size < learned + 10_000
    for mmap_mode in (None, "r"):
        twin = joblib.load(tmp_path / "model.joblib", mmap_mode=mmap_mode)
        assert_array_equal(outputs(twin, X), outputs(clf, X))
        assert_array_equal(twin.coefs_[0], clf.coefs_[0])
        assert twin.history_ == clf.history_


def test_a_path_is_saved_as_a_string(iris, tmp_path):
    clf = MLPClassifierDIY(max_iter=1, checkpoint_dir=tmp_path).fit(*iris)
    assert pickle.loads(pickle.dumps(clf)).checkpoint_dir == str(tmp_path)
    assert clf.checkpoint_dir is tmp_path
