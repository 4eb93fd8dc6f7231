"""The rules of a fit: when training stops, and which epoch is the best."""

from dataclasses import dataclass
from math import inf

from skdnn.nn.schedules import Adaptive


@dataclass(frozen=True)
class Rules:
    """When training stops, and what is kept.

    Parameters
    ----------
    max_epochs : int
        How many epochs are run at most.
    tol : float, default=1e-4
        What counts as an improvement; for L-BFGS, how large an element of the gradient
        may be in the end.
    n_iter_no_change : int or inf, default=10
        After more than so many epochs in a row without an improvement, training ends,
        or the learning rate falls where the schedule is adaptive. Nothing happens where
        the schedule is planned.
    early_stopping : bool, default=False
        Whether the validation score decides; otherwise the training loss does.
    keeps_best : bool, default=False
        Whether the parameters of the epoch with the best validation score are restored
        in the end.
    verbose : bool, default=False
        Whether to print a line for each epoch.
    """

    max_epochs: int
    tol: float = 1e-4
    n_iter_no_change: float = 10
    early_stopping: bool = False
    keeps_best: bool = False
    verbose: bool = False

    def say(self, line):
        """Print a line, if epochs are to be told of."""
        if self.verbose:
            print(line)


def score_in(row):
    """Return the validation score of an epoch; minus infinity where there is none."""
    return row.get("validation_score", -inf)


def note_best(job, row):
    """Keep the smallest loss and the largest score."""
    job.best_loss = min(job.best_loss, row["loss"])
    if score_in(row) > job.best_score:  # not if it is NaN
        job.best_score = score_in(row)


def judge(job, row):
    """Note what an epoch has achieved; return whether training should end.

    Parameters
    ----------
    job : GradientDescent
    row : dict
        Of its history.
    """
    rules, schedule = job.rules, job.schedule
    if rules.early_stopping:
        has_best = job.best_score > -inf  # until then, there is nothing to beat
        improved = not has_best or score_in(row) >= job.best_score + rules.tol
    else:
        improved = not row["loss"] > job.best_loss - rules.tol
    note_best(job, row)
    job.n_no_improvement = 0 if improved else job.n_no_improvement + 1
    if job.n_no_improvement <= rules.n_iter_no_change or schedule.planned:
        return False
    what = "Validation score" if rules.early_stopping else "Training loss"
    why = (
        f"{what} did not improve more than tol={rules.tol:f} for"
        f" {rules.n_iter_no_change} consecutive epochs."
    )
    if not isinstance(schedule, Adaptive):
        rules.say(f"{why} Stopping.")
        return True
    if job.learning_rate <= schedule.smallest_rate:
        rules.say(f"{why} Learning rate too small. Stopping.")
        return True
    job.learning_rate /= schedule.divisor
    rules.say(f"{why} Setting learning rate to {job.learning_rate:f}")
    job.n_no_improvement = 0
    return False
