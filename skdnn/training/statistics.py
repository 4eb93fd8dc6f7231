"""The statistics of batch normalization, averaged anew when training ends."""

from copy import deepcopy
from math import ceil

import numpy as np

from skdnn.messages import warn_user
from skdnn.nn import Network
from skdnn.nn.vectors import may_overflow
from skdnn.training.failures import INTERRUPTED
from skdnn.training.mini_batch import MiniBatch

# What they are averaged over: this part of the samples seen in training, or so many
# samples if that is fewer. The rows are only carried forward, which takes a third of
# the time of a step: 1 % of training.
AVERAGED_PART = 0.03
AVERAGED_ROWS = 4096


@may_overflow
def average_statistics(job, data, network):
    """Average batch normalization's statistics anew, at the weights that predict.

    The running averages of training lag behind the weights, and with `ema_decay` they
    belong to other weights. These are plain averages over mini-batches of the training
    data, spread evenly over an epoch: 4096 samples, or 3 % of those seen in training
    where that is more, or all where there are fewer.

    Parameters
    ----------
    job : Job
    data : Data
    network : Network
        Of the same layers as the one that is trained.

    References
    ----------
    Wu and Johnson (2021), "Rethinking 'batch' in batch normalization".
    """
    if not (job.takes_steps and network.statistics.size):
        return
    n_samples, size = len(job.order), job.n_rows
    n_rows = max(AVERAGED_ROWS, AVERAGED_PART * job.n_epochs * n_samples)
    n_batches = ceil(n_samples / size)
    n_chosen = min(ceil(n_rows / size), n_batches)
    chosen = np.linspace(0, n_batches - 1, n_chosen).astype(int)
    rng = deepcopy(job.noise_rng)  # so that training is none the wiser
    options = {"rngs": None if rng is None else [rng], "plain_averages": True}
    stack = Network.stacked([network])
    batches = {size: MiniBatch(stack, size, data.X, job.loss, **options)}
    before = network.state()
    network.reset_statistics()
    try:
        for start in chosen * size:
            rows = slice(start, min(start + size, n_samples))
            index = rows if job.in_order else job.order[np.newaxis, rows]
            m = rows.stop - start
            if m not in batches:
                options["like"] = batches[size]
                batches[m] = MiniBatch(stack, m, data.X, job.loss, **options)
            batch = batches[m]
            if batch.weigh(data.row_weights, index) is not None:
                stack.forward(batch.gather(data.X, index), batch.workspace)
    except KeyboardInterrupt:
        warn_user(INTERRUPTED)
        job.was_interrupted = True
        network.restore(before)
    if not network.is_finite():  # sums that overflow
        network.restore(before)


def snapshot(job, data):
    """Return a copy of the network as training would leave it if it ended now."""
    network = job.result().copy()
    if job.best_state is not None:
        network.restore(job.best_state)
    average_statistics(job, data, network)
    return network
