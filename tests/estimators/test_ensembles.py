"""Many networks as one estimator: n_networks and resampling."""

import pickle
import warnings
from types import SimpleNamespace
from unittest import mock

import joblib
import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal, assert_equal
from scipy.sparse import csr_array
from sklearn.base import clone
from sklearn.datasets import (
    load_diabetes,
    load_digits,
    load_iris,
    make_multilabel_classification,
)
from sklearn.metrics import accuracy_score, log_loss, r2_score
from sklearn.model_selection import cross_val_score, train_test_split
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler, scale
from threadpoolctl import threadpool_info, threadpool_limits

from skdnn import MLPClassifierDIY, MLPRegressorDIY
from skdnn.nn import (
    BatchNorm,
    Dense,
    Dropout,
    GaussianNoise,
    LayerNorm,
    PReLU,
    ReLU,
    Residual,
)
from skdnn.training import checkpoint, loop, step, workers

pytestmark = pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")

IRIS, IRIS_Y = load_iris(return_X_y=True)
IRIS = scale(IRIS)
DIGITS, DIGITS_Y = load_digits(return_X_y=True)
DIGITS, DIGITS_Y = DIGITS[:400] / 16, DIGITS_Y[:400]
DIABETES, DIABETES_Y = load_diabetes(return_X_y=True)
DIABETES = scale(DIABETES)
LABELS, LABELS_Y = make_multilabel_classification(150, random_state=0)
LABELS = scale(LABELS)
BLAS = "blas"
WEIGHTS = np.random.default_rng(0).uniform(0.5, 2, 500)


def ensemble(Estimator=MLPClassifierDIY, **params):
    defaults = {"hidden_layer_sizes": (20,), "max_iter": 12, "n_networks": 3}
    return Estimator(**defaults | {"random_state": 0} | params)


def close(a, b):
    assert_allclose(a, b, rtol=2e-4, atol=2e-5)


BLOCKS = [
    *(Dense(12), BatchNorm(), GaussianNoise(0.2), PReLU(), Dropout(0.2)),
    Residual([LayerNorm(), Dense(12), PReLU()]),
]
CASES = {
    "adam": {},
    "sgd": {"solver": "sgd", "learning_rate_init": 0.1, "learning_rate": "invscaling"},
    "adamw": {"solver": "adamw", "alpha": 0.01, "learning_rate": "one_cycle"},
    "batches": {"batch_size": 32, "max_grad_norm": 0.5, "ema_decay": 0.9},
    "blocks": {"architecture": BLOCKS, "hidden_layer_sizes": (100,)},
    "dropout": {"dropout": 0.3, "input_dropout": 0.1, "label_smoothing": 0.1},
    "in order": {"shuffle": False, "batch_size": 64},
    "stops early": {"early_stopping": True, "n_iter_no_change": 2, "max_iter": 40},
    "stops": {"tol": 0.05, "n_iter_no_change": 1, "max_iter": 40},
    "adaptive": {"learning_rate": "adaptive", "n_iter_no_change": 1, "tol": 0.2},
    "lbfgs": {"solver": "lbfgs"},
    "float64": {"dtype": "float64"},
    "bootstrap": {"resampling": "bootstrap"},
}


@pytest.mark.parametrize("params", CASES.values(), ids=CASES)
def test_each_network_learns_what_it_would_learn_alone(params):
    clf = ensemble(**params).fit(IRIS, IRIS_Y)
    assert len({alone.random_state for alone in clf.estimators_}) == 3
    samples = getattr(clf, "estimators_samples_", [np.arange(150)] * 3)
    for member, rows in zip(clf.estimators_, samples, strict=True):
        alone = clone(member).fit(IRIS[rows], IRIS_Y[rows])
        assert alone.n_iter_ == member.n_iter_
        assert alone.t_ == member.t_
        close(member.loss_curve_, alone.loss_curve_)
        close(member.predict_proba(IRIS), alone.predict_proba(IRIS))
        for its, mine in zip(alone.history_, member.history_, strict=True):
            assert its.keys() == mine.keys()
            for name in its.keys() - {"seconds", "gradient_norm"}:
                close(mine[name], its[name])


