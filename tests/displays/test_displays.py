"""Tests of `skdnn.displays`: what is drawn, read back from matplotlib's artists."""

import subprocess
import sys
import warnings
from pathlib import Path

import matplotlib
import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from scipy.sparse import csr_array
from sklearn.base import clone
from sklearn.datasets import load_digits
from sklearn.ensemble import RandomForestClassifier
from sklearn.exceptions import NotFittedError
from sklearn.model_selection import GridSearchCV, RandomizedSearchCV
from sklearn.neural_network import MLPClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import MinMaxScaler

from skdnn import MLPClassifierDIY, MLPRegressorDIY
from skdnn.displays import (
    ArchitectureComparisonDisplay,
    GradientNormDisplay,
    PredictionGridDisplay,
    TrainingCurveDisplay,
    UncertaintyDisplay,
    WeightGridDisplay,
)
from skdnn.nn import BatchNorm, Dense, ReLU

matplotlib.use("agg")
import matplotlib.pyplot as plt

pytestmark = pytest.mark.filterwarnings("ignore:.*Maximum iterations")
X, Y = load_digits(return_X_y=True)


@pytest.fixture(autouse=True)
def close_figures():
    yield
    plt.close("all")


def fit(**params):
    return MLPClassifierDIY((20,), max_iter=6, random_state=0, **params).fit(X, Y)


@pytest.fixture(scope="module")
def plain():
    return fit()


@pytest.fixture(scope="module")
def validated():
    return fit(early_stopping=True, batch_norm=True, max_grad_norm=0.5)


def legend(display):
    return [text.get_text() for text in display.ax_.get_legend().get_texts()]


def dots(display):
    """Return the points drawn as a dot, without those of the legend."""
    lines = [line for line in display.ax_.lines if line.get_marker() == "o"]
    return [tuple(line.get_xydata()[0]) for line in lines if line.get_xydata().size]


def overlap(boxes):
    return any(a.overlaps(b) for i, a in enumerate(boxes) for b in list(boxes)[i + 1 :])


def test_importing_does_not_import_matplotlib():
    script = "import sys, skdnn.displays; print('matplotlib' in sys.modules)"
    root = Path(__file__).resolve().parents[1]
    command = [sys.executable, "-c", script]
    output = subprocess.run(command, cwd=root, capture_output=True, check=True).stdout
    assert output.split() == [b"False"]


# TrainingCurveDisplay


def test_loss_curves_are_those_of_the_history(validated):
    display = TrainingCurveDisplay.from_estimator(validated)
    training, validation = display.lines_
    losses = [row["validation_loss"] for row in validated.history_]
    assert_array_equal(training.get_xdata(), np.arange(1, 7))
    assert_allclose(training.get_ydata(), validated.loss_curve_)
    assert_allclose(validation.get_ydata(), losses)
    assert training.get_linestyle() != validation.get_linestyle()
    assert display.best_epochs_ == {"": 1 + np.argmin(losses)}
    assert dots(display) == [(1 + np.argmin(losses), min(losses))]
    assert legend(display) == ["training", "validation", "best epoch (lowest loss)"]
    assert (display.ax_.get_xlabel(), display.ax_.get_ylabel()) == ("Epoch", "Loss")


def test_scores_are_those_of_the_history(validated):
    display = TrainingCurveDisplay.from_estimator(validated, metric="score")
    training, validation = display.lines_
    scores = validated.validation_scores_
    assert_allclose(training.get_ydata(), [row["score"] for row in validated.history_])
    assert_allclose(validation.get_ydata(), scores)
    assert dots(display) == [(1 + np.argmax(scores), max(scores))]
    assert legend(display) == ["training", "validation", "best epoch (highest score)"]
    assert display.ax_.get_ylabel() == "Score"


def test_accuracy_is_not_drawn_beside_another_score():
    estimator = fit(early_stopping=True, scoring="f1_macro")
    display = TrainingCurveDisplay.from_estimator(estimator, metric="score")
    (line,) = display.lines_
    assert_allclose(line.get_ydata(), estimator.validation_scores_)
    assert line.get_linestyle() == "--"


def test_scores_far_below_the_others_are_cut_off():
    rows = [{"score": score} for score in (0.1, 0.5, 0.96, 0.97, 0.98, 0.99)]
    display = TrainingCurveDisplay(histories={"": rows}, metric="score").plot()
    bottom, top = display.ax_.get_ylim()
    assert 0.5 < bottom < 0.96
    assert 0.99 < top < 1


