"""What both estimators share beyond scikit-learn: one test for both."""

import re
import tracemalloc
import warnings
from functools import partial

import joblib
import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from skdnn.training.lockstep import Lockstep
from sklearn.base import clone
from sklearn.datasets import load_digits
from sklearn.exceptions import ConvergenceWarning, DataConversionWarning
from sklearn.metrics import make_scorer

from helpers import check_refusal, of_both_pairs, outputs, quick_of
from skdnn import MLPClassifierDIY, MLPRegressorDIY
from skdnn.nn import ELU, Dense, GaussianOutput, Normal, ReLU, Softmax
from skdnn.training import MiniBatch

pytestmark = pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")


@pytest.fixture(
    params=[MLPClassifierDIY, MLPRegressorDIY], ids=["classifier", "regressor"]
)
def quick(request):
    """Return what makes a small estimator."""
    return partial(quick_of, request.param)


def test_float32_is_close_to_float64(digits, quick):
    X, y = digits
    single, double = quick().fit(X, y), quick(dtype="float64").fit(X, y)
    assert_allclose(single.loss_curve_, double.loss_curve_, rtol=1e-4)
    assert_allclose(outputs(single, X), outputs(double, X), atol=1e-4)


@pytest.mark.parametrize("dtype", ["float32", "auto"])
def test_too_large_for_the_network_is_an_error_also_when_predicting(
    iris, dtype, tmp_path, quick
):
    X, y = iris
    X = X.astype(np.float32)
    clf = quick(dtype=dtype).fit(X, y)
    huge = np.memmap(tmp_path / "x", np.float64, "w+", shape=X.shape)
    huge[:] = X.astype(np.float64) * 1e39
    for given in (np.array(huge), huge):
        with pytest.raises(ValueError, match="too large for dtype"):
            outputs(clf, given)
    with pytest.raises(ValueError, match="too large for dtype"):
        quick().fit(huge, y)
    with pytest.raises(ValueError, match="too large for dtype"):
        clf.set_params(dtype="float64").predict(np.array(huge))


def test_gradient_norms_are_those_of_the_loss(iris, quick):
    # One epoch of one mini-batch: the gradient at the initial weights is the change
    # of the weights under plain gradient descent.
    X, y = iris
    clf = quick(solver="sgd", momentum=0, max_iter=1, dtype="float64", alpha=0.5)
    fitted = clone(clf).set_params(learning_rate_init=1.0).fit(X, y)
    start = clone(clf).set_params(learning_rate_init=1e-300).fit(X, y)
    for i, name in enumerate(["Dense_1", "Dense_2"]):
        change = np.concatenate(
            [
                (fitted.coefs_[i] - start.coefs_[i]).ravel(),
                fitted.intercepts_[i] - start.intercepts_[i],
            ]
        )
        norm = fitted.history_[0]["gradient_norm"][name]
        assert_allclose(norm, np.linalg.norm(change))


def rates(quick, X, y, **settings):
    clf = quick(n_iter_no_change=np.inf, **settings).fit(X, y)
    return [row["learning_rate"] for row in clf.history_]


@pytest.mark.parametrize("solver", ["sgd", "adam", "adamw"])
def test_every_schedule_with_every_solver(iris, solver, quick):
    X, y = iris
    fit = {"solver": solver, "max_iter": 10, "learning_rate_init": 0.1}
    assert rates(quick, X, y, **fit) == [0.1] * 10
    expected = 0.1 / (np.arange(10) * 150 + 1) ** 0.3
    assert_allclose(
        rates(quick, X, y, learning_rate="invscaling", power_t=0.3, **fit), expected
    )
    middle = (np.arange(10) + 0.5) / 10  # one mini-batch an epoch
    expected = 0.1 * np.cos(middle * np.pi / 2) ** 2
    assert_allclose(rates(quick, X, y, learning_rate="cosine", **fit), expected)
    expected = 0.1 * np.interp(middle, [0, 0.2, 1], [0, 1, 0])
    assert_allclose(rates(quick, X, y, learning_rate="one_cycle", **fit), expected)
    clf = quick(learning_rate="adaptive", tol=10, n_iter_no_change=1, **fit).fit(X, y)
    observed = [row["learning_rate"] for row in clf.history_]
    # The first epoch always improves on infinity; then 2 epochs without improvement.
    assert_allclose(observed, 0.1 / 5.0 ** np.array([0, 0, 0, 1, 1, 2, 2, 3, 3, 4]))


