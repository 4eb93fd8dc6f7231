"""Both estimators for tables: what they learn, say, keep and refuse."""

import pickle
import warnings
from functools import partial
from unittest import mock

import numpy as np
import pandas as pd
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from scipy.sparse import coo_array
from sklearn.base import clone
from sklearn.exceptions import NotFittedError
from sklearn.inspection import permutation_importance
from sklearn.metrics import accuracy_score, r2_score
from sklearn.model_selection import GridSearchCV, cross_val_score
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer
from sklearn.utils.estimator_checks import parametrize_with_checks

from helpers import Callback
from skdnn import (
    MLPClassifierDIY,
    TableEncoder,
    TabularClassifierDIY,
    TabularRegressorDIY,
    diagnose,
)
from skdnn.displays import TrainingCurveDisplay
from skdnn.tables import architecture
from skdnn.training import loop

N = 240


def table(n=N, seed=0):
    """Return columns of all kinds, labels and numbers that depend on three of them."""
    rng = np.random.default_rng(seed)
    X = pd.DataFrame(
        {
            "a": rng.normal(1000, 50, n),
            "b": rng.integers(0, 9, n).astype(float),
            "city": rng.choice(["Bonn", "Kiel", "Ulm"], n),
            "noise": pd.Categorical(rng.choice(list("xyz"), n)),
        }
    )
    signal = (X["a"] - 1000) / 50 + 2 * (X["city"] == "Kiel") + (X["b"] % 2)
    X.loc[rng.random(n) < 0.1, "b"] = np.nan
    X.loc[rng.random(n) < 0.1, "noise"] = np.nan
    labels = np.where(signal > 1, "high", "low")
    return X, labels, 1000 * signal.to_numpy()


X, LABELS, NUMBERS = table()
ESTIMATORS = {
    "classifier": (TabularClassifierDIY, LABELS),
    "regressor": (TabularRegressorDIY, NUMBERS),
}
both = pytest.mark.parametrize("name", ESTIMATORS)


def quick(name, **params):
    estimator, y = ESTIMATORS[name]
    params = {"max_iter": 10, "n_networks": 2, "random_state": 0} | params
    return estimator((32,), **params), y


def says(estimator, X):
    return getattr(estimator, "predict_proba", estimator.predict)(X)


EQUIVALENCE = "check_sample_weight_equivalence_on_dense_data"
EXPECTED = {EQUIVALENCE: "a repeated row is left out by other networks than its twin"}


@parametrize_with_checks(
    [
        TabularClassifierDIY((64,), max_iter=30),
        TabularRegressorDIY((64,), max_iter=30),
        TableEncoder(),
    ],
    expected_failed_checks=lambda estimator: EXPECTED,
)
def test_scikit_learns_checks(estimator, check):
    if any(name in str(check) for name in ("subset_invariance", "order_invariance")):
        pytest.skip("compares to 1e-7, less than float32 can tell apart")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        check(estimator)


def test_a_table_is_learned_in_three_lines():
    X_new, labels, numbers = table(seed=1)
    clf = TabularClassifierDIY(random_state=0).fit(X, LABELS)
    assert clf.score(X_new, labels) > 0.9
    assert_allclose(clf.oof_score_, clf.score(X_new, labels), atol=0.07)
    reg = TabularRegressorDIY(random_state=0).fit(X, NUMBERS)
    assert reg.score(X_new, numbers) > 0.9
    assert_allclose(reg.oof_score_, reg.score(X_new, numbers), atol=0.07)


@both
def test_the_same_bits_for_the_same_seed(name):
    estimator, y = quick(name)
    first = says(estimator.fit(X, y), X)
    assert_array_equal(says(clone(estimator).fit(X, y), X), first)
    assert_array_equal(says(clone(estimator).set_params(n_jobs=2).fit(X, y), X), first)
    other = clone(estimator).set_params(random_state=1).fit(X, y)
    assert not np.array_equal(says(other, X), first)


@both
def test_the_prediction_is_the_blend_of_all_kinds(name):
    estimator, y = quick(name)
    estimator.fit(X, y)
    assert [len(it.estimators_) for it in estimator.networks_] == [2, 2, 2]
    assert_allclose(estimator.shares_.sum(), 1)
    Z = estimator.encoder_.transform(X)
    expected = sum(
        share * says(alone, Z) / 2
        for share, network in zip(estimator.shares_, estimator.networks_, strict=True)
        for alone in network.estimators_
    )
    assert_allclose(says(estimator, X), expected, rtol=1e-5, atol=1e-6)


