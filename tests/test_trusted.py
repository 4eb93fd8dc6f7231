"""What skops is told to trust: all that files of ours hold, and nothing else."""

import importlib
import inspect
import io
import itertools
import json
import pkgutil
import re
import subprocess
import sys
import zipfile
from contextlib import suppress
from functools import cache
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest
from numpy.testing import assert_array_equal, assert_equal
from sklearn.datasets import load_digits

import skdnn
from skdnn import (
    MLPClassifierDIY,
    MLPRegressorDIY,
    TableEncoder,
    TabularClassifierDIY,
    TabularRegressorDIY,
    augmentation,
    nn,
    trusted_types,
)
from skdnn.estimators.arguments import SharedArguments
from skdnn.images import Deskew
from skdnn.nn import Dense, Dropout, GaussianNoise, Residual
from skdnn.training import Rules
from skdnn.trusted import EARLIER, NAMES, OF_OTHERS, TYPES

pytest.importorskip("skops.io", reason="skops is not installed")
from skops import io as skops
from skops.io._audit import NODE_TYPE_MAPPING
from skops.io._protocol import PROTOCOL

pytestmark = [
    pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning"),
    pytest.mark.filterwarnings("ignore::UserWarning"),
]

X, y = load_digits(return_X_y=True)
X, y = X[:100] / 16, y[:100]
TESTS = Path(__file__).parent
METHODS = ("predict_proba", "predict", "transform")


# -------------------------------------------------------------- which classes there are

# Of the package's classes, those that no file holds.
BASES = """
    skdnn.augmentation.base.Augmentation skdnn.augmentation.deformations.Deformation
    skdnn.estimators.arguments.SharedArguments skdnn.estimators.base.BaseMLP
    skdnn.estimators.task.base.Task skdnn.nn.layers.base.Layer
    skdnn.nn.layers.noise.StochasticLayer skdnn.nn.layers.rectifiers.ExponentialLayer
    skdnn.nn.layers.smooth.SmoothLayer skdnn.nn.losses.base.Loss
    skdnn.nn.losses.cross_entropies.CrossEntropy
    skdnn.nn.losses.regression.RegressionLoss skdnn.nn.optimizers.Optimizer
    skdnn.onnx.networks.FeaturesInput skdnn.onnx.tables.TableInputs
    skdnn.tables.base.BaseTabular skdnn.estimators.fitted.FittedNetworks
    skdnn.training.job.Job skdnn.training.listener.Listener
"""
WHILE_IT_RUNS = """
    skdnn.diagnosis.answers.Answers skdnn.diagnosis.findings.Finding
    skdnn.diagnosis.measures.Measurements skdnn.diagnosis.measures.Sums
    skdnn.estimators.callbacks.CallbackTasks skdnn.estimators.data.FitData
    skdnn.estimators.scoring.Scorer skdnn.estimators.shares.Bootstrap
    skdnn.estimators.shares.Folds skdnn.estimators.shares.Share
    skdnn.estimators.task.labels.Labels skdnn.estimators.task.numbers.Numbers
    skdnn.estimators.validation.Validation skdnn.nn.nodes.Node
    skdnn.nn.penalty.Penalty
    skdnn.nn.layers.base.Slot skdnn.nn.workspace.Workspace skdnn.onnx.graph.Graph
    skdnn.onnx.networks.ClassifierExport skdnn.onnx.networks.RegressorExport
    skdnn.onnx.tables.TabularClassifierExport skdnn.onnx.tables.TabularRegressorExport
    skdnn.tables.columns.Column skdnn.training.checkpoint.Checkpoint
    skdnn.training.data.Data skdnn.training.lbfgs.LBFGS
    skdnn.training.lbfgs.NoSteps skdnn.training.loop.EpochSums
    skdnn.training.mini_batch.MiniBatch
    skdnn.training.mixture.MixedLoss skdnn.training.processes.Call
    skdnn.training.processes.Shipped skdnn.training.schema.Check
    skdnn.training.schema.Optional skdnn.training.state.Kind
    skdnn.training.step.Stack skdnn.training.workers.Interrupts
    skdnn.training.workers.SharedLimit skdnn.training.workers.Threads
    skdnn.messages.user_warnings.WarningsOfFit
"""
NEVER_SAVED = {*BASES.split(), *WHILE_IT_RUNS.split()}


