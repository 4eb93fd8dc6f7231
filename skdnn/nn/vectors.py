"""The flat vectors of one network or several: blocks, and numbers that go with them."""

import os
import sys
from decimal import Decimal
from math import prod

import numpy as np

BLOCK = 1 << 15  # elements: a few blocks of float32 fit the second-level cache


def block_size(parameters):
    """Return how many parameters make a block, that of several networks together."""
    return max(BLOCK // prod(parameters.shape[:-1]), 1)


def blocks(start, stop, size):
    """Return slices of at most `size` elements from start to stop."""
    return [slice(i, min(i + size, stop)) for i in range(start, stop, size)]


def stacked(vectors):
    """Return arrays as one with an axis in front: of a single one, a view."""
    return vectors[0][np.newaxis] if len(vectors) == 1 else np.stack(vectors)


def shared_by(n_networks, array):
    """Return an array with an axis of networks in front, which all share."""
    if n_networks == 1:  # far faster
        return array[np.newaxis]
    return np.broadcast_to(array, (n_networks, *array.shape))


def check_memory(n_bytes, what):
    """Raise an error if something is larger than the memory of the machine.

    Some systems hand out more than there is, and end the process that uses it.
    """
    try:
        memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    except (AttributeError, OSError, ValueError):  # Windows hands out what there is
        memory = sys.maxsize
    if n_bytes > memory:
        raise MemoryError(
            f"{what} would take {Decimal(n_bytes):.3g} bytes, of {memory:.3g} that the"
            " machine has."
        )


def column(numbers, dtype):
    """Return a number, or one for each network so that it goes with flat vectors."""
    if isinstance(numbers, np.ndarray) and numbers.ndim:
        return numbers.astype(dtype)[..., np.newaxis]
    return float(numbers)  # NumPy takes it in the dtype of the array beside it


# For arithmetic whose results are looked at: what is not finite ends training, with
# words that say what to change.
may_overflow = np.errstate(over="ignore", invalid="ignore")


@may_overflow
def all_finite(vectors):
    """Return whether all numbers are finite."""
    vector = vectors.reshape(-1)
    # If their squares add up to a finite number, so are they; else look closer.
    return not vector.size or bool(
        np.isfinite(np.dot(vector, vector)) or np.isfinite(vector).all()
    )


def some(numbers):
    """Return whether a number, or one of an array, is not 0."""
    return numbers.any() if isinstance(numbers, np.ndarray) else bool(numbers)


def common(numbers):
    """Return a number that is the same for all, or an array of one for each."""
    return numbers[0] if len(set(numbers)) == 1 else np.array(numbers)
