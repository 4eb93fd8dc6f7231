"""Arguments as methods compute with them: Python's own numbers."""

from contextlib import contextmanager
from functools import wraps
from numbers import Real

from sklearn.utils._param_validation import Interval

from skdnn.messages.checks import as_python, as_real


@contextmanager
def plain_arguments(estimator):
    """Let all arguments of an estimator be Python's own numbers for a while.

    scikit-learn wants them back as they were given: `clone` compares them by identity.
    Whoever reads one in between, wherever that is, reads the number to compute with.

    Parameters
    ----------
    estimator : BaseEstimator

    Raises
    ------
    ValueError
        If one is beyond the numbers that a float can hold.
    """
    given = {}
    constraints = estimator._parameter_constraints
    try:
        for name, value in estimator.get_params(deep=False).items():
            argument = as_python(value, name)
            if isinstance(argument, int) and _is_real(constraints.get(name, ())):
                argument = as_real(argument)
            if argument is not value:
                given[name] = value
                setattr(estimator, name, argument)
        yield
    finally:
        for name, value in given.items():
            setattr(estimator, name, value)


def _is_real(constraints):
    """Return whether an argument may be a number that is no integer."""
    return any(isinstance(it, Interval) and it.type is Real for it in constraints)


def reads_arguments(method):
    """Let a method of an estimator, such as `fit`, see :func:`plain_arguments`."""

    @wraps(method)
    def with_plain_arguments(self, *args, **kwargs):
        with plain_arguments(self):
            return method(self, *args, **kwargs)

    return with_plain_arguments
