"""The network: an ordered stack of layers over one flat parameter vector."""

from math import prod

import numpy as np

from skdnn.nn.inference import fold, predict
from skdnn.nn.initializers import Glorot, start_of
from skdnn.nn.layers import Dense
from skdnn.nn.nodes import check_layers, cut, entries_of, length_of, make_nodes
from skdnn.nn.penalty import Penalty
from skdnn.nn.summary import summary
from skdnn.nn.vectors import all_finite, block_size, blocks, check_memory
from skdnn.nn.workspace import Workspace


class Network:
    """Layers in a row, with their parameters, gradients and running statistics.

    All parameters are views into one flat vector, all gradients into a second and all
    running statistics into a third, so that an optimizer step, clipping, a checkpoint
    or a copy is an operation on flat vectors. The weights of the dense layers come
    first, as they alone are penalized or decay.

    It can also be several networks of the same layers at once: then each array has an
    axis of networks in front, and an operation is one call for all of them. On small
    mini-batches most of the time is that of the calls.

    Parameters
    ----------
    layers : iterable of Layer
        The layers, from input to output.
    n_features : int
        Width of the input.
    dtype : dtype, default=np.float32
        Of parameters and arithmetic: float32 or float64.
    n_networks : int, default=None
        How many networks at once; None is one, without the axis in front.

    Attributes
    ----------
    layers : tuple of Layer
    nodes : list of Node
        The layers in their places, with those that they consist of: see :meth:`walk`.
    names : tuple of str
        A name for each layer: "Dense_1", "BatchNorm_1", "ReLU_1", "Dense_2", ...
    parameter_layers : tuple of str
        The names of those layers that have parameters.
    widths : tuple of int, one longer than `layers`
        ``widths[i]`` features go into layer i, ``widths[i + 1]`` come out.
    parameters, gradients : ndarray of shape (n_parameters,) or (n_networks, \
            n_parameters)
        The flat vectors. ``gradients`` holds what the last call of `backward` left.
    statistics : ndarray
        The flat vector of running statistics.
    views : list of dict of str to ndarray
        For each layer, its parameters ("weights"), gradients ("d_weights") and running
        statistics ("running_mean") as views into the flat vectors.
    axes : tuple of int
        What comes before the shape of one network's arrays: () or (n_networks,).
    n_networks : int
        How many there are at once, 1 without the axis.
    n_parameters : int
        Of one network.
    blocks : range
        The numbers of the blocks in which optimizers and :class:`Penalty` walk the
        flat vectors.
    n_weights : int
        The first `n_weights` parameters are the weights of the dense layers.
    """

    def __init__(self, layers, n_features, dtype=np.float32, n_networks=None):
        self.layers = tuple(layers)
        check_layers(self.layers)
        self.n_features = int(n_features)
        self.dtype = np.dtype(dtype)
        self._lay_out(() if n_networks is None else (n_networks,))
        for node in self.walk():
            node.layer.check_dtype(self.dtype)

    def _lay_out(self, axes, parameters=None, statistics=None, gradients=None):
        """Create the flat vectors, or take those given, and cut them into views.

        `axes` is the shape that comes before that of one network's vectors.
        """
        self.axes, self.n_networks = axes, prod(axes)
        self.nodes = make_nodes(self.layers, self.n_features)
        self.widths = self.n_features, *(node.n_outputs for node in self.nodes)
        weights, others, running = entries_of(self.walk())
        self.n_weights = length_of(weights)
        self.n_parameters = self.n_weights + length_of(others)
        if parameters is None:
            # Parameters and gradients; training takes about as much once more.
            n_numbers = 2 * self.n_networks * self.n_parameters
            check_memory(n_numbers * self.dtype.itemsize, "parameters and gradients")
            parameters = np.zeros((*axes, self.n_parameters), self.dtype)
            statistics = np.zeros((*axes, length_of(running)), self.dtype)
        if gradients is None:
            gradients = np.zeros_like(parameters)
        self.parameters, self.gradients = parameters, gradients
        self.statistics = statistics
        cut(parameters, weights + others)
        cut(gradients, weights + others, prefix="d_")
        cut(statistics, running)
        self.names = tuple(node.name for node in self.nodes)
        self.views = [node.view for node in self.nodes]
        self.parameter_layers = tuple(node.name for node in self.walk() if node.view)
        size = block_size(self.parameters)
        self.blocks = range(len(blocks(0, self.n_parameters, size)))

    def walk(self):
        """Yield the node of each layer, also of those that others consist of."""
        for node in self.nodes:
            yield from node.walk()

    def find(self, kind):
        """Return the first layer of a kind, or None."""
        layers = (node.layer for node in self.walk())
        return next((layer for layer in layers if isinstance(layer, kind)), None)

    @classmethod
    def stacked(cls, networks):
        """Return a network that does what several do.

        From then on, each of them has its parameters, gradients and statistics in the
        memory of the one returned. Of a single one, that is the memory that it had.

        Parameters
        ----------
        networks : list of Network
            Not stacked, of the same layers, width and dtype.
        """
        first = networks[0]
        if len(networks) == 1:
            return first._over(*(vector[np.newaxis] for vector in first._vectors()))
        stack = cls(first.layers, first.n_features, first.dtype, len(networks))
        for k, network in enumerate(networks):
            stack.parameters[k] = network.parameters
            stack.statistics[k] = network.statistics
            network._lay_out((), *stack._vectors(k))
        return stack

    def members(self):
        """Return the networks of which this one consists: views into it."""
        if not self.axes:
            return [self]
        return [self._over(*self._vectors(k)) for k in range(self.n_networks)]

    def _vectors(self, k=...):
        """Return the flat vectors, of all networks or of one."""
        return self.parameters[k], self.statistics[k], self.gradients[k]

    def _over(self, parameters, statistics, gradients):
        """Return a network of the same layers over vectors that are there."""
        other = Network.__new__(Network)
        other.layers, other.n_features = self.layers, self.n_features
        other.dtype = self.dtype
        other._lay_out(parameters.shape[:-1], parameters, statistics, gradients)
        return other

    def initialize(self, rng, initializer=None):
        """Draw the weights of the dense layers and reset everything else.

        For one network: several at once are each drawn by itself, and then stacked.

        Parameters
        ----------
        rng : numpy.random.RandomState
        initializer : callable, default=Glorot()
            See :mod:`skdnn.nn.initializers`.
        """
        initializer = Glorot() if initializer is None else initializer
        self.parameters[:] = 0
        for node in self.walk():
            view = node.view
            if "weights" in view:
                shapes = view["weights"].shape, view["bias"].shape
                start = start_of(initializer, shapes, rng)
                view["weights"][:], view["bias"][:] = start
            for name, value in node.layer.initial_values().items():
                view[name][:] = value
        return self.reset_statistics()

    def reset_statistics(self):
        """Forget the running statistics: the next mini-batch sets them anew."""
        if not self.statistics.size:
            return self
        for node in self.walk():
            for name in node.layer.statistic_shapes(node.n_inputs):
                node.view[name][...] = node.layer.initial_values().get(name, 0)
        return self

    def workspace(self, n_rows, **options):
        """Return buffers for mini-batches of `n_rows` rows: a :class:`Workspace`."""
        return Workspace(self, n_rows, **options)

    def as_input(self, X):
        """Return X, made dense if it is sparse and the first layer needs it so."""
        takes_sparse = not self.layers or isinstance(self.layers[0], Dense)
        if takes_sparse or isinstance(X, np.ndarray):
            return X
        return (
            np.stack([x.toarray() for x in X]) if isinstance(X, tuple) else X.toarray()
        )

    def forward(self, X, workspace, stop=None):
        """Return the output of the layers before `stop` (default: of all).

        Parameters
        ----------
        X : {ndarray, sparse array} of shape (..., workspace.n_rows, n_features)
            Of several networks, either the same rows for all, or of each its own:
            sparse arrays, which have two axes, then come in a tuple.
        workspace : Workspace
        stop : int, default=None

        Returns
        -------
        A : ndarray of shape (..., n_rows, n_outputs)
            A buffer of the workspace, overwritten by the next call.
        """
        A = self.as_input(X)
        for layer, slot in zip(self.layers[:stop], workspace.slots, strict=False):
            A = layer.forward(A, slot, workspace.training)
        return A

    def backward(self, dA, workspace, stop=None):
        """Carry dL/d(output of the layers before `stop`) back through them.

        Leaves dL/d(parameters) in ``gradients``.

        Returns
        -------
        dX : ndarray of shape (..., n_rows, n_features) or None
            dL/dX, if the workspace was made with ``input_gradient=True``.
        """
        stop = len(self.layers[:stop])
        for i in range(stop - 1, workspace.first - 1, -1):
            dA = self.layers[i].backward(dA, workspace.slots[i])
        return dA

    def backpropagate(self, X, Y, loss, workspace):
        """Return the loss of one mini-batch, and leave its gradient in ``gradients``.

        Where the last layer is the one that `loss` is made for, both are taken in one
        step, from the logits.

        Parameters
        ----------
        X : {ndarray, sparse array} of shape (..., n_rows, n_features)
            See :meth:`forward`.
        Y : ndarray of shape (..., n_rows, n_outputs)
        loss : object
            See :mod:`skdnn.nn.losses`.
        workspace : Workspace
            ``workspace.row_weights`` says what each row counts.

        Returns
        -------
        loss : float, or ndarray of shape (n_networks,)
        """
        dZ, r = workspace.d_output, workspace.row_weights
        if self.layers and self.layers[-1] == loss.link:
            last = len(self.layers) - 1
            Z = workspace.logits = self.forward(X, workspace, last)
            value = loss.from_logits(Z, Y, r, dZ, workspace.slots[last].scratch)
            self.backward(dZ, workspace, last)
        else:
            P = self.forward(X, workspace)
            value = loss.value(P, Y, r)
            self.backward(loss.gradient(P, Y, r, dZ), workspace)
        return value

    def predict(self, X, stop=None):
        """Return the network's output at inference, for any number of rows.

        Uses no state but the parameters and running statistics: threads can share a
        network.

        Parameters
        ----------
        X : {ndarray, sparse array} of shape (n_samples, n_features)
            The same for all, if there are several networks.
        stop : int, default=None
            Return the output of the layers before `stop`: ``stop=-1`` gives the logits
            of a network that ends in a softmax.

        Returns
        -------
        A : ndarray of shape (n_samples, n_outputs) or (n_networks, n_samples, \
                n_outputs)
        """
        return predict(self, X, len(self.layers[:stop]))

    def predict_each(self, X, stop=None):
        """Return the output of each network at inference: see :meth:`predict`.

        Returns
        -------
        A : ndarray of shape (n_networks, n_samples, n_outputs)
            With the axis of networks, also where the network has none.
        """
        A = self.predict(X, stop)
        return A.reshape(self.n_networks, *A.shape[-2:])

    def folded(self, stop=None):
        """Return a network without layers that inference can do without.

        A batch normalization after a dense layer is an affine function of an affine
        function: ``(A W + b - mean) scale + beta = A (W scale) + ((b - mean) scale +
        beta)``. Dropout, noise and the identity do nothing.

        Parameters
        ----------
        stop : int, default=None
            Take the layers before `stop` only.

        Returns
        -------
        network : Network
            With the same outputs at inference, to rounding.
        """
        return fold(self, stop)

    def penalize(self, strength):
        """Add the gradient of the penalty ``strength / 2 * sum(weights ** 2)``.

        Parameters
        ----------
        strength : float or ndarray of shape (n_networks,)

        Returns
        -------
        penalty : float or ndarray of shape (n_networks,)
        squared_norms : list of float or ndarray of shape (n_networks,)
            The squared norm of the gradient of each of `parameter_layers`.
        """
        penalty = Penalty(self, strength)
        penalty.begin(1.0)
        for block in self.blocks:
            penalty.add(block)
        penalties, squared_norms = penalty.end()
        each = (penalties, *zip(*squared_norms, strict=True))
        value, *norms = (np.reshape(its, self.axes)[()] for its in each)
        return value, norms

    def summary(self):
        """Return the table of the layers as text: see :mod:`skdnn.nn.summary`."""
        return summary(self)

    def state(self, copy=np.copy):
        """Return a copy of what was learned, for :meth:`restore`."""
        return copy(self.parameters), copy(self.statistics)

    def restore(self, state):
        """Write a copy that :meth:`state` made back."""
        self.parameters[...], self.statistics[...] = state

    def is_finite(self):
        """Return whether all that was learned is finite."""
        vectors = self.parameters, self.statistics
        return all(all_finite(vector) for vector in vectors if vector.size)

    def copy(self):
        """Return an independent copy."""
        other = Network(self.layers, self.n_features, self.dtype, *self.axes)
        other.restore((self.parameters, self.statistics))
        return other

    def __getstate__(self):
        # Gradients and views can be rebuilt; a file holds what was learned.
        names = ("layers", "n_features", "parameters", "statistics")
        return {name: getattr(self, name) for name in names}

    def __setstate__(self, state):
        vars(self).update(state)
        self.dtype = self.parameters.dtype
        self._lay_out(self.parameters.shape[:-1], self.parameters, self.statistics)
