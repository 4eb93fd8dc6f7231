"""Numbers in a sentence."""

import numpy as np


def counted(n, what):
    """Return a number and what it counts: "1 feature", "2 features"."""
    return f"{n} {what}" if n == 1 else f"{n} {what}s"


def plain(value):
    """Return NumPy's scalars as Python's own, also in lists and dictionaries.

    So they read well in a sentence: 0.5, not np.float64(0.5).
    """
    if isinstance(value, dict):
        return {plain(key): plain(item) for key, item in value.items()}
    if type(value) in (list, tuple):
        return type(value)(map(plain, value))
    return value.item() if isinstance(value, np.generic) else value
