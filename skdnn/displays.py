"""Pictures of a training and of what came out of it, as scikit-learn Display classes.

Each class holds the data of one picture. `from_estimator` takes them from a fitted
estimator, `plot` draws them, on axes of its own or on those it is given.
"""

from math import ceil, isqrt, prod, sqrt
from numbers import Integral

import numpy as np
from scipy.sparse import issparse
from sklearn.pipeline import Pipeline
from sklearn.utils import _safe_indexing, check_consistent_length
from sklearn.utils.validation import check_is_fitted

__all__ = ["GradientNormDisplay", "PredictionGridDisplay", "TrainingCurveDisplay"]

# Okabe and Ito (2008), told apart with every kind of colour vision.
PALETTE = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#56B4E9", "#000000")
MISTAKE_COLOR = PALETTE[1]
WIDTH = 8  # inches: 800 pixels at the usual 100 dots per inch
STYLES = ("-", "--")
GAP, LINE_HEIGHT = 0.16, 0.16  # of a grid, in widths of an image


class TrainingCurveDisplay:
    """Loss or score by epoch, for one or several fitted estimators.

    Use :meth:`from_estimator` to create one. Of the loss, solid lines are the training
    and dashed ones the validation. A dot marks the best epoch by what is drawn, on the
    validation set where there is one.

    Parameters
    ----------
    histories : dict of str to list of dict
        For each curve's name the `history_` of an estimator.
    metric : {"loss", "score"}, default="loss"
        What is drawn: the training and validation loss, or the validation score. The
        training loss includes the L2 penalty, the validation loss does not.

    Attributes
    ----------
    ax_ : matplotlib Axes
        The axes with the curves.
    figure_ : matplotlib Figure
        The figure that contains them.
    lines_ : list of matplotlib Line2D
        The curves: of each estimator the training, then the validation.
    best_epochs_ : dict of str to int
        The best epoch of each estimator.

    See Also
    --------
    GradientNormDisplay : The gradients of the same epochs.

    Examples
    --------
    >>> from sklearn.datasets import load_digits
    >>> from skdnn import MLPClassifierDIY
    >>> from skdnn.displays import TrainingCurveDisplay
    >>> X, y = load_digits(return_X_y=True)
    >>> clf = MLPClassifierDIY(max_iter=50, early_stopping=True, random_state=0)
    >>> TrainingCurveDisplay.from_estimator(clf.fit(X / 16, y))  # doctest: +SKIP
    """

    def __init__(self, *, histories, metric="loss"):
        self.histories = histories
        self.metric = metric

    @classmethod
    def from_estimator(cls, estimator, *, metric="loss", ax=None, **kwargs):
        """Draw the curves of fitted estimators.

        Parameters
        ----------
        estimator : estimator or dict of str to estimator
            A fitted :class:`~skdnn.MLPClassifierDIY`, a pipeline or search that ends
            in one, or several of them with their names.
        metric : {"loss", "score"}, default="loss"
            See the class.
        ax : matplotlib Axes, default=None
            Where to draw; by default in a new figure.
        **kwargs : dict
            Passed to matplotlib's `plot` for every curve.

        Returns
        -------
        display : TrainingCurveDisplay

        Raises
        ------
        ValueError
            If an estimator has nothing to draw: with the metric "score" if it was
            fitted without validation set, or all its validation scores are NaN.
        """
        estimators = estimator if isinstance(estimator, dict) else {"": estimator}
        if not estimators:
            raise ValueError("estimator={} is empty: give at least one estimator.")
        histories = {
            name: _final_estimator(fitted).history_
            for name, fitted in estimators.items()
        }
        return cls(histories=histories, metric=metric).plot(ax, **kwargs)

    def plot(self, ax=None, **kwargs):
        """Draw the curves.

        Parameters
        ----------
        ax : matplotlib Axes, default=None
            Where to draw; by default in a new figure.
        **kwargs : dict
            Passed to matplotlib's `plot` for every curve.

        Returns
        -------
        self : TrainingCurveDisplay
        """
        curves = {name: self._curves(name) for name in self.histories}
        self.ax_, self.figure_ = _axes(ax)
        self.lines_, self.best_epochs_ = [], {}
        for color, name in zip(_colors(len(curves)), curves, strict=True):
            for style, values in zip(STYLES, curves[name].values(), strict=False):
                epochs = np.arange(1, len(values) + 1)
                options = {"color": color, "linestyle": style}
                self.lines_ += self.ax_.plot(epochs, values, **options | kwargs)
            # The validation comes last; it decides.
            find_best = np.nanargmax if self.metric == "score" else np.nanargmin
            best = find_best(values)
            self.best_epochs_[name] = int(epochs[best])
            self.ax_.plot(epochs[best], values[best], "o", color=color)
            if name:
                self.ax_.plot([], [], color=color, label=name)
        key_color = "0.4" if len(curves) > 1 else color
        if self.metric == "loss":
            _scale_log(self.ax_)
            data_sets = max(curves.values(), key=len)
            for style, data_set in zip(STYLES, data_sets, strict=False):
                options = {"color": key_color, "linestyle": style}
                self.ax_.plot([], [], label=data_set, **options)
        why = "highest score" if self.metric == "score" else "lowest loss"
        self.ax_.plot([], [], "o", color=key_color, label=f"best epoch ({why})")
        _finish_curves(
            self.ax_, "Validation score" if self.metric == "score" else "Loss"
        )
        return self

    def _curves(self, name):
        """Return the values by epoch, for each data set that has any."""
        keys = {
            "loss": {"training": "loss", "validation": "validation_loss"},
            "score": {"validation": "validation_score"},
        }
        if self.metric not in keys:
            raise ValueError(
                f"metric={self.metric!r} is not known: it must be 'loss' or 'score'."
            )
        history = self.histories[name]
        curves = {
            data_set: np.array([row.get(key, np.nan) for row in history], dtype=float)
            for data_set, key in keys[self.metric].items()
        }
        curves = {
            data_set: values
            for data_set, values in curves.items()
            if np.isfinite(values).any()
        }
        if not curves:
            which = f"the estimator {name!r}" if name else "the estimator"
            if any(key in row for key in keys[self.metric].values() for row in history):
                what = "validation scores" if self.metric == "score" else "losses"
                raise ValueError(
                    f"metric={self.metric!r} has nothing to draw: all {what} of"
                    f" {which} are NaN or infinite."
                )
            raise ValueError(
                f"metric='score' needs a validation set, but {which} was fitted without"
                " one: pass X_val and y_val to fit, set early_stopping=True, or use"
                " metric='loss'."
            )
        return curves


