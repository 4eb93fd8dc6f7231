"""The picture of a diagnosis."""

import numpy as np

from skdnn.displays.common import COLOR, HIGHLIGHT, make_axes

LABELS = "Dead or saturated units", "Activations", "Gradient norm", "Update / weight"


class DiagnosisDisplay:
    """What :func:`skdnn.diagnose` measured, layer by layer, in four panels.

    Use :meth:`skdnn.diagnosis.Diagnosis.plot` to create one. Findings begin in the
    shaded ranges, and what lies there is drawn in their colour. The activations are
    drawn with their mean and, to either side, the standard deviation.

    Parameters
    ----------
    layers : list of dict
        A row for each, see :class:`skdnn.diagnosis.Diagnosis`.
    limits : dict of str to float, default=None
        Where the range of findings begins, for "dead", "saturated" and "update_ratio".

    Attributes
    ----------
    ax_ : matplotlib Axes
        The axes around the panels.
    figure_ : matplotlib Figure
        The figure that contains them.
    axes_ : list of matplotlib Axes
        The panels: idle units, activations, gradient norm, size of updates.
    """

    def __init__(self, *, layers, limits=None):
        self.layers = layers
        self.limits = limits

    def plot(self, ax=None):
        """Draw the panels.

        Parameters
        ----------
        ax : matplotlib Axes, default=None
            Where to draw; by default in a new figure.

        Returns
        -------
        self : DiagnosisDisplay
        """
        n_layers = len(self.layers)
        self.ax_, self.figure_ = make_axes(ax, height=1 + 0.35 * max(n_layers, 3))
        self.ax_.set_axis_off()
        self.axes_ = [
            self.ax_.inset_axes((0.265 * i, 0, 0.205, 1)) for i in range(len(LABELS))
        ]
        for panel, label in zip(self.axes_, LABELS, strict=True):
            panel.set(ylim=(n_layers + 0.6, 0.4), yticks=range(1, n_layers + 1))
            panel.xaxis.set_label_position("top")  # in one line, whatever the ticks
            panel.set_xlabel(label, fontsize="small")
            panel.tick_params(labelleft=False, left=False, labelsize="small")
            panel.grid(color="0.93")
            panel.set_axisbelow(True)
        shares, activations, gradients, updates = self.axes_
        shares.tick_params(labelleft=True)
        shares.set_yticklabels([f"layer {row['layer']}" for row in self.layers])
        self._draw_shares(shares)
        means, stds = self._values("mean"), self._values("std")
        numbers = np.arange(1, n_layers + 1)
        activations.errorbar(means, numbers, xerr=stds, fmt="o", color=COLOR)
        self._draw_sizes(gradients, "gradient_norm")
        self._draw_sizes(updates, "update_ratio")
        return self

    def _values(self, key):
        """Return a number of each layer; what is infinite as NaN."""
        values = np.array([row[key] for row in self.layers], dtype=float)
        return np.where(np.isfinite(values), values, np.nan)

    def _limit(self, key):
        return (self.limits or {}).get(key, np.inf)

    def _draw_shares(self, panel):
        """Draw a bar for the dead or saturated units of each layer."""
        from matplotlib.ticker import PercentFormatter

        for key in ("dead", "saturated"):
            for number, share in enumerate(self._values(key), 1):
                if not np.isnan(share):
                    is_ill = share > self._limit(key)
                    panel.barh(number, share, 0.5, color=_color(is_ill))
        _shade(panel, self._limit("dead"), 1)
        panel.set(xlim=(0, 1), xticks=(0, 0.5, 1))
        panel.xaxis.set_major_formatter(PercentFormatter(1))

    def _draw_sizes(self, panel, key):
        """Draw positive numbers on a logarithmic scale."""
        values = self._values(key)
        drawn = [(value, i) for i, value in enumerate(values, 1) if value > 0]
        if not drawn:
            panel.set_xticks([])
            style = {"ha": "center", "fontsize": "small"}
            panel.text(0.5, 0.5, "not measured", style, transform=panel.transAxes)
            return
        for value, number in drawn:
            is_ill = value > self._limit(key)
            panel.plot(value, number, "X" if is_ill else "o", color=_color(is_ill))
        # At least a decade to either side, so that there are labels to read.
        low, high = min(drawn)[0] / 10, max(drawn)[0] * 10
        panel.set(xscale="log", xlim=(low, high))
        _shade(panel, self._limit(key), high)


def _color(is_ill):
    return HIGHLIGHT if is_ill else COLOR


def _shade(panel, low, high):
    if low < high:
        panel.axvspan(low, high, color=HIGHLIGHT, alpha=0.12, linewidth=0)