def test_without_validation_set_only_the_training(plain):
    display = TrainingCurveDisplay.from_estimator(plain)
    (line,) = display.lines_
    assert_allclose(line.get_ydata(), plain.loss_curve_)
    assert display.best_epochs_ == {"": 1 + np.argmin(plain.loss_curve_)}
    assert "validation" not in legend(display)


def test_several_estimators(plain, validated):
    display = TrainingCurveDisplay.from_estimator({"a": plain, "b": validated})
    assert_allclose(display.lines_[0].get_ydata(), plain.loss_curve_)
    assert_allclose(display.lines_[1].get_ydata(), validated.loss_curve_)
    colors = [line.get_color() for line in display.lines_]
    assert colors[0] != colors[1] == colors[2]
    assert set(display.best_epochs_) == {"a", "b"}
    expected = ["a", "b", "training", "validation", "best epoch (lowest loss)"]
    assert legend(display) == expected


def test_ten_estimators_have_ten_colors(plain):
    display = TrainingCurveDisplay.from_estimator({str(i): plain for i in range(10)})
    assert len({matplotlib.colors.to_hex(c.get_color()) for c in display.lines_}) == 10


def test_rows_without_validation_are_left_out():
    histories = {"": [{"loss": 3.0}, {"loss": 2.0, "validation_loss": 4.0}]}
    display = TrainingCurveDisplay(histories=histories).plot()
    assert_array_equal(display.lines_[1].get_ydata(), [np.nan, 4])
    assert display.best_epochs_ == {"": 2}


def test_pipeline_and_search_are_unwrapped(plain):
    mlp = MLPClassifierDIY((20,), max_iter=2, random_state=0)
    pipeline = make_pipeline(MinMaxScaler(), mlp).fit(X, Y)
    search = GridSearchCV(pipeline, {"mlpclassifierdiy__alpha": [0.1]}, cv=2).fit(X, Y)
    for estimator, expected in ((pipeline, pipeline), (search, search.best_estimator_)):
        display = TrainingCurveDisplay.from_estimator(estimator)
        assert_allclose(display.lines_[0].get_ydata(), expected[-1].loss_curve_)
        display = GradientNormDisplay.from_estimator(estimator)
        assert len(display.lines_[0].get_ydata()) == 2


@pytest.mark.parametrize("display_class", [TrainingCurveDisplay, GradientNormDisplay])
def test_given_axes_and_line_options_are_used(validated, display_class):
    figure, ax = plt.subplots()
    display = display_class.from_estimator(validated, ax=ax, linewidth=7)
    assert display.ax_ is ax
    assert display.figure_ is figure
    assert display.lines_[0].get_linewidth() == 7
    assert plt.get_fignums() == [figure.number]


@pytest.mark.parametrize(
    ("estimators", "metric", "message"),
    [
        (
            "other",
            "score",
            "no score that is finite; a score other than accuracy or R²",
        ),
        ("named", "score", "the estimator 'a' has no score that is finite"),
        ("plain", "accuracy", "metric='accuracy' .* must be 'loss' or 'score'"),
        ("none", "loss", "estimator={} is empty"),
    ],
)
def test_training_curve_errors(plain, estimators, metric, message):
    other = clone(plain).set_params(scoring="loss").fit(X, Y)  # no validation set
    estimators = {"plain": plain, "other": other, "named": {"a": other}, "none": {}}[
        estimators
    ]
    with pytest.raises(ValueError, match=message):
        TrainingCurveDisplay.from_estimator(estimators, metric=metric)
    assert plt.get_fignums() == []


@pytest.mark.parametrize(
    ("metric", "row", "message"),
    [
        (
            "score",
            {"loss": 1.0, "validation_loss": 2.0, "validation_score": np.nan},
            "the estimator 'a' has no score that is finite",
        ),
        ("loss", {"loss": np.inf}, "the estimator 'a' has no loss that is finite"),
    ],
)
def test_all_values_are_nan(metric, row, message):
    with pytest.raises(ValueError, match=message):
        TrainingCurveDisplay(histories={"a": [row, row]}, metric=metric).plot()
    assert plt.get_fignums() == []


