"""Training: mini-batches, epochs, stopping and the history. Knows no estimator."""

from copy import deepcopy
from math import ceil, inf, isfinite, sqrt
from time import perf_counter

import numpy as np
from scipy.optimize import OptimizeResult, minimize
from sklearn.exceptions import ConvergenceWarning

from skdnn.nn import BatchNorm, Dropout
from skdnn.nn.optimizers import clip_by_global_norm
from skdnn.nn.schedules import Adaptive
from skdnn.user_warnings import warn_user

# What `Trainer.load` sets.
DATA = {"X", "targets", "sample_weight", "order", "in_order", "full", "last"}
# What batch normalization's statistics are averaged over when training ends: this part
# of the samples seen in training, or so many samples if that is fewer. The rows are
# only carried forward, which takes a third of the time of a step: 1 % of training.
AVERAGED_PART = 0.03
AVERAGED_ROWS = 4096
INTERRUPTED = "Training interrupted by user."
NOT_FINITE = (  # scikit-learn's words
    "Solver produced non-finite parameter weights. The input data may"
    " contain large values and need to be preprocessed."
)


class MiniBatch:
    """A workspace of the network with room for its input and targets.

    Parameters
    ----------
    network : Network
    n_rows : int
    X : {ndarray, sparse array} of shape (n_samples, n_features)
        What rows will be taken from.
    rng : numpy.random.Generator, default=None
        Where dropout draws from.
    label_smoothing : float, default=0.0
        See :class:`Trainer`.
    like : MiniBatch, default=None
        One for as many rows or more, whose memory to share.
    **options
        See :class:`~skdnn.nn.network.Workspace`.
    """

    def __init__(
        self, network, n_rows, X, rng=None, label_smoothing=0.0, like=None, **options
    ):
        self.workspace = network.workspace(
            n_rows, rng=rng, like=None if like is None else like.workspace, **options
        )
        self.rows = np.arange(n_rows)
        self.dtype = network.dtype
        self.label_smoothing = label_smoothing
        if like is None:
            self.Y = np.empty((n_rows, network.widths[-1]), self.dtype)
            if isinstance(X, np.ndarray):
                self.X = np.empty((n_rows, X.shape[1]), self.dtype)
                cast = X.dtype != self.dtype
                self.raw = np.empty(self.X.shape, X.dtype) if cast else None
        else:
            self.Y = like.Y[:n_rows]
            if isinstance(X, np.ndarray):
                self.X = like.X[:n_rows]
                self.raw = None if like.raw is None else like.raw[:n_rows]

    def gather(self, X, index):
        """Return the rows `index` of X (a slice or an array) in the network's dtype."""
        if not isinstance(X, np.ndarray):
            batch = X[index]
            return batch if batch.dtype == self.dtype else batch.astype(self.dtype)
        if isinstance(index, slice):
            batch = X[index]
            if batch.dtype == self.dtype:
                return batch
        else:
            # mode="clip" lets take write to `out` directly; no index is out of range.
            out = self.X if self.raw is None else self.raw
            batch = X.take(index, axis=0, out=out, mode="clip")
            if self.raw is None:
                return batch
        np.copyto(self.X, batch)
        return self.X

    def encode(self, targets):
        """Return targets as rows that the loss takes: one-hot, or 0 and 1; smoothed."""
        smoothing = self.label_smoothing
        if targets.ndim == 1:
            share = smoothing / self.Y.shape[1]
            self.Y[...] = share
            self.Y[self.rows, targets] = 1 - smoothing + share
        else:
            self.Y[...] = targets
            if smoothing:
                self.Y *= 1 - smoothing
                self.Y += smoothing / 2
        return self.Y


