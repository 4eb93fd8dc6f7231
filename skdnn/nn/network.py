"""The network: an ordered stack of layers over one flat parameter vector."""

from dataclasses import dataclass, fields, replace
from math import ceil, prod
from types import SimpleNamespace

import numpy as np

from skdnn.nn.initializers import Glorot
from skdnn.nn.layers import (
    BatchNorm,
    Dense,
    Identity,
    Layer,
    Residual,
    Softmax,
    StochasticLayer,
)
from skdnn.nn.penalty import Penalty, other_gradients, weight_blocks
from skdnn.nn.vectors import (
    all_finite,
    check_memory,
)
from skdnn.nn.workspace import Workspace

TABLE_HEAD = ("layer", "output shape", "parameters")
INFERENCE_ROWS = 4096  # bounds the memory that predictions take beside their output
FOLD_ROWS = 1024  # from here on folding batch normalization saves more than it costs


@dataclass
class Node:
    """A layer in its place in a network.

    Parameters
    ----------
    layer : Layer
    name : str
    n_inputs : int
        Features that go into it.
    view : dict of str to ndarray
        Its parameters, gradients and running statistics.
    numbers : dict of str to object
        Those that may differ among networks at once, see :meth:`Network.stacked`.
    children : list of Node
        The layers that it consists of.
    """

    layer: Layer
    name: str
    n_inputs: int
    view: dict
    numbers: dict
    children: list

    def walk(self):
        """Yield this one, and all that it consists of."""
        yield self
        for child in self.children:
            yield from child.walk()

    def count_parameters(self):
        """Return the number of parameters, of all that it consists of."""
        return sum(
            prod(shape)
            for node in self.walk()
            for shape in node.layer.parameter_shapes(node.n_inputs).values()
        )


