"""Mini-batch gradient descent: what one network learns by it.

The steps are those of :mod:`skdnn.training.step`, the epochs those of
:mod:`skdnn.training.loop`.
"""

from collections.abc import Callable
from dataclasses import KW_ONLY, dataclass, field

import numpy as np

from skdnn.messages import warn_user
from skdnn.nn import BatchNorm, Network, StochasticLayer
from skdnn.nn.optimizers import Optimizer
from skdnn.nn.schedules import Adaptive
from skdnn.training.job import Job
from skdnn.training.schema import (
    TEXT,
    Optional,
    finite_like,
    generator_like,
    number,
    whole,
)
from skdnn.training.state import kept, kept_fields, state_of


def like_now(name, of=lambda state: state):
    """Return a function that gives the schema of a field: to be as it is in a job now.

    None stays None; else `of` makes the schema of the field's state.
    """

    def schema(job):
        state = state_of(job, np.asarray)[name]
        return None if state is None else of(state)

    return schema


def rate_schema(job):
    """Return the schema of the learning rate."""
    falls = isinstance(job.schedule, Adaptive)
    return number(0 if falls else job.initial_rate, job.initial_rate)


@dataclass(eq=False)
class GradientDescent(Job):
    """Mini-batch gradient descent, epoch by epoch.

    Parameters
    ----------
    network, loss, rules
        See :class:`~skdnn.training.job.Job`, for what else comes by name too.
    optimizer : Optimizer
    schedule : object
        See :mod:`skdnn.nn.schedules`.
    rng : numpy.random.RandomState
        Where the orders are drawn from, and the seed of noise and augmentation.
    learning_rate : float
        What the schedule scales.
    batch_size : int or "auto", default="auto"
        "auto" is 200, or all samples if there are fewer.
    max_grad_norm : float, default=None
        The largest norm of the gradient, of all parameters together.
    ema_decay : float, default=None
        Decay of an exponential moving average of the parameters, see :meth:`result`.
    shuffle : bool, default=True
        Whether each epoch takes the samples in a new order.
    augmentation : callable, default=None
        Takes a mini-batch and a generator, changes it in place, and returns of what
        its rows are mixed: see :class:`skdnn.augmentation.InARow`.

    Attributes
    ----------
    initial_rate : float
        The learning rate as it was given.
    averaged : Network or None
        The moving average, with `ema_decay`.
    noise_rng : numpy.random.Generator or None
        Where noise and augmentation are drawn from.
    shuffled : ndarray or None
        `order`, if that changes.
    n_no_improvement : int
        The number of epochs since the last improvement.
    n_rows : int
        Of a mini-batch.
    in_order : bool
        Whether mini-batches are slices of the data: all rows, as they come.
    may_skip : bool
        Whether a mini-batch may weigh nothing, and have no step.
    good : tuple or None
        What to go back to if an epoch fails.
    failure : Exception or None
        With which augmentation has failed in this epoch.
    """

    takes_steps = True

    # That of an epoch that was undone need not be finite.
    network: Network = kept(like_now("network"))
    optimizer: Optimizer = kept(
        like_now("optimizer", lambda s: s | {"n_steps": whole(0, 2**63)})
    )
    schedule: object
    _: KW_ONLY
    rng: np.random.RandomState = kept(like_now("rng", generator_like))
    learning_rate: float = kept(rate_schema)
    batch_size: object = "auto"
    max_grad_norm: float | None = None
    ema_decay: float | None = None
    shuffle: bool = True
    augmentation: Callable | None = None
    averaged: Network | None = kept(
        like_now("averaged", lambda state: tuple(map(finite_like, state))),
        default=None,
        init=False,
    )
    noise_rng: np.random.Generator | None = kept(
        like_now("noise_rng", generator_like), default=None, init=False
    )
    shuffled: np.ndarray | None = kept(like_now("shuffled"), default=None, init=False)
    n_no_improvement: int = kept(
        lambda job: whole(0, job.rules.max_epochs), default=0, init=False
    )
    complaint: str | None = kept(Optional(TEXT), default=None, init=False)
    may_skip: bool = field(default=False, init=False)
    good: tuple | None = field(default=None, init=False)
    failure: Exception | None = field(default=None, init=False)

    def __post_init__(self):
        super().__post_init__()
        self.initial_rate = self.learning_rate
        self.optimizer.allocate(self.network.parameters)

    def begin(self, data):
        """Get ready to learn from the data of a fit."""
        super().begin(data)
        self.shuffled = self.order if self.shuffle else None
        self.in_order = self.rows is None and not self.shuffle
        if self.ema_decay is None:
            self.averaged = None
        elif self.averaged is None:
            self.averaged = self.network.copy()
        is_noisy = self.augmentation is not None or self.network.find(StochasticLayer)
        if self.noise_rng is None and is_noisy:
            self.noise_rng = np.random.default_rng(self.rng.randint(2**31))
        self.n_rows = self._size_of_mini_batches(len(self.order))
        _, weights = data.learned(self.rows)
        self.may_skip = weights is not None and not weights.all()
        if self.n_rows == 1 and self.network.find(BatchNorm):
            raise ValueError(
                "Batch normalization needs mini-batches of at least 2 samples, got"
                f" batch_size={self.batch_size!r} with {len(self.order)} samples."
            )

    def _size_of_mini_batches(self, n_samples):
        if self.batch_size == "auto":
            return min(200, n_samples)
        if self.batch_size > n_samples:
            warn_user(
                "Got `batch_size` less than 1 or larger than "
                "sample size. It is going to be clipped"
            )
        return int(min(self.batch_size, n_samples))

    def unload(self):
        """See :meth:`Job.unload`."""
        super().unload()
        self.shuffled = self.good = None

    def take_over(self, other):
        """Go on where another job was, with the settings of this one."""
        own = self.optimizer, self.learning_rate
        for its in kept_fields(self):
            setattr(self, its.name, getattr(other, its.name))
        self.optimizer, self.learning_rate = own
        if type(other.optimizer) is type(self.optimizer):
            self.optimizer.state = other.optimizer.state
            self.optimizer.n_steps = other.optimizer.n_steps
        if other.initial_rate == self.initial_rate:
            self.learning_rate = other.learning_rate

    def result(self):
        """Return the network to predict with: the averaged one, with `ema_decay`."""
        return self.network if self.averaged is None else self.averaged

    def share_statistics(self):
        """Give the averaged network, if there is one, the statistics of training."""
        if self.averaged is not None:
            self.averaged.statistics[:] = self.network.statistics

    def shuffle_order(self):
        """Put the samples into the order of the next epoch."""
        if self.shuffle:
            self.rng.shuffle(self.order)

    def row_schema(self, epoch):
        """See :meth:`Job.row_schema`."""
        return super().row_schema(epoch) | {
            "learning_rate": number(0, self.initial_rate)
        }
