"""The notebooks: as their scripts are, as they are shown, and that they run.

Each runs in a kernel and a folder of its own. That of MNIST reads the data that the
environment variables SKDNN_TEST_DATA or SCIKIT_LEARN_DATA name; without, it is cut off
the network and falls back to the digits of scikit-learn.
"""

import os
import re
import shutil
from pathlib import Path

import pytest

from helpers import ONLY_HANGING
from running_scripts import DOCS, ROOT, run

jupytext = pytest.importorskip("jupytext", reason="jupytext is not installed")
nbclient = pytest.importorskip("nbclient", reason="nbclient is not installed")
pytest.importorskip("ipykernel", reason="ipykernel is not installed")

SCRIPTS = sorted((ROOT / "skdnn" / "docs" / "notebooks").glob("*.py"))
NEEDS = {"table": ("pandas", "onnxruntime")}

of_each = pytest.mark.parametrize("script", SCRIPTS, ids=lambda path: path.stem)


def read(script):
    return jupytext.read(script, fmt="py:percent")


def read_shown(script):
    return jupytext.read(script.with_suffix(".ipynb"))


def texts(output):
    """Return all that an output shows in words."""
    data = output.get("data", {}).items()
    # Pictures are letters too, of which any word may come up.
    shown = [value for kind, value in data if not kind.startswith("image/")]
    return [output.get("text", ""), *shown]


def check_outputs(notebook):
    """Check that there are outputs, and among them no error, warning or path."""
    outputs = [it for cell in notebook.cells for it in cell.get("outputs", [])]
    assert outputs
    for output in outputs:
        assert output.output_type != "error", output.evalue
        assert output.get("name") != "stderr", output.text
        for text in texts(output):
            assert not re.search(r"/home/|/tmp|/usr/|/root/|site-packages| at 0x", text)


def test_there_are_notebooks():
    assert {path.stem for path in SCRIPTS} == {"mnist", "table", "backpropagation"}


@of_each
def test_a_notebook_is_what_its_script_says(script):
    its, shown = (
        [(cell.cell_type, cell.source) for cell in notebook.cells]
        for notebook in (read(script), read_shown(script))
    )
    assert its == shown, "run skdnn/docs/build_notebooks.py --refresh"


@of_each
def test_what_is_shown(script):
    notebook = read_shown(script)
    check_outputs(notebook)
    counts = [it.execution_count for it in notebook.cells if it.cell_type == "code"]
    assert counts == list(range(1, len(counts) + 1))  # all ran, in their order
    assert script.with_suffix(".ipynb").stat().st_size < 400_000


@pytest.fixture
def environment(tmp_path, monkeypatch):
    """Set variables such that MNIST is read where it is, or not at all."""
    home = tmp_path / "data"
    home.mkdir()
    given = os.environ.get("SKDNN_TEST_DATA") or os.environ.get("SCIKIT_LEARN_DATA")
    if given and (Path(given) / "openml").is_dir():
        # A copy: scikit-learn deletes a file that it fails to parse.
        shutil.copytree(Path(given) / "openml", home / "openml")
    else:
        for name in ("http_proxy", "https_proxy", "HTTP_PROXY", "HTTPS_PROXY"):
            monkeypatch.setenv(name, "http://127.0.0.1:9")  # where nothing answers
    monkeypatch.setenv("SCIKIT_LEARN_DATA", str(home))
    monkeypatch.delenv("MPLBACKEND", raising=False)  # pictures go into the notebook


@pytest.mark.parametrize(
    "script",
    [
        pytest.param(it, marks=[pytest.mark.slow] * (it.stem != "backpropagation"))
        for it in SCRIPTS
    ],
    ids=lambda path: path.stem,
)
def test_it_runs(script, tmp_path, environment):
    for package in NEEDS.get(script.stem, ()):
        pytest.importorskip(package, reason=f"{package} is not installed")
    notebook = read(script)
    client = nbclient.NotebookClient(
        notebook,
        timeout=ONLY_HANGING,  # for a cell
        startup_timeout=ONLY_HANGING,
        kernel_name="python3",
        resources={"metadata": {"path": tmp_path}},
    )
    client.execute()
    check_outputs(notebook)


@pytest.mark.slow
def test_the_script_that_makes_them(tmp_path):
    name = "backpropagation"
    arguments = ["--names", name, "--output-dir", tmp_path / "made"]
    result = run(f"{DOCS}/build_notebooks", *arguments, cwd=tmp_path)
    assert result.returncode == 0, result.stderr
    made = tmp_path / "made" / f"{name}.ipynb"
    assert [path.name for path in made.parent.iterdir()] == [made.name]
    notebook = jupytext.read(made)
    check_outputs(notebook)
    (shown,) = (read_shown(it) for it in SCRIPTS if it.stem == name)
    for mine, its in zip(notebook.cells, shown.cells, strict=True):
        assert mine.source == its.source
        assert mine.metadata == its.metadata == {}
        kinds = [output.output_type for output in mine.get("outputs", [])]
        assert kinds == [output.output_type for output in its.get("outputs", [])]
    assert notebook.metadata.kernelspec == shown.metadata.kernelspec
