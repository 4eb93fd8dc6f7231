"""The buffers of a mini-batch: what layers are handed, and what they may write over."""

import numpy as np
import pytest
from numpy.testing import assert_array_equal

from nn_examples import LAYERS, N, network_of
from skdnn.nn import Dense, Layer, Slot, Softmax, SquaredError, gradient_check, layer

M = 7


def workspace_of(network, **options):
    return network.workspace(M, rng=np.random.default_rng(0), **options)


# ------------------------------------------------------------------------- the slot


@pytest.mark.parametrize("training", [False, True])
@pytest.mark.parametrize("kind", LAYERS, ids=repr)
def test_a_name_that_no_one_declared_is_an_error(kind, training):
    for slot in workspace_of(network_of([kind]), training=training).walk():
        assert isinstance(slot, Slot)
        with pytest.raises(AttributeError, match="no attribute 'ouptut'"):
            slot.ouptut = slot.output
        with pytest.raises(AttributeError, match="no attribute 'd_wieghts'"):
            slot.d_wieghts  # noqa: B018
        assert not hasattr(slot, "__dict__")


@pytest.mark.parametrize("kind", LAYERS, ids=repr)
def test_a_slot_has_what_its_layer_declares(kind):
    network = network_of([kind])
    (slot,), (node,) = workspace_of(network).slots, network.nodes
    for name, array in node.view.items():
        mine = getattr(slot, name)
        assert np.shares_memory(mine, array)
        assert_array_equal(mine.reshape(array.shape), array)
        assert mine.ndim == 2  # vectors are rows
    for name, shape in kind.kept_shapes(M, N).items():
        assert getattr(slot, name).shape == shape
    assert len(slot.slots) == len(kind.layers)


@layer
class Halved(Layer):
    """Half of what goes in, and maybe a name that it does not declare."""

    misspelt: bool = False
    remembers = ("half",)

    def forward(self, A, slot, training):
        slot.half = 0.5
        return np.multiply(A, slot.half, out=slot.output)

    def backward(self, dA, slot):
        factor = slot.haf if self.misspelt else slot.half
        return np.multiply(dA, factor, out=slot.d_input)


@layer
class Unkept(Halved):
    """The same, but that it does not say what it keeps."""

    remembers = ()


@layer
class Clashing(Layer):
    """A layer with a parameter that is called like a buffer."""

    def parameter_shapes(self, n_inputs):
        return {"scratch": (n_inputs,)}


def check(layers):
    """Return the largest error of the gradients of some layers."""
    rng = np.random.default_rng(0)
    X, Y = rng.normal(size=(2, M, N))
    return max(gradient_check(network_of(layers), X, Y, SquaredError()).values())


def test_a_layer_of_ones_own_says_what_it_keeps():
    assert check([Dense(4), Halved(), Dense(4)]) < 1e-6
    with pytest.raises(AttributeError, match="'HalvedSlot' object .* 'haf'"):
        check([Halved(misspelt=True)])
    with pytest.raises(AttributeError, match="'UnkeptSlot' object .* 'half'"):
        check([Unkept()])
    with pytest.raises(TypeError, match=r"Clashing: every slot has {'scratch'}"):
        workspace_of(network_of([Clashing()]))


# ------------------------------------------------------------- what is written over


def run(kind, in_place):
    """Return what a layer makes, in its own memory or in that of what goes in."""
    network = network_of([kind])
    (slot,) = workspace_of(network, input_gradient=True).slots
    A = np.random.default_rng(1).normal(size=(M, N))
    if in_place and kind.forward_in_place:
        slot.output = A
    Y = kind.forward(A, slot, True)
    kept = Y.copy()
    dY = np.random.default_rng(2).normal(size=Y.shape)
    slot.d_input = np.empty((M, N))
    if in_place and kind.backward_in_place:
        slot.d_input = dY
    dA = kind.backward(dY, slot)
    return kept, dA, network.gradients


@pytest.mark.parametrize("kind", [it for it in LAYERS if not it.layers], ids=repr)
def test_in_place_gives_the_same_bits(kind):
    for mine, expected in zip(run(kind, True), run(kind, False), strict=True):
        assert_array_equal(mine, expected)


@pytest.mark.parametrize("kind", [it for it in LAYERS if it != Softmax()], ids=repr)
def test_who_cannot_work_in_place_has_memory_of_its_own(kind):
    network = network_of([Dense(4), kind, Dense(4), kind])
    first, slot, behind, _ = workspace_of(network, input_gradient=True).slots
    assert kind.forward_in_place or not np.shares_memory(slot.output, first.output)
    assert kind.backward_in_place or not np.shares_memory(slot.d_input, behind.d_input)


@layer
class Shifted(Layer):
    """The sum of each feature and the next one, written feature by feature."""

    forward_in_place = backward_in_place = False

    def forward(self, A, slot, training):
        for j in range(N):
            np.add(A[..., j], A[..., j - 1], out=slot.output[..., j])
        return slot.output

    def backward(self, dY, slot):
        for j in range(N):
            np.add(dY[..., j], dY[..., (j + 1) % N], out=slot.d_input[..., j])
        return slot.d_input


@layer
class ShiftedInPlace(Shifted):
    """The same, with a declaration that does not hold."""

    backward_in_place = True


def test_the_workspace_honours_the_declaration():
    assert check([Dense(4), Shifted(), Shifted(), Dense(4), Shifted()]) < 1e-6
    assert check([Dense(4), ShiftedInPlace(), Dense(4)]) > 1e-3


def test_no_layer_needs_numpy_to_see_that_memory_overlaps():
    """Where shapes differ, rows would be written over those that are yet to be read."""
    for kind in LAYERS:
        if kind.output_width(N) != N:
            assert not kind.forward_in_place
            assert not kind.backward_in_place
