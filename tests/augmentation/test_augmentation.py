"""Mini-batches that differ each time: what each augmentation does, and when."""

import pickle
from unittest import mock

import matplotlib
import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from sklearn.base import clone
from sklearn.datasets import load_digits

from skdnn import MLPClassifierDIY, MLPRegressorDIY
from skdnn.augmentation import Affine, Elastic, Erase, InARow, MixUp, Noise
from skdnn.estimators.task.numbers import Numbers
from skdnn.training import loop

matplotlib.use("agg")
X, Y = load_digits(return_X_y=True)
X, Y = X[:300] / 16, Y[:300]
ALL = [Affine(), Elastic(), Noise(), Erase(), MixUp()]
each = pytest.mark.parametrize("value", ALL, ids=repr)


def network(**params):
    params = {"max_iter": 3, "batch_size": 50, "random_state": 0} | params
    return MLPClassifierDIY((16,), **params)


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
    mixed, others, shares = MixUp(0.5).mix(X, np.random.default_rng(0))
    assert_allclose(mixed, (1 - shares[:, None]) * X + shares[:, None] * X[others])
    assert_array_equal(np.sort(others), np.arange(300))
    # Half as MixUp(0.5): the arcsine distribution, of variance 1 / 8.
    assert_allclose(shares.std() ** 2, 1 / 8, rtol=0.2)


class Fixed:
    """Rows mixed with given others, by given shares."""

    def __init__(self, seed, n_rows, shares=None):
        rng = np.random.default_rng(seed)
        self.others = rng.integers(n_rows, size=n_rows)
        self.shares = rng.random(n_rows) if shares is None else shares

    def mix(self, X, rng):
        """Mix in place, which is allowed."""
        X += self.shares[:, None] * (X[self.others] - X)
        return X, self.others, self.shares

    def __call__(self, X, rng):
        """Mix."""
        return self.mix(X, rng)[0]


def mixed_by_hand(steps, X, y, weights):
    """Return rows, targets and weights that have the loss of mixed rows, unmixed."""
    X, parts = X.copy(), [(y, weights)]
    for step in steps:
        if not hasattr(step, "mix"):
            X = step(X, None)
            continue
        j, s = step.others, step.shares
        X = (1 - s[:, None]) * X + s[:, None] * X[j]
        # A row that is mixed again takes over what the other one is mixed of.
        sources = [(t, t[j], w, w[j]) for t, w in parts]
        parts = [(own, (1 - s) * w) for own, _, w, _ in sources]
        parts += [(theirs, s * w) for _, theirs, _, w in sources]
    targets, weights = map(np.concatenate, zip(*parts, strict=True))
    return np.tile(X, (len(parts), 1)), targets, weights


N_MIXED = 24
SMALL = np.random.default_rng(5).normal(size=(N_MIXED, 3))
LABELS = np.arange(N_MIXED) % 3
COUNTS = np.random.default_rng(6).poisson(2, size=N_MIXED).astype(float)
NUMBERS = np.random.default_rng(7).normal(size=(N_MIXED, 2))
WEIGHTS = np.random.default_rng(8).integers(0, 4, size=N_MIXED).astype(float)
MIXED = {
    "three classes": (MLPClassifierDIY, LABELS, {"label_smoothing": 0.1}),
    "two classes": (MLPClassifierDIY, LABELS > 0, {"class_weight": {True: 0.3}}),
    "labels": (MLPClassifierDIY, NUMBERS > 0, {"label_smoothing": 0.2}),
    "squares": (MLPRegressorDIY, NUMBERS, {}),
    "absolute": (MLPRegressorDIY, NUMBERS, {"loss": "absolute_error"}),
    "huber": (MLPRegressorDIY, NUMBERS, {"loss": "huber", "delta": 0.3}),
    "quantile": (MLPRegressorDIY, NUMBERS, {"loss": "quantile", "quantile": 0.8}),
    "gaussian": (MLPRegressorDIY, NUMBERS, {"loss": "gaussian"}),
    "poisson": (MLPRegressorDIY, COUNTS, {"loss": "poisson"}),
}


