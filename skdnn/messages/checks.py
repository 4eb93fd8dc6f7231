"""Checks of numbers that users give: an error names the parameter."""

from decimal import Decimal
from numbers import Integral, Real

import numpy as np

from skdnn.messages.words import plain


def check_number(owner, name, value, kind, low, high=np.inf, *, low_is_valid=True):
    """Return a number as Python's own, or raise an error that names the parameter.

    Parameters
    ----------
    owner, name : str
        Whose parameter it is, and what it is called.
    value : object
        One of Python's numbers or NumPy's, a fraction or a decimal.
    kind : {Integral, Real}
    low, high : float
        Right is ``low <= value < high``.
    low_is_valid : bool, default=True
        Whether `low` itself is right.
    """
    what = "an integer" if kind is Integral else "a number"
    number = as_python(value, f"{owner}: {name}")
    if not isinstance(number, kind) or isinstance(number, bool):
        raise TypeError(f"{owner}: {name} must be {what}, got {plain(value)!r}.")
    if not ((low <= number if low_is_valid else low < number) and number < high):
        bracket = "[" if low_is_valid else "("
        raise ValueError(
            f"{owner}: {name} must be {what} in {bracket}{low}, {high}), got"
            f" {number!r}."
        )
    return as_real(number) if kind is Real else number


def hold_number(value, name, kind, low, high=np.inf, *, low_is_valid=True):
    """Check a field of a frozen value as :func:`check_number` does, and hold it so.

    Then values that are equal look, hash and compute alike, whoever's number was given.
    """
    owner, its = type(value).__name__, getattr(value, name)
    number = check_number(owner, name, its, kind, low, high, low_is_valid=low_is_valid)
    object.__setattr__(value, name, number)


def as_python(value, name):
    """Return an argument with Python's own numbers, strings and lists for all others.

    NumPy's scalars would compute in their own precision: with np.float32(0.5), products
    are rounded otherwise than with 0.5, and 1 - np.float16(0.999) is no thousandth.

    Parameters
    ----------
    value : object
        Lists, tuples and dictionaries with all that they hold; arrays and series become
        lists, fractions and decimals float. What has nothing to change is returned
        itself.
    name : str
        What to call it in an error.
    """
    if type(value) in (list, tuple):
        items = [as_python(item, name) for item in value]
        same = all(a is b for a, b in zip(items, value, strict=True))
        return value if same else type(value)(items)
    if isinstance(value, dict):
        return {as_python(k, name): as_python(v, name) for k, v in value.items()}
    if isinstance(value, np.ndarray):
        return as_python(value.tolist(), name)
    if hasattr(value, "to_list") and not isinstance(value, type):
        return as_python(value.to_list(), name)
    if isinstance(value, np.timedelta64):  # to NumPy an integer
        raise TypeError(f"{name} must have no unit, got {value!r}.")
    if isinstance(value, (np.bool_, np.number, np.character)):
        value = value.item()
    if isinstance(value, (Real, Decimal)) and not isinstance(value, float):
        return _python_number(value, name)
    return value


def _python_number(value, name):
    try:
        number = float(value)
    except (OverflowError, ValueError) as error:
        raise ValueError(
            f"{name} must be a number that a float can hold, at most"
            f" {np.finfo(float).max:.2g}, got one that it can't: {error}."
        ) from error
    if isinstance(value, Integral):
        return value if isinstance(value, int) else int(value)
    return number


def as_real(number):
    """Return a number that NumPy takes: an integer beyond its own as a float."""
    return number if isinstance(number, float) or abs(number) < 2**63 else float(number)


def check_fits(owner, name, value, dtype, *, may_vanish=False):
    """Raise an error that names the parameter unless a dtype can hold the value.

    Unless it `may_vanish`, its reciprocal must be finite too.
    """
    info = np.finfo(dtype)
    low, high = float(info.tiny), float(info.max)  # else the value would be cast
    if abs(value) > high or not (may_vanish or low <= abs(value)):
        right = f"at most {high:.3g}" if may_vanish else f"in [{low:.3g}, {high:.3g}]"
        wider = "" if dtype == np.float64 else " Or use float64."
        raise ValueError(
            f"{owner}: {name} must be {right} with {info.dtype}, got"
            f" {plain(value)!r}.{wider}"
        )
