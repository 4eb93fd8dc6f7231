"""Images set upright: `skdnn.images.Deskew`."""

import pickle

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from scipy import ndimage
from sklearn.base import clone
from sklearn.datasets import load_digits
from sklearn.exceptions import NotFittedError
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import make_pipeline

from skdnn import MLPClassifierDIY
from skdnn.images import Deskew, deskew

DIGITS = load_digits().images


def slant(image):
    """Return by how many columns a row lies to the right of the one above."""
    rows, columns = np.indices(image.shape)
    down = rows - np.average(rows, weights=image)
    return np.average(down * columns, weights=image) / np.average(
        down**2, weights=image
    )


def blob(height, width, slant):
    """Return a smooth upright ellipse, sheared, off the middle."""
    rows, columns = np.indices((height, width), float)
    down = rows - 0.45 * height
    across = columns - 0.55 * width - slant * down
    return np.exp(-((down / 5) ** 2) - (across / 2) ** 2)


def test_against_scipy():
    ours = Deskew().fit_transform(DIGITS.reshape(-1, 64)[:50]).reshape(-1, 8, 8)
    for image, upright in zip(DIGITS[:50], ours, strict=True):
        its, middle = slant(image), ndimage.center_of_mass(image)
        theirs = ndimage.affine_transform(
            image,
            [[1, 0], [its, 1]],
            [0, -its * middle[0]],
            order=1,
            mode="grid-constant",
        )
        assert_allclose(upright, theirs, atol=1e-10)


@pytest.mark.parametrize("lean", [-0.6, 0.0, 0.3])
def test_what_leans_stands_upright(lean):
    image, upright = blob(28, 30, lean), blob(28, 30, 0)
    ours = Deskew((28, 30)).fit_transform(image.reshape(1, -1)).reshape(28, 30)
    assert slant(image) == pytest.approx(lean, abs=0.01)
    assert slant(ours) == pytest.approx(0, abs=0.02)
    assert_allclose(ours, upright, atol=0.06)  # two interpolations blur the peak
    assert_allclose(ours.sum(), image.sum(), rtol=1e-3)


def test_without_a_slant_nothing_changes():
    line = np.zeros((8, 8))
    line[2, 1:6] = 1  # all in one row
    images = np.stack([np.zeros((8, 8)), line, line.T, np.ones((8, 8))])
    X = images.reshape(4, 64)
    assert_allclose(Deskew().fit_transform(X), X, atol=1e-12)


def test_channels_move_together():
    images = np.random.default_rng(0).uniform(size=(5, 6, 7, 3))
    flat = images.reshape(5, -1)
    ours = Deskew((6, 7, 3)).fit_transform(flat).reshape(images.shape)
    grey = images.copy()
    grey[...] = images.mean(axis=-1, keepdims=True)
    ours_grey = Deskew((6, 7, 3)).fit_transform(grey.reshape(5, -1))
    alone = Deskew((6, 7)).fit_transform(images.mean(axis=-1).reshape(5, -1))
    assert_allclose(ours_grey.reshape(images.shape)[..., 0].reshape(5, -1), alone)
    assert_allclose(ours.mean(axis=-1).reshape(5, -1), alone)


@pytest.mark.parametrize(
    "dtype", [np.float32, np.float64, np.uint8, np.int16, np.int32, np.uint32]
)
def test_numbers_keep_their_dtype(dtype):
    X = (DIGITS.reshape(-1, 64)[:9] * 15).astype(dtype)
    before = X.copy()
    upright = Deskew().fit_transform(X)
    assert upright.dtype == dtype
    assert_array_equal(X, before)
    exact = Deskew().fit_transform(X.astype(float))
    assert_allclose(upright, exact, atol=0.5 if upright.dtype.kind in "iu" else 1e-3)