@pytest.mark.parametrize("n_networks", [1, 3])
@pytest.mark.parametrize("weights", [None, WEIGHTS], ids=["equal", "weights"])
@pytest.mark.parametrize("n_times", [1, 2])
@pytest.mark.parametrize("name", MIXED)
def test_a_mixed_row_is_learned_as_each_of_its_parts(
    name, n_times, weights, n_networks, monkeypatch
):
    """A step on mixed rows is a step on rows of one target each, weighed by hand."""
    # A Poisson network starts at the mean of y, which written out is another one.
    monkeypatch.setattr(Numbers, "start", lambda *args: None)
    kind, y, settings = MIXED[name]
    y = y.astype(int) if y.dtype == bool and y.ndim == 2 else y
    steps = [Fixed(k, N_MIXED) for k in range(n_times)]
    steps.insert(1, lambda X, rng: X * 1.5 - 0.2)
    settings = settings | {
        "hidden_layer_sizes": (4,),
        "activation": "tanh",
        "batch_norm": True,
        "solver": "sgd",
        "momentum": 0.0,
        "learning_rate_init": 0.1,
        "alpha": 0.3,
        "max_iter": 1,
        "shuffle": False,
        "dtype": "float64",
        "n_networks": n_networks,
        "random_state": 0,
    }
    if n_networks > 1 and weights is not None:
        weights = weights + 1.0  # a stack may not skip mini-batches
    mixed = kind(augmentation=steps, batch_size=N_MIXED, **settings)
    with np.errstate(all="raise"):
        mixed.fit(SMALL, y, weights)
    ones = np.ones(N_MIXED) if weights is None else weights
    rows, targets, shares = mixed_by_hand(steps, SMALL, y, ones)
    plain = kind(batch_size=len(rows), **settings).fit(rows, targets, shares)
    assert_allclose(
        mixed.network_.parameters, plain.network_.parameters, rtol=0, atol=1e-12
    )
    assert_allclose(mixed.loss_, plain.loss_)
    if kind is MLPClassifierDIY:  # R² is relative to all targets, as often as they come
        assert_allclose(mixed.history_[-1]["score"], plain.history_[-1]["score"])


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_balanced_classes_stay_balanced(dtype):
    nothing, y = np.zeros((1000, 1), dtype), (np.arange(1000) < 100).astype(int)
    settings = {"augmentation": MixUp(), "class_weight": "balanced", "alpha": 0}
    settings |= {"max_iter": 100, "learning_rate": "cosine", "random_state": 0}
    clf = MLPClassifierDIY((), learning_rate_init=0.1, **settings).fit(nothing, y)
    assert_allclose(clf.predict_proba(nothing[:1]), 0.5, atol=0.02)
    clf.set_params(class_weight={0: 1.0, 1: 0.0}).fit(nothing, y)
    assert clf.predict_proba(nothing[:1])[0, 1] < 0.02


def test_a_mini_batch_of_which_nothing_is_left():
    """All of each row with a weight goes to rows without one."""
    weights = np.r_[1.0, np.zeros(N_MIXED - 1)]
    step = Fixed(0, N_MIXED, shares=np.ones(N_MIXED))
    step.others[:] = N_MIXED - 1
    settings = {"augmentation": step, "max_iter": 3, "random_state": 0}
    clf = MLPClassifierDIY((4,), **settings).fit(SMALL, LABELS > 0, weights)
    start = MLPClassifierDIY(
        (4,), max_iter=1, learning_rate_init=1e-30, random_state=0
    ).fit(SMALL, LABELS > 0)
    assert_allclose(clf.coefs_[0], start.coefs_[0])


@pytest.mark.parametrize(
    ("mix", "error", "text"),
    [
        (lambda X, rng: X, TypeError, "must return X mixed, others and shares, got nd"),
        (lambda X, rng: (X, [0], [1]), ValueError, r"others must have the shape \(50"),
        (
            lambda X, rng: (X, np.full(50, 50), np.ones(50)),
            ValueError,
            r"others must be integers from 0 to 49, got \[50\]",
        ),
        (
            lambda X, rng: (X, np.zeros(50, int), np.full(50, 2)),
            ValueError,
            r"shares must be in \[0, 1\], got \[2\]",
        ),
    ],
)
def test_what_a_step_that_mixes_must_return(mix, error, text):
    class Wrong:
        def __call__(self, X, rng):
            return X

    step = Wrong()
    step.mix = mix
    with pytest.raises(error, match=text):
        network(augmentation=step).fit(X, Y)


def erase_in_place(X, rng):
    """Write to X, whatever it is."""
    X[rng.random(X.shape) < 0.3] = 0
    return X


