"""The same networks in PyTorch, which is optional and imported where it is used."""

from importlib.util import find_spec

import numpy as np

from skdnn.augmentation import InARow


def is_installed(name):
    """Return whether a library can be imported."""
    return find_spec(name) is not None


def make_torch_network(
    n_features, hidden, n_classes, *, batch_norm=False, dropout=0.0, noise=0.0
):
    """Return a network that ends in logits, with ReLU.

    With `noise`, Gaussian noise of this standard deviation is added to the input and in
    front of each ReLU.
    """
    from torch import nn

    layers, width = [as_noise(noise)] if noise else [], n_features
    for units in hidden:
        layers.append(nn.Linear(width, units))
        if batch_norm:
            layers.append(nn.BatchNorm1d(units))
        if noise:
            layers.append(as_noise(noise))
        layers.append(nn.ReLU())
        if dropout:
            layers.append(nn.Dropout(dropout))
        width = units
    return nn.Sequential(*layers, nn.Linear(width, n_classes))


def as_noise(std):
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
