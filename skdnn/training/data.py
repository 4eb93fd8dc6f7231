"""The data of a fit: rows, and what is to be learned of them."""

from dataclasses import dataclass

import numpy as np


@dataclass
class Data:
    """Rows to learn from, as a network takes them. All jobs of a fit share them.

    Parameters
    ----------
    X : {ndarray, sparse array} of shape (n_samples, n_features)
        Of any numeric dtype: rows are cast as they are gathered.
    targets : ndarray of shape (n_samples,) or (n_samples, n_targets)
        What the loss encodes: indices of classes, 0 and 1, or numbers.
    row_weights : ndarray of shape (n_samples,) or None
        What each row counts in the loss; None is the same for all.
    """

    X: object
    targets: np.ndarray
    row_weights: np.ndarray | None

    def learned(self, rows=None):
        """Return the targets and row weights of some rows, or of all."""
        if rows is None:
            return self.targets, self.row_weights
        weights = self.row_weights
        return self.targets[rows], None if weights is None else weights[rows]

    def bare(self):
        """Return what a network sees, and no more."""
        return Data(self.X, self.targets, self.row_weights)
