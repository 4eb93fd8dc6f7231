"""Each layer against finite differences and its formula written out."""

import tracemalloc

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from scipy.stats import norm

import skdnn.nn
from nn_examples import CLASSIFICATION, LAYERS, OPTIMIZERS, REGRESSION
from skdnn.nn import (
    ELU,
    GELU,
    SELU,
    BatchNorm,
    BinaryCrossEntropy,
    CategoricalCrossEntropy,
    Dense,
    Dropout,
    GaussianNoise,
    GaussianOutput,
    Identity,
    Layer,
    LayerNorm,
    LeakyReLU,
    LeCun,
    Logistic,
    Loss,
    Mish,
    Network,
    Ordered,
    PiecewiseLinear,
    PReLU,
    ReLU,
    Residual,
    Scale,
    SiLU,
    Softmax,
    Softplus,
    SquaredError,
    StochasticLayer,
    Tanh,
    gradient_check,
)
from skdnn.nn.layers import ACTIVATIONS
from skdnn.nn.layers.smooth import normal_distribution
from skdnn.nn.losses import LOSSES
from skdnn.nn.optimizers import Optimizer
from skdnn.nn.summary import table

STACKS = [
    [Dense(6), BatchNorm(), ReLU(), Dense(4), Softmax()],
    [GaussianNoise(0.1), Dense(4), BatchNorm(), GaussianNoise(0.2), Softmax()],
    [Dense(6), BatchNorm(), ReLU(), Dropout(0.3), Dense(4), BatchNorm(), Softmax()],
    [Dropout(0.2), Dense(5), Tanh(), Dense(5), LeakyReLU(0.1), Dense(4), Softmax()],
    [BatchNorm(), Dense(5), Logistic(), Identity(), Dropout(0.1), Dense(4), Softmax()],
    [Dense(5), ReLU(), BatchNorm(), Dense(4), Logistic()],
    [Dense(4), BatchNorm(), Logistic()],
    [Scale(), Dense(5), ELU(), SELU(), LayerNorm(), PReLU(), Dense(4), Softmax()],
    [Scale(), PiecewiseLinear([(-1, 0, 0.5), (), (0, 1), ()]), Dense(4), Softmax()],
    [Dense(5), GELU(), Mish(), SiLU(), Softplus(), BatchNorm(), Dense(4), Softmax()],
    [
        Dense(5),
        ReLU(),
        Residual([ReLU(), Dense(5), Tanh()]),
        Tanh(),
        Dense(4),
        Softmax(),
    ],
    [Residual([LayerNorm(), Dense(3), SELU(), Dense(4)]), Mish(), Dense(4), Softmax()],
]


def data(rng, n_samples=7, n_features=4):
    return rng.normal(size=(n_samples, n_features))


def test_there_is_an_example_of_each():
    def kinds(base):
        public = {getattr(skdnn.nn, name) for name in skdnn.nn.__all__}
        public = {it for it in public if isinstance(it, type) and issubclass(it, base)}
        return public - {base, StochasticLayer}

    assert {type(layer) for layer in LAYERS} == kinds(Layer)
    assert {type(loss) for loss in CLASSIFICATION + REGRESSION} == kinds(Loss)
    assert {type(make()) for make in OPTIMIZERS.values()} == kinds(Optimizer)
    # And those that an estimator's argument names are among them.
    assert set(ACTIVATIONS.values()) <= set(LAYERS)
    assert set(LOSSES.values()) == {type(loss) for loss in REGRESSION}
    assert set(skdnn.nn.optimizers.OPTIMIZERS.values()) == kinds(Optimizer)


def targets(rng, loss, n_samples=7, n_outputs=4):
    if isinstance(loss, CategoricalCrossEntropy):
        return np.eye(n_outputs)[rng.integers(0, n_outputs, n_samples)]
    return rng.integers(0, 2, (n_samples, n_outputs)).astype(float)


def workspace_of(layer, n_rows, n_features, dtype=np.float64, **options):
    network = Network([layer], n_features, dtype).initialize(np.random.RandomState(0))
    return network, network.workspace(n_rows, input_gradient=True, **options)


class Weighted:
    """A loss that is linear in the output, so that dL/d(output) is arbitrary."""

    link = None

    def __init__(self, coefficients):
        self.coefficients = coefficients

    def value(self, A, Y, r):
        return float(np.sum(self.coefficients * A))

    def gradient(self, A, Y, r, out):
        out[...] = self.coefficients
        return out


