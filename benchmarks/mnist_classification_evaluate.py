"""Compare what mnist_classification_train_and_validate.py wrote, and test the best.

A table has the metrics of all runs. The one with the best validation score is chosen;
it alone meets the test set, once, for its test score. Pictures show the scores of all
runs by epoch and, of the chosen one, sample digits with label, prediction and
confidence, its mistakes, the weights of the first layer, and a diagnosis, on images for
validation. The runs are those of the last training in --output-dir, with --refresh, or
else in benchmarks/output/.
"""

import csv
from collections import defaultdict

import joblib

from common.arguments import Parser, number, output_dir
from common.data import training_and_validation
from common.pictures import save_picture
from common.reports import report
from mnist.runs import DATA_CACHE_DIR, MODEL_CHECKPOINTS_DIR, PLOTS_DIR, read_metrics
from skdnn import diagnose
from skdnn.displays import (
    PredictionGridDisplay,
    TrainingCurveDisplay,
    WeightGridDisplay,
)

TRAIN_FIRST = "run mnist_classification_train_and_validate.py first"


def main():
    """Run the script."""
    parser = make_parser()
    args = parser.parse_args()
    runs, left_out = choose_runs(parser, args)
    load_models(parser, runs)
    dataset = parser.load_dataset(runs[0]["dataset"], args.data_home)
    _, X_val, _, y_val = training_and_validation(dataset)
    check_validation_set(parser, runs, X_val)
    splits = {
        "validation": (X_val, y_val),
        "test": (dataset.X_test, dataset.y_test),
    }
    images = splits[args.split]
    check_images(parser, args, len(images[0]))
    chosen = max(runs, key=best_score)
    if args.test_scores != "none":
        for run in runs if args.test_scores == "all" else [chosen]:
            run["test_score"] = run["best"].score(*splits["test"])
    table = [row_of(run) for run in runs]
    folder = chosen["folder"]
    with open(folder / DATA_CACHE_DIR / "summary.csv", "w") as file:
        writer = csv.DictWriter(file, table[0], lineterminator="\n")
        writer.writeheader()
        writer.writerows(table)
    draw(runs, chosen, images, dataset.image_shape, args, folder / PLOTS_DIR)
    notes = [
        f"Data: {dataset.name} with {len(X_val):,} samples for validation and"
        f" {len(dataset.X_test):,} for testing. Scores are accuracies. The best model"
        " of a run is that of the epoch with the best validation score; test scores are"
        " of these. Seconds are those of a single run, validation included.",
        f"The run with the best validation score is {chosen['name']}. Pictures of what"
        f" it predicts are of the {args.split} set.",
        *differences(runs),
        *left_out,
    ]
    print("", *notes[1:], sep="\n")
    report(
        folder / "mnist_classification_evaluate.md",
        "Evaluation",
        table,
        "\n\n".join(notes),
        "\n".join(sorted({f"Trained on {run['machine']}" for run in runs})),
    )


def make_parser():
    """Return the parser."""
    parser = Parser(__doc__, auto="that of the last training")
    parser.add_argument(
        "--runs",
        nargs="+",
        metavar="NAME",
        help="those to compare; None is all of the last training",
    )
    parser.add_argument(
        "--split",
        choices=["validation", "test"],
        default="validation",
        help="which images are drawn and diagnosed; those of the test set are for when"
        " nothing is left to choose",
    )
    which = parser.add_mutually_exclusive_group()
    which.add_argument(
        "--n-images",
        type=number(int, 1),
        default=18,
        help="so many with predictions, and as many mistakes",
    )
    which.add_argument(
        "--images",
        nargs="+",
        type=number(int, 0),
        metavar="I",
        help="those with predictions by their positions in the split, from 0; None is"
        " the first ones",
    )
    parser.add_argument(
        "--test-scores",
        choices=["best", "all", "none"],
        default="best",
        help="of the run with the best validation score, of all, or of none while there"
        " is more to try",
    )
    return parser


def choose_runs(parser, args):
    """Return the runs to compare by size, and sentences on what is left out."""
    found, others = read_metrics(args)
    found = [run for run in found if args.dataset in ("auto", run["dataset"])]
    if not found:
        what = "" if args.dataset == "auto" else f" on {args.dataset}"
        one = args.output_dir is not None or args.dataset != "auto"
        folder = output_dir(args, args.dataset)
        because = " of these scripts as they are now" if others else ""
        parser.error(
            f"there is no run{what}{because} in"
            f" {folder if one else folder.parent}: {TRAIN_FIRST}."
        )
    last = max(found, key=lambda run: run["training"])
    here = [run for run in found if run["folder"] == last["folder"]]
    others = [path.stem for path in others if path.parents[1] == last["folder"]]
    known = [run["name"] for run in here]
    names = args.runs or [
        run["name"] for run in here if run["training"] == last["training"]
    ]
    for name in names:
        if name in others:
            parser.error(
                f"what is known of run {name} in {last['folder']} is damaged or older"
                " than these scripts: train it again."
            )
        if name not in known:
            parser.error(
                f"there is no run {name} in {last['folder']}, only"
                f" {', '.join(known)}: choose others, or train it."
            )
    runs = [run for run in here if run["name"] in names]
    datasets = sorted({run["dataset"] for run in runs})
    if len(datasets) > 1:
        parser.error(
            f"the runs in {last['folder']} are on {' and '.join(datasets)}: choose with"
            " --dataset."
        )
    left_out = [] if args.runs else say_what_is_left_out(found, runs, others)
    return sorted(runs, key=lambda run: run["n_parameters"]), left_out


