"""Rows of numbers as images: their shape, where pixels are, and moving them."""

from functools import lru_cache
from math import isqrt, prod
from numbers import Integral

import numpy as np
from scipy import sparse

from skdnn.messages import as_python

SMALLEST_SIDE = 4  # of a square that is guessed: 4 or 9 features are hardly an image
CHANNELS = (1, 3, 4)  # grey, red green blue, and how opaque


def image_shape(shape, n_features, name):
    """Return (height, width, channels) of images of so many features.

    Parameters
    ----------
    shape : tuple of int, or None
        As the user has given it; None is a square of one channel.
    n_features : int
    name : str
        What the user has given it to, for errors.
    """
    if shape is None:
        side = side_of_square(n_features)
        if side < SMALLEST_SIDE:
            raise ValueError(
                f"{name}: X has {n_features} features, which are no square image"
                f" of {SMALLEST_SIDE} x {SMALLEST_SIDE} pixels or more: give the shape"
                " of an image, for example shape=(28, 20)."
            )
        return side, side, 1
    shape = as_python(shape, f"{name}: shape")
    is_valid = isinstance(shape, (tuple, list)) and all(
        isinstance(size, Integral) and size > 0 for size in shape
    )
    if not is_valid:
        raise ValueError(
            f"{name}: shape must be None or a tuple of integers above 0, (height,"
            f" width) or (height, width, channels), got {shape!r}."
        )
    if len(shape) not in (2, 3) or prod(shape) != n_features:
        raise ValueError(
            f"{name}: shape={shape!r} must be (height, width) or (height, width,"
            f" channels) with {n_features} numbers in all, the features of X."
        )
    if len(shape) == 3 and shape[0] in CHANNELS and shape[2] > max(CHANNELS):
        raise ValueError(
            f"{name}: shape={shape!r} must be (height, width, channels), in this order,"
            f" but looks like (channels, height, width): {shape[2]} channels of images"
            f" that are {shape[0]} high. Move the channels of X to the end, for example"
            f" with X.reshape(-1, {', '.join(map(str, shape))}).transpose(0, 2, 3, 1)"
            f".reshape(-1, {n_features}), and set"
            f" shape={(*shape[1:], shape[0])}."
        )
    return (*shape, 1)[:3]


def shape_to_draw(asked, n_features, n_channels=CHANNELS):
    """Return the shape in which images of so many features are drawn.

    Any square will do, grey images have no axis of channels, and others must have as
    many as matplotlib has colours for.

    Parameters
    ----------
    asked : tuple of int, or None
        A display's `image_shape`; None is a square of one channel.
    n_features : int
    n_channels : tuple of int, default=CHANNELS
        How many channels there may be.
    """
    if asked is None:
        side = side_of_square(n_features)
        if not side:
            raise ValueError(
                f"image_shape=None stands for square grey images, but X has"
                f" {n_features} features, which is no square: give the height, the"
                " width and, for colour images, the number of channels."
            )
        return side, side
    shape = tuple(as_python(asked, "image_shape"))
    if len(shape) not in (2, 3) or (len(shape) == 3 and shape[2] not in n_channels):
        *some, last = map(str, n_channels)
        raise ValueError(
            f"image_shape={asked!r} must be (height, width) or (height, width,"
            f" n_channels) with {', '.join(some)} or {last} channels."
        )
    if prod(shape) != n_features:
        raise ValueError(
            f"image_shape={asked!r} makes {prod(shape)} values, but X has"
            f" {n_features} features."
        )
    return shape


def side_of_square(n_features):
    """Return how high and wide a square of so many pixels is; 0 if there is none."""
    side = isqrt(n_features)
    return side if side**2 == n_features else 0


@lru_cache(16)
def middle_grid(height, width):
    """Return the places of pixels, counted from the middle, of shape (2, h, w)."""
    rows, columns = np.arange(height), np.arange(width)
    grid = np.meshgrid(
        rows - (height - 1) / 2, columns - (width - 1) / 2, indexing="ij"
    )
    return np.array(grid, np.float32)


def bilinear_maps(places, dtype):
    """Return the matrix that takes pixels from their places, for several maps.

    Parameters
    ----------
    places : ndarray of shape (n_maps, 2, height, width)
        Rows and columns, counted from the middle of the image.
    dtype : dtype

    Returns
    -------
    maps : csr_array of shape (n_maps * n_pixels, n_maps * n_pixels)
        One block for each map, with four numbers in a row, in sum 1.
    """
    n_maps, _, height, width = places.shape
    n_pixels = height * width
    sizes = np.array([height, width], places.dtype).reshape(2, 1, 1)
    places = np.clip(places + (sizes - 1) / 2, 0, sizes - 1)
    low = np.minimum(places.astype(np.int32), np.maximum(sizes - 2, 0).astype(np.int32))
    part = (places - low).astype(dtype)
    (row, column), (down, across) = low.swapaxes(0, 1), part.swapaxes(0, 1)
    first = row * width + column
    first += np.arange(n_maps, dtype=np.int32)[:, np.newaxis, np.newaxis] * n_pixels
    below, right = width * (height > 1), int(width > 1)
    up, left = 1 - down, 1 - across
    indices = np.stack([first + i for i in (0, right, below, below + right)], axis=-1)
    values = np.stack([up * left, up * across, down * left, down * across], axis=-1)
    n_rows = n_maps * n_pixels
    starts = np.arange(0, 4 * n_rows + 1, 4, dtype=np.int32)
    entries = values.ravel(), indices.ravel(), starts
    return sparse.csr_array(entries, shape=(n_rows, n_rows))