class GradientNormDisplay:
    """Norm of each layer's gradient by epoch.

    Use :meth:`from_estimator` to create one. Solid lines are dense layers, dashed ones
    other layers; colours run from the first layer (dark) to the last (light). The
    dotted black line is the norm of all layers together, which is what `max_grad_norm`
    limits.

    Parameters
    ----------
    gradient_norms : dict of str to array-like of shape (n_epochs,)
        For each layer with parameters, the norm of its gradient: the root mean square
        over the mini-batches of an epoch, before clipping.
    max_grad_norm : float or None, default=None
        The threshold of clipping.

    Attributes
    ----------
    ax_ : matplotlib Axes
        The axes with the curves.
    figure_ : matplotlib Figure
        The figure that contains them.
    lines_ : list of matplotlib Line2D
        A line for each layer, then one for all together.
    threshold_line_ : matplotlib Line2D or None
        The threshold, where there is one.

    See Also
    --------
    TrainingCurveDisplay : The loss or score of the same epochs.

    Examples
    --------
    >>> from sklearn.datasets import load_digits
    >>> from skdnn import MLPClassifierDIY
    >>> from skdnn.displays import GradientNormDisplay
    >>> X, y = load_digits(return_X_y=True)
    >>> clf = MLPClassifierDIY(max_iter=50, max_grad_norm=1.0, random_state=0)
    >>> GradientNormDisplay.from_estimator(clf.fit(X / 16, y))  # doctest: +SKIP
    """

    def __init__(self, *, gradient_norms, max_grad_norm=None):
        self.gradient_norms = gradient_norms
        self.max_grad_norm = max_grad_norm

    @classmethod
    def from_estimator(cls, estimator, *, ax=None, **kwargs):
        """Draw the gradient norms of a fitted estimator.

        Parameters
        ----------
        estimator : estimator
            A fitted :class:`~skdnn.MLPClassifierDIY`, or a pipeline or search that ends
            in one.
        ax : matplotlib Axes, default=None
            Where to draw; by default in a new figure.
        **kwargs : dict
            Passed to matplotlib's `plot` for every layer.

        Returns
        -------
        display : GradientNormDisplay
        """
        fitted = _final_estimator(estimator)
        rows = [row["gradient_norm"] for row in fitted.history_]
        norms = {layer: np.array([row[layer] for row in rows]) for layer in rows[0]}
        display = cls(gradient_norms=norms, max_grad_norm=fitted.max_grad_norm)
        return display.plot(ax, **kwargs)

    def plot(self, ax=None, **kwargs):
        """Draw the gradient norms.

        Parameters
        ----------
        ax : matplotlib Axes, default=None
            Where to draw; by default in a new figure.
        **kwargs : dict
            Passed to matplotlib's `plot` for every layer.

        Returns
        -------
        self : GradientNormDisplay
        """
        self.ax_, self.figure_ = _axes(ax)
        self.lines_ = []
        layers = self.gradient_norms
        for color, layer in zip(_shades(len(layers)), layers, strict=True):
            style = STYLES[not layer.startswith("Dense")]
            options = {"color": color, "linestyle": style, "label": layer}
            epochs = np.arange(1, len(layers[layer]) + 1)
            self.lines_ += self.ax_.plot(epochs, layers[layer], **options | kwargs)
        # The squares add up, and so do their means over the mini-batches.
        together = np.linalg.norm(list(layers.values()), axis=0)
        self.lines_ += self.ax_.plot(epochs, together, "k:", label="all layers")
        self.threshold_line_ = None
        if self.max_grad_norm is not None:
            self.threshold_line_ = self.ax_.axhline(
                self.max_grad_norm,
                color=PALETTE[1],
                linewidth=2.5,
                label=f"max_grad_norm = {self.max_grad_norm:g}",
                zorder=1,  # behind the curves
            )
        _scale_log(self.ax_)
        _finish_curves(self.ax_, "Gradient norm")
        return self


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
        ax : matplotlib Axes, default=None
            Where to draw; by default in a new figure.
        **kwargs : dict
            Passed to :meth:`plot`.

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
        images = np.asarray(self.images)
        if images.size == 0:
            raise ValueError(
                "images is empty: give at least one image, with at least one pixel."
            )
        images = _scale_pixels(images)
        n_images, height, width = images.shape[:3]
        if n_columns is None:
            n_columns = ceil(sqrt(n_images))
        n_columns = min(_check_positive("n_columns", n_columns), n_images)
        n_rows = ceil(n_images / n_columns)
        self.mistakes_ = np.zeros(n_images, dtype=bool)
        if y_true is not None:
            self.mistakes_ = y_pred != y_true
        captions = [
            self._caption(i, y_pred, y_true, y_confidence) for i in range(n_images)
        ]

        # The unit of length is the width of an image.
        image_height = height / width
        n_lines = captions[0].count("\n") + 1
        column_width, row_height = 1 + GAP, image_height + n_lines * LINE_HEIGHT + GAP
        grid_width, grid_height = n_columns * column_width, n_rows * row_height
        figure_width = min(WIDTH, 1.15 * grid_width)
        self.ax_, self.figure_ = _axes(
            ax, figure_width, figure_width * grid_height / grid_width
        )
        column_points = self.ax_.get_position().width * 72 / n_columns
        column_points *= self.figure_.get_figwidth()
        font_size = _font_size(captions, column_points)

        self.images_, self.captions_ = [], []
        for i, image in enumerate(images):
            left, top = i % n_columns * column_width, i // n_columns * row_height
            extent = (left, left + 1, top + image_height, top)
            self._draw(image, extent, captions[i], self.mistakes_[i], font_size, cmap)
        # At the end, as imshow sets the limits to those of an image.
        self.ax_.set(
            xlim=(-GAP / 2, grid_width - GAP / 2),
            ylim=(grid_height - GAP / 2, -GAP / 2),
        )
        self.ax_.set_axis_off()
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

    def _draw(self, image, extent, caption, mistake, font_size, cmap):
        """Draw an image with its frame and its caption."""
        from matplotlib.patches import Rectangle

        left, right, bottom, top = extent
        self.images_.append(
            self.ax_.imshow(image, extent=extent, cmap=cmap, vmin=0, vmax=1)
        )
        frame = {"edgecolor": "0.5", "linewidth": 0.5}
        style = {"color": "black"}
        if mistake:
            frame = {"edgecolor": MISTAKE_COLOR, "linewidth": 3}
            style = {"color": MISTAKE_COLOR, "fontweight": "bold"}
        self.ax_.add_patch(
            Rectangle((left, top), right - left, bottom - top, fill=False, **frame)
        )
        self.captions_.append(
            self.ax_.text(
                (left + right) / 2,
                bottom + 0.05,
                caption,
                ha="center",
                va="top",
                fontsize=font_size,
                **style,
            )
        )


