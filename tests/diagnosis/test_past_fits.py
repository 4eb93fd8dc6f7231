"""Of a network that went on, only what its weights come from is diagnosed."""

from helpers import stopping
from skdnn import diagnose


def test_diagnose_forgets_fits_whose_weights_are_gone(iris):
    X, y = iris
    clf = stopping(warm_start=True, max_iter=2)
    clf.fit(X, y, X_val=X, y_val=y).fit(X, y, X_val=X, y_val=y)
    for row, score in zip(clf.history_, (0.99, 0.98, 0.4, 0.5), strict=True):
        row["score"], row["validation_score"] = 0.99, score
    (finding,) = (it for it in diagnose(clf, X, y).findings if "The score is" in it)
    assert "0.990 in training and 0.500 in validation" in finding
