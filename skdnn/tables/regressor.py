"""A regressor for tables as they come."""

from sklearn.base import RegressorMixin
from sklearn.metrics import r2_score

from skdnn.estimators import MLPRegressorDIY
from skdnn.tables.base import BaseTabular
from skdnn.tables.blend import least_squares_shares


class TabularRegressorDIY(RegressorMixin, BaseTabular):
    """Networks that predict a number for each row of a table.

    It needs no preparation and no tuning: see :class:`TabularClassifierDIY`, which does
    the same for classes. The networks learn ``(y - mean) / std`` by its squared error,
    for 100 epochs at most.

    Parameters
    ----------
    hidden_layer_sizes, max_iter, n_networks, categorical_features, importances, \
            n_jobs, random_state, verbose, checkpoint_dir
        See :class:`TabularClassifierDIY`.

    Attributes
    ----------
    encoder_ : TableEncoder
        What makes numbers of the columns.
    networks_ : list of MLPRegressorDIY
        For each kind of network the ones that were trained; they take what `encoder_`
        puts out.
    shares_ : ndarray of shape (n_kinds,)
        The share of each of them in the mean.
    oof_prediction_ : ndarray of shape (n_samples,) or (n_samples, n_targets)
        The mean of the predictions of those networks that have left a row out.
    oof_score_ : float
        Their R², a little too good, as that of :class:`TabularClassifierDIY`.
    feature_importances_, feature_importances_std_ : ndarray of shape (n_columns,)
        With `importances`: by how much that R² falls when the values of a column are
        dealt out to other rows; mean and standard deviation over three times.
    n_iter_ : int
        Number of epochs.
    n_features_in_ : int
        Number of columns.
    feature_names_in_ : ndarray of shape (n_features_in_,)
        Their names, where they are all strings.

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

    def __init__(
        self,
        hidden_layer_sizes=(256, 256),
        *,
        max_iter="auto",
        n_networks=4,
        categorical_features="from_dtype",
        importances=False,
        n_jobs=None,
        random_state=None,
        verbose=False,
        checkpoint_dir=None,
    ):
        self.hidden_layer_sizes = hidden_layer_sizes
        self.max_iter = max_iter
        self.n_networks = n_networks
        self.categorical_features = categorical_features
        self.importances = importances
        self.n_jobs = n_jobs
        self.random_state = random_state
        self.verbose = verbose
        self.checkpoint_dir = checkpoint_dir

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
