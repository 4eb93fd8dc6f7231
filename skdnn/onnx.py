"""Export to ONNX: a fitted estimator alone, or in a pipeline through skl2onnx."""

from itertools import count
from math import sqrt
from types import SimpleNamespace

import numpy as np
from numpy.polynomial import chebyshev
from scipy.special import erfcx
from sklearn.utils.validation import check_is_fitted

from skdnn import nn
from skdnn.nn.layers.outputs import exp_range

OLDEST_OPSET = 13  # the first in which all operators mean what they mean today
ELEMENTWISE = {nn.ReLU: "Relu", nn.Tanh: "Tanh", nn.Logistic: "Sigmoid"}
TAIL_CENTER = 4  # where the polynomial of `tail_coefficients` is best


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
    if input_dtype is None:
        input_dtype = estimator.network_.dtype
    outputs = export.outputs(estimator)
    return _model(onnx, estimator, export, input_name, input_dtype, outputs, opset)


def _model(onnx, estimator, export, input_name, input_dtype, outputs, opset):
    """Return the model of an estimator, with the outputs of an export."""
    helper = onnx.helper

    def tensor(name, dtype, shape):
        kind = helper.np_dtype_to_tensor_dtype(np.dtype(dtype))
        return helper.make_tensor_value_info(name, kind, ["n_samples", *shape])

    graph = _Graph(onnx)
    dtypes = {name: dtype for name, dtype, _ in outputs}
    export.write(graph, estimator, input_name, dtypes)
    opsets = [helper.make_opsetid("", opset)]
    model = helper.make_model(
        helper.make_graph(
            graph.nodes,
            type(estimator).__name__,
            [tensor(input_name, input_dtype, [estimator.n_features_in_])],
            [tensor(*output) for output in outputs],
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
            return self.node("Mul", A, self.normal_distribution(A, dtype, number))
        if isinstance(layer, nn.Exp):
            A = self.node("Clip", A, *map(number, exp_range(dtype)))
            return self.node("Exp", A)
        if isinstance(layer, nn.Ordered):
            return self.ordered(A, layer.size, node.n_inputs, dtype)
        if isinstance(layer, nn.GaussianOutput):
            means, raw = self.halves(A, node.n_inputs)
            raw = self.softplus(raw, dtype)
            std = self.node("Add", raw, number(layer.smallest))
            return self.node("Concat", means, std, axis=1)
        if type(layer) not in ELEMENTWISE:
            raise TypeError(
                f"to_onnx knows the layers of skdnn.nn, got {layer!r}, which is"
                f" {node.name} of the network."
            )
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

    def normal_distribution(self, A, dtype, number):
        """Add the distribution function of the standard normal distribution."""
        x = self.node("Mul", A, number(sqrt(1 / 2)))
        if dtype != np.float64:
            twice = self.node("Add", self.node("Erf", x), number(1))
            return self.node("Mul", twice, number(1 / 2))
        # onnxruntime has no Erf of doubles. See `tail_coefficients`.
        x = self.node("Abs", x)
        above = self.node("Add", x, number(TAIL_CENTER))
        t = self.node("Div", self.node("Sub", x, number(TAIL_CENTER)), above)
        last, *others = reversed(tail_coefficients())
        tail = number(last)
        for coefficient in others:
            tail = self.node("Add", self.node("Mul", tail, t), number(coefficient))
        bell = self.node("Exp", self.node("Neg", self.node("Mul", x, x)))
        tail = self.node("Mul", self.node("Div", tail, above), bell)
        is_low = self.node("Less", A, number(0))
        return self.node("Where", is_low, tail, self.node("Sub", number(1), tail))

    def ordered(self, A, size, width, dtype):
        """Add the sums of steps up in groups of features."""
        is_first = self.constant(np.arange(width) % size == 0)
        steps = self.node("Where", is_first, A, self.softplus(A, dtype))
        shape = self.constant(np.array([-1, width // size, size]))
        groups = self.node("Reshape", steps, shape)
        sums = self.node("CumSum", groups, self.constant(np.array(2)))
        return self.node("Reshape", sums, self.constant(np.array([-1, width])))

    def halves(self, A, width):
        """Add the left and the right half of some features."""
        bounds = (0, width // 2, width)
        starts = [self.constant(np.array([n])) for n in bounds]
        axis = self.constant(np.array([1]))
        return [self.node("Slice", A, *starts[i : i + 2], axis) for i in range(2)]

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


def tail_coefficients(degree=20):
    """Return the polynomial that gives the normal distribution in double precision.

    With x = |z| / sqrt(2), c = `TAIL_CENTER` and t = (x - c) / (x + c), which is in
    [-1, 1), the tail is ``Phi(-|z|) = exp(-x²) q(t) / (x + c)``, and q so smooth that a
    polynomial of degree 20 has a relative error of 1e-14.
    """

    def q(t):
        x = TAIL_CENTER * (1 + t) / (1 - t)
        return erfcx(x) * (x + TAIL_CENTER) / 2

    return chebyshev.cheb2poly(chebyshev.chebinterpolate(q, degree)).tolist()


class _ClassifierExport:
    """The outputs of a classifier: labels and probabilities."""

    @staticmethod
    def outputs(clf, dtype=None):
        """Return name, dtype and shape behind the samples of each output.

        `dtype` is that of the probabilities; None is that of `predict_proba`.
        """
        shape = [len(clf.classes_)]
        label_shape = shape if clf._fitted_targets().multilabel else []
        label = "label", _onnx_classes(clf).dtype, label_shape
        dtype = clf.network_.dtype if dtype is None else dtype
        return [label, ("probabilities", dtype, shape)]

    @staticmethod
    def write(graph, clf, input_name, dtypes):
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
        if clf._fitted_targets().multilabel:
            even = graph.constant(np.array(even, network.dtype))
            graph.cast(graph.node("Greater", evidence, even), np.int64, output="label")
        else:
            best = graph.node("ArgMax", evidence, axis=1, keepdims=0)
            classes = graph.constant(_onnx_classes(clf))
            graph.node("Gather", classes, best, output="label")
        graph.cast(P, dtypes["probabilities"], output="probabilities")


class _RegressorExport:
    """The outputs of a regressor: numbers, and perhaps their standard deviations."""

    @staticmethod
    def outputs(reg, dtype=None):
        """Return name, dtype and shape behind the samples of each output.

        `dtype` is that of the predictions; None is that of `predict`.
        """
        gaussian = reg.target_loss_ == nn.GaussianLikelihood()
        shape = [reg.n_outputs_ // (2 if gaussian else 1)]
        own = reg.network_.dtype if reg._fitted_targets().is_plain() else np.float64
        outputs = [("variable", own if dtype is None else dtype, shape)]
        if gaussian:
            is_mixture = len(reg.network_.members()) > 1
            outputs.append(("std", np.float64 if is_mixture else own, shape))
        return outputs

    @classmethod
    def write(cls, graph, reg, input_name, dtypes):
        """Add what `predict` does."""
        targets, networks = reg._fitted_targets(), reg.network_.members()
        kind = reg.network_.dtype

        def scaled(A, output, std, mean=0.0):
            # In doubles: float32 would round what is far from 0.
            if not targets.is_plain():
                A = graph.node("Mul", graph.cast(A, np.float64), graph.constant(std))
                A = graph.node("Add", A, graph.constant(np.asarray(mean)))
            graph.cast(A, dtypes[output], output=output)

        each = [cls._decide(graph, reg, network, input_name) for network in networks]
        decisions, deviations = zip(*each, strict=True)
        Z = graph.mean(decisions, kind)
        if deviations[0] is not None:
            deviation = deviations[0]
            if len(each) > 1:
                deviation = cls._of_mixture(graph, decisions, deviations)
            if "std" in dtypes:
                scaled(deviation, "std", targets.std)
        size = reg.n_outputs_ // len(targets.mean) if deviations[0] is None else 1
        mean, std = np.repeat(targets.mean, size), np.repeat(targets.std, size)
        scaled(Z, "variable", std, mean)

    @staticmethod
    def _decide(graph, reg, network, input_name):
        """Add what one network predicts, and return the names of mean and deviation."""
        A = graph.body(network.folded(), input_name)
        if reg.target_loss_ == nn.GaussianLikelihood():
            return graph.halves(A, reg.n_outputs_)
        return A, None

    @staticmethod
    def _of_mixture(graph, means, deviations):
        """Add the deviation of a mixture of normal distributions, in doubles."""
        means = [graph.cast(A, np.float64) for A in means]
        deviations = [graph.cast(A, np.float64) for A in deviations]
        center = graph.mean(means, np.float64)
        off = [graph.node("Sub", A, center) for A in means]
        squares = [graph.node("Mul", A, A) for A in (*deviations, *off)]
        share = graph.constant(np.asarray(1 / len(means)))
        variance = graph.node("Mul", graph.node("Sum", *squares), share)
        return graph.node("Sqrt", variance)


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
    float64 also where `predict` returns that, but no "std".

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
    label_shape = shape if clf._fitted_targets().multilabel else shape[:1]
    strings = _onnx_classes(clf).dtype == object
    label = StringTensorType if strings else Int64TensorType
    operator.outputs[0].set_type(label(label_shape))
    operator.outputs[1].type.shape = shape


def _set_types_of_regressor(operator):
    """Tell skl2onnx the shape of the output, and its type if that is always double."""
    from skl2onnx.common.data_types import DoubleTensorType

    reg, n_samples = operator.raw_operator, operator.inputs[0].get_first_dimension()
    ((_, dtype, shape), *_) = _RegressorExport.outputs(reg)
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
    export = _export_of(estimator)
    opset = container.target_opset
    # Of the outputs, those that skl2onnx knows.
    outputs = export.outputs(estimator, dtypes[1])[: len(operator.outputs)]
    model = _model(onnx, estimator, export, "X", dtypes[0], outputs, opset)
    add_onnx_graph(scope, operator, container, model)


def _needs(what, package):
    return f"{what} needs {package}: pip install 'skdnn[onnx]'"
