"""Answer two questions of skdnn/nn/README.md with evidence.

Where does the 1/m belong, and why does a softmax Jacobian that is averaged over the
mini-batch make training explode? The wrong versions are in this script alone.
"""

import sys
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np

sys.path.insert(0, str(Path(__file__).resolve().parents[2] / "benchmarks"))

from common.arguments import Parser, output_dir
from common.reports import report
from drawing import BLUE, GREEN, INK, RED, STYLE, save_svg
from skdnn.nn import (
    SGD,
    CategoricalCrossEntropy,
    Dense,
    Network,
    ReLU,
    Softmax,
    Tanh,
)
from skdnn.nn.layers import layer

FULL = {
    "batch_sizes": [8, 32, 128, 512],
    "exponents": range(-4, 12),  # learning rates are powers of 2
    "steps": 200,
    "rates": [0.1, 0.2, 0.3, 0.5],
    "drawn_rate": 0.3,
    "epochs": 40,
    "seeds": range(5),
}
QUICK = FULL | {
    "batch_sizes": [16, 64],
    "exponents": range(-2, 9, 2),
    "steps": 50,
    "rates": [0.5],
    "drawn_rate": 0.5,
    "epochs": 10,
    "seeds": range(2),
}
BATCH_SIZE = 32  # of the runs with the two softmaxes
EXPLODED = 10  # a loss; log(10) = 2.3 is that of pure chance


@layer
class DenseDividedTwice(Dense):
    """The mistake: the loss divides by m, and the layer does so again."""

    def backward(self, dZ, slot):
        """Return dL/d(input)."""
        dA = super().backward(dZ, slot)
        slot.d_weights /= len(dZ)
        slot.d_bias /= len(dZ)
        return dA


@layer
class SoftmaxAveraged(Softmax):
    """The mistake: one Jacobian, averaged over the mini-batch, for all samples."""

    def backward(self, dA, slot):
        """Return dL/d(input)."""
        A = slot.output
        jacobian = np.diag(A.mean(axis=0)) - A.T @ A / len(A)
        return np.matmul(dA, jacobian, out=slot.d_input)


def main():
    """Run the script."""
    parser = Parser(__doc__)
    parser.set_defaults(dataset="digits")
    parser.add_argument("--quick", action="store_true", help="less of everything")
    args = parser.parse_args()
    sizes = QUICK if args.quick else FULL
    dataset = parser.load_dataset(args.dataset, args.data_home)
    X, Y = dataset.X_train.astype(float), np.eye(10)[dataset.y_train]
    folder = output_dir(args, "mathematics")
    data = f"Data: {dataset.name}, {len(X):,} training samples."
    with plt.rc_context(STYLE), np.errstate(all="ignore"):  # some are meant to explode
        where_one_over_m_belongs(X, Y, sizes, folder, data)
        softmax_averaged_or_not(X, Y, sizes, folder, data)


def train(layers, X, Y, batch_size, rate, n_steps, seed):
    """Train with plain gradient descent.

    Returns
    -------
    network : Network
    losses, norms : ndarray of shape (n_steps,)
        The loss and the norm of its gradient, at each step.
    """
    network = Network(layers, X.shape[1], np.float64)
    network.initialize(np.random.RandomState(seed))
    workspace, loss = network.workspace(batch_size), CategoricalCrossEntropy()
    optimizer = SGD(momentum=0)
    optimizer.start(network.parameters, network.gradients, network.n_weights)
    rng, order = np.random.default_rng(seed), []
    losses, norms = np.empty((2, n_steps))
    for step in range(n_steps):
        if len(order) < batch_size:
            order = rng.permutation(len(X))
        rows, order = order[:batch_size], order[batch_size:]
        losses[step] = network.backpropagate(X[rows], Y[rows], loss, workspace)
        norms[step] = np.linalg.norm(network.gradients)
        optimizer.step(rate)
    return network, losses, norms


def final_loss(dense, X, Y, batch_size, rate, sizes):
    """Return the loss on all samples after training, the mean over the seeds."""
    layers = [dense(50), Tanh(), dense(10), Softmax()]
    r = np.full(len(X), 1 / len(X))
    losses = []
    for seed in sizes["seeds"]:
        network, _, _ = train(layers, X, Y, batch_size, rate, sizes["steps"], seed)
        losses.append(CategoricalCrossEntropy().value(network.predict(X), Y, r))
    return float(np.mean(losses))


