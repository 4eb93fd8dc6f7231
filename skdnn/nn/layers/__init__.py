"""The layers: what each computes, forward and backward.

A layer is a value. It holds its hyperparameters and nothing else, so it can be
compared, hashed, printed and put into many networks at once. What changes while a
network learns (weights, gradients, running statistics, buffers) belongs to the
:class:`~skdnn.nn.network.Network`, which hands it to the layer as a
:class:`~skdnn.nn.layers.base.Slot`.

Rows are samples: with m samples and n features, A has shape (m, n), and parameters
and statistics that are vectors come as rows, of shape (1, n). Where several networks
are computed at once, each array has an axis of networks in front, (K, m, n), and so
layers work along the last two axes. ``dA`` stands for dL/dA, where L is the mean loss
over the mini-batch. The loss puts the factor 1/m into its gradient, once; no layer
divides by m again.
"""

from skdnn.nn.layers.base import Layer, Slot, layer
from skdnn.nn.layers.dense import Dense
from skdnn.nn.layers.dropout import Dropout
from skdnn.nn.layers.noise import GaussianNoise, StochasticLayer
from skdnn.nn.layers.normalization import BatchNorm, LayerNorm
from skdnn.nn.layers.outputs import Exp, GaussianOutput, Ordered
from skdnn.nn.layers.piecewise import PiecewiseLinear
from skdnn.nn.layers.rectifiers import ELU, SELU, LeakyReLU, PReLU, ReLU
from skdnn.nn.layers.residual import Residual
from skdnn.nn.layers.scale import Scale
from skdnn.nn.layers.sigmoids import Identity, Logistic, Tanh, logistic
from skdnn.nn.layers.smooth import GELU, Mish, SiLU, Softplus
from skdnn.nn.layers.softmax import Softmax

__all__ = [
    "ELU",
    "GELU",
    "SELU",
    "BatchNorm",
    "Dense",
    "Dropout",
    "Exp",
    "GaussianNoise",
    "GaussianOutput",
    "Identity",
    "Layer",
    "LayerNorm",
    "LeakyReLU",
    "Logistic",
    "Mish",
    "Ordered",
    "PReLU",
    "PiecewiseLinear",
    "ReLU",
    "Residual",
    "Scale",
    "SiLU",
    "Slot",
    "Softmax",
    "Softplus",
    "StochasticLayer",
    "Tanh",
    "layer",
    "logistic",
]

ACTIVATIONS = {  # by the name that the argument `activation` has
    "identity": Identity(),
    "logistic": Logistic(),
    "tanh": Tanh(),
    "relu": ReLU(),
    "leaky_relu": LeakyReLU(),
    "prelu": PReLU(),
    "elu": ELU(),
    "selu": SELU(),
    "gelu": GELU(),
    "silu": SiLU(),
    "mish": Mish(),
    "softplus": Softplus(),
}
