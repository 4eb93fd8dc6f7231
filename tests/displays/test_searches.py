"""Displays of estimators that are in pipelines and searches."""

import pytest
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from skdnn import MLPClassifierDIY, diagnose
from skdnn.displays import ArchitectureComparisonDisplay, TrainingCurveDisplay


def test_searches_in_pipelines_and_pipelines_in_pipelines(iris):
    X, y = iris
    mlp = MLPClassifierDIY(max_iter=3, random_state=0)
    search = GridSearchCV(mlp, {"alpha": [0, 1]}, cv=2)
    for inner in (search, make_pipeline(StandardScaler(), mlp)):
        pipeline = make_pipeline(StandardScaler(), inner).fit(X * 1000, y)
        assert TrainingCurveDisplay.from_estimator(pipeline).best_epochs_ == {"": 3}
        assert not any(
            "far from 1" in it for it in diagnose(pipeline, X * 1000, y).findings
        )


@pytest.mark.filterwarnings("ignore::sklearn.exceptions.FitFailedWarning")
@pytest.mark.filterwarnings("ignore:One or more of the test scores")
def test_candidates_that_failed_have_no_parameters_to_count(iris):
    mlp = MLPClassifierDIY(max_iter=1)
    sizes = {"hidden_layer_sizes": [(5,), (5, 5)], "dropout": [0, [0.1, 0.2]]}
    search = GridSearchCV(mlp, sizes, cv=2).fit(*iris)
    display = ArchitectureComparisonDisplay.from_search(search, x="parameters")
    assert len(display.order_) == 3
