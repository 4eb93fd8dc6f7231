"""What training changes, declared: how it is kept, and given back.

A field that :func:`kept` declares is a part of a job's state, which a checkpoint holds,
and to which a call that fails goes back. What is not declared is not kept.
"""

from collections.abc import Callable
from dataclasses import dataclass, field, fields

import numpy as np


@dataclass(frozen=True)
class Kind:
    """How the state of a value is read and given back.

    Parameters
    ----------
    read : callable
        Takes a value and how to copy arrays, and returns its state: dictionaries,
        lists, numbers, strings, None and arrays.
    write : callable
        Takes a value and a state, and changes the value in place.
    """

    read: Callable
    write: Callable


def _write_optimizer(optimizer, state):
    for name, vector in optimizer.state.items():
        vector[:] = state[name]
    optimizer.n_steps = state["n_steps"]


def _write_all(array, state):
    array[:] = state


HISTORY = Kind(lambda history, copy: list(history), _write_all)  # its rows stay
NETWORK = Kind(
    lambda network, copy: network.state(copy),
    lambda network, state: network.restore(state),
)
OPTIMIZER = Kind(
    lambda it, copy: {
        "n_steps": it.n_steps,
        **{name: copy(vector) for name, vector in it.state.items()},
    },
    _write_optimizer,
)
RANDOM_STATE = Kind(
    lambda rng, copy: rng.get_state(legacy=False),
    lambda rng, state: rng.set_state(state),
)
GENERATOR = Kind(
    lambda rng, copy: rng.bit_generator.state,
    lambda rng, state: setattr(rng.bit_generator, "state", state),
)
ORDER = Kind(  # in as few bytes as hold it
    lambda order, copy: order.astype(np.min_scalar_type(order.max())),
    _write_all,
)


def kept(schema, kind=None, **options):
    """Return a field of a dataclass that training changes.

    Parameters
    ----------
    schema : schema, or callable
        What its state must be where it comes from a file, or a function of the job that
        returns that: see :mod:`skdnn.training.schema`.
    kind : Kind, default=None
        Of what has parts; None for a number, text, or what else is its own state. It
        may be None itself: then so is its state.
    **options
        Of :func:`dataclasses.field`.
    """
    return field(metadata={"schema": schema, "kind": kind}, **options)


def kept_fields(job):
    """Return the fields that make the state of a job."""
    return [its for its in fields(job) if its.metadata]


def state_of(job, copy=np.copy):
    """Return all that training changes, by the names of the fields.

    Parameters
    ----------
    job : Job
    copy : callable, default=np.copy
        ``np.asarray`` gives the arrays themselves, to be written somewhere at once.
    """
    state = {}
    for its in kept_fields(job):
        value, kind = getattr(job, its.name), its.metadata["kind"]
        has_parts = kind is not None and value is not None
        state[its.name] = kind.read(value, copy) if has_parts else value
    return state


def restore(job, state):
    """Take a job back, or forward, to what :func:`state_of` returned."""
    for its in kept_fields(job):
        kind, before = its.metadata["kind"], state[its.name]
        now = getattr(job, its.name)
        if kind is not None and before is not None:
            kind.write(now, before)
        elif before is not now:  # or else a file would hold more than it did
            setattr(job, its.name, before)


def schema_of(job):
    """Return the schema of the state of a job."""
    schemas = {its.name: its.metadata["schema"] for its in kept_fields(job)}
    return {
        name: schema(job) if callable(schema) else schema
        for name, schema in schemas.items()
    }
