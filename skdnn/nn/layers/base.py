"""What all layers share, and what a network hands to them."""

from collections.abc import Sequence
from dataclasses import MISSING, dataclass, field, fields
from functools import lru_cache
from typing import dataclass_transform

import numpy as np


class Layer:
    """Base of all layers: a layer without parameters that keeps the shape.

    Arrays have shape (..., m, n): m samples with n features each, and in front an axis
    of networks, if there are several at once. What changes while a network learns is
    in a :class:`Slot`; the layer says what there is in its own.

    Attributes
    ----------
    reads_output : bool
        Whether ``backward`` needs what ``forward`` returned, so that the next layer
        must not write over it.
    forward_in_place, backward_in_place : bool
        Whether ``forward`` may write its output over its input, and ``backward``
        dL/d(input) over dL/d(output); else they have different memory.
    remembers : tuple of str
        What ``forward`` leaves in the slot for ``backward``, beside the arrays of
        :meth:`kept_shapes`.
    suited_initializer : object or None
        See :mod:`skdnn.nn.initializers`: with which an activation keeps its spread
        best through twenty layers; None leaves the choice to scikit-learn's.
    layers : tuple of Layer
        Of which it consists.
    """

    reads_output = False
    forward_in_place = backward_in_place = True
    remembers = ()
    suited_initializer = None
    layers = ()

    def output_width(self, n_inputs):
        """Return the number of features that come out where `n_inputs` go in."""
        return n_inputs

    def parameter_shapes(self, n_inputs):
        """Return the shape of each parameter by name."""
        return {}

    def statistic_shapes(self, n_inputs):
        """Return the shape of each running statistic by name."""
        return {}

    def initial_values(self):
        """Return where parameters and statistics start that do not start at 0.

        Weights and bias are an initializer's.
        """
        return {}

    def kept_shapes(self, n_rows, n_inputs):
        """Return the shape of each array that forward keeps for backward."""
        return {}

    def forward(self, A, slot, training):
        """Return the layer's output for the input A of shape (..., m, n_inputs)."""
        raise NotImplementedError

    def backward(self, dA, slot):
        """Return dL/d(input) from dL/d(output); write the parameters' gradients."""
        raise NotImplementedError

    def check_dtype(self, dtype):
        """Raise an error if the dtype of a network cannot hold one of the fields."""

    def __repr__(self):
        # Short, and evaluates back: Dense(50), BatchNorm(), Dropout(0.2).
        shown = [
            repr(value) if field.default is MISSING else f"{field.name}={value!r}"
            for field in fields(self)
            if (value := getattr(self, field.name)) != field.default
        ]
        return f"{type(self).__name__}({', '.join(shown)})"


@dataclass(slots=True, eq=False, repr=False)
class Slot:
    """What a network hands to a layer, for mini-batches of m rows.

    A layer may read all of it, and write to `output`, `d_input`, `scratch` and `mask`,
    to its gradients and running statistics, and to what it declares that it keeps.
    Other names there are none: one that is misspelt is an error, read or written.

    Those that a layer declares come as well, under the names that it gives them:

    - ``slot.<name>`` and ``slot.d_<name>``, of `parameter_shapes`: a parameter and
      dL/d(parameter), views into the network's flat vectors, vectors as rows;
    - ``slot.<name>``, of `statistic_shapes`: a running statistic;
    - ``slot.<name>``, of `kept_shapes`: in training, an array to keep something in;
    - ``slot.<name>``, of `remembers`: whatever ``forward`` assigns to it.

    Parameters
    ----------
    output, d_input : ndarray
        Where ``forward`` and ``backward`` write; `d_input` is None where nobody asks
        for it, in front of a first dense layer.
    scratch, mask : ndarray
        In training, room for one intermediate result, float and bool, of the shape of
        `output`, free again when the call returns. None at inference.
    ones : ndarray of shape (1, m)
        In training: ``ones @ dZ`` is the fastest column sum.
    row_weights : ndarray of shape (..., 1, m)
        In training, each sample's share of the mean over the mini-batch: 1/m, or
        w_i / sum(w) where there are sample weights.
    batch_fraction : float
        m over the rows of a full mini-batch.
    plain_averages : bool
        Whether running statistics are plain averages.
    rngs : list of numpy.random.Generator
        One for each network, in training.
    slots : list of Slot
        Those of the layers of which the layer consists.
    """

    output: np.ndarray | None = None
    d_input: np.ndarray | None = None
    scratch: np.ndarray | None = None
    mask: np.ndarray | None = None
    ones: np.ndarray | None = None
    row_weights: np.ndarray | None = None
    batch_fraction: float = 1.0
    plain_averages: bool = False
    rngs: Sequence = ()
    slots: Sequence = ()


def slot_class(layer, n_inputs):
    """Return the class of a layer's slots: with what all have, and what it declares."""
    parameters = layer.parameter_shapes(n_inputs)
    kept = layer.kept_shapes(1, n_inputs)
    statistics = layer.statistic_shapes(n_inputs)
    gradients = (f"d_{name}" for name in parameters)
    own = (*parameters, *gradients, *statistics, *kept)
    return _slot_class(type(layer).__name__, own + layer.remembers)


@lru_cache(256)
def _slot_class(layer_name, names):
    if taken := {*names} & {field.name for field in fields(Slot)}:
        raise TypeError(f"{layer_name}: every slot has {taken} already: rename yours.")
    return type(f"{layer_name}Slot", (Slot,), {"__slots__": names})


@dataclass_transform(frozen_default=True, field_specifiers=(field,))
def layer(cls):
    """Make a class a layer: a frozen, comparable, hashable value."""
    return dataclass(frozen=True, repr=False)(cls)