class Trainer:
    """What all ways to train a network share: the data, the objective, the history.

    Parameters
    ----------
    network : Network
        Trained in place.
    loss : object
        See :mod:`skdnn.nn.losses`.
    max_epochs : int
        How many epochs :meth:`fit` runs at most.
    alpha : float, default=0.0
        Strength of the L2 penalty: ``alpha / (2 m) * sum(weights ** 2)`` is added to
        the loss of a mini-batch of m samples (or of total weight m).
    label_smoothing : float, default=0.0
        The part of each target that is spread evenly over all outcomes.
    history : list of dict, default=()
        Rows of earlier training, to go on from.
    samples_seen : int, default=0
        The number of samples seen in it.
    best_loss : float, default=inf
        The smallest training loss in it.

    Attributes
    ----------
    history : list of dict
        A row an epoch.
    n_epochs : int
        The number of epochs run by this trainer.
    samples_seen : int
        The number of samples trained on.
    best_loss, best_score : float
        The smallest training loss and the largest validation score so far.
    best_state : tuple or None
        The network's state in the best epoch, if training is to go back to it.
    ended : bool
        Whether training ended before `max_epochs`, other than by Ctrl-C.
    """

    kept = ("best_loss", "best_score", "best_state", "ended", "n_epochs")
    kept += ("samples_seen",)  # of the attributes, by `state`

    def __init__(
        self,
        network,
        loss,
        *,
        max_epochs,
        alpha=0.0,
        label_smoothing=0.0,
        history=(),
        samples_seen=0,
        best_loss=inf,
    ):
        self.network = network
        self.loss = loss
        self.max_epochs = max_epochs
        self.alpha = alpha
        self.label_smoothing = label_smoothing
        self.history = list(history)
        self.samples_seen = samples_seen
        self.n_epochs = 0
        self.has_warned = False  # of a score that is not a number
        self.best_loss, self.best_score = best_loss, -inf
        self.best_state = None
        self.ended = False

    @property
    def finished(self):
        """Whether :meth:`fit` has nothing left to do."""
        return self.ended or self.n_epochs >= self.max_epochs

    def load(self, X, targets, sample_weight=None, rows=None):
        """Take the data to train on, and allocate what a mini-batch needs.

        Parameters
        ----------
        X : {ndarray, sparse array} of shape (n_samples, n_features)
            Of any numeric dtype: rows are cast as they are gathered.
        targets : ndarray of shape (n_samples,) or (n_samples, n_outputs)
            Indices of classes, or 0 and 1 for each output.
        sample_weight : ndarray of shape (n_samples,), default=None
        rows : ndarray of int, default=None
            The rows of X to train on, all by default.
        """
        self.X, self.targets, self.sample_weight = X, targets, sample_weight
        self.order = np.arange(X.shape[0]) if rows is None else rows.copy()
        self._allocate(all_rows=rows is None)

    def unload(self):
        """Let go of the data and of the buffers."""
        for name in DATA:
            vars(self).pop(name, None)

    def _allocate(self, all_rows):
        raise NotImplementedError

    def result(self):
        """Return the network to predict with."""
        return self.network

    def snapshot(self):
        """Return a copy of the network as training would leave it if it ended now."""
        network = self.result().copy()
        if self.best_state is not None:
            network.restore(self.best_state)
        return network

    def state(self, copy=np.copy):
        """Return all that training changes, for :meth:`restore`.

        Parameters
        ----------
        copy : callable, default=np.copy
            ``np.asarray`` gives the arrays themselves, to be written somewhere at once.
        """
        return {
            "network": self.network.state(copy),
            "history": self.history,  # which only grows
            "n_rows": len(self.history),
            **{name: getattr(self, name) for name in self.kept},
        }

    def restore(self, state):
        """Go back, or forward, to what :meth:`state` returned."""
        self.network.restore(state["network"])
        self.history[:] = state["history"][: state["n_rows"]]
        for name in self.kept:
            setattr(self, name, state[name])

    def objective(self, batch, index, walk=()):
        """Compute loss and gradient on the rows `index`.

        `walk` is the optimizer's, if it can step at once: see
        :meth:`~skdnn.nn.Network.penalize`.

        Returns
        -------
        loss : float
            The penalty included.
        score : float
            The share of the samples, by weight, that the network had right.
        total_weight : float
        squared_norms : list of float
            Of each layer's gradient.
        """
        network, workspace = self.network, batch.workspace
        total_weight = self._weigh(batch, index)
        if total_weight == 0:  # nothing to learn from
            network.gradients[:] = 0
            return 0.0, 0.0, 0.0, np.zeros(len(network.parameter_layers))
        X = batch.gather(self.X, index)
        targets = self.targets[index]
        loss = network.backpropagate(X, batch.encode(targets), self.loss, workspace)
        hits = self.loss.hits(workspace.logits, targets)
        if self.sample_weight is None:
            score = np.count_nonzero(hits) / workspace.n_rows
        else:
            score = float(workspace.row_weights @ hits)
        penalty, squared_norms = network.penalize(self.alpha / total_weight, walk)
        return loss + penalty, score, total_weight, squared_norms

    def _weigh(self, batch, index):
        """Give the mini-batch the weights of its rows; return the sum of these."""
        if self.sample_weight is None:
            return float(batch.workspace.n_rows)
        weights = self.sample_weight[index]
        total_weight = float(weights.sum())
        if total_weight:
            np.divide(weights, total_weight, out=batch.workspace.row_weights)
        return total_weight

    def record(self, start_time, loss, score, squared_norms, **further):
        """Append a row to the history, and return it."""
        layers, norms = self.network.parameter_layers, np.sqrt(squared_norms).tolist()
        row = {
            "epoch": len(self.history) + 1,
            "loss": loss,
            "score": score,
            **further,
            "gradient_norm": dict(zip(layers, norms, strict=True)),
            "seconds": perf_counter() - start_time,
        }
        self.history.append(row)
        self.n_epochs += 1
        return row

    def evaluate(self, validate, row):
        """Add the validation loss and score to a row of the history.

        A score that is not a number is an error in the first epoch, when nothing is
        lost yet. Later there is one warning, and the epoch can't be the best.
        """
        start_time = perf_counter()
        row["validation_loss"], row["validation_score"], complaint = validate()
        row["seconds"] += perf_counter() - start_time
        if complaint and self.n_epochs == 1:
            raise ValueError(complaint)
        if complaint and not self.has_warned:
            self.has_warned = True
            warn_user(
                f"Epoch {row['epoch']} can't be the best, nor can others of which the"
                f" same is true: {complaint}"
            )

    def note_best(self, row):
        """Keep the smallest loss and the largest score."""
        self.best_loss = min(self.best_loss, row["loss"])
        score = row.get("validation_score", -inf)
        if score > self.best_score:  # not if it is NaN
            self.best_score = score

    def __getstate__(self):
        # The data is not the trainer's, and buffers can be rebuilt: see `load`.
        return {name: value for name, value in vars(self).items() if name not in DATA}


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
        self.complaint = None  # about numbers that were not finite
        optimizer.start(network.parameters, network.gradients, network.n_weights)

    def _allocate(self, all_rows):
        layers = self.network.layers
        if self.ema_decay is None:
            self.averaged = None
        elif self.averaged is None:
            self.averaged = self.network.copy()
        if self.dropout_rng is None and any(isinstance(x, Dropout) for x in layers):
            self.dropout_rng = np.random.default_rng(self.rng.randint(2**31))
        self.in_order = all_rows and not self.shuffle
        n_samples = len(self.order)
        size = self._size_of_mini_batches(n_samples)
        if size == 1 and any(isinstance(x, BatchNorm) for x in layers):
            raise ValueError(
                "Batch normalization needs mini-batches of at least 2 samples, got"
                f" batch_size={self.batch_size!r} with {n_samples} samples."
            )
        settings = self.X, self.dropout_rng, self.label_smoothing
        self.full = self.last = MiniBatch(self.network, size, *settings)
        if n_samples % size:
            rest = n_samples % size
            self.last = MiniBatch(self.network, rest, *settings, like=self.full)

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
            "epoch", "loss", "score" (the accuracy on each mini-batch before its step),
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
                    batches[m] = MiniBatch(network, m, self.X, **options)
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


