"""A block of layers with a way around it."""

from collections.abc import Iterable, Sequence
from dataclasses import field

import numpy as np

from skdnn.messages import counted
from skdnn.nn.layers.base import Layer, layer
from skdnn.nn.layers.softmax import Softmax


@layer
class Residual(Layer):
    """Layers F with a way around them: ``Y = A + F(A)``, ``dA = dY + dF(dY)``.

    The gradient has a way back on which nothing weakens it, so that deep networks
    learn, and a block need only learn what is missing.

    Parameters
    ----------
    layers : list of Layer
        As many features must come out as go in: the last dense layer must have as many
        units as there are inputs. They may hold further blocks.

    References
    ----------
    He, Zhang, Ren and Sun (2016), "Deep residual learning for image recognition".

    Examples
    --------
    >>> from skdnn.nn import Dense, ReLU, Residual
    >>> Residual([Dense(50), ReLU(), Dense(50)])
    Residual([Dense(50), ReLU(), Dense(50)])
    """

    layers: Sequence = field()
    forward_in_place = False

    def __post_init__(self):
        if not isinstance(self.layers, Iterable):
            raise TypeError(
                "Residual: layers must be a list of layers, such as [Dense(50),"
                f" ReLU()], got {self.layers!r}."
            )
        object.__setattr__(self, "layers", tuple(self.layers))
        if not self.layers:
            raise ValueError("Residual: layers is empty; at least one is needed.")
        for inner in self.layers:
            if not isinstance(inner, Layer) or isinstance(inner, Softmax):
                raise TypeError(
                    "Residual: layers must be layers of skdnn.nn other than Softmax,"
                    f" such as Dense(50) or ReLU(), got {inner!r}."
                )

    def __repr__(self):
        return f"Residual({list(self.layers)})"

    def output_width(self, n_inputs):
        width = n_inputs
        for inner in self.layers:
            width = inner.output_width(width)
        if width != n_inputs:
            raise ValueError(
                f"{self!r} makes {counted(width, 'feature')} of {n_inputs}: as many"
                " must come out as go in. Give its last dense layer"
                f" {counted(n_inputs, 'unit')}."
            )
        return width

    def kept_shapes(self, n_rows, n_inputs):
        return {"around": (n_rows, n_inputs)}

    def forward(self, A, slot, training):
        F = A
        for inner, its_slot in zip(self.layers, slot.slots, strict=True):
            F = inner.forward(F, its_slot, training)
        return np.add(A, F, out=slot.output)

    def backward(self, dY, slot):
        np.copyto(slot.around, dY)  # the layers write over dY
        dF = dY
        each = zip(reversed(self.layers), reversed(slot.slots), strict=True)
        for inner, its_slot in each:
            dF = inner.backward(dF, its_slot)
        return np.add(slot.around, dF, out=slot.d_input)
