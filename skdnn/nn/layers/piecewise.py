"""A number as a point on a line with stops: how far it has come between each two."""

from collections.abc import Sequence
from dataclasses import field
from functools import lru_cache
from itertools import pairwise
from numbers import Real

import numpy as np

from skdnn.messages.checks import check_number
from skdnn.nn.layers.base import Layer, layer


@layer
class PiecewiseLinear(Layer):
    """Piecewise linear encoding: how far each number has come, bin by bin.

    Between the edges ``e_0 < e_1 < ... < e_k`` of an input lie k bins, and each puts
    out ``t_b = min(max((a - e_(b-1)) / (e_b - e_(b-1)), 0), 1)``: 1 for those that a
    has passed, 0 for those ahead, and a part of the one in which it is. So the dense
    layer behind is, of each input, any function that is linear within its bins, where
    without it is one straight line. The inputs themselves come out first, and then the
    bins.

    Parameters
    ----------
    edges : tuple of tuples of float
        For each input its edges, rising; none for an input that has no bins. Quantiles
        of the training data are a good choice: see :meth:`of`.

    Notes
    -----
    Nothing is learned. With the sum over the bins of an input, in one of which a is::

        da = dY of the input + sum over b of dt_b [0 < t_b < 1] / (e_b - e_(b-1))

    References
    ----------
    Gorishniy, Rubachev and Babenko (2022), "On embeddings for numerical features in
    tabular deep learning".

    Examples
    --------
    >>> from skdnn.nn import PiecewiseLinear
    >>> PiecewiseLinear([(0.0, 1.0, 3.0), ()])
    PiecewiseLinear(((0.0, 1.0, 3.0), ()))
    """

    edges: Sequence = field()
    forward_in_place = backward_in_place = False

    def __post_init__(self):
        try:
            edges = tuple(tuple(its) for its in self.edges)
        except TypeError as error:
            raise TypeError(
                "PiecewiseLinear: edges must hold a tuple of numbers for each input,"
                f" such as ((0.0, 1.0, 3.0), ()), got {self.edges!r}."
            ) from error
        edges = tuple(
            tuple(
                check_number("PiecewiseLinear", "an edge", edge, Real, -np.inf)
                for edge in its
            )
            for its in edges
        )
        object.__setattr__(self, "edges", edges)
        for its in edges:
            if len(its) == 1 or any(a >= b for a, b in pairwise(its)):
                raise ValueError(
                    "PiecewiseLinear: the edges of an input must be none, or two or"
                    f" more that rise, got {its}."
                )

    @classmethod
    def of(cls, X, n_bins):
        """Return one whose edges are quantiles of data.

        An input with fewer than three different quantiles, a flag say, has no bins.

        Parameters
        ----------
        X : ndarray of shape (m, n)
        n_bins : int
            Bins of an input at most.
        """
        quantiles = np.quantile(X, np.linspace(0, 1, n_bins + 1), axis=0).T
        edges = [np.unique(its.astype(X.dtype)).tolist() for its in quantiles]
        return cls([its if len(its) > 2 else () for its in edges])

    @property
    def bins(self):
        """Of each bin: the input, the edge at its start, and its width."""
        return _bins_of(self.edges)

    @property
    def n_bins(self):
        """Number of bins, of all inputs together."""
        return len(self.bins[0])

    def output_width(self, n_inputs):
        if n_inputs != len(self.edges):
            raise ValueError(
                f"PiecewiseLinear has edges for {len(self.edges)} inputs, got"
                f" {n_inputs}."
            )
        return n_inputs + self.n_bins

    def kept_shapes(self, n_rows, n_inputs):
        return {"progress": (n_rows, self.n_bins)}

    def forward(self, A, slot, training):
        inputs, starts, widths = self.bins
        T = slot.progress if training else slot.output[..., A.shape[-1] :]
        np.subtract(A[..., inputs], starts.astype(A.dtype), out=T)
        T /= widths.astype(A.dtype)
        np.clip(T, 0, 1, out=T)
        n_inputs = A.shape[-1]
        slot.output[..., :n_inputs] = A
        if training:
            slot.output[..., n_inputs:] = T
        return slot.output

    def backward(self, dY, slot):
        inputs, _, widths = self.bins
        T, n_inputs = slot.progress, len(self.edges)
        dT = np.multiply(dY[..., n_inputs:], (T > 0) & (T < 1))
        dT /= widths.astype(dT.dtype)
        np.copyto(slot.d_input, dY[..., :n_inputs])
        if len(inputs):
            first = np.flatnonzero(np.diff(inputs, prepend=-1))
            slot.d_input[..., inputs[first]] += np.add.reduceat(dT, first, axis=-1)
        return slot.d_input


@lru_cache(64)  # beside the layer, which is its hyperparameters and nothing else
def _bins_of(edges):
    bins = [
        (i, start, stop - start)
        for i, its in enumerate(edges)
        for start, stop in pairwise(its)
    ]
    inputs, starts, widths = np.array(bins).reshape(-1, 3).T
    return inputs.astype(np.intp), starts, widths
