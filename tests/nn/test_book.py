"""The book, skdnn/nn/README.md: its formulas, numbers, names and pictures hold."""

import importlib
import re
from itertools import pairwise
from math import erf, exp, log, pi, sqrt, tanh
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
from numpy.testing import assert_allclose

import nn_examples
import skdnn.nn
from skdnn.nn import (
    ELU,
    GELU,
    SELU,
    AbsoluteError,
    BatchNorm,
    BinaryCrossEntropy,
    CategoricalCrossEntropy,
    Dense,
    Dropout,
    Exp,
    GaussianLikelihood,
    GaussianNoise,
    GaussianOutput,
    Huber,
    Identity,
    LayerNorm,
    LeakyReLU,
    Logistic,
    Mish,
    Network,
    Ordered,
    PiecewiseLinear,
    PinballLoss,
    PoissonDeviance,
    PReLU,
    ReLU,
    Residual,
    Scale,
    SiLU,
    Softmax,
    Softplus,
    SquaredError,
    Tanh,
)
from skdnn.nn.layers import ACTIVATIONS
from skdnn.nn.several import entropy, std_of_mixture

ROOT = Path(__file__).resolve().parents[2]
BOOK = ROOT / "skdnn" / "nn" / "README.md"
TEXT = BOOK.read_text()
M, N, U = 5, 4, 3  # samples, features in, units out


# The table, element by element: each function takes the input A, dL/d(output), the
# layer's slot and the shares r, and returns what comes out, dL/dA, and dL/d(parameter).


def dense(A, dZ, slot, r):
    W, b = slot.weights, slot.bias
    Z, dA, dW, db = np.empty((M, U)), np.empty((M, N)), np.empty((N, U)), np.empty(U)
    for i in range(M):
        for k in range(U):
            Z[i, k] = sum(A[i, j] * W[j, k] for j in range(N)) + b[k]
        for j in range(N):
            dA[i, j] = sum(dZ[i, k] * W[j, k] for k in range(U))
    for k in range(U):
        for j in range(N):
            dW[j, k] = sum(A[i, j] * dZ[i, k] for i in range(M))
        db[k] = sum(dZ[i, k] for i in range(M))
    return Z, dA, {"weights": dW, "bias": db}


def element_wise(f, slope):
    """Make one from a = f(z), and da/dz as a function of a."""

    def formula(Z, dA, slot, r):
        A, dZ = np.empty((M, N)), np.empty((M, N))
        for i, j in np.ndindex(M, N):
            A[i, j] = f(Z[i, j])
            dZ[i, j] = dA[i, j] * slope(A[i, j])
        return A, dZ, {}

    return formula


def softmax(Z, dA, slot, r):
    A, dZ = np.empty((M, N)), np.empty((M, N))
    for i, j in np.ndindex(M, N):
        A[i, j] = exp(Z[i, j]) / sum(exp(Z[i, k]) for k in range(N))
    for i, j in np.ndindex(M, N):
        dZ[i, j] = A[i, j] * (dA[i, j] - sum(dA[i, k] * A[i, k] for k in range(N)))
    return A, dZ, {}


def batch_norm(A, dY, slot, r):
    Y, dA, dbeta, dgamma = np.empty((M, N)), np.empty((M, N)), np.empty(N), np.empty(N)
    samples = range(M)
    for j in range(N):
        gamma, beta = slot.gamma[j], slot.beta[j]
        mu = sum(r[i] * A[i, j] for i in samples)
        c = [A[i, j] - mu for i in samples]
        v = sum(r[i] * c[i] ** 2 for i in samples) + 1e-5
        S = sum(dY[i, j] * c[i] for i in samples)
        dbeta[j] = sum(dY[i, j] for i in samples)
        dgamma[j] = S / sqrt(v)
        for i in samples:
            Y[i, j] = gamma * c[i] / sqrt(v) + beta
            back = dY[i, j] - r[i] * dbeta[j] - r[i] * c[i] * S / v
            dA[i, j] = back * gamma / sqrt(v)
    return Y, dA, {"gamma": dgamma, "beta": dbeta}


