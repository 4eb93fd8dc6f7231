"""Scripts run in this process, and copies of them that write where nothing is."""

import importlib
import os
import shutil
import sys
from pathlib import Path
from types import SimpleNamespace

import matplotlib.font_manager  # noqa: F401 makes its cache before a script says so
import pytest

from running_scripts import BENCHMARKS, ROOT, changes, git, without_network


@pytest.fixture
def run_here(monkeypatch, tmp_path, capsys):
    """Return a function like :func:`run`, in this process: it need not start one."""
    for name, value in without_network(tmp_path / "empty").items():
        monkeypatch.setenv(name, value)

    def run_here(script, *arguments):
        main = importlib.import_module(script.replace("/", ".")).main
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


@pytest.fixture
def scripts(tmp_path):
    """Return a folder with the scripts, whose results by default go to it."""
    pattern = shutil.ignore_patterns("output", "results", "__pycache__")
    return shutil.copytree(BENCHMARKS, tmp_path / "scripts", ignore=pattern)


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
