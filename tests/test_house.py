"""The house: imports only point down, and no room reaches into another's drawers."""

import ast
from functools import cache
from pathlib import Path

import pytest

import skdnn

ROOT = Path(skdnn.__file__).parent
# From the ground up. What stands on one floor knows nothing of the rest of it, but for
# displays, which show what tables learn.
FLOORS = [
    {"messages", "version", "trusted"},
    {"nn", "data"},
    {"training", "images"},
    {"augmentation"},
    {"estimators"},
    {"tables", "displays"},
    {"diagnosis", "onnx"},
]
FILES = [
    path
    for path in sorted(ROOT.rglob("*.py"))
    if "docs" not in path.relative_to(ROOT).parts
]


def room_of(module):
    return module.split(".")[1] if module.count(".") else ""


@cache
def tree_of(path):
    return ast.parse(path.read_text())


def imports_of(path):
    """Yield the modules of the package that a file imports, wherever it does."""
    for node in ast.walk(tree_of(path)):
        if isinstance(node, ast.ImportFrom) and (node.module or "").startswith("skdnn"):
            yield from (
                [f"skdnn.{it.name}" for it in node.names]
                if node.module == "skdnn"
                else [node.module]
            )
        elif isinstance(node, ast.Import):
            yield from (it.name for it in node.names if it.name.startswith("skdnn"))


def test_imports_only_point_down():
    floor_of = {room: k for k, floor in enumerate(FLOORS) for room in floor}
    n_arrows = 0
    for path in FILES:
        room = path.relative_to(ROOT).with_suffix("").parts[0]
        if room == "__init__":
            continue
        for module in imports_of(path):
            other = room_of(module)
            if other != room:
                n_arrows += 1
                assert floor_of[other] < floor_of[room], f"{path} imports {module}"
    assert n_arrows > 100


@pytest.mark.parametrize("room", ["training", "estimators"])
def test_a_file_is_a_few_screens(room):
    for path in (ROOT / room).rglob("*.py"):
        assert len(path.read_text().splitlines()) <= 400, path


def test_nobody_reaches_for_what_another_file_keeps_to_itself():
    """An attribute with an underscore is used in the file, or class, that it is of."""
    ours = {"self", "cls", "super", "np", "sys"}
    theirs = {  # of scikit-learn, joblib and Python
        "_validate_params",
        "_skl_callbacks",
        "_init_callback_context",
        "_parameter_constraints",
        "_score_func",
        "_response_method",
        "_kwargs",
        "_backend",
        "_getframe",
    }
    defined = {}
    for path in FILES:
        for node in ast.walk(tree_of(path)):
            names = []
            if isinstance(node, (ast.FunctionDef, ast.ClassDef)):
                names = [node.name]
            elif isinstance(node, ast.Attribute) and isinstance(node.ctx, ast.Store):
                names = [node.attr]
            for name in names:
                if name.startswith("_") and not name.startswith("__"):
                    defined.setdefault(name, set()).add(path)
    for path in FILES:
        for node in ast.walk(tree_of(path)):
            if not isinstance(node, ast.Attribute) or node.attr.startswith("__"):
                continue
            its = node.value.func if isinstance(node.value, ast.Call) else node.value
            owner = its.id if isinstance(its, ast.Name) else None
            if node.attr.startswith("_") and owner not in ours:
                there = node.attr in theirs or path in defined.get(node.attr, ())
                assert there, f"{path}:{node.lineno} reaches for {node.attr}"