@both
def test_what_is_said_of_rows_left_out(name):
    estimator, y = quick(name)
    estimator.fit(X, y)
    Z, blended = estimator.encoder_.transform(X), 0
    for share, network in zip(estimator.shares_, estimator.networks_, strict=True):
        for alone, rows in zip(
            network.estimators_, network.estimators_samples_, strict=True
        ):
            left_out = np.setdiff1d(np.arange(N), rows)
            outputs = says(alone, Z[left_out])
            blended = blended + share * _scattered(outputs, left_out)
    if name == "classifier":
        assert_allclose(estimator.oof_decision_function_, blended, atol=1e-6)
        labels = estimator.classes_[blended.argmax(axis=1)]
        assert estimator.oof_score_ == accuracy_score(y, labels)
    else:
        assert_allclose(estimator.oof_prediction_, blended, rtol=1e-5)
        assert_allclose(estimator.oof_score_, r2_score(y, blended))


def _scattered(outputs, rows):
    full = np.zeros((N, *outputs.shape[1:]))
    full[rows] = outputs
    return full


@both
def test_a_table_without_numbers_has_two_kinds_of_networks(name):
    estimator, y = quick(name)
    estimator.fit(X[["city", "noise"]], y)
    depths = [it.n_layers_ for it in estimator.networks_]
    assert depths == [3, 2]


@both
def test_with_a_validation_set_nobody_leaves_rows_out(name):
    estimator, y = quick(name)
    X_val, labels, numbers = table(60, seed=2)
    y_val = labels if name == "classifier" else numbers
    estimator.fit(X, y, X_val=X_val, y_val=y_val)
    assert not hasattr(estimator, "oof_score_")
    for network in estimator.networks_:
        assert not hasattr(network, "estimators_samples_")
        alone = network.estimators_[0]
        Z_val = estimator.encoder_.transform(X_val)
        losses = [row["validation_loss"] for row in alone.history_]
        assert_allclose(alone.best_validation_score_, -min(losses), rtol=0.1)
        assert says(alone, Z_val).shape[0] == 60
    with pytest.raises(ValueError, match="(?s)X_val does not go with X: .*missing"):
        estimator.fit(X, y, X_val=X_val[["a"]], y_val=y_val)
    with pytest.raises(ValueError, match="y_val was not provided"):
        estimator.fit(X, y, X_val=X_val)
    with pytest.raises(ValueError, match="importances=True measures on rows"):
        quick(name, importances=True)[0].fit(X, y, X_val=X_val, y_val=y_val)


@both
def test_importances(name):
    estimator, y = quick(name, importances=True, max_iter=40)
    estimator.fit(X, y)
    importances = pd.Series(estimator.feature_importances_, X.columns)
    assert importances["city"] > 0.1
    assert importances["a"] > 0.1
    assert abs(importances["noise"]) < 0.05
    assert (estimator.feature_importances_std_ >= 0).all()
    # scikit-learn's measure them with the same means, on rows that were learned.
    theirs = permutation_importance(estimator, X, y, n_repeats=3, random_state=0)
    order = np.argsort(theirs.importances_mean)
    assert_array_equal(np.argsort(importances)[2:], order[2:])
    plain, _ = quick(name)
    assert not hasattr(plain.fit(X, y), "feature_importances_")


def test_weights():
    rng = np.random.default_rng(0)
    y = LABELS.copy()
    wrong = rng.random(N) < 0.4
    y[wrong] = np.where(y[wrong] == "high", "low", "high")
    clf, _ = quick("classifier", max_iter=30)
    weights = np.where(wrong, 0.001, 1)
    weighted = clone(clf).fit(X, y, weights)
    X_new, labels, _ = table(seed=3)
    assert weighted.score(X_new, labels) > clf.fit(X, y).score(X_new, labels)
    assert_allclose(
        weighted.oof_score_,
        accuracy_score(
            y,
            weighted.classes_[weighted.oof_decision_function_.argmax(axis=1)],
            sample_weight=weights,
        ),
    )
    rare = clone(clf).set_params(class_weight={"high": 100}).fit(X, LABELS)
    assert (rare.predict(X) == "high").mean() > (clf.predict(X) == "high").mean()