@pytest.mark.parametrize("display_class", [TrainingCurveDisplay, GradientNormDisplay])
def test_only_fitted_networks(display_class):
    with pytest.raises(NotFittedError):
        display_class.from_estimator(MLPClassifierDIY())
    forest = RandomForestClassifier(2).fit(X, Y)
    with pytest.raises(ValueError, match="estimator=RandomForest.* has no history_"):
        display_class.from_estimator(forest)


# GradientNormDisplay


def test_gradient_norms_and_threshold(validated):
    display = GradientNormDisplay.from_estimator(validated)
    rows = [row["gradient_norm"] for row in validated.history_]
    for layer, line in zip(rows[0], display.lines_, strict=False):
        assert line.get_label() == layer
        assert_allclose(line.get_ydata(), [row[layer] for row in rows])
    together = [np.sqrt(sum(norm**2 for norm in row.values())) for row in rows]
    assert_allclose(display.lines_[-1].get_ydata(), together)
    assert display.lines_[-1].get_label() == "all layers"
    assert display.threshold_line_.get_ydata()[0] == 0.5
    assert display.ax_.get_yscale() == "log"
    layers = ["Dense_1", "BatchNorm_1", "Dense_2"]
    assert legend(display) == [*layers, "all layers", "max_grad_norm = 0.5"]


def test_no_threshold_without_clipping(plain):
    display = GradientNormDisplay.from_estimator(plain)
    assert display.threshold_line_ is None
    assert legend(display) == ["Dense_1", "Dense_2", "all layers"]


@pytest.mark.parametrize("highest", [3, 30, 3e6])
def test_ticks_of_the_log_scale_are_labelled_and_apart(highest):
    display = GradientNormDisplay(gradient_norms={"Dense_1": [1, highest]}).plot()
    display.figure_.canvas.draw()
    ax = display.ax_
    shown = [
        label.get_window_extent()
        for tick, label in zip(ax.get_yticks(), ax.get_yticklabels(), strict=True)
        if ax.get_ylim()[0] <= tick <= ax.get_ylim()[1]
    ]
    assert len(shown) >= 2
    assert not overlap(shown)


@pytest.mark.parametrize("n_layers", [2, 12])
def test_legend_is_outside_of_the_axes(n_layers):
    norms = {f"Dense_{i}": [1, 2] for i in range(n_layers)}
    display = GradientNormDisplay(gradient_norms=norms).plot()
    display.figure_.canvas.draw()
    box = display.ax_.get_legend().get_window_extent()
    assert box.y0 >= display.ax_.get_window_extent().y1
    assert box.y1 <= display.figure_.bbox.y1


# PredictionGridDisplay

LABELS = np.array([0, 1, 2, 3, 4, 5])
PREDICTED = np.array([0, 7, 2, 7, 7, 5])
CONFIDENCE = np.array([0.9, 0.6, 0.5, 0.8, 0.7, 0.99])
IMAGES = np.random.default_rng(0).uniform(size=(6, 48))


def captions(display):
    return [text.get_text() for text in display.captions_]


def test_first_images_with_their_captions():
    display = PredictionGridDisplay.from_predictions(
        IMAGES, LABELS, PREDICTED, CONFIDENCE, image_shape=(6, 8), n_images=2
    )
    assert captions(display) == ["label 0\npred. 0, 90.0%", "✗ label 1\npred. 7, 60.0%"]
    assert display.mistakes_.tolist() == [False, True]
    right, wrong = display.ax_.patches
    assert wrong.get_linewidth() > right.get_linewidth()  # not by colour alone
    for image, pixels in zip(display.images_, IMAGES, strict=False):
        assert_allclose(image.get_array(), pixels.reshape(6, 8))


def test_most_confident_mistakes_first_then_least_confident():
    display = PredictionGridDisplay.from_predictions(
        IMAGES, LABELS, PREDICTED, CONFIDENCE, image_shape=(6, 8), order="mistakes"
    )
    assert display.y_true.tolist() == [3, 4, 1, 2, 0, 5]
    assert_allclose(display.images[0], IMAGES[3].reshape(6, 8))
    display = PredictionGridDisplay.from_predictions(
        IMAGES, LABELS, PREDICTED, image_shape=(6, 8), order="mistakes", n_images=4
    )
    assert display.y_true.tolist() == [1, 3, 4, 0]
    assert captions(display)[0] == "✗ label 1\npred. 7"


