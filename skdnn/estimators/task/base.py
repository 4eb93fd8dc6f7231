"""What there is to ask of a task, of whatever kind.

What is to be learned makes all the difference between estimators: which layers a
network ends in, with which loss, and what its outputs mean. Labels are in
`labels.py`, numbers in `numbers.py`.
"""

import numpy as np

SUITED = 0.03, 30.0  # the spread of targets that a network learns as they are


class Task:
    """Base: what to ask of a task of any kind.

    `encode` makes targets of y, and `restore` y of targets; `decode` makes predictions
    of what the network decides. `complete` adds the layers that a network ends in, and
    `loss_for` is the loss of that network.
    """

    def as_asked(self, estimator):
        """Return this task as an estimator with other parameters would have it."""
        return self

    def weigh(self, targets, sample_weight):
        """Return what each row counts in the loss, or None."""
        return sample_weight

    def strata(self, targets, fraction):
        """Return what to stratify by where a fraction is split off, or None."""

    def classes_of(self, targets):
        """Return the class of each row, as an index; 0 where there are none."""
        return np.zeros(len(targets), dtype=int)

    def are_sorted(self, targets):
        """Return whether targets come in their order, or in blocks of one class."""
        raise NotImplementedError

    def size_of(self, targets, weights=None):
        """Return mean and standard deviation of what the network is to put out.

        0 and 1 where they can't be wrong.
        """
        return 0.0, 1.0

    def why_no_score(self, targets, weights=None):
        """Return why the score of an estimator says nothing of these, or ""."""
        return ""

    def start(self, network, targets, weights=None):
        """Let a network with new weights start where the targets are."""

    def warn_of_outliers(self, y, weights=None, name="y"):
        """Warn if y has absurd outliers and the loss follows them."""

    def warn_of_units(self, targets, weights, val_targets, val_weights=None):
        """Warn if targets to validate on seem to be in other units than targets."""

    def missing_in(self, targets):
        """Return which classes some targets lack, in words; "" if none."""
        return ""

    def right_predictions(self, targets, y, network):
        """Return what an estimator would predict that is always right.

        Parameters
        ----------
        targets : ndarray
        y : ndarray
            What `restore` returns of them.
        network : Network

        Returns
        -------
        predictions : dict
            By the name of the method that predicts.
        """
        raise NotImplementedError

    def check_range(self, targets, dtype, name="y"):
        """Raise an error if a loss in this dtype would overflow."""

    def prepare_scorer(self, scorer, scoring):
        """Return one of scikit-learn's scorers, made ready for these targets."""
        return scorer

    def as_scorers_see(self):
        """Return attributes in which an estimator that is scored must differ."""
        return {}


def misfit(mean, std):
    """Return how far targets are from what a network learns as it is: above 1, too far.

    It starts with outputs around 0, of size 1.
    """
    low, high = SUITED
    return np.maximum(np.maximum(std / high, low / std), np.abs(mean) / (high * std))
