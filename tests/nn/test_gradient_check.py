"""The check itself: it must find what is wrong."""

from dataclasses import dataclass

import numpy as np
import pytest
from numpy.testing import assert_array_equal

from skdnn.nn import (
    BatchNorm,
    CategoricalCrossEntropy,
    Dense,
    Dropout,
    Network,
    Softmax,
    gradient_check,
)


class DenseDividedTwice(Dense):
    """The mistake: the loss divides by m, and the layer does so again."""

    def backward(self, dZ, slot):
        dA = super().backward(dZ, slot)
        slot.d_weights /= len(dZ)
        slot.d_bias /= len(dZ)
        return dA


@dataclass(frozen=True, repr=False)
class SoftmaxAveraged(Softmax):
    """The mistake: one Jacobian, averaged over the batch."""

    def backward(self, dA, slot):
        A = slot.output
        jacobian = np.diag(A.mean(axis=0)) - A.T @ A / len(A)
        return np.matmul(dA, jacobian, out=slot.d_input)


def check(layers, dtype=np.float64):
    rng = np.random.default_rng(0)
    network = Network(layers, 4, dtype).initialize(np.random.RandomState(0))
    Y = np.eye(3)[rng.integers(0, 3, 6)]
    parameters, statistics = network.state()
    errors = gradient_check(
        network, rng.normal(size=(6, 4)), Y, CategoricalCrossEntropy()
    )
    assert_array_equal(network.parameters, parameters)
    assert_array_equal(network.statistics, statistics)
    return errors


def test_passes_what_is_right_and_leaves_the_network_alone():
    errors = check([Dense(5), BatchNorm(), Dropout(0.5), Dense(3), Softmax()])
    assert max(errors.values()) < 1e-6
    assert set(errors) == {
        "input",
        "Dense_1.weights",
        "Dense_1.bias",
        "BatchNorm_1.gamma",
        "BatchNorm_1.beta",
        "Dense_2.weights",
        "Dense_2.bias",
    }


def test_finds_a_second_division_by_m():
    errors = check([DenseDividedTwice(5), Dense(3), Softmax()])
    assert errors["DenseDividedTwice_1.weights"] > 0.5
    assert errors["Dense_1.weights"] < 1e-6


def test_finds_an_averaged_softmax():
    errors = check([Dense(3), SoftmaxAveraged()])
    assert errors["Dense_1.weights"] > 0.1


def test_refuses_float32():
    with pytest.raises(ValueError, match="float64, got float32"):
        check([Dense(3), Softmax()], np.float32)
