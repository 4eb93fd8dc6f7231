"""What setting images upright is worth: errors of networks without and with.

Networks learn from five sixths of the training images and are judged on the others, as
with the ladder's --set-aside: the test set is left alone.
"""

import sys
from functools import partial
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from common.arguments import Parser, number, output_dir
from common.data import set_aside
from common.fits import as_planned
from common.pictures import save_picture
from common.reports import report, with_spread
from mnist.recipes import RUNGS, SHARED
from skdnn import MLPClassifierDIY
from skdnn.images import Deskew

CASES = {"as they are": 1.5, "deformed in training": 1.0}  # rungs of the ladder


def main():
    """Run the script."""
    parser = Parser(__doc__.split("\n\n")[0])
    parser.add_argument("--seeds", type=number(int, 2), default=10)
    args = parser.parse_args()
    dataset = parser.load_dataset(args.dataset, args.data_home)
    X, X_judged, *labels = set_aside(dataset)
    kinds = [(X, X_judged), [Deskew().fit_transform(its) for its in (X, X_judged)]]
    rows = []
    for name, rung in CASES.items():
        recipe = SHARED | RUNGS[rung].recipe
        leaning, upright = (
            np.array([measure(recipe, *its, *labels, k) for k in range(args.seeds)])
            for its in kinds
        )
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
        folder / "images_upright.md",
        f"Images set upright: {dataset.name}",
        rows,
        f"Errors on {len(X_judged):,} training images set aside: means over"
        f" {args.seeds} seeds and their standard deviation. Arguments are those of the"
        " ladder.",
    )
    draw(dataset, folder / "plots" / "images_upright.png")


def measure(recipe, X, X_judged, y, y_judged, seed):
    """Return the error in percent."""
    clf = MLPClassifierDIY(**recipe, random_state=seed)
    with as_planned():
        clf.fit(X, y)
    return 100 * (1 - clf.score(X_judged, y_judged))


def draw(dataset, path):
    """Draw a leaning digit of each kind, and what it is upright."""
    X, y = dataset.X_train, dataset.y_train
    upright = Deskew().fit_transform(X)
    change = np.abs(upright - X).sum(axis=1)
    quantile = partial(np.quantile, q=0.9, method="nearest")
    chosen = [
        np.flatnonzero((y == label) & (change == quantile(change[y == label])))[0]
        for label in np.unique(y)
    ]
    rows = X[chosen], upright[chosen]
    height, width = dataset.image_shape
    figure, axes = plt.subplots(2, figsize=(8, 1.9), layout="constrained")
    for ax, name, images in zip(axes, ("as they are", "upright"), rows, strict=True):
        line = np.hstack(images.reshape(-1, height, width))
        ax.imshow(line, cmap="gray_r", aspect="equal")
        ax.set(xticks=[], yticks=[])
        ax.set_ylabel(name, rotation=0, ha="right", va="center")
        ax.spines[:].set_visible(False)
    save_picture(figure, path)


if __name__ == "__main__":
    main()