def modules():
    """Return all modules of the package; the scripts in docs are none."""
    found = pkgutil.walk_packages(skdnn.__path__, "skdnn.")
    return [
        importlib.import_module(name) for name in ["skdnn", *(m.name for m in found)]
    ]


@cache
def classes():
    """Return every class that the package defines, by its complete name."""
    return {
        f"{module.__name__}.{name}": value
        for module in modules()
        for name, value in vars(module).items()
        if isinstance(value, type) and value.__module__ == module.__name__
    }


def test_every_class_is_on_the_list_or_is_never_saved():
    there, listed = set(classes()), {*TYPES, *NEVER_SAVED}
    assert not there - listed, "Add it to TYPES in skdnn/trusted.py, or here."
    assert not listed - there, "It is gone, or has moved."
    assert not set(TYPES) & NEVER_SAVED


def test_names_of_earlier_versions_lead_to_types_on_the_list():
    for name in EARLIER:
        module, _, attribute = name.rpartition(".")
        cls = getattr(importlib.import_module(module), attribute)
        assert f"{cls.__module__}.{cls.__qualname__}" in TYPES


def test_the_list_is_in_order_and_names_nothing_twice():
    for part in (TYPES, EARLIER):
        assert list(part) == sorted(set(part))
    assert len(NAMES) == len(TYPES + EARLIER + OF_OTHERS)


def test_no_name_is_the_beginning_of_another():
    """So no method is one: skops asks for the class's name, a dot, and the method's."""
    for name, other in itertools.permutations(NAMES, 2):
        assert not other.startswith(f"{name}.")


# ----------------------------------------------------------------- all there is to save

DISPLAYS = {
    "ArchitectureComparisonDisplay": {"costs": [1], "scores": [0.5], "labels": ["a"]},
    "AugmentationDisplay": {"images": X[:4].reshape(2, 2, 8, 8)},
    "DiagnosisDisplay": {"layers": [{"layer": 1, "name": "Dense(3)"}]},
    "FeatureImportanceDisplay": {"names": ["a"], "importances": np.ones(1)},
    "GradientNormDisplay": {"gradient_norms": {"a": [1.0]}},
    "LearningRateDisplay": {"rates": np.ones(2), "losses": np.ones(2)},
    "PredictionGridDisplay": {"images": X[:2].reshape(2, 8, 8), "y_pred": y[:2]},
    "TrainingCurveDisplay": {"histories": {"a": [{"epoch": 1, "loss": 0.5}]}},
    "UncertaintyDisplay": {"parts": {"aleatoric": np.ones(2)}},
    "WeightGridDisplay": {"images": X[:2].reshape(2, 8, 8)},
}
# What classes need to be made with, where they need anything.
ARGUMENTS = {
    "AveragedOverCopies": {"estimator": None, "augmentation": None},
    "CategoryColumn": dict.fromkeys(
        ("name", "levels", "n_single", "may_be_missing", "all_different")
    ),
    "Dense": {"units": 3},
    "Dropout": {"rate": 0.1},
    "Diagnosis": {"layers": [], "findings": ["It is \u2026"]},
    "GaussianNoise": {"std": 0.1},
    "GradientDescent": {
        "network": nn.Network([Dense(3), nn.Softmax()], 4),
        "loss": nn.CategoricalCrossEntropy(),
        "optimizer": nn.Adam(),
        "schedule": nn.Constant(),
        "learning_rate": 0.1,
        "batch_size": 10,
        "rules": Rules(max_epochs=3),
        "rng": np.random.RandomState(0),
    },
    "InARow": {"steps": [augmentation.Affine(), augmentation.MixUp()]},
    "Network": {"layers": [Dense(3), nn.BatchNorm()], "n_features": 4},
    "NumberColumn": dict.fromkeys(
        ("name", "center", "scale", "varies", "may_be_missing")
    ),
    "Ordered": {"size": 2},
    "PiecewiseLinear": {"edges": ((0.0, 0.5, 1.0), (0.0, 1.0))},
    "Rules": {"max_epochs": 3},
    "Residual": {"layers": [Dense(4), nn.ReLU()]},
    **DISPLAYS,
}


