"""The epochs of a fit: order, steps, validation, stopping, the best epoch, saving."""

from dataclasses import dataclass
from math import isfinite
from time import perf_counter

import numpy as np
from sklearn.exceptions import ConvergenceWarning

from skdnn.messages import warn_user
from skdnn.nn.vectors import common, may_overflow
from skdnn.training import workers
from skdnn.training.failures import INTERRUPTED, leave_in_order, undo_epoch
from skdnn.training.lbfgs import minimize_loss
from skdnn.training.listener import Listener
from skdnn.training.resume import resume, save_if_due
from skdnn.training.rules import judge, score_in
from skdnn.training.statistics import average_statistics
from skdnn.training.validate import validate


def train(jobs, data, *, n_jobs=None, listener=None):
    """Train the networks of a fit, until each has ended.

    Networks with fewer epochs behind them, as from checkpoints, go first. What is not
    finite after the first epoch is an error; after a later one, that network ends, with
    a warning, and goes back to the epoch before. In the end batch normalization's
    statistics are averaged anew.

    Parameters
    ----------
    jobs : list of Job
        All of a kind.
    data : Data
    n_jobs : int, default=None
        Over how many processes several are spread, as joblib has it: one, where
        somebody listens.
    listener : Listener, default=None

    Returns
    -------
    jobs : list of Job
        The ones that were trained, which may come from other processes.
    converged : bool
        False if the number of epochs ran out for one, unless that is its schedule.
    """
    if listener is None and (n := workers.n_processes(jobs, n_jobs)) > 1:
        return workers.in_parts(train, jobs, data, n)
    listener = listener or Listener()
    if not jobs[0].takes_steps:
        return jobs, _train_each(jobs, data, listener)
    for job in jobs:
        begin_or_resume(job, data)
    in_epoch = False
    try:
        with workers.threads_for(jobs) as threads:
            stacks, running = [], []
            while unfinished := [job for job in jobs if not job.finished]:
                fewest = min(job.n_epochs for job in unfinished)
                active = [job for job in unfinished if job.n_epochs == fewest]
                if active != running:
                    running = active
                    stacks = workers.stacks_of(active, data, threads.n, stacks)
                in_epoch = True
                listener.on_epoch_begin()
                rows = []
                if threads.pool is None:
                    for stack in stacks:
                        rows += run_epoch(stack)
                else:
                    for its_rows in threads.map(run_epoch, stacks):
                        rows += its_rows
                in_epoch = False
                if listener.on_epoch_end(rows):
                    for job in jobs:
                        job.was_stopped = True
                for job in active:
                    save_if_due(job)
        for job in jobs:
            if job.complaint:
                warn_user(job.complaint, ConvergenceWarning)
        converged = all(
            job.ended or job.was_stopped or job.schedule.planned for job in jobs
        )
    except KeyboardInterrupt:
        warn_user(INTERRUPTED)
        for job in jobs:
            leave_in_order(job)
        if in_epoch:
            listener.on_epoch_end([])
        converged = True
    finally:
        for job in jobs:
            job.good = None
            if job.best_state is not None:
                job.result().restore(job.best_state)
    for job in jobs:
        average_statistics(job, data, job.result())
    return jobs, converged


def begin_or_resume(job, data):
    """Let a job begin, or go on from its checkpoint."""
    job.begin(data)
    resume(job)
    if job.rules.keeps_best and job.history and not job.n_epochs:
        # What earlier training has reached has to be beaten.
        _, score, complaint = job.validate(job)
        if not complaint:
            job.best_score, job.best_state = score, job.result().state()
    job.good = job.result().state() if job.n_epochs else None


def run_epoch(stack):
    """Run an epoch; return the rows of those networks that are still finite."""
    for job in stack.jobs:
        # Running averages would remember other weights where an epoch has few steps.
        job.network.reset_statistics()
    rows = take_steps(stack)
    finite = []
    for job, row in zip(stack.jobs, rows, strict=True):
        rules = job.rules
        if rules.verbose:
            print(f"Iteration {job.n_epochs}, loss = {row['loss']:.8f}")
        is_finite = isfinite(row["loss"]) and job.network.is_finite()
        if job.failure is not None or not is_finite:
            undo_epoch(job)
            job.ended = True
            continue
        if job.validate is not None:
            validate(job, row)
            if rules.verbose:
                print(f"Validation score: {row['validation_score']:f}")
        if rules.keeps_best and score_in(row) > job.best_score:
            job.best_state = job.result().state()
        job.ended = judge(job, row)
        job.good = None  # makes room for the next
        job.good = job.best_state or job.result().state()
        finite.append(row)
    return finite


