"""The file of results, and how the sections call what they compare."""

from importlib.metadata import version

import matplotlib.pyplot as plt
import numpy as np
from sklearn.neural_network import MLPClassifier

from common.arguments import output_dir
from common.in_torch import is_installed
from common.machine import OtherProcesses, describe_machine
from common.reports import format_table
from skdnn import MLPClassifierDIY

PEERS = ("torch", "skorch", "jax")
# Colours of Okabe and Ito, which colour-blind readers can tell apart.
BLUE, ORANGE, VERMILION, GREY = "#0072B2", "#E69F00", "#D55E00", "#999999"


class Results:
    """The file of results, written anew after every section, and the pictures."""

    def __init__(self, args, sizes, dataset):
        folder = output_dir(args, dataset.name)
        self.path = folder / "speed.md"
        self.plots = folder / "plots"
        self.plots.mkdir(parents=True, exist_ok=True)
        samples = min(sizes["train_samples"] or np.inf, len(dataset.X_train))
        self.head = (
            "# Speed and memory\n\n"
            f"Data: {dataset.name}, {samples:,} training samples, where a table does"
            f" not say otherwise. Rounds: {sizes['repeats']}, after one that does not"
            f" count{', quick' if args.quick else ''}; within a round what is compared"
            " is called in turn. Numbers are medians, with quartiles in parentheses;"
            " a ratio is the median of the ratios within each round.\n\n"
            f"{describe_machine()} {describe_peers()}\n"
        )
        self.tables = []
        self.others = OtherProcesses()

    def add(self, title, rows, notes):
        """Print a table and write it to the file."""
        table = format_table(rows)
        print(f"\n{title}\n\n{table}\n", flush=True)
        self.tables.append(f"## {title}\n\n{notes} {self.others}\n\n{table}\n")
        self.path.write_text("\n".join([self.head, *self.tables]))

    def save(self, figure, name):
        """Write a picture."""
        figure.savefig(self.plots / f"speed_{name}.png", dpi=100)
        plt.close(figure)


def describe_peers():
    """Return a line with the versions of the peers, and the threads of torch."""
    parts = []
    for name in PEERS:
        if is_installed(name):
            parts.append(f"{name} {version(name)}")
        else:
            parts.append(f"{name} is not installed, its rows are left out")
    if is_installed("torch"):
        import torch

        parts.append(f"torch has {torch.get_num_threads()} threads")
    return f"{'; '.join(parts)}."


def name_of(hidden, batch_size):
    """Return the name of a case."""
    return f"{'-'.join(map(str, hidden))}, batches of {batch_size}"


def fit_skdnn(X, y, hidden, batch_size, **settings):
    """Fit for an epoch unless told otherwise."""
    settings = {"max_iter": 1, "random_state": 0} | settings
    return MLPClassifierDIY(hidden, batch_size=batch_size, **settings).fit(X, y)


def fit_scikit_learn(X, y, hidden, batch_size, **settings):
    """Fit for an epoch unless told otherwise."""
    settings = {"max_iter": 1, "random_state": 0} | settings
    return MLPClassifier(hidden, batch_size=batch_size, **settings).fit(X, y)
