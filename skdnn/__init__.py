"""A feed-forward neural network in NumPy, as a scikit-learn classifier."""

__version__ = "0.1.0"

from skdnn.classifier import MLPClassifierDIY
from skdnn.datasets import fetch_mnist
from skdnn.diagnosis import diagnose
from skdnn.onnx import to_onnx

__all__ = ["MLPClassifierDIY", "diagnose", "fetch_mnist", "to_onnx"]