DATA = {
    "weights": {"sample_weight": WEIGHTS[:400]},
    "sparse": {"X": csr_array(DIGITS)},
    "uint8": {"X": (DIGITS * 16).astype(np.uint8)},
    "validation set": {"X_val": DIGITS[:50], "y_val": DIGITS_Y[:50]},
}


@pytest.mark.parametrize("data", DATA.values(), ids=DATA)
def test_data_of_any_kind(data):
    data = {"X": DIGITS, "y": DIGITS_Y} | data
    clf = ensemble(max_iter=4).fit(**data)
    for member in clf.estimators_:
        close(clone(member).fit(**data).loss_curve_, member.loss_curve_)
    assert ("validation_loss" in clf.history_[0]) == ("X_val" in data)


def test_rows_without_weight():
    # So many that some mini-batches, not the same in each network, weigh nothing.
    weights = np.where(np.arange(150) % 50 < 5, 1.0, 0.0)
    params = {"batch_size": 4, "max_iter": 3, "ema_decay": 0.9}
    clf = ensemble(**params).fit(IRIS, IRIS_Y, sample_weight=weights)
    for member in clf.estimators_:
        alone = clone(member).fit(IRIS, IRIS_Y, sample_weight=weights)
        close(member.loss_curve_, alone.loss_curve_)
        close(member.predict_proba(IRIS), alone.predict_proba(IRIS))


def test_regressors_with_each_loss():
    y = np.abs(DIABETES_Y) / 100
    for params in (
        {},
        {"standardize_target": True},
        {"loss": "poisson"},
        {"loss": "huber"},
        {"loss": "quantile", "quantile": [0.1, 0.9]},
        {"loss": "gaussian"},
    ):
        reg = ensemble(MLPRegressorDIY, max_iter=3, **params).fit(DIABETES, y)
        for member in reg.estimators_:
            close(clone(member).fit(DIABETES, y).loss_curve_, member.loss_curve_)
        each = reg.predict_each(DIABETES)
        close(reg.predict(DIABETES), each.mean(axis=0))
        assert not np.allclose(each[0], each[1])


def test_the_prediction_is_the_mean_of_the_probabilities():
    clf = ensemble().fit(IRIS, IRIS_Y)
    P = np.mean([it.predict_proba(IRIS) for it in clf.estimators_], axis=0)
    close(clf.predict_proba(IRIS), P)
    assert clf.predict_each(IRIS).shape == (3, 150, 3)
    close(clf.predict_log_proba(IRIS), np.log(P))
    assert_array_equal(clf.predict(IRIS), P.argmax(axis=1))
    assert clf.score(IRIS, IRIS_Y) == accuracy_score(IRIS_Y, P.argmax(axis=1))

    two = ensemble().fit(IRIS[:100], np.array(["a", "b"])[IRIS_Y[:100]])
    P = np.mean([it.predict_proba(IRIS) for it in two.estimators_], axis=0)
    close(two.predict_proba(IRIS), P)
    assert_array_equal(two.predict(IRIS), np.where(P[:, 1] > 0.5, "b", "a"))

    many = ensemble().fit(LABELS, LABELS_Y)
    P = np.mean([it.predict_proba(LABELS) for it in many.estimators_], axis=0)
    close(many.predict_proba(LABELS), P)
    assert_array_equal(many.predict(LABELS), P > 0.5)