@pytest.mark.parametrize("layer", LAYERS, ids=repr)
def test_backward_agrees_with_central_differences(layer):
    rng = np.random.default_rng(0)
    network = Network([layer], 4, np.float64).initialize(np.random.RandomState(0))
    for node in network.walk():  # also away from where they start
        for name in set(node.view) & {"gamma", "beta", "slope", "factor"}:
            node.view[name][:] = rng.normal(size=node.view[name].shape)
    loss = Weighted(rng.normal(size=(7, network.widths[-1])))
    errors = gradient_check(network, data(rng), None, loss)
    assert max(errors.values()) < 1e-6, errors


@pytest.mark.parametrize("weighted", [False, True])
@pytest.mark.parametrize(
    "loss", [CategoricalCrossEntropy(), BinaryCrossEntropy()], ids=["ce", "bce"]
)
@pytest.mark.parametrize("layers", STACKS, ids=str)
def test_stacks_agree_with_central_differences(layers, loss, weighted):
    # With the other output layer, the loss is used on its own instead of fused.
    rng = np.random.default_rng(1)
    network = Network(layers, 4, np.float64).initialize(np.random.RandomState(1))
    weights = rng.dirichlet(np.ones(7)) if weighted else None
    errors = gradient_check(
        network, data(rng), targets(rng, loss), loss, row_weights=weights
    )
    assert max(errors.values()) < 1e-6, errors
    names = [name for name in errors if name.endswith("weights")]
    assert len(names) == str(layers).count("Dense(")
    assert "input" in errors


TORCH = {
    ELU(0.7): lambda torch: torch.nn.ELU(0.7),
    SELU(): lambda torch: torch.nn.SELU(),
    GELU(): lambda torch: torch.nn.GELU(),
    SiLU(): lambda torch: torch.nn.SiLU(),
    Mish(): lambda torch: torch.nn.Mish(),
    Softplus(): lambda torch: torch.nn.Softplus(),
    PReLU(): lambda torch: torch.nn.PReLU(6),
    LayerNorm(): lambda torch: torch.nn.LayerNorm(6),
}


@pytest.mark.parametrize("dtype, tolerance", [(np.float64, 1e-15), (np.float32, 4e-7)])
def test_the_normal_distribution_of_gelu(dtype, tolerance):
    Z = np.append(np.linspace(-9, 9, 10_001), [-1e30, 1e30, -0.0]).astype(dtype)
    with np.errstate(over="ignore"):
        bell = np.exp(-0.5 * Z * Z)
    Phi = normal_distribution(Z, bell)
    assert Phi.dtype == dtype
    np.testing.assert_allclose(
        Phi, norm.cdf(Z.astype(np.float64)), rtol=0, atol=tolerance
    )
    assert Phi.min() >= 0 and Phi.max() <= 1


EXTREME = [0.1, 1e-20, -1e-20, 50, -50, -1e30]


@pytest.mark.filterwarnings("error")
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("layer", TORCH, ids=repr)
def test_layers_are_those_of_torch(layer, dtype):
    torch = pytest.importorskip("torch")
    rng = np.random.default_rng(0)
    Z = 3 * rng.normal(size=(20, 6))
    if layer != LayerNorm():
        Z = np.vstack([Z, EXTREME, np.negative(EXTREME)])
    Z, dA = Z.astype(dtype), rng.normal(size=Z.shape).astype(dtype)
    theirs = TORCH[layer](torch).to(getattr(torch, np.dtype(dtype).name))
    tensor = torch.tensor(Z, requires_grad=True)
    expected = theirs(tensor)
    expected.backward(torch.tensor(dA))
    network, workspace = workspace_of(layer, len(Z), 6, dtype)
    A = network.forward(Z, workspace).copy()
    dZ = network.backward(dA.copy(), workspace)
    tolerance = {"rtol": 1e-9, "atol": 1e-12}
    if dtype == np.float32:
        tolerance = {"rtol": 1e-5, "atol": 1e-5}
    assert A.dtype == dZ.dtype == dtype
    assert_allclose(A, expected.detach().numpy(), **tolerance)
    assert_allclose(dZ, tensor.grad.numpy(), **tolerance)
    assert_allclose(network.predict(Z), A, rtol=1e-6)


INNER = [layer for layer in LAYERS if layer != Softmax()]


