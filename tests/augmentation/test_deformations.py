"""Images that are moved and bent: against SciPy, once interpolated."""

from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import pytest
from numpy.testing import assert_allclose
from scipy import ndimage, sparse
from sklearn.base import clone
from sklearn.datasets import load_digits

from skdnn import MLPClassifierDIY
from skdnn.augmentation import Affine, Elastic, Erase, InARow, Noise
from skdnn.images.pixels import bilinear_maps, middle_grid

X, Y = load_digits(return_X_y=True)
X, Y = X[:300] / 16, Y[:300]


def network(**params):
    params = {"max_iter": 3, "batch_size": 50, "random_state": 0} | params
    return MLPClassifierDIY((16,), **params)


def fixed(**draws):
    """Return a generator whose uniform numbers are given, in order."""
    numbers = iter(draws["uniform"])
    return SimpleNamespace(uniform=lambda low, high, size: np.full(size, next(numbers)))


def test_bilinear_maps_against_scipy():
    rng = np.random.default_rng(0)
    height, width, n_maps = 7, 9, 3
    images = rng.normal(size=(n_maps, height, width))
    places = middle_grid(height, width) + 2 * rng.normal(
        size=(n_maps, 2, height, width)
    )
    maps = bilinear_maps(places, np.float64)
    ours = (maps @ images.ravel()).reshape(images.shape)
    middle = np.array([(height - 1) / 2, (width - 1) / 2]).reshape(2, 1, 1)
    for image, its_places, result in zip(images, places, ours, strict=True):
        expected = ndimage.map_coordinates(
            image, its_places + middle, order=1, mode="nearest"
        )
        assert_allclose(result, expected, atol=1e-12)


@pytest.mark.parametrize(
    ("value", "draws", "matrix", "shift"),
    [
        (Affine(90, 0, 0, 0), (1, 0, 0, 0), [[0, -1], [1, 0]], (0, 0)),
        (Affine(0, 0.5, 0, 0), (0, 1, 0, 0), [[1 / 1.5, 0], [0, 1 / 1.5]], (0, 0)),
        (Affine(0, 0, 0.3, 0), (0, 0, 1, 0), [[1, 0], [0.3, 1]], (0, 0)),
        (Affine(0, 0, 0, 2), (0, 0, 0, 1), [[1, 0], [0, 1]], (2, 2)),
    ],
    ids=["rotation", "scale", "shear", "shift"],
)
def test_affine_against_scipy(value, draws, matrix, shift):
    images = X[:30].reshape(-1, 8, 8)
    middle = np.array([3.5, 3.5])
    offset = middle - matrix @ middle + shift
    result = value(X[:30], fixed(uniform=draws)).reshape(images.shape)
    for image, its in zip(images, result, strict=True):
        expected = ndimage.affine_transform(
            image, matrix, offset, order=1, mode="nearest"
        )
        assert_allclose(its, expected, atol=1e-5)


def test_elastic_ways_have_the_size_and_smoothness_asked_for():
    places = np.zeros((2000, 2, 28, 28), np.float32)
    ways = Elastic(alpha=1.5, sigma=4).move(places, np.random.default_rng(0))
    assert_allclose(ways.std(axis=0), 1.5, rtol=0.1)
    inside = ways[:, :, 14]
    correlation = np.mean(inside[..., 10] * inside[..., 14]) / 1.5**2
    # Of white noise smoothed with a Gaussian: exp(-d² / (4 sigma²)).
    assert_allclose(correlation, np.exp(-(4**2) / (4 * 4**2)), atol=0.05)


def test_deformations_in_a_row_interpolate_once():
    moved, bent = Affine(20, 0.2, 0.1, 1), Elastic(1, 3)
    (step,) = InARow([moved, bent]).steps
    result = step(X[:25], np.random.default_rng(0))
    rng = np.random.default_rng(0)
    places = middle_grid(8, 8)[np.newaxis]
    places = moved.move(bent.move(places, rng), rng)
    maps = bilinear_maps(places, np.float64)
    assert_allclose(result, (maps @ X[:25].T).T, atol=1e-12)
    others = InARow([moved, Noise(), bent, Elastic(shape=(4, 16))]).steps
    assert len(others) == 4


def test_colors_are_moved_together():
    rng = np.random.default_rng(0)
    images = rng.random((30, 6, 5, 3))
    color = Affine(20, shape=(6, 5, 3))
    plain = replace(color, shape=(6, 5))
    result = color(images.reshape(30, -1), np.random.default_rng(1)).reshape(
        images.shape
    )
    for c in range(3):
        channel = images[..., c].reshape(30, -1)
        expected = plain(channel, np.random.default_rng(1))
        assert_allclose(result[..., c].reshape(30, -1), expected, atol=1e-12)


@pytest.mark.parametrize("kind", [Affine, Elastic, Erase])
def test_shapes_are_tuples_of_integers(kind):
    value = kind(shape=(8, 8))
    for shape in ([8, 8], np.array([8, 8]), (np.int64(8), np.uint8(8))):
        assert kind(shape=shape) == value
        assert hash(kind(shape=shape)) == hash(value)
        assert repr(kind(shape=shape)) == repr(value)
    color = X[:, :48]
    with pytest.raises(ValueError, match=r"looks like \(channels, height, width\)"):
        network(augmentation=kind(shape=(3, 2, 8))).fit(color, Y)
    with pytest.raises(ValueError, match=r"set shape=\(2, 8, 3\)"):
        kind(shape=(3, 2, 8))(color, None)
    network(augmentation=kind(shape=(2, 8, 3)), max_iter=1).fit(color, Y)
    network(augmentation=kind(shape=(4, 3, 4)), max_iter=1).fit(color, Y)
    network(augmentation=kind(shape=(3, 16)), max_iter=1).fit(color, Y)


def test_images_that_are_none():
    with pytest.raises(ValueError, match="63 features, which are no square image"):
        network(augmentation=Elastic()).fit(X[:, 1:], Y)
    with pytest.raises(ValueError, match="4 features, which are no .* give the shape"):
        network(augmentation=Affine()).fit(X[:, :4], Y)
    network(augmentation=Affine(shape=(2, 2)), max_iter=1).fit(X[:, :4], Y)
    with pytest.raises(TypeError, match="needs dense rows, but X is sparse"):
        network(augmentation=Noise()).fit(sparse.csr_array(X), Y)
    with pytest.raises(ValueError, match="not available with solver='lbfgs'"):
        network(augmentation=Noise(), solver="lbfgs").fit(X, Y)


def test_deformed_digits_are_learned_better():
    params = {"max_iter": 100, "learning_rate_init": 0.01, "batch_norm": True}
    params |= {"learning_rate": "one_cycle", "hidden_layer_sizes": (100,)}
    few, new = slice(100), slice(100, 300)
    plain = network().set_params(**params).fit(X[few], Y[few])
    deformed = clone(plain).set_params(augmentation=Affine()).fit(X[few], Y[few])
    assert deformed.score(X[new], Y[new]) > plain.score(X[new], Y[new]) + 0.02