def one_of_each():
    """Return an instance of every type on the list, by its name."""
    found = {name: cls for name, cls in classes().items() if name in TYPES}
    return {name: cls(**ARGUMENTS.get(cls.__name__, {})) for name, cls in found.items()}


def of(module):
    """Return an instance of every type on the list that a module defines."""
    return [it for name, it in one_of_each().items() if name.startswith(f"{module}.")]


def choices(argument, estimator=SharedArguments):
    """Return the names that an argument takes."""
    options = estimator._parameter_constraints[argument][0].options
    return sorted(options - {"auto"})


def quick(**settings):
    return MLPClassifierDIY((6,), **{"max_iter": 2, "random_state": 0, **settings})


def number(loss="squared_error", **settings):
    return MLPRegressorDIY(loss, (6,), **{"max_iter": 2, "random_state": 0, **settings})


def continued(**settings):
    return quick(**settings).partial_fit(X, y, classes=np.arange(10))


def layers():
    """Return every layer that can be hidden."""
    hidden = [
        layer
        for layer in of("skdnn.nn.layers")
        if not isinstance(layer, (nn.Softmax, nn.PiecewiseLinear, nn.Residual))
        and type(layer) not in [type(it) for it in of("skdnn.nn.layers.outputs")]
    ]
    block = Residual([Dense(3), nn.LayerNorm(), Dense(3)])
    noise = [Dropout(0.1), GaussianNoise(0.1)]
    return [nn.PiecewiseLinear.of(X, 3), *hidden, Dense(3), block, *noise]


def with_layers():
    for fit in (continued, lambda **settings: quick(**settings).fit(X, y)):
        yield fit(architecture=layers())
    for activation in choices("activation"):
        yield quick(activation=activation, batch_norm=True, dropout=0.1).fit(X, y)
    for weight_init in [*choices("weight_init"), *of("skdnn.nn.initializers")]:
        yield quick(weight_init=weight_init).fit(X, y)


def with_optimizers():
    for solver in choices("solver"):
        yield quick(solver=solver).fit(X, y)
        for learning_rate in choices("learning_rate") if solver != "lbfgs" else ():
            settings = {"solver": solver, "learning_rate": learning_rate}
            yield continued(ema_decay=0.9, **settings)


def with_augmentations():
    each = [
        it
        for it in of("skdnn.augmentation")
        if isinstance(it, augmentation.Augmentation)
        and type(it).__name__ in augmentation.__all__
    ]
    joined = [augmentation.Affine(), augmentation.Elastic(), augmentation.MixUp()]
    for value in [*each, each, joined]:
        yield quick(augmentation=value).fit(X, y)
        yield continued(augmentation=value, n_networks=2)
    classifier = quick(augmentation=joined).fit(X, y)
    for value in [*each[:1], joined[:2]]:
        yield augmentation.AveragedOverCopies(classifier, value)


def with_losses():
    for loss in choices("loss", MLPRegressorDIY):
        yield number(loss).fit(X, y)
        yield number(loss).partial_fit(X, np.c_[y, y])
    yield number("quantile", quantile=[0.1, 0.9]).partial_fit(X, y)
    yield number(standardize_target=True, early_stopping=True).fit(X, y)
    yield quick().partial_fit(X, y % 2, classes=[0, 1])
    yield quick(label_smoothing=0.1).fit(X, (y[:, None] % [2, 3] == 0).astype(int))