@pytest.mark.parametrize("layer", INNER, ids=repr)
def test_a_layer_leaves_its_neighbours_alone(layer):
    """The buffers that layers share are never two things at once."""
    rng = np.random.default_rng(5)
    narrow = [] if layer.output_width(4) == 4 else [Dense(4)]
    layers = [Dense(4), ReLU(), layer, Tanh(), *narrow, layer, Dense(4), layer]
    network = Network(layers, 4, np.float64).initialize(np.random.RandomState(3))
    workspace = network.workspace(7, input_gradient=True, rng=np.random.default_rng(0))
    A = data(rng)
    network.forward(A, workspace)
    alone = A
    again = np.random.default_rng(0)
    for node in network.nodes:
        single = Network([node.layer], node.n_inputs, np.float64)
        for mine, its in zip(single.walk(), node.walk(), strict=True):
            for name in its.view:
                mine.view[name][:] = its.view[name]
        alone = single.forward(alone, single.workspace(7, rng=again)).copy()
    assert_allclose(workspace.slots[-1].output, alone, rtol=1e-12)
    if not network.has(BatchNorm):
        assert_allclose(network.folded().predict(A), network.predict(A), rtol=1e-12)


def test_selu_keeps_mean_and_variance():
    rng = np.random.RandomState(0)
    layers = [layer for _ in range(20) for layer in (Dense(300), SELU())]
    network = Network(layers, 300).initialize(rng, LeCun())
    A = network.predict(rng.normal(size=(500, 300)).astype(np.float32))
    assert abs(A.mean()) < 0.1
    assert 0.9 < A.std() < 1.1


def test_layer_norm_knows_no_neighbours():
    rng = np.random.default_rng(0)
    network, workspace = workspace_of(LayerNorm(), 7, 4)
    A = 5 + 3 * data(rng)
    expected = (A - A.mean(axis=1, keepdims=True)) / np.sqrt(
        A.var(axis=1, keepdims=True) + 1e-5
    )
    assert_allclose(network.forward(A, workspace), expected)
    assert_allclose(network.predict(A[:1]), expected[:1])


LARGE = [1e19, 1e20, 1e30, 1e37]  # of which float32 has no squares


@pytest.mark.filterwarnings("error")
def test_layer_norm_of_numbers_whose_squares_overflow():
    torch = pytest.importorskip("torch")
    rng = np.random.default_rng(0)
    plain, dA = rng.normal(size=(2, 8, 50)).astype(np.float32)
    for size in LARGE:
        A = plain * np.float32(size)
        tensor = torch.tensor(A.astype(np.float64), requires_grad=True)
        expected = torch.nn.functional.layer_norm(tensor, (50,))
        expected.backward(torch.tensor(dA.astype(np.float64)))
        network, workspace = workspace_of(LayerNorm(), 8, 50, np.float32)
        Y = network.forward(A, workspace)
        assert_allclose(Y, expected.detach().numpy(), rtol=1e-5, atol=1e-6)
        assert_allclose(network.predict(A), Y, rtol=1e-6)
        d_input = network.backward(dA.copy(), workspace)
        largest = np.abs(tensor.grad.numpy()).max()
        assert_allclose(d_input, tensor.grad.numpy(), rtol=0, atol=1e-5 * largest)
    # Neighbours that overflow change no bit.
    alone = network.predict(plain)
    assert_array_equal(network.predict(np.vstack([plain, A]))[:8], alone)


@pytest.mark.filterwarnings("error")
def test_layer_norm_of_doubles_of_any_size():
    """As of ordinary numbers, and the gradient so much smaller."""
    rng = np.random.default_rng(0)
    A, dA = rng.normal(size=(2, 8, 5))
    network, workspace = workspace_of(LayerNorm(1e-300), 8, 5)
    expected = network.forward(A, workspace).copy()
    gradient = network.backward(dA.copy(), workspace).copy()
    for size in (1e-20, 1e100, 1e160, 1e300):
        assert_allclose(network.forward(A * size, workspace), expected, rtol=1e-12)
        d_input = network.backward(dA.copy(), workspace)
        assert_allclose(d_input * size, gradient, rtol=1e-10, atol=1e-13)


def far_from_0():
    """Return float32 numbers that are equal, or almost, and large, line by line."""
    centers = np.float32([0.1, 1000.1, 1e5 + 0.1, 1e9 / 3, 1e30 / 3, -3e38])
    equal = np.repeat(centers[:, np.newaxis], 50, axis=1)
    rng = np.random.default_rng(0)
    near = [1e5, 1e7] + rng.normal(size=(50, 2)) * [1, 100]
    return np.vstack([equal, near.T]).astype(np.float32)


