"""What skdnn is measured against: torch, skorch, JAX, and matrix products alone.

They are optional, and imported where they are used: the processes in which
memory is measured do without them. scikit-learn's classifier needs no more than its
constructor, and is called where it is compared.
"""

from importlib.metadata import version
from importlib.util import find_spec
from itertools import pairwise

import numpy as np

from skdnn.augmentation import InARow

PEERS = ("torch", "skorch", "jax")


def is_installed(name):
    """Return whether a library can be imported."""
    return find_spec(name) is not None


def describe_peers():
    """Return a line with the versions of the peers, and the threads of torch."""
    parts = []
    for name in PEERS:
        if is_installed(name):
            parts.append(f"{name} {version(name)}")
        else:
            parts.append(f"{name} is not installed, its rows are left out")
    if is_installed("torch"):
        import torch

        parts.append(f"torch has {torch.get_num_threads()} threads")
    return f"{'; '.join(parts)}."


def make_torch_network(
    n_features, hidden, n_classes, *, batch_norm=False, dropout=0.0, noise=0.0
):
    """Return a network that ends in logits, with ReLU.

    With `noise`, Gaussian noise of this standard deviation is added to the input and in
    front of each ReLU.
    """
    from torch import nn

    layers, width = [_torch_noise(noise)] if noise else [], n_features
    for units in hidden:
        layers.append(nn.Linear(width, units))
        if batch_norm:
            layers.append(nn.BatchNorm1d(units))
        if noise:
            layers.append(_torch_noise(noise))
        layers.append(nn.ReLU())
        if dropout:
            layers.append(nn.Dropout(dropout))
        width = units
    return nn.Sequential(*layers, nn.Linear(width, n_classes))


def _torch_noise(std):
    """Return a module that adds noise in training."""
    import torch

    class Noise(torch.nn.Module):
        def forward(self, A):
            return A + std * torch.randn_like(A) if self.training else A

    return Noise()


