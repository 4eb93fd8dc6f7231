"""Mini-batches that differ each time: what each augmentation does, and when."""

import pickle
from dataclasses import replace
from types import SimpleNamespace
from unittest import mock

import matplotlib
import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from scipy import ndimage, sparse
from sklearn.base import clone
from sklearn.datasets import load_digits
from sklearn.exceptions import NotFittedError
from sklearn.model_selection import GridSearchCV

from skdnn import MLPClassifierDIY, MLPRegressorDIY
from skdnn.augmentation import (
    Affine,
    AveragedOverCopies,
    Elastic,
    Erase,
    InARow,
    MixUp,
    Noise,
)
from skdnn.displays import AugmentationDisplay
from skdnn.images.pixels import bilinear_maps, middle_grid
from skdnn.training import GradientDescent

matplotlib.use("agg")
X, Y = load_digits(return_X_y=True)
X, Y = X[:300] / 16, Y[:300]
ALL = [Affine(), Elastic(), Noise(), Erase(), MixUp()]
each = pytest.mark.parametrize("value", ALL, ids=repr)
pytestmark = pytest.mark.filterwarnings("ignore:Stochastic Optimizer")


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


def test_noise():
    many = np.zeros((1000, 20), np.float32)
    noise = Noise(0.3)(many, np.random.default_rng(0))
    assert_allclose(noise.std(), 0.3, rtol=0.02)
    assert_allclose(noise.mean(), 0, atol=0.01)


def test_erase():
    many = np.ones((3000, 10 * 8))
    erased = Erase(0.5, value=-1, shape=(10, 8))(many, np.random.default_rng(0)) == -1
    erased = erased.reshape(-1, 10, 8)
    down, across = erased.any(axis=2).sum(axis=1), erased.any(axis=1).sum(axis=1)
    assert_array_equal(erased.sum(axis=(1, 2)), down * across)  # rectangles
    assert down.max() == 5
    assert across.max() == 4
    assert_allclose(erased.mean(), 0.25**2, rtol=0.1)


def test_mixup():
    rng = np.random.default_rng(0)
    targets = np.eye(10)[Y]
    mixed, mixed_targets = MixUp(0.5).mix(X, targets, rng)
    # Rows and targets have the same shares of the same others.
    whole = np.hstack([X, targets])
    again, _ = MixUp(0.5).mix(whole, targets, np.random.default_rng(0))
    assert_allclose(again, np.hstack([mixed, mixed_targets]))
    shares = 1 - (mixed_targets * targets).sum(axis=1)
    assert_allclose(mixed_targets.sum(axis=1), 1)
    # Half as MixUp(0.5): the arcsine distribution, of variance 1 / 8; a tenth of the
    # others have the same label.
    different = shares > 0
    assert 0.8 < different.mean() < 0.97
    assert_allclose(shares[different].std() ** 2, 1 / 8, rtol=0.2)


@each
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_rows_are_left_as_they_are(value, dtype):
    before = X.astype(dtype)
    rows = before.copy()
    changed = value(rows, np.random.default_rng(0))
    assert_array_equal(rows, before)
    assert changed.dtype == dtype
    assert changed.shape == rows.shape
    assert not np.array_equal(changed, rows)
    assert_array_equal(changed, value(rows, np.random.default_rng(0)))
    assert not np.array_equal(changed, value(rows, np.random.default_rng(1)))


@each
def test_values(value):
    assert value == eval(repr(value))
    assert value == pickle.loads(pickle.dumps(value))
    assert hash(value) == hash(eval(repr(value)))
    assert clone(network(augmentation=[value])).augmentation == [value]


@each
def test_the_same_bits_for_the_same_seed(value):
    clf = network(augmentation=value).fit(X, Y)
    again = network(augmentation=[value]).fit(X, Y)
    assert_array_equal(again.network_.parameters, clf.network_.parameters)
    plain = network().fit(X, Y)
    assert not np.array_equal(plain.network_.parameters, clf.network_.parameters)


