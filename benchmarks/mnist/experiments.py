"""Experiments: what batch normalization, optimizers, schedules and the like change.

Each trains its variants with several values of what matters to all of them, mostly the
learning rate, so that each is seen at its best; the value is chosen on a validation
set. It writes a table and a picture. README.md in this folder tells what they show.
"""

import sys
from dataclasses import dataclass, field
from functools import partial
from itertools import product
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np
from sklearn.exceptions import FitFailedWarning
from sklearn.model_selection import GridSearchCV, train_test_split

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from common.arguments import Parser, number, output_dir
from common.data import training_samples
from common.fits import as_planned
from common.pictures import save_picture
from common.reports import report, spread_of, with_spread
from skdnn import MLPClassifierDIY
from skdnn.displays import GradientNormDisplay, TrainingCurveDisplay
from skdnn.displays.common import PALETTE, legend_above, make_axes, scale_log

EPOCHS = 10
MARKERS = "os^Dv*"


@dataclass
class Experiment:
    """Variants of a classifier, each with several values of one parameter or another.

    Parameters
    ----------
    title : str
    variants : dict of str to dict
        Parameters of :class:`skdnn.MLPClassifierDIY`; a list stands for the values to
        try, one at a time. A variant without a list is drawn as a level.
    shared : dict
        Parameters of all variants.
    n_samples : int
        So many for training.
    x_label : str
    """

    title: str
    variants: dict
    shared: dict = field(default_factory=dict)
    n_samples: int = 10_000
    x_label: str = "learning_rate_init"

    def candidates(self, quick):
        """Yield the variant, the value that is varied, and all settings."""
        for name, variant in self.variants.items():
            settings = {"max_iter": EPOCHS, **self.shared, **variant}
            varied = [key for key in settings if isinstance(settings[key], list)]
            if quick:
                settings["max_iter"] = 3
            if not varied:
                yield name, np.nan, settings
                continue
            (key,) = varied
            for value in settings[key][:: 3 if quick else 1]:
                yield name, value, settings | {key: value}


def rates(low, high):
    """Return learning rates from low to high, at a factor of about 3."""
    exponents = np.arange(2 * np.log10(low), 2 * np.log10(high) + 0.5)
    return [float(f"{10 ** (e / 2):.0e}") for e in np.round(exponents)]


EXPERIMENTS = {
    "batch_norm": Experiment(
        "With and without batch normalization",
        {
            f"{n} hidden layer{'s' * (n > 1)}, {'with' if norm else 'without'}": {
                "hidden_layer_sizes": (50,) * n,
                "batch_norm": norm,
            }
            for n, norm in product((1, 5), (False, True))
        },
        {"learning_rate_init": rates(1e-4, 1)},
    ),
    "optimizers": Experiment(
        "Optimizers",
        {
            "SGD": {
                "solver": "sgd",
                "momentum": 0.0,
                "learning_rate_init": rates(1e-2, 3),
            },
            "SGD, Nesterov momentum 0.9": {
                "solver": "sgd",
                "learning_rate_init": rates(1e-3, 1),
            },
            "Adam": {"solver": "adam", "learning_rate_init": rates(1e-4, 0.1)},
            "AdamW": {
                "solver": "adamw",
                "alpha": 0.1,
                "learning_rate_init": rates(1e-4, 0.1),
            },
        },
    ),
    "schedules": Experiment(
        "Schedules of the learning rate, with Adam",
        {
            "constant": {},
            "invscaling": {"learning_rate": "invscaling"},
            "adaptive": {
                "learning_rate": "adaptive",
                "tol": 0.02,  # so that it acts within ten epochs
                "n_iter_no_change": 1,
            },
            "cosine": {"learning_rate": "cosine"},
            "one_cycle": {"learning_rate": "one_cycle"},
        },
        {"learning_rate_init": rates(1e-4, 0.1)},
    ),
    "regularization": Experiment(
        "Regularization, with 2,000 samples",
        {
            "none": {"alpha": 0.0},
            "dropout (rate)": {"alpha": 0.0, "dropout": [0.1, 0.2, 0.3, 0.5, 0.7]},
            "L2 penalty (alpha)": {"alpha": [0.01, 0.1, 0.3, 1.0, 3.0, 10.0]},
            "AdamW's decay (alpha)": {
                "solver": "adamw",
                "alpha": [0.01, 0.1, 0.3, 1.0, 3.0, 10.0],
            },
            "label smoothing": {
                "alpha": 0.0,
                "label_smoothing": [0.03, 0.1, 0.3, 0.5, 0.7],
            },
        },
        {
            "max_iter": 40,
            "batch_size": 50,
            "learning_rate": "one_cycle",
            "learning_rate_init": 0.01,  # about the best for each of them
        },
        n_samples=2_000,
        x_label="strength",
    ),
    "batch_size": Experiment(
        "Batch size, with Adam",
        {f"batches of {size}": {"batch_size": size} for size in (16, 64, 256, 1024)},
        {"learning_rate_init": rates(1e-4, 0.1)},
    ),
}


