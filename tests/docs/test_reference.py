"""The reference, skdnn/docs/REFERENCE.md: it is that of the code, and all are in it."""

import importlib
import inspect
import os
import pkgutil
import re
import subprocess
import sys
from pathlib import Path

import pytest

import skdnn
from helpers import ONLY_HANGING
from running_scripts import ROOT

DOCS_DIR = ROOT / "skdnn" / "docs"
PAGE = DOCS_DIR / "REFERENCE.md"
COMMAND = "python skdnn/docs/build_reference.py --refresh"
# Whatever is not there where only skdnn is installed.
EXTRAS = "dask distributed jax onnx onnxruntime pandas polars rich skl2onnx skops torch"


@pytest.fixture
def script(monkeypatch):
    monkeypatch.syspath_prepend(DOCS_DIR)
    return importlib.import_module("build_reference")


def public():
    """Return the name and value of all that is in some module's `__all__`."""
    modules = ["skdnn"]
    modules += [m.name for m in pkgutil.walk_packages(skdnn.__path__, "skdnn.")]
    contents = [importlib.import_module(name) for name in modules]
    values = {
        name: getattr(content, name)
        for content in contents
        for name in getattr(content, "__all__", [])
    }
    assert len(values) > 70
    return values


def test_page_is_up_to_date(script):
    written = PAGE.read_text(encoding="utf-8")
    assert script.reference() == written, f"{PAGE.name} is out of date: {COMMAND}"


def test_page_is_the_same_without_extras(tmp_path):
    path = str(DOCS_DIR / "build_reference.py")
    code = f"""
import runpy, sys

class Nowhere:
    def find_spec(self, name, path=None, target=None):
        if name in {EXTRAS.split()}:
            raise ModuleNotFoundError(name)

sys.meta_path.insert(0, Nowhere())
sys.argv = ["build_reference.py", "--output-dir", "written"]
runpy.run_path({path!r}, run_name="__main__")
"""
    result = subprocess.run(
        [sys.executable, "-c", code],
        cwd=tmp_path,
        env=os.environ | {"PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        timeout=ONLY_HANGING,
    )
    assert result.returncode == 0, result.stderr
    assert result.stdout == f"Written to {Path('written', PAGE.name)}\n"
    written = (tmp_path / "written" / PAGE.name).read_text(encoding="utf-8")
    assert written == PAGE.read_text(encoding="utf-8"), f"out of date: {COMMAND}"


def test_every_name_is_listed_once_with_its_file():
    listed = re.findall(r"^- \[`(\w+)`\]\(([^\s()]+)\)", PAGE.read_text("utf-8"), re.M)
    assert sorted(name for name, _ in listed) == sorted(public())
    for name, file in listed:
        defined = rf"^(class|def) {name}\b"
        assert re.search(defined, (PAGE.parent / file).read_text("utf-8"), re.M), (
            name,
            file,
        )


def test_every_name_can_be_imported_as_listed():
    module, n_names = None, 0
    for line in PAGE.read_text("utf-8").splitlines():
        if found := re.match(r"From `([\w.]+)`:", line):
            module = importlib.import_module(found[1])
        if found := re.match(r"- \[`(\w+)`\]", line):
            assert getattr(module, found[1]) is public()[found[1]]
            n_names += 1
    assert n_names == len(public())


def test_every_name_has_a_summary_of_its_own(script):
    summaries = {}
    for name, value in public().items():
        if inspect.isclass(value):
            assert "__doc__" in vars(value), f"{name} has an inherited docstring"
        summary = script.first_sentence(value)
        # What dataclass writes where there is no docstring is the signature.
        assert re.match(r"[A-Z0-9](?!\w+\()", summary), f"{name}: {summary}"
        assert summary.endswith("."), f"{name}: {summary} (no full stop)"
        assert len(summary) > 15 and len(summary.split()) > 2, f"{name}: {summary}"
        assert summary not in summaries, f"{name} is {summaries.get(summary)}"
        summaries[summary] = name


def test_every_method_and_attribute_of_an_estimator_is_listed():
    text = PAGE.read_text("utf-8")
    (own,) = re.findall(r"^- \[`MLPClassifierDIY`\].*\n((?:  - .*\n)+)", text, re.M)
    for name in ("solver", "fit", "partial_fit", "predict_proba", "coefs_", "history_"):
        assert re.search(rf"`{name}\b", own), name
    assert "_request`" not in own


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("``a * b`` of :func:`skdnn.f`, * `c_`.", r"`a * b` of `skdnn.f`, \* `c_`."),
        (":class:`~skdnn.nn.Dense` < 2, x<y_i, <b>", r"`Dense` < 2, x\<y_i, \<b>"),
        ("_private and trailing_ but fan_in", r"\_private and trailing\_ but fan_in"),
    ],
)
def test_markdown(script, text, expected):
    assert script.as_markdown(text) == expected
