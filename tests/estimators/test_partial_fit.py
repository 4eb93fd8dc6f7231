"""Going on with what is there: partial_fit and warm starts."""

import pickle
import warnings

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from sklearn.neural_network import MLPClassifier

from helpers import first_part, of_both_pairs, outputs, quick, quick_of
from skdnn import MLPClassifierDIY


def test_warm_start_goes_on(iris, small):
    X, y = iris
    clf = small(warm_start=True, solver="sgd", momentum=0, shuffle=False, max_iter=3)
    clf.fit(X, y)
    assert clf.n_iter_ == 3
    clf.fit(X, y)
    whole = small(solver="sgd", momentum=0, shuffle=False, max_iter=6).fit(X, y)
    assert_array_equal(clf.network_.parameters, whole.network_.parameters)
    assert clf.loss_curve_ == whole.loss_curve_
    assert [row["epoch"] for row in clf.history_] == [1, 2, 3, 4, 5, 6]
    assert clf.t_ == whole.t_ == 900
    assert clf.n_iter_ == 3
    before = outputs(clf, X)
    with pytest.raises(ValueError, match="can only go on with the layers"):
        clf.set_params(hidden_layer_sizes=(7,)).fit(X, y)
    assert_array_equal(outputs(clf, X), before)
    with pytest.raises(ValueError, match="X has 3 features"):
        clf.set_params(hidden_layer_sizes=(100,)).fit(X[:, :3], y)


@pytest.mark.parametrize(
    "settings",
    [
        {},
        {"batch_norm": True, "dropout": 0.3},
        {"solver": "sgd", "ema_decay": 0.9},
        {"learning_rate": "one_cycle", "max_grad_norm": 1.0},
    ],
    ids=str,
)
def test_partial_fit_goes_on_bit_by_bit_after_pickling(digits, settings, small):
    X, y = digits
    chunks = [slice(i, i + 300) for i in range(0, 1500, 300)]
    straight, pickled = (small(hidden_layer_sizes=20, **settings) for _ in range(2))
    for rows in chunks:
        first_part(straight, X[rows], y[rows])
        first_part(pickled, X[rows], y[rows])
        pickled = pickle.loads(pickle.dumps(pickled))
    assert_array_equal(outputs(straight, X), outputs(pickled, X))
    assert_array_equal(straight.loss_curve_, pickled.loss_curve_)


def test_partial_fit_of_all_data_is_an_epoch_of_fit(digits, small):
    X, y = digits
    for settings in ({}, {"learning_rate": "cosine", "batch_norm": True}):
        clf = small(shuffle=False, **settings)
        for _ in range(5):
            first_part(clf, X, y)
        fitted = small(shuffle=False, **settings).fit(X, y)
        assert clf.loss_curve_ == fitted.loss_curve_
        assert_array_equal(clf.network_.parameters, fitted.network_.parameters)


def test_parameters_set_between_calls_of_partial_fit_take_effect(digits):
    X, y = digits
    classes = np.arange(10)

    def second_call(**changed):
        clf = quick(shuffle=False, dtype="float64").partial_fit(
            X[:20], y[:20], None, classes
        )
        clf.set_params(**changed).partial_fit(X, y)
        return clf

    theirs = MLPClassifier(random_state=0, shuffle=False)
    theirs.partial_fit(X[:20], y[:20], classes=classes)
    theirs.set_params(alpha=10.0).partial_fit(X, y)
    # batches of 200 again, after a first chunk of 20
    assert_allclose(second_call(alpha=10.0).loss_, theirs.loss_, rtol=1e-8)
    plain = second_call().network_.parameters
    for changed in (
        {"learning_rate_init": 0.1},
        {"batch_size": 50},
        {"max_grad_norm": 1e-3},
        {"solver": "sgd", "learning_rate_init": 0.1},
        {"label_smoothing": 0.5},
        {"ema_decay": 0.5},
    ):
        clf = second_call(**changed)
        assert (clf.network_.parameters != plain).any(), changed
    clf = second_call()
    for changed in ({"hidden_layer_sizes": (9,)}, {"dtype": "float32"}):
        clf = second_call()
        with pytest.raises(ValueError, match="can only go on with the layers, dtype"):
            clf.set_params(**changed).partial_fit(X, y)


