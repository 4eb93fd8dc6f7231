"""Training several networks: which go together, on which threads or processes."""

from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import cache, partial
from math import ceil
from threading import Lock

import numpy as np
from joblib import effective_n_jobs
from sklearn import config_context, get_config
from sklearn.exceptions import ConvergenceWarning
from threadpoolctl import ThreadpoolController

from skdnn.messages.user_warnings import collected_warnings, say, warn_user
from skdnn.training.lockstep import Lockstep, can_go_together
from skdnn.training.processes import in_processes
from skdnn.training.trainer import INTERRUPTED

# Multiply-adds of one network in one step, forward. With fewer, the calls cost more
# than the arithmetic, and threads wait for each other longer than they work.
FEW = 1_000_000
# Of all networks in a stack: with more, they only take the cache from each other.
MANY = 32_000_000
LARGEST_STACK = 16


@dataclass
class Member:
    """One of the networks of a fit: what trains it, and on what.

    Parameters
    ----------
    trainer : Trainer
    rows : ndarray of int or None
        The rows that it learns from; None stands for all.
    rules : dict
        Of the fit, see :meth:`GradientDescent.begin`.
    checkpoint : Checkpoint or None
    """

    trainer: object
    rows: np.ndarray | None
    rules: dict
    checkpoint: object

    def load(self, data):
        """Give the trainer its data, and take it to where a checkpoint has it."""
        self.trainer.load(*data, self.rows)
        if self.checkpoint is not None:
            self.checkpoint.resume(self.trainer, self.rules)

    def save(self):
        """Write the trainer's state, if there is a checkpoint."""
        if self.checkpoint is not None:
            self.checkpoint.save_if_due(self.trainer)


def train(members, data, *, n_jobs=None, on_epoch_begin=None, on_epoch_end=None):
    """Train the networks of a fit.

    One uses BLAS as it is. Several are trained with BLAS on one thread, so that the
    bits of each do not depend on how they are spread: over processes, or in stacks
    over the threads that BLAS would have.

    Parameters
    ----------
    members : list of Member
    data : tuple
        X, targets, sample_weight: see :meth:`Trainer.load`.
    n_jobs : int, default=None
        How many processes, as joblib has it. One, where epochs are listened to.
    on_epoch_begin, on_epoch_end : callable, default=None
        See :func:`fit_together`.

    Returns
    -------
    members : list of Member
        The ones that were trained, which come from other processes.
    converged : bool
        See :func:`fit_together`.
    """
    if on_epoch_begin is None and len(members) > 1:
        n_jobs = min(effective_n_jobs(n_jobs), len(members))
        if n_jobs > 1:
            return _train_elsewhere(members, data, n_jobs)
    on_epoch_begin = on_epoch_begin or (lambda: None)
    on_epoch_end = on_epoch_end or (lambda rows: False)
    return members, _train_here(members, data, on_epoch_begin, on_epoch_end)


def _train_here(members, data, on_epoch_begin, on_epoch_end):
    """Train the networks in this process; return whether they have converged."""
    if not members[0].trainer.takes_steps:
        return _train_each(members, data, on_epoch_begin, on_epoch_end)
    for member in members:
        member.load(data)
        member.trainer.begin(**member.rules)
    by_trainer = {id(member.trainer): member for member in members}
    return fit_together(
        [member.trainer for member in members],
        on_epoch_begin=on_epoch_begin,
        on_epoch_end=on_epoch_end,
        save=lambda trainer: by_trainer[id(trainer)].save(),
    )


def run_epoch(trainers):
    """Run an epoch of some trainers with data loaded, those together that can be."""
    with _threads_for(trainers) as (n_threads, run):
        list(run(Lockstep.epoch, stacks_of(trainers, n_threads)))


def _train_each(members, data, on_epoch_begin, on_epoch_end):
    """Train one after the other, those that have no steps to go together."""
    converged = True
    for member in members:
        member.load(data)
        converged &= member.trainer.fit(
            on_epoch_begin=on_epoch_begin,
            on_epoch_end=lambda row: on_epoch_end([] if row is None else [row]),
            save=member.save,
            **member.rules,
        )
        if member.trainer.was_interrupted:  # which the others are not to undo
            break
    return converged


def _train_elsewhere(members, data, n_jobs):
    """Train parts of the networks, each in a process of its own."""
    parts = [part.tolist() for part in np.array_split(range(len(members)), n_jobs)]
    parts = [[members[k] for k in part] for part in parts]
    results, interrupted = in_processes(n_jobs, _train_part, parts, data)
    if interrupted:
        warn_user(INTERRUPTED)
    trained, converged = [], True
    for its_members, its_converged, collected in results:
        trained += its_members
        converged &= its_converged
        say(collected)
    for member in trained:
        member.trainer.was_interrupted |= interrupted
    return trained, converged


def _train_part(check_for_interrupt, members, data):
    """Train some networks in this process; return what else there is to say."""
    with collected_warnings() as collected:
        converged = _train_here(
            members, data, check_for_interrupt, on_epoch_end=lambda rows: False
        )
    for member in members:  # the data and the buffers stay here
        member.trainer.unload()
        member.trainer.rules = None
        member.rules = member.checkpoint = member.rows = None
    return members, converged, collected


