"""A regressor: numbers to predict."""

from inspect import signature
from numbers import Real

import numpy as np
from sklearn.base import RegressorMixin, _fit_context
from sklearn.metrics import d2_pinball_score
from sklearn.utils import Bunch
from sklearn.utils._param_validation import Interval, StrOptions
from sklearn.utils.metaestimators import available_if
from sklearn.utils.validation import check_is_fitted

from skdnn import nn
from skdnn.estimators.arguments import SharedArguments
from skdnn.estimators.base import BaseMLP, has_partial_fit
from skdnn.estimators.checking import check_to_score
from skdnn.estimators.fitted import each_network, network_outputs
from skdnn.estimators.measures import measures_of, search_that_refits, warn_of_measures
from skdnn.estimators.plain_arguments import reads_arguments
from skdnn.estimators.signatures import with_arguments_of
from skdnn.estimators.task.numbers import (
    Numbers,
    check_spread,
    comparable,
    loss_asked_by,
    r2_of,
)
from skdnn.messages import warn_user
from skdnn.nn.losses import LOSSES
from skdnn.nn.several import mean_over_networks, std_of_mixture


# With the shared arguments and their documentation, it stands in regressor.pyi.
@with_arguments_of(SharedArguments)
class MLPRegressorDIY(RegressorMixin, BaseMLP):
    """A feed-forward neural network that predicts numbers.

    Made to stand in for :class:`sklearn.neural_network.MLPRegressor`: an argument of
    the same name means the same and has the same default. The arithmetic is float32
    unless `dtype` says otherwise; the guide, skdnn/README.md, lists what else differs.

    Parameters
    ----------
    loss : {"squared_error", "poisson", "absolute_error", "huber", "quantile", \
            "gaussian"}, default="squared_error"
        What is minimized, in the mean over the samples and summed over the targets.

        - "squared_error": half the squared error; predicts the mean.
        - "poisson": half the Poisson deviance, for counts and rates; predicts their
          mean, through an exponential, so that it is always positive. A new network
          starts at the mean of `y`.
        - "absolute_error": predicts the median.
        - "huber": squared up to `delta`, absolute beyond: outliers weigh less.
        - "quantile": the pinball loss; predicts `quantile`.
        - "gaussian": the negative log-likelihood of a normal distribution; predicts its
          mean, and with ``predict(X, return_std=True)`` its standard deviation.

    delta : float, default=1.0
        For "huber": the error from which on it counts in proportion, in the units that
        the network learns: those of `y`, or with `standardize_target` its deviations,
        as quartiles tell them.

    quantile : float or array-like of float, default=0.5
        For "quantile": which one, or several in ascending order, each in (0, 1). The
        predictions of several never cross.

    standardize_target : bool, default=False
        Whether the network learns ``(y - mean) / std``, with mean and standard
        deviation of `y`, column by column and weighted by `sample_weight`; predictions
        are in the units of `y`, the losses in `history_` are not. Outliers would make
        both useless: for "absolute_error", "huber" and "quantile" they are the median
        and the distance of the quartiles, divided by 1.349, so that for a normal
        distribution it is the standard deviation. (Where the quartiles coincide, as
        where most of `y` is 0, the median distance from the median among what differs
        from it.) It helps wherever
        `y` is far from 0 or not of size 1: a target in the thousands is the most
        frequent reason why a network learns nothing. `partial_fit` takes them from its
        first call, in which no target may be constant, and `warm_start` keeps those of
        the first fit; neither can change from one value to the other. Not for
        "poisson", whose rates are learned as logarithms.

    Attributes
    ----------
    target_mean_, target_std_ : ndarray of shape (n_targets,)
        What `standardize_target` has found, for a robust loss the median and what the
        quartiles say of the deviation; 0 and 1 without it.
    standardized_target_ : bool
        The `standardize_target` of the fit.
    target_loss_ : Loss
        The loss that was minimized, a value of :mod:`skdnn.nn.losses`.
    n_outputs_ : int
        Number of outputs of the network: one for each target, with several quantiles
        as many for each, with "gaussian" two.
    out_activation_ : {"identity", "exp"}
        Activation of the output.
    oof_prediction_ : ndarray of shape (n_samples,) or (n_samples, n_targets)
        With `resampling`: the mean of what those networks predict that have left a
        sample out; NaN where none has.

    See Also
    --------
    MLPClassifierDIY : For classes.
    skdnn.nn : The layers, and the network itself.

    Examples
    --------
    >>> from sklearn.datasets import load_diabetes
    >>> from sklearn.model_selection import train_test_split
    >>> from skdnn import MLPRegressorDIY
    >>> X, y = load_diabetes(return_X_y=True)
    >>> X_train, X_test, y_train, y_test = train_test_split(X * 20, y, random_state=0)
    >>> reg = MLPRegressorDIY(
    ...     "gaussian", hidden_layer_sizes=(50,), standardize_target=True,
    ...     learning_rate="one_cycle", learning_rate_init=0.01, max_iter=20,
    ...     random_state=0,
    ... )
    >>> reg.fit(X_train, y_train).score(X_test, y_test) > 0.3
    True
    >>> mean, std = reg.predict(X_test, return_std=True)
    """

    _parameter_constraints: dict = {
        "loss": [StrOptions(set(LOSSES))],
        "delta": [Interval(Real, 0, None, closed="neither")],
        "quantile": ["array-like", Interval(Real, 0, 1, closed="neither")],
        "standardize_target": ["boolean"],
    }

    # Empty: `with_arguments_of` adds the shared arguments, and sets all of them.
    def __init__(
        self, loss="squared_error", *, delta=1.0, quantile=0.5, standardize_target=False
    ): ...

    def set_params(self, **params):
        """Set parameters, see :meth:`sklearn.base.BaseEstimator.set_params`.

        Where a search of scikit-learn sets those of its best candidate, and has chosen
        it by scores that do not compare, there is a warning.

        Parameters
        ----------
        **params : dict

        Returns
        -------
        self : MLPRegressorDIY
        """
        super().set_params(**params)
        if {"loss", "quantile"} & params.keys():
            warn_of_measures(measures_of(*search_that_refits()))
        return self

    @available_if(has_partial_fit)
    @reads_arguments
    @_fit_context(prefer_skip_nested_validation=True)
    def partial_fit(self, X, y, sample_weight=None):
        """Train for one epoch on a part of the data, and go on where the last call was.

        See :meth:`MLPClassifierDIY.partial_fit`, which does the same.

        Parameters
        ----------
        X : {array-like, sparse matrix} of shape (n_samples, n_features)
        y : array-like of shape (n_samples,) or (n_samples, n_targets)
        sample_weight : array-like of shape (n_samples,), default=None
            Weights of the samples.

        Returns
        -------
        self : MLPRegressorDIY
        """

        def read_task(y, sample_weight):
            if hasattr(self, "network_"):
                return self._continued_task()
            if self.standardize_target:
                check_spread(y, sample_weight)
            return self._read_task(y, sample_weight)

        return self._partial_fit(X, y, sample_weight, read_task)

    def _read_task(self, y, sample_weight):
        if self.standardize_target and self.loss == "poisson":
            raise ValueError(
                "standardize_target=True is not available with loss='poisson', whose"
                " rates are learned as logarithms. Set standardize_target=False."
            )
        self._warn_of_what_the_loss_ignores()
        loss, standardize = loss_asked_by(self), self.standardize_target
        task = Numbers.of(y, loss, standardize, sample_weight)
        task.warn_of_outliers(y, sample_weight)
        return task

    def _same_task(self, y, sample_weight):
        task = super()._same_task(y, sample_weight)
        task.warn_of_outliers(y, sample_weight)
        return task

    def _warn_of_what_the_loss_ignores(self):
        arguments = signature(type(self)).parameters
        for name, loss in (("delta", "huber"), ("quantile", "quantile")):
            value = getattr(self, name)
            is_set = not np.array_equal(value, arguments[name].default)
            if is_set and self.loss != loss:
                warn_user(
                    f"{name}={value!r} has no effect with loss={self.loss!r}. It is for"
                    f" loss={loss!r}."
                )

    @property
    def task(self):
        """The numbers of the last fit: their units, and the loss."""
        units = self.target_mean_, self.target_std_, self.standardized_target_
        return Numbers(self.target_loss_, *units)

    def _continued_task(self):
        before = self.standardized_target_
        if before != self.standardize_target:
            raise ValueError(
                f"standardize_target={self.standardize_target}, but training is to go"
                f" on with a network that has learned with standardize_target={before},"
                f" in other units. Set standardize_target={before}, or begin anew: with"
                " warm_start=False, or for partial_fit with a clone."
            )
        return super()._continued_task()

    def predict(self, X, return_std=False):
        """Return the predicted numbers.

        Parameters
        ----------
        X : {array-like, sparse matrix} of shape (n_samples, n_features)
        return_std : bool, default=False
            Whether to return the standard deviation of the predicted distribution too;
            for ``loss="gaussian"``.

        Returns
        -------
        y : ndarray of shape (n_samples,) or (n_samples, n_targets)
            With several quantiles there is one more axis, with one entry for each.
        std : ndarray of the shape of y
            Only with ``return_std=True``.
        """
        check_is_fitted(self)
        task = self.task
        if return_std and task.loss != nn.GaussianLikelihood():
            name = next(it for it in LOSSES if type(task.loss) is LOSSES[it])
            raise ValueError(
                "return_std=True needs loss='gaussian', which learns a standard"
                f" deviation; the loss of the fit was {name!r}."
            )
        Z = network_outputs(self, X, stop=-1)
        decisions = task.loss.decide(Z)
        y = task.decode(mean_over_networks(decisions))
        if return_std:
            std = Z[..., Z.shape[-1] // 2 :]
            return y, task.decode_std(std_of_mixture(decisions, std))
        return y

    def predict_each(self, X, return_std=False):
        """Return the predicted numbers of each network.

        Parameters
        ----------
        X : {array-like, sparse matrix} of shape (n_samples, n_features)
        return_std : bool, default=False
            See :meth:`predict`.

        Returns
        -------
        y : ndarray of shape (n_networks, n_samples, ...)
            See :meth:`predict`.
        std : ndarray of the shape of y
            Only with ``return_std=True``.
        """
        check_is_fitted(self)
        each = [alone.predict(X, return_std) for alone in each_network(self)]
        if return_std:
            return tuple(map(np.array, zip(*each, strict=True)))
        return np.array(each)

    def uncertainty(self, X):
        """Return how uncertain the prediction is, and why, as variances.

        The variance of the mixture of the networks' distributions is the mean of their
        variances, which no network can explain, and the variance of their means, which
        is what they disagree about. Without ``loss="gaussian"``, only the second is
        known.

        Parameters
        ----------
        X : {array-like, sparse matrix} of shape (n_samples, n_features)

        Returns
        -------
        uncertainty : Bunch
            In the squared units of y, each of the shape of :meth:`predict`:
            "epistemic", the variance of the means, and with ``loss="gaussian"``
            "aleatoric", the mean of the variances, and "total", their sum.

        References
        ----------
        Lakshminarayanan, Pritzel and Blundell (2017), "Simple and scalable predictive
        uncertainty estimation using deep ensembles".
        """
        check_is_fitted(self)
        if self.task.loss != nn.GaussianLikelihood():
            return Bunch(epistemic=self.predict_each(X).var(axis=0))
        means, stds = self.predict_each(X, return_std=True)
        epistemic, aleatoric = means.var(axis=0), np.square(stds).mean(axis=0)
        return Bunch(
            total=epistemic + aleatoric, aleatoric=aleatoric, epistemic=epistemic
        )

    def _to_average(self, X):
        return self.task.loss.decide(network_outputs(self, X, stop=-1))

    def _oof_attributes(self, decisions):
        return {"oof_prediction_": self.task.decode(decisions)}

    def score(self, X, y, sample_weight=None):
        """Return R², or for quantiles other than the median D², averaged over targets.

        R² whatever the loss is, so that a search over `loss` compares like with like.
        But a quantile that is right has a low R²: quantiles other than 0.5, or several,
        have D², the part of the pinball loss of the best constant that the predictions
        do without, averaged over the quantiles too, see
        :func:`sklearn.metrics.d2_pinball_score`. Scores of different quantiles do not
        compare. A target that is constant in `y` is left out, as nothing in it can be
        explained, unless all are: then the score is 0, or 1 without an error, as in
        scikit-learn.

        Parameters
        ----------
        X : {array-like, sparse matrix} of shape (n_samples, n_features)
        y : array-like of shape (n_samples,) or (n_samples, n_targets)
            The true numbers.
        sample_weight : array-like of shape (n_samples,), default=None
            Weights of the samples.

        Returns
        -------
        score : float
            At most 1; 0 is as good as the best constant.
        """
        y, sample_weight = check_to_score(self, X, y, sample_weight)
        return self._score(y, self.predict(X), sample_weight)

    def _score_of(self, decisions, y, sample_weight):
        return self._score(y, self.task.decode(decisions), sample_weight)

    def _score(self, y, predictions, sample_weight):
        loss = self.target_loss_
        if not isinstance(loss, nn.PinballLoss) or loss.is_median:
            return r2_of(y, predictions, sample_weight)
        predictions = predictions.reshape(*np.shape(y), -1)
        scores = []
        for k, q in enumerate(loss.quantiles):
            each = comparable(y, predictions[..., k], sample_weight)
            scores.append(d2_pinball_score(*each[:2], sample_weight=each[2], alpha=q))
        return float(np.mean(scores))
