"""Labels to targets and back."""

import numpy as np
import pytest
import scipy.sparse
from numpy.testing import assert_array_equal

from skdnn.estimators.task.labels import Labels


@pytest.mark.parametrize(
    "y",
    [
        np.array([3, 1, 2, 1]),
        np.array(["c", "a", "b", "a"]),
        np.array(["c", "a", "b", "a"], dtype=object),
        np.array([0.5 * 2, -1.0, 0.0, -1.0]),
        np.array([True, False, False, True]),
    ],
    ids=["int", "str", "object", "float", "bool"],
)
def test_there_and_back(y):
    labels = Labels.of(y)
    targets = labels.encode(y)
    assert_array_equal(labels.classes, np.unique(y))
    assert_array_equal(targets, np.unique(y, return_inverse=True)[1])
    assert_array_equal(labels.decode(targets), y)
    assert labels.decode(targets).dtype == y.dtype


def test_a_single_output_decides_between_two_classes():
    labels = Labels.of(np.array(["no", "yes"]))
    assert_array_equal(labels.decode(np.array([[True], [False]])), ["yes", "no"])


@pytest.mark.parametrize("sparse", [False, True])
def test_multilabel(sparse):
    Y = np.array([[1, 0, 1], [0, 0, 0], [1, 1, 1]])
    given = scipy.sparse.csr_array(Y) if sparse else Y
    labels = Labels.of(given)
    assert labels.multilabel
    assert_array_equal(labels.classes, [0, 1, 2])
    assert_array_equal(labels.encode(given), Y)
    assert_array_equal(labels.decode(Y.astype(bool)), Y)


def test_errors():
    labels = Labels.of(np.array([1, 2, 4]))
    for unseen in (0, 3, 9):
        with pytest.raises(ValueError, match="has classes not in `self.classes_`"):
            labels.encode(np.array([1, unseen]))
    with pytest.raises(ValueError, match="only one class"):
        Labels.of(np.array(["a", "a"]))
    with pytest.raises(ValueError, match="got a mix of"):
        Labels.of(np.array(["a", 1], dtype=object))
    with pytest.raises(ValueError, match="Unknown label type"):
        Labels.of(np.array([0.5, 1.5]))