@pytest.mark.parametrize("kind", ["dense", "sparse", "frame"])
def test_from_estimator_asks_the_estimator(plain, kind):
    samples = X[:30]
    if kind == "sparse":
        samples = csr_array(samples)
    elif kind == "frame":
        samples = pytest.importorskip("pandas").DataFrame(samples)
    display = PredictionGridDisplay.from_estimator(plain, samples, Y[:30], n_images=25)
    assert_array_equal(display.y_pred, plain.predict(X[:25]))
    expected = plain.predict_proba(X[:25]).max(axis=1)
    assert_allclose(display.y_confidence, expected, rtol=1e-5)
    assert_array_equal(display.y_true, Y[:25])
    # Values from 0 to 16 are scaled by the largest of the images shown.
    assert_allclose(display.images_[3].get_array(), X[3].reshape(8, 8) / X[:25].max())


def test_without_labels_nothing_is_a_mistake(plain):
    display = PredictionGridDisplay.from_estimator(plain, X[:3])
    assert not display.mistakes_.any()
    assert "label" not in captions(display)[0]


def test_estimator_without_probabilities():
    class Constant(RandomForestClassifier):
        predict_proba = property()  # hasattr is False

        def predict(self, X):
            return np.zeros(X.shape[0], int)

    estimator = Constant(1).fit(X, Y)
    display = PredictionGridDisplay.from_estimator(estimator, X[:2], Y[:2])
    assert captions(display) == ["label 0\npred. 0", "✗ label 1\npred. 0"]


def test_color_images():
    pixels = np.arange(48, dtype=np.uint8).reshape(1, 48) * 5
    display = PredictionGridDisplay.from_predictions(
        pixels, None, [1], image_shape=(4, 4, 3)
    )
    assert_allclose(display.images_[0].get_array(), pixels.reshape(4, 4, 3) / 255)


@pytest.mark.parametrize("n_columns", [None, 2, 9])
@pytest.mark.parametrize(
    ("n_images", "image_shape", "names"),
    [
        (1, (4, 12), list("0123456789")),
        (18, (4, 12), ["a class with a very long name indeed"] * 10),
        (18, (12, 4), ["Ankle boot"] * 10),
        (25, (8, 6), list("0123456789")),
    ],
)
def test_nothing_overlaps(n_columns, n_images, image_shape, names):
    rng = np.random.default_rng(0)
    display = PredictionGridDisplay.from_predictions(
        rng.uniform(size=(n_images, 48)),
        np.array(names)[rng.integers(0, 10, n_images)],
        np.array(names, dtype=object)[rng.integers(0, 10, n_images)] + "!",
        np.ones(n_images),
        image_shape=image_shape,
        n_columns=n_columns,
    )
    display.figure_.canvas.draw()
    artists = [*display.captions_, *display.images_]
    boxes = [artist.get_window_extent() for artist in artists]
    assert not overlap(boxes)
    figure = display.figure_.bbox
    for box in boxes:
        assert figure.x0 <= box.x0
        assert box.x1 <= figure.x1
        assert figure.y0 <= box.y0
        assert box.y1 <= figure.y1


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({}, "image_shape=None .* X has 48 features, which is no square"),
        ({"image_shape": (6, 7)}, r"image_shape=\(6, 7\) makes 42 values.*48 features"),
        ({"image_shape": (48,)}, r"image_shape=\(48,\) must be \(height, width\)"),
        ({"image_shape": (4, 6, 2)}, "with 1, 3 or 4 channels"),
        ({"n_images": 0}, "n_images=0 must be an integer of at least 1"),
        ({"n_columns": 1.5, "image_shape": (6, 8)}, "n_columns=1.5 must be an integer"),
        ({"order": "best"}, "order='best' .* must be 'first' or 'mistakes'"),
    ],
)
def test_prediction_grid_errors(options, message):
    with pytest.raises(ValueError, match=message):
        PredictionGridDisplay.from_predictions(IMAGES, LABELS, PREDICTED, **options)
    assert plt.get_fignums() == []


@pytest.mark.parametrize("name", ["y_true", "y_pred", "y_confidence"])
@pytest.mark.parametrize("order", ["first", "mistakes"])
def test_one_label_for_each_image(name, order):
    values = {"y_true": LABELS, "y_pred": PREDICTED, "y_confidence": CONFIDENCE}
    values[name] = np.ones((6, 3))
    message = rf"{name} has shape \(6, 3\), but must be one-dimensional"
    with pytest.raises(ValueError, match=message):
        PredictionGridDisplay.from_predictions(
            IMAGES, **values, image_shape=(6, 8), order=order
        )
    with pytest.raises(ValueError, match=message):
        PredictionGridDisplay(images=IMAGES.reshape(6, 6, 8), **values).plot()
    assert plt.get_fignums() == []