def make_nodes(layers, n_inputs, prefix=""):
    """Return a node for each of some layers in a row."""
    nodes, kinds = [], [type(layer).__name__ for layer in layers]
    for i, layer in enumerate(layers):
        name = f"{prefix}{kinds[i]}_{kinds[: i + 1].count(kinds[i])}"
        children = make_nodes(layer.layers, n_inputs, f"{name}.")
        numbers = {name: getattr(layer, name) for name in layer.numbers}
        nodes.append(Node(layer, name, n_inputs, {}, numbers, children))
        n_inputs = layer.output_width(n_inputs)
    return nodes


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
        self.axes = axes
        self.nodes = make_nodes(self.layers, self.n_features)
        widths = [self.n_features]
        for layer in self.layers:
            widths.append(layer.output_width(widths[-1]))
        self.widths = tuple(widths)
        weights, others, running = [], [], []
        for node in self.walk():
            for name, shape in node.layer.parameter_shapes(node.n_inputs).items():
                (weights if name == "weights" else others).append((node, name, shape))
            for name, shape in node.layer.statistic_shapes(node.n_inputs).items():
                running.append((node, name, shape))
        n_weights, n_others, n_statistics = (
            sum(prod(shape) for _, _, shape in entries)
            for entries in (weights, others, running)
        )
        self.n_weights, self.n_parameters = n_weights, n_weights + n_others
        if parameters is None:
            # Parameters and gradients; training takes about as much once more.
            n_numbers = 2 * prod(axes) * self.n_parameters
            check_memory(n_numbers * self.dtype.itemsize, "parameters and gradients")
            parameters = np.zeros((*axes, self.n_parameters), self.dtype)
            statistics = np.zeros((*axes, n_statistics), self.dtype)
        if gradients is None:
            gradients = np.zeros_like(parameters)
        self.parameters = parameters
        self.statistics = statistics
        self.gradients = gradients
        for vector, prefix, entries in (
            (parameters, "", weights + others),
            (self.gradients, "d_", weights + others),
            (statistics, "", running),
        ):
            start = 0
            for node, name, shape in entries:
                stop = start + prod(shape)
                view = vector[..., start:stop].reshape(*axes, *shape)
                node.view[prefix + name] = view
                start = stop
        self.names = tuple(node.name for node in self.nodes)
        self.views = [node.view for node in self.nodes]
        self.parameter_layers = tuple(node.name for node in self.walk() if node.view)
        self.weight_blocks = weight_blocks(self)
        self.other_gradients = other_gradients(self)
        self.blocks = range(len(self.weight_blocks))

    def walk(self):
        """Yield the node of each layer, also of those that others consist of."""
        for node in self.nodes:
            yield from node.walk()

    def find(self, kind):
        """Return the first layer of a kind, or None."""
        layers = (node.layer for node in self.walk())
        return next((layer for layer in layers if isinstance(layer, kind)), None)

    def has(self, kind):
        """Return whether there is a layer of a kind."""
        return self.find(kind) is not None

    @classmethod
    def stacked(cls, networks):
        """Return a network that does what several do, each with numbers of its own.

        From then on, each of them has its parameters, gradients and statistics in the
        memory of the one returned.

        Parameters
        ----------
        networks : list of Network
            Not stacked, and alike: see :meth:`is_like`.
        """
        first = networks[0]
        stack = cls(first.layers, first.n_features, first.dtype, len(networks))
        for k, network in enumerate(networks):
            stack.parameters[k] = network.parameters
            stack.statistics[k] = network.statistics
            network._lay_out((), *stack._row(k))
        for node, *theirs in zip(
            *(it.walk() for it in (stack, *networks)), strict=True
        ):
            for name in node.numbers:
                numbers = [its.numbers[name] for its in theirs]
                if len(set(numbers)) > 1:
                    node.numbers[name] = np.reshape(numbers, (-1, 1, 1))
        return stack

    def is_like(self, other):
        """Return whether the layers, but for their numbers, and widths are the same."""
        mine, its = (
            (
                network.n_features,
                network.dtype,
                [(kind_of(it.layer), len(it.children)) for it in network.walk()],
            )
            for network in (self, other)
        )
        return mine == its

    def members(self):
        """Return the networks of which this one consists: views into it."""
        if not self.axes:
            return [self]
        return [self._member(k) for k in range(*self.axes)]

    def _member(self, k):
        member = Network.__new__(Network)
        for name in ("layers", "n_features", "dtype"):
            setattr(member, name, getattr(self, name))
        member._lay_out((), *self._row(k))
        return member

    def _row(self, k):
        return self.parameters[k], self.statistics[k], self.gradients[k]

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
                start = initializer(*view["weights"].shape, rng)
                _check_start(initializer, start, view)
                view["weights"][:], view["bias"][:] = start
            for name, value in node.layer.initial_values().items():
                view[name][:] = value
        return self.reset_statistics()

    def reset_statistics(self):
        """Forget the running statistics: the next mini-batch sets them anew."""
        if not self.statistics.size:
            return self
        self.statistics[...] = 0
        for node in self.walk():
            statistics = node.layer.statistic_shapes(node.n_inputs)
            for name, value in node.layer.initial_values().items():
                if name in statistics:
                    node.view[name][...] = value
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
        stop = len(self.layers[:stop])
        if X.shape[0] >= FOLD_ROWS and self.has(BatchNorm):
            return self.folded(stop)._predict(X, None)
        return self._predict(X, stop)

    def predict_each(self, X, stop=None):
        """Return the output of each network, see :meth:`predict`.

        Returns
        -------
        A : ndarray of shape (n_networks, n_samples, n_outputs)
            Also where there is but one, without the axis.
        """
        outputs = self.predict(X, stop)
        return outputs.reshape(-1, *outputs.shape[-2:])

    def _predict(self, X, stop):
        n_samples = X.shape[0]
        stop = len(self.layers[:stop])
        output = np.empty((*self.axes, n_samples, self.widths[stop]), self.dtype)
        workspaces = {}
        size = ceil(INFERENCE_ROWS / prod(self.axes))
        for start in range(0, n_samples, size):
            rows = slice(start, min(start + size, n_samples))
            batch = X[rows]
            if batch.dtype != self.dtype:
                batch = batch.astype(self.dtype)
            m = rows.stop - start
            if m not in workspaces:
                workspaces[m] = self.workspace(m, training=False)
            A = self.forward(batch, workspaces[m], stop)
            output[..., rows, :] = A if isinstance(A, np.ndarray) else A.toarray()
        return output

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
        kept = fold(self.nodes[:stop])
        layers = [node.layer for node in kept]
        network = Network(layers, self.n_features, self.dtype, *self.axes)
        its_nodes = (node for top in kept for node in top.walk())
        for mine, its in zip(network.walk(), its_nodes, strict=True):
            for name in mine.view:
                if not name.startswith("d_"):
                    mine.view[name][...] = its.view[name]
        return network

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
        for block in self.blocks:
            penalty.add(block)
        return penalty.value(), penalty.squared_norms()

    def table(self):
        """Return a row for the input and each layer: name, output shape, parameters.

        Returns
        -------
        rows : list of tuple of str
            In the shapes, m stands for the number of samples.
        """
        rows = [("input", f"(m, {self.n_features})", "0")]
        for node, width in zip(self.nodes, self.widths[1:], strict=True):
            count = f"{node.count_parameters():,}"
            rows.append((repr(node.layer), f"(m, {width})", count))
        return rows

    def summary(self):
        """Return the table of the layers as text."""
        rows = [TABLE_HEAD, *self.table()]
        columns = [max(map(len, column)) for column in zip(*rows, strict=True)]
        lines = [
            f"{a:<{columns[0]}}  {b:<{columns[1]}}  {c:>{columns[2]}}"
            for a, b, c in rows
        ]
        rule = "-" * len(lines[0])
        return "\n".join([lines[0], rule, *lines[1:], rule, self.describe()])

    def describe(self):
        """Return the number of parameters, their dtype, and how many networks."""
        of_each = f", in each of {self.axes[0]} networks" if self.axes else ""
        return f"{self.n_parameters:,} parameters, {self.dtype}{of_each}"

    def state(self, copy=np.copy):
        """Return a copy of what was learned, for :meth:`restore`."""
        return copy(self.parameters), copy(self.statistics)

    def restore(self, state):
        """Write a copy that :meth:`state` made back."""
        self.parameters[...], self.statistics[...] = state

    def is_finite(self):
        """Return whether all that was learned is finite."""
        return all_finite(self.parameters) and all_finite(self.statistics)

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


