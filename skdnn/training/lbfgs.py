"""L-BFGS, on all samples at once."""

from dataclasses import KW_ONLY, dataclass
from math import isfinite
from time import perf_counter

import numpy as np
from scipy.optimize import OptimizeResult, minimize
from sklearn.exceptions import ConvergenceWarning

from skdnn.messages import warn_user
from skdnn.nn.optimizers import Optimizer
from skdnn.training.failures import INTERRUPTED, NOT_FINITE, forget_unfinished
from skdnn.training.job import Job
from skdnn.training.resume import save_if_due
from skdnn.training.rules import note_best
from skdnn.training.schema import FLAG, NUMBER, TEXT, Check, whole
from skdnn.training.state import kept
from skdnn.training.step import Stack
from skdnn.training.validate import validate

# A fit that ends after so few iterations, with so much of the gradient that it began
# with, has not converged: rounding has hidden from SciPy what its steps improve.
FEW_ITERATIONS = 5
MUCH_GRADIENT = 0.5


class NoSteps(Optimizer):
    """An optimizer that leaves the parameters as they are."""

    state = {}

    def begin(self, learning_rate):
        """Do nothing."""

    def update(self, block):
        """Do nothing."""


@dataclass(eq=False)
class LBFGS(Job):
    """L-BFGS on the loss over all samples at once, through SciPy.

    A row of the history is an iteration. Only a job that is finished has a state: SciPy
    can't go on in the middle.

    Parameters
    ----------
    network, loss, rules
        See :class:`~skdnn.training.job.Job`, for what else comes by name too.
    max_fun : int
        The largest number of evaluations of the loss.

    Attributes
    ----------
    outcome : dict or None
        What SciPy says in the end.

    References
    ----------
    Liu and Nocedal (1989), "On the limited memory BFGS method for large scale
    optimization"; Byrd, Lu, Nocedal and Zhu (1995), the bounded version in SciPy.
    """

    # There are no mini-batches, and SciPy takes the steps.
    augmentation = averaged = ema_decay = max_grad_norm = noise_rng = None
    optimizer = NoSteps()

    _: KW_ONLY
    max_fun: int
    ended: bool = kept(
        Check("true", lambda value: value is True), default=False, init=False
    )
    outcome: dict | None = kept(
        lambda job: {
            "status": whole(0, 99),
            "message": TEXT,
            "nit": whole(0, job.rules.max_epochs),
            "stuck": FLAG,
            "loss": NUMBER,
            "goes_on": FLAG,
        },
        default=None,
        init=False,
    )

    @property
    def n_rows(self):
        """Number of rows that a step is taken on: all."""
        return len(self.order)

    @property
    def is_stuck(self):
        """Whether rounding has ended it."""
        return self.outcome is not None and self.outcome["stuck"]