def test_only_training_sees_it():
    def nothing(X, rng):
        return X * 0

    clf = network(augmentation=nothing, alpha=0)
    clf.fit(X, Y, X_val=X, y_val=Y)
    start = network(max_iter=1, learning_rate_init=1e-30).fit(X, Y)
    assert_allclose(clf.coefs_[0], start.coefs_[0])  # which has learned nothing
    first, last = clf.history_[0], clf.history_[-1]
    assert abs(last["loss"] - np.log(10)) < 0.1
    assert first["validation_loss"] != pytest.approx(first["loss"], rel=1e-3)
    assert_allclose(
        last["validation_loss"],
        -np.mean(clf.predict_log_proba(X)[np.arange(300), Y]),
        rtol=1e-5,
    )


def test_functions_and_values_in_a_row():
    calls = []

    def brighter(X, rng):
        calls.append(X.shape)
        return (X + rng.random()).astype(np.float64)

    network(augmentation=[Noise(0.1), brighter]).fit(X, Y)
    assert calls == [(50, 64)] * 18


@pytest.mark.parametrize("n_networks", [1, 3])
def test_several_networks_each_have_their_own(n_networks):
    together = network(augmentation=[Affine(), MixUp()], n_networks=n_networks)
    together.fit(X, Y)
    for alone in getattr(together, "estimators_", [together]):
        seed = alone.random_state
        expected = network(augmentation=[Affine(), MixUp()], random_state=seed)
        expected.fit(X, Y)
        assert_allclose(
            alone.network_.parameters, expected.network_.parameters, atol=2e-5
        )


@pytest.mark.parametrize("augmentation", [ALL, Noise(0.2)], ids=["all", "noise"])
def test_a_fit_that_was_killed_goes_on(tmp_path, augmentation):
    params = {"augmentation": augmentation, "dropout": 0.2, "max_iter": 6}
    whole = network(**params).fit(X, Y)
    kept = network(checkpoint_dir=tmp_path, **params)
    run, n_epochs = GradientDescent.before_epoch, []

    def dies(trainer):
        n_epochs.append(1)
        if len(n_epochs) == 4:
            raise KeyError
        run(trainer)

    with mock.patch.object(GradientDescent, "before_epoch", dies):
        with pytest.raises(KeyError):
            clone(kept).fit(X, Y)
        kept.fit(X, Y)
    assert len(n_epochs) == 4 + 3
    assert_array_equal(kept.network_.parameters, whole.network_.parameters)


def test_partial_fit_goes_on_through_pickling():
    steady, pickled = (network(augmentation=ALL) for _ in range(2))
    for _ in range(3):
        steady.partial_fit(X, Y, classes=range(10))
        pickled.partial_fit(X, Y, classes=range(10))
        pickled = pickle.loads(pickle.dumps(pickled))
    assert_array_equal(pickled.network_.parameters, steady.network_.parameters)


def test_memory_maps_of_bytes_and_weights(tmp_path):
    pixels = (X * 255).astype(np.uint8)
    mapped = np.memmap(tmp_path / "pixels", np.uint8, "w+", shape=pixels.shape)
    mapped[:] = pixels
    weights = np.linspace(0, 2, 300)
    params = {"augmentation": [Affine(), Noise(10.0)], "shuffle": False}
    clf = network(**params).fit(mapped, Y, weights)
    plain = network(**params).fit(pixels.astype(np.float32), Y, weights)
    assert_array_equal(clf.network_.parameters, plain.network_.parameters)
    assert_array_equal(mapped, pixels)


def test_numbers_are_mixed_too():
    reg = MLPRegressorDIY(
        augmentation=MixUp(1.0),
        standardize_target=True,
        learning_rate_init=0.01,
        random_state=0,
    )
    y = X @ np.arange(64) / 64
    assert reg.fit(X, y).score(X, y) > 0.8


def test_in_a_search():
    search = GridSearchCV(
        network(), {"augmentation": [None, Noise(), [Affine()]]}, cv=2
    )
    assert len(search.fit(X, Y).cv_results_["params"]) == 3


