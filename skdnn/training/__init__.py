"""Training: jobs and their loop. Knows networks and data, no estimator.

A job is what one network learns: `GradientDescent` or `LBFGS`. `train` runs the epochs
of those of a fit; `Stack` takes their steps; a `Checkpoint` keeps how far they are.
"""

from skdnn.training.data import Data
from skdnn.training.gradient_descent import GradientDescent
from skdnn.training.lbfgs import LBFGS
from skdnn.training.listener import Listener
from skdnn.training.loop import train, train_once
from skdnn.training.rules import Rules
from skdnn.training.step import Stack

__all__ = [
    "LBFGS",
    "Data",
    "GradientDescent",
    "Listener",
    "Rules",
    "Stack",
    "train",
    "train_once",
]
