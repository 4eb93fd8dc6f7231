"""By what candidates of a search were scored, and whether that compares."""

import sys

import numpy as np
from sklearn.model_selection._search import BaseSearchCV

from skdnn.messages import warn_user


def measures_of(search, candidates):
    """Return what a search has scored its candidates by; nothing if it is not known.

    Parameters
    ----------
    search : BaseSearchCV or None
    candidates : list of dict
        The parameters of each.

    Returns
    -------
    measures : set of str
    """
    if search is None or search.scoring is not None:
        return set()
    arguments = search.estimator.get_params()
    end = "standardize_target"  # which no other estimator has
    prefixes = [name.removesuffix(end) for name in arguments if name.endswith(end)]
    each = [arguments | params for params in candidates]
    return {
        _measure_of(its[f"{prefix}loss"], its[f"{prefix}quantile"])
        for prefix in prefixes
        for its in each
    }


def _measure_of(loss, quantile):
    quantiles = np.atleast_1d(quantile).tolist()
    if loss != "quantile" or quantiles == [0.5]:
        return "R²"
    return f"D² of {', '.join(map(str, quantiles))}"


def warn_of_measures(measures):
    """Warn if there are several, so that scores do not compare."""
    if len(measures) > 1:
        warn_user(
            "The candidates of this search were scored by measures that do not compare,"
            f" {' and '.join(sorted(measures))}: a quantile scores high where errors"
            " to the one side hardly count. Give the search a scoring that is the same"
            " for all: 'neg_mean_absolute_error', or, of one quantile,"
            " make_scorer(d2_pinball_score, alpha=0.9)."
        )


def search_that_refits():
    """Return the search that is about to fit its best candidate, and all candidates.

    It is told by scikit-learn's frames around the caller's caller, as parameters are
    all that it says to an estimator; (None, []) if there is none.
    """
    frame = sys._getframe(1)
    while (frame := frame.f_back) is not None:
        module = frame.f_globals.get("__name__", "")
        if not module.startswith("sklearn."):
            break
        search = frame.f_locals.get("self")
        if isinstance(search, BaseSearchCV):
            results = frame.f_locals.get("results")
            return (search, results["params"]) if results else (None, [])
    return None, []
