"""What all ways to train a network share: the data, the objective, the history."""

from math import inf
from time import perf_counter

import numpy as np

from skdnn.messages.user_warnings import warn_user
from skdnn.nn.vectors import may_overflow
from skdnn.training.objective import Objective
from skdnn.training.schema import (
    FLAG,
    LIST,
    NUMBER,
    Optional,
    check_value,
    finite_like,
    number,
    whole,
)

# What `Trainer.load` sets.
DATA = {"X", "targets", "sample_weight", "row_scores", "order", "in_order"}
DATA |= {"full", "lockstep", "may_skip"}
INTERRUPTED = "Training interrupted by user."
NOT_FINITE = (  # scikit-learn's words
    "Solver produced non-finite parameter weights. The input data may"
    " contain large values and need to be preprocessed."
)


class Trainer(Objective):
    """What all ways to train a network share: the data, the objective, the history.

    Parameters
    ----------
    network : Network
        Trained in place.
    loss : Loss
        See :mod:`skdnn.nn.losses`.
    max_epochs : int
        How many epochs :meth:`fit` runs at most.
    alpha : float, default=0.0
        Strength of the L2 penalty: ``alpha / (2 m) * sum(weights ** 2)`` is added to
        the loss of a mini-batch of m samples (or of total weight m).
    history : list of dict, default=()
        Rows of earlier training, to go on from.
    samples_seen : int, default=0
        The number of samples seen in it.
    best_loss : float, default=inf
        The smallest training loss in it.

    Attributes
    ----------
    history : list of dict
        A row an epoch.
    n_epochs : int
        The number of epochs run by this trainer.
    samples_seen : int
        The number of samples trained on.
    best_loss, best_score : float
        The smallest training loss and the largest validation score so far.
    best_state : tuple or None
        The network's state in the best epoch, if training is to go back to it.
    ended : bool
        Whether its own rules ended training before `max_epochs`.
    was_stopped : bool
        Whether a callback ended it. Such a fit is not finished: another one goes on.
    was_interrupted : bool
        Whether Ctrl-C ended it.
    """

    judged = ("best_loss", "best_score")  # what a state has as its history says
    takes_steps = False  # epoch by epoch, on mini-batches, and perhaps with others
    is_stuck = False  # whether it has said that rounding has ended it

    def __init__(
        self,
        network,
        loss,
        *,
        max_epochs,
        alpha=0.0,
        history=(),
        samples_seen=0,
        best_loss=inf,
    ):
        self.network = network
        self.loss = loss
        self.max_epochs = max_epochs
        self.alpha = alpha
        self.history = list(history)
        self.samples_seen = samples_seen
        self.n_epochs = 0
        self.complaint = None  # about numbers that were not finite
        self.has_warned = False  # of a score that is not a number
        self.best_loss, self.best_score = best_loss, -inf
        self.best_state = None
        self.ended = self.was_stopped = False
        self.was_interrupted = False

    @property
    def finished(self):
        """Whether :meth:`fit` has nothing left to do."""
        return self.ended or self.was_stopped or self.n_epochs >= self.max_epochs

    def load(self, X, targets, sample_weight=None, rows=None):
        """Take the data to train on, and allocate what a mini-batch needs.

        Parameters
        ----------
        X : {ndarray, sparse array} of shape (n_samples, n_features)
            Of any numeric dtype: rows are cast as they are gathered.
        targets : ndarray of shape (n_samples,) or (n_samples, n_targets)
            What the loss encodes: indices of classes, 0 and 1, or numbers.
        sample_weight : ndarray of shape (n_samples,), default=None
        rows : ndarray of int, default=None
            The rows of X to train on, all by default.
        """
        self.X, self.targets, self.sample_weight = X, targets, sample_weight
        self.order = np.arange(X.shape[0]) if rows is None else rows.copy()
        if rows is not None:
            targets = targets[rows]
            sample_weight = None if sample_weight is None else sample_weight[rows]
        self.row_scores = self.loss.row_scorer(targets, sample_weight)
        self._allocate(all_rows=rows is None)

    def unload(self):
        """Let go of the data and of the buffers."""
        for name in DATA:
            vars(self).pop(name, None)

    def _allocate(self, all_rows):
        raise NotImplementedError

    def result(self):
        """Return the network to predict with."""
        return self.network

    def snapshot(self):
        """Return a copy of the network as training would leave it if it ended now."""
        network = self.result().copy()
        if self.best_state is not None:
            network.restore(self.best_state)
        return network

    def fields(self):
        """Return the attributes that :meth:`state` has as they are, and their schemas.

        See :mod:`skdnn.training.schema`.
        """
        return {
            "n_epochs": whole(int(self.takes_steps), self.max_epochs),
            "samples_seen": whole(0, 2**63),
            "best_loss": NUMBER,
            "best_score": NUMBER,
            "best_state": Optional(self._like_network()),
            "ended": FLAG,
        }

    def parts(self):
        """Return what else :meth:`state` has, and the schemas of that."""
        return {
            "network": self._like_network(),
            "history": LIST,
            "n_rows": whole(0, 2**63),
        }

    def _like_network(self):
        """Return the schema of what a network has learned, if that is finite."""
        return tuple(map(finite_like, self.network.state(np.asarray)))

    def row_schema(self, epoch, validates):
        """Return the schema of a row of the history, see :meth:`record`."""
        layers = self.network.parameter_layers
        schema = {
            "epoch": whole(epoch, epoch),
            "loss": number(),
            "score": NUMBER,
            "gradient_norm": dict.fromkeys(layers, number(0, inf)),
            "seconds": number(0),
        }
        if validates:
            schema |= {"validation_loss": NUMBER, "validation_score": NUMBER}
        return schema

    def state(self, copy=np.copy):
        """Return all that training changes, for :meth:`restore`.

        Parameters
        ----------
        copy : callable, default=np.copy
            ``np.asarray`` gives the arrays themselves, to be written somewhere at once.
        """
        return {
            "network": self.network.state(copy),
            "history": self.history,  # which only grows
            "n_rows": len(self.history),
            **{name: getattr(self, name) for name in self.fields()},
        }

    def check(self, state, *, validate=None, keeps_best=False, **rules):
        """Raise a ValueError unless a state can be one of this trainer's own, later.

        Parameters
        ----------
        state : object
            Whatever a file holds. Where there is no error, :meth:`restore` takes it.
        validate : callable, default=None
            These and further ones are the rules of the fit, see
            :meth:`~skdnn.training.gradient_descent.GradientDescent.begin`.
        keeps_best : bool, default=False
        """
        validates = validate is not None
        check_value(state, {**self.fields(), **self.parts()}, "state")
        n_epochs, history = state["n_epochs"], state["history"]
        n_earlier = len(self.history)
        n_seen = self.samples_seen + self.takes_steps * n_epochs * len(self.order)
        for name, value, expected in (
            ("n_rows", state["n_rows"], n_earlier + n_epochs),
            ("the number of rows", len(history), n_earlier + n_epochs),
            ("samples_seen", state["samples_seen"], n_seen),
        ):
            check_value(value, whole(expected, expected), name)
        rows = history[n_earlier:]
        for i, row in enumerate(rows):
            epoch = n_earlier + i + 1
            check_value(row, self.row_schema(epoch, validates), f"row {epoch}")
        twin = self._twin()
        twin.judge_again(state, rows, **rules)
        judged = self.judged
        if validates and keeps_best and n_earlier:  # what it began with is not known
            judged = ("best_loss",)
            best_score = number(twin.best_score, inf)
            check_value(state["best_score"], best_score, "best_score")
        for name in judged:
            value = getattr(twin, name)
            schema = value if isinstance(value, bool) else number(value, value)
            check_value(state[name], schema, name)
        has_best = keeps_best and state["best_score"] > -inf
        if (state["best_state"] is not None) != has_best:
            raise ValueError("best_state must be that of the best score")

    def _twin(self):
        """Return a trainer that has all in common with this one, but may go on."""
        twin = object.__new__(type(self))
        vars(twin).update(vars(self))
        return twin

    def judge_again(self, state, rows, **rules):
        """Note what the epochs of a state have achieved, as they did; see `judged`."""
        for row in rows:
            self.note_best(row)

    def restore(self, state):
        """Go back, or forward, to what :meth:`state` returned."""
        self.network.restore(state["network"])
        n_earlier = len(self.history) - self.n_epochs  # rows, which stay as they are
        self.history[n_earlier:] = state["history"][n_earlier : state["n_rows"]]
        for name in self.fields():
            setattr(self, name, state[name])

    def record(self, seconds, loss, score, squared_norms, **further):
        """Append a row to the history, and return it."""
        layers, norms = self.network.parameter_layers, np.sqrt(squared_norms).tolist()
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

    @may_overflow
    def evaluate(self, validate, row):
        """Add the validation loss and score to a row of the history.

        Where `validate` complains of the score, there is one warning, and the epoch
        can't be the best.
        """
        start_time = perf_counter()
        row["validation_loss"], row["validation_score"], complaint = validate()
        row["seconds"] += perf_counter() - start_time
        if complaint and not self.has_warned:
            self.has_warned = True
            warn_user(
                f"Epoch {row['epoch']} can't be the best, nor can others of which the"
                f" same is true: {complaint}"
            )

    def forget_unfinished(self, validate):
        """Forget the row of an epoch that Ctrl-C has ended before its validation."""
        unfinished = validate is not None and self.n_epochs
        if unfinished and "validation_score" not in self.history[-1]:
            self.history.pop()
            self.n_epochs -= 1

    def note_best(self, row):
        """Keep the smallest loss and the largest score."""
        self.best_loss = min(self.best_loss, row["loss"])
        score = row.get("validation_score", -inf)
        if score > self.best_score:  # not if it is NaN
            self.best_score = score

    def __getstate__(self):
        # The data is not the trainer's, and buffers can be rebuilt: see `load`.
        return {name: value for name, value in vars(self).items() if name not in DATA}
