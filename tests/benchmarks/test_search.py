"""Searches over architectures, here and on a cluster."""

import re

import joblib
import pytest
from matplotlib.image import imread

from running_scripts import CLUSTER, COMPARE, on_digits, run, table_in
from skdnn.images.datasets import load_image_dataset


@pytest.mark.slow
def test_compare_architectures(tmp_path):
    on_digits(tmp_path, COMPARE, "--epochs 2 --cv 2 --n-jobs 1 --train-samples 300")
    table = table_in(tmp_path / "compare_architectures.md")
    search = joblib.load(tmp_path / "models" / "compare_architectures.joblib")
    results = search.cv_results_
    assert len(table) == len(results["params"]) > 5
    means = [float(row["mean score"]) for row in table]
    assert means == sorted(means, reverse=True)
    assert table[0]["mean score"] == f"{search.best_score_:.4f}"
    spread = results["std_test_score"][search.best_index_]
    assert table[0]["spread"] == f"{spread:.4f}"
    best = search.best_estimator_[-1].architecture
    assert table[0]["architecture"] == ", ".join(map(repr, best))
    digits = load_image_dataset("digits")
    score = search.score(digits.X_test, digits.y_test)
    text = (tmp_path / "compare_architectures.md").read_text()
    assert f"has a test score of {score:.4f}" in text
    assert "300 training samples, 2 folds" in text
    for x in ("fit_time", "parameters"):
        picture = imread(tmp_path / "plots" / f"architectures_{x}.png")
        assert picture.shape[1] == 800


def check_cluster(folder):
    cluster, one_process = table_in(folder / "search_on_a_cluster.md")
    for column in ("best", "best score"):
        assert cluster[column] == one_process[column]
    text = (folder / "search_on_a_cluster.md").read_text()
    assert "The largest difference between two scores is 0.\n" in text
    assert re.search(r"sent [0-9.]+ MB, .* nothing takes [0-9.]+ ms", text)


@pytest.mark.slow
def test_a_search_survives_the_death_of_a_worker(tmp_path):
    pytest.importorskip("distributed", reason="dask is not installed")
    arguments = "--dataset digits --epochs 60 --kill-one"
    for _ in range(3):
        result = run(
            CLUSTER, *arguments.split(), "--output-dir", tmp_path, cwd=tmp_path
        )
        # Of a task that was about to end, Dask may forget the result before joblib
        # asks for it.
        if "already forgotten" not in result.stderr:
            break
    assert result.returncode == 0, result.stderr
    assert re.search(r"^Killed tcp://.* while [1-9]", result.stdout)
    assert "Restarting worker" in result.stderr
    check_cluster(tmp_path)


@pytest.mark.slow
def test_a_search_on_a_cluster_that_is_there(tmp_path):
    distributed = pytest.importorskip("distributed", reason="dask is not installed")
    options = {"processes": False, "protocol": "tcp", "dashboard_address": None}
    with distributed.LocalCluster(n_workers=2, threads_per_worker=1, **options) as it:
        arguments = f"--dataset digits --epochs 2 --scheduler {it.scheduler_address}"
        arguments = [*arguments.split(), "--output-dir", tmp_path]
        # On a machine with other work, Dask says that it has waited.
        result = run(CLUSTER, *arguments, cwd=tmp_path)
    assert result.returncode == 0, result.stderr
    check_cluster(tmp_path)
