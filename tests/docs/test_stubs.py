"""What editors, type checkers and `help` know of the estimators: all that there is."""

import importlib
import inspect
import os
import pydoc
import re
import subprocess
import sys
from pathlib import Path

import pytest
from sklearn.metrics import get_scorer_names
from sklearn.utils._param_validation import StrOptions

import skdnn
from helpers import ONLY_HANGING
from skdnn import (
    MLPClassifierDIY,
    MLPRegressorDIY,
    TabularClassifierDIY,
    TabularRegressorDIY,
)

PACKAGE = Path(skdnn.__file__).parent
COMMAND = "python skdnn/docs/build_stubs.py"
# Each with the number of its arguments.
ESTIMATORS = {
    MLPClassifierDIY: 41,
    MLPRegressorDIY: 43,
    TabularClassifierDIY: 10,
    TabularRegressorDIY: 9,
}
each = pytest.mark.parametrize("estimator", ESTIMATORS)


@pytest.fixture
def script(monkeypatch):
    monkeypatch.syspath_prepend(str(PACKAGE / "docs"))
    yield importlib.import_module("build_stubs")
    del sys.modules["build_stubs"]


def documented(estimator):
    """Return the type of each argument, as the docstring has it."""
    section = estimator.__doc__.partition("\nParameters\n----------\n")[2]
    section = section.partition("\n\nAttributes\n")[0]
    entries = re.findall(r"^(\w[\w, ]*) : (.*)$", section, re.M)
    return {name: kind for names, kind in entries for name in names.split(", ")}


def test_stubs_are_up_to_date(script):
    stubs = script.stubs()
    assert set(PACKAGE.rglob("*.pyi")) == set(stubs)
    for path, text in stubs.items():
        written = path.read_text(encoding="utf-8")
        assert written == text, f"{path.name} is out of date: {COMMAND}"


def test_a_type_checker_tells_right_uses_from_wrong_ones(tmp_path):
    pytest.importorskip("mypy", reason="the type checker, mypy, is not installed")
    assert (PACKAGE / "py.typed").exists()  # without it, mypy reads no installed file
    result = subprocess.run(
        [
            *(sys.executable, "-m", "mypy", "--warn-unused-ignores"),
            *("--follow-imports", "silent", "--disable-error-code", "import-untyped"),
            *("--cache-dir", str(tmp_path)),
            str(Path(__file__).with_name("typed_uses.py")),
        ],
        cwd=tmp_path,
        env=os.environ | {"MYPYPATH": str(PACKAGE.parent)},
        capture_output=True,
        text=True,
        timeout=ONLY_HANGING,
    )
    assert result.returncode == 0, result.stdout + result.stderr


@each
def test_signature_and_help_have_every_argument(estimator):
    parameters = inspect.signature(estimator).parameters
    assert len(parameters) == ESTIMATORS[estimator]
    assert list(estimator().get_params()) == sorted(parameters)
    assert documented(estimator).keys() == parameters.keys()
    text = pydoc.render_doc(estimator, renderer=pydoc.plaintext)
    for name, parameter in parameters.items():
        assert f"{name}={parameter.default!r}" in text
        assert re.search(rf"^ [ |]*(\w+, )*{name}(, \w+)* : ", text, re.M)


@each
def test_documented_types_are_those_that_are_taken(estimator):
    constraints = estimator._parameter_constraints
    parameters = inspect.signature(estimator).parameters
    assert constraints.keys() == parameters.keys()
    for name, kind in documented(estimator).items():
        kind, default = re.split(r",\s+default=", kind)
        words = [it.options for it in constraints[name] if isinstance(it, StrOptions)]
        if name == "scoring":  # any name of scikit-learn's
            assert words == [{"loss", *get_scorer_names()}]
            words = []
        assert set(re.findall(r'"(\w+)"', kind)) == set().union(*words), name
        takes_none = "None" in re.findall(r"\w+", f"{kind} {default}")
        assert (None in constraints[name]) == takes_none or name == "random_state", name
