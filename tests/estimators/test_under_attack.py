"""Whatever is thrown at it: a clear error, or a finite and normalised result.

Of all that Hypothesis makes up, the suite tries 1,000 examples a test, always the same
ones, over all four estimators; ``SKDNN_FULL=1`` makes it 10,000 new ones.
"""

import pickle
import re
import warnings
from functools import cache
from tempfile import TemporaryFile

import numpy as np
import pytest
import scipy.sparse
from numpy.testing import assert_allclose, assert_array_equal
from sklearn.base import clone, is_classifier

from helpers import outputs
from skdnn import (
    MLPClassifierDIY,
    MLPRegressorDIY,
    TabularClassifierDIY,
    TabularRegressorDIY,
)
from skdnn.nn import BatchNorm, Dense, Dropout, ReLU, Softmax

pytest.importorskip("hypothesis", reason="hypothesis is not installed")
from hypothesis import event, given
from hypothesis import strategies as st

SPARSE = ("csr", "csc", "coo", "lil", "dok", "bsr", "dia")
SOLVERS = ("adam", "sgd", "adamw", "lbfgs")
TABULAR = (TabularClassifierDIY, TabularRegressorDIY)

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
    r"|y must be numbers|y must be at least 0 with the Poisson|y has dates or durations"
    r"|whose squares overflow float|y is constant .*in the first call of partial_fit"
    r"|y has \d columns? for \d target|Sparse data was passed for [Xy]"
    r"|X has no column to learn from|X has 1 sample|at least 4 rows are needed"
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


def numbers(rng, n, kind):
    y = np.round(rng.normal(0, 4, n))
    y[: min(n, 3)] = np.arange(3)[: min(n, 3)]
    return {
        "whole": lambda: y,
        "counts": lambda: abs(y).astype(int),
        "fractions": lambda: y / 3,
        "float32": lambda: y.astype(np.float32),
        "objects": lambda: y.astype(object),
        "list": lambda: y.tolist(),
        "column": lambda: y[:, None],
        "two": lambda: np.stack([y, 1 - 7 * y], axis=1),
        "frame": lambda: pytest.importorskip("pandas").DataFrame({"u": y, "v": -y}),
        "every other": lambda: np.repeat(y, 2)[::2],
        "equal": lambda: np.full(n, 3.0),
        "one of two is equal": lambda: np.stack([y, 0 * y], axis=1),
        "tiny": lambda: y * 1e-40,
        "subnormal": lambda: y * 5e-324,
        "large": lambda: 1e9 + 1e4 * y,
        "huge": lambda: y * 1e30,
        "beyond float32": lambda: y * 1e300,
        "far apart": lambda: 10.0 ** rng.integers(-300, 300, n),
        "outlier": lambda: np.where(np.arange(n) == 1, 1e12, y),
        "infinite": lambda: np.where(y == y.max(), np.inf, y),
        "nan": lambda: np.where(y == y.max(), np.nan, y),
    }[kind]()


NUMBERS = (
    *("whole", "counts", "fractions", "float32", "objects", "list", "column", "two"),
    *("frame", "every other", "equal", "one of two is equal", "tiny", "subnormal"),
    *("large", "huge", "beyond float32", "far apart", "outlier", "infinite", "nan"),
)


def targets(rng, n, kind):
    """Return labels or numbers, of a kind that `kinds_of` has drawn."""
    task, kind = kind
    return {"labels": labels, "numbers": numbers}[task](rng, n, kind)


def kinds_of(estimator):
    """Draw a kind of labels for a classifier; for a regressor, of numbers rather."""
    kinds = st.sampled_from([("labels", kind) for kind in LABELS])
    if is_classifier(estimator):
        return kinds
    fitting = st.sampled_from([("numbers", kind) for kind in NUMBERS])
    return fitting | fitting | kinds


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
    ),
    *("nan", "infinite", "too short", "column", "str"),
)


