"""Export to ONNX: a fitted estimator alone, or in a pipeline through skl2onnx."""

from itertools import count
from math import sqrt
from types import SimpleNamespace

import numpy as np
from sklearn.utils.validation import check_is_fitted

from skdnn import nn
from skdnn.nn.layers.outputs import exp_range

OLDEST_OPSET = 13  # the first in which all operators mean what they mean today
ELEMENTWISE = {nn.ReLU: "Relu", nn.Tanh: "Tanh", nn.Logistic: "Sigmoid"}


def to_onnx(estimator, *, input_name="X", input_dtype=None, opset=17):
    """Convert a fitted estimator to an ONNX model.

    Batch normalization is folded into the dense layers, and dropout left out. Several
    networks, with `n_networks`, become one model that averages.

    Parameters
    ----------
    estimator : MLPClassifierDIY or MLPRegressorDIY
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
        Of a classifier it has two outputs. "label" is what `predict` returns: of shape
        (n_samples,), int64 or string; for multi-label targets an indicator matrix of
        int64. "probabilities" is what `predict_proba` returns, of shape
        (n_samples, n_classes). Of a regressor, "variable" is what `predict` returns, of
        shape (n_samples, n_targets), with several quantiles
        (n_samples, n_targets * n_quantiles), those of the first target first; with
        ``loss="gaussian"`` there is also "std". The model does not check its input.

    Raises
    ------
    ImportError
        If onnx is not installed.
    TypeError
        If `estimator` is something else, or its labels are neither numbers nor strings.
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
    export = _export_of(estimator)
    check_is_fitted(estimator)
    newest = onnx.defs.onnx_opset_version()
    if not OLDEST_OPSET <= opset <= newest:
        raise ValueError(f"opset must be in [{OLDEST_OPSET}, {newest}], got {opset!r}.")
    dtype = estimator.network_.dtype
    dtypes = input_dtype or dtype, dtype
    return _model(onnx, estimator, export, input_name, *dtypes, opset)


def _model(onnx, estimator, export, input_name, input_dtype, output_dtype, opset):
    """Return the model of an estimator; its outputs are those of an export."""
    helper = onnx.helper

    def tensor(name, dtype, shape):
        kind = helper.np_dtype_to_tensor_dtype(np.dtype(dtype))
        return helper.make_tensor_value_info(name, kind, ["n_samples", *shape])

    graph = _Graph(onnx)
    export.write(graph, estimator, input_name, output_dtype)
    opsets = [helper.make_opsetid("", opset)]
    model = helper.make_model(
        helper.make_graph(
            graph.nodes,
            type(estimator).__name__,
            [tensor(input_name, input_dtype, [estimator.n_features_in_])],
            [tensor(*output) for output in export.outputs(estimator, output_dtype)],
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

    def layers(self, A, nodes, dtype):
        """Add layers in a row, and return the name of the last one's output."""
        for node in nodes:
            A = self.layer(A, node, dtype)
        return A

    def layer(self, A, node, dtype):
        """Add a layer at inference, and return the name of its output."""
        layer, view = node.layer, node.view

        def number(value):
            return self.constant(np.asarray(value, dtype))

        if isinstance(layer, nn.Dense):
            weights, bias = map(self.constant, (view["weights"], view["bias"]))
            return self.node("Gemm", A, weights, bias)
        if isinstance(layer, nn.BatchNorm):  # one that is not behind a dense layer
            scale = layer.inference_scale(SimpleNamespace(**view))
            centered = self.node("Sub", A, self.constant(view["running_mean"]))
            scaled = self.node("Mul", centered, self.constant(scale))
            return self.node("Add", scaled, self.constant(view["beta"]))
        if isinstance(layer, nn.LeakyReLU):
            slope = number(layer.negative_slope)
            return self.node("Max", A, self.node("Mul", A, slope))
        if isinstance(layer, nn.Identity):
            return A
        if isinstance(layer, nn.Residual):
            return self.node("Add", A, self.layers(A, node.children, dtype))
        if isinstance(layer, nn.Scale):
            return self.node("Mul", A, self.constant(view["factor"]))
        if isinstance(layer, nn.LayerNorm):
            return self.layer_norm(A, layer, view, number)
        if isinstance(layer, nn.PReLU):
            low = self.node("Min", A, number(0))
            low = self.node("Mul", low, self.constant(view["slope"]))
            return self.node("Add", self.node("Relu", A), low)
        if isinstance(layer, (nn.ELU, nn.SELU)):
            low = self.node("Exp", self.node("Min", A, number(0)))
            low = self.node("Sub", low, number(1))
            low = self.node("Mul", low, number(layer.depth))
            high = self.node("Mul", self.node("Relu", A), number(layer.slope))
            return self.node("Add", high, low)
        if isinstance(layer, nn.Softplus):
            return self.softplus(A, dtype)
        if isinstance(layer, nn.Mish):
            gate = self.node("Tanh", self.softplus(A, dtype))
            return self.node("Mul", A, gate)
        if isinstance(layer, nn.SiLU):
            return self.node("Mul", A, self.node("Sigmoid", A))
        if isinstance(layer, nn.GELU):
            erf = self.node("Erf", self.node("Mul", A, number(sqrt(1 / 2))))
            twice = self.node("Add", erf, number(1))
            return self.node("Mul", self.node("Mul", A, number(1 / 2)), twice)
        return self.node(ELEMENTWISE[type(layer)], A)

    def layer_norm(self, A, layer, view, number):
        """Add a layer normalization, whose own operator came later.

        Divided by their size where that is above 1, so that no square overflows.
        """
        width = len(view["gamma"])
        mean = number(np.full((width, 1), 1 / width))
        first = self.node("Gather", A, self.constant(np.array([0])), axis=1)
        centered = self.node("Sub", A, first)
        centered = self.node("Sub", centered, self.node("MatMul", centered, mean))
        size = self.node("MatMul", self.node("Abs", centered), mean)
        size = self.node("Max", size, number(1))
        centered = self.node("Div", centered, size)
        squares = self.node("Mul", centered, centered)
        smallest = self.node("Div", number(sqrt(layer.epsilon)), size)
        variance = self.node(
            "Add",
            self.node("MatMul", squares, mean),
            self.node("Mul", smallest, smallest),
        )
        normalized = self.node("Div", centered, self.node("Sqrt", variance))
        scaled = self.node("Mul", normalized, self.constant(view["gamma"]))
        return self.node("Add", scaled, self.constant(view["beta"]))

    def softplus(self, A, dtype):
        """Add ``log(1 + exp(A))``, whose own operator knows no float64 everywhere."""
        one = self.constant(np.array(1, dtype))
        small = self.node("Exp", self.node("Neg", self.node("Abs", A)))
        small = self.node("Log", self.node("Add", small, one))
        return self.node("Add", self.node("Relu", A), small)

    def mean(self, names, dtype):
        """Add the mean of some arrays, and return its name."""
        if len(names) == 1:
            return names[0]
        share = self.constant(np.asarray(1 / len(names), dtype))
        return self.node("Mul", self.node("Sum", *names), share)

    def body(self, network, input_name):
        """Add a network's layers, and return the name of the last one's output."""
        A = self.cast(input_name, network.dtype)
        return self.layers(A, network.nodes, network.dtype)