def test_several_targets_and_many_labels():
    several = np.column_stack([NUMBERS, X["a"]])
    reg, _ = quick("regressor", max_iter=40)
    assert reg.fit(X, several).predict(X).shape == (N, 2)
    assert reg.score(X, several) > 0.8
    indicators = np.column_stack([LABELS == "high", X["city"] == "Ulm"]).astype(int)
    clf, _ = quick("classifier", max_iter=40)
    assert clf.fit(X, indicators).score(X, indicators) > 0.8
    assert_array_equal(clf.predict(X), clf.predict_proba(X) > 0.5)


@both
def test_in_pipelines_and_searches(name):
    estimator, y = quick(name, max_iter=3)
    pipeline = make_pipeline(FunctionTransformer(), estimator)
    assert len(cross_val_score(pipeline, X, y, cv=2)) == 2
    search = GridSearchCV(estimator, {"hidden_layer_sizes": [(8,), (16,)]}, cv=2)
    assert search.fit(X, y).best_estimator_.networks_


@both
def test_pickled_and_loaded(name):
    """With skops, see test_trusted.py."""
    estimator, y = quick(name)
    loaded = pickle.loads(pickle.dumps(estimator.fit(X, y)))
    assert_array_equal(says(loaded, X), says(estimator, X))


@both
def test_a_fit_that_was_killed_goes_on(name, tmp_path):
    estimator, y = quick(name, checkpoint_dir=tmp_path)
    whole = says(quick(name)[0].fit(X, y), X)

    class Killed(BaseException):
        pass

    class Kill(Callback):
        epochs = 0

        def on_fit_task_end(self, estimator, context):
            self.epochs += context.task_name == "epoch"
            if self.epochs == 25:
                raise Killed

    with pytest.raises(Killed):
        clone(estimator).set_callbacks(Kill()).fit(X, y)
    counted = Kill()
    counted.epochs = 100
    again = clone(estimator).set_callbacks(counted).fit(X, y)
    assert counted.epochs < 100 + 10
    assert_array_equal(says(again, X), whole)


@pytest.mark.parametrize("n_lost", [1, 2])
def test_starts_that_are_lost_mix_no_folds(n_lost, tmp_path):
    """On the tosses of a coin, which networks that know them would know."""
    coins = np.random.default_rng(0).normal(size=(200, 20)), np.arange(200) % 2
    np.random.seed(0)

    def fit():
        params = {"max_iter": 20, "n_networks": 3, "checkpoint_dir": tmp_path}
        return TabularClassifierDIY((64,), **params).fit(*coins)

    before = fit().oof_score_
    by_size = sorted(tmp_path.iterdir(), key=lambda path: path.stat().st_size)
    starts = sorted(by_size[:6])  # of three kinds, each twice
    for path in starts[::2] if n_lost == 1 else starts:
        path.unlink()
    after = fit().oof_score_
    assert after < 0.65
    assert (after == before) is (n_lost == 1)


@both
def test_a_fit_that_fails_leaves_what_was_there(name):
    estimator, y = quick(name)
    before = says(estimator.fit(X, y), X)
    for bad_X, bad_y in [
        (X.assign(a=np.inf), y),
        (X, y[:-1]),
        (X[:1], y[:1]),
        (X, np.where(np.arange(N) == 3, None, y.astype(object))),
    ]:
        with pytest.raises((TypeError, ValueError)):
            estimator.fit(bad_X, bad_y)
    assert_array_equal(says(estimator, X), before)
    with pytest.raises(NotFittedError):
        quick(name)[0].predict(X)


@both
@pytest.mark.parametrize("epoch", [13, 30])  # of 10 for each of three kinds
def test_ctrl_c_ends_all_kinds(name, epoch, tmp_path, monkeypatch):
    def interrupt(stack):
        rows = run_epoch(stack)
        for _ in rows:
            n_seen.append(1)
            if len(n_seen) == 2 * epoch:
                raise KeyboardInterrupt
        return rows

    estimator, y = quick(name, checkpoint_dir=tmp_path)
    whole = says(quick(name)[0].fit(X, y), X)
    run_epoch, n_seen = loop.run_epoch, []
    monkeypatch.setattr(loop, "run_epoch", interrupt)
    warned = pytest.warns(UserWarning, match="interrupted by user")
    with warned, pytest.raises(KeyboardInterrupt):
        estimator.fit(X, y)
    assert len(n_seen) == 2 * epoch
    assert not [it for it in vars(estimator) if it.endswith("_")]
    assert_array_equal(says(estimator.fit(X, y), X), whole)


