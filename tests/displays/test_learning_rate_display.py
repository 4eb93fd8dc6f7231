"""Tests of `LearningRateDisplay`: losses as in a fit, and a rate that trains well."""

import warnings

import matplotlib
import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from sklearn.base import clone
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import log_loss
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from helpers import of_both
from skdnn import MLPClassifierDIY, MLPRegressorDIY, TabularClassifierDIY
from skdnn.augmentation import Noise
from skdnn.displays import LearningRateDisplay

matplotlib.use("agg")
import matplotlib.pyplot as plt

pytestmark = pytest.mark.filterwarnings("ignore:.*Maximum iterations")
CONSTANT = {"min_rate": 1e-3, "max_rate": 1e-3 * (1 + 1e-12)}  # hardly rises


@pytest.fixture(autouse=True)
def close_figures():
    yield
    plt.close("all")


def classifier(**params):
    return MLPClassifierDIY((20,), **{"random_state": 0, **params})


def regressor(**params):
    params = {"standardize_target": True, "random_state": 0, **params}
    return MLPRegressorDIY(hidden_layer_sizes=(20,), **params)


def losses_of(estimator, X, y, **options):
    return LearningRateDisplay.from_estimator(estimator, X, y, **options).losses


# The losses


def test_before_anything_is_learned_the_loss_is_that_of_the_first_weights(iris):
    X, y = iris
    clf = classifier(alpha=0.0, learning_rate_init=1e-15, max_iter=1)
    losses = losses_of(clf, X, y, min_rate=1e-15, max_rate=2e-15, n_steps=30)
    first = log_loss(y, clone(clf).fit(X, y).predict_proba(X))
    assert_allclose(losses, np.full(30, first), rtol=1e-5)


def test_the_loss_of_a_regressor_is_in_units_of_the_standardized_target(diabetes):
    X, y = diabetes
    reg = regressor(alpha=0.0, batch_size=len(X), learning_rate_init=1e-15, max_iter=1)
    losses = losses_of(reg, X, y, min_rate=1e-15, max_rate=2e-15, n_steps=30)
    errors = (clone(reg).fit(X, y).predict(X) - y) / y.std()
    assert_allclose(losses, np.full(30, np.mean(errors**2) / 2), rtol=1e-5)


@pytest.mark.parametrize(
    "params",
    [
        {"solver": "sgd"},
        {"solver": "adam", "batch_size": 64, "alpha": 0.1},
        {"solver": "adamw", "batch_norm": True, "dropout": 0.3},
        {"augmentation": Noise(0.2), "shuffle": False, "dtype": "float32"},
        {"early_stopping": True, "n_iter_no_change": 100, "max_grad_norm": 0.1},
        {"learning_rate": "one_cycle", "warm_start": True, "ema_decay": 0.9},
        {"class_weight": {0: 5.0}},
    ],
    ids=lambda params: "-".join(params),
)
def test_at_a_constant_rate_the_losses_are_those_of_a_fit(params, split_digits):
    X, _, y, _ = split_digits
    clf = classifier(max_iter=4, learning_rate_init=1e-3, **params)
    fitted = clone(clf).set_params(learning_rate="constant").fit(X, y)
    n_rows = fitted.t_ // 4
    size = params.get("batch_size", 200)
    sizes = np.diff([*range(0, n_rows, size), n_rows])
    losses = losses_of(clf, X, y, n_steps=4 * len(sizes), **CONSTANT)
    by_epoch = losses.reshape(4, -1) @ sizes / n_rows
    assert_allclose(by_epoch, fitted.loss_curve_, rtol=1e-6)


def test_weights_count_as_in_a_fit(diabetes):
    X, y = diabetes
    weights = np.random.RandomState(0).exponential(size=len(X))
    weights[50:100] = 0
    reg = regressor(batch_size=len(X), max_iter=20)
    fitted = clone(reg).fit(X, y, sample_weight=weights)
    losses = losses_of(reg, X, y, sample_weight=weights, n_steps=20, **CONSTANT)
    assert_allclose(losses, fitted.loss_curve_, rtol=1e-6)


def test_mini_batches_without_weight_are_no_steps(diabetes):
    X, y = diabetes
    weights = np.zeros(len(X))
    weights[:10] = 1
    reg = regressor(batch_size=10, shuffle=False)
    options = {"n_steps": 25, **CONSTANT}
    losses = losses_of(reg, X, y, sample_weight=weights, **options)
    assert_allclose(losses, losses_of(reg, X[:10], y[:10], **options), rtol=1e-5)


