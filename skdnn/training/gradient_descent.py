"""Mini-batch gradient descent: epochs, schedules, stopping, averaging."""

from copy import deepcopy
from math import ceil, isfinite, sqrt
from time import perf_counter

import numpy as np
from sklearn.exceptions import ConvergenceWarning

from skdnn.nn import BatchNorm, Dropout
from skdnn.nn.optimizers import clip_by_global_norm
from skdnn.nn.schedules import Adaptive
from skdnn.training.mini_batch import MiniBatch
from skdnn.training.trainer import INTERRUPTED, NOT_FINITE, Trainer
from skdnn.training.user_warnings import warn_user

# What batch normalization's statistics are averaged over when training ends: this part
# of the samples seen in training, or so many samples if that is fewer. The rows are
# only carried forward, which takes a third of the time of a step: 1 % of training.
AVERAGED_PART = 0.03
AVERAGED_ROWS = 4096


class GradientDescent(Trainer):
    """Mini-batch gradient descent, epoch by epoch.

    Parameters
    ----------
    network, loss
        See :class:`Trainer`.
    optimizer : Optimizer
    schedule : object
        See :mod:`skdnn.nn.schedules`.
    learning_rate : float
        What the schedule scales.
    batch_size : int or "auto"
        "auto" is 200, or all samples if there are fewer.
    max_grad_norm : float, default=None
        The largest norm of the gradient, of all parameters together.
    ema_decay : float, default=None
        Decay of an exponential moving average of the parameters, see :meth:`result`.
    shuffle : bool, default=True
        Whether each epoch takes the samples in a new order.
    rng : numpy.random.RandomState
        Where the orders and dropout's seed are drawn from.
    **settings
        See :class:`Trainer`.
    """

    kept = (*Trainer.kept, "complaint", "learning_rate", "n_no_improvement")

    def __init__(
        self,
        network,
        loss,
        optimizer,
        schedule,
        *,
        learning_rate,
        batch_size,
        max_grad_norm=None,
        ema_decay=None,
        shuffle=True,
        rng,
        **settings,
    ):
        super().__init__(network, loss, **settings)
        self.optimizer = optimizer
        self.schedule = schedule
        self.learning_rate = self.initial_rate = learning_rate
        self.batch_size = batch_size
        self.max_grad_norm = max_grad_norm
        self.ema_decay = ema_decay
        self.shuffle = shuffle
        self.rng = rng
        self.averaged = self.dropout_rng = None
        self.n_no_improvement = 0
        optimizer.start(network.parameters, network.gradients, network.n_weights)

    def _allocate(self, all_rows):
        if self.ema_decay is None:
            self.averaged = None
        elif self.averaged is None:
            self.averaged = self.network.copy()
        if self.dropout_rng is None and self.network.has(Dropout):
            self.dropout_rng = np.random.default_rng(self.rng.randint(2**31))
        self.in_order = all_rows and not self.shuffle
        n_samples = len(self.order)
        size = self._size_of_mini_batches(n_samples)
        if size == 1 and self.network.has(BatchNorm):
            raise ValueError(
                "Batch normalization needs mini-batches of at least 2 samples, got"
                f" batch_size={self.batch_size!r} with {n_samples} samples."
            )
        settings = self.X, self.loss
        options = {"rng": self.dropout_rng}
        self.full = self.last = MiniBatch(self.network, size, *settings, **options)
        if n_samples % size:
            rest, options["like"] = n_samples % size, self.full
            self.last = MiniBatch(self.network, rest, *settings, **options)

    def _size_of_mini_batches(self, n_samples):
        if self.batch_size == "auto":
            return min(200, n_samples)
        if self.batch_size > n_samples:
            warn_user(
                "Got `batch_size` less than 1 or larger than "
                "sample size. It is going to be clipped"
            )
        return int(min(self.batch_size, n_samples))

    def take_over(self, other):
        """Go on where another trainer was, with the settings of this one."""
        if type(other.optimizer) is type(self.optimizer):
            self.optimizer.state = other.optimizer.state
            self.optimizer.n_steps = other.optimizer.n_steps
            self._bind_optimizer()
        if other.initial_rate == self.initial_rate:
            self.learning_rate = other.learning_rate
        for name in (
            "averaged",
            "best_loss",
            "dropout_rng",
            "history",
            "n_epochs",
            "n_no_improvement",
            "samples_seen",
        ):
            setattr(self, name, getattr(other, name))

    def _bind_optimizer(self):
        network = self.network
        self.optimizer.bind(network.parameters, network.gradients, network.n_weights)

    def _share_statistics(self):
        if self.averaged is not None:
            self.averaged.statistics[:] = self.network.statistics

    def result(self):
        """Return the network to predict with: the averaged one, with `ema_decay`."""
        return self.network if self.averaged is None else self.averaged

    def epoch(self):
        """Train on every sample once.

        Returns
        -------
        row : dict
            "epoch", "loss", "score" (on each mini-batch, before its step),
            "learning_rate" (of the last step), "gradient_norm" (by layer, the root mean
            square over the mini-batches, before clipping), "seconds". Also appended to
            ``history``.
        """
        start_time = perf_counter()
        n_samples, size = len(self.order), self.full.workspace.n_rows
        rate = self.learning_rate
        if not self.schedule.planned:
            progress = self.n_epochs / self.max_epochs
            rate *= self.schedule.factor(progress, self.samples_seen)
        if self.shuffle:
            self.rng.shuffle(self.order)
        sum_losses = sum_rows = sum_scores = sum_weights = 0.0
        sum_squared_norms = np.zeros(len(self.network.parameter_layers))
        n_steps = 0
        for start in range(0, n_samples, size):
            stop = min(start + size, n_samples)
            if self.schedule.planned:
                done = self.n_epochs + (start + stop) / 2 / n_samples
                factor = self.schedule.factor(done / self.max_epochs, self.samples_seen)
                rate = self.learning_rate * factor
            rows = slice(start, stop)
            index = rows if self.in_order else self.order[rows]
            batch = self.full if stop - start == size else self.last
            loss, score, weight, squared_norms = self.step(batch, index, rate)
            self.samples_seen += stop - start
            if weight:
                sum_losses += loss * (stop - start)
                sum_rows += stop - start
                sum_scores += score * weight
                sum_weights += weight
                sum_squared_norms += squared_norms
                n_steps += 1
        self._share_statistics()
        return self.record(
            start_time,
            sum_losses / (sum_rows or 1),
            sum_scores / (sum_weights or 1),
            sum_squared_norms / (n_steps or 1),
            learning_rate=rate,
        )

    def step(self, batch, index, learning_rate):
        """Take one step; return what :meth:`objective` returns."""
        clips = self.max_grad_norm is not None  # which needs the whole gradient
        walk = () if clips else self.optimizer.walk(learning_rate)
        result = self.objective(batch, index, walk)
        _, _, total_weight, squared_norms = result
        if total_weight == 0:
            return result
        if clips:
            norm = sqrt(sum(squared_norms))
            clip_by_global_norm(self.network.gradients, norm, self.max_grad_norm)
            self.optimizer.step(learning_rate)
        if self.averaged is not None:
            # At first little is worth remembering: the average warms up.
            t = self.optimizer.n_steps
            decay = min(self.ema_decay, (1 + t) / (10 + t))
            average = self.averaged.parameters
            average += (1 - decay) * (self.network.parameters - average)
        return result

    def fit(self, *, validate=None, early_stopping=False, **options):
        """Run epochs until the loss, or the validation score, stops improving.

        In the end, batch normalization's statistics are averaged anew.

        Parameters
        ----------
        tol : float
            What counts as an improvement.
        n_iter_no_change : int or inf
            After more than so many epochs in a row without one, training ends, or the
            learning rate falls where the schedule is adaptive. Nothing happens where
            the schedule is planned.
        validate : callable, default=None
            Returns the validation loss and score of :meth:`result` as it is, and what
            is wrong if the score is not a number, else None.
        early_stopping : bool, default=False
            Whether the validation score decides, and the parameters of the best epoch
            are restored in the end. Otherwise the training loss decides.
        verbose : bool, default=False
            Whether to print a line for each epoch.
        on_epoch_begin, on_epoch_end : callable
            Called around each epoch, the second with its row, or with None where
            Ctrl-C or numbers that are not finite ended it; training ends if that
            returns True.
        save : callable
            Called after each epoch, when :meth:`state` is that of a fit which can go
            on, or is finished.

        Returns
        -------
        converged : bool
            False if the number of epochs ran out, unless the schedule is made for it.

        Raises
        ------
        ValueError
            If loss, parameters or the validation score are not finite after the first
            epoch. After a later one, a warning says so; loss and parameters also end
            training, and the epoch before is restored.
        """
        if early_stopping and self.history and not self.n_epochs:
            # What earlier training has reached has to be beaten.
            _, self.best_score, complaint = validate()
            if complaint:
                raise ValueError(complaint)
            self.best_state = self.result().state()
        try:
            converged = self._run_epochs(validate, early_stopping, **options)
        finally:
            if self.best_state is not None:
                self.result().restore(self.best_state)
        self.average_statistics(self.result())
        return converged

    def snapshot(self):
        """Return a copy of the network as training would leave it if it ended now."""
        network = super().snapshot()
        self.average_statistics(network)
        return network

    def _run_epochs(
        self,
        validate,
        early_stopping,
        *,
        tol,
        n_iter_no_change,
        verbose=False,
        on_epoch_begin=lambda: None,
        on_epoch_end=lambda row: False,
        save=lambda: None,
    ):
        """Run the epochs of :meth:`fit`; return whether training has converged."""
        say = print if verbose else lambda line: None
        good = self.result().state() if self.n_epochs else None
        in_epoch = False
        try:
            while not self.finished:
                in_epoch = True
                on_epoch_begin()
                # Running averages begin anew with each epoch, as they would remember
                # other weights where an epoch has but few steps.
                self.network.reset_statistics()
                row = self.epoch()
                say(f"Iteration {self.n_epochs}, loss = {row['loss']:.8f}")
                if not (isfinite(row["loss"]) and self.network.is_finite()):
                    self._undo_epoch(good, early_stopping)
                    on_epoch_end(None)
                    self.ended = True
                    save()
                    break
                if validate is not None:
                    self.evaluate(validate, row)
                    say(f"Validation score: {row['validation_score']:f}")
                ends = self.judge(row, tol, n_iter_no_change, early_stopping, say)
                in_epoch = False
                good = None  # makes room for the next
                good = self.best_state if early_stopping else self.result().state()
                self.ended = bool(on_epoch_end(row) or ends)
                save()
            if self.complaint:
                warn_user(self.complaint, ConvergenceWarning)
            return self.ended or self.schedule.planned  # which is laid out to end here
        except KeyboardInterrupt:
            warn_user(INTERRUPTED)
            self._share_statistics()
            if good is not None and not self.network.is_finite():
                self.result().restore(good)
            if in_epoch:
                on_epoch_end(None)
            return True

    def average_statistics(self, network):
        """Average batch normalization's statistics anew, at the weights that predict.

        The running averages of training lag behind the weights, and with `ema_decay`
        they belong to other weights. These are plain averages over mini-batches of the
        training data, spread evenly over an epoch: 4096 samples, or 3 % of those seen
        in training where that is more, or all where there are fewer.

        Parameters
        ----------
        network : Network
            Of the same layers as the one that is trained.

        References
        ----------
        Wu and Johnson (2021), "Rethinking 'batch' in batch normalization".
        """
        if not network.statistics.size:
            return
        n_samples, size = len(self.order), self.full.workspace.n_rows
        n_rows = max(AVERAGED_ROWS, AVERAGED_PART * self.n_epochs * n_samples)
        n_batches = ceil(n_samples / size)
        n_chosen = min(ceil(n_rows / size), n_batches)
        chosen = np.linspace(0, n_batches - 1, n_chosen).astype(int)
        rng = deepcopy(self.dropout_rng)  # so that training is none the wiser
        options = {"rng": rng, "like": self.full, "plain_averages": True}
        batches = {}
        before = network.state()
        network.reset_statistics()
        try:
            for start in chosen * size:
                rows = slice(start, min(start + size, n_samples))
                index = rows if self.in_order else self.order[rows]
                m = rows.stop - start
                if m not in batches:
                    batches[m] = MiniBatch(network, m, self.X, self.loss, **options)
                if self._weigh(batches[m], index):
                    X = batches[m].gather(self.X, index)
                    network.forward(X, batches[m].workspace)
        except KeyboardInterrupt:
            warn_user(INTERRUPTED)
            network.restore(before)
        if not network.is_finite():  # sums that overflow
            network.restore(before)

    def _undo_epoch(self, good, early_stopping):
        """Go back to what `good` holds, and note why and what to change."""
        row = self.history.pop()
        self.n_epochs -= 1
        self.samples_seen -= len(self.order)
        if not self.n_epochs:
            raise ValueError(NOT_FINITE)
        self.result().restore(good)
        finite = isfinite(row["loss"])
        what = "Parameters" if finite else "The loss"
        how = "infinite or NaN" if finite else f"{row['loss']:f}"
        kept = "best epoch before it" if early_stopping else "epoch before it"
        self.complaint = (
            f"{what} became {how} in epoch {row['epoch']}: training ends, and the"
            f" parameters of the {kept} are kept. Lower learning_rate_init (it is"
            f" {self.initial_rate:g}), set max_grad_norm, or scale X."
        )

    def judge(self, row, tol, n_iter_no_change, early_stopping=False, say=print):
        """Note what an epoch has achieved; return whether training should end."""
        if early_stopping:
            score = row["validation_score"]
            improved = score >= self.best_score + tol  # not if it is NaN
            if score > self.best_score:
                self.best_state = self.result().state()
        else:
            improved = not row["loss"] > self.best_loss - tol
        self.note_best(row)
        self.n_no_improvement = 0 if improved else self.n_no_improvement + 1
        if self.n_no_improvement <= n_iter_no_change or self.schedule.planned:
            return False
        what = "Validation score" if early_stopping else "Training loss"
        why = (
            f"{what} did not improve more than tol={tol:f} for"
            f" {n_iter_no_change} consecutive epochs."
        )
        if not isinstance(self.schedule, Adaptive):
            say(f"{why} Stopping.")
            return True
        if self.learning_rate <= self.schedule.smallest_rate:
            say(f"{why} Learning rate too small. Stopping.")
            return True
        self.learning_rate /= self.schedule.divisor
        say(f"{why} Setting learning rate to {self.learning_rate:f}")
        self.n_no_improvement = 0
        return False

    def state(self, copy=np.copy):
        """Return all that training changes, see :meth:`Trainer.state`."""
        averaged, dropout_rng = self.averaged, self.dropout_rng
        order = getattr(self, "order", None) if self.shuffle else None
        if order is not None:  # in as few bytes as hold it
            order = order.astype(np.min_scalar_type(order.max()))
        return {
            **super().state(copy),
            "averaged": averaged and averaged.state(copy),
            "optimizer": {k: copy(v) for k, v in self.optimizer.state.items()},
            "n_steps": self.optimizer.n_steps,
            "order": order,
            "rng": self.rng.get_state(legacy=False),
            "dropout_rng": dropout_rng and dropout_rng.bit_generator.state,
        }

    def restore(self, state):
        """Go back, or forward, to what :meth:`state` returned."""
        super().restore(state)
        for name, vector in state["optimizer"].items():
            self.optimizer.state[name][:] = vector
        self.optimizer.n_steps = state["n_steps"]
        self.rng.set_state(state["rng"])
        if state["averaged"] is None:
            self.averaged = None
        else:
            self.averaged = self.averaged or self.network.copy()
            self.averaged.restore(state["averaged"])
        if state["order"] is not None:
            self.order[:] = state["order"]
        if state["dropout_rng"] is None:
            self.dropout_rng = None
        else:
            self.dropout_rng.bit_generator.state = state["dropout_rng"]

    def __setstate__(self, state):
        vars(self).update(state)
        self._bind_optimizer()
