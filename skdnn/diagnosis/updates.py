"""How large the steps of training are, measured on a copy of the network."""

from math import nan

import numpy as np

from skdnn.estimators.arguments import plain_arguments
from skdnn.estimators.building import trainer_for
from skdnn.messages.user_warnings import collected_warnings
from skdnn.training.lockstep import Lockstep

N_STEPS = 40  # of which the second half is measured


def update_ratios(estimator, X, targets):
    """Return, for each dense layer, how large a step is relative to the weights."""
    network = estimator.network_.copy()
    weights = [view["weights"] for view in network.views if "weights" in view]
    rates = [
        row["learning_rate"] for row in estimator.history_ if "learning_rate" in row
    ]
    if estimator.solver == "lbfgs" or not rates:
        return [nan] * len(weights)
    rng = np.random.RandomState(0)
    task = estimator.task_
    if targets is None:
        logits, loss = network.predict(X, stop=-1), estimator.history_[-1]["loss"]
        targets = task.loss_for(network).draw(logits, loss, rng)
    with plain_arguments(estimator):
        trainer = trainer_for(estimator, network, task, rng)
    with collected_warnings():  # that there are fewer rows than a batch has in training
        trainer.load(X, targets)
    n_rows = trainer.n_rows
    lockstep = Lockstep([trainer])
    squared_ratios = []
    for _ in range(N_STEPS):
        before = [W.copy() for W in weights]
        rows = rng.choice(X.shape[0], n_rows, replace=False)
        lockstep.step(lockstep.full, rows, np.median(rates))
        squared_ratios.append(
            [
                (np.linalg.norm(W - old) / np.linalg.norm(old)) ** 2
                for W, old in zip(weights, before, strict=True)
            ]
        )
    return np.sqrt(np.mean(squared_ratios[N_STEPS // 2 :], axis=0)).tolist()