def _final_estimator(estimator):
    """Return the fitted network that a search or pipeline ends in, or itself."""
    check_is_fitted(estimator)
    estimator = getattr(estimator, "best_estimator_", estimator)
    if isinstance(estimator, Pipeline):
        estimator = estimator[-1]
    if not getattr(estimator, "history_", None):
        raise ValueError(
            f"estimator={estimator!r} has no history_ of epochs: give a fitted"
            " MLPClassifierDIY, or a pipeline or search that ends in one."
        )
    return estimator


def _axes(ax, width=WIDTH, height=WIDTH / 2):
    """Return the axes, new ones if None, and their figure."""
    if ax is None:
        import matplotlib.pyplot as plt

        _, ax = plt.subplots(figsize=(width, height), layout="constrained")
    return ax, ax.figure


def _colors(n_colors):
    """Return colours that can be told apart."""
    return PALETTE[:n_colors] if n_colors <= len(PALETTE) else _shades(n_colors)


def _shades(n_colors):
    """Return colours from dark to light, all visible on white."""
    import matplotlib

    return matplotlib.colormaps["viridis"](np.linspace(0, 0.85, n_colors))


def _scale_log(ax):
    """Make the y axis logarithmic, with plain numbers at enough ticks to read it."""
    from matplotlib.ticker import LogLocator, NullFormatter

    ax.set_yscale("log")
    low, high = ax.get_ylim()
    ax.yaxis.set_major_locator(LogLocator(subs=(1, 2, 5) if high < 500 * low else (1,)))
    ax.yaxis.set_major_formatter("{x:g}")
    ax.yaxis.set_minor_formatter(NullFormatter())


