"""From the estimator's parameters to jobs: a network to train, and how."""

from inspect import signature

from skdnn import nn
from skdnn.estimators.building import augmentation_for, network_for, transform_stop
from skdnn.estimators.shares import set_aside
from skdnn.estimators.validation import Validation
from skdnn.messages import check_fits, plain, warn_user
from skdnn.nn.optimizers import OPTIMIZERS
from skdnn.nn.schedules import SCHEDULES
from skdnn.training import LBFGS, GradientDescent, Rules

# What mini-batches, schedules and early stopping are about.
NOT_FOR_LBFGS = {"batch_size", "learning_rate", "learning_rate_init", "power_t"}
NOT_FOR_LBFGS |= {"shuffle", "momentum", "nesterovs_momentum", "early_stopping"}
NOT_FOR_LBFGS |= {"validation_fraction", "beta_1", "beta_2", "epsilon"}
NOT_FOR_LBFGS |= {"n_iter_no_change", "max_grad_norm", "checkpoint_every"}


def job_for(estimator, data, given, share, past=None, network=None):
    """Return the job of one network of a fit, its validation included.

    Parameters
    ----------
    estimator : BaseMLP
    data : FitData
    given : FitData or None
        The validation set that was passed to `fit`.
    share : Share
    past : estimator, default=None
        What has the network of an earlier fit, of which a copy goes on.
    network : Network, default=None
        What goes on itself.
    """
    task, rows, left_out = data.task, share.rows, share.left_out
    previous = network if past is None else past.network_.copy()
    network = network_for(estimator, data.X, task, share.rng, previous)
    task.check_range(data.targets, network.dtype)
    if given is not None:
        task.check_range(given.targets, network.dtype, given.name)
    transform_stop(estimator, network)  # better known before training
    if given is None and validates(estimator):
        name = "the part of y that a network leaves out"
        if left_out is None:
            name = "the part of y that validation_fraction sets aside"
            rows, left_out = set_aside(estimator, data, share.rng)
        given = data.part(left_out, name)
    if previous is None:
        task.start(network, *data.learned(rows))
    further = {"rows": rows, "checkpoint": share.checkpoint}
    job = bare_job(estimator, network, task, share.rng, past, **further)
    if given is not None:
        job.validate = Validation(estimator, job, given)
    return job


def validates(estimator):
    """Return whether a part of the samples is set aside to validate on."""
    if estimator.solver == "lbfgs":
        return False
    return estimator.early_stopping or estimator.resampling == "folds"


def bare_job(estimator, network, task, rng, past=None, **further):
    """Return the job that the parameters ask for, which validates nothing.

    Parameters
    ----------
    estimator : BaseMLP
    network : Network
    task : Task
    rng : numpy.random.RandomState
    past : object, default=None
        What has the `history_`, `t_` and `best_loss_` of the network's earlier fit.
    **further
        Fields of the job.
    """
    # That of "adamw" is no part of the loss.
    settings = {"alpha": 0.0 if estimator.solver == "adamw" else estimator.alpha}
    if past is not None:
        settings["history"] = past.history_
        settings["samples_seen"] = past.t_
        if past.best_loss_ is not None:
            settings["best_loss"] = past.best_loss_
    settings |= further
    what = network, task.loss_for(network), rules_of(estimator)
    if estimator.solver == "lbfgs":
        _check_lbfgs(estimator, network)
        return LBFGS(*what, max_fun=estimator.max_fun, **settings)
    return GradientDescent(
        *what,
        optimizer_for(estimator, network.dtype),
        schedule_for(estimator),
        learning_rate=estimator.learning_rate_init,
        batch_size=estimator.batch_size,
        max_grad_norm=estimator.max_grad_norm,
        ema_decay=estimator.ema_decay,
        shuffle=estimator.shuffle,
        augmentation=augmentation_for(estimator),
        rng=rng,
        **settings,
    )


def optimizer_for(estimator, dtype):
    """Return the optimizer that `solver` names, for parameters of this dtype."""
    decay = estimator.learning_rate_init * estimator.alpha
    if estimator.solver == "adamw" and decay >= 1:
        raise ValueError(
            f"alpha={estimator.alpha!r} and learning_rate_init="
            f"{estimator.learning_rate_init!r}: with solver='adamw' a step multiplies"
            " the weights with 1 - learning_rate * alpha, which must be greater than 0."
            f" Set alpha below {1 / estimator.learning_rate_init:g}."
        )
    if estimator.solver in ("adam", "adamw"):
        owner = f"solver={estimator.solver!r}"
        check_fits(owner, "epsilon", estimator.epsilon, dtype)
    moments = (estimator.beta_1, estimator.beta_2, estimator.epsilon)
    arguments = {
        "sgd": (estimator.momentum, estimator.nesterovs_momentum),
        "adam": moments,
        "adamw": (estimator.alpha, *moments),
    }[estimator.solver]
    return OPTIMIZERS[estimator.solver](*arguments)


def schedule_for(estimator):
    """Return the schedule that `learning_rate` names."""
    if estimator.learning_rate == "invscaling":
        return nn.InverseScaling(estimator.power_t)
    return SCHEDULES[estimator.learning_rate]()


def rules_of(estimator):
    """Return the rules that the parameters ask for."""
    return Rules(
        max_epochs=estimator.max_iter,
        tol=estimator.tol,
        n_iter_no_change=estimator.n_iter_no_change,
        early_stopping=estimator.early_stopping,
        keeps_best=validates(estimator),
        verbose=bool(estimator.verbose),
    )


def _check_lbfgs(estimator, network):
    noise = network.find(nn.StochasticLayer)
    if noise is not None:
        raise ValueError(
            f"{noise} is not available with solver='lbfgs', which needs the same loss"
            " for the same parameters. Use 'adam', 'adamw' or 'sgd', or do without"
            " dropout, input_dropout and layers that draw random numbers."
        )
    if augmentation_for(estimator) is not None:
        raise ValueError(
            f"augmentation={estimator.augmentation!r} is not available with"
            " solver='lbfgs', which needs the same loss for the same parameters. Use"
            " 'adam', 'adamw' or 'sgd', or set augmentation=None."
        )
    if estimator.ema_decay is not None:
        raise ValueError(
            f"ema_decay={estimator.ema_decay!r} is not available with solver='lbfgs',"
            " whose last iterate is the best. Use 'adam', 'adamw' or 'sgd', or set"
            " ema_decay=None."
        )


def warn_of_ignored(estimator):
    """Warn of arguments that were set, and that the solver "lbfgs" ignores."""
    if estimator.solver != "lbfgs":  # where scikit-learn says nothing either
        return
    arguments = signature(type(estimator)).parameters
    ignored = [
        f"{name}={plain(value)!r}"
        for name, value in estimator.get_params(deep=False).items()
        if name in NOT_FOR_LBFGS and value != arguments[name].default
    ]
    if ignored:
        warn_user(
            f"solver='lbfgs' ignores {', '.join(ignored)}: it takes all samples at once"
            " and chooses its steps itself, until max_iter, max_fun or tol end them. A"
            " validation set is only recorded. Leave these arguments at their defaults,"
            " or use 'adam', 'adamw' or 'sgd'."
        )
