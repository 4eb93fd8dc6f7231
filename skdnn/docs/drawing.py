"""How pictures for Markdown are drawn: SVG that reads on white and on black pages."""

from dataclasses import dataclass
from math import atan2, degrees

import matplotlib.pyplot as plt
import numpy as np

SCALE, RADIUS = 0.85, 0.33  # inches; in this unit
# Of medium lightness: a contrast of at least 3.6 to white and to GitHub's dark page.
INK, BLUE, RED, GREEN = "#7d8590", "#3080c8", "#d55e00", "#0c9168"
STYLE = {
    "axes.edgecolor": INK,
    "axes.labelcolor": INK,
    "axes.spines.right": False,
    "axes.spines.top": False,
    "axes.titlecolor": INK,
    "figure.constrained_layout.use": True,
    "font.size": 11,
    "grid.alpha": 0.3,
    "grid.color": INK,
    "legend.frameon": False,
    "mathtext.fontset": "cm",
    "svg.hashsalt": "skdnn",  # the same picture is the same file
    "text.color": INK,
    "xtick.color": INK,
    "ytick.color": INK,
}


def save_svg(figure, path):
    """Write a figure without background, date or version, and close it."""
    path.parent.mkdir(parents=True, exist_ok=True)
    metadata = {"Date": None, "Creator": None}
    figure.savefig(path, transparent=True, metadata=metadata)
    plt.close(figure)


@dataclass
class Graph:
    """A computation: its forward pass, and the way of one gradient back through it.

    Parameters
    ----------
    nodes : dict of str to (float, float)
        The place of each variable, named as in TeX.
    edges : dict of (str, str) to (str, str)
        From variable to variable: what is written there, forward and backward; None
        where nothing comes back.
    forward, backward : str
        The equations below.
    way : dict of (str, str) to str
        The edges that the gradient takes, each with its line style.
    label_at : float, default=0.5
        Where along its edge a label stands.
    stacked : bool, default=False
        Whether the backward pass is drawn below the forward pass, not beside it.
    """

    nodes: dict
    edges: dict
    forward: str
    backward: str
    way: dict
    label_at: float = 0.5
    stacked: bool = False

    def draw(self):
        """Return a figure with both passes."""
        xs, ys = np.transpose(list(self.nodes.values()))
        left, right, bottom, top = xs.min(), xs.max(), ys.min(), ys.max()
        width, height = right - left + 1.2, top - bottom + 2
        rows, columns = (2, 1) if self.stacked else (1, 2)
        size = (SCALE * columns * width, SCALE * rows * height)
        figure, axes = plt.subplots(rows, columns, figsize=size)
        passes = (("forward", self.forward, BLUE), ("backward", self.backward, RED))
        for ax, (title, equation, color) in zip(axes, passes, strict=True):
            ax.set(xlim=(left - 0.6, right + 0.6), ylim=(bottom - 1.2, top + 0.8))
            ax.axis("off")
            ax.text(left - RADIUS, top + 0.6, title, weight="bold")
            middle = ((left + right) / 2, bottom - 0.9)
            ax.text(*middle, equation, color=color, ha="center", size=12)
        for (start, end), (forward, backward) in self.edges.items():
            self._draw_edge(axes[0], start, end, forward, color=BLUE)
            style = {"color": INK, "alpha": 0.5}
            if (start, end) in self.way:
                line = self.way[start, end]
                style = {"color": RED, "linewidth": 2.2, "linestyle": line}
            if backward is not None:
                self._draw_edge(axes[1], end, start, backward, **style)
        on_way = {name for edge in self.way for name in edge}
        for name in self.nodes:
            self._draw_node(axes[0], name, name, BLUE)
            gradient = "1" if name == "L" else f"d{name}"
            self._draw_node(axes[1], name, gradient, RED if name in on_way else INK)
        return figure

    def _draw_node(self, ax, name, label, color):
        place = self.nodes[name]
        circle = plt.Circle(place, RADIUS, fill=False, edgecolor=color, linewidth=1.4)
        ax.add_patch(circle)
        style = {"ha": "center", "va": "center", "color": color}
        ax.text(*place, f"${label}$", size=10.5 if "^" in label else 13, **style)

    def _draw_edge(self, ax, start, end, label, **style):
        start_at, end_at = np.array(self.nodes[start]), np.array(self.nodes[end])
        along = end_at - start_at
        gap = (RADIUS + 0.04) * along / np.hypot(*along)
        arrow = {"arrowstyle": "-|>", "shrinkA": 0, "shrinkB": 0} | style
        ax.annotate("", end_at - gap, start_at + gap, arrowprops=arrow)
        if label:
            # Never upside down, and so always read from left to right.
            leftmost, rightmost = sorted([tuple(start_at), tuple(end_at)])
            along = np.subtract(rightmost, leftmost)
            across = np.array([-along[1], along[0]]) / np.hypot(*along)
            ax.text(
                *(leftmost + self.label_at * along + 0.13 * across),
                label,
                color=style["color"],
                ha="center",
                rotation=degrees(atan2(along[1], along[0])),
                rotation_mode="anchor",
                size=10.5,
            )
