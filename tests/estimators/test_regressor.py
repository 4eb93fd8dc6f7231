"""What is the regressor's own: losses, shapes, units, distributions."""

import pickle
import warnings
from functools import partial

import numpy as np
import pytest
import scipy.sparse
from numpy.testing import assert_allclose, assert_array_equal
from sklearn.base import clone
from sklearn.neural_network import MLPRegressor

from helpers import LEVELS, LOSSES, of_all_losses, robust_std
from helpers import quick_regressor as quick
from skdnn import MLPRegressorDIY
from skdnn.nn import Dense, GaussianOutput, Identity, Ordered, ReLU, Softmax

of_all_but_poisson = pytest.mark.parametrize(
    "settings",
    [LOSSES[name] for name in LOSSES if name != "poisson"],
    ids=[name for name in LOSSES if name != "poisson"],
)
FIT_WELL = {"learning_rate": "one_cycle", "learning_rate_init": 0.01, "max_iter": 30}


def constant(**settings):
    """Return a network of no layer, which on X of zeros learns one number only."""
    settings = {"hidden_layer_sizes": (), "dtype": "float64", **settings}
    return quick(solver="lbfgs", alpha=0, max_iter=500, tol=1e-10, **settings)


@pytest.fixture(scope="module")
def waves():
    """Return x, and y of which mean and standard deviation are known functions."""
    rng = np.random.default_rng(0)
    x = rng.uniform(-2, 2, 6000)
    mean, std = np.sin(2 * x), 0.1 + 0.3 * np.abs(x)
    return x[:, np.newaxis], rng.normal(mean, std), mean, std


# ---------------------------------------------------- the same as scikit-learn's


@pytest.mark.parametrize("solver", ["adam", "sgd", "lbfgs"])
@pytest.mark.parametrize("weighted", [False, True])
def test_rates_are_scikit_learns(diabetes, solver, weighted):
    X, y = diabetes
    y = np.round(y / 50)
    weight = np.random.default_rng(0).uniform(0, 3, len(y)) if weighted else None
    # 0, the start of theirs, is the logarithm of the mean
    y = y / np.average(y, weights=weight)
    settings = {"loss": "poisson", "solver": solver, "random_state": 0, "max_iter": 15}
    theirs = MLPRegressor(**settings).fit(X, y, weight)
    ours = MLPRegressorDIY(dtype="auto", **settings).fit(X, y, weight)
    tolerance = 1e-5 if solver == "lbfgs" else 1e-8
    assert_allclose(ours.loss_curve_[-1], theirs.loss_, rtol=tolerance)
    assert_allclose(ours.predict(X), theirs.predict(X), rtol=tolerance, atol=tolerance)
    assert ours.out_activation_ == theirs.out_activation_
    assert_allclose(ours.score(X, y), theirs.score(X, y), rtol=tolerance)


@pytest.mark.parametrize("solver", ["adam", "lbfgs"])
def test_several_targets_follow_the_same_gradient_and_report_the_sum(diabetes, solver):
    X, y = diabetes
    Y = np.c_[y / 100, X[:, 0], X[:, 1] ** 2]
    settings = {"solver": solver, "alpha": 0, "random_state": 0, "max_iter": 10}
    settings |= {"n_iter_no_change": 100, "hidden_layer_sizes": (20,)}
    theirs = MLPRegressor(**settings).fit(X, Y)
    ours = MLPRegressorDIY(dtype="auto", **settings).fit(X, Y)
    if solver == "adam":
        assert_allclose(ours.predict(X), theirs.predict(X), atol=1e-8)
        assert_allclose(ours.loss_curve_, np.multiply(theirs.loss_curve_, 3))
    else:
        assert ours.score(X, Y) > theirs.score(X, Y) - 0.02
    half_squares = ((ours.predict(X) - Y) ** 2).sum(axis=1).mean() / 2
    if solver == "adam":  # one more step, whose loss is from before it
        ours.set_params(batch_size=len(y), warm_start=True, max_iter=1).fit(X, Y)
    assert_allclose(ours.loss_, half_squares)


# --------------------------------------------------------- what each loss predicts


TRUTHS = {
    "squared_error": np.mean,
    "absolute_error": np.median,
    "quantile": partial(np.quantile, q=0.8),
    "quantiles": partial(np.quantile, q=LEVELS),
    "gaussian": np.mean,
}