class _ClassifierExport:
    """The outputs of a classifier: labels and probabilities."""

    @staticmethod
    def outputs(clf, dtype):
        """Return name, dtype and shape behind the samples of each output."""
        shape = [len(clf.classes_)]
        label_shape = shape if clf._targets().multilabel else []
        label = "label", _onnx_classes(clf).dtype, label_shape
        return [label, ("probabilities", dtype, shape)]

    @staticmethod
    def write(graph, clf, input_name, dtype):
        """Add what `predict` and `predict_proba` do."""
        networks, each = clf.network_.folded(-1).members(), []
        softmax = clf.out_activation_ == "softmax"
        for network in networks:
            Z = graph.body(network, input_name)
            if clf.n_outputs_ == 1:
                Z = graph.node("Concat", graph.node("Neg", Z), Z, axis=1)
            last = graph.node("Softmax", Z, axis=1) if softmax else None
            each.append(last or graph.node("Sigmoid", Z))
        P = graph.mean(each, network.dtype)
        # Of one network, the logits decide: they differ where probabilities are rounded
        # to the same.
        evidence, even = (Z, 0) if len(networks) == 1 else (P, 0.5)
        if clf._targets().multilabel:
            even = graph.constant(np.array(even, network.dtype))
            graph.cast(graph.node("Greater", evidence, even), np.int64, output="label")
        else:
            best = graph.node("ArgMax", evidence, axis=1, keepdims=0)
            classes = graph.constant(_onnx_classes(clf))
            graph.node("Gather", classes, best, output="label")
        graph.cast(P, dtype, output="probabilities")


