"""The front page's two scripts: training and evaluation."""

import csv
import json
import shutil
from types import SimpleNamespace

import joblib
import numpy as np
import pytest
from matplotlib.image import imread
from numpy.testing import assert_array_equal
from sklearn.model_selection import train_test_split

from running_scripts import (
    COMPARE,
    EVALUATE,
    TRAIN,
    fails_with_one_line,
    run,
    run_well,
    table_in,
)
from skdnn import displays
from skdnn.images.datasets import load_image_dataset


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
    table = table_in(trained.folder / f"{TRAIN}.md")
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
    table = table_in(evaluated.folder / f"{EVALUATE}.md")
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
        return table_in(folder / f"{EVALUATE}.md"), result.stdout

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
    names = {TRAIN, EVALUATE, "compare_architectures"}
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


@pytest.mark.slow
def test_real_mnist(tmp_path, real_home):
    options = {"cwd": tmp_path, "data_home": real_home}
    arguments = ["--output-dir", "results"]
    run_well(TRAIN, *arguments, "--train-samples", 5000, "--runs", 100, **options)
    run_well(EVALUATE, *arguments, **options)
    (row,) = table_in(tmp_path / "results" / f"{EVALUATE}.md")
    assert row["data"] == "mnist"
    assert row["parameters"] == str(784 * 100 + 3 * 100 + 100 * 10 + 10)
    assert row["training samples"] == "5000"
    assert row["validation samples"] == "6000"
    assert float(row["test score"]) > 0.93
