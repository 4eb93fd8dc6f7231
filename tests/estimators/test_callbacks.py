"""Callbacks: which hooks are called when, with what, and what they may do to a fit."""

import os
import pickle
import re
import warnings
from collections import Counter
from types import SimpleNamespace

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from sklearn.callback import CallbackSupportMixin, ProgressBar, ScoringMonitor
from sklearn.datasets import load_iris
from sklearn.exceptions import ConvergenceWarning
from sklearn.metrics import get_scorer
from sklearn.model_selection import cross_val_score
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from skdnn import MLPClassifierDIY
from skdnn.nn import Network

pytestmark = pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")

SOLVERS = ["adam", "lbfgs"]
N_EPOCHS = 4
iris = load_iris()
X = StandardScaler().fit_transform(iris.data)
y = iris.target_names[iris.target]
weights = np.random.default_rng(0).uniform(0.5, 2, len(y))


def model(solver="adam", **options):
    defaults = {"max_iter": N_EPOCHS, "random_state": 0}
    if solver == "adam":
        defaults |= {"batch_size": 40, "learning_rate_init": 0.01}
    return MLPClassifierDIY((5,), solver=solver, **{**defaults, **options})


class Plain:
    """Notes each call of a hook, then does what `act` does with the note.

    Asks for no arguments; `where` is the hook and, where there is one, the task.
    """

    def __init__(self, act=None):
        self.calls, self.act = [], act

    def __getstate__(self):
        return {"calls": [], "act": None}

    def note(self, where, estimator, context, **given):
        call = SimpleNamespace(
            where=where, estimator=estimator, context=context, given=given
        )
        self.calls.append(call)
        return self.act(call) if self.act else None

    @property
    def places(self):
        return [call.where for call in self.calls]

    def ends(self, task_name="epoch"):
        """Return what the ends of the tasks of a kind were given."""
        return [
            SimpleNamespace(**call.given)
            for call in self.calls
            if call.where[:2] == ("end", task_name)
        ]

    def setup(self, estimator, context):
        self.note(("setup",), estimator, context)

    def teardown(self, estimator, context):
        self.note(("teardown",), estimator, context)

    def on_fit_task_begin(self, estimator, context):
        return self.note(task("begin", context), estimator, context)

    def on_fit_task_end(self, estimator, context):
        return self.note(task("end", context), estimator, context)


class Curious(Plain):
    """Asks for everything that there is."""

    def on_fit_task_begin(
        self, estimator, context, *, X, y, metadata, fitted_estimator
    ):
        given = {"X": X, "y": y, "metadata": metadata, "fitted": fitted_estimator}
        return self.note(task("begin", context), estimator, context, **given)

    def on_fit_task_end(self, estimator, context, *, X, y, metadata, fitted_estimator):
        given = {"X": X, "y": y, "metadata": metadata, "fitted": fitted_estimator}
        return self.note(task("end", context), estimator, context, **given)


class Propagated(Curious):
    max_propagation_depth = None


def progress_bar(**options):
    pytest.importorskip("rich")
    return ProgressBar(**options)


def task(verb, context):
    return verb, context.task_name, context.task_id


def words(where):
    return " ".join(map(str, where))


def throw(error, *where):
    def act(call):
        if call.where == where:
            raise error

    return act


def stop_after(n_epochs):
    return lambda call: call.where == ("end", "epoch", n_epochs - 1)


def sequence(n_epochs):
    """Return the hooks of a fit, in order."""
    epochs = [(verb, "epoch", i) for i in range(n_epochs) for verb in ("begin", "end")]
    return [
        ("setup",),
        ("begin", "fit", 0),
        *epochs,
        ("end", "fit", 0),
        ("teardown",),
    ]


def assert_nested(places):
    """Check that each task ends, after what began within it, and all in between."""
    assert (places[0], places[-1]) == (("setup",), ("teardown",))
    running = []
    for verb, *which in places[1:-1]:
        if verb == "begin":
            running.append(which)
        else:
            assert running and running.pop() == which, places
    assert not running, f"begun, but not ended: {running}"


