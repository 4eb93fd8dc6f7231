"""The pages: their examples run as a reader would type them, their links lead on."""

import re
import unicodedata
from textwrap import dedent

import matplotlib
import matplotlib.pyplot as plt
import pytest
import sklearn
from sklearn.base import BaseEstimator
from sklearn.pipeline import Pipeline, make_pipeline

from common.reports import read_cells
from running_scripts import ROOT
from skdnn import MLPClassifierDIY, augmentation, nn
from skdnn.images import Deskew

WITH_EXAMPLES = ["README.md", "skdnn/README.md"]  # that of the book is tested with it
PAGES = [*WITH_EXAMPLES, "skdnn/docs/REFERENCE.md", "skdnn/nn/README.md"]
PAGES += ["benchmarks/README.md"]
NOTEBOOKS = sorted((ROOT / "skdnn" / "docs" / "notebooks").glob("*.py"))


def of_pages(names):
    return pytest.mark.parametrize("page", [n for n in names if (ROOT / n).exists()])


# ------------------------------------------------------------------------ examples


def examples(text):
    """Yield the line and the code of each Python block, but for those not to be run.

    ``<!-- not run: reason -->`` on the line before, or a blank line before that, says
    that one is not to be.
    """
    block = r"^([ \t]*)```python\n(.*?)^\1```"
    for found in re.finditer(block, text, re.DOTALL | re.MULTILINE):
        before = text[: found.start()]
        is_run = not re.search(r"<!-- not run: \S[^>]*-->\n*\Z", before)
        if is_run and "fetch_mnist" not in found[2]:  # the data may not be there
            yield before.count("\n") + 1, dedent(found[2])


@pytest.mark.parametrize(
    "page",
    ["README.md", pytest.param("skdnn/README.md", marks=pytest.mark.slow)],
)
@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
def test_examples_run(page, tmp_path, monkeypatch, capsys):
    pytest.importorskip("pandas")
    pytest.importorskip("rich")
    matplotlib.use("agg")
    monkeypatch.chdir(tmp_path)
    text = (ROOT / page).read_text(encoding="utf-8")
    names = {}
    with sklearn.config_context():
        for line, block in examples(text):
            # A traceback then shows the line of the page.
            exec(compile("\n" * line + block, ROOT / page, "exec"), names)
    plt.close("all")
    assert names, "no examples were run"
    if page == "README.md":
        assert names["clf"].score(names["X_test"], names["y_test"]) > 0.95
    else:
        assert len(list(examples(text))) > 30
        assert "neg_log_loss" in repr(names["pipeline"])
        assert names["study"].best_value > 0.9


def test_which_examples_are_run():
    text = """
```python
a = 1
```

<!-- not run: it takes an hour -->
```python
a = 2
```

<!-- not run: it needs a cluster,
     and a long reason -->

```python
a = 3
```

<!-- a table -->
```python
a = 4
```

- In a list:

  ```python
  a = [
      5]
  ```

```python
fetch_mnist()
```

```sh
a = 6
```
"""
    runs = [(2, "a = 1\n"), (19, "a = 4\n"), (25, "a = [\n    5]\n")]
    # The line is that of the fence: the code begins on the next.
    assert [(line, code) for line, code in examples(text)] == runs


# --------------------------------------------------------------------------- links


def prose(text):
    """Return Markdown without its code: nothing in there is a link or a heading."""
    text = re.sub(r"^([ \t]*)(```+).*?^\1\2", "", text, flags=re.DOTALL | re.MULTILINE)
    return re.sub(
        r"(?<!`)(`+)(?!`)((?:(?!\n\n).)+?)(?<!`)\1(?!`)", "", text, flags=re.S
    )


def link_targets(text):
    text = prose(text)
    inline = re.findall(r"\]\(<?([^\s()<>]*(?:\([^\s()]*\)[^\s()<>]*)*)[^()]*\)", text)
    referenced = re.findall(r"^ {0,3}\[[^\]]+\]:\s*<?([^\s>]+)", text, re.MULTILINE)
    html = re.findall(r"""<(?:a|img)\s[^>]*?(?:href|src)=["']([^"']+)""", text)
    return inline + referenced + html