def main():
    """Run the script."""
    parser = Parser(__doc__)
    names = [*EXPERIMENTS, "clipping"]
    parser.add_argument(
        "names", nargs="*", default=names, metavar="NAME", help=f"of {names}"
    )
    parser.add_argument("--seeds", type=number(int, 1), default=3, help="for each fit")
    parser.add_argument("--quick", action="store_true", help="less, in a few seconds")
    args = parser.parse_args()
    unknown = set(args.names) - set(names)
    if unknown:
        parser.error(f"no such experiment: {', '.join(unknown)}; there are {names}")
    dataset = parser.load_dataset(args.dataset, args.data_home)
    # Too high a rate is part of the plan, too.
    with as_planned(FitFailedWarning, RuntimeWarning):
        for name in args.names:
            run = run_clipping if name == "clipping" else run_experiment
            run(name, dataset, args)


def run_experiment(name, dataset, args):
    """Train all candidates; write the table and the picture."""
    experiment = EXPERIMENTS[name]
    candidates = list(experiment.candidates(args.quick))
    n_seeds = 1 if args.quick else args.seeds
    X, y, folds = put_together(dataset, experiment.n_samples)
    search = GridSearchCV(
        MLPClassifierDIY(),
        [
            {key: [value] for key, value in (settings | {"random_state": seed}).items()}
            for _, _, settings in candidates
            for seed in range(n_seeds)
        ],
        scoring=partial(score_both, n_test=len(dataset.y_test)),
        cv=folds,
        refit=False,
        n_jobs=-1,
    )
    search.fit(X, y)
    errors = {
        part: 100 - 100 * search.cv_results_[f"mean_test_{part}"].reshape(-1, n_seeds)
        for part in ("validation", "test")
    }
    seconds = search.cv_results_["mean_fit_time"].reshape(-1, n_seeds).mean(axis=1)
    values = np.array([value for _, value, _ in candidates])
    rows, curves = [], {}
    for variant in experiment.variants:
        own = np.flatnonzero([candidate[0] == variant for candidate in candidates])
        curves[variant] = values[own], errors["validation"][own]
        means = errors["validation"][own].mean(axis=1)
        best = own[0] if np.isnan(means).all() else own[np.nanargmin(means)]
        rows.append(
            {
                "variant": variant,
                f"best {experiment.x_label}": f"{values[best]:g}".replace("nan", "-"),
                "validation error": with_spread(errors["validation"][best]),
                "test error": with_spread(errors["test"][best]),
                "seconds": f"{seconds[best]:.1f}",
            }
        )
    folder = output_dir(args, dataset.name)
    draw(experiment, curves, folder / "plots" / f"experiment_{name}.png")
    epochs = 3 if args.quick else experiment.shared.get("max_iter", EPOCHS)
    report(
        folder / f"experiment_{name}.md",
        experiment.title,
        rows,
        f"Data: {dataset.name}, {len(folds[0][0]):,} samples for training,"
        f" {len(folds[0][1]) - len(dataset.y_test):,} for validation,"
        f" {len(dataset.y_test):,} for the test. {epochs} epochs,"
        f" {n_seeds} seeds each: the mean and, after ±, the standard deviation of the"
        f" share of errors. Of the values of {experiment.x_label}, the one with the"
        " smallest error on the validation set is in the table. Seconds are those of a"
        " fit on one core, while the other cores do the same.",
    )