@pytest.mark.parametrize("standardize", [False, True])
@pytest.mark.parametrize("loss", TRUTHS)
def test_a_constant_learns_the_mean_the_median_or_the_quantile(
    skewed, loss, standardize
):
    X, y = skewed
    reg = constant(**LOSSES[loss], standardize_target=standardize)
    if loss in ("absolute_error", "quantile", "quantiles"):
        # L-BFGS can't end on a kink: descend, ever slower
        reg.set_params(solver="adam", learning_rate="cosine", learning_rate_init=0.2)
        reg.set_params(batch_size=len(y), max_iter=500)
    assert_allclose(reg.fit(X, y).predict(X[:1])[0], TRUTHS[loss](y), rtol=0.01)


def test_a_constant_rate_is_the_mean(skewed):
    X, y = skewed
    reg = constant(loss="poisson").fit(X, y)
    assert_allclose(reg.predict(X[:1]), y.mean(), rtol=1e-4)


def test_a_gaussian_constant_learns_the_standard_deviation_in_units_of_y(skewed):
    X, y = skewed
    for standardize in (False, True):
        reg = constant(loss="gaussian", standardize_target=standardize).fit(X, 50 * y)
        mean, std = reg.predict(X[:2], return_std=True)
        assert_allclose(mean, 50 * y.mean(), rtol=1e-3)
        assert_allclose(std, 50 * y.std(), rtol=1e-3)


def test_huber_is_pytorchs_minimum(skewed):
    torch = pytest.importorskip("torch")
    X, y = skewed
    c = torch.zeros(1, dtype=torch.float64, requires_grad=True)
    descent = torch.optim.LBFGS([c], max_iter=200, tolerance_grad=1e-12)
    loss = torch.nn.HuberLoss(delta=0.7)

    def closure():
        descent.zero_grad()
        value = loss(c.expand(len(y)), torch.tensor(y))
        value.backward()
        return value

    descent.step(closure)
    reg = constant(loss="huber", delta=0.7).fit(X, y)
    assert_allclose(reg.predict(X[:1]), c.detach().numpy(), rtol=1e-4)
    # delta is in the units that the network learns
    scaled = constant(loss="huber", delta=0.7 / y.std(), standardize_target=True)
    assert_allclose(scaled.fit(X, y).predict(X[:1]), c.detach().numpy(), rtol=1e-4)


@pytest.mark.parametrize("standardize", [False, True])
def test_quantiles_cover_their_share_everywhere(waves, standardize):
    X, y, *_ = waves
    reg = quick(**LOSSES["quantiles"], **FIT_WELL, standardize_target=standardize)
    reg.fit(X[:5000], y[:5000])
    below = y[5000:, np.newaxis] <= reg.predict(X[5000:])
    assert_allclose(below.mean(axis=0), LEVELS, atol=0.03)
    middle = np.abs(X[5000:, 0]) < 1  # where the scatter is small
    assert_allclose(below[middle].mean(axis=0), LEVELS, atol=0.05)
    assert_allclose(below[~middle].mean(axis=0), LEVELS, atol=0.05)


def test_mean_and_deviation_of_a_normal_distribution_are_found(waves):
    X, y, mean, std = waves
    reg = quick(loss="gaussian", **FIT_WELL).fit(X, y)
    inner = np.abs(X[:, 0]) < 1.8
    found_mean, found_std = reg.predict(X[inner], return_std=True)
    assert np.abs(found_mean - mean[inner]).mean() < 0.06
    assert np.abs(found_std / std[inner] - 1).mean() < 0.15
    assert_array_equal(found_mean, reg.predict(X[inner]))


def test_rates_follow_an_exponential_law():
    rng = np.random.default_rng(0)
    X = rng.uniform(-1, 1, (4000, 2))
    rate = np.exp(1 + X @ [1.0, -0.5])
    reg = quick(loss="poisson", hidden_layer_sizes=(), **FIT_WELL)
    reg.fit(X, rng.poisson(rate))
    assert_allclose(reg.predict(X), rate, rtol=0.1)
    assert_allclose(reg.coefs_[0][:, 0], [1, -0.5], atol=0.05)


