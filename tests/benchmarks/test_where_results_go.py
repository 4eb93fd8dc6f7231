"""Where results go: what git tracks changes only if that is asked for."""

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from common.reports import format_table, read_table
from running_scripts import (
    BENCHMARKS,
    CLUSTER,
    COMPARE,
    DOCS,
    EVALUATE,
    ROOT,
    TRAIN,
    changes,
    fails_with_one_line,
    run,
    run_well,
)


@pytest.mark.slow
@pytest.mark.parametrize("dataset", ["digits", "mnist"])
def test_the_first_command_leaves_a_checkout_clean(
    checkout, dataset, tmp_path, request
):
    options = {"cwd": tmp_path, "scripts": checkout / "benchmarks"}
    if dataset == "mnist":
        options["data_home"] = request.getfixturevalue("real_home")
    shorter = ["--runs", "25", "--epochs", "1", "--train-samples", "1000"]
    for _ in range(2):
        for script, arguments in ((TRAIN, shorter), (EVALUATE, [])):
            printed = run_well(script, *arguments, **options)
            assert changes(checkout) == set()
            folder = checkout / "benchmarks" / "output" / dataset
            assert f"Written to {folder / script}.md\n" in printed


def of_scripts(*cases, quick):
    """Mark all but one as slow."""
    slow = pytest.mark.slow
    marked = [pytest.param(*it, marks=[slow] * (it[0] != quick)) for it in cases]
    return pytest.mark.parametrize(("script", "arguments"), marked)


@of_scripts(
    (COMPARE, "--dataset digits --epochs 1 --cv 2 --n-jobs 1 --train-samples 100"),
    ("mnist/experiments", "batch_size --dataset digits --quick"),
    (f"{DOCS}/mathematics", "--quick"),
    (f"{DOCS}/draw_diagrams", ""),
    (f"{DOCS}/build_reference", ""),
    ("mnist/hidden_layers", "--dataset digits --epochs 1 --train-samples 300"),
    ("mnist/ensembles", "--dataset digits --epochs 1 --repeats 1 --tables"),
    ("speed", "--dataset digits --quick --repeats 1 --only predict"),
    quick=f"{DOCS}/build_reference",
)
def test_results_go_where_git_ignores_them(checkout, script, arguments, tmp_path):
    options = {"cwd": tmp_path, "scripts": checkout / "benchmarks"}
    printed = run_well(script, *arguments.split(), **options)
    written = re.findall("^Written to (.*)$", printed, re.MULTILINE)
    assert written
    for path in map(Path, written):
        assert path.exists()
        assert path.is_relative_to(checkout / "benchmarks" / "output")
    assert changes(checkout) == set()


@pytest.mark.slow
def test_refresh_replaces_what_git_tracks(checkout, tmp_path):
    options = {"cwd": tmp_path, "scripts": checkout / "benchmarks"}
    diagrams = {path.name for path in (checkout / "skdnn/nn/diagrams").iterdir()}
    for name in diagrams:
        (checkout / "skdnn/nn/diagrams" / name).write_text("old")
    run_well(f"{DOCS}/draw_diagrams", "--refresh", **options)
    for name in diagrams:
        assert "</svg>" in (checkout / "skdnn/nn/diagrams" / name).read_text()
    page = checkout / "skdnn" / "docs" / "REFERENCE.md"
    built = page.read_text("utf-8")
    page.write_text("old")
    run_well(f"{DOCS}/build_reference", "--refresh", **options)
    assert page.read_text("utf-8") == built
    run_well(f"{DOCS}/mathematics", "--quick", "--refresh", **options)
    names = ("one_over_m", "softmax_jacobian")
    results = {f"{name}.{kind}" for name in names for kind in ("md", "svg")}
    # Another version of matplotlib may draw the diagrams a little differently.
    assert results <= changes(checkout) <= results | diagrams
    assert not (checkout / "benchmarks" / "output").exists()


