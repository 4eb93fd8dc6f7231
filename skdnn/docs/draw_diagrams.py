"""Draw the diagrams of skdnn/nn/README.md: each layer forward and backward, as SVG."""

import sys
from itertools import pairwise
from pathlib import Path

import matplotlib.pyplot as plt

sys.path.insert(0, str(Path(__file__).resolve().parents[2] / "benchmarks"))

from common.arguments import Parser, output_dir
from drawing import STYLE, Graph, save_svg

BOOK_DIR = Path(__file__).resolve().parents[1] / "nn"
UNITS = (1, 2, 3)


def column(letter, x, step=1.0):
    """Return three units of one letter, from top to bottom."""
    return {f"{letter}_{j}": (x, step * (3 - j)) for j in UNITS}


def element_wise(letters, at_edges, forward, backward):
    """Return the graph of a function of each element; `at_edges` has their labels."""
    source, target = letters
    edges = {(f"{source}_{j}", f"{target}_{j}"): at_edges[j - 1] for j in UNITS}
    nodes = column(source, 0, 0.8) | column(target, 3, 0.8)
    return Graph(nodes, edges, forward, backward, {next(iter(edges)): "-"})


def rectified(slope, above="1"):
    """Return the labels of a rectifier whose second unit is off."""
    on = rf"$\times\, {above}$"
    return [
        ("$z_1 > 0$", on),
        (r"$z_2 \leq 0$", rf"$\times\, {slope}$"),
        ("$z_3 > 0$", on),
    ]


def dense():
    """Return three inputs, each of which goes into both outputs."""
    nodes = column("a", 0) | {"z_1": (3.4, 1.6), "z_2": (3.4, 0.4)}
    edges = {(f"a_{j}", f"z_{k}"): ("", "") for j in UNITS for k in (1, 2)}
    way = {("a_1", "z_1"): "-", ("a_1", "z_2"): "-"}
    for k in (1, 2):
        edges["a_1", f"z_{k}"] = (f"$w_{{1{k}}}$", rf"$\times\, w_{{1{k}}}$")
    return Graph(
        nodes,
        edges,
        r"$z_k = \sum_j a_j\, w_{jk} + b_k$",
        r"$da_1 = dz_1\, w_{11} + dz_2\, w_{12}$",
        way,
        label_at=0.25,
    )


def softmax():
    """Return three units of one sample: each input moves every output."""
    edges = {(f"z_{j}", f"a_{k}"): ("", "") for j in UNITS for k in UNITS}
    for k in UNITS:
        factor = r"$\times\, a_1 (1 - a_1)$" if k == 1 else rf"$\times\, (-a_1 a_{k})$"
        edges["z_1", f"a_{k}"] = ("", factor)
    return Graph(
        column("z", 0) | column("a", 4),
        edges,
        r"$a_k = e^{z_k} /\, \sum_l e^{z_l}$",
        r"$dz_1 = a_1\, (da_1 - \sum_k da_k\, a_k)$",
        {("z_1", f"a_{k}"): "-" for k in UNITS},
        label_at=0.36,
    )


def batch_norm():
    """Return one feature of three samples, which meet in their mean and variance."""
    nodes = column("a", 0, 0.9) | column("c", 3.2, 0.9) | column("y", 6.4, 0.9)
    nodes |= {r"\mu": (1.6, -1.1), "v": (4.8, -1.1)}
    edges, way = {}, {}
    for i in UNITS:
        a, c, y = f"a_{i}", f"c_{i}", f"y_{i}"
        for edge in ((a, c), (c, y), (a, r"\mu"), (r"\mu", c), (c, "v"), ("v", y)):
            edges[edge] = ("", "")
        way[r"\mu", c] = way[c, y] = ":"
        way["v", y] = (0, (3, 1.5))
    way["c_1", "v"] = (0, (3, 1.5))
    way["a_1", r"\mu"] = ":"
    way["a_1", "c_1"] = way["c_1", "y_1"] = "-"
    return Graph(
        nodes,
        edges,
        r"$y_i = \gamma\, c_i /\, \sqrt{v} + \beta$",
        "direct (solid), by variance (dashed) and mean (dotted)",
        way,
    )


