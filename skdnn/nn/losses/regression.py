"""The losses of regression: what is predicted is a number, or something about one."""

from math import log, pi, sqrt
from numbers import Real

import numpy as np
from scipy.special import xlogy

from skdnn.messages import as_python, check_fits, hold_number
from skdnn.nn.layers import Dense, Exp, GaussianOutput, Identity, Ordered
from skdnn.nn.losses.base import Loss, loss, over_outputs


class RegressionLoss(Loss):
    """What losses on numbers share: sums over the targets, and R² as score."""

    link = Identity()
    is_robust = False  # whether the pull of a target is bounded, however far it is

    def output_layers(self, n_targets):
        """Return the layers that a network with this loss ends in."""
        return [Dense(n_targets), self.link]

    def check_targets(self, y, name):
        """Raise an error if there are targets that the loss is not for."""

    def decide(self, Z):
        """Return the predicted numbers, of shape (..., m, n_targets)."""
        return Z

    def draw(self, Z, value, rng):
        """Return targets at random, as they would be where L has this value."""
        P = self.decide(Z)
        return P + sqrt(2 * value) * rng.standard_normal(P.shape)

    def row_scorer(self, targets, weights=None):
        """Return a function whose mean over all rows is R², averaged over the targets.

        ``R² = 1 - sum_i w_i (y_i - p_i)² / sum_i w_i (y_i - mean)²``, of those targets
        that vary.
        """
        center = mean_over_rows(targets, weights)
        spread = mean_over_rows((targets - center) ** 2, weights)
        score = explained_part(spread, vary(targets, weights))

        def row_scores(Z, targets):
            return score((self.decide(Z) - targets) ** 2)

        return row_scores

    def from_logits(self, Z, Y, r, out, scratch):
        """Return L, and write dL/dZ to `out`: the link does nothing."""
        self.gradient(Z, Y, r, out)
        return self.value(Z, Y, r)


def mean_over_rows(A, weights):
    """Return the (weighted) mean over the rows, of shape (..., 1, n)."""
    if weights is None:
        return A.mean(axis=-2, keepdims=True)
    shares = weights / weights.sum(axis=-1, keepdims=True)
    return shares[..., np.newaxis, :] @ A


def vary(targets, weights=None):
    """Return which targets differ among the rows that weigh something.

    Parameters
    ----------
    targets : ndarray of shape (..., m, n_targets)
    weights : ndarray of shape (..., m), default=None

    Returns
    -------
    varies : ndarray of bool of shape (..., 1, n_targets)
        Told by equality, as the variance of equal numbers is not 0 but rounding.
    """
    if weights is None:
        return (targets != targets[..., :1, :]).any(axis=-2, keepdims=True)
    counts = weights > 0
    first = np.argmax(counts, axis=-1)[..., np.newaxis, np.newaxis]
    differs = targets != np.take_along_axis(targets, first, axis=-2)
    return (differs & counts[..., np.newaxis]).any(axis=-2, keepdims=True)


def explained_part(spread, varies):
    """Return a function of errors: ``1 - errors / spread``, in the mean over targets.

    Of a target that does not vary nothing can be explained: it is left out. Where none
    does, the score is whether there is no error, as in scikit-learn's scores.

    Parameters
    ----------
    spread : ndarray of shape (..., 1, n)
        The mean error of the best constant.
    varies : ndarray of bool of shape (..., 1, n)
    """
    varies = varies & (spread > 0)  # squares of tiny numbers are 0
    divisor = np.where(varies, spread, 1)
    if varies.all():
        n_targets = divisor.shape[-1]
        return lambda errors: over_outputs(1 - errors / divisor) / n_targets
    counted = varies | ~varies.any(axis=-1, keepdims=True)
    shares = counted / counted.sum(axis=-1, keepdims=True)

    def score(errors):
        scores = np.where(varies, 1 - errors / divisor, errors == 0)
        return (scores * shares).sum(axis=-1)

    return score


@loss
class SquaredError(RegressionLoss):
    """Half the squared error: ``L = sum_i r_i sum_k (P_ik - Y_ik)² / 2``.

    ``dP = r (P - Y)``. Its minimum is the mean of Y, for equal P.
    """

    def value(self, P, Y, r):
        """Return L."""
        return np.vecdot(r, over_outputs(np.square(P - Y))) / 2

    def gradient(self, P, Y, r, out):
        """Write dL/dP to `out`."""
        np.subtract(P, Y, out=out)
        out *= r[..., np.newaxis]
        return out


