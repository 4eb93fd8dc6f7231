"""Augmentations for rows of any kind, and rectangles that are erased from images."""

from numbers import Real

import numpy as np

from skdnn.augmentation.base import Augmentation, augmentation, keep_shape
from skdnn.augmentation.deformations import check_amounts
from skdnn.images.pixels import image_shape
from skdnn.messages import hold_number


@augmentation
class Noise(Augmentation):
    """Gaussian noise, added to each feature.

    Parameters
    ----------
    std : float, default=0.1
        Its standard deviation.
    """

    std: float = 0.1

    def __post_init__(self):
        check_amounts(self, "std")

    def __call__(self, X, rng):
        """Return X with noise."""
        noise = rng.standard_normal(X.shape, dtype=X.dtype)
        noise *= X.dtype.type(self.std)
        noise += X
        return noise


@augmentation
class Erase(Augmentation):
    """A rectangle at a random place of each image, erased.

    Parameters
    ----------
    size : float, default=0.25
        Height and width at most, as a part of the image's, in [0, 1].
    value : float, default=0.0
        What its pixels become.
    shape : tuple of int, default=None
        See :class:`Affine`.

    References
    ----------
    Zhong, Zheng, Kang, Li and Yang (2020), "Random erasing data augmentation".
    """

    size: float = 0.25
    value: float = 0.0
    shape: tuple | None = None

    def __post_init__(self):
        check_amounts(self, "size")
        if self.size > 1:
            raise ValueError(f"Erase: size must be at most 1, got {self.size!r}.")
        keep_shape(self)
        hold_number(self, "value", Real, -np.inf)

    def __call__(self, X, rng):
        """Return X without the pixels in the rectangles."""
        height, width, channels = image_shape(self.shape, X.shape[1], "augmentation")
        down, across = (
            _intervals(size, self.size, len(X), rng) for size in (height, width)
        )
        inside = down[:, :, np.newaxis] & across[:, np.newaxis, :]
        inside = np.repeat(inside.reshape(len(X), -1), channels, axis=1)
        return np.where(inside, X.dtype.type(self.value), X)


def _intervals(size, part, n_rows, rng):
    """Return which of a line's pixels lie in a random interval, for each row."""
    lengths = rng.uniform(0, part * size, n_rows)
    starts = rng.uniform(0, 1, n_rows) * (size - lengths)
    middles = np.arange(size) + 0.5
    from_start = middles - starts[:, np.newaxis]
    return (from_start >= 0) & (from_start < lengths[:, np.newaxis])


@augmentation
class MixUp(Augmentation):
    """Each row mixed with another one of the mini-batch, and their losses with them.

    Row i becomes ``(1 - s) x_i + s x_j``, and its loss ``(1 - s) w_i l(y_i) +
    s w_j l(y_j)``, l the loss with a target y and w the weights of samples and
    classes. The loss of a mini-batch is the sum of these over the sum of ``(1 - s) w_i
    + s w_j``: each target counts as its own row does. So does the score of training.

    Parameters
    ----------
    alpha : float, default=0.2
        The share s of the other row is drawn from a beta distribution with this number
        twice: near 0 or 1 where it is small, uniform where it is 1.

    Notes
    -----
    Where a loss is linear in the target, as cross-entropies are, and weights are equal,
    this is the loss with the target ``(1 - s) y_i + s y_j`` of the paper.

    References
    ----------
    Zhang, Cissé, Dauphin and Lopez-Paz (2018), "mixup: beyond empirical risk
    minimization".
    """

    alpha: float = 0.2

    def __post_init__(self):
        check_amounts(self, "alpha")
        if not self.alpha:
            raise ValueError("MixUp: alpha must be greater than 0, got 0.")

    def mix(self, X, rng):
        """Return rows, mixed, with which others they are, and the shares of these."""
        others = rng.permutation(len(X))
        shares = rng.beta(self.alpha, self.alpha, (len(X), 1)).astype(X.dtype)
        return X + shares * (X[others] - X), others, shares[:, 0]

    def __call__(self, X, rng):
        """Return rows, mixed."""
        return self.mix(X, rng)[0]