@pytest.mark.filterwarnings("error")
def test_layer_norm_of_equal_numbers_is_0():
    A = far_from_0()
    network, workspace = workspace_of(LayerNorm(), 8, 50, np.float32)
    Y = network.forward(A, workspace).copy()
    assert_array_equal(Y[:6], 0)
    assert_array_equal(network.predict(A), Y)
    doubles, its_workspace = workspace_of(LayerNorm(), 8, 50)
    expected = doubles.forward(A.astype(np.float64), its_workspace)
    assert_allclose(Y[6:], expected[6:], atol=1e-6)


@pytest.mark.parametrize(
    "make, error, match",
    [
        (lambda: ELU(0), ValueError, r"ELU: alpha must be a number in \(0"),
        (lambda: PReLU("1"), TypeError, "PReLU: initial_slope must be a number"),
        (lambda: LayerNorm(0), ValueError, "LayerNorm: epsilon"),
        (lambda: Residual([]), ValueError, "layers is empty"),
        (lambda: Residual([Softmax()]), TypeError, "other than Softmax"),
        (lambda: Residual([Dense]), TypeError, "got <class"),
        (
            lambda: Residual(Dense(3)),
            TypeError,
            r"layers must be a list of layers, such as \[.*got Dense\(3\)",
        ),
        (lambda: Residual(Dense), TypeError, "must be a list.*got <class"),
        (
            lambda: Network([Dense(7), GaussianOutput()], 4),
            ValueError,
            r"GaussianOutput\(\) needs an even number of features.* got 7",
        ),
        (
            lambda: Network([Residual([GaussianOutput()])], 1),
            ValueError,
            "even number of features.* got 1",
        ),
        (
            lambda: Network([Dense(7), Ordered(3)], 4),
            ValueError,
            r"Ordered\(3\) needs groups of 3 features, got 7, which leaves 1 over",
        ),
        (lambda: Ordered(0), ValueError, "Ordered: size"),
        (
            lambda: Network([Residual([Dense(3)])], 4),
            ValueError,
            "makes 3 features of 4: as many must come out as go in.*4 units",
        ),
        (
            lambda: Network([Residual([Dense(3)])], 1),
            ValueError,
            r"makes 3 features of 1: .*1 unit\.",
        ),
        (
            lambda: Network([Residual([Dense(1)])], 3),
            ValueError,
            "makes 1 feature of 3: ",
        ),
    ],
)
def test_new_layers_name_what_is_wrong(make, error, match):
    with pytest.raises(error, match=match):
        make()


@pytest.mark.parametrize(
    "layer, match",
    [
        (LayerNorm(1e-50), r"LayerNorm: epsilon .*\[1.18e-38, .*float32, got 1e-50"),
        (LayerNorm(1e39), r"LayerNorm: epsilon .*3.4e\+38\] .*got 1e\+39"),
        (BatchNorm(epsilon=1e-50), "BatchNorm: epsilon .*got 1e-50"),
        (ELU(1e39), r"ELU: alpha must be at most 3.4e\+38 .*got 1e\+39"),
        (GaussianNoise(1e39), "GaussianNoise: std must be at most"),
        (PReLU(-1e39), r"PReLU: initial_slope .*got -1e\+39"),
        (Residual([ELU(1e39)]), "ELU: alpha"),
    ],
    ids=repr,
)
def test_numbers_that_float32_cannot_hold(layer, match):
    with pytest.raises(ValueError, match=f"{match}.* Or use float64"):
        Network([layer], 4)
    network = Network([layer], 4, np.float64).initialize(np.random.RandomState(0))
    A = data(np.random.default_rng(0))
    assert np.isfinite(network.predict(A)).all()


def test_a_number_that_vanishes_and_does_no_harm():
    A = data(np.random.default_rng(0)).astype(np.float32)
    for layer in (ELU(1e-50), LeakyReLU(1e-50)):
        assert_array_equal(Network([layer], 4).predict(A), np.maximum(A, 0))


