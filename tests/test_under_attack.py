"""Whatever is thrown at it: a clear error, or a finite and normalised result.

Of all that Hypothesis makes up, the suite tries 800 examples a test, always the same
ones; ``SKDNN_FULL=1`` makes it 10,000 new ones.
"""

import pickle
import re
import warnings
from tempfile import TemporaryFile

import numpy as np
import pytest
import scipy.sparse
from numpy.testing import assert_allclose, assert_array_equal
from sklearn.base import clone

from skdnn import MLPClassifierDIY
from skdnn.nn import BatchNorm, Dense, Dropout, ReLU, Softmax

pytest.importorskip("hypothesis", reason="hypothesis is not installed")
from hypothesis import event, given
from hypothesis import strategies as st

SPARSE = ("csr", "csc", "coo", "lil", "dok", "bsr", "dia")
KINDS = ("adam", "sgd", "adamw", "lbfgs")

# What an error may say. Any other message is a bug: it comes from somewhere deep.
CLEAR = re.compile(
    r"contains (NaN|infinity)|too large for dtype|Found array with"
    r"|inconsistent numbers of samples|Unknown label type|contains only one class"
    r"|labels of one kind|Complex data not supported|Expected 2D (array|input)"
    r"|sample_weight|non-finite parameter weights|mini-batches of at least 2 samples"
    r"|validation set|test_size|train set will be empty|least populated class"
    r"|should be greater or equal to the number of classes|is expecting \d+ features"
    r"|has classes not in `self.classes_`|indicator matrix|bad input shape"
    r"|y should be a 1d array|multi-?label|positive weight|weights of class and sample"
    r"|represented as bytes is not supported|np.matrix is not supported"
    r"|classes must be passed on the first call|its sums overflow"
    r"|must be greater than 0|classes must hold all classes of all calls"
)


# ----------------------------------------------------------------- making things up


def values(rng, n, p, kind):
    """Return an array of one kind of numbers, exact in float32 unless they are wild."""
    small = rng.integers(-8, 9, (n, p)).astype(np.float64)
    return {
        "small": lambda: small,
        "whole": lambda: abs(small),
        "equal": lambda: np.full((n, p), 3.0),
        "zero": lambda: np.zeros((n, p)),
        "tiny": lambda: small * 1e-40,
        "subnormal": lambda: small * 5e-324,
        "large": lambda: small * 1e15,
        "huge": lambda: small * 1e37,
        "beyond float32": lambda: small * 1e300,
        "mixed": lambda: small * 10.0 ** rng.integers(-300, 300, (n, p)),
        "nan": lambda: np.where(small == small.max(initial=-8), np.nan, small),
        "infinite": lambda: np.where(small == small.max(initial=-8), -np.inf, small),
    }[kind]()


WILD = (
    *("equal", "zero", "tiny", "subnormal", "large", "huge", "beyond float32"),
    *("mixed", "nan", "infinite"),
)
DTYPES = (*"?bBhHiIlLefdgO", ">f4", ">f8", ">i2")
LAYOUTS = (
    *("C", "F", "reversed", "every other row", "every other column", "read-only"),
    *("offset", "list", "frame", "memmap", "matrix"),
    *(f"{kind}_{form}" for kind in SPARSE for form in ("array", "matrix")),
)


def laid_out(X, layout):
    """Return the numbers of X in another container, order or stride."""
    if layout == "F":
        return np.asfortranarray(X)
    if layout == "reversed":
        return X[::-1, ::-1].copy()[::-1, ::-1]
    if layout == "every other row":
        return np.repeat(X, 2, axis=0)[::2]
    if layout == "every other column":
        return np.repeat(X, 2, axis=1)[:, ::2]
    if layout == "offset":  # not aligned
        raw = np.empty(X.nbytes + 1, np.uint8)[1:]
        raw = raw.view(X.dtype).reshape(X.shape) if X.dtype != object else X
        raw[...] = X
        return raw
    if layout == "list":
        return X.tolist()
    if layout == "frame":
        return pytest.importorskip("pandas").DataFrame(X)
    if layout == "matrix":
        return X.view(np.matrix)
    if layout == "memmap" and X.dtype != object:
        with TemporaryFile() as file:  # which the map outlives
            mapped = np.memmap(file, X.dtype, "w+", shape=X.shape)
        mapped[...] = X
        return mapped
    if layout.split("_")[0] in SPARSE:
        if X.dtype.kind == "O" or X.dtype.char in "eg" or X.dtype.byteorder == ">":
            X = X.astype(np.float64)  # SciPy has no such sparse arrays
        return getattr(scipy.sparse, layout)(X)
    X = X.copy()
    X.flags.writeable = layout != "read-only"
    return X


