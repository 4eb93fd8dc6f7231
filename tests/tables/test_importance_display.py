"""The picture of importances."""

import matplotlib
import numpy as np
import pytest
from numpy.testing import assert_allclose
from sklearn.datasets import load_iris
from sklearn.pipeline import make_pipeline

from skdnn import MLPClassifierDIY, TabularClassifierDIY
from skdnn.displays import FeatureImportanceDisplay

matplotlib.use("agg")
X, Y = load_iris(return_X_y=True, as_frame=True)


@pytest.fixture(scope="module")
def pipeline():
    clf = TabularClassifierDIY(
        (8,), max_iter=5, n_networks=2, importances=True, random_state=0
    )
    return make_pipeline(clf).fit(X, Y)


def test_bars_are_the_importances_in_order(pipeline):
    display = FeatureImportanceDisplay.from_estimator(pipeline, n_columns=3)
    importances = pipeline[-1].feature_importances_
    order = np.argsort(-importances, kind="stable")[:3]
    bars = [bar.get_width() for bar in display.ax_.patches]
    assert_allclose(bars, importances[order])
    labels = [label.get_text() for label in display.ax_.get_yticklabels()]
    assert labels == X.columns[order].tolist()
    assert "accuracy lost" in display.ax_.get_xlabel()


def test_on_axes_of_ones_own():
    figure = matplotlib.figure.Figure()
    ax = figure.subplots()
    display = FeatureImportanceDisplay(names=["a", "b"], importances=[0.1, -0.2])
    assert display.plot(ax=ax).ax_ is ax
    assert display.figure_ is figure
    assert ax.patches[0].get_facecolor() != ax.patches[1].get_facecolor()


def test_only_with_importances():
    clf = TabularClassifierDIY((8,), max_iter=2, n_networks=2).fit(X, Y)
    with pytest.raises(ValueError, match="fit it with importances=True"):
        FeatureImportanceDisplay.from_estimator(clf)
    network = MLPClassifierDIY(max_iter=300).fit(X, Y)
    with pytest.raises(ValueError, match="give a fitted TabularClassifierDIY"):
        FeatureImportanceDisplay.from_estimator(network)