def test_the_mixture_of_normal_distributions():
    reg = ensemble(MLPRegressorDIY, loss="gaussian", standardize_target=True)
    reg.fit(DIABETES, DIABETES_Y)
    means, stds = reg.predict_each(DIABETES, return_std=True)
    mean, std = reg.predict(DIABETES, return_std=True)
    # Moments of samples of the mixture, against the formula.
    rng = np.random.default_rng(0)
    draws = rng.normal(means[:, :5, None], stds[:, :5, None], (3, 5, 200_000))
    assert_allclose(mean[:5], draws.mean(axis=(0, 2)), rtol=0.01)
    assert_allclose(std[:5], draws.std(axis=(0, 2)), rtol=0.01)
    parts = reg.uncertainty(DIABETES)
    close(parts.total, std**2)
    close(parts.aleatoric + parts.epistemic, parts.total)
    close(parts.epistemic, means.var(axis=0))
    plain = ensemble(MLPRegressorDIY).fit(DIABETES, DIABETES_Y / 100)
    assert list(plain.uncertainty(DIABETES)) == ["epistemic"]


def test_the_parts_of_the_uncertainty():
    X, X_test, y, _ = train_test_split(DIGITS, DIGITS_Y, random_state=0)
    clf = ensemble(n_networks=5, max_iter=100, hidden_layer_sizes=(50,)).fit(X, y)
    known = clf.uncertainty(X_test)
    noise = np.random.default_rng(0).random((100, 64))
    strange = clf.uncertainty(noise)
    for parts in (known, strange):
        close(parts.total, parts.aleatoric + parts.epistemic)
        assert (parts.total >= 0).all() and (parts.total <= np.log(10)).all()
    assert strange.epistemic.mean() > 3 * known.epistemic.mean()
    alone = clf.estimators_[0]
    assert_array_equal(alone.uncertainty(X_test).epistemic, 0)
    P = alone.predict_proba(X_test).astype(float)
    entropies = [-sum(p * np.log(p) for p in row if p > 0) for row in P]
    assert_allclose(alone.uncertainty(X_test).total, entropies, atol=1e-6)
    labels = ensemble().fit(LABELS, LABELS_Y)
    P = labels.predict_proba(LABELS).astype(float)
    assert_allclose(
        labels.uncertainty(LABELS).total,
        -(P * np.log(P) + (1 - P) * np.log(1 - P)).sum(axis=1),
        rtol=1e-5,
    )


