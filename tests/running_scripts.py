"""How tests run scripts: most as a user would, as processes, without network."""

import os
import re
import subprocess
import sys
from pathlib import Path

from common.reports import read_table
from helpers import ONLY_HANGING

ROOT = Path(__file__).resolve().parents[1]
BENCHMARKS = ROOT / "benchmarks"
DOCS = "../skdnn/docs"  # seen from there
TRAIN = "mnist_classification_train_and_validate"
EVALUATE = "mnist_classification_evaluate"
COMPARE = "search/compare_architectures"
CLUSTER = "search/search_on_a_cluster"


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


def run(script, *arguments, cwd, data_home=None, scripts=BENCHMARKS, **environment):
    """Run a script without network; the data folder is empty unless given."""
    path = scripts / script
    return subprocess.run(
        [sys.executable, path if path.is_dir() else f"{path}.py", *map(str, arguments)],
        cwd=cwd,
        env=os.environ | without_network(data_home or cwd / "empty") | environment,
        capture_output=True,
        text=True,
        timeout=ONLY_HANGING,
    )


def run_well(*arguments, **options):
    result = run(*arguments, **options)
    assert result.returncode == 0, result.stderr
    assert result.stderr == ""
    return result.stdout


def on_digits(folder, script, arguments):
    """Run a script on the digits; its results are in this folder."""
    options = [*f"--dataset digits {arguments}".split(), "--output-dir", folder]
    return run_well(script, *options, cwd=folder)


def fails_with_one_line(result, message):
    """Check that a script has ended with an error that says something."""
    assert result.returncode == 2
    (line,) = result.stderr.splitlines()
    assert re.search(message, line)


def table_in(path):
    """Return the rows of the table in a file of results."""
    return read_table(path.read_text())


def git(*arguments, cwd):
    """Run git; not on another repository, which a hook has set in the environment."""
    environment = {k: v for k, v in os.environ.items() if not k.startswith("GIT_")}
    command = ["git", *arguments]
    return subprocess.run(
        command, cwd=cwd, env=environment, capture_output=True, text=True, check=True
    ).stdout


def changes(checkout):
    """Return the files that git sees as changed or new, without folders."""
    lines = git("status", "--porcelain", cwd=checkout).splitlines()
    return {line[3:].rsplit("/")[-1] for line in lines}
