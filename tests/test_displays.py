"""Tests of `skdnn.displays`: what is drawn, read back from matplotlib's artists."""

import subprocess
import sys
from pathlib import Path

import matplotlib
import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from scipy.sparse import csr_array
from sklearn.datasets import load_digits
from sklearn.ensemble import RandomForestClassifier
from sklearn.exceptions import NotFittedError
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import MinMaxScaler

from skdnn import MLPClassifierDIY
from skdnn.displays import (
    GradientNormDisplay,
    PredictionGridDisplay,
    TrainingCurveDisplay,
)

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
    (line,) = display.lines_
    scores = validated.validation_scores_
    assert_allclose(line.get_ydata(), scores)
    assert dots(display) == [(1 + np.argmax(scores), max(scores))]
    assert display.ax_.get_ylabel() == "Validation score"


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
        ("plain", "score", "metric='score' needs a validation set, but the estimator "),
        ("named", "score", "the estimator 'a' was fitted without one: pass X_val"),
        ("plain", "accuracy", "metric='accuracy' .* must be 'loss' or 'score'"),
        ("none", "loss", "estimator={} is empty"),
    ],
)
def test_training_curve_errors(plain, estimators, metric, message):
    estimators = {"plain": plain, "named": {"a": plain}, "none": {}}[estimators]
    with pytest.raises(ValueError, match=message):
        TrainingCurveDisplay.from_estimator(estimators, metric=metric)
    assert plt.get_fignums() == []


@pytest.mark.parametrize(
    ("metric", "row", "message"),
    [
        (
            "score",
            {"loss": 1.0, "validation_loss": 2.0, "validation_score": np.nan},
            "all validation scores of the estimator 'a' are NaN",
        ),
        ("loss", {"loss": np.inf}, "all losses of the estimator 'a' are NaN or in"),
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
