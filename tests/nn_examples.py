"""Each layer, loss and optimizer of skdnn.nn, for tests over all of them."""

import numpy as np

from skdnn.nn import (
    ELU,
    SGD,
    AbsoluteError,
    Adam,
    AdamW,
    BatchNorm,
    BinaryCrossEntropy,
    CategoricalCrossEntropy,
    Dense,
    Dropout,
    Exp,
    GaussianLikelihood,
    GaussianNoise,
    GaussianOutput,
    Huber,
    LayerNorm,
    LeakyReLU,
    Network,
    Ordered,
    PiecewiseLinear,
    PinballLoss,
    PoissonDeviance,
    PReLU,
    Residual,
    Scale,
    Softmax,
    SquaredError,
    Tanh,
)
from skdnn.nn.layers import ACTIVATIONS

N = 4  # features that go in

LAYERS = [
    Dense(4),
    *ACTIVATIONS.values(),
    LeakyReLU(0.3),
    PReLU(-0.1),
    ELU(0.7),
    Softmax(),
    BatchNorm(),
    BatchNorm(momentum=0.5, epsilon=0.1),
    LayerNorm(),
    LayerNorm(0.1),
    Dropout(0.4),
    GaussianNoise(0.4),
    Scale(),
    PiecewiseLinear([(-1.0, 0.1, 0.6), (), (-2.0, 2.0), (0.0, 0.5)]),
    Exp(),
    Ordered(2),
    GaussianOutput(),
    Residual([ACTIVATIONS["relu"]]),
    Residual([Dense(3), BatchNorm(), Tanh(), Dropout(0.2), Dense(4)]),
    Residual(
        [
            BatchNorm(),
            ACTIVATIONS["gelu"],
            Residual([Dense(2), Dropout(0.3), Dense(4), ACTIVATIONS["selu"]]),
        ]
    ),
]
CLASSIFICATION = [
    CategoricalCrossEntropy(),
    CategoricalCrossEntropy(0.1),
    BinaryCrossEntropy(),
    BinaryCrossEntropy(0.1),
]
REGRESSION = [
    SquaredError(),
    PoissonDeviance(),
    AbsoluteError(),
    Huber(),
    Huber(0.3),
    PinballLoss(),
    PinballLoss((0.2, 0.8)),
    PinballLoss((0.1, 0.5, 0.8)),
    GaussianLikelihood(),
]
OPTIMIZERS = {
    "sgd": lambda: SGD(0.8, nesterov=False),
    "nesterov": SGD,
    "adam": lambda: Adam(0.8, 0.99, epsilon=1e-7),
    "adamw": lambda: AdamW(0.1),
}


def network_of(layers, dtype=np.float64, seed=0):
    """Return a network in which all that can be learned is drawn at random."""
    network = Network(layers, N, dtype)
    rng = np.random.RandomState(seed)
    network.initialize(rng)
    network.parameters += 0.1 * rng.standard_normal(network.n_parameters)
    return network


def problem_of(loss, rng, shape):
    """Return layers that a network with this loss ends in, and targets of a shape."""
    width = 4
    if isinstance(loss, CategoricalCrossEntropy):
        return [Dense(width), loss.link], rng.integers(width, size=shape)
    if loss in CLASSIFICATION:
        return [Dense(width), loss.link], rng.integers(2, size=(*shape, width))
    return loss.output_layers(2), rng.integers(3, size=(*shape, 2))