def test_what_a_residual_block_holds_has_names_and_counts():
    block = Residual([Dense(3), BatchNorm(), Residual([Dense(3)])])
    with pytest.raises(ValueError, match="as many must come out"):
        Network([block], 4)
    block = Residual([Dense(3), BatchNorm(), Residual([Dense(3)]), Dense(4)])
    network = Network([block, Dense(2)], 4)
    assert network.parameter_layers == (
        "Residual_1.Dense_1", "Residual_1.BatchNorm_1",
        "Residual_1.Residual_1.Dense_1", "Residual_1.Dense_2", "Dense_1",
    )  # fmt: skip
    assert network.n_weights == 4 * 3 + 3 * 3 + 3 * 4 + 4 * 2
    assert table(network)[2][1:] == ("(m, 4)", f"{15 + 6 + 12 + 16}")
    assert network.copy().layers == network.layers


def test_dense_is_the_matrix_product_and_its_three_gradients():
    rng = np.random.default_rng(2)
    A, dZ = data(rng), rng.normal(size=(7, 3))
    network, workspace = workspace_of(Dense(3), 7, 4)
    (view,) = network.views
    view["bias"][:] = rng.normal(size=3)
    Z = network.forward(A, workspace)
    assert_allclose(Z, A @ view["weights"] + view["bias"])
    dA = network.backward(dZ, workspace)
    assert_allclose(view["d_weights"], A.T @ dZ)
    assert_allclose(view["d_bias"], dZ.sum(axis=0))
    assert_allclose(dA, dZ @ view["weights"].T)


@pytest.mark.parametrize(
    ("layer", "function"),
    [
        (Identity(), lambda z: z),
        (ReLU(), lambda z: z if z > 0 else 0.0),
        (LeakyReLU(0.2), lambda z: z if z > 0 else 0.2 * z),
        (Tanh(), np.tanh),
        (Logistic(), lambda z: 1 / (1 + np.exp(-z))),
    ],
    ids=["identity", "relu", "leaky_relu", "tanh", "logistic"],
)
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_activations_are_their_formulas(layer, function, dtype):
    Z = np.linspace(-6, 6, 35).reshape(7, 5).astype(dtype)
    network, workspace = workspace_of(layer, 7, 5, dtype)
    A = network.forward(Z, workspace)
    assert A.dtype == dtype
    assert_allclose(A, np.vectorize(function)(Z), rtol=1e-6, atol=1e-7)
    assert_array_equal(Z, np.linspace(-6, 6, 35).reshape(7, 5).astype(dtype))


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("layer", [Logistic(), Softmax(), Tanh()], ids=repr)
def test_huge_inputs_neither_overflow_nor_warn(layer, dtype):
    Z = np.array([[-1e30, 1e30, 0.0], [1e30, 1e30, 1e30], [-1e4, -1e4, -1e4]], dtype)
    network, workspace = workspace_of(layer, 3, 3, dtype)
    with np.errstate(over="raise", invalid="raise", divide="raise"):
        A = network.forward(Z, workspace)
        dZ = network.backward(np.ones_like(A), workspace)
    assert np.isfinite(A).all()
    assert np.isfinite(dZ).all()


def test_logistic_is_accurate_where_it_is_small():
    Z = np.array([[-50.0, -700.0, 30.0]])
    network, workspace = workspace_of(Logistic(), 1, 3)
    expected = [[np.exp(-50.0), np.exp(-700.0), 1 / (1 + np.exp(-30.0))]]
    assert_allclose(network.forward(Z, workspace), expected, rtol=1e-14)


def test_softmax_backward_is_each_samples_own_jacobian():
    rng = np.random.default_rng(3)
    Z, dA = data(rng), rng.normal(size=(7, 4))
    network, workspace = workspace_of(Softmax(), 7, 4)
    A = network.forward(Z, workspace).copy()
    assert_allclose(A, np.exp(Z) / np.exp(Z).sum(axis=1, keepdims=True))
    dZ = network.backward(dA, workspace).copy()
    jacobians = np.array([np.diag(a) - np.outer(a, a) for a in A])
    assert_allclose(dZ, np.einsum("ijk,ik->ij", jacobians, dA), atol=1e-15)
    # The mistake: one Jacobian, averaged over the batch, for all samples.
    averaged = dA @ jacobians.mean(axis=0)
    assert np.abs(dZ - averaged).max() > 0.1
    # A sample's gradient does not depend on the others.
    dA[1:] = 100
    network.forward(Z, workspace)
    assert_allclose(network.backward(dA, workspace)[0], dZ[0])


