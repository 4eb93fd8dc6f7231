"""Train the networks of RUN_SETTINGS and validate them after every epoch.

Each run writes its metrics of every epoch, a picture of them, and its best and its last
model, over those of an earlier run of its name. A stratified tenth of the training set
is for validation, the same for all runs; the test set is left to
mnist_classification_evaluate.py, which by default takes the runs of the last training.
"""

import argparse
import json
from itertools import pairwise

import joblib
import matplotlib.pyplot as plt

from common.arguments import Parser, number, output_dir
from common.data import SPLIT_SEED, training_and_validation
from common.fits import as_planned
from common.machine import describe_machine
from common.pictures import save_picture
from common.reports import report
from mnist.runs import DATA_CACHE_DIR, MODEL_CHECKPOINTS_DIR, PLOTS_DIR, read_metrics
from skdnn import MLPClassifierDIY
from skdnn.displays import GradientNormDisplay, TrainingCurveDisplay
from skdnn.nn import BatchNorm, Dense, ReLU

TEN_EPOCHS = {
    "max_iter": 10,
    "learning_rate": "one_cycle",
    "learning_rate_init": 0.01,
    "random_state": 0,
}
# A name, and parameters of MLPClassifierDIY.
RUN_SETTINGS = [
    {"name": "25", "architecture": [Dense(25), BatchNorm(), ReLU()], **TEN_EPOCHS},
    {"name": "50", "architecture": [Dense(50), BatchNorm(), ReLU()], **TEN_EPOCHS},
    {"name": "100", "architecture": [Dense(100), BatchNorm(), ReLU()], **TEN_EPOCHS},
    {
        "name": "50-50",
        "architecture": [Dense(50), BatchNorm(), ReLU()] * 2,
        **TEN_EPOCHS,
    },
    {
        "name": "512-256",
        "hidden_layer_sizes": (512, 256),
        "batch_norm": True,
        "max_iter": 5,
        "batch_size": 128,
        "learning_rate": "one_cycle",
        "learning_rate_init": 0.005,
        "random_state": 0,
    },
]


class Checkpoint:
    """A callback: print a line an epoch, and write the model whenever it is the best.

    See :class:`sklearn.callback.FitCallback`.
    """

    def __init__(self, run_name, path, metrics_path):
        self.run_name = run_name
        self.path = path
        self.metrics_path = metrics_path
        self.best_score = -1.0

    def setup(self, estimator, context):
        """Do nothing."""

    def teardown(self, estimator, context):
        """Do nothing."""

    def on_fit_task_begin(self, estimator, context):
        """Do nothing."""

    def on_fit_task_end(self, estimator, context, *, fitted_estimator):
        """Look at the epoch that has just ended."""
        if context.task_name != "epoch":  # the end of the fit
            return
        row = fitted_estimator.history_[-1]
        is_best = row["validation_score"] > self.best_score
        print(
            f"{self.run_name:>8}  epoch {row['epoch']:>3}/{estimator.max_iter}"
            f"  loss {row['loss']:.4f}"
            f"  validation loss {row['validation_loss']:.4f}"
            f"  validation score {row['validation_score']:.4f}{' *'[is_best]}"
            f"  {row['seconds']:.1f} s",
            flush=True,
        )
        if is_best:
            self.best_score = row["validation_score"]
            # If there are any, they are an earlier model's.
            self.metrics_path.unlink(missing_ok=True)
            save_model(fitted_estimator, self.path)


def save_model(estimator, path):
    """Write a fitted estimator, without the callbacks of the fit."""
    for name in [name for name in vars(estimator) if "callback" in name]:
        delattr(estimator, name)
    joblib.dump(estimator, path)


def main():
    """Run the script."""
    parser = make_parser()
    args = parser.parse_args()
    known = MLPClassifierDIY().get_params()
    overrides = {name: value for name, value in vars(args).items() if name in known}
    dataset = parser.load_dataset(args.dataset, args.data_home)
    folder = output_dir(args, dataset.name)
    training = 1 + max((run["training"] for run in read_metrics(args)[0]), default=0)
    for name in (DATA_CACHE_DIR, MODEL_CHECKPOINTS_DIR):
        (folder / name).mkdir(parents=True, exist_ok=True)
    split = training_and_validation(dataset, args.train_samples)
    facts = {  # what the runs of this training have in common
        "training": training,
        "dataset": dataset.name,
        "train_samples": args.train_samples,
        "n_train": len(split[0]),
        "n_validation": len(split[1]),
        "split_seed": SPLIT_SEED,
        "validation_set": joblib.hash(split[1]),
    }
    table = []
    for run in RUN_SETTINGS:
        if run["name"] in args.runs:
            settings = {key: run[key] for key in run if key != "name"} | overrides
            try:
                row = train(run["name"], settings, facts, split, folder)
            except ValueError as error:
                parser.error(f"run {run['name']}: {error}")
            table.append(row)
    report(
        folder / "mnist_classification_train_and_validate.md",
        "Training and validation",
        table,
        f"Data: {dataset.name}, {len(split[0]):,} samples for training,"
        f" {len(split[1]):,} for validation. The loss of training includes the L2"
        " penalty. Seconds are those of a single run, validation included.",
    )


