"""The systems that are compared, and how they are called."""

from importlib.metadata import version

from sklearn.neural_network import MLPClassifier

from common.in_torch import is_installed, make_torch_network
from skdnn import MLPClassifierDIY

PEERS = ("torch", "skorch", "jax")


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


def fit_skdnn(X, y, hidden, batch_size, **settings):
    """Fit for an epoch unless told otherwise."""
    settings = {"max_iter": 1, "random_state": 0} | settings
    return MLPClassifierDIY(hidden, batch_size=batch_size, **settings).fit(X, y)


def fit_scikit_learn(X, y, hidden, batch_size, **settings):
    """Fit for an epoch unless told otherwise."""
    settings = {"max_iter": 1, "random_state": 0} | settings
    return MLPClassifier(hidden, batch_size=batch_size, **settings).fit(X, y)


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
