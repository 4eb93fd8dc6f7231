"""Many networks as one estimator: what each learns from, and what they say together.

References
----------
Lakshminarayanan, Pritzel and Blundell (2017), "Simple and scalable predictive
uncertainty estimation using deep ensembles"; Breiman (1996), "Bagging predictors".
"""

from dataclasses import dataclass

import numpy as np
from sklearn.utils import check_random_state

from skdnn.messages.user_warnings import warn_user
from skdnn.messages.words import counted

N_DRAWS = 100  # of a bootstrap, of which with two rows that count every second will do


@dataclass
class Plan:
    """What one network of an estimator starts with.

    Parameters
    ----------
    rng : numpy.random.RandomState
    seed : int or None
        Of `rng`; None for the only network, which has that of the estimator.
    rows : ndarray of int or None
        What it learns from; None stands for all.
    left_out : ndarray of int or None
        What it does not learn from.
    checkpoint : Checkpoint or None
    """

    rng: np.random.RandomState
    seed: int | None = None
    rows: np.ndarray | None = None
    left_out: np.ndarray | None = None
    checkpoint: object = None


def plans_for(estimator, checkpoints, task, targets, counts=None, rows_before=None):
    """Return a plan for each network of an estimator.

    Parameters
    ----------
    estimator : BaseMLP
    checkpoints : callable or None
        See :func:`~skdnn.estimators.building.checkpoints_for`.
    task : Task
    targets : ndarray
        y as the loss takes it.
    counts : tuple of ndarray of bool of shape (n_samples,), default=None
        Which rows count in training, and in a score; None stands for all.
    rows_before : sequence of ndarray of int, default=None
        Of a fit that goes on: what each network has learned from, if that is known.
    """
    n_networks, resampling = estimator.n_networks, estimator.resampling
    start = None if checkpoints is None else checkpoints()
    rng = _begin(start, estimator.random_state)
    if n_networks == 1 and resampling is None:
        return [Plan(rng, checkpoint=start)]
    n_samples = len(targets)
    if resampling == "folds" and not 2 <= n_networks <= n_samples:
        raise ValueError(
            f"resampling='folds' has each network leave out a part of its own, which"
            f" takes at least 2 networks and no more than samples: n_networks="
            f"{n_networks}, {n_samples} samples. Change n_networks, or set"
            " resampling=None."
        )
    if start is not None and estimator.random_state is None:
        start.share_start(rng)
    seeds = rng.randint(np.iinfo(np.int32).max, size=n_networks).tolist()
    plans = []
    for k, seed in enumerate(seeds):
        checkpoint = None if start is None else checkpoints(k, start.start)
        plans.append(Plan(_begin(checkpoint, seed), seed, checkpoint=checkpoint))
    if resampling == "bootstrap":
        for plan in plans:
            plan.rows, plan.left_out = _draw(n_samples, counts, rng)
    elif resampling == "folds":
        classes = task.classes_of(targets)
        for plan, fold in zip(
            plans, folds(classes, n_networks, rng, counts), strict=True
        ):
            plan.left_out = fold
            plan.rows = np.setdiff1d(np.arange(n_samples), fold)
    if resampling is not None and rows_before is not None:
        _leave_out_the_same(plans, rows_before, n_samples)
    return plans


def _draw(n_samples, counts, rng):
    """Return rows drawn with replacement, and the others; again if neither counts.

    Where hardly any row counts, some draws leave none to learn from, or to score.
    """
    for _ in range(N_DRAWS):
        rows = np.sort(rng.randint(n_samples, size=n_samples))
        left_out = np.setdiff1d(np.arange(n_samples), rows)
        if counts is None or (counts[0][rows].any() and counts[1][left_out].any()):
            break
    return rows, left_out


def _leave_out_the_same(plans, rows_before, n_samples):
    """Let networks that go on learn from the rows that they have learned from.

    With others, they would be asked about rows that they know.
    """
    used = np.unique(np.concatenate([[-1], *rows_before]))
    drawn = any(len(plan.rows) == n_samples for plan in plans)  # with replacement
    same = (
        [len(plan.rows) for plan in plans] == [len(rows) for rows in rows_before]
        and used[-1] < n_samples
        and (drawn or len(used) == n_samples + 1)
    )
    if not same:
        warn_user(
            "warm_start=True: networks go on that may have learned from samples which"
            " they leave out now, and oof_score_ may be much too good. Set"
            " warm_start=False, or go on with the data, n_networks and resampling of"
            " before."
        )
        return
    for plan, rows in zip(plans, rows_before, strict=True):
        plan.rows, plan.left_out = rows, np.setdiff1d(np.arange(n_samples), rows)


def _begin(checkpoint, random_state):
    """Return the random numbers that a fit, or one of its networks, begins with."""
    if checkpoint is None:
        return check_random_state(random_state)
    return checkpoint.begin(random_state)