class TestBatchNorm:
    def test_training_uses_the_batch(self):
        rng = np.random.default_rng(4)
        A = rng.normal(3, 2, size=(50, 4))
        network, workspace = workspace_of(BatchNorm(epsilon=1e-3), 50, 4)
        view = network.views[0]
        view["gamma"][:], view["beta"][:] = [1, 2, 3, 4], [5, 6, 7, 8]
        Y = network.forward(A, workspace)
        normalized = (A - A.mean(axis=0)) / np.sqrt(A.var(axis=0) + 1e-3)
        assert_allclose(Y, normalized * [1, 2, 3, 4] + [5, 6, 7, 8])

    def test_inference_uses_the_running_averages(self):
        rng = np.random.default_rng(5)
        network, _ = workspace_of(BatchNorm(), 50, 4)
        view = network.views[0]
        view["running_mean"][:], view["running_var"][:] = [1, 2, 3, 4], [4, 4, 9, 16]
        view["gamma"][:], view["beta"][:] = 2, 1
        A = rng.normal(size=(5, 4))
        before = network.statistics.copy()
        expected = 2 * (A - [1, 2, 3, 4]) / np.sqrt(np.array([4, 4, 9, 16]) + 1e-5)
        assert_allclose(network.predict(A), expected + 1)
        assert_array_equal(network.statistics, before)

    def test_running_averages_start_as_plain_means_then_decay(self):
        rng = np.random.default_rng(6)
        batches = rng.normal(3, 2, size=(30, 20, 4))
        network, workspace = workspace_of(BatchNorm(momentum=0.8), 20, 4)
        mean, var = 0, 0
        for t, A in enumerate(batches, start=1):
            network.forward(A, workspace)
            rate = max(0.2, 1 / t)
            mean = (1 - rate) * mean + rate * A.mean(axis=0)
            var = (1 - rate) * var + rate * A.var(axis=0)
            assert_allclose(network.views[0]["running_mean"], mean)
            assert_allclose(network.views[0]["running_var"], var)

    def test_a_smaller_last_batch_counts_by_its_size(self):
        rng = np.random.default_rng(7)
        network, full = workspace_of(BatchNorm(momentum=0.9), 20, 4)
        last = network.workspace(5, like=full)
        for _ in range(100):
            network.forward(np.ones((20, 4)), full)
        network.forward(rng.normal(size=(5, 4)) * 0 + 9, last)
        assert_allclose(network.views[0]["running_mean"], 1 + 0.1 * 5 / 20 * (9 - 1))

    def test_a_sample_of_weight_zero_is_absent_and_weights_repeat(self):
        rng = np.random.default_rng(8)
        A = rng.normal(size=(4, 3))
        repeated = A[[0, 0, 2, 3]]
        network, workspace = workspace_of(BatchNorm(), 4, 3)
        expected = network.forward(repeated, workspace).copy()
        expected_mean = network.views[0]["running_mean"].copy()
        network, workspace = workspace_of(BatchNorm(), 4, 3)
        workspace.row_weights[:] = np.array([2, 0, 1, 1]) / 4
        Y = network.forward(A, workspace)
        assert_allclose(Y[[0, 2, 3]], expected[[0, 2, 3]])
        assert_allclose(network.views[0]["running_mean"], expected_mean)

    def test_features_that_are_equal_or_almost_and_large(self):
        A = far_from_0().T[:, [0, 1, 2, 3, 6, 7]]
        network, workspace = workspace_of(BatchNorm(), 50, 6, np.float32)
        Y = network.forward(A, workspace).copy()
        expected = A.astype(np.float64) - A.mean(axis=0, dtype=np.float64)
        expected /= np.sqrt(np.square(expected).mean(axis=0) + 1e-5)
        assert_allclose(Y, expected, atol=1e-3)
        assert_allclose(network.predict(A), expected, atol=0.005)  # half a digit

    def test_a_constant_feature_or_a_single_sample_stays_finite(self):
        for n_rows in (1, 5):
            network, workspace = workspace_of(BatchNorm(), n_rows, 3)
            Y = network.forward(np.full((n_rows, 3), 7.0), workspace)
            assert_allclose(Y, 0, atol=1e-10)
            assert np.isfinite(network.backward(np.ones((n_rows, 3)), workspace)).all()


