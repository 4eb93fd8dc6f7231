"""Labels as people write them, and as the network sees them."""

from numbers import Real

import numpy as np
from scipy.sparse import issparse
from sklearn.utils import column_or_1d
from sklearn.utils.class_weight import compute_class_weight
from sklearn.utils.multiclass import check_classification_targets, type_of_target
from sklearn.utils.validation import _check_sample_weight


class Labels:
    """The classes of a task, and the way from labels to targets and back.

    Parameters
    ----------
    classes : ndarray of shape (n_classes,)
        The labels, sorted; for multi-label targets the numbers of the columns.
    multilabel : bool, default=False
        Whether a sample has any number of labels, given as an indicator matrix.
    """

    def __init__(self, classes, multilabel=False):
        if len(classes) == 1 and not multilabel:
            raise ValueError(
                "MLPClassifierDIY needs samples of at least 2 classes in y, but y"
                f" contains only one class: {classes[0]!r}."
            )
        self.classes = classes
        self.multilabel = multilabel

    @classmethod
    def of(cls, y):
        """Return the labels in y, an array that scikit-learn has validated."""
        check_kind(y)
        if type_of_target(y).startswith("multilabel"):
            return cls(np.arange(y.shape[1]), multilabel=True)
        return cls(np.unique(column_or_1d(y, warn=True)))

    def encode(self, y, name="y"):
        """Return the targets for y.

        Parameters
        ----------
        y : array-like of shape (n_samples,) or (n_samples, n_classes)
        name : str, default="y"
            How to call y in an error.

        Returns
        -------
        targets : ndarray of int of shape (n_samples,) or (n_samples, n_classes)
            Indices into `classes`, or for multi-label targets 0 and 1.
        """
        y = y.toarray() if issparse(y) else np.asarray(y)
        if self.multilabel:
            if y.ndim != 2 or y.shape[1] != len(self.classes):
                raise ValueError(
                    f"{name} has shape {y.shape}; an indicator matrix with"
                    f" {len(self.classes)} columns is needed, one for each label."
                )
            if not type_of_target(y).startswith("multilabel"):
                raise ValueError(
                    f"{name} must be an indicator matrix of 0 and 1, got values such as"
                    f" {y.flat[0]!r}."
                )
            return (y != 0).astype(np.int8)
        y = column_or_1d(y)
        check_kind(y)
        try:
            places = np.searchsorted(self.classes, y)
            places[places == len(self.classes)] = 0
            unseen = self.classes[places] != y
        except TypeError:  # dates and numbers, say
            unseen = True
        if np.any(unseen):
            raise ValueError(
                f"`{name}` has classes not in `self.classes_`. "
                f"`self.classes_` has {self.classes}. '{name}' has {np.unique(y)}."
            )
        return places

    def decode(self, decisions):
        """Return the labels for what a loss's ``decide`` returns."""
        if self.multilabel:
            return decisions.astype(int)
        if decisions.ndim == 2:  # one output for two classes
            decisions = decisions[:, 0].astype(int)
        return self.classes[decisions]


def check_kind(y):
    """Raise an error if y is not made of labels of one kind."""
    objects = () if issparse(y) or y.dtype != object else list(y.flat)
    if len({isinstance(label, str) for label in objects}) > 1:
        kinds = sorted({type(label).__name__ for label in objects})
        raise ValueError(
            f"y must hold labels of one kind, got a mix of {kinds}. Convert them, for"
            " example with y.astype(str)."
        )
    check_classification_targets(y)


def check_weights(weights, X, name="sample_weight"):
    """Return an array of a weight for each row of X, none of them negative, or None."""
    if weights is None:
        return None
    try:
        return _check_sample_weight(weights, X, ensure_non_negative=True)
    except ValueError as error:
        raise ValueError(f"{name}: {error}") from error


def weigh(targets, labels, class_weight, sample_weight):
    """Return each sample's weight, its class's included, or None.

    Parameters
    ----------
    targets : ndarray of shape (n_samples,) or (n_samples, n_classes)
    labels : Labels
    class_weight : dict, "balanced" or None
    sample_weight : ndarray of shape (n_samples,) or None
    """
    if class_weight is None:
        return sample_weight
    if labels.multilabel:
        raise ValueError(
            f"class_weight={class_weight!r} is not supported for multi-label targets;"
            " pass sample_weight to fit instead."
        )
    if isinstance(class_weight, dict):
        classes = set(labels.classes)
        unknown = [label for label in class_weight if label not in classes]
        if unknown:
            raise ValueError(
                f"class_weight names classes that are not in y: {unknown}; y has"
                f" {labels.classes}."
            )
        of_class = [class_weight.get(label, 1.0) for label in labels.classes]
        if not all(isinstance(w, Real) and 0 <= w < np.inf for w in of_class):
            raise ValueError(
                f"class_weight={class_weight!r}: weights must be numbers, finite and at"
                " least 0."
            )
        of_class = np.array(of_class, dtype=np.float64)
    else:
        y = labels.classes[targets]
        of_class = compute_class_weight(
            class_weight, classes=labels.classes, y=y, sample_weight=sample_weight
        )
    weights = of_class[targets] * (1.0 if sample_weight is None else sample_weight)
    if not weights.any():
        raise ValueError(
            f"class_weight={class_weight!r}: the weights of class and sample multiply"
            " to 0 for every sample; at least one must be positive."
        )
    return weights


def as_columns(targets, network):
    """Make the targets of two classes a column where the network has one output."""
    single = network.widths[-1] == 1 and targets.ndim == 1
    return targets[:, np.newaxis] if single else targets
