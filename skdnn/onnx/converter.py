"""The estimators of this package in pipelines that skl2onnx converts."""

import numpy as np

from skdnn.estimators import MLPClassifierDIY, MLPRegressorDIY
from skdnn.onnx.model import export_of, model_of, needs
from skdnn.onnx.networks import RegressorExport, onnx_classes


def register_converter():
    """Teach skl2onnx to convert the estimators of this package, also in pipelines.

    Call it once; from then on ``skl2onnx.to_onnx(pipeline, X)`` converts a pipeline,
    with its options for classifiers, such as ``options={"zipmap": False}``. As there,
    the probabilities are float64 where `X` is, and float32 otherwise, and a float64 `X`
    needs ``"zipmap"`` to be False or "columns". A regressor has the output "variable",
    float64 also where `predict` returns that, but no "std".

    Raises
    ------
    ImportError
        If skl2onnx is not installed.
    """
    try:
        from skl2onnx import update_registered_converter
    except ImportError as error:
        raise ImportError(needs("register_converter", "skl2onnx")) from error
    update_registered_converter(
        MLPClassifierDIY,
        "SkdnnMLPClassifierDIY",
        _set_types_of_classifier,
        _convert,
        options={"zipmap": [True, False, "columns"], "nocl": [False]},
    )
    update_registered_converter(
        MLPRegressorDIY, "SkdnnMLPRegressorDIY", _set_types_of_regressor, _convert
    )


def _set_types_of_classifier(operator):
    """Tell skl2onnx the type of the labels and the shapes of both outputs."""
    from skl2onnx.common.data_types import Int64TensorType, StringTensorType

    clf, n_samples = operator.raw_operator, operator.inputs[0].get_first_dimension()
    shape = [n_samples, len(clf.classes_)]
    label_shape = shape if clf.task.multilabel else shape[:1]
    strings = onnx_classes(clf).dtype == object
    label = StringTensorType if strings else Int64TensorType
    operator.outputs[0].set_type(label(label_shape))
    operator.outputs[1].type.shape = shape


def _set_types_of_regressor(operator):
    """Tell skl2onnx the shape of the output, and its type if that is always double."""
    from skl2onnx.common.data_types import DoubleTensorType

    reg, n_samples = operator.raw_operator, operator.inputs[0].get_first_dimension()
    ((_, dtype, shape), *_) = RegressorExport.outputs(reg)
    if dtype == np.float64:
        operator.outputs[0].set_type(DoubleTensorType())
    operator.outputs[0].type.shape = [n_samples, *shape]


def _convert(scope, operator, container):
    """Put the model into the graph of skl2onnx."""
    import onnx
    from skl2onnx.common.data_types import guess_proto_type
    from skl2onnx.helpers.integration import add_onnx_graph

    variables = operator.inputs[0], operator.outputs[-1]
    dtypes = [
        onnx.helper.tensor_dtype_to_np_dtype(guess_proto_type(variable.type))
        for variable in variables
    ]
    estimator = operator.raw_operator
    export = export_of(estimator)
    opset = container.target_opset
    # Of the outputs, those that skl2onnx knows.
    outputs = export.outputs(estimator, dtypes[1])[: len(operator.outputs)]
    model = model_of(onnx, estimator, export, "X", dtypes[0], outputs, opset)
    add_onnx_graph(scope, operator, container, model)
