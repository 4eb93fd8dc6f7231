"""Numbers as people write them, as the network sees them, and back."""

import numpy as np
from sklearn.utils import check_array

from skdnn import nn
from skdnn.estimators.data import check_numbers, warn_of_column
from skdnn.estimators.targets import Targets
from skdnn.nn.layers.base import counted
from skdnn.training.user_warnings import warn_user


class Numbers(Targets):
    """Numbers to predict, in units of their own, and the loss that they are learned by.

    Parameters
    ----------
    loss : Loss
        One of regression.
    mean, std : ndarray of shape (n_targets,)
        What the network learns is ``(y - mean) / std``.
    """

    def __init__(self, loss, mean, std):
        self.loss = loss
        self.mean = mean
        self.std = std

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
        mean = np.average(y, axis=0, weights=sample_weight)
        size = np.abs(y - mean).max(axis=0)  # so that no square over- or underflows
        size[size == 0] = 1.0
        squares = ((y - mean) / size) ** 2
        std = size * np.sqrt(np.average(squares, axis=0, weights=sample_weight))
        std[constant] = 1.0
        std[std == 0] = 1.0  # all weight is on samples with the same y
        return cls(loss, mean, std)

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
        return (y - self.mean) / self.std

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

    def size_of(self, targets):
        """Return mean and standard deviation, of the target that is farthest off.

        0 and 1 where they can't be wrong, or are as `standardize_target` has made them;
        a constant has no spread to scale by.
        """
        varies = (targets != targets[0]).any(axis=0)
        if self.loss.link == nn.Exp() or not self.is_plain() or not varies.any():
            return 0.0, 1.0
        means, stds = targets[:, varies].mean(axis=0), targets[:, varies].std(axis=0)
        worst = np.argmax(np.abs(means) + np.abs(np.log(np.maximum(stds, 1e-9))))
        return float(means[worst]), float(stds[worst])

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
        }

    def other_scorers(self):
        """Return which scorers always work, in words."""
        return "such as 'loss', or None, the score of the estimator"


def as_numbers(y, name="y"):
    """Return y as a matrix of float64, or raise an error if it is not of numbers."""
    y = check_numbers(y, name)
    y = check_array(y, ensure_2d=False, dtype=np.float64, input_name=name)
    return y.reshape(len(y), -1)


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
