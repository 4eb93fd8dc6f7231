"""What the scripts share: arguments, data, tables, a description of the machine."""

import argparse
import json
import os
import platform
import warnings
from pathlib import Path

import joblib
import matplotlib
import numpy
import sklearn
from sklearn.model_selection import train_test_split
from threadpoolctl import threadpool_info

import skdnn
from skdnn.images.datasets import load_image_dataset

matplotlib.use("agg")  # pictures go to files: no screen is needed
OUTPUT_DIR = Path(__file__).resolve().parent / "output"  # in .gitignore
RESULTS_DIR = OUTPUT_DIR.with_name("results")  # tracked: what the READMEs show
SPLIT_SEED = 0  # of training and validation


class Parser(argparse.ArgumentParser):
    """A parser with the arguments of every script, and errors of a single line.

    Parameters
    ----------
    description : str
    takes_data : bool, default=True
        Whether the script has a choice of data sets.
    auto : str, default="MNIST where it can be had, else scikit-learn's digits"
        What is chosen where the user does not.
    """

    def __init__(
        self,
        description,
        *,
        takes_data=True,
        auto="MNIST where it can be had, else scikit-learn's digits",
    ):
        super().__init__(
            description=description,
            formatter_class=argparse.ArgumentDefaultsHelpFormatter,
        )
        if takes_data:
            self.add_argument(
                "--dataset",
                choices=["auto", "mnist", "digits"],
                default="auto",
                help=f"auto is {auto}",
            )
            self.add_argument(
                "--data-home", help="scikit-learn's data folder, with MNIST"
            )
        destination = self.add_mutually_exclusive_group()
        destination.add_argument(
            "--output-dir",
            type=folder,
            help="where results go; None stands for a folder in benchmarks/output/,"
            " which git ignores",
        )
        destination.add_argument(
            "--refresh",
            action="store_true",
            help="replace the results that git tracks and the READMEs show",
        )

    def error(self, message):
        """End the script."""
        self.exit(2, f"{self.prog}: error: {message}\n")

    def load_dataset(self, name, data_home):
        """Load a data set, or end the script where it cannot be had."""
        with warnings.catch_warnings():
            # Of each attempt; what is raised, or printed, in the end says it too.
            warnings.filterwarnings("ignore", message="A network error occurred")
            try:
                return load_image_dataset(name, data_home)
            except OSError as error:
                self.error(error)


def output_dir(args, name, tracked_in=RESULTS_DIR):
    """Return the folder for results: --output-dir, or one of this name.

    That one is among files which git ignores, so that a checkout stays clean, or with
    --refresh in `tracked_in`.
    """
    return args.output_dir or (tracked_in if args.refresh else OUTPUT_DIR) / name


def folder(text):
    """Convert the argument that is a folder, which need not exist."""
    path = Path(text)
    if path.exists() and not path.is_dir():
        raise argparse.ArgumentTypeError(f"{text} is not a folder")
    return path


class Records:
    """What was measured, a line of JSON each in a file, so that a run can go on.

    Parameters
    ----------
    path : Path
    names : sequence of str
        What tells one row from another.
    """

    def __init__(self, path, names):
        self.path, self.names = path, names
        lines = path.read_text().splitlines() if path.exists() else []
        rows = map(json.loads, lines)
        self.rows = {tuple(row[name] for name in names): row for row in rows}

    def row(self, key, measure):
        """Return the row of a key, if need be after measuring it.

        Parameters
        ----------
        key : tuple
            A value for each of the names.
        measure : callable
            Returns what else there is in a row, as a dictionary.

        Returns
        -------
        row : dict
        """
        if key not in self.rows:
            row = dict(zip(self.names, key, strict=True)) | measure()
            self.path.parent.mkdir(parents=True, exist_ok=True)
            with self.path.open("a") as file:
                file.write(json.dumps(row) + "\n")
            self.rows[key] = row
            shown = (
                f"{v:.4g}" if isinstance(v, float) else str(v) for v in row.values()
            )
            print(*shown, flush=True)
        return self.rows[key]