def test_multilabel_estimator():
    forest = RandomForestClassifier(2).fit(X, np.column_stack([Y > 4, Y % 2]))
    with pytest.raises(ValueError, match=r"^y_pred has shape \(5, 2\)"):
        PredictionGridDisplay.from_estimator(forest, X[:5])
    with pytest.raises(ValueError, match=r"^y has shape \(5, 2\)"):
        PredictionGridDisplay.from_estimator(forest, X[:5], np.ones((5, 2)))


@pytest.mark.parametrize("shape", [(0, 48), (6, 0)])
def test_nothing_to_draw(shape):
    empty, labels = np.ones(shape), LABELS[: shape[0]]
    with pytest.raises(ValueError, match="X is empty: give at least one sample"):
        PredictionGridDisplay.from_predictions(empty, labels, labels)
    images = empty[:, np.newaxis]
    with pytest.raises(ValueError, match="images is empty: give at least one"):
        PredictionGridDisplay(images=images, y_pred=labels).plot()
    assert plt.get_fignums() == []


def test_series_with_any_index():
    pandas = pytest.importorskip("pandas")
    index = [7, 3, 0, 9, 5, 2]
    arrays = {"y_true": LABELS, "y_pred": PREDICTED, "y_confidence": CONFIDENCE}
    series = {name: pandas.Series(arrays[name], index) for name in arrays}
    images = IMAGES.reshape(6, 6, 8)
    expected = PredictionGridDisplay(images=images, **arrays).plot()
    display = PredictionGridDisplay(images=images, **series).plot()
    assert captions(display) == captions(expected)
    assert display.mistakes_.tolist() == expected.mistakes_.tolist()
    display = PredictionGridDisplay.from_predictions(
        IMAGES, **series, image_shape=(6, 8), order="mistakes"
    )
    assert display.y_true.tolist() == [3, 4, 1, 2, 0, 5]


def test_mistakes_need_labels(plain):
    with pytest.raises(ValueError, match="order='mistakes' needs the labels"):
        PredictionGridDisplay.from_estimator(plain, X[:5], order="mistakes")


def test_lengths_must_agree():
    with pytest.raises(ValueError, match="inconsistent numbers of samples"):
        PredictionGridDisplay.from_predictions(IMAGES, LABELS[:5], PREDICTED)


# WeightGridDisplay


def test_weights_are_those_of_the_first_layer(plain):
    display = WeightGridDisplay.from_estimator(plain, n_units=6)
    W = plain.coefs_[0]
    for j, image in enumerate(display.images_):
        assert_allclose(image.get_array(), W[:, j].reshape(8, 8))
        # One scale for all, with 0 in the middle.
        assert image.norm.vmax == -image.norm.vmin == np.abs(W[:, :6]).max()
    assert captions(display) == [f"unit {j}" for j in range(6)]
    assert display.colorbar_.ax.get_ylabel() == "Weight"


def test_units_with_the_greatest_weights_first(plain):
    display = WeightGridDisplay.from_estimator(plain, n_units=3, order="norm")
    norms = np.linalg.norm(plain.coefs_[0], axis=0)
    assert display.units.tolist() == np.argsort(-norms)[:3].tolist()
    assert captions(display)[0] == f"unit {np.argmax(norms)}"


def test_weights_of_color_images(plain):
    display = WeightGridDisplay.from_estimator(
        fit_on(X[:, :48]), image_shape=(4, 4, 3), n_units=2
    )
    limit = np.abs(display.images).max()
    assert_allclose(
        display.images_[1].get_array(), 0.5 + display.images[1] / limit / 2, atol=1e-6
    )
    assert display.colorbar_ is None


def fit_on(samples):
    return MLPClassifierDIY((5,), max_iter=1, random_state=0).fit(samples, Y)


def test_weights_of_other_networks(plain):
    pipeline = make_pipeline(MinMaxScaler(), MLPClassifier((4,), max_iter=1)).fit(X, Y)
    display = WeightGridDisplay.from_estimator(pipeline, image_shape=(4, 16))
    assert_allclose(display.images[3], pipeline[-1].coefs_[0][:, 3].reshape(4, 16))
    assert len(display.images_) == 4  # all there are


