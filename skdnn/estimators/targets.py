"""Targets as people write them, as the network sees them, and back.

What is to be learned makes all the difference between estimators, and it is here:
which layers a network ends in, with which loss, and what its outputs mean.
"""

import copy
from inspect import signature
from numbers import Real

import numpy as np
from scipy.sparse import issparse
from sklearn import metrics
from sklearn.utils import check_array, column_or_1d
from sklearn.utils.class_weight import compute_class_weight
from sklearn.utils.multiclass import check_classification_targets, type_of_target
from sklearn.utils.validation import _check_sample_weight

from skdnn import nn
from skdnn.estimators.data import check_not_masked
from skdnn.nn.layers import counted
from skdnn.training.user_warnings import warn_user

# Of scikit-learn's metrics, these take a row of probabilities to sum to 1.
OF_ONE_CLASS = (
    metrics.log_loss,
    metrics.brier_score_loss,
    metrics.d2_log_loss_score,
    metrics.d2_brier_score,
)


class Targets:
    """Base: what to ask of targets of any kind.

    `encode` makes targets of y, and `restore` y of targets; `decode` makes predictions
    of what the network decides. `complete` adds the layers that a network ends in, and
    `loss_for` is the loss of that network.
    """

    def strata(self, targets, fraction):
        """Return what to stratify by where a fraction is split off, or None."""

    def classes_of(self, targets):
        """Return the class of each row, as an index; 0 where there are none."""
        return np.zeros(len(targets), dtype=int)

    def are_sorted(self, targets):
        """Return whether targets come in their order, or in blocks of one class."""
        raise NotImplementedError

    def size_of(self, targets):
        """Return mean and standard deviation of what the network is to put out.

        0 and 1 where they can't be wrong.
        """
        return 0.0, 1.0

    def missing_in(self, targets):
        """Return which classes some targets lack, in words; "" if none."""
        return ""

    def may_fail(self, targets):
        """Return whether any scorer may be unable to do with these targets."""
        return False

    def check_range(self, targets, dtype):
        """Raise an error if a loss in this dtype would overflow."""

    def prepare_scorer(self, scorer, scoring):
        """Return one of scikit-learn's scorers, made ready for these targets."""
        return scorer

    def as_scorers_see(self):
        """Return attributes in which an estimator that is scored must differ."""
        return {}


class Labels(Targets):
    """The classes of a task, and the way from labels to targets and back.

    Parameters
    ----------
    classes : ndarray of shape (n_classes,)
        The labels, sorted; for multi-label targets the numbers of the columns.
    multilabel : bool, default=False
        Whether a sample has any number of labels, given as an indicator matrix.
    label_smoothing : float, default=0.0
        See :mod:`skdnn.nn.losses`.
    """

    def __init__(self, classes, multilabel=False, label_smoothing=0.0):
        if len(classes) == 1 and not multilabel:
            raise ValueError(
                "MLPClassifierDIY needs samples of at least 2 classes in y, but y"
                f" contains only one class: {classes[0]!r}."
            )
        self.classes = classes
        self.multilabel = multilabel
        self.label_smoothing = label_smoothing

    @classmethod
    def of(cls, y, label_smoothing=0.0):
        """Return the labels in y, an array that scikit-learn has validated."""
        check_kind(y)
        if type_of_target(y).startswith("multilabel"):
            classes, multilabel = np.arange(y.shape[1]), True
            if (y.sum(axis=1) == 1).all() and len(classes) > 1:
                warn_user(
                    "Each row of y has exactly one label, as if classes were one-hot"
                    " encoded. What is learned are independent labels, and predictions"
                    " may have none or several of them. For classes, pass"
                    " y.argmax(axis=1)."
                )
        else:
            classes, multilabel = np.unique(column_or_1d(y, warn=True)), False
        return cls(classes, multilabel, label_smoothing)

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
            parts = [f"no sample is of class {label!r}" for label in absent]
        return " and ".join(parts[:5])

    def may_fail(self, targets):
        """Return whether any scorer may be unable to do with these targets."""
        return self.multilabel or bool(self.missing_in(targets))

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