@contextmanager
def _threads_for(trainers):
    """Keep BLAS on one thread for several networks, which share what it had.

    Yields the number of threads, and a `map` that uses them.
    """
    if len(trainers) == 1:
        yield 1, _each
        return
    with BLAS_ON_ONE_THREAD as n_threads:
        n_threads = min(n_threads, len(trainers))
        if n_threads == 1 or _work_of(trainers[0]) < FEW:
            yield 1, _each
            return
        with ThreadPoolExecutor(n_threads) as pool:
            yield n_threads, partial(_map_with_warnings, pool)


def _map_with_warnings(pool, function, items):
    """Map on the threads of a pool, where no line is the user's, and warn here."""
    settings = get_config()  # which are those of a thread

    def collecting(item):
        with config_context(**settings), collected_warnings() as collected:
            return function(item), collected

    results = []
    for result, collected in pool.map(collecting, items):
        results.append(result)
        say(collected)
    return results


def _each(function, items):
    # Unlike map, where a StopIteration of the function would pass for the end of items.
    return [function(item) for item in items]


@dataclass
class SharedLimit:
    """One thread for BLAS, of which there is but one in a process.

    Fits in several threads may ask for it: the first one sets the limit, and the last
    one takes it back.
    """

    lock: Lock = field(default_factory=Lock)
    n_inside: int = 0
    n_threads: int = 1
    limiter: object = None

    def __enter__(self):
        """Set the limit; return how many threads there were without."""
        with self.lock:
            if not self.n_inside:
                blas = _controller().select(user_api="blas")
                n_threads = [library["num_threads"] for library in blas.info()]
                self.n_threads = max(n_threads, default=1)
                self.limiter = blas.limit(limits=1)
            self.n_inside += 1
            return self.n_threads

    def __exit__(self, *_):
        """Take it back."""
        with self.lock:
            self.n_inside -= 1
            if not self.n_inside:
                self.limiter.restore_original_limits()


BLAS_ON_ONE_THREAD = SharedLimit()


@cache
def _controller():
    return ThreadpoolController()  # which takes a while to look at all libraries


def _work_of(trainer):
    """Return how many multiply-adds a step forward has."""
    return trainer.n_rows * trainer.network.n_weights


def fit_together(trainers, *, on_epoch_begin, on_epoch_end, save):
    """Run the epochs of several trainers, those that can go together in lockstep.

    Each has begun, and ends when its own rules say so; those that are behind, after a
    crash say, go on alone until they have caught up.

    Parameters
    ----------
    trainers : list of GradientDescent
    on_epoch_begin, on_epoch_end : callable
        Called around each epoch, the second with the rows of the trainers that were
        part of it, or with an empty list where Ctrl-C or numbers that are not finite
        ended it; training ends if that returns True.
    save : callable
        Called after each epoch with each trainer that was part of it.

    Returns
    -------
    converged : bool
        False if the number of epochs ran out for one, unless that is its schedule.
    """
    in_epoch = False
    try:
        with _threads_for(trainers) as (n_threads, run):
            active, stacks, all_go = [], [], False
            while True:
                if not all_go or any(it.finished for it in active):
                    unfinished = [it for it in trainers if not it.finished]
                    if not unfinished:
                        break
                    fewest = min(it.n_epochs for it in unfinished)
                    active = [it for it in unfinished if it.n_epochs == fewest]
                    all_go = len(active) == len(unfinished)
                    stacks = stacks_of(active, n_threads)
                in_epoch = True
                on_epoch_begin()
                rows = [row for its_rows in run(_run_epoch, stacks) for row in its_rows]
                in_epoch = False
                if on_epoch_end(rows):
                    for trainer in trainers:
                        trainer.was_stopped = True
                for trainer in active:
                    save(trainer)
        for trainer in trainers:
            if trainer.complaint:
                warn_user(trainer.complaint, ConvergenceWarning)
        converged = all(
            it.ended or it.was_stopped or it.schedule.planned for it in trainers
        )
    except KeyboardInterrupt:
        warn_user(INTERRUPTED)
        for trainer in trainers:
            trainer.interrupted()
        if in_epoch:
            on_epoch_end([])
        converged = True
    finally:
        for trainer in trainers:
            trainer.end()
    for trainer in trainers:
        trainer.average_statistics(trainer.result())
    return converged


def _run_epoch(stack):
    """Run an epoch; return the rows of those networks that are still finite."""
    for trainer in stack.trainers:
        trainer.before_epoch()
    rows = stack.epoch()
    return [
        row
        for trainer, row in zip(stack.trainers, rows, strict=True)
        if trainer.after_epoch(row)
    ]


def stacks_of(trainers, n_threads=1):
    """Return trainers in lockstep, those together that can and had better go together.

    Parameters
    ----------
    trainers : list of GradientDescent
    n_threads : int, default=1
        How many stacks run at a time.
    """
    groups = []
    for trainer in trainers:
        for group in groups:
            if can_go_together(group[0], trainer):
                group.append(trainer)
                break
        else:
            groups.append([trainer])
    stacks = []
    for group in groups:
        largest = min(MANY // max(_work_of(group[0]), 1), LARGEST_STACK)
        size = max(min(largest, ceil(len(group) / n_threads)), 1)
        for start in range(0, len(group), size):
            stacks.append(_in_lockstep(group[start : start + size]))
    return stacks


def _in_lockstep(trainers):
    there = trainers[0].lockstep
    if there is None or there.trainers != trainers:
        there = Lockstep(trainers)
        for trainer in trainers:
            trainer.lockstep = there
    return there
