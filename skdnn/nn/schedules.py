"""Learning-rate schedules: what to multiply the initial learning rate with.

Each is a value with a method ``factor(progress, samples_seen)``, pure and so
restartable at any point: `progress` is the share of training that is done, from 0 to 1,
and `samples_seen` the number of samples trained on so far. A schedule that is
`planned` lays the whole of training out, and training runs until its end: it is asked
before every mini-batch, for the middle of it. The others are asked before each epoch.
"""

from dataclasses import dataclass
from math import cos, pi
from numbers import Real

from skdnn.messages import hold_number


@dataclass(frozen=True)
class Constant:
    """A learning rate that stays: ``factor = 1``."""

    planned = False

    def factor(self, progress, samples_seen):
        """Return the factor."""
        return 1.0


@dataclass(frozen=True)
class Adaptive(Constant):
    """A constant rate, divided by `divisor` whenever the loss stops improving.

    The division is the training loop's, which knows the losses; training ends
    where it would be divided once more, and is at `smallest_rate` or below.
    """

    divisor: float = 5.0
    smallest_rate: float = 1e-6

    def __post_init__(self):
        hold_number(self, "divisor", Real, 1)
        hold_number(self, "smallest_rate", Real, 0)


@dataclass(frozen=True)
class InverseScaling:
    """A power of t, the samples seen before this epoch: ``(t + 1) ** -power_t``."""

    power_t: float = 0.5
    planned = False

    def __post_init__(self):
        hold_number(self, "power_t", Real, 0)

    def factor(self, progress, samples_seen):
        """Return the factor."""
        return (samples_seen + 1) ** -self.power_t


@dataclass(frozen=True)
class Cosine:
    """Half a cosine from 1 to 0: ``factor = (1 + cos(pi p)) / 2``, p the progress.

    References
    ----------
    Loshchilov and Hutter (2017), "SGDR: stochastic gradient descent with warm
    restarts", without the restarts.
    """

    planned = True

    def factor(self, progress, samples_seen):
        """Return the factor."""
        return (1 + cos(pi * min(progress, 1))) / 2


@dataclass(frozen=True)
class OneCycle:
    """Linear warm-up from 0 to 1, then linear decay to 0.

    Parameters
    ----------
    warm_up : float, default=0.2
        The share of training that the warm-up takes, in (0, 1).

    References
    ----------
    Smith and Topin (2018), "Super-convergence: very fast training of neural networks
    using large learning rates".
    """

    warm_up: float = 0.2
    planned = True

    def __post_init__(self):
        hold_number(self, "warm_up", Real, 0, 1, low_is_valid=False)

    def factor(self, progress, samples_seen):
        """Return the factor."""
        progress = min(progress, 1)
        return min(progress / self.warm_up, (1 - progress) / (1 - self.warm_up))


SCHEDULES = {  # by the name that the argument `learning_rate` has
    "constant": Constant,
    "invscaling": InverseScaling,
    "adaptive": Adaptive,
    "cosine": Cosine,
    "one_cycle": OneCycle,
}
