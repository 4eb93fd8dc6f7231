"""Mini-batches that differ each time: rows deformed, mixed, with noise.

Each augmentation is a value, for the argument `augmentation` of an estimator, alone or
in a list; a function ``f(X, rng)`` that returns the rows X changed will do as well.
What becomes of the mini-batches depends on the estimator's `random_state` alone.
"""

from skdnn.augmentation.averaging import AveragedOverCopies
from skdnn.augmentation.base import Augmentation, InARow
from skdnn.augmentation.deformations import Affine, Deformation, Elastic
from skdnn.augmentation.others import Erase, MixUp, Noise

__all__ = [
    "Affine",
    "Augmentation",
    "AveragedOverCopies",
    "Deformation",
    "Elastic",
    "Erase",
    "InARow",
    "MixUp",
    "Noise",
]