def layer_norm():
    """Return three features of one sample, which meet in their mean and variance."""
    graph = batch_norm()
    graph.forward = r"$y_j = \gamma_j\, c_j /\, \sqrt{v} + \beta_j$, one sample"
    return graph


def scale():
    """Return one feature of three samples, with the factor that they share."""
    nodes = column("a", 0, 0.9) | column("y", 4, 0.9) | {"f": (2, -1.0)}
    edges = {(f"a_{i}", f"y_{i}"): (r"$\times\, f$", r"$\times\, f$") for i in UNITS}
    edges |= {("f", f"y_{i}"): ("", "") for i in UNITS}
    return Graph(
        nodes,
        edges,
        r"$y_i = f\, a_i$",
        r"$df = \sum_i dy_i\, a_i$",
        {("f", f"y_{i}"): "-" for i in UNITS},
        label_at=0.3,
    )


def piecewise_linear():
    """Return one input in three bins, in the second of which it is."""
    nodes = {"a": (0, 0.9)} | column("t", 4, 0.9)
    edges = {("a", f"t_{b}"): (f"bin {b}", None) for b in UNITS}
    edges["a", "t_2"] = ("bin 2", r"$\div\, w_2$")
    return Graph(
        nodes,
        edges,
        r"$t_b = \min(\max((a - e_{b-1}) / w_b,\, 0),\, 1)$",
        r"$da = dt_2 / w_2$, as $0 < t_2 < 1$",
        {("a", "t_2"): "-"},
    )


def residual():
    """Return a block of two layers, and the way around it."""
    nodes = {"A": (0, 0), "B": (2.2, 1), "C": (4.4, 1), "Y": (6.6, 0)}
    edges = {
        ("A", "B"): ("$F_1$", "$F_1$"),
        ("B", "C"): ("$F_2$", "$F_2$"),
        ("C", "Y"): ("", ""),
        ("A", "Y"): ("", r"$\times\, 1$"),
    }
    return Graph(
        nodes,
        edges,
        "$Y = A + F_2(F_1(A))$",
        "two ways back, which are added",
        {("A", "Y"): "-"},
        stacked=True,
    )


def ordered():
    """Return a number and two steps up from it."""
    edges = {(f"z_{j}", f"a_{k}"): ("", "") for j in UNITS for k in UNITS if k >= j}
    for j in UNITS[1:]:
        for k in UNITS[j - 1 :]:
            forward = rf"$\log(1 + e^{{z_{j}}})$" if k == j else ""
            backward = rf"$\times\, \sigma(z_{j})$" if j == k == 2 else ""
            edges[f"z_{j}", f"a_{k}"] = (forward, backward)
    return Graph(
        column("z", 0) | column("a", 4),
        edges,
        r"$a_1 = z_1, \quad a_j = a_{j-1} + \log(1 + e^{z_j})$",
        r"$dz_2 = \sigma(z_2)\, (da_2 + da_3)$",
        {("z_2", "a_2"): "-", ("z_2", "a_3"): "-"},
        label_at=0.22,
    )


def gaussian_output():
    """Return the mean and the standard deviation of one target."""
    softplus = r"$\log(1 + e^{z_2}) + 10^{-6}$"
    return Graph(
        {"z_1": (0, 1), "z_2": (0, 0), r"\mu": (4, 1), "s": (4, 0)},
        {
            ("z_1", r"\mu"): ("", r"$\times\, 1$"),
            ("z_2", "s"): (softplus, r"$\times\, \sigma(z_2)$"),
        },
        r"$\mu = z_1, \quad s > 0$",
        r"$dz_1 = d\mu, \quad dz_2 = ds\, \sigma(z_2)$",
        {("z_2", "s"): "-"},
    )


