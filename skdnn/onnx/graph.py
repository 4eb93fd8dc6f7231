"""The graph of an ONNX model that grows: what each layer is there."""

from itertools import count
from math import sqrt

import numpy as np
from numpy.polynomial import chebyshev
from scipy.special import erfcx

from skdnn import nn
from skdnn.nn.layers.outputs import exp_range

ELEMENTWISE = {nn.ReLU: "Relu", nn.Tanh: "Tanh", nn.Logistic: "Sigmoid"}
TAIL_CENTER = 4  # where the polynomial of `tail_coefficients` is best


class Graph:
    """The nodes and constants of a graph that grows."""

    def __init__(self, onnx):
        self.onnx, self.nodes, self.constants = onnx, [], []
        self.numbers = count()

    def constant(self, array):
        """Add a constant, and return its name."""
        array = np.asarray(array)
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
            scale = layer.inference_scale(view["gamma"], view["running_var"])
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
        if isinstance(layer, nn.PiecewiseLinear):
            return self.piecewise_linear(A, layer, number)
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

    def piecewise_linear(self, A, layer, number):
        """Add inputs and, behind them, how far each has come bin by bin."""
        inputs, starts, widths = layer.bins
        T = self.node("Gather", A, self.constant(inputs.astype(np.int64)), axis=1)
        T = self.node("Div", self.node("Sub", T, number(starts)), number(widths))
        T = self.node("Clip", T, number(0), number(1))
        return self.node("Concat", A, T, axis=1)

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
