"""How networks predict: some rows after the other, without layers of no use there."""

from dataclasses import replace
from math import ceil

import numpy as np

from skdnn.nn.layers import BatchNorm, Dense, Identity, Residual, StochasticLayer

INFERENCE_ROWS = 4096  # bounds the memory that predictions take beside their output
FOLD_ROWS = 1024  # from here on folding batch normalization saves more than it costs


def predict(network, X, stop):
    """Return the output of the layers before `stop`: see :meth:`Network.predict`."""
    n_samples = X.shape[0]
    if n_samples >= FOLD_ROWS and network.find(BatchNorm):
        network = fold(network, stop)
        stop = len(network.layers)
    width = network.widths[stop]
    output = np.empty((*network.axes, n_samples, width), network.dtype)
    workspaces = {}
    size = ceil(INFERENCE_ROWS / network.n_networks)
    for start in range(0, n_samples, size):
        batch = X[start : start + size]
        if batch.dtype != network.dtype:
            batch = batch.astype(network.dtype)
        m = batch.shape[0]
        if m not in workspaces:
            workspaces[m] = network.workspace(m, training=False)
        A = network.forward(batch, workspaces[m], stop)
        A = A if isinstance(A, np.ndarray) else A.toarray()
        output[..., start : start + m, :] = A
    return output


def fold(network, stop):
    """Return a network without what inference can do without: `Network.folded`."""
    kept = _folded(network.nodes[:stop])
    layers = [node.layer for node in kept]
    folded = type(network)(layers, network.n_features, network.dtype, *network.axes)
    its_nodes = (node for top in kept for node in top.walk())
    for mine, its in zip(folded.walk(), its_nodes, strict=True):
        for name in mine.view:
            if not name.startswith("d_"):
                mine.view[name][...] = its.view[name]
    return folded


def _folded(nodes):
    kept = []
    for node in nodes:
        before = kept[-1].layer if kept else None
        if isinstance(node.layer, (StochasticLayer, Identity)):
            continue
        if isinstance(node.layer, BatchNorm) and isinstance(before, Dense):
            kept[-1] = _normalized(kept[-1], node)
        elif node.children:
            kept.append(_with_folded_children(node))
        else:
            kept.append(node)
    return kept


def _normalized(dense, batch_norm):
    """Return a dense layer that does what a batch normalization behind it did."""
    view = batch_norm.view
    scale = batch_norm.layer.inference_scale(view["gamma"], view["running_var"])
    centered = dense.view["bias"] - view["running_mean"]
    folded = {
        "weights": dense.view["weights"] * scale[..., np.newaxis, :],
        "bias": centered * scale + view["beta"],
    }
    return replace(dense, view=folded)


def _with_folded_children(block):
    nothing = replace(block, layer=Identity(), view={}, children=[])
    children = _folded(block.children) or [nothing]
    layer = Residual([child.layer for child in children])
    return replace(block, layer=layer, children=children)
