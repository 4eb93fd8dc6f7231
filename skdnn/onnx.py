"""Export to ONNX: a fitted classifier alone, or in a pipeline through skl2onnx."""

from itertools import count
from types import SimpleNamespace

import numpy as np
from sklearn.utils.validation import check_is_fitted

from skdnn import nn

OLDEST_OPSET = 13  # the first in which all operators mean what they mean today
ELEMENTWISE = {nn.ReLU: "Relu", nn.Tanh: "Tanh", nn.Logistic: "Sigmoid"}


def to_onnx(clf, *, input_name="X", input_dtype=None, opset=17):
    """Convert a fitted classifier to an ONNX model.

    Batch normalization is folded into the dense layers, and dropout left out.

    Parameters
    ----------
    clf : MLPClassifierDIY
        A fitted one. For a whole pipeline, see :func:`register_converter`.
    input_name : str, default="X"
        The name of the input, of shape (n_samples, n_features).
    input_dtype : dtype, default=None
        Of the input, which is cast to the dtype of the network; None is that dtype.
    opset : int, default=17
        Version of ONNX's operators, at least 13.

    Returns
    -------
    model : onnx.ModelProto
        With two outputs. "label" is what `predict` returns: of shape (n_samples,),
        int64 or string; for multi-label targets an indicator matrix of int64.
        "probabilities" is what `predict_proba` returns, of shape
        (n_samples, n_classes). The model does not check its input.

    Raises
    ------
    ImportError
        If onnx is not installed.
    TypeError
        If `clf` is something else, or its labels are neither numbers nor strings.
    ValueError
        If `opset` is out of range.

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
        raise ImportError(_needs("to_onnx", "onnx")) from error
    from skdnn.estimators.classifier import MLPClassifierDIY

    if not isinstance(clf, MLPClassifierDIY):
        raise TypeError(
            f"to_onnx converts an MLPClassifierDIY, got {clf!r}. For a pipeline, call"
            " skdnn.onnx.register_converter() and then skl2onnx.to_onnx."
        )
    check_is_fitted(clf)
    newest = onnx.defs.onnx_opset_version()
    if not OLDEST_OPSET <= opset <= newest:
        raise ValueError(f"opset must be in [{OLDEST_OPSET}, {newest}], got {opset!r}.")
    dtype = clf.network_.dtype
    return _model(onnx, clf, input_name, input_dtype or dtype, dtype, opset)


def _model(onnx, clf, input_name, input_dtype, output_dtype, opset):
    helper = onnx.helper

    def tensor(name, dtype, shape):
        kind = helper.np_dtype_to_tensor_dtype(np.dtype(dtype))
        return helper.make_tensor_value_info(name, kind, ["n_samples", *shape])

    shape = [len(clf.classes_)]
    label_shape = shape if clf._targets().multilabel else []
    graph = _Graph(onnx)
    graph.write(clf, input_name, output_dtype)
    opsets = [helper.make_opsetid("", opset)]
    model = helper.make_model(
        helper.make_graph(
            graph.nodes,
            type(clf).__name__,
            [tensor(input_name, input_dtype, [clf.n_features_in_])],
            [
                tensor("label", _onnx_classes(clf).dtype, label_shape),
                tensor("probabilities", output_dtype, shape),
            ],
            graph.constants,
        ),
        producer_name="skdnn",
        opset_imports=opsets,
        ir_version=helper.find_min_ir_version_for(opsets),
    )
    onnx.checker.check_model(model)
    return model


class _Graph:
    """The nodes and constants of a graph that grows."""

    def __init__(self, onnx):
        self.onnx, self.nodes, self.constants = onnx, [], []
        self.numbers = count()

    def constant(self, array):
        """Add a constant, and return its name."""
        name = f"constant_{next(self.numbers)}"
        self.constants.append(self.onnx.numpy_helper.from_array(array, name))
        return name

    def node(self, kind, *inputs, output=None, **attributes):
        """Add a node, and return the name of its output."""
        name = f"{kind}_{next(self.numbers)}"
        output = output or name
        make = self.onnx.helper.make_node
        self.nodes.append(make(kind, inputs, [output], name, **attributes))
        return output

    def cast(self, A, dtype, output=None):
        """Add a cast, and return the name of its output."""
        to = self.onnx.helper.np_dtype_to_tensor_dtype(np.dtype(dtype))
        return self.node("Cast", A, to=to, output=output)

    def layer(self, A, layer, view, dtype):
        """Add a layer at inference, and return the name of its output."""
        if isinstance(layer, nn.Dense):
            weights, bias = map(self.constant, (view["weights"], view["bias"]))
            return self.node("Gemm", A, weights, bias)
        if isinstance(layer, nn.BatchNorm):  # one that is not behind a dense layer
            scale, shift = layer.inference_scale_and_shift(SimpleNamespace(**view))
            scaled = self.node("Mul", A, self.constant(scale))
            return self.node("Add", scaled, self.constant(shift))
        if isinstance(layer, nn.LeakyReLU):
            slope = self.constant(np.array(layer.negative_slope, dtype))
            return self.node("Max", A, self.node("Mul", A, slope))
        return self.node(ELEMENTWISE[type(layer)], A)

    def write(self, clf, input_name, output_dtype):
        """Add what `predict` and `predict_proba` do."""
        network = clf.network_.folded(-1)
        Z = self.cast(input_name, network.dtype)
        for layer, view in zip(network.layers, network.views, strict=True):
            Z = self.layer(Z, layer, view, network.dtype)
        if clf._targets().multilabel:
            zero = self.constant(np.array(0, network.dtype))
            self.cast(self.node("Greater", Z, zero), np.int64, output="label")
        else:
            if clf.n_outputs_ == 1:
                Z = self.node("Concat", self.node("Neg", Z), Z, axis=1)
            best = self.node("ArgMax", Z, axis=1, keepdims=0)
            self.node("Gather", self.constant(_onnx_classes(clf)), best, output="label")
        if clf.out_activation_ == "softmax":
            P = self.node("Softmax", Z, axis=1)
        else:
            P = self.node("Sigmoid", Z)
        self.cast(P, output_dtype, output="probabilities")


def _onnx_classes(clf):
    """Return the labels as int64, or as objects that are strings."""
    classes = clf.classes_
    if classes.dtype == object:
        classes = np.array(classes.tolist())
    if classes.dtype.kind in "biuf":  # of floats scikit-learn takes whole numbers only
        return classes.astype(np.int64)
    if classes.dtype.kind in "UT":
        return classes.astype(object)
    raise TypeError(
        "ONNX has labels that are whole numbers or strings, got classes of dtype"
        f" {classes.dtype}. Fit on y.astype(str), for example."
    )


def register_converter():
    """Teach skl2onnx to convert MLPClassifierDIY, alone and in pipelines.

    Call it once; from then on ``skl2onnx.to_onnx(pipeline, X)`` converts a pipeline,
    with its options for classifiers, such as ``options={"zipmap": False}``. As there,
    the probabilities are float64 where `X` is, and float32 otherwise, and a float64 `X`
    needs ``"zipmap"`` to be False or "columns".

    Raises
    ------
    ImportError
        If skl2onnx is not installed.
    """
    try:
        from skl2onnx import update_registered_converter
    except ImportError as error:
        raise ImportError(_needs("register_converter", "skl2onnx")) from error
    from skdnn.estimators.classifier import MLPClassifierDIY

    update_registered_converter(
        MLPClassifierDIY,
        "SkdnnMLPClassifierDIY",
        _set_output_types,
        _convert,
        options={"zipmap": [True, False, "columns"], "nocl": [False]},
    )


def _set_output_types(operator):
    """Tell skl2onnx the type of the labels and the shapes of both outputs."""
    from skl2onnx.common.data_types import Int64TensorType, StringTensorType

    clf, n_samples = operator.raw_operator, operator.inputs[0].get_first_dimension()
    shape = [n_samples, len(clf.classes_)]
    label_shape = shape if clf._targets().multilabel else shape[:1]
    strings = _onnx_classes(clf).dtype == object
    label = StringTensorType if strings else Int64TensorType
    operator.outputs[0].set_type(label(label_shape))
    operator.outputs[1].type.shape = shape


def _convert(scope, operator, container):
    """Put the model into the graph of skl2onnx."""
    import onnx
    from skl2onnx.common.data_types import guess_proto_type
    from skl2onnx.helpers.integration import add_onnx_graph

    variables = operator.inputs[0], operator.outputs[1]
    dtypes = [
        onnx.helper.tensor_dtype_to_np_dtype(guess_proto_type(variable.type))
        for variable in variables
    ]
    model = _model(onnx, operator.raw_operator, "X", *dtypes, container.target_opset)
    add_onnx_graph(scope, operator, container, model)


def _needs(what, package):
    return f"{what} needs {package}: pip install 'skdnn[onnx]'"