class _RegressorExport:
    """The outputs of a regressor: numbers, and perhaps their standard deviations."""

    @staticmethod
    def outputs(reg, dtype):
        """Return name, dtype and shape behind the samples of each output."""
        gaussian = reg.target_loss_ == nn.GaussianLikelihood()
        width = reg.n_outputs_ // (2 if gaussian else 1)
        names = ["variable", "std"] if gaussian else ["variable"]
        return [(name, dtype, [width]) for name in names]

    @classmethod
    def write(cls, graph, reg, input_name, dtype):
        """Add what `predict` does."""
        targets, networks = reg._targets(), reg.network_.members()
        kind = reg.network_.dtype

        def scaled(A, std, output, mean=None):
            A = graph.node("Mul", A, graph.constant(std.astype(kind)))
            if mean is not None:
                A = graph.node("Add", A, graph.constant(mean.astype(kind)))
            graph.cast(A, dtype, output=output)

        each = [cls._decide(graph, reg, network, input_name) for network in networks]
        decisions, deviations = zip(*each, strict=True)
        Z = graph.mean(decisions, kind)
        if deviations[0] is not None:
            deviation = deviations[0]
            if len(each) > 1:  # of the mixture
                off = [graph.node("Sub", A, Z) for A in decisions]
                squares = [graph.node("Mul", A, A) for A in (*deviations, *off)]
                total = graph.node("Sum", *squares)
                share = graph.constant(np.asarray(1 / len(each), kind))
                deviation = graph.node("Sqrt", graph.node("Mul", total, share))
            scaled(deviation, targets.std, "std")
        size = reg.n_outputs_ // len(targets.mean) if deviations[0] is None else 1
        mean, std = np.repeat(targets.mean, size), np.repeat(targets.std, size)
        scaled(Z, std, "variable", mean)

    @staticmethod
    def _decide(graph, reg, network, input_name):
        """Add what one network predicts, and return the names of mean and deviation."""
        targets, deviation = reg._targets(), None
        n_targets = len(targets.mean)
        tail = targets.loss.output_layers(n_targets)[1:]
        Z = graph.body(network.folded(-len(tail)), input_name)

        def number(value, kind=network.dtype):
            return graph.constant(np.asarray(value, kind))

        def columns(start, stop):
            bounds = (number([n], np.int64) for n in (start, stop, 1))
            return graph.node("Slice", Z, *bounds)

        if targets.loss == nn.GaussianLikelihood():
            raw = graph.softplus(columns(n_targets, 2 * n_targets), network.dtype)
            deviation = graph.node("Add", raw, number(nn.GaussianOutput.smallest))
            Z = columns(0, n_targets)
        elif targets.loss == nn.PoissonDeviance():
            Z = graph.node(
                "Exp", graph.node("Clip", Z, *map(number, exp_range(network.dtype)))
            )
        elif len(tail) > 1:
            size = tail[0].size
            first = [*range(0, reg.n_outputs_, size)]
            rest = graph.softplus(Z, network.dtype)
            is_first = number(np.isin(np.arange(reg.n_outputs_), first), bool)
            steps = graph.node("Where", is_first, Z, rest)
            shape = number([-1, n_targets, size], np.int64)
            groups = graph.node("Reshape", steps, shape)
            sums = graph.node("CumSum", groups, number(2, np.int64))
            Z = graph.node("Reshape", sums, number([-1, reg.n_outputs_], np.int64))
        return Z, deviation


def _export_of(estimator):
    """Return what knows the outputs of an estimator."""
    from skdnn.estimators import MLPClassifierDIY, MLPRegressorDIY

    exports = {MLPClassifierDIY: _ClassifierExport, MLPRegressorDIY: _RegressorExport}
    for kind, export in exports.items():
        if isinstance(estimator, kind):
            return export
    raise TypeError(
        f"to_onnx converts an MLPClassifierDIY or MLPRegressorDIY, got {estimator!r}."
        " For a pipeline, call skdnn.onnx.register_converter() and then"
        " skl2onnx.to_onnx."
    )


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
    """Teach skl2onnx to convert the estimators of this package, also in pipelines.

    Call it once; from then on ``skl2onnx.to_onnx(pipeline, X)`` converts a pipeline,
    with its options for classifiers, such as ``options={"zipmap": False}``. As there,
    the probabilities are float64 where `X` is, and float32 otherwise, and a float64 `X`
    needs ``"zipmap"`` to be False or "columns". A regressor has the output "variable",
    but no "std".

    Raises
    ------
    ImportError
        If skl2onnx is not installed.
    """
    try:
        from skl2onnx import update_registered_converter
    except ImportError as error:
        raise ImportError(_needs("register_converter", "skl2onnx")) from error
    from skdnn.estimators import MLPClassifierDIY, MLPRegressorDIY

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
    label_shape = shape if clf._targets().multilabel else shape[:1]
    strings = _onnx_classes(clf).dtype == object
    label = StringTensorType if strings else Int64TensorType
    operator.outputs[0].set_type(label(label_shape))
    operator.outputs[1].type.shape = shape


def _set_types_of_regressor(operator):
    """Tell skl2onnx the shape of the output."""
    reg, n_samples = operator.raw_operator, operator.inputs[0].get_first_dimension()
    ((_, _, shape), *_) = _RegressorExport.outputs(reg, None)
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
    export = _export_of(estimator)
    opset = container.target_opset
    model = _model(onnx, estimator, export, "X", *dtypes, opset)
    # Of the outputs, those that skl2onnx knows.
    del model.graph.output[len(operator.outputs) :]
    add_onnx_graph(scope, operator, container, model)


def _needs(what, package):
    return f"{what} needs {package}: pip install 'skdnn[onnx]'"