class LBFGS(Trainer):
    """L-BFGS on the loss over all samples at once, through SciPy.

    A row of the history is an iteration. SciPy works in float64; the network computes
    loss and gradient in its own dtype.

    Parameters
    ----------
    network, loss
        See :class:`Trainer`.
    max_fun : int
        The largest number of evaluations of the loss.
    **settings
        See :class:`Trainer`.

    References
    ----------
    Liu and Nocedal (1989), "On the limited memory BFGS method for large scale
    optimization"; Byrd, Lu, Nocedal and Zhu (1995), the bounded version in SciPy.
    """

    kept = (*Trainer.kept, "outcome")

    def __init__(self, network, loss, *, max_fun, **settings):
        super().__init__(network, loss, **settings)
        self.max_fun = max_fun
        self.outcome = None

    def _allocate(self, all_rows):
        smoothing = self.label_smoothing
        self.full = MiniBatch(
            self.network, len(self.order), self.X, label_smoothing=smoothing
        )
        self.in_order = all_rows

    def fit(
        self,
        *,
        tol,
        validate=None,
        verbose=False,
        on_epoch_begin=lambda: None,
        on_epoch_end=lambda row: False,
        save=lambda: None,
    ):
        """Minimize the loss until no element of its gradient is larger than `tol`.

        Parameters
        ----------
        tol : float
        validate, verbose, on_epoch_begin, on_epoch_end
            See :meth:`GradientDescent.fit`; an epoch is an iteration here. Where the
            last one that began came to nothing, it ends without a row, with None.
        save : callable
            Called in the end, but not after Ctrl-C: SciPy can't go on in the middle.

        Returns
        -------
        result : scipy.optimize.OptimizeResult or None
            "status", "message" and "nit"; None if Ctrl-C or `on_epoch_end` ended
            training.

        Raises
        ------
        ValueError
            If the loss is not finite to begin with. (SciPy takes no step to where it is
            not, and says that it has not converged.)
        """
        if self.ended:
            return self.outcome and OptimizeResult(self.outcome)
        network, start_time = self.network, perf_counter()
        index = slice(None) if self.in_order else self.order
        accepted = network.parameters.copy()
        latest, in_epoch = None, False

        def loss_and_gradient(parameters):
            nonlocal latest, in_epoch
            if not in_epoch and self.n_epochs < self.max_epochs:
                in_epoch = True
                on_epoch_begin()
            network.parameters[:] = parameters
            # Running averages restart: they become the statistics of all samples.
            network.reset_statistics()
            latest = self.objective(self.full, index)
            return latest[0], network.gradients.astype(np.float64)

        def on_iteration(intermediate_result):
            nonlocal start_time, in_epoch
            accepted[:] = network.parameters[:] = intermediate_result.x
            _, score, _, squared_norms = latest
            loss = float(intermediate_result.fun)
            row = self.record(start_time, loss, score, squared_norms)
            if verbose:
                print(f"Iteration {self.n_epochs}, loss = {loss:.8f}")
            if validate is not None:
                self.evaluate(validate, row)
            self.note_best(row)
            start_time, in_epoch = perf_counter(), False
            if on_epoch_end(row):
                raise StopIteration

        try:
            result = minimize(
                loss_and_gradient,
                network.parameters.astype(np.float64),
                method="L-BFGS-B",
                jac=True,
                callback=on_iteration,
                options={
                    "maxfun": self.max_fun,
                    "maxiter": self.max_epochs,
                    "gtol": tol,
                },
            )
            accepted[:] = result.x
        except KeyboardInterrupt:
            warn_user(INTERRUPTED)
            result = None
        if in_epoch:  # an iteration that came to nothing
            on_epoch_end(None)
        in_epoch = True
        if not isfinite(loss_and_gradient(accepted)[0]):
            raise ValueError(NOT_FINITE)
        if result is None:
            return None
        self.ended = True
        if result.status != 99:
            self.outcome = {k: result[k] for k in ("status", "message", "nit")}
        save()
        return self.outcome and OptimizeResult(self.outcome)
