"""Write a stub for each estimator that shares arguments: what editors and checkers see.

Classes get the shared arguments at run time, which editors and type checkers do not
see. A stub, next to the module, says what is there then: all arguments, attributes and
methods, with the types that docstrings give. Of docstrings it has that of the class,
which is put together as well; those of methods are found in the module.
"""

import inspect
import json
import re
import sys
import textwrap
from pathlib import Path

from sklearn.externals._numpydoc.docscrape import NumpyDocString
from sklearn.utils import Bunch

from skdnn import (
    MLPClassifierDIY,
    MLPRegressorDIY,
    TableEncoder,
    TabularClassifierDIY,
    TabularRegressorDIY,
)
from skdnn.nn import Layer, Network
from skdnn.nn.losses.base import Loss

ESTIMATORS = (
    MLPClassifierDIY,
    MLPRegressorDIY,
    TabularClassifierDIY,
    TabularRegressorDIY,
)
HEADER = """\
# Made from signatures and docstrings: `python skdnn/docs/build_stubs.py`.
from collections.abc import Callable, Sequence
from os import PathLike
from typing import Any, Literal, Protocol, Self, TypeAlias, overload

import numpy as np
from numpy.typing import NDArray
"""
ALIASES = """
_Bool: TypeAlias = bool | np.bool_
_Int: TypeAlias = int | np.integer[Any]
_Float: TypeAlias = float | np.floating[Any] | np.integer[Any]

class _Array(Protocol):
    def __array__(self) -> NDArray[Any]: ...

# Whatever else the module has.
def __getattr__(name: str) -> Any: ...
"""
# What a word of a docstring means where it is passed, and where it is found.
GIVEN = {
    "None": "None",
    "array-like": "Any",  # data, of whatever library
    "bool": "_Bool",
    "callable": "Callable[..., Any]",
    "dict": "dict[Any, Any]",
    "float": "_Float",
    "inf": "float",
    "int": "_Int",
    "like X": "Any",
    "pandas.DataFrame": "Any",
    "path-like": "PathLike[str]",
    "polars.DataFrame": "Any",
    "RandomState instance": "np.random.RandomState",
    "sparse matrix": "Any",
    "str": "str",
}
FOUND = {
    "None": "None",
    "bool": "bool",
    "dict": "dict[str, Any]",
    "estimator": "Self",
    "float": "float",
    "int": "int",
    "ndarray": "NDArray[Any]",
    "str": "str",
}
CLASSES = {
    cls.__name__: cls
    for cls in (*ESTIMATORS, Bunch, Layer, Loss, Network, TableEncoder)
}
BETWEEN = r"(?:, or |, | or )(?![^{]*\})"  # the alternatives, not inside braces


def annotation(text, words):
    """Return the annotation for a docstring's type, where its words mean these."""
    text = re.sub(r",\s*default=.*| of (the )?shape .*", "", text, flags=re.DOTALL)
    meanings = [_meaning(term.strip(), words) for term in re.split(BETWEEN, text)]
    if "Any" in meanings:
        return "Any"
    return " | ".join(dict.fromkeys(meanings))


def _meaning(term, words):
    kind, _, parts = term.partition(" of ")
    if term.startswith(("{", '"')):
        values = re.split(r",\s*", term.strip("{}"))
        if values[0].startswith('"'):
            return f"Literal[{', '.join(values)}]"
        return annotation(", ".join(values), words)
    if parts and kind == "array-like":
        return f"Sequence[{annotation(parts, words)}] | _Array"
    if parts and kind == "list":
        kind = "list" if words is FOUND else "Sequence"
        return f"{kind}[{annotation(parts, words)}]"
    name = kind.rpartition(".")[2]
    return name if name in CLASSES else words[kind]


def types_of(entries, words):
    """Return the annotation of each name in a section of a docstring."""
    return {
        name.strip("*"): annotation(entry.type, words)
        for entry in entries
        for name in entry.name.split(", ")
    }