def dropout(A, dY, slot, r):
    mask = slot.scaled_mask > 0
    assert 0 < mask.mean() < 1
    Y, dA = np.empty((M, N)), np.empty((M, N))
    for i, j in np.ndindex(M, N):
        Y[i, j] = A[i, j] * mask[i, j] / (1 - 0.375)
        dA[i, j] = dY[i, j] * mask[i, j] / (1 - 0.375)
    return Y, dA, {}


def gaussian_noise(A, dY, slot, r):
    xi = slot.scratch / 0.3
    assert len(np.unique(xi)) == M * N
    Y = np.empty((M, N))
    for i, j in np.ndindex(M, N):
        Y[i, j] = A[i, j] + 0.3 * xi[i, j]
    return Y, dY, {}


def sigma(z):
    return 1 / (1 + exp(-z))


def ordered(Z, dA, slot, r):
    A, dZ = Z.copy(), dA.copy()
    for i, j in np.ndindex(Z.shape):
        if j % 2:  # the second of a group of two
            A[i, j] = A[i, j - 1] + log(1 + exp(Z[i, j]))
            dZ[i, j] = sigma(Z[i, j]) * dA[i, j]
            dZ[i, j - 1] = dA[i, j - 1] + dA[i, j]
    return A, dZ, {}


def gaussian_output(Z, dA, slot, r):
    A, dZ = Z.copy(), dA.copy()
    for i, j in np.ndindex(Z.shape):
        if j >= Z.shape[1] // 2:
            A[i, j] = log(1 + exp(Z[i, j])) + 1e-6
            dZ[i, j] = dA[i, j] * sigma(Z[i, j])
    return A, dZ, {}


LAMBDA, ALPHA = 1.0507009873554805, 1.6732632423543772


def Phi(z):
    return (1 + erf(z / sqrt(2))) / 2


def phi(z):
    return exp(-z * z / 2) / sqrt(2 * pi)


def of_z(function, slope):
    """Return the formula of a function of each element, with its slope at z."""

    def formula(Z, dA, slot, r):
        A, dZ = np.empty_like(Z), np.empty_like(Z)
        for place in np.ndindex(Z.shape):
            A[place], dZ[place] = function(Z[place]), dA[place] * slope(Z[place])
        return A, dZ, {}

    return formula


def prelu(Z, dA, slot, r):
    A, dZ, ds, s = np.empty_like(Z), np.empty_like(Z), np.zeros(N), slot.slope
    for i, j in np.ndindex(Z.shape):
        z = Z[i, j]
        A[i, j] = max(z, 0) + s[j] * min(z, 0)
        dZ[i, j] = dA[i, j] * (1 + (s[j] - 1) * (z < 0))
        ds[j] += dA[i, j] * min(z, 0)
    return A, dZ, {"slope": ds}


def layer_norm(A, dY, slot, r):
    Y, dA = np.empty_like(A), np.empty_like(A)
    d_beta, d_gamma = np.zeros(N), np.zeros(N)
    for i in range(M):
        mu = sum(A[i]) / N
        v = sum((a - mu) ** 2 for a in A[i]) / N + 1e-5
        x = [(a - mu) / sqrt(v) for a in A[i]]
        g = [slot.gamma[j] * dY[i, j] for j in range(N)]
        mean, product = sum(g) / N, sum(g[j] * x[j] for j in range(N)) / N
        for j in range(N):
            Y[i, j] = slot.gamma[j] * x[j] + slot.beta[j]
            dA[i, j] = (g[j] - mean - x[j] * product) / sqrt(v)
            d_beta[j] += dY[i, j]
            d_gamma[j] += dY[i, j] * x[j]
    return Y, dA, {"beta": d_beta, "gamma": d_gamma}


def scale(A, dY, slot, r):
    Y, dA, df = np.empty_like(A), np.empty_like(A), np.zeros(N)
    for i, j in np.ndindex(A.shape):
        Y[i, j] = slot.factor[j] * A[i, j]
        dA[i, j] = dY[i, j] * slot.factor[j]
        df[j] += dY[i, j] * A[i, j]
    return Y, dA, {"factor": df}


EDGES = ((-1.0, 0.0, 0.5, 2.0), (), (-0.2, 0.2, 0.3), ())


