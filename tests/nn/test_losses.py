"""The losses against scikit-learn's metrics, PyTorch and the formulas written out."""

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from scipy import stats
from scipy.special import expit, softmax
from sklearn import metrics
from sklearn.metrics import log_loss

from nn_examples import REGRESSION
from skdnn.nn import (
    AbsoluteError,
    BatchNorm,
    BinaryCrossEntropy,
    CategoricalCrossEntropy,
    Dense,
    Exp,
    GaussianLikelihood,
    GaussianOutput,
    Huber,
    Logistic,
    Network,
    Ordered,
    PinballLoss,
    PoissonDeviance,
    ReLU,
    Softmax,
    SquaredError,
    Tanh,
    gradient_check,
)
from skdnn.nn.losses.regression import vary

LINKS = {Softmax: softmax, Logistic: lambda Z, axis: expit(Z)}
LOSSES = [CategoricalCrossEntropy(), BinaryCrossEntropy()]
IDS = ["categorical", "binary"]


def problem(loss, seed=0, m=9, k=4):
    rng = np.random.default_rng(seed)
    Y = np.eye(k)[rng.integers(0, k, m)]
    if isinstance(loss, BinaryCrossEntropy):
        Y = rng.integers(0, 2, (m, k)).astype(float)
    return rng.normal(size=(m, k)) * 3, Y, rng.dirichlet(np.ones(m))


def from_logits(loss, Z, Y, r):
    dZ = np.empty_like(Z)
    return loss.from_logits(Z, Y, r, dZ, np.empty_like(Z)), dZ


@pytest.mark.parametrize("weighted", [False, True])
def test_categorical_is_log_loss(weighted):
    loss = CategoricalCrossEntropy()
    Z, Y, r = problem(loss)
    weights = r if weighted else None
    r = r if weighted else np.full(9, 1 / 9)
    P = softmax(Z, axis=1)
    expected = log_loss(Y, P, sample_weight=weights)
    assert_allclose(loss.value(P, Y, r), expected)
    assert_allclose(from_logits(loss, Z, Y, r)[0], expected)


def test_binary_is_the_sum_of_each_outputs_log_loss():
    loss = BinaryCrossEntropy()
    Z, Y, r = problem(loss)
    P = expit(Z)
    expected = sum(
        log_loss(y, p, sample_weight=r, labels=[0, 1])
        for y, p in zip(Y.T, P.T, strict=True)
    )
    assert_allclose(loss.value(P, Y, r), expected)
    assert_allclose(from_logits(loss, Z, Y, r)[0], expected)


@pytest.mark.parametrize("loss", LOSSES, ids=IDS)
def test_fused_gradient_is_p_minus_y_once_divided(loss):
    Z, Y, r = problem(loss)
    P = LINKS[type(loss.link)](Z, axis=1)
    assert_allclose(from_logits(loss, Z, Y, r)[1], r[:, None] * (P - Y), atol=1e-16)


@pytest.mark.parametrize("loss", LOSSES, ids=IDS)
def test_unfused_pair_gives_the_same_loss_and_gradients(loss):
    _, Y, r = problem(loss, m=9, k=4)
    X = np.random.default_rng(1).normal(size=(9, 5))

    class Unfused(type(loss)):
        link = None

    results = []
    for variant in (loss, Unfused()):
        layers = [Dense(6), BatchNorm(), ReLU(), Dense(4), loss.link]
        network = Network(layers, 5, np.float64).initialize(np.random.RandomState(0))
        workspace = network.workspace(9, input_gradient=True)
        workspace.row_weights[:] = r
        value = network.backpropagate(X, Y, variant, workspace)
        results.append((value, network.gradients.copy(), workspace.slots[0].d_input))
    (value, gradient, dX), (value_2, gradient_2, dX_2) = results
    assert_allclose(value, value_2, rtol=1e-12)
    assert_allclose(gradient, gradient_2, rtol=1e-10, atol=1e-15)
    assert_allclose(dX, dX_2, rtol=1e-10, atol=1e-15)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("loss", LOSSES, ids=IDS)
