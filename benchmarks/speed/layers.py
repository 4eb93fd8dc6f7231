"""Each layer alone, next to that of torch."""

from textwrap import shorten

import numpy as np

from common.in_torch import as_noise, is_installed
from common.timing import NO_TARGET, compare, format_seconds, interleave
from skdnn.nn import (
    ELU,
    GELU,
    SELU,
    BatchNorm,
    Dense,
    Dropout,
    GaussianNoise,
    LayerNorm,
    LeakyReLU,
    Logistic,
    Mish,
    Network,
    PiecewiseLinear,
    PReLU,
    ReLU,
    Residual,
    Scale,
    SiLU,
    Softplus,
    Tanh,
)

LAYERS = [
    Dense(256),
    ReLU(),
    LeakyReLU(),
    PReLU(),
    ELU(),
    SELU(),
    GELU(),
    SiLU(),
    Mish(),
    Softplus(),
    Logistic(),
    Tanh(),
    BatchNorm(),
    LayerNorm(),
    Scale(),
    Dropout(0.5),
    GaussianNoise(0.2),
    PiecewiseLinear([(-2.0, -1.0, 0.0, 1.0, 2.0)] * 256),
    Residual([Dense(256), ReLU(), Dense(256)]),
]


def measure_layers(results, sizes, dataset):
    """Each layer alone, forward and backward."""
    width, n_rows = 256, 512
    rng = np.random.default_rng(0)
    A = rng.standard_normal((n_rows, width), np.float32)
    rows = []
    for layer in LAYERS:
        case = shorten(repr(layer), 44, placeholder=" ...")
        dY = rng.standard_normal((n_rows, layer.output_width(width)), np.float32)
        systems = {"skdnn": Layer(layer, A, dY).step}
        if is_installed("torch"):
            systems["torch"] = TorchLayer(layer, A, dY).step
        seconds, _ = interleave(systems, sizes["repeats"], calls=sizes["layer_calls"])
        if is_installed("torch"):
            rows.append(compare(case, seconds, "torch", "speed"))
        else:
            time = format_seconds(seconds["skdnn"])
            rows.append({"case": case, "our time": time} | NO_TARGET)
    results.add(
        "Layers",
        rows,
        f"A layer alone, forward and backward, with the gradients of its input and its"
        f" parameters, on {n_rows} rows of {width} float32 numbers. torch's layers are"
        " those of `torch.nn`, or written with it, with autograd.",
    )


class Layer:
    """A network of one layer.

    Parameters
    ----------
    layer : skdnn.nn.Layer
    A, dY : ndarray of shape (n_rows, width)
        Its input, and the gradient of its output, each of its own width.
    """

    def __init__(self, layer, A, dY):
        self.A, self.dY = A, dY
        self.work = dY.copy()  # a layer may write over what it is given
        self.network = Network([layer], A.shape[1])
        self.network.initialize(np.random.RandomState(0))
        self.workspace = self.network.workspace(len(A), input_gradient=True)

    def step(self):
        """Go forward and backward."""
        self.network.forward(self.A, self.workspace)
        np.copyto(self.work, self.dY)
        return self.network.backward(self.work, self.workspace)


class TorchLayer:
    """A layer of torch that does what one of ours does, with autograd.

    Parameters
    ----------
    layer : skdnn.nn.Layer
    A, dY : ndarray of shape (n_rows, width)
        Its input, and the gradient of its output, each of its own width.
    """

    def __init__(self, layer, A, dY):
        import torch

        self.A = torch.from_numpy(A.copy()).requires_grad_()
        self.dY = torch.from_numpy(dY)
        self.forward = as_torch(layer, A.shape[1])

    def step(self):
        """Go forward and backward; gradients are set, not added to."""
        for parameter in self.forward.parameters():
            parameter.grad = None
        self.A.grad = None
        self.forward(self.A).backward(self.dY)
        return self.A.grad


def as_torch(layer, width):
    """Return the module of torch that does what a layer of as many units does."""
    import torch
    from torch import nn

    class Scale(nn.Module):
        def __init__(self):
            super().__init__()
            self.factor = nn.Parameter(torch.ones(width))

        def forward(self, A):
            return A * self.factor

    class PiecewiseLinear(nn.Module):  # of as many bins of each input
        def __init__(self):
            super().__init__()
            edges = torch.tensor(layer.edges)
            self.starts, self.widths = edges[:, :-1], edges.diff()

        def forward(self, A):
            T = ((A[..., None] - self.starts) / self.widths).clamp(0, 1)
            return torch.cat([A, T.flatten(1)], 1)

    class Residual(nn.Module):
        def __init__(self):
            super().__init__()
            self.block = nn.Sequential(*(as_torch(it, width) for it in layer.layers))

        def forward(self, A):
            return A + self.block(A)

    makers = {
        "Dense": lambda: nn.Linear(width, width),
        "Logistic": nn.Sigmoid,
        "PReLU": lambda: nn.PReLU(width),
        "BatchNorm": lambda: nn.BatchNorm1d(width),
        "LayerNorm": lambda: nn.LayerNorm(width),
        "Dropout": lambda: nn.Dropout(layer.rate),
        "Scale": Scale,
        "GaussianNoise": lambda: as_noise(layer.std),
        "PiecewiseLinear": PiecewiseLinear,
        "Residual": Residual,
    }
    name = type(layer).__name__
    return makers.get(name, getattr(nn, name, None))()
