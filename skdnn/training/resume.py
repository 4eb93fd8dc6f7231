"""From a checkpoint to a job, and back: what a state must be to be gone on from."""

from copy import copy, deepcopy
from dataclasses import replace
from functools import partial
from math import ceil, inf

import numpy as np

from skdnn.training.fingerprint import fingerprint_of
from skdnn.training.job import like_network
from skdnn.training.rules import judge, note_best
from skdnn.training.schema import check_value, finite_like, number, squares_like, whole
from skdnn.training.state import restore, schema_of, state_of

# Of what optimizers remember, all of it finite else: sums of squares may overflow.
SCHEMAS_OF_MOMENTS = {"v": squares_like}


def resume(job):
    """Take a job, begun, to the last state in its checkpoint, if it has one.

    Unless it is finished then, make sure that more can be written.
    """
    if job.checkpoint is None:
        return
    if (state := job.checkpoint.last_state(partial(check, job))) is not None:
        restore(job, state)
    if not job.finished:
        job.checkpoint.probe()


def save_if_due(job):
    """Write the state of a job if it is finished, or it is time."""
    if job.checkpoint is not None:
        due = job.finished or job.n_epochs % job.checkpoint.every == 0
        job.checkpoint.save_if(due, partial(state_of, job, np.asarray), job.finished)


def check(job, state):
    """Raise a ValueError unless a state can be one of the job's own, later.

    Parameters
    ----------
    job : Job
        Begun.
    state : object
        Whatever a file holds. Where there is no error, it can be restored.
    """
    check_value(state, schema_of(job), "state")
    n_epochs, history = state["n_epochs"], state["history"]
    n_earlier = len(job.history)
    n_seen = job.samples_seen + job.takes_steps * n_epochs * len(job.order)
    for name, value, expected in (
        ("the number of rows", len(history), n_earlier + n_epochs),
        ("samples_seen", state["samples_seen"], n_seen),
    ):
        check_value(value, whole(expected, expected), name)
    if fingerprint_of(history[:n_earlier]) != fingerprint_of(job.history):
        raise ValueError("the rows of earlier training must be those of the estimator")
    for epoch, row in enumerate(history[n_earlier:], n_earlier + 1):
        check_value(row, job.row_schema(epoch), f"row {epoch}")
    _check_judgement(job, state, history[n_earlier:])
    if job.takes_steps:
        _check_steps(job, state)


def _check_judgement(job, state, rows):
    """Check what a state says of its epochs by judging them once more."""
    twin, rules = copy(job), job.rules
    twin.rules = replace(rules, verbose=False)
    judged = ["best_loss", "best_score"]
    if job.takes_steps:
        judged += ["n_no_improvement", "learning_rate", "ended"]
        for row in rows:
            if twin.ended:
                raise ValueError(f"row {row['epoch']} is of an epoch after the end")
            twin.ended = judge(twin, row)
        twin.ended |= state["complaint"] is not None
    else:
        for row in rows:
            note_best(twin, row)
    validates, goes_on = job.validate is not None, bool(job.history)
    if validates and rules.keeps_best and goes_on:  # what it began with is not known
        judged = ["best_loss"]
        best_score = number(twin.best_score, inf)
        check_value(state["best_score"], best_score, "best_score")
    for name in judged:
        value = getattr(twin, name)
        schema = value if isinstance(value, bool) else number(value, value)
        check_value(state[name], schema, name)
    has_best = rules.keeps_best and state["best_score"] > -inf
    if (state["best_state"] is not None) != has_best:
        raise ValueError("best_state must be that of the best score")


def _check_steps(job, state):
    """Check what steps have left, and that the order is what epochs make of it."""
    n_epochs, spoiled = state["n_epochs"], state["complaint"] is not None
    n_batches = ceil(len(job.order) / job.n_rows)
    fewest = 0 if job.may_skip else n_epochs * n_batches
    n_steps = whole(fewest, (n_epochs + spoiled) * n_batches)
    check_value(state["optimizer"]["n_steps"], n_steps, "n_steps")
    if not spoiled or job.averaged is None:  # else an epoch may have spoiled it
        check_value(state["network"], like_network(job), "network")
    if not spoiled:
        moments = job.optimizer.state.items()
        schema = {k: SCHEMAS_OF_MOMENTS.get(k, finite_like)(v) for k, v in moments}
        check_value(state["optimizer"], {"n_steps": n_steps, **schema}, "optimizer")
    twin = copy(job)
    twin.rng, twin.order = deepcopy(job.rng), job.order.copy()
    twin.shuffled = twin.order if job.shuffle else None
    for _ in range(n_epochs + spoiled):
        twin.shuffle_order()
    shuffled = state_of(twin, np.asarray)
    for name in ("rng", "shuffled"):
        if fingerprint_of(state[name]) != fingerprint_of(shuffled[name]):
            raise ValueError(f"{name} must be what the epochs have made of it")
