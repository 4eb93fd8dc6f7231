"""The file of results, and the pictures."""

import numpy as np

from common.arguments import output_dir
from common.machine import OtherProcesses, describe_machine
from common.pictures import save_picture
from common.reports import format_table
from speed.systems import describe_peers

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
        save_picture(figure, self.plots / f"speed_{name}.png")