def minimize_loss(job, data, listener):
    """Minimize the loss until no element of its gradient is larger than `tol`.

    SciPy works in float64; the network computes loss and gradient in its own dtype.
    Where SciPy says that it has not converged, a ConvergenceWarning tells.

    Parameters
    ----------
    job : LBFGS
        Begun.
    data : Data
    listener : Listener
        An epoch is an iteration here.

    Raises
    ------
    ValueError
        If the loss is not finite to begin with. (SciPy takes no step to where it is
        not, and says that it has not converged.)
    """
    if job.ended:
        warn_of_outcome(job)
        return
    network, start_time = job.network, perf_counter()
    stack = Stack([job], data)
    index = slice(0, len(job.order)) if job.rows is None else job.order[np.newaxis]
    accepted = network.parameters.copy()
    goes_on = bool(job.history)
    latest, in_epoch, first_slope = None, False, None

    def loss_and_gradient(parameters):
        nonlocal latest, in_epoch, first_slope
        if not in_epoch and job.n_epochs < job.rules.max_epochs:
            in_epoch = True
            listener.on_epoch_begin()
        network.parameters[:] = parameters
        # Running averages restart: they become the statistics of all samples.
        network.reset_statistics()
        with np.errstate(all="ignore"):  # a trial step may go much too far
            (latest,) = stack.step(index, 0.0) or _nothing(network)
        gradient = network.gradients.astype(np.float64)
        if first_slope is None:
            first_slope = np.abs(gradient).max(initial=0)
        return latest[0], gradient

    def on_iteration(intermediate_result):
        nonlocal start_time, in_epoch
        accepted[:] = network.parameters[:] = intermediate_result.x
        _, score, _, squared_norms = latest
        loss = float(intermediate_result.fun)
        seconds = perf_counter() - start_time
        row = job.record(seconds, loss, score, squared_norms)
        job.rules.say(f"Iteration {job.n_epochs}, loss = {loss:.8f}")
        if job.validate is not None:
            validate(job, row)
        note_best(job, row)
        start_time, in_epoch = perf_counter(), False
        job.was_stopped = bool(listener.on_epoch_end([row]))

    def callback(intermediate_result):
        try:
            on_iteration(intermediate_result)
        except StopIteration as error:  # SciPy would take it for an end in order
            raise RuntimeError(f"iteration {job.n_epochs} failed") from error
        if job.was_stopped:
            raise StopIteration

    try:
        result = minimize(
            loss_and_gradient,
            network.parameters.astype(np.float64),
            method="L-BFGS-B",
            jac=True,
            callback=callback,
            options={
                "maxfun": job.max_fun,
                "maxiter": job.rules.max_epochs,
                "gtol": job.rules.tol,
            },
        )
        accepted[:] = result.x
    except KeyboardInterrupt:
        warn_user(INTERRUPTED)
        job.was_interrupted = True
        forget_unfinished(job)
        result = None
    if in_epoch:  # an iteration that came to nothing
        listener.on_epoch_end([])
    in_epoch = True
    if not isfinite(loss_and_gradient(accepted)[0]):
        raise ValueError(NOT_FINITE)
    if result is None or job.was_stopped:
        return
    job.ended = True
    # SciPy calls it converged where no step lowers the loss. That is true where the
    # gradient has become small, and on the kink of an absolute error, which takes
    # dozens of iterations; a fit that goes on may begin there.
    slope = np.abs(result.jac).max(initial=0)
    job.outcome = {
        **{k: result[k] for k in ("status", "message", "nit")},
        "stuck": bool(
            result.status == 0
            and not goes_on
            and result.nit <= FEW_ITERATIONS
            and slope > max(job.rules.tol, MUCH_GRADIENT * first_slope)
        ),
        "loss": float(result.fun),
        "goes_on": goes_on,
    }
    save_if_due(job)
    warn_of_outcome(job)


def _nothing(network):
    """Return what a step does on rows that weigh nothing."""
    network.gradients[...] = 0
    return [(0.0, 0.0, 0.0, [0.0] * len(network.parameter_layers))]


def warn_of_outcome(job):
    """Warn where the outcome is no convergence."""
    outcome = OptimizeResult(job.outcome)
    if outcome.status != 0:
        warn_user(_describe_failure(job, outcome), ConvergenceWarning)
    if job.is_stuck:
        warn_user(_describe_stuck(job, outcome), ConvergenceWarning)


def _describe_failure(job, outcome):
    """Return what scikit-learn says, at a line of its own caller."""
    cure = ""
    if outcome.nit == job.rules.max_epochs:
        cure = (
            "\nIncrease the number of iterations to improve the convergence"
            f" (max_iter={job.rules.max_epochs})."
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


def _describe_stuck(job, outcome):
    dtype = job.network.dtype
    exact = "" if dtype == np.float64 else ", or set dtype='float64'"
    return (
        f"lbfgs ended in iteration {outcome.nit} with a gradient as large as it"
        f" began with: what its steps change in a loss of {outcome.loss:.3g} gets"
        f" lost in {dtype}, and hardly anything was learned. Numbers to predict"
        " should be of size 1: set standardize_target=True, or for loss='poisson'"
        f" divide y by its mean. Scale X as well{exact}."
    )
