"""The README's examples run, one after the other, as a reader would type them."""

import re
from pathlib import Path

import matplotlib
import pytest
import sklearn

README = Path(__file__).resolve().parents[1] / "README.md"


@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
def test_examples_run(tmp_path, monkeypatch, capsys):
    pytest.importorskip("pandas")
    pytest.importorskip("rich")
    matplotlib.use("agg")
    monkeypatch.chdir(tmp_path)
    blocks = re.findall(r"```python\n(.*?)```", README.read_text(), re.DOTALL)
    names = {}
    with sklearn.config_context():
        for block in blocks:
            if "fetch_mnist" not in block:  # the data may not be there
                exec(block, names)
    assert len(blocks) > 8
    assert names["clf"].score(names["X_test"], names["y_test"]) > 0.9
    assert "neg_log_loss" in repr(names["pipeline"])