@of_both_pairs
def test_partial_fit_keeps_no_data_and_knows_its_best_loss(digits, Theirs, Ours):
    X, y = digits
    clf = first_part(quick_of(Ours), X, y)
    job = clf._jobs[0]
    assert not {"X", "targets", "full"} & set(vars(job))
    assert job.order is job.rows is job.validate is None
    assert clf.best_loss_ == clf.loss_
    theirs = Theirs(random_state=0, shuffle=False)
    ours = quick_of(Ours, shuffle=False, dtype="float64")
    for _ in range(3):
        for each in (ours, theirs):
            first_part(each, X, y)
        assert_allclose(ours.best_loss_, theirs.best_loss_)


def test_the_adaptive_rate_falls_in_partial_fit_too(iris, small):
    X, y = iris
    settings = {"solver": "sgd", "learning_rate": "adaptive", "tol": 10.0}
    clf = small(n_iter_no_change=2, **settings)
    for _ in range(8):
        first_part(clf, X, y)
    rates = [row["learning_rate"] for row in clf.history_]
    assert_allclose(rates, 0.001 / 5.0 ** np.array([0, 0, 0, 0, 1, 1, 1, 2]))


def test_partial_fit_needs_two_classes_and_true_indicators(iris):
    X, y = iris
    with pytest.raises(ValueError, match="at least 2 classes"):
        quick().partial_fit(X[:50], y[:50], classes=[0])
    Y = np.eye(3, dtype=int)[y]
    clf = quick().partial_fit(X, Y, classes=[0, 1, 2])
    for bad in (Y * 0.5 + 0.25, Y.astype(str), Y[:, :2]):
        with pytest.raises(ValueError, match="indicator matrix"):
            clf.partial_fit(X, bad)
        with pytest.raises(ValueError, match="y_val .*indicator matrix"):
            quick().fit(X, Y, X_val=X, y_val=bad)
    with pytest.raises(ValueError, match="2 columns is needed"):
        quick().partial_fit(X, Y, classes=[0, 1])


def test_partial_fit_after_fit_and_fit_after_partial_fit(digits, small):
    X, y = digits
    clf = small().fit(X, y)
    loss = clf.loss_
    clf.partial_fit(X, y)
    assert clf.loss_ < loss
    assert len(clf.loss_curve_) == 6
    clf.fit(X, y)
    assert len(clf.loss_curve_) == 5
    assert_array_equal(clf.loss_curve_, small().fit(X, y).loss_curve_)
    # what only partial_fit needs is gone from the file
    parameters = clf.network_.parameters.nbytes
    assert len(pickle.dumps(clf)) < parameters + 10_000


def test_bad_partial_fit_loses_nothing(digits):
    X, y = digits
    clf = quick().partial_fit(X, y, classes=np.arange(10))
    before = clf.predict_proba(X)
    for arguments, message in [
        ((X, y + 5), "has classes not in `self.classes_`"),
        ((X[:, :3], y), "X has 3 features, but MLPClassifierDIY is expecting 64"),
        ((X, y, None, [1, 2]), r"`classes=\[1, 2\]` is not the same as on last call"),
        ((X * np.nan, y), "contains NaN"),
    ]:
        with pytest.raises(ValueError, match=message):
            clf.partial_fit(*arguments)
        assert_array_equal(clf.predict_proba(X), before)
    with pytest.raises(ValueError, match="classes must be passed on the first call"):
        quick().partial_fit(X, y)
    with pytest.raises(ValueError, match="does not support early_stopping=True"):
        quick(early_stopping=True).partial_fit(X, y, classes=np.arange(10))
    with pytest.raises(ValueError, match="'balanced' is not supported for partial_fit"):
        quick(class_weight="balanced").partial_fit(X, y, classes=np.arange(10))


@pytest.mark.parametrize("settings", [{}, {"ema_decay": 0.9, "dropout": 0.2}], ids=str)
def test_a_partial_fit_that_diverges_is_undone(digits, settings, small):
    X, y = digits
    clf = first_part(small(batch_norm=True, **settings), X, y)
    twin = pickle.loads(pickle.dumps(clf))
    with pytest.raises(ValueError, match="non-finite"):
        clf.partial_fit(X * 3e38, y)
    assert_array_equal(outputs(clf, X), outputs(twin, X))
    for each in (clf, twin):
        each.partial_fit(X, y)
    assert_array_equal(outputs(clf, X), outputs(twin, X))
    assert clf.loss_curve_ == twin.loss_curve_
    new = small(solver="sgd", learning_rate_init=1e38)
    with pytest.raises(ValueError, match="non-finite"):
        first_part(new, X * 1e4, y)
    assert not [name for name in vars(new) if name.endswith("_")]