@st.composite
def networks(draw, Estimator, partial=False):
    """Draw an estimator whose arguments are valid, if not always wise."""
    one_of = lambda *options: draw(st.sampled_from(options))  # noqa: E731
    solver = one_of(*(SOLVERS[:3] if partial else SOLVERS))
    settings = {
        "hidden_layer_sizes": one_of((3,), (4, 2), (), 1),
        "activation": one_of("relu", "tanh", "logistic", "identity", "leaky_relu"),
        "batch_norm": one_of(False, True),
        "solver": solver,
        "alpha": one_of(1e-4, 0, 1.0, 1e6),
        "learning_rate": one_of("constant", "one_cycle", "adaptive", "invscaling"),
        "learning_rate_init": one_of(0.001, 0.01, 1.0, 1e5),
        "batch_size": one_of("auto", 5, 2),
        "dtype": one_of("float32", "float64", "auto"),
        "early_stopping": False if partial else one_of(False, False, True),
        "shuffle": one_of(True, False),
        "max_iter": 2,
        "random_state": 0,
    }
    if solver != "lbfgs":
        settings["dropout"] = one_of(0.0, 0.5)
        settings["ema_decay"] = one_of(None, 0.9)
        settings["max_grad_norm"] = one_of(None, 1.0)
    if Estimator is MLPClassifierDIY:
        settings["label_smoothing"] = one_of(0.0, 0.1)
        settings["class_weight"] = None if partial else one_of(None, None, "balanced")
    else:
        settings["loss"] = loss = one_of(*LOSSES)
        settings["standardize_target"] = loss != "poisson" and one_of(False, True)
        settings["quantile"] = one_of(0.5, 0.9, (0.1, 0.5, 0.9))
        settings["delta"] = one_of(1.0, 1e-3, 1e6)
    return Estimator(**settings)


LOSSES = ("squared_error", "absolute_error", "huber", "quantile", "gaussian", "poisson")


@st.composite
def tabular(draw, Estimator):
    """Draw an estimator for tables, as small as there are."""
    one_of = lambda *options: draw(st.sampled_from(options))  # noqa: E731
    settings = {"n_networks": 2, "max_iter": 2, "random_state": 0}
    if Estimator is TabularClassifierDIY:
        settings["class_weight"] = one_of(None, None, "balanced")
    return Estimator(
        one_of((3,), (4, 2), 1),
        categorical_features=one_of("from_dtype", "from_dtype", None, [0]),
        importances=one_of(False, False, True),
        **settings,
    )


MLPS = st.one_of(networks(MLPClassifierDIY), networks(MLPRegressorDIY))
# A fit of a table is one of six networks.
ESTIMATORS = st.one_of(
    *(MLPS, MLPS, MLPS, tabular(TabularClassifierDIY), tabular(TabularRegressorDIY))
)


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
        except (ValueError, TypeError, MemoryError) as error:
            assert clear.search(str(error)), f"unclear: {error!r}"
            event(f"error {clear.search(str(error))[0]}")
            return None
    event("result")
    return result


def fitted_attributes(estimator):
    return [name for name in vars(estimator) if name.endswith("_")]


def check_fitted(estimator, X):
    """Raise an error unless what was learned and is predicted is finite."""
    for each in getattr(estimator, "networks_", [estimator]):
        assert np.isfinite(each.network_.parameters).all()
        assert np.isfinite(each.network_.statistics).all()
    check = check_probabilities if is_classifier(estimator) else check_numbers
    check(estimator, X)


def check_probabilities(clf, X):
    """Raise an error unless finite and normalised, and what `predict` goes by."""
    P = attempt(clf.predict_proba, X)
    if P is None:
        return
    n, n_classes = P.shape
    multilabel = getattr(clf, "networks_", [clf])[0].task.multilabel
    assert n_classes == len(clf.classes_)
    assert isinstance(clf, TABULAR) or P.dtype == clf.network_.dtype
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


def check_numbers(reg, X):
    """Raise an error unless they are finite, and what the loss of the fit allows."""
    P = attempt(reg.predict, X)
    if P is None:
        return
    assert P.dtype.kind == "f" and np.isfinite(P).all()
    if isinstance(reg, TABULAR):
        return
    if reg.loss == "poisson":
        assert (P >= 0).all()
    if reg.loss == "quantile" and np.ndim(reg.quantile):
        assert (np.diff(P, axis=-1) >= 0).all()
    if reg.loss == "gaussian":
        mean, std = attempt(reg.predict, X, return_std=True)
        assert_array_equal(mean, P)
        assert mean.shape == std.shape
        assert np.isfinite(std).all() and (std > 0).all()


# ------------------------------------------------------------------------- the tests


@given(
    data=st.data(),
    X=inputs(),
    w=st.sampled_from(WEIGHTS),
    estimator=ESTIMATORS,
    seed=st.integers(0, 2**16),
)
def test_fit(data, X, w, estimator, seed):
    X, plain = X
    rng = np.random.default_rng(seed)
    y = targets(rng, len(plain), data.draw(kinds_of(estimator)))
    w = weights(rng, len(plain), w)
    before = [bits(data) for data in (X, y, w)]
    fitted = attempt(estimator.fit, X, y, w)
    assert [bits(data) for data in (X, y, w)] == before
    if fitted is None:
        assert not fitted_attributes(estimator)
    else:
        check_fitted(estimator, X)


