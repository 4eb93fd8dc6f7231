"""What the displays share: colours, axes, scales, and the network in an estimator."""

import numpy as np
from sklearn.pipeline import Pipeline
from sklearn.utils.validation import check_is_fitted

from skdnn.messages import as_python

# Okabe and Ito (2008), told apart with every kind of colour vision.
PALETTE = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#56B4E9", "#000000")
COLOR, HIGHLIGHT = PALETTE[:2]  # of most things, and of what stands out
WIDTH = 8  # inches: 800 pixels at the usual 100 dots per inch


def unwrapped(estimator):
    """Yield an estimator, and what it ends in as long as it is a search or pipeline."""
    yield estimator
    if hasattr(estimator, "best_estimator_"):
        yield from unwrapped(estimator.best_estimator_)
    elif isinstance(estimator, Pipeline):
        yield from unwrapped(estimator[-1])


def steps_before(estimator):
    """Yield what X goes through before the network, a pipeline each."""
    for outer in unwrapped(estimator):
        if isinstance(outer, Pipeline) and len(outer) > 1:
            yield outer[:-1]


def transform_before(estimator, X):
    """Return X as the network takes it, behind the steps of the pipelines around it."""
    for steps in steps_before(estimator):
        X = steps.transform(X)
    return X


def final_estimator(
    estimator,
    attribute="history_",
    what="history_ of epochs",
    kind="network of this package",
):
    """Return the fitted network that a search or pipeline ends in, or itself."""
    if not hasattr(estimator, "fit"):
        raise TypeError(
            f"estimator must be a fitted {kind}, or a pipeline or search that ends in"
            f" one, got an object of type {type(estimator).__name__}. It comes first,"
            " before X."
        )
    check_is_fitted(estimator)
    *_, estimator = unwrapped(estimator)
    if not getattr(estimator, attribute, None):
        if hasattr(estimator, "networks_"):
            kind = f"{kind} (of one for tables, one of its networks_)"
        raise ValueError(
            f"estimator={estimator!r} has no {what}: give a fitted"
            f" {kind}, or a pipeline or search that ends in one."
        )
    return estimator


def check_positive(name, value):
    """Return a count as Python's number, or raise an error unless it is 1 or more."""
    count = as_python(value, name)
    if not isinstance(count, int) or isinstance(count, bool) or count < 1:
        raise ValueError(f"{name}={count!r} must be an integer of at least 1.")
    return count


def shorten(label, length):
    """Return a label as text of so many characters at most."""
    label = str(label)
    return label if len(label) <= length else label[: length - 1] + "…"


def make_axes(ax, width=WIDTH, height=WIDTH / 2):
    """Return the axes, new ones if None, and their figure."""
    if ax is None:
        import matplotlib.pyplot as plt

        _, ax = plt.subplots(figsize=(width, height), layout="constrained")
    return ax, ax.figure


def colors(n_colors):
    """Return colours that can be told apart."""
    return PALETTE[:n_colors] if n_colors <= len(PALETTE) else shades(n_colors)


def shades(n_colors):
    """Return colours from dark to light, all visible on white."""
    import matplotlib

    return matplotlib.colormaps["viridis"](np.linspace(0, 0.85, n_colors))


def finish_axes(ax, n_columns):
    """Draw a grid behind all, and the legend above the axes."""
    ax.grid(color="0.9")
    ax.set_axisbelow(True)
    legend_above(ax, n_columns)


def legend_above(ax, n_columns):
    """Draw the legend above the axes, where nothing is."""
    ax.legend(
        loc="lower left",
        bbox_to_anchor=(0, 1),
        ncols=n_columns,
        frameon=False,
        fontsize="small",
        borderaxespad=0.2,
    )


def scale_log(ax, axis="y"):
    """Make an axis logarithmic, with plain numbers at enough ticks to read it."""
    from matplotlib.ticker import LogLocator, NullFormatter

    getattr(ax, f"set_{axis}scale")("log")
    low, high = getattr(ax, f"get_{axis}lim")()
    axis = getattr(ax, f"{axis}axis")
    subs = range(1, 10) if high < 5 * low else (1, 2, 5) if high < 500 * low else (1,)
    axis.set_major_locator(LogLocator(subs=subs))
    axis.set_major_formatter("{x:g}")
    axis.set_minor_formatter(NullFormatter())
