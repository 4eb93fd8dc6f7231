"""Where Ctrl-C is an error: in fits that make a model only together."""

from contextvars import ContextVar

from skdnn.messages.user_warnings import set_for_now

_is_part = ContextVar("is_part", default=False)


def parts_of_one():
    """Let Ctrl-C be an error in fits that make a model only together.

    Elsewhere, it leaves what was learned so far.
    """
    return set_for_now(_is_part, True)


def is_part_of_one():
    """Return whether the fit that runs in this thread is such a part."""
    return _is_part.get()
