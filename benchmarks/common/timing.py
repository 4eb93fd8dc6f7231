"""Times: how they are taken, and the rows of tables that they make."""

import gc
from math import ceil, floor
from time import perf_counter

import numpy as np


def interleave(functions, repeats, *, calls=1, warm_up=True):
    """Call functions in turn.

    Parameters
    ----------
    functions : dict of str to callable
    repeats : int
        Number of rounds.
    calls : int, default=1
        So many calls of each in a round, for calls too short to be timed alone.
    warm_up : bool, default=True
        Whether a first round is not timed: threads start, memory is mapped.

    Returns
    -------
    seconds : dict of str to ndarray of shape (repeats,)
    returned : dict of str to list
        What each of its last calls returned.
    """
    seconds = {name: [] for name in functions}
    returned = {name: [] for name in functions}
    names = list(functions)
    if warm_up:
        for name in names:
            functions[name]()
    for i in range(repeats):
        # There and back, so that none always comes after the same.
        for name in names[:: 1 if i % 2 == 0 else -1]:
            gc.collect()
            start_time = perf_counter()
            for _ in range(calls):
                value = functions[name]()
            seconds[name].append((perf_counter() - start_time) / calls)
            returned[name].append(value)
    return {name: np.array(times) for name, times in seconds.items()}, returned


def compare(case, seconds, other, measure, target=None, ours="skdnn"):
    """Return a row of a table that compares two systems.

    Parameters
    ----------
    case : str
    seconds : dict of str to ndarray
        What :func:`interleave` returned.
    other : str
        What skdnn is compared with.
    measure : {"speed", "share", "cost", "factor"}
        How many times as fast as the other; the other's share of our time; what our
        time is above the other's; our time divided by the other's.
    target : float, default=None
        What a speed or share must reach, and a cost or factor must not exceed.
    ours : str, default="skdnn"
        Which system is compared.
    """
    ratios = seconds[other] / seconds[ours]
    values, unit = {
        "speed": (ratios, "{:.2f}x as fast"),
        "share": (100 * ratios, "{:.0f} % of the time"),
        "cost": (100 / ratios - 100, "{:+.0f} %"),
        "factor": (1 / ratios, "{:.2f}x the time"),
    }[measure]
    value = np.median(values)
    low, high = np.quantile(values, [0.25, 0.75])
    form = unit.partition("}")[0] + "}"
    at_least = measure in ("speed", "share")
    shown, met = value, None
    if target is not None:
        met = value >= target if at_least else value <= target
        # A miss by less than is printed is not to look like a hit.
        step = 100 if ".2f" in unit else 1
        if not met and round(value * step) == round(target * step):
            shown = (floor if at_least else ceil)(value * step) / step
    row = {
        "case": case,
        "compared with": other,
        "its time": format_seconds(seconds[other]),
        "our time": format_seconds(seconds[ours]),
        "result": f"{unit.format(shown)} ({form.format(low)} to {form.format(high)})",
    }
    if target is None:
        return row | NO_TARGET
    return row | {
        "target": f"{'≥' if at_least else '≤'} {target}",
        "met": yes(met),
    }


NO_TARGET = {"target": "none", "met": "-"}


def yes(met):
    """Return what a table says."""
    return "yes" if met else "**no**"


def format_seconds(seconds):
    """Return median and quartiles of some times, in a unit that suits them."""
    unit, factor = next(
        (
            (unit, factor)
            for unit, factor in (("s", 1), ("ms", 1e3))
            if np.median(seconds) * factor >= 0.1
        ),
        ("µs", 1e6),
    )
    low, median, high = (
        f"{value:.3g}" for value in np.quantile(seconds, [0.25, 0.5, 0.75]) * factor
    )
    return f"{median} ({low} to {high}) {unit}"
