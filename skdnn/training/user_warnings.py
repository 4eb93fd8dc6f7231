"""Warnings that point to the user's line, however deep in the package they arise."""

import sys
import warnings
from contextlib import contextmanager
from contextvars import ContextVar

NOT_THE_USERS = {"skdnn", "sklearn", "numpy", "scipy", "joblib", "contextlib"}
# What is collected in this thread; it belongs to nobody else, which the filters of the
# module `warnings` do.
_collected = ContextVar("collected", default=None)
# Warnings that the filters make errors, where these would take with them what was
# learned.
_held = ContextVar("held", default=None)


def warn_user(message, category=UserWarning):
    """Warn at the nearest line that belongs neither to this package nor below it."""
    collected = _collected.get()
    if collected is not None:
        collected.setdefault((str(message), category))
        return
    level, frame = 2, sys._getframe(1)
    while (
        frame.f_back is not None
        and frame.f_globals.get("__name__", "").partition(".")[0] in NOT_THE_USERS
    ):
        level, frame = level + 1, frame.f_back
    try:
        warnings.warn(message, category, stacklevel=level)
    except Warning as error:
        held = _held.get()
        if held is None:
            raise
        held.append(error)


@contextmanager
def collected_warnings():
    """Collect what `warn_user` is to say, for another thread or process to say it.

    Yields
    ------
    collected : dict
        Its keys are the arguments for `warn_user`, each once, in their order.
    """
    collected = {}
    token = _collected.set(collected)
    try:
        yield collected
    finally:
        _collected.reset(token)


@contextmanager
def errors_in_the_end():
    """Raise what the filters make an error of a warning when all is done.

    Yields
    ------
    hold : callable
        To be called when there is something to lose; until then, they are raised at
        once.
    """
    outer, held = _held.get(), []
    token = _held.set(outer)
    try:
        yield lambda: _held.set(held if outer is None else outer)
    finally:
        _held.reset(token)
    if held:
        raise held[0]
