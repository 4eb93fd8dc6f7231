"""What a fitted estimator has, and shows, of its networks."""

from html import escape
from inspect import signature
from math import prod

import numpy as np
from sklearn.base import ClassNamePrefixFeaturesOutMixin, TransformerMixin
from sklearn.utils._repr_html.estimator import estimator_html_repr
from sklearn.utils.validation import check_is_fitted

from skdnn.estimators.building import transform_stop
from skdnn.estimators.checking import check_rows, is_checked
from skdnn.estimators.files import opened, stamped, without_paths
from skdnn.estimators.learned import books_of, dense_views, forget, twin_of
from skdnn.nn.summary import count_of, table


class FittedNetworks(ClassNamePrefixFeaturesOutMixin, TransformerMixin):
    """What a fitted estimator has of its networks: one, or several.

    What is shown of one has no axis of networks: `network_`, and so `coefs_`.
    """

    @property
    def estimators_(self):
        """A fitted estimator of each network alone, that shares its memory."""
        check_is_fitted(self)
        if not self.network_.axes:
            raise AttributeError(
                "estimators_ is there with n_networks > 1, or with resampling."
            )
        return each_network(self)

    @property
    def loss_curve_(self):
        """Training loss of each epoch."""
        check_is_fitted(self)
        return [row["loss"] for row in self.history_]

    @property
    def validation_scores_(self):
        """Validation score of each epoch that has one, or None."""
        check_is_fitted(self)
        scores = (row.get("validation_score") for row in self.history_)
        return [score for score in scores if score is not None] or None

    @property
    def coefs_(self):
        """Weights of the dense layers: views into the network."""
        check_is_fitted(self)
        return [view["weights"] for view in dense_views(self.network_)]

    @property
    def intercepts_(self):
        """Biases of the dense layers: views into the network."""
        check_is_fitted(self)
        return [view["bias"] for view in dense_views(self.network_)]

    def transform(self, X):
        """Return what the last hidden layer puts out, or the layer `transform_layer`.

        So a fitted network can stand in front of another model, in a pipeline say. One
        without a hidden layer returns X.

        Parameters
        ----------
        X : {array-like, sparse matrix} of shape (n_samples, n_features)

        Returns
        -------
        A : ndarray of shape (n_samples, n_units)
            In the dtype of the network. The activations of several networks stand side
            by side.
        """
        check_is_fitted(self)
        A = network_outputs(self, X, stop=transform_stop(self, self.network_))
        return np.moveaxis(A, 0, 1).reshape(A.shape[1], -1)

    @property
    def _n_features_out(self):
        n_networks = prod(self.network_.axes)
        return n_networks * self.network_.widths[transform_stop(self, self.network_)]

    def summary(self):
        """Print the layers of the fitted network, output shapes and parameter counts.

        In the shapes, m stands for the number of samples.
        """
        check_is_fitted(self)
        print(self.network_.summary())

    def _html_repr(self):
        """Return scikit-learn's diagram, and the layers in a table below it."""
        diagram = estimator_html_repr(self)
        if not hasattr(self, "network_"):
            return diagram
        left, right = "style='text-align: left'", "style='text-align: right'"
        network = self.network_
        rows = "".join(
            f"<tr><td {left}>{escape(name)}</td><td {left}>{shape}</td>"
            f"<td {right}>{count}</td></tr>"
            for name, shape, count in table(network)
        )
        return (
            f"{diagram}<table style='font-family: monospace; border-spacing: 1.5em 0'>"
            f"<caption style='caption-side: bottom'>{count_of(network)}</caption>"
            f"{rows}</table>"
        )

    def __getstate__(self):
        return stamped(without_paths(super().__getstate__()))

    def __setstate__(self, state):
        # Arguments that the version that wrote the file did not have get their default.
        arguments = signature(type(self)).parameters.values()
        defaults = {p.name: p.default for p in arguments if p.default is not p.empty}
        super().__setstate__({**defaults, **opened(state)})

    def __sklearn_tags__(self):
        tags = super().__sklearn_tags__()
        tags.input_tags.sparse = True
        tags.transformer_tags.preserves_dtype = []  # it is that of the network
        return tags


def each_network(estimator):
    """Return an estimator for each network, that shares its memory."""
    estimators, networks = [], estimator.network_.members()
    for network, book in zip(networks, books_of(estimator), strict=True):
        alone = twin_of(estimator)
        forget(alone, "_books")
        alone.n_networks, alone.resampling = 1, None
        vars(alone).update(book, network_=network)
        estimators.append(alone)
    return estimators


def network_outputs(estimator, X, stop=None):
    """Return what each network puts out.

    Parameters
    ----------
    X : {array-like, sparse matrix} of shape (n_samples, n_features)
    stop : int, default=None
        Take the output of the layers before this one: -1 for the logits.

    Returns
    -------
    outputs : ndarray of shape (n_networks, n_samples, n_outputs)

    Raises
    ------
    ValueError
        If it is not finite.
    """
    if not is_checked(estimator, X):
        X = check_rows(estimator, X, dtype=estimator.network_.dtype)
    with np.errstate(over="ignore", invalid="ignore"):
        outputs = estimator.network_.predict_each(X, stop)
    if not np.isfinite(outputs).all():
        raise ValueError(
            f"X holds numbers as large as {abs(X).max():.3g}, and the network's"
            f" parameters are as large as {largest_parameter(estimator):.3g}: its sums"
            f" overflow {estimator.network_.dtype}. Scale X, as well as the data to fit"
            " on, with StandardScaler for example."
        )
    return outputs


def largest_parameter(estimator):
    """Return the largest parameter, as a size."""
    return np.abs(estimator.network_.parameters).max(initial=0)
