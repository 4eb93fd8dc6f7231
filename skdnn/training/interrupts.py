"""Ctrl-C: what it leaves, and where it is an error after all."""

from contextlib import contextmanager
from contextvars import ContextVar

_is_part = ContextVar("is_part", default=False)


@contextmanager
def parts_of_one():
    """Let Ctrl-C be an error in fits that make a model only together.

    Elsewhere, it leaves what was learned so far.
    """
    token = _is_part.set(True)
    try:
        yield
    finally:
        _is_part.reset(token)


def is_part_of_one():
    """Return whether the fit that runs in this thread is such a part."""
    return _is_part.get()
