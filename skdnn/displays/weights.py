"""The weights of a layer as images."""

import numpy as np

from skdnn.displays.common import check_positive, final_estimator
from skdnn.displays.grids import check_images, draw_grid
from skdnn.images.pixels import shape_to_draw

COLORBAR_WIDTH = 0.9  # inches, with its labels


class WeightGridDisplay:
    """The weights of the first dense layer as images, one for each unit.

    Use :meth:`from_estimator` to create one. All images share a scale of colours with
    0 in its middle: a unit likes what is red and dislikes what is blue. In images with
    3 channels, grey is 0 and the colours are those that the unit likes.

    Parameters
    ----------
    images : ndarray of shape (n_units, height, width) or \
            (n_units, height, width, n_channels)
        The weights that go into each unit; 1 or 3 channels.
    units : array-like of int of shape (n_units,), default=None
        The number of each unit in its layer; by default from 0 on.

    Attributes
    ----------
    ax_ : matplotlib Axes
        The axes with all images.
    figure_ : matplotlib Figure
        The figure that contains them.
    images_ : list of matplotlib AxesImage
        The images.
    captions_ : list of matplotlib Text
        The text below each.
    colorbar_ : matplotlib Colorbar or None
        The scale; None in images with 3 channels.

    See Also
    --------
    PredictionGridDisplay : Images with what the network says of them.

    Examples
    --------
    >>> from sklearn.datasets import load_digits
    >>> from skdnn import MLPClassifierDIY
    >>> from skdnn.displays import WeightGridDisplay
    >>> X, y = load_digits(return_X_y=True)
    >>> clf = MLPClassifierDIY(max_iter=50, random_state=0).fit(X / 16, y)
    >>> WeightGridDisplay.from_estimator(clf, order="norm")  # doctest: +SKIP
    """

    def __init__(self, *, images, units=None):
        self.images = images
        self.units = units

    @classmethod
    def from_estimator(
        cls,
        estimator,
        *,
        image_shape=None,
        n_units=25,
        order="first",
        ax=None,
        **kwargs,
    ):
        """Draw the first dense layer of a fitted estimator.

        Parameters
        ----------
        estimator : estimator
            A fitted network of this package or another one with `coefs_`, or
            a pipeline or search that ends in one.
        image_shape : tuple of int, default=None
            Height and width, for colour images also the number of channels. By default
            a square grey image.
        n_units : int, default=25
            How many to draw, at most.
        order : {"first", "norm"}, default="first"
            Which ones: the first of the layer, or those with the greatest norm of their
            weights, the greatest first.
        ax, **kwargs
            See :meth:`plot`.

        Returns
        -------
        display : WeightGridDisplay
        """
        network = final_estimator(estimator, "coefs_", "weights in coefs_")
        weights = network.coefs_[0]
        weights = weights.mT.reshape(-1, weights.shape[-2])  # of all networks
        if order not in ("first", "norm"):
            raise ValueError(
                f"order={order!r} is not known: it must be 'first' or 'norm'."
            )
        units = np.arange(len(weights))
        if order == "norm":
            units = np.argsort(-np.linalg.norm(weights, axis=1), kind="stable")
        units = units[: check_positive("n_units", n_units)]
        shape = shape_to_draw(image_shape, weights.shape[1], (1, 3))
        display = cls(images=weights[units].reshape(-1, *shape), units=units)
        return display.plot(ax, **kwargs)

    def plot(self, ax=None, *, n_columns=None, cmap="RdBu_r", colorbar=True):
        """Draw the grid.

        Parameters
        ----------
        ax : matplotlib Axes, default=None
            Where to draw; by default in a new figure.
        n_columns : int, default=None
            Images in a row; by default about as many as there are rows.
        cmap : str or Colormap, default="RdBu_r"
            Colours of grey images, best with a neutral one in the middle.
        colorbar : bool, default=True
            Whether to draw the scale of the colours.

        Returns
        -------
        self : WeightGridDisplay
        """
        images = check_images(self.images)
        units = range(len(images)) if self.units is None else self.units
        captions = [f"unit {unit}" for unit in units]
        limit = np.abs(images).max() or 1
        style = {"cmap": cmap, "vmin": -limit, "vmax": limit}
        in_color = images.ndim == 4 and images.shape[3] == 3
        if in_color:
            images = (images / limit + 1) / 2
        beside = 0 if in_color or not colorbar else COLORBAR_WIDTH
        self.ax_, self.images_, self.captions_ = draw_grid(
            ax, images, captions, n_columns, beside=beside, **style
        )
        self.figure_ = self.ax_.figure
        self.colorbar_ = None
        if colorbar and not in_color:
            self.colorbar_ = self.figure_.colorbar(
                self.images_[0], ax=self.ax_, label="Weight", aspect=40, pad=0.02
            )
        return self
