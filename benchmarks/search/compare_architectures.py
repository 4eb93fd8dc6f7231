"""Compare architectures by cross-validation: GridSearchCV over a pipeline.

The fitted search is persisted with joblib, loaded again, and tested on the test set.
Pictures show scores against fit times and numbers of parameters.
"""

import sys
from pathlib import Path

import joblib
import numpy as np
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import Pipeline
from sklearn.preprocessing import MinMaxScaler

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from common.arguments import Parser, number, output_dir
from common.data import training_samples
from common.fits import as_planned
from common.pictures import save_picture
from common.reports import report
from skdnn import MLPClassifierDIY
from skdnn.displays import ArchitectureComparisonDisplay
from skdnn.nn import BatchNorm, Dense, Dropout, LeakyReLU, ReLU, Tanh

ARCHITECTURES = [
    [Dense(50), ReLU()],
    [Dense(50), BatchNorm(), ReLU()],
    [Dense(100), BatchNorm(), ReLU()],
    [Dense(100), BatchNorm(), LeakyReLU()],
    [Dense(100), BatchNorm(), Tanh()],
    [Dense(50), BatchNorm(), ReLU(), Dense(50), BatchNorm(), ReLU()],
    [Dense(200), BatchNorm(), ReLU(), Dropout(0.2)],
    [Dense(200), BatchNorm(), ReLU(), Dropout(0.2), Dense(100), BatchNorm(), ReLU()],
]


def main():
    """Run the script."""
    parser = Parser(__doc__)
    for option, kind, least, default, help_text in (
        ("--train-samples", int, 100, 20_000, "so many of the training set at most"),
        ("--cv", int, 2, 3, "number of folds"),
        ("--epochs", int, 1, 10, "of each fit"),
        ("--n-jobs", int, -1, -1, "fits at a time; -1 stands for all cores"),
        ("--random-state", int, 0, 0, "seed of each fit"),
    ):
        parser.add_argument(
            option, type=number(kind, least), default=default, help=help_text
        )
    args = parser.parse_args()
    dataset = parser.load_dataset(args.dataset, args.data_home)
    X, y = training_samples(dataset, args.train_samples)
    search = make_search(args)
    print(f"{len(ARCHITECTURES)} architectures, {args.cv} folds, {len(X):,} samples")
    with as_planned():
        try:
            search.fit(X, y)
        except ValueError as error:
            parser.error(error)

    folder = output_dir(args, dataset.name)
    path = folder / "models" / "compare_architectures.joblib"
    path.parent.mkdir(parents=True, exist_ok=True)
    joblib.dump(search, path)
    loaded = joblib.load(path)
    probabilities = loaded.predict_proba(dataset.X_test)
    if not np.array_equal(probabilities, search.predict_proba(dataset.X_test)):
        parser.error("persisted and loaded, the search predicts other probabilities")
    draw(search, folder / "plots")
    report(
        folder / "compare_architectures.md",
        "Comparison of architectures",
        make_table(search.cv_results_),
        f"Data: {dataset.name}, {len(X):,} training samples, {args.cv} folds. Each fit"
        f" has {args.epochs} epochs. Scores are accuracies on the fold left out; the"
        " spread is their standard deviation. Seconds are those of a fit, of which"
        f" several may run at a time (--n-jobs {args.n_jobs}).\n\n"
        "The best, fitted again on all training samples, has a test score of"
        f" {loaded.score(dataset.X_test, dataset.y_test):.4f}. Persisted and loaded, it"
        " predicts the same probabilities.",
    )


def make_search(args):
    """Return the search, not fitted."""
    mlp = MLPClassifierDIY(
        learning_rate="one_cycle",
        learning_rate_init=0.01,
        max_iter=args.epochs,
        random_state=args.random_state,
    )
    return GridSearchCV(
        Pipeline([("scale", MinMaxScaler()), ("mlp", mlp)]),
        {"mlp__architecture": ARCHITECTURES},
        cv=args.cv,
        n_jobs=args.n_jobs,
        verbose=1,
    )


def draw(search, folder):
    """Draw the scores against what the candidates cost."""
    for x in ("fit_time", "parameters"):
        display = ArchitectureComparisonDisplay.from_search(search, x=x)
        save_picture(display.figure_, folder / f"architectures_{x}.png")


def make_table(results):
    """Return a row for each architecture, the best first."""
    return [
        {
            "architecture": ", ".join(
                map(repr, results["params"][i]["mlp__architecture"])
            ),
            "mean score": f"{results['mean_test_score'][i]:.4f}",
            "spread": f"{results['std_test_score'][i]:.4f}",
            "seconds": f"{results['mean_fit_time'][i]:.1f}",
        }
        for i in np.argsort(results["rank_test_score"], kind="stable")
    ]


if __name__ == "__main__":
    main()