@st.composite
def inputs(draw, kinds=("small", *WILD), n_features=(1, 2, 3, 4, 6)):
    """Draw X, and the numbers in it as plain float64."""
    n = draw(st.sampled_from([6, 10, 11, 20, 40, 1, 2, 3]))
    p = draw(st.sampled_from(n_features))
    rng = np.random.default_rng(draw(st.integers(0, 2**16)))
    plain = values(rng, n, p, draw(st.sampled_from(kinds)))
    dtype = np.dtype(draw(st.sampled_from(DTYPES)))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        X = plain.astype(dtype)
        plain = X.astype(np.float64)
    layout = draw(st.sampled_from(LAYOUTS))
    event(f"layout {layout}")
    return laid_out(X, layout), plain


def labels(rng, n, kind):
    y = rng.integers(0, 3, n)
    y[: min(n, 3)] = np.arange(3)[: min(n, 3)]
    return {
        "int": lambda: y,
        "two": lambda: y % 2,
        "negative": lambda: -5 * y.astype(np.int8),
        "large": lambda: 2**62 + y,
        "uint64": lambda: y.astype(np.uint64) + np.uint64(2**63),
        "bool": lambda: y > 0,
        "float": lambda: y.astype(np.float32),
        "str": lambda: np.array(["a", "", "ü"])[y],
        "object": lambda: np.array(["no", "yes", "so"], object)[y],
        "objects that are int": lambda: y.astype(object),
        "list": lambda: y.tolist(),
        "list of str": lambda: np.array(["a", "b", "c"])[y].tolist(),
        "date": lambda: np.arange(3).astype("datetime64[D]")[y],
        "column": lambda: y[:, None],
        "read-only": lambda: np.broadcast_to(y[::-1].copy()[::-1], n),
        "multilabel": lambda: (y[:, None] % [2, 3] == 0).astype(int),
        "sparse": lambda: scipy.sparse.csr_array((y[:, None] == [0, 1]).astype(int)),
        "no label": lambda: np.zeros((n, 2), int),
        "single": lambda: y * 0,
        "bytes": lambda: np.array([b"a", b"b", b"c"])[y],
        "fraction": lambda: y + 0.5,
        "nan": lambda: np.where(y == 1, np.nan, y),
        "mixed": lambda: np.array([1, "a", None], object)[y],
        "none": lambda: np.array([None, "a", "b"], object)[y],
        "complex": lambda: y * 1j,
        "too short": lambda: y[1:],
        "three columns": lambda: np.stack([y, y, y], axis=1),
        "three dimensions": lambda: y[:, None, None],
    }[kind]()


LABELS = (
    *("int", "two", "negative", "large", "uint64", "bool", "float", "str", "object"),
    *("objects that are int", "list", "list of str", "date", "column", "read-only"),
    *("multilabel", "sparse", "no label", "single", "bytes", "fraction", "nan"),
    *("mixed", "none", "complex", "too short", "three columns", "three dimensions"),
)


def weights(rng, n, kind):
    w = rng.uniform(0.5, 2, n)
    return {
        "none": lambda: None,
        "uniform": lambda: w,
        "float32": lambda: w.astype(np.float32),
        "int": lambda: np.ceil(w).astype(int),
        "some zero": lambda: w * (np.arange(n) % 2),
        "list": lambda: w.tolist(),
        "read-only": lambda: np.broadcast_to(w[:1], n),
        "number": lambda: 2,
        "tiny": lambda: w * 1e-300,
        "subnormal": lambda: w * 5e-324,
        "huge": lambda: w * 1e300,
        "largest": lambda: np.full(n, 1.7e308),
        "far apart": lambda: 10.0 ** rng.integers(-300, 300, n),
        "zero": lambda: w * 0,
        "negative": lambda: -w,
        "nan": lambda: np.where(w == w.max(), np.nan, w),
        "infinite": lambda: np.where(w == w.max(), np.inf, w),
        "too short": lambda: w[1:],
        "column": lambda: w[:, None],
        "str": lambda: np.array(["a"] * n),
    }[kind]()


WEIGHTS = (
    *("none", "none", "uniform", "float32", "int", "some zero", "list", "read-only"),
    *(
        "number",
        "tiny",
        "subnormal",
        "huge",
        "largest",
        "far apart",
        "zero",
        "negative",
        "nan",
    ),
    *("infinite", "too short", "column", "str"),
)


