"""The schedules against closed forms."""

import numpy as np
import pytest
from numpy.testing import assert_allclose

from skdnn.nn import Adaptive, Constant, Cosine, InverseScaling, OneCycle


def factors(schedule, total=1000):
    return [schedule.factor(seen / total, seen) for seen in range(total + 1)]


@pytest.mark.parametrize("schedule", [Constant(), Adaptive()], ids=repr)
def test_constant(schedule):
    assert set(factors(schedule)) == {1.0}


def test_inverse_scaling():
    assert_allclose(
        factors(InverseScaling(0.7)), 1 / np.arange(1, 1002) ** 0.7, rtol=1e-12
    )


def test_cosine_falls_from_one_to_zero():
    expected = np.cos(np.linspace(0, np.pi / 2, 1001)) ** 2  # (1 + cos 2x)/2 = cos² x
    assert_allclose(factors(Cosine()), expected, atol=1e-12)


def test_one_cycle_is_linear_up_then_linear_down():
    expected = np.interp(np.arange(1001), [0, 300, 1000], [0, 1, 0])
    assert_allclose(factors(OneCycle(warm_up=0.3)), expected, atol=1e-12)


@pytest.mark.parametrize("schedule", [Cosine(), OneCycle()], ids=repr)
def test_past_the_end_it_stays_at_the_end(schedule):
    assert schedule.factor(1.5, 1500) == pytest.approx(0, abs=1e-12)
