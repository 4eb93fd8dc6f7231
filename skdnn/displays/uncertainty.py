"""How unsure an ensemble is, and why."""

import numpy as np

from skdnn.displays.common import (
    WIDTH,
    check_positive,
    colors,
    final_estimator,
    finish_axes,
    transform_before,
)
from skdnn.displays.grids import draw_grid, scale_pixels
from skdnn.images.pixels import shape_to_draw, side_of_square

KINDS = {
    "aleatoric": "most ambiguous (mean entropy)",
    "epistemic": "strangest (mutual information)",
}
LINE_HEIGHT = 0.26  # of a caption, in widths of an image: there is but a number


class UncertaintyDisplay:
    """The two parts of a classifier's uncertainty, and the samples with most of each.

    Use :meth:`from_estimator` to create one. To the left, each sample is a point: to
    the right where its label is ambiguous, up where the networks disagree, as on
    samples of a kind that they have not learned from. Beside it, as images, the samples
    of which there is most.

    Parameters
    ----------
    parts : dict of str to Bunch
        For each set of samples what :meth:`skdnn.MLPClassifierDIY.uncertainty` returns.
    images : dict of str to tuple, default=None
        For "aleatoric" and "epistemic" the images with most of it, of shape (n_images,
        height, width) or with channels behind, and as many numbers: how much. None
        draws no images.

    Attributes
    ----------
    axes_ : ndarray of matplotlib Axes
        That of the points, and with images two more.
    figure_ : matplotlib Figure
        The figure that contains them.

    Examples
    --------
    >>> from sklearn.datasets import load_digits
    >>> from skdnn import MLPClassifierDIY
    >>> from skdnn.displays import UncertaintyDisplay
    >>> X, y = load_digits(return_X_y=True)
    >>> clf = MLPClassifierDIY(n_networks=5, max_iter=30).fit(X[:900], y[:900])
    >>> UncertaintyDisplay.from_estimator(
    ...     clf, {"digits": X[900:], "upside down": X[900:, ::-1]}
    ... )  # doctest: +SKIP
    """

    def __init__(self, *, parts, images=None):
        self.parts = parts
        self.images = images

    @classmethod
    def from_estimator(
        cls, estimator, X, *, image_shape=None, n_images=8, ax=None, **kwargs
    ):
        """Draw how unsure a fitted classifier is.

        Parameters
        ----------
        estimator : estimator
            A fitted :class:`~skdnn.MLPClassifierDIY` with ``n_networks > 1``, or a
            pipeline or search that ends in one.
        X : array-like of shape (n_samples, n_features), or dict of str to array-like
            The samples, or several sets of them by name: those whose ambiguity is to be
            seen first.
        image_shape : tuple of int or None, default=None
            Height and width, for colour images also the number of channels; by default
            a square grey image, or no images where the features make no square.
        n_images : int, default=8
            How many images of each kind; 0 for none.
        ax, **kwargs
            See :meth:`plot`.

        Returns
        -------
        display : UncertaintyDisplay
        """
        classifier = final_estimator(estimator, "network_", "network_")
        if not (hasattr(classifier, "estimators_") and hasattr(classifier, "classes_")):
            raise ValueError(
                "UncertaintyDisplay needs a classifier with several networks, which"
                f" can disagree: n_networks > 1, got {classifier!r}."
            )
        sets = dict(X) if isinstance(X, dict) else {"samples": X}
        parts = {
            name: classifier.uncertainty(transform_before(estimator, samples))
            for name, samples in sets.items()
        }
        images = None
        n_features = np.shape(next(iter(sets.values())))[1]
        if n_images and (image_shape is not None or side_of_square(n_features)):
            n_images = check_positive("n_images", n_images)
            shape = shape_to_draw(image_shape, n_features)
            images = {
                kind: _with_most(sets, parts, kind, n_images, shape) for kind in KINDS
            }
        return cls(parts=parts, images=images).plot(ax, **kwargs)

    def plot(self, ax=None, *, n_columns=4, cmap="gray_r"):
        """Draw the points, and the images beside them.

        Parameters
        ----------
        ax : matplotlib Axes, default=None
            Where to draw the points, and no images; by default in a new figure.
        n_columns : int, default=4
            Images in a row.
        cmap : str or Colormap, default="gray_r"
            Colours of grey images; by default dark on white.

        Returns
        -------
        self : UncertaintyDisplay
        """
        import matplotlib.pyplot as plt

        others = []
        if ax is None and self.images:
            figure = plt.figure(figsize=(WIDTH, 0.55 * WIDTH), layout="constrained")
            grid = figure.add_gridspec(2, 2, width_ratios=(1.1, 1))
            ax = figure.add_subplot(grid[:, 0])
            others = [figure.add_subplot(grid[i, 1]) for i in range(2)]
        elif ax is None:
            _, ax = plt.subplots(figsize=(WIDTH / 2, WIDTH / 2), layout="constrained")
        style = {"s": 8, "alpha": 0.5, "linewidths": 0}
        for color, name in zip(colors(len(self.parts)), self.parts, strict=True):
            x, y = self.parts[name].aleatoric, self.parts[name].epistemic
            ax.scatter(x, y, color=color, label=name, **style)
        ax.set(
            xlabel="Aleatoric: mean entropy (nats)",
            ylabel="Epistemic: mutual information (nats)",
        )
        finish_axes(ax, n_columns=3)
        for other, (kind, (images, numbers)) in zip(
            others, (self.images or {}).items(), strict=False
        ):
            captions = [f"{number:.2f}" for number in numbers]
            style = {"cmap": cmap, "vmin": 0, "vmax": 1, "line_height": LINE_HEIGHT}
            draw_grid(other, scale_pixels(images), captions, n_columns, **style)
            other.set_title(KINDS[kind], fontsize="small")
        self.axes_ = np.array([ax, *others])
        self.figure_ = ax.figure
        return self


def _with_most(sets, parts, kind, n_images, shape):
    """Return images with most of one kind of uncertainty, and how much that is.

    What is ambiguous is looked for among the first set, what is strange among all.
    """
    names = list(sets)[:1] if kind == "aleatoric" else list(sets)
    numbers = np.concatenate([parts[name][kind] for name in names])
    images = np.concatenate([np.asarray(sets[name]) for name in names])
    most = np.argsort(-numbers, kind="stable")[:n_images]
    return images[most].reshape(-1, *shape), numbers[most]