def make_parser():
    """Return the parser; settings that are not given are not in its result."""
    parser = Parser(__doc__)
    names = [run["name"] for run in RUN_SETTINGS]
    parser.add_argument(
        "--runs",
        nargs="+",
        choices=names,
        default=names,
        metavar="NAME",
        help="those to train, by the names in RUN_SETTINGS",
    )
    parser.add_argument(
        "--train-samples",
        type=number(int, 100),
        help="so many to train on at most; None is all but those for validation",
    )
    settings = parser.add_argument_group(
        "settings", "for all runs, in place of what RUN_SETTINGS says"
    )
    for option, kind, help_text in (
        ("--batch-size", int, "samples in a mini-batch"),
        ("--solver", str, "sgd, adam or adamw"),
        ("--learning-rate", str, "constant, cosine, one_cycle, ..."),
        ("--learning-rate-init", float, "what the schedule scales"),
        ("--alpha", float, "strength of the L2 penalty, or of adamw's decay"),
        ("--momentum", float, "of sgd"),
        ("--max-grad-norm", float, "threshold of gradient clipping"),
        ("--random-state", int, "seed of weights, dropout and order of samples"),
    ):
        settings.add_argument(
            option, type=kind, default=argparse.SUPPRESS, help=help_text
        )
    settings.add_argument(
        "--epochs",
        dest="max_iter",
        metavar="EPOCHS",
        type=int,
        default=argparse.SUPPRESS,
        help="how many",
    )
    return parser


def train(name, settings, facts, split, folder):
    """Do a run, write its files, and return its row of the table."""
    X_train, X_val, y_train, y_val = split
    path = folder / DATA_CACHE_DIR / f"{name}.json"
    models = folder / MODEL_CHECKPOINTS_DIR
    estimator = MLPClassifierDIY(**settings)
    estimator.set_callbacks(Checkpoint(name, models / f"{name}_best.joblib", path))
    with as_planned():
        estimator.fit(X_train, y_train, X_val=X_val, y_val=y_val)
    save_model(estimator, models / f"{name}_last.joblib")
    history = estimator.history_
    best = max(history, key=lambda row: row["validation_score"])
    metrics = {
        "name": name,
        **facts,
        "settings": {key: str(value) for key, value in settings.items()},
        "layers": ", ".join(map(repr, estimator.network_.layers)),
        "n_parameters": estimator.network_.parameters.size,
        "best_epoch": best["epoch"],
        "seconds": sum(row["seconds"] for row in history),
        "machine": describe_machine(),
        "epochs": history,
    }
    path.write_text(json.dumps(metrics, indent=2, default=float) + "\n")
    draw(estimator, folder / PLOTS_DIR / f"{name}.png")
    losses = estimator.loss_curve_
    return {
        "run": name,
        "training samples": len(X_train),
        "parameters": metrics["n_parameters"],
        "epochs": len(history),
        "loss": f"{losses[-1]:.4f}",
        "times it rose": sum(after > before for before, after in pairwise(losses)),
        "validation loss": f"{history[-1]['validation_loss']:.4f}",
        "validation score": f"{history[-1]['validation_score']:.4f}",
        "best": f"{best['validation_score']:.4f}",
        "at epoch": best["epoch"],
        "seconds": f"{metrics['seconds']:.1f}",
    }


def draw(estimator, path):
    """Draw training and validation curves over gradient norms."""
    figure, (above, below) = plt.subplots(
        2, 1, figsize=(8, 7), sharex=True, layout="constrained"
    )
    TrainingCurveDisplay.from_estimator(estimator, ax=above)
    GradientNormDisplay.from_estimator(estimator, ax=below)
    above.label_outer()
    save_picture(figure, path)


if __name__ == "__main__":
    main()
