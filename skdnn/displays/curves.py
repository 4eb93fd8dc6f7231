"""Curves by epoch: loss, score and gradient norms."""

import numpy as np

from skdnn.displays.common import (
    HIGHLIGHT,
    colors,
    final_estimator,
    finish_axes,
    make_axes,
    scale_log,
    shades,
)

STYLES = {"training": "-", "validation": "--"}


class TrainingCurveDisplay:
    """Loss or score by epoch, for one or several fitted estimators.

    Use :meth:`from_estimator` to create one. Solid lines are the training and dashed
    ones the validation. A dot marks the best epoch by what is drawn, on the validation
    set where there is one.

    Parameters
    ----------
    histories : dict of str to list of dict
        For each curve's name the `history_` of an estimator.
    metric : {"loss", "score"}, default="loss"
        What is drawn. The training loss includes the L2 penalty, the validation loss
        does not. The training score is that on each mini-batch before its step.
        Scores of the first epochs that are far below the others are cut off.

    Attributes
    ----------
    ax_ : matplotlib Axes
        The axes with the curves.
    figure_ : matplotlib Figure
        The figure that contains them.
    lines_ : list of matplotlib Line2D
        The curves: of each estimator the training, then the validation.
    best_epochs_ : dict of str to int
        The best epoch of each estimator.

    See Also
    --------
    GradientNormDisplay : The gradients of the same epochs.

    Examples
    --------
    >>> from sklearn.datasets import load_digits
    >>> from skdnn import MLPClassifierDIY
    >>> from skdnn.displays import TrainingCurveDisplay
    >>> X, y = load_digits(return_X_y=True)
    >>> clf = MLPClassifierDIY(max_iter=50, early_stopping=True, random_state=0)
    >>> TrainingCurveDisplay.from_estimator(clf.fit(X / 16, y))  # doctest: +SKIP
    """

    def __init__(self, *, histories, metric="loss"):
        self.histories = histories
        self.metric = metric

    @classmethod
    def from_estimator(cls, estimator, *, metric="loss", ax=None, **kwargs):
        """Draw the curves of fitted estimators.

        Parameters
        ----------
        estimator : estimator or dict of str to estimator
            A fitted network of this package, a pipeline or search that ends in one, or
            several of them with their names.
        metric : {"loss", "score"}, default="loss"
            See the class. The training score is left out where `scoring` makes the
            validation score something else.
        ax, **kwargs
            See :meth:`plot`.

        Returns
        -------
        display : TrainingCurveDisplay

        Raises
        ------
        ValueError
            If an estimator has nothing to draw, as all its values are NaN or infinite.
        """
        estimators = estimator if isinstance(estimator, dict) else {"": estimator}
        if not estimators:
            raise ValueError("estimator={} is empty: give at least one estimator.")
        histories = {}
        for name, fitted in estimators.items():
            network = final_estimator(fitted)
            histories[name] = network.history_
            if network.scoring is not None:  # which training knows nothing of
                histories[name] = [row | {"score": np.nan} for row in network.history_]
        return cls(histories=histories, metric=metric).plot(ax, **kwargs)

    def plot(self, ax=None, **kwargs):
        """Draw the curves.

        Parameters
        ----------
        ax, **kwargs
            See :meth:`plot`.

        Returns
        -------
        self : TrainingCurveDisplay
        """
        curves = {name: self._curves(name) for name in self.histories}
        self.ax_, self.figure_ = make_axes(ax)
        self.lines_, self.best_epochs_ = [], {}
        for color, name in zip(colors(len(curves)), curves, strict=True):
            for data_set, values in curves[name].items():
                epochs = np.arange(1, len(values) + 1)
                options = {"color": color, "linestyle": STYLES[data_set]}
                self.lines_ += self.ax_.plot(epochs, values, **options | kwargs)
            # The validation comes last; it decides.
            find_best = np.nanargmax if self.metric == "score" else np.nanargmin
            best = find_best(values)
            self.best_epochs_[name] = int(epochs[best])
            self.ax_.plot(epochs[best], values[best], "o", color=color)
            if name:
                self.ax_.plot([], [], color=color, label=name)
        key_color = "0.4" if len(curves) > 1 else color
        for data_set, style in STYLES.items():
            if any(data_set in curve for curve in curves.values()):
                options = {"color": key_color, "linestyle": style}
                self.ax_.plot([], [], label=data_set, **options)
        why = "highest score" if self.metric == "score" else "lowest loss"
        self.ax_.plot([], [], "o", color=key_color, label=f"best epoch ({why})")
        if self.metric == "score":
            self._show_late_scores(list(curves.values()))
        elif self.ax_.dataLim.y0 > 0:  # the loss of a density, say, falls below
            scale_log(self.ax_)
        _finish_curves(self.ax_, self.metric.capitalize())
        return self

    def _show_late_scores(self, curves):
        """Give half of the axis, at least, to the scores of most epochs."""
        scores = [values for curve in curves for values in curve.values()]
        low = min(np.nanmedian(values) for values in scores)
        high = max(np.nanmax(values) for values in scores)
        bottom = low - (high - low)
        if self.ax_.get_ylim()[0] < bottom < high:
            self.ax_.set_ylim(bottom, high + (high - bottom) / 20)

    def _curves(self, name):
        """Return the values by epoch, for each data set that has any."""
        if self.metric not in ("loss", "score"):
            raise ValueError(
                f"metric={self.metric!r} is not known: it must be 'loss' or 'score'."
            )
        history = self.histories[name]
        keys = {"training": self.metric, "validation": f"validation_{self.metric}"}
        curves = {
            data_set: np.array([row.get(key, np.nan) for row in history], dtype=float)
            for data_set, key in keys.items()
        }
        curves = {
            data_set: values
            for data_set, values in curves.items()
            if np.isfinite(values).any()
        }
        if not curves:
            which = f"the estimator {name!r}" if name else "the estimator"
            raise ValueError(
                f"metric={self.metric!r} has nothing to draw: {which} has no"
                f" {self.metric} that is finite; a score other than accuracy or R²"
                " needs a validation set."
            )
        return curves


