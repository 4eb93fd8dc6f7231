"""Fits whose number of epochs is part of the plan."""

import warnings
from contextlib import contextmanager

from sklearn.exceptions import ConvergenceWarning


@contextmanager
def as_planned(*others):
    """Let no fit say that it ended before it converged, nor warn of these others."""
    with warnings.catch_warnings():
        for category in (ConvergenceWarning, *others):
            warnings.simplefilter("ignore", category)
        yield