def with_other_things():
    yield quick().fit(X, y.astype(str))
    yield quick().fit(X, y.astype(str).astype(object))
    yield quick(scoring="neg_log_loss").fit(X, y, X_val=X, y_val=y)
    yield quick(random_state=np.random.RandomState(0), alpha=np.float32(0.1)).fit(X, y)
    for resampling in (None, "bootstrap", "folds"):
        yield quick(n_networks=2, resampling=resampling).fit(X, y)
        yield number(n_networks=2, resampling=resampling).fit(X, y)
    yield Deskew().fit(X)


def table():
    """Return a table with a column of every kind, some with holes."""
    pandas = pytest.importorskip("pandas")
    columns = pandas.DataFrame(X[:, 20:24], columns=list("abcd"))
    columns["text"] = np.where(y > 4, "high", "low")
    columns["kind"] = columns["text"].astype("category")
    columns["whole"] = pandas.array(y, dtype="Int64")
    columns["is_even"] = y % 2 == 0
    columns["bytes"] = pandas.Series([b"a", b"b"] * 50, dtype=object)
    columns["range"] = pandas.cut(columns["a"], 4)
    columns.loc[3, ["a", "text", "whole"]] = None
    return columns


def for_tables():
    rows = table()
    settings = {"n_networks": 2, "max_iter": 2, "random_state": 0}
    yield TabularClassifierDIY((8,), **settings).fit(rows, y % 2)
    yield TabularClassifierDIY((8,), importances=True, **settings).fit(rows, y)
    yield TabularRegressorDIY((8,), **settings).fit(rows, y)
    yield TabularRegressorDIY((8,), **settings).fit(rows, np.c_[y, y])
    yield TableEncoder().fit(rows)


def not_fitted():
    yield MLPRegressorDIY(architecture=layers(), augmentation=[augmentation.Noise()])
    for estimator in (MLPClassifierDIY, TabularClassifierDIY, TabularRegressorDIY):
        yield estimator(checkpoint_dir=Path("anywhere"))
    yield augmentation.AveragedOverCopies(quick(), augmentation.Affine())


def saved_and_loaded(thing):
    """Return it, loaded as the guide says, and the types that skops asked for."""
    content = skops.dumps(thing)
    types = skops.get_untrusted_types(data=content)
    loaded = skops.loads(content, trusted=trusted_types(types))
    assert type(loaded) is type(thing)
    return loaded, types


def test_every_type_on_the_list_is_saved_and_loaded():
    for name, thing in one_of_each().items():
        loaded, types = saved_and_loaded(thing)
        assert name in types
        if isinstance(thing, nn.optimizers.Optimizer) or not name.startswith(
            "skdnn.tr"
        ):
            assert_equal(loaded.__getstate__(), thing.__getstate__())


def test_estimators_that_are_not_fitted_are_saved_and_loaded():
    for estimator in not_fitted():
        loaded, _ = saved_and_loaded(estimator)
        path = Path("anywhere")
        assert repr(loaded) == repr(estimator).replace(repr(path), repr(str(path)))


GROUPS = [with_layers, with_optimizers, with_augmentations, with_losses]
GROUPS += [with_other_things, for_tables]


@pytest.mark.parametrize("group", GROUPS)
def test_fitted_estimators_are_saved_and_loaded(group):
    rows = table() if group is for_tables else X
    for estimator in group():
        loaded, _ = saved_and_loaded(estimator)
        method = next(name for name in METHODS if hasattr(estimator, name))
        answers = (getattr(it, method)(rows) for it in (loaded, estimator))
        assert_array_equal(*answers)