def _finish_curves(ax, ylabel):
    """Add what all curves by epoch share."""
    from matplotlib.ticker import MaxNLocator

    ax.set(xlabel="Epoch", ylabel=ylabel)
    ax.xaxis.set_major_locator(MaxNLocator(integer=True))
    ax.grid(color="0.9")
    # Above the axes, where no curve can run through it.
    ax.legend(
        loc="lower left",
        bbox_to_anchor=(0, 1),
        ncols=4,
        frameon=False,
        fontsize="small",
        borderaxespad=0.2,
    )


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
    if not isinstance(value, Integral) or value < 1:
        raise ValueError(f"{name}={value!r} must be an integer of at least 1.")
    return value


def _check_image_shape(image_shape, n_features):
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
    shape = tuple(image_shape)
    if len(shape) not in (2, 3) or (len(shape) == 3 and shape[2] not in (1, 3, 4)):
        raise ValueError(
            f"image_shape={image_shape!r} must be (height, width) or (height, width,"
            " n_channels) with 1, 3 or 4 channels."
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


def _font_size(captions, column_points):
    """Return the size, in points, in which the captions stay within their columns."""
    n_characters = max(len(line) for text in captions for line in text.split("\n"))
    # A bold character is about 0.65 of the font size wide; a line needs 1.3 of it.
    limits = column_points / (0.65 * n_characters), column_points * LINE_HEIGHT / 1.5
    return min(10, *limits)
