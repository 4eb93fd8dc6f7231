"""A regressor for tables as they come."""

import numpy as np
from sklearn.base import RegressorMixin
from sklearn.utils.validation import _num_samples

from skdnn.data.door import taken_in
from skdnn.data.numeric import as_numbers
from skdnn.estimators import MLPRegressorDIY
from skdnn.estimators.signatures import with_arguments_of
from skdnn.estimators.task.numbers import r2_of
from skdnn.estimators.task.scales import absurd, describe_outliers, pulled_in
from skdnn.messages import warn_user
from skdnn.tables.base import BaseTabular
from skdnn.tables.blend import least_squares_shares


# With the shared arguments and their documentation, it stands in regressor.pyi.
@with_arguments_of(BaseTabular)
class TabularRegressorDIY(RegressorMixin, BaseTabular):
    """Networks that predict a number for each row of a table.

    It needs no preparation and no tuning: see :class:`TabularClassifierDIY`, which does
    the same for classes. The networks learn ``(y - mean) / std`` by its squared error,
    for 100 epochs at most. Values of y that are so far off that the rest would have
    next to no spread, a typing error say, or the -999 of what is missing, are named in
    a warning, and learned as if they were the farthest of the others; `oof_score_`
    counts them as they are, `feature_importances_` as they are learned.

    Attributes
    ----------
    networks_ : list of MLPRegressorDIY
        For each kind of network the ones that were trained; they take what `encoder_`
        puts out.
    oof_prediction_ : ndarray of shape (n_samples,) or (n_samples, n_targets)
        The mean of the predictions of those networks that have left a row out.

    Examples
    --------
    >>> from sklearn.datasets import load_diabetes
    >>> from skdnn import TabularRegressorDIY
    >>> X, y = load_diabetes(return_X_y=True, as_frame=True)
    >>> reg = TabularRegressorDIY(random_state=0).fit(X, y)
    >>> reg.oof_score_ > 0.4
    True
    """

    _dropout = 0.1
    _most_epochs = 100
    _left_out = "oof_prediction_"
    _from_network = ()

    _parameter_constraints: dict = {}

    # Empty: `with_arguments_of` adds the shared arguments, and sets all of them.
    def __init__(self): ...

    def _network(self, **arguments):
        return MLPRegressorDIY(standardize_target=True, **arguments)

    def _outputs_of(self, network, Z):
        return network.predict(Z)

    def _to_learn(self, y, sample_weight, Z, name="y"):
        y = taken_in(y, name)
        if y is None or _num_samples(y) != Z.shape[0]:
            return y  # of which the networks complain
        values = as_numbers(y, name)
        far = absurd(values, sample_weight)
        if not far.any():
            return y
        columns = getattr(y, "columns", None)
        warn_user(
            f"{describe_outliers(values, far, sample_weight, name, columns)} Networks"
            " would follow them and miss the rest, and so take them for the farthest of"
            " the others. Correct them, or leave these rows out."
        )
        values = pulled_in(values, far)
        if columns is not None:  # names stay: those of pandas, and of polars
            names = "columns" if hasattr(y, "iloc") else "schema"
            return type(y)(values, **{names: list(columns)})
        return values.reshape(len(values), *np.shape(y)[1:])

    def _shares_for(self, network, outputs, y, sample_weight):
        return least_squares_shares(outputs, y, sample_weight)

    def _score_of(self, outputs, y, sample_weight):
        return r2_of(y, outputs, sample_weight)

    def predict(self, X):
        """Return the predicted numbers.

        Parameters
        ----------
        X : {pandas.DataFrame, polars.DataFrame, array-like} of shape (n_samples, \
                n_columns)

        Returns
        -------
        y : ndarray of shape (n_samples,) or (n_samples, n_targets)
        """
        return self._outputs(X)

    def score(self, X, y, sample_weight=None):
        """Return R², averaged over the targets, see :meth:`MLPRegressorDIY.score`.

        Parameters
        ----------
        X : {pandas.DataFrame, polars.DataFrame, array-like} of shape (n_samples, \
                n_columns)
        y : array-like of shape (n_samples,) or (n_samples, n_targets)
            The true numbers.
        sample_weight : array-like of shape (n_samples,), default=None
            Weights of the rows.

        Returns
        -------
        score : float
            At most 1; 0 is as good as the mean.
        """
        y, sample_weight = self._to_score(X, y, sample_weight)
        return self._score_of(self.predict(X), y, sample_weight)
