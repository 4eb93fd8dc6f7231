"""Climb MNIST: recipes from 98 % in a second upwards, and what each costs.

Each recipe is a line of constructor arguments. With --set-aside, networks learn from
50,000 images and are judged on the last 10,000 of the training set, by other writers:
choices are made there. Without, they learn from all 60,000 and are judged on the test
set. With --torch, the same networks learn in PyTorch too, each right after ours, from
the same mini-batches.

A run that was stopped goes on where it was: what was measured is kept, a line each, in
ladder.jsonl of the output folder, which git ignores, and long fits have a checkpoint
beside it. Rungs that a run leaves out stay in the table as they were, unless their
recipe has changed since.
"""

import re
import sys
import time
from functools import partial
from pathlib import Path

import joblib
import matplotlib.pyplot as plt
import numpy as np

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from common.arguments import OUTPUT_DIR, Parser, number, output_dir
from common.data import set_aside
from common.fits import as_planned
from common.in_torch import is_installed, score_torch, train_torch
from common.machine import describe_machine, processor
from common.pictures import save_picture
from common.records import Records
from common.reports import read_table, report, with_spread
from mnist.recipes import DEFORMED, RUNGS, SHARED
from skdnn import MLPClassifierDIY
from skdnn.augmentation import Affine, AveragedOverCopies, Elastic
from skdnn.displays import AugmentationDisplay, PredictionGridDisplay
from skdnn.displays.common import PALETTE, scale_log
from skdnn.images import Deskew
from skdnn.nn import Dense, GaussianNoise

# Of copies whose predictions are averaged: half as much as in training.
GENTLY = [Affine(4, 0.05, 0.05, 0.5), Elastic(alpha=0.5, sigma=5)]
# Errors of plain networks that learned from deformed digits, in percent.
PUBLISHED = {
    "Simard et al. (2003), 800 units": 0.70,
    "Cireşan et al. (2010), five layers, on a GPU": 0.35,
}
OFFSET = {"textcoords": "offset points", "fontsize": "small"}
LONG = 60  # seconds, from which on a fit has a checkpoint
TORCH_AT_MOST = 600  # seconds; longer recipes are not repeated there


def main():
    """Run the script."""
    parser = Parser(__doc__.split("\n\n")[0])
    parser.add_argument(
        "--rungs", nargs="+", type=float, choices=RUNGS, default=[2.0, 1.5, 1.0]
    )
    parser.add_argument("--seeds", type=number(int, 1), help="other than the rung's")
    parser.add_argument("--epochs", type=number(int, 1), help="other than the recipe's")
    parser.add_argument("--set-aside", action="store_true", help="spare the test set")
    parser.add_argument("--torch", action="store_true", help="PyTorch's side as well")
    args = parser.parse_args()
    if args.torch and not is_installed("torch"):
        parser.error('--torch: torch is not installed; pip install ".[peers]".')
    dataset = parser.load_dataset(args.dataset, args.data_home)
    if args.set_aside:
        where, data = "the last sixth of the training images", set_aside(dataset)
    else:
        where = "the test set"
        data = dataset.X_train, dataset.X_test, dataset.y_train, dataset.y_test
    name = "ladder_set_aside" if args.set_aside else "ladder"
    folder = output_dir(args, dataset.name)
    plots = folder / "plots"
    kept = args.output_dir or OUTPUT_DIR / dataset.name
    records = Records(kept / "ladder.jsonl", ("system", "recipe", "seed", "judged_on"))
    path = folder / f"{name}.md"
    recipes = {error: SHARED | rung.recipe for error, rung in RUNGS.items()}
    before = path.read_text() if path.exists() else ""
    rows = kept_rows(before, recipes, args.rungs)
    best = min([*rows, *args.rungs])
    for error in args.rungs:
        rung, recipe = RUNGS[error], recipes[error]
        if args.epochs:
            recipe["max_iter"] = args.epochs
        ours, theirs = [], []
        for seed in range(args.seeds or rung.seeds):
            is_best = error == best and seed == 0
            picture = plots / f"{name}_mistakes.png" if is_best else None
            key = repr(recipe) + ", upright" * rung.upright, seed, where
            fit = partial(measure, recipe, seed, data, rung, picture, kept)
            ours.append(records.row(("skdnn", *key), fit))
            if args.torch and rung.seconds <= TORCH_AT_MOST:
                fit = partial(measure_torch, recipe, seed, data, rung)
                theirs.append(records.row(("torch", *key), fit))
        rows[error] = row_of(error, rung, ours, theirs)
    rows = dict(sorted(rows.items(), reverse=True))
    said = [f"- {error:.2f} %: {describe(error, recipes[error])}" for error in rows]
    report(
        path,
        f"The ladder: {dataset.name}",
        list(rows.values()),
        f"Errors on {where}, means over seeds and their standard deviation; seconds of"
        f" fit, medians. Where no others are given, arguments are"
        f" `{as_arguments(SHARED)}`.\n\n" + "\n".join(said),
        "\n\n".join(machines_of(before, rows.values())),
    )
    draw(rows, plots / f"{name}.png")
    draw_deformed(dataset, plots / "deformed.png")