def put_together(dataset, n_samples):
    """Return all samples, and one fold: to train on, and to validate and test on."""
    n_samples = min(n_samples, 3 * len(dataset.y_train) // 4)
    n_validation = min(len(dataset.y_train) - n_samples, len(dataset.y_test))
    rows, val_rows = train_test_split(
        np.arange(len(dataset.y_train)),
        train_size=n_samples,
        test_size=n_validation,
        stratify=dataset.y_train,
        random_state=0,
    )
    chosen = np.concatenate([rows, val_rows])
    X = np.concatenate([dataset.X_train[chosen], dataset.X_test])
    y = np.concatenate([dataset.y_train[chosen], dataset.y_test])
    return X, y, [(np.arange(n_samples), np.arange(n_samples, len(y)))]


def score_both(clf, X, y, n_test):
    """Return the accuracy on the last rows, which are the test set, and the others."""
    right = clf.predict(X) == y
    return {"validation": right[:-n_test].mean(), "test": right[-n_test:].mean()}


def draw(experiment, curves, path):
    """Draw the error on the validation set against what is varied."""
    ax, _ = make_axes(None)
    for (variant, (values, errors)), color, marker in zip(
        curves.items(), PALETTE, MARKERS, strict=False
    ):
        mean, spread = errors.mean(axis=1), spread_of(errors)
        style = {"color": color, "label": variant}
        if np.isnan(values).all():
            ax.axhline(mean[0], linestyle=":", **style)
        else:
            style |= {"marker": marker, "capsize": 2, "linewidth": 1.2, "alpha": 0.85}
            ax.errorbar(values, mean, spread, **style)
    ax.set_xscale("log")
    scale_log(ax)
    ax.set(xlabel=experiment.x_label, ylabel="Validation error (%)")
    ax.grid(color="0.9")
    finish(ax, path)


def finish(ax, path, n_columns=3):
    """Add a legend above the axes, and write the figure."""
    legend_above(ax, n_columns)
    save_picture(ax.figure, path)


CLIPPING = {
    "hidden_layer_sizes": (50, 50),
    "solver": "sgd",
    "batch_size": 10,
    "max_iter": 50,
    "n_iter_no_change": 50,
}


def run_clipping(name, dataset, args):
    """Train on 100 samples at high learning rates, with and without clipping."""
    n_seeds = 1 if args.quick else args.seeds
    X, y = training_samples(dataset, 100)
    fits, rows = {}, []
    for rate, threshold in product((0.03, 0.1, 0.3), (None, 1.0)):
        settings = CLIPPING | {"learning_rate_init": rate, "max_grad_norm": threshold}
        fits[rate, threshold] = clfs = [
            MLPClassifierDIY(**settings, random_state=seed).fit(X, y)
            for seed in range(n_seeds)
        ]
        norms = [
            np.linalg.norm(list(row["gradient_norm"].values()))
            for clf in clfs
            for row in clf.history_
        ]
        scores = [clf.score(dataset.X_test, dataset.y_test) for clf in clfs]
        rows.append(
            {
                "learning_rate_init": rate,
                "max_grad_norm": threshold,
                "largest gradient norm": f"{max(norms):.3g}",
                "last loss": ", ".join(f"{clf.loss_:.2g}" for clf in clfs),
                "test error": with_spread(100 - 100 * np.array(scores)),
            }
        )
    folder = output_dir(args, dataset.name)
    figure, (above, *below) = plt.subplots(
        3, 1, figsize=(8, 9), sharex=True, layout="constrained"
    )
    first = {f"max_grad_norm={key}": fits[0.1, key][0] for key in (None, 1.0)}
    TrainingCurveDisplay.from_estimator(first, ax=above)
    for (label, clf), ax in zip(first.items(), below, strict=True):
        GradientNormDisplay.from_estimator(clf, ax=ax)
        ax.set_ylabel(f"Gradient norm,\n{label}")
    for ax in (above, *below):
        ax.label_outer()
    save_picture(figure, folder / "plots" / f"experiment_{name}.png")
    report(
        folder / f"experiment_{name}.md",
        "With and without gradient clipping, on 100 samples",
        rows,
        f"Data: {dataset.name}. Two hidden layers of 50 units, SGD with Nesterov"
        f" momentum of 0.9, batches of 10, {CLIPPING['max_iter']} epochs, {n_seeds}"
        " seeds. Gradient norms are those before clipping, the root mean square of an"
        " epoch. In the picture, the learning rate is 0.1 and the seed 0.",
    )


if __name__ == "__main__":
    main()
