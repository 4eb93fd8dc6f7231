"""A classifier for tables as they come."""

import numpy as np
from sklearn.base import ClassifierMixin
from sklearn.metrics import accuracy_score
from sklearn.utils._param_validation import StrOptions

from skdnn.estimators import MLPClassifierDIY
from skdnn.estimators.classifier import decode
from skdnn.estimators.signatures import with_arguments_of
from skdnn.nn.several import log_of
from skdnn.tables.base import BaseTabular
from skdnn.tables.blend import likelihood_shares


# With the shared arguments and their documentation, it stands in classifier.pyi.
@with_arguments_of(BaseTabular)
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
    class_weight : dict, "balanced" or None, default=None
        See :class:`~skdnn.MLPClassifierDIY`.

    Attributes
    ----------
    classes_ : ndarray of shape (n_classes,)
        The labels.
    networks_ : list of MLPClassifierDIY
        For each kind of network the ones that were trained; they take what `encoder_`
        puts out.
    oof_decision_function_ : ndarray of shape (n_samples, n_classes)
        The mean of the probabilities from those networks that have left a row out.

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
        "class_weight": [dict, StrOptions({"balanced"}), None],
    }
    _dropout = 0.3
    _most_epochs = 60
    _left_out = "oof_decision_function_"
    _from_network = ("classes_",)

    # Empty: `with_arguments_of` adds the shared arguments, and sets all of them.
    def __init__(self, *, class_weight=None): ...

    def _network(self, **arguments):
        return MLPClassifierDIY(class_weight=self.class_weight, **arguments)

    def _outputs_of(self, network, Z):
        return network.predict_proba(Z)

    def _shares_for(self, network, outputs, y, sample_weight):
        task = network.task
        targets = task.encode(y)
        weights = task.weigh(targets, sample_weight)
        if task.multilabel:
            likelihoods = [np.where(targets, P, 1 - P).ravel() for P in outputs]
            if weights is not None:
                weights = np.repeat(weights, targets.shape[1])
        else:
            rows = np.arange(len(targets))
            likelihoods = [P[rows, targets.ravel().astype(int)] for P in outputs]
        return likelihood_shares(np.array(likelihoods), weights)

    def _score_of(self, outputs, y, sample_weight):
        return accuracy_score(y, self._decode(outputs), sample_weight=sample_weight)

    def _decode(self, P):
        return decode(self.networks_[0], P)

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

    def score(self, X, y, sample_weight=None):
        """Return the accuracy: the share of rows whose labels are all predicted.

        Parameters
        ----------
        X : {pandas.DataFrame, polars.DataFrame, array-like} of shape (n_samples, \
                n_columns)
        y : array-like of shape (n_samples,) or (n_samples, n_classes)
            The true labels.
        sample_weight : array-like of shape (n_samples,), default=None
            Weights of the rows.

        Returns
        -------
        score : float
            At most 1.
        """
        return super().score(X, *self._to_score(X, y, sample_weight))

    def __sklearn_tags__(self):
        tags = super().__sklearn_tags__()
        tags.classifier_tags.multi_label = True
        return tags