def test_rates_rise_geometrically_over_several_epochs(iris):
    X, y = iris  # one mini-batch an epoch
    options = {"min_rate": 1e-4, "max_rate": 1e-2, "n_steps": 41}
    display = LearningRateDisplay.from_estimator(classifier(), X, y, **options)
    assert_allclose(display.rates, 10 ** np.linspace(-4, -2, 41))
    assert len(display.losses) == 41


def test_rates_are_the_ones_of_the_steps(iris):
    X, y = iris
    params = {"solver": "sgd", "momentum": 0.0, "alpha": 0.0, "batch_size": len(X)}
    options = {"min_rate": 1e-9, "max_rate": 1e-2, "n_steps": 20}
    losses = losses_of(classifier(**params), X, y, **options)
    # To first order, a step lowers the loss by the rate times the gradient's square.
    drops = -np.diff(losses)
    rates = np.geomspace(1e-9, 1e-2, 20)[:-1]
    assert_allclose(drops[10:] / drops[9:-1], rates[10:] / rates[9:-1], rtol=0.1)


@pytest.mark.parametrize("solver", ["adam", "adamw"])
def test_it_ends_where_training_diverges(solver, digits):
    clf = classifier(solver=solver)
    display = LearningRateDisplay.from_estimator(clf, *digits)
    assert 50 < len(display.losses) < 200
    assert len(display.rates) == len(display.losses)
    assert np.isfinite(display.losses).all()
    assert display.smoothed_losses_[-1] > display.smoothed_losses_[0]


def test_a_loss_that_is_not_finite_is_not_recorded(diabetes):
    reg = regressor(solver="sgd", alpha=0.0)
    display = LearningRateDisplay.from_estimator(reg, *diabetes, max_rate=1e300)
    assert len(display.losses) < 200
    assert np.isfinite(display.losses).all()


def test_no_warning_of_numbers_that_overflow(diabetes):
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        losses_of(regressor(solver="sgd"), *diabetes, max_rate=1e300)


# The estimator


@of_both
def test_same_seed_same_losses(Estimator, diabetes):
    X, y = diabetes
    y = y > 150 if Estimator is MLPClassifierDIY else y

    def losses(seed):
        return losses_of(Estimator(dropout=0.2, random_state=seed), X, y)

    assert_array_equal(losses(1), losses(1))
    assert losses(1)[0] != losses(2)[0]


def test_an_estimator_that_is_not_fitted_stays_so(iris):
    clf = classifier()
    before = dict(vars(clf))
    LearningRateDisplay.from_estimator(clf, *iris)
    assert vars(clf) == before


def test_a_fitted_estimator_stays_as_it_is_and_is_not_gone_on_with(iris):
    X, y = iris
    clf = classifier(max_iter=20, warm_start=True).fit(X, y)
    before, parameters = dict(vars(clf)), clf.network_.parameters.copy()
    losses = losses_of(clf, X, y)
    assert vars(clf).keys() == before.keys()
    assert all(vars(clf)[name] is value for name, value in before.items())
    assert_array_equal(clf.network_.parameters, parameters)
    assert len(clf.history_) == 20
    assert_array_equal(losses, losses_of(classifier(), X, y))


def test_random_numbers_are_not_used_up(iris):
    X, y = iris
    rng = np.random.RandomState(3)
    losses = losses_of(classifier(random_state=rng, dropout=0.1), X, y)
    assert rng.randint(2**31) == np.random.RandomState(3).randint(2**31)
    assert_array_equal(losses, losses_of(classifier(random_state=3, dropout=0.1), X, y))


def test_random_numbers_of_numpy_are_not_used_up(iris):
    X, y = iris
    state = np.random.get_state()
    try:
        np.random.seed(3)
        losses = losses_of(classifier(random_state=None), X, y)
        assert np.random.randint(2**31) == np.random.RandomState(3).randint(2**31)
    finally:
        np.random.set_state(state)
    assert_array_equal(losses, losses_of(classifier(random_state=3), X, y))


def test_no_checkpoint_is_written(iris, tmp_path):
    losses_of(classifier(checkpoint_dir=tmp_path / "new"), *iris)
    assert not list(tmp_path.iterdir())


def test_of_several_networks_one_is_trained_on_all_samples(iris):
    X, y = iris
    many = classifier(n_networks=3, resampling="folds")
    assert_array_equal(losses_of(many, X, y), losses_of(classifier(), X, y))