def test_a_first_partial_fit_that_fails_says_why(cancer):
    X, y = cancer
    clf = MLPClassifierDIY(dropout=0.5, ema_decay=0.9, batch_norm=True)
    with pytest.raises(ValueError, match="non-finite"):
        clf.partial_fit(X * 1e30, y, classes=[0, 1])


def test_labels_of_another_kind(cancer):
    X, y = cancer
    clf = MLPClassifierDIY().partial_fit(X, y, classes=[0, 1])
    with pytest.raises(ValueError, match="classes not in `self.classes_`.*1970-01-01"):
        clf.partial_fit(X, y.astype("datetime64[D]"))


@pytest.mark.parametrize("learning_rate", ["one_cycle", "cosine"])
def test_partial_fit_says_once_that_the_plan_is_used_up(digits, learning_rate):
    X, y = digits
    clf = MLPClassifierDIY(learning_rate=learning_rate, max_iter=3, random_state=0)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        for _ in range(3):
            clf.partial_fit(X, y, classes=np.arange(10))
    with pytest.warns(UserWarning, match="laid out for max_iter=3 calls") as record:
        for _ in range(4):
            clf.partial_fit(X, y)
    assert [w.filename for w in record] == [__file__]
    before = clf.coefs_[0].copy()
    clf.set_params(max_iter=20)  # the way out
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        clf.partial_fit(X, y)
    assert not np.array_equal(clf.coefs_[0], before)


@pytest.mark.parametrize("n_networks", [1, 2])
def test_a_call_that_fails_late_leaves_every_byte_as_it_was(n_networks):
    X, y = np.random.RandomState(0).rand(20, 3), np.arange(20) % 3
    clf = MLPClassifierDIY((4,), batch_norm=True, n_networks=n_networks, random_state=0)
    clf.partial_fit(X, y, classes=[0, 1, 2])
    before = pickle.dumps(clf)
    with pytest.raises(ValueError, match="at least 2 samples"):
        clf.partial_fit(X[:1], y[:1])
    assert pickle.dumps(clf) == before


def test_a_first_call_that_fails_leaves_the_random_numbers_of_its_epoch(iris):
    X, y = iris
    rngs = np.random.RandomState(0), np.random.RandomState(0)
    failing, other = (quick(random_state=rng) for rng in rngs)
    with pytest.raises(ValueError, match="non-finite"):
        first_part(failing.set_params(learning_rate_init=1e300), X, y)
    with pytest.raises(ValueError, match="mini-batches of at least 2 samples"):
        first_part(other.set_params(batch_norm=True, batch_size=1), X, y)
    assert rngs[0].random_sample() == rngs[1].random_sample()


@pytest.mark.parametrize("goes_on", ["fit", "partial_fit"])
def test_the_only_network_that_goes_on_without_resampling_is_no_ensemble(iris, goes_on):
    X, y = iris
    clf = quick(4, resampling="bootstrap", warm_start=True)
    clf.fit(X, y).set_params(resampling=None)
    getattr(clf, goes_on)(X, y)
    assert not hasattr(clf, "estimators_")
    n_seen = clf.t_
    clf.fit(X, y)
    assert clf.t_ == n_seen + 5 * len(X)


@pytest.mark.parametrize("n_networks", [1, 3])
def test_the_number_of_networks_does_not_change_between_calls(iris, n_networks):
    X, y = iris
    clf = first_part(quick(4, n_networks=2), X, y)
    before = clf.predict_proba(X)
    with pytest.raises(ValueError, match="but training is to go on with 2"):
        clf.set_params(n_networks=n_networks).partial_fit(X, y)
    assert_array_equal(clf.predict_proba(X), before)
    clf.set_params(n_networks=2).partial_fit(X, y)


def test_class_weight_of_a_wrong_type_between_calls(iris):
    X, y = iris
    clf = first_part(quick(4), X, y)
    with pytest.raises(ValueError, match="are not in class_weight"):
        clf.set_params(class_weight=[{0: 2.0}]).partial_fit(X, y)