@pytest.mark.slow
@given(X=inputs(kinds=("whole",)), two=st.booleans(), estimator=MLPS)
def test_the_numbers_count_not_what_holds_them(X, two, estimator):
    X, plain = X
    y = labels(np.random.default_rng(0), len(plain), "two" if two else "int")
    # gathered row by row, whatever the strides
    estimator.set_params(shuffle=True, early_stopping=False)
    if estimator.dtype == "auto":
        estimator.set_params(dtype="float32")
    twin = clone(estimator)
    if attempt(twin.fit, plain, y) is None:
        return
    P, expected = (attempt(outputs, twin, given) for given in (X, plain))
    if P is None or expected is None:
        return
    assert_allclose(P, expected, rtol=1e-3, atol=1e-5)
    attempt(estimator.fit, X, y)
    if not scipy.sparse.issparse(X) and estimator.solver != "lbfgs":
        assert_array_equal(estimator.network_.parameters, twin.network_.parameters)
        assert_array_equal(estimator.loss_curve_, twin.loss_curve_)


def check_partial_fit(estimator, chunks, **first):
    """Go on with each chunk: either nothing has changed, or all is finite."""
    for (X, plain), y, w in chunks:
        rng = np.random.default_rng(0)
        y, w = targets(rng, len(plain), y), weights(rng, len(plain), w)
        before = pickle.dumps(estimator)
        if attempt(estimator.partial_fit, X, y, w, **first) is None:
            assert pickle.dumps(estimator) == before
        else:
            check_fitted(estimator, X)
    if hasattr(estimator, "network_"):
        check_fitted(estimator, np.ones((3, estimator.n_features_in_)))


def chunks_for(Estimator):
    parts = inputs(n_features=(3, 3, 3, 3, 2)), kinds_of(Estimator()), WEIGHTS
    return st.lists(
        st.tuples(*parts[:2], st.sampled_from(parts[2])), min_size=1, max_size=4
    )


@pytest.mark.slow
@given(
    chunks=chunks_for(MLPClassifierDIY),
    clf=networks(MLPClassifierDIY, partial=True),
    kind=st.sampled_from(sorted({*LABELS} - {"mixed", "none", "sparse"})),
)
def test_partial_fit_of_labels(chunks, clf, kind):
    classes = np.unique(labels(np.random.default_rng(0), 9, kind))
    check_partial_fit(clf, chunks, classes=classes)


@pytest.mark.slow
@given(chunks=chunks_for(MLPRegressorDIY), reg=networks(MLPRegressorDIY, partial=True))
def test_partial_fit_of_numbers(chunks, reg):
    check_partial_fit(reg, chunks)


@given(X=inputs(n_features=(3, 3, 3, 2, 4)), estimator=ESTIMATORS)
def test_predict(X, estimator):
    X, _ = X
    fitted = learned(repr(estimator))
    if fitted is not None:
        before = bits(X)
        check_fitted(fitted, X)
        assert bits(X) == before


@cache
def learned(estimator):
    """Return what `estimator` describes, fitted: of those for tables there are few."""
    rng = np.random.default_rng(0)
    X, y = rng.normal(size=(20, 3)), rng.integers(0, 2, 20)
    return attempt(eval(estimator).fit, X, y)


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


@st.composite
def arguments(draw):
    """Draw an estimator, and odd values for some of its arguments."""
    few = {"hidden_layer_sizes": 3, "max_iter": 2}
    estimator = draw(
        st.sampled_from(
            [
                *(MLPClassifierDIY(**few), MLPRegressorDIY(**few)) * 3,
                *(Estimator(n_networks=2, **few) for Estimator in TABULAR),
            ]
        )
    )
    # A checkpoint_dir would make directories of odd names here: see test_checkpoint.py.
    names = sorted({*estimator.get_params()} - {"checkpoint_dir", "verbose"})
    names = draw(st.lists(st.sampled_from(names), min_size=1, max_size=3, unique=True))
    odd = draw(st.tuples(*[st.integers(0, len(ODD) - 1)] * len(names)))
    return estimator, {name: ODD[i] for name, i in zip(names, odd, strict=True)}


@given(drawn=arguments(), partial=st.booleans())
def test_arguments(drawn, partial):
    estimator, odd = drawn
    if odd.get("max_iter") is ENDLESS:
        return  # would take long
    estimator = clone(estimator)
    for name, value in odd.items():
        setattr(estimator, name, value)
    rng = np.random.default_rng(0)
    X, y = rng.normal(size=(20, 3)), rng.integers(0, 2, 20)
    others = "layer", "mini-batches", "non-finite", "maximum allowed dimension"
    named = re.compile("|".join([*odd, *others]), re.I)
    partial = partial and hasattr(estimator, "partial_fit")
    fit = estimator.partial_fit if partial else estimator.fit
    first = {"classes": [0, 1]} if partial and is_classifier(estimator) else {}
    if attempt(fit, X, y, clear=named, **first) is None:
        assert not fitted_attributes(estimator)
    else:
        check_fitted(estimator, X)
