"""An epoch of Adam, as it is and with batch normalization or dropout."""

from functools import partial

import matplotlib.pyplot as plt
import numpy as np

from common.data import training_samples
from common.in_torch import is_installed, train_torch
from common.timing import compare, interleave
from speed.products import MatrixProducts
from speed.results import BLUE, GREY, ORANGE, VERMILION
from speed.systems import fit_scikit_learn, fit_skdnn

TORCH_PRODUCTS = "matrix products in torch"


def name_of(hidden, batch_size):
    """Return the name of a case."""
    return f"{'-'.join(map(str, hidden))}, batches of {batch_size}"


def measure_epoch(results, sizes, dataset):
    """An epoch of Adam, network by network."""
    X, y = training_samples(dataset, sizes["train_samples"])
    X64 = X.astype(np.float64)  # as fetch_openml returns it
    rows, all_seconds = [], {}
    peers = "scikit-learn", "scikit-learn, float64 input", "torch"
    for hidden, batch_size in sizes["networks"]:
        case = name_of(hidden, batch_size)
        settings = {"hidden": hidden, "batch_size": batch_size}
        products = partial(MatrixProducts, X, hidden, int(y.max()) + 1, batch_size)
        systems = {
            "skdnn": partial(fit_skdnn, X, y, **settings),
            "scikit-learn": partial(fit_scikit_learn, X, y, **settings),
            "skdnn, float64 input": partial(fit_skdnn, X64, y, **settings),
            "scikit-learn, float64 input": partial(
                fit_scikit_learn, X64, y, **settings
            ),
            "matrix products alone": products().train,
        }
        if is_installed("torch"):
            systems["torch"] = partial(train_torch, X, y, **settings)
            systems[TORCH_PRODUCTS] = products(in_torch=True).train
        seconds, returned = interleave(systems, sizes["repeats"])
        all_seconds[case] = dict(seconds)
        epochs = [estimator.history_[0]["seconds"] for estimator in returned["skdnn"]]
        seconds["its epoch, by history_"] = np.array(epochs)
        rows += [
            compare(case, seconds, "its epoch, by history_", "share"),
            compare(case, seconds, "scikit-learn", "speed", 1.6),
            compare(
                case,
                seconds,
                "scikit-learn, float64 input",
                "speed",
                2.2,
                ours="skdnn, float64 input",
            ),
        ]
        if is_installed("torch"):
            target = 1.5 if hidden == (100,) else 1.2 if batch_size == 512 else 1.0
            rows.append(compare(case, seconds, "torch", "speed", target))
        target = 70 if (hidden, batch_size) == ((512, 256), 512) else None
        rows.append(compare(case, seconds, "matrix products alone", "share", target))
        if is_installed("torch"):
            rows.append(
                compare(
                    case, seconds, TORCH_PRODUCTS, "speed", ours="matrix products alone"
                )
            )
    for row in rows:
        seconds = all_seconds[row["case"]]
        row["at most"] = "-"
        if row["compared with"] in peers:
            ratios = seconds[row["compared with"]] / seconds["matrix products alone"]
            row["at most"] = f"{np.median(ratios):.2f}x"
    results.add(
        "An epoch of Adam",
        rows,
        "The whole `fit` for one epoch. For scikit-learn the same array, float32, and"
        " then for both a float64 one. torch trains a `Sequential` with its fused Adam"
        " in a plain loop and records nothing. The matrix products alone are those of"
        " each mini-batch, forward and backward, in NumPy; where they are compared with"
        " those in torch, they stand for our time. In the last column, how many times"
        " as fast a fit would be in which all but the products took no time.",
    )
    results.save(draw_epochs(all_seconds), "epoch")


def draw_epochs(all_seconds):
    """Draw a chart of bars for each network."""
    styles = {
        "skdnn": (BLUE, None),
        "torch": (VERMILION, None),
        "scikit-learn": (ORANGE, None),
        "skdnn, float64 input": (BLUE, "//"),
        "scikit-learn, float64 input": (ORANGE, "//"),
        "matrix products alone": (GREY, None),
        TORCH_PRODUCTS: (GREY, "//"),
    }
    n_rows = -(-len(all_seconds) // 2)
    figure, axes = plt.subplots(
        n_rows,
        2,
        figsize=(8, 0.6 + 2 * n_rows),
        sharey=True,
        squeeze=False,
        layout="constrained",
    )
    for axis in axes.flat[len(all_seconds) :]:
        axis.set_axis_off()
    for axis, (case, seconds) in zip(axes.flat, all_seconds.items(), strict=False):
        names = [name for name in styles if name in seconds]
        medians = [np.median(seconds[name]) for name in names]
        colors, hatches = zip(*(styles[name] for name in names), strict=True)
        bars = axis.barh(names, medians, color=colors, hatch=hatches, edgecolor="white")
        axis.bar_label(bars, fmt="%.2g", padding=3)
        axis.margins(x=0.15)
        axis.set_title(case, fontsize="medium")
        axis.spines[["top", "right"]].set_visible(False)
    axes[0, 0].invert_yaxis()  # the axes share it
    figure.supxlabel("seconds for fit with one epoch", fontsize="medium")
    return figure


def measure_extras(results, sizes, dataset):
    """Batch normalization and dropout."""
    X, y = training_samples(dataset, sizes["train_samples"])
    settings = {"hidden": (512, 256), "batch_size": 512}
    extras = {
        "BatchNorm": ({"batch_norm": True}, 25),
        "Dropout": ({"dropout": 0.5}, 15),
    }
    systems = {"skdnn without": partial(fit_skdnn, X, y, **settings)}
    for name, (extra, _) in extras.items():
        systems[f"skdnn, {name}"] = partial(fit_skdnn, X, y, **settings, **extra)
        if is_installed("torch"):
            systems[f"torch, {name}"] = partial(train_torch, X, y, **settings, **extra)
    seconds, _ = interleave(systems, sizes["repeats"])
    rows = []
    for name, (_, target) in extras.items():
        ours = f"skdnn, {name}"
        rows.append(compare(name, seconds, "skdnn without", "cost", target, ours=ours))
        if is_installed("torch"):
            rows.append(
                compare(name, seconds, f"torch, {name}", "speed", 1.0, ours=ours)
            )
    results.add(
        "Batch normalization and dropout",
        rows,
        "What they add to the time of a whole `fit` for one epoch, with hidden layers"
        " of 512 and 256 units and batches of 512: after each hidden layer,"
        " `BatchNorm()` before or `Dropout(0.5)` after the activation.",
    )
