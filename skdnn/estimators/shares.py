"""Who learns what: seeds, the rows of each network, and those that it leaves out.

References
----------
Breiman (1996), "Bagging predictors".
"""

from dataclasses import dataclass
from math import ceil

import numpy as np
from sklearn.model_selection import train_test_split
from sklearn.utils import check_random_state

from skdnn.estimators.ensemble import is_ensemble
from skdnn.messages import counted, warn_user

N_DRAWS = 100  # of a bootstrap, of which with two rows that count every second will do


@dataclass
class Share:
    """What one network of an estimator begins with, and learns from.

    Parameters
    ----------
    rng : numpy.random.RandomState
    seed : int or None
        Of `rng`; None for the only network, which has that of the estimator.
    checkpoint : Checkpoint or None
    rows : ndarray of int or None
        What it learns from; None stands for all.
    left_out : ndarray of int or None
        What it does not learn from, as `resampling` says.
    """

    rng: np.random.RandomState
    seed: int | None = None
    checkpoint: object = None
    rows: np.ndarray | None = None
    left_out: np.ndarray | None = None


def share_out(estimator, data, checkpoints=None, rows_before=None):
    """Return the share of each network of an estimator.

    Parameters
    ----------
    estimator : BaseMLP
    data : FitData
    checkpoints : callable, default=None
        See :func:`~skdnn.estimators.checkpoints.checkpoints_for`.
    rows_before : sequence of ndarray of int, default=None
        Of a fit that goes on: what each network has learned from, if that is known.
    """
    n_networks, resampling = estimator.n_networks, estimator.resampling
    whole = None if checkpoints is None else checkpoints()
    rng = generator_of(estimator.random_state, whole)
    if not is_ensemble(estimator):  # the only network has the numbers of the estimator
        return [Share(rng, checkpoint=whole)]
    n_samples = len(data.targets)
    if resampling == "folds" and not 2 <= n_networks <= n_samples:
        raise ValueError(
            f"resampling='folds' has each network leave out a part of its own, which"
            f" takes at least 2 networks and no more than samples: n_networks="
            f"{n_networks}, {n_samples} samples. Change n_networks, or set"
            " resampling=None."
        )
    if whole is not None and estimator.random_state is None:
        rng.set_state(whole.share_start())
    seeds = rng.randint(np.iinfo(np.int32).max, size=n_networks).tolist()
    shares = []
    for k, seed in enumerate(seeds):
        checkpoint = None if whole is None else checkpoints(k, whole.start)
        shares.append(Share(generator_of(seed, checkpoint), seed, checkpoint))
    if resampling is not None:
        splits = splitter_of(resampling, data, n_networks, rng).split(data.X, data.y)
        for share, (rows, left_out) in zip(shares, splits, strict=True):
            share.rows, share.left_out = rows, left_out
        if rows_before is not None:
            _leave_out_the_same(shares, rows_before, n_samples)
    return shares


def generator_of(random_state, checkpoint=None):
    """Return the random numbers that a fit, or one of its networks, begins with.

    Where `random_state` is None, and there is a checkpoint, these are the ones that the
    fit began with before.
    """
    rng = check_random_state(random_state)
    if checkpoint is None:
        return rng
    if random_state is None:
        rng = np.random.RandomState(rng.randint(2**32, size=8, dtype=np.uint32))
    checkpoint.start_at(rng.get_state(legacy=False))
    if random_state is None and (start := checkpoint.found_start()) is not None:
        rng.set_state(start)
        checkpoint.start_at(rng.get_state(legacy=False))
    return rng


def splitter_of(resampling, data, n_networks, rng):
    """Return what splits the rows for each network: as a splitter of scikit-learn does.

    Parameters
    ----------
    resampling : {"bootstrap", "folds"} or splitter
        A splitter is returned as it is.
    data : FitData
    n_networks : int
    rng : numpy.random.RandomState
    """
    if not isinstance(resampling, str):
        return resampling
    counts = data.counts()
    if resampling == "bootstrap":
        return Bootstrap(n_networks, rng, counts)
    return Folds(n_networks, rng, data.task.classes_of(data.targets), counts)