def test_certain_and_wrong_costs_the_logit(loss, dtype):
    # log P is out of reach of the dtype, but the loss is not.
    Z = np.array([[1000.0, 0.0], [0.0, 1000.0]], dtype)
    Y = np.array([[0.0, 1.0], [0.0, 1.0]], dtype)
    r = np.array([0.5, 0.5], dtype)
    value, dZ = from_logits(loss, Z, Y, r)
    # first row: 1000 wrong (binary: and log 2 for the undecided output)
    undecided = 2 * np.log(2) if isinstance(loss, BinaryCrossEntropy) else 0
    assert_allclose(value, (1000 + undecided) / 2, rtol=1e-6)
    assert np.isfinite(dZ).all()
    P = np.array([[1.0, 0.0], [0.0, 1.0]], dtype)
    assert np.isfinite(loss.value(P, Y, r))
    assert np.isfinite(loss.gradient(P, Y, r, np.empty_like(P))).all()


# --------------------------------------------------------------------- regression


def numbers(loss, seed=0, m=9, k=3):
    """Return outputs P, targets Y (counts, some of them 0, for Poisson), and weights.

    P is of the width that the loss takes for k targets, and positive where that is
    needed.
    """
    rng = np.random.default_rng(seed)
    Y = rng.normal(size=(m, k)) * 2
    width = k * len(getattr(loss, "quantiles", (0.5,)))
    P = rng.normal(size=(m, width)) * 2
    if isinstance(loss, PoissonDeviance):
        Y, P = rng.poisson(1.5, (m, k)).astype(float), np.exp(P)
    if isinstance(loss, GaussianLikelihood):
        P = np.hstack([P, rng.uniform(0.1, 3, (m, k))])
    return P, Y, rng.dirichlet(np.ones(m))


def sum_over_targets(metric, Y, P, r, **options):
    columns = zip(Y.T, P.T, strict=True)
    return sum(metric(y, p, sample_weight=r, **options) for y, p in columns)


@pytest.mark.parametrize(
    ("loss", "metric", "factor"),
    [
        (SquaredError(), metrics.mean_squared_error, 1 / 2),
        (PoissonDeviance(), metrics.mean_poisson_deviance, 1 / 2),
        (AbsoluteError(), metrics.mean_absolute_error, 1),
        (PinballLoss(), metrics.mean_pinball_loss, 1),
    ],
    ids=["squared", "poisson", "absolute", "pinball"],
)
def test_losses_of_numbers_are_scikit_learns_metrics(loss, metric, factor):
    P, Y, r = numbers(loss)
    expected = factor * sum_over_targets(metric, Y, P, r)
    assert_allclose(loss.value(P, Y, r), expected)


def test_pinball_loss_has_a_column_for_each_quantile_of_each_target():
    loss = PinballLoss((0.1, 0.5, 0.8))
    P, Y, r = numbers(loss)
    expected = sum(
        metrics.mean_pinball_loss(Y[:, k], P[:, 3 * k + i], sample_weight=r, alpha=q)
        for k in range(3)
        for i, q in enumerate(loss.quantiles)
    )
    assert_allclose(loss.value(P, Y, r), expected)


def test_gaussian_likelihood_is_scipys():
    P, Y, r = numbers(GaussianLikelihood())
    log_density = stats.norm(P[:, :3], P[:, 3:]).logpdf(Y)
    expected = -(r @ log_density.sum(axis=1))
    assert_allclose(GaussianLikelihood().value(P, Y, r), expected)


@pytest.mark.parametrize(
    ("loss", "theirs"),
    [
        (SquaredError(), lambda F, P, Y: F.mse_loss(P, Y, reduction="none") / 2),
        (AbsoluteError(), lambda F, P, Y: F.l1_loss(P, Y, reduction="none")),
        (Huber(), lambda F, P, Y: F.huber_loss(P, Y, reduction="none")),
        (Huber(0.3), lambda F, P, Y: F.huber_loss(P, Y, reduction="none", delta=0.3)),
        (
            GaussianLikelihood(),
            lambda F, P, Y: F.gaussian_nll_loss(
                P[:, :3], Y, P[:, 3:] ** 2, full=True, reduction="none"
            ),
        ),
    ],
    ids=["squared", "absolute", "huber", "huber 0.3", "gaussian"],
)
def test_losses_of_numbers_and_gradients_are_pytorchs(loss, theirs):
    torch = pytest.importorskip("torch")
    P, Y, r = numbers(loss)
    P_t = torch.tensor(P, requires_grad=True)
    rows = theirs(torch.nn.functional, P_t, torch.tensor(Y)).sum(dim=1)
    expected = torch.tensor(r) @ rows
    expected.backward()
    assert_allclose(loss.value(P, Y, r), expected.item())
    gradient = loss.gradient(P, Y, r, np.empty_like(P))
    assert_allclose(gradient, P_t.grad.numpy())