def test_ctrl_c_while_importances_are_measured():
    clf, _ = quick("classifier")
    before = says(clf.fit(X, LABELS), X)
    clf.set_params(importances=True, random_state=1)
    interrupted = mock.patch(
        "skdnn.tables.base.importances", side_effect=KeyboardInterrupt
    )
    with interrupted, pytest.raises(KeyboardInterrupt):
        clf.fit(X, LABELS)
    assert_array_equal(says(clf, X), before)


@both
@pytest.mark.parametrize("n_rows", [4, 5, 9])
def test_few_rows(name, n_rows):
    estimator, y = quick(name, n_networks=4)
    rows = [*np.flatnonzero(LABELS == "high")[:1], *np.flatnonzero(LABELS == "low")]
    rows = rows[:n_rows]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        estimator.fit(X.iloc[rows], y[rows])
    assert np.isfinite(says(estimator, X)).all()
    with pytest.raises(ValueError, match="n_samples = 3: at least 4 rows are needed"):
        estimator.fit(X[:3], y[:3])


def test_the_recipe_for_pipelines_of_ones_own():
    Z = TableEncoder().fit_transform(X)
    smooth = architecture(Z, (16,), kind="smooth")
    assert [type(it).__name__ for it in smooth] == [
        *("Dense", "BatchNorm", "ReLU", "Dropout")
    ]
    binned = architecture(Z, (16,))
    assert binned[1:] == smooth
    clf = MLPClassifierDIY(architecture=binned, max_iter=30, random_state=0)
    assert clf.fit(Z, LABELS).score(Z, LABELS) > 0.8
    additive = architecture(Z, (16,), kind="additive")
    assert additive == binned[:1]
    with pytest.raises(ValueError, match=r"kind must be one of \['smooth', 'binned'"):
        architecture(Z, kind="curved")
    for holder in (pd.DataFrame, coo_array):
        assert architecture(holder(Z), (16,)) == binned
    Z = Z.astype(float)
    assert architecture(Z.tolist()) == architecture(Z)
    for table in (X, X.to_numpy().tolist()):
        with pytest.raises(ValueError, match="X must hold numbers, as TableEncoder"):
            architecture(table)


def test_sparse_encodings_are_learned():
    rng = np.random.default_rng(0)
    codes = rng.integers(0, 60, (N, 6))
    X = pd.DataFrame(np.char.add("no. ", codes.astype(str)), columns=list("abcdef"))
    X["n"] = rng.normal(size=N)
    y = codes[:, 0] % 2
    clf, _ = quick("classifier", max_iter=60)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        clf.fit(X, y)
    assert clf.encoder_._is_sparse(361)
    assert clf.score(X, y) > 0.9
    clf.set_params(importances=True).fit(X, y)
    assert clf.feature_importances_.argmax() == 0


def test_displays_and_diagnosis_take_its_networks():
    clf, _ = quick("classifier")
    clf.fit(X, LABELS)
    ask_both = TrainingCurveDisplay.from_estimator, partial(diagnose, X=X, y=LABELS)
    for ask in ask_both:
        with pytest.raises(ValueError, match="of one for tables, one of its networks_"):
            ask(clf)
    (network, *_), Z = clf.networks_, clf.encoder_.transform(X)
    assert TrainingCurveDisplay.from_estimator(network).ax_.lines
    assert diagnose(network, Z, LABELS).layers


def test_a_target_that_is_constant():
    reg = TabularRegressorDIY((32,), random_state=0).fit(X, np.full(N, 7.0))
    assert_allclose(reg.predict(X), 7, atol=0.1)


def test_errors_about_y_name_what_there_is_for_tables():
    clf, reg = quick("classifier")[0], quick("regressor")[0]
    with pytest.raises(ValueError, match="^A classifier needs .* one class: 'low'"):
        clf.fit(X, np.full(N, "low"))
    with pytest.raises(
        ValueError, match="such as '(low|high)'. .*TabularClassifierDIY"
    ):
        reg.fit(X, LABELS)
