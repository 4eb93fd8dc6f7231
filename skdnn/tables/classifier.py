"""A classifier for tables as they come."""

import numpy as np
from sklearn.base import ClassifierMixin
from sklearn.metrics import accuracy_score
from sklearn.utils._param_validation import StrOptions

from skdnn.estimators import MLPClassifierDIY
from skdnn.estimators.ensemble import log_of
from skdnn.estimators.target_labels import weigh
from skdnn.tables.base import BaseTabular
from skdnn.tables.blend import likelihood_shares


class TabularClassifierDIY(ClassifierMixin, BaseTabular):
    """Networks that classify the rows of a table: numbers, categories, missing values.

    It needs no preparation and no tuning. :class:`TableEncoder` makes numbers of the
    columns. Three kinds of networks learn from them: one takes numbers as they are, one
    sees them in bins as well, and one adds up what each column says by itself, which is
    best on few rows with much noise. Each network leaves out a part of the rows, keeps
    the epoch with which it does best on them, and the probabilities are means over all
    networks, weighted by kind so that they do best on rows left out.

    Parameters
    ----------
    hidden_layer_sizes : int or array-like of int, default=(256, 256)
        The number of units of each hidden layer.
    max_iter : int or "auto", default="auto"
        Number of epochs; "auto" is 60, or on more than 16,666 rows fewer, 20 at least,
        so that a network sees about a million rows.
    n_networks : int, default=4
        How many networks of each kind to train, at least 2: each leaves out one row in
        so many.
    class_weight : dict, "balanced" or None, default=None
        See :class:`~skdnn.MLPClassifierDIY`.
    categorical_features : "from_dtype", array-like of {bool, int, str}, or None, \
            default="from_dtype"
        Which columns are categories, see :class:`TableEncoder`.
    importances : bool, default=False
        Whether to measure `feature_importances_`, which costs some predictions for each
        column.
    n_jobs : int or None, default=None
        Over how many processes the networks are spread, see
        :class:`~skdnn.MLPClassifierDIY`. It does not change the result.
    random_state : int, RandomState instance or None, default=None
        Seed of everything random. With an int, two fits give the same bits.
    verbose : bool, default=False
        Whether to print the loss of each epoch.
    checkpoint_dir : str, path-like or None, default=None
        A directory in which `fit` keeps its state, so that it can go on after it was
        killed, see :class:`~skdnn.MLPClassifierDIY`.

    Attributes
    ----------
    classes_ : ndarray of shape (n_classes,)
        The labels.
    encoder_ : TableEncoder
        What makes numbers of the columns.
    networks_ : list of MLPClassifierDIY
        For each kind of network the ones that were trained; they take what `encoder_`
        puts out.
    shares_ : ndarray of shape (n_kinds,)
        The share of each of them in the mean.
    oof_decision_function_ : ndarray of shape (n_samples, n_classes)
        The mean of the probabilities from those networks that have left a row out.
    oof_score_ : float
        The accuracy that these have. The epochs that are kept and the shares were
        chosen on the same rows: it is a little too good. Neither is there if a
        validation set was given.
    feature_importances_, feature_importances_std_ : ndarray of shape (n_columns,)
        With `importances`: by how much that accuracy falls when the values of a column
        are dealt out to other rows; mean and standard deviation over three times.
    n_iter_ : int
        Number of epochs.
    n_features_in_ : int
        Number of columns.
    feature_names_in_ : ndarray of shape (n_features_in_,)
        Their names, where they are all strings.

    See Also
    --------
    TabularRegressorDIY : For numbers to predict.
    skdnn.tables.architecture : The hidden layers, for pipelines of your own.

    Examples
    --------
    >>> from skdnn import TabularClassifierDIY
    >>> X = [[20, "red"], [None, "blue"], [40, "red"], [50, "blue"]] * 10
    >>> y = ["no", "yes", "no", "yes"] * 10
    >>> clf = TabularClassifierDIY(random_state=0).fit(X, y)
    >>> clf.predict([[30, "blue"], [None, "red"]]).tolist()
    ['yes', 'no']
    """

    _parameter_constraints: dict = {
        **BaseTabular._parameter_constraints,
        "class_weight": [dict, StrOptions({"balanced"}), None],
    }
    _dropout = 0.3
    _most_epochs = 60
    _left_out = "oof_decision_function_"
    _from_network = ("classes_",)

    def __init__(
        self,
        hidden_layer_sizes=(256, 256),
        *,
        max_iter="auto",
        n_networks=4,
        class_weight=None,
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
        self.class_weight = class_weight
        self.categorical_features = categorical_features
        self.importances = importances
        self.n_jobs = n_jobs
        self.random_state = random_state
        self.verbose = verbose
        self.checkpoint_dir = checkpoint_dir

    def _network(self, **arguments):
        return MLPClassifierDIY(class_weight=self.class_weight, **arguments)

    def _outputs_of(self, network, Z):
        return network.predict_proba(Z)

    def _shares_for(self, network, outputs, y, sample_weight):
        targets = network._fitted_targets()
        encoded = targets.encode(y)
        weights = weigh(encoded, targets, self.class_weight, sample_weight)
        if targets.multilabel:
            likelihoods = [np.where(encoded, P, 1 - P).ravel() for P in outputs]
            if weights is not None:
                weights = np.repeat(weights, encoded.shape[1])
        else:
            rows = np.arange(len(encoded))
            likelihoods = [P[rows, encoded.ravel().astype(int)] for P in outputs]
        return likelihood_shares(np.array(likelihoods), weights)

    def _score_of(self, outputs, y, sample_weight):
        return accuracy_score(y, self._decode(outputs), sample_weight=sample_weight)

    def _decode(self, P):
        return self.networks_[0]._decode(P)

    def predict_proba(self, X):
        """Return the probability of each class.

        Parameters
        ----------
        X : {pandas.DataFrame, polars.DataFrame, array-like} of shape (n_samples, \
                n_columns)

        Returns
        -------
        P : ndarray of shape (n_samples, n_classes)
            In the order of `classes_`, of dtype float32.
        """
        return self._outputs(X)

    def predict_log_proba(self, X):
        """Return the logarithm of the probability of each class.

        Parameters
        ----------
        X : {pandas.DataFrame, polars.DataFrame, array-like} of shape (n_samples, \
                n_columns)

        Returns
        -------
        log_P : ndarray of shape (n_samples, n_classes)
        """
        return log_of(self.predict_proba(X))

    def predict(self, X):
        """Return the most probable class.

        Parameters
        ----------
        X : {pandas.DataFrame, polars.DataFrame, array-like} of shape (n_samples, \
                n_columns)

        Returns
        -------
        y : ndarray of shape (n_samples,) or (n_samples, n_classes)
            Labels; for multi-label targets an indicator matrix.
        """
        return self._decode(self.predict_proba(X))

    def __sklearn_tags__(self):
        tags = super().__sklearn_tags__()
        tags.classifier_tags.multi_label = True
        return tags
