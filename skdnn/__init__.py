"""A feed-forward neural network in NumPy, as a scikit-learn classifier."""

from skdnn.classifier import MLPClassifierDIY
from skdnn.datasets import fetch_mnist
from skdnn.diagnosis import diagnose

__version__ = "0.1.0"

__all__ = ["MLPClassifierDIY", "diagnose", "fetch_mnist"]
