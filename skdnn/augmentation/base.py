"""What augmentations share: values that change a mini-batch, and several in a row."""

from dataclasses import dataclass

import numpy as np


class Augmentation:
    """Base of all augmentations: values that change a mini-batch, anew each time.

    Called with X of shape (m, n_features), which it leaves as it is, and a
    :class:`numpy.random.Generator`, it returns an array of the same shape and dtype.
    """

    def __call__(self, X, rng):
        """Return another form of X."""
        raise NotImplementedError


def augmentation(cls):
    """Make a class an augmentation: a frozen, comparable, hashable value."""
    return dataclass(frozen=True)(cls)


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

    def __call__(self, X, Y, rng):
        """Return a mini-batch and its targets, changed.

        Parameters
        ----------
        X : ndarray of shape (m, n_features)
        Y : ndarray of shape (m, n_outputs)
            As the loss takes them.
        rng : numpy.random.Generator
        """
        for step in self.steps:
            if hasattr(step, "mix"):
                X, Y = step.mix(X, Y, rng)
                continue
            changed = np.asarray(step(X, rng))
            if changed.shape != X.shape:
                raise ValueError(
                    f"augmentation: {step!r} made an array of shape {changed.shape} of"
                    f" one of shape {X.shape}; it must stay the same."
                )
            X = changed.astype(X.dtype, copy=False)
        return X, Y

    def change(self, X, rng):
        """Return rows, changed, that have no targets."""
        return self(X, np.zeros((len(X), 1), X.dtype), rng)[0]
