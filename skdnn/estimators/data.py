"""The data of a fit, or of a validation set, for a network and for metrics."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from skdnn.data.door import take_rows
from skdnn.estimators.task.base import Task
from skdnn.training import Data


@dataclass
class FitData(Data):
    """What a fit learns from, or what is measured on.

    Parameters
    ----------
    X, targets, row_weights
        See :class:`skdnn.training.Data`. The weights of classes are in the last.
    sample_weight : ndarray of shape (n_samples,) or None
        What each row counts in a score.
    y : ndarray
        Checked, in the units and with the labels that the user has passed.
    task : Task
    as_given : callable
        Returns X and y as the user has passed them, for scorers of the user's.
    name : str, default="y"
        What to call y in an error.
    """

    sample_weight: np.ndarray | None
    y: np.ndarray
    task: Task
    as_given: Callable
    name: str = "y"

    def counts(self):
        """Return which rows count in training, and in a score, or None for all."""
        if self.sample_weight is None and self.row_weights is None:
            return None
        every = np.ones(len(self.targets))
        each = (self.row_weights, self.sample_weight)
        return tuple((every if w is None else w) > 0 for w in each)

    def part(self, rows, name):
        """Return some of the rows, to measure on."""
        what = self.X[rows], *self.learned(rows)
        weights = self.sample_weight
        weights = None if weights is None else weights[rows]

        def as_given():
            return tuple(take_rows(data, rows) for data in self.as_given())

        return FitData(*what, weights, self.y[rows], self.task, as_given, name)

    def fingerprinted(self):
        """Return what a fit depends on, where it is measured on this."""
        return self.X, self.targets, self.sample_weight
