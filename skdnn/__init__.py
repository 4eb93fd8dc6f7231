"""A feed-forward neural network in NumPy, as a scikit-learn classifier."""

from skdnn.classifier import MLPClassifierDIY
from skdnn.datasets import fetch_mnist

__version__ = "0.1.0"

__all__ = ["MLPClassifierDIY", "fetch_mnist"]