def test_the_steps_of_a_pipeline_are_fitted_to_X(iris):
    X, y = iris
    X = 100 + 7 * X
    pipeline = make_pipeline(StandardScaler(), classifier())
    losses = losses_of(pipeline, X, y)
    expected = losses_of(classifier(), StandardScaler().fit_transform(X), y)
    assert_array_equal(losses, expected)
    assert not hasattr(pipeline[0], "mean_")
    nested = make_pipeline(StandardScaler(), make_pipeline(classifier()))
    assert_array_equal(losses_of(nested, X, y), expected)


def test_the_steps_of_a_fitted_pipeline_are_fitted_anew_to_X(iris):
    X, y = iris
    fitted = make_pipeline(StandardScaler(), classifier(max_iter=2)).fit(X, y)
    losses = losses_of(fitted, 5 + 3 * X, y)
    assert_allclose(losses, losses_of(clone(fitted), X, y), rtol=1e-6)
    assert_allclose(fitted[0].mean_, X.mean(axis=0), atol=1e-12)


def test_a_fitted_search_stands_for_its_best_estimator(iris):
    X, y = iris
    grid = {"activation": ["tanh"]}
    search = GridSearchCV(classifier(max_iter=2), grid, cv=2).fit(X, y)
    assert_array_equal(
        losses_of(search, X, y), losses_of(classifier(activation="tanh"), X, y)
    )


# The suggestion


@pytest.mark.parametrize("solver", ["adam", "adamw", "sgd"])
def test_the_suggestion_trains_well(solver, split_digits):
    X, X_test, y, y_test = split_digits
    clf = classifier(solver=solver, max_iter=10)
    display = LearningRateDisplay.from_estimator(clf, X, y)

    def score(rate):
        try:
            fitted = clone(clf).set_params(learning_rate_init=rate).fit(X, y)
        except ValueError:  # parameters that are not finite
            return 0.0
        return fitted.score(X_test, y_test)

    rates = 10.0 ** np.arange(-4, 2)
    scores = [score(rate) for rate in rates]
    assert score(display.suggestion_) > max(scores) - 0.02
    assert abs(np.log10(display.suggestion_ / rates[np.argmax(scores)])) < 1
    assert score(display.suggestion_ / 100) < max(scores) - 0.1
    assert score(display.suggestion_ * 100) < max(scores) - 0.1


@pytest.mark.parametrize("solver", ["adam", "sgd"])
def test_the_suggestion_trains_a_regressor_well(solver, diabetes):
    X, y = diabetes
    reg = regressor(solver=solver, max_iter=20)
    suggestion = LearningRateDisplay.from_estimator(reg, X, y).suggestion_

    def loss(rate):
        return clone(reg).set_params(learning_rate_init=rate).fit(X, y).loss_

    lowest = min(loss(rate) for rate in (1e-4, 1e-3, 1e-2, 0.1))
    assert loss(suggestion) < 1.3 * lowest
    assert loss(suggestion / 100) > 1.5 * lowest


def test_smoothed_losses_are_a_mean_with_weights_that_decay():
    losses = np.random.RandomState(0).rand(30)
    display = LearningRateDisplay(rates=np.geomspace(1, 2, 30), losses=losses).plot()
    expected = [
        np.average(losses[:t], weights=0.9 ** np.arange(t)[::-1]) for t in range(1, 31)
    ]
    assert_allclose(display.smoothed_losses_, expected)


def test_the_suggestion_is_where_four_fifths_of_the_fall_are_done():
    losses = np.r_[np.ones(50), np.zeros(100)]
    rates = np.geomspace(1e-9, 10, 150)
    display = LearningRateDisplay(rates=rates, losses=losses).plot()
    # 0.9 ** 15 > 0.2 > 0.9 ** 16: the sixteenth of the zeros.
    assert_allclose(display.suggestion_, rates[65], rtol=0.05)
    assert display.suggestion_ == float(f"{rates[65]:.2g}")


def test_the_suggestion_is_at_most_a_tenth_of_the_rate_with_the_lowest_loss():
    losses = np.r_[np.ones(50), np.zeros(50), np.ones(50)]
    rates = np.geomspace(1e-2, 1, 150)
    display = LearningRateDisplay(rates=rates, losses=losses).plot()
    assert display.suggestion_ == float(f"{rates[99] / 10:.2g}")


def test_chance_in_the_first_steps_does_not_count():
    losses = np.r_[0, np.ones(49), np.full(100, 0.5)]  # the first is the lowest
    rates = np.geomspace(1e-9, 10, 150)
    display = LearningRateDisplay(rates=rates, losses=losses).plot()
    assert rates[50] < display.suggestion_ < rates[80]
    low, high = display.ax_.get_ylim()
    assert low < 0.5 < display.smoothed_losses_[9] < high


