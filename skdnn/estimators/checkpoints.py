"""The checkpoints of a fit: what tells it from others."""

import numpy as np

from skdnn.training.checkpoint import FORMAT, Checkpoint, directory_of
from skdnn.training.fingerprint import fingerprint_of

# What does not change the result of a fit, or is taken from the network it starts with.
NO_MATTER = {"checkpoint_dir", "checkpoint_every", "transform_layer", "verbose"}
NO_MATTER |= {"warm_start", "n_jobs"}


def checkpoints_for(estimator, goes_on, data, validation):
    """Return a function that makes the checkpoints of a fit, or None.

    The checkpoint of the fit is made with no argument, that of one of its networks with
    what tells it from the others, those of another start too.

    Parameters
    ----------
    estimator : BaseMLP
    goes_on : bool
        Whether the fit starts with the network of an earlier one.
    data : FitData
        What the fit learns from.
    validation : FitData or None
        What it is measured on.
    """
    directory = directory_of(estimator.checkpoint_dir)
    if directory is None:
        return None
    settings = {}
    for name, value in estimator.get_params(deep=False).items():
        if isinstance(value, np.random.RandomState):
            value = value.get_state(legacy=False)
        try:
            settings[name] = None if name in NO_MATTER else fingerprint_of(value)
        except Exception as error:
            raise ValueError(
                f"{name}={value!r} could not be recognized in another process, which"
                f" checkpoint_dir needs: {error}. A function, or an object that can be"
                " pickled, could be."
            ) from error
    start = None
    if goes_on:
        learned = estimator.network_.state(np.asarray)
        start = learned, estimator.t_, estimator.best_loss_, len(estimator.history_)
    learned = data.X, data.task.fitted_attributes(), data.targets, data.sample_weight
    measured = validation and validation.fingerprinted()
    everything = FORMAT, type(estimator), settings, learned, measured, start
    whole = fingerprint_of(everything)

    def checkpoint(*which):
        fingerprint = fingerprint_of((whole, which)) if which else whole
        return Checkpoint(directory, fingerprint, estimator.checkpoint_every)

    return checkpoint
