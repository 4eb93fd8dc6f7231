"""Feed-forward neural networks in NumPy, as scikit-learn estimators."""

from skdnn.diagnosis import diagnose
from skdnn.estimators import MLPClassifierDIY, MLPRegressorDIY
from skdnn.images import fetch_mnist
from skdnn.onnx import to_onnx
from skdnn.tables import TableEncoder, TabularClassifierDIY, TabularRegressorDIY
from skdnn.trusted import trusted_types
from skdnn.version import __version__ as __version__

__all__ = [
    "MLPClassifierDIY",
    "MLPRegressorDIY",
    "TableEncoder",
    "TabularClassifierDIY",
    "TabularRegressorDIY",
    "diagnose",
    "fetch_mnist",
    "to_onnx",
    "trusted_types",
]
