"""What setting images upright is worth: errors of networks without and with.

Networks learn from five sixths of the training images and are judged on the others, as
with the ladder's --set-aside: the test set is left alone.
"""

import warnings
from functools import partial

import matplotlib.pyplot as plt
import numpy as np
from common import Parser, describe_machine, number, output_dir, report
from experiments import with_spread
from ladder import RUNGS, SHARED, set_aside
from sklearn.exceptions import ConvergenceWarning

from skdnn import MLPClassifierDIY
from skdnn.images import Deskew

CASES = {"as they are": 1.5, "deformed in training": 1.0}  # rungs of the ladder


def main():
    """Run the script."""
    parser = Parser(__doc__.split("\n\n")[0])
    parser.add_argument("--seeds", type=number(int, 2), default=10)
    args = parser.parse_args()
    dataset = parser.load_dataset(args.dataset, args.data_home)
    parts = set_aside(dataset)
    rows = []
    for name, rung in CASES.items():
        recipe = SHARED | RUNGS[rung].recipe
        errors = [measure(recipe, parts, seed) for seed in range(args.seeds)]
        leaning, upright = np.transpose(errors)
        rows.append(
            {
                "images": name,
                "error": with_spread(leaning),
                "set upright": with_spread(upright),
                "less": f"{100 * (1 - upright.mean() / leaning.mean()):.0f} %",
                "better": f"{np.sum(upright < leaning)} of {args.seeds}",
                "hidden layers": recipe["hidden_layer_sizes"],
                "epochs": recipe["max_iter"],
            }
        )
    folder = output_dir(args, dataset.name)
    report(
        folder / "deskew.md",
        f"Images set upright: {dataset.name}",
        rows,
        f"Errors on {len(parts[1]):,} training images set aside: means over"
        f" {args.seeds} seeds and their standard deviation. Arguments are those of the"
        " ladder.",
        describe_machine(),
    )
    draw(dataset, folder / "plots" / "deskew.png")


def measure(recipe, parts, seed):
    """Return the error in percent without and with :class:`Deskew`."""
    X, X_judged, y, y_judged = parts
    clf = MLPClassifierDIY(**recipe, random_state=seed)
    errors = []
    for seen in (np.asarray, Deskew().fit_transform):
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", ConvergenceWarning)
            clf.fit(seen(X), y)
        errors.append(100 * (1 - clf.score(seen(X_judged), y_judged)))
    return errors


def draw(dataset, path):
    """Draw a leaning digit of each kind, and what it is upright."""
    X, y = dataset.X_train, dataset.y_train
    change = np.abs(Deskew().fit_transform(X) - X).sum(axis=1)
    quantile = partial(np.quantile, q=0.9, method="nearest")
    chosen = [
        np.flatnonzero((y == label) & (change == quantile(change[y == label])))[0]
        for label in np.unique(y)
    ]
    rows = X[chosen], Deskew().fit_transform(X[chosen])
    height, width = dataset.image_shape
    figure, axes = plt.subplots(2, figsize=(8, 1.9), layout="constrained")
    for ax, name, images in zip(axes, ("as they are", "upright"), rows, strict=True):
        line = np.hstack(images.reshape(-1, height, width))
        ax.imshow(line, cmap="gray_r", aspect="equal")
        ax.set(xticks=[], yticks=[])
        ax.set_ylabel(name, rotation=0, ha="right", va="center")
        ax.spines[:].set_visible(False)
    path.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(path, dpi=100)
    plt.close(figure)


if __name__ == "__main__":
    main()