class TestDropout:
    def test_drops_at_the_rate_and_scales_the_rest(self):
        rng = np.random.default_rng(9)
        network, workspace = workspace_of(Dropout(0.3), 400, 500, np.float32, rng=rng)
        A = np.full((400, 500), 2, np.float32)
        Y = network.forward(A, workspace).copy()
        assert_allclose(np.unique(Y), [0, 2 / 0.7], rtol=2**-16)
        # The share dropped: 0.3 with a standard error of 0.001.
        assert abs((Y == 0).mean() - 0.3) < 0.005
        assert abs(Y.mean() - 2) < 0.01
        dA = network.backward(np.ones_like(A), workspace)
        assert_allclose(dA, Y / 2)  # the same mask
        assert (network.forward(A, workspace) != Y).any()  # a new one each time

    @pytest.mark.parametrize("rate", [1e-6, 1e-3, 0.999, 1 - 1e-6])
    def test_the_mean_is_kept_at_extreme_rates(self, rate):
        rng = np.random.default_rng(1)
        _, workspace = workspace_of(Dropout(rate), 1000, 1001, rng=rng)
        Y = Dropout(rate).forward(np.ones((1000, 1001)), workspace.slots[0], True)
        dropped = (Y == 0).mean()
        assert abs(dropped - rate) < 2**-16 + 5 * (rate * (1 - rate) / Y.size) ** 0.5
        kept = np.unique(Y[Y > 0])
        assert len(kept) == 1
        # 5 standard errors
        assert abs(Y.mean() - 1) < 5 * ((kept[0] - 1) / Y.size) ** 0.5 + 1e-12

    def test_inference_is_the_identity(self):
        network, _ = workspace_of(Dropout(0.9), 5, 4)
        A = np.random.default_rng(0).normal(size=(5, 4))
        assert_array_equal(network.predict(A), A)


class TestGaussianNoise:
    @pytest.mark.parametrize("dtype", [np.float32, np.float64])
    @pytest.mark.parametrize("std", [0.3, 2, 1e-3])
    def test_adds_normal_numbers_and_new_ones_each_time(self, std, dtype):
        rng = np.random.default_rng(9)
        layer = GaussianNoise(std)
        network, workspace = workspace_of(layer, 400, 500, dtype, rng=rng)
        A = np.ones((400, 500), dtype)
        Y = network.forward(A, workspace).copy()
        assert Y.dtype == dtype
        noise = (Y.astype(np.float64) - 1) / std
        # 5 standard errors, of 200,000 numbers.
        assert abs(noise.mean()) < 5 / noise.size**0.5
        assert abs(noise.std() - 1) < 5 / (2 * noise.size) ** 0.5
        for value in (-2, -1, 0, 0.5, 3):
            assert abs((noise < value).mean() - norm.cdf(value)) < 0.006
        flat = noise.ravel()
        assert abs(np.corrcoef(flat[1:], flat[:-1])[0, 1]) < 0.012
        again = (network.forward(A, workspace) - 1.0).ravel()
        assert abs(np.corrcoef(flat, again)[0, 1]) < 0.012
        dA = np.random.default_rng(0).normal(size=A.shape).astype(dtype)
        assert_array_equal(network.backward(dA.copy(), workspace), dA)

    def test_the_same_seed_draws_the_same_bits(self):
        A = data(np.random.default_rng(0)).astype(np.float32)

        def outputs(seed, std):
            rng = np.random.default_rng(seed)
            options = {"dtype": np.float32, "rng": rng}
            network, workspace = workspace_of(GaussianNoise(std), 7, 4, **options)
            return [network.forward(A, workspace).copy() for _ in range(3)]

        # Nor does it matter whose number std is.
        assert_array_equal(outputs(0, 0.2), outputs(0, np.float64(0.2)))
        assert (np.array(outputs(0, 0.2)) != outputs(1, 0.2)).all()

    def test_inference_is_the_identity_and_leaves_the_input_alone(self):
        A = np.random.default_rng(0).normal(size=(5, 4))
        before = A.copy()
        network, workspace = workspace_of(GaussianNoise(3.0), 5, 4)
        assert_array_equal(network.predict(A), A)
        assert (network.forward(A, workspace) != A).all()
        assert_array_equal(A, before)
        assert not network.folded().layers

    def test_none_of_it_is_the_identity_in_training_too(self):
        network, workspace = workspace_of(GaussianNoise(0), 5, 4)
        A = np.random.default_rng(0).normal(size=(5, 4))
        assert_array_equal(network.forward(A, workspace), A)

    def test_it_allocates_nothing(self):
        layer, n = GaussianNoise(0.2), 1000
        network, workspace = workspace_of(layer, n, n, np.float32)
        A = np.ones((n, n), np.float32)
        tracemalloc.start()
        try:
            network.backward(network.forward(A, workspace), workspace)
            assert tracemalloc.get_traced_memory()[1] < 10_000
        finally:
            tracemalloc.stop()

    def test_in_front_of_a_linear_unit_it_is_the_penalty_of_its_weights(self):
        """As the book says: of strength std²."""
        rng, n, std = np.random.default_rng(0), 200_000, 0.7
        network = Network([GaussianNoise(std), Dense(1)], 4, np.float64)
        network.initialize(np.random.RandomState(0))
        X, Y = np.repeat(data(rng, 1), n, axis=0), np.full((n, 1), 0.3)
        loss, workspace = SquaredError(), network.workspace(n, rng=rng)
        noisy = network.backpropagate(X, Y, loss, workspace)
        plain = loss.value(network.predict(X), Y, workspace.row_weights)
        penalty, _ = network.penalize(std**2)
        assert_allclose(noisy, plain + penalty, rtol=0.02)


