"""Build REFERENCE.md: every public name, with what its docstring says first."""

import importlib
import inspect
import json
import pkgutil
import re
import sys
from pathlib import Path

from sklearn.base import BaseEstimator

sys.path.insert(0, str(Path(__file__).resolve().parents[2] / "benchmarks"))

import skdnn
from common.arguments import Parser, output_dir

DOCS_DIR = Path(__file__).resolve().parent
LONGEST = 100  # characters of arguments that still go next to a name
INTRODUCTION = """\
# Reference

Every public name of skdnn, what it is, and the file that defines it; `help` of a name
says the rest. [The guide](../README.md) shows them at work, and
[the book](../nn/README.md) derives the equations. What an estimator inherits from
scikit-learn alone, as `get_params` or a classifier's `score`, is left out.

This page is made from the code, by `python skdnn/docs/build_reference.py --refresh`.
"""


def public_names():
    """Return each public name once: its path as a user imports it, and its value.

    Public is what a module's `__all__` has. What several have is imported from the
    one that is least deep.
    """
    found = pkgutil.walk_packages(skdnn.__path__, "skdnn.")
    modules = ["skdnn", *(module.name for module in found)]
    paths = {}
    for module in sorted(modules, key=lambda name: (name.count("."), name)):
        content = importlib.import_module(module)
        for name in getattr(content, "__all__", []):
            paths.setdefault(getattr(content, name), f"{module}.{name}")
    return {path: value for value, path in paths.items()}


def group_of(value):
    """Return the module that a name is listed under.

    It is where the name is defined, but parts of a package are told apart only if
    they are packages themselves, as in skdnn and in skdnn.nn.
    """
    group = "skdnn"
    for part in value.__module__.split(".")[1:]:
        is_package = hasattr(importlib.import_module(group), "__path__")
        if not is_package or not _has_packages(group):
            break
        group = f"{group}.{part}"
    return group


def _has_packages(name):
    path = importlib.import_module(name).__path__
    return any(module.ispkg for module in pkgutil.iter_modules(path))


def first_sentence(value):
    """Return the first sentence of a docstring, not of an inherited one."""
    docstring = vars(value).get("__doc__") if inspect.isclass(value) else value.__doc__
    paragraph = inspect.cleandoc(docstring or "").split("\n\n")[0]
    paragraph = " ".join(paragraph.split())
    return re.match(r"(.*?\.(?=\s+[A-Z`])|.*)", paragraph)[1]


def as_markdown(text):
    """Return reStructuredText of one paragraph as Markdown."""
    text = re.sub(r":[\w:]+:`~(?:\w+\.)*(\w+)`", r"`\1`", text)
    text = re.sub(r":[\w:]+:`([^`]+)`", r"`\1`", text).replace("``", "`")
    # Outside code, what Markdown would take for more than a character.
    parts = text.split("`")
    special = r"([*\\]|<(?=[\w/!])|(?<!\w)_|_(?!\w))"
    parts[::2] = [re.sub(special, r"\\\1", part) for part in parts[::2]]
    return "`".join(parts)


def arguments_of(value):
    """Return the arguments without their types, those by position and by keyword."""
    by_position, by_keyword = [], []
    for parameter in inspect.signature(value).parameters.values():
        text = parameter.name
        if parameter.kind is parameter.VAR_KEYWORD:
            text = f"**{text}"
        elif parameter.kind is parameter.VAR_POSITIONAL:
            text = f"*{text}"
        if parameter.default is not parameter.empty:
            text += f"={_written(parameter.default)}"
        is_named = parameter.kind in (parameter.KEYWORD_ONLY, parameter.VAR_KEYWORD)
        (by_keyword if is_named else by_position).append(text)
    return by_position, by_keyword


def _written(default):
    if isinstance(default, str):
        return json.dumps(default)
    return getattr(default, "__name__", repr(default))


def parts_of(estimator):
    """Return the public methods and attributes of an estimator's class.

    Those that scikit-learn makes depend on its version: they are left out.
    """
    methods, properties = [], []
    for cls in estimator.__mro__:
        if cls.__module__.split(".")[0] == "skdnn":
            for name, value in vars(cls).items():
                if isinstance(value, property):
                    properties.append(name)
                elif not re.fullmatch(r"_.*|set_\w+_request", name):
                    methods.append(name)
    section = inspect.getdoc(estimator).partition("\nAttributes\n----------\n")[2]
    section = re.split(r"\n\w[\w ]*\n-+\n", section)[0]
    attributes = ", ".join(re.findall(r"^(\w[\w, ]*) : ", section, re.M)).split(", ")
    properties = [name for name in properties if not name.startswith("_")]
    # Each once, in order: those of the class first, then those of its bases.
    return list(dict.fromkeys(methods)), list(dict.fromkeys(attributes + properties))


def item(path, value):
    """Return the lines of one name."""
    by_position, by_keyword = arguments_of(value)
    star = ["*"] if by_keyword and not by_keyword[0].startswith("**") else []
    arguments = ", ".join(by_position + star + by_keyword)
    is_long = len(arguments) > LONGEST
    file = Path(sys.modules[value.__module__].__file__)
    file = file.relative_to(Path(skdnn.__file__).parent).as_posix()
    name = path.rpartition(".")[2]
    lines = [
        f"- [`{name}`](../{file})`({'...' if is_long else arguments})`:"
        f" {as_markdown(first_sentence(value))}"
    ]
    if is_long:
        both = [_codes(part) for part in (by_position, by_keyword) if part]
        if by_keyword:
            both[-1] = f"by keyword {both[-1]}"
        lines.append(f"  - Arguments: {'; '.join(both)}.")
    if inspect.isclass(value) and issubclass(value, BaseEstimator):
        for title, names in zip(
            ("Methods", "Attributes"), parts_of(value), strict=True
        ):
            lines.append(f"  - {title}: {_codes(names)}.")
    return lines


def _codes(texts):
    return ", ".join(f"`{text}`" for text in texts)


def reference():
    """Return the page."""
    groups = {}  # from group to module to its names
    for path, value in public_names().items():
        modules = groups.setdefault(group_of(value), {})
        modules.setdefault(path.rpartition(".")[0], {})[path] = value
    contents = ",\n".join(f"[{name}](#{name.replace('.', '')})" for name in groups)
    lines = [INTRODUCTION, f"Contents: {contents}."]
    for group, modules in groups.items():
        lines += ["", f"## {group}", ""]
        lines += [as_markdown(first_sentence(importlib.import_module(group)))]
        for module, names in modules.items():
            lines += ["", f"From `{module}`:", ""]
            for path, value in names.items():
                lines += item(path, value)
    return "\n".join(lines) + "\n"


def main():
    """Run the script."""
    args = Parser(__doc__, takes_data=False).parse_args()
    path = output_dir(args, "docs", tracked_in=DOCS_DIR.parent) / "REFERENCE.md"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(reference(), encoding="utf-8")
    print(f"Written to {path}")


if __name__ == "__main__":
    main()
