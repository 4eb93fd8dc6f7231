"""L-BFGS, on all samples at once."""

from math import isfinite
from time import perf_counter

import numpy as np
from scipy.optimize import OptimizeResult, minimize
from sklearn.exceptions import ConvergenceWarning

from skdnn.messages.user_warnings import warn_user
from skdnn.training.mini_batch import MiniBatch
from skdnn.training.schema import FLAG, NUMBER, TEXT, Check, whole
from skdnn.training.trainer import INTERRUPTED, NOT_FINITE, Trainer

# A fit that ends after so few iterations, with so much of the gradient that it began
# with, has not converged: rounding has hidden from SciPy what its steps improve.
FEW_ITERATIONS = 5
MUCH_GRADIENT = 0.5


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

    def __init__(self, network, loss, *, max_fun, **settings):
        super().__init__(network, loss, **settings)
        self.max_fun = max_fun
        self.outcome = None

    def fields(self):
        """See :meth:`Trainer.fields`; only a fit that is finished has a state."""
        return {
            **super().fields(),
            "ended": Check("true", lambda value: value is True),
            "outcome": {
                "status": whole(0, 99),
                "message": TEXT,
                "nit": whole(0, self.max_epochs),
                "stuck": FLAG,
                "loss": NUMBER,
                "goes_on": FLAG,
            },
        }

    def _allocate(self, all_rows):
        self.full = MiniBatch(self.network, len(self.order), self.X, self.loss)
        self.in_order = all_rows

    def _nothing(self):
        """Return the objective on rows that weigh nothing."""
        self.network.gradients[...] = 0
        return 0.0, 0.0, 0.0, [0.0] * len(self.network.parameter_layers)

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
            Called in the end, but not after Ctrl-C or where `on_epoch_end` ended it:
            SciPy can't go on in the middle.

        Returns
        -------
        converged : bool
            True: where SciPy says that it has not, a ConvergenceWarning tells.

        Raises
        ------
        ValueError
            If the loss is not finite to begin with. (SciPy takes no step to where it is
            not, and says that it has not converged.)
        """
        if self.ended:
            return self._report()
        network, start_time = self.network, perf_counter()
        index = slice(None) if self.in_order else self.order
        accepted = network.parameters.copy()
        goes_on = bool(self.history)
        latest, in_epoch, first_slope = None, False, None

        def loss_and_gradient(parameters):
            nonlocal latest, in_epoch, first_slope
            if not in_epoch and self.n_epochs < self.max_epochs:
                in_epoch = True
                on_epoch_begin()
            network.parameters[:] = parameters
            # Running averages restart: they become the statistics of all samples.
            network.reset_statistics()
            with np.errstate(all="ignore"):  # a trial step may go much too far
                latest = self.objective(self.full, index) or self._nothing()
            gradient = network.gradients.astype(np.float64)
            if first_slope is None:
                first_slope = np.abs(gradient).max(initial=0)
            return float(latest[0]), gradient

        def on_iteration(intermediate_result):
            nonlocal start_time, in_epoch
            accepted[:] = network.parameters[:] = intermediate_result.x
            _, score, _, squared_norms = latest
            loss = float(intermediate_result.fun)
            seconds = perf_counter() - start_time
            row = self.record(seconds, loss, float(score), squared_norms)
            if verbose:
                print(f"Iteration {self.n_epochs}, loss = {loss:.8f}")
            if validate is not None:
                self.evaluate(validate, row)
            self.note_best(row)
            start_time, in_epoch = perf_counter(), False
            self.was_stopped = bool(on_epoch_end(row))

        def callback(intermediate_result):
            try:
                on_iteration(intermediate_result)
            except StopIteration as error:  # SciPy would take it for an end in order
                raise RuntimeError(f"iteration {self.n_epochs} failed") from error
            if self.was_stopped:
                raise StopIteration

        try:
            result = minimize(
                loss_and_gradient,
                network.parameters.astype(np.float64),
                method="L-BFGS-B",
                jac=True,
                callback=callback,
                options={
                    "maxfun": self.max_fun,
                    "maxiter": self.max_epochs,
                    "gtol": tol,
                },
            )
            accepted[:] = result.x
        except KeyboardInterrupt:
            warn_user(INTERRUPTED)
            self.was_interrupted = True
            self.forget_unfinished(validate)
            result = None
        if in_epoch:  # an iteration that came to nothing
            on_epoch_end(None)
        in_epoch = True
        if not isfinite(loss_and_gradient(accepted)[0]):
            raise ValueError(NOT_FINITE)
        if result is None:
            return True
        if self.was_stopped:
            return True
        self.ended = True
        self.outcome = {k: result[k] for k in ("status", "message", "nit")}
        # SciPy calls it converged where no step lowers the loss. That is true where
        # the gradient has become small, and on the kink of an absolute error, which
        # takes dozens of iterations; a fit that goes on may begin there.
        slope = np.abs(result.jac).max(initial=0)
        self.outcome["stuck"] = bool(
            result.status == 0
            and not goes_on
            and result.nit <= FEW_ITERATIONS
            and slope > max(tol, MUCH_GRADIENT * first_slope)
        )
        self.outcome["loss"] = float(result.fun)
        self.outcome["goes_on"] = goes_on
        save()
        return self._report()

    @property
    def is_stuck(self):
        """Whether rounding has ended it."""
        return self.outcome is not None and self.outcome["stuck"]

    def _report(self):
        """Warn where the outcome is no convergence."""
        outcome = OptimizeResult(self.outcome)
        if outcome.status != 0:
            warn_user(self._describe_failure(outcome), ConvergenceWarning)
        if self.is_stuck:
            warn_user(self._describe_stuck(outcome), ConvergenceWarning)
        return True

    def _describe_failure(self, outcome):
        """Return what scikit-learn says, at a line of its own caller."""
        cure = ""
        if outcome.nit == self.max_epochs:
            cure = (
                "\nIncrease the number of iterations to improve the convergence"
                f" (max_iter={self.max_epochs})."
            )
            if outcome.goes_on:
                cure += (
                    " With warm_start=True, each fit begins without what the steps of"
                    " the one before have told of the curvature: many short fits come"
                    " less far than a long one."
                )
        return (
            f"lbfgs failed to converge after {outcome.nit} iteration(s)"
            f" (status={outcome.status}):\n{outcome.message}\n{cure}"
            "\nYou might also want to scale the data as shown in:\n"
            "    https://scikit-learn.org/stable/modules/preprocessing.html"
        )

    def _describe_stuck(self, outcome):
        dtype = self.network.dtype
        exact = "" if dtype == np.float64 else ", or set dtype='float64'"
        return (
            f"lbfgs ended in iteration {outcome.nit} with a gradient as large as it"
            f" began with: what its steps change in a loss of {outcome.loss:.3g} gets"
            f" lost in {dtype}, and hardly anything was learned. Numbers to predict"
            " should be of size 1: set standardize_target=True, or for loss='poisson'"
            f" divide y by its mean. Scale X as well{exact}."
        )