def anchors(text):
    """Return what GitHub calls the headings of a page, and the anchors it names."""
    fenced = r"^([ \t]*)(```+).*?^\1\2"
    text = re.sub(fenced, "", text, flags=re.DOTALL | re.MULTILINE)
    found = {}
    for heading in re.findall(
        r"^ {0,3}#{1,6}\s+(.*?)(?:\s+#+)?\s*$", text, re.MULTILINE
    ):
        heading = re.sub(
            r"!?\[([^\]]*)\]\([^)]*\)", r"\1", heading
        )  # links: their text
        kept = "".join(c for c in heading.strip().lower() if _is_kept(c))
        slug = name = kept.replace(" ", "-")
        n = 0
        while name in found:  # those that come again are numbered
            n += 1
            name = f"{slug}-{n}"
        found[name] = heading
    return {*found, *re.findall(r"""<a\s[^>]*?(?:id|name)=["']([^"']+)""", text)}


def _is_kept(character):
    """Return whether it is a hyphen, a blank, or one of Ruby's word characters."""
    category = unicodedata.category(character)
    return character in "- " or category[0] in "LM" or category in ("Nd", "Pc")


@of_pages([*PAGES, *NOTEBOOKS])
def test_links_lead_somewhere(page):
    """Those into the repository; of notebooks, those of the scripts' cells of text."""
    page = ROOT / page
    text = page.read_text(encoding="utf-8")
    if page.suffix == ".py":
        text = "\n".join(re.findall(r"^# ?(.*)", text, re.MULTILINE))
    targets = link_targets(text)
    relative = [target for target in targets if not re.match(r"[a-z]+:", target)]
    assert relative
    for target in relative:
        path, has_anchor, anchor = target.partition("#")
        file = (page.parent / path).resolve() if path else page
        assert file.exists(), f"{target}: no such file"
        assert file.is_relative_to(ROOT), f"{target}: outside of the repository"
        if has_anchor:
            assert file.suffix == ".md", f"{target}: lines of code move"
            assert anchor in anchors(file.read_text(encoding="utf-8")), target


@of_pages([*PAGES, ".github/CONTRIBUTING.md", ".ci/run"])
def test_scripts_that_are_named_are_there(page):
    text = (ROOT / page).read_text(encoding="utf-8")
    for script in re.findall(r"\b(?:python|and) ([\w/]+/[\w./]*\w)", text):
        path = ROOT / script
        assert (path / "__main__.py" if path.is_dir() else path).exists(), script


def test_how_links_and_headings_are_read():
    text = """
# What `it_does`: [a link](https://a.org) & 1/m²

## Again
## Again ##

```sh
# no heading, [no link](no.md)
```

`[no link](no.md)`, ``a `[b](no.md)` ``, [one](one.md), [`b[0]`](two.md#x "title"),
[in brackets (three)](three_(b).md), ![four](four.png), <a id="here" href="#five">.

[six]: six.md
"""
    assert anchors(text) == {"what-it_does-a-link--1m", "again", "again-1", "here"}
    found = ["https://a.org", "one.md", "two.md#x", "three_(b).md", "four.png"]
    assert link_targets(text) == [*found, "six.md", "#five"]


# ------------------------------------------------------------------------- figures


def table_rows(text):
    """Return the cells of each row of the tables in a text, without what marks them."""
    return [[cell.strip("`*") for cell in row] for row in read_cells(text)]


def results(name):
    return table_rows((ROOT / "benchmarks" / "results" / name).read_text())


def rounds_to(shown, value):
    """Return whether a text is a number, rounded to the digits that are shown."""
    n_digits = len(shown.partition(".")[2])
    return abs(float(shown) - float(value)) <= 0.5001 * 10**-n_digits


GUIDE = (ROOT / "skdnn" / "README.md").read_text(encoding="utf-8")
FRONT = (ROOT / "README.md").read_text(encoding="utf-8").partition("\n## How good")[2]


def test_the_front_page_shows_the_speed_that_was_measured():
    text = FRONT.partition("**Speed.**")[2].partition("**Tables.**")[0]
    measured = {(case, peer): rest for case, peer, *rest in results("mnist/speed.md")}
    _, *rows = table_rows(text)
    assert len(rows) == 3
    for case, ours, *theirs in rows:
        case = case.replace(", ", ", batches of ")
        peers = "scikit-learn", "scikit-learn, float64 input", "torch"
        for peer, shown in zip(peers, theirs, strict=True):
            assert rounds_to(shown, measured[case, peer][0].split()[0])
        assert rounds_to(ours, measured[case, "scikit-learn"][1].split()[0])


