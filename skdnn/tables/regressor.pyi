# Made from signatures and docstrings: `python skdnn/docs/build_stubs.py`.
from collections.abc import Callable, Sequence
from os import PathLike
from typing import Any, Literal, Protocol, Self, TypeAlias, overload

import numpy as np
from numpy.typing import NDArray
from skdnn.estimators.regressor import MLPRegressorDIY
from skdnn.tables.base import BaseTabular
from skdnn.tables.encoder import TableEncoder
from sklearn.base import RegressorMixin

_Bool: TypeAlias = bool | np.bool_
_Int: TypeAlias = int | np.integer[Any]
_Float: TypeAlias = float | np.floating[Any] | np.integer[Any]

class _Array(Protocol):
    def __array__(self) -> NDArray[Any]: ...

# Whatever else the module has.
def __getattr__(name: str) -> Any: ...

class TabularRegressorDIY(RegressorMixin, BaseTabular):
    """Networks that predict a number for each row of a table.

    It needs no preparation and no tuning: see :class:`TabularClassifierDIY`, which does
    the same for classes. The networks learn ``(y - mean) / std`` by its squared error,
    for 100 epochs at most. Values of y that are so far off that the rest would have
    next to no spread, a typing error say, or the -999 of what is missing, are named in
    a warning, and learned as if they were the farthest of the others; `oof_score_`
    counts them as they are, `feature_importances_` as they are learned.

    Parameters
    ----------
    hidden_layer_sizes : int or array-like of int, default=(256, 256)
        The number of units of each hidden layer.
    max_iter : int or "auto", default="auto"
        Number of epochs; "auto" is 60, for numbers to predict 100, or on many rows
        fewer, 20 at least, so that a network sees about a million rows.
    n_networks : int, default=4
        How many networks of each kind to train, at least 2: each leaves out one row in
        so many.
    categorical_features : "from_dtype", array-like of {bool, int, str}, or None, default="from_dtype"
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
    networks_ : list of MLPRegressorDIY
        For each kind of network the ones that were trained; they take what `encoder_`
        puts out.
    oof_prediction_ : ndarray of shape (n_samples,) or (n_samples, n_targets)
        The mean of the predictions of those networks that have left a row out.

    encoder_ : TableEncoder
        What makes numbers of the columns.
    shares_ : ndarray of shape (n_kinds,)
        The share of each kind of network in the mean.
    oof_score_ : float
        The score, as :meth:`score` has it, of what is said of rows left out. The epochs
        that are kept and the shares were chosen on the same rows: it is a little too
        good. There is none if a validation set was given.
    feature_importances_, feature_importances_std_ : ndarray of shape (n_columns,)
        With `importances`: by how much that score falls when the values of a column are
        dealt out to other rows; mean and standard deviation over three times.
    n_iter_ : int
        Number of epochs.
    n_features_in_ : int
        Number of columns.
    feature_names_in_ : ndarray of shape (n_features_in_,)
        Their names, where they are all strings.
    target_names_in_ : ndarray of shape (n_outputs,)
        Names of the columns of `y`, where it is a DataFrame of several.

    Examples
    --------
    >>> from sklearn.datasets import load_diabetes
    >>> from skdnn import TabularRegressorDIY
    >>> X, y = load_diabetes(return_X_y=True, as_frame=True)
    >>> reg = TabularRegressorDIY(random_state=0).fit(X, y)
    >>> reg.oof_score_ > 0.4
    True
    """
    def __init__(
        self,
        hidden_layer_sizes: _Int | Sequence[_Int] | _Array = (256, 256),
        *,
        max_iter: _Int | Literal["auto"] = "auto",
        n_networks: _Int = 4,
        categorical_features: Literal["from_dtype"] | Sequence[_Bool | _Int | str] | _Array | None = "from_dtype",
        importances: _Bool = False,
        n_jobs: _Int | None = None,
        random_state: _Int | np.random.RandomState | None = None,
        verbose: _Bool = False,
        checkpoint_dir: str | PathLike[str] | None = None,
    ) -> None: ...
    networks_: list[MLPRegressorDIY]
    oof_prediction_: NDArray[Any]
    encoder_: TableEncoder
    shares_: NDArray[Any]
    oof_score_: float
    feature_importances_: NDArray[Any]
    feature_importances_std_: NDArray[Any]
    n_features_in_: int
    feature_names_in_: NDArray[Any]
    target_names_in_: NDArray[Any]
    @property
    def n_iter_(self) -> int: ...
    def predict(self, X: Any) -> NDArray[Any]: ...
    def score(self, X: Any, y: Any, sample_weight: Any = None) -> float: ...
    def fit(self, X: Any, y: Any, sample_weight: Any = None, *, X_val: Any = None, y_val: Any = None, sample_weight_val: Any = None) -> Self: ...
