"""Find a learning rate in seconds, and see what each rate leads to.

Above, the loss of a network whose rate rises from step to step, and the rate that is
suggested; below, the error on validation images after some epochs at each of a grid of
rates. The test set is not used.
"""

import sys
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np
from sklearn.model_selection import train_test_split

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from common.arguments import Parser, number, output_dir
from common.fits import as_planned
from common.pictures import save_picture
from common.reports import report
from skdnn import MLPClassifierDIY
from skdnn.displays import LearningRateDisplay
from skdnn.displays.common import COLOR, HIGHLIGHT, scale_log

N_VALIDATION = 10_000


def main():
    """Run the script."""
    parser = Parser(__doc__.split("\n\n")[0])
    parser.add_argument("--n-samples", type=number(int, 100), default=20_000)
    parser.add_argument("--epochs", type=number(int, 1), default=5)
    args = parser.parse_args()
    dataset = parser.load_dataset(args.dataset, args.data_home)
    n_validation = min(N_VALIDATION, len(dataset.X_train) // 4)
    X, X_val, y, y_val = train_test_split(
        dataset.X_train,
        dataset.y_train,
        train_size=min(args.n_samples, len(dataset.X_train) - n_validation),
        test_size=n_validation,
        stratify=dataset.y_train,
        random_state=0,
    )
    clf = MLPClassifierDIY(max_iter=args.epochs, random_state=0)
    figure, (above, below) = plt.subplots(
        2, sharex=True, figsize=(8, 5.5), height_ratios=(3, 2), layout="constrained"
    )
    display = LearningRateDisplay.from_estimator(clf, X, y, ax=above)
    grid = np.geomspace(1e-4, 1, 13)
    errors = []
    for rate in (*grid, display.suggestion_):
        clf.set_params(learning_rate_init=float(rate))
        with as_planned():
            clf.fit(X, y)
        errors.append(100 * (1 - clf.score(X_val, y_val)))
    *errors, suggested = errors
    below.loglog(grid, errors, "o-", color=COLOR, label="of a grid")
    below.loglog(
        display.suggestion_, suggested, "D", color=HIGHLIGHT, label="suggested"
    )
    below.set(xlabel="Learning rate", ylabel="Validation error (%)")
    above.set(xlabel="")
    scale_log(below)
    below.grid(color="0.9")
    below.legend(frameon=False, fontsize="small")
    folder = output_dir(args, dataset.name)
    save_picture(figure, folder / "plots" / "learning_rate_finder.png")
    rates = [*(f"{rate:.2g}" for rate in grid), f"{display.suggestion_:g}, suggested"]
    report(
        folder / "learning_rate_finder.md",
        f"A learning rate in seconds: {dataset.name}",
        [
            {"learning_rate_init": rate, "validation error": f"{error:.2f} %"}
            for rate, error in zip(rates, [*errors, suggested], strict=True)
        ],
        f"After {args.epochs} epochs of {len(X):,} samples, all else at its default.",
    )


if __name__ == "__main__":
    main()
