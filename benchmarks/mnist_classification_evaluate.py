"""Evaluate what mnist_classification_train_and_validate.py wrote, on the test set.

A table has the metrics of all runs with the test accuracy of their best and last
models. Pictures show their scores by epoch and, for the run with the best validation
score, sample digits with label, prediction and confidence, the weights of the first
layer, and a diagnosis. The runs are those written with the same --output-dir or
--refresh; by default those on MNIST if there are any, else those on the digits.
"""

import csv
import json

import joblib
import matplotlib.pyplot as plt
from common import Parser, output_dir, report
from mnist_classification_train_and_validate import (
    DATA_CACHE_DIR,
    MODEL_CHECKPOINTS_DIR,
    PLOTS_DIR,
)

from skdnn import diagnose
from skdnn.displays import (
    PredictionGridDisplay,
    TrainingCurveDisplay,
    WeightGridDisplay,
)


def main():
    """Run the script."""
    parser = Parser(__doc__)
    args = parser.parse_args()
    folder = find_folder(args)
    runs = read_runs(parser, args.dataset, folder)
    dataset = parser.load_dataset(runs[0]["dataset"], args.data_home)
    table = [evaluate(run, dataset) for run in runs]
    with open(folder / DATA_CACHE_DIR / "summary.csv", "w") as file:
        writer = csv.DictWriter(file, table[0], lineterminator="\n")
        writer.writeheader()
        writer.writerows(table)
    best = max(runs, key=lambda run: run["best"].best_validation_score_)
    draw(runs, best, dataset, folder / PLOTS_DIR)
    report(
        folder / "mnist_classification_evaluate.md",
        "Evaluation",
        table,
        f"Data: {dataset.name} with {len(dataset.X_test):,} test samples. Scores are"
        " accuracies. The best model of a run is that of the epoch with the best"
        " validation score. Seconds are those of a single run, validation included.",
        "\n".join(sorted({f"Trained on {run['machine']}" for run in runs})),
    )


def find_folder(args):
    """Return the folder with the results to evaluate, or where they are missed."""
    if args.output_dir is not None or args.dataset != "auto":
        return output_dir(args, args.dataset)
    folders = output_dir(args, "mnist"), output_dir(args, "digits")
    with_runs = [path for path in folders if any(path.glob(f"{DATA_CACHE_DIR}/*.json"))]
    return with_runs[0] if with_runs else folders[0].parent


def read_runs(parser, dataset, folder):
    """Return the metrics of each run, with its "best" and "last" model."""
    train_first = "run mnist_classification_train_and_validate.py first"
    files = folder.glob(f"{DATA_CACHE_DIR}/*.json")
    runs = [json.loads(path.read_text()) for path in files]
    runs = [run for run in runs if dataset in ("auto", run["dataset"])]
    if not runs:
        what = "" if dataset == "auto" else f" on {dataset}"
        parser.error(f"there is no run{what} in {folder}: {train_first}.")
    names = sorted({run["dataset"] for run in runs})
    if len(names) > 1:
        parser.error(
            f"the runs in {folder} are on {' and '.join(names)}: choose with --dataset."
        )
    for run in runs:
        for which in ("best", "last"):
            file = f"{run['name']}_{which}.joblib"
            try:
                model = joblib.load(folder / MODEL_CHECKPOINTS_DIR / file)
            except FileNotFoundError as error:
                parser.error(f"{error.filename} is missing: {train_first}.")
            run[which] = model
    return sorted(runs, key=lambda run: run["n_parameters"])


def evaluate(run, dataset):
    """Return a run's row of the table."""
    scores = {
        which: run[which].score(dataset.X_test, dataset.y_test)
        for which in ("best", "last")
    }
    last = run["epochs"][-1]
    return {
        "run": run["name"],
        "data": run["dataset"],
        "parameters": run["n_parameters"],
        "epochs": len(run["epochs"]),
        "seconds": f"{run['seconds']:.1f}",
        "loss": f"{last['loss']:.4f}",
        "validation loss": f"{last['validation_loss']:.4f}",
        "validation score": f"{last['validation_score']:.4f}",
        "best epoch": run["best_epoch"],
        "test score, best": f"{scores['best']:.4f}",
        "test score, last": f"{scores['last']:.4f}",
    }


def draw(runs, best, dataset, folder):
    """Draw the scores of all runs; digits, weights and diagnosis of the best."""
    folder.mkdir(parents=True, exist_ok=True)
    models = {run["name"]: run["last"] for run in runs}
    displays = {
        "scores": TrainingCurveDisplay.from_estimator(models, metric="score"),
        "weights": WeightGridDisplay.from_estimator(
            best["best"],
            image_shape=dataset.image_shape,
            n_units=18,
            order="norm",
            n_columns=6,
        ),
        "diagnosis": diagnose(best["best"], dataset.X_test, dataset.y_test).plot(),
    }
    for name, order in (("predictions", "first"), ("mistakes", "mistakes")):
        displays[name] = PredictionGridDisplay.from_estimator(
            best["best"],
            dataset.X_test,
            dataset.y_test,
            image_shape=dataset.image_shape,
            n_images=18,
            n_columns=6,
            order=order,
        )
    for name, display in displays.items():
        display.figure_.savefig(folder / f"{name}.png", dpi=100)
        plt.close(display.figure_)


if __name__ == "__main__":
    main()
