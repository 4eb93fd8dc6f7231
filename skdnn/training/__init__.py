"""Training: a network, data, and what happens to both until it is over.

Knows no estimator: `Trainer` is what the two ways to train share, `GradientDescent` and
`LBFGS` are these, and `checkpoint` keeps the state of one in a file.
"""

from skdnn.training.gradient_descent import GradientDescent
from skdnn.training.lbfgs import LBFGS
from skdnn.training.mini_batch import MiniBatch

__all__ = ["LBFGS", "GradientDescent", "MiniBatch"]
