"""The buffers of a mini-batch: where layers write what they compute."""

from math import prod

import numpy as np

from skdnn.nn.layers import Dense


class Workspace:
    """The buffers that one size of mini-batch needs, a slot for each layer.

    Parameters
    ----------
    network : Network
    n_rows : int
        Rows of a mini-batch.
    training : bool, default=True
        Whether layers behave as in training, and `backward` can follow.
    input_gradient : bool, default=False
        Whether `backward` goes all the way to the network's input.
    rng : numpy.random.Generator, or list of one for each network, default=None
        Where dropout and noise draw from; by default new ones.
    like : Workspace, default=None
        One for as many rows or more, whose memory to share: the last, smaller
        mini-batch of an epoch then needs none of its own.
    plain_averages : bool, default=False
        Whether running statistics are plain averages over the mini-batches since
        :meth:`Network.reset_statistics`, rather than exponential ones.

    Attributes
    ----------
    slots : list of Slot
        See :class:`skdnn.nn.layers.base.Slot`.
    row_weights : ndarray of shape (..., n_rows)
        What each row counts in the loss, in sum 1; equal unless changed.
    d_output : ndarray of shape (..., n_rows, n_outputs)
        Where dL/d(output) goes.
    first : int
        Index of the layer at which `backward` may stop.
    logits : ndarray of shape (..., n_rows, n_outputs)
        What went into the last layer, after a fused :meth:`Network.backpropagate`.
    """

    def __init__(
        self,
        network,
        n_rows,
        *,
        training=True,
        input_gradient=False,
        rng=None,
        like=None,
        plain_averages=False,
    ):
        self.n_rows = n_rows
        self.training = training
        self._dtype, self._axes = network.dtype, network.axes
        rngs = rng if isinstance(rng, list) else [rng] * network.n_networks
        if training and rng is None:
            rngs = [np.random.default_rng() for _ in rngs]
        self._memory = {} if like is None else like._memory
        shared = {"rngs": rngs}
        if training:
            shared["plain_averages"] = plain_averages
            shape = *network.axes, n_rows
            self.row_weights = np.full(shape, 1 / n_rows, network.dtype)
            shared["row_weights"] = self.row_weights[..., np.newaxis, :]
            shared["ones"] = np.ones((1, n_rows), network.dtype)
            shared["batch_fraction"] = 1.0 if like is None else n_rows / like.n_rows
        self._shared = shared
        self.slots = self._make_slots(network.nodes, ())
        if training:
            self.first = 0
            if not input_gradient:
                learns = (any(n.view for n in node.walk()) for node in network.nodes)
                self.first = next((i for i, it in enumerate(learns) if it), 0)
            self.d_output = self._array(("gradient", 0), (n_rows, network.widths[-1]))
            self._give_gradient_buffers(network.nodes, self.slots, 0, input_gradient)

    def _make_slots(self, nodes, place):
        """Return a slot for each of some layers in a row, at a place of their own."""
        slots = []
        n_arrays = 0
        protected = True  # whether a layer still needs the array before the next one
        for i, node in enumerate(nodes):
            layer, here = node.layer, (*place, i)
            shape = (self.n_rows, node.n_outputs)
            slot = node.slot_class(**self._shared)
            slot.slots = self._make_slots(node.children, here)
            if self.training:
                slot.scratch = self._array("scratch", shape)
                slot.mask = self._array("mask", shape, bool)
                kept = layer.kept_shapes(self.n_rows, node.n_inputs)
                for name, its_shape in kept.items():
                    setattr(slot, name, self._array((name, *here), its_shape))
            for name, value in node.rows.items():
                setattr(slot, name, value)
            if protected or not layer.forward_in_place:
                # At inference nothing is kept, so that two arrays can take turns.
                n_arrays += 1
                turn = n_arrays if self.training else n_arrays % 2
                slot.output = self._array(("output", *place, turn), shape)
                protected = False
            else:
                slot.output = slots[-1].output
            protected |= layer.reads_output and self.training
            slots.append(slot)
        return slots

    def _give_gradient_buffers(self, nodes, slots, turn, to_the_first):
        """Let two arrays take turns where a layer cannot work in place.

        Returns whose turn it is in the end.
        """
        for i in reversed(range(len(nodes))):
            node, slot = nodes[i], slots[i]
            if isinstance(node.layer, Dense) and i == self.first and not to_the_first:
                break
            turn ^= not node.layer.backward_in_place
            turn = self._give_gradient_buffers(node.children, slot.slots, turn, True)
            shape = (self.n_rows, node.n_inputs)
            slot.d_input = self._array(("gradient", turn), shape)
        return turn

    def walk(self, slots=None):
        """Yield each slot, also of the layers that others consist of."""
        for slot in self.slots if slots is None else slots:
            yield slot
            yield from self.walk(slot.slots)

    def _array(self, key, shape, dtype=None):
        """Return an array that begins where others of the same key begin.

        `shape` is that of one network's.
        """
        shape = *self._axes, *shape
        size = prod(shape)
        memory = self._memory.get(key)
        if memory is None or memory.size < size:
            memory = np.empty(size, dtype or self._dtype)
            self._memory[key] = memory
        return memory[:size].reshape(shape)