def test_max_grad_norm_bounds_each_step(iris, quick):
    X, y = iris
    plain = {"solver": "sgd", "momentum": 0, "learning_rate_init": 1.0, "max_iter": 1}
    start = quick(**{**plain, "learning_rate_init": 1e-30}).fit(X, y).network_
    free = quick(**plain).fit(X, y).network_
    clipped = quick(max_grad_norm=0.01, **plain).fit(X, y).network_
    free_step = free.parameters - start.parameters
    step = clipped.parameters - start.parameters
    assert np.linalg.norm(free_step) > 0.1
    assert_allclose(np.linalg.norm(step), 0.01, rtol=1e-3)
    assert_allclose(
        step / np.linalg.norm(step), free_step / np.linalg.norm(free_step), atol=1e-4
    )


def test_stops_when_nothing_improves(iris, quick):
    X, y = iris
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        clf = quick(tol=10, n_iter_no_change=4, max_iter=50).fit(X, y)
    assert clf.n_iter_ == 6
    with pytest.warns(ConvergenceWarning, match=r"Maximum iterations \(5\) reached"):
        quick().fit(X, y)
    with warnings.catch_warnings():  # these schedules are made for max_iter epochs
        warnings.simplefilter("error")
        quick(learning_rate="one_cycle").fit(X, y)
        quick(learning_rate="cosine").fit(X, y)


@of_both_pairs
def test_verbose_prints_scikit_learns_lines(iris, capsys, Theirs, Ours):
    X, y = iris
    settings = {"early_stopping": True, "n_iter_no_change": 2}
    settings |= {"random_state": 0, "tol": 0.5, "max_iter": 30}
    keep = y < 2
    Theirs(verbose=True, **settings).fit(X[keep], y[keep])
    theirs = capsys.readouterr().out
    Ours(dtype="float64", verbose=True, **settings).fit(X[keep], y[keep])
    assert capsys.readouterr().out == theirs
    assert "Stopping" in theirs
    Ours(**settings).fit(X, y)
    assert capsys.readouterr().out == ""


def test_dtype_of_the_arithmetic(digits, quick):
    X, y = digits
    for dtype, input_dtype, expected in [
        ("float32", np.float64, np.float32),
        ("float64", np.float32, np.float64),
        ("auto", np.float32, np.float32),
        ("auto", np.float64, np.float64),
        ("auto", np.uint8, np.float64),
    ]:
        clf = quick(dtype=dtype).fit(X.astype(input_dtype), y)
        assert clf.coefs_[0].dtype == expected
        assert outputs(clf, X[:3].astype(input_dtype)).dtype == expected


def test_integers_are_cast_as_they_are_gathered(quick):
    X, y = load_digits(return_X_y=True)
    clf = quick(early_stopping=True).fit(X.astype(np.uint8), y)
    expected = quick(early_stopping=True).fit(X.astype(np.float32), y)
    assert_array_equal(clf.loss_curve_, expected.loss_curve_)
    assert_array_equal(outputs(clf, X.astype(np.uint8)), outputs(expected, X))


def test_unshuffled_batches_are_cast_as_well(quick):
    X, y = load_digits(return_X_y=True)
    clf = quick(shuffle=False).fit(X.astype(np.uint8), y)
    expected = quick(shuffle=False).fit(X.astype(np.float32), y)
    assert_array_equal(clf.loss_curve_, expected.loss_curve_)


def test_batch_size(iris, quick):
    X, y = iris
    with pytest.warns(UserWarning, match="It is going to be clipped"):
        clipped = quick(batch_size=1000).fit(X, y)
    assert_array_equal(clipped.loss_curve_, quick(batch_size=150).fit(X, y).loss_curve_)
    assert quick(batch_size=40).fit(X, y).loss_ != clipped.loss_


def test_same_seed_same_bits_and_dropout_flows_from_it(digits, quick):
    X, y = digits
    first = quick(dropout=0.5, batch_norm=True).fit(X, y)
    again = quick(dropout=0.5, batch_norm=True).fit(X, y)
    other = quick(dropout=0.5, batch_norm=True, random_state=1).fit(X, y)
    assert_array_equal(first.network_.parameters, again.network_.parameters)
    assert (first.network_.parameters != other.network_.parameters).any()


def test_feature_names(iris, quick):
    pandas = pytest.importorskip("pandas")
    X, y = iris
    frame = pandas.DataFrame(X, columns=list("abcd"))
    clf = quick().fit(frame, y)
    assert_array_equal(clf.feature_names_in_, list("abcd"))
    with pytest.raises(ValueError, match="feature names"):
        clf.predict(frame[list("dcba")])
    assert not hasattr(clf.fit(X, y), "feature_names_in_")