@dataclass
class EpochSums:
    """What a network's steps of an epoch add up to.

    Parameters
    ----------
    squared_norms : list of float
        Of the gradient of each layer.
    loss, score, weight : float, default=0.0
        The first weighted by the number of rows, the second by their weight.
    """

    squared_norms: list
    loss: float = 0.0
    score: float = 0.0
    weight: float = 0.0

    def add(self, n_rows, loss, score, weight, squared_norms):
        """Add a step on so many rows."""
        self.loss += loss * n_rows
        self.score += score * weight
        self.weight += weight
        both = zip(self.squared_norms, squared_norms, strict=True)
        self.squared_norms = [a + b for a, b in both]

    def means(self, n_rows, n_steps):
        """Return the mean loss, score and squared norms; 0 without a step."""
        if not self.weight:
            return self.loss, self.score, self.squared_norms
        norms = [square / n_steps for square in self.squared_norms]
        return self.loss / n_rows, self.score / self.weight, norms


@may_overflow
def take_steps(stack):
    """Train on every sample once.

    Parameters
    ----------
    stack : Stack

    Returns
    -------
    rows : list of dict
        For each network "epoch", "loss", "score" (on each mini-batch, before its step),
        "learning_rate" (of the last step), "gradient_norm" (by layer, the root mean
        square over the mini-batches, before clipping), "seconds" (an equal share). Also
        appended to its history.
    """
    start_time = perf_counter()
    jobs, first, schedule = stack.jobs, stack.jobs[0], stack.jobs[0].schedule
    max_epochs = first.rules.max_epochs
    rates = initial_rates = common([job.learning_rate for job in jobs])
    if not schedule.planned:
        progress = first.n_epochs / max_epochs
        rates = initial_rates * schedule.factor(progress, first.samples_seen)
    zeros = [0.0] * len(stack.network.parameter_layers)
    sums = [EpochSums(zeros) for _ in jobs]
    start = n_rows = n_steps = 0
    for index in stack.mini_batches():
        stop = min(start + stack.n_rows, stack.n_samples)
        if schedule.planned:
            done = first.n_epochs + (start + stop) / 2 / stack.n_samples
            factor = schedule.factor(done / max_epochs, first.samples_seen)
            rates = initial_rates * factor
        found = stack.step(index, rates)
        m, start = stop - start, stop
        for job in jobs:
            job.samples_seen += m
            job.optimizer.n_steps = stack.optimizer.n_steps
        if found is not None:
            for its, numbers in zip(sums, found, strict=True):
                its.add(m, *numbers)
            n_rows, n_steps = n_rows + m, n_steps + 1
    seconds = (perf_counter() - start_time) / len(jobs)
    rates = np.ravel(rates).tolist() * (1 if np.ndim(rates) else len(jobs))
    rows = []
    for job, its, rate in zip(jobs, sums, rates, strict=True):
        job.share_statistics()
        loss, score, norms = its.means(n_rows, n_steps)
        rows.append(job.record(seconds, loss, score, norms, learning_rate=rate))
    return rows


def train_once(jobs, data):
    """Run one epoch of jobs that go on from call to call, and judge it.

    Their rules end nothing. What is not finite stays.
    """
    for job in jobs:
        job.begin(data)
    with workers.threads_for(jobs) as threads:
        threads.map(take_steps, workers.stacks_of(jobs, data, threads.n))
    for job in jobs:
        row = job.history[-1]
        job.rules.say(f"Iteration 1, loss = {row['loss']:.8f}")
        judge(job, row)


def _train_each(jobs, data, listener):
    """Train one after the other, those that have no steps to take together."""
    for job in jobs:
        job.begin(data)
        resume(job)
        minimize_loss(job, data, listener)
        if job.was_interrupted:  # which the others are not to undo
            break
    return True