class GradientNormDisplay:
    """Norm of each layer's gradient by epoch.

    Use :meth:`from_estimator` to create one. Solid lines are dense layers, dashed ones
    other layers; colours run from the first layer (dark) to the last (light). The
    dotted black line is the norm of all layers together, which is what `max_grad_norm`
    limits.

    Parameters
    ----------
    gradient_norms : dict of str to array-like of shape (n_epochs,)
        For each layer with parameters, the norm of its gradient: the root mean square
        over the mini-batches of an epoch, before clipping.
    max_grad_norm : float or None, default=None
        The threshold of clipping.

    Attributes
    ----------
    ax_ : matplotlib Axes
        The axes with the curves.
    figure_ : matplotlib Figure
        The figure that contains them.
    lines_ : list of matplotlib Line2D
        A line for each layer, then one for all together.
    threshold_line_ : matplotlib Line2D or None
        The threshold, where there is one.

    See Also
    --------
    TrainingCurveDisplay : The loss or score of the same epochs.

    Examples
    --------
    >>> from sklearn.datasets import load_digits
    >>> from skdnn import MLPClassifierDIY
    >>> from skdnn.displays import GradientNormDisplay
    >>> X, y = load_digits(return_X_y=True)
    >>> clf = MLPClassifierDIY(max_iter=50, max_grad_norm=1.0, random_state=0)
    >>> GradientNormDisplay.from_estimator(clf.fit(X / 16, y))  # doctest: +SKIP
    """

    def __init__(self, *, gradient_norms, max_grad_norm=None):
        self.gradient_norms = gradient_norms
        self.max_grad_norm = max_grad_norm

    @classmethod
    def from_estimator(cls, estimator, *, ax=None, **kwargs):
        """Draw the gradient norms of a fitted estimator.

        Parameters
        ----------
        estimator : estimator
            A fitted network of this package, or a pipeline or search that ends
            in one.
        ax, **kwargs
            See :meth:`plot`.

        Returns
        -------
        display : GradientNormDisplay
        """
        fitted = final_estimator(estimator)
        rows = [row["gradient_norm"] for row in fitted.history_]
        norms = {layer: np.array([row[layer] for row in rows]) for layer in rows[0]}
        display = cls(gradient_norms=norms, max_grad_norm=fitted.max_grad_norm)
        return display.plot(ax, **kwargs)

    def plot(self, ax=None, **kwargs):
        """Draw the gradient norms.

        Parameters
        ----------
        ax : matplotlib Axes, default=None
            Where to draw; by default in a new figure.
        **kwargs : dict
            Passed to matplotlib's `plot` for every layer.

        Returns
        -------
        self : GradientNormDisplay
        """
        self.ax_, self.figure_ = make_axes(ax)
        self.lines_ = []
        layers = self.gradient_norms
        for color, layer in zip(shades(len(layers)), layers, strict=True):
            style = "-" if layer.startswith("Dense") else "--"
            options = {"color": color, "linestyle": style, "label": layer}
            epochs = np.arange(1, len(layers[layer]) + 1)
            self.lines_ += self.ax_.plot(epochs, layers[layer], **options | kwargs)
        # The squares add up, and so do their means over the mini-batches.
        together = np.linalg.norm(list(layers.values()), axis=0)
        self.lines_ += self.ax_.plot(epochs, together, "k:", label="all layers")
        self.threshold_line_ = None
        if self.max_grad_norm is not None:
            label = f"max_grad_norm = {self.max_grad_norm:g}"
            style = {"color": HIGHLIGHT, "linewidth": 2.5, "zorder": 1}  # behind curves
            line = self.ax_.axhline(self.max_grad_norm, label=label, **style)
            self.threshold_line_ = line
        scale_log(self.ax_)
        _finish_curves(self.ax_, "Gradient norm")
        return self


def _finish_curves(ax, ylabel):
    """Add what all curves by epoch share."""
    from matplotlib.ticker import MaxNLocator

    ax.set(xlabel="Epoch", ylabel=ylabel)
    ax.xaxis.set_major_locator(MaxNLocator(integer=True))
    finish_axes(ax, n_columns=4)