def piecewise_linear(A, dY, slot, r):
    bins = [(j, *bounds) for j, its in enumerate(EDGES) for bounds in pairwise(its)]
    Y, dA = np.empty(dY.shape), dY[:, :N].copy()
    Y[:, :N] = A
    for i, b in np.ndindex(M, len(bins)):
        j, start, stop = bins[b]
        Y[i, N + b] = t = min(max((A[i, j] - start) / (stop - start), 0), 1)
        dA[i, j] += dY[i, N + b] * (0 < t < 1) / (stop - start)
    return Y, dA, {}


LAYERS = {
    "dense": (Dense(U), dense),
    "identity": (Identity(), element_wise(lambda z: z, lambda a: 1)),
    "relu": (ReLU(), element_wise(lambda z: max(z, 0), lambda a: a > 0)),
    "leaky_relu": (
        LeakyReLU(0.3),
        element_wise(lambda z: max(z, 0.3 * z), lambda a: (1 - 0.3) * (a > 0) + 0.3),
    ),
    "prelu": (PReLU(), prelu),
    "elu": (
        ELU(0.7),
        of_z(
            lambda z: z if z > 0 else 0.7 * (exp(z) - 1),
            lambda z: 1 if z > 0 else 0.7 * exp(z),
        ),
    ),
    "selu": (
        SELU(),
        of_z(
            lambda z: LAMBDA * (z if z > 0 else ALPHA * (exp(z) - 1)),
            lambda z: LAMBDA * (1 if z > 0 else ALPHA * exp(z)),
        ),
    ),
    "softplus": (
        Softplus(),
        element_wise(lambda z: log(1 + exp(z)), lambda a: 1 - exp(-a)),
    ),
    "gelu": (
        GELU(),
        of_z(lambda z: z * Phi(z), lambda z: Phi(z) + z * phi(z)),
    ),
    "silu": (
        SiLU(),
        of_z(lambda z: z * sigma(z), lambda z: sigma(z) * (1 + z * (1 - sigma(z)))),
    ),
    "mish": (
        Mish(),
        of_z(
            lambda z: z * tanh(log(1 + exp(z))),
            lambda z: (
                tanh(log(1 + exp(z))) + z * sigma(z) * (1 - tanh(log(1 + exp(z))) ** 2)
            ),
        ),
    ),
    "layer_norm": (LayerNorm(), layer_norm),
    "scale": (Scale(), scale),
    "piecewise_linear": (PiecewiseLinear(EDGES), piecewise_linear),
    "residual": (
        Residual([Identity()]),
        lambda A, dY, slot, r: (A + A, dY + dY, {}),
    ),
    "tanh": (Tanh(), element_wise(tanh, lambda a: 1 - a**2)),
    "logistic": (
        Logistic(),
        element_wise(lambda z: 1 / (1 + exp(-z)), lambda a: a * (1 - a)),
    ),
    "softmax": (Softmax(), softmax),
    "batch_norm": (BatchNorm(), batch_norm),
    "dropout": (Dropout(0.375), dropout),
    "gaussian_noise": (GaussianNoise(0.3), gaussian_noise),
    "exp": (Exp(), element_wise(exp, lambda a: a)),
    "ordered": (Ordered(2), ordered),
    "gaussian_output": (GaussianOutput(), gaussian_output),
}


def network_of(layer, rng):
    network = Network([layer], N, np.float64)
    network.parameters[:] = rng.normal(size=network.parameters.size)
    return network


def test_each_layer_has_its_formula():
    written_out = {type(layer) for layer, _ in LAYERS.values()}
    assert written_out == {type(layer) for layer in nn_examples.LAYERS}
    assert set(ACTIVATIONS) <= set(LAYERS)


@pytest.mark.parametrize("name", LAYERS)
def test_the_tables_formulas_of_layers(name):
    layer, formula = LAYERS[name]
    rng = np.random.default_rng(0)
    network = network_of(layer, rng)
    workspace = network.workspace(M, input_gradient=True, rng=rng)
    workspace.row_weights[:] = r = rng.dirichlet(np.ones(M))
    A = rng.normal(size=(M, N))
    output = network.forward(A, workspace).copy()
    d_output = rng.normal(size=output.shape)
    (slot,) = workspace.slots
    noise = {name: getattr(slot, name, None) for name in ("scratch", "scaled_mask")}
    its = SimpleNamespace(**network.views[0], **noise)
    expected, d_input, d_parameters = formula(A, d_output, its, r)
    assert_allclose(output, expected, rtol=1e-12, atol=1e-14)
    actual = network.backward(d_output.copy(), workspace)
    assert_allclose(actual, d_input, rtol=1e-12, atol=1e-14)
    for parameter, gradient in d_parameters.items():
        actual = network.views[0][f"d_{parameter}"]
        assert_allclose(actual, gradient, rtol=1e-12, atol=1e-14)


