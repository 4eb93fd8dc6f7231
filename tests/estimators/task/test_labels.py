"""Labels to targets and back."""

import numpy as np
import pytest
import scipy.sparse
from numpy.testing import assert_array_equal

from helpers import check_refusal, quick, silent
from skdnn import MLPClassifierDIY
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


@pytest.mark.parametrize("labels", [["no", "yes", "so"], [-1, 5, 7], [0.0, 1.0, 2.0]])
def test_labels_of_any_kind(iris, labels):
    X, y = iris
    clf = quick(max_iter=100, learning_rate_init=0.01).fit(X, np.array(labels)[y])
    assert_array_equal(clf.classes_, np.unique(labels))
    assert clf.classes_.dtype == np.array(labels).dtype
    assert clf.score(X, np.array(labels)[y]) > 0.95


@pytest.mark.parametrize("dtype", ["Int64", "Int8", "UInt16", "boolean"])
def test_labels_of_pandas_come_back_as_they_were(iris, dtype):
    pandas = pytest.importorskip("pandas")
    X, y = iris
    y = pandas.Series(y > 0 if dtype == "boolean" else y, dtype=dtype)
    kind = np.dtype(y.dtype.type)
    clf = MLPClassifierDIY(max_iter=20, random_state=0)
    in_parts = MLPClassifierDIY(max_iter=20, random_state=0)
    clf.fit(X, y, X_val=X[::2], y_val=y[::2])
    in_parts.partial_fit(X, y, classes=y.unique()).partial_fit(X, y)
    for fitted in (clf, in_parts):
        assert fitted.classes_.dtype == fitted.predict(X).dtype == kind
    assert clf.score(X, y) > 0.8
    y[3] = pandas.NA
    with pytest.raises(ValueError, match="NaN|missing"):
        clf.fit(X, y)


def test_indicators_of_pandas(multilabel):
    pandas = pytest.importorskip("pandas")
    X, Y = multilabel
    clf = MLPClassifierDIY(max_iter=3, random_state=0)
    clf.fit(X, pandas.DataFrame(Y).astype("boolean"))
    twin = MLPClassifierDIY(max_iter=3, random_state=0).fit(X, Y)
    assert_array_equal(clf.predict(X), twin.predict(X))


@pytest.mark.parametrize(
    "labels",
    [np.array([3, 7, 9]), np.array([True, False, True]), np.array(list("abc"))],
)
def test_labels_among_objects_and_strings_of_any_length(iris, labels):
    X, y = iris
    plain = labels[y]
    expected = MLPClassifierDIY(max_iter=5, random_state=0).fit(X, plain)
    given = plain.astype(object)
    if labels.dtype.kind == "U":
        given = plain.astype(np.dtypes.StringDType())
    clf = MLPClassifierDIY(max_iter=5, random_state=0).fit(X, given)
    assert clf.classes_.dtype.kind == expected.classes_.dtype.kind
    assert_array_equal(clf.predict(X), expected.predict(X))
    assert clf.score(X, plain) == expected.score(X, plain)


def test_one_hot_encoded_classes(iris, multilabel):
    X, y = iris
    with pytest.warns(UserWarning, match=r"one-hot encoded.*y.argmax\(axis=1\)"):
        MLPClassifierDIY(max_iter=1).fit(X, np.eye(3, dtype=int)[y])
    with silent():
        MLPClassifierDIY(max_iter=1).fit(*multilabel)


@pytest.mark.parametrize("missing", [None, np.nan, "NA"])
def test_labels_to_validate_on_that_are_missing(iris, missing):
    X, y = iris
    names = np.array(["no", "yes", "both"], object)[y]
    if missing == "NA":
        pandas = pytest.importorskip("pandas")
        broken = pandas.Series(names, dtype="string")
        broken[3] = pandas.NA
    else:
        broken = names.copy()
        broken[3] = missing
    with pytest.raises(ValueError, match="y_val contains NaN: 1 of 150 values"):
        MLPClassifierDIY(max_iter=1).fit(X, names, X_val=X, y_val=broken)


@pytest.mark.parametrize("values", [(-1, 1), (1, 2), (0, 2)])
def test_indicators_of_other_numbers(multilabel, values):
    X, Y = multilabel
    with pytest.raises(ValueError, match=r"y must be an indicator matrix of 0 and 1"):
        MLPClassifierDIY(max_iter=1).fit(X, np.choose(Y, values))


BAD_LABELS = {
    "one class": (lambda y: y * 0, "only one class: .*0"),
    "continuous": (lambda y: y + 0.5, "Unknown label type"),
    "mixed": (
        lambda y: np.array(["a", *y[1:]], dtype=object),
        r"labels of one kind, got a mix of \['int.*', 'str'\]",
    ),
}


@pytest.mark.parametrize(("spoil", "message"), BAD_LABELS.values(), ids=BAD_LABELS)
def test_bad_labels_are_named_and_leave_the_classifier_as_it_was(iris, spoil, message):
    X, y = iris
    for clf in (quick().fit(X, y), quick()):
        check_refusal(clf, X, (X, spoil(y)), message)
