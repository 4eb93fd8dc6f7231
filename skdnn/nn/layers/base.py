"""What all layers share."""

from dataclasses import MISSING, dataclass, field, fields
from typing import dataclass_transform


class Layer:
    """Base of all layers: a layer without parameters that keeps the shape.

    Arrays have shape (..., m, n): m samples with n features each, and in front an axis
    of networks, if there are several at once.

    `reads_output` says that ``backward`` needs what ``forward`` returned, so that the
    next layer must not write over it; `in_place`, that the layer itself may write its
    output over its input. `numbers` are those of its fields that may differ among
    networks at once: see :meth:`skdnn.nn.Network.stacked`.
    """

    reads_output = False
    in_place = True
    numbers = ()
    layers = ()  # of which it consists

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


@dataclass_transform(frozen_default=True, field_specifiers=(field,))
def layer(cls):
    """Make a class a layer: a frozen, comparable, hashable value."""
    return dataclass(frozen=True, repr=False)(cls)
