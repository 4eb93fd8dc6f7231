"""Candidates of a search: what each scores, and what it costs."""

from dataclasses import dataclass
from itertools import product
from math import ceil

import numpy as np
from numpy.typing import ArrayLike
from sklearn.base import clone, is_regressor
from sklearn.utils.validation import check_is_fitted

from skdnn.displays.common import (
    COLOR,
    final_estimator,
    make_axes,
    scale_log,
    shorten,
    unwrapped,
)
from skdnn.estimators.building import count_parameters
from skdnn.estimators.measures import measures_of, warn_of_measures
from skdnn.estimators.plain_arguments import plain_arguments
from skdnn.messages import warn_user
from skdnn.nn import Layer

COSTS = {"fit_time": "Fit time (seconds)", "parameters": "Parameters"}
LONGEST_LABEL = 100  # characters, of which a line of the key has room for so many
ROW = 0.18  # inches, of the key
# Where to look for room for a number: points, and radians from the right.
NUMBER = {"textcoords": "offset points", "fontsize": "small"}
NUMBER |= dict.fromkeys(("ha", "va"), "center")
RADII = 9, 13, 18, 25, 33, 42, 55
ANGLES = np.deg2rad([45, 135, 315, 225, 20, 160, 340, 200, 70, 110, 290, 250])