def test_weights_on_given_axes(plain):
    figure, ax = plt.subplots()
    display = WeightGridDisplay.from_estimator(plain, ax=ax, colorbar=False)
    assert display.ax_ is ax
    assert figure.axes == [ax]
    assert display.colorbar_ is None


@pytest.mark.parametrize("image_shape", [(8, 8), (4, 16), (16, 4)])
def test_weights_do_not_overlap(plain, image_shape):
    display = WeightGridDisplay.from_estimator(plain, image_shape=image_shape)
    display.figure_.canvas.draw()
    artists = [*display.captions_, *display.images_, display.colorbar_.ax]
    assert not overlap([artist.get_window_extent() for artist in artists])


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"image_shape": (6, 7)}, r"image_shape=\(6, 7\) makes 42 values"),
        ({"image_shape": (4, 4, 4)}, "with 1 or 3 channels"),
        ({"n_units": 0}, "n_units=0 must be an integer of at least 1"),
        ({"order": "last"}, "order='last' .* must be 'first' or 'norm'"),
    ],
)
def test_weight_grid_errors(plain, options, message):
    with pytest.raises(ValueError, match=message):
        WeightGridDisplay.from_estimator(plain, **options)
    forest = RandomForestClassifier(2).fit(X, Y)
    with pytest.raises(ValueError, match="has no weights in coefs_"):
        WeightGridDisplay.from_estimator(forest)
    assert plt.get_fignums() == []


# ArchitectureComparisonDisplay

ARCHITECTURES = [
    [Dense(5), ReLU()],
    [Dense(9), BatchNorm(), ReLU()],
    [Dense(5), ReLU(), Dense(4), ReLU()],
]
N_PARAMETERS = [
    64 * 5 + 5 + 5 * 10 + 10,
    64 * 9 + 9 + 2 * 9 + 9 * 10 + 10,
    64 * 5 + 5 + 5 * 4 + 4 + 4 * 10 + 10,
]


@pytest.fixture(scope="module")
def search():
    mlp = MLPClassifierDIY(max_iter=3, random_state=0)
    grid = {"mlpclassifierdiy__architecture": ARCHITECTURES}
    return GridSearchCV(make_pipeline(MinMaxScaler(), mlp), grid, cv=3).fit(X, Y)


def positions(display):
    return [tuple(point.get_xydata()[0]) for point in display.points_]


@pytest.mark.parametrize("x", ["fit_time", "parameters"])
def test_candidates_are_those_of_the_search(search, x):
    display = ArchitectureComparisonDisplay.from_search(search, x=x)
    results = search.cv_results_
    costs = {"fit_time": results["mean_fit_time"], "parameters": N_PARAMETERS}[x]
    order = np.argsort(-results["mean_test_score"], kind="stable")
    expected = np.column_stack([costs, results["mean_test_score"]])[order]
    assert_allclose(positions(display), expected)
    names = [", ".join(map(repr, ARCHITECTURES[i])) for i in order]
    expected = [f"{i}  {name}" for i, name in enumerate(names, 1)]
    assert legend(display) == [*expected, "Pareto front"]
    assert [text.get_text() for text in display.numbers_] == ["1", "2", "3"]
    # The bars span the spread over the folds.
    bars = [c.get_segments() for c in display.ax_.collections]
    heights = [segment[1][1] - segment[0][1] for segment in bars[-1]]
    assert_allclose(heights, 2 * results["std_test_score"][order])
    assert len(bars) == (2 if x == "fit_time" else 1)


def test_parameters_are_those_of_the_fitted_network(search):
    network = search.best_estimator_[-1].network_
    display = ArchitectureComparisonDisplay.from_search(search, x="parameters")
    assert display.costs[search.best_index_] == network.parameters.size
    assert display.ax_.get_ylabel().startswith("Accuracy (mean ± std")


def test_pareto_front():
    display = ArchitectureComparisonDisplay(
        costs=[1, 2, 3, 4, 2, np.nan],
        scores=[0.5, 0.8, 0.7, 0.9, 0.8, 1.0],
        labels=list("abcdef"),
    ).plot()
    assert display.order_.tolist() == [3, 1, 4, 2, 0]
    assert display.front_.tolist() == [True, True, True, False, True]
    filled = [point.get_markerfacecolor() != "white" for point in display.points_]
    assert filled == display.front_.tolist()
    assert_allclose(display.front_line_.get_xdata(), [1, 2, 2, 4])


