"""The learning-rate range test: the loss at rates that rise from step to step.

References
----------
Smith (2017), "Cyclical learning rates for training neural networks", section 3.3.
"""

from math import isfinite

import numpy as np

from skdnn.training.step import Stack


def range_test(job, data, rates, diverged):
    """Train at a rate of its own in each step, until the last one or divergence.

    Parameters
    ----------
    job : GradientDescent
        Trained on, for as many epochs as it takes.
    data : Data
    rates : ndarray of shape (n_steps,)
    diverged : callable
        Takes the losses so far, and returns whether to end it.

    Returns
    -------
    losses : list of float
        Of each mini-batch before its step, the penalty included, as far as they are
        finite.
    """
    job.begin(data)
    stack, losses = Stack([job], data), []
    with np.errstate(all="ignore"):  # it is meant to diverge
        while True:
            for index in stack.mini_batches():
                found = stack.step(index, rates[len(losses)])
                if found is None:
                    continue
                ((loss, *_),) = found
                if not isfinite(loss):
                    return losses
                losses.append(loss)
                if len(losses) == len(rates) or diverged(losses):
                    return losses
