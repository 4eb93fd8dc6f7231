"""Climb MNIST: recipes from 98 % in a second upwards, and what each costs.

Each recipe is a line of constructor arguments. With --set-aside, networks learn from
50,000 images and are judged on 10,000 others of the training set: choices are made
there. Without, they learn from all 60,000 and are judged on the test set.

A run that was stopped goes on where it was: what was measured is kept, a line each, in
ladder.jsonl of the output folder, which git ignores.
"""

import json
import time
import warnings

import matplotlib.pyplot as plt
import numpy as np
from common import (
    OUTPUT_DIR,
    Parser,
    describe_machine,
    number,
    output_dir,
    report,
)
from sklearn.exceptions import ConvergenceWarning
from sklearn.model_selection import train_test_split

from skdnn import MLPClassifierDIY
from skdnn.augmentation import Affine, Elastic

SHARED = {
    "batch_norm": True,
    "solver": "adamw",
    "alpha": 0.05,
    "learning_rate": "one_cycle",
    "batch_size": 256,
}
FAST = {"learning_rate_init": 0.01}
DEFORMED = {
    "augmentation": [Affine(rotation=8), Elastic(alpha=1, sigma=5)],
    "learning_rate_init": 0.004,
    "label_smoothing": 0.1,
}
# By the error that is aimed at, in percent: how many seconds `fit` may take, how many
# seeds, and the recipe.
RUNGS = {
    2.0: (1, 10, {"hidden_layer_sizes": (256, 128), "max_iter": 2, **FAST}),
    1.5: (4, 10, {"hidden_layer_sizes": (512, 256), "max_iter": 4, **FAST}),
    1.0: (20, 10, {"hidden_layer_sizes": (512, 256), "max_iter": 12, **DEFORMED}),
    0.6: (120, 3, {"hidden_layer_sizes": (800, 800), "max_iter": 30, **DEFORMED}),
    0.45: (
        900,
        1,
        {"hidden_layer_sizes": (1500, 1000, 500), "max_iter": 95, **DEFORMED},
    ),
}
# Errors of plain networks that were published, in percent.
PUBLISHED = {
    "Simard et al. (2003), 800 units, elastic": 0.70,
    "Cireşan et al. (2010), five layers, deformed": 0.35,
}


def main():
    """Run the script."""
    parser = Parser(__doc__.split("\n\n")[0])
    parser.add_argument(
        "--rungs", nargs="+", type=float, choices=RUNGS, default=[2.0, 1.5, 1.0]
    )
    parser.add_argument("--seeds", type=number(int, 1), help="other than the rung's")
    parser.add_argument("--epochs", type=number(int, 1), help="other than the recipe's")
    parser.add_argument("--set-aside", action="store_true", help="spare the test set")
    args = parser.parse_args()
    dataset = parser.load_dataset(args.dataset, args.data_home)
    X, y = dataset.X_train, dataset.y_train
    X_test, y_test = dataset.X_test, dataset.y_test
    if args.set_aside:
        X, X_test, y, y_test = train_test_split(
            X, y, test_size=len(X) // 6, stratify=y, random_state=0
        )
    records = (args.output_dir or OUTPUT_DIR / dataset.name) / "ladder.jsonl"
    records.parent.mkdir(parents=True, exist_ok=True)
    done = {}
    if records.exists():
        for line in records.read_text().splitlines():
            row = json.loads(line)
            done[tuple(row["key"])] = row
    rows = []
    for rung in args.rungs:
        seconds, n_seeds, recipe = RUNGS[rung]
        recipe = SHARED | recipe | ({"max_iter": args.epochs} if args.epochs else {})
        results = []
        for seed in range(args.seeds or n_seeds):
            key = repr(recipe), seed, args.set_aside
            if key not in done:
                measured = measure(recipe, seed, X, y, X_test, y_test)
                done[key] = {"key": key, **measured}
                with records.open("a") as file:
                    file.write(json.dumps(done[key]) + "\n")
            results.append(done[key])
            print(rung, seed, results[-1]["error"], results[-1]["seconds"], flush=True)
        rows.append(row_of(rung, seconds, recipe, results))
    folder = output_dir(args, dataset.name)
    where = "10,000 training images set aside" if args.set_aside else "the test set"
    name = "ladder_set_aside" if args.set_aside else "ladder"
    report(
        folder / f"{name}.md",
        f"The ladder: {dataset.name}",
        [{k: v for k, v in row.items() if k != "point"} for row in rows],
        f"Errors on {where}, means over seeds and their standard deviation. All with"
        f" {SHARED}.",
        describe_machine(),
    )
    draw([row["point"] for row in rows], folder / "plots" / f"{name}.png")


def measure(recipe, seed, X, y, X_test, y_test):
    """Return error and seconds of `fit` of a recipe, with a seed."""
    clf = MLPClassifierDIY(random_state=seed, **recipe)
    start = time.perf_counter()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        clf.fit(X, y)
    seconds = time.perf_counter() - start
    return {"error": 100 * (1 - clf.score(X_test, y_test)), "seconds": seconds}


def row_of(rung, limit, recipe, results):
    """Return a row of the table, with where it lies in the picture."""
    errors = [result["error"] for result in results]
    seconds = float(np.median([result["seconds"] for result in results]))
    met = np.mean(errors) <= rung, seconds <= limit
    own = {k: v for k, v in recipe.items() if k not in SHARED}
    return {
        "error, at most": f"{rung:.2f} %",
        "seconds, at most": limit,
        "error": f"{np.mean(errors):.2f} ± {np.std(errors):.2f} %",
        "seconds": f"{seconds:.1f}",
        "seeds": len(results),
        "met": ", ".join("yes" if it else "**no**" for it in met),
        "recipe": ", ".join(f"{k}={v}" for k, v in own.items()),
        "point": (seconds, float(np.mean(errors))),
    }


def draw(points, path):
    """Draw errors over seconds, with what was published as lines."""
    path.parent.mkdir(parents=True, exist_ok=True)
    figure, ax = plt.subplots(figsize=(8, 4), layout="constrained")
    ax.loglog(*zip(*points, strict=True), "o-", color="#0072B2", label="skdnn")
    for (text, error), style in zip(PUBLISHED.items(), (":", "--"), strict=True):
        ax.axhline(error, color="0.4", linestyle=style, label=text)
    ax.set(xlabel="seconds of fit", ylabel="error (%)")
    for axis in (ax.xaxis, ax.yaxis):
        axis.set_major_formatter("{x:g}")
        axis.set_minor_formatter("{x:g}")
    ax.tick_params(which="both", labelsize="small")
    ax.grid(which="both", color="0.9")
    ax.legend(fontsize="small")
    figure.savefig(path, dpi=100)
    plt.close(figure)


if __name__ == "__main__":
    main()
