"""How large the steps of training are, measured on a copy of the network."""

from math import nan

import numpy as np

from skdnn.estimators.jobs import bare_job
from skdnn.estimators.plain_arguments import plain_arguments
from skdnn.messages.user_warnings import collected_warnings
from skdnn.training import Data, Stack

N_STEPS = 40  # of which the second half is measured


def update_ratios(estimator, X, targets):
    """Return, for each dense layer, how large a step is relative to the weights."""
    network = estimator.network_.copy()
    history = estimator.history_
    rates = [row["learning_rate"] for row in history if "learning_rate" in row]
    if estimator.solver == "lbfgs" or not rates:
        return [nan] * sum("weights" in view for view in network.views)
    rng = np.random.RandomState(0)
    task = estimator.task
    if targets is None:
        logits, loss = network.predict(X, stop=-1), history[-1]["loss"]
        targets = task.loss_for(network).draw(logits, loss, rng)
    with plain_arguments(estimator):
        job = bare_job(estimator, network, task, rng)
    data = Data(X, targets, None)
    with collected_warnings():  # that there are fewer rows than a batch has in training
        job.begin(data)
    stack = Stack([job], data)
    weights = [view["weights"] for view in network.views if "weights" in view]
    squared_ratios = []
    for _ in range(N_STEPS):
        before = [W.copy() for W in weights]
        rows = rng.choice(X.shape[0], job.n_rows, replace=False)
        stack.step(rows[np.newaxis], np.median(rates))
        each = zip(weights, before, strict=True)
        norm = np.linalg.norm
        squared_ratios.append([(norm(W - old) / norm(old)) ** 2 for W, old in each])
    return np.sqrt(np.mean(squared_ratios[N_STEPS // 2 :], axis=0)).tolist()