@pytest.mark.parametrize("n_candidates", [3, 30])
@pytest.mark.parametrize("factor", [1.05, 1.3])
def test_numbers_do_not_overlap(n_candidates, factor):
    rng = np.random.default_rng(0)
    display = ArchitectureComparisonDisplay(
        costs=factor ** np.arange(n_candidates),
        scores=0.9 + 0.01 * rng.uniform(size=n_candidates),
        score_spreads=np.full(n_candidates, 0.003),
        labels=["Dense(100), BatchNorm(), LeakyReLU(), Dropout(0.5), " * 3] * 30,
    )
    display.labels = display.labels[:n_candidates]
    display.plot()
    display.figure_.canvas.draw()
    texts = [*display.numbers_, *display.ax_.get_legend().get_texts()]
    boxes = [plt.Text.get_window_extent(text) for text in texts]
    assert not overlap(boxes)
    figure = display.figure_.bbox
    for box in boxes:
        assert figure.x0 <= box.x0
        assert box.x1 <= figure.x1
        assert figure.y0 <= box.y0


def test_labels_name_what_differs():
    grid = {
        "hidden_layer_sizes": [(3,), (4,)],
        "alpha": [0.1, 0.2],
        "max_iter": [1],
    }
    search = RandomizedSearchCV(
        MLPClassifierDIY(), grid, n_iter=4, cv=2, random_state=0, scoring="f1_macro"
    ).fit(X, Y)
    display = ArchitectureComparisonDisplay.from_search(search)
    params = search.cv_results_["params"][0]
    assert f"hidden_layer_sizes: {params['hidden_layer_sizes']}" in display.labels[0]
    assert "max_iter" not in display.labels[0]
    assert display.ax_.get_ylabel().startswith("f1_macro")
    display = ArchitectureComparisonDisplay.from_search(search, labels=list("abcd"))
    assert {text[3:] for text in legend(display)[:4]} == set("abcd")


def test_search_over_two_classes_and_several_metrics():
    scoring = ["accuracy", "roc_auc"]
    search = GridSearchCV(
        MLPClassifierDIY(max_iter=1, random_state=0),
        {"hidden_layer_sizes": [(3,), (3, 2)]},
        cv=2,
        scoring=scoring,
        refit="roc_auc",
    ).fit(X, Y > 4)
    display = ArchitectureComparisonDisplay.from_search(search, x="parameters")
    assert display.costs.tolist() == [64 * 3 + 3 + 3 + 1, 64 * 3 + 3 + 6 + 2 + 2 + 1]
    assert_allclose(display.scores, search.cv_results_["mean_test_roc_auc"])
    assert display.score_name == "roc_auc"


def test_parameters_of_candidates_with_other_outputs():
    # One output for each target, with "gaussian" two, with quantiles one for each.
    grid = [
        {"loss": ["squared_error", "gaussian"], "standardize_target": [True, False]},
        {"loss": ["quantile"], "quantile": [0.5, (0.1, 0.5, 0.9)]},
    ]
    reg = MLPRegressorDIY(hidden_layer_sizes=(3,), max_iter=1, random_state=0)
    search = GridSearchCV(reg, grid, cv=2, scoring=lambda reg, X, y: 0.0)
    search.fit(X, np.c_[Y, -Y])
    display = ArchitectureComparisonDisplay.from_search(search, x="parameters")
    n_outputs = np.array([2, 2, 4, 4, 2, 6])
    assert display.costs.tolist() == (64 * 3 + 3 + (3 + 1) * n_outputs).tolist()


def test_the_time_of_a_fit_that_went_on_is_no_surprise(digits, tmp_path):
    X, y = digits[0][:300], digits[1][:300]
    from_search = ArchitectureComparisonDisplay.from_search
    pipeline = make_pipeline(MinMaxScaler(), MLPClassifierDIY(max_iter=1))
    name = "mlpclassifierdiy"
    kept = MLPClassifierDIY(max_iter=1, checkpoint_dir=tmp_path)
    for params in (
        {f"{name}__checkpoint_dir": [None, str(tmp_path)]},
        {name: [MLPClassifierDIY(max_iter=1), kept]},
    ):
        search = GridSearchCV(pipeline, params, cv=2).fit(X, y)
        with pytest.warns(UserWarning, match="checkpoint_dir=.*x='parameters'") as said:
            from_search(search)
        assert said[0].filename == __file__
        with warnings.catch_warnings():  # after each advice
            warnings.simplefilter("error")
            from_search(search, x="parameters")
    search = GridSearchCV(pipeline, {f"{name}__alpha": [0, 1]}, cv=2).fit(X, y)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        from_search(search)


