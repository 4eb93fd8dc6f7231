"""L-BFGS: what it takes, what it ignores, and when it says that it ended."""

import warnings

import numpy as np
import pytest
from numpy.testing import assert_array_equal
from sklearn.exceptions import ConvergenceWarning

from helpers import of_all_losses, of_both_pairs, quick, quick_regressor, silent
from skdnn import MLPClassifierDIY
from skdnn.nn import Dense, GaussianNoise, Residual


def test_lbfgs_in_float32_gets_as_far(digits):
    X, y = digits
    settings = {"solver": "lbfgs", "random_state": 0, "max_iter": 300}
    double = MLPClassifierDIY(dtype="float64", **settings).fit(X[:900], y[:900])
    single = MLPClassifierDIY(**settings).fit(X[:900], y[:900])
    assert single.coefs_[0].dtype == np.float32
    assert single.loss_ < 1.1 * double.loss_ + 1e-4
    assert single.score(X[900:], y[900:]) > double.score(X[900:], y[900:]) - 0.02


IGNORED = {
    "batch_size": 7,
    "learning_rate": "cosine",
    "learning_rate_init": 0.2,
    "power_t": 0.7,
    "shuffle": False,
    "momentum": 0.1,
    "nesterovs_momentum": False,
    "early_stopping": True,
    "validation_fraction": 0.3,
    "beta_1": 0.5,
    "beta_2": 0.7,
    "epsilon": 1e-5,
    "n_iter_no_change": 3,
    "max_grad_norm": 0.001,
    "checkpoint_every": 2,
}


@of_both_pairs
def test_lbfgs_says_what_it_ignores(Theirs, Ours, iris):
    """Each argument that changes nothing, by name and value, in one warning."""
    settings = {"solver": "lbfgs", "tol": 1.0, "random_state": 0}
    plain = Ours(**settings, n_networks=2).fit(*iris)
    with pytest.warns(UserWarning, match="solver='lbfgs' ignores") as record:
        clf = Ours(**settings, **IGNORED, n_networks=2).fit(*iris)
    assert_array_equal(clf.network_.parameters, plain.network_.parameters)
    (message,) = [str(w.message) for w in record]
    assert all(f"{name}={value!r}" in message for name, value in IGNORED.items())
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        for name in IGNORED:  # at their defaults, also where these are given
            default = Ours().get_params()[name]
            Ours(**settings, **{name: default}).fit(*iris)
        quick(solver="lbfgs", tol=1.0, alpha=0.1, max_fun=500).fit(*iris)
    # All else that there is either does something, is refused, or is documented.
    uses = {"max_iter", "max_fun", "tol", "alpha", "dtype", "n_networks", "resampling"}
    uses |= {"random_state", "verbose", "warm_start", "checkpoint_dir", "n_jobs"}
    uses |= {"hidden_layer_sizes", "activation", "architecture", "batch_norm"}
    uses |= {"weight_init", "scoring", "transform_layer", "solver", "class_weight"}
    uses |= {"label_smoothing", "loss", "quantile", "delta", "standardize_target"}
    refused = {"dropout", "input_dropout", "augmentation", "ema_decay"}
    assert Ours().get_params().keys() - IGNORED.keys() - refused <= uses


def test_lbfgs_says_what_a_warm_start_forgets(iris):
    clf = quick(solver="lbfgs", max_iter=2, warm_start=True)
    with pytest.warns(ConvergenceWarning, match="failed to converge") as record:
        clf.fit(*iris)
    assert "warm_start" not in str(record[0].message)
    with pytest.warns(
        ConvergenceWarning, match="With warm_start=True, each fit begins"
    ):
        clf.fit(*iris)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        clf.set_params(max_iter=1000, tol=0.01).fit(*iris)


def test_lbfgs_limits_and_warnings(iris):
    X, y = iris
    with pytest.warns(ConvergenceWarning, match="lbfgs failed to converge") as record:
        clf = quick(solver="lbfgs", max_iter=3).fit(X, y)
    assert "Increase the number of iterations" in str(record[0].message)
    assert [w.filename for w in record] == [__file__]
    assert clf.n_iter_ == 3
    clf = quick(solver="lbfgs", max_iter=1000, max_fun=7).fit(X, y)
    assert 1 <= clf.n_iter_ <= 7
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        quick(solver="lbfgs", max_iter=1000, tol=0.1).fit(X, y)
    assert not hasattr(quick(solver="lbfgs"), "partial_fit")
    with pytest.raises(AttributeError, match="has no attribute 'partial_fit'"):
        quick(solver="lbfgs").partial_fit  # noqa: B018
    for settings, message in [
        ({"dropout": 0.2}, r"^Dropout\(0.2\) is not available .*'lbfgs'.*'adam'"),
        ({"input_dropout": 0.3}, r"^Dropout\(0.3\) is not available .*'lbfgs'"),
        (
            {"architecture": [Residual([GaussianNoise(0.1)]), Dense(9)]},
            r"^GaussianNoise\(0.1\) is not available .*'lbfgs'",
        ),
        ({"ema_decay": 0.9}, "ema_decay=0.9 is not available with solver='lbfgs'"),
    ]:
        with pytest.raises(ValueError, match=message):
            quick(solver="lbfgs", **settings).fit(X, y)


# -------------------------------------------------------------- where rounding ends it


STUCK = {
    "far from 0": ({}, lambda y: y + 1e8),
    "large": ({}, lambda y: y * 1e6),
    "large, around 0": ({}, lambda y: (y - y.mean()) * 1e8),
}


@pytest.mark.parametrize(("settings", "change"), STUCK.values(), ids=STUCK)
def test_lbfgs_says_when_rounding_has_ended_it(diabetes, settings, change):
    X, y = diabetes
    with warnings.catch_warnings(record=True) as record:
        warnings.simplefilter("always")
        reg = quick_regressor(solver="lbfgs", **settings, max_iter=100).fit(
            X, change(y)
        )
    assert reg.n_iter_ < 5
    assert reg.score(X, change(y)) < 0.01  # no better than the mean
    (warning,) = record  # and none of NumPy's
    assert issubclass(warning.category, ConvergenceWarning)
    assert warning.filename == __file__
    assert "standardize_target=True" in str(warning.message)
    assert "dtype='float64'" in str(warning.message)


@pytest.mark.parametrize("tol", [1e-4, 1e-12])
@of_all_losses
def test_lbfgs_says_nothing_of_rounding_where_it_has_learned(diabetes, settings, tol):
    # Without a hidden layer it comes to where no step lowers the loss: at the minimum,
    # or on a kink. From there it does not go on, which is no complaint either.
    X, y = diabetes
    standardize = settings.get("loss") != "poisson"
    reg = quick_regressor(**settings, solver="lbfgs", hidden_layer_sizes=())
    reg.set_params(standardize_target=standardize, tol=tol, max_iter=300)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        warnings.filterwarnings("error", message=".*hardly anything was learned")
        for target in (y, np.random.default_rng(0).permutation(y)):
            reg.set_params(warm_start=False).fit(X, target)
            reg.set_params(warm_start=True).fit(X, target)
            assert reg.n_iter_ < 300


def test_lbfgs_keeps_numpys_warnings_of_its_trials_to_itself(diabetes):
    X, y = diabetes
    trials = quick_regressor(solver="lbfgs", max_iter=100)
    with silent():
        trials.fit(X, y * 1e4)
    assert trials.score(X, y * 1e4) > 0.5
