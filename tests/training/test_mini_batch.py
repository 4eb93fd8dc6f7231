"""Mini-batches: what they cost, and how their numbers are cast."""

import tracemalloc

import numpy as np
import pytest
from numpy.testing import assert_array_equal
from sklearn.datasets import load_digits

from helpers import outputs
from skdnn.training.mini_batch import MiniBatch


@pytest.mark.parametrize("shuffle", [True, False])
def test_integers_are_cast_as_they_are_gathered(small, shuffle):
    X, y = load_digits(return_X_y=True)
    clf, expected = (
        small(early_stopping=True, shuffle=shuffle).fit(X.astype(dtype), y)
        for dtype in (np.uint8, np.float32)
    )
    assert_array_equal(clf.loss_curve_, expected.loss_curve_)
    assert_array_equal(outputs(clf, X.astype(np.uint8)), outputs(expected, X))


@pytest.mark.parametrize(
    "form", ["by columns", "every other", "frame", "map by columns", "map with header"]
)
def test_mini_batches_cost_their_rows_however_these_lie_in_memory(
    form, small, tmp_path, monkeypatch
):
    # NumPy takes rows of an array that isn't in C order from a copy of all of it.
    X = np.random.default_rng(0).normal(size=(20_000, 16)).astype(np.float32)
    y = (X[:, 0] * X[:, 1] > 0).astype(int)
    if form == "every other":
        given = np.repeat(X, 2, axis=1)[:, ::2]
    elif form == "frame":
        given = pytest.importorskip("pandas").DataFrame(X)
    else:
        given = np.asfortranarray(X)
    if form == "map by columns":
        np.save(tmp_path / "X.npy", given)
        given = np.load(tmp_path / "X.npy", mmap_mode="r")
    elif form == "map with header":
        (tmp_path / "X").write_bytes(b"-" + X.tobytes())
        given = np.memmap(tmp_path / "X", X.dtype, "r", offset=1, shape=X.shape)
    gather, costs = MiniBatch.gather, []

    def watched(batch, X, index):
        tracemalloc.start()
        try:
            return gather(batch, X, index)
        finally:
            costs.append(tracemalloc.get_traced_memory()[1])
            tracemalloc.stop()

    monkeypatch.setattr(MiniBatch, "gather", watched)
    estimator = small(max_iter=1, batch_size=200).fit(given, y)
    assert len(costs) >= 100
    assert max(costs) < X.nbytes / 10
    monkeypatch.undo()
    same = small(max_iter=1, batch_size=200).fit(X, y)
    assert_array_equal(outputs(estimator, X), outputs(same, X))