def test_comparison_errors(search):
    from_search = ArchitectureComparisonDisplay.from_search
    with pytest.raises(ValueError, match="x='time' .* 'fit_time' or 'parameters'"):
        from_search(search, x="time")
    grid = {"max_depth": [1, 2]}
    forests = GridSearchCV(RandomForestClassifier(2), grid, cv=2).fit(X, Y)
    assert len(from_search(forests).points_) == 2
    with pytest.raises(ValueError, match="has no network_ to count"):
        from_search(forests, x="parameters")
    unfitted = clone(search).set_params(refit=False).fit(X, Y)
    with pytest.raises(ValueError, match="made with refit=False"):
        from_search(unfitted, x="parameters")
    with pytest.raises(NotFittedError):
        from_search(clone(search))
    several = clone(forests).set_params(scoring=["accuracy", "f1_macro"], refit=False)
    with pytest.raises(ValueError, match="several metrics and refit=False"):
        from_search(several.fit(X, Y))
    with pytest.raises(ValueError, match="of one length, got 1, 2 and 1"):
        ArchitectureComparisonDisplay(costs=[1], scores=[1, 2], labels=["a"]).plot()
    with pytest.raises(ValueError, match="No candidate has a finite score"):
        ArchitectureComparisonDisplay(costs=[1], scores=[np.nan], labels=["a"]).plot()


@pytest.fixture(scope="module")
def several():
    return fit(n_networks=3)


def test_uncertainty(several):
    sets = {"digits": X[:200], "upside down": X[:50, ::-1]}
    display = UncertaintyDisplay.from_estimator(several, sets, n_images=6)
    points, ambiguous, strange = display.axes_
    for drawn, (name, samples) in zip(points.collections, sets.items(), strict=True):
        parts = several.uncertainty(samples)
        expected = np.column_stack([parts.aleatoric, parts.epistemic])
        assert_allclose(drawn.get_offsets(), expected)
        assert drawn.get_label() == name
    parts = several.uncertainty(X[:200])
    most = np.argsort(-parts.aleatoric)[:6]
    for image, i in zip(ambiguous.images, most, strict=True):
        assert_allclose(image.get_array(), X[i].reshape(8, 8) / X[most].max())
    texts = [text.get_text() for text in ambiguous.texts]
    assert texts == [f"{number:.2f}" for number in parts.aleatoric[most]]
    both = [several.uncertainty(samples).epistemic for samples in sets.values()]
    greatest = np.sort(np.concatenate(both))[::-1][:6]
    assert [text.get_text() for text in strange.texts] == [
        f"{number:.2f}" for number in greatest
    ]
    assert display.figure_ is points.figure


def test_uncertainty_in_a_pipeline_on_axes_of_ones_own():
    pipeline = make_pipeline(MinMaxScaler(), MLPClassifierDIY(n_networks=2, max_iter=3))
    pipeline.fit(X, Y)
    _, ax = plt.subplots()
    display = UncertaintyDisplay.from_estimator(pipeline, X[:30], ax=ax)
    assert display.axes_.tolist() == [ax]
    parts = pipeline[-1].uncertainty(pipeline[0].transform(X[:30]))
    assert_allclose(ax.collections[0].get_offsets()[:, 0], parts.aleatoric)
    no_square = MLPClassifierDIY(n_networks=2, max_iter=2).fit(X[:, :63], Y)
    display = UncertaintyDisplay.from_estimator(no_square, X[:, :63])
    assert display.images is None
    assert len(display.axes_) == 1


def test_uncertainty_needs_several_networks(plain):
    with pytest.raises(ValueError, match="n_networks > 1, got MLPClassifierDIY"):
        UncertaintyDisplay.from_estimator(plain, X)


def test_the_other_displays_of_several_networks(several):
    loss = TrainingCurveDisplay.from_estimator(several)
    assert_allclose(loss.ax_.lines[0].get_ydata(), several.loss_curve_)
    display = WeightGridDisplay.from_estimator(several, n_units=60)
    assert len(display.images_) == 60  # of all networks, one after the other
    second = several.estimators_[1].coefs_[0][:, 0]
    assert_allclose(display.images_[20].get_array(), second.reshape(8, 8))
    GradientNormDisplay.from_estimator(several)
