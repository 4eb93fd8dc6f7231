"""Warnings that point to the user's line, however deep in the package they arise."""

import sys
import warnings
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, field

NOT_THE_USERS = {"skdnn", "sklearn", "numpy", "scipy", "joblib", "contextlib"}
# What is collected in this thread; it belongs to nobody else, which the filters of the
# module `warnings` do.
_collected = ContextVar("collected", default=None)
# What was said in the fit that runs in this thread.
_fit = ContextVar("fit", default=None)


def warn_user(message, category=UserWarning):
    """Warn at the nearest line that belongs neither to this package nor below it."""
    collected = _collected.get()
    if collected is not None:
        collected.setdefault((str(message), category))
        return
    fit = _fit.get() or WarningsOfFit()
    if (message, category) in fit.said:
        return
    fit.said.add((message, category))
    level, frame = 2, sys._getframe(1)
    while (
        frame.f_back is not None
        and frame.f_globals.get("__name__", "").partition(".")[0] in NOT_THE_USERS
    ):
        level, frame = level + 1, frame.f_back
    try:
        warnings.warn(message, category, stacklevel=level)
    except Warning as error:
        if not fit.holds:
            raise
        fit.held.append(error)


@contextmanager
def set_for_now(variable, value):
    """Set a context variable, and set it back in the end."""
    token = variable.set(value)
    try:
        yield value
    finally:
        variable.reset(token)


def collected_warnings():
    """Collect what `warn_user` is to say, for another thread or process to say it.

    Yields
    ------
    collected : dict
        Its keys are the arguments for `warn_user`, each once, in their order: see
        :func:`say`.
    """
    return set_for_now(_collected, {})


def say(collected):
    """Say what was collected in another thread or process."""
    for message, category in collected:
        warn_user(message, category)


@dataclass
class WarningsOfFit:
    """What a fit has said.

    Parameters
    ----------
    said : set of tuple
        The arguments of `warn_user`.
    holds : bool
        Whether there is something to lose: then what the filters make an error of a
        warning is held.
    held : list of Warning
    """

    said: set = field(default_factory=set)
    holds: bool = False
    held: list = field(default_factory=list)


@contextmanager
def warnings_of_fit():
    """Say each warning once, and raise those that are errors and held in the end.

    Where a fit is a part of another one, this one does so.

    Yields
    ------
    fit : WarningsOfFit
    """
    fit = _fit.get()
    if fit is not None:
        yield fit
        return
    with set_for_now(_fit, WarningsOfFit()) as fit:
        yield fit
    if fit.held:
        raise fit.held[0]