def test_other_numbers_become_floats():
    X = DIGITS.reshape(-1, 64)[:9]
    assert Deskew().fit_transform((X > 7).tolist()).dtype == float
    for dtype in (np.float16, np.int64, np.uint64):
        upright = Deskew().fit_transform(X.astype(dtype))
        assert upright.dtype == float
        assert_allclose(upright, Deskew().fit_transform(X))
    largest = np.full((1, 64), np.iinfo(np.uint32).max, np.uint32)
    assert_array_equal(Deskew().fit_transform(largest), largest)


@pytest.mark.parametrize(
    ("dtype", "factor"),
    [("f4", 1e37), ("f4", 1e-37), ("f8", 1e300), ("f8", 1e-300), ("f8", 0.5)],
)
def test_numbers_of_any_size(dtype, factor):
    X = DIGITS.reshape(-1, 64)[:20].astype(dtype)
    upright = Deskew().fit_transform(X * np.dtype(dtype).type(factor))
    assert upright.dtype == dtype
    assert_allclose(upright / factor, Deskew().fit_transform(X), atol=1e-4)


def test_outside_is_background():
    leaning = np.eye(8)  # from corner to corner
    upright = Deskew().fit_transform(leaning.reshape(1, 64)).reshape(8, 8)
    assert_allclose(upright[:, 3:5], 0.5)
    assert_allclose(np.delete(upright, [3, 4], axis=1), 0, atol=1e-12)


def test_in_parts(monkeypatch):
    X = DIGITS.reshape(-1, 64)[:50]
    whole = Deskew().fit_transform(X)
    monkeypatch.setattr(deskew, "PIXELS_AT_ONCE", 64 * 7)
    assert_array_equal(Deskew().fit_transform(X), whole)
    monkeypatch.setattr(deskew, "PIXELS_AT_ONCE", 1)
    assert_array_equal(Deskew().fit_transform(X), whole)


def test_as_a_transformer():
    pandas = pytest.importorskip("pandas")
    X, y = DIGITS.reshape(-1, 64)[:200], load_digits().target[:200]
    clf = MLPClassifierDIY(
        (16,), batch_norm=True, learning_rate_init=0.02, max_iter=15, random_state=0
    )
    model = make_pipeline(Deskew(), clf)
    grid = {"deskew": [Deskew(), "passthrough"]}
    search = GridSearchCV(model, grid, cv=2, error_score="raise").fit(X, y)
    assert min(search.cv_results_["mean_test_score"]) > 0.8
    alone = clone(clf).fit(Deskew().fit_transform(X), y)
    assert_array_equal(
        model.fit(X, y).predict_proba(X),
        alone.predict_proba(Deskew().fit_transform(X)),
    )
    frame = pandas.DataFrame(X, index=range(7, 207)).add_prefix("pixel")
    out = Deskew().set_output(transform="pandas").fit_transform(frame)
    assert list(out) == list(frame)
    assert_array_equal(out, Deskew().fit_transform(X))
    assert out.index.equals(frame.index)
    again = pickle.loads(pickle.dumps(Deskew((8, 8)).fit(X)))
    assert_array_equal(again.transform(X), Deskew().fit_transform(X))
    with pytest.raises(NotFittedError):
        Deskew().transform(X)


@pytest.mark.parametrize(
    ("shape", "X", "text"),
    [
        (None, np.ones((3, 63)), "Deskew: X has 63 features, which are no square"),
        ((9, 8), np.ones((3, 64)), r"Deskew: shape=\(9, 8\) must be"),
        ((8, 0), np.ones((3, 64)), "Deskew: shape must be None or a tuple of integers"),
        (64, np.ones((3, 64)), "'shape' parameter of Deskew must be .* Got 64"),
        (None, -np.ones((3, 64)), "Negative values in data passed to X in Deskew"),
        (None, np.full((3, 64), np.nan), "Input X contains NaN"),
    ],
)
def test_what_is_refused(shape, X, text):
    with pytest.raises(ValueError, match=text):
        Deskew(shape).fit(X)
