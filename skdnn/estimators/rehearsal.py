"""What `fit` would train, for who wants to look at it before."""

from copy import deepcopy

from sklearn.base import clone
from sklearn.utils import check_random_state

from skdnn.estimators.checking import read
from skdnn.estimators.jobs import job_for
from skdnn.estimators.plain_arguments import plain_arguments
from skdnn.estimators.shares import share_out


def first_job(estimator, X, y, sample_weight=None):
    """Return the job of one network, on all samples, and the data.

    The estimator stays as it is, and so do its random numbers.

    Parameters
    ----------
    estimator : BaseMLP
    X, y, sample_weight
        As `fit` takes them.

    Returns
    -------
    job : Job
    data : FitData
    """
    alone = clone(estimator).set_params(n_networks=1, resampling=None)
    with plain_arguments(alone):
        alone._validate_params()
        # A copy, also of NumPy's global one, which `fit` is to find as it was.
        alone.random_state = deepcopy(check_random_state(alone.random_state))
        data = read(alone, X, y, sample_weight, alone.read_task, reset=True)
        (share,) = share_out(alone, data)
        return job_for(alone, data, None, share), data