@st.composite
def classifiers(draw, partial=False):
    """Draw an estimator whose arguments are valid, if not always wise."""
    one_of = lambda *options: draw(st.sampled_from(options))  # noqa: E731
    solver = one_of(*(KINDS[:3] if partial else KINDS))
    settings = {
        "hidden_layer_sizes": one_of((3,), (4, 2), (), 1),
        "activation": one_of("relu", "tanh", "logistic", "identity", "leaky_relu"),
        "batch_norm": one_of(False, True),
        "solver": solver,
        "alpha": one_of(1e-4, 0, 1.0, 1e6),
        "learning_rate": one_of("constant", "one_cycle", "adaptive", "invscaling"),
        "learning_rate_init": one_of(0.001, 0.01, 1.0, 1e5),
        "batch_size": one_of("auto", 5, 2),
        "label_smoothing": one_of(0.0, 0.1),
        "dtype": one_of("float32", "float64", "auto"),
        "class_weight": None if partial else one_of(None, None, "balanced"),
        "early_stopping": False if partial else one_of(False, False, True),
        "shuffle": one_of(True, False),
        "max_iter": 2,
        "random_state": 0,
    }
    if solver != "lbfgs":
        settings["dropout"] = one_of(0.0, 0.5)
        settings["ema_decay"] = one_of(None, 0.9)
        settings["max_grad_norm"] = one_of(None, 1.0)
    return MLPClassifierDIY(**settings)


# -------------------------------------------------------------------- what must hold


def bits(data):
    """Return what a copy of X, y or weights can be compared by."""
    if scipy.sparse.issparse(data):
        data = data.toarray()
    return repr(np.asarray(data).tolist())


