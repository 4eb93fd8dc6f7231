"""The optimizers against scikit-learn's and their formulas written out."""

import pickle

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from sklearn.neural_network._stochastic_optimizers import AdamOptimizer, SGDOptimizer

from skdnn.nn import SGD, Adam, AdamW, clip_by_global_norm
from skdnn.nn.optimizers import Optimizer
from skdnn.nn.vectors import BLOCK

SIZE = 2 * BLOCK + 17  # three blocks, the last one small


def run(optimizer, size=SIZE, n_steps=5, n_weights=0, rates=None, dtype=np.float64):
    rng = np.random.default_rng(0)
    parameters = rng.normal(size=size).astype(dtype)
    gradients = np.empty_like(parameters)
    optimizer.start(parameters, gradients, n_weights)
    for step in range(n_steps):
        gradients[:] = rng.normal(size=size)
        optimizer.step(rates[step] if rates else 0.01)
    return parameters


def run_peer(make, size=SIZE, n_steps=5):
    rng = np.random.default_rng(0)
    parameters = rng.normal(size=size)
    peer = make([parameters])
    for _ in range(n_steps):
        peer.update_params([parameters], [rng.normal(size=size)])
    return parameters


@pytest.mark.parametrize(
    ("ours", "theirs"),
    [
        (SGD(0), lambda p: SGDOptimizer(p, 0.01, momentum=0)),
        (SGD(0.9, False), lambda p: SGDOptimizer(p, 0.01, nesterov=False)),
        (SGD(0.9), lambda p: SGDOptimizer(p, 0.01)),
        (Adam(), lambda p: AdamOptimizer(p, 0.01)),
        (Adam(0.5, 0.7, 0.1), lambda p: AdamOptimizer(p, 0.01, 0.5, 0.7, 0.1)),
        (AdamW(0.0), lambda p: AdamOptimizer(p, 0.01)),
    ],
    ids=["sgd", "momentum", "nesterov", "adam", "adam-other", "adamw-no-decay"],
)
def test_equals_scikit_learns(ours, theirs):
    assert_allclose(run(ours), run_peer(theirs), rtol=1e-12, atol=1e-14)


def test_adamw_shrinks_the_weights_apart_from_adams_step():
    rng = np.random.default_rng(0)
    p, m, v = rng.normal(size=SIZE), np.zeros(SIZE), np.zeros(SIZE)
    n_weights, rates = BLOCK + 5, [0.1, 0.05, 0.2]
    for t, rate in enumerate(rates, start=1):
        g = rng.normal(size=SIZE)
        m = 0.9 * m + 0.1 * g
        v = 0.999 * v + 0.001 * g**2
        root = np.sqrt(v) + 1e-8
        size = rate * np.sqrt(1 - 0.999**t) / (1 - 0.9**t)
        p[:n_weights] -= rate * 0.3 * p[:n_weights]
        p -= size * m / root
    ours = run(AdamW(0.3), n_steps=3, n_weights=n_weights, rates=rates)
    assert_allclose(ours, p, rtol=1e-12, atol=1e-14)


class RMSprop(Optimizer):
    """The example in the docstring of :class:`Optimizer`."""

    state_names = ("v",)

    def __init__(self, decay=0.9, epsilon=1e-7):
        self.decay, self.epsilon = decay, epsilon

    def _update(self, p, g, v, scratch, decaying):
        v *= self.decay
        v += (1 - self.decay) * g**2
        p -= self._rate * g / (np.sqrt(v) + self.epsilon)


def test_one_of_your_own_is_a_few_lines():
    rng = np.random.default_rng(0)
    p, v = rng.normal(size=SIZE), np.zeros(SIZE)
    for rate in (0.1, 0.05):
        g = rng.normal(size=SIZE)
        v = 0.9 * v + 0.1 * g**2
        p -= rate * g / (np.sqrt(v) + 1e-7)
    ours = run(RMSprop(), n_steps=2, rates=[0.1, 0.05])
    assert_allclose(ours, p, rtol=1e-12, atol=1e-14)


@pytest.mark.parametrize(
    "optimizer", [SGD(), Adam(), AdamW()], ids=["sgd", "adam", "adamw"]
)
def test_float32_stays_float32_and_close(optimizer):
    single = run(optimizer, size=100, dtype=np.float32)
    assert single.dtype == np.float32
    assert all(state.dtype == np.float32 for state in optimizer.state.values())
    assert_allclose(single, run(optimizer, size=100), rtol=1e-4, atol=1e-5)


def test_a_pickled_optimizer_goes_on_where_it_was():
    rng = np.random.default_rng(1)
    steps = rng.normal(size=(6, 50))
    parameters, gradients = np.ones(50), np.empty(50)
    optimizer = Adam()
    optimizer.start(parameters, gradients, 50)
    for i, step in enumerate(steps):
        if i == 3:
            data = pickle.dumps((optimizer, parameters))
        gradients[:] = step
        optimizer.step(0.01)
    twin, twin_parameters = pickle.loads(data)
    twin_gradients = np.empty(50)
    twin.bind(twin_parameters, twin_gradients, 50)
    for step in steps[3:]:
        twin_gradients[:] = step
        twin.step(0.01)
    assert_array_equal(twin_parameters, parameters)


@pytest.mark.parametrize("optimizer", [SGD(), Adam()], ids=["sgd", "adam"])
def test_numbers_that_fade_away_never_become_subnormal(optimizer):
    # Nothing but a penalty moves these parameters: they decay to 0.
    parameters = np.full(50, 1e-3, np.float32)
    parameters[0] = 1  # this one is moved by a gradient
    gradients = np.empty_like(parameters)
    optimizer.start(parameters, gradients, 50)
    for step in range(3000):
        gradients[:] = 1e-2 * parameters
        gradients[0] = np.sin(step)
        optimizer.step(0.5)
        if step % 100 == 99:
            for vector in (parameters, *optimizer.state.values()):
                tiny = np.finfo(np.float32).tiny
                assert not np.any((vector != 0) & (np.abs(vector) < tiny))
    assert not parameters[1:].any()
    assert parameters[0] != 0


def test_clipping_by_global_norm():
    gradients = np.array([3.0, 4.0])
    clip_by_global_norm(gradients, 5.0, 10.0)
    assert_array_equal(gradients, [3, 4])
    clip_by_global_norm(gradients, 5.0, 1.0)
    assert_allclose(gradients, [0.6, 0.8])
