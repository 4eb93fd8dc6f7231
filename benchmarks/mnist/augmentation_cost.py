"""What each augmentation adds to the time of an epoch.

A whole `fit` for one epoch, without and with, in turn.
"""

import sys
from functools import partial
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from common.arguments import Parser, number, output_dir
from common.fits import as_planned
from common.reports import report
from common.timing import compare, interleave
from mnist.recipes import DEFORMED, SHARED
from skdnn import MLPClassifierDIY
from skdnn.augmentation import Affine, Elastic, Erase, MixUp, Noise

SIZES = (1500, 1000, 500)
AUGMENTATIONS = {
    "affine and elastic": DEFORMED,
    "affine": Affine(),
    "elastic": Elastic(),
    "erase": Erase(),
    "noise": Noise(),
    "mix-up": MixUp(),
}
AT_MOST = 10  # percent


def main():
    """Run the script."""
    parser = Parser(__doc__.split("\n\n")[0])
    parser.add_argument("--repeats", type=number(int, 1), default=5)
    parser.add_argument(
        "--hidden-layer-sizes", nargs="+", type=number(int, 1), default=SIZES
    )
    args = parser.parse_args()
    dataset = parser.load_dataset(args.dataset, args.data_home)
    X, y = dataset.X_train, dataset.y_train
    settings = SHARED | {"max_iter": 1, "random_state": 0}
    settings["hidden_layer_sizes"] = args.hidden_layer_sizes
    systems = {
        name: partial(MLPClassifierDIY(augmentation=its, **settings).fit, X, y)
        for name, its in ({"none": None} | AUGMENTATIONS).items()
    }
    with as_planned():
        seconds, _ = interleave(systems, args.repeats)
    report(
        output_dir(args, dataset.name) / "augmentation_cost.md",
        f"What augmentations add to an epoch: {dataset.name}",
        [
            compare(name, seconds, "none", "cost", AT_MOST, ours=name)
            for name in AUGMENTATIONS
        ],
        f"A whole `fit` for one epoch of {len(X):,} images, with hidden layers of"
        f" {', '.join(map(str, args.hidden_layer_sizes))} units in batches of"
        f" {SHARED['batch_size']}: medians of {args.repeats} rounds, with quartiles.",
    )


if __name__ == "__main__":
    main()