def test_a_layer_is_a_value():
    assert Dense(50) == Dense(50) != Dense(49)
    assert hash(Dropout(0.2)) == hash(Dropout(0.2))
    assert ReLU() != Tanh()
    assert {Dense(3): 1}[Dense(3)] == 1
    with pytest.raises(AttributeError):
        Dense(3).units = 4
    for layer in LAYERS:
        assert eval(repr(layer), {**vars(skdnn.nn)}) == layer
    assert repr([Dense(50), BatchNorm(), Dropout(0.2), LeakyReLU(0.2)]) == (
        "[Dense(50), BatchNorm(), Dropout(0.2), LeakyReLU(negative_slope=0.2)]"
    )


@pytest.mark.parametrize(
    ("make", "error", "message"),
    [
        (lambda: Dense(0), ValueError, r"Dense: units .* \[1, inf\), got 0"),
        (lambda: Dense(-5), ValueError, "got -5"),
        (lambda: Dense(2.5), TypeError, "units must be an integer, got 2.5"),
        (lambda: Dense(True), TypeError, "got True"),
        (lambda: Dense("50"), TypeError, "got '50'"),
        (lambda: Dropout(1.0), ValueError, r"rate must be a number in \[0, 1\), got 1"),
        (lambda: Dropout(-0.1), ValueError, "got -0.1"),
        (lambda: Dropout(float("nan")), ValueError, "got nan"),
        (lambda: GaussianNoise(-1), ValueError, r"GaussianNoise: std .* \[0, inf\)"),
        (lambda: GaussianNoise(np.inf), ValueError, "got inf"),
        (lambda: GaussianNoise(np.nan), ValueError, "got nan"),
        (lambda: GaussianNoise("0.2"), TypeError, "std must be a number, got '0.2'"),
        (lambda: LeakyReLU(1), ValueError, "negative_slope"),
        (lambda: BatchNorm(momentum=1), ValueError, "momentum"),
        (lambda: BatchNorm(epsilon=0), ValueError, r"epsilon .* \(0, inf\), got 0"),
    ],
)
def test_bad_hyperparameters(make, error, message):
    with pytest.raises(error, match=message):
        make()


def test_piecewise_linear_is_its_edges_and_nothing_else():
    # So that a checkpoint is found again, whatever was done with the layer before.
    X = np.random.default_rng(0).normal(size=(100, 3)).round()
    layer = PiecewiseLinear.of(X, 8)
    assert vars(layer) == {"edges": layer.edges}
    assert Network([layer], 3).predict(X).shape == (100, 3 + layer.n_bins)
    assert vars(layer) == {"edges": layer.edges}
    assert layer == eval(repr(layer)) == PiecewiseLinear.of(X, 8)


@pytest.mark.parametrize("edges", [[(0, 1, 1)], [(2, 1)], [(1,)]])
def test_edges_must_rise(edges):
    with pytest.raises(ValueError, match="two or more that rise"):
        PiecewiseLinear(edges)
    with pytest.raises(ValueError, match="has edges for 2 inputs, got 3"):
        Network([PiecewiseLinear([(), ()])], 3)
    with pytest.raises(TypeError, match="an edge must be a number"):
        PiecewiseLinear([("a", "b")])
    with pytest.raises(TypeError, match=r"edges must hold a tuple .* got \[0, 1\]"):
        PiecewiseLinear([0, 1])
