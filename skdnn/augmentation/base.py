"""What augmentations share: values that change a mini-batch, and several in a row."""

from dataclasses import dataclass
from numbers import Integral
from typing import dataclass_transform

import numpy as np

from skdnn.nn.vectors import all_finite


class Augmentation:
    """Base of all augmentations: values that change a mini-batch, anew each time.

    Called with X of shape (m, n_features) and a :class:`numpy.random.Generator`, it
    returns an array of the same shape and dtype.

    One that mixes rows of a mini-batch has a method ``mix(X, rng)``, which is called
    instead and returns three arrays: the rows, mixed; the numbers of the others, of
    shape (m,), with which they are; and the shares of these, of shape (m,) and in
    [0, 1]. The loss of such a row is ``(1 - share) w_i l(y_i) + share w_j l(y_j)``, j
    the other one, w the weights of samples and l the loss with a target y.
    """

    def __call__(self, X, rng):
        """Return another form of X."""
        raise NotImplementedError


@dataclass_transform(frozen_default=True)
def augmentation(cls):
    """Make a class an augmentation: a frozen, comparable, hashable value."""
    return dataclass(frozen=True)(cls)


def keep_shape(value):
    """Make the shape of an image a tuple of ints, which is comparable and hashable.

    What can't be one is left for :func:`~skdnn.images.pixels.image_shape` to refuse.
    """
    shape = value.shape
    if isinstance(shape, (list, np.ndarray)):
        shape = tuple(shape)
    if isinstance(shape, tuple):
        shape = tuple(int(n) if isinstance(n, Integral) else n for n in shape)
    object.__setattr__(value, "shape", shape)


class InARow:
    """Augmentations one after the other, as training calls them.

    Neighbours that deform images become one map, so that pixels are interpolated once.

    Parameters
    ----------
    steps : callable, or list of them
        Values of this package, or functions of X and a generator.
    """

    def __init__(self, steps):
        steps = list(steps) if isinstance(steps, (list, tuple)) else [steps]
        for step in steps:
            if not callable(step) or isinstance(step, type):
                raise TypeError(
                    "augmentation must be a value of skdnn.augmentation, such as"
                    " Noise(0.1), a function f(X, rng) that returns X changed, or a"
                    f" list of these, got {step!r}."
                )
        self.steps = []
        for step in steps:
            if self.steps and hasattr(self.steps[-1], "followed_by"):
                joined = self.steps[-1].followed_by(step)
                if joined is not None:
                    self.steps[-1] = joined
                    continue
            self.steps.append(step)

    def __eq__(self, other):
        return isinstance(other, InARow) and self.steps == other.steps

    __hash__ = None

    @property
    def mixes(self):
        """Whether what becomes of a row depends on others, of which it gets a part."""
        return any(hasattr(step, "mix") for step in self.steps)

    def __call__(self, X, rng, *, only_finite=True):
        """Change a mini-batch in place.

        Each step may work in place as well, and keep what it has returned: it never
        sees anything but X.

        Parameters
        ----------
        X : ndarray of shape (m, n_features)
        rng : numpy.random.Generator
        only_finite : bool, default=True
            Whether a step that returns anything else is an error.

        Returns
        -------
        mixture : list of tuple, or None
            The parts of which each row is mixed, if it is: the numbers of rows and
            their shares, both of shape (m,), for each part.

        Raises
        ------
        TypeError, ValueError
            If a step returns anything but numbers of the same shape, all finite.
        """
        mixture = None
        for step in self.steps:
            if hasattr(step, "mix"):
                changed, others, shares = _check_mixed(step, step.mix(X, rng), len(X))
                mixture = _mix_again(mixture, others, shares)
            else:
                changed = step(X, rng)
            with np.errstate(over="ignore"):
                X[...] = _check_changed(step, changed, X)
            if only_finite and not all_finite(X):
                raise ValueError(
                    f"augmentation: {step!r} returned NaN or infinity, of rows that"
                    f" are finite, or numbers too large for {X.dtype}."
                )
        return mixture

    def change(self, X, rng):
        """Return rows, changed, of which the targets do not matter."""
        copy = np.array(X, order="C")
        self(copy, rng, only_finite=all_finite(copy))
        return copy


def _check_changed(step, changed, X):
    """Return what a step has made of X as an array, if it is one of such rows."""
    what = f"augmentation: {step!r} returned"
    if changed is None:
        raise TypeError(
            f"{what} None; it must return the rows, also if it changes them in place."
        )
    if np.ma.is_masked(changed):
        raise TypeError(f"{what} masked values; it must return numbers.")
    try:
        changed = np.asarray(changed)
    except ValueError as error:  # lists of different lengths
        raise ValueError(f"{what} no array: {error}") from error
    if changed.dtype.kind not in "biuf":
        raise TypeError(
            f"{what} {changed.dtype} of shape {changed.shape}; it must return numbers"
            f" of shape {X.shape}."
        )
    if changed.shape != X.shape:
        raise ValueError(
            f"augmentation: {step!r} made an array of shape {changed.shape} of"
            f" one of shape {X.shape}; it must stay the same."
        )
    return changed


def _check_mixed(step, mixed, n_rows):
    """Return the rows, others and shares of a step that mixes, if they are such."""
    what = f"augmentation: {step!r}.mix must return X mixed, others and shares,"
    if not isinstance(mixed, tuple) or len(mixed) != 3:
        raise TypeError(f"{what} got {type(mixed).__name__}.")
    changed, others, shares = mixed
    others, shares = np.asarray(others), np.asarray(shares)
    for name, array in (("others", others), ("shares", shares)):
        if array.shape != (n_rows,):
            raise ValueError(
                f"{what} of which {name} must have the shape ({n_rows},), got"
                f" {array.shape}."
            )
    is_place = others.dtype.kind in "iu" and ((others >= 0) & (others < n_rows)).all()
    if not is_place:
        raise ValueError(
            f"{what} of which others must be integers from 0 to {n_rows - 1}, got"
            f" {np.unique(others)[:3]}."
        )
    is_share = shares.dtype.kind in "biuf" and ((shares >= 0) & (shares <= 1)).all()
    if not is_share:
        raise ValueError(
            f"{what} of which shares must be in [0, 1], got {np.unique(shares)[:3]}."
        )
    return changed, others, shares.astype(np.float64)


def _mix_again(mixture, others, shares):
    """Return the parts of rows, of which each may be mixed of several already."""
    n_rows = len(others)
    mixture = mixture or [(np.arange(n_rows), np.ones(n_rows))]
    own = [(rows, (1 - shares) * its) for rows, its in mixture]
    theirs = [(rows[others], shares * its[others]) for rows, its in mixture]
    return own + theirs
