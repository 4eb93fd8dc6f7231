"""Numbers as people write them, as the network sees them, and back."""

from dataclasses import dataclass

import numpy as np
from sklearn.metrics import r2_score

from skdnn import nn
from skdnn.data.door import warn_of_column
from skdnn.data.numeric import as_numbers
from skdnn.estimators.task.base import Task, misfit
from skdnn.estimators.task.scales import (
    FARTHEST,
    absurd,
    describe_outliers,
    mean_and_std,
    median_and_spread,
)
from skdnn.messages import counted, warn_user
from skdnn.nn.losses import LOSSES, Loss
from skdnn.nn.losses.regression import vary

LARGE = 1e140  # beyond it, or its inverse, sums of squares over- or underflow
OTHER_UNITS = 10.0, 30.0  # y_val: deviations from the middle of y; times its spread
ENOUGH = 10  # rows that have a spread of their own


@dataclass(eq=False)
class Numbers(Task):
    """Numbers to predict, in units of their own, and the loss that they are learned by.

    Parameters
    ----------
    loss : Loss
        One of regression.
    mean, std : ndarray of shape (n_targets,)
        What the network learns is ``(y - mean) / std``. For a robust loss, these are
        the median and what the quartiles say of the deviation.
    standardized : bool, default=False
        Whether these were asked for; 0 and 1 else.
    """

    loss: Loss
    mean: np.ndarray
    std: np.ndarray
    standardized: bool = False

    @classmethod
    def of(cls, y, loss, standardize=False, sample_weight=None):
        """Return the way to learn y, an array that scikit-learn has validated."""
        warn_of_column(y)
        y = as_numbers(y)
        constant = np.flatnonzero((y == y[0]).all(axis=0))
        if constant.size and len(y) > 1:
            column = "" if y.shape[1] == 1 else f" in column {constant[0]}"
            warn_user(
                f"y is constant{column}, {y[0, constant[0]]:g} in all {len(y)} samples:"
                " a network can learn nothing but this number. Check y, or do without"
                " it."
            )
        if not standardize:
            return cls(loss, np.zeros(y.shape[1]), np.ones(y.shape[1]))
        measure = median_and_spread if loss.is_robust else mean_and_std
        mean, std = measure(y, sample_weight)
        std[constant] = 1.0
        return cls(loss, mean, std, True)

    def as_asked(self, estimator):
        """See :class:`Task`."""
        return Numbers(loss_asked_by(estimator), self.mean, self.std, self.standardized)

    def check_same(self, y):
        """Raise an error unless y has as many columns."""
        self.encode(y)

    def encode(self, y, name="y"):
        """Return the targets for y.

        Parameters
        ----------
        y : array-like of shape (n_samples,) or (n_samples, n_targets)
        name : str, default="y"
            How to call y in an error.

        Returns
        -------
        targets : ndarray of float64 of shape (n_samples, n_targets)
        """
        y = as_numbers(y, name)
        if y.shape[1] != len(self.mean):
            raise ValueError(
                f"{name} has {counted(y.shape[1], 'column')} for"
                f" {counted(len(self.mean), 'target')}; give one for each."
            )
        self.loss.check_targets(y, name)
        if self.is_plain() or not self.loss.is_robust:
            return (y - self.mean) / self.std
        with np.errstate(over="ignore"):
            targets = (y - self.mean) / self.std
        return np.clip(targets, -FARTHEST, FARTHEST, out=targets)

    def restore(self, targets, y):
        """Return y again: as it was given, as scaling back would round it."""
        y = as_numbers(y)
        return y[:, 0] if y.shape[1] == 1 else y

    def decode(self, decisions):
        """Return the numbers, in units of y, for what a loss's ``decide`` returns.

        Parameters
        ----------
        decisions : ndarray of shape (n_samples, n_targets * n_numbers)
            So many numbers for each target.

        Returns
        -------
        y : ndarray of shape (n_samples, n_targets, n_numbers)
            Without the axes of length 1.
        """
        y = decisions.reshape(len(decisions), len(self.mean), -1)
        if not self.is_plain():
            largest = np.finfo(np.float64).max
            with np.errstate(over="ignore"):
                y = y * self.std[:, np.newaxis] + self.mean[:, np.newaxis]
            np.clip(y, -largest, largest, out=y)
        return y.reshape(len(y), *(n for n in y.shape[1:] if n > 1))

    def decode_std(self, std):
        """Return standard deviations in units of y."""
        if not self.is_plain():
            info = np.finfo(np.float64)
            with np.errstate(over="ignore"):
                std = np.clip(std * self.std, info.tiny, info.max)
        return std[:, 0] if std.shape[1] == 1 else std

    def is_plain(self):
        """Return whether the network learns y itself: then it keeps its dtype."""
        return not self.mean.any() and (self.std == 1).all()

    def check_range(self, targets, dtype, name="y"):
        """Raise an error if a loss in this dtype would overflow."""
        self.loss.check_dtype(dtype)
        largest, limit = np.abs(targets).max(initial=0), np.sqrt(np.finfo(dtype).max)
        if largest > limit:
            unit, cure = "", "Scale y"
            if not self.is_plain():
                unit = " standard deviations of the y that was learned first"
                cure = f"Give {name} in the units of that one"
            elif self.loss.link != nn.Exp():  # which can't be standardized
                cure = "Set standardize_target=True, scale y"
            raise ValueError(
                f"{name} holds numbers as large as {largest:.3g}{unit}, whose squares"
                f" overflow {dtype}. {cure}, or leave such samples out."
            )

    def right_predictions(self, targets, y, network):
        """Return y, several times where several numbers are predicted.

        In place of 0 there is a number next to it: a rate is greater than 0.
        """
        n_numbers = self.loss.decide(np.zeros((1, network.widths[-1]))).shape[1]
        y = np.where(y == 0, np.finfo(np.float64).tiny, y).reshape(len(y), -1, 1)
        y = np.repeat(y, n_numbers // y.shape[1], axis=2)
        return {"predict": y.reshape(len(y), *(n for n in y.shape[1:] if n > 1))}

    def size_of(self, targets, weights=None):
        """Return mean and standard deviation, of the target that is farthest off.

        0 and 1 where they can't be wrong, or are as `standardize_target` has made them;
        a constant has no spread to scale by. Median and spread, which outliers hardly
        move, for a robust loss, and where outliers are a warning of their own.
        """
        varies = vary(targets, weights)[0]
        if self.loss.link == nn.Exp() or not self.is_plain() or not varies.any():
            return 0.0, 1.0
        targets = targets[:, varies]
        withstands = self.loss.is_robust or absurd(targets, weights).any()
        measure = median_and_spread if withstands else mean_and_std
        means, stds = measure(targets, weights)
        worst = np.argmax(misfit(means, stds))
        return float(means[worst]), float(stds[worst])

    def why_no_score(self, targets, weights=None):
        """Return why a score relative to a constant says nothing of these, or ""."""
        if not vary(targets, weights).any():
            n_rows = len(targets) if weights is None else np.count_nonzero(weights)
            return f"is constant, {counted(int(n_rows), 'row')}"
        n_far = np.count_nonzero(absurd(targets, weights)) if self.loss.is_robust else 0
        if n_far:
            return f"has {counted(n_far, 'value')} so far off that it sees nothing else"
        return ""

    def start(self, network, targets, weights=None):
        """Let a network with new weights start at the mean of the targets, for rates.

        The logarithm of rare counts, or of large ones, is far from 0, and steps towards
        it are as long as the learning rate.
        """
        if self.loss.link != nn.Exp() or not (weights is None or weights.any()):
            return
        means = np.average(targets, axis=0, weights=weights)
        means[means == 0] = 1 / (2 * len(targets))  # half of the smallest count
        network.views[-2]["bias"] += np.log(means)

    def warn_of_outliers(self, y, weights=None, name="y"):
        """Warn if y has absurd outliers and the loss follows them."""
        if self.loss.is_robust or not (weights is None or weights.any()):
            return
        y = as_numbers(y, name)
        far = absurd(y, weights)
        if far.any():
            cure = "Correct them, or leave these rows out"
            if self.loss.link != nn.Exp():
                cure += ", or set loss='huber' with standardize_target=True"
            warn_user(
                f"{describe_outliers(y, far, weights, name)} The loss follows them, and"
                f" has hardly an eye for the rest. {cure}."
            )

    def warn_of_units(self, targets, weights, val_targets, val_weights=None):
        """Warn if targets to validate on seem to be in other units.

        Parameters
        ----------
        targets, val_targets : ndarray of shape (n_samples, n_targets)
        weights, val_weights : ndarray of shape (n_samples,) or None
        """
        if val_weights is not None and not val_weights.any():
            return  # an error of its own
        center, spread = median_and_spread(targets, weights)
        val_center, val_spread = median_and_spread(val_targets, val_weights)
        _, std = mean_and_std(targets, weights)
        _, val_std = mean_and_std(val_targets, val_weights)
        varies = vary(targets, weights)[0]
        off, times = OTHER_UNITS
        with np.errstate(over="ignore", invalid="ignore"):
            is_off = np.abs(val_center - center) > off * np.maximum(std, spread)
            is_larger = np.minimum(val_std / std, val_spread / spread) > times
            is_smaller = np.minimum(std / val_std, spread / val_spread) > times
        is_other = is_larger | is_smaller
        n_rows = len(val_targets) if val_weights is None else (val_weights > 0).sum()
        is_other &= (n_rows >= ENOUGH) & vary(val_targets, val_weights)[0]
        columns = np.flatnonzero(varies & (is_off | is_other))
        if not columns.size:
            return
        k = columns[0]
        column = "" if len(varies) == 1 else f" in column {k}"

        def size(middle, deviation):
            middle = middle[k] * self.std[k] + self.mean[k]
            return f"{middle:.3g} ± {deviation[k] * self.std[k]:.3g}"

        warn_user(
            f"y_val seems to be in other units than y{column}: about"
            f" {size(val_center, val_std)}, where y is {size(center, std)} (median and"
            " standard deviation). Give y_val in the units of y. A"
            " TransformedTargetRegressor transforms y, but not y_val: transform both"
            " yourself, or set standardize_target=True in its place."
        )

    def are_sorted(self, targets):
        """Return whether the first of each sample's numbers only rises."""
        return bool((np.diff(targets[:, 0]) >= 0).all())

    def complete(self, layers):
        """Return a network's layers with those that it ends in."""
        if layers and layers[-1] == nn.Softmax():
            raise ValueError(
                "architecture ends in Softmax(), whose outputs are probabilities of"
                " classes; a regressor predicts numbers. Leave it out: fit adds the"
                " output layer."
            )
        return [*layers, *self.loss.output_layers(len(self.mean))]

    def loss_for(self, network):
        """Return the loss for a network."""
        return self.loss

    def fitted_attributes(self):
        """Return what an estimator remembers of the targets."""
        return {
            "target_loss_": self.loss,
            "target_mean_": self.mean,
            "target_std_": self.std,
            "standardized_target_": self.standardized,
        }

    def other_scorers(self):
        """Return which scorers always work, in words."""
        return "such as 'loss', or None, the score of the estimator"


def loss_asked_by(estimator):
    """Return the loss that the parameters of an estimator ask for."""
    if estimator.loss == "huber":
        return nn.Huber(float(estimator.delta))
    if estimator.loss == "quantile":
        try:
            return nn.PinballLoss(tuple(np.atleast_1d(estimator.quantile).tolist()))
        except ValueError as error:  # which calls them by another name
            raise ValueError(
                "quantile must be a number in (0, 1), or several in ascending"
                f" order, got {estimator.quantile!r}."
            ) from error
    return LOSSES[estimator.loss]()


def comparable(y, predictions, sample_weight=None):
    """Return y, predictions and weights without the targets that are constant in y.

    Scores relative to the best constant mean nothing there. Where all are constant,
    they are 0 or 1 by scikit-learn's convention, which rounding is not to spoil.
    """
    truth, guess = as_numbers(y), predictions.reshape(len(predictions), -1)
    weights = None if sample_weight is None else np.asarray(sample_weight, np.float64)
    right = truth.shape == guess.shape
    if weights is not None:
        right &= weights.shape == truth.shape[:1] and bool((weights > 0).any())
    if not right:  # of which scikit-learn complains
        return y, predictions, sample_weight
    varies = vary(truth, weights)[0]
    if varies.all():
        return y, predictions, sample_weight
    if varies.any():
        return truth[:, varies], guess[:, varies], sample_weight
    if weights is not None:
        rows = weights > 0
        truth, guess, weights = truth[rows], guess[rows], weights[rows]
    return truth - truth[0], guess - truth[0], weights


def r2_of(y, predictions, sample_weight=None):
    """Return R², averaged over the targets that vary."""
    y, predictions, weights = comparable(y, predictions, sample_weight)
    # Of integers, scikit-learn would make float32 where predictions are.
    y, predictions = as_numbers(y), np.asarray(predictions, np.float64)
    size = np.max(np.abs(y))
    if size > LARGE or 0 < size < 1 / LARGE:
        y, predictions = y / size, predictions / size
    return r2_score(y, predictions, sample_weight=weights)


def check_spread(y, sample_weight=None):
    """Raise an error if a target is constant in a y that more is to come of."""
    y = as_numbers(y)
    y = y if sample_weight is None else y[sample_weight > 0]
    constant = np.flatnonzero((y == y[0]).all(axis=0))
    if constant.size:
        column = "" if y.shape[1] == 1 else f" in column {constant[0]}"
        raise ValueError(
            f"y is constant{column} in the first call of partial_fit,"
            f" {y[0, constant[0]]:g} in {len(y)} sample{'s' * (len(y) > 1)}, from which"
            " standardize_target=True takes the spread for all calls. Begin with more"
            " samples, or standardize y yourself and set standardize_target=False."
        )
