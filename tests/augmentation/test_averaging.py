"""Predictions averaged over changed copies."""

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from scipy import sparse
from sklearn.base import clone
from sklearn.compose import make_column_transformer
from sklearn.datasets import load_digits
from sklearn.ensemble import RandomForestClassifier
from sklearn.exceptions import NotFittedError
from sklearn.linear_model import LogisticRegression
from sklearn.multiclass import OneVsRestClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import MinMaxScaler, StandardScaler
from sklearn.tree import DecisionTreeClassifier
from sklearn.utils.validation import check_is_fitted

from skdnn import MLPClassifierDIY, MLPRegressorDIY
from skdnn.augmentation import Affine, AveragedOverCopies, InARow, MixUp, Noise
from skdnn.displays import AugmentationDisplay

X, Y = load_digits(return_X_y=True)
X, Y = X[:300] / 16, Y[:300]


def network(**params):
    params = {"max_iter": 3, "batch_size": 50, "random_state": 0} | params
    return MLPClassifierDIY((16,), **params)


def test_predictions_averaged_over_copies():
    clf = network(max_iter=20).fit(X, Y)
    averaged = AveragedOverCopies(clf, [Affine(), Noise()], n_copies=3)
    P = averaged.predict_proba(X)
    rng = np.random.default_rng(np.random.RandomState(0).randint(2**31 - 1))
    steps = InARow([Affine(), Noise()])
    copies = [X, *(steps.change(X, rng) for _ in range(3))]
    each = [clf.predict_proba(copy) for copy in copies]
    assert_allclose(P, np.mean(each, axis=0), rtol=1e-5)
    assert_array_equal(P, averaged.predict_proba(X))
    assert_array_equal(averaged.predict(X), P.argmax(axis=1))
    assert averaged.fit(X, Y) is averaged  # there is nothing to learn
    none = AveragedOverCopies(clf, Affine(), n_copies=0)
    assert none.score(X, Y) == clf.score(X, Y)
    with pytest.raises(ValueError, match="63 features, but AveragedOverCopies"):
        averaged.predict(X[:, 1:])
    with pytest.raises(NotFittedError):
        AveragedOverCopies(network(), Affine()).predict(X)
    reg = MLPRegressorDIY(max_iter=1).fit(X, Y)
    averaged = AveragedOverCopies(reg, Affine())
    for method in (
        averaged.predict,
        averaged.predict_proba,
        lambda X: averaged.fit(X, Y),
    ):
        with pytest.raises(TypeError, match="estimator must .* got MLPRegressorDIY"):
            method(X)
    with pytest.raises(ValueError, match="n_copies must be 0 or more, got -1"):
        AveragedOverCopies(clf, Affine(), n_copies=-1).predict(X)


def test_copies_of_copies_are_none():
    """What works in place changes neither X, nor the copies that come after."""
    clf = network().fit(X, Y)

    def halves(X, rng):
        X *= 0.5
        return X

    for rows in (X.copy(), X.astype(np.float32), (X * 16).astype(np.uint8)):
        before = rows.copy()
        P = AveragedOverCopies(clf, halves, n_copies=3).predict_proba(rows)
        expected = clf.predict_proba(rows) / 4 + clf.predict_proba(rows * 0.5) * 0.75
        assert_allclose(P, expected, rtol=1e-5)
        assert_array_equal(rows, before)
    rows = X[:2].copy()
    display = AugmentationDisplay.from_augmentation(halves, rows, n_copies=2)
    assert_array_equal(rows, X[:2])
    expected = [[x, x / 2, x / 2] for x in X[:2]]
    assert_array_equal(display.images.reshape(2, 3, 64), expected)