@dataclass
class Bootstrap:
    """Splits of rows drawn with replacement, and the others.

    Where hardly any row counts, some draws leave none to learn from, or to score: then
    there is another one.

    Parameters
    ----------
    n_splits : int
    rng : numpy.random.RandomState
    counts : tuple of ndarray of bool of shape (n_samples,), default=None
        Which rows count in training, and in a score; None stands for all.
    """

    n_splits: int
    rng: np.random.RandomState
    counts: tuple | None = None

    def split(self, X, y=None, groups=None):
        """Yield rows to learn from, and rows to leave out."""
        n_samples = X.shape[0]
        for _ in range(self.n_splits):
            for _ in range(N_DRAWS):
                rows = np.sort(self.rng.randint(n_samples, size=n_samples))
                left_out = np.setdiff1d(np.arange(n_samples), rows)
                if self.counts is None:
                    break
                learned, scored = self.counts
                if learned[rows].any() and scored[left_out].any():
                    break
            yield rows, left_out


@dataclass
class Folds:
    """Splits of which each leaves out a fold: see :func:`folds`.

    Parameters
    ----------
    n_splits : int
    rng : numpy.random.RandomState
    classes : ndarray of int of shape (n_samples,)
    counts : tuple of ndarray of bool of shape (n_samples,), default=None
    """

    n_splits: int
    rng: np.random.RandomState
    classes: np.ndarray
    counts: tuple | None = None

    def split(self, X, y=None, groups=None):
        """Yield rows to learn from, and rows to leave out."""
        for fold in folds(self.classes, self.n_splits, self.rng, self.counts):
            yield np.setdiff1d(np.arange(X.shape[0]), fold), fold


def _leave_out_the_same(shares, rows_before, n_samples):
    """Let networks that go on learn from the rows that they have learned from.

    With others, they would be asked about rows that they know.
    """
    used = np.unique(np.concatenate([[-1], *rows_before]))
    drawn = any(len(share.rows) == n_samples for share in shares)  # with replacement
    same = (
        [len(share.rows) for share in shares] == [len(rows) for rows in rows_before]
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
    for share, rows in zip(shares, rows_before, strict=True):
        share.rows, share.left_out = rows, np.setdiff1d(np.arange(n_samples), rows)


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


def set_aside(estimator, data, rng):
    """Return the rows to train on, and the part that is set aside to validate on.

    Parameters
    ----------
    estimator : BaseMLP
    data : FitData
    rng : numpy.random.RandomState

    Returns
    -------
    rows, val_rows : ndarray of int
    """
    n_samples, fraction = data.X.shape[0], estimator.validation_fraction
    try:
        rows, val_rows = train_test_split(
            np.arange(n_samples),
            random_state=rng,
            test_size=fraction,
            stratify=data.task.strata(data.targets, fraction),
        )
        if len(val_rows) < 2:
            raise ValueError(
                "The validation set is too small. Increase 'validation_fraction' "
                "or the size of your dataset."
            )
    except ValueError as error:
        n_val = ceil(fraction * n_samples)
        raise ValueError(
            f"early_stopping=True sets validation_fraction={fraction} of the"
            f" {n_samples} samples aside, {n_val} of them, which leaves"
            f" {n_samples - n_val} to train on. That does not work out:"
            f" {str(error).rstrip('.')}. Change"
            " validation_fraction, give X_val and y_val, or set early_stopping=False."
        ) from error
    if (counts := data.counts()) is not None:
        classes = data.task.classes_of(data.targets)
        return exchange(rows, val_rows, counts, classes, rng)
    return rows, val_rows


def exchange(rows, val_rows, counts, classes, rng):
    """Return rows to train on and to validate on, some that count among either.

    Where chance has given all of those to one part, a row goes over, in exchange for
    one of its class if there is any.

    Parameters
    ----------
    rows, val_rows : ndarray of int
    counts : tuple of ndarray of bool of shape (n_samples,)
        Which rows count in training, and in a score.
    classes : ndarray of int of shape (n_samples,)
    rng : numpy.random.RandomState
    """
    learned, scored = counts
    parts = [rows.copy(), val_rows.copy()]
    for k, needed in ((0, learned), (1, scored)):
        taker, giver, other = parts[k], parts[1 - k], counts[1 - k]
        if needed[taker].any():
            continue
        is_spare = needed[giver]
        if other[giver].sum() < 2:  # the last one that counts for the giver stays
            is_spare = is_spare & ~other[giver]
        if not is_spare.any():
            what = ("left to train on", "set aside to validate on")[k]
            raise ValueError(
                f"No sample with a positive weight is {what}: {other.sum()} of"
                f" {len(other)} samples have one. Give X_val and y_val, or weigh more"
                " samples."
            )
        i = rng.choice(np.flatnonzero(is_spare))
        alike = np.flatnonzero(classes[taker] == classes[giver[i]])
        j = rng.choice(alike if alike.size else np.arange(len(taker)))
        taker[j], giver[i] = giver[i], taker[j]
    return parts
