"""Loss and score of a validation set, in the history."""

from time import perf_counter

from skdnn.messages import warn_user
from skdnn.nn.vectors import may_overflow


@may_overflow
def validate(job, row):
    """Add the validation loss and score to a row of the history.

    Where there is something wrong with the score, there is one warning, and the epoch
    can't be the best.
    """
    start_time = perf_counter()
    row["validation_loss"], row["validation_score"], complaint = job.validate(job)
    row["seconds"] += perf_counter() - start_time
    if complaint and not job.has_warned:
        job.has_warned = True
        warn_user(
            f"Epoch {row['epoch']} can't be the best, nor can others of which the"
            f" same is true: {complaint}"
        )