@dataclass(kw_only=True, eq=False, repr=False)
class ArchitectureComparisonDisplay:
    """Score against fit time, or number of parameters, of a search's candidates.

    Use :meth:`from_search` to create one. Bars are standard deviations over the folds.
    The numbers at the points, the best first, lead to the labels below. Filled points,
    joined by a line, are those that no other candidate beats in both score and cost:
    the Pareto front.

    Parameters
    ----------
    costs, scores : array-like of shape (n_candidates,)
        Where each candidate is drawn. What is NaN is left out.
    labels : list of str
        What to call each.
    score_spreads, cost_spreads : array-like of shape (n_candidates,), default=None
        The lengths of the bars, to either side.
    x : {"fit_time", "parameters"}, default="fit_time"
        What the costs are.
    score_name : str, default="Accuracy"
        What the scores are.

    Attributes
    ----------
    ax_ : matplotlib Axes
        The axes with the points.
    figure_ : matplotlib Figure
        The figure that contains them.
    points_ : list of matplotlib Line2D
        A point for each candidate drawn, the best first.
    front_line_ : matplotlib Line2D
        The line along the Pareto front.
    numbers_ : list of matplotlib Annotation
        The number at each.
    order_ : ndarray of int
        The candidate that each point stands for.
    front_ : ndarray of bool
        Whether each point is on the Pareto front.

    See Also
    --------
    TrainingCurveDisplay : The epochs of several estimators.

    Examples
    --------
    >>> from sklearn.datasets import load_digits
    >>> from sklearn.model_selection import GridSearchCV
    >>> from skdnn import MLPClassifierDIY
    >>> from skdnn.displays import ArchitectureComparisonDisplay
    >>> X, y = load_digits(return_X_y=True)
    >>> sizes = {"hidden_layer_sizes": [(10,), (50,), (50, 50)]}
    >>> search = GridSearchCV(MLPClassifierDIY(max_iter=20), sizes, cv=3)
    >>> ArchitectureComparisonDisplay.from_search(
    ...     search.fit(X / 16, y), x="parameters"
    ... )  # doctest: +SKIP
    """

    costs: ArrayLike
    scores: ArrayLike
    labels: list
    score_spreads: ArrayLike | None = None
    cost_spreads: ArrayLike | None = None
    x: str = "fit_time"
    score_name: str = "Accuracy"

    @classmethod
    def from_search(cls, search, *, x="fit_time", labels=None, ax=None):
        """Draw the candidates of a fitted search.

        Parameters
        ----------
        search : GridSearchCV, RandomizedSearchCV or other fitted search
            Over an estimator or a pipeline that ends in one. Of several metrics, that
            of `refit` is drawn.
        x : {"fit_time", "parameters"}, default="fit_time"
            The mean time of a fit, or the number of parameters of the network, for
            which the search must be over a network of this package and have fitted the
            best candidate again. Every candidate is taken to have as many
            input features as that one. With a `checkpoint_dir`, the time of a fit may
            be that of reading one that was finished before: a warning says so.
        labels : list of str, default=None
            What to call each candidate, in the order of ``search.cv_results_``; by
            default what it does not share with all others.
        ax : matplotlib Axes, default=None
            Where to draw; by default in a new figure.

        Returns
        -------
        display : ArchitectureComparisonDisplay
        """
        check_is_fitted(search)
        _check_x(x)
        results, name = search.cv_results_, "score"
        score_name = "R²" if is_regressor(search) else "Accuracy"
        measures = measures_of(search, results["params"])
        warn_of_measures(measures)
        if any(measure != "R²" for measure in measures):
            score_name = "D²" if len(measures) == 1 else "Score"
        if getattr(search, "multimetric_", False):
            name = score_name = search.refit
            if not isinstance(name, str):
                raise ValueError(
                    f"search has several metrics and refit={name!r}, which does not"
                    " say which of them to draw: refit must be the name of one."
                )
        elif search.scoring not in (None, "accuracy"):
            score_name = search.scoring if isinstance(search.scoring, str) else "Score"
        if x == "fit_time":
            _warn_of_checkpoints(search)
            costs, spreads = results["mean_fit_time"], results["std_fit_time"]
        else:
            costs, spreads = _count_parameters(search), None
        return cls(
            costs=costs,
            scores=results[f"mean_test_{name}"],
            labels=_make_labels(results["params"]) if labels is None else labels,
            score_spreads=results[f"std_test_{name}"],
            cost_spreads=spreads,
            x=x,
            score_name=score_name,
        ).plot(ax)

    def plot(self, ax=None):
        """Draw the candidates.

        Parameters
        ----------
        ax : matplotlib Axes, default=None
            Where to draw; by default in a new figure.

        Returns
        -------
        self : ArchitectureComparisonDisplay
        """
        _check_x(self.x)
        costs, scores = np.asarray(self.costs, float), np.asarray(self.scores, float)
        if not len(costs) == len(scores) == len(self.labels):
            raise ValueError(
                f"costs, scores and labels must be of one length, got {len(costs)},"
                f" {len(scores)} and {len(self.labels)}."
            )
        order = np.argsort(-scores, kind="stable")
        self.order_ = order[np.isfinite(costs[order]) & np.isfinite(scores[order])]
        if not self.order_.size:
            raise ValueError("No candidate has a finite score and cost to draw.")
        costs, scores = costs[self.order_], scores[self.order_]
        spreads = [
            np.zeros(len(costs)) if spread is None else np.asarray(spread)[self.order_]
            for spread in (self.cost_spreads, self.score_spreads)
        ]
        self.front_ = np.array(
            [
                not np.any((costs <= c) & (scores >= s) & ((costs < c) | (scores > s)))
                for c, s in zip(costs, scores, strict=True)
            ]
        )
        labels = [" ".join(str(self.labels[i]).split()) for i in self.order_]
        labels = [shorten(label, LONGEST_LABEL) for label in labels]
        n_columns = 2 if max(map(len, labels)) < LONGEST_LABEL / 2 - 5 else 1
        height = 4 + ROW * ceil((len(labels) + 1) / n_columns)
        self.ax_, self.figure_ = make_axes(ax, height=height)
        self._draw_points(costs, scores, *spreads)
        _add_key(self.ax_, [*self.points_, self.front_line_], labels, n_columns)
        self.numbers_ = _number_points(self.ax_, costs, scores, *spreads)
        return self

    def _draw_points(self, costs, scores, cost_spreads, score_spreads):
        ax = self.ax_
        bars = cost_spreads, score_spreads
        xerr, yerr = (spreads if spreads.any() else None for spreads in bars)
        style = {"fmt": "none", "ecolor": "0.7", "elinewidth": 1, "zorder": 1}
        ax.errorbar(costs, scores, yerr, xerr, **style)
        self.points_ = []
        for c, s, on_front in zip(costs, scores, self.front_, strict=True):
            style = {"mfc": COLOR if on_front else "white", "zorder": 2 + on_front}
            self.points_ += ax.plot(c, s, "o", color=COLOR, **style)
        front = np.flatnonzero(self.front_)[::-1]  # from the cheapest on
        (self.front_line_,) = ax.plot(
            costs[front], scores[front], color=COLOR, linewidth=1, zorder=1
        )
        ax.margins(0.08)
        if costs.min() > 0 and costs.max() > 8 * costs.min():
            scale_log(ax, "x")
        what = " (mean ± std over the folds)" if score_spreads.any() else ""
        ax.set(xlabel=COSTS[self.x], ylabel=self.score_name + what)
        ax.grid(color="0.93")
        ax.set_axisbelow(True)


def _check_x(x):
    if x not in COSTS:
        raise ValueError(
            f"x={x!r} is not known: it must be 'fit_time' or 'parameters'."
        )


