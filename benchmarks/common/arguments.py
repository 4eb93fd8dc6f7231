"""What can be said on the command line of every script, and where results go."""

import argparse
import warnings
from pathlib import Path

import matplotlib

from skdnn.images.datasets import load_image_dataset

matplotlib.use("agg")  # pictures go to files: no screen is needed
BENCHMARKS_DIR = Path(__file__).resolve().parents[1]
OUTPUT_DIR = BENCHMARKS_DIR / "output"  # in .gitignore
RESULTS_DIR = BENCHMARKS_DIR / "results"  # tracked: what the READMEs show


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


def number(kind, least):
    """Return an argument's type: an int or float of at least so much."""

    def convert(text):
        value = kind(text)
        if not value >= least:
            raise argparse.ArgumentTypeError(f"{value} is less than {least}")
        return value

    convert.__name__ = kind.__name__  # argparse names it in its error
    return convert