def test_deformed_digits_are_learned_better():
    params = {"max_iter": 100, "learning_rate_init": 0.01, "batch_norm": True}
    params |= {"learning_rate": "one_cycle", "hidden_layer_sizes": (100,)}
    few, new = slice(100), slice(100, 300)
    plain = network().set_params(**params).fit(X[few], Y[few])
    deformed = clone(plain).set_params(augmentation=Affine()).fit(X[few], Y[few])
    assert deformed.score(X[new], Y[new]) > plain.score(X[new], Y[new]) + 0.02


@pytest.mark.parametrize(
    ("augmentation", "error", "text"),
    [
        ([Noise], TypeError, "augmentation must be a value of skdnn.augmentation"),
        ([1], TypeError, "augmentation must be a value of skdnn.augmentation"),
        ("noise", ValueError, "'augmentation' parameter"),
        (lambda X, rng: X[1:], ValueError, r"of shape \(49, 64\) of one of shape"),
        (
            Affine(shape=(5, 5)),
            ValueError,
            r"\(5, 5\) must be .* with 64 numbers",
        ),
        (Affine(shape="8x8"), ValueError, "shape must be None or a tuple .*got '8x8'"),
        (Erase(shape=(8.0, 8)), ValueError, r"shape must be .* got \(8.0, 8\)"),
    ],
    ids=["class", "number", "string", "shape", "image", "text", "fraction"],
)
def test_what_is_refused(augmentation, error, text):
    clf = network().fit(X, Y)
    before = clf.network_.parameters.copy()
    with pytest.raises(error, match=text):
        clf.set_params(augmentation=augmentation).fit(X, Y)
    assert_array_equal(clf.network_.parameters, before)


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


@pytest.mark.parametrize(
    ("make", "text"),
    [
        (lambda: Affine(rotation=-1), "Affine: rotation must be a number of 0 or more"),
        (lambda: Affine(scale=1), "Affine: scale must be below 1, got 1"),
        (lambda: Elastic(sigma=np.nan), "Elastic: sigma must be a number"),
        (lambda: Noise("much"), "Noise: std must be a number of 0 or more, got 'much'"),
        (lambda: Erase(2), "Erase: size must be at most 1, got 2"),
        (lambda: MixUp(0), "MixUp: alpha must be greater than 0"),
    ],
)
def test_values_that_are_refused(make, text):
    with pytest.raises(ValueError, match=text):
        make()


def test_predictions_averaged_over_copies():
    clf = network(max_iter=20).fit(X, Y)
    averaged = AveragedOverCopies(clf, [Affine(), Noise()], n_copies=3)
    P = averaged.predict_proba(X)
    rng = np.random.default_rng(np.random.RandomState(0).randint(2**31 - 1))
    change, nothing = InARow([Affine(), Noise()]), np.zeros((300, 1))
    copies = [X, *(change(X, nothing, rng)[0] for _ in range(3))]
    each = [clf.predict_proba(copy) for copy in copies]
    assert_allclose(P, np.mean(each, axis=0), rtol=1e-5)
    assert_array_equal(P, averaged.predict_proba(X))
    assert_array_equal(averaged.predict(X), P.argmax(axis=1))
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


def test_display():
    display = AugmentationDisplay.from_augmentation(Noise(), X[:2], n_copies=3)
    assert display.images.shape == (2, 4, 8, 8)
    assert_array_equal(display.images[:, 0].reshape(2, -1), X[:2])
    assert len(display.images_) == 8
    assert not np.array_equal(display.images[0, 1], display.images[0, 2])
    color = np.random.default_rng(0).random((2, 5 * 4 * 3))
    shape = {"image_shape": (5, 4, 3), "n_copies": 2}
    display = AugmentationDisplay.from_augmentation(
        Affine(shape=(5, 4, 3)), color, **shape
    )
    assert display.images_[0].get_array().shape == (5, 4, 3)
    with pytest.raises(ValueError, match="n_copies"):
        AugmentationDisplay.from_augmentation(Noise(), X[:2], n_copies=0)
