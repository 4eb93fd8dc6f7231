"""What training changes, declared: how it is kept, and given back.

A field that :func:`kept` declares is a part of a job's state, which a checkpoint holds,
and to which a call that fails goes back. What is not declared is not kept.
"""

from collections.abc import Callable
from dataclasses import dataclass, field, fields

import numpy as np

from skdnn.nn import Network
from skdnn.nn.optimizers import Optimizer


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


def _read_optimizer(optimizer, copy):
    vectors = {name: copy(vector) for name, vector in optimizer.state.items()}
    return {"n_steps": optimizer.n_steps, **vectors}


def _write_optimizer(optimizer, state):
    for name, vector in optimizer.state.items():
        vector[:] = state[name]
    optimizer.n_steps = state["n_steps"]


def _write_all(array, state):
    array[:] = state


KINDS = {  # what else there is, numbers or text or None, is its own state
    Network: Kind(lambda network, copy: network.state(copy), Network.restore),
    Optimizer: Kind(_read_optimizer, _write_optimizer),
    list: Kind(lambda history, copy: list(history), _write_all),  # its rows stay
    np.ndarray: Kind(  # an order, in as few bytes as hold it
        lambda order, copy: order.astype(np.min_scalar_type(order.max())),
        _write_all,
    ),
    np.random.RandomState: Kind(
        lambda rng, copy: rng.get_state(legacy=False),
        lambda rng, state: rng.set_state(state),
    ),
    np.random.Generator: Kind(
        lambda rng, copy: rng.bit_generator.state,
        lambda rng, state: setattr(rng.bit_generator, "state", state),
    ),
}


def _kind_of(value):
    return next((KINDS[cls] for cls in KINDS if isinstance(value, cls)), None)


def kept(schema, **options):
    """Return a field of a dataclass that training changes.

    Parameters
    ----------
    schema : schema, or callable
        What its state must be where it comes from a file, or a function of the job that
        returns that: see :mod:`skdnn.training.schema`.
    **options
        Of :func:`dataclasses.field`.
    """
    return field(metadata={"schema": schema}, **options)


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
        value = getattr(job, its.name)
        kind = _kind_of(value)
        state[its.name] = value if kind is None else kind.read(value, copy)
    return state


def restore(job, state):
    """Take a job back, or forward, to what :func:`state_of` returned."""
    for its in kept_fields(job):
        now, before = getattr(job, its.name), state[its.name]
        kind = _kind_of(now)
        if kind is not None and before is not None:
            kind.write(now, before)
        elif before is not now:  # or else a file would hold more than it did
            setattr(job, its.name, before)


def schema_of(job):
    """Return the schema of the state of a job."""
    schemas = ((its.name, its.metadata["schema"]) for its in kept_fields(job))
    return {name: its(job) if callable(its) else its for name, its in schemas}
