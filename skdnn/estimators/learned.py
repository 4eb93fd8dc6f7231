"""What a fit has learned: the fitted attributes, and how an estimator gets them."""

from contextlib import contextmanager

import numpy as np

from skdnn.estimators.ensemble import is_ensemble, mean_history
from skdnn.messages import warn_user
from skdnn.nn import Network


def book_of(estimator, job):
    """Return the fitted attributes that each of several networks has of its own."""
    history = job.history
    scored = job.best_score > -np.inf
    stops_early = estimator.early_stopping and estimator.solver != "lbfgs"
    return {
        "history_": history,
        "loss_": history[-1]["loss"] if history else np.nan,
        "best_loss_": None if stops_early else job.best_loss,
        "best_validation_score_": job.best_score if scored else None,
        "n_iter_": job.n_epochs,
        "t_": job.samples_seen,
    }


def books_of(estimator):
    """Return these attributes of a fitted estimator, for each of its networks."""
    # A single one has no books, but those of several may be left from the fit before.
    return vars(estimator)["_books"] if estimator.network_.axes else [{}]


def attributes_of(estimator, job, task, network):
    """Return the fitted attributes for what a job has learned: this network."""
    return {
        **task.fitted_attributes(),
        **book_of(estimator, job),
        "network_": network,
        "n_outputs_": network.widths[-1],
        "n_layers_": len(dense_views(network)) + 1,
        "out_activation_": type(network.layers[-1]).__name__.lower(),
    }


def attributes_of_all(estimator, jobs, task, networks, shares=None):
    """Return the fitted attributes, of one network or of several.

    Parameters
    ----------
    jobs : list of Job
    task : Task
    networks : list of Network
        What they have learned.
    shares : list of Share, default=None
        What they have learned from.
    """
    attributes = attributes_of(estimator, jobs[0], task, networks[0])
    if not is_ensemble(estimator):
        return attributes
    books = [book_of(estimator, job) for job in jobs]
    attributes |= {
        "network_": Network.stacked(networks),
        "history_": mean_history([job.history for job in jobs]),
        "n_iter_": max(its["n_iter_"] for its in books),
        "t_": sum(its["t_"] for its in books),
        "_books": books,
    }
    for name in ("loss_", "best_loss_", "best_validation_score_"):
        numbers = [its[name] for its in books]
        attributes[name] = None if None in numbers else float(np.mean(numbers))
    for book, share in zip(books, shares or (), strict=False):
        book["random_state"] = share.seed
    if estimator.resampling is not None and shares is not None:
        attributes["estimators_samples_"] = [share.rows for share in shares]
    return attributes


def attributes_learned(estimator):
    """Return what an estimator has learned, by name."""
    return {
        name: value
        for name, value in vars(estimator).items()
        if name.endswith("_") or name in ("_jobs", "_books")
    }


def forget(estimator, *further):
    """Forget the jobs of a fit, and what networks say of rows left out."""
    for name in list(vars(estimator)):
        of_rows = name == "estimators_samples_" or name.startswith("oof_")
        if of_rows or name in ("_jobs", *further):
            del vars(estimator)[name]


def twin_of(estimator):
    """Return an estimator with the same parameters and attributes, not copied."""
    twin = object.__new__(type(estimator))
    vars(twin).update(vars(estimator))
    return twin


@contextmanager
def learned_in_a_copy(estimator):
    """Give an estimator what a copy of it has learned, all at once in the end.

    So what it has learned before is there as long as a fit runs, for other threads too,
    and after one that fails.

    Yields
    ------
    copy : estimator
    """
    learned = twin_of(estimator)
    yield learned
    new = attributes_learned(learned)
    old = attributes_learned(estimator).keys() - new.keys()
    vars(estimator).update(new)
    for name in old:
        delattr(estimator, name)


@contextmanager
def keeps_what_was_learned(loss):
    """Warn of an error after training, which would take all that was learned with it.

    Parameters
    ----------
    loss : str
        What there is not for it.
    """
    try:
        yield
    except Exception as error:
        warn_user(f"{loss}: {type(error).__name__}: {error}")


@contextmanager
def unchanged_on_error(estimator):
    """Give an estimator its fitted attributes back if what it is about to do fails."""
    before = attributes_learned(estimator)
    try:
        yield
    except BaseException:
        for name in attributes_learned(estimator):
            delattr(estimator, name)
        vars(estimator).update(before)
        raise


def dense_views(network):
    """Return the views of the dense layers, also of those within blocks."""
    return [node.view for node in network.walk() if "weights" in node.view]