def assert_same_model(one, other):
    """Check that what was learned is the same, to the last bit."""
    assert_array_equal(one.network_.parameters, other.network_.parameters)
    assert_array_equal(one.network_.statistics, other.network_.statistics)
    assert_array_equal(one.predict_proba(X), other.predict_proba(X))
    assert_array_equal(one.predict(X), other.predict(X))
    names = [name for name in vars(one) if name.endswith("_")]
    assert set(names) == {name for name in vars(other) if name.endswith("_")}
    for name in set(names) - {"network_", "history_"}:
        assert_array_equal(vars(one)[name], vars(other)[name], err_msg=name)
    assert len(one.history_) == len(other.history_)
    for row, other_row in zip(one.history_, other.history_, strict=True):
        assert {**row, "seconds": 0} == {**other_row, "seconds": 0}


def leftovers(estimator):
    """Return the names of attributes that should be gone after a fit."""
    names = {name for name in vars(estimator) if "callback" in name}
    return names - {"_skl_callbacks"}


def test_is_a_full_member():
    """Of scikit-learn's machinery, whose tests are scikit-learn's."""
    assert isinstance(MLPClassifierDIY(), CallbackSupportMixin)


# ----------------------------------------------------------------------------- hooks


@pytest.mark.parametrize("callback_class", [Plain, Curious, Propagated])
@pytest.mark.parametrize("solver", SOLVERS)
def test_hooks_are_called_in_order(solver, callback_class):
    callback = callback_class()
    clf = model(solver).set_callbacks(callback)
    assert clf.fit(X, y) is clf
    assert clf.n_iter_ == N_EPOCHS
    assert callback.places == sequence(N_EPOCHS)
    assert all(call.estimator is clf for call in callback.calls)
    assert not leftovers(clf)
    callback.calls.clear()
    clf.fit(X, y)  # all over again
    assert callback.places == sequence(N_EPOCHS)


@pytest.mark.parametrize(
    "options",
    [
        pytest.param({"tol": 0.1}, id="gradient"),
        pytest.param({"tol": 1e9}, id="no iteration"),
        pytest.param({"max_fun": 10}, id="max_fun"),
        pytest.param({"dtype": "float64", "alpha": 1.0}, id="loss"),
        pytest.param({"dtype": "float32", "tol": 0.0}, id="line search"),
    ],
)
def test_lbfgs_ends_each_task_however_it_stops(options):
    callback = Curious()
    clf = model("lbfgs", **{"max_iter": 1000, **options}).set_callbacks(callback)
    clf.fit(X, y)
    assert clf.n_iter_ < 1000
    assert_nested(callback.places)
    # A task may be empty, if nobody could know that there would be no more iteration:
    # it has no model. All others have.
    fitted = [end.fitted for end in callback.ends() if end.fitted is not None]
    assert [each.n_iter_ for each in fitted] == list(range(1, clf.n_iter_ + 1))


def test_early_stopping_ends_each_task():
    callback = Plain()
    clf = model(early_stopping=True, n_iter_no_change=2, max_iter=500)
    clf.set_callbacks(callback).fit(X, y)
    assert clf.n_iter_ < 500
    assert callback.places == sequence(clf.n_iter_)


def test_networks_that_learn_one_by_one_have_all_their_iterations():
    callback, several = Plain(), {"n_networks": 3, "tol": 0}
    model("lbfgs", **several).set_callbacks(callback).fit(X, y)
    root = callback.calls[0].context
    assert root.max_subtasks == 3 * N_EPOCHS
    assert callback.places == sequence(3 * N_EPOCHS)


@pytest.mark.parametrize("solver", SOLVERS)
def test_contexts_make_a_tree_of_epochs(solver):
    callback = Plain()
    clf = model(solver).set_callbacks(callback)
    clf.fit(X, y)
    roots, epochs = [], []
    for call in callback.calls:
        assert call.context.estimator_name == "MLPClassifierDIY"
        (epochs if call.context.task_name == "epoch" else roots).append(call.context)
    root = roots[0]
    assert len(roots) == 4 and all(context is root for context in roots)
    assert (root.task_name, root.parent) == ("fit", None)
    assert (root.max_subtasks, root.sequential_subtasks) == (N_EPOCHS, True)
    assert all(begin is end for begin, end in zip(*[iter(epochs)] * 2, strict=True))
    assert [epoch.task_id for epoch in epochs[::2]] == list(range(N_EPOCHS))
    assert all(epoch.parent is root and epoch.max_subtasks == 0 for epoch in epochs)
    first_run = root.root_uuid
    assert {epoch.root_uuid for epoch in epochs} == {first_run}
    clf.fit(X, y)
    assert callback.calls[-1].context.root_uuid != first_run


