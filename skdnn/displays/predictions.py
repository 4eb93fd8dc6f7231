"""Images with what a classifier says of them."""

import numpy as np
from scipy.sparse import issparse
from sklearn.utils import _safe_indexing, check_consistent_length
from sklearn.utils.validation import check_is_fitted

from skdnn.displays.common import check_positive, shorten
from skdnn.displays.grids import check_images, draw_grid, scale_pixels
from skdnn.images.pixels import shape_to_draw

LONGEST_LABEL = 16  # characters


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
        which = {"image_shape": image_shape, "n_images": n_images, "order": order}
        predictions = X, y, y_pred, y_confidence
        return cls.from_predictions(*predictions, **which, ax=ax, **kwargs)

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
        n_images = min(check_positive("n_images", n_images), len(y_pred))
        chosen = _order(order, y_true, y_pred, y_confidence)[:n_images]
        samples = _safe_indexing(X, chosen)
        samples = samples.toarray() if issparse(samples) else np.asarray(samples)
        if samples.size == 0:
            raise ValueError(
                "X is empty: give at least one sample, with at least one feature."
            )
        shape = shape_to_draw(image_shape, samples.shape[1])
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
        images = check_images(self.images)
        self.mistakes_ = np.zeros(len(images), dtype=bool)
        if y_true is not None:
            self.mistakes_ = y_pred != y_true
        captions = [
            self._caption(i, y_pred, y_true, y_confidence) for i in range(len(images))
        ]
        style = {"marked": self.mistakes_, "cmap": cmap, "vmin": 0, "vmax": 1}
        self.ax_, self.images_, self.captions_ = draw_grid(
            ax, scale_pixels(images), captions, n_columns, **style
        )
        self.figure_ = self.ax_.figure
        return self

    def _caption(self, i, y_pred, y_true, y_confidence):
        """Return the lines below an image."""
        lines = []
        if y_true is not None:
            cross = "✗ " if self.mistakes_[i] else ""
            lines.append(f"{cross}label {shorten(y_true[i], LONGEST_LABEL)}")
        lines.append(f"pred. {shorten(y_pred[i], LONGEST_LABEL)}")
        if y_confidence is not None:
            lines[-1] += f", {y_confidence[i]:.1%}"
        return "\n".join(lines)


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