def test_a_file_of_an_earlier_version_is_loaded():
    """Its layers were all in one module."""
    classifier = quick(batch_norm=True, dropout=0.1, activation="tanh").fit(X, y)
    content = skops.dumps(classifier)
    schema = re.sub(r'"skdnn\.nn\.layers\.\w+"', '"skdnn.nn.layers"', read(content))
    content = written(json.loads(schema), content)
    types = skops.get_untrusted_types(data=content)
    assert {"skdnn.nn.layers.Dense", "skdnn.nn.layers.Softmax"} <= set(types)
    loaded = skops.loads(content, trusted=trusted_types(types))
    assert_array_equal(loaded.predict_proba(X), classifier.predict_proba(X))


# ------------------------------------------------------------------------ crafted files


def read(content):
    with zipfile.ZipFile(io.BytesIO(content)) as file:
        return file.read("schema.json").decode()


ARRAY = io.BytesIO()
np.save(ARRAY, np.ones(3, np.float32))


def written(state, base=None):
    """Return a file that says `state`, with the arrays of another one."""
    content = io.BytesIO()
    with zipfile.ZipFile(content, "w") as file:
        file.writestr("schema.json", json.dumps({"protocol": PROTOCOL, **state}))
        file.writestr("array.npy", ARRAY.getvalue())
        if base is not None:
            with zipfile.ZipFile(io.BytesIO(base)) as other:
                for name in set(other.namelist()) - {"schema.json"}:
                    file.writestr(name, other.read(name))
    return content.getvalue()


number_of_node = itertools.count(1)


def node(loader, full_name, **content):
    module, _, name = full_name.rpartition(".")
    head = {"__loader__": loader, "__module__": module, "__class__": name}
    return {**head, "__id__": next(number_of_node), **content}


def plain(value):
    text = json.dumps(value)
    return node("JsonNode", "builtins.str", content=text, is_json=True)


def several(*nodes, loader="ListNode", full_name="builtins.list"):
    return node(loader, full_name, content=list(nodes))


def dictionary(content, *key_types, full_name="builtins.dict"):
    if not key_types:
        key_types = [node("TypeNode", "builtins.str") for _ in content]
    return node("DictNode", full_name, content=content, key_types=several(*key_types))


def method_of(obj, func):
    name = f"{obj['__module__']}.{obj['__class__']}"
    return node("MethodNode", name, content={"func": func, "obj": obj})


def crafted(name, argument):
    """Return files that hold, or call, what a name stands for, in each kind of node."""
    owner, _, last = name.rpartition(".")
    none, text = plain(None), plain(argument)
    arguments = several(text, loader="TupleNode", full_name="builtins.tuple")
    empty = several(loader="TupleNode", full_name="builtins.tuple")
    itself = [node(loader, name) for loader in ("TypeNode", "FunctionNode")]
    as_methods = [
        method_of(node(loader, owner, content=text), last)
        for loader in ("TypeNode", "FunctionNode", "ObjectNode", "JsonNode")
    ]
    of_itself = [method_of(it, last) for it in itself]
    cached = node("ObjectNode", name)
    reference = {**node("CachedNode", owner), "__id__": cached["__id__"]}
    for it in (*itself, *as_methods, *of_itself, method_of(reference, last)):
        yield it
        yield several(cached, it)
        yield dictionary({argument: none}, it)  # calls it
        yield dictionary({"a": node("ListNode", "builtins.list", content=[it])})
        partial = {"func": it, "args": arguments, "kwds": dictionary({})}
        yield node(
            "PartialNode", "functools.partial", content={**partial, "namespace": none}
        )
        yield node(
            "DefaultDictNode",
            "collections.defaultdict",
            content={"main": dictionary({}), "default_factory": it},
        )
    yield {**node("FunctionNode", name), "protocol": 0} | {
        "content": {"module_path": owner, "function": last}
    }
    for loader in ("ListNode", "SetNode", "TupleNode"):
        yield several(text, loader=loader, full_name=name)
    for content in (text, arguments, dictionary({"checkpoint_dir": text}), none):
        yield node("ObjectNode", name, content=content)
        yield node("ConstructorFromReduceNode", name, content=content)
        for loader in ("LossNode", "TreeNode", "QuantileForestNode"):
            yield node(loader, name, content=content, __reduce__={"args": arguments})
            yield node(loader, name, content=content, __reduce__={"args": empty})
        yield node("RandomStateNode", name, content=content)
        yield node("DTypeNode", name, content=node("ObjectNode", name, content=content))
        yield node("MaskedArrayNode", name, content={"data": content, "mask": content})
        yield node("OperatorFuncNode", name, attrs=content)
        yield node("OperatorFuncNode", f"operator.{last}", attrs=content)
    yield node("ObjectNode", name)
    yield dictionary({argument: none}, full_name=name)
    yield node("NdArrayNode", name, type="numpy", file="array.npy")
    shape = several(plain(1), loader="TupleNode", full_name="builtins.tuple")
    yield node("NdArrayNode", name, type="json", content=[text], shape=shape)
    yield node("SparseMatrixNode", name, type="scipy", file="array.npy")
    yield node("SliceNode", name, content={"start": argument, "stop": 1, "step": 1})
    yield node("JsonNode", name, content=json.dumps(argument), is_json=True)
    for loader in ("BytesNode", "BytearrayNode"):
        yield node(loader, name, file="array.npy")
    generator = {"bit_generator": dictionary({"bit_generator": plain("PCG64")})}
    generator["seed_seq"] = dictionary({})
    for protocol in {p for loader, p in NODE_TYPE_MAPPING if "Generator" in loader}:
        state = node("RandomGeneratorNode", name, content=generator)
        yield {**state, "protocol": protocol}