def number(kind, least):
    """Return an argument's type: an int or float of at least so much."""

    def convert(text):
        value = kind(text)
        if not value >= least:
            raise argparse.ArgumentTypeError(f"{value} is less than {least}")
        return value

    convert.__name__ = kind.__name__  # argparse names it in its error
    return convert


def training_samples(dataset, n_samples):
    """Return so many training samples at most, or all if None, stratified by class."""
    return _stratified(dataset.X_train, dataset.y_train, n_samples)


def training_and_validation(dataset, n_samples=None):
    """Set a stratified tenth of the training set aside for validation.

    It is the same whatever is left out of the rest, so that what learned from few
    samples and from many is judged on the same.

    Parameters
    ----------
    dataset : Bunch
    n_samples : int, default=None
        So many for training at most; None for all.

    Returns
    -------
    X_train, X_val, y_train, y_val : ndarray
    """
    X, X_val, y, y_val = train_test_split(
        dataset.X_train,
        dataset.y_train,
        test_size=0.1,
        stratify=dataset.y_train,
        random_state=SPLIT_SEED,
    )
    X, y = _stratified(X, y, n_samples)
    return X, X_val, y, y_val


def _stratified(X, y, n_samples):
    """Return so many samples at most, or all if None, stratified by class."""
    if n_samples is None or n_samples >= len(X):
        return X, y
    X, _, y, _ = train_test_split(
        X, y, train_size=n_samples, stratify=y, random_state=0
    )
    return X, y


def format_table(rows):
    """Return dictionaries with the same keys as a Markdown table, aligned to read."""
    lines = [list(rows[0])] + [list(map(str, row.values())) for row in rows]
    widths = [max(map(len, column)) for column in zip(*lines, strict=True)]
    rule = ["-" * widths[0], *("-" * (width - 1) + ":" for width in widths[1:])]
    lines.insert(1, rule)
    # Names to the left, numbers to the right.
    return "\n".join(
        f"| {line[0]:<{widths[0]}} | "
        + " | ".join(map(str.rjust, line[1:], widths[1:]))
        + " |"
        for line in lines
    )


def read_table(path):
    """Return the rows of the table that `report` wrote to a file, if it is there."""
    lines = path.read_text().splitlines() if path.exists() else []
    cells = [
        [cell.strip() for cell in line.strip("|").split("|")]
        for line in lines
        if line.startswith("|")
    ]
    return [dict(zip(cells[0], row, strict=True)) for row in cells[2:]]


def report(path, title, rows, notes, machine):
    """Print a table, and write it to a file with title, notes and machine."""
    table = format_table(rows)
    print(f"\n{table}\n")
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(f"# {title}\n\n{table}\n\n{notes}\n\n{machine}\n")
    print(f"Written to {path}")
    _show_in_readme(path.resolve(), table)


def _show_in_readme(path, table):
    """Replace the table of this file in README.md, if there is one."""
    readme = RESULTS_DIR.parent / "README.md"
    if path.is_relative_to(RESULTS_DIR) and readme.exists():
        mark = f"<!-- {path.relative_to(readme.parent)} -->\n"
        head, found, tail = readme.read_text().partition(mark)
        if found:
            rest = tail.partition("\n\n")[2]
            readme.write_text(f"{head}{mark}{table}\n\n{rest}")


def describe_machine():
    """Return a line with the processor, the versions and the number of threads."""
    versions = {
        "Python": platform.python_version(),
        "NumPy": numpy.__version__,
        "scikit-learn": sklearn.__version__,
        "skdnn": skdnn.__version__,
    }
    blas = {
        f"{pool['internal_api']} {pool['version']} with {pool['num_threads']} threads"
        for pool in threadpool_info()
        if pool["user_api"] == "blas"
    }
    parts = [f"{name} {version}" for name, version in versions.items()]
    return (
        f"{processor()}, {joblib.cpu_count()} cores; {', '.join(parts)};"
        f" {', '.join(sorted(blas)) or 'BLAS unknown'}."
    )


def processor():
    """Return the name of the processor."""
    if os.path.exists("/proc/cpuinfo"):
        for line in Path("/proc/cpuinfo").read_text().splitlines():
            if line.startswith("model name"):
                return line.split(":", 1)[1].strip()
    return platform.processor() or platform.machine()
