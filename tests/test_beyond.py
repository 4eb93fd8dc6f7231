"""What MLPClassifier lacks."""

import re
import warnings

import numpy as np
import pytest
import sklearn
from numpy.testing import assert_allclose, assert_array_equal
from sklearn.base import clone
from sklearn.datasets import load_iris
from sklearn.datasets import make_multilabel_classification as make_multilabel
from sklearn.metrics import balanced_accuracy_score, log_loss, roc_auc_score
from sklearn.model_selection import train_test_split
from sklearn.pipeline import Pipeline, make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.utils.class_weight import compute_sample_weight

from helpers import quick
from skdnn.nn import BatchNorm, Dense, Dropout, Logistic, Normal, ReLU, Softmax

pytestmark = pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")


# ------------------------------------------------------------------- class weights


@pytest.mark.parametrize(
    "class_weight", ["balanced", {0: 1, 1: 5.0, 2: 0.1}, {2: 3}, {0: 1, 1: 20}]
)
def test_class_weights_are_sample_weights(iris, class_weight):
    X, y = iris
    X, y = X[30:], y[30:]  # 20, 50, 50
    own = np.random.default_rng(0).uniform(0.5, 2, len(y))
    weights = compute_sample_weight(class_weight, y)
    expected = quick().fit(X, y, weights)
    clf = quick(class_weight=class_weight).fit(X, y)
    assert_allclose(clf.predict_proba(X), expected.predict_proba(X), rtol=1e-5)
    if class_weight != "balanced":
        expected = quick().fit(X, y, weights * own)
        clf = quick(class_weight=class_weight).fit(X, y, own)
        assert_allclose(clf.predict_proba(X), expected.predict_proba(X), rtol=1e-5)


def test_class_weight_raises_the_recall_of_a_rare_class():
    rng = np.random.default_rng(0)
    y = (rng.uniform(size=2000) < 0.03).astype(int)
    X = rng.normal(size=(2000, 5)) + 0.8 * y[:, None]
    settings = {"max_iter": 30, "learning_rate_init": 0.01}
    plain = quick(**settings).fit(X, y)
    balanced = quick(class_weight="balanced", **settings).fit(X, y)
    assert balanced_accuracy_score(y, balanced.predict(X)) > 0.05 + (
        balanced_accuracy_score(y, plain.predict(X))
    )


def test_class_weights_do_not_change_what_the_validation_score_means(iris):
    X, y = iris
    y = (np.arange(150) < 15).astype(int)
    clf = quick(class_weight="balanced", early_stopping=True, dtype="float64").fit(X, y)
    # 15 samples set aside: the accuracy is a multiple of 1 / 15
    assert clf.validation_scores_[0] * 15 == pytest.approx(
        round(clf.validation_scores_[0] * 15)
    )
    quick(
        class_weight="balanced", early_stopping=True, scoring=lambda clf, X, y: 1.0
    ).fit(X, y)


def test_class_weight_with_other_labels(iris):
    X, y = iris
    days = np.array(["2020-01-01", "2020-01-02", "2020-01-03"], dtype="datetime64[D]")
    with pytest.raises(ValueError, match=r"2030-01-01.*not in y|not in y.*2030"):
        quick(class_weight={np.datetime64("2030-01-01"): 5}).fit(X, days[y])
    names = np.array(["a", "b", "c"])[y]
    clf = quick(class_weight={"b": 7}).fit(X, names)
    expected = quick(class_weight={1: 7}).fit(X, y)
    assert_array_equal(clf.predict_proba(X), expected.predict_proba(X))


