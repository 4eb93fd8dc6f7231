"""Draw what the last hidden layer sees, in two dimensions, before and after training.

Its activations on test images, by `transform`, are projected on their two principal
components; and they are what the nearest neighbours of an image are looked up among.
"""

import sys
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np
from sklearn.base import clone
from sklearn.decomposition import PCA
from sklearn.neighbors import KNeighborsClassifier

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from common.arguments import Parser, number, output_dir
from common.data import training_samples
from common.fits import as_planned
from common.pictures import save_picture
from common.reports import report
from skdnn import MLPClassifierDIY

# A step so small that no weight changes: the network is as it was drawn.
UNTRAINED = {"max_iter": 1, "learning_rate_init": 1e-30}


def main():
    """Run the script."""
    parser = Parser(__doc__)
    parser.add_argument(
        "--train-samples", type=number(int, 100), default=10_000, help="at most"
    )
    parser.add_argument("--epochs", type=number(int, 1), default=30, help="of the fit")
    parser.add_argument("--random-state", type=number(int, 0), default=0, help="seed")
    args = parser.parse_args()
    dataset = parser.load_dataset(args.dataset, args.data_home)
    X, y = training_samples(dataset, args.train_samples)
    X_test, y_test = dataset.X_test[:2000], dataset.y_test[:2000]
    clf = MLPClassifierDIY(
        (100, 100, 20),
        batch_norm=True,
        learning_rate="one_cycle",
        learning_rate_init=0.01,
        max_iter=args.epochs,
        random_state=args.random_state,
    )
    with as_planned():
        networks = {
            "before": clone(clf).set_params(**UNTRAINED).fit(X, y),
            "after": clf.fit(X, y),
        }
    folder = output_dir(args, dataset.name)
    draw(networks, X_test, y_test, folder / "plots")
    rows = [
        {"neighbors of": "pixels", "test accuracy": neighbors(X, y, X_test, y_test)}
    ]
    for when, network in networks.items():
        seen, seen_test = network.transform(X), network.transform(X_test)
        score = neighbors(seen, y, seen_test, y_test)
        name = f"last hidden layer, {when} training"
        rows.append({"neighbors of": name, "test accuracy": score})
    rows.append(
        {
            "neighbors of": "the network itself",
            "test accuracy": clf.score(X_test, y_test),
        }
    )
    report(
        folder / "hidden_layers.md",
        "What the last hidden layer sees",
        [row | {"test accuracy": f"{row['test accuracy']:.4f}"} for row in rows],
        f"Data: {dataset.name}, {len(X):,} training samples, {len(X_test):,} test"
        f" samples. Hidden layers of 100, 100 and 20 units, {args.epochs} epochs. Five"
        " nearest neighbours decide, among the training samples, by their pixels or"
        " their activations.",
    )


def neighbors(X, y, X_test, y_test):
    """Return the test accuracy of nearest neighbours."""
    return KNeighborsClassifier().fit(X, y).score(X_test, y_test)


def draw(networks, X, y, folder):
    """Draw two scatter plots side by side, and one legend."""
    figure, axes = plt.subplots(1, 2, figsize=(8, 4.2), layout="constrained")
    palette = plt.get_cmap("tab10").colors
    for axis, (when, network) in zip(axes, networks.items(), strict=True):
        points = PCA(2, random_state=0).fit_transform(network.transform(X))
        for i, label in enumerate(network.classes_):
            axis.scatter(*points[y == label].T, s=4, color=palette[i % 10])
            axis.annotate(
                str(label),
                np.median(points[y == label], axis=0),
                ha="center",
                va="center",
                bbox={"boxstyle": "circle", "facecolor": "white", "alpha": 0.85},
            )
        axis.set_title(f"{when} training")
        axis.set_xticks([])
        axis.set_yticks([])
    figure.supxlabel("two principal components of 20 activations", fontsize="medium")
    save_picture(figure, folder / "hidden_layers.png")


if __name__ == "__main__":
    main()
