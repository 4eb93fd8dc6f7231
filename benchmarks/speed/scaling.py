"""How the time of an epoch grows with samples and parameters."""

from functools import partial

import matplotlib.pyplot as plt
import numpy as np

from common.timing import format_seconds, interleave
from speed.results import BLUE, GREY
from speed.systems import fit_skdnn


def measure_scaling(results, sizes, dataset):
    """How the time of an epoch grows with samples and parameters."""
    rng = np.random.default_rng(0)
    X = rng.random((max(sizes["rows"]), 64), dtype=np.float32)
    y = rng.integers(10, size=len(X))
    by_rows = {n: partial(fit_skdnn, X[:n], y[:n], (100,), 200) for n in sizes["rows"]}
    n = sizes["scaling_samples"]
    by_units = {
        units: partial(fit_skdnn, X[:n], y[:n], (units, units), 200)
        for units in sizes["units"]
    }
    rows, curves = [], []
    for systems in (by_rows, by_units):
        _, returned = interleave(systems, sizes["repeats"])
        curve = {}
        for models in returned.values():
            seconds = np.array([model.history_[0]["seconds"] for model in models])
            n_parameters, n_samples = models[0].network_.parameters.size, models[0].t_
            each = np.median(seconds) / n_samples
            rows.append(
                {
                    "hidden layers": "-".join(map(str, models[0].hidden_layer_sizes)),
                    "parameters": f"{n_parameters:,}",
                    "samples": f"{n_samples:,}",
                    "epoch": format_seconds(seconds),
                    "each sample": f"{each * 1e6:.2f} µs",
                    "and parameter": f"{each / n_parameters * 1e12:.0f} ps",
                }
            )
            curve[n_samples if systems is by_rows else n_parameters] = seconds
        curves.append(curve)
    results.add(
        "Scaling",
        rows,
        "An epoch by `history_`, on random float32 samples of 64 features, with"
        " batches of 200. There is no target.",
    )
    results.save(draw_scaling(*curves), "scaling")


def draw_scaling(by_rows, by_parameters):
    """Draw both curves on logarithmic axes."""
    figure, axes = plt.subplots(1, 2, figsize=(8, 3.6), layout="constrained")
    labels = ("samples", "parameters")
    for axis, label, curve in zip(axes, labels, (by_rows, by_parameters), strict=True):
        sizes = np.array(list(curve))
        low, median, high = np.quantile(list(curve.values()), [0.25, 0.5, 0.75], axis=1)
        axis.fill_between(sizes, low, high, color=BLUE, alpha=0.25, linewidth=0)
        axis.loglog(sizes, median, color=BLUE, marker="o", label="skdnn")
        # Through the largest, where arithmetic prevails.
        proportional = median[-1] * sizes / sizes[-1]
        axis.loglog(
            sizes, proportional, color=GREY, linestyle="--", label="proportional"
        )
        axis.set_xlabel(label)
        axis.grid(alpha=0.3)
        axis.spines[["top", "right"]].set_visible(False)
    axes[0].set_ylabel("seconds for an epoch")
    axes[0].legend(frameon=False)
    return figure