class Numbers(Targets):
    """Numbers to predict, in units of their own, and the loss that they are learned by.

    Parameters
    ----------
    loss : Loss
        One of regression.
    mean, std : ndarray of shape (n_targets,)
        What the network learns is ``(y - mean) / std``.
    """

    def __init__(self, loss, mean, std):
        self.loss = loss
        self.mean = mean
        self.std = std

    @classmethod
    def of(cls, y, loss, standardize=False, sample_weight=None):
        """Return the way to learn y, an array that scikit-learn has validated."""
        if y.ndim == 2 and y.shape[1] == 1:
            y = column_or_1d(y, warn=True)
        y = as_numbers(y)
        constant = np.flatnonzero((y == y[0]).all(axis=0))
        if constant.size and len(y) > 1:
            column = "" if y.shape[1] == 1 else f" in column {constant[0]}"
            warn_user(
                f"y is constant{column}, {y[0, constant[0]]:g} in all {len(y)} samples:"
                " a network can learn nothing but this number. Check y, or do without"
                " it."
            )
        if not standardize:
            return cls(loss, np.zeros(y.shape[1]), np.ones(y.shape[1]))
        mean = np.average(y, axis=0, weights=sample_weight)
        size = np.abs(y - mean).max(axis=0)  # so that no square over- or underflows
        size[size == 0] = 1.0
        squares = ((y - mean) / size) ** 2
        std = size * np.sqrt(np.average(squares, axis=0, weights=sample_weight))
        std[constant] = 1.0
        std[std == 0] = 1.0  # all weight is on samples with the same y
        return cls(loss, mean, std)

    def check_same(self, y):
        """Raise an error unless y has as many columns."""
        self.encode(y)

    def encode(self, y, name="y"):
        """Return the targets for y.

        Parameters
        ----------
        y : array-like of shape (n_samples,) or (n_samples, n_targets)
        name : str, default="y"
            How to call y in an error.

        Returns
        -------
        targets : ndarray of float64 of shape (n_samples, n_targets)
        """
        y = as_numbers(y, name)
        if y.shape[1] != len(self.mean):
            raise ValueError(
                f"{name} has {counted(y.shape[1], 'column')} for"
                f" {counted(len(self.mean), 'target')}; give one for each."
            )
        self.loss.check_targets(y, name)
        return (y - self.mean) / self.std

    def restore(self, targets, y):
        """Return y again: as it was given, as scaling back would round it."""
        y = as_numbers(y)
        return y[:, 0] if y.shape[1] == 1 else y

    def decode(self, decisions):
        """Return the numbers, in units of y, for what a loss's ``decide`` returns.

        Parameters
        ----------
        decisions : ndarray of shape (n_samples, n_targets * n_numbers)
            So many numbers for each target.

        Returns
        -------
        y : ndarray of shape (n_samples, n_targets, n_numbers)
            Without the axes of length 1.
        """
        y = decisions.reshape(len(decisions), len(self.mean), -1)
        if not self.is_plain():
            largest = np.finfo(np.float64).max
            with np.errstate(over="ignore"):
                y = y * self.std[:, np.newaxis] + self.mean[:, np.newaxis]
            np.clip(y, -largest, largest, out=y)
        return y.reshape(len(y), *(n for n in y.shape[1:] if n > 1))

    def decode_std(self, std):
        """Return standard deviations in units of y."""
        if not self.is_plain():
            info = np.finfo(np.float64)
            with np.errstate(over="ignore"):
                std = np.clip(std * self.std, info.tiny, info.max)
        return std[:, 0] if std.shape[1] == 1 else std

    def is_plain(self):
        """Return whether the network learns y itself: then it keeps its dtype."""
        return not self.mean.any() and (self.std == 1).all()

    def check_range(self, targets, dtype):
        """Raise an error if a loss in this dtype would overflow."""
        self.loss.check_dtype(dtype)
        largest, limit = np.abs(targets).max(initial=0), np.sqrt(np.finfo(dtype).max)
        if largest > limit:
            to_learn = " as a multiple of its standard deviation" * (
                not self.is_plain()
            )
            raise ValueError(
                f"y holds numbers as large as {largest:.3g}{to_learn}, whose squares"
                f" overflow {dtype}. Set standardize_target=True, scale y, or leave"
                " such samples out."
            )

    def size_of(self, targets):
        """Return mean and standard deviation, of the target that is farthest off."""
        if self.loss.link == nn.Exp():  # learns logarithms
            return 0.0, 1.0
        means, stds = targets.mean(axis=0), targets.std(axis=0)
        worst = np.argmax(np.abs(means) + np.abs(np.log(np.maximum(stds, 1e-9))))
        return float(means[worst]), float(stds[worst])

    def are_sorted(self, targets):
        """Return whether the first of each sample's numbers only rises."""
        return bool((np.diff(targets[:, 0]) >= 0).all())

    def complete(self, layers):
        """Return a network's layers with those that it ends in."""
        if layers and layers[-1] == nn.Softmax():
            raise ValueError(
                "architecture ends in Softmax(), whose outputs are probabilities of"
                " classes; a regressor predicts numbers. Leave it out: fit adds the"
                " output layer."
            )
        return [*layers, *self.loss.output_layers(len(self.mean))]

    def loss_for(self, network):
        """Return the loss for a network."""
        return self.loss

    def fitted_attributes(self):
        """Return what an estimator remembers of the targets."""
        return {
            "target_loss_": self.loss,
            "target_mean_": self.mean,
            "target_std_": self.std,
        }

    def other_scorers(self):
        """Return which scorers always work, in words."""
        return "such as 'loss', or None, the score of the estimator"


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
    check_not_masked(weights, name)
    try:
        weights = _check_sample_weight(
            weights, X, dtype=np.float64, ensure_non_negative=True
        )
    except ValueError as error:
        raise ValueError(f"{name}: {error}") from error
    with np.errstate(over="ignore"):
        if not np.isfinite(weights.sum()):
            raise ValueError(
                f"{name}: weights as large as {weights.max():.3g} add up to infinity."
                " Divide them by their mean."
            )
    return weights


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
        unweighted = [label for label in labels.classes if label not in class_weight]
        if unknown and unweighted:  # else a fold, say, has no sample of a class
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
        with np.errstate(divide="ignore"):
            of_class = compute_class_weight(
                class_weight, classes=labels.classes, y=y, sample_weight=sample_weight
            )
    # A class whose samples all weigh nothing has an infinite "balanced" weight.
    of_class = np.where(np.isfinite(of_class), of_class, 0.0)
    weights = of_class[targets] * (1.0 if sample_weight is None else sample_weight)
    if not weights.any():
        raise ValueError(
            f"class_weight={class_weight!r}: the weights of class and sample multiply"
            " to 0 for every sample; at least one must be positive."
        )
    return weights


def as_numbers(y, name="y"):
    """Return y as a matrix of float64, or raise an error if it is not of numbers."""
    kind = getattr(y, "dtype", np.dtype(float))
    if getattr(kind, "kind", "") in "USOTM":
        others = (v for v in np.asarray(y).flat if not isinstance(v, Real))
        for value in others:
            raise ValueError(
                f"{name} must be numbers, got values such as {value!r}. For classes"
                " there is MLPClassifierDIY."
            )
    y = check_array(y, ensure_2d=False, dtype=np.float64, input_name=name)
    return y.reshape(len(y), -1)
