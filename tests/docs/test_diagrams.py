"""The book's diagrams and experiments; and that every picture is shown on a page."""

import re
import subprocess

import pytest

from running_scripts import DOCS, ROOT, run_well, table_in


@pytest.mark.slow
def test_draw_diagrams(tmp_path):
    def texts(path):  # matplotlib writes each as a comment beside its outlines
        return re.findall("<!-- (.*?) -->", path.read_text())

    run_well(f"{DOCS}/draw_diagrams", "--output-dir", "drawn", cwd=tmp_path)
    kept = {path.name: path for path in (ROOT / "skdnn/nn/diagrams").iterdir()}
    drawn = {path.name: path for path in (tmp_path / "drawn").iterdir()}
    assert set(drawn) == set(kept)
    for name, path in drawn.items():
        assert texts(path) == texts(kept[name]) != []


@pytest.mark.slow
def test_mathematics(tmp_path):
    run_well(f"{DOCS}/mathematics", "--quick", "--output-dir", "results", cwd=tmp_path)
    rows = table_in(tmp_path / "results" / "one_over_m.md")
    assert len(rows) == 2
    for row in rows:
        m, once = float(row["batch size m"]), float(row["once: best rate"])
        assert float(row["twice: best rate"]) == m * once
        assert row["its loss"] == row["loss there"]
    (row,) = table_in(tmp_path / "results" / "softmax_jacobian.md")
    assert row["own: exploded"] == "0 of 2"
    assert row["averaged: exploded"] == "2 of 2"
    for name in ("one_over_m", "softmax_jacobian"):
        assert "</svg>" in (tmp_path / "results" / f"{name}.svg").read_text()


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
