"""Evaluate what mnist_classification_train_and_validate.py wrote, on the test set.

A table has the metrics of all runs with the test accuracy of their best and last
models; pictures show their validation scores, and sample digits with label, prediction
and confidence for the run with the best validation score.
"""

import csv
import json

import joblib
import matplotlib.pyplot as plt
from common import Parser, report
from mnist_classification_train_and_validate import (
    DATA_CACHE_DIR,
    MODEL_CHECKPOINTS_DIR,
    PLOTS_DIR,
)

from skdnn.displays import PredictionGridDisplay, TrainingCurveDisplay


def main():
    """Run the script."""
    parser = Parser(__doc__)
    args = parser.parse_args()
    runs = read_runs(parser, args)
    test_sets = {
        name: parser.load_dataset(name, args.data_home)
        for name in {run["dataset"] for run in runs}
    }
    table = [evaluate(run, test_sets[run["dataset"]]) for run in runs]
    with open(args.output_dir / DATA_CACHE_DIR / "summary.csv", "w") as file:
        writer = csv.DictWriter(file, table[0], lineterminator="\n")
        writer.writeheader()
        writer.writerows(table)
    best = max(runs, key=lambda run: run["best"].best_validation_score_)
    draw(runs, best, test_sets[best["dataset"]], args.output_dir / PLOTS_DIR)
    sizes = ", ".join(
        f"{name} with {len(data.X_test):,} test samples"
        for name, data in test_sets.items()
    )
    report(
        args.output_dir / "mnist_classification_evaluate.md",
        "Evaluation",
        table,
        f"Data: {sizes}. Scores are accuracies. The best model of a run is that of the"
        " epoch with the best validation score. Seconds are those of a single run,"
        " validation included.",
        "\n".join(sorted({f"Trained on {run['machine']}" for run in runs})),
    )


def read_runs(parser, args):
    """Return the metrics of each run, with its "best" and "last" model."""
    train_first = "run mnist_classification_train_and_validate.py first"
    folder = args.output_dir / DATA_CACHE_DIR
    runs = [json.loads(path.read_text()) for path in folder.glob("*.json")]
    runs = [run for run in runs if args.dataset in ("auto", run["dataset"])]
    if not runs:
        what = "" if args.dataset == "auto" else f" on {args.dataset}"
        parser.error(f"there is no run{what} in {folder}: {train_first}.")
    for run in runs:
        for which in ("best", "last"):
            file = f"{run['name']}_{which}.joblib"
            try:
                model = joblib.load(args.output_dir / MODEL_CHECKPOINTS_DIR / file)
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
    """Draw the validation scores of all runs, and digits of the best."""
    folder.mkdir(parents=True, exist_ok=True)
    models = {run["name"]: run["last"] for run in runs}
    displays = {
        "validation_scores": TrainingCurveDisplay.from_estimator(
            models, metric="score"
        ),
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
