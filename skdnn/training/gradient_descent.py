"""Mini-batch gradient descent: schedules, stopping, averaging.

The steps themselves are those of :class:`~skdnn.training.lockstep.Lockstep`.
"""

from copy import deepcopy
from math import ceil, inf, isfinite
from types import SimpleNamespace

import numpy as np

from skdnn.messages.user_warnings import warn_user
from skdnn.nn import BatchNorm, StochasticLayer
from skdnn.nn.nodes import kind_of
from skdnn.nn.schedules import Adaptive
from skdnn.nn.vectors import may_overflow
from skdnn.training.fingerprint import fingerprint_of
from skdnn.training.lockstep import Lockstep
from skdnn.training.mini_batch import MiniBatch
from skdnn.training.schema import (
    TEXT,
    Optional,
    check_value,
    finite_like,
    generator_like,
    number,
    squares_like,
    whole,
)
from skdnn.training.together import fit_together
from skdnn.training.trainer import INTERRUPTED, NOT_FINITE, Trainer

# What batch normalization's statistics are averaged over when training ends: this part
# of the samples seen in training, or so many samples if that is fewer. The rows are
# only carried forward, which takes a third of the time of a step: 1 % of training.
AVERAGED_PART = 0.03
AVERAGED_ROWS = 4096
# Of what optimizers remember, all of it finite else: sums of squares may overflow.
SCHEMAS_OF_MOMENTS = {"v": squares_like}


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
    augmentation : callable, default=None
        Takes a mini-batch and a generator, changes it in place, and returns of what
        its rows are mixed: see :class:`skdnn.augmentation.InARow`.
    rng : numpy.random.RandomState
        Where the orders are drawn from, and the seed of noise and augmentation.
    **settings
        See :class:`Trainer`.
    """

    takes_steps = True
    judged = (*Trainer.judged, "n_no_improvement", "learning_rate", "ended")
    good = None  # what to go back to if an epoch fails
    failure = None  # the error with which augmentation failed in this one

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
        augmentation=None,
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
        self.augmentation = augmentation
        self.rng = rng
        self.averaged = self.noise_rng = None
        self.n_no_improvement = 0
        optimizer.start(network.parameters, network.gradients, network.n_weights)

    def _allocate(self, all_rows):
        if self.ema_decay is None:
            self.averaged = None
        elif self.averaged is None:
            self.averaged = self.network.copy()
        is_noisy = self.augmentation is not None or self.network.has(StochasticLayer)
        if self.noise_rng is None and is_noisy:
            self.noise_rng = np.random.default_rng(self.rng.randint(2**31))
        self.in_order = all_rows and not self.shuffle
        self.n_rows = self._size_of_mini_batches(len(self.order))
        self.lockstep = None
        # A mini-batch may then weigh nothing, and have no step.
        weights = self.sample_weight
        self.may_skip = weights is not None and not weights[self.order].all()
        if self.n_rows == 1 and self.network.has(BatchNorm):
            raise ValueError(
                "Batch normalization needs mini-batches of at least 2 samples, got"
                f" batch_size={self.batch_size!r} with {len(self.order)} samples."
            )

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
            self.bind_optimizer()
        if other.initial_rate == self.initial_rate:
            self.learning_rate = other.learning_rate
        for name in (
            "averaged",
            "best_loss",
            "noise_rng",
            "history",
            "n_epochs",
            "n_no_improvement",
            "samples_seen",
        ):
            setattr(self, name, getattr(other, name))

    def bind_optimizer(self):
        """Let the optimizer work on the network's vectors, where they are now."""
        network = self.network
        self.optimizer.bind(network.parameters, network.gradients, network.n_weights)

    def share_statistics(self):
        """Give the averaged network, if there is one, the statistics of training."""
        if self.averaged is not None:
            self.averaged.statistics[:] = self.network.statistics

    def result(self):
        """Return the network to predict with: the averaged one, with `ema_decay`."""
        return self.network if self.averaged is None else self.averaged

    def shuffle_order(self):
        """Put the samples into the order of the next epoch."""
        if self.shuffle:
            self.rng.shuffle(self.order)

    def epoch(self):
        """Train on every sample once.

        Returns
        -------
        row : dict
            "epoch", "loss", "score" (on each mini-batch, before its step),
            "learning_rate" (of the last step), "gradient_norm" (by layer, the root mean
            square over the mini-batches, before clipping), "seconds" (where several
            networks go together, an equal share). Also appended to ``history``.
        """
        if self.lockstep is None:
            self.lockstep = Lockstep([self])
        return self.lockstep.epoch()[0]

    def kind_of_steps(self):
        """Return what trainers that go together must have in common."""
        optimizer = self.optimizer
        options = self.max_grad_norm, self.ema_decay, self.sample_weight
        return (
            kind_of(self.loss),
            (type(optimizer), vars(optimizer).get("nesterov"), optimizer.n_steps),
            self.augmentation,
            (self.schedule, self.max_epochs, self.n_epochs, self.samples_seen),
            (type(self.X), self.X.dtype, self.n_rows, len(self.order)),
            [option is None for option in options],
        )

    def fit(
        self,
        *,
        on_epoch_begin=lambda: None,
        on_epoch_end=lambda row: False,
        save=lambda: None,
        **rules,
    ):
        """Run epochs until the loss, or the validation score, stops improving.

        In the end, batch normalization's statistics are averaged anew.

        Parameters
        ----------
        on_epoch_begin, on_epoch_end : callable
            Called around each epoch, the second with its row, or with None where
            Ctrl-C or numbers that are not finite ended it; training ends if that
            returns True.
        save : callable
            Called after each epoch, when :meth:`state` is that of a fit which can go
            on, or is finished.
        **rules
            See :meth:`begin`.

        Returns
        -------
        converged : bool
            False if the number of epochs ran out, unless the schedule is made for it.

        Raises
        ------
        ValueError
            If loss or parameters are not finite after the first epoch. After a later
            one, a warning says so, training ends, and the epoch before is restored.
        """
        self.begin(**rules)
        return fit_together(
            [self],
            on_epoch_begin=on_epoch_begin,
            on_epoch_end=lambda rows: on_epoch_end(rows[0] if rows else None),
            save=lambda trainer: save(),
        )

    def begin(
        self,
        *,
        tol,
        n_iter_no_change,
        validate=None,
        early_stopping=False,
        keeps_best=None,
        verbose=False,
    ):
        """Take the rules of a fit.

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
            is wrong if the score is not a number, else None. What is fatal, it raises.
        early_stopping : bool, default=False
            Whether the validation score decides; otherwise the training loss does.
        keeps_best : bool, default=None
            Whether the parameters of the epoch with the best validation score are
            restored in the end; None is the same as `early_stopping`.
        verbose : bool, default=False
            Whether to print a line for each epoch.
        """
        self.rules = SimpleNamespace(
            tol=tol,
            n_iter_no_change=n_iter_no_change,
            validate=validate,
            early_stopping=early_stopping,
            keeps_best=early_stopping if keeps_best is None else keeps_best,
            verbose=verbose,
        )
        if self.rules.keeps_best and self.history and not self.n_epochs:
            # What earlier training has reached has to be beaten.
            _, score, complaint = validate()
            if not complaint:
                self.best_score, self.best_state = score, self.result().state()
        self.good = self.result().state() if self.n_epochs else None

    def before_epoch(self):
        """Let running averages begin anew.

        They would remember other weights where an epoch has but few steps.
        """
        self.network.reset_statistics()

    def after_epoch(self, row):
        """Look at what an epoch has achieved; return whether its numbers are finite."""
        rules = self.rules
        if rules.verbose:
            print(f"Iteration {self.n_epochs}, loss = {row['loss']:.8f}")
        finite = isfinite(row["loss"]) and self.network.is_finite()
        if self.failure is not None or not finite:
            self._undo_epoch(self.good, rules.keeps_best)
            self.ended = True
            return False
        if rules.validate is not None:
            self.evaluate(rules.validate, row)
            if rules.verbose:
                print(f"Validation score: {row['validation_score']:f}")
        self.ended = self.judge(
            row,
            rules.tol,
            rules.n_iter_no_change,
            rules.early_stopping,
            rules.keeps_best,
            print if rules.verbose else lambda line: None,
        )
        self.good = None  # makes room for the next
        has_best = rules.keeps_best and self.best_state is not None
        self.good = self.best_state if has_best else self.result().state()
        return True

    def interrupted(self):
        """Leave what is there in order after Ctrl-C."""
        self.was_interrupted = True
        self.forget_unfinished(self.rules.validate)
        self.share_statistics()
        failed, self.failure = self.failure is not None, None
        if self.good is not None and (failed or not self.network.is_finite()):
            self.result().restore(self.good)

    def end(self):
        """Go back to the best epoch, if that is the rule."""
        self.good = None
        if self.best_state is not None:
            self.result().restore(self.best_state)

    def snapshot(self):
        """Return a copy of the network as training would leave it if it ended now."""
        network = super().snapshot()
        self.average_statistics(network)
        return network

    @may_overflow
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
        n_samples, size = len(self.order), self.n_rows
        n_rows = max(AVERAGED_ROWS, AVERAGED_PART * self.n_epochs * n_samples)
        n_batches = ceil(n_samples / size)
        n_chosen = min(ceil(n_rows / size), n_batches)
        chosen = np.linspace(0, n_batches - 1, n_chosen).astype(int)
        rng = deepcopy(self.noise_rng)  # so that training is none the wiser
        options = {"rng": rng, "plain_averages": True}
        full = MiniBatch(network, size, self.X, self.loss, **options)
        batches = {size: full}
        before = network.state()
        network.reset_statistics()
        try:
            for start in chosen * size:
                rows = slice(start, min(start + size, n_samples))
                index = rows if self.in_order else self.order[rows]
                m = rows.stop - start
                if m not in batches:
                    options["like"] = full
                    batches[m] = MiniBatch(network, m, self.X, self.loss, **options)
                if self.weigh(batches[m], index):
                    X = batches[m].gather(self.X, index)
                    network.forward(X, batches[m].workspace)
        except KeyboardInterrupt:
            warn_user(INTERRUPTED)
            self.was_interrupted = True
            network.restore(before)
        if not network.is_finite():  # sums that overflow
            network.restore(before)

    def _undo_epoch(self, good, keeps_best):
        """Go back to what `good` holds, and note why and what to change."""
        row = self.history.pop()
        self.n_epochs -= 1
        self.samples_seen -= len(self.order)
        remedy = (
            f"Lower learning_rate_init (it is {self.initial_rate:g}),"
            " set max_grad_norm, or scale X."
        )
        if not self.n_epochs:
            raise ValueError(f"{NOT_FINITE} {remedy}")
        self.result().restore(good)
        kept = "best epoch before it" if keeps_best else "epoch before it"
        if self.failure is not None:
            error, self.failure = self.failure, None
            self.complaint = (
                f"Augmentation failed in epoch {row['epoch']}: training ends, and the"
                f" parameters of the {kept} are kept. {type(error).__name__}: {error}"
            )
            return
        finite = isfinite(row["loss"])
        what = "Parameters" if finite else "The loss"
        how = "infinite or NaN" if finite else f"{row['loss']:f}"
        self.complaint = (
            f"{what} became {how} in epoch {row['epoch']}: training ends, and the"
            f" parameters of the {kept} are kept. {remedy}"
        )

    def judge(
        self,
        row,
        tol,
        n_iter_no_change,
        early_stopping=False,
        keeps_best=False,
        say=print,
    ):
        """Note what an epoch has achieved; return whether training should end."""
        score = row.get("validation_score", -inf)
        if keeps_best and score > self.best_score:  # not if it is NaN
            self.best_state = self.result().state()
        if early_stopping:
            has_best = self.best_score > -inf  # until then, there is nothing to beat
            improved = not has_best or score >= self.best_score + tol
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

    def fields(self):
        """See :meth:`Trainer.fields`."""
        rate = self.initial_rate
        falls = isinstance(self.schedule, Adaptive)
        return {
            **super().fields(),
            "complaint": Optional(TEXT),
            "learning_rate": number(0 if falls else rate, rate),
            "n_no_improvement": whole(0, self.max_epochs),
        }

    def parts(self):
        """See :meth:`Trainer.parts`."""
        own = self.state(np.asarray)
        averaged, noise_rng, order = own["averaged"], own["noise_rng"], own["order"]
        return {
            **super().parts(),
            "network": own["network"],
            "averaged": averaged and tuple(map(finite_like, averaged)),
            "optimizer": own["optimizer"],
            "n_steps": whole(0, 2**63),
            "order": order,
            "rng": generator_like(own["rng"]),
            "noise_rng": noise_rng and generator_like(noise_rng),
        }

    def row_schema(self, epoch, validates):
        """See :meth:`Trainer.row_schema`."""
        rate = number(0, self.initial_rate)
        return super().row_schema(epoch, validates) | {"learning_rate": rate}

    def check(self, state, **rules):
        """See :meth:`Trainer.check`."""
        super().check(state, **rules)
        n_epochs, spoiled = state["n_epochs"], state["complaint"] is not None
        n_batches = ceil(len(self.order) / self.n_rows)
        fewest = 0 if self.may_skip else n_epochs * n_batches
        most = (n_epochs + spoiled) * n_batches
        check_value(state["n_steps"], whole(fewest, most), "n_steps")
        if not spoiled or self.averaged is None:  # else an epoch may have spoiled it
            check_value(state["network"], self._like_network(), "network")
        if not spoiled:
            moments = self.optimizer.state.items()
            schemas = {k: SCHEMAS_OF_MOMENTS.get(k, finite_like)(v) for k, v in moments}
            check_value(state["optimizer"], schemas, "optimizer")
        twin = self._twin()
        twin.rng, twin.order = deepcopy(self.rng), self.order.copy()
        for _ in range(n_epochs + spoiled):
            twin.shuffle_order()
        shuffled = twin.state(np.asarray)
        for name in ("rng", "order"):
            if fingerprint_of(state[name]) != fingerprint_of(shuffled[name]):
                raise ValueError(f"{name} must be what the epochs have made of it")

    def judge_again(self, state, rows, *, tol, n_iter_no_change, early_stopping, **_):
        """See :meth:`Trainer.judge_again`."""
        rules = {"early_stopping": early_stopping, "say": lambda line: None}
        for row in rows:
            if self.ended:
                raise ValueError(f"row {row['epoch']} is of an epoch after the end")
            self.ended = self.judge(row, tol, n_iter_no_change, **rules)
        self.ended |= state["complaint"] is not None

    def state(self, copy=np.copy):
        """Return all that training changes, see :meth:`Trainer.state`."""
        averaged, noise_rng = self.averaged, self.noise_rng
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
            "noise_rng": noise_rng and noise_rng.bit_generator.state,
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
        if state["noise_rng"] is None:
            self.noise_rng = None
        else:
            self.noise_rng.bit_generator.state = state["noise_rng"]

    def __setstate__(self, state):
        vars(self).update(state)
        self.bind_optimizer()
