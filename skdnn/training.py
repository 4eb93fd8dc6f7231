"""Training: mini-batches, epochs, stopping and the history. Knows no estimator."""

import warnings
from math import inf, sqrt
from time import perf_counter

import numpy as np

from skdnn.nn.optimizers import clip_by_global_norm
from skdnn.nn.schedules import Adaptive


class MiniBatch:
    """A workspace of the network with room for its input and targets.

    Parameters
    ----------
    network : Network
    n_rows : int
    X : {ndarray, sparse array} of shape (n_samples, n_features)
        What rows will be taken from.
    rng : numpy.random.Generator
        Where dropout draws from.
    like : MiniBatch, default=None
        One for more rows, whose memory to share.
    """

    def __init__(self, network, n_rows, X, rng, like=None):
        self.workspace = network.workspace(
            n_rows, rng=rng, like=None if like is None else like.workspace
        )
        self.rows = np.arange(n_rows)
        self.dtype = network.dtype
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

    def encode(self, targets, index):
        """Return the targets of the rows `index`: one-hot, or each output's 0 or 1."""
        if targets.ndim == 1:
            self.Y[...] = 0
            self.Y[self.rows, targets[index]] = 1
        else:
            self.Y[...] = targets[index]
        return self.Y


class Trainer:
    """Mini-batch gradient descent on a network, epoch by epoch.

    Parameters
    ----------
    network : Network
        Trained in place.
    loss : object
        See :mod:`skdnn.nn.losses`.
    optimizer : Optimizer
    schedule : object
        See :mod:`skdnn.nn.schedules`.
    learning_rate : float
        What the schedule scales.
    max_epochs : int
        How many epochs the schedule is laid out for, and :meth:`fit` runs at most.
    batch_size : int
    alpha : float, default=0.0
        Strength of the L2 penalty: ``alpha / (2 m) * sum(weights ** 2)`` is added to
        the loss of a mini-batch of m samples (or of total weight m).
    max_grad_norm : float, default=None
        The largest norm of the gradient, of all parameters together.
    shuffle : bool, default=True
        Whether each epoch takes the samples in a new order.
    rng : numpy.random.RandomState
        Where the orders and dropout's seed are drawn from.

    Attributes
    ----------
    history : list of dict
        A row an epoch.
    samples_seen : int
        The number of samples trained on.
    """

    def __init__(
        self,
        network,
        loss,
        optimizer,
        schedule,
        *,
        learning_rate,
        max_epochs,
        batch_size,
        alpha=0.0,
        max_grad_norm=None,
        shuffle=True,
        rng,
    ):
        self.network = network
        self.loss = loss
        self.optimizer = optimizer
        self.schedule = schedule
        self.learning_rate = learning_rate
        self.max_epochs = max_epochs
        self.batch_size = batch_size
        self.alpha = alpha
        self.max_grad_norm = max_grad_norm
        self.shuffle = shuffle
        self.rng = rng
        self.samples_seen = 0
        self.history = []
        optimizer.start(network.parameters, network.gradients, network.n_weights)

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
        self.in_order = rows is None and not self.shuffle
        self.order = np.arange(X.shape[0]) if rows is None else rows.copy()
        n_samples = len(self.order)
        size = min(self.batch_size, n_samples)
        dropout_rng = None
        if any(hasattr(layer, "rate") for layer in self.network.layers):
            dropout_rng = np.random.default_rng(self.rng.randint(2**31))
        self.full = MiniBatch(self.network, size, X, dropout_rng)
        self.last = self.full
        if n_samples % size:
            self.last = MiniBatch(
                self.network, n_samples % size, X, dropout_rng, like=self.full
            )

    def epoch(self):
        """Train on every sample once.

        Returns
        -------
        row : dict
            "epoch", "loss", "learning_rate" (of the last step), "gradient_norm" (by
            layer, the root mean square over the mini-batches, before clipping),
            "seconds". Also appended to ``history``.
        """
        start_time = perf_counter()
        n_samples, size = len(self.order), self.full.workspace.n_rows
        samples_total = self.max_epochs * n_samples
        rate = self.learning_rate
        if not self.schedule.per_step:
            rate *= self.schedule.factor(self.samples_seen, samples_total)
        if self.shuffle:
            self.rng.shuffle(self.order)
        sum_losses, n_steps = 0.0, 0
        sum_squared_norms = np.zeros(len(self.network.parameter_layers))
        for start in range(0, n_samples, size):
            stop = min(start + size, n_samples)
            if self.schedule.per_step:
                middle = self.samples_seen + (stop - start) / 2
                rate = self.learning_rate * self.schedule.factor(middle, samples_total)
            rows = slice(start, stop)
            index = rows if self.in_order else self.order[rows]
            batch = self.full if stop - start == size else self.last
            loss, squared_norms = self.step(batch, index, rate)
            sum_losses += loss * (stop - start)
            sum_squared_norms += squared_norms
            self.samples_seen += stop - start
            n_steps += 1
        row = {
            "epoch": len(self.history) + 1,
            "loss": sum_losses / n_samples,
            "learning_rate": rate,
            "gradient_norm": dict(
                zip(
                    self.network.parameter_layers,
                    np.sqrt(sum_squared_norms / n_steps).tolist(),
                    strict=True,
                )
            ),
            "seconds": perf_counter() - start_time,
        }
        self.history.append(row)
        return row

    def step(self, batch, index, learning_rate):
        """Train on one mini-batch.

        Returns
        -------
        loss : float
            The penalty included.
        squared_norms : list of float
            Of each layer's gradient, before clipping.
        """
        network, workspace = self.network, batch.workspace
        total_weight = workspace.n_rows
        if self.sample_weight is not None:
            weights = self.sample_weight[index]
            total_weight = weights.sum()
            if total_weight == 0:  # nothing to learn from
                return 0.0, np.zeros(len(network.parameter_layers))
            np.divide(weights, total_weight, out=workspace.row_weights)
        X = batch.gather(self.X, index)
        Y = batch.encode(self.targets, index)
        loss = network.backpropagate(X, Y, self.loss, workspace)
        if self.alpha:
            loss += network.add_penalty(self.alpha / float(total_weight))
        squared_norms = network.squared_gradient_norms()
        if self.max_grad_norm is not None:
            norm = sqrt(sum(squared_norms))
            clip_by_global_norm(network.gradients, norm, self.max_grad_norm)
        self.optimizer.step(learning_rate)
        return loss, squared_norms

    def fit(
        self,
        *,
        tol,
        n_iter_no_change,
        evaluate=None,
        early_stopping=False,
        verbose=False,
        on_epoch_begin=lambda: None,
        on_epoch_end=lambda row: False,
    ):
        """Run epochs until the loss, or the validation score, stops improving.

        Parameters
        ----------
        tol : float
            What counts as an improvement.
        n_iter_no_change : int or inf
            After more than so many epochs in a row without one, training ends, or the
            learning rate falls where the schedule is adaptive.
        evaluate : callable, default=None
            Returns the validation loss and score of the network as it is.
        early_stopping : bool, default=False
            Whether the validation score decides, and the parameters of the best epoch
            are restored in the end. Otherwise the training loss decides.
        verbose : bool, default=False
            Whether to print a line for each epoch.
        on_epoch_begin, on_epoch_end : callable
            Called around each epoch; training ends if the second returns True.

        Returns
        -------
        converged : bool
            False if the number of epochs ran out, unless the schedule is made for it.
        """
        say = print if verbose else lambda line: None
        self.best_loss, self.best_score = inf, -inf
        best, n_no_improvement = None, 0
        try:
            while len(self.history) < self.max_epochs:
                on_epoch_begin()
                row = self.epoch()
                say(f"Iteration {row['epoch']}, loss = {row['loss']:.8f}")
                if evaluate is not None:
                    start_time = perf_counter()
                    row["validation_loss"], row["validation_score"] = evaluate()
                    row["seconds"] += perf_counter() - start_time
                    say(f"Validation score: {row['validation_score']:f}")
                if early_stopping:
                    score = row["validation_score"]
                    improved = not score < self.best_score + tol
                    if score > self.best_score:
                        best = self.network.state()
                else:
                    improved = not row["loss"] > self.best_loss - tol
                self.best_loss = min(self.best_loss, row["loss"])
                self.best_score = max(
                    self.best_score, row.get("validation_score", -inf)
                )
                n_no_improvement = 0 if improved else n_no_improvement + 1
                if on_epoch_end(row):
                    return True
                if n_no_improvement > n_iter_no_change:
                    what = (
                        "Validation score" if early_stopping else "Training loss"
                    ) + (
                        f" did not improve more than tol={tol:f} for"
                        f" {n_iter_no_change} consecutive epochs."
                    )
                    if not self._lower_rate(what, say):
                        return True
                    n_no_improvement = 0
            return self.schedule.per_step  # laid out to end here
        except KeyboardInterrupt:
            warnings.warn("Training interrupted by user.", stacklevel=2)
            return True
        finally:
            if best is not None:
                self.network.restore(best)

    def _lower_rate(self, why, say):
        """Lower the learning rate, if the schedule does so; return whether it did."""
        if not isinstance(self.schedule, Adaptive):
            say(f"{why} Stopping.")
            return False
        if self.learning_rate <= self.schedule.smallest_rate:
            say(f"{why} Learning rate too small. Stopping.")
            return False
        self.learning_rate /= self.schedule.divisor
        say(f"{why} Setting learning rate to {self.learning_rate:f}")
        return True
