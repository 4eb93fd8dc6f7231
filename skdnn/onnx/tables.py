"""Tables in ONNX: an input for each column, the encoder, and the blend of networks."""

from numbers import Real

import numpy as np

from skdnn.messages import plain
from skdnn.onnx.networks import ClassifierExport, RegressorExport
from skdnn.tables.encoder import BOUND, HUGE, NumberColumn

ML_DOMAIN, ML_OPSET = "ai.onnx.ml", 2  # where LabelEncoder is


class TableInputs:
    """What estimators for tables have in common: columns, and what encodes them."""

    opsets = {ML_DOMAIN: ML_OPSET}

    @staticmethod
    def inputs(estimator, name, dtype):
        """Return name, dtype and shape behind the samples of each input."""
        return [
            (column.name, _dtype_of(column), [1])
            for column in estimator.encoder_.columns_
        ]

    @classmethod
    def blend(cls, graph, estimator, dtype, outputs_of):
        """Add the encoder and the networks, and return the name of their blend."""
        parts = []
        for column in estimator.encoder_.columns_:
            if column.names:
                is_number = isinstance(column, NumberColumn)
                parts += (_number if is_number else _category)(graph, column)
        Z = graph.node("Concat", *parts, axis=1)
        shares = estimator.shares_.tolist()
        weighted = [
            graph.node("Mul", outputs_of(network, Z), graph.constant(dtype(share)))
            for share, network in zip(shares, estimator.networks_, strict=True)
            if share
        ]
        return graph.node("Sum", *weighted)


class TabularClassifierExport(TableInputs):
    """The outputs of a classifier of tables."""

    @staticmethod
    def outputs(clf, dtype=None):
        """Return name, dtype and shape behind the samples of each output."""
        return ClassifierExport.outputs(clf.networks_[0], dtype)

    @classmethod
    def write(cls, graph, clf, input_name, dtypes):
        """Add what `predict` and `predict_proba` do."""

        def probabilities(network, Z):
            return ClassifierExport.probabilities(graph, network, Z)[0]

        P = cls.blend(graph, clf, np.float32, probabilities)
        ClassifierExport.write_outputs(graph, clf.networks_[0], P, P, 0.5, dtypes)


class TabularRegressorExport(TableInputs):
    """The outputs of a regressor of tables."""

    @staticmethod
    def outputs(reg, dtype=None):
        """Return name, dtype and shape behind the samples of each output."""
        return RegressorExport.outputs(reg.networks_[0], dtype)

    @classmethod
    def write(cls, graph, reg, input_name, dtypes):
        """Add what `predict` does."""

        def numbers(network, Z):
            return graph.cast(RegressorExport.numbers(graph, network, Z), np.float64)

        y = cls.blend(graph, reg, np.float64, numbers)
        graph.cast(y, dtypes["variable"], output="variable")


def _dtype_of(column):
    """Return the dtype of a column: numbers are doubles."""
    if isinstance(column, NumberColumn):
        return np.dtype(np.float64)
    if column.holds_text:
        return np.dtype(object)
    if all(isinstance(level, Real) for level in column.levels):
        return np.dtype(np.float64)
    raise TypeError(
        f"ONNX has columns of numbers or of strings, but {column.name!r} holds"
        f" {[*map(plain, column.levels[:5])]}. Make them all strings before fit."
    )


def _number(graph, column):
    """Add what :class:`NumberColumn` makes of numbers; return the names."""
    x, parts = column.name, []
    missing = graph.node("IsNaN", x)

    def number(value):
        return graph.constant(np.float64(value))

    if column.varies:
        z = graph.node("Sub", x, number(column.center))
        z = graph.node("Div", z, number(column.scale))
        z = graph.node("Min", graph.node("Max", z, number(-HUGE)), number(HUGE))
        squares = graph.node("Div", z, number(BOUND))
        squares = graph.node("Mul", squares, squares)
        root = graph.node("Sqrt", graph.node("Add", squares, number(1)))
        z = graph.node("Where", missing, number(0), graph.node("Div", z, root))
        parts.append(graph.cast(z, np.float32))
    if column.may_be_missing:
        parts.append(graph.cast(missing, np.float32))
    return parts


def _category(graph, column):
    """Add what :class:`CategoryColumn` makes of levels; return the names.

    An empty string stands for a missing one, so it can't be a level as well.
    """
    if "" in column.levels:
        raise ValueError(
            "In ONNX an empty string stands for a missing value, but column"
            f" {column.name!r} held '' as a category in fit. Replace it before fit: by"
            " None where it says that a value is missing, or by a word of its own."
        )
    width = len(column.names)
    places = [min(i, column.n_single) for i in range(len(column.levels))]
    missing = width - 1 if column.may_be_missing else -1
    levels, x = column.levels, column.name
    options = {"domain": ML_DOMAIN, "default_int64": -1}
    if column.holds_text:
        pairs = {"keys_strings": ["", *levels], "values_int64s": [missing, *places]}
        place = graph.node("LabelEncoder", x, **options, **pairs)
    else:
        pairs = {"keys_floats": list(map(float, levels)), "values_int64s": places}
        numbers = graph.cast(x, np.float32)
        place = graph.node("LabelEncoder", numbers, **options, **pairs)
        nothing = graph.constant(np.int64(missing))
        place = graph.node("Where", graph.node("IsNaN", x), nothing, place)
    if column.is_binary:
        signs = [
            graph.cast(graph.node("Equal", place, graph.constant(np.int64(i))), "f4")
            for i in (1, 0)
        ]
        return [graph.node("Sub", *signs)]
    is_there = graph.node("Equal", place, graph.constant(np.arange(width)))
    return [graph.cast(is_there, np.float32)]