def categorical_cross_entropy():
    """Return softmax and loss of one sample whose class is 2."""
    edges = {(f"z_{j}", f"p_{k}"): ("", None) for j in UNITS for k in UNITS}
    for j in UNITS:
        factor = "p_2 (1 - p_2)" if j == 2 else f"(-p_2 p_{j})"
        edges[f"z_{j}", "p_2"] = ("", rf"$\times\, {factor}$")
    edges["p_2", "L"] = (r"$-r \log p_2$", r"$\times\, (-r / p_2)$")
    return Graph(
        column("z", 0) | column("p", 2.7) | {"L": (5, 1)},
        edges,
        r"$L = -r \sum_k y_k \log p_k, \quad y = (0, 1, 0)$",
        r"$dz_k = r\, (p_k - y_k)$",
        {("p_2", "L"): "-"} | {(f"z_{j}", "p_2"): "-" for j in UNITS},
    )


def binary_cross_entropy():
    """Return logistic sigmoid and loss of one sample with three outputs."""
    edges = {(f"z_{k}", f"p_{k}"): (r"$\sigma$", "") for k in UNITS}
    edges |= {(f"p_{k}", "L"): ("", "") for k in UNITS}
    edges["z_1", "p_1"] = (r"$\sigma$", r"$\times\, p_1 (1 - p_1)$")
    edges["p_1", "L"] = ("", r"$\times\, r\,(p_1 - y_1) / (p_1 (1 - p_1))$")
    return Graph(
        column("z", 0) | column("p", 2.3) | {"L": (5, 1)},
        edges,
        r"$L = -r \sum_k [\, y_k \log p_k + (1 - y_k) \log(1 - p_k)\, ]$",
        r"$dz_k = r\, (p_k - y_k)$",
        {("z_1", "p_1"): "-", ("p_1", "L"): "-"},
    )


def network():
    """Return two dense layers, an activation between them, and the loss."""
    names = ["X", "Z^{(1)}", "A^{(1)}", "Z^{(2)}", "P", "L"]
    layers = ["Dense", "ReLU", "Dense", "Softmax", "cross-entropy"]
    nodes = {name: (2 * i, 0) for i, name in enumerate(names)}
    nodes |= {"W^{(1)}": (2, 1.3), "W^{(2)}": (6, 1.3)}
    pairs = list(pairwise(names))
    edges = {pair: (layer, "") for pair, layer in zip(pairs, layers, strict=True)}
    edges |= {(f"W^{{({i})}}", f"Z^{{({i})}}"): ("", "") for i in (1, 2)}
    return Graph(
        nodes,
        edges,
        "each layer keeps what its backward pass needs",
        r"the way of one gradient, $dW^{(1)} = X^T dZ^{(1)}$",
        dict.fromkeys([("W^{(1)}", "Z^{(1)}"), *pairs[1:]], "-"),
        stacked=True,
    )


def many_networks():
    """Return two networks of one layer, and the sum of their losses."""
    nodes, edges = {"L": (7.2, 0)}, {}
    for i, y in ((1, 0.75), (2, -0.75)):
        A, W, Z, loss = (f"{name}_{i}" for name in "AWZL")
        nodes |= {A: (0, y), W: (2.4, 2.2 * y), Z: (2.4, y), loss: (4.8, y)}
        edges |= {
            (A, Z): ("", ""),
            (W, Z): ("", ""),
            (Z, loss): ("", ""),
            (loss, "L"): ("", r"$\times\, 1$"),
        }
    return Graph(
        nodes,
        edges,
        r"$Z_\nu = A_\nu W_\nu, \quad L = L_1 + L_2$",
        r"$dW_1 = A_1^T dZ_1$: no way to it from $L_2$",
        dict.fromkeys([("W_1", "Z_1"), ("Z_1", "L_1"), ("L_1", "L")], "-"),
        stacked=True,
    )


