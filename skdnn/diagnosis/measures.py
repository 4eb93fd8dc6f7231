"""What is measured of a trained network: its inputs, layers, steps and answers."""

from dataclasses import dataclass
from math import nan, sqrt

import numpy as np
from scipy.sparse import issparse

from skdnn.diagnosis.answers import Answers, answers_of
from skdnn.diagnosis.updates import update_ratios
from skdnn.estimators.base import BaseMLP
from skdnn.estimators.fitted import each_network
from skdnn.nn import ELU, SELU, Dense, LeakyReLU, Logistic, PReLU, ReLU, Tanh
from skdnn.nn.inference import INFERENCE_ROWS

RECTIFIERS = ReLU, LeakyReLU, PReLU
SATURATING = Tanh, Logistic, ELU, SELU
FLAT = 0.02  # of the greatest slope: a tanh beyond 0.99, a sigmoid beyond 0.995
NO_NUMBERS = ("layer", "name", "units")  # in a layer's row, the same of every network


@dataclass(frozen=True, eq=False)
class Measurements:
    """What the checks look at.

    Parameters
    ----------
    estimator : BaseMLP
        Its settings, and its `history_`.
    layers : list of dict
        As :class:`skdnn.diagnosis.Diagnosis` has them.
    input_sizes : ndarray of shape (n_features,)
        The root mean square of each feature.
    target_size : tuple of float
        Mean and standard deviation of what the network is to put out.
    answers : Answers
    """

    estimator: BaseMLP
    layers: list
    input_sizes: np.ndarray
    target_size: tuple
    answers: Answers

    @property
    def history(self):
        """The epochs of training."""
        return self.estimator.history_

    @property
    def losses(self):
        """The loss of each epoch."""
        return [row["loss"] for row in self.history]

    @property
    def has_rate(self):
        """Whether the solver has a learning rate."""
        return self.estimator.solver != "lbfgs"

    @property
    def largest_update(self):
        """The largest step of a layer, relative to its weights."""
        return max(row["update_ratio"] for row in self.layers)


@dataclass(eq=False)
class Sums:
    """What is summed over all rows of a layer's outputs.

    Parameters
    ----------
    sum, squares : float
        Of the outputs, and of their squares.
    fires : ndarray of bool of shape (n_units,)
        Whether a unit is positive for any row.
    n_flat : ndarray of int of shape (n_units,)
        For how many rows its slope is nearly 0.
    """

    sum: float = 0.0
    squares: float = 0.0
    fires: np.ndarray | bool = False
    n_flat: np.ndarray | int = 0


def measure(estimator, X, y):
    """Return the measurements of a fitted estimator on X and y, checked and encoded.

    Without targets, y is None.
    """
    each = []
    for alone in each_network(estimator):
        with np.errstate(all="ignore"):  # a network that explodes may overflow
            outputs = _sums_of_outputs(alone.network_, X)
            ratios = update_ratios(alone, X, y)
        each.append(_describe_layers(alone, X.shape[0], outputs, ratios))
    answers = answers_of(estimator, X, y)
    return Measurements(
        estimator=estimator,
        layers=[_mean_row(rows) for rows in zip(*each, strict=True)],
        input_sizes=_sizes_of_inputs(X, estimator.network_.dtype),
        target_size=estimator.task.size_of(answers.decisions[0] if y is None else y),
        answers=answers,
    )


def _mean_row(rows):
    """Return the row of a layer, with the means over the networks."""
    return rows[0] | {
        name: float(np.mean([row[name] for row in rows]))
        for name in rows[0]
        if name not in NO_NUMBERS
    }


def _blocks(X, dtype):
    """Yield the rows of X as a network takes them, some at a time."""
    for start in range(0, X.shape[0], INFERENCE_ROWS):
        yield X[start : start + INFERENCE_ROWS].astype(dtype)


def _sizes_of_inputs(X, dtype):
    """Return the root mean square of each feature."""
    with np.errstate(all="ignore"):
        return np.sqrt(sum(map(_column_squares, _blocks(X, dtype))) / X.shape[0])


def _column_squares(X):
    if issparse(X):
        X = X.astype(np.float64)
        return np.asarray(X.multiply(X).sum(axis=0)).ravel()
    return np.square(X, dtype=np.float64).sum(axis=0)


def _sums_of_outputs(network, X):
    """Return, for each layer, the sums over its outputs for X."""
    outputs = [Sums() for _ in network.layers]
    for A in _blocks(X, network.dtype):
        A = network.as_input(A)
        workspace = network.workspace(A.shape[0], training=False)
        # One by one, as layers write over what earlier ones put out.
        each = zip(network.layers, workspace.slots, outputs, strict=True)
        for layer, slot, seen in each:
            A = layer.forward(A, slot, False)
            seen.sum += A.sum(dtype=np.float64)
            seen.squares += np.square(A, dtype=np.float64).sum()
            seen.fires |= (A > 0).any(axis=0)
            seen.n_flat += (_relative_slope(layer, A) < FLAT).sum(axis=0)
    return outputs


def _relative_slope(layer, A):
    """Return the slope of an activation that saturates, relative to its greatest."""
    if isinstance(layer, Tanh):
        return 1 - A * A
    if isinstance(layer, Logistic):
        return 4 * A * (1 - A)
    if isinstance(layer, (ELU, SELU)):
        return np.where(A > 0, 1, 1 + A / layer.depth)
    return np.ones_like(A)


def _describe_layers(estimator, n_samples, outputs, ratios):
    """Return the rows of the diagnosis."""
    network, history = estimator.network_, estimator.history_
    norms = history[-1]["gradient_norm"] if history else {}
    n_layers = len(network.layers)
    dense = [i for i in range(n_layers) if isinstance(network.layers[i], Dense)]
    places = zip([0, *dense[1:]], [*dense[1:], n_layers], ratios or [nan], strict=True)
    rows = []
    for k, (start, stop, ratio) in enumerate(places, 1):
        block, seen = network.layers[start:stop], outputs[start:stop]
        dead = [
            1 - s.fires.mean()
            for layer, s in zip(block, seen, strict=True)
            if isinstance(layer, RECTIFIERS)
        ]
        saturated = [
            np.mean(s.n_flat > n_samples / 2)
            for i, (layer, s) in enumerate(zip(block, seen, strict=True), start)
            if isinstance(layer, SATURATING) and i < n_layers - 1
        ]
        units = network.widths[stop]
        mean = seen[-1].sum / (n_samples * units)
        variance = max(seen[-1].squares / (n_samples * units) - mean**2, 0.0)
        row = {
            "layer": k,
            "name": ", ".join(map(repr, block)),
            "units": units,
            "dead": float(max(dead, default=nan)),
            "saturated": float(max(saturated, default=nan)),
            "mean": float(mean),
            "std": sqrt(variance),
            "gradient_norm": norms.get(f"Dense_{k}", nan),
            "update_ratio": ratio,
        }
        rows.append(row)
    return rows