def test_every_kind_of_node_is_tried():
    tried = str([*crafted("skdnn.images.datasets.os.system", "true")])
    for loader, _ in NODE_TYPE_MAPPING:
        assert f"'{loader}'" in tried, "skops has a new kind of node"


FOREIGN = [
    "skdnn.training.checkpoint.os",
    "skdnn.training.checkpoint.os.system",
    "skdnn.training.checkpoint.os.truncate",
    "skdnn.training.checkpoint._remove_if_left",
    "skdnn.training.checkpoint.mkstemp",
    "skdnn.training.checkpoint.Checkpoint",
    "skdnn.images.datasets.fetch_mnist",
    "skdnn.fetch_mnist",
    "skdnn.estimators.files.Stamp.__setstate__",
    "skdnn.estimators.classifier.MLPClassifierDIY.fit",
    "skdnn.docs.notebooks.table.attempt",
    "skdnn.docs.notebooks.table.joblib.load",
    "skdnn.__main__.main",
    "os.system",
    "builtins.eval",
]


class Called(Exception):
    pass


@pytest.fixture
def trap(monkeypatch):
    """Whatever a file could call raises this, and is noted."""
    calls = []

    def call(*args, **kwargs):
        calls.append(args)
        raise Called

    for name in ("os.system", "os.truncate"):
        monkeypatch.setattr(name, call)
    for name in ("_remove_if_left", "mkstemp", "Checkpoint"):
        monkeypatch.setattr(f"skdnn.training.checkpoint.{name}", call)
    for name in ("skdnn.images.datasets.fetch_mnist", "skdnn.fetch_mnist"):
        monkeypatch.setattr(name, call)
    monkeypatch.setattr(MLPClassifierDIY, "fit", call)
    return calls


def load(content, trust):
    """Load a file as far as it goes; return what was trusted."""
    trusted = []
    with suppress(Exception):
        trusted = trust(skops.get_untrusted_types(data=content))
        skops.loads(content, trusted=trusted)
    return trusted


@pytest.mark.parametrize("name", FOREIGN)
def test_no_crafted_file_calls_anything(name, trap):
    owner = name.rpartition(".")[0]
    for state in crafted(name, "true"):
        assert set(load(written(state), trusted_types)) <= {owner} & set(TYPES), state
        assert not trap, state
    assert "skdnn.docs.notebooks.table" not in sys.modules


