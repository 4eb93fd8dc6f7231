"""The picture of a learning-rate range test, which finds a rate in seconds."""

from numbers import Integral, Real

import numpy as np
from sklearn.base import clone

from skdnn.displays.common import (
    COLOR,
    HIGHLIGHT,
    finish_axes,
    make_axes,
    scale_log,
    steps_before,
    unwrapped,
)
from skdnn.estimators.base import BaseMLP, first_job
from skdnn.messages import as_python, plain
from skdnn.training.rate_range import range_test

DECAY = 0.9  # of the mean that smooths the losses: of about the last ten
WARM_UP = 10  # steps, before which it is a mean of too few to be compared with
FALLEN = 0.8  # the part of its way down that the loss has gone at the suggestion
MARGIN = 10.0  # that the suggestion keeps from the rate with the lowest loss
TOO_HIGH = 1.5  # so many times its way down, or the lowest loss, above it: diverged


class LearningRateDisplay:
    """Loss of a network whose learning rate rises from step to step.

    Use :meth:`from_estimator` to create one. Faint is the loss of each mini-batch,
    strong an exponential mean of it, with its bias corrected as Adam's moments are. At
    the left nothing is learned yet, at the right training diverges.

    The suggestion is the rate at which the smoothed loss has gone 80 % of its way from
    the tenth step to its lowest, which is where its fall begins to slow, as Smith reads
    it off by eye; but at most a tenth of the rate with the lowest loss, which is
    fastai's rule. It is meant for ``learning_rate="constant"``, and a place to start
    a search: a few hundred steps know nothing of overfitting. With mini-batches of ten
    samples or fewer, take more steps.

    Parameters
    ----------
    rates : array-like of float of shape (n_steps,)
        The learning rate of each step.
    losses : array-like of float of shape (n_steps,)
        The loss of each mini-batch before its step, with the L2 penalty.
    learning_rate_init : float, default=None
        The estimator's own, to be marked.

    Attributes
    ----------
    smoothed_losses_ : ndarray of shape (n_steps,)
        The exponential mean.
    suggestion_ : float or None
        The suggested rate, to two digits; None if the loss does not fall.
    ax_ : matplotlib Axes
        The axes with the curves.
    figure_ : matplotlib Figure
        The figure that contains them.
    line_, smoothed_line_ : matplotlib Line2D
        The losses of the mini-batches, and smoothed.
    suggestion_line_, learning_rate_line_ : matplotlib Line2D or None
        The rates that are marked.

    See Also
    --------
    TrainingCurveDisplay : The loss of a whole training.

    References
    ----------
    Smith (2017), "Cyclical learning rates for training neural networks", section 3.3;
    Howard and Gugger (2020), "fastai: a layered API for deep learning", whose
    `lr_find` raises the rate geometrically.

    Examples
    --------
    >>> from sklearn.datasets import load_digits
    >>> from skdnn import MLPClassifierDIY
    >>> from skdnn.displays import LearningRateDisplay
    >>> X, y = load_digits(return_X_y=True)
    >>> clf = MLPClassifierDIY(random_state=0)
    >>> display = LearningRateDisplay.from_estimator(clf, X / 16, y)
    >>> clf = clf.set_params(learning_rate_init=display.suggestion_)
    """

    def __init__(self, *, rates, losses, learning_rate_init=None):
        self.rates = rates
        self.losses = losses
        self.learning_rate_init = learning_rate_init

    @classmethod
    def from_estimator(
        cls,
        estimator,
        X,
        y,
        *,
        min_rate=1e-5,
        max_rate=10.0,
        n_steps=200,
        sample_weight=None,
        ax=None,
        **kwargs,
    ):
        """Train at rates that rise, and draw the loss.

        A clone begins as :meth:`fit` would, with the same weights, mini-batches,
        dropout and augmentation; all but the rate is as the parameters say. The
        estimator stays as it is, and so do its random numbers. Training ends after
        `n_steps` mini-batches, over as many epochs as that takes, or where the loss is
        not finite or has climbed far above where it began.

        Parameters
        ----------
        estimator : estimator
            A :class:`~skdnn.MLPClassifierDIY` or :class:`~skdnn.MLPRegressorDIY`,
            fitted or not, a pipeline that ends in one, whose steps are cloned and
            fitted to X, or a fitted search. Of several networks, with `n_networks`,
            one is trained, on all samples.
        X : {array-like, sparse matrix} of shape (n_samples, n_features)
            What it is to learn from.
        y : array-like of shape (n_samples,) or (n_samples, n_outputs)
            The labels, or the numbers to predict.
        min_rate, max_rate : float, default=1e-5, 10.0
            The first and the last rate: far too low, and far too high.
        n_steps : int, default=200
            In how many steps the rate rises, at least 20. In more, the loss falls, and
            the suggestion lies, at somewhat lower rates.
        sample_weight : array-like of shape (n_samples,), default=None
            Weights of the samples.
        ax, **kwargs
            See :meth:`plot`.

        Returns
        -------
        display : LearningRateDisplay

        Raises
        ------
        ValueError
            If the estimator has no learning rate, or the loss is not finite at once.
        """
        rates = _rising(min_rate, max_rate, n_steps)
        network, X = _network_behind(estimator, X, y)
        job, data = first_job(network, X, y, sample_weight)
        losses = range_test(job, data, rates, _diverged)
        if not losses:
            raise ValueError(
                "The loss is not finite in the first step, at"
                f" min_rate={plain(min_rate)!r}: scale X, and y if it holds numbers."
            )
        return cls(
            rates=rates[: len(losses)],
            losses=np.array(losses),
            learning_rate_init=network.learning_rate_init,
        ).plot(ax, **kwargs)

    def plot(self, ax=None, **kwargs):
        """Draw the losses.

        Parameters
        ----------
        ax : matplotlib Axes, default=None
            Where to draw; by default in a new figure.
        **kwargs : dict
            Passed to matplotlib's `plot` for the smoothed losses.

        Returns
        -------
        self : LearningRateDisplay
        """
        rates, losses = np.asarray(self.rates), np.asarray(self.losses)
        self.smoothed_losses_ = smoothed = _smooth(losses)
        self.suggestion_ = _suggest(rates, smoothed)
        self.ax_, self.figure_ = make_axes(ax)
        (self.line_,) = self.ax_.plot(
            rates, losses, color=COLOR, alpha=0.35, linewidth=1, label="mini-batches"
        )
        options = {"color": COLOR, "linewidth": 2, "label": "smoothed"}
        (self.smoothed_line_,) = self.ax_.plot(rates, smoothed, **options | kwargs)
        self.suggestion_line_ = self._mark("suggestion", self.suggestion_, HIGHLIGHT)
        self.learning_rate_line_ = self._mark(
            "learning_rate_init", self.learning_rate_init, "0.3", linestyle=":"
        )
        # What is far above the start would press all that matters into a line.
        bottom, top = losses.min(), smoothed[:WARM_UP].max()
        height = top - bottom or 1.0
        self.ax_.set_ylim(bottom - 0.05 * height, top + 0.4 * height)
        scale_log(self.ax_, "x")
        self.ax_.set(xlabel="Learning rate", ylabel="Loss")
        finish_axes(self.ax_, n_columns=4)
        return self

    def _mark(self, name, rate, color, linestyle="--"):
        if rate is None:
            return None
        label = f"{name} = {rate:g}"
        return self.ax_.axvline(rate, color=color, linestyle=linestyle, label=label)