@pytest.mark.parametrize("n_samples", [150, 149, 146])
def test_folds(n_samples):
    X, y = IRIS[:n_samples], IRIS_Y[:n_samples]
    clf = ensemble(n_networks=4, resampling="folds", max_iter=60).fit(X, y)
    rows = clf.estimators_samples_
    left_out = [np.setdiff1d(np.arange(n_samples), its) for its in rows]
    assert len({len(its) for its in rows}) == 1
    assert len(left_out[0]) == -(-n_samples // 4)
    assert_array_equal(np.unique(np.concatenate(left_out)), np.arange(n_samples))
    counts = [np.bincount(y[its], minlength=3) for its in left_out]
    assert np.ptp(counts, axis=0).max() <= 2
    # What is left out is what is validated on, and the best epoch is kept.
    for member, its in zip(clf.estimators_, left_out, strict=True):
        best = max(row["validation_score"] for row in member.history_)
        assert member.best_validation_score_ == best
        assert member.score(X[its], y[its]) == pytest.approx(best)
    expected = np.full((n_samples, 3), 0.0)
    counts = np.zeros(n_samples)
    for member, its in zip(clf.estimators_, left_out, strict=True):
        expected[its] += member.predict_proba(X[its])
        counts[its] += 1
    expected /= counts[:, None]
    close(clf.oof_decision_function_, expected)
    assert clf.oof_score_ == accuracy_score(y, expected.argmax(axis=1))


def test_out_of_bag_as_in_forests():
    reg = ensemble(
        MLPRegressorDIY, n_networks=10, resampling="bootstrap", standardize_target=True
    )
    reg.fit(DIABETES, DIABETES_Y)
    assert all(len(rows) == len(DIABETES) for rows in reg.estimators_samples_)
    sums, counts = np.zeros((2, len(DIABETES)))
    for member, rows in zip(reg.estimators_, reg.estimators_samples_, strict=True):
        left_out = np.setdiff1d(np.arange(len(DIABETES)), rows)
        sums[left_out] += member.predict(DIABETES[left_out])
        counts[left_out] += 1
    known = counts > 0
    close(reg.oof_prediction_[known], sums[known] / counts[known])
    score = r2_score(DIABETES_Y[known], (sums / np.maximum(counts, 1))[known])
    assert reg.oof_score_ == pytest.approx(score, abs=1e-5)
    with pytest.warns(UserWarning, match="left out by no network"):
        few = ensemble(n_networks=1, resampling="bootstrap").fit(IRIS, IRIS_Y)
    known = np.setdiff1d(np.arange(150), few.estimators_samples_[0])
    assert_array_equal(
        np.flatnonzero(~np.isnan(few.oof_decision_function_[:, 0])), known
    )
    # With early stopping, what was not drawn is the validation set.
    clf = ensemble(resampling="bootstrap", early_stopping=True).fit(IRIS, IRIS_Y)
    for member, rows in zip(clf.estimators_, clf.estimators_samples_, strict=True):
        left_out = np.setdiff1d(np.arange(150), rows)
        score = member.score(IRIS[left_out], IRIS_Y[left_out])
        assert score == pytest.approx(member.best_validation_score_)


def test_oof_score_counts_weights_and_all_kinds_of_targets():
    clf = ensemble(resampling="folds").fit(IRIS, IRIS_Y, sample_weight=WEIGHTS[:150])
    predicted = clf.oof_decision_function_.argmax(axis=1)
    score = accuracy_score(IRIS_Y, predicted, sample_weight=WEIGHTS[:150])
    assert clf.oof_score_ == pytest.approx(score)
    many = ensemble(resampling="folds").fit(LABELS, LABELS_Y)
    assert many.oof_decision_function_.shape == LABELS_Y.shape
    y = np.column_stack([DIABETES_Y, DIABETES_Y])
    reg = ensemble(MLPRegressorDIY, resampling="folds", standardize_target=True)
    assert reg.fit(DIABETES, y).oof_prediction_.shape == y.shape


@pytest.mark.parametrize(
    "params",
    [
        pytest.param({}, marks=pytest.mark.slow),
        {"resampling": "folds", "batch_norm": True, "dropout": 0.2},
        {"architecture": [Dense(20), BatchNorm(), GaussianNoise(0.2), ReLU()]},
    ],
    ids=["plain", "folds", "noise"],
)
def test_the_bits_do_not_depend_on_how_networks_are_spread(params):
    def fitted(**further):
        clf = ensemble(n_networks=5, max_iter=4, **params, **further)
        clf.fit(DIGITS, DIGITS_Y)
        rows = [{**row, "seconds": None} for row in clf.history_]
        return clf.network_.parameters.tolist(), rows

    once = fitted()
    assert fitted(n_jobs=2) == once
    with joblib.parallel_config("threading", n_jobs=3):
        assert fitted() == once
    for few, largest in ((0, 1), (0, 16), (10**9, 2)):
        with (
            mock.patch("skdnn.training.workers.FEW", few),
            mock.patch("skdnn.training.workers.LARGEST_STACK", largest),
        ):
            assert fitted() == once


def test_networks_that_go_to_their_process_through_a_file():
    # From a million bytes on, joblib maps arrays into memory.
    sizes = {"hidden_layer_sizes": (600, 600), "n_networks": 2, "max_iter": 2}
    alone, spread = (
        ensemble(**sizes, n_jobs=n).fit(DIGITS[:200], DIGITS_Y[:200]) for n in (1, 2)
    )
    assert alone.network_.parameters.nbytes > 2e6
    assert_array_equal(spread.network_.parameters, alone.network_.parameters)


def test_fits_in_several_threads_leave_blas_as_it_was():
    def n_threads():
        return {it["num_threads"] for it in threadpool_info() if it["user_api"] == BLAS}

    small = SimpleNamespace(n_rows=1, network=SimpleNamespace(n_weights=1))
    with threadpool_limits(2, BLAS):
        first, second = (workers.threads_for([small] * 2) for _ in range(2))
        first.__enter__()
        second.__enter__()
        assert n_threads() == {1}
        first.__exit__(None, None, None)
        assert n_threads() == {1}
        second.__exit__(None, None, None)
        assert n_threads() == {2}


class Crash(Exception):
    pass


@pytest.mark.parametrize(
    "params",
    [
        {},
        {"resampling": "folds", "batch_norm": True, "dropout": 0.3, "ema_decay": 0.9},
        {"early_stopping": True, "n_iter_no_change": 1},
        {"Estimator": MLPRegressorDIY, "resampling": "bootstrap"},
        {"random_state": None, "resampling": "folds"},
    ],
    ids=["plain", "folds", "stops", "regressor", "no seed"],
)
def test_the_same_bits_after_crashes(params, tmp_path):
    def learned(clf):
        rows = [{**row, "seconds": None} for row in clf.history_]
        return clf.network_.parameters.tolist(), rows, clf.n_iter_

    params = {"max_iter": 6} | params
    n_saves = 0
    original = checkpoint.Checkpoint.save

    def save_or_crash(self, state):
        nonlocal n_saves
        n_saves += 1
        if n_saves % 5 == 0:  # in the middle of an epoch's saves
            raise Crash
        return original(self, state)

    clf = ensemble(checkpoint_dir=tmp_path, **params)
    n_fits = 0
    while n_fits < 30:
        n_fits += 1
        try:
            with mock.patch.object(checkpoint.Checkpoint, "save", save_or_crash):
                resumed = clone(clf).fit(IRIS, IRIS_Y)
        except Crash:
            continue
        break
    assert n_fits > 2
    if params.get("random_state", 0) is not None:
        straight = ensemble(**params).fit(IRIS, IRIS_Y)
        assert learned(resumed) == learned(straight)
    with mock.patch.object(loop, "take_steps", side_effect=Crash):
        assert learned(clone(clf).fit(IRIS, IRIS_Y)) == learned(resumed)


def test_files():
    clf = ensemble(resampling="folds").fit(IRIS, IRIS_Y)
    same = pickle.loads(pickle.dumps(clf))
    assert_array_equal(same.predict_proba(IRIS), clf.predict_proba(IRIS))
    assert_array_equal(
        same.estimators_[1].predict_proba(IRIS),
        clf.estimators_[1].predict_proba(IRIS),
    )
    one = len(pickle.dumps(MLPClassifierDIY((20,), max_iter=12).fit(IRIS, IRIS_Y)))
    assert len(pickle.dumps(clf)) < 5 * one


def test_partial_fit_goes_on_with_each():
    parts = np.array_split(np.random.default_rng(0).permutation(150), 3)
    together = ensemble(batch_norm=True, dropout=0.2)
    alone = None
    for _ in range(3):
        for rows in parts:
            X, y = IRIS[rows], IRIS_Y[rows]
            together.partial_fit(X, y, classes=[0, 1, 2])
            if alone is None:
                alone = [clone(it) for it in together.estimators_]
            for it in alone:
                it.partial_fit(X, y, classes=[0, 1, 2])
            together = pickle.loads(pickle.dumps(together))
    for member, it in zip(together.estimators_, alone, strict=True):
        close(member.predict_proba(IRIS), it.predict_proba(IRIS))
        assert len(member.history_) == 9
    with pytest.raises(ValueError, match="resampling='folds', which needs all samples"):
        ensemble(resampling="folds").partial_fit(IRIS, IRIS_Y, classes=[0, 1, 2])
    fitted = ensemble().fit(IRIS, IRIS_Y).partial_fit(IRIS, IRIS_Y)
    assert len(fitted.estimators_[2].history_) == 13


@pytest.mark.parametrize("resampling", ["folds", "bootstrap"])
@pytest.mark.parametrize("checkpoints", [False, True])
def test_a_warm_start_leaves_out_the_same_rows(resampling, checkpoints, tmp_path):
    """Others, the networks would know by heart: on the tosses of a coin, too."""
    X, y = np.random.default_rng(0).normal(size=(200, 20)), np.arange(200) % 2
    clf = MLPClassifierDIY(
        **{"hidden_layer_sizes": 100, "n_networks": 6, "resampling": resampling},
        **{"max_iter": 30, "learning_rate_init": 0.01, "warm_start": True},
        checkpoint_dir=tmp_path if checkpoints else None,
    )
    np.random.seed(0)
    rows = clf.fit(X, y).estimators_samples_
    for _ in range(2):
        assert_equal(clf.fit(X, y).estimators_samples_, rows)
        assert clf.oof_score_ < 0.7  # chosen among 90 epochs


def test_a_warm_start_that_cannot_leave_out_the_same_rows_says_so():
    order = np.random.default_rng(0).permutation(150)

    def warns(n_rows, **params):
        clf = ensemble(resampling="folds", warm_start=True, max_iter=2)
        clf.fit(IRIS[order[:75]], IRIS_Y[order[:75]]).set_params(**params)
        with pytest.warns(UserWarning, match="warm_start=True: .* oof_score_"):
            clf.fit(IRIS[order[:n_rows]], IRIS_Y[order[:n_rows]])
        with warnings.catch_warnings():
            warnings.filterwarnings("error", "warm_start")
            clf.set_params(warm_start=False).fit(IRIS, IRIS_Y)

    warns(76)
    warns(74)
    warns(100, resampling="bootstrap")
    clf = ensemble(warm_start=True, max_iter=2).fit(IRIS, IRIS_Y)
    with pytest.warns(UserWarning, match="warm_start=True: .* oof_score_"):
        clf.set_params(resampling="folds").fit(IRIS, IRIS_Y)


def test_warm_start():
    clf = ensemble(warm_start=True, max_iter=3).fit(IRIS, IRIS_Y)
    loss = clf.loss_
    clf.fit(IRIS, IRIS_Y)
    assert clf.loss_ < loss
    assert len(clf.history_) == 6 == len(clf.estimators_[0].history_)
    with pytest.raises(ValueError, match="n_networks=2, but training is to go on with"):
        clf.set_params(n_networks=2).fit(IRIS, IRIS_Y)


def test_one_network_is_as_it_was():
    clf = ensemble(n_networks=1).fit(IRIS, IRIS_Y)
    assert clf.coefs_[0].shape == (4, 20)
    assert not hasattr(clf, "estimators_")
    assert not hasattr(clf, "oof_score_")
    clf = ensemble(resampling="folds").fit(IRIS, IRIS_Y)
    assert clf.coefs_[0].shape == (3, 4, 20)
    assert clf.intercepts_[1].shape == (3, 3)
    clf.set_params(n_networks=1, resampling=None).fit(IRIS, IRIS_Y)
    assert clf.coefs_[0].shape == (4, 20)
    for name in ("estimators_", "estimators_samples_", "oof_score_"):
        assert not hasattr(clf, name)


def test_history_is_the_mean_over_those_in_it():
    clf = ensemble(tol=0.01, n_iter_no_change=1, max_iter=60, batch_size=20)
    clf.fit(IRIS, IRIS_Y)
    lengths = [len(it.history_) for it in clf.estimators_]
    assert len(clf.history_) == clf.n_iter_ == max(lengths)
    assert len(set(lengths)) > 1
    for i, row in enumerate(clf.history_):
        rows = [it.history_[i] for it in clf.estimators_ if i < it.n_iter_]
        assert row["networks"] == len(rows)
        assert row["loss"] == pytest.approx(np.mean([its["loss"] for its in rows]))
    assert clf.loss_ == pytest.approx(np.mean([it.loss_ for it in clf.estimators_]))
    assert clf.t_ == sum(it.t_ for it in clf.estimators_)


def test_scorers_pipelines_and_transform():
    clf = ensemble(early_stopping=True, scoring="neg_log_loss").fit(IRIS, IRIS_Y)
    for member in clf.estimators_:
        assert member.best_validation_score_ < 0
    pipeline = make_pipeline(StandardScaler(), ensemble(learning_rate_init=0.05))
    assert cross_val_score(pipeline, IRIS, IRIS_Y, cv=3).min() > 0.8
    A = clf.transform(IRIS)
    assert A.shape == (150, 60)
    assert_array_equal(A[:, 20:40], clf.estimators_[1].transform(IRIS))
    assert len(clf.get_feature_names_out()) == 60
    clf.summary()
    assert "in each of 3 networks" in clf._repr_html_()


class Listener:
    """A callback that keeps what it sees of each epoch."""

    def __init__(self):
        self.seen = []

    def setup(self, estimator, context):
        pass

    teardown = on_fit_task_begin = setup

    def on_fit_task_end(self, estimator, context, *, fitted_estimator):
        if context.task_name == "epoch":
            P = fitted_estimator.predict_proba(IRIS)
            self.seen.append((fitted_estimator.history_[-1]["loss"], P))
            return len(self.seen) == 3


def test_callbacks_see_all_networks_and_can_end_training():
    listener = Listener()
    clf = ensemble(n_jobs=2).set_callbacks(listener).fit(IRIS, IRIS_Y)
    assert clf.n_iter_ == len(listener.seen) == 3
    assert [loss for loss, _ in listener.seen] == clf.loss_curve_
    assert_array_equal(listener.seen[-1][1], clf.predict_proba(IRIS))


def test_a_network_that_diverges_leaves_the_others_alone():
    take_steps = loop.take_steps

    def diverges(stack):
        rows = take_steps(stack)
        for job, row in zip(stack.jobs, rows, strict=True):
            if row["epoch"] == 3 and job.rng is broken[0]:
                job.network.parameters[:] = np.nan
        return rows

    broken = []
    begin = step.Stack.__init__

    def note(self, jobs, data):
        if not broken:
            broken.append(jobs[1].rng)
        begin(self, jobs, data)

    straight = ensemble(max_iter=6).fit(IRIS, IRIS_Y)
    with (
        mock.patch.object(step.Stack, "__init__", note),
        mock.patch.object(loop, "take_steps", diverges),
        pytest.warns(match="became infinite or NaN in epoch 3"),
    ):
        clf = ensemble(max_iter=6).fit(IRIS, IRIS_Y)
    assert [it.n_iter_ for it in clf.estimators_] == [6, 2, 6]
    for k in (0, 2):
        assert_array_equal(clf.network_.parameters[k], straight.network_.parameters[k])


def test_errors():
    with pytest.raises(ValueError, match="n_networks=1, 150 samples"):
        ensemble(n_networks=1, resampling="folds").fit(IRIS, IRIS_Y)
    with pytest.raises(ValueError, match="n_networks=151, 150 samples"):
        ensemble(n_networks=151, resampling="folds").fit(IRIS, IRIS_Y)
    with pytest.raises(ValueError, match="'n_networks' parameter"):
        ensemble(n_networks=0).fit(IRIS, IRIS_Y)
    with pytest.raises(ValueError, match="'resampling' parameter"):
        ensemble(resampling="boot").fit(IRIS, IRIS_Y)


def test_an_ensemble_knows_more_than_its_networks():
    X, X_test, y, y_test = train_test_split(DIGITS, DIGITS_Y, random_state=0)
    params = {"max_iter": 60, "learning_rate_init": 0.01}
    clf = ensemble(n_networks=8, resampling="folds", **params).fit(X, y)
    losses = [log_loss(y_test, it.predict_proba(X_test)) for it in clf.estimators_]
    assert log_loss(y_test, clf.predict_proba(X_test)) < np.mean(losses)


def test_warnings_come_out_of_processes():
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        ensemble(max_iter=2, batch_size=500, n_jobs=2).fit(IRIS, IRIS_Y)
    messages = {str(it.message) for it in caught}
    assert any("Maximum iterations (2)" in text for text in messages)
    assert any("batch_size" in text for text in messages)
