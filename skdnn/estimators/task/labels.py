"""Labels as people write them, as the network sees them, and back."""

import copy
from dataclasses import dataclass
from inspect import signature
from numbers import Real

import numpy as np
from scipy.sparse import issparse
from sklearn import metrics
from sklearn.utils import column_or_1d
from sklearn.utils.class_weight import compute_class_weight
from sklearn.utils.multiclass import check_classification_targets, type_of_target

from skdnn import nn
from skdnn.data.door import dtypes_of, has_rows, taken_in, to_numpy, warn_of_column
from skdnn.data.numeric import check_not_missing
from skdnn.estimators.task.base import Task
from skdnn.messages import counted, plain, warn_user

# Of scikit-learn's metrics, these take a row of probabilities to sum to 1.
OF_ONE_CLASS = (
    metrics.log_loss,
    metrics.brier_score_loss,
    metrics.d2_log_loss_score,
    metrics.d2_brier_score,
)
# By the kind of a dtype.
NO_LABELS = {
    "c": "Complex data not supported",
    "V": "each has several parts",
    "m": "of durations, only numbers without a unit would be left",
}


@dataclass(eq=False)
class Labels(Task):
    """The classes of a task, and the way from labels to targets and back.

    Parameters
    ----------
    classes : ndarray of shape (n_classes,)
        The labels, sorted; for multi-label targets the numbers of the columns.
    multilabel : bool, default=False
        Whether a sample has any number of labels, given as an indicator matrix.
    label_smoothing : float, default=0.0
        See :mod:`skdnn.nn.losses`.
    class_weight : dict, "balanced" or None, default=None
        What the samples of each class count.
    """

    classes: np.ndarray
    multilabel: bool = False
    label_smoothing: float = 0.0
    class_weight: dict | str | None = None

    def __post_init__(self):
        if len(self.classes) == 1 and not self.multilabel:
            raise ValueError(
                "A classifier needs samples of at least 2 classes in y, but y contains"
                f" only one class: {plain(self.classes[0])!r}."
            )

    @classmethod
    def of(cls, y, label_smoothing=0.0, class_weight=None):
        """Return the labels in y, an array that scikit-learn has validated."""
        check_kind(y)
        if y.ndim > 1 and type_of_target(y).startswith("multilabel"):
            classes, multilabel = np.arange(y.shape[1]), True
            if (y.sum(axis=1) == 1).all() and len(classes) > 1:
                warn_user(
                    "Each row of y has exactly one label, as if classes were one-hot"
                    " encoded. What is learned are independent labels, and predictions"
                    " may have none or several of them. For classes, pass"
                    " y.argmax(axis=1)."
                )
        else:
            warn_of_column(y)
            classes, multilabel = np.unique(column_or_1d(y)), False
        return cls(classes, multilabel, label_smoothing, class_weight)

    def check_same(self, y):
        """Raise an error unless y has the same classes."""
        classes = Labels.of(y).classes
        if set(classes) != set(self.classes):
            raise ValueError(
                "warm_start can only be used where `y` has the same classes as in the"
                f" previous call to fit. Previously got {self.classes}, `y` has"
                f" {classes}"
            )

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
                    f" {counted(len(self.classes), 'column')} is needed, one for each"
                    " label."
                )
            if not np.isin(y, (0, 1)).all():
                raise ValueError(
                    f"{name} must be an indicator matrix of 0 and 1, got"
                    f" {np.unique(y)[:5].tolist()}."
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

    def weigh(self, targets, sample_weight):
        """Return each sample's weight, its class's included, or None."""
        class_weight = self.class_weight
        if class_weight is None:
            return sample_weight
        if self.multilabel:
            raise ValueError(
                f"class_weight={plain(class_weight)!r} is not supported for multi-label"
                " targets; pass sample_weight to fit instead."
            )
        if isinstance(class_weight, dict):
            classes = set(self.classes)
            unknown = [plain(label) for label in class_weight if label not in classes]
            unweighted = [label for label in self.classes if label not in class_weight]
            if unknown and unweighted:  # else a fold, say, has no sample of a class
                raise ValueError(
                    f"class_weight names classes that are not in y: {unknown}; y has"
                    f" {self.classes}."
                )
        y = self.classes[targets]
        of_class = weights_of_classes(self.classes, y, class_weight, sample_weight)
        # A class whose samples all weigh nothing has an infinite "balanced" weight.
        of_class = np.where(np.isfinite(of_class), of_class, 0.0)
        weights = of_class[targets] * (1.0 if sample_weight is None else sample_weight)
        if not weights.any():
            raise ValueError(
                f"class_weight={plain(class_weight)!r}: the weights of class and sample"
                " multiply to 0 for every sample; at least one must be positive."
            )
        return weights

    def restore(self, targets, y):
        """Return y again, of which it may be another form."""
        return targets if self.multilabel else self.classes[targets]

    def decode(self, decisions):
        """Return the labels for what a loss's ``decide`` returns."""
        if self.multilabel:
            return decisions.astype(int)
        if decisions.ndim == 2:  # one output for two classes
            decisions = decisions[:, 0].astype(int)
        return self.classes[decisions]

    def complete(self, layers):
        """Return a network's layers with those that it ends in."""
        if layers and layers[-1] == nn.Softmax():
            if self.multilabel:
                raise ValueError(
                    "architecture ends in Softmax(), whose outputs sum to 1; for"
                    " multi-label targets leave the output layer to fit."
                )
            return layers
        n_classes = len(self.classes)
        if self.multilabel:
            return [*layers, nn.Dense(n_classes), nn.Logistic()]
        if n_classes == 2:
            return [*layers, nn.Dense(1), nn.Logistic()]
        return [*layers, nn.Dense(n_classes), nn.Softmax()]

    def loss_for(self, network):
        """Return the loss for a network, which must have outputs for all classes."""
        n_outputs, n_classes = network.widths[-1], len(self.classes)
        if network.layers[-1] == nn.Logistic():
            return nn.BinaryCrossEntropy(self.label_smoothing)
        if n_outputs != n_classes:
            raise ValueError(
                f"architecture ends in Softmax() with {counted(n_outputs, 'output')},"
                f" but y has {n_classes} classes: the last Dense layer needs"
                f" {n_classes} units."
            )
        return nn.CategoricalCrossEntropy(self.label_smoothing)

    def fitted_attributes(self):
        """Return what an estimator remembers of the targets."""
        return {"classes_": self.classes}

    def classes_of(self, targets):
        """Return the class of each row, as an index; 0 where there are none."""
        return super().classes_of(targets) if self.multilabel else targets

    def strata(self, targets, fraction):
        """Return what to stratify by where a fraction is split off, or None."""
        if self.multilabel:
            return None
        if len(self.classes) == 2:
            # Too few samples are an error, as in scikit-learn, word for word.
            return targets.astype(bool).astype(str)
        # scikit-learn says that it stratifies more classes too, but does not: where it
        # is impossible, do without.
        enough = min(fraction, 1 - fraction) * len(targets) >= len(self.classes)
        return targets if enough and np.bincount(targets).min() >= 2 else None

    def are_sorted(self, targets):
        """Return whether each class comes in one block."""
        return not self.multilabel and (
            np.count_nonzero(np.diff(targets)) < len(self.classes)
        )

    def missing_in(self, targets):
        """Return which classes some targets lack, in words; "" if none."""
        if self.multilabel:
            share = targets.mean(axis=0)
            never, always = (self.classes[share == value].tolist() for value in (0, 1))
            parts = [f"label {label} occurs in no sample" for label in never]
            parts += [f"label {label} occurs in every sample" for label in always]
        else:
            counts = np.bincount(targets, minlength=len(self.classes))
            absent = self.classes[counts == 0].tolist()
            parts = [f"no sample is of class {plain(label)!r}" for label in absent]
        return " and ".join(parts[:5])

    def right_predictions(self, targets, y, network):
        """Return labels, and probabilities that are 1 for what is true."""
        P = targets if self.multilabel else np.eye(len(self.classes))[targets]
        P = P.astype(network.dtype)
        log_P = np.log(np.maximum(P, np.finfo(P.dtype).tiny))
        return {"predict": y, "predict_proba": P, "predict_log_proba": log_P}

    def prepare_scorer(self, scorer, scoring):
        """Return one of scikit-learn's scorers, told of all classes if it asks.

        Those that score probabilities would expect as many as there are in y. Raise an
        error if its metric takes the targets for something else.
        """
        metric = scorer._score_func
        if self.multilabel and metric in OF_ONE_CLASS:
            raise ValueError(
                f"scoring={scoring!r} takes each sample to be of one class, but the"
                " targets are multi-label. Use scoring='loss', the negative binary"
                " cross-entropy summed over the labels."
            )
        takes_labels = "labels" in signature(metric).parameters
        if takes_labels and scorer._response_method != "predict":
            scorer = copy.copy(scorer)
            scorer._kwargs = {"labels": self.classes, **scorer._kwargs}
        return scorer

    def as_scorers_see(self):
        """Return the classes of each label: two labels are no binary problem."""
        if not self.multilabel:
            return {}
        return {"classes_": [np.array([0, 1])] * len(self.classes)}

    def other_scorers(self):
        """Return which scorers always work, in words."""
        of_loss = "loss" if self.multilabel else "neg_log_loss"
        return f"such as {of_loss!r}, or None, the accuracy"


def check_labels(y, name="y"):
    """Return y as scikit-learn takes it, or raise an error where labels are missing."""
    y = to_numpy(taken_in(y, name))
    check_not_missing(
        y, name, "Leave these rows out, or give them a label of their own"
    )
    for dtype in dtypes_of(y):
        reason = NO_LABELS.get(getattr(dtype, "kind", None))
        if reason is not None:
            raise ValueError(
                f"{name} holds values of dtype {dtype}, which can't be labels:"
                f" {reason}. Convert them, for example with"
                f" [str(label) for label in {name}]."
            )
    return y


def check_classes(classes):
    """Return `classes` of `partial_fit` as an array, or raise an error that names them.

    A class may be there twice: all labels of all calls will do.
    """
    labels = check_labels(classes, "classes") if has_rows(classes) else None
    if np.ndim(labels) != 1 or not np.size(labels):
        raise ValueError(
            "classes must be a list or an array of all classes of all calls of"
            f" partial_fit, got {plain(classes)!r}."
        )
    labels = np.asarray(labels)
    try:
        check_kind(labels, "classes")
    except (TypeError, ValueError) as error:
        if str(error).startswith("classes"):
            raise
        raise type(error)(f"classes: {error}") from error
    return labels


def check_kind(y, name="y"):
    """Raise an error if y is not made of labels of one kind."""
    objects = () if issparse(y) or y.dtype != object else list(y.flat)
    if len({isinstance(label, str) for label in objects}) > 1:
        kinds = sorted({type(label).__name__ for label in objects})
        raise ValueError(
            f"{name} must hold labels of one kind, got a mix of {kinds}. Convert them,"
            f" for example with [str(label) for label in {name}]."
        )
    if objects and type_of_target(y) == "unknown":
        raise ValueError(
            f"Unknown label type: {name} holds labels such as {objects[0]!r}, of type"
            f" {type(objects[0]).__name__}. Convert them, for example with"
            f" [str(label) for label in {name}]."
        )
    check_classification_targets(y)


def weights_of_classes(classes, y, class_weight, sample_weight=None):
    """Return what a sample of each class counts.

    Parameters
    ----------
    classes : ndarray of shape (n_classes,)
        All that are in y.
    y : ndarray of shape (n_samples,)
    class_weight : dict or "balanced"
    sample_weight : ndarray of shape (n_samples,), default=None
    """
    if not isinstance(class_weight, dict):  # or it is an error of scikit-learn's
        with np.errstate(divide="ignore"):
            return compute_class_weight(
                class_weight, classes=classes, y=y, sample_weight=sample_weight
            )
    of_class = [class_weight.get(label, 1.0) for label in classes]
    if not all(isinstance(w, Real) and 0 <= w < np.inf for w in of_class):
        raise ValueError(
            f"class_weight={plain(class_weight)!r}: weights must be numbers,"
            " finite and at least 0."
        )
    return np.array(of_class, dtype=np.float64)
