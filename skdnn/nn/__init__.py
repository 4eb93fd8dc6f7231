"""Feed-forward networks in NumPy: read it top to bottom, as a book on backpropagation.

`layers` and `losses` hold the equations, `network` puts layers together over one flat
parameter vector, `initializers`, `optimizers` and `schedules` are what training needs
besides, and `gradient_check` proves the backward passes right. README.md in this folder
derives all of it step by step.
"""

from skdnn.nn.gradient_check import gradient_check
from skdnn.nn.initializers import Glorot, He, Normal
from skdnn.nn.layers import (
    BatchNorm,
    Dense,
    Dropout,
    Exp,
    GaussianOutput,
    Identity,
    Layer,
    LeakyReLU,
    Logistic,
    Ordered,
    ReLU,
    Softmax,
    Tanh,
    logistic,
)
from skdnn.nn.losses import (
    AbsoluteError,
    BinaryCrossEntropy,
    CategoricalCrossEntropy,
    GaussianLikelihood,
    Huber,
    PinballLoss,
    PoissonDeviance,
    SquaredError,
)
from skdnn.nn.network import Network
from skdnn.nn.optimizers import SGD, Adam, AdamW, clip_by_global_norm
from skdnn.nn.schedules import Adaptive, Constant, Cosine, InverseScaling, OneCycle

__all__ = [
    "SGD",
    "AbsoluteError",
    "Adam",
    "AdamW",
    "Adaptive",
    "BatchNorm",
    "BinaryCrossEntropy",
    "CategoricalCrossEntropy",
    "Constant",
    "Cosine",
    "Dense",
    "Dropout",
    "Exp",
    "GaussianLikelihood",
    "GaussianOutput",
    "Glorot",
    "He",
    "Huber",
    "Identity",
    "InverseScaling",
    "Layer",
    "LeakyReLU",
    "Logistic",
    "Network",
    "Normal",
    "OneCycle",
    "Ordered",
    "PinballLoss",
    "PoissonDeviance",
    "ReLU",
    "Softmax",
    "SquaredError",
    "Tanh",
    "clip_by_global_norm",
    "gradient_check",
    "logistic",
]