def measure(recipe, seed, data, rung, picture, folder):
    """Return errors in percent, and seconds of `fit`, and draw the last mistakes.

    If training images are set upright first, that counts among the seconds.

    Parameters
    ----------
    recipe : dict
    seed : int
    data : tuple
        X, X_test, y, y_test.
    rung : Rung
    picture : Path or None
        Where mistakes are drawn.
    folder : Path
        Where long fits keep their state.
    """
    X, X_test, y, y_test = data
    checkpoint_dir = folder / "checkpoints" if rung.seconds > LONG else None
    clf = MLPClassifierDIY(**recipe, random_state=seed, checkpoint_dir=checkpoint_dir)
    X_test = upright(rung, X_test)
    start = time.perf_counter()
    X = upright(rung, X)
    with as_planned():
        clf.fit(X, y)
    seconds = time.perf_counter() - start
    # A fit that goes on remembers what its epochs took before, all networks together.
    at_once = min(clf.n_networks, joblib.cpu_count())
    seconds = max(seconds, sum(row["seconds"] for row in clf.history_) / at_once)
    each = clf.estimators_ if clf.n_networks > 1 else []
    judges = {"error": lambda estimator: estimator}
    if rung.n_copies:
        judges["averaged"] = partial(
            AveragedOverCopies, augmentation=GENTLY, n_copies=rung.n_copies
        )
    result = {"seconds": seconds}
    for name, judge in judges.items():
        judged = judge(clf)
        result[name] = 100 * (1 - judged.score(X_test, y_test))
        result[f"{name} of each"] = [
            100 * (1 - judge(one).score(X_test, y_test)) for one in each
        ]
    if picture is not None:
        display = PredictionGridDisplay.from_estimator(
            judged, X_test, y_test, order="mistakes", n_images=40
        )
        save_picture(display.figure_, picture)
    return result


def measure_torch(recipe, seed, data, rung):
    """Return the same of the same network in PyTorch, see :func:`measure`."""
    X, X_test, y, y_test = data
    noise = next(iter(recipe.get("architecture", ())), GaussianNoise(0)).std
    sizes = recipe.get("hidden_layer_sizes") or [
        layer.units for layer in recipe["architecture"] if isinstance(layer, Dense)
    ]
    X_test = upright(rung, X_test)
    start = time.perf_counter()
    X = upright(rung, X)
    model = train_torch(
        X,
        y,
        sizes,
        recipe["batch_size"],
        epochs=recipe["max_iter"],
        learning_rate=recipe["learning_rate_init"],
        one_cycle=True,
        weight_decay=recipe["alpha"],
        label_smoothing=recipe["label_smoothing"],
        augmentation=recipe.get("augmentation"),
        seed=seed,
        batch_norm=True,
        noise=noise,
    )
    seconds = time.perf_counter() - start
    error = 100 * (1 - score_torch(model, X_test, y_test))
    return {"error": error, "seconds": seconds}


def upright(rung, X):
    """Return images as the networks of a rung see them."""
    return Deskew().fit_transform(X) if rung.upright else X


def kept_rows(text, recipes, climbed):
    """Return the rows of rungs that are not climbed now, if their recipe is the same.

    Parameters
    ----------
    text : str
        What was written before.
    recipes : dict of float to dict
    climbed : list of float
    """
    said = dict(re.findall(r"^- (\S+ %): (.+)$", text, re.MULTILINE))
    rows = {row["error, at most"]: row for row in read_table(text)}
    return {
        error: rows[name]
        for error, recipe in recipes.items()
        if error not in climbed
        and said.get(name := f"{error:.2f} %") == describe(error, recipe)
    }


