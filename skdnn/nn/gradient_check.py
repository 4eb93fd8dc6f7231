"""Check a network's gradients against central differences."""

import numpy as np


def gradient_check(network, X, Y, loss, *, step=1e-5, row_weights=None, seed=0):
    """Compare backpropagation with central differences, in float64.

    Each parameter and each element of the input is moved up and down by `step`, and
    the difference of the losses, divided by ``2 * step``, held against the gradient
    from the backward pass. Layers behave as in training; dropout and noise draw the
    same numbers every time.

    Parameters
    ----------
    network : Network
        Of dtype float64. Its parameters are as before on return; its running
        statistics are not used and not changed.
    X : ndarray of shape (n_samples, n_features)
    Y : ndarray of shape (n_samples, n_outputs)
    loss : object
        See :mod:`skdnn.nn.losses`.
    step : float, default=1e-5
        The truncation error falls with its square, the rounding error of the loss
        grows with its inverse.
    row_weights : ndarray of shape (n_samples,), default=None
        What each sample counts in the loss, in sum 1. Equal by default.
    seed : int, default=0
        For what dropout and noise draw.

    Returns
    -------
    errors : dict of str to float
        For each parameter (such as "Dense_1.weights") and for "input", the norm of
        the difference between the two gradients over the sum of their norms. Where a
        gradient is 0 (the bias in front of a batch normalization, say), only rounding
        is left to compare: then a thousandth of the norm of the whole gradient stands
        in for the sum.

    Raises
    ------
    ValueError
        If the network is not float64: in float32 differences say nothing.
    """
    if network.dtype != np.float64:
        raise ValueError(
            f"gradient_check needs a network of dtype float64, got {network.dtype}."
        )
    X = np.array(X, dtype=np.float64)
    statistics = network.statistics.copy()
    workspace = network.workspace(len(X), input_gradient=True)
    if row_weights is not None:
        workspace.row_weights[:] = row_weights

    def run():
        rng = np.random.default_rng(seed)
        for slot in workspace.walk():
            slot.rngs = [rng]
        return network.backpropagate(X, Y, loss, workspace)

    run()
    arrays = {"input": (X, workspace.slots[0].d_input.copy())}
    for node in network.walk():
        for key, values in node.view.items():
            if f"d_{key}" in node.view:
                gradient = node.view[f"d_{key}"].copy()
                arrays[f"{node.name}.{key}"] = values, gradient

    scale = np.sqrt(sum(np.sum(gradient**2) for _, gradient in arrays.values()))
    errors = {}
    for name, (values, gradient) in arrays.items():
        numerical = np.empty_like(gradient)
        for index in np.ndindex(values.shape):
            value = values[index]
            values[index] = value + step
            above = run()
            values[index] = value - step
            below = run()
            values[index] = value
            numerical[index] = (above - below) / (2 * step)
        norms = np.linalg.norm(gradient) + np.linalg.norm(numerical)
        difference = np.linalg.norm(gradient - numerical)
        errors[name] = float(difference / max(norms, 1e-3 * scale))
    network.statistics[:] = statistics
    return errors