def folds(classes, n_folds, rng, counts=None):
    """Return folds of equal size, with about as many rows of each class.

    Where the rows can't be divided, some are in two folds: networks that learn from as
    many rows have steps of the same shape. Where chance leaves a fold, or the others,
    without a row that counts, those that do are dealt first.

    Parameters
    ----------
    classes : ndarray of int of shape (n_samples,)
        Equal for all where there is nothing to stratify by.
    n_folds : int
    rng : numpy.random.RandomState
    counts : tuple of ndarray of bool of shape (n_samples,), default=None
        Which rows count in training, and in a score; None stands for all.

    Returns
    -------
    folds : list of ndarray of int
        Each sorted, of ``ceil(n_samples / n_folds)`` rows, or of one more where fewer
        rows than folds count.
    """
    dealt = _deal(classes, n_folds, rng)
    if counts is None or _all_count(dealt, counts):
        return dealt
    learned, scored = counts
    rank = np.where(learned, 0, np.where(scored, 1, 2))
    dealt = _deal(rank * (classes.max() + 1) + classes, n_folds, rng)
    if _all_count(dealt, counts):
        return dealt
    if learned.sum() < 2:
        raise ValueError(
            f"{counted(int(learned.sum()), 'sample')} of {len(learned)} with a positive"
            " weight: resampling='folds' needs 2, to train on and to leave out. Weigh"
            " more samples, or set resampling=None."
        )
    for k, fold in enumerate(dealt):
        others = np.setdiff1d(np.arange(len(classes)), fold)
        wanted = ~learned[others] if scored[fold].any() else scored[others]
        others = others[wanted] if wanted.any() else others
        dealt[k] = np.sort(np.append(fold, rng.choice(others)))
    return dealt


def _all_count(folds, counts):
    learned, scored = counts
    n_learned = learned.sum()
    return all(learned[f].sum() < n_learned and scored[f].any() for f in folds)


def _deal(classes, n_folds, rng):
    """Return folds of equal size, with about as many rows of each class."""
    n_samples = len(classes)
    order = rng.permutation(n_samples)
    order = order[np.argsort(classes[order], kind="stable")]
    size = -(-n_samples // n_folds)
    dealt = [order[k::n_folds] for k in range(n_folds)]
    for k, fold in enumerate(dealt):
        if len(fold) < size:
            others = np.setdiff1d(order, fold)
            dealt[k] = np.append(fold, rng.choice(others, size - len(fold), False))
    return [np.sort(fold) for fold in dealt]


def mean_over_networks(outputs):
    """Return the mean over the axis of networks, if there is one."""
    return outputs if outputs.ndim == 2 else outputs.mean(axis=0)


def std_of_mixture(means, stds):
    """Return the deviation of the mixture of normal distributions, one a network."""
    if stds.ndim == 2:
        return stds
    variances = np.square(stds, dtype=np.float64).mean(axis=0) + means.var(axis=0)
    return np.sqrt(variances)


def mean_history(histories):
    """Return the history of several networks: of each epoch, the mean over those in it.

    Parameters
    ----------
    histories : list of list of dict

    Returns
    -------
    history : list of dict
        With the number of "networks" that the epoch had; "seconds" is their sum.
    """
    history = []
    for i in range(max(map(len, histories))):
        rows = [rows[i] for rows in histories if i < len(rows)]
        row = {}
        for name in rows[0]:
            values = [its[name] for its in rows]
            if isinstance(values[0], dict):
                row[name] = {
                    key: float(np.mean([value[key] for value in values]))
                    for key in values[0]
                }
            elif name == "epoch":
                row[name] = values[0]
            else:
                row[name] = float(sum(values) if name == "seconds" else np.mean(values))
        history.append(row | {"networks": len(rows)})
    return history


def predict_left_out(plans, predict, n_samples):
    """Return for each row the mean of what those networks say that left it out.

    Parameters
    ----------
    plans : list of Plan
    predict : callable
        Takes the number of a network and rows, and returns an array, one entry a row.
    n_samples : int

    Returns
    -------
    means : ndarray of shape (n_samples, ...)
        NaN where no network left a row out.
    known : ndarray of bool of shape (n_samples,)
    """
    sums, counts = 0.0, np.zeros(n_samples)
    for k, plan in enumerate(plans):
        if not len(plan.left_out):
            continue
        outputs = predict(k, plan.left_out)
        if np.ndim(sums) == 0:
            sums = np.zeros((n_samples, *outputs.shape[1:]))
        sums[plan.left_out] += outputs
        counts[plan.left_out] += 1
    known = counts > 0
    if not known.any():  # then for the shape
        sums = np.zeros((n_samples, *predict(0, np.arange(1)).shape[1:]))
    if not known.all():
        warn_user(
            f"{(~known).sum()} of {n_samples} samples were left out by no network:"
            " oof_score_ does without them. Set n_networks to a larger number."
        )
    with np.errstate(invalid="ignore", divide="ignore"):
        means = sums / counts.reshape(-1, *[1] * (np.ndim(sums) - 1))
    return means, known


def entropy(P):
    """Return the entropy of each row of probabilities, in nats."""
    return -(P * log_of(P)).sum(axis=-1)


def log_of(P):
    """Return the logarithm of probabilities, finite where one is 0."""
    return np.log(np.maximum(P, np.finfo(P.dtype).tiny))
