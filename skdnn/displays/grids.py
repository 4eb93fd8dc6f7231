"""Grids of images: predictions and weights."""

from math import ceil, isqrt, prod, sqrt

import numpy as np
from scipy.sparse import issparse
from sklearn.utils import _safe_indexing, check_consistent_length
from sklearn.utils.validation import check_is_fitted

from skdnn.displays.common import MISTAKE_COLOR, WIDTH, final_estimator, make_axes
from skdnn.messages.checks import as_python

GAP, LINE_HEIGHT = 0.16, 0.16  # of a grid, in widths of an image
COLORBAR_WIDTH = 0.9  # inches, with its labels


class PredictionGridDisplay:
    """A grid of images, each with its prediction, confidence and label.

    Use :meth:`from_estimator` or :meth:`from_predictions` to create one. A mistake has
    a thick frame and a cross, and its caption says what the label is.

    Parameters
    ----------
    images : ndarray of shape (n_images, height, width) or \
            (n_images, height, width, n_channels)
        The images, in the order of the grid: grey, or with 3 (RGB) or 4 (RGBA)
        channels. Values outside of 0 to 1, or for `uint8` 0 to 255, are scaled by the
        smallest and the largest.
    y_pred : array-like of shape (n_images,)
        The predicted labels.
    y_true : array-like of shape (n_images,), default=None
        The true labels. Without them, nothing is marked as a mistake.
    y_confidence : array-like of shape (n_images,), default=None
        The probability of each predicted label.

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
    mistakes_ : ndarray of bool of shape (n_images,)
        Which of the images are marked.

    See Also
    --------
    sklearn.metrics.ConfusionMatrixDisplay : Which classes are taken for which.

    Examples
    --------
    >>> from sklearn.datasets import load_digits
    >>> from skdnn import MLPClassifierDIY
    >>> from skdnn.displays import PredictionGridDisplay
    >>> X, y = load_digits(return_X_y=True)
    >>> clf = MLPClassifierDIY(max_iter=50, random_state=0).fit(X[:900], y[:900])
    >>> PredictionGridDisplay.from_estimator(
    ...     clf, X[900:], y[900:], order="mistakes"
    ... )  # doctest: +SKIP
    """

    def __init__(self, *, images, y_pred, y_true=None, y_confidence=None):
        self.images = images
        self.y_pred = y_pred
        self.y_true = y_true
        self.y_confidence = y_confidence

    @classmethod
    def from_estimator(
        cls,
        estimator,
        X,
        y=None,
        *,
        image_shape=None,
        n_images=25,
        order="first",
        ax=None,
        **kwargs,
    ):
        """Draw images with what a fitted classifier says of them.

        Parameters
        ----------
        estimator : estimator
            A fitted classifier. Where it has `predict_proba`, the confidence is shown.
        X : {array-like, sparse matrix} of shape (n_samples, n_features)
            The samples, each an image.
        y : array-like of shape (n_samples,), default=None
            Their labels.
        image_shape : tuple of int, default=None
            Height and width, for colour images also the number of channels. By default
            a square grey image.
        n_images : int, default=25
            How many to draw, at most.
        order : {"first", "mistakes"}, default="first"
            Which ones: the first of X, or mistakes, the most confident first, and after
            them the least confident of what is right.
        ax, **kwargs
            See :meth:`plot`.

        Returns
        -------
        display : PredictionGridDisplay
        """
        check_is_fitted(estimator)
        y = _check_one_each("y", y)
        y_pred = _check_one_each("y_pred", estimator.predict(X))
        y_confidence = None
        if hasattr(estimator, "predict_proba"):
            y_confidence = np.max(estimator.predict_proba(X), axis=1)
        return cls.from_predictions(
            X,
            y,
            y_pred,
            y_confidence,
            image_shape=image_shape,
            n_images=n_images,
            order=order,
            ax=ax,
            **kwargs,
        )

    @classmethod
    def from_predictions(
        cls,
        X,
        y_true,
        y_pred,
        y_confidence=None,
        *,
        image_shape=None,
        n_images=25,
        order="first",
        ax=None,
        **kwargs,
    ):
        """Draw images with given predictions.

        Parameters
        ----------
        X : {array-like, sparse matrix} of shape (n_samples, n_features)
            The samples, each an image.
        y_true : array-like of shape (n_samples,) or None
            Their labels.
        y_pred : array-like of shape (n_samples,)
            The predicted labels.
        y_confidence : array-like of shape (n_samples,), default=None
            The probability of each predicted label.
        image_shape, n_images, order, ax, **kwargs
            See :meth:`from_estimator`.

        Returns
        -------
        display : PredictionGridDisplay
        """
        y_true = _check_one_each("y_true", y_true)
        y_pred = _check_one_each("y_pred", y_pred)
        y_confidence = _check_one_each("y_confidence", y_confidence)
        check_consistent_length(X, y_true, y_pred, y_confidence)
        n_images = min(_check_positive("n_images", n_images), len(y_pred))
        chosen = _order(order, y_true, y_pred, y_confidence)[:n_images]
        samples = _safe_indexing(X, chosen)
        samples = samples.toarray() if issparse(samples) else np.asarray(samples)
        if samples.size == 0:
            raise ValueError(
                "X is empty: give at least one sample, with at least one feature."
            )
        shape = _check_image_shape(image_shape, samples.shape[1])
        display = cls(
            images=samples.reshape(n_images, *shape),
            y_pred=y_pred[chosen],
            y_true=None if y_true is None else y_true[chosen],
            y_confidence=None if y_confidence is None else y_confidence[chosen],
        )
        return display.plot(ax, **kwargs)

    def plot(self, ax=None, *, n_columns=None, cmap="gray_r"):
        """Draw the grid.

        Parameters
        ----------
        ax : matplotlib Axes, default=None
            Where to draw; by default in a new figure.
        n_columns : int, default=None
            Images in a row; by default about as many as there are rows.
        cmap : str or Colormap, default="gray_r"
            Colours of grey images; by default dark on white.

        Returns
        -------
        self : PredictionGridDisplay
        """
        y_pred = _check_one_each("y_pred", self.y_pred)
        y_true = _check_one_each("y_true", self.y_true)
        y_confidence = _check_one_each("y_confidence", self.y_confidence)
        images = _check_images(self.images)
        self.mistakes_ = np.zeros(len(images), dtype=bool)
        if y_true is not None:
            self.mistakes_ = y_pred != y_true
        captions = [
            self._caption(i, y_pred, y_true, y_confidence) for i in range(len(images))
        ]
        self.ax_, self.images_, self.captions_ = _draw_grid(
            ax,
            _scale_pixels(images),
            captions,
            n_columns,
            self.mistakes_,
            cmap=cmap,
            vmin=0,
            vmax=1,
        )
        self.figure_ = self.ax_.figure
        return self

    def _caption(self, i, y_pred, y_true, y_confidence):
        """Return the lines below an image."""
        lines = []
        if y_true is not None:
            cross = "✗ " if self.mistakes_[i] else ""
            lines.append(f"{cross}label {_shorten(y_true[i])}")
        lines.append(f"pred. {_shorten(y_pred[i])}")
        if y_confidence is not None:
            lines[-1] += f", {y_confidence[i]:.1%}"
        return "\n".join(lines)


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
        units = units[: _check_positive("n_units", n_units)]
        shape = _check_image_shape(image_shape, weights.shape[1], (1, 3))
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
        images = _check_images(self.images)
        units = range(len(images)) if self.units is None else self.units
        captions = [f"unit {unit}" for unit in units]
        limit = np.abs(images).max() or 1
        limits = {"vmin": -limit, "vmax": limit}
        in_color = images.ndim == 4 and images.shape[3] == 3
        if in_color:
            images = (images / limit + 1) / 2
        self.ax_, self.images_, self.captions_ = _draw_grid(
            ax,
            images,
            captions,
            n_columns,
            beside=0 if in_color or not colorbar else COLORBAR_WIDTH,
            cmap=cmap,
            **limits,
        )
        self.figure_ = self.ax_.figure
        self.colorbar_ = None
        if colorbar and not in_color:
            self.colorbar_ = self.figure_.colorbar(
                self.images_[0], ax=self.ax_, label="Weight", aspect=40, pad=0.02
            )
        return self


