"""Pictures: how they are written."""

import matplotlib.pyplot as plt


def save_picture(figure, path):
    """Write a figure, in a folder that need not exist, and close it."""
    path.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(path, dpi=100)
    plt.close(figure)