def _diverged(losses):
    smoothed = _smooth(losses)[WARM_UP - 1 :]
    if not smoothed.size:
        return False
    lowest = smoothed.min()
    return smoothed[-1] - lowest > TOO_HIGH * max(abs(lowest), smoothed[0] - lowest)


def _smooth(losses):
    """Return the exponential mean up to each loss, with its bias corrected."""
    from scipy.signal import lfilter  # which takes long to import

    means = lfilter([1 - DECAY], [1, -DECAY], losses)
    return means / (1 - DECAY ** np.arange(1, len(means) + 1))


def _suggest(rates, smoothed):
    """Return the rate that the class describes, or None."""
    rates, smoothed = rates[WARM_UP - 1 :], smoothed[WARM_UP - 1 :]
    lowest = smoothed.argmin() if smoothed.size else 0
    if lowest == 0:
        return None
    goal = smoothed[0] - FALLEN * (smoothed[0] - smoothed[lowest])
    slows = rates[np.argmax(smoothed <= goal)]
    return float(f"{min(slows, rates[lowest] / MARGIN):.2g}")


def _rising(min_rate, max_rate, n_steps):
    """Return rates that rise geometrically."""
    min_rate = as_python(min_rate, "min_rate")
    max_rate = as_python(max_rate, "max_rate")
    n_steps = as_python(n_steps, "n_steps")
    for name, rate in (("min_rate", min_rate), ("max_rate", max_rate)):
        if not isinstance(rate, Real) or not 0 < rate < np.inf:
            raise ValueError(
                f"{name}={plain(rate)!r} must be a finite number greater than 0."
            )
    if min_rate >= max_rate:
        raise ValueError(
            f"min_rate={plain(min_rate)!r} must be less than"
            f" max_rate={plain(max_rate)!r}."
        )
    if not isinstance(n_steps, Integral) or n_steps < 2 * WARM_UP:
        raise ValueError(
            f"n_steps={plain(n_steps)!r} must be an integer of at least {2 * WARM_UP}."
        )
    return np.geomspace(min_rate, max_rate, n_steps)


def _network_behind(estimator, X, y):
    """Return the network's estimator, and X behind the steps before it, fitted anew."""
    *_, network = unwrapped(estimator)
    if not isinstance(network, BaseMLP):
        raise ValueError(
            f"estimator={estimator!r} has no learning rate to look for: give a network"
            " of this package, a pipeline that ends in one, or a fitted search."
        )
    if network.solver == "lbfgs":
        raise ValueError(
            "solver='lbfgs' has no learning rate: it searches along a line for each"
            " step. Use 'adam', 'adamw' or 'sgd'."
        )
    for steps in steps_before(estimator):
        X = clone(steps).fit_transform(X, y)
    return network, X