@pytest.mark.parametrize("n_networks", [1, 3])
@pytest.mark.parametrize("augmentation", [erase_in_place, [lambda X, r: X, MixUp()]])
def test_what_works_in_place_writes_to_a_copy(tmp_path, augmentation, n_networks):
    """The same is learned as from a step that does not, and the data stay."""
    rows = X.astype(np.float32)
    np.save(tmp_path / "X.npy", rows)
    mapped = np.load(tmp_path / "X.npy", mmap_mode="r")
    writeable = np.load(tmp_path / "X.npy", mmap_mode="r+")

    def in_a_copy(X, rng):
        return np.array(erase_in_place(X.copy(), rng)[::-1], order="F")[::-1]

    params = {"shuffle": False, "n_networks": n_networks, "batch_size": 70}
    its_copy = in_a_copy if augmentation is erase_in_place else augmentation
    expected = network(augmentation=its_copy, **params).fit(rows.copy(), Y)
    for data in (rows, mapped, writeable):
        clf = network(augmentation=augmentation, **params).fit(data, Y)
        assert_array_equal(clf.network_.parameters, expected.network_.parameters)
        assert_array_equal(data, X.astype(np.float32))


def test_an_array_that_a_step_keeps_stays_its_own():
    """What one returns, the next does not write to."""
    kept = X[:50].astype(np.float32)
    kept.flags.writeable = False
    steps = [lambda X, rng: kept[: len(X)], erase_in_place]
    network(augmentation=steps, shuffle=False).fit(X, Y)
    assert_array_equal(kept, X[:50].astype(np.float32))
    rows = InARow([lambda X, rng: X[:, ::-1], lambda X, rng: X.round().tolist()])
    assert_array_equal(rows.change(X, None), X[:, ::-1].round())


def later(after, then):
    """Return an augmentation that does something else after so many calls."""
    calls = []

    def step(X, rng):
        calls.append(1)
        return then(X) if len(calls) > after else X

    return step


FAILURES = [
    (lambda X: X * np.nan, ValueError, "augmentation: .* returned NaN or infinity"),
    (lambda X: np.where(X > 0.5, np.inf, X), ValueError, "returned NaN or infinity"),
    (lambda X: X.astype(float) + 1e300, ValueError, "too large for float32"),
    (lambda X: None, TypeError, "returned None; it must return the rows"),
    (lambda X: X * 1j, TypeError, r"returned complex64 of shape \(50, 64\)"),
    (lambda X: [[1], [1, 2]], ValueError, "returned no array"),
    (lambda X: np.ma.masked_less(X, 0.5), TypeError, "returned masked values"),
    (lambda X: X[:, :3], ValueError, r"shape \(50, 3\) of one of shape \(50, 64\)"),
    (lambda X: {}["x"], KeyError, "'x'"),
]


@pytest.mark.parametrize("n_networks", [1, 3])
@pytest.mark.parametrize(("then", "error", "text"), FAILURES)
def test_a_step_that_fails(then, error, text, n_networks):
    """In the first epoch it is an error; later what was learned before is kept."""
    params = {"n_networks": n_networks, "activation": "tanh"}
    with pytest.raises(error, match=text):
        network(augmentation=later(0, then), **params).fit(X, Y)
    # Six mini-batches an epoch, of each network; the third epoch fails.
    fails = [lambda X, rng: X, later(12 * n_networks + 3, then)]
    clf = network(augmentation=fails, max_iter=5, **params)
    with pytest.warns(UserWarning) as record:
        clf.fit(X, Y)
    assert len(record) == 1  # also of several
    assert (
        "Augmentation failed in epoch 3: training ends, and the parameters of the epoch"
        f" before it are kept. {error.__name__}"
    ) in str(record[0].message)
    plain = network(augmentation=lambda X, rng: X, max_iter=2, **params).fit(X, Y)
    assert_array_equal(clf.network_.parameters, plain.network_.parameters)
    assert len(clf.history_) == 2


def test_partial_fit_with_a_step_that_fails():
    clf = network(augmentation=later(6, lambda X: X * np.nan))
    clf.partial_fit(X, Y, classes=range(10))
    before = clf.network_.parameters.copy()
    with pytest.raises(ValueError, match="returned NaN or infinity"):
        clf.partial_fit(X, Y)
    assert_array_equal(clf.network_.parameters, before)


def test_one_network_of_several_fails_alone():
    """The others go on, mixed or not."""
    n_calls = []

    def fails_once(X, rng):
        n_calls.append(1)
        return X * np.nan if len(n_calls) == 20 else X

    steps = [fails_once, MixUp()]
    clf = network(augmentation=steps, n_networks=3, max_iter=4)
    with pytest.warns(UserWarning, match="Augmentation failed in epoch 2"):
        clf.fit(X, Y)
    n_epochs = [len(it.history_) for it in clf.estimators_]
    assert sorted(n_epochs) == [1, 4, 4]
    assert np.isfinite(clf.network_.parameters).all()


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
    take_steps, n_epochs = loop.take_steps, []

    def dies(stack):
        n_epochs.append(1)
        if len(n_epochs) == 4:
            raise KeyError
        return take_steps(stack)

    with mock.patch.object(loop, "take_steps", dies):
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