def _draw_grid(
    ax,
    images,
    captions,
    n_columns,
    marked=None,
    beside=0,
    line_height=LINE_HEIGHT,
    **style,
):
    """Draw images with their captions below, those marked with a thick frame.

    A new figure has room for so many inches beside the grid. Returns the axes, the
    images and the captions.
    """
    n_images, height, width = images.shape[:3]
    if n_columns is None:
        n_columns = ceil(sqrt(n_images))
    n_columns = min(_check_positive("n_columns", n_columns), n_images)
    n_rows = ceil(n_images / n_columns)

    # The unit of length is the width of an image.
    image_height = height / width
    n_lines = captions[0].count("\n") + 1
    column_width, row_height = 1 + GAP, image_height + n_lines * line_height + GAP
    grid_width, grid_height = n_columns * column_width, n_rows * row_height
    drawn_width = min(WIDTH - beside, 1.15 * grid_width)
    ax, figure = make_axes(
        ax, drawn_width + beside, drawn_width * grid_height / grid_width
    )
    column_points = ax.get_position().width * 72 / n_columns * figure.get_figwidth()
    font_size = _font_size(captions, column_points, line_height)

    drawn, texts = [], []
    for i, (image, caption) in enumerate(zip(images, captions, strict=True)):
        left, top = i % n_columns * column_width, i // n_columns * row_height
        extent = (left, left + 1, top + image_height, top)
        drawn.append(ax.imshow(image, extent=extent, **style))
        is_marked = marked is not None and marked[i]
        texts.append(_draw_frame(ax, extent, caption, is_marked, font_size))
    # At the end, as imshow sets the limits to those of an image.
    ax.set(
        xlim=(-GAP / 2, grid_width - GAP / 2), ylim=(grid_height - GAP / 2, -GAP / 2)
    )
    ax.set_axis_off()
    return ax, drawn, texts


