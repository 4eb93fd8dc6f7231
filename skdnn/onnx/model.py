"""A fitted estimator as an ONNX model."""

import numpy as np
from sklearn.utils.validation import check_is_fitted

from skdnn.estimators import MLPClassifierDIY, MLPRegressorDIY
from skdnn.onnx.graph import Graph
from skdnn.onnx.networks import ClassifierExport, RegressorExport
from skdnn.onnx.tables import TabularClassifierExport, TabularRegressorExport
from skdnn.tables import TabularClassifierDIY, TabularRegressorDIY

OLDEST_OPSET = 13  # the first in which all operators mean what they mean today
EXPORTS = {
    MLPClassifierDIY: ClassifierExport,
    MLPRegressorDIY: RegressorExport,
    TabularClassifierDIY: TabularClassifierExport,
    TabularRegressorDIY: TabularRegressorExport,
}


def to_onnx(estimator, *, input_name="X", input_dtype=None, opset=17):
    """Convert a fitted estimator to an ONNX model.

    Batch normalization is folded into the dense layers, and dropout left out. Several
    networks, with `n_networks`, become one model that averages.

    Parameters
    ----------
    estimator : MLPClassifierDIY, MLPRegressorDIY, TabularClassifierDIY or \
            TabularRegressorDIY
        A fitted one, or a search that has fitted it: its `best_estimator_`. For a whole
        pipeline, see :func:`register_converter`.
    input_name : str, default="X"
        The name of the input, of shape (n_samples, n_features). Those for tables have
        an input for each column, of its name and of shape (n_samples, 1): float64, NaN
        where a number is missing, or strings, empty where one is missing.
    input_dtype : dtype, default=None
        Of the input, which is cast to the dtype of the network; None is that dtype.
    opset : int, default=17
        Version of ONNX's operators, at least 13.

    Returns
    -------
    model : onnx.ModelProto
        Of a classifier it has two outputs. "label" is what `predict` returns: of shape
        (n_samples,), int64 or string; for multi-label targets an indicator matrix of
        int64. "probabilities" is what `predict_proba` returns, of shape
        (n_samples, n_classes). Of a regressor, "variable" is what `predict` returns, of
        shape (n_samples, n_targets), with several quantiles
        (n_samples, n_targets * n_quantiles), those of the first target first; with
        ``loss="gaussian"`` there is also "std". All are of the dtype of what `predict`
        returns. The model does not check its input.

    Raises
    ------
    ImportError
        If onnx is not installed.
    TypeError
        If `estimator` is something else, its labels are neither numbers nor strings, or
        it has a layer of a kind that is not this package's.
    ValueError
        If `opset` is out of range, `input_dtype` is no dtype of numbers, or a column of
        a table has "" for a category.

    Examples
    --------
    >>> import onnxruntime  # doctest: +SKIP
    >>> model = skdnn.to_onnx(clf).SerializeToString()  # doctest: +SKIP
    >>> session = onnxruntime.InferenceSession(model)  # doctest: +SKIP
    >>> label, probabilities = session.run(None, {"X": X})  # doctest: +SKIP
    """
    try:
        import onnx
    except ImportError as error:
        raise ImportError(needs("to_onnx", "onnx")) from error
    while hasattr(estimator, "best_estimator_"):
        estimator = estimator.best_estimator_
    export = export_of(estimator)
    check_is_fitted(estimator)
    newest = onnx.defs.onnx_opset_version()
    if not OLDEST_OPSET <= opset <= newest:
        raise ValueError(f"opset must be in [{OLDEST_OPSET}, {newest}], got {opset!r}.")
    _check_input_dtype(input_dtype)
    outputs = export.outputs(estimator)
    return model_of(onnx, estimator, export, input_name, input_dtype, outputs, opset)


def _check_input_dtype(dtype):
    try:
        is_valid = dtype is None or np.dtype(dtype).kind in "biuf"
    except TypeError:
        is_valid = False
    if not is_valid:
        raise ValueError(
            "input_dtype must be None or a dtype of numbers, such as 'float32' or"
            f" 'uint8', got {dtype!r}."
        )


def model_of(onnx, estimator, export, input_name, input_dtype, outputs, opset):
    """Return the model of an estimator, with the outputs of an export."""
    helper = onnx.helper

    def tensor(name, dtype, shape):
        kind = helper.np_dtype_to_tensor_dtype(np.dtype(dtype))
        return helper.make_tensor_value_info(name, kind, ["n_samples", *shape])

    inputs = export.inputs(estimator, input_name, input_dtype)
    graph = Graph(onnx)
    dtypes = {name: dtype for name, dtype, _ in outputs}
    export.write(graph, estimator, input_name, dtypes)
    opsets = [
        helper.make_opsetid(domain, version)
        for domain, version in {"": opset, **export.opsets}.items()
    ]
    model = helper.make_model(
        helper.make_graph(
            graph.nodes,
            type(estimator).__name__,
            [tensor(*its) for its in inputs],
            [tensor(*output) for output in outputs],
            graph.constants,
        ),
        producer_name="skdnn",
        opset_imports=opsets,
        ir_version=helper.find_min_ir_version_for(opsets),
    )
    onnx.checker.check_model(model)
    return model


def export_of(estimator):
    """Return what knows the outputs of an estimator."""
    for kind, export in EXPORTS.items():
        if isinstance(estimator, kind):
            return export
    raise TypeError(
        f"to_onnx converts {', '.join(kind.__name__ for kind in EXPORTS)}, got"
        f" {estimator!r}."
        " For a pipeline, call skdnn.onnx.register_converter() and then"
        " skl2onnx.to_onnx. A search must be fitted, with refit=True."
    )


def needs(what, package):
    """Return what to say where a package is missing."""
    return f"{what} needs {package}: pip install 'skdnn[onnx]'"
