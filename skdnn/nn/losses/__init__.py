"""The losses: means over a mini-batch, and their gradients.

P holds predictions, Y the targets, both of shape (m, n_outputs) unless a loss says
otherwise, and r of shape (m,) each sample's share of the mean: 1/m, or w_i / sum(w)
with sample weights. This is the one place where the factor 1/m enters the gradient.

A loss is a value, like a layer, and comes in two forms. On predictions, ``value`` and
``gradient`` hand dL/dP to the backward pass of whatever layer made P. On logits,
``from_logits`` does the layer named by ``link`` and the loss in one step, which is
shorter and needs no logarithm of a number near 0. ``encode`` writes targets as rows Y,
and ``row_scorer`` says how good predictions are, in what an estimator's `score` counts.
"""

from skdnn.nn.losses.base import Loss
from skdnn.nn.losses.cross_entropies import BinaryCrossEntropy, CategoricalCrossEntropy
from skdnn.nn.losses.regression import (
    AbsoluteError,
    GaussianLikelihood,
    Huber,
    PinballLoss,
    PoissonDeviance,
    SquaredError,
)

__all__ = [
    "AbsoluteError",
    "BinaryCrossEntropy",
    "CategoricalCrossEntropy",
    "GaussianLikelihood",
    "Huber",
    "Loss",
    "PinballLoss",
    "PoissonDeviance",
    "SquaredError",
]

LOSSES = {  # of regression, by the name that the argument `loss` has
    "squared_error": SquaredError,
    "poisson": PoissonDeviance,
    "absolute_error": AbsoluteError,
    "huber": Huber,
    "quantile": PinballLoss,
    "gaussian": GaussianLikelihood,
}
