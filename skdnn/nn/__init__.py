"""Feed-forward networks in NumPy: read it top to bottom, as a book on backpropagation.

`layers` and `losses` hold the equations, `network` puts layers together over one flat
parameter vector, `initializers`, `optimizers` and `schedules` are what training needs
besides, and `gradient_check` proves the backward passes right. README.md in this folder
derives all of it step by step.
"""

from skdnn.nn import layers, losses
from skdnn.nn.gradient_check import gradient_check
from skdnn.nn.initializers import Glorot, He, LeCun, Normal
from skdnn.nn.layers import *  # noqa: F403
from skdnn.nn.losses import *  # noqa: F403
from skdnn.nn.network import Network
from skdnn.nn.optimizers import SGD, Adam, AdamW, clip_by_global_norm
from skdnn.nn.schedules import Adaptive, Constant, Cosine, InverseScaling, OneCycle

__all__ = [
    *layers.__all__,
    *losses.__all__,
    "SGD",
    "Adam",
    "AdamW",
    "Adaptive",
    "Constant",
    "Cosine",
    "Glorot",
    "He",
    "InverseScaling",
    "LeCun",
    "Network",
    "Normal",
    "OneCycle",
    "clip_by_global_norm",
    "gradient_check",
]