# ------------------------------------------- what a loss allows, and nothing else


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@of_all_losses
def test_no_prediction_leaves_what_the_loss_allows(settings, dtype, diabetes):
    X, y = diabetes
    for Y in (y / 100, np.c_[y, y[::-1]] / 100):
        reg = quick(**settings, dtype=dtype).fit(X, Y)
        for scale in (0, 1, 1e3, 1e10, 1e25):
            for sign in (-1, 1):
                P = reg.predict(sign * scale * X[:50])
                assert np.isfinite(P).all()
                if reg.loss == "poisson":
                    assert (P > 0).all()
                if settings.get("quantile") == LEVELS:
                    assert (np.diff(P, axis=-1) >= 0).all()
                if reg.loss == "gaussian":
                    _, std = reg.predict(sign * scale * X[:50], return_std=True)
                    assert np.isfinite(std).all()
                    assert (std > 0).all()


@pytest.mark.parametrize("seed", range(4))
@pytest.mark.parametrize("standardize", [False, True])
def test_quantiles_of_a_wild_network_never_cross(seed, standardize):
    rng = np.random.default_rng(seed)
    X, Y = rng.standard_cauchy((100, 3)), rng.standard_cauchy((100, 2)) * 1000
    levels = np.sort(rng.uniform(0.001, 0.999, 7))
    reg = quick(loss="quantile", quantile=levels, standardize_target=standardize)
    reg.set_params(random_state=seed).fit(X, Y)
    reg.network_.parameters[:] = 3 * rng.standard_cauchy(reg.network_.parameters.size)
    P = reg.predict(rng.standard_cauchy((1000, 3)))
    assert P.shape == (1000, 2, 7)
    assert (np.diff(P, axis=2) >= 0).all()


@of_all_losses
def test_arguments_set_after_fit_change_no_prediction(settings, diabetes):
    X, y = diabetes
    if not settings:
        settings = {"loss": "squared_error"}
    reg = quick(**settings).fit(X, y / 100)
    before = reg.predict(X)
    other = {"loss": "poisson" if reg.loss != "poisson" else "squared_error"}
    assert_array_equal(reg.set_params(**other).predict(X), before)


# -------------------------------------------------------------------------- shapes


def test_networks_end_in_what_keeps_the_bounds(diabetes):
    X, y = diabetes
    hidden = [Dense(9), ReLU()]
    for settings, end in [
        ({"loss": "quantile", "quantile": LEVELS}, [Dense(6), Ordered(3), Identity()]),
        ({"loss": "gaussian"}, [Dense(4), GaussianOutput(), Identity()]),
        ({"loss": "huber"}, [Dense(2), Identity()]),
    ]:
        for layers in ({"hidden_layer_sizes": 9}, {"architecture": hidden}):
            reg = quick(**settings, **layers, max_iter=1).fit(X, np.c_[y, y])
            assert list(reg.network_.layers) == hidden + end


# ------------------------------------------------------- going on with what is there


@of_all_losses
def test_partial_fit_goes_on_bit_by_bit_through_pickle(settings, diabetes):
    X, y = diabetes
    standardize = settings.get("loss") != "poisson"
    reg = quick(**settings, standardize_target=standardize, batch_norm=True)
    straight, pickled = clone(reg), clone(reg)
    for rows in (slice(149), slice(149, 300), slice(300, None), slice(149)):
        straight.partial_fit(X[rows], y[rows])
        pickled = pickle.loads(pickle.dumps(pickled.partial_fit(X[rows], y[rows])))
    assert_array_equal(pickled.predict(X), straight.predict(X))
    assert pickled.loss_curve_ == straight.loss_curve_
    if standardize:  # from the first call
        mean, std = y[:149].mean(), y[:149].std()
        if reg.loss not in ("squared_error", "gaussian"):
            mean, std = np.median(y[:149]), robust_std(y[:149])
        assert_allclose(straight.target_mean_, mean)
        assert_allclose(straight.target_std_, std)


def test_a_checkpoint_is_of_one_loss_and_changes_no_bit(diabetes, tmp_path):
    X, y = diabetes
    for settings in (*LOSSES.values(), *LOSSES.values()):
        reg = quick(**settings, checkpoint_dir=tmp_path).fit(X, y)
        straight = quick(**settings).fit(X, y)
        assert_array_equal(reg.predict(X), straight.predict(X))
        assert reg.loss_curve_ == straight.loss_curve_


# ---------------------------------------------------------------- data of any kind


