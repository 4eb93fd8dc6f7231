"""Networks that take their steps together: an epoch of one, or of several at once."""

import copy
from time import perf_counter

import numpy as np

from skdnn.nn import Network
from skdnn.nn.optimizers import clip_by_global_norm
from skdnn.nn.vectors import column, may_overflow
from skdnn.training.mini_batch import MiniBatch
from skdnn.training.objective import Objective


class Lockstep(Objective):
    """Epochs of one trainer, or of several that have steps of the same shape.

    What several networks learn is what each would learn alone, with the same bits as
    far as the matrix products have them. Of each, the trainer keeps the books.

    Parameters
    ----------
    trainers : list of GradientDescent
        With data loaded, and alike: see :func:`can_go_together`. Their networks and
        the states of their optimizers move into memory that they share.
    """

    def __init__(self, trainers):
        self.trainers = trainers
        first = trainers[0]
        self.is_stack = len(trainers) > 1
        self.network, self.averaged = first.network, first.averaged
        self.optimizer = first.optimizer
        self.loss, self.row_scores = first.loss, first.row_scores
        self.augmentation = first.augmentation
        losses = self.loss
        if self.is_stack:
            self.network = Network.stacked([it.network for it in trainers])
            if self.averaged is not None:
                self.averaged = Network.stacked([it.averaged for it in trainers])
            self._stack_optimizers()
            losses = tuple(it.loss for it in trainers)
            losses = losses if len(set(losses)) > 1 else losses[0]
            self.row_scores = self._score_rows
        self.X, self.targets, self.sample_weight = (
            self._shared(name) for name in ("X", "targets", "sample_weight")
        )
        self.alpha, self.max_grad_norm, self.ema_decay = (
            together([getattr(it, name) for it in trainers])
            for name in ("alpha", "max_grad_norm", "ema_decay")
        )
        size, self.n_samples = first.n_rows, len(first.order)
        rngs = [it.noise_rng for it in trainers]
        options = {"rng": None if first.noise_rng is None else rngs}
        self.full = self.last = MiniBatch(self.network, size, self.X, losses, **options)
        if rest := self.n_samples % size:
            options["like"] = self.full
            self.last = MiniBatch(self.network, rest, self.X, losses, **options)

    def _shared(self, name):
        """Return what all trainers have under a name, or a tuple if that differs."""
        arrays = tuple(getattr(it, name) for it in self.trainers)
        same = all(array is arrays[0] for array in arrays)
        return arrays[0] if same else arrays

    def _score_rows(self, Z, targets):
        scorers = (it.row_scores for it in self.trainers)
        return np.stack([f(z, y) for f, z, y in zip(scorers, Z, targets, strict=True)])

    def _augment(self, X):
        """Change a mini-batch in place; return of what its rows are mixed, or None.

        A mini-batch can't be changed where an augmentation fails. In the first epoch
        that is an error. Later, the epoch is undone when it is over.
        """
        mixtures = []
        for trainer, rows in zip(
            self.trainers, X if self.is_stack else [X], strict=True
        ):
            mixture = None
            if trainer.failure is None:
                try:
                    mixture = self.augmentation(rows, trainer.noise_rng)
                except Exception as error:
                    if trainer.good is None:
                        raise
                    trainer.failure = error
            mixtures.append(mixture)
        if not self.is_stack:
            return mixtures[0]
        mixed = [mixture for mixture in mixtures if mixture is not None]
        if not mixed:
            return None
        # In the place of one that failed, whatever it is.
        parts = zip(*[mixture or mixed[0] for mixture in mixtures], strict=True)
        return [tuple(map(np.stack, zip(*part, strict=True))) for part in parts]

    def _stack_optimizers(self):
        """Make one optimizer of all, which has their numbers, and their states."""
        optimizers, network = [it.optimizer for it in self.trainers], self.network
        self.optimizer = copy.copy(optimizers[0])
        for name in self.optimizer.numbers:
            numbers = together([getattr(it, name) for it in optimizers])
            setattr(self.optimizer, name, numbers)
        self.optimizer.state = {
            name: np.stack([it.state[name] for it in optimizers])
            for name in self.optimizer.state
        }
        self.optimizer.bind(network.parameters, network.gradients, network.n_weights)
        for k, trainer in enumerate(self.trainers):
            for name, vectors in self.optimizer.state.items():
                trainer.optimizer.state[name] = vectors[k]
            trainer.bind_optimizer()

    @may_overflow
    def epoch(self):
        """Train on every sample once.

        Returns
        -------
        rows : list of dict
            One for each trainer, of which see `epoch`.
        """
        start_time = perf_counter()
        trainers, first = self.trainers, self.trainers[0]
        n_samples, size = self.n_samples, self.full.workspace.n_rows
        planned, schedule = first.schedule.planned, first.schedule
        rates = initial_rates = together([it.learning_rate for it in trainers])
        if not planned:
            progress = first.n_epochs / first.max_epochs
            rates = initial_rates * schedule.factor(progress, first.samples_seen)
        for trainer in trainers:
            trainer.shuffle_order()
        order, in_order = first.order, first.in_order
        if self.is_stack:
            order, in_order = np.stack([it.order for it in trainers]), False
        sum_losses = sum_scores = sum_weights = np.zeros(self.network.axes)
        sums_of_squared_norms = [sum_losses] * len(self.network.parameter_layers)
        n_rows = n_steps = 0
        for start in range(0, n_samples, size):
            stop = min(start + size, n_samples)
            if planned:
                done = first.n_epochs + (start + stop) / 2 / n_samples
                factor = schedule.factor(done / first.max_epochs, first.samples_seen)
                rates = initial_rates * factor
            rows = slice(start, stop)
            index = rows if in_order else order[..., rows]
            batch = self.full if stop - start == size else self.last
            result = self.step(batch, index, rates)
            for trainer in trainers:
                trainer.samples_seen += stop - start
                trainer.optimizer.n_steps = self.optimizer.n_steps
            if result is None:
                continue
            loss, score, weight, squared_norms = result
            sum_losses = sum_losses + loss * (stop - start)
            n_rows += stop - start
            sum_scores = sum_scores + score * weight
            sum_weights = sum_weights + weight
            sums_of_squared_norms = [
                a + b for a, b in zip(sums_of_squared_norms, squared_norms, strict=True)
            ]
            n_steps += 1
        seconds = (perf_counter() - start_time) / len(trainers)
        if n_steps:
            sum_losses = sum_losses / n_rows
            sum_scores = sum_scores / sum_weights
        means = zip(
            sum_losses.reshape(-1).tolist(),
            sum_scores.reshape(-1).tolist(),
            np.array(sums_of_squared_norms).T.reshape(len(trainers), -1)
            / max(n_steps, 1),
            strict=True,
        )
        rates = rates.tolist() if np.ndim(rates) else [rates] * len(trainers)
        rows = []
        for trainer, its_means, rate in zip(trainers, means, rates, strict=True):
            trainer.share_statistics()
            rows.append(trainer.record(seconds, *its_means, learning_rate=rate))
        return rows

    def step(self, batch, index, learning_rate):
        """Take one step; return what :meth:`objective` returns."""
        clips = self.max_grad_norm is not None  # which needs the whole gradient
        walk = () if clips else self.optimizer.walk(learning_rate)
        result = self.objective(batch, index, walk)
        if result is None:
            return None
        if clips:
            norm = np.sqrt(sum(result[-1]))
            clip_by_global_norm(self.network.gradients, norm, self.max_grad_norm)
            self.optimizer.step(learning_rate)
        if self.averaged is not None:
            # At first little is worth remembering: the average warms up.
            t = self.optimizer.n_steps
            decay = np.minimum(self.ema_decay, (1 + t) / (10 + t))
            average = self.averaged.parameters
            part = column(1 - decay, average.dtype)
            average += part * (self.network.parameters - average)
        return result


def together(numbers):
    """Return a number that is the same for all, or an array of one for each."""
    return numbers[0] if len(set(numbers)) == 1 else np.array(numbers)


def can_go_together(a, b):
    """Return whether the steps of two trainers have the same shape, each with both."""
    if a.may_skip or b.may_skip:
        return False
    return a.network.is_like(b.network) and a.kind_of_steps() == b.kind_of_steps()