def test_no_suggestion_where_the_loss_does_not_fall():
    losses = np.linspace(1, 2, 50)
    display = LearningRateDisplay(rates=np.geomspace(1, 2, 50), losses=losses).plot()
    assert display.suggestion_ is None
    assert display.suggestion_line_ is None


# The picture


def test_what_is_drawn(digits):
    clf = classifier(learning_rate_init=0.002)
    display = LearningRateDisplay.from_estimator(clf, *digits)
    for line, values in (
        (display.line_, display.losses),
        (display.smoothed_line_, display.smoothed_losses_),
    ):
        assert_array_equal(line.get_xdata(), display.rates)
        assert_array_equal(line.get_ydata(), values)
    assert display.suggestion_line_.get_xdata() == [display.suggestion_] * 2
    assert display.learning_rate_line_.get_xdata() == [0.002, 0.002]
    assert display.ax_.get_xscale() == "log"
    assert display.ax_.get_xlabel() == "Learning rate"
    assert display.ax_.get_ylabel() == "Loss"
    assert [text.get_text() for text in display.ax_.get_legend().get_texts()] == [
        "mini-batches",
        "smoothed",
        f"suggestion = {display.suggestion_:g}",
        "learning_rate_init = 0.002",
    ]
    # The losses of divergence don't press the fall into a corner.
    low, high = display.ax_.get_ylim()
    fall = display.losses[0] - display.losses.min()
    assert fall > 0.6 * (high - low)
    assert low < display.losses.min()


def test_axes_and_options_are_taken(iris):
    _, ax = plt.subplots()
    options = {"ax": ax, "color": "red", "n_steps": 20}
    display = LearningRateDisplay.from_estimator(classifier(), *iris, **options)
    assert display.ax_ is ax
    assert display.figure_ is ax.figure
    assert display.smoothed_line_.get_color() == "red"
    assert LearningRateDisplay(rates=[1, 2], losses=[3, 3]).plot().ax_ is not ax


# Errors


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"min_rate": 0}, "min_rate=0 must be a finite number greater than 0"),
        ({"min_rate": "low"}, "min_rate='low' must be"),
        ({"max_rate": np.inf}, "max_rate=inf must be a finite number"),
        ({"max_rate": np.nan}, "max_rate=nan must be a finite number"),
        ({"min_rate": 2, "max_rate": 1}, "min_rate=2 must be less than max_rate=1"),
        ({"min_rate": 1, "max_rate": 1}, "min_rate=1 must be less than max_rate=1"),
        ({"n_steps": 19}, "n_steps=19 must be an integer of at least 20"),
        ({"n_steps": 50.0}, "n_steps=50.0 must be an integer of at least 20"),
    ],
)
def test_wrong_arguments(options, message, iris):
    with pytest.raises(ValueError, match=message):
        LearningRateDisplay.from_estimator(classifier(), *iris, **options)


def test_lbfgs_has_no_learning_rate(iris):
    with pytest.raises(ValueError, match="solver='lbfgs' .* Use 'adam', 'adamw' or"):
        LearningRateDisplay.from_estimator(classifier(solver="lbfgs"), *iris)


@pytest.mark.parametrize(
    "estimator",
    [
        LogisticRegression(),
        TabularClassifierDIY(),
        make_pipeline(StandardScaler(), LogisticRegression()),
        GridSearchCV(classifier(), {"alpha": [0.0]}),
    ],
    ids=lambda estimator: type(estimator).__name__,
)
def test_estimators_without_a_learning_rate(estimator, iris):
    message = f"(?s)estimator={type(estimator).__name__}.*give a network of this"
    with pytest.raises(ValueError, match=message):
        LearningRateDisplay.from_estimator(estimator, *iris)


def test_parameters_are_checked_as_in_fit(iris):
    with pytest.raises(ValueError, match="The 'alpha' parameter"):
        LearningRateDisplay.from_estimator(classifier(alpha=-1), *iris)


def test_data_are_checked_as_in_fit(iris):
    X, y = iris
    with pytest.raises(ValueError, match="inconsistent numbers of samples"):
        LearningRateDisplay.from_estimator(classifier(), X[:9], y)
    with pytest.raises(ValueError, match="sample_weight"):
        LearningRateDisplay.from_estimator(classifier(), X, y, sample_weight=-y)


def test_a_loss_that_is_not_finite_from_the_start(diabetes):
    X, y = diabetes
    with pytest.raises(ValueError, match="not finite in the first step, at min_rate="):
        LearningRateDisplay.from_estimator(regressor(), 1e30 * X, y)
