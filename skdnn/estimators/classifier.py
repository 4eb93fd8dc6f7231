"""A classifier: labels to learn, probabilities to predict."""

from numbers import Real

import numpy as np
from sklearn.base import ClassifierMixin, _fit_context
from sklearn.metrics import accuracy_score
from sklearn.utils import Bunch
from sklearn.utils._param_validation import Interval, StrOptions
from sklearn.utils.metaestimators import available_if
from sklearn.utils.multiclass import _check_partial_fit_first_call, type_of_target
from sklearn.utils.validation import check_is_fitted

from skdnn.estimators.arguments import SharedArguments
from skdnn.estimators.base import BaseMLP, has_partial_fit
from skdnn.estimators.checking import check_to_score
from skdnn.estimators.fitted import network_outputs
from skdnn.estimators.plain_arguments import reads_arguments
from skdnn.estimators.signatures import with_arguments_of
from skdnn.estimators.task.labels import Labels, check_classes
from skdnn.nn import logistic
from skdnn.nn.several import entropy, log_of_mean, mean_over_networks


# With the shared arguments and their documentation, it stands in classifier.pyi.
@with_arguments_of(SharedArguments)
class MLPClassifierDIY(ClassifierMixin, BaseMLP):
    """A feed-forward neural network, trained by gradient descent on the log-loss.

    Made to stand in for :class:`sklearn.neural_network.MLPClassifier`: an argument of
    the same name means the same and has the same default. The arithmetic is float32
    unless `dtype` says otherwise; the guide, skdnn/README.md, lists what else differs.

    The network ends in ``Dense(n_classes), Softmax()``, or, as in scikit-learn, in one
    logistic output for two classes, and in one for each label of multi-label targets.

    Parameters
    ----------
    class_weight : dict, "balanced" or None, default=None
        Weights of the classes, by label; "balanced" is inversely proportional to their
        frequency in `y`. They multiply `sample_weight`. Classes that a dictionary does
        not name have weight 1. Not for multi-label targets.

    label_smoothing : float, default=0.0
        The part of each target that is spread evenly over all classes, in [0, 1).

    Attributes
    ----------
    classes_ : ndarray of shape (n_classes,)
        The labels.
    n_outputs_ : int
        Number of outputs of the network: 1 for two classes, unless `architecture` ends
        in ``Softmax()``.
    out_activation_ : {"softmax", "logistic"}
        Activation of the output.
    oof_decision_function_ : ndarray of shape (n_samples, n_classes)
        With `resampling`: the mean of the probabilities from those networks that have
        left a sample out; NaN where none has.

    See Also
    --------
    skdnn.nn : The layers, and the network itself.

    Examples
    --------
    >>> from sklearn.datasets import load_digits
    >>> from sklearn.model_selection import train_test_split
    >>> from skdnn import MLPClassifierDIY
    >>> X, y = load_digits(return_X_y=True)
    >>> X_train, X_test, y_train, y_test = train_test_split(X / 16, y, random_state=0)
    >>> clf = MLPClassifierDIY(
    ...     (50,), batch_norm=True, learning_rate="one_cycle",
    ...     learning_rate_init=0.01, max_iter=20, random_state=0,
    ... )
    >>> clf.fit(X_train, y_train).score(X_test, y_test) > 0.95
    True
    """

    _parameter_constraints: dict = {
        "class_weight": [dict, StrOptions({"balanced"}), None],
        "label_smoothing": [Interval(Real, 0, 1, closed="left")],
    }

    # Empty: `with_arguments_of` adds the shared arguments, and sets all of them.
    def __init__(self, *, class_weight=None, label_smoothing=0.0): ...

    @available_if(has_partial_fit)
    @reads_arguments
    @_fit_context(prefer_skip_nested_validation=True)
    def partial_fit(self, X, y, sample_weight=None, classes=None):
        """Train for one epoch on a part of the data, and go on where the last call was.

        The optimizer's state, the schedule (laid out for `max_iter` calls) and the
        random numbers go on from call to call, also through pickling; parameters that
        were set in between take effect. After `fit`, training goes on from its weights
        with a new optimizer. Callbacks are not called.

        Batch normalization predicts with running averages over the last ten or so
        mini-batches, of this call and those before it: data that are gone can't be
        averaged anew, as :meth:`fit` does in the end. The averages lag behind weights
        that move fast. A learning rate that falls, as with "one_cycle" and "cosine",
        lets them catch up.

        Parameters
        ----------
        X : {array-like, sparse matrix} of shape (n_samples, n_features)
        y : array-like of shape (n_samples,) or (n_samples, n_outputs)
            Labels; not every class has to be among them.
        sample_weight : array-like of shape (n_samples,), default=None
            Weights of the samples.
        classes : array-like of shape (n_classes,), default=None
            All classes of all calls. Needed in the first call only.

        Returns
        -------
        self : MLPClassifierDIY
        """
        if self.class_weight == "balanced":
            raise ValueError(
                "class_weight='balanced' is not supported for partial_fit, which does"
                " not see all of y. Use compute_class_weight('balanced',"
                " classes=classes, y=y) of sklearn.utils.class_weight on all of y, or"
                " a large enough part, and pass the weights as class_weight."
            )

        def read_task(y, sample_weight):
            asked = None if classes is None else check_classes(classes)
            known = getattr(self, "classes_", None)
            both = asked is not None and known is not None
            if both and not np.array_equal(np.unique(asked), known):
                raise ValueError(
                    f"`classes={asked.tolist()}` is not the same as on last call to"
                    f" partial_fit, was: {known.tolist()}."
                )
            if not _check_partial_fit_first_call(self, asked):
                return self.task
            multilabel = type_of_target(y).startswith("multilabel")
            if len(self.classes_) < 2 and not multilabel:
                raise ValueError(
                    "classes must hold all classes of all calls of partial_fit, at"
                    f" least 2 classes, got {self.classes_.tolist()}."
                )
            return self._labels(multilabel)

        return self._partial_fit(X, y, sample_weight, read_task)

    def _read_task(self, y, sample_weight):
        return Labels.of(y, self.label_smoothing, self.class_weight)

    @property
    def task(self):
        """The labels of the last fit, and what is to be done with them."""
        multilabel = self.n_outputs_ > 1 and self.out_activation_ == "logistic"
        return self._labels(multilabel)

    def _labels(self, multilabel):
        return Labels(
            self.classes_, multilabel, self.label_smoothing, self.class_weight
        )

    def predict_proba(self, X):
        """Return the probability of each class.

        Parameters
        ----------
        X : {array-like, sparse matrix} of shape (n_samples, n_features)

        Returns
        -------
        P : ndarray of shape (n_samples, n_classes)
            In the order of `classes_`; in the dtype of the network.
        """
        return mean_over_networks(self._probabilities(X))

    def predict_each(self, X):
        """Return the probability of each class, for each network.

        Parameters
        ----------
        X : {array-like, sparse matrix} of shape (n_samples, n_features)

        Returns
        -------
        P : ndarray of shape (n_networks, n_samples, n_classes)
            In the order of `classes_`; without the first axis where there is but one
            network, without `resampling`.
        """
        P = self._probabilities(X)
        return P.reshape(*self.network_.axes, *P.shape[1:])

    def _probabilities(self, X):
        """Return the probabilities of all classes, of each network."""
        check_is_fitted(self)
        if self.out_activation_ == "softmax":
            return network_outputs(self, X)
        Z = self._logits(X)
        return logistic(Z, out=Z)

    def _logits(self, X):
        """Return the logits of all classes, of each network."""
        check_is_fitted(self)
        Z = network_outputs(self, X, stop=-1)
        if self.n_outputs_ == 1:  # rather than 1 - P, which loses digits of a small P
            Z = np.concatenate([-Z, Z], axis=-1)
        return Z

    def uncertainty(self, X):
        """Return how uncertain the prediction is, and why.

        The entropy of the mean of the networks' probabilities is the mean of their
        entropies, which remains where all agree that a sample is ambiguous, and the
        mutual information of label and network, which is what they disagree about, as
        they do on samples of a kind that they have not learned from.

        Parameters
        ----------
        X : {array-like, sparse matrix} of shape (n_samples, n_features)

        Returns
        -------
        uncertainty : Bunch
            In nats, each of shape (n_samples,):

            - "total": the entropy of the mean.
            - "aleatoric": the mean entropy.
            - "epistemic": the mutual information; 0 for one network.

            For multi-label targets, sums over the labels.

        References
        ----------
        Depeweg, Hernández-Lobato, Doshi-Velez and Udluft (2018), "Decomposition of
        uncertainty in Bayesian deep learning for efficient and risk-sensitive
        learning".
        """
        P = self._probabilities(X).astype(np.float64)
        if self.task.multilabel:
            P = np.stack([P, 1 - P], axis=-1)
        else:
            P = P[:, :, np.newaxis, :]
        total = entropy(P.mean(axis=0)).sum(axis=-1)
        aleatoric = entropy(P).mean(axis=0).sum(axis=-1)
        epistemic = np.maximum(total - aleatoric, 0)
        return Bunch(total=total, aleatoric=aleatoric, epistemic=epistemic)

    def predict_log_proba(self, X):
        """Return the logarithm of the probability of each class.

        Probabilities too small for the dtype still have a finite logarithm.

        Parameters
        ----------
        X : {array-like, sparse matrix} of shape (n_samples, n_features)

        Returns
        -------
        log_P : ndarray of shape (n_samples, n_classes)
            In the order of `classes_`.
        """
        Z = self._logits(X)
        loss = self.task.loss_for(self.network_)
        return log_of_mean(loss.probabilities(Z), loss.log_probabilities(Z))

    def predict(self, X):
        """Return the most probable class.

        Parameters
        ----------
        X : {array-like, sparse matrix} of shape (n_samples, n_features)

        Returns
        -------
        y : ndarray of shape (n_samples,) or (n_samples, n_classes)
            Labels; for multi-label targets an indicator matrix.
        """
        check_is_fitted(self)
        Z, task = network_outputs(self, X, stop=-1), self.task
        return task.decode(task.loss_for(self.network_).decide_together(Z))

    def _to_average(self, X):
        return self._probabilities(X)

    def score(self, X, y, sample_weight=None):
        """Return the accuracy: the share of rows whose labels are all predicted.

        Parameters
        ----------
        X : {array-like, sparse matrix} of shape (n_samples, n_features)
        y : array-like of shape (n_samples,) or (n_samples, n_classes)
            The true labels.
        sample_weight : array-like of shape (n_samples,), default=None
            Weights of the samples.

        Returns
        -------
        score : float
        """
        return super().score(X, *check_to_score(self, X, y, sample_weight))

    def _score_of(self, P, y, sample_weight):
        return accuracy_score(y, decode(self, P), sample_weight=sample_weight)

    def _oof_attributes(self, P):
        return {"oof_decision_function_": P}

    def __sklearn_tags__(self):
        tags = super().__sklearn_tags__()
        tags.classifier_tags.multi_label = True
        return tags


def decode(clf, P):
    """Return labels for the probabilities of all classes, as a classifier has them."""
    if clf.n_outputs_ == 1:
        P = P[:, 1:]
    task = clf.task
    return task.decode(task.loss_for(clf.network_).decide_by(P))