def where_one_over_m_belongs(X, Y, sizes, folder, data):
    """Find the best learning rate of each batch size, dividing once and twice."""
    figure, axes = plt.subplots(1, 2, figsize=(9, 3.6), sharey=True)
    rates = [2.0**exponent for exponent in sizes["exponents"]]
    best = {}
    for ax, dense, title in (
        (axes[0], Dense, "divided once, in the loss"),
        (axes[1], DenseDividedTwice, "divided twice"),
    ):
        for color, batch_size in zip(
            (GREEN, BLUE, INK, RED), sizes["batch_sizes"], strict=False
        ):
            losses = [final_loss(dense, X, Y, batch_size, x, sizes) for x in rates]
            ax.loglog(rates, losses, color=color, label=f"m = {batch_size}", base=2)
            lowest = int(np.argmin(losses))
            ax.plot(rates[lowest], losses[lowest], "o", color=color)
            best[dense, batch_size] = rates[lowest], losses[lowest]
        ax.set(title=title, xlabel="Learning rate", ylim=(0.03, 4))
        ax.set_yscale("log", base=10)
        ax.grid(True)
    axes[0].set_ylabel(f"Loss after {sizes['steps']} steps")
    axes[0].legend()
    save_svg(figure, folder / "one_over_m.svg")
    rows = [
        {
            "batch size m": batch_size,
            "once: best rate": f"{best[Dense, batch_size][0]:g}",
            "its loss": f"{best[Dense, batch_size][1]:.3f}",
            "twice: best rate": f"{best[DenseDividedTwice, batch_size][0]:g}",
            "loss there": f"{best[DenseDividedTwice, batch_size][1]:.3f}",
        }
        for batch_size in sizes["batch_sizes"]
    ]
    report(
        folder / "one_over_m.md",
        "Where the 1/m belongs",
        rows,
        f"{data} Dense(50), Tanh(), Dense(10), Softmax() in float64, plain gradient"
        f" descent, {sizes['steps']} steps whatever the batch size; learning rates"
        f" from {rates[0]:g} to {rates[-1]:g}, by factors of {rates[1] / rates[0]:g}."
        " The loss is that of all samples after training, the mean of"
        f" {len(sizes['seeds'])} seeds."
        "\n\n![Final loss by learning rate, a curve for each batch size, dividing once"
        " and twice](one_over_m.svg)",
    )


def curves_by_epoch(softmax, X, Y, rate, sizes):
    """Return each epoch's mean loss and largest gradient norm, a row for each seed."""
    layers = [Dense(50), ReLU(), Dense(10), softmax()]
    by_epoch = sizes["epochs"], len(X) // BATCH_SIZE
    losses, norms = [], []
    for seed in sizes["seeds"]:
        _, *curves = train(layers, X, Y, BATCH_SIZE, rate, np.prod(by_epoch), seed)
        losses.append(curves[0].reshape(by_epoch).mean(axis=1))
        norms.append(curves[1].reshape(by_epoch).max(axis=1))
    return np.array(losses), np.array(norms)


def softmax_averaged_or_not(X, Y, sizes, folder, data):
    """Train with each sample's own Jacobian and with their mean."""
    figure, axes = plt.subplots(1, 2, figsize=(9, 3.6))
    epochs = np.arange(1, sizes["epochs"] + 1)
    rows = []
    for rate in sizes["rates"]:
        row = {"learning rate": f"{rate:g}"}
        for softmax, color, name in (
            (Softmax, BLUE, "own"),
            (SoftmaxAveraged, RED, "averaged"),
        ):
            losses, norms = curves_by_epoch(softmax, X, Y, rate, sizes)
            exploded = (losses > EXPLODED).any(axis=1)
            row[f"{name}: loss"] = f"{np.median(losses[:, -1]):.3g}"
            row[f"{name}: exploded"] = f"{exploded.sum()} of {len(losses)}"
            if rate == sizes["drawn_rate"]:
                axes[0].semilogy(epochs, losses.T, color=color)
                axes[1].semilogy(epochs, norms.T, color=color)
                axes[0].plot([], [], color=color, label=name)
        rows.append(row)
    for ax, label in zip(axes, ("Loss", "Largest gradient norm"), strict=True):
        ax.set(xlabel="Epoch", ylabel=label)
        ax.grid(True)
    axes[0].legend(title="Jacobian")
    save_svg(figure, folder / "softmax_jacobian.svg")
    report(
        folder / "softmax_jacobian.md",
        "The Jacobian of the softmax, each sample's own or averaged",
        rows,
        f"{data} Dense(50), ReLU(), Dense(10), Softmax() in float64, plain gradient"
        f" descent, batch size {BATCH_SIZE}, {sizes['epochs']} epochs. The loss is the"
        f" mean of the last epoch, the median of {len(sizes['seeds'])} seeds; a run has"
        f" exploded if the mean loss of an epoch was above {EXPLODED}. The picture is"
        f" for learning rate {sizes['drawn_rate']:g}."
        "\n\n![Loss and largest gradient norm by epoch, with each sample's own Jacobian"
        " and with the average](softmax_jacobian.svg)",
    )


if __name__ == "__main__":
    main()
