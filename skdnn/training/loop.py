"""The epochs of a fit: order, steps, validation, stopping, the best epoch, saving."""

from math import isfinite
from time import perf_counter

import numpy as np
from sklearn.exceptions import ConvergenceWarning

from skdnn.messages.user_warnings import warn_user
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
        begin(job, data)
    in_epoch = False
    try:
        with workers.threads_for(jobs) as threads:
            stacks = []
            while unfinished := [job for job in jobs if not job.finished]:
                fewest = min(job.n_epochs for job in unfinished)
                active = [job for job in unfinished if job.n_epochs == fewest]
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


def begin(job, data):
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
        rules.say(f"Iteration {job.n_epochs}, loss = {row['loss']:.8f}")
        is_finite = isfinite(row["loss"]) and job.network.is_finite()
        if job.failure is not None or not is_finite:
            undo_epoch(job)
            job.ended = True
            continue
        if job.validate is not None:
            validate(job, row)
            rules.say(f"Validation score: {row['validation_score']:f}")
        if rules.keeps_best and score_in(row) > job.best_score:
            job.best_state = job.result().state()
        job.ended = judge(job, row)
        job.good = None  # makes room for the next
        job.good = job.best_state or job.result().state()
        finite.append(row)
    return finite


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
    sum_losses = sum_scores = sum_weights = np.zeros(len(jobs))
    sums_of_squared_norms = [sum_losses] * len(stack.network.parameter_layers)
    start = n_rows = n_steps = 0
    for index in stack.mini_batches():
        stop = min(start + stack.n_rows, stack.n_samples)
        if schedule.planned:
            done = first.n_epochs + (start + stop) / 2 / stack.n_samples
            factor = schedule.factor(done / max_epochs, first.samples_seen)
            rates = initial_rates * factor
        result = stack.step(index, rates)
        m, start = stop - start, stop
        for job in jobs:
            job.samples_seen += m
            job.optimizer.n_steps = stack.optimizer.n_steps
        if result is None:
            continue
        loss, score, weight, squared_norms = result
        sum_losses = sum_losses + loss * m
        n_rows += m
        sum_scores = sum_scores + score * weight
        sum_weights = sum_weights + weight
        sums_of_squared_norms = [
            a + b for a, b in zip(sums_of_squared_norms, squared_norms, strict=True)
        ]
        n_steps += 1
    seconds = (perf_counter() - start_time) / len(jobs)
    if n_steps:
        sum_losses = sum_losses / n_rows
        sum_scores = sum_scores / sum_weights
    squared_norms = np.array(sums_of_squared_norms).reshape(-1, len(jobs)).T
    losses, scores = sum_losses.tolist(), sum_scores.tolist()
    rates = np.broadcast_to(rates, len(jobs)).tolist()
    rows = []
    for k, job in enumerate(jobs):
        job.share_statistics()
        norms = squared_norms[k] / max(n_steps, 1)
        row = job.record(seconds, losses[k], scores[k], norms, learning_rate=rates[k])
        rows.append(row)
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