def test_copies_of_independent_labels():
    labels = np.c_[Y > 4, Y % 2, Y == 7].astype(int)
    clf = network(max_iter=20).fit(X, labels)
    averaged = AveragedOverCopies(clf, Noise(0.2), n_copies=4)
    predicted = averaged.predict(X)
    assert_array_equal(predicted, averaged.predict_proba(X) > 0.5)
    assert predicted.dtype == clf.predict(X).dtype
    assert averaged.score(X, labels) == np.mean((predicted == labels).all(axis=1))
    none = AveragedOverCopies(clf, Noise(), n_copies=0)
    assert_array_equal(none.predict(X), clf.predict(X))
    one = OneVsRestClassifier(LogisticRegression()).fit(X, labels)
    assert AveragedOverCopies(one, Noise()).predict(X).shape == (300, 3)
    forest = RandomForestClassifier(2, random_state=0).fit(X, labels)
    with pytest.raises(TypeError, match="predicts a list of probabilities"):
        AveragedOverCopies(forest, Noise()).predict(X)


@pytest.mark.filterwarnings("error")
@pytest.mark.parametrize("library", ["pandas", "polars"])
def test_copies_have_the_names_of_columns(library):
    frames = pytest.importorskip(library)
    names = [f"pixel{i}" for i in range(64)]
    frame = frames.DataFrame(dict(zip(names, X.T, strict=True)))
    by_name = make_column_transformer(
        (StandardScaler(), names[10:20]), (MinMaxScaler(), names[30:])
    )
    for model in (
        network(learning_rate="cosine", learning_rate_init=0.1, max_iter=10),
        make_pipeline(by_name, LogisticRegression(max_iter=1000)),
    ):
        averaged = AveragedOverCopies(model.fit(frame, Y), Noise(0.01))
        assert averaged.score(frame, Y) > 0.5
        assert_array_equal(averaged.feature_names_in_, names)
        with pytest.raises(ValueError, match="feature names should match"):
            averaged.predict(frame[names[::-1]])
        with pytest.warns(UserWarning, match="valid feature names") as record:
            averaged.predict(X)
        assert len(record) == 1


def test_copies_of_missing_values_and_integers():
    holes = X.copy()
    holes[::7, 3] = np.nan
    trees = DecisionTreeClassifier(max_depth=3).fit(holes, Y)
    assert AveragedOverCopies(trees, Noise()).predict(holes).shape == (300,)
    with pytest.raises(ValueError, match="AveragedOverCopies .* NaN"):
        AveragedOverCopies(network().fit(X, Y), Noise()).predict(holes)
    with pytest.raises(ValueError, match="returned NaN or infinity"):
        AveragedOverCopies(trees, lambda X, rng: X * np.nan).predict(X + 1)
    large = np.array([[2**40, 2**40 + 1]] * 2)
    last = [2**40 + 0.5, 2**40 + 1]

    def as_given(X, rng):
        assert X.dtype == np.float64
        return np.array([last] * len(X))

    tree = DecisionTreeClassifier(random_state=0).fit([[0, 0], [1, 1]], [0, 1])
    AveragedOverCopies(tree, as_given).predict(large)


def test_copies_that_are_refused():
    class Mixes(Noise):
        def mix(self, X, rng): ...

    clf = network().fit(X, Y)
    for mixes in (MixUp(), [Noise(), Mixes()]):
        with pytest.raises(ValueError, match="mixes rows .* depend on the others"):
            AveragedOverCopies(clf, mixes).predict(X)
    for n_copies in (2.0, "16", None, True):
        with pytest.raises(ValueError, match="n_copies must be an integer, got"):
            AveragedOverCopies(clf, Noise(), n_copies=n_copies).predict(X)
    with pytest.raises(TypeError, match="[Ss]parse"):
        AveragedOverCopies(clf, Noise()).predict(sparse.csr_array(X))
    for text in (X.astype(str), np.full(X.shape, "a", dtype=object)):
        with pytest.raises(TypeError, match="X holds what is no number"):
            AveragedOverCopies(clf, Noise()).predict(text)
    check_is_fitted(AveragedOverCopies(clf, Noise()))
    with pytest.raises(NotFittedError):
        check_is_fitted(clone(AveragedOverCopies(clf, Noise())))
