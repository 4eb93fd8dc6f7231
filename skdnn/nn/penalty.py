"""The L2 penalty, and the norms of the gradient, in blocks of the flat vectors."""

from math import ceil, prod

import numpy as np

from skdnn.nn.vectors import block_size, blocks, column, some


class Penalty:
    """The penalty on mini-batches: ``alpha / (2 m) * sum(weights ** 2)``.

    It is taken in the blocks in which an optimizer steps, so that each is read from
    memory once: ``for block in network.blocks: penalty.add(block);
    optimizer.update(block)``, between `begin` and `end`.

    Parameters
    ----------
    network : Network
        Whose ``gradients`` hold those of the loss.
    alpha : float or ndarray of shape (n_networks,)
        0 for no penalty.
    """

    def __init__(self, network, alpha):
        self._alpha, self._dtype, self._total_weight = alpha, network.dtype, None
        parts, others = weight_blocks(network), other_gradients(network)
        n_parts, n_others = sum(map(len, parts)), len(others)
        # Sums of squares, of weights and then of gradients: each part has views.
        self._n_parts, self._layers = n_parts, []
        self._sums = np.zeros((2 * n_parts + n_others, *network.axes), self._dtype)
        self._blocks, self._others = [[] for _ in parts], []
        for k, block in enumerate(parts):
            for i, *arrays in block:
                j = len(self._layers)
                sums = self._sums[j, ...], self._sums[n_parts + j, ...]
                self._blocks[k].append((*arrays, *sums))
                self._layers.append(i)
        for i, gradients in others:
            sums = self._sums[n_parts + len(self._layers), ...]
            self._others.append((gradients, sums))
            self._layers.append(i)
        self._zeros = [0.0] * len(network.parameter_layers)
        self._ones = np.ones(network.n_networks)

    def begin(self, total_weight):
        """Begin with a mini-batch of this weight, m where all rows count the same.

        Parameters
        ----------
        total_weight : float or ndarray of shape (n_networks,)
        """
        if total_weight is not self._total_weight:  # or else all is as it was
            self._total_weight, strength = total_weight, self._alpha / total_weight
            self._factor = column(strength, self._dtype)
            self._is_some = some(strength)
            self._halves = (self._ones * strength / 2).tolist()

    def add(self, block):
        """Add ``alpha / m * weights`` to the gradients of a block; note the squares."""
        for views in self._blocks[block]:
            weights, gradients, scratch, of_weights, of_gradients = views
            if self._is_some:
                gradients += np.multiply(weights, self._factor, out=scratch)
                np.vecdot(weights, weights, out=of_weights)
            np.vecdot(gradients, gradients, out=of_gradients)

    def end(self):
        """Return what there is to say of it, once all blocks were added.

        Sums are taken in float64, as squares of gradients soon leave the range of
        float32, and one after the other.

        Returns
        -------
        penalties : list of float
            Of each network.
        squared_norms : list of list of float
            Of each network, the squared norm of the gradient of each of its
            `parameter_layers`, penalty included.
        """
        for gradients, of_gradients in self._others:
            np.vecdot(gradients, gradients, out=of_gradients)
        penalties, squared_norms = [], []
        every = self._sums.reshape(-1, len(self._ones)).T.tolist()
        for half, sums in zip(self._halves, every, strict=True):
            total, norms = 0.0, self._zeros.copy()
            for square in sums[: self._n_parts]:
                total += square
            for i, square in zip(self._layers, sums[self._n_parts :], strict=True):
                norms[i] += square
            penalties.append(half * total)
            squared_norms.append(norms)
        return penalties, squared_norms


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