@pytest.mark.parametrize("solver", SOLVERS)
def test_hooks_are_given_the_data_as_fit_was(solver):
    pd = pytest.importorskip("pandas")
    frame, labels = pd.DataFrame(X, columns=iris.feature_names), list(y)
    callback = Curious()
    clf = model(solver).set_callbacks(callback)
    clf.fit(frame, labels, sample_weight=weights)
    given = [call.given for call in callback.calls if call.given]
    assert len(given) == 2 * (1 + N_EPOCHS)
    for each in given:
        assert each["X"] is frame and each["y"] is labels
        assert list(each["metadata"]) == ["sample_weight"]
        assert each["metadata"]["sample_weight"] is weights
    callback.calls.clear()
    clf.fit(frame, labels)
    assert not any(call.given["metadata"] for call in callback.calls if call.given)


def test_input_that_is_refused_sets_nothing_up():
    callback = Plain()
    clf = model().set_callbacks(callback)
    with pytest.raises(ValueError):
        clf.fit(X, y[:-1])
    assert not callback.calls


@pytest.mark.parametrize(
    "options",
    [
        {"solver": "lbfgs", "batch_norm": True},
        {"solver": "sgd", "learning_rate": "adaptive"},
        {"dropout": 0.3, "ema_decay": 0.9, "batch_norm": True, "early_stopping": True},
    ],
)
def test_callbacks_do_not_change_what_is_learned(options):
    def spoil(call):
        fitted = call.given.get("fitted")
        if fitted is not None:  # it is the callback's own
            fitted.predict(X)
            fitted.network_.parameters[:] = np.nan
            fitted.network_.statistics[:] = np.nan
            fitted.history_.clear()
            fitted.loss_curve_.clear()

    watched = model(**options).set_callbacks(Curious(spoil), progress_bar()).fit(X, y)
    assert_same_model(watched, model(**options).fit(X, y))


# ------------------------------------------------------------------ fitted_estimator


@pytest.mark.parametrize(
    "options",
    [
        {},
        {"batch_norm": True, "dropout": 0.2},
        {"ema_decay": 0.9, "batch_norm": True},
        {"solver": "sgd", "learning_rate": "invscaling"},
        {"solver": "lbfgs"},
        {"solver": "lbfgs", "batch_norm": True, "dtype": "float64"},
        pytest.param(
            {"early_stopping": True, "learning_rate_init": 0.3, "max_iter": 8},
            id="early_stopping",
        ),
    ],
    ids=str,
)
def test_fitted_estimator_is_as_if_fit_had_stopped_there(options):
    callback = Curious()
    whole = model(**options).set_callbacks(callback).fit(X, y, sample_weight=weights)
    n_epochs = whole.max_iter
    scores = whole.validation_scores_
    assert scores is None or np.argmax(scores) < n_epochs - 1  # or it would be no test
    fitted = [end.fitted for end in callback.ends()]
    assert len(fitted) == n_epochs
    for n, each in enumerate(fitted, 1):
        assert type(each) is MLPClassifierDIY and each is not whole
        assert each.get_params() == whole.get_params()
        assert (each.n_iter_, len(each.history_), len(each.loss_curve_)) == (n, n, n)
        shorter = model(**{**options, "max_iter": n})
        assert_same_model(each, shorter.fit(X, y, sample_weight=weights))
    (end,) = callback.ends("fit")
    assert end.fitted is not whole
    assert_same_model(end.fitted, whole)


@pytest.mark.parametrize("targets", [y == y[0], np.c_[y == y[0], y == y[-1]]])
def test_fitted_estimator_of_other_targets(targets):
    callback = Curious()
    model().set_callbacks(callback).fit(X, targets)
    for n, end in enumerate(callback.ends(), 1):
        assert_same_model(end.fitted, model(max_iter=n).fit(X, targets))