def test_running_averages_and_inference():
    rng = np.random.default_rng(1)
    network = network_of(BatchNorm(momentum=0.6), rng)
    network.reset_statistics()
    full = network.workspace(M)
    small = network.workspace(2, like=full)
    mean, variance, t = np.zeros(N), np.ones(N), 0.0
    for workspace in (full, small, full, full, small):
        A = rng.normal(size=(workspace.n_rows, N))
        network.forward(A, workspace)
        f = len(A) / M
        t += f
        rho = f * max(1 - 0.6, 1 / t)
        for j in range(N):
            mu = sum(A[:, j]) / len(A)
            sigma_2 = sum((a - mu) ** 2 for a in A[:, j]) / len(A)
            mean[j] += rho * (mu - mean[j])
            variance[j] += rho * (sigma_2 - variance[j])
    view = network.views[0]
    Y = network.predict(A)
    for i, j in np.ndindex(Y.shape):
        y = view["gamma"][j] * (A[i, j] - mean[j]) / sqrt(variance[j] + 1e-5)
        assert_allclose(Y[i, j], y + view["beta"][j], rtol=1e-12, atol=1e-14)


def categorical(P, Y, r):
    dP = np.empty_like(P)
    for i, k in np.ndindex(P.shape):
        dP[i, k] = -r[i] * Y[i, k] / P[i, k]
    pairs = np.ndindex(P.shape)
    return -sum(r[i] * Y[i, k] * log(P[i, k]) for i, k in pairs), dP


def binary(P, Y, r):
    L, dP = 0, np.empty_like(P)
    for i, k in np.ndindex(P.shape):
        p, y = P[i, k], Y[i, k]
        L -= r[i] * (y * log(p) + (1 - y) * log(1 - p))
        dP[i, k] = r[i] * (p - y) / (p * (1 - p))
    return L, dP


@pytest.mark.parametrize(
    ("loss", "formula", "link"),
    [
        (CategoricalCrossEntropy(), categorical, "softmax"),
        (BinaryCrossEntropy(), binary, "logistic"),
    ],
    ids=["categorical", "binary"],
)
def test_the_tables_formulas_of_losses(loss, formula, link):
    rng = np.random.default_rng(2)
    Z, r = rng.normal(size=(M, N)), rng.dirichlet(np.ones(M))
    Y = rng.dirichlet(np.ones(N), M)  # in [0, 1], and each row sums to 1
    P, _, _ = LAYERS[link][1](Z, Z, None, r)
    L, dP = formula(P, Y, r)
    assert_allclose(loss.value(P, Y, r), L, rtol=1e-12)
    assert_allclose(loss.gradient(P, Y, r, np.empty_like(P)), dP, rtol=1e-12)
    dZ = np.empty_like(Z)
    assert_allclose(loss.from_logits(Z, Y, r, dZ, np.empty_like(Z)), L, rtol=1e-12)
    for i, k in np.ndindex(Z.shape):
        expected = r[i] * (P[i, k] - Y[i, k])
        assert_allclose(dZ[i, k], expected, rtol=1e-12, atol=1e-15)


def squared(p, y):
    return (p - y) ** 2 / 2, p - y


def absolute(p, y):
    return abs(p - y), np.sign(p - y)


def huber(p, y, delta=0.7):
    h = min(abs(p - y), delta)
    return h * (abs(p - y) - h / 2), max(-delta, min(p - y, delta))


def pinball(p, y, q=0.3):
    return max(q * (y - p), (q - 1) * (y - p)), (p > y) - q


def poisson(p, y):
    return y * log(y / p) - y + p, 1 - y / p


