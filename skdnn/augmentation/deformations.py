"""Images that are moved, turned and bent.

A deformation says for each pixel where in the image its value comes from, and takes it
from the four pixels around: the image is multiplied by a sparse matrix with four
numbers in a row. Images that share a matrix are multiplied at once, so a few images
of a mini-batch do; with the order of the samples, their company changes each time.
"""

from functools import lru_cache
from math import prod, radians

import numpy as np

from skdnn.augmentation.base import Augmentation, augmentation, keep_shape
from skdnn.images.pixels import bilinear_maps, image_shape, middle_grid
from skdnn.messages import as_python

IMAGES_PER_MAP = 25


class Deformation(Augmentation):
    """Base of the augmentations that move pixels.

    Subclasses have a `shape`, (height, width) or (height, width, channels), None for
    square images of one channel, and say with `move` where pixels come from.
    """

    def move(self, places, rng):
        """Return from where pixels are taken.

        Parameters
        ----------
        places : ndarray of shape (n_maps, 2, height, width)
            Rows and columns, counted from the middle of the image.
        rng : numpy.random.Generator
        """
        raise NotImplementedError

    def followed_by(self, other):
        """Return this and another one as one, or None if that can't be."""
        if isinstance(other, Deformation) and other.shape == self.shape:
            return Deformations((*self.steps, other), self.shape)
        return None

    @property
    def steps(self):
        """The deformations of which it consists."""
        return (self,)

    def __call__(self, X, rng):
        """Return images deformed, of which what lies outside is as at the edge."""
        height, width, *channels = image_shape(self.shape, X.shape[1], "augmentation")
        n_maps = -(-len(X) // IMAGES_PER_MAP)
        places = self.move(
            np.broadcast_to(middle_grid(height, width), (n_maps, 2, height, width)), rng
        )
        maps = bilinear_maps(places, X.dtype)
        # The pixels of the images that share a map, as rows.
        n_pixels, n_numbers = height * width, prod(channels)
        images = np.zeros((n_maps * IMAGES_PER_MAP, n_pixels * n_numbers), X.dtype)
        images[: len(X)] = X
        images = images.reshape(n_maps, IMAGES_PER_MAP, n_pixels, n_numbers)
        images = images.transpose(0, 2, 1, 3).reshape(n_maps * n_pixels, -1)
        images = (maps @ images).reshape(n_maps, n_pixels, IMAGES_PER_MAP, n_numbers)
        return images.transpose(0, 2, 1, 3).reshape(-1, X.shape[1])[: len(X)]


@augmentation
class Deformations(Deformation):
    """Several deformations as one map, so that pixels are interpolated once."""

    steps: tuple = ()
    shape: tuple | None = None

    def move(self, places, rng):
        """Return from where pixels are taken: the last step is asked first."""
        for step in reversed(self.steps):
            places = step.move(places, rng)
        return places


@augmentation
class Affine(Deformation):
    """Images turned, scaled, sheared and moved, each by a random amount.

    Parameters
    ----------
    rotation : float, default=10.0
        Degrees at most, to either side.
    scale : float, default=0.1
        By how much of its size an image grows or shrinks at most, in [0, 1).
    shear : float, default=0.1
        By how many pixels a row is moved against the next at most.
    shift : float, default=1.0
        Pixels at most, up or down, and left or right.
    shape : tuple of int, default=None
        (height, width) or (height, width, channels) of an image, in this order; None
        is a square of one channel. A list becomes a tuple.

    Notes
    -----
    Amounts are uniform. A pixel at p comes from ``R(angle) S p / factor + shift``, S
    the shear, all about the middle of the image.
    """

    rotation: float = 10.0
    scale: float = 0.1
    shear: float = 0.1
    shift: float = 1.0
    shape: tuple | None = None

    def __post_init__(self):
        check_amounts(self, "rotation", "scale", "shear", "shift")
        if self.scale >= 1:
            raise ValueError(f"Affine: scale must be below 1, got {self.scale!r}.")
        keep_shape(self)

    def move(self, places, rng):
        """Return from where pixels are taken."""
        n = len(places)
        angles = rng.uniform(-1, 1, n) * radians(self.rotation)
        factors = 1 + rng.uniform(-1, 1, n) * self.scale
        shears = rng.uniform(-1, 1, n) * self.shear
        shifts = rng.uniform(-1, 1, (n, 2)) * self.shift
        sines, cosines = np.sin(angles), np.cos(angles)
        rotations = np.array([[cosines, -sines], [sines, cosines]])
        ones, zeros = np.ones(n), np.zeros(n)
        sheared = np.array([[ones, zeros], [shears, ones]])
        matrices = np.einsum("ijn,jkn->nik", rotations, sheared)
        matrices /= factors[:, np.newaxis, np.newaxis]
        moved = matrices @ places.reshape(n, 2, -1) + shifts[..., np.newaxis]
        return moved.reshape(places.shape)


@augmentation
class Elastic(Deformation):
    """Images bent like rubber: each pixel comes from a place nearby, neighbours alike.

    Parameters
    ----------
    alpha : float, default=1.0
        Standard deviation of the way that a pixel comes, in pixels.
    sigma : float, default=5.0
        Over how many pixels the ways are smoothed, with a Gaussian of this standard
        deviation.
    shape : tuple of int, default=None
        See :class:`Affine`.

    References
    ----------
    Simard, Steinkraus and Platt (2003), "Best practices for convolutional neural
    networks applied to visual document analysis", where alpha is a factor before the
    smoothing.
    """

    alpha: float = 1.0
    sigma: float = 5.0
    shape: tuple | None = None

    def __post_init__(self):
        check_amounts(self, "alpha", "sigma")
        keep_shape(self)

    def move(self, places, rng):
        """Return from where pixels are taken."""
        noise = rng.standard_normal(places.shape, dtype=np.float32)
        height, width = places.shape[-2:]
        down, across = smoother(height, self.sigma), smoother(width, self.sigma)
        return places + self.alpha * (down @ noise @ across.T)


def check_amounts(value, *names):
    """Hold fields as Python's numbers; raise an error unless each is 0 or more."""
    for name in names:
        amount = as_python(getattr(value, name), f"{type(value).__name__}: {name}")
        object.__setattr__(value, name, amount)
        is_number = isinstance(amount, (int, float)) and not isinstance(amount, bool)
        if not is_number or not 0 <= amount < np.inf:
            raise ValueError(
                f"{type(value).__name__}: {name} must be a number of 0 or more, got"
                f" {amount!r}."
            )


@lru_cache(16)
def smoother(size, sigma):
    """Return a matrix that smooths a line of noise and keeps its standard deviation."""
    distances = np.subtract.outer(np.arange(size), np.arange(size))
    weights = np.exp(-0.5 * (distances / max(sigma, 1e-6)) ** 2)
    weights /= np.sqrt(np.square(weights).sum(axis=1, keepdims=True))
    return weights.astype(np.float32)
