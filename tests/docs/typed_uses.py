"""Uses of the estimators that a type checker takes, and some that it refuses.

`test_types.py` gives this file to mypy. Each wrong line says with a comment that it is:
one that mypy takes after all is an error too.
"""

from pathlib import Path
from typing import Any, assert_type

import numpy as np
from numpy.typing import NDArray

from skdnn import (
    MLPClassifierDIY,
    MLPRegressorDIY,
    TableEncoder,
    TabularClassifierDIY,
    TabularRegressorDIY,
    diagnose,
)
from skdnn.augmentation import Affine, AveragedOverCopies
from skdnn.images import Deskew
from skdnn.nn import Adam, BatchNorm, Dense, Network, Normal, ReLU, Residual
from skdnn.tables import architecture

X = np.zeros((8, 4))
y = np.arange(8) % 2


def right_arguments() -> None:
    """Numbers of NumPy, lists, tuples, layers, functions and paths are taken."""
    MLPClassifierDIY((50, 20), "tanh", batch_norm=True, class_weight="balanced")
    MLPClassifierDIY(50, alpha=0, dropout=[0.1, np.float32(0.2)], max_iter=np.int64(3))
    MLPClassifierDIY(
        np.array([50, 20]), dropout=np.array([0.1, 0.2]), tol=np.float32(0)
    )
    MLPClassifierDIY([50], class_weight={0: 1, 1: 2}, label_smoothing=0.1, n_jobs=None)
    MLPClassifierDIY(architecture=[Dense(50), BatchNorm(), ReLU()], n_iter_no_change=5)
    MLPClassifierDIY(architecture=(Dense(50), ReLU()), n_iter_no_change=np.inf)
    MLPClassifierDIY(augmentation=[Affine(), lambda X, rng: X], weight_init="he")
    MLPClassifierDIY(augmentation=Affine(), weight_init=Normal(0.05), batch_size="auto")
    MLPClassifierDIY(scoring="accuracy", checkpoint_dir=Path("fits"), batch_size=50)
    MLPClassifierDIY(scoring=lambda estimator, X, y: 0.5, checkpoint_dir="fits")
    MLPClassifierDIY(random_state=np.random.RandomState(0), shuffle=np.bool_(True))
    MLPRegressorDIY("huber", delta=2, hidden_layer_sizes=(50,), activation="gelu")
    MLPRegressorDIY("quantile", quantile=(0.1, 0.5, 0.9), standardize_target=True)
    TabularClassifierDIY((64,), class_weight=None, max_iter="auto", importances=True)
    TabularRegressorDIY(categorical_features=["colour", 3], max_iter=20, random_state=0)


def wrong_arguments() -> None:
    """Misspelt names, wrong types and unknown words are refused."""
    MLPClassifierDIY(batchnorm=True)  # type: ignore[call-arg]
    MLPClassifierDIY((50,), "relu", None)  # type: ignore
    MLPClassifierDIY(activation="rleu")  # type: ignore[arg-type]
    MLPClassifierDIY(alpha="0.1")  # type: ignore[arg-type]
    MLPClassifierDIY(alpha=None)  # type: ignore[arg-type]
    MLPClassifierDIY(max_iter=1.5)  # type: ignore[arg-type]
    MLPClassifierDIY(hidden_layer_sizes="50")  # type: ignore[arg-type]
    MLPClassifierDIY(hidden_layer_sizes=[0.5])  # type: ignore[list-item]
    MLPClassifierDIY(architecture=[50, 20])  # type: ignore[list-item]
    MLPClassifierDIY(batch_norm="yes")  # type: ignore[arg-type]
    MLPClassifierDIY(class_weight="equal")  # type: ignore[arg-type]
    MLPClassifierDIY(checkpoint_dir=3)  # type: ignore[arg-type]
    MLPClassifierDIY(loss="huber")  # type: ignore[call-arg]
    MLPRegressorDIY((50,))  # type: ignore[arg-type]
    MLPRegressorDIY(class_weight="balanced")  # type: ignore[call-arg]
    MLPRegressorDIY(quantile="0.5")  # type: ignore[arg-type]
    TabularClassifierDIY(batch_norm=True)  # type: ignore[call-arg]
    TabularRegressorDIY(max_iter="all")  # type: ignore[arg-type]
    MLPClassifierDIY().fit(X, y, weights=y)  # type: ignore[call-arg]
    MLPClassifierDIY().fit(X)  # type: ignore[call-arg]


def what_comes_back() -> None:
    """A fit returns its estimator, and what is learned has a type."""
    clf = MLPClassifierDIY().fit(X, y, X_val=X, y_val=y)
    assert_type(clf, MLPClassifierDIY)
    assert_type(clf.partial_fit(X, y, classes=[0, 1]).predict(X), NDArray[Any])
    assert_type(clf.predict_proba(X), NDArray[Any])
    assert_type(clf.score(X, y), float)
    assert_type(clf.history_, list[dict[str, Any]])
    assert_type(clf.best_loss_, float | None)
    assert_type(clf.network_, Network)
    assert_type(clf.coefs_, list[NDArray[Any]])
    assert_type(clf.estimators_, list[MLPClassifierDIY])
    reg = MLPRegressorDIY("gaussian").fit(X, y)
    assert_type(reg.predict(X), NDArray[Any])
    mean, std = reg.predict(X, return_std=True)
    assert_type(std, NDArray[Any])
    assert_type(mean, NDArray[Any])
    assert_type(reg.set_params(loss="huber"), MLPRegressorDIY)
    table = TabularClassifierDIY().fit([[20, "red"], [None, "blue"]], ["no", "yes"])
    assert_type(table, TabularClassifierDIY)
    assert_type(table.oof_score_, float)
    assert_type(table.encoder_, TableEncoder)
    assert_type(table.networks_, list[MLPClassifierDIY])


def signatures_of_their_own() -> None:
    """What has a signature of its own is known by it."""
    Residual([Dense(50), ReLU(), Dense(units=50)])
    Dense(50, 20)  # type: ignore[call-arg]
    Dense("50")  # type: ignore[arg-type]
    Adam(beta_3=0.5)  # type: ignore[call-arg]
    MLPClassifierDIY(architecture=architecture(X, [64], kind="smooth"))
    TableEncoder(categorical_features=None, sparse_output=False).fit_transform(X)
    TableEncoder(categorical_features=["colour"]).fit(X).transform(X)
    TableEncoder(categorical=None)  # type: ignore[call-arg]
    AveragedOverCopies(MLPClassifierDIY(), Affine(shift=2), random_state=None)
    AveragedOverCopies(n=3)  # type: ignore[call-arg]
    Deskew().fit_transform(X)
    Deskew(1, 2, 3, 4, 5)  # type: ignore[call-arg]
    diagnose(MLPClassifierDIY().fit(X, y), X, y)
    diagnose(estimater=None)  # type: ignore[call-arg]