@loss
class PoissonDeviance(RegressionLoss):
    """Half the Poisson deviance: ``L = sum_i r_i sum_k (Y log(Y / P) - Y + P)``.

    Y are counts, or rates, of at least 0, and P their positive expectations. On rates,
    ``dP = r (1 - Y / P)``; after the exponential function, ``dZ = r (P - Y)``.
    """

    link = Exp()

    def check_targets(self, y, name):
        """Raise an error if there are negative ones."""
        if y.min() < 0:
            raise ValueError(
                f"{name} must be at least 0 with the Poisson deviance, which is for"
                f" counts and rates; its smallest value is {y.min():g}. Use another"
                " loss, such as 'squared_error'."
            )

    def draw(self, Z, value, rng):
        """Return counts at random, with the predicted rates."""
        return rng.poisson(np.minimum(self.decide(Z), 1e9))

    def decide(self, Z):
        """Return the predicted rates."""
        return Exp().rates(Z, out=np.empty_like(Z))

    def value(self, P, Y, r):
        """Return L."""
        return np.vecdot(r, over_outputs(xlogy(Y, Y / P) - Y + P))

    def gradient(self, P, Y, r, out):
        """Write dL/dP to `out`."""
        np.divide(Y, P, out=out)
        np.subtract(1, out, out=out)
        out *= r[..., np.newaxis]
        return out

    def from_logits(self, Z, Y, r, out, scratch):
        """Return L of exp(Z), and write dL/dZ to `out`."""
        P = Exp().rates(Z, out=out)
        value = np.vecdot(r, over_outputs(xlogy(Y, Y) - Y * Z - Y + P))
        P -= Y
        P *= r[..., np.newaxis]
        return value


@loss
class AbsoluteError(RegressionLoss):
    """The absolute error: ``L = sum_i r_i sum_k |P_ik - Y_ik|``.

    ``dP = r sign(P - Y)``. Its minimum is the median of Y, for equal P.
    """

    is_robust = True

    def value(self, P, Y, r):
        """Return L."""
        return np.vecdot(r, over_outputs(np.abs(P - Y)))

    def gradient(self, P, Y, r, out):
        """Write dL/dP to `out`."""
        np.sign(np.subtract(P, Y, out=out), out=out)
        out *= r[..., np.newaxis]
        return out


@loss
class Huber(RegressionLoss):
    """Huber's loss: squared where errors are small, absolute where they are large.

    With e = P - Y, ``L = sum_i r_i sum_k (e² / 2 if |e| <= delta else
    delta |e| - delta² / 2)`` and ``dP = r clip(e, -delta, delta)``.

    Parameters
    ----------
    delta : float, default=1.0
        Where one turns into the other, in units of the target; greater than 0.

    References
    ----------
    Huber (1964), "Robust estimation of a location parameter".
    """

    is_robust = True
    delta: float = 1.0

    def __post_init__(self):
        hold_number(self, "delta", Real, 0, low_is_valid=False)

    def check_dtype(self, dtype):
        """Raise an error if delta is 0 or infinite in a dtype."""
        check_fits("Huber", "delta", self.delta, dtype)

    def value(self, P, Y, r):
        """Return L."""
        errors = np.abs(P - Y)
        small = np.minimum(errors, self.delta)
        return np.vecdot(r, over_outputs(small * (errors - small / 2)))

    def gradient(self, P, Y, r, out):
        """Write dL/dP to `out`."""
        np.subtract(P, Y, out=out)
        np.clip(out, -self.delta, self.delta, out=out)
        out *= r[..., np.newaxis]
        return out