@pytest.mark.slow
def test_evaluation_of_what_training_refreshed(checkout, tmp_path):
    options = {"cwd": tmp_path, "scripts": checkout / "benchmarks"}
    run_well(TRAIN, "--refresh", "--runs", "25", "--epochs", "1", **options)
    result = run(EVALUATE, **options)
    assert f"there is no run in {checkout / 'benchmarks/output'}" in result.stderr
    run_well(EVALUATE, "--refresh", **options)
    results = checkout / "benchmarks" / "results"
    # Those on the digits are for trying: git ignores them, as it does all models.
    assert changes(checkout) == set()
    shutil.copytree(results / "digits", results / "mnist", dirs_exist_ok=True)
    pictures = "25 scores weights diagnosis predictions mistakes"
    assert changes(checkout) == {
        *(f"{script}.md" for script in (TRAIN, EVALUATE)),
        *(f"{name}.png" for name in pictures.split()),
    }


def test_the_readme_of_the_experiments_shows_what_was_measured():
    text = (BENCHMARKS / "README.md").read_text()
    tables = re.findall(r"<!-- (\S+) -->\n((?:\|.*\n)+)", text)
    assert len(tables) == 15
    for path, table in tables:
        assert table in (BENCHMARKS / path).read_text(), path


def test_what_is_written_can_be_read():
    rows = [
        {"a": "1.5 ± 0.1 %", "b": "", "c": "-"},
        {"a": "", "b": "x: `-`", "c": "**no**"},
    ]
    assert read_table(f"# Title\n\n{format_table(rows)}\n\nNotes.\n") == rows
    assert read_table("no table") == []


@pytest.mark.parametrize("arguments", [[], ["--refresh"]])
def test_a_new_result_goes_into_the_readme_if_asked_for(scripts, arguments):
    code = (
        "from common.arguments import Parser, output_dir;"
        "from common.reports import report;"
        "folder = output_dir(Parser('').parse_args(), 'mnist');"
        "path = folder / 'experiment_batch_size.md';"
        "report(path, 'Title', [{'new': 1, 'row': 2}], 'Notes.', 'Machine.')"
    )
    before = (scripts / "README.md").read_text()
    environment = os.environ | {"PYTHONPATH": str(ROOT)}
    command = [sys.executable, "-c", code, *arguments]
    subprocess.run(command, cwd=scripts, env=environment, check=True)
    after = (scripts / "README.md").read_text()
    if not arguments:
        assert after == before
        return
    head, tail = after.split("| new | row |\n| --- | --: |\n| 1   |   2 |\n\n")
    assert before.startswith(head) and before.endswith(tail)


@pytest.mark.parametrize(
    ("script", "arguments", "message"),
    [
        (TRAIN, "--runs 7", "argument --runs: invalid choice: '7'"),
        (TRAIN, "--train-samples 5", "--train-samples: 5 is less than 100"),
        (TRAIN, "--batch-size 0", "run 25: The 'batch_size' parameter .* Got 0"),
        (TRAIN, "--output-dir file", "argument --output-dir: file is not a folder"),
        (TRAIN, "--refresh", "--refresh: not allowed with argument --output-dir"),
        (COMPARE, "--cv 500", "n_splits=500 cannot be greater"),
        (EVALUATE, "", f"there is no run in .*: run {TRAIN}.py first"),
        (CLUSTER, "--scheduler tcp://127.0.0.1:9 --kill-one", "--kill-one is for"),
    ],
)
def test_bad_arguments_fail_with_one_line(
    run_here, tmp_path, monkeypatch, script, arguments, message
):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "file").touch()
    defaults = ["--output-dir", tmp_path / "results", "--dataset"]
    defaults.append("auto" if script == EVALUATE else "digits")
    result = run_here(script, *defaults, *arguments.split())
    fails_with_one_line(result, f"^{Path(script).name}.py: error: .*{message}")
