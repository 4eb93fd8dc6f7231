"""Images that lean, set upright."""

import numpy as np
from sklearn.base import (
    BaseEstimator,
    OneToOneFeatureMixin,
    TransformerMixin,
    _fit_context,
)
from sklearn.utils.validation import check_is_fitted, validate_data

from skdnn.data.door import taken_in
from skdnn.data.numeric import check_kinds
from skdnn.images.pixels import bilinear_maps, image_shape, middle_grid

# float64 does not hold all integers of 64 bits.
NUMBERS = [np.dtype(kind) for kind in ("f8", "f4", *"bBhH", "i4", "u4")]
PIXELS_AT_ONCE = 1 << 18


class Deskew(OneToOneFeatureMixin, TransformerMixin, BaseEstimator):
    """Images sheared until what they show stands upright.

    Handwriting leans to one side, each hand's differently. A network that sees upright
    digits has less to learn: on MNIST, small ones err a quarter less.

    Parameters
    ----------
    shape : tuple of int, default=None
        (height, width) or (height, width, channels) of an image; None is a square of
        one channel.

    Attributes
    ----------
    n_features_in_ : int
        Number of pixels, times the channels.
    feature_names_in_ : ndarray of shape (n_features_in_,)
        Names of columns, if X had some, all of them strings.

    Notes
    -----
    Pixels are taken for masses, with 0 as background; that of a pixel is the sum of its
    channels. With rows r and columns c counted from the centre of mass, and means
    weighted by mass, the slant is ``mean(r c) / mean(r²)``: for each row down, what is
    shown lies so many columns further to the right. A pixel at (r, c) comes from
    (r, c + slant r), between two pixels in proportion. Unless something was moved out
    of the image, mean(r c) is then nearly 0.

    References
    ----------
    LeCun, Bottou, Bengio and Haffner (1998), "Gradient-based learning applied to
    document recognition", section III.A, where a linear classifier, nearest neighbours
    and a network err less on digits that were deslanted by their moments.

    Examples
    --------
    >>> from sklearn.datasets import load_digits
    >>> from sklearn.pipeline import make_pipeline
    >>> from skdnn import MLPClassifierDIY
    >>> from skdnn.images import Deskew
    >>> X, y = load_digits(return_X_y=True)
    >>> model = make_pipeline(Deskew(), MLPClassifierDIY(max_iter=20, random_state=0))
    >>> model.fit(X[:900], y[:900])  # doctest: +SKIP
    >>> model.score(X[900:], y[900:])  # doctest: +SKIP
    """

    _parameter_constraints = {"shape": [tuple, list, None]}

    def __init__(self, shape=None):
        self.shape = shape

    @_fit_context(prefer_skip_nested_validation=True)
    def fit(self, X, y=None):
        """Check that these are images: nothing is learned.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            Rows of pixels, none below 0.
        y
            Ignored.

        Returns
        -------
        self : Deskew
        """
        self._validate(X, reset=True)
        return self

    def transform(self, X):
        """Return the images upright.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            Rows of pixels, none below 0.

        Returns
        -------
        upright : ndarray of shape (n_samples, n_features)
            In the dtype of X where that is float32, float64 or one of integers of up to
            32 bits, which are rounded; else float64.
        """
        check_is_fitted(self)
        X, (height, width, channels) = self._validate(X, reset=False)
        upright = np.empty(X.shape, X.dtype)
        n_images = max(1, PIXELS_AT_ONCE // (height * width))
        for start in range(0, len(X), n_images):
            rows = slice(start, start + n_images)
            images = X[rows].astype(np.result_type(X.dtype, np.float32))
            images = images.reshape(-1, height, width, channels)
            # A column on each side, from which comes what lies outside.
            images = np.pad(images, ((0, 0), (0, 0), (1, 1), (0, 0)))
            maps = bilinear_maps(upright_places(images), images.dtype)
            moved = (maps @ images.reshape(-1, channels)).reshape(images.shape)
            moved = moved[:, :, 1:-1].reshape(-1, X.shape[1])
            upright[rows] = moved if X.dtype.kind == "f" else np.rint(moved)
        return upright

    def _validate(self, X, reset):
        """Return rows of pixels, checked, and the shape of an image."""
        X = taken_in(X, "X")
        check_kinds(X, "X")
        X = validate_data(self, X, reset=reset, dtype=NUMBERS, ensure_non_negative=True)
        return X, image_shape(self.shape, X.shape[1], "Deskew")

    def __sklearn_tags__(self):
        tags = super().__sklearn_tags__()
        tags.input_tags.positive_only = True
        tags.transformer_tags.preserves_dtype = ["float64", "float32"]
        return tags


def upright_places(images):
    """Return from where the pixels of upright images come.

    Parameters
    ----------
    images : ndarray of shape (n_images, height, width, channels)

    Returns
    -------
    places : ndarray of shape (n_images, 2, height, width)
        Rows and columns, counted from the middle of the image.
    """
    # Of whatever size the numbers are, their moments are neither 0 nor infinite.
    largest = images.max(axis=(1, 2, 3), keepdims=True)
    mass = np.divide(images, largest, out=np.zeros_like(images), where=largest > 0)
    mass = mass.sum(axis=3)
    grid = middle_grid(*mass.shape[1:])
    total = np.maximum(mass.sum(axis=(1, 2)), 1)
    middles = np.einsum("nij,kij->kn", mass, grid) / total
    down, across = grid[:, np.newaxis] - middles[..., np.newaxis, np.newaxis]
    spread = (mass * down * down).sum(axis=(1, 2))
    both = (mass * down * across).sum(axis=(1, 2))
    # An image with all its mass in one row has no slant.
    slant = np.divide(both, spread, out=np.zeros_like(both), where=spread > 0)
    rows = np.broadcast_to(grid[0], mass.shape)
    columns = grid[1] + slant[:, np.newaxis, np.newaxis] * down
    return np.stack([rows, columns], axis=1)