def say_what_is_left_out(found, runs, others):
    """Return a sentence on runs of earlier trainings, and one on other files."""
    older = [
        f"{run['name']} ({run['dataset']}, {run['n_train']:,} training samples)"
        for run in found
        if run not in runs
    ]
    said = []
    if older:
        said.append(
            f"Left out, since not of the last training: {', '.join(older)}. --runs or"
            " --dataset takes them in."
        )
    if others:
        said.append(
            f"Left out, since damaged or older than these scripts: {', '.join(others)}."
            " To take them in, train them again."
        )
    return said


def check_validation_set(parser, runs, X_val):
    """Check that all were validated on these samples."""
    of_others = [
        run["name"] for run in runs if run["validation_set"] != joblib.hash(X_val)
    ]
    if of_others:
        parser.error(
            f"{', '.join(of_others)}: validated on other samples than are set aside"
            " here and now, so that scores can't be compared: train again."
        )


def check_images(parser, args, n_samples):
    """Check that the images are there."""
    if args.images and max(args.images) >= n_samples:
        parser.error(
            f"argument --images: {max(args.images)}: the {args.split} set has"
            f" {n_samples:,} images, 0 to {n_samples - 1}."
        )


def load_models(parser, runs):
    """Add to each run its "best" and "last" model."""
    for run in runs:
        for which in ("best", "last"):
            file = f"{run['name']}_{which}.joblib"
            try:
                run[which] = joblib.load(run["folder"] / MODEL_CHECKPOINTS_DIR / file)
            except FileNotFoundError as error:
                parser.error(f"{error.filename} is missing: {TRAIN_FIRST}.")


def best_score(run):
    """Return the best validation score of a run."""
    return max(row["validation_score"] for row in run["epochs"])


def row_of(run):
    """Return a run's row of the table."""
    last = run["epochs"][-1]
    return {
        "run": run["name"],
        "data": run["dataset"],
        "training samples": run["n_train"],
        "validation samples": run["n_validation"],
        "parameters": run["n_parameters"],
        "epochs": len(run["epochs"]),
        "seconds": f"{run['seconds']:.1f}",
        "loss": f"{last['loss']:.4f}",
        "validation loss": f"{last['validation_loss']:.4f}",
        "validation score": f"{last['validation_score']:.4f}",
        "best": f"{best_score(run):.4f}",
        "at epoch": run["best_epoch"],
        "test score": f"{run['test_score']:.4f}" if "test_score" in run else "",
    }


def differences(runs):
    """Return a sentence if the runs did not learn from the same number of samples."""
    by_size = defaultdict(list)
    for run in runs:
        by_size[run["n_train"]].append(run["name"])
    if len(by_size) == 1:
        return []
    sizes = "; ".join(f"{n:,}: {', '.join(by_size[n])}" for n in sorted(by_size))
    return [
        "Not to be compared as networks, since they learned from different numbers of"
        f" training samples ({sizes}): who learns from fewer scores less."
    ]


def draw(runs, chosen, images, shape, args, folder):
    """Draw the scores of all runs; digits, weights and diagnosis of the chosen one."""
    X, y = images
    models = {run["name"]: run["last"] for run in runs}
    displays = {
        "scores": TrainingCurveDisplay.from_estimator(models, metric="score"),
        "weights": WeightGridDisplay.from_estimator(
            chosen["best"],
            image_shape=shape,
            n_units=18,
            order="norm",
            n_columns=6,
        ),
        "diagnosis": diagnose(chosen["best"], X, y).plot(),
    }
    shown = args.images or slice(args.n_images)
    for name, order, rows, n_images in (
        ("predictions", "first", shown, len(X[shown])),
        ("mistakes", "mistakes", slice(None), args.n_images),
    ):
        displays[name] = PredictionGridDisplay.from_estimator(
            chosen["best"],
            X[rows],
            y[rows],
            image_shape=shape,
            n_images=n_images,
            n_columns=6,
            order=order,
        )
    for name, display in displays.items():
        save_picture(display.figure_, folder / f"{name}.png")


if __name__ == "__main__":
    main()
