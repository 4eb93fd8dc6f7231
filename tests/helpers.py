"""What several test files use: small estimators, and what is true of both of them."""

from sklearn.neural_network import MLPClassifier, MLPRegressor

from skdnn import MLPClassifierDIY, MLPRegressorDIY

ESTIMATORS = [MLPClassifierDIY, MLPRegressorDIY]
PAIRS = [(MLPClassifier, MLPClassifierDIY), (MLPRegressor, MLPRegressorDIY)]
OF_PAIRS = {"argvalues": PAIRS, "ids": ["classifier", "regressor"]}


def quick(*args, **kwargs):
    return MLPClassifierDIY(*args, **{"max_iter": 5, "random_state": 0, **kwargs})


def quick_regressor(**kwargs):
    settings = {"hidden_layer_sizes": (20,), "max_iter": 5, "random_state": 0}
    return MLPRegressorDIY(**{**settings, **kwargs})


def outputs(estimator, X):
    """Return the finest prediction: probabilities, or numbers."""
    method = getattr(estimator, "predict_proba", estimator.predict)
    return method(X)
