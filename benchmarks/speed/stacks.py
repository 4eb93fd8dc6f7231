"""Several networks at once, in torch and in JAX, imported where they are used."""

from itertools import pairwise

import numpy as np


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
