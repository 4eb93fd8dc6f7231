"""What several networks say together; of one, what it says itself.

References
----------
Lakshminarayanan, Pritzel and Blundell (2017), "Simple and scalable predictive
uncertainty estimation using deep ensembles".
"""

import numpy as np


def mean_over_networks(outputs):
    """Return the mean over the axis of networks, the first."""
    return outputs[0] if len(outputs) == 1 else outputs.mean(axis=0)


def std_of_mixture(means, stds):
    """Return the deviation of the mixture of normal distributions, one a network.

    Parameters
    ----------
    means, stds : ndarray of shape (n_networks, ...)
    """
    if len(stds) == 1:
        return stds[0]
    variances = np.square(stds, dtype=np.float64).mean(axis=0) + means.var(axis=0)
    return np.sqrt(variances)


def entropy(P):
    """Return the entropy of each row of probabilities, in nats."""
    return -(P * log_of(P)).sum(axis=-1)


def log_of(P):
    """Return the logarithm of probabilities, finite where one is 0."""
    return np.log(np.maximum(P, np.finfo(P.dtype).tiny))


def log_of_mean(P, log_P):
    """Return the logarithm of the mean of several networks' probabilities.

    Parameters
    ----------
    P, log_P : ndarray of shape (n_networks, m, n_classes)
        Of one, the logarithm is as exact as it was.
    """
    return log_P[0] if len(P) == 1 else log_of(P.mean(axis=0))
