"""Tests of benchmarks/speed, run as a user would, on scikit-learn's digits.

What is fast differs from machine to machine: only what is measured is tested. The
sections on memory and on searches start many processes and are left to the full run.
"""

import re
from importlib.util import find_spec
from pathlib import Path

import numpy as np
import pytest
from matplotlib.image import imread

from common.reports import read_table
from running_scripts import fails_with_one_line, run
from skdnn.nn import Dense, Dropout, Residual
from speed.layers import LAYERS, Layer, TorchLayer

HAS_TORCH, HAS_SKORCH = (find_spec(name) is not None for name in ("torch", "skorch"))


def run_speed(*arguments, cwd):
    options = "--quick --dataset digits --repeats 1 --output-dir results"
    # Threads that wait for each other take long where other tests run beside.
    one_thread = {"OPENBLAS_NUM_THREADS": "1", "OMP_NUM_THREADS": "1"}
    return run("speed", *options.split(), *arguments, cwd=cwd, **one_thread)


def run_well(folder, *sections):
    """Return what was printed, the text of the results, and their tables."""
    result = run_speed("--only", *sections, cwd=folder)
    assert result.returncode == 0, result.stderr
    assert result.stderr == ""
    text = (folder / "results" / "speed.md").read_text()
    parts = (part.partition("\n") for part in text.split("\n## ")[1:])
    tables = {heading: read_table(part) for heading, _, part in parts}
    for rows in tables.values():
        for row in rows:
            assert all(row.values())
            if row.get("target") == "none":
                assert row["met"] == "-"
            elif "target" in row:
                assert row["met"] in ("yes", "**no**")
    return result.stdout, text, tables


def first_number(text):
    return float(re.search(r"-?\d+(\.\d+)?", text.replace(",", ""))[0])


def seconds(text):
    return first_number(text) * {"s": 1, "ms": 1e-3, "µs": 1e-6}[text.split()[-1]]


@pytest.mark.slow
def test_times(tmp_path):
    printed, text, tables = run_well(
        tmp_path, "epoch", "extras", "small", "predict", "scaling"
    )
    scaling = tables.pop("Scaling")
    samples = [int(first_number(row["samples"])) for row in scaling]
    assert samples[0] < samples[1]
    assert list(tables) == [
        "An epoch of Adam",
        "Batch normalization and dropout",
        "Small problems",
        "Predictions",
    ]
    for heading in tables:
        assert heading in printed
    assert f"Written to {Path('results', 'speed.md')}\n" in printed
    for name, is_there in (("torch", HAS_TORCH), ("skorch", HAS_SKORCH)):
        assert is_there != (f"{name} is not installed" in printed)
        assert is_there != (f"{name} is not installed" in text)
    assert "1,437 training samples" in text
    assert "Rounds: 1," in text
    for word in ("NumPy", "scikit-learn", "threads", "other processes"):
        assert word in text

    for rows in (tables["An epoch of Adam"], tables["Small problems"]):
        for row in rows:
            if "as fast" in row["result"]:
                ratio = seconds(row["its time"]) / seconds(row["our time"])
                # Three digits are printed of each time, and two after the point.
                assert first_number(row["result"]) == pytest.approx(
                    ratio, rel=0.02, abs=0.01
                )
                if row["target"] != "none":
                    met = first_number(row["result"]) >= first_number(row["target"])
                    assert (row["met"] == "yes") == met
    cases = {row["case"] for row in tables["An epoch of Adam"]}
    assert cases == {"100, batches of 200", "512-256, batches of 512"}
    peers = {row["compared with"] for row in tables["An epoch of Adam"]}
    assert {"scikit-learn", "matrix products alone"} <= peers
    assert ("torch" in peers) == HAS_TORCH
    peers = {row["compared with"] for row in tables["Small problems"]}
    assert ("skorch" in peers) == HAS_SKORCH
    for name in ("epoch", "scaling"):
        picture = imread(tmp_path / "results" / "plots" / f"speed_{name}.png")
        assert picture.shape[1] == 800


@pytest.mark.slow
def test_layers_and_regressors(tmp_path):
    _, _, tables = run_well(tmp_path, "layers", "regression")
    cases = [row["case"] for row in tables["Layers"]]
    assert cases[:2] == ["Dense(256)", "ReLU()"]
    assert {"GELU()", "LayerNorm()", "Scale()", "GaussianNoise(0.2)"} < set(cases)
    for row in tables["Layers"]:
        assert seconds(row["our time"]) > 0
        assert ("as fast" in row.get("result", "")) == HAS_TORCH
    for row in tables["Regressors"]:
        assert row["compared with"] == "scikit-learn"
        assert row["target"].startswith("≥")


def test_the_layers_of_torch_are_those_of_skdnn():
    pytest.importorskip("torch")
    rng = np.random.default_rng(0)
    A = rng.standard_normal((40, 256), np.float32)
    for layer in LAYERS:
        dY = rng.standard_normal((40, layer.output_width(256)), np.float32)
        ours, theirs = Layer(layer, A, dY), TorchLayer(layer, A, dY)
        d_ours, d_theirs = ours.step(), theirs.step()
        assert d_ours.shape == tuple(d_theirs.shape)
        if not isinstance(layer, (Dense, Residual, Dropout)):  # those are drawn
            np.testing.assert_allclose(d_ours, d_theirs, rtol=1e-4, atol=1e-4)


def test_unknown_section(tmp_path):
    result = run_speed("--only", "nonsense", cwd=tmp_path)
    fails_with_one_line(result, "argument --only: invalid choice: 'nonsense'")