@pytest.mark.parametrize("weighted", [False, True])
@pytest.mark.parametrize("loss", REGRESSION, ids=repr)
def test_networks_of_numbers_agree_with_central_differences(loss, weighted):
    _, Y, r = numbers(loss)
    layers = [Dense(6), BatchNorm(), Tanh(), *loss.output_layers(3)]
    network = Network(layers, 4, np.float64).initialize(np.random.RandomState(0))
    X = np.random.default_rng(1).normal(size=(9, 4))
    weights = r if weighted else None
    errors = gradient_check(network, X, Y, loss, row_weights=weights)
    assert max(errors.values()) < 1e-6, errors
    assert len(errors) == 7


@pytest.mark.parametrize("layer", [Exp(), Ordered(2), GaussianOutput()], ids=repr)
def test_output_layers_in_front_of_a_link_agree_with_central_differences(layer):
    rng = np.random.default_rng(0)
    layers = [Dense(4), layer, Tanh(), Dense(2), SquaredError().link]
    network = Network(layers, 3, np.float64).initialize(np.random.RandomState(0))
    X, Y = rng.normal(size=(7, 3)), rng.normal(size=(7, 2))
    errors = gradient_check(network, X, Y, SquaredError())
    assert max(errors.values()) < 1e-6, errors


def test_rates_alone_and_fused_give_the_same_loss_and_gradient():
    loss = PoissonDeviance()
    P, Y, r = numbers(loss)
    value, dZ = from_logits(loss, np.log(P), Y, r)
    assert_allclose(value, loss.value(P, Y, r))
    assert_allclose(dZ, loss.gradient(P, Y, r, np.empty_like(P)) * P)


def minimizer(loss, y, r):
    """Return the best constant on a grid."""
    grid = np.linspace(0.01, 8, 800)
    Y = y[:, np.newaxis]
    values = [loss.value(np.full_like(Y, c), Y, r) for c in grid]
    return grid[np.argmin(values)]


@pytest.mark.parametrize("weighted", [False, True])
def test_the_best_constant_is_the_mean_the_median_or_the_quantile(weighted):
    rng = np.random.default_rng(0)
    y = rng.exponential(2, 501).round(3)
    r = rng.dirichlet(np.ones(501)) if weighted else np.full(501, 1 / 501)
    for loss in (SquaredError(), PoissonDeviance()):
        assert abs(minimizer(loss, y, r) - r @ y) < 0.011
    for loss, q in ((AbsoluteError(), 0.5), (PinballLoss((0.8,)), 0.8)):
        of_y = np.quantile(y, q, weights=r, method="inverted_cdf")
        assert abs(minimizer(loss, y, r) - of_y) < 0.011  # a step of the grid


def test_where_a_prediction_is_exact_its_gradient_is_0():
    for loss in (AbsoluteError(), PinballLoss(), Huber(), SquaredError()):
        Y = np.ones((2, 1))
        gradient = loss.gradient(Y, Y, np.array([0.5, 0.5]), np.full((2, 1), 9.0))
        assert_array_equal(gradient, 0)


def test_huber_is_half_the_square_or_proportional():
    P, Y, r = numbers(SquaredError())
    assert_allclose(Huber(1e9).value(P, Y, r), SquaredError().value(P, Y, r))
    small = Huber(1e-9).value(P, Y, r) / 1e-9
    assert_allclose(small, AbsoluteError().value(P, Y, r), rtol=1e-8)


@pytest.mark.parametrize("weighted", [False, True])
@pytest.mark.parametrize("loss", REGRESSION, ids=repr)
def test_the_mean_of_the_rows_scores_is_scikit_learns(loss, weighted):
    P, Y, r = numbers(loss, m=40)
    w = r if weighted else None
    Z = np.log(P) if isinstance(loss, PoissonDeviance) else P
    score = np.average(loss.row_scorer(Y, w)(Z, Y), weights=w)
    if isinstance(loss, PinballLoss) and loss != PinballLoss():
        n = len(loss.quantiles)
        expected = np.mean(
            [
                metrics.d2_pinball_score(Y, P[:, i::n], sample_weight=w, alpha=q)
                for i, q in enumerate(loss.quantiles)
            ]
        )
    else:
        expected = metrics.r2_score(Y, P[:, :3], sample_weight=w)
    assert_allclose(score, expected)