@pytest.mark.parametrize("solver", SOLVERS)
def test_fitted_estimator_is_independent_of_later_training(solver):
    then = []

    def remember(call):
        fitted = call.given.get("fitted")
        if fitted is not None:
            then.append((fitted, fitted.predict_proba(X), repr(fitted.history_)))

    clf = model(solver).set_callbacks(Curious(remember)).fit(X, y)
    clf.set_callbacks().set_params(warm_start=True).fit(X, y)
    assert len(then) == N_EPOCHS + 1
    for fitted, probabilities, history in then:
        assert_array_equal(fitted.predict_proba(X), probabilities)
        assert repr(fitted.history_) == history
    assert not np.array_equal(then[0][1], then[1][1])
    assert not np.array_equal(then[-1][1], clf.predict_proba(X))


@pytest.mark.parametrize("solver", SOLVERS)
def test_warm_start_goes_on_in_the_history_of_fitted_estimators(solver):
    callback = Curious()
    clf = model(solver, warm_start=True).fit(X, y)
    clf.set_callbacks(callback).fit(X, y)
    assert callback.places == sequence(N_EPOCHS)
    fitted = [end.fitted for end in callback.ends()]
    assert [each.n_iter_ for each in fitted] == [1, 2, 3, 4]
    assert [len(each.history_) for each in fitted] == [5, 6, 7, 8]
    assert [each.history_[-1]["epoch"] for each in fitted] == [5, 6, 7, 8]


def test_fitted_estimator_can_be_trained_on():
    callback = Curious()
    clf = model().partial_fit(X, y, classes=np.unique(y))
    clf.set_callbacks(callback).fit(X, y)
    (end,) = callback.ends("fit")
    clf.partial_fit(X, y)
    assert_same_model(end.fitted.partial_fit(X, y), clf)


def test_fitted_estimator_of_one_network_after_several():
    callback = Curious()
    clf = model(n_networks=2).fit(X, y)
    clf.set_params(n_networks=1).set_callbacks(callback).fit(X, y)
    for end in callback.ends():
        assert not hasattr(end.fitted, "estimators_")
        assert end.fitted.partial_fit(X, y).n_iter_ == 1


@pytest.mark.parametrize("options", [{}, {"ema_decay": 0.9, "early_stopping": True}])
@pytest.mark.parametrize("solver", SOLVERS)
def test_fitted_estimator_is_made_once_and_only_on_request(
    solver, options, monkeypatch
):
    n_copies = 0
    copy = Network.copy

    def counting(self):
        nonlocal n_copies
        n_copies += 1
        return copy(self)

    def count(*callbacks):
        nonlocal n_copies
        n_copies = 0
        model(solver, **options).set_callbacks(*callbacks).fit(X, y)
        return n_copies

    class OfEpochs(Plain):
        def on_fit_task_begin(self, estimator, context, *, X, y, metadata): ...
        def on_fit_task_end(self, estimator, context, *, X, y, metadata): ...

    if solver == "lbfgs":
        options = {}
    monkeypatch.setattr(Network, "copy", counting)
    without = count()
    assert count(Plain(), OfEpochs(), progress_bar()) == without
    assert count(Curious()) == without + N_EPOCHS + 1
    assert count(Plain(), Curious(), Curious()) == without + N_EPOCHS + 1


# --------------------------------------------------------------------------- stopping


@pytest.mark.parametrize("n_epochs", [1, 3])
@pytest.mark.parametrize("solver", SOLVERS)
def test_true_stops_training(solver, n_epochs):
    first, stopper, last = Plain(), Plain(stop_after(n_epochs)), Plain()
    clf = model(solver).set_callbacks(first, stopper, last)
    with warnings.catch_warnings():
        warnings.simplefilter("error", ConvergenceWarning)  # asked for
        clf.fit(X, y)
    # All callbacks hear of the end.
    assert first.places == stopper.places == last.places == sequence(n_epochs)
    assert_same_model(clf, model(solver, max_iter=n_epochs).fit(X, y))


@pytest.mark.parametrize("solver", SOLVERS)
def test_only_the_end_of_an_epoch_stops_training(solver):
    callback = Plain(lambda call: call.where[:2] != ("end", "epoch"))
    model(solver).set_callbacks(callback).fit(X, y)
    assert callback.places == sequence(N_EPOCHS)


