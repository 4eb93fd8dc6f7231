"""The layers in their places: their widths, names, and parts of the flat vectors."""

from dataclasses import dataclass
from functools import cached_property
from math import prod

import numpy as np

from skdnn.nn.layers import Layer, Softmax
from skdnn.nn.layers.base import slot_class


@dataclass
class Node:
    """A layer in its place in a network.

    Parameters
    ----------
    layer : Layer
    name : str
    n_inputs, n_outputs : int
        Features that go into it, and that come out.
    view : dict of str to ndarray
        Its parameters, gradients and running statistics.
    rows : dict of str to ndarray
        The same as a layer takes them: vectors as a row, to go with rows of samples.
    children : list of Node
        The layers that it consists of.
    """

    layer: Layer
    name: str
    n_inputs: int
    n_outputs: int
    view: dict
    rows: dict
    children: list

    @cached_property
    def slot_class(self):
        """The class of what a workspace hands to the layer."""
        return slot_class(self.layer, self.n_inputs)

    def walk(self):
        """Yield this one, and all that it consists of."""
        yield self
        for child in self.children:
            yield from child.walk()

    def count_parameters(self):
        """Return the number of parameters, of all that it consists of."""
        weights, others, _ = entries_of(self.walk())
        return length_of(weights + others)


def make_nodes(layers, n_inputs, prefix=""):
    """Return a node for each of some layers in a row."""
    nodes, kinds = [], [type(layer).__name__ for layer in layers]
    for i, layer in enumerate(layers):
        name = f"{prefix}{kinds[i]}_{kinds[: i + 1].count(kinds[i])}"
        children = make_nodes(layer.layers, n_inputs, f"{name}.")
        n_outputs = layer.output_width(n_inputs)
        node = Node(layer, name, n_inputs, n_outputs, {}, {}, children)
        nodes.append(node)
        n_inputs = n_outputs
    return nodes


def entries_of(nodes):
    """Return what the flat vectors hold: weights, other parameters, and statistics.

    Each is a list of the node, name and shape of one array after the other.
    """
    weights, others, statistics = [], [], []
    for node in nodes:
        for name, shape in node.layer.parameter_shapes(node.n_inputs).items():
            (weights if name == "weights" else others).append((node, name, shape))
        for name, shape in node.layer.statistic_shapes(node.n_inputs).items():
            statistics.append((node, name, shape))
    return weights, others, statistics


def length_of(entries):
    """Return how many numbers of one network some entries are."""
    return sum(prod(shape) for _, _, shape in entries)


def cut(vector, entries, prefix=""):
    """Give the nodes views into a flat vector, under their names with a prefix."""
    start = 0
    for node, name, shape in entries:
        stop = start + prod(shape)
        view = vector[..., start:stop].reshape(*vector.shape[:-1], *shape)
        node.view[prefix + name] = view
        is_vector = len(shape) == 1
        node.rows[prefix + name] = view[..., np.newaxis, :] if is_vector else view
        start = stop


def check_layers(layers, name="layers"):
    """Raise an error unless `layers` is a sequence of layers that makes sense.

    The error calls them by the name of the argument.
    """
    for i, layer in enumerate(layers):
        if isinstance(layer, type) and issubclass(layer, Layer):
            raise TypeError(
                f"{name}: Layer {i} is the class {layer.__name__}; an instance is"
                f" needed: {layer.__name__}(...)."
            )
        if not isinstance(layer, Layer):
            raise TypeError(
                f"{name}: Layer {i} must be a layer of skdnn.nn, such as Dense(50) or"
                f" ReLU(), got {layer!r}."
            )
        if isinstance(layer, Softmax) and i < len(layers) - 1:
            raise ValueError(
                f"{name}: Softmax() is layer {i} of {len(layers)}; it can only be the"
                " last one."
            )