def attempt(call, *args, clear=CLEAR, **kwargs):
    """Return the result, or None where there was a clear error."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            result = call(*args, **kwargs)
        except (ValueError, TypeError) as error:
            assert clear.search(str(error)), f"unclear: {error!r}"
            event(f"error {clear.search(str(error))[0]}")
            return None
    event("result")
    return result


def check_predictions(clf, X):
    """Raise an error unless what is predicted is finite and normalised."""
    P = attempt(clf.predict_proba, X)
    if P is None:
        return
    n, n_classes = P.shape
    multilabel = clf.task_.multilabel
    assert n_classes == len(clf.classes_)
    assert P.dtype == clf.network_.dtype
    assert np.isfinite(P).all() and (P >= 0).all() and (P <= 1).all()
    if not multilabel:
        assert_allclose(P.sum(axis=1), 1, rtol=1e-5)
    log_P = attempt(clf.predict_log_proba, X)
    if log_P is None:
        return
    assert np.isfinite(log_P).all() and (log_P <= 0).all()
    assert_allclose(np.exp(log_P), P, rtol=1e-3, atol=1e-6)
    y = attempt(clf.predict, X)
    if multilabel:
        assert y.shape == P.shape
        assert_array_equal(y[abs(P - 0.5) > 1e-6], (P > 0.5)[abs(P - 0.5) > 1e-6])
    else:
        places = np.searchsorted(clf.classes_, y)
        assert_array_equal(clf.classes_[places], y)
        assert_allclose(P[np.arange(n), places], P.max(axis=1), rtol=1e-5)


def check_fitted(clf, X):
    assert np.isfinite(clf.network_.parameters).all()
    assert np.isfinite(clf.network_.statistics).all()
    check_predictions(clf, X)


# ------------------------------------------------------------------------- the tests


@given(
    X=inputs(),
    y=st.sampled_from(LABELS),
    w=st.sampled_from(WEIGHTS),
    clf=classifiers(),
    seed=st.integers(0, 2**16),
)
def test_fit(X, y, w, clf, seed):
    X, plain = X
    rng = np.random.default_rng(seed)
    y, w = labels(rng, len(plain), y), weights(rng, len(plain), w)
    before = [bits(data) for data in (X, y, w)]
    fitted = attempt(clf.fit, X, y, w)
    assert [bits(data) for data in (X, y, w)] == before
    if fitted is None:
        assert not [name for name in vars(clf) if name.endswith("_")]
    else:
        check_fitted(clf, X)


@pytest.mark.slow
@given(X=inputs(kinds=("whole",)), two=st.booleans(), clf=classifiers())
def test_the_numbers_count_not_what_holds_them(X, two, clf):
    X, plain = X
    y = labels(np.random.default_rng(0), len(plain), "two" if two else "int")
    # gathered row by row, whatever the strides
    clf.set_params(shuffle=True, early_stopping=False)
    if clf.dtype == "auto":
        clf.set_params(dtype="float32")
    twin = clone(clf)
    if attempt(twin.fit, plain, y) is None:
        return
    P, expected = attempt(twin.predict_proba, X), attempt(twin.predict_proba, plain)
    if P is None or expected is None:
        return
    assert_allclose(P, expected, rtol=1e-3, atol=1e-5)
    attempt(clf.fit, X, y)
    if not scipy.sparse.issparse(X) and clf.solver != "lbfgs":
        assert_array_equal(clf.network_.parameters, twin.network_.parameters)
        assert_array_equal(clf.loss_curve_, twin.loss_curve_)


@pytest.mark.slow
@given(
    chunks=st.lists(
        st.tuples(
            inputs(n_features=(3, 3, 3, 3, 2)),
            st.sampled_from(LABELS),
            st.sampled_from(WEIGHTS),
        ),
        min_size=1,
        max_size=4,
    ),
    clf=classifiers(partial=True),
    kind=st.sampled_from(sorted({*LABELS} - {"mixed", "none", "sparse"})),
)
def test_partial_fit(chunks, clf, kind):
    classes = np.unique(labels(np.random.default_rng(0), 9, kind))
    for (X, plain), y, w in chunks:
        rng = np.random.default_rng(0)
        y, w = labels(rng, len(plain), y), weights(rng, len(plain), w)
        before = pickle.dumps(clf)
        if attempt(clf.partial_fit, X, y, w, classes=classes) is None:
            assert pickle.dumps(clf) == before
        else:
            check_fitted(clf, X)
    if hasattr(clf, "network_"):
        check_fitted(clf, np.ones((3, clf.n_features_in_)))


@given(X=inputs(n_features=(3, 3, 3, 2, 4)), clf=classifiers())
def test_predict(X, clf):
    X, _ = X
    rng = np.random.default_rng(0)
    train = rng.normal(size=(20, 3))
    if attempt(clf.fit, train, rng.integers(0, 2, 20)) is not None:
        before = bits(X)
        check_predictions(clf, X)
        assert bits(X) == before


ENDLESS = 10**30
ODD = (
    *(None, True, False, -1, 0, 1, 2, 7, ENDLESS, -0.5, 0.3, 1.0, 5e-324, 1e30, 1e300),
    *(np.nan, np.inf, -np.inf, 1j, "", "relu", "sgd", "lbfgs", "balanced", "auto", "ü"),
    *(b"adam", (), [], (3, 0), (3, 2.5), [[3]], ["a"], {}, {0: 1.0}, {0: -1}, {9: 1}),
    *(np.float32(0.5), np.int64(3), np.array([3, 2]), np.array(0.5), np.array([])),
    *(object(), int, Dense, ReLU(), [Dense(3)], [Dense(3), BatchNorm(), ReLU()]),
    *([Dense], [Softmax()], [Dense(2), Softmax()], [Dense(3), Dropout(0.5), None]),
    *(np.random.RandomState(0), np.random.default_rng(0), 0.999, "loss", "roc_auc"),
)
# A checkpoint_dir would make directories with odd names here: see test_checkpoint.py.
NAMES = sorted({*MLPClassifierDIY().get_params()} - {"checkpoint_dir"})


@given(
    names=st.lists(st.sampled_from(NAMES), min_size=1, max_size=3, unique=True),
    odd=st.tuples(*[st.integers(0, len(ODD) - 1)] * 3),
    partial=st.booleans(),
)
def test_arguments(names, odd, partial):
    arguments = {name: ODD[i] for name, i in zip(names, odd, strict=False)}
    clf = MLPClassifierDIY(**{"hidden_layer_sizes": 3, "max_iter": 2, **arguments})
    if "verbose" in arguments or arguments.get("max_iter") is ENDLESS:
        return  # would print, or take long
    rng = np.random.default_rng(0)
    X, y = rng.normal(size=(20, 3)), rng.integers(0, 2, 20)
    others = "layer", "mini-batches", "non-finite", "maximum allowed dimension"
    named = re.compile("|".join([*names, *others]), re.I)
    fit = getattr(clf, "partial_fit", clf.fit) if partial else clf.fit
    classes = {} if fit == clf.fit else {"classes": [0, 1]}
    fitted = attempt(fit, X, y, clear=named, **classes)
    if fitted is None:
        assert not [name for name in vars(clf) if name.endswith("_")]
    else:
        check_fitted(clf, X)