def test_a_stopped_fit_keeps_its_best_epoch():
    options = {"early_stopping": True, "learning_rate_init": 0.3, "max_iter": 8}
    callback = Plain(stop_after(7))
    clf = model(**options).set_callbacks(callback).fit(X, y)
    assert callback.places == sequence(7)
    assert np.argmax(clf.validation_scores_) < 6
    assert_same_model(clf, model(**{**options, "max_iter": 7}).fit(X, y))


@pytest.mark.parametrize(
    ("where", "n_epochs"),
    [
        (("begin", "epoch", 0), 0),
        (("begin", "epoch", 2), 2),
        (("end", "epoch", 2), 3),
    ],
)
@pytest.mark.parametrize("solver", SOLVERS)
def test_keyboard_interrupt_in_a_hook_keeps_the_model(solver, where, n_epochs):
    callback, other = Plain(throw(KeyboardInterrupt(), *where)), Plain()
    clf = model(solver).set_callbacks(other, callback)
    with pytest.warns(UserWarning, match="interrupted by user"):
        try:
            clf.fit(X, y)
        except KeyboardInterrupt:  # it would end all tests
            pytest.fail("fit was left, and its model lost")
    assert clf.n_iter_ == len(clf.history_) == n_epochs
    assert clf.predict(X).shape == y.shape
    for each in (callback, other):
        rest = each.places[each.places.index(where) + 1 :]
        if rest[0] == ("end", *where[1:]):  # that an epoch in vain is ended is fine
            rest.pop(0)
        assert rest == [("end", "fit", 0), ("teardown",)]
    if n_epochs:
        assert_same_model(clf, model(solver, max_iter=n_epochs).fit(X, y))
    assert not leftovers(clf)


@pytest.mark.parametrize("solver", SOLVERS)
def test_keyboard_interrupt_between_hooks_ends_the_fit(solver, monkeypatch):
    def interrupt(self, *args, **options):
        if callback.ends():
            monkeypatch.undo()
            raise KeyboardInterrupt
        return backward(self, *args, **options)

    backward = Network.backward
    monkeypatch.setattr(Network, "backward", interrupt)
    callback = Curious()
    clf = model(solver).set_callbacks(callback)
    with pytest.warns(UserWarning, match="interrupted by user"):
        clf.fit(X, y)
    assert clf.n_iter_ == 1
    assert callback.places[-2:] == [("end", "fit", 0), ("teardown",)]
    assert_same_model(callback.ends("fit")[0].fitted, clf)


# -------------------------------------------------------------------------- failures

PLACES = [
    ("setup",),
    ("begin", "fit", 0),
    ("begin", "epoch", 0),
    ("begin", "epoch", 2),
    ("end", "epoch", 2),
    ("end", "fit", 0),
    ("teardown",),
]


@pytest.mark.parametrize("where", PLACES, ids=words)
@pytest.mark.parametrize("solver", SOLVERS)
def test_a_hook_that_fails_is_torn_down(solver, where):
    before, failing, after = (
        Plain(),
        Curious(throw(ZeroDivisionError("mine"), *where)),
        Plain(),
    )
    clf = model(solver).set_callbacks(before, failing, after)
    with pytest.raises(ZeroDivisionError, match="mine"):
        clf.fit(X, y)
    full = sequence(N_EPOCHS)
    so_far = full[: full.index(where) + 1]
    if where != ("teardown",):
        assert not [name for name in vars(clf) if name.endswith("_")]
        assert before.places == failing.places == [*so_far, ("teardown",)]
        # What was not set up is not torn down.
        expected = [*so_far[:-1], ("teardown",)] if len(so_far) > 1 else []
        assert after.places == expected
    else:
        assert before.places == failing.places == after.places == full
    assert not leftovers(clf)
    failing.act = None
    clf.fit(X, y)  # nothing is left that would be in the way
    assert_same_model(clf, model(solver).fit(X, y))


@pytest.mark.parametrize("warm_start", [False, True])
@pytest.mark.parametrize("where", PLACES[:-1], ids=words)
@pytest.mark.parametrize("solver", SOLVERS)
def test_a_hook_that_fails_leaves_the_estimator_as_it_was(solver, where, warm_start):
    clf = model(solver, warm_start=warm_start).fit(X, y)
    attributes, history = dict(vars(clf)), repr(clf.history_)
    probabilities = clf.predict_proba(X)
    failing = Curious(throw(ZeroDivisionError("mine"), *where))
    data = (X, y) if warm_start else (X[:100, 1:], y[:100])
    with pytest.raises(ZeroDivisionError, match="mine"):
        clf.set_callbacks(failing).fit(*data)
    clf.set_callbacks()
    assert vars(clf).keys() == attributes.keys()
    changed = [name for name in attributes if vars(clf)[name] is not attributes[name]]
    assert not changed
    assert repr(clf.history_) == history
    assert_array_equal(clf.predict_proba(X), probabilities)


