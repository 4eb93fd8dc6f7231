"""The recipes of the ladder, each a line of constructor arguments."""

from dataclasses import dataclass

from skdnn.augmentation import Affine, Elastic
from skdnn.nn import BatchNorm, Dense, GaussianNoise, ReLU

SHARED = {
    "batch_norm": True,
    "solver": "adamw",
    "alpha": 0.05,
    "learning_rate": "one_cycle",
    "batch_size": 256,
    "label_smoothing": 0.1,
}
DEFORMED = [Affine(rotation=8), Elastic(alpha=1, sigma=5)]
# For longer runs: the more epochs, the more deformation they can make use of.
DEFORMED_MORE = [Affine(10, 0.12, 0.12, 1.5), Elastic(alpha=1, sigma=5)]


def with_noise(sizes, std):
    """Return hidden layers with noise on the input and on normalized activations."""
    layers = [GaussianNoise(std)]
    for units in sizes:
        layers += [Dense(units), BatchNorm(), GaussianNoise(std), ReLU()]
    return layers


@dataclass(frozen=True)
class Rung:
    """A recipe, and what is aimed at.

    Parameters
    ----------
    seconds : float
        What `fit` may take at most.
    seeds : int
    recipe : dict
        Arguments of the classifier.
    n_copies : int, default=0
        Over how many deformed copies of an image predictions are averaged.
    upright : bool, default=False
        Whether images are set upright first.
    """

    seconds: float
    seeds: int
    recipe: dict
    n_copies: int = 0
    upright: bool = False


# By the error that is aimed at, in percent.
RUNGS = {
    2.0: Rung(
        1,
        10,
        {"hidden_layer_sizes": (192, 64), "max_iter": 2, "learning_rate_init": 0.02},
    ),
    1.5: Rung(
        4,
        10,
        {"hidden_layer_sizes": (256, 128), "max_iter": 5, "learning_rate_init": 0.01},
    ),
    1.0: Rung(
        20,
        10,
        {
            "hidden_layer_sizes": (512, 256),
            "max_iter": 9,
            "learning_rate_init": 0.008,
            "augmentation": DEFORMED,
        },
    ),
    0.8: Rung(
        600,
        3,
        {
            "architecture": with_noise((1000, 500, 250, 250, 250), 0.3),
            "batch_norm": False,  # it is among the layers
            "max_iter": 80,
            "learning_rate_init": 0.004,
        },
        upright=True,
    ),
    0.6: Rung(
        120,
        3,
        {
            "hidden_layer_sizes": (800, 800),
            "max_iter": 24,
            "learning_rate_init": 0.004,
            "augmentation": DEFORMED,
        },
        upright=True,
    ),
    0.45: Rung(
        900,
        1,
        {
            "hidden_layer_sizes": (1500, 1000, 500),
            "max_iter": 95,
            "learning_rate_init": 0.004,
            "alpha": 0.1,
            "augmentation": DEFORMED,
        },
        n_copies=32,
        upright=True,
    ),
    0.4: Rung(
        3600,
        1,
        {
            "hidden_layer_sizes": (1500, 1000, 500),
            "max_iter": 280,
            "learning_rate_init": 0.004,
            "alpha": 0.1,
            "augmentation": DEFORMED_MORE,
        },
        n_copies=32,
        upright=True,
    ),
    0.31: Rung(
        7200,
        1,
        {
            "n_networks": 2,
            "hidden_layer_sizes": (1500, 1000, 500),
            "max_iter": 240,
            "learning_rate_init": 0.004,
            "alpha": 0.1,
            "augmentation": DEFORMED_MORE,
        },
        n_copies=32,
    ),
}
