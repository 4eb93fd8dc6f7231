"""Training: jobs and their loop. Knows networks and data, no estimator.

A job is what one network learns: `GradientDescent` or `LBFGS`. `train` runs the epochs
of those of a fit; `Stack` takes their steps; a `Checkpoint` keeps how far they are.
"""

from skdnn.training.data import Data
from skdnn.training.gradient_descent import GradientDescent
from skdnn.training.lbfgs import LBFGS
from skdnn.training.listener import Listener
from skdnn.training.loop import take_steps, train, train_once
from skdnn.training.mini_batch import MiniBatch
from skdnn.training.rules import Rules, judge
from skdnn.training.step import Stack

__all__ = [
    "LBFGS",
    "Data",
    "GradientDescent",
    "Listener",
    "MiniBatch",
    "Rules",
    "Stack",
    "judge",
    "take_steps",
    "train",
    "train_once",
]
