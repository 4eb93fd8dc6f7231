"""A regressor for tables as they come."""

from sklearn.base import RegressorMixin
from sklearn.metrics import r2_score

from skdnn.estimators import MLPRegressorDIY
from skdnn.estimators.arguments import with_arguments_of
from skdnn.tables.base import BaseTabular
from skdnn.tables.blend import least_squares_shares


@with_arguments_of(BaseTabular)
class TabularRegressorDIY(RegressorMixin, BaseTabular):
    """Networks that predict a number for each row of a table.

    It needs no preparation and no tuning: see :class:`TabularClassifierDIY`, which does
    the same for classes. The networks learn ``(y - mean) / std`` by its squared error,
    for 100 epochs at most.

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

    def _shares_for(self, network, outputs, y, sample_weight):
        return least_squares_shares(outputs, y, sample_weight)

    def _score_of(self, outputs, y, sample_weight):
        return r2_score(y, outputs, sample_weight=sample_weight)

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
        """Return R², averaged over the targets.

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
            At most 1.
        """
        return super().score(X, *self._to_score(X, y, sample_weight))