def test_bad_class_weights(iris):
    X, y = iris
    with pytest.raises(ValueError, match=r"not in y: \[7\]; y has \[0 1 2\]"):
        quick(class_weight={0: 1, 7: 2}).fit(X, y)
    with pytest.raises(ValueError, match="'class_weight' parameter .* Got 'even'"):
        quick(class_weight="even").fit(X, y)
    with pytest.raises(ValueError, match="class_weight.* -1.* at least 0"):
        quick(class_weight={0: -1}).fit(X, y)
    for weight in (np.inf, np.nan, "a", None):
        with pytest.raises(ValueError, match="weights must be numbers, finite"):
            quick(class_weight={0: weight}).fit(X, y)
    with pytest.raises(ValueError, match="multiply to 0 for every sample"):
        quick(class_weight={0: 0, 1: 0, 2: 0}).fit(X, y)
    X, Y = make_multilabel(random_state=0)
    with pytest.raises(ValueError, match="not supported for multi-label"):
        quick(class_weight="balanced").fit(X, Y)


# ------------------------------------------------------------------ validation sets


@pytest.mark.parametrize("solver", ["adam", "sgd", "adamw", "lbfgs"])
@pytest.mark.parametrize("batch_norm", [False, True])
def test_a_validation_set_is_recorded_and_changes_nothing(
    split_digits, solver, batch_norm
):
    X, X_val, y, y_val = split_digits
    clf = quick(solver=solver, batch_norm=batch_norm)
    plain = clone(clf).fit(X, y)
    clf.fit(X, y, X_val=X_val, y_val=y_val)
    assert_array_equal(clf.network_.parameters, plain.network_.parameters)
    assert_array_equal(clf.network_.statistics, plain.network_.statistics)
    last = clf.history_[-1]
    expected = log_loss(y_val, clf.predict_proba(X_val))
    exact = not batch_norm or solver == "lbfgs"  # statistics are averaged in the end
    assert_allclose(last["validation_loss"], expected, rtol=1e-4 if exact else 0.05)
    accuracy = clf.score(X_val, y_val)
    assert last["validation_score"] == pytest.approx(accuracy, abs=0 if exact else 0.02)
    assert clf.validation_scores_ == [row["validation_score"] for row in clf.history_]


def test_weights_of_the_validation_set(split_cancer):
    X, X_val, y, y_val = split_cancer
    w = np.random.default_rng(0).uniform(0, 2, len(y_val))
    clf = quick(dtype="float64")
    clf.fit(X, y, X_val=X_val, y_val=y_val, sample_weight_val=w)
    last = clf.history_[-1]
    expected = log_loss(y_val, clf.predict_proba(X_val), sample_weight=w)
    assert_allclose(last["validation_loss"], expected)
    assert_allclose(last["validation_score"], clf.score(X_val, y_val, w))
    with pytest.raises(ValueError, match="sample_weight_val is provided, but"):
        quick().fit(X, y, sample_weight_val=w)
    with pytest.raises(ValueError, match=r"at least one non-zero|all 0"):
        quick().fit(X, y, X_val=X_val, y_val=y_val, sample_weight_val=w * 0)


def test_the_training_score_is_the_accuracy_before_each_step(split_digits):
    X, _, y, _ = split_digits
    clf = quick(batch_size=len(y), max_iter=3, dtype="float64").fit(X, y)
    for epochs in (1, 2):
        before = quick(batch_size=len(y), max_iter=epochs, dtype="float64").fit(X, y)
        assert_allclose(clf.history_[epochs]["score"], before.score(X, y))


@pytest.mark.parametrize("solver", ["adam", "lbfgs"])
def test_the_weighted_training_score(split_cancer, solver):
    X, _, y, _ = split_cancer
    w = np.random.default_rng(0).integers(0, 3, len(y))
    settings = {"batch_size": len(y), "dtype": "float64", "solver": solver}
    clf = quick(max_iter=2, **settings).fit(X, y, w)
    if solver == "lbfgs":
        assert_allclose(clf.history_[-1]["score"], clf.score(X, y, w))
    else:
        before = quick(max_iter=1, **settings).fit(X, y, w)
        assert_allclose(clf.history_[1]["score"], before.score(X, y, w))


