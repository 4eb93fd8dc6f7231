"""Epochs that came to nothing: numbers that are not finite, Ctrl-C, augmentation."""

from math import isfinite

INTERRUPTED = "Training interrupted by user."
NOT_FINITE = (  # scikit-learn's words
    "Solver produced non-finite parameter weights. The input data may"
    " contain large values and need to be preprocessed."
)


def undo_epoch(job):
    """Go back to where the last epoch began, and note why and what to change.

    Raises
    ------
    ValueError
        If it was the first one.
    """
    row = job.history.pop()
    job.n_epochs -= 1
    job.samples_seen -= len(job.order)
    remedy = (
        f"Lower learning_rate_init (it is {job.initial_rate:g}),"
        " set max_grad_norm, or scale X."
    )
    if not job.n_epochs:
        raise ValueError(f"{NOT_FINITE} {remedy}")
    job.result().restore(job.good)
    kept = "best epoch before it" if job.rules.keeps_best else "epoch before it"
    if job.failure is not None:
        error, job.failure = job.failure, None
        job.complaint = (
            f"Augmentation failed in epoch {row['epoch']}: training ends, and the"
            f" parameters of the {kept} are kept. {type(error).__name__}: {error}"
        )
        return
    finite = isfinite(row["loss"])
    what = "Parameters" if finite else "The loss"
    how = "infinite or NaN" if finite else f"{row['loss']:f}"
    job.complaint = (
        f"{what} became {how} in epoch {row['epoch']}: training ends, and the"
        f" parameters of the {kept} are kept. {remedy}"
    )


def leave_in_order(job):
    """Leave what a job has learned in order, after Ctrl-C in the middle of an epoch."""
    job.was_interrupted = True
    forget_unfinished(job)
    job.share_statistics()
    failed, job.failure = job.failure is not None, None
    if job.good is not None and (failed or not job.network.is_finite()):
        job.result().restore(job.good)


def forget_unfinished(job):
    """Forget the row of an epoch that Ctrl-C has ended before its validation."""
    unfinished = job.validate is not None and job.n_epochs
    if unfinished and "validation_score" not in job.history[-1]:
        job.history.pop()
        job.n_epochs -= 1
