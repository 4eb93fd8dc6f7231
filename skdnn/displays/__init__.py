"""Pictures of a training and of what came out of it, as scikit-learn Display classes.

Each class holds the data of one picture. `from_estimator` takes them from a fitted
estimator, `plot` draws them, on axes of its own or on those it is given.
"""

from skdnn.displays.augmentation import AugmentationDisplay
from skdnn.displays.comparison import ArchitectureComparisonDisplay
from skdnn.displays.curves import GradientNormDisplay, TrainingCurveDisplay
from skdnn.displays.diagnosis import DiagnosisDisplay
from skdnn.displays.importance import FeatureImportanceDisplay
from skdnn.displays.learning_rate import LearningRateDisplay
from skdnn.displays.predictions import PredictionGridDisplay
from skdnn.displays.uncertainty import UncertaintyDisplay
from skdnn.displays.weights import WeightGridDisplay

__all__ = [
    "ArchitectureComparisonDisplay",
    "AugmentationDisplay",
    "DiagnosisDisplay",
    "FeatureImportanceDisplay",
    "GradientNormDisplay",
    "LearningRateDisplay",
    "PredictionGridDisplay",
    "TrainingCurveDisplay",
    "UncertaintyDisplay",
    "WeightGridDisplay",
]