def parameters_of(function, types):
    """Return the parameters of a function with their types, as source."""
    parameters, by_name = [], False
    for it in inspect.signature(function).parameters.values():
        if it.kind is it.KEYWORD_ONLY and not by_name:
            parameters.append("*")
            by_name = True
        type_ = types.get(it.name, "Any")
        if it.default is None and not type_.endswith(("Any", "None")):
            type_ += " | None"
        text = it.name if it.name == "self" else f"{it.name}: {type_}"
        if it.kind is it.VAR_KEYWORD:
            text = f"**{it.name}: Any"
        elif it.default is not it.empty:
            text += f" = {_source(it.default)}"
        parameters.append(text)
    return parameters


def _source(default):
    return json.dumps(default) if isinstance(default, str) else repr(default)


def method(name, function):
    """Return a method as source, twice where a flag says that it returns more."""
    doc = NumpyDocString(inspect.getdoc(function))
    types = types_of(doc["Parameters"], GIVEN)
    returned = [
        "Self" if it.name == "self" else annotation(it.type, FOUND)
        for it in doc["Returns"]
    ]
    usual = _definition(name, parameters_of(function, types), *returned[:1] or ["Any"])
    if len(returned) < 2:
        return usual
    flag = re.match(r"Only with ``(\w+)=True``", " ".join(doc["Returns"][1].desc))[1]
    with_flag = [
        it if not it.startswith(f"{flag}:") else f"{flag}: Literal[True]"
        for it in parameters_of(function, types)
    ]
    more = _definition(name, with_flag, f"tuple[{', '.join(returned)}]")
    return f"@overload\n{more}@overload\n{usual}"


def _definition(name, parameters, returned):
    return f"def {name}({', '.join(parameters)}) -> {returned}: ...\n"


def members_of(cls):
    """Return what the class, or one of its bases in skdnn, defines for users."""
    return list(
        dict.fromkeys(
            name
            for base in cls.__mro__
            if base.__module__.startswith("skdnn.")
            for name in vars(base)
            if not re.fullmatch(r"_.*|set_\w+_request", name)
        )
    )


def definition(cls):
    """Return the class as source."""
    doc = inspect.getdoc(cls)
    sections = NumpyDocString(doc)
    doc = re.sub(r"(?m)^(\w[\w, ]* : .*?) {2,}", r"\1 ", doc)  # lines that went on
    parameters = parameters_of(cls, types_of(sections["Parameters"], GIVEN))
    found = types_of(sections["Attributes"], FOUND)
    members = {name: getattr(cls, name) for name in members_of(cls)}
    properties = [name for name, it in members.items() if isinstance(it, property)]
    body = [f'"""{doc}\n"""\n', "def __init__(\n    self,\n"]
    body += [f"    {parameter},\n" for parameter in parameters]
    body += [") -> None: ...\n"]
    body += [
        f"{name}: {type_}\n" for name, type_ in found.items() if name not in properties
    ]
    for name in properties:
        body += ["@property\n", _definition(name, ["self"], found.get(name, "Any"))]
    body += [
        method(name, function)
        for name, function in members.items()
        if callable(function)
    ]
    bases = ", ".join(base.__name__ for base in cls.__bases__)
    return f"class {cls.__name__}({bases}):\n{textwrap.indent(''.join(body), '    ')}"


def stub_of(cls):
    """Return the stub of the module that defines a class."""
    body = definition(cls)
    named = set(re.findall(r"\w+", re.sub(r'"""[\s\S]*?"""', "", body)))
    used = {it.__name__: it for it in (*CLASSES.values(), *cls.__bases__)}
    imports = sorted(
        f"from {it.__module__} import {name}\n"
        for name, it in used.items()
        if name in named and it is not cls
    )
    return f"{HEADER}{''.join(imports)}{ALIASES}\n{body}"


def stubs():
    """Return the text of each stub by its path."""
    files = {cls: Path(sys.modules[cls.__module__].__file__) for cls in ESTIMATORS}
    return {file.with_suffix(".pyi"): stub_of(cls) for cls, file in files.items()}


if __name__ == "__main__":
    for path, text in stubs().items():
        path.write_text(text, encoding="utf-8")
        print(f"Written to {path}")
