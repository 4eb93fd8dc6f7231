"""Kinds: what a value that comes from a file must be before it is used.

A kind is one of

- a :class:`Kind`, such as ``whole(0, 9)``;
- an :class:`Optional`, for None or what is of another kind;
- a dict, for a dict of the same keys, each value of its kind;
- a tuple, for a sequence of as many, each of its kind;
- an array, for one of the same dtype and shape;
- None, true, false or text, for just that.
"""

from dataclasses import dataclass
from reprlib import repr as short

import numpy as np

LARGEST = np.finfo(np.float64).max


@dataclass(frozen=True)
class Kind:
    """What a value must be.

    Parameters
    ----------
    words : str
        As an error says it.
    accepts : callable
        Takes the value, and returns whether it is that.
    """

    words: str
    accepts: object


def _is_number(value):
    # JSON has whole numbers of any size, a float has not.
    return type(value) is float or (type(value) is int and abs(value) <= LARGEST)


FLAG = Kind("true or false", lambda value: type(value) is bool)
TEXT = Kind("text", lambda value: type(value) is str)
LIST = Kind("a list", lambda value: type(value) is list)
NUMBER = Kind("a number", _is_number)  # or NaN


def whole(lowest, highest):
    """Return the kind of a whole number in a range, both ends included."""
    return Kind(
        f"a whole number from {lowest} to {highest}",
        lambda value: type(value) is int and lowest <= value <= highest,
    )


def number(lowest=-LARGEST, highest=LARGEST):
    """Return the kind of a number in a range, by default of one that is finite."""
    return Kind(
        f"a number from {lowest:g} to {highest:g}",
        lambda value: _is_number(value) and lowest <= value <= highest,
    )


def finite_like(array):
    """Return the kind of an array of the same dtype and shape, of finite numbers."""
    return Kind(
        f"a finite {_describe(array)}",
        lambda value: _is_like(value, array) and bool(np.isfinite(value).all()),
    )


def squares_like(array):
    """Return the kind of an array of the same dtype and shape, of sums of squares."""
    return Kind(
        f"a {_describe(array)}, none of it negative",
        lambda value: _is_like(value, array) and bool((value >= 0).all()),
    )


@dataclass(frozen=True)
class Optional:
    """None, or what is of a kind."""

    kind: object


# Of what NumPy does not check itself: an index beyond its end reads foreign memory.
PARTS_OF_GENERATORS = {
    "pos": whole(0, 624),
    "buffer_pos": whole(0, 4),
    "has_gauss": whole(0, 1),
    "has_uint32": whole(0, 1),
    "uinteger": whole(0, 2**32 - 1),
    "gauss": number(-40, 40),
}


def generator_like(state):
    """Return the kind of the state of a random generator like another.

    Parameters
    ----------
    state : dict
        As ``get_state(legacy=False)`` of a RandomState, or the `state` of a bit
        generator, has it.
    """
    return {name: _part_like(name, part) for name, part in state.items()}


def _part_like(name, part):
    if isinstance(part, dict):
        return generator_like(part)
    if name in PARTS_OF_GENERATORS:
        return PARTS_OF_GENERATORS[name]
    if name == "inc":  # does not change; an even one would make short cycles
        return whole(part, part)
    if isinstance(part, np.ndarray) and part.shape == (624,):
        # The Mersenne twister makes nothing but zeros of zeros, for ever.
        return Kind(
            f"a {_describe(part)}, not all of it 0",
            lambda value: _is_like(value, part) and bool(value[1:].any()),
        )
    return whole(0, 2**128 - 1) if isinstance(part, int) else part


def check_kind(value, kind, name):
    """Raise a ValueError unless a value is of a kind.

    Parameters
    ----------
    value : object
    kind : Kind, Optional, dict, tuple, ndarray, str or None
        See above.
    name : str
        What to call the value.
    """
    if isinstance(kind, Optional):
        if value is not None:
            check_kind(value, kind.kind, name)
    elif isinstance(kind, dict):
        if type(value) is not dict or value.keys() != kind.keys():
            keys = sorted(value, key=str) if type(value) is dict else value
            raise ValueError(f"{name} must have {sorted(kind)}, but is {short(keys)}")
        for key, its_kind in kind.items():
            check_kind(value[key], its_kind, f"{name}.{key}")
    elif isinstance(kind, tuple):
        if type(value) not in (list, tuple) or len(value) != len(kind):
            raise ValueError(f"{name} must be {len(kind)} things: {short(value)}")
        for i, (item, its_kind) in enumerate(zip(value, kind, strict=True)):
            check_kind(item, its_kind, f"{name}[{i}]")
    elif isinstance(kind, Kind):
        if not kind.accepts(value):
            raise ValueError(f"{name} must be {kind.words}, but is {short(value)}")
    elif isinstance(kind, np.ndarray):
        if not _is_like(value, kind):
            found = _describe(value) if isinstance(value, np.ndarray) else short(value)
            raise ValueError(f"{name} must be a {_describe(kind)}, but is {found}")
    elif type(value) is not type(kind) or value != kind:
        raise ValueError(f"{name} must be {kind!r}, but is {short(value)}")


def _is_like(value, array):
    return (
        type(value) is np.ndarray
        and value.dtype == array.dtype
        and value.shape == array.shape
    )


def _describe(array):
    return f"{array.dtype} array of shape {array.shape}"