def test_a_rule_by_prefix_is_no_protection(trap):
    """So that what is tried here is known to be an attack."""
    name = "skdnn.training.checkpoint.os.system"

    def by_prefix(types):
        return [it for it in types if it.startswith("skdnn.")]

    for state in crafted(name, "true"):
        load(written(state), by_prefix)
    assert ("true",) in trap


# ------------------------------------------------------------ what types on the list do

# Of what Python can report, what a file that is loaded has no business with. Modules
# are all there before.
WATCHED = ("open", "import", "exec", "ctypes", "glob", "os.", "pickle")
WATCHED += ("shutil", "socket", "subprocess", "tempfile", "urllib", "winreg")
MARK, STAMP = "made-by-a-file", "skdnn.estimators.files.Stamp"
TEMPORARY = "skdnn.training.checkpoint.mkstemp"  # not on the list


def shadowed(name, others):
    """Return objects of which a file says what their methods and attributes are."""
    cls = classes().get(name, object)
    arguments = ["optimizer", "network", "layers", "n_features"]
    arguments += inspect.signature(cls).parameters
    stamp = dictionary({"number": plain(1), "version": plain("0.1.0")})
    array = node("NdArrayNode", "numpy.ndarray", type="numpy", file="array.npy")
    path = plain(MARK)
    for value in [*others, array, path, several(path)]:
        state = dict.fromkeys([*dir(cls), *arguments], value)
        state |= {"parameters": array, "statistics": array, "checkpoint_dir": path}
        if "skdnn.estimators" in name:
            state["_skdnn"] = node("ObjectNode", STAMP, content=stamp)
        yield node("ObjectNode", name, content=dictionary(state))


def watch():
    """Load what is crafted of types on the list; print what Python reports of it."""
    seen, name = set(), None

    def report(event, args):
        if name and event.startswith(WATCHED):
            seen.add(f"{name}: {event} {args[:1]}")

    def trust(types):
        return [*trusted_types(types), *{TEMPORARY}.intersection(types)]

    def files(name):
        others = [node("TypeNode", it) for it in TYPES[::25]]
        return map(written, [*crafted(name, MARK), *shadowed(name, others)])

    for content in files(TYPES[0]):  # and import what is imported late
        load(content, trust)
    sys.addaudithook(report)
    for its_name in [*TYPES, TEMPORARY]:
        for content in files(its_name):
            name = its_name
            load(content, trust)
            name = None
    print(*seen, sep="\n")


def run(code, **kwargs):
    """Return the lines that a new process prints."""
    command = [sys.executable, "-W", "ignore", "-c", code]
    done = subprocess.run(command, capture_output=True, text=True, **kwargs)
    assert not done.returncode, done.stderr
    return done.stdout.splitlines()


def test_types_on_the_list_touch_nothing(tmp_path):
    """Whatever a file calls them with, or says that their attributes are.

    One that does is among them, to see that it is noticed.
    """
    path = f"import sys; sys.path.insert(0, {str(TESTS)!r})"
    seen = run(f"{path}; from test_trusted import watch; watch()", cwd=tmp_path)
    noticed = [line for line in seen if line.startswith(f"{TEMPORARY}: tempfile")]
    assert noticed
    assert [line for line in seen if not line.startswith(f"{TEMPORARY}: ")] == []


def test_what_a_file_says_of_a_layer_is_shown_as_text():
    """In a notebook, HTML would run as a program."""
    content = skops.dumps(quick(dropout=0.1).fit(X, y))
    schema = json.loads(read(content))
    text = json.dumps(schema).replace('"0.1"', json.dumps('"<script>alert(1)"'))
    content = written(json.loads(text), content)
    types = skops.get_untrusted_types(data=content)
    loaded = skops.loads(content, trusted=trusted_types(types))
    assert "<script>alert(1)" in repr(loaded.network_.layers)
    assert "<script>alert(1)" not in loaded._repr_html_()


