"""The scikit-learn contract: estimators, and what they are made of.

`base` holds what all share, `fit` before all, and `classifier` and `regressor` only
what is theirs; a `task` knows how what is to be learned is written and read.
"""

from skdnn.estimators.classifier import MLPClassifierDIY
from skdnn.estimators.regressor import MLPRegressorDIY

__all__ = ["MLPClassifierDIY", "MLPRegressorDIY"]
