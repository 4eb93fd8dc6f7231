"""How pictures for Markdown are drawn: SVG that reads on white and on black pages."""

import matplotlib

matplotlib.use("agg")
import matplotlib.pyplot as plt

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