def test_joblib_keeps_the_parameters_and_no_more(digits, tmp_path, quick):
    X, y = digits
    clf = quick(
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


BAD_X = {
    "nan": (lambda X, y: (np.where(X > 1, np.nan, X), y), "contains NaN"),
    "infinity": (lambda X, y: (np.where(X > 1, np.inf, X), y), "infinity"),
    "huge": (lambda X, y: (X * 1e300, y), "too large for dtype"),
    "empty": (lambda X, y: (X[:0], y[:0]), "Found array with 0 sample"),
    "no features": (lambda X, y: (X[:, :0], y), "0 feature"),
    "lengths": (lambda X, y: (X, y[:-1]), "inconsistent numbers of samples"),
    "one dimension": (lambda X, y: (X[:, 0], y), "Expected 2D array"),
    "nan in y": (lambda X, y: (X, np.where(y == 0, np.nan, y)), "contains NaN"),
}
BAD_ARGUMENTS = [
    ({"hidden_layer_sizes": (10, -3)}, r"hidden_layer_sizes must be > 0, got \[10, -3"),
    ({"hidden_layer_sizes": (10, 2.5)}, r"hidden_layer_sizes"),
    ({"hidden_layer_sizes": 0}, "'hidden_layer_sizes' parameter.* Got 0 instead"),
    ({"activation": "rel"}, "'activation' parameter .*'relu'.* Got 'rel' instead"),
    ({"solver": "adm"}, "'solver' parameter .* Got 'adm' instead"),
    ({"learning_rate": "warm"}, "'learning_rate' .*'one_cycle'.* Got 'warm' instead"),
    ({"alpha": -1}, "'alpha' parameter .* Got -1 instead"),
    ({"batch_size": -5}, "'batch_size' parameter .* Got -5 instead"),
    ({"max_iter": 0}, "'max_iter' parameter .* Got 0 instead"),
    ({"dropout": 1.0}, "'dropout' parameter .* Got 1.0 instead"),
    ({"batch_norm": "yes"}, "'batch_norm' parameter .* Got 'yes' instead"),
    ({"max_grad_norm": 0}, "'max_grad_norm' parameter .* Got 0 instead"),
    ({"dtype": "float16"}, "'dtype' parameter .* Got 'float16' instead"),
    ({"validation_fraction": 1.5}, "'validation_fraction' parameter .* Got 1.5"),
    ({"architecture": "deep"}, "'architecture' parameter .* Got 'deep' instead"),
    ({"architecture": [Dense(5), ReLU]}, "architecture: Layer 1 is the class ReLU"),
    ({"architecture": [Dense(5), "relu"]}, "architecture: Layer 1 must .* got 'relu'"),
    ({"architecture": [Softmax(), Dense(3)]}, "it can only be the last"),
    ({"weight_init": lambda *shape: 0}, "weight_init: <.* must return .* got 0"),
    ({"architecture": [Dense(7), GaussianOutput()]}, "even number .* got 7"),
    ({"architecture": [Dense(5), ELU(1e39)]}, r"ELU: alpha .* float32, got 1e\+39"),
    ({"epsilon": 1e-50}, "solver='adam': epsilon must be in .* got 1e-50"),
    ({"architecture": [Dense(5)], "dropout": 0.5}, "dropout=0.5 has no effect"),
    ({"transform_layer": "ReLU_2"}, "transform_layer='ReLU_2' .*'Dense_1', 'ReLU_1'"),
    ({"architecture": [Dense(5)], "batch_norm": True}, "batch_norm=True has no effect"),
]


@pytest.fixture
def fitted(iris, quick):
    return quick().fit(*iris)


@pytest.mark.filterwarnings("ignore:overflow")
@pytest.mark.parametrize(("spoil", "message"), BAD_X.values(), ids=BAD_X)
def test_bad_data_are_named_and_leave_the_estimator_as_it_was(
    iris, fitted, quick, spoil, message
):
    X, y = iris
    for estimator in (fitted, quick()):
        check_refusal(estimator, X, spoil(X, y), message)


@pytest.mark.parametrize(
    ("arguments", "message"),
    BAD_ARGUMENTS,
    ids=lambda value: re.sub(" at 0x[0-9a-f]+", "", str(value)),  # the same each time
)
def test_bad_arguments_are_named_and_leave_the_estimator_as_it_was(
    iris, fitted, arguments, message
):
    X, y = iris
    check_refusal(fitted.set_params(**arguments), X, (X, y), message)


def test_predict_with_other_features(fitted):
    with pytest.raises(ValueError, match="X has 3 features, but .* expecting 4"):
        fitted.predict(np.zeros((2, 3)))
    with pytest.raises(ValueError, match="contains NaN"):
        fitted.predict(np.full((2, 4), np.nan))


def test_a_fit_that_diverges_says_so_and_keeps_the_last_one(iris, fitted):
    X, y = iris
    before = outputs(fitted, X)
    fitted.set_params(solver="sgd", learning_rate_init=1e38, max_iter=20)
    with (
        pytest.raises(ValueError, match="non-finite parameter weights"),
    ):
        fitted.fit(X * 1e3, y)
    assert_array_equal(outputs(fitted, X), before)


EXPLODES = {"alpha": 600.0, "learning_rate_init": 0.5, "momentum": 0, "solver": "sgd"}


@pytest.mark.parametrize(
    ("settings", "kept"),
    [
        ({}, "the epoch"),
        ({"ema_decay": 0.5, "batch_norm": True}, "the epoch"),
        ({"early_stopping": True}, "the best epoch"),
    ],
    ids=["plain", "ema", "early stopping"],
)
def test_a_loss_that_is_not_finite_ends_training_at_the_epoch_before(
    iris, settings, kept, quick
):
    X, y = iris
    settings = {"batch_size": 50, **EXPLODES, **settings}
    ends = []
    with pytest.warns(ConvergenceWarning) as record:
        clf = quick(**{**settings, "max_iter": 100})
        clf.set_callbacks(Ends(ends)).fit(X, y)
    assert re.fullmatch(
        rf"The loss became (inf|nan) in epoch {clf.n_iter_ + 1}: training ends, and the"
        rf" parameters of {kept} before it are kept. Lower learning_rate_init \(it is"
        r" 0.5\), set max_grad_norm, or scale X.",
        str(record[0].message),
    )
    assert (len(record), record[0].filename) == (1, __file__)
    with np.errstate(all="ignore"):
        shorter = quick(**{**settings, "max_iter": clf.n_iter_}).fit(X, y)
    assert_array_equal(clf.network_.parameters, shorter.network_.parameters)
    assert (clf.loss_curve_, clf.t_) == (shorter.loss_curve_, shorter.t_)
    assert np.isfinite(clf.loss_curve_).all()
    assert np.isfinite(clf.network_.parameters).all()
    assert ends == [True] * clf.n_iter_ + [False]


class Ends:
    """Notes whether each epoch ended with a network."""

    def __init__(self, ends):
        self.ends = ends

    def setup(self, estimator, context):
        pass

    teardown = on_fit_task_begin = setup

    def on_fit_task_end(self, estimator, context, *, fitted_estimator):
        if context.task_name == "epoch":
            self.ends.append(fitted_estimator is not None)


def test_parameters_that_are_not_finite_end_training_too(iris, monkeypatch, quick):
    X, y = iris
    original = Lockstep.epoch

    def epoch(self):
        (row,) = original(self)
        if row["epoch"] == 3:  # in its last step, which its loss does not know of
            self.network.parameters[0] = np.inf
        return [row]

    two = quick(max_iter=2).fit(X, y)
    monkeypatch.setattr(Lockstep, "epoch", epoch)
    with pytest.warns(ConvergenceWarning, match="Parameters became inf.* in epoch 3"):
        clf = quick(max_iter=9).fit(X, y)
    assert_array_equal(clf.network_.parameters, two.network_.parameters)


@pytest.mark.parametrize("solver", ["adam", "lbfgs"])
def test_a_loss_that_is_not_finite_to_begin_with(iris, solver, quick):
    X, y = iris
    with pytest.raises(ValueError, match="non-finite param"):
        quick(solver=solver, weight_init=Normal(1e30)).fit(X, y)


def test_a_column_is_a_warning_at_the_users_line(iris, quick):
    X, y = iris
    match = "column-vector y was pass"
    with pytest.warns(DataConversionWarning, match=match) as record:
        fitted = quick().fit(X, y[:, np.newaxis])
    ours = [w for w in record if w.category is DataConversionWarning]
    assert [w.filename for w in ours] == [__file__]
    assert_array_equal(fitted.predict(X), quick().fit(X, y).predict(X))


@pytest.mark.parametrize(
    "form", ["by columns", "every other", "frame", "map by columns", "map with header"]
)
def test_mini_batches_cost_their_rows_however_these_lie_in_memory(
    form, quick, tmp_path, monkeypatch
):
    # NumPy takes rows of an array that isn't in C order from a copy of all of it.
    X = np.random.default_rng(0).normal(size=(20_000, 16)).astype(np.float32)
    y = (X[:, 0] * X[:, 1] > 0).astype(int)
    if form == "every other":
        given = np.repeat(X, 2, axis=1)[:, ::2]
    elif form == "frame":
        given = pytest.importorskip("pandas").DataFrame(X)
    else:
        given = np.asfortranarray(X)
    if form == "map by columns":
        np.save(tmp_path / "X.npy", given)
        given = np.load(tmp_path / "X.npy", mmap_mode="r")
    elif form == "map with header":
        (tmp_path / "X").write_bytes(b"-" + X.tobytes())
        given = np.memmap(tmp_path / "X", X.dtype, "r", offset=1, shape=X.shape)
    gather, costs = MiniBatch.gather, []

    def watched(batch, X, index):
        tracemalloc.start()
        try:
            return gather(batch, X, index)
        finally:
            costs.append(tracemalloc.get_traced_memory()[1])
            tracemalloc.stop()

    monkeypatch.setattr(MiniBatch, "gather", watched)
    estimator = quick(max_iter=1, batch_size=200).fit(given, y)
    assert len(costs) >= 100
    assert max(costs) < X.nbytes / 10
    monkeypatch.undo()
    same = quick(max_iter=1, batch_size=200).fit(X, y)
    assert_array_equal(outputs(estimator, X), outputs(same, X))


@pytest.mark.parametrize("given", [True, False], ids=["given", "split"])
def test_a_metric_that_writes_to_y_is_given_a_copy(iris, quick, given):
    X, y = iris
    y_val = y.astype(float)

    def error(y, predicted):
        return np.mean((y - predicted) ** 2)

    def in_place(y, predicted):
        y -= predicted
        return np.mean(y**2)

    before = y_val.copy()
    scores = []
    for metric in (error, in_place):
        clf = quick(early_stopping=True, scoring=make_scorer(metric))
        more = {"X_val": X, "y_val": y_val} if given else {}
        scores.append(clf.fit(X, y.astype(float), **more).validation_scores_)
    assert_allclose(scores[0], scores[1])
    assert_array_equal(y_val, before)


# ------------------------------------------------------------- few rows that count


@pytest.mark.parametrize("n_count", [2, 5])
@pytest.mark.parametrize(
    "settings",
    [
        {"early_stopping": True},
        {"n_networks": 4, "resampling": "folds"},
        {"n_networks": 4, "resampling": "bootstrap", "early_stopping": True},
    ],
    ids=["part", "folds", "bootstrap"],
)
def test_a_part_set_aside_has_rows_that_count_and_so_has_the_rest(
    quick, settings, n_count, iris
):
    X, y = iris
    for seed in range(8):
        weight = np.zeros(len(y))
        weight[np.random.default_rng(seed).choice(len(y), n_count, False)] = 1
        its = quick(**settings, random_state=seed, hidden_layer_sizes=(3,), max_iter=1)
        assert np.isfinite(its.fit(X, y, weight).best_validation_score_)
        for rows in getattr(its, "estimators_samples_", ()):
            assert 0 < weight[np.unique(rows)].sum() < n_count


def test_weights_that_leave_no_part_without_change_no_fold(quick, iris):
    X, y = iris
    weight = np.random.default_rng(0).uniform(0, 1, len(y)).round()
    for resampling in ("folds", "bootstrap"):
        its = quick(n_networks=3, resampling=resampling)
        plain = its.fit(X, y).estimators_samples_
        assert_array_equal(its.fit(X, y, weight).estimators_samples_, plain)


def test_rows_of_a_class_that_counts_nothing_are_not_all_that_is_learned(iris):
    X, y = iris
    weight = np.zeros(len(y))
    weight[[0, 1, 60, 120]] = 1
    for seed in range(8):
        clf = MLPClassifierDIY((3,), early_stopping=True, max_iter=1, random_state=seed)
        clf.set_params(class_weight={0: 0, 1: 1, 2: 1}).fit(X, y, weight)
        assert np.isfinite(clf.loss_)


def test_one_row_that_counts_is_an_error(quick, iris):
    X, y = iris
    weight = np.arange(len(y)) == 7
    for settings, message in [
        ({"early_stopping": True}, "No sample with a positive .* 1 of 150 samples"),
        ({"n_networks": 3, "resampling": "folds"}, "1 sample of 150 with a positive"),
    ]:
        with pytest.raises(ValueError, match=message):
            quick(**settings).fit(X, y, weight)