@loss
class PinballLoss(RegressionLoss):
    """The pinball loss, whose minimum is a quantile, summed over the quantiles.

    ``L = sum_i r_i sum_q max(q (Y - P_q), (q - 1) (Y - P_q))`` and
    ``dP_q = r ([P_q > Y] - q)``, 0 where P is Y. P has a column for each quantile of
    the first target, then for each of the second, and so on.

    Parameters
    ----------
    quantiles : tuple of float, default=(0.5,)
        In (0, 1).

    References
    ----------
    Koenker and Bassett (1978), "Regression quantiles".
    """

    is_robust = True
    quantiles: tuple = (0.5,)

    def __post_init__(self):
        quantiles = as_python(self.quantiles, "quantiles")
        if isinstance(quantiles, list):  # which has no hash
            quantiles = tuple(quantiles)
        object.__setattr__(self, "quantiles", quantiles)
        q = np.array(quantiles)
        is_valid = q.ndim == 1 and q.size and q.dtype.kind in "fiu"
        if not is_valid or not ((q > 0) & (q < 1)).all():
            raise ValueError(
                f"quantiles must be numbers in (0, 1), got {self.quantiles!r}."
            )
        if (np.diff(q) <= 0).any():
            raise ValueError(
                f"quantiles must be in ascending order, got {self.quantiles!r}."
            )

    @property
    def is_median(self):
        """Whether it asks for nothing but the median."""
        return tuple(self.quantiles) == (0.5,)

    def output_layers(self, n_targets):
        """Return the layers that a network with this loss ends in."""
        n_quantiles = len(self.quantiles)
        ordered = [Ordered(n_quantiles)] if n_quantiles > 1 else []
        return [Dense(n_targets * n_quantiles), *ordered, self.link]

    def draw(self, Z, value, rng):
        """Return targets at random, around one of the quantiles."""
        n_quantiles = len(self.quantiles)
        return super().draw(Z[..., n_quantiles // 2 :: n_quantiles], value, rng)

    def target_width(self, n_outputs):
        """Return the number of targets: one for so many quantiles."""
        return n_outputs // len(self.quantiles)

    def _errors(self, P, Y):
        """Return Y - P, (..., m, n_targets, n_quantiles), and the quantiles."""
        P = P.reshape(*P.shape[:-1], -1, len(self.quantiles))
        return Y[..., np.newaxis] - P, np.array(self.quantiles, P.dtype)

    def losses(self, P, Y):
        """Return the loss of each prediction: (..., m, n_targets, n_quantiles)."""
        errors, q = self._errors(P, Y)
        return np.maximum(q * errors, (q - 1) * errors)

    def _each_loss(self, P, Y):
        """Return the losses, of shape (..., m, n_targets * n_quantiles)."""
        losses = self.losses(P, Y)
        return losses.reshape(*losses.shape[:-2], -1)

    def _best_constants(self, targets, weights):
        """Return the quantiles of the targets, of shape (..., 1, that of P)."""
        networks = targets.reshape(-1, *targets.shape[-2:])
        if weights is None:
            weights = [None] * len(networks)
        else:
            weights = weights.reshape(len(networks), -1)
        constants = [
            np.transpose([quantile_of(y, q, r) for q in self.quantiles]).ravel()
            for y, r in zip(networks, weights, strict=True)
        ]
        return np.array(constants).reshape(*targets.shape[:-2], 1, -1)

    def value(self, P, Y, r):
        """Return L."""
        return np.vecdot(r, over_outputs(self._each_loss(P, Y)))

    def gradient(self, P, Y, r, out):
        """Write dL/dP to `out`."""
        errors, q = self._errors(P, Y)
        slopes = np.where(errors == 0, 0, (errors < 0) - q)
        np.multiply(slopes.reshape(P.shape), r[..., np.newaxis], out=out)
        return out

    def row_scorer(self, targets, weights=None):
        """Return a function whose mean over all rows is R², or D², averaged over all.

        The median alone has R², like the absolute error, of which it is the half.
        Others have ``D² = 1 - L / L of the best constant``, for each quantile of each
        target that varies.

        References
        ----------
        Koenker and Machado (1999), "Goodness of fit and related inference processes for
        quantile regression".
        """
        if self.is_median:
            return super().row_scorer(targets, weights)
        targets = np.asarray(targets, dtype=np.float64)
        constants = self._best_constants(targets, weights)
        of_constants = mean_over_rows(self._each_loss(constants, targets), weights)
        varies = np.repeat(vary(targets, weights), len(self.quantiles), axis=-1)
        score = explained_part(of_constants, varies)

        def row_scores(Z, targets):
            return score(self._each_loss(Z, targets))

        return row_scores


def quantile_of(targets, q, weights):
    """Return a quantile of each column: no other number has a smaller pinball loss."""
    return np.quantile(targets, q, axis=0, weights=weights, method="inverted_cdf")


@loss
class GaussianLikelihood(RegressionLoss):
    """The negative logarithm of a normal density, of which mean and deviation vary.

    With mu and s from P, ``L = sum_i r_i sum_k (z² / 2 + log s + log(2 pi) / 2)``,
    z = (Y - mu) / s; ``dmu = -r z / s`` and ``ds = r (1 - z²) / s``. P holds the means
    of all targets, then their standard deviations, greater than 0.

    References
    ----------
    Nix and Weigend (1994), "Estimating the mean and variance of the target probability
    distribution".
    """

    def output_layers(self, n_targets):
        """Return the layers that a network with this loss ends in."""
        return [Dense(2 * n_targets), GaussianOutput(), self.link]

    def draw(self, Z, value, rng):
        """Return targets at random, with the predicted densities."""
        return rng.normal(*np.split(Z, 2, axis=-1))

    def target_width(self, n_outputs):
        """Return the number of targets: each has two outputs."""
        return n_outputs // 2

    def decide(self, Z):
        """Return the means."""
        return Z[..., : Z.shape[-1] // 2]

    def value(self, P, Y, r):
        """Return L."""
        mean, std = np.split(P, 2, axis=-1)
        z = (Y - mean) / std
        losses = z * z / 2 + np.log(std) + log(2 * pi) / 2
        return np.vecdot(r, over_outputs(losses))

    def gradient(self, P, Y, r, out):
        """Write dL/dP to `out`."""
        mean, std = np.split(P, 2, axis=-1)
        d_mean, d_std = np.split(out, 2, axis=-1)
        z = (Y - mean) / std
        np.divide(-z, std, out=d_mean)
        np.divide(1 - z * z, std, out=d_std)
        out *= r[..., np.newaxis]
        return out
