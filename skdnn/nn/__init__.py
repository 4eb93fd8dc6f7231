"""Feed-forward networks in NumPy: read it top to bottom, as a book on backpropagation.

`layers` and `losses` hold the equations, `network` puts layers together over one flat
parameter vector, `initializers`, `optimizers` and `schedules` are what training needs
besides, and `gradient_check` proves the backward passes right. README.md in this folder
derives all of it step by step.
"""

from skdnn.nn.gradient_check import gradient_check
from skdnn.nn.initializers import Glorot, He, LeCun, Normal
from skdnn.nn.layers import (
    ELU,
    GELU,
    SELU,
    BatchNorm,
    Dense,
    Dropout,
    Exp,
    GaussianOutput,
    Identity,
    Layer,
    LayerNorm,
    LeakyReLU,
    Logistic,
    Mish,
    Ordered,
    PiecewiseLinear,
    PReLU,
    ReLU,
    Residual,
    Scale,
    SiLU,
    Softmax,
    Softplus,
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
    "ELU",
    "GELU",
    "SELU",
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
    "LayerNorm",
    "LeCun",
    "LeakyReLU",
    "Logistic",
    "Mish",
    "Network",
    "Normal",
    "OneCycle",
    "Ordered",
    "PReLU",
    "PiecewiseLinear",
    "PinballLoss",
    "PoissonDeviance",
    "ReLU",
    "Residual",
    "Scale",
    "SiLU",
    "Softmax",
    "Softplus",
    "SquaredError",
    "Tanh",
    "clip_by_global_norm",
    "gradient_check",
    "logistic",
]