def graphs():
    """Return the graph of each file by name."""
    stay = (r"$\times\, 1/(1-p)$", r"$\times\, 1/(1-p)$")
    return {
        "network": network(),
        "many_networks": many_networks(),
        "dense": dense(),
        "relu": element_wise(
            ("z", "a"),
            rectified("0"),
            r"$a = \max(z, 0)$",
            r"$dz = da\, [a > 0]$",
        ),
        "leaky_relu": element_wise(
            ("z", "a"),
            rectified("s"),
            r"$a = \max(z, s z)$",
            r"$dz = da\, (s + (1 - s)\, [a > 0])$",
        ),
        "prelu": element_wise(
            ("z", "a"),
            rectified("s"),
            r"$a = \max(z, 0) + s\, \min(z, 0)$",
            r"$ds = \sum_i da_i\, \min(z_i, 0)$",
        ),
        "elu": element_wise(
            ("z", "a"),
            rectified(r"\alpha e^{z_2}"),
            r"$a = z$ or $\alpha\, (e^z - 1)$",
            r"$dz = da$ or $da\, \alpha\, e^z$",
        ),
        "selu": element_wise(
            ("z", "a"),
            rectified(r"\lambda \alpha e^{z_2}", r"\lambda"),
            r"$a = \lambda\, z$ or $\lambda\, \alpha\, (e^z - 1)$",
            r"$dz = \lambda\, da$ or $\lambda\, da\, \alpha\, e^z$",
        ),
        "softplus": element_wise(
            ("z", "a"),
            [("", rf"$\times\, \sigma(z_{j})$") for j in UNITS],
            r"$a = \log(1 + e^z)$",
            r"$dz = da\, \sigma(z)$",
        ),
        "gelu": element_wise(
            ("z", "a"),
            [(rf"$\times\, \Phi(z_{j})$", "") for j in UNITS],
            r"$a = z\, \Phi(z)$",
            r"$dz = da\, (\Phi(z) + z\, \varphi(z))$",
        ),
        "silu": element_wise(
            ("z", "a"),
            [(rf"$\times\, \sigma(z_{j})$", "") for j in UNITS],
            r"$a = z\, \sigma(z)$",
            r"$dz = da\, \sigma(z)\, (1 + z\, (1 - \sigma(z)))$",
        ),
        "mish": element_wise(
            ("z", "a"),
            [(rf"$\times\, t_{j}$", "") for j in UNITS],
            r"$a = z\, t, \quad t = \tanh \log(1 + e^z)$",
            r"$dz = da\, (t + z\, \sigma(z)\, (1 - t^2))$",
        ),
        "layer_norm": layer_norm(),
        "scale": scale(),
        "piecewise_linear": piecewise_linear(),
        "residual": residual(),
        "tanh": element_wise(
            ("z", "a"),
            [(r"$\tanh$", rf"$\times\, (1 - a_{j}^2)$") for j in UNITS],
            r"$a = \tanh(z)$",
            "$dz = da\\, (1 - a^2)$",
        ),
        "logistic": element_wise(
            ("z", "a"),
            [(r"$\sigma$", rf"$\times\, a_{j} (1 - a_{j})$") for j in UNITS],
            r"$a = \sigma(z) = 1 /\, (1 + e^{-z})$",
            r"$dz = da\, a\, (1 - a)$",
        ),
        "softmax": softmax(),
        "batch_norm": batch_norm(),
        "dropout": element_wise(
            ("a", "y"),
            [stay, (r"$\times\, 0$", r"$\times\, 0$"), stay],
            r"$y = a\, m /\, (1 - p), \quad m = (1, 0, 1)$",
            r"$da = dy\, m /\, (1 - p)$",
        ),
        "gaussian_noise": element_wise(
            ("a", "y"),
            [(rf"$+\, s\, \xi_{j}$", r"$\times\, 1$") for j in UNITS],
            r"$y = a + s\, \xi$",
            r"$da = dy$",
        ),
        "exp": element_wise(
            ("z", "a"),
            [(r"$\exp$", rf"$\times\, a_{j}$") for j in UNITS],
            "$a = e^z$",
            "$dz = da\\, a$",
        ),
        "ordered": ordered(),
        "gaussian_output": gaussian_output(),
        "categorical_cross_entropy": categorical_cross_entropy(),
        "binary_cross_entropy": binary_cross_entropy(),
    }


def main():
    """Run the script."""
    args = Parser(__doc__, takes_data=False).parse_args()
    folder = output_dir(args, "diagrams", tracked_in=BOOK_DIR)
    with plt.rc_context(STYLE):
        for name, graph in graphs().items():
            save_svg(graph.draw(), folder / f"{name}.svg")
    print(f"Written to {folder}")


if __name__ == "__main__":
    main()