@pytest.mark.parametrize("scoring", ["roc_auc", "neg_log_loss", "balanced_accuracy"])
def test_early_stopping_on_a_scorer(split_cancer, scoring):
    X, X_val, y, y_val = split_cancer
    clf = quick(scoring=scoring, early_stopping=True, n_iter_no_change=3, max_iter=100)
    clf.fit(X, y, X_val=X_val, y_val=y_val)
    scorer = sklearn.metrics.get_scorer(scoring)
    assert clf.n_iter_ < 100
    assert clf.best_validation_score_ == max(clf.validation_scores_)
    assert_allclose(scorer(clf, X_val, y_val), clf.best_validation_score_, rtol=1e-6)


def test_early_stopping_on_the_loss_and_on_a_callable(split_cancer):
    X, X_val, y, y_val = split_cancer
    clf = quick(scoring="loss", early_stopping=True, tol=0, max_iter=300, alpha=0)
    clf.set_params(learning_rate_init=0.02).fit(X, y, X_val=X_val, y_val=y_val)
    losses = [row["validation_loss"] for row in clf.history_]
    assert_array_equal(clf.validation_scores_, np.negative(losses))
    assert clf.n_iter_ < 300
    assert_allclose(log_loss(y_val, clf.predict_proba(X_val)), min(losses), rtol=1e-4)

    def auc(estimator, X, y):
        return roc_auc_score(y, estimator.predict_proba(X)[:, 1])

    clf = quick(scoring=auc).fit(X, y, X_val=X_val, y_val=y_val)
    assert_allclose(clf.validation_scores_[-1], auc(clf, X_val, y_val))


def test_scorers_see_labels_and_no_warning_about_names():
    pandas = pytest.importorskip("pandas")
    X, y = load_iris(return_X_y=True)
    frame = pandas.DataFrame(X, columns=list("abcd"))
    names = np.array(["no", "yes", "so"])[y]
    with warnings.catch_warnings():
        warnings.simplefilter("error", UserWarning)
        warnings.filterwarnings("ignore", message=".*Maximum iterations")
        clf = quick(scoring="f1_macro", early_stopping=True).fit(frame, names)
    assert len(clf.validation_scores_) == clf.n_iter_
    with pytest.raises(ValueError, match="'scoring' parameter .* Got 'accurate'"):
        quick(scoring="accurate").fit(X, y)


def test_validation_set_through_a_pipeline(iris):
    X, y = load_iris(return_X_y=True)
    X, X_val, y, y_val = train_test_split(X * 100, y, random_state=0)
    with sklearn.config_context(enable_metadata_routing=True):
        clf = quick(max_iter=20).set_fit_request(X_val=True, y_val=True)
        pipeline = Pipeline(
            [("scale", StandardScaler()), ("mlp", clf)], transform_input=["X_val"]
        )
        pipeline.fit(X, y, X_val=X_val, y_val=y_val)
    scores = pipeline[-1].validation_scores_
    assert scores[-1] == pytest.approx(pipeline.score(X_val, y_val))
    scaled = pipeline[0].transform(X_val)
    assert scores[-1] == pytest.approx(pipeline[-1].score(scaled, y_val))


# ------------------------------------------------------------------- regularization


def test_label_smoothing_is_training_on_smoothed_targets(split_cancer, iris):
    # Without hidden layer and penalty, the gradient vanishes where P is the target.
    X, y = np.repeat(np.eye(3), 4, axis=0), np.repeat([0, 1, 2], 4)
    settings = {"solver": "lbfgs", "alpha": 0, "tol": 1e-9, "dtype": "float64"}
    clf = quick((), label_smoothing=0.3, max_iter=1000, **settings).fit(X, y)
    assert_allclose(clf.predict_proba(X), 0.7 * np.eye(3)[y] + 0.1, atol=1e-4)
    clf = quick((), label_smoothing=0.3, max_iter=1000, **settings)
    clf.fit(X[:8], y[:8])  # two classes, one output
    assert_allclose(clf.predict_proba(X[:8]), 0.7 * np.eye(2)[y[:8]] + 0.15, atol=1e-4)
    X, Y = np.repeat(np.eye(3), 4, axis=0), np.repeat(np.eye(3, dtype=int), 4, axis=0)
    clf = quick((), label_smoothing=0.3, max_iter=1000, **settings).fit(X, Y)
    assert_allclose(clf.predict_proba(X), 0.7 * Y + 0.15, atol=1e-4)