def _candidates(search):
    """Return what a search has fitted, not fitted."""
    return [
        clone(search.estimator).set_params(**clone(params, safe=False))
        for params in search.cv_results_["params"]
    ]


def _warn_of_checkpoints(search):
    """Warn where a fit may have gone on from a file: its time is that of the rest."""
    for candidate in _candidates(search):
        for name, value in candidate.get_params().items():
            if name.split("__")[-1] == "checkpoint_dir" and value is not None:
                warn_user(
                    f"Candidates have {name}={value!r}: the time of a fit that went on"
                    " from there, or was finished, is only what was left to do, and"
                    " candidates may look faster than they are. Draw x='parameters',"
                    f" or search with {name}=None."
                )
                return


def _count_parameters(search):
    """Return the number of parameters of each candidate's network."""
    what = "network_ to count the parameters of, or was made with refit=False"
    best = final_estimator(search, "network_", what)
    counts = []
    for candidate in _candidates(search):
        *_, candidate = unwrapped(candidate)
        try:
            with plain_arguments(candidate):
                task = best.task.as_asked(candidate)
                count = count_parameters(candidate, best.n_features_in_, task)
        # A network that can't be made was not fitted.
        except (MemoryError, TypeError, ValueError):
            count = np.nan
        counts.append(count)
    return np.array(counts)


def _make_labels(candidates):
    """Return what each candidate does not share with all others, as text."""
    names = sorted({name for params in candidates for name in params})
    texts = [
        {name: _describe(params[name]) for name in names if name in params}
        for params in candidates
    ]
    differs = [
        name for name in names if len({text.get(name) for text in texts}) > 1
    ] or names
    if len(differs) == 1:
        return [text.get(differs[0], "") for text in texts]
    return [
        "; ".join(
            f"{name.split('__')[-1]}: {text[name]}" for name in differs if name in text
        )
        for text in texts
    ]


def _describe(value):
    """Return a parameter's value as text, layers without the brackets around them."""
    if isinstance(value, (list, tuple)) and all(isinstance(v, Layer) for v in value):
        return ", ".join(map(repr, value))
    return str(value)


def _add_key(ax, artists, labels, n_columns):
    """Say below the axes what each number stands for."""
    from matplotlib.transforms import ScaledTranslation

    below = ScaledTranslation(0, -0.5, ax.figure.dpi_scale_trans)
    ax.legend(
        artists,
        [*(f"{i}  {label}" for i, label in enumerate(labels, 1)), "Pareto front"],
        loc="upper left",
        bbox_to_anchor=(0, 0),
        bbox_transform=ax.transAxes + below,
        ncols=n_columns,
        frameon=False,
        fontsize="small",
        borderaxespad=0,
        borderpad=0,
        labelspacing=0.3,
        handletextpad=0.3,
    )


def _number_points(ax, costs, scores, cost_spreads, score_spreads):
    """Write a number next to each point, where nothing else is."""
    from matplotlib.transforms import Bbox

    ax.figure.draw_without_rendering()  # the layout settles where the points are
    to_pixels, pixel = ax.transData.transform, 72 / ax.figure.dpi  # in points
    taken = []
    for c, s, dc, ds in zip(costs, scores, cost_spreads, score_spreads, strict=True):
        left = max(c - dc, ax.get_xlim()[0])  # a logarithmic scale has no 0
        for ends in (((left, s), (c + dc, s)), ((c, s - ds), (c, s + ds))):
            taken.append(Bbox(to_pixels(ends)).padded(4 / pixel))
    inside = ax.get_window_extent()
    texts = []
    for i, point in enumerate(zip(costs, scores, strict=True), 1):
        half_size = np.array([3 * len(str(i)) + 1, 5.5]) / pixel
        best = None
        for radius, angle in product(RADII, ANGLES):
            offset = radius * np.array([np.cos(angle), np.sin(angle)])
            center = to_pixels(point) + offset / pixel
            box = Bbox([center - half_size, center + half_size])
            faults = sum(map(box.overlaps, taken))
            faults += 99 * (not all(inside.contains(*end) for end in box.get_points()))
            if best is None or faults < best[0]:
                best = faults, radius, offset, box
            if not faults:
                break
        _, radius, offset, box = best
        taken.append(box)
        line = {"arrowstyle": "-", "color": "0.5", "linewidth": 0.6, "shrinkB": 3}
        arrow = line if radius > RADII[1] else None
        texts.append(ax.annotate(str(i), point, offset, arrowprops=arrow, **NUMBER))
    return texts