def as_arguments(settings):
    """Return settings as they are written in a call."""
    return ", ".join(f"{name}={value!r}" for name, value in settings.items())


def describe(error, recipe):
    """Return a recipe in words: what is not shared by all."""
    rung = RUNGS[error]
    own = {k: v for k, v in recipe.items() if SHARED.get(k) != v}
    said = [f"`{as_arguments(own)}`"]
    said += ["images set upright"] * rung.upright
    said += [f"averaged over {rung.n_copies} copies"] * bool(rung.n_copies)
    return "; ".join(said)


def row_of(error, rung, ours, theirs):
    """Return a row of the table.

    Parameters
    ----------
    error : float
        What is aimed at.
    rung : Rung
    ours, theirs : list of dict
        What was measured, for each seed.
    """
    errors, seconds = errors_of(ours), seconds_of(ours)
    judged = errors_of(ours, "averaged") if rung.n_copies else errors
    alone = "averaged of each" if rung.n_copies else "error of each"
    alone = [error for result in ours for error in result[alone]]
    met = np.mean(judged) <= error, seconds <= rung.seconds
    return {
        "error, at most": f"{error:.2f} %",
        "seconds, at most": rung.seconds,
        "error": with_spread(errors),
        "averaged": with_spread(judged) if rung.n_copies else "",
        "of each network": with_spread(alone) if alone else "",
        "seconds": f"{seconds:.1f}",
        "seeds": len(ours),
        "met": ", ".join("yes" if it else "**no**" for it in met),
        "torch: error": with_spread(errors_of(theirs)) if theirs else "",
        "seconds there": f"{seconds_of(theirs):.1f}" if theirs else "",
        "machine": processor(),
    }


def machines_of(text, rows):
    """Return this machine, and those on which rows were measured that stay."""
    others = {row["machine"] for row in rows} - {processor()}
    return [
        *(line for line in text.splitlines() if line.partition(", ")[0] in others),
        describe_machine(),
    ]


def point_of(row):
    """Return the seconds and the error of a row."""
    error = row["averaged"] or row["error"]
    seconds = max(float(row["seconds"]), 0.05)  # the table rounds to tenths
    return seconds, float(error.split()[0])


def errors_of(results, name="error"):
    """Return the error of each seed."""
    return [result[name] for result in results]


def seconds_of(results):
    """Return the median of the seconds."""
    return float(np.median([result["seconds"] for result in results]))


def draw(rows, path):
    """Draw errors over seconds, with what was published."""
    figure, ax = plt.subplots(figsize=(8, 4), layout="constrained")
    points = {"skdnn": [], "skdnn, noise in place of deformations": []}
    deformed, noisy = points.values()
    for error, row in rows.items():
        is_noisy = "architecture" in RUNGS[error].recipe
        (noisy if is_noisy else deformed).append(point_of(row))
    for (label, its), style in zip(points.items(), ("o-", "s"), strict=True):
        if its:
            ax.plot(*zip(*its, strict=True), style, color=PALETTE[0], label=label)
    for seconds, error in (*deformed, *noisy):
        ax.annotate(f"{error:.2f}", (seconds, error), (5, 5), **OFFSET)
    for (text, error), color in zip(PUBLISHED.items(), PALETTE[1:3], strict=True):
        ax.axhline(error, color=color, linestyle="--", label=f"{text}: {error:.2f} %")
    ax.set(xlabel="Seconds of fit", ylabel="Error (%)")
    ax.set_ylim(0.3, max(2.5, 1.2 * max(error for _, error in (*deformed, *noisy))))
    ax.margins(x=0.1)
    scale_log(ax, "x")
    scale_log(ax)
    ax.grid(color="0.9")
    ax.legend(fontsize="small")
    save_picture(figure, path)


def draw_deformed(dataset, path):
    """Draw a digit of each kind, and what training makes of it."""
    chosen = [np.flatnonzero(dataset.y_train == label)[0] for label in range(10)]
    figure, ax = plt.subplots(figsize=(8, 8), layout="constrained")
    AugmentationDisplay.from_augmentation(
        DEFORMED, dataset.X_train[chosen], n_copies=9, ax=ax
    )
    save_picture(figure, path)


if __name__ == "__main__":
    main()