def _check_start(initializer, start, view):
    """Raise an error unless weights and bias are such as a layer can start with."""
    shapes = view["weights"].shape, view["bias"].shape
    if not isinstance(start, (tuple, list)):
        raise TypeError(
            f"weight_init: {initializer!r} must return weights and bias, two arrays of"
            f" the shapes {shapes}, got {start!r}."
        )
    got = tuple(map(np.shape, start))
    if got != shapes:
        raise ValueError(
            f"weight_init: {initializer!r} must return weights and bias of the shapes"
            f" {shapes}, got {got}."
        )
    if not all(np.isfinite(array).all() for array in start):
        raise ValueError(
            f"weight_init: {initializer!r} must return finite weights and bias; for"
            f" those of shape {shapes[0]} it did not."
        )


def fold(nodes):
    """Return nodes without what inference can do without: see `Network.folded`."""
    kept = []
    for node in nodes:
        if isinstance(node.layer, (StochasticLayer, Identity)):
            continue
        before = kept[-1] if kept else None
        if isinstance(node.layer, BatchNorm) and isinstance(
            before and before.layer, Dense
        ):
            slot = SimpleNamespace(**node.view)
            scale = node.layer.inference_scale(slot)
            centered = before.view["bias"] - slot.running_mean
            view = {
                "weights": before.view["weights"] * scale[..., np.newaxis, :],
                "bias": centered * scale + slot.beta,
            }
            kept[-1] = replace(before, view=view)
        elif node.children:
            nothing = replace(node, layer=Identity(), view={}, children=[])
            children = fold(node.children) or [nothing]
            layer = Residual([child.layer for child in children])
            kept.append(replace(node, layer=layer, children=children))
        else:
            kept.append(node)
    return kept


def kind_of(value):
    """Return what of a layer or loss must be the same in networks at once."""
    names = {field.name for field in fields(value)} - {"layers", *value.numbers}
    return type(value), {name: getattr(value, name) for name in names}


def check_layers(layers, name="layers"):
    """Raise an error unless `layers` is a sequence of layers that makes sense.

    The error calls them by the name of the argument.
    """
    for i, layer in enumerate(layers):
        if isinstance(layer, type) and issubclass(layer, Layer):
            raise TypeError(
                f"{name}: Layer {i} is the class {layer.__name__}; an instance is"
                f" needed: {layer.__name__}(...)."
            )
        if not isinstance(layer, Layer):
            raise TypeError(
                f"{name}: Layer {i} must be a layer of skdnn.nn, such as Dense(50) or"
                f" ReLU(), got {layer!r}."
            )
        if isinstance(layer, Softmax) and i < len(layers) - 1:
            raise ValueError(
                f"{name}: Softmax() is layer {i} of {len(layers)}; it can only be the"
                " last one."
            )
