"""A job: what one network learns, by which rules, and how far it has come."""

from collections.abc import Callable
from dataclasses import KW_ONLY, dataclass, field
from math import inf, sqrt

import numpy as np

from skdnn.nn import Network
from skdnn.nn.losses import Loss
from skdnn.training.rules import Rules
from skdnn.training.schema import (
    FLAG,
    LIST,
    NUMBER,
    Optional,
    finite_like,
    number,
    whole,
)
from skdnn.training.state import kept


def like_network(job):
    """Return the schema of what the network of a job has learned, if that is finite."""
    return tuple(map(finite_like, job.network.state(np.asarray)))


@dataclass(eq=False)
class Job:
    """What one network learns; the base of the two ways to train it.

    Fields that training changes are declared as such, with :func:`kept`: together they
    are the state, which a checkpoint holds.

    Parameters
    ----------
    network : Network
        Trained in place.
    loss : Loss
        See :mod:`skdnn.nn.losses`.
    rules : Rules
    alpha : float, default=0.0
        Strength of the L2 penalty: ``alpha / (2 m) * sum(weights ** 2)`` is added to
        the loss of a mini-batch of m samples (or of total weight m).
    rows : ndarray of int, default=None
        The rows of the data that the network learns from, all by default.
    validate : callable, default=None
        Takes the job, and returns the validation loss and score of :meth:`result` as it
        is, and what is wrong if the score is not a number, else None. What is fatal, it
        raises.
    checkpoint : Checkpoint, default=None
        Where the state is kept.
    history : list of dict, default=()
        A row an epoch; those of earlier training, to go on from, in front.
    n_epochs : int
        The number of epochs run in this job.
    samples_seen : int, default=0
        The number of samples trained on, those of earlier training included.
    best_loss, best_score : float
        The smallest training loss and the largest validation score so far.
    best_state : tuple or None
        The network's state in the best epoch, if training is to go back to it.
    ended : bool
        Whether its own rules ended training before `max_epochs`.
    complaint : str or None
        Why an epoch was undone, and training ended.
    order : ndarray of int or None
        The rows to learn from, in the order in which they are taken.
    was_stopped : bool
        Whether a callback ended it. Such a job is not finished: another fit goes on.
    was_interrupted : bool
        Whether Ctrl-C ended it.
    has_warned : bool
        Whether it has warned of a score that is not a number.
    """

    takes_steps = False  # epoch by epoch, on mini-batches, and perhaps with others
    is_stuck = False  # whether it has said that rounding has ended it

    network: Network = kept(like_network)
    loss: Loss
    rules: Rules
    _: KW_ONLY
    alpha: float = 0.0
    rows: np.ndarray | None = None
    validate: Callable | None = None
    checkpoint: object = None
    history: list = kept(LIST, default=())
    n_epochs: int = kept(
        lambda job: whole(int(job.takes_steps), job.rules.max_epochs),
        default=0,
        init=False,
    )
    samples_seen: int = kept(whole(0, 2**63), default=0)
    best_loss: float = kept(NUMBER, default=inf)
    best_score: float = kept(NUMBER, default=-inf, init=False)
    best_state: tuple | None = kept(
        lambda job: Optional(like_network(job)), default=None, init=False
    )
    ended: bool = kept(FLAG, default=False, init=False)
    complaint: str | None = kept(None, default=None, init=False)
    order: np.ndarray | None = field(default=None, init=False)
    was_stopped: bool = field(default=False, init=False)
    was_interrupted: bool = field(default=False, init=False)
    has_warned: bool = field(default=False, init=False)

    def __post_init__(self):
        self.history = list(self.history)

    @property
    def finished(self):
        """Whether there is nothing left to do."""
        is_last = self.n_epochs >= self.rules.max_epochs
        return self.ended or self.was_stopped or is_last

    def begin(self, data):
        """Get ready to learn from the data of a fit."""
        rows = np.arange(data.X.shape[0]) if self.rows is None else self.rows.copy()
        self.order = rows

    def unload(self):
        """Let go of all that neither another process nor a file has use for."""
        self.rows = self.order = self.validate = self.checkpoint = None

    def result(self):
        """Return the network to predict with."""
        return self.network

    def record(self, seconds, loss, score, squared_norms, **further):
        """Append a row to the history, and return it."""
        layers, norms = self.network.parameter_layers, map(sqrt, squared_norms)
        row = {
            "epoch": len(self.history) + 1,
            "loss": loss,
            "score": score,
            **further,
            "gradient_norm": dict(zip(layers, norms, strict=True)),
            "seconds": seconds,
        }
        self.history.append(row)
        self.n_epochs += 1
        return row

    def row_schema(self, epoch):
        """Return the schema of a row of the history, see :meth:`record`."""
        schema = {
            "epoch": whole(epoch, epoch),
            "loss": number(),
            "score": NUMBER,
            "gradient_norm": dict.fromkeys(
                self.network.parameter_layers, number(0, inf)
            ),
            "seconds": number(0),
        }
        if self.validate is not None:
            schema |= {"validation_loss": NUMBER, "validation_score": NUMBER}
        return schema