def test_the_front_page_shows_the_tables_that_were_measured():
    text = FRONT.partition("**Tables.**")[2].partition("**The ladder.**")[0]
    both = {name: row for name, *row in results("tables/classification-held_out.md")}
    for name, *row in results("tables/regression-held_out.md"):
        both[name] += row
    names = {
        "TabularClassifierDIY`, `TabularRegressorDIY": "Tabular...DIY",
        "RealMLP-TD-S (PyTorch)": "RealMLP-TD-S",
        "scikit-learn's HistGradientBoosting": "HistGradientBoosting",
        "scikit-learn's MLP, in skrub's pipeline": "MLP of scikit-learn, skrub",
    }
    _, *rows = table_rows(text)
    assert len(rows) == 5
    for name, *shown, seconds in rows:
        *scores, classify, r2, rank, regress = both[names.get(name, name)]
        assert shown == [*scores, r2, rank], name
        assert float(seconds) == float(classify) + float(regress), name


def test_the_front_page_shows_the_ladder_that_was_climbed():
    text = FRONT.partition("**The ladder.**")[2].partition("\n## ")[0]
    climbed = climbed_rows()
    _, *rows = table_rows(text)
    assert len(rows) == len(climbed)
    for (what, error, averaged, seconds, n_seeds, torch, its), row in zip(
        rows, climbed, strict=True
    ):
        sizes, epochs, *_ = what.split("; ")
        recipe = recipe_of(row)
        n_networks, _, units = sizes.rpartition(" × ")
        assert recipe.get("n_networks", 1) == int(n_networks or 1)
        assert recipe["hidden_layer_sizes"] == tuple(map(int, units.split(", ")))
        assert recipe["max_iter"] == int(epochs.split()[0])
        assert ("upright" in what) == is_upright(row)
        assert (error, averaged) == (row["error"], row["averaged"])
        assert (n_seeds, torch) == (row["seeds"], row["torch: error"])
        assert rounds_to(seconds, row["seconds"])
        assert its == row["seconds there"] or rounds_to(its, row["seconds there"])


def is_upright(row):
    """Return whether the images of a row of the ladder are set upright."""
    return "; images set upright" in row["recipe"]


def climbed_rows():
    """Return the rows of the ladder, each with what the page says of its recipe."""
    header, *rows = results("mnist/ladder.md")
    text = (ROOT / "benchmarks" / "results" / "mnist" / "ladder.md").read_text()
    recipes = dict(re.findall(r"^- (\S+ %): (`.+)$", text, re.MULTILINE))
    assert list(recipes) == [row[0] for row in rows]
    return [
        dict(zip(header, row, strict=True)) | {"recipe": recipes[row[0]]}
        for row in rows
    ]


def recipe_of(row):
    """Return the arguments that a row of the ladder names."""
    text = row["recipe"].split("`")[1]
    recipe = eval(f"dict({text})", vars(augmentation) | vars(nn))
    if "architecture" in recipe:
        dense = [it.units for it in recipe["architecture"] if isinstance(it, nn.Dense)]
        recipe["hidden_layer_sizes"] = tuple(dense)
    return recipe


def test_the_guide_has_the_recipes_of_the_ladder():
    recipes = [(recipe_of(row), is_upright(row)) for row in climbed_rows()]
    (block,) = (code for _, code in examples(GUIDE) if "a_second" in code)
    names = vars(augmentation) | {"MLPClassifierDIY": MLPClassifierDIY}
    names |= {"Deskew": Deskew, "make_pipeline": make_pipeline}
    exec(block, names)
    shown = [it for it in names.values() if isinstance(it, BaseEstimator)]
    recipes = [it for it in recipes if "architecture" not in it[0]]  # not in the guide
    for model, (recipe, upright) in zip(shown, recipes, strict=True):
        *first, clf = model if isinstance(model, Pipeline) else [model]
        assert [type(step) for step in first] == [Deskew] * upright
        for name, value in recipe.items():
            assert getattr(clf, name) == value, name