@pytest.mark.parametrize(
    ("loss", "formula"),
    [
        (SquaredError(), squared),
        (AbsoluteError(), absolute),
        (Huber(0.7), huber),
        (PinballLoss((0.3,)), pinball),
        (PoissonDeviance(), poisson),
    ],
    ids=lambda value: type(value).__name__,
)
def test_the_tables_formulas_of_losses_of_regression(loss, formula):
    rng = np.random.default_rng(3)
    P, Y, r = *rng.gamma(2, size=(2, M, N)), rng.dirichlet(np.ones(M))
    values, slopes = np.empty_like(P), np.empty_like(P)
    for place in np.ndindex(P.shape):
        values[place], slopes[place] = formula(P[place], Y[place])
    assert_allclose(loss.value(P, Y, r), r @ np.sum(values, axis=1), rtol=1e-12)
    dP = loss.gradient(P, Y, r, np.empty_like(P))
    assert_allclose(dP, r[:, np.newaxis] * slopes, rtol=1e-12)


def test_the_tables_formula_of_the_gaussian_likelihood():
    rng = np.random.default_rng(4)
    Y, r = rng.normal(size=(M, 1)), rng.dirichlet(np.ones(M))
    P = np.hstack([rng.normal(size=(M, 1)), rng.gamma(2, size=(M, 1))])
    L, dP = 0, np.empty_like(P)
    for i, (mu, s) in enumerate(P):
        u = (Y[i, 0] - mu) / s
        L += r[i] * (u**2 / 2 + log(s) + log(2 * pi) / 2)
        dP[i] = -r[i] * u / s, r[i] * (1 - u**2) / s
    loss = GaussianLikelihood()
    assert_allclose(loss.value(P, Y, r), L, rtol=1e-12)
    assert_allclose(loss.gradient(P, Y, r, np.empty_like(P)), dP, rtol=1e-12)


def test_the_formulas_of_what_many_networks_say():
    rng = np.random.default_rng(5)
    P, y, n = rng.dirichlet(np.ones(K := 4), N), 2, N
    mean = [sum(P[v, k] for v in range(n)) / n for k in range(K)]
    total = -sum(p * log(p) for p in mean)
    pairs = list(np.ndindex(P.shape))
    aleatoric = -sum(P[v, k] * log(P[v, k]) for v, k in pairs) / n
    epistemic = sum(P[v, k] * log(P[v, k] / mean[k]) for v, k in pairs) / n
    assert_allclose(total, aleatoric + epistemic, rtol=1e-12)
    assert_allclose(entropy(P.mean(axis=0)), total, rtol=1e-12)
    assert_allclose(entropy(P).mean(), aleatoric, rtol=1e-12)
    assert -log(mean[y]) < -sum(log(p) for p in P[:, y]) / n

    mu, s = rng.normal(size=n), rng.gamma(2, size=n)
    middle = sum(mu) / n
    spread = sum((m - middle) ** 2 for m in mu) / n
    errors = sum((m - y) ** 2 for m in mu) / n
    assert_allclose((middle - y) ** 2, errors - spread, rtol=1e-12)
    second_moment = sum(d**2 + m**2 for m, d in zip(mu, s, strict=True)) / n
    variance = sum(d**2 for d in s) / n + spread
    assert_allclose(variance, second_moment - middle**2, rtol=1e-12)
    deviation = std_of_mixture(mu.reshape(n, 1, 1), s.reshape(n, 1, 1))
    assert_allclose(deviation, [[sqrt(variance)]], rtol=1e-12)


def section(title):
    """Return the text of one section of the book."""
    return re.search(rf"^#+ {title}\n(.*?)(?=^#|\Z)", TEXT, re.M | re.S)[1]


