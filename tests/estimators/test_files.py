"""What is saved can be loaded: elsewhere, mapped, with skops, by other versions."""

import pickle
import subprocess
import sys

import joblib
import numpy as np
import pytest
from numpy.testing import assert_array_equal
from sklearn.base import clone, is_classifier
from sklearn.datasets import load_digits
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from helpers import outputs, quick
from skdnn import (
    MLPClassifierDIY,
    MLPRegressorDIY,
    TabularClassifierDIY,
    TabularRegressorDIY,
    __version__,
    trusted_types,
)
from skdnn.augmentation import (
    Affine,
    AveragedOverCopies,
    Elastic,
    Erase,
    MixUp,
    Noise,
)
from skdnn.estimators import files
from skdnn.nn import (
    ELU,
    GELU,
    SELU,
    BatchNorm,
    Dense,
    Dropout,
    GaussianNoise,
    Glorot,
    He,
    Identity,
    LayerNorm,
    LeakyReLU,
    LeCun,
    Mish,
    Normal,
    PiecewiseLinear,
    PReLU,
    ReLU,
    Residual,
    Scale,
    SiLU,
    Softplus,
    Tanh,
)

pytestmark = pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")

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

IN_ANOTHER_PROCESS = """
import sys, joblib
clf, X, y = joblib.load("model.joblib"), *joblib.load("data.joblib")
joblib.dump((clf.predict_proba(X), clf.partial_fit(X, y)), "answer.joblib")
"""


def test_loads_and_goes_on_in_another_process(tmp_path):
    clf = half_way()
    joblib.dump(clf, tmp_path / "model.joblib")
    joblib.dump((X, y), tmp_path / "data.joblib")
    command = [sys.executable, "-c", IN_ANOTHER_PROCESS]
    subprocess.run(command, cwd=tmp_path, check=True)
    probabilities, twin = joblib.load(tmp_path / "answer.joblib")
    assert_array_equal(probabilities, clf.predict_proba(X))
    clf.partial_fit(X, y)
    assert_array_equal(twin.predict_proba(X), clf.predict_proba(X))
    assert_array_equal(goes_on(twin), goes_on(clf))


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
        patch.setattr("skdnn.estimators.base.stamped", dict)
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


def every_kind_of_estimator():
    layers = [Dense(9), BatchNorm(), LeakyReLU(), Tanh(), Identity(), Dropout(0.1)]
    yield quick(architecture=layers).fit(X, y)
    yield quick(solver="lbfgs", weight_init=Normal(0.1)).fit(X, y % 2)
    yield quick(weight_init=Glorot(0.5), random_state=np.random.RandomState(0)).fit(
        X, y
    )
    yield quick(weight_init=He()).fit(X, y)
    yield quick(activation="logistic", early_stopping=True).fit(X, y.astype(str))
    yield quick().fit(X, (y[:, None] % [2, 3] == 0).astype(int))
    yield quick(scoring="neg_log_loss").fit(X, y, X_val=X, y_val=y)
    for solver in ("sgd", "adam", "adamw"):
        yield half_way(solver=solver)
    for learning_rate in ("invscaling", "adaptive", "cosine", "one_cycle"):
        yield half_way(learning_rate=learning_rate)
    yield quick().partial_fit(X, y % 2, classes=[0, 1])
    yield MLPClassifierDIY(architecture=[Dense(3), ReLU()])
    block = Residual([Dense(9), LayerNorm(), PReLU(), Scale(), Dense(9)])
    smooth = [ELU(), SELU(), GELU(), SiLU(), Mish(), Softplus()]
    bins = PiecewiseLinear.of(X, 3)
    layers = [bins, Dense(9), *smooth, block, Dropout(0.1), GaussianNoise(0.1)]
    yield quick(architecture=layers, weight_init=LeCun()).fit(X, y)
    for loss in ("squared_error", "poisson", "absolute_error", "huber", "gaussian"):
        yield MLPRegressorDIY(loss, (5,), max_iter=2).partial_fit(X, y)
    quantiles = MLPRegressorDIY("quantile", (5,), quantile=[0.1, 0.9], max_iter=2)
    yield quantiles.partial_fit(X, y)
    yield quick(n_networks=3, resampling="folds", batch_norm=True).fit(X, y)
    yield quick(n_networks=2).partial_fit(X, y, classes=np.arange(10))


def test_skops_needs_trust_in_the_types_of_this_package_and_no_others():
    skops = pytest.importorskip("skops.io", reason="skops is not installed")
    for clf in every_kind_of_estimator():
        content = skops.dumps(make_pipeline(StandardScaler(), clf))
        twin = skops.loads(content, trusted=trusted(skops, content))[-1]
        assert twin.architecture == clf.architecture
        if hasattr(clf, "network_"):
            method = "predict_proba" if is_classifier(clf) else "predict"
            assert_array_equal(getattr(twin, method)(X), getattr(clf, method)(X))
            assert twin.history_ == clf.history_
        if hasattr(clf, "_trainers") and len(getattr(clf, "classes_", "")) == 10:
            assert_array_equal(goes_on(twin), goes_on(clf))


def augmented():
    clf = quick(augmentation=[Affine(), Elastic(), Noise(), Erase(), MixUp()])
    return clf.fit(X, y)


@pytest.mark.parametrize(
    "make",
    [
        augmented,
        lambda: quick(augmentation=Affine(shape=(8, 8)), n_networks=2).fit(X, y),
        lambda: AveragedOverCopies(augmented(), Affine()).fit(X, y),
        lambda: make_pipeline(StandardScaler(), augmented()).fit(X, y),
        lambda: TabularClassifierDIY(n_networks=2, max_iter=2).fit(table(), y % 2),
        lambda: TabularRegressorDIY(n_networks=2, max_iter=2).fit(table(), y),
    ],
    ids=["augmented", "networks", "averaged", "pipeline", "classes", "numbers"],
)
def test_the_types_that_skops_asks_for_are_of_this_package(make):
    """So that a file can be loaded by trusting what the package itself defines."""
    skops = pytest.importorskip("skops.io", reason="skops is not installed")
    estimator = make()
    content = skops.dumps(estimator)
    loaded = skops.loads(content, trusted=trusted(skops, content))
    data = table() if hasattr(estimator, "encoder_") else X
    method = "predict_proba" if is_classifier(estimator) else "predict"
    assert_array_equal(getattr(loaded, method)(data), getattr(estimator, method)(data))


def table():
    """Return a table with a column of texts, in which some are missing."""
    pandas = pytest.importorskip("pandas")
    columns = pandas.DataFrame(X[:, 20:24], columns=list("abcd"))
    columns["kind"] = np.where(y > 4, "high", "low").astype(object)
    columns.loc[3, ["a", "kind"]] = np.nan, None
    return columns


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