def train_torch(
    X,
    y,
    hidden,
    batch_size,
    *,
    epochs=1,
    learning_rate=0.001,
    one_cycle=False,
    weight_decay=0.0,
    label_smoothing=0.0,
    augmentation=None,
    seed=0,
    **extra,
):
    """Train a network with Adam and return it.

    The loop is what a tutorial teaches, with what makes it fast on a CPU: tensors that
    share memory with the arrays, no DataLoader, the fused optimizer. It records
    nothing: it does less than the estimator. With `weight_decay`, which the weights of
    dense layers have alone, it is AdamW. `augmentation` is one of this package.
    """
    import torch

    torch.manual_seed(seed)
    n_classes = int(y.max()) + 1
    X, y = torch.from_numpy(X), torch.from_numpy(y)
    model = make_torch_network(X.shape[1], hidden, n_classes, **extra)
    cross_entropy = torch.nn.CrossEntropyLoss(label_smoothing=label_smoothing)
    kind, parameters = torch.optim.Adam, list(model.parameters())
    if weight_decay:
        kind = torch.optim.AdamW
        weights = [it for it in parameters if it.ndim == 2]
        others = [it for it in parameters if it.ndim != 2]
        parameters = [
            {"params": weights, "weight_decay": weight_decay},
            {"params": others, "weight_decay": 0.0},
        ]
    optimizer = kind(parameters, lr=learning_rate, fused=True)
    change = None if augmentation is None else InARow(augmentation).change
    rng = np.random.default_rng(seed)
    schedule = None
    if one_cycle:
        schedule = torch.optim.lr_scheduler.OneCycleLR(
            optimizer,
            max_lr=learning_rate,
            total_steps=epochs * -(-len(X) // batch_size),
            pct_start=0.2,
            anneal_strategy="linear",
            cycle_momentum=False,
        )
    for _ in range(epochs):
        for rows in torch.randperm(len(X)).split(batch_size):
            optimizer.zero_grad()
            batch = X.index_select(0, rows)  # faster than X[rows]
            if change is not None:
                batch = torch.from_numpy(change(batch.numpy(), rng))
            cross_entropy(model(batch), y[rows]).backward()
            optimizer.step()
            if schedule is not None:
                schedule.step()
    return model.eval()


def score_torch(model, X, y):
    """Return the accuracy."""
    import torch

    with torch.inference_mode():
        return float((model(torch.from_numpy(X)).argmax(1).numpy() == y).mean())


def make_skorch_classifier(n_features, hidden, n_classes, batch_size, epochs):
    """Return a classifier with the settings of scikit-learn's defaults."""
    import torch
    from skorch import NeuralNetClassifier

    return NeuralNetClassifier(
        make_torch_network(n_features, hidden, n_classes),
        criterion=torch.nn.CrossEntropyLoss,
        optimizer=torch.optim.Adam,
        optimizer__fused=True,
        lr=0.001,
        max_epochs=epochs,
        batch_size=batch_size,
        iterator_train__shuffle=True,
        train_split=None,
        verbose=0,
    )


class TorchLayer:
    """A layer of torch that does what one of ours does, with autograd.

    Parameters
    ----------
    layer : skdnn.nn.Layer
    A, dY : ndarray of shape (n_rows, width)
        Its input, and the gradient of its output, each of its own width.
    """

    def __init__(self, layer, A, dY):
        import torch

        self.A = torch.from_numpy(A.copy()).requires_grad_()
        self.dY = torch.from_numpy(dY)
        self.forward = as_torch(layer, A.shape[1])

    def step(self):
        """Go forward and backward; gradients are set, not added to."""
        for parameter in self.forward.parameters():
            parameter.grad = None
        self.A.grad = None
        self.forward(self.A).backward(self.dY)
        return self.A.grad


def as_torch(layer, width):
    """Return the module of torch that does what a layer of as many units does."""
    import torch
    from torch import nn

    class Scale(nn.Module):
        def __init__(self):
            super().__init__()
            self.factor = nn.Parameter(torch.ones(width))

        def forward(self, A):
            return A * self.factor

    class PiecewiseLinear(nn.Module):  # of as many bins of each input
        def __init__(self):
            super().__init__()
            edges = torch.tensor(layer.edges)
            self.starts, self.widths = edges[:, :-1], edges.diff()

        def forward(self, A):
            T = ((A[..., None] - self.starts) / self.widths).clamp(0, 1)
            return torch.cat([A, T.flatten(1)], 1)

    class Residual(nn.Module):
        def __init__(self):
            super().__init__()
            self.block = nn.Sequential(*(as_torch(it, width) for it in layer.layers))

        def forward(self, A):
            return A + self.block(A)

    makers = {
        "Dense": lambda: nn.Linear(width, width),
        "Logistic": nn.Sigmoid,
        "PReLU": lambda: nn.PReLU(width),
        "BatchNorm": lambda: nn.BatchNorm1d(width),
        "LayerNorm": lambda: nn.LayerNorm(width),
        "Dropout": lambda: nn.Dropout(layer.rate),
        "Scale": Scale,
        "GaussianNoise": lambda: _torch_noise(layer.std),
        "PiecewiseLinear": PiecewiseLinear,
        "Residual": Residual,
    }
    name = type(layer).__name__
    return makers.get(name, getattr(nn, name, None))()


class MatrixProducts:
    """The matrix products of a network, on arrays that are allocated once.

    Rows are taken in order, as views: nothing but products is left, so that this is
    what no implementation with the same library of products can beat.

    Parameters
    ----------
    X : ndarray of shape (n_samples, n_features)
    hidden : tuple of int
    n_outputs : int
    batch_size : int
    in_torch : bool, default=False
        Whether torch multiplies, on tensors that share the memory of the arrays,
        rather than NumPy.
    """

    def __init__(self, X, hidden, n_outputs, batch_size, *, in_torch=False):
        rng = np.random.default_rng(0)
        self.batch_size = batch_size
        self._multiply, wrap = np.matmul, np.asarray
        if in_torch:
            import torch

            self._multiply, wrap = torch.mm, torch.from_numpy
        self.X = wrap(X)
        widths = [X.shape[1], *hidden, n_outputs]
        shapes = list(pairwise(widths))
        # Of a size that lets values neither explode nor vanish: both are slow.
        self.weights = [
            wrap((rng.standard_normal(shape) / np.sqrt(shape[0])).astype(X.dtype))
            for shape in shapes
        ]
        self.d_weights = [wrap(np.empty(shape, X.dtype)) for shape in shapes]
        self.outputs, self.d_outputs = (
            [
                wrap(rng.standard_normal((batch_size, width)).astype(X.dtype))
                for width in widths[1:]
            ]
            for _ in range(2)
        )

    def train(self):
        """Do the products of an epoch: forward, and backward down to the weights."""
        for start in range(0, len(self.X), self.batch_size):
            A = self.X[start : start + self.batch_size]
            inputs = [A, *(output[: len(A)] for output in self.outputs[:-1])]
            self._forward(A)
            for i in reversed(range(len(self.weights))):
                dZ = self.d_outputs[i][: len(A)]
                self._multiply(inputs[i].T, dZ, out=self.d_weights[i])
                if i:  # nobody needs the gradient of the input
                    dA = self.d_outputs[i - 1][: len(A)]
                    self._multiply(dZ, self.weights[i].T, out=dA)

    def predict(self):
        """Do the products of the forward pass."""
        for start in range(0, len(self.X), self.batch_size):
            self._forward(self.X[start : start + self.batch_size])

    def _forward(self, A):
        for W, output in zip(self.weights, self.outputs, strict=True):
            A = self._multiply(A, W, out=output[: len(A)])


def initial_weights(n_features, hidden, n_classes, n_networks, batch_norm):
    """Return the parameters of several networks, layer by layer, as float32 arrays."""
    rng = np.random.default_rng(0)
    layers = []
    for n, units in pairwise([n_features, *hidden, n_classes]):
        bound = np.sqrt(6 / (n + units))
        layer = {
            "W": rng.uniform(-bound, bound, (n_networks, n, units)),
            "b": np.zeros((n_networks, 1, units)),
        }
        if batch_norm and len(layers) < len(hidden):
            layer["gamma"] = np.ones((n_networks, 1, units))
            layer["beta"] = np.zeros((n_networks, 1, units))
        layers.append({name: a.astype(np.float32) for name, a in layer.items()})
    return layers


def forward_stack(layers, A, maximum, rsqrt):
    """Return logits of one network or several, with the arrays of torch or JAX.

    Batch normalization is that of training, with the statistics of the mini-batch.
    """
    for i, layer in enumerate(layers):
        A = A @ layer["W"] + layer["b"]
        if "gamma" in layer:
            centered = A - A.mean(-2, keepdims=True)
            variance = (centered * centered).mean(-2, keepdims=True)
            A = centered * rsqrt(variance + 1e-5) * layer["gamma"] + layer["beta"]
        if i < len(layers) - 1:
            A = maximum(A)
    return A


def train_torch_stack(
    X, y, hidden, batch_size, *, n_networks, epochs=1, batch_norm=False, vmap=False
):
    """Train several networks at once in torch, each with an order of its own.

    By hand, with batched products and autograd over all; or with `torch.func`, the
    gradient of one network mapped over all.
    """
    import torch
    from torch.func import grad
    from torch.func import vmap as mapped

    torch.manual_seed(0)
    n_classes = int(y.max()) + 1
    layers = [
        {name: torch.from_numpy(a).requires_grad_(not vmap) for name, a in it.items()}
        for it in initial_weights(X.shape[1], hidden, n_classes, n_networks, batch_norm)
    ]
    X, y = torch.from_numpy(X), torch.from_numpy(y)
    parameters = [a for layer in layers for a in layer.values()]
    optimizer = torch.optim.Adam(parameters, fused=True)
    cross_entropy = torch.nn.functional.cross_entropy

    def loss(layers, x, target):
        Z = forward_stack(layers, x, torch.relu, torch.rsqrt)
        return cross_entropy(Z, target)

    gradients = mapped(grad(loss))
    for _ in range(epochs):
        order = torch.stack([torch.randperm(len(X)) for _ in range(n_networks)])
        for rows in order.split(batch_size, dim=1):
            x = X.index_select(0, rows.reshape(-1)).view(*rows.shape, -1)
            if vmap:
                for layer, its in zip(
                    layers, gradients(layers, x, y[rows]), strict=True
                ):
                    for name, a in layer.items():
                        a.grad = its[name]
            else:
                optimizer.zero_grad()
                Z = forward_stack(layers, x, torch.relu, torch.rsqrt)
                # The sum over networks of their means.
                total = cross_entropy(Z.flatten(0, 1), y[rows].flatten())
                (total * n_networks).backward()
            optimizer.step()
    return layers


class JaxStack:
    """Several networks at once in JAX: a gradient mapped over all, epochs compiled.

    Parameters
    ----------
    X, y, hidden, batch_size, n_networks, epochs, batch_norm
        As for :func:`train_torch_stack`.
    """

    def __init__(
        self, X, y, hidden, batch_size, *, n_networks, epochs=1, batch_norm=False
    ):
        import jax

        self.settings = hidden, int(y.max()) + 1, n_networks, batch_norm
        self.X, self.y = jax.numpy.asarray(X), jax.numpy.asarray(y)
        self.batch_size, self.epochs = batch_size, epochs
        self.train_epoch = self._compiled()

    def _compiled(self):
        import jax
        from jax import numpy as jnp

        n, size = len(self.X), self.batch_size
        n_networks = self.settings[2]

        def loss(layers, x, target):
            Z = forward_stack(layers, x, jax.nn.relu, jax.lax.rsqrt)
            log_P = jax.nn.log_softmax(Z)
            return -jnp.take_along_axis(log_P, target[:, None], 1).mean()

        gradient = jax.vmap(jax.grad(loss), in_axes=(0, 0, 0))

        def step(state, rows):
            layers, m, v, t = state
            g = gradient(layers, self.X[rows], self.y[rows])
            t = t + 1
            m = jax.tree.map(lambda m, g: 0.9 * m + 0.1 * g, m, g)
            v = jax.tree.map(lambda v, g: 0.999 * v + 0.001 * g * g, v, g)
            rate = 0.001 * jnp.sqrt(1 - 0.999**t) / (1 - 0.9**t)
            layers = jax.tree.map(
                lambda p, m, v: p - rate * m / (jnp.sqrt(v) + 1e-8), layers, m, v
            )
            return (layers, m, v, t), None

        def epoch(state, key):
            keys = jax.random.split(key, n_networks)
            order = jax.vmap(lambda key: jax.random.permutation(key, n))(keys)
            whole = n // size * size
            batches = order[:, :whole].reshape(n_networks, -1, size).swapaxes(0, 1)
            state, _ = jax.lax.scan(step, state, batches)
            if n % size:
                state, _ = step(state, order[:, whole:])
            return state

        return jax.jit(epoch)

    def train(self):
        """Train with what is compiled already."""
        import jax
        from jax import numpy as jnp

        hidden, n_classes, n_networks, batch_norm = self.settings
        layers = jax.tree.map(
            jnp.asarray,
            initial_weights(self.X.shape[1], hidden, n_classes, n_networks, batch_norm),
        )
        zeros = jax.tree.map(jnp.zeros_like, layers)
        state = layers, zeros, zeros, 0.0
        for key in jax.random.split(jax.random.key(0), self.epochs):
            state = self.train_epoch(state, key)
        return jax.block_until_ready(state)

    def compile_and_train(self):
        """Train as in a new process, compiling first."""
        self.train_epoch = self._compiled()
        return self.train()