@of_all_losses
def test_data_of_any_kind_give_the_same_bits(settings, tmp_path):
    rng = np.random.default_rng(0)
    X = rng.integers(0, 4, (300, 8)).astype(np.uint8) * (rng.random((300, 8)) < 0.5)
    y = X[:, 0] + 1.0
    mapped = np.memmap(tmp_path / "X", np.uint8, "w+", shape=X.shape)
    mapped[:] = X
    reg = quick(**settings, early_stopping=True, hidden_layer_sizes=())
    expected = clone(reg).fit(X.astype(np.float32), y)
    kinds = [X, mapped, X.astype(np.float64), np.asfortranarray(X)]
    for given in (*kinds, X.tolist()):
        fitted = clone(reg).fit(given, y.tolist())
        assert_array_equal(fitted.predict(X), expected.predict(X))
        assert fitted.loss_curve_ == expected.loss_curve_
    sparse = scipy.sparse.csr_array(X.astype(np.float32))
    fitted = clone(reg).fit(sparse, y)
    assert_allclose(fitted.predict(sparse), expected.predict(X), rtol=1e-3, atol=1e-4)


# ----------------------------------------------------------------------- bad input


BAD_ARGUMENTS = [
    ({"loss": "mse"}, "'loss' parameter .*'squared_error'.* Got 'mse'"),
    ({"loss": "huber", "delta": 0}, r"'delta' .* range \(0.0, inf\). Got 0"),
    ({"loss": "quantile", "quantile": 1.0}, r"'quantile' .*\(0.0, 1.0\). Got 1.0"),
    ({"loss": "quantile", "quantile": "median"}, "'quantile' .* Got 'median'"),
    ({"loss": "quantile", "quantile": [0.5, 1.2]}, r"quantile must .*got \[0.5, 1.2\]"),
    (
        {"loss": "quantile", "quantile": []},
        r"quantile must be a number in \(0, 1\).* got \[\]",
    ),
    ({"loss": "quantile", "quantile": ["low"]}, r"quantile must .* got \['low'\]"),
    ({"loss": "quantile", "quantile": [[0.5]]}, r"quantile must .* in \(0, 1\)"),
    ({"loss": "quantile", "quantile": [0.9, 0.1]}, r"ascending order, got \[0.9, 0.1"),
    ({"loss": "quantile", "quantile": [0.5, 0.5]}, "ascending order"),
    (
        {"loss": "poisson", "standardize_target": True},
        "standardize_target=True is not available .* Set standardize_target=False",
    ),
    ({"loss": "huber", "delta": 1e39}, r"Huber: delta .* float32, got 1e\+39"),
    ({"loss": "huber", "delta": 1e-50}, r"Huber: delta .*\[1.18e-38.*got 1e-50"),
    (
        {"architecture": [Dense(8), Softmax()]},
        r"architecture ends in Softmax\(\), whose outputs are .* Leave it out",
    ),
]


@pytest.mark.parametrize(("arguments", "message"), BAD_ARGUMENTS, ids=str)
def test_bad_arguments_say_what_is_right(diabetes, arguments, message):
    X, y = diabetes
    reg = quick(**arguments)
    with pytest.raises(ValueError, match=message):
        reg.fit(X, y)
    assert not [name for name in vars(reg) if name.endswith("_")]


def test_a_standard_deviation_needs_a_loss_that_learns_one(diabetes):
    reg = quick().fit(*diabetes)
    message = "return_std=True needs loss='gaussian'.* of the fit was 'squared_error'"
    with pytest.raises(ValueError, match=message):
        reg.predict(diabetes[0], return_std=True)
    reg = quick(loss="quantile").fit(*diabetes)
    with pytest.raises(ValueError, match="the loss of the fit was 'quantile'"):
        reg.predict(diabetes[0], return_std=True)


@pytest.mark.parametrize(
    ("ignored", "message"),
    [
        (
            {"quantile": [0.1, 0.9]},
            r"quantile=\[0.1, 0.9\] has no effect with loss='sq",
        ),
        ({"delta": 3}, "delta=3 has no effect .* It is for loss='huber'"),
    ],
    ids=str,
)
def test_an_argument_that_the_loss_ignores_is_a_warning(diabetes, ignored, message):
    with pytest.warns(UserWarning, match=message) as record:
        quick(**ignored).fit(*diabetes)
    ours = [w for w in record if "no effect" in str(w.message)]
    assert [w.filename for w in ours] == [__file__]
    with warnings.catch_warnings():
        warnings.filterwarnings("error", message=".*has no effect")
        (name,) = ignored
        quick(loss={"delta": "huber"}.get(name, name), **ignored).fit(*diabetes)