def test_a_hook_that_fails_leaves_partial_fit_where_it_was():
    clf, other = (model().partial_fit(X, y, classes=np.unique(y)) for _ in range(2))
    failing = Plain(throw(ZeroDivisionError("mine"), "end", "epoch", 2))
    with pytest.raises(ZeroDivisionError, match="mine"):
        clf.set_callbacks(failing).fit(X, y)
    assert_same_model(clf.partial_fit(X, y), other.partial_fit(X, y))


@pytest.mark.parametrize("solver", SOLVERS)
def test_training_that_fails_is_torn_down(solver, monkeypatch):
    def fail(self, *args, **options):
        raise ZeroDivisionError("mine")

    callback = Plain()
    monkeypatch.setattr(Network, "backward", fail)
    with pytest.raises(ZeroDivisionError, match="mine"):
        model(solver).set_callbacks(callback).fit(X, y)
    assert callback.places == [*sequence(1)[:3], ("teardown",)]


# ----------------------------------------------------------------- copies and pickles


@pytest.mark.parametrize("solver", SOLVERS)
def test_pickles_before_and_after_fit(solver):
    callback = Plain()
    clf = model(solver).set_callbacks(callback)
    early = pickle.loads(pickle.dumps(clf))
    early.fit(X, y)
    assert not callback.calls  # the copy has its own
    clf.fit(X, y)
    assert_same_model(early, clf)
    late = pickle.loads(pickle.dumps(clf))
    assert_same_model(late, clf)
    late.fit(X, y)
    assert callback.places == sequence(N_EPOCHS)
    assert late._skl_callbacks[0].places == sequence(N_EPOCHS)


@pytest.mark.parametrize("solver", SOLVERS)
def test_pickles_from_within_a_hook(solver):
    pickles = []

    def dump(call):
        if call.where[0] == "end":
            pickles.append(pickle.dumps((call.estimator, call.given["fitted"])))
            call.given.clear()
        elif "fitted" in call.given:
            pickle.dumps(call.estimator)

    clf = model(solver).set_callbacks(Curious(dump)).fit(X, y)
    assert len(pickles) == N_EPOCHS + 1
    for n, pickled in enumerate(pickles[:-1], 1):
        estimator, fitted = pickle.loads(pickled)
        assert not hasattr(estimator, "network_")
        assert_same_model(fitted, model(solver, max_iter=n).fit(X, y))
        fitted.set_callbacks().fit(X, y)  # an estimator like any other
        assert_same_model(fitted, clf)


# ------------------------------------------------------- pipelines, searches, workers


@pytest.mark.parametrize("solver", SOLVERS)
def test_callbacks_of_a_pipeline_reach_the_epochs(solver):
    callback, own = Propagated(), Curious()
    clf = model(solver).set_callbacks(own)
    pipeline = make_pipeline(StandardScaler(), clf).set_callbacks(callback)
    pipeline.fit(iris.data, y)
    assert Counter(callback.places)["setup",] == 1
    assert Counter(callback.places)["teardown",] == 1
    assert_nested([where[:2] + where[3:] for where in callback.places])
    of_epochs = [call for call in callback.calls if "epoch" in call.where]
    assert [call.where for call in of_epochs] == sequence(N_EPOCHS)[2:-2]
    for call in of_epochs:
        fit = call.context.parent
        assert (fit.estimator_name, fit.task_name) == ("MLPClassifierDIY", "fit")
        assert fit.source_estimator_name == fit.parent.estimator_name == "Pipeline"
        assert fit.parent.parent is None
        assert_allclose(call.given["X"], X)
    assert_same_model(callback.ends()[-1].fitted, clf)
    # Callbacks of its own are set up by the classifier, and hear of nothing else.
    assert [where[:2] for where in own.places] == [
        where[:2] for where in sequence(N_EPOCHS)
    ]
    assert not leftovers(clf)
    callback.calls.clear()
    clf.fit(X, y)  # on its own again
    assert not callback.calls