def test_the_worked_example():
    matrices = {}
    pattern = r"(\S+) = (\\lambda )?\\begin\{bmatrix\}(.*?)\\end\{bmatrix\}"
    for name, factor, body in re.findall(pattern, section("A worked example")):
        rows = [[float(x) for x in row.split("&")] for row in body.split(r"\\")]
        name = name.replace("^{(1)}", "1").replace("^{(2)}", "2")
        matrices[name] = np.array(rows) * (log(3) if factor else 1)
    assert len(matrices) == 17
    X, Y = matrices.pop("X"), matrices.pop("Y")
    network = Network([Dense(2), ReLU(), Dense(2), Softmax()], 2, np.float64)
    first, _, second, _ = network.views
    for view, i in ((first, "1"), (second, "2")):
        view["weights"][:] = matrices["W" + i]
        view["bias"][:] = matrices["b" + i].ravel()
    workspace = network.workspace(2)
    dZ, loss = np.empty((2, 2)), CategoricalCrossEntropy()
    actual = {
        name: network.predict(X, stop)
        for stop, name in enumerate(["Z1", "A1", "Z2", "P"], start=1)
    }
    Z = network.forward(X, workspace, 3)
    L = loss.from_logits(Z, Y, workspace.row_weights, dZ, np.empty((2, 2)))
    for i, name in ((2, "dZ2"), (1, "dA1"), (0, "dZ1")):
        actual[name] = dZ.copy()
        dZ = network.layers[i].backward(dZ, workspace.slots[i])
    for view, i in ((first, "1"), (second, "2")):
        actual |= {f"dW{i}": view["d_weights"], f"db{i}": [view["d_bias"]]}
        actual |= {f"W{i}": view["weights"], f"b{i}": [view["bias"]]}
    for name, values in matrices.items():
        assert_allclose(actual[name], values, rtol=1e-12, atol=1e-14, err_msg=name)

    text = section("A worked example")
    assert f"= {L:.4f}$" in text
    losses = []
    for step in (0.001, -0.001):
        first["weights"][0, 0] = 1 + step
        P = network.predict(X)
        losses.append(loss.value(P, Y, workspace.row_weights))
        assert f" {losses[-1]:.7f}" in text
    assert f" is {(losses[0] - losses[1]) / 0.002:.4f}" in text
    assert f"{first['d_weights'][0, 0]:.4f}" in text
    assert f"{log(3):.4f}" in text


@pytest.mark.parametrize("name", ["one_over_m", "softmax_jacobian"])
def test_measured_tables_are_those_of_the_results(name):
    result = (ROOT / "benchmarks/results/mathematics" / f"{name}.md").read_text()
    table = [line for line in result.splitlines() if line.startswith("|")]
    assert len(table) > 4
    assert "\n".join(table) in TEXT


PROSE = re.sub(r"```.*?```", "", TEXT, flags=re.S)
LINKS = re.findall(r"(!?)\[([^\]]+)\]\(([^)]+)\)", PROSE)


def test_names_are_in_the_files_they_link():
    n_names = 0  # that files and headings exist is tested with those of all pages
    for _, text, target in LINKS:
        path = (BOOK.parent / target).resolve()
        is_ours = path.is_relative_to(ROOT / "skdnn") and "docs" not in path.parts
        if is_ours and path.suffix == ".py":
            parts = path.relative_to(ROOT).with_suffix("").parts
            value = importlib.import_module(".".join(parts))
            if text != f"`{path.name}`":
                for name in text.strip("`").split("."):
                    assert hasattr(value, name), f"{text} is not in {target}"
                    value = getattr(value, name)
                assert value.__module__ == ".".join(parts), f"{text}: wrong file"
                n_names += 1
    assert n_names > 40


def test_all_that_has_an_equation_is_in_the_book():
    linked = {text.strip("`") for _, text, _ in LINKS}
    others = {"Layer", "Loss", "Slot", "layer"}  # what they have in common
    assert set(skdnn.nn.__all__) - others <= linked


def test_every_diagram_is_shown():
    # That the script draws these files, and no others, is tested with the script.
    files = {f"diagrams/{path.name}" for path in (BOOK.parent / "diagrams").iterdir()}
    shown = {target for mark, _, target in LINKS if mark}
    assert files == {target for target in shown if target.startswith("diagrams")}
    assert len(shown) == len(files) + 2


def test_inline_mathematics_survives_markdown():
    # As Markdown without mathematics would take it: nothing becomes emphasis, a link,
    # a cell of a table or an escaped character.
    markdown_it = pytest.importorskip("markdown_it")
    html = markdown_it.MarkdownIt("commonmark").enable("table").render(PROSE)
    formulas = re.findall(r"(\$[^$]+\$)(.?)", PROSE)
    assert len(formulas) > 300
    for formula, after in formulas:
        assert formula in html
        assert not re.search(r"^\$\s|\s\$$|\\\\", formula), formula
        assert not after.isalnum(), formula  # or the second dollar would not close
    assert TEXT.count("```math") == TEXT.count("```") / 2
