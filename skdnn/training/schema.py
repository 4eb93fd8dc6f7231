"""Schemas: what a value that comes from a file must be before it is used.

A schema is one of

- a :class:`Check`, such as ``whole(0, 9)``;
- an :class:`Optional`, for None or what another schema says;
- a dict, for a dict of the same keys, each value with its schema;
- a tuple, for a sequence of as many, each with its schema;
- an array, for one of the same dtype and shape;
- None, true, false or text, for just that.
"""

from dataclasses import dataclass
from reprlib import repr as short

import numpy as np

LARGEST = np.finfo(np.float64).max


@dataclass(frozen=True)
class Check:
    """What a single value must be.

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


FLAG = Check("true or false", lambda value: type(value) is bool)
TEXT = Check("text", lambda value: type(value) is str)
LIST = Check("a list", lambda value: type(value) is list)
NUMBER = Check("a number", _is_number)  # or NaN


def whole(lowest, highest):
    """Return the schema of a whole number in a range, both ends included."""
    return Check(
        f"a whole number from {lowest} to {highest}",
        lambda value: type(value) is int and lowest <= value <= highest,
    )


def number(lowest=-LARGEST, highest=LARGEST):
    """Return the schema of a number in a range, by default of one that is finite."""
    return Check(
        f"a number from {lowest:g} to {highest:g}",
        lambda value: _is_number(value) and lowest <= value <= highest,
    )


def finite_like(array):
    """Return the schema of an array of the same dtype and shape, of finite numbers."""
    return Check(
        f"a finite {_describe(array)}",
        lambda value: _is_like(value, array) and bool(np.isfinite(value).all()),
    )


def squares_like(array):
    """Return the schema of an array of the same dtype and shape, of sums of squares."""
    return Check(
        f"a {_describe(array)}, none of it negative",
        lambda value: _is_like(value, array) and bool((value >= 0).all()),
    )


@dataclass(frozen=True)
class Optional:
    """None, or what a schema says."""

    schema: object


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
    """Return the schema of the state of a random generator like another.

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
        return Check(
            f"a {_describe(part)}, not all of it 0",
            lambda value: _is_like(value, part) and bool(value[1:].any()),
        )
    return whole(0, 2**128 - 1) if isinstance(part, int) else part


def check_value(value, schema, name):
    """Raise a ValueError unless a value is what a schema says.

    Parameters
    ----------
    value : object
    schema : Check, Optional, dict, tuple, ndarray, str or None
        See above.
    name : str
        What to call the value.
    """
    if isinstance(schema, Optional):
        if value is not None:
            check_value(value, schema.schema, name)
    elif isinstance(schema, dict):
        if type(value) is not dict or value.keys() != schema.keys():
            keys = sorted(value, key=str) if type(value) is dict else value
            raise ValueError(f"{name} must have {sorted(schema)}, but is {short(keys)}")
        for key, part in schema.items():
            check_value(value[key], part, f"{name}.{key}")
    elif isinstance(schema, tuple):
        if type(value) not in (list, tuple) or len(value) != len(schema):
            raise ValueError(f"{name} must be {len(schema)} things: {short(value)}")
        for i, (item, part) in enumerate(zip(value, schema, strict=True)):
            check_value(item, part, f"{name}[{i}]")
    elif isinstance(schema, Check):
        if not schema.accepts(value):
            raise ValueError(f"{name} must be {schema.words}, but is {short(value)}")
    elif isinstance(schema, np.ndarray):
        if not _is_like(value, schema):
            found = _describe(value) if isinstance(value, np.ndarray) else short(value)
            raise ValueError(f"{name} must be a {_describe(schema)}, but is {found}")
    elif type(value) is not type(schema) or value != schema:
        raise ValueError(f"{name} must be {schema!r}, but is {short(value)}")


def _is_like(value, array):
    return (
        type(value) is np.ndarray
        and value.dtype == array.dtype
        and value.shape == array.shape
    )


def _describe(array):
    return f"{array.dtype} array of shape {array.shape}"
