"""What is checked of X, y and weights before a network sees them."""

import numpy as np
from sklearn.base import is_classifier
from sklearn.utils.validation import _num_samples, validate_data

from skdnn.data.door import check_target_names as compare_target_names
from skdnn.data.door import taken_in, target_names
from skdnn.data.numeric import check_kinds, check_no_text, check_numbers, check_weights
from skdnn.data.precision import check_range_of_float32
from skdnn.estimators.data import FitData
from skdnn.estimators.task.labels import check_labels
from skdnn.messages import counted

NOT_GIVEN = "no_validation"  # scikit-learn's word for it
INTEGERS = [np.dtype(code) for code in "?bhilqBHILQ"]


def read(estimator, X, y, sample_weight, read_task, *, reset):
    """Check what there is to learn, and return it as training takes it.

    Parameters
    ----------
    estimator : BaseMLP
    X, y, sample_weight
        As `fit` takes them.
    read_task : callable
        Takes y and sample_weight, both checked, and returns the task.
    reset : bool
        Whether X may have other columns than before.

    Returns
    -------
    data : FitData
    """
    as_given = X, y = taken_in(X, "X"), taken_in(y, "y")
    check_target_names(estimator, y, "y", reset=reset)
    X, y = check_rows(estimator, X, y, reset=reset)
    sample_weight = check_weights(sample_weight, X)
    task = read_task(y, sample_weight)
    targets = task.encode(y)
    weights, y = task.weigh(targets, sample_weight), task.restore(targets, y)
    return FitData(X, targets, weights, sample_weight, y, task, lambda: as_given)


def read_validation_set(estimator, task, X_val, y_val, sample_weight_val):
    """Return what was passed to `fit` as a validation set, or None.

    Returns
    -------
    data : FitData or None
    """
    if X_val is None and y_val is None:
        if sample_weight_val is not None:
            raise ValueError(
                "sample_weight_val is provided, but X_val and y_val were not provided."
            )
        return None
    if y_val is None:
        raise ValueError("X_val is provided, but y_val was not provided.")
    if X_val is None:
        raise ValueError("y_val is provided, but X_val was not provided.")
    as_given = X_val, y_val = taken_in(X_val, "X_val"), taken_in(y_val, "y_val")
    check_target_names(estimator, y_val, "y_val")
    try:
        X_val = check_rows(estimator, X_val, reset=False, name="X_val")
    except ValueError as error:
        raise ValueError(f"X_val does not go with X: {error}") from error
    if _num_samples(X_val) != _num_samples(y_val):
        raise ValueError(
            f"X_val has {counted(_num_samples(X_val), 'row')}, but y_val has"
            f" {_num_samples(y_val)}."
        )
    weights = check_weights(sample_weight_val, X_val, "sample_weight_val")
    y_val = check_y(estimator, y_val, "y_val")
    try:
        targets = task.encode(y_val, "y_val")
    except ValueError as error:
        named = "y_val" in str(error)
        raise ValueError(
            str(error) if named else f"y_val does not go with y: {error}"
        ) from error
    y_val = task.restore(targets, y_val)
    return FitData(
        X_val, targets, None, weights, y_val, task, lambda: as_given, "y_val"
    )


def check_rows(estimator, X, y=NOT_GIVEN, *, reset=False, dtype=None, name="X"):
    """Check X (and y), and return arrays; integers and memory maps stay as is.

    Parameters
    ----------
    estimator : BaseMLP
    X : {array-like, sparse matrix} of shape (n_samples, n_features)
    y : array-like, default="no_validation"
    reset : bool, default=False
        Whether X may have other columns than before.
    dtype : dtype, default=None
        Of numbers that are no integers; None is that of the estimator.
    name : str, default="X"
        What to call X in an error.
    """
    dtype = dtype or estimator.dtype
    X = taken_in(X, name)
    check_kinds(X, name)
    if y is not NOT_GIVEN:
        y = check_y(estimator, y)
    floats = [np.float64, np.float32] if dtype == "auto" else [dtype]
    # A memory map stays one, of whatever numbers and byte order.
    is_mapped = isinstance(X, np.memmap) and X.dtype.kind in "fiub"
    mapped = [X.dtype] if is_mapped else []
    check_params = {}
    if y is not NOT_GIVEN:
        # Mini-batches take rows, fast where these lie in C order.
        order = None if is_mapped else "C"
        check_params = {"multi_output": True, "order": order}
    try:
        checked = validate_data(
            estimator,
            X,
            y,
            reset=reset,
            accept_sparse="csr",
            dtype=floats + mapped + INTEGERS,
            **check_params,
        )
    except ValueError as error:
        kind = "Classifier" if is_classifier(estimator) else "Regressor"
        check_no_text(X, f"Tabular{kind}DIY", name)
        if "array element" not in str(error) and "to float" not in str(error):
            raise
        raise ValueError(f"{name}: {error}") from error
    except TypeError as error:  # of an object that is no number
        if "float()" not in str(error):
            raise
        raise TypeError(f"{name}: {error}") from error
    if mapped and np.dtype(floats[0]) == np.float32:
        check_range_of_float32(X)  # cast later, row by row
    return checked


def check_y(estimator, y, name="y"):
    """Return y as scikit-learn takes it, or raise an error that says what is in it."""
    check = check_labels if is_classifier(estimator) else check_numbers
    return check(y, name)


def check_target_names(estimator, y, name, *, reset=False):
    """Remember the names of the columns of y, or compare them with these."""
    if reset:
        vars(estimator).pop("target_names_in_", None)
        names = target_names(y)
        if names is not None:
            estimator.target_names_in_ = names
    compare_target_names(y, name, getattr(estimator, "target_names_in_", None))


def check_to_score(estimator, X, y, sample_weight):
    """Return y and weights as metrics take them, checked as those of `fit` are."""
    y = taken_in(y, "y")
    check_target_names(estimator, y, "y")
    return check_y(estimator, y), check_weights(sample_weight, X)


def is_checked(estimator, X):
    """Return whether X can be taken as it is: for one row, this halves the time."""
    if (
        type(X) is not np.ndarray
        or X.dtype != estimator.network_.dtype
        or X.ndim != 2
        or not X.shape[0]
        or X.shape[1] != estimator.n_features_in_
        or hasattr(estimator, "feature_names_in_")
    ):
        return False
    with np.errstate(over="ignore", invalid="ignore"):
        return bool(np.isfinite(X.sum()))  # if that overflows: look closer