def test_training_needs_weight_and_pairs():
    X, y = load_iris(return_X_y=True)
    messages = set()
    for seed in range(30):  # the one sample with weight goes to either part
        clf = quick(early_stopping=True, random_state=seed)
        with pytest.raises(ValueError, match="positive") as error:
            clf.fit(X, y, np.r_[1.0, np.zeros(149)])
        messages.add(str(error.value)[:20])
    assert messages == {"No sample with a pos"}
    for settings in ({"batch_size": 1}, {}):
        with pytest.raises(ValueError, match="mini-batches of at least 2 samples"):
            clf = quick(batch_norm=True, **settings)
            rows = slice(None) if settings else slice(1)
            clf.partial_fit(X[rows], y[rows], classes=[0, 1, 2])


def test_the_loss_is_a_mean_over_mini_batches_with_weight(split_digits):
    X, _, y, _ = split_digits
    w = np.zeros(len(y))
    w[:200] = 1
    clf = quick(shuffle=False, learning_rate_init=1e-30, alpha=0).fit(X, y, w)
    expected = log_loss(y[:200], clf.predict_proba(X[:200]))
    assert_allclose(clf.loss_, expected, rtol=1e-4)


def layers_of(**settings):
    X, y = load_iris(return_X_y=True)
    return quick(max_iter=1, **settings).fit(X, y).network_.layers


def test_dropout_for_each_layer_and_for_the_input():
    assert layers_of(
        hidden_layer_sizes=(9, 8, 7), dropout=[0.1, 0, 0.3], input_dropout=0.2
    ) == (
        *(Dropout(0.2), Dense(9), ReLU(), Dropout(0.1)),
        *(Dense(8), ReLU(), Dense(7), ReLU(), Dropout(0.3)),
        *(Dense(3), Softmax()),
    )
    layers = layers_of(hidden_layer_sizes=np.array([9]), dropout=np.array([0.1]))
    assert repr(layers[2]) == "Dropout(0.1)"
    assert layers_of(hidden_layer_sizes=9, dropout=0.4, batch_norm=True) == (
        *(Dense(9), BatchNorm(), ReLU(), Dropout(0.4), Dense(3), Softmax()),
    )
    X, y = load_iris(return_X_y=True)
    for settings, message in [
        ({"dropout": [0.1, 0.2]}, r"2 rates, \[0.1, 0.2\], for 1 hidden layer: give"),
        ({"dropout": [1.0]}, r"Dropout: rate must be a number in \[0, 1\), got 1.0"),
        ({"dropout": ["a"]}, "rate must be a number, got 'a'"),
        ({"hidden_layer_sizes": (5.0,)}, r"must be integers, got \[5.0\]"),
        ({"weight_init": Normal}, r"the class Normal; an instance is needed"),
        ({"input_dropout": 1}, "'input_dropout' parameter .* Got 1 instead"),
    ]:
        with pytest.raises((ValueError, TypeError), match=message):
            quick(**settings).fit(X, y)