@pytest.mark.parametrize("weighted", [False, True])
@pytest.mark.parametrize("loss", REGRESSION, ids=repr)
def test_a_target_that_is_constant_among_the_rows_that_count_is_left_out(
    loss, weighted
):
    P, Y, r = numbers(loss, m=60)
    Z = np.log(P) if isinstance(loss, PoissonDeviance) else P
    Y[:, 1], w = 0.1, None  # of which the variance is rounding
    if weighted:
        w = np.where(np.arange(60) < 5, 0, r)
        Y[:5, 1] = np.arange(5)
    kinds = 2 if isinstance(loss, GaussianLikelihood) else 1
    others = Z.reshape(60, kinds, 3, -1)[:, :, [0, 2]].reshape(60, -1)
    expected = loss.row_scorer(Y[:, [0, 2]], w)(others, Y[:, [0, 2]])
    scores = loss.row_scorer(Y, w)(Z, Y)
    assert_allclose(np.average(scores, weights=w), np.average(expected, weights=w))
    assert_array_equal(vary(Y, w), [[True, False, True]])


def test_of_a_constant_the_score_is_whether_there_is_an_error():
    Y = np.full((60, 1), 0.1)
    for loss in (SquaredError(), PinballLoss((0.2,))):
        scores = loss.row_scorer(Y)
        assert_array_equal(scores(Y, Y), 1)
        assert_array_equal(scores(Y + 1, Y), 0)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("sign", [-1, 1])
@pytest.mark.parametrize("loss", REGRESSION, ids=repr)
def test_no_output_is_outside_what_the_loss_allows(loss, sign, dtype):
    layers = loss.output_layers(2)
    network = Network(layers, 2, dtype)
    (view,) = (view for view in network.views if view)
    view["weights"][:] = sign
    X = np.array([[0.0, 0.0], [1, -1], [1e4, 0], [1e18, 1e18], [1e30, 0]], dtype)
    with np.errstate(over="raise", invalid="raise", divide="raise"):
        P = network.predict(X)
    assert np.isfinite(P).all()
    if isinstance(loss, PoissonDeviance):
        assert (P > 0).all()
    if isinstance(loss, GaussianLikelihood):
        assert (P[:, 2:] > 0).all()
    if isinstance(loss, PinballLoss):
        groups = P.reshape(5, 2, -1)
        assert (np.diff(groups, axis=2) >= 0).all()


def test_ordered_steps_up_by_softplus_within_each_group():
    Z = np.random.default_rng(0).normal(size=(5, 6))
    A = Network([Ordered(3)], 6, np.float64).predict(Z)
    for k in (0, 3):
        steps = np.log1p(np.exp(Z[:, k + 1 : k + 3]))
        expected = Z[:, k : k + 1] + np.c_[np.zeros(5), steps.cumsum(axis=1)]
        assert_allclose(A[:, k : k + 3], expected)


@pytest.mark.parametrize("seed", range(5))
def test_quantiles_of_random_networks_never_cross(seed):
    rng = np.random.default_rng(seed)
    loss = PinballLoss((0.01, 0.3, 0.31, 0.9, 0.99))
    layers = [Dense(20), ReLU(), *loss.output_layers(3)]
    network = Network(layers, 4).initialize(np.random.RandomState(seed))
    network.parameters *= 10.0 ** rng.integers(-2, 4)
    X = rng.standard_cauchy((500, 4)).astype(np.float32)
    P = network.predict(X).reshape(500, 3, 5)
    assert (np.diff(P, axis=2) >= 0).all()


@pytest.mark.parametrize(
    ("make", "error", "message"),
    [
        (lambda: Huber(0), ValueError, r"Huber: delta .* \(0, inf\), got 0"),
        (lambda: Huber(float("nan")), ValueError, "got nan"),
        (lambda: Huber("1"), TypeError, "delta must be a number, got '1'"),
        (lambda: PinballLoss(()), ValueError, r"numbers in \(0, 1\), got \(\)"),
        (lambda: PinballLoss((0.5, 1)), ValueError, r"in \(0, 1\), got \(0.5, 1\)"),
        (lambda: PinballLoss((0.5, 0.5)), ValueError, "must be in ascending order"),
        (lambda: PinballLoss((0.5, 0.1)), ValueError, r"ascending.* got \(0.5, 0.1\)"),
        (lambda: PinballLoss((float("nan"),)), ValueError, r"in \(0, 1\)"),
    ],
)
def test_bad_parameters_of_losses(make, error, message):
    with pytest.raises(error, match=message):
        make()


def test_regression_losses_are_values():
    for loss in REGRESSION:
        assert loss == eval(repr(loss))
        assert hash(loss) == hash(eval(repr(loss)))
    assert Huber(1.0) != Huber(2.0)
