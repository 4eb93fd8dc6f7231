"""Who trains which networks: in stacks, on threads, in processes; and BLAS."""

from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import cache
from math import ceil
from threading import Lock

import numpy as np
from joblib import effective_n_jobs
from sklearn import config_context, get_config
from threadpoolctl import ThreadpoolController

from skdnn.messages.user_warnings import collected_warnings, say, warn_user
from skdnn.training.failures import INTERRUPTED
from skdnn.training.listener import Listener
from skdnn.training.processes import in_processes
from skdnn.training.step import Stack

# Multiply-adds of one network in one step, forward. With fewer, the calls cost more
# than the arithmetic, and threads wait for each other longer than they work.
FEW = 1_000_000
# Of all networks in a stack: with more, they only take the cache from each other.
MANY = 32_000_000
LARGEST_STACK = 16


# ------------------------------------------------------------------------------- stacks


def stacks_of(jobs, data, n_threads=1, before=()):
    """Return jobs in stacks, those together that can and had better go together.

    Parameters
    ----------
    jobs : list of GradientDescent
        Begun.
    data : Data
    n_threads : int, default=1
        How many stacks run at a time.
    before : list of Stack, default=()
        Those of the epoch before: one of just the same jobs is taken again.
    """
    groups = {}
    for job in jobs:
        groups.setdefault(shape_of(job), []).append(job)
    there = {tuple(map(id, stack.jobs)): stack for stack in before}
    stacks = []
    for group in groups.values():
        largest = min(MANY // max(work_of(group[0]), 1), LARGEST_STACK)
        size = max(min(largest, ceil(len(group) / n_threads)), 1)
        for start in range(0, len(group), size):
            part = group[start : start + size]
            stack = there.get(tuple(map(id, part)))
            stacks.append(stack or Stack(part, data))
    return stacks


def shape_of(job):
    """Return what jobs of one fit must have in common to take their steps together."""
    if job.may_skip:  # each then has steps that others have not
        return id(job)
    return job.optimizer.n_steps, job.n_epochs, job.samples_seen, len(job.order)


def work_of(job):
    """Return how many multiply-adds a step forward has."""
    return job.n_rows * job.network.n_weights


# ------------------------------------------------------------------------------ threads


@dataclass
class Threads:
    """Threads for a fit.

    Parameters
    ----------
    n : int, default=1
        How many.
    pool : ThreadPoolExecutor, default=None
        Where they are; None for the only one, which is this.
    """

    n: int = 1
    pool: ThreadPoolExecutor | None = None

    def map(self, function, items):
        """Map on the threads, where no line is the user's, and warn here."""
        if self.pool is None:
            return [function(item) for item in items]
        settings = get_config()  # which are those of a thread

        def collecting(item):
            with config_context(**settings), collected_warnings() as collected:
                return function(item), collected

        results = []
        for result, collected in self.pool.map(collecting, items):
            results.append(result)
            say(collected)
        return results


@contextmanager
def threads_for(jobs):
    """Keep BLAS on one thread for several networks, which share what it had.

    One uses BLAS as it is. For several, the bits of each so do not depend on how they
    are spread.

    Yields
    ------
    threads : Threads
    """
    if len(jobs) == 1:
        yield Threads()
        return
    with BLAS_ON_ONE_THREAD as n_threads:
        n_threads = min(n_threads, len(jobs))
        if n_threads == 1 or work_of(jobs[0]) < FEW:
            yield Threads()
            return
        with ThreadPoolExecutor(n_threads) as pool:
            yield Threads(n_threads, pool)


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


# ---------------------------------------------------------------------------- processes


def n_processes(jobs, n_jobs):
    """Return over how many processes jobs are spread."""
    return min(effective_n_jobs(n_jobs), len(jobs)) if len(jobs) > 1 else 1


def in_parts(train, jobs, data, n_parts):
    """Train parts of the jobs, each in a process of its own.

    Parameters
    ----------
    train : callable
        :func:`skdnn.training.loop.train`, which calls this, and returns the same.
    jobs : list of Job
    data : Data
    n_parts : int
    """
    parts = [part.tolist() for part in np.array_split(range(len(jobs)), n_parts)]
    parts = [(train, [jobs[k] for k in part]) for part in parts]
    results, interrupted = in_processes(n_parts, train_part, parts, data.bare())
    if interrupted:
        warn_user(INTERRUPTED)
    trained, converged = [], True
    for its_jobs, its_converged, collected in results:
        trained += its_jobs
        converged &= its_converged
        say(collected)
    for job in trained:
        job.was_interrupted |= interrupted
    return trained, converged


def train_part(check_for_interrupt, part, data):
    """Train some networks in this process; return what else there is to say."""
    train, jobs = part
    with collected_warnings() as collected:
        jobs, converged = train(jobs, data, listener=Interrupts(check_for_interrupt))
    for job in jobs:  # the data and the buffers stay here
        job.unload()
    return jobs, converged, collected


@dataclass
class Interrupts(Listener):
    """Ends training in this process where it was interrupted in another one."""

    check: object

    def on_epoch_begin(self):
        """Raise KeyboardInterrupt if that is so."""
        self.check()