# ------------------------------------------------------------------- what is looked up


LOOK = """
import sys, skops.io, skdnn
from skdnn.trusted import TYPES
assert {name.rpartition(".")[0] for name in TYPES} <= set(sys.modules)
before = set(sys.modules)
types = skops.io.get_untrusted_types(file="it.skops")
assert "skdnn.docs.notebooks.table.attempt" in types and "antigravity.fly" in types
assert skdnn.trusted_types(types) == ["skdnn.nn.network.Network"]
print(*(it for it in set(sys.modules) - before if "encodings" not in it))
"""


def test_to_look_at_a_file_imports_nothing(tmp_path):
    names = ["skdnn.docs.notebooks.table.attempt", "antigravity.fly", "this.s"]
    names += ["skdnn.nn.network.Network"]
    file = tmp_path / "it.skops"
    file.write_bytes(written(several(*(node("FunctionNode", name) for name in names))))
    assert run(LOOK, cwd=tmp_path) == [""]


def reachable():
    """Return what is reached from the package's modules, by its name."""
    found = {module.__name__: module for module in modules()}
    frontier = dict(found)
    for _ in range(3):
        frontier = {
            f"{name}.{attribute}": value
            for name, owner in frontier.items()
            if isinstance(owner, (ModuleType, type))
            for attribute, value in list(vars(owner).items())
        }
        new = {name: value for name, value in frontier.items() if name not in found}
        found |= new
    return found


def test_of_all_that_can_be_reached_only_types_on_the_list_are_returned():
    found = reachable()
    assert "skdnn.training.checkpoint.os.system" in found
    returned = trusted_types(found)
    assert set(returned) == {*TYPES, *EARLIER}
    for name in returned:
        cls = found[name]
        assert isinstance(cls, type)
        assert f"{cls.__module__}.{cls.__qualname__}" in TYPES


def test_a_name_that_is_not_exactly_on_the_list_is_not_returned():
    for name in TYPES:
        module, _, last = name.rpartition(".")
        tricks = {
            *(name + end for end in (".", " ", "\n", "\0", "()", ".__init__", ".fit")),
            *(start + name for start in (".", " ", "\ufeff", "builtins.", "skdnn.")),
            *(
                module,
                last,
                f"{module}..{last}",
                f"{module}:{last}",
                f"{module}/{last}",
            ),
            *(name.upper(), name.lower(), name.swapcase(), name.replace(".", "\u2024")),
            *(name.replace("e", "\u0435"), name.replace("n", "\uff4e")),
            *(name.replace("s", "\u017f"), name.replace("d", "d\u200b")),
            *(f"{name}.{attribute}" for attribute in dir(classes()[name])),
        }
        assert trusted_types(sorted(tricks - {name})) == []


# ------------------------------------------------------------------------- its argument


def test_any_iterable_of_names_in_its_order():
    dense, relu = "skdnn.nn.layers.dense.Dense", "skdnn.nn.layers.rectifiers.ReLU"
    names = [relu, "os.system", dense, relu]
    for types in (names, tuple(names), iter(names), np.array(names)):
        assert trusted_types(types) == [relu, dense, relu]
    assert trusted_types({relu, "os.system"}) == [relu]
    assert trusted_types([]) == []
    assert names == [relu, "os.system", dense, relu]


@pytest.mark.parametrize("types", ["skdnn.nn.network.Network", None, 3, True])
def test_what_is_no_list_of_names_is_an_error(types):
    with pytest.raises(TypeError, match=f"types must be a list of names, .*{types!r}"):
        trusted_types(types)


@pytest.mark.parametrize("wrong", [MLPClassifierDIY, None, 3, b"os.system", ["a"]])
def test_what_is_no_name_is_an_error(wrong):
    with pytest.raises(
        TypeError, match=f"types must hold names, .*{re.escape(repr(wrong))}"
    ):
        trusted_types(["skdnn.nn.network.Network", wrong])
