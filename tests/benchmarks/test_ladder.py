"""The ladder: what it measures, keeps and writes."""

import json
import re

import numpy as np
import pytest
from matplotlib.image import imread
from numpy.testing import assert_array_equal
from sklearn.pipeline import make_pipeline

from common.data import set_aside
from mnist import ladder
from running_scripts import on_digits, table_in
from skdnn import MLPClassifierDIY
from skdnn.images import Deskew
from skdnn.images.datasets import load_image_dataset


@pytest.mark.slow
def test_the_ladder(tmp_path):
    arguments = "--epochs 2 --seeds 2 --rungs 2.0 0.45 --set-aside"
    for _ in range(2):
        on_digits(tmp_path, "mnist/ladder", arguments)
    # The second run finds what the first one has measured.
    lines = (tmp_path / "ladder.jsonl").read_text().splitlines()
    assert len(lines) == 4
    table = table_in(tmp_path / "ladder_set_aside.md")
    assert [row["error, at most"] for row in table] == ["2.00 %", "0.45 %"]
    for row, results in zip(table, (lines[:2], lines[2:]), strict=True):
        in_time = np.median([json.loads(it)["seconds"] for it in results])
        in_time = in_time <= float(row["seconds, at most"])
        assert row["met"] == f"**no**, {'yes' if in_time else '**no**'}"
    text = (tmp_path / "ladder_set_aside.md").read_text()
    assert re.search(r"(?m)^- 0.45 %: `.*Elastic.*`; images set upright", text)
    best = [json.loads(line) for line in lines[2:]]
    mean = np.mean([row["averaged"] for row in best])
    assert table[1]["averaged"].startswith(f"{mean:.2f} ± ")
    for name in ("ladder_set_aside", "ladder_set_aside_mistakes", "deformed"):
        assert imread(tmp_path / "plots" / f"{name}.png").shape[1] >= 800
    assert (tmp_path / "checkpoints").exists()  # of the long fits


@pytest.mark.parametrize(
    ("error", "seconds", "met"),
    [
        (1.5, 3.9, "yes, yes"),
        (1.51, 4.0, "**no**, yes"),
        (1.4, 4.1, "yes, **no**"),
        (2.0, 5.0, "**no**, **no**"),
    ],
)
def test_what_a_rung_has_met(error, seconds, met):
    rung = ladder.RUNGS[1.5]
    ours = [{"error": error, "error of each": [], "seconds": seconds}]
    row = ladder.row_of(1.5, rung, ours, [])
    assert row["seconds, at most"] == 4
    assert row["met"] == met


@pytest.mark.slow
def test_the_ladder_keeps_rungs_that_a_run_leaves_out(tmp_path):
    def climb(rung):
        on_digits(tmp_path, "mnist/ladder", f"--seeds 1 --rungs {rung}")
        return table_in(path)

    path = tmp_path / "ladder.md"
    (row,) = climb(2.0)
    path.write_text(path.read_text().replace(row["machine"], "Another"))
    kept, new = climb(1.5)
    assert kept == row | {"machine": "Another"}
    assert (new["error, at most"], new["machine"]) == ("1.50 %", row["machine"])
    machines = [line for line in path.read_text().splitlines() if " cores; " in line]
    assert [line.partition(", ")[0] for line in machines] == ["Another", row["machine"]]
    path.write_text(path.read_text().replace("- 2.00 %: ", "- 2.00 %: another "))
    assert climb(1.5) == [new]  # the recipe has changed since


@pytest.mark.slow
def test_the_ladder_sets_images_upright(tmp_path):
    on_digits(tmp_path, "mnist/ladder", "--epochs 3 --seeds 1 --rungs 0.6")
    (result,) = map(json.loads, (tmp_path / "ladder.jsonl").read_text().splitlines())
    assert "`; images set upright\n" in (tmp_path / "ladder.md").read_text()
    recipe = ladder.SHARED | ladder.RUNGS[0.6].recipe | {"max_iter": 3}
    data = load_image_dataset("digits")
    pipeline = make_pipeline(Deskew(), MLPClassifierDIY(**recipe, random_state=0))
    pipeline.fit(data.X_train, data.y_train)
    error = 100 * (1 - pipeline.score(data.X_test, data.y_test))
    assert result["error"] == pytest.approx(error)


def test_the_last_images_are_set_aside():
    data = load_image_dataset("digits")
    X, X_judged, y, y_judged = set_aside(data)
    assert len(X_judged) == len(data.X_train) // 6
    assert_array_equal(np.vstack([X, X_judged]), data.X_train)
    assert_array_equal(np.concatenate([y, y_judged]), data.y_train)


@pytest.mark.slow
def test_the_ladder_with_several_networks(tmp_path):
    on_digits(tmp_path, "mnist/ladder", "--epochs 2 --rungs 0.31")
    (result,) = map(json.loads, (tmp_path / "ladder.jsonl").read_text().splitlines())
    each = result["averaged of each"]
    assert len(each) == 2
    (row,) = table_in(tmp_path / "ladder.md")
    assert row["of each network"].startswith(f"{np.mean(each):.2f} ± ")
    assert row["averaged"] == f"{result['averaged']:.2f} %"
    assert row["seconds"] == f"{result['seconds']:.1f}"


@pytest.mark.slow
def test_the_ladder_in_torch(tmp_path):
    pytest.importorskip("torch", reason="torch is not installed")
    on_digits(tmp_path, "mnist/ladder", "--epochs 20 --seeds 1 --rungs 2.0 0.8 --torch")
    for row in table_in(tmp_path / "ladder.md"):
        errors = row["error"], row["torch: error"]
        ours, theirs = (float(it.split()[0]) for it in errors)
        assert ours < 8 and theirs < 8