def _draw_frame(ax, extent, caption, is_marked, font_size):
    """Draw the frame of an image and its caption; return the latter."""
    from matplotlib.patches import Rectangle

    left, right, bottom, top = extent
    frame = {"edgecolor": "0.5", "linewidth": 0.5}
    style = {"color": "black"}
    if is_marked:
        frame = {"edgecolor": MISTAKE_COLOR, "linewidth": 3}
        style = {"color": MISTAKE_COLOR, "fontweight": "bold"}
    ax.add_patch(
        Rectangle((left, top), right - left, bottom - top, fill=False, **frame)
    )
    place = {"ha": "center", "va": "top", "fontsize": font_size}
    return ax.text((left + right) / 2, bottom + 0.05, caption, **place, **style)


def _order(order, y_true, y_pred, y_confidence):
    """Return the indices of the samples in the order asked for."""
    indices = np.arange(len(y_pred))
    if order == "first":
        return indices
    if order != "mistakes":
        raise ValueError(
            f"order={order!r} is not known: it must be 'first' or 'mistakes'."
        )
    if y_true is None:
        raise ValueError("order='mistakes' needs the labels, got None: pass them.")
    right = y_true == y_pred
    if y_confidence is None:
        return indices[np.argsort(right, kind="stable")]
    return np.lexsort((np.where(right, y_confidence, -y_confidence), right))


def _check_one_each(name, values):
    """Return values, one for each image, as an array, or None."""
    if values is None:
        return None
    shape = np.shape(values)
    if len(shape) != 1:
        raise ValueError(
            f"{name} has shape {shape}, but must be one-dimensional: a single label,"
            " or probability, for each image."
        )
    return np.asarray(values)


def _check_positive(name, value):
    """Return a count as Python's number, or raise an error unless it is 1 or more."""
    count = as_python(value, name)
    if not isinstance(count, int) or isinstance(count, bool) or count < 1:
        raise ValueError(f"{name}={count!r} must be an integer of at least 1.")
    return count


def _check_images(images):
    images = np.asarray(images)
    if images.size == 0:
        raise ValueError(
            "images is empty: give at least one image, with at least one pixel."
        )
    return images


def _check_image_shape(image_shape, n_features, n_channels=(1, 3, 4)):
    """Return the shape of an image with so many values."""
    if image_shape is None:
        side = isqrt(n_features)
        if side * side != n_features:
            raise ValueError(
                f"image_shape=None stands for square grey images, but X has"
                f" {n_features} features, which is no square: give the height, the"
                " width and, for colour images, the number of channels."
            )
        return side, side
    shape = tuple(as_python(image_shape, "image_shape"))
    if len(shape) not in (2, 3) or (len(shape) == 3 and shape[2] not in n_channels):
        *some, last = map(str, n_channels)
        raise ValueError(
            f"image_shape={image_shape!r} must be (height, width) or (height, width,"
            f" n_channels) with {', '.join(some)} or {last} channels."
        )
    if prod(shape) != n_features:
        raise ValueError(
            f"image_shape={image_shape!r} makes {prod(shape)} values, but X has"
            f" {n_features} features."
        )
    return shape


def _scale_pixels(images):
    """Return the images with values between 0 and 1."""
    if images.dtype == np.uint8:
        return images / 255
    low, high = images.min(), images.max()
    if low >= 0 and high <= 1:
        return images
    return (images - low) / (high - low or 1)


def _shorten(label, length=16):
    label = str(label)
    return label if len(label) <= length else label[: length - 1] + "…"


def _font_size(captions, column_points, line_height):
    """Return the size, in points, in which the captions stay within their columns."""
    n_characters = max(len(line) for text in captions for line in text.split("\n"))
    # A bold character is about 0.65 of the font size wide; a line needs 1.3 of it.
    limits = column_points / (0.65 * n_characters), column_points * line_height / 1.5
    return min(10, *limits)