def journal(folder):
    """Return a callback that writes to a file for each process, also from workers."""

    class Journal(Plain):  # local: joblib sends the code along
        def note(self, where, estimator, context, **given):
            with open(folder / str(os.getpid()), "a") as file:
                print(words(where), file=file)

    return Journal()


@pytest.mark.parametrize("solver", SOLVERS)
def test_hooks_are_called_in_workers(solver, tmp_path):
    clf = model(solver).set_callbacks(journal(tmp_path))
    cross_val_score(clf, X, y, cv=4, n_jobs=2)
    fit = [words(where) for where in sequence(N_EPOCHS)]
    journals = {int(path.name): path for path in tmp_path.iterdir()}
    assert journals and os.getpid() not in journals
    lines = [path.read_text().splitlines() for path in journals.values()]
    assert sum(len(each) for each in lines) == 4 * len(fit)
    assert all(each == fit * (len(each) // len(fit)) for each in lines)


# -------------------------------------------------------- scikit-learn's own callbacks


@pytest.mark.parametrize("n_epochs", [2, N_EPOCHS])
@pytest.mark.parametrize("solver", SOLVERS)
def test_progress_bar_is_full_in_the_end(solver, n_epochs, capsys):
    model(solver).set_callbacks(progress_bar(), Plain(stop_after(n_epochs))).fit(X, y)
    drawn = capsys.readouterr().out
    assert "MLPClassifierDIY - fit" in drawn
    assert re.findall(r"\d+%", drawn) == ["100%"]


def by_hand(solver, scorings, X, y, sample_weight=None, **options):
    """Return the scores after each epoch, each from a fit of its own."""
    rows = []
    for n in range(1, N_EPOCHS + 1):
        clf = model(solver, **{**options, "max_iter": n})
        clf.fit(X, y, sample_weight=sample_weight)
        row = {}
        for name in scorings:
            scorer = get_scorer(name)
            row[name] = scorer(clf, X, y, sample_weight=sample_weight)
        rows.append(row)
    return rows


@pytest.mark.parametrize("sample_weight", [None, weights], ids=["", "weighted"])
@pytest.mark.parametrize("solver", SOLVERS)
def test_scoring_monitor_has_the_scores_of_each_epoch(solver, sample_weight):
    scorings = ["accuracy", "neg_log_loss"]
    monitor = ScoringMonitor(scoring=scorings)
    model(solver).set_callbacks(monitor).fit(X, y, sample_weight)
    fit, *epochs = monitor.get_logs().data
    expected = by_hand(solver, scorings, X, y, sample_weight=sample_weight)
    assert len(epochs) == N_EPOCHS
    for i, (row, scores) in enumerate(zip(epochs, expected, strict=True)):
        assert row == {
            "task_id_path": (0, i),
            "parent_task_id_path": (0,),
            "estimator_name": "MLPClassifierDIY",
            "task_name": "epoch",
            "task_id": i,
            "sequential_subtasks": True,
            **scores,
        }
    assert fit["task_name"] == "fit"
    assert {name: fit[name] for name in scorings} == expected[-1]
    assert len({row["neg_log_loss"] for row in epochs}) == N_EPOCHS


@pytest.mark.parametrize("piped", [False, True])
@pytest.mark.parametrize("solver", SOLVERS)
def test_scoring_monitor_takes_feature_names_without_warnings(solver, piped):
    pd = pytest.importorskip("pandas")
    frame = pd.DataFrame(X, columns=iris.feature_names)
    monitor = ScoringMonitor(scoring="accuracy")
    clf = estimator = model(solver).set_callbacks(monitor)
    if piped:
        scaler = StandardScaler(with_mean=False, with_std=False)
        estimator = make_pipeline(scaler.set_output(transform="pandas"), clf)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        warnings.simplefilter("ignore", ConvergenceWarning)
        estimator.fit(frame, y)
    assert list(clf.feature_names_in_) == iris.feature_names
    scores = [row["accuracy"] for row in monitor.get_logs().data[1:]]
    assert scores == [row["accuracy"] for row in by_hand(solver, ["accuracy"], X, y)]
