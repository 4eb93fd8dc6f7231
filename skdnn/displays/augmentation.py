"""What becomes of images as they are augmented."""

import numpy as np

from skdnn.augmentation import InARow
from skdnn.displays.common import check_positive
from skdnn.displays.grids import draw_grid, scale_pixels
from skdnn.images.pixels import shape_to_draw


class AugmentationDisplay:
    """Images, each in a row with what augmentation makes of it.

    Use :meth:`from_augmentation` to create one.

    Parameters
    ----------
    images : ndarray of shape (n_images, 1 + n_copies, height, width) or with channels \
            behind
        In each row the image itself, and then its copies.

    Attributes
    ----------
    ax_ : matplotlib Axes
        The axes with all images.
    figure_ : matplotlib Figure
        The figure that contains them.
    images_ : list of matplotlib AxesImage
        The images, row by row.

    Examples
    --------
    >>> from sklearn.datasets import load_digits
    >>> from skdnn.augmentation import Affine
    >>> from skdnn.displays import AugmentationDisplay
    >>> X, _ = load_digits(return_X_y=True)
    >>> display = AugmentationDisplay.from_augmentation(Affine(), X[:4])
    """

    def __init__(self, *, images):
        self.images = images

    @classmethod
    def from_augmentation(
        cls, augmentation, X, *, n_copies=7, image_shape=None, random_state=0, ax=None
    ):
        """Draw what augmentation makes of images.

        Parameters
        ----------
        augmentation : value, callable or list of them
            As for the estimators, see :mod:`skdnn.augmentation`.
        X : array-like of shape (n_images, n_features)
            A few images.
        n_copies : int, default=7
            How many copies of each.
        image_shape : tuple of int, default=None
            Height and width, for colour images also the number of channels; by default
            a square grey image.
        random_state : int, default=0
            Seed of the changes.
        ax : matplotlib Axes, default=None
            Where to draw; by default in a new figure.

        Returns
        -------
        display : AugmentationDisplay
        """
        n_copies = check_positive("n_copies", n_copies)
        X = np.asarray(X)
        X = X if X.dtype.kind == "f" else X.astype(np.float32)
        shape = shape_to_draw(image_shape, X.shape[1])
        rng, steps = np.random.default_rng(random_state), InARow(augmentation)
        # One by one, so that no two share a map; but one alone can't be mixed.
        n_together = len(X) if steps.mixes else 1
        copies = [
            [rows, *(steps.change(rows, rng) for _ in range(n_copies))]
            for rows in np.split(X, range(n_together, len(X), n_together))
        ]
        images = np.concatenate(copies, axis=1).swapaxes(0, 1)
        images = images.reshape(len(X), 1 + n_copies, *shape)
        return cls(images=images).plot(ax=ax)

    def plot(self, ax=None):
        """Draw the images.

        Parameters
        ----------
        ax : matplotlib Axes, default=None
            Where to draw; by default in a new figure.

        Returns
        -------
        self : AugmentationDisplay
        """
        n_rows, n_columns, *shape = np.shape(self.images)
        images = np.reshape(self.images, (n_rows * n_columns, *shape))
        captions = ["as it is", *[""] * (n_columns - 1)] * n_rows
        style = {} if len(shape) == 3 and shape[2] > 1 else {"cmap": "gray_r"}
        self.ax_, self.images_, _ = draw_grid(
            ax, scale_pixels(images), captions, n_columns, **style
        )
        self.figure_ = self.ax_.figure
        return self
