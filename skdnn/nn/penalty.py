"""The L2 penalty, and the norms of the gradient, in blocks of the flat vectors."""

from math import ceil, prod

import numpy as np

from skdnn.nn.vectors import block_size, blocks, column, some


class Penalty:
    """The penalty on one mini-batch: ``strength / 2 * sum(weights ** 2)``.

    It is taken in the blocks in which an optimizer steps, so that each is read from
    memory once: ``for block in network.blocks: penalty.add(block);
    optimizer.update(block)``.

    Parameters
    ----------
    network : Network
        Whose ``gradients`` hold those of the loss.
    strength : float or ndarray of shape (n_networks,)
        0 for no penalty.
    """

    def __init__(self, network, strength):
        self._network, self._strength = network, strength
        self._factor, self._is_some = column(strength, network.dtype), some(strength)
        # In float64: squares of gradients soon leave the range of float32.
        self._sum = np.float64(0)
        self._squared_norms = [np.float64(0)] * len(network.parameter_layers)

    def add(self, block):
        """Add ``strength * weights`` to the gradients of a block; note the squares."""
        for i, weights, gradients, scratch in self._network.weight_blocks[block]:
            if self._is_some:
                gradients += np.multiply(weights, self._factor, out=scratch)
                self._sum += np.vecdot(weights, weights)
            self._squared_norms[i] += np.vecdot(gradients, gradients)

    def value(self):
        """Return the penalty, once all blocks were added."""
        return self._strength / 2 * self._sum

    def squared_norms(self):
        """Return the squared norm of the gradient of each of `parameter_layers`.

        Penalty included, once all blocks were added, and before clipping.

        Returns
        -------
        squared_norms : list of float, or of ndarray of shape (n_networks,)
        """
        for i, gradients in self._network.other_gradients:
            self._squared_norms[i] += np.vecdot(gradients, gradients)
        return self._squared_norms


def weight_blocks(network):
    """Cut weights and their gradients as optimizers do, and then by layer.

    Returns
    -------
    weight_blocks : list of list of tuple
        For each block of the flat vectors its parts, the number of a layer, weights,
        their gradients and as much scratch memory; none where there are no weights.
    """
    size = block_size(network.parameters)
    scratch = np.empty((*network.axes, size), network.dtype)
    found = [[] for _ in blocks(0, network.n_parameters, size)]
    start = 0
    for i, view in enumerate(_views(network)):
        if "weights" not in view:
            continue
        stop = start + prod(view["weights"].shape[-2:])
        for k in range(start // size, ceil(stop / size)):
            part = slice(max(start, k * size), min(stop, (k + 1) * size))
            vectors = network.parameters, network.gradients
            weights, gradients = (vector[..., part] for vector in vectors)
            room = scratch[..., : part.stop - part.start]
            found[k].append((i, weights, gradients, room))
        start = stop
    return found


def other_gradients(network):
    """Return the number of a layer, and a gradient, for all that are not weights."""
    return [
        (i, gradients)
        for i, view in enumerate(_views(network))
        for name, gradients in view.items()
        if name.startswith("d_") and name != "d_weights"
    ]


def _views(network):
    return [node.view for node in network.walk() if node.view]