def test_moving_average_of_the_weights(split_digits):
    X, X_val, y, y_val = split_digits
    settings = {"max_iter": 3, "shuffle": False, "batch_size": 500, "dtype": "float64"}
    # the truth: the parameters after every step, from one-step partial_fits
    raw = quick(**settings)
    raw.partial_fit(X[:500], y[:500], classes=np.arange(10))
    start = quick(**settings, learning_rate_init=1e-300)
    start.partial_fit(X[:500], y[:500], classes=np.arange(10))
    average = start.network_.parameters.copy()
    chunks = [slice(0, 500), slice(500, 1000), slice(1000, None)] * 3
    for t, rows in enumerate(chunks, start=1):
        if t > 1:
            raw.partial_fit(X[rows], y[rows])
        decay = min(0.6, (1 + t) / (10 + t))
        average = decay * average + (1 - decay) * raw.network_.parameters
    clf = quick(ema_decay=0.6, **settings).fit(X, y, X_val=X_val, y_val=y_val)
    assert_allclose(clf.network_.parameters, average, atol=1e-12)
    assert clf.validation_scores_[-1] == clf.score(X_val, y_val)
    # the average predicts, the raw parameters train on
    twin = quick(ema_decay=0.6, **settings)
    for rows in chunks:
        twin.partial_fit(X[rows], y[rows], classes=np.arange(10))
    assert_allclose(twin.network_.parameters, average, atol=1e-12)


def test_moving_average_with_batch_norm_and_early_stopping(split_digits):
    X, X_val, y, y_val = split_digits
    clf = quick(
        ema_decay=0.9, batch_norm=True, early_stopping=True, n_iter_no_change=2,
        max_iter=40, solver="sgd", learning_rate_init=1.0,
    ).fit(X, y, X_val=X_val, y_val=y_val)  # fmt: skip
    assert clf.score(X_val, y_val) == pytest.approx(clf.best_validation_score_)
    assert clf.best_validation_score_ > 0.95


def test_weight_init(iris):
    X, y = iris

    def std(weight_init, activation="relu"):
        clf = quick((300,), activation, weight_init=weight_init, max_iter=1)
        fitted = clf.set_params(learning_rate_init=1e-30).fit(X, y)
        return fitted.coefs_[1].std(), np.abs(fitted.intercepts_[0]).max()

    for weight_init, expected, has_bias in [
        ("auto", np.sqrt(2 / 303), True),
        ("glorot", np.sqrt(2 / 303), True),
        ("he", np.sqrt(2 / 300), False),
        ("normal", 0.01, False),
        (Normal(0.2), 0.2, False),
    ]:
        observed, largest_bias = std(weight_init)
        assert observed == pytest.approx(expected, rel=0.1)
        assert (largest_bias > 1e-20) == has_bias
    assert std("auto", "logistic")[0] == pytest.approx(np.sqrt(2 / 909), rel=0.1)
    with pytest.raises(ValueError, match="'weight_init' parameter .* Got 'zero'"):
        quick(weight_init="zero").fit(X, y)


# -------------------------------------------------------------------- the notebook


def test_html_shows_the_layers_below_the_diagram(split_cancer):
    X, _, y, _ = split_cancer
    clf = quick(architecture=[Dense(20), BatchNorm(), ReLU()])
    assert "output shape" not in clf._repr_html_()
    html = clf.fit(X, y)._repr_html_()
    diagram, table = html.rsplit("<table", 1)
    assert "MLPClassifierDIY" in diagram
    cell = "<td.*?>(.*?)</td>"
    assert re.findall(f"<tr>{cell}{cell}{cell}</tr>", table) == [
        ("layer", "output shape", "parameters"),
        ("input", "(m, 30)", "0"),
        ("Dense(20)", "(m, 20)", "620"),
        ("BatchNorm()", "(m, 20)", "40"),
        ("ReLU()", "(m, 20)", "0"),
        ("Dense(1)", "(m, 1)", "21"),
        (repr(Logistic()), "(m, 1)", "0"),
    ]
    assert "681 parameters, float32" in table
    assert table in clf._repr_mimebundle_()["text/html"]
    assert "MLPClassifierDIY" in make_pipeline(StandardScaler(), clf)._repr_html_()
